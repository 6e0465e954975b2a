"""What is kept between requests: the port that a store implements, and its records. Content is opaque here.

Two things need it. OpenAI's Responses API lets a client name earlier responses, items and conversations instead
of sending them again. And Gemini wants the thought signature of a tool call back, which most clients drop: it is
found again by the call's id, the one thing that every client returns.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol


class StateError(Exception):
    """The store cannot be read or written. The message is for the operator and holds nothing that was kept."""


@dataclass(frozen=True, slots=True)
class KeptSignature:
    signature: str
    """Base64; up to 140 KB were seen."""
    model: str
    """Gemini's name of the model that gave it out; another model refuses it."""
    upstream_id: str | None
    """Gemini's own id of the call."""


@dataclass(frozen=True, slots=True)
class KeptItem:
    """One item of a response or of a conversation."""

    id: str
    is_input: bool
    """The client brought it; otherwise the model made it."""
    content: bytes
    """JSON."""


@dataclass(frozen=True, slots=True)
class KeptResponse:
    id: str
    created: int
    """Unix time in seconds."""
    previous: str | None
    """Id of the response that it goes on from."""
    response: bytes
    """JSON, as the client was given it."""
    items: tuple[KeptItem, ...]
    """In order: what this request itself brought, then the output."""


@dataclass(frozen=True, slots=True)
class KeptConversation:
    id: str
    created: int
    """Unix time in seconds."""
    metadata: bytes
    """JSON."""


class Memory(Protocol):
    """Everything belongs to an owner, an opaque string that stands for a client key; what is another's is unknown.

    What was not used for some time, or does not fit any more, is forgotten: longest unused first. Keeping and
    reading are uses. A use of a response is one of all that it goes on from, so a living conversation never
    loses its beginning to age.

    Each call takes effect as a whole or not at all, and is seen by every call made after it, even if that one is
    made before it returns. A cancelled call may have taken effect.

    Each raises: StateError.
    """

    async def keep_signatures(self, owner: str, signatures: Mapping[str, KeptSignature]) -> None:
        """By id of the call or item. One that is known is replaced."""
        ...

    async def signatures(self, owner: str, ids: Collection[str]) -> Mapping[str, KeptSignature]:
        """Those of the ids that are known."""
        ...

    async def keep_response(self, owner: str, response: KeptResponse) -> None:
        """It goes on from what is known as `previous` now. One of the same id is deleted."""
        ...

    async def response(self, owner: str, response_id: str) -> KeptResponse | None: ...

    async def delete_response(self, owner: str, response_id: str) -> bool:
        """False if it is unknown.

        It cannot be read or gone on from any more, and its items cannot be referred to. Responses that already go
        on from it keep their history, as at OpenAI: for them its items stay, until the last of them is gone.
        """
        ...

    async def history(self, owner: str, response_id: str) -> tuple[KeptItem, ...] | None:
        """All items of the response and of those that it goes on from, oldest first.

        `None` if it, or one of those, is unknown: a hole would silently change the conversation.
        """
        ...

    async def items(self, owner: str, ids: Collection[str]) -> Mapping[str, bytes]:
        """Content of those items that are known, in responses or conversations; of equal ids, the last kept."""
        ...

    async def keep_conversation(self, owner: str, conversation: KeptConversation) -> None:
        """One that is known is replaced, but for its items."""
        ...

    async def conversation(self, owner: str, conversation_id: str) -> KeptConversation | None: ...

    async def change_metadata(self, owner: str, conversation_id: str, metadata: bytes) -> bool:
        """False if the conversation is unknown: one that was deleted meanwhile does not come back."""
        ...

    async def delete_conversation(self, owner: str, conversation_id: str) -> bool:
        """With its items. False if it is unknown."""
        ...

    async def append_items(self, owner: str, conversation_id: str, items: Sequence[KeptItem]) -> bool:
        """False if the conversation is unknown."""
        ...

    async def conversation_items(self, owner: str, conversation_id: str) -> tuple[KeptItem, ...] | None:
        """Oldest first; `None` if the conversation is unknown."""
        ...

    async def delete_item(self, owner: str, conversation_id: str, item_id: str) -> bool:
        """False if the conversation is unknown or has no such item."""
        ...

    async def aclose(self) -> None: ...
