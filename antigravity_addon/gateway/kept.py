"""Responses and conversations that were kept: read, listed, changed and deleted, each client its own.

An id that is unknown is a 404 in OpenAI's words, whether it never was, was deleted, grew too old or is another client's.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol
from urllib.parse import parse_qs

from msgspec import Raw

from antigravity_addon.errors import InvalidRequest, UnknownObject, UnsupportedInput
from antigravity_addon.state.memory import KeptConversation, KeptItem, Memory
from antigravity_addon.translate.openai_responses.stored import to_stored
from antigravity_addon.wire import openai_state as wire
from antigravity_addon.wire.base import Json, write_json
from antigravity_addon.wire.inbound import shown
from antigravity_addon.wire.openai_responses.request import parse_items

from .routes import Endpoint, Route
from .tasks import beside_the_loop

_OF_RESPONSES = frozenset({Endpoint.RESPONSE, Endpoint.RESPONSE_CANCEL, Endpoint.RESPONSE_INPUT_ITEMS})

DEFAULT_PAGE = 20
LARGEST_PAGE = 100
"""OpenAI's, both."""


class Asked(Protocol):
    """The request, as far as it matters here."""

    @property
    def method(self) -> str: ...
    @property
    def target(self) -> str: ...
    @property
    def owner(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Kept:
    """Answers whatever is asked of the memory by path."""

    memory: Memory
    new_id: Callable[[str], str]
    unix_time: Callable[[], float]

    async def answer(self, route: Route, asked: Asked, body: bytes) -> bytes:
        """The body of a 200. `body` is the request's, and empty unless it is a POST.

        Raises: UnknownObject, InvalidRequest.
        """
        method = "GET" if asked.method == "HEAD" else asked.method
        if route.endpoint in _OF_RESPONSES:
            return await self._of_responses(route, method, asked)
        return await self._of_conversations(route, method, asked, body)

    async def _of_responses(self, route: Route, method: str, asked: Asked) -> bytes:
        match route.endpoint, method:
            case Endpoint.RESPONSE, "GET":
                return await self._response(route.id, asked)
            case Endpoint.RESPONSE, _:
                return await self._delete_response(route.id, asked.owner)
            case Endpoint.RESPONSE_CANCEL, _:
                return await self._cancel(route.id, asked.owner)
            case _:
                return await self._input_items(route.id, asked)

    async def _of_conversations(self, route: Route, method: str, asked: Asked, body: bytes) -> bytes:
        match route.endpoint, method:
            case Endpoint.CONVERSATIONS, _:
                return await self._new_conversation(asked.owner, body)
            case Endpoint.CONVERSATION, "GET":
                return _to_json(await self._conversation(route.id, asked.owner))
            case Endpoint.CONVERSATION, "POST":
                return await self._change_conversation(route.id, asked.owner, body)
            case Endpoint.CONVERSATION, _:
                return await self._delete_conversation(route.id, asked.owner)
            case Endpoint.CONVERSATION_ITEMS, "GET":
                return _page(await self._items(route.id, asked.owner), asked.target)
            case Endpoint.CONVERSATION_ITEMS, _:
                return await self._add_items(route.id, asked.owner, body)
            case _, "GET":
                return await self._item(route, asked.owner)
            case _:
                return await self._delete_item(route, asked.owner)

    # --- responses --------------------------------------------------------------------------------------

    async def _response(self, response_id: str, asked: Asked) -> bytes:
        if _query(asked.target).get("stream", "false") == "true":
            raise UnsupportedInput(
                "A response that is over is not streamed again: leave 'stream' out.", param="stream"
            )
        kept = await self.memory.response(asked.owner, response_id)
        if kept is None:
            raise _no_response(response_id)
        return kept.response

    async def _delete_response(self, response_id: str, owner: str) -> bytes:
        if not await self.memory.delete_response(owner, response_id):
            raise _no_response(response_id)
        return wire.DeletedResponse(id=response_id).to_json()

    async def _cancel(self, response_id: str, owner: str) -> bytes:
        if await self.memory.response(owner, response_id) is None:
            raise _no_response(response_id)
        raise InvalidRequest("Only responses in the background can be cancelled, and there are none.")

    async def _input_items(self, response_id: str, asked: Asked) -> bytes:
        kept = await self.memory.response(asked.owner, response_id)
        if kept is None:
            raise _no_response(response_id)
        return _page([item for item in kept.items if item.is_input], asked.target)

    # --- conversations ----------------------------------------------------------------------------------

    async def _new_conversation(self, owner: str, body: bytes) -> bytes:
        def read() -> tuple[bytes, tuple[KeptItem, ...]]:
            asked = wire.parse_new_conversation(body)
            return write_json(asked.metadata or {}), self._to_keep(asked.items or ())

        metadata, items = await beside_the_loop(read, size=len(body))
        kept = KeptConversation(self.new_id("conv"), int(self.unix_time()), metadata)
        await self.memory.keep_conversation(owner, kept)
        if items:
            await self.memory.append_items(owner, kept.id, items)
        return _to_json(kept)

    async def _conversation(self, conversation_id: str, owner: str) -> KeptConversation:
        kept = await self.memory.conversation(owner, conversation_id)
        if kept is None:
            raise _no_conversation(conversation_id)
        return kept

    async def _change_conversation(self, conversation_id: str, owner: str, body: bytes) -> bytes:
        def read() -> bytes:
            return write_json(wire.parse_changed_conversation(body).metadata or {})

        metadata = await beside_the_loop(read, size=len(body))
        before = await self._conversation(conversation_id, owner)
        if not await self.memory.change_metadata(owner, conversation_id, metadata):
            raise _no_conversation(conversation_id)
        return _to_json(replace(before, metadata=metadata))

    async def _delete_conversation(self, conversation_id: str, owner: str) -> bytes:
        if not await self.memory.delete_conversation(owner, conversation_id):
            raise _no_conversation(conversation_id)
        return wire.DeletedConversation(id=conversation_id).to_json()

    async def _items(self, conversation_id: str, owner: str) -> Sequence[KeptItem]:
        items = await self.memory.conversation_items(owner, conversation_id)
        if items is None:
            raise _no_conversation(conversation_id)
        return items

    async def _add_items(self, conversation_id: str, owner: str, body: bytes) -> bytes:
        def read() -> tuple[KeptItem, ...]:
            return self._to_keep(wire.parse_new_items(body).items)

        items = await beside_the_loop(read, size=len(body))
        if not await self.memory.append_items(owner, conversation_id, items):
            raise _no_conversation(conversation_id)
        return _list(items, has_more=False)

    async def _item(self, route: Route, owner: str) -> bytes:
        for item in _once(await self._items(route.id, owner)):
            if item.id == route.item:
                return item.content
        raise UnknownObject(f"Item with id {shown(route.item)} not found in conversation {shown(route.id)}.")

    async def _delete_item(self, route: Route, owner: str) -> bytes:
        conversation = await self._conversation(route.id, owner)
        if not await self.memory.delete_item(owner, route.id, route.item):
            raise UnknownObject(
                f"Item with id {shown(route.item)} not found in conversation {shown(route.id)}."
            )
        return _to_json(conversation)

    def _to_keep(self, items: Sequence[Json]) -> tuple[KeptItem, ...]:
        """Raises: InvalidRequest: one of them is no item."""
        parse_items(write_json(items))
        stored = (to_stored(item, self.new_id) for item in items if isinstance(item, str | dict))
        return tuple(KeptItem(str(item["id"]), is_input=True, content=write_json(item)) for item in stored)


def _no_response(response_id: str) -> UnknownObject:
    return UnknownObject(f"Response with id {shown(response_id)} not found.")


def _no_conversation(conversation_id: str) -> UnknownObject:
    return UnknownObject(f"Conversation with id {shown(conversation_id)} not found.")


def _to_json(kept: KeptConversation) -> bytes:
    conversation = wire.Conversation(id=kept.id, created_at=kept.created, metadata=Raw(kept.metadata))
    return conversation.to_json()


def _page(items: Sequence[KeptItem], target: str) -> bytes:
    """As the query wants it: `limit`, `order` (newest first unless `asc`), `after`.

    Raises: InvalidRequest.
    """
    query = _query(target)
    order, after = query.get("order", "desc"), query.get("after")
    if order not in {"asc", "desc"}:
        raise InvalidRequest(
            f"Invalid value for 'order': {shown(order)}; use 'asc' or 'desc'.", param="order"
        )
    ordered = _once(items)
    if order == "desc":
        ordered.reverse()
    if after is not None:
        place = next((index for index, item in enumerate(ordered) if item.id == after), None)
        if place is None:
            raise InvalidRequest(
                f"Invalid value for 'after': there is no item {shown(after)}.", param="after"
            )
        ordered = ordered[place + 1 :]
    limit = _limit(query.get("limit"))
    return _list(ordered[:limit], has_more=len(ordered) > limit)


def _once(items: Iterable[KeptItem]) -> list[KeptItem]:
    """Each id once, where it first stood, and as it last came.

    Agents send an item again under the id that it had. A client goes on after the id of a page's last item, and would get
    the same page for ever.
    """
    return list({item.id: item for item in items}.values())


def _limit(asked: str | None) -> int:
    if asked is None:
        return DEFAULT_PAGE
    limit = int(asked) if re.fullmatch(r"[0-9]{1,3}", asked) else 0
    if not 1 <= limit <= LARGEST_PAGE:
        raise InvalidRequest(
            f"Invalid value for 'limit': {shown(asked)}; use a number from 1 to {LARGEST_PAGE}.",
            param="limit",
        )
    return limit


def _list(items: Sequence[KeptItem], *, has_more: bool) -> bytes:
    page = wire.ItemList(
        data=tuple(Raw(item.content) for item in items),
        first_id=items[0].id if items else None,
        last_id=items[-1].id if items else None,
        has_more=has_more,
    )
    return page.to_json()


def _query(target: str) -> dict[str, str]:
    """The last value of each parameter."""
    query = target.partition("?")[2]
    return {name: values[-1] for name, values in parse_qs(query, keep_blank_values=True).items()}
