"""What clients are told of kept responses and conversations, and what they may ask to be kept.

Source: OpenAI's OpenAPI description and `openai` 3.54, November 2026.
"""

from typing import Annotated, Literal

from msgspec import Raw
from pydantic import Field, TypeAdapter

from .base import Json, JsonObject, Outbound
from .inbound import ClientInbound, read_json_object

MOST_ITEMS_AT_ONCE = 20
"""OpenAI's bound for items that are added to a conversation by one request."""


class ItemList(Outbound):
    """Items of a response's input or of a conversation; one page of them."""

    object: Literal["list"] = "list"
    data: tuple[Raw, ...]
    """As they are kept: a page of them may be megabytes."""
    first_id: str | None
    """`null` where there are none."""
    last_id: str | None
    has_more: bool


class DeletedResponse(Outbound):
    id: str
    object: Literal["response"] = "response"
    deleted: Literal[True] = True


class Conversation(Outbound):
    id: str
    object: Literal["conversation"] = "conversation"
    created_at: int
    """Unix time in seconds."""
    metadata: Raw


class DeletedConversation(Outbound):
    id: str
    object: Literal["conversation.deleted"] = "conversation.deleted"
    deleted: Literal[True] = True


class NewConversation(ClientInbound):
    """The body of `POST /v1/conversations`, which may be empty."""

    items: Annotated[tuple[Json, ...], Field(max_length=MOST_ITEMS_AT_ONCE)] | None = None
    metadata: JsonObject | None = None


class ChangedConversation(ClientInbound):
    """The body of `POST /v1/conversations/{id}`."""

    metadata: JsonObject | None = None


class NewItems(ClientInbound):
    """The body of `POST /v1/conversations/{id}/items`."""

    items: Annotated[tuple[Json, ...], Field(max_length=MOST_ITEMS_AT_ONCE)]


_NEW_CONVERSATION = TypeAdapter(NewConversation)
_CHANGED_CONVERSATION = TypeAdapter(ChangedConversation)
_NEW_ITEMS = TypeAdapter(NewItems)


def parse_new_conversation(body: bytes) -> NewConversation:
    """Raises: InvalidRequest."""
    return read_json_object(body or b"{}", _NEW_CONVERSATION)


def parse_changed_conversation(body: bytes) -> ChangedConversation:
    """Raises: InvalidRequest."""
    return read_json_object(body, _CHANGED_CONVERSATION)


def parse_new_items(body: bytes) -> NewItems:
    """Raises: InvalidRequest."""
    return read_json_object(body, _NEW_ITEMS)
