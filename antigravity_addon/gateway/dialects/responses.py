"""`POST /v1/responses` and `POST /v1/responses/compact`."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

from antigravity_addon.errors import UnknownObject, UnknownReference
from antigravity_addon.gateway.tasks import beside_the_loop
from antigravity_addon.state.memory import KeptItem, KeptResponse, StateError
from antigravity_addon.translate.openai_content import WebReference
from antigravity_addon.translate.openai_responses.answer_form import AnswerForm
from antigravity_addon.translate.openai_responses.echo import to_echo
from antigravity_addon.translate.openai_responses.items import references, unsigned
from antigravity_addon.translate.openai_responses.placed import placed_items, referenced_ids
from antigravity_addon.translate.openai_responses.request import (
    TranslatedRequest,
    refuse_what_cannot_be,
    to_gemini,
)
from antigravity_addon.translate.openai_responses.response import ResponseBuilder, ResponseStream
from antigravity_addon.translate.openai_responses.stored import to_stored
from antigravity_addon.wire.base import Json, write_json
from antigravity_addon.wire.inbound import shown
from antigravity_addon.wire.openai_responses.items import InputItem
from antigravity_addon.wire.openai_responses.request import (
    ENCRYPTED_REASONING,
    LOGPROBS,
    ResponsesRequest,
    Verbatim,
    parse,
    parse_compact,
    parse_items,
    parse_verbatim,
)

from .dialect import Call, ConversationId, Identity, Surroundings, Turn, conversation_ids
from .fetching import fetch_all, size_of
from .remembering import keep_signatures, recall_signatures

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Asked:
    """A request, read: for what it means, and word for word."""

    request: ResponsesRequest
    verbatim: Verbatim
    size: int
    """Bytes of it."""

    @property
    def is_kept(self) -> bool:
        return self.request.store is not False


@dataclass(frozen=True, slots=True)
class Referred:
    """What a request refers to, found."""

    history: tuple[InputItem, ...]
    items: Mapping[str, bytes]
    """Those that the input and the history name by their ids, as JSON."""
    size: int
    """Bytes of it all."""

    @property
    def by_id(self) -> Mapping[str, InputItem]:
        return dict(zip(self.items, parse_items(tuple(self.items.values())), strict=True))


async def find_referred(asked: Asked, surroundings: Surroundings) -> Referred:
    """Raises: UnknownReference, UnknownObject: it goes on from what is not kept."""
    request, memory, owner = asked.request, surroundings.memory, surroundings.owner
    kept: tuple[KeptItem, ...] | None = ()
    if request.previous_response_id is not None:
        kept = await memory.history(owner, request.previous_response_id)
        if kept is None:
            raise UnknownReference(
                f"Previous response with id {shown(request.previous_response_id)} not found."
            )
    elif request.conversation_id is not None:
        kept = await memory.conversation_items(owner, request.conversation_id)
        if kept is None:
            raise UnknownObject(
                f"Conversation with id {shown(request.conversation_id)} not found.", param="conversation"
            )
    contents = tuple(item.content for item in kept)
    size = sum(map(len, contents))

    def read() -> tuple[tuple[InputItem, ...], frozenset[str]]:
        history = parse_items(contents)
        return history, referenced_ids((*history, *request.items))

    history, ids = await beside_the_loop(read, size=size + asked.size)
    items: Mapping[str, bytes] = await memory.items(owner, ids) if ids else {}
    return Referred(history, items, size + sum(map(len, items.values())))


async def translate(
    asked: Asked, model: str, surroundings: Surroundings, referred: Referred
) -> tuple[TranslatedRequest, int]:
    """With the bytes that it was made of. Raises: InvalidRequest, UnknownObject."""
    request, size = asked.request, asked.size + referred.size

    def found() -> tuple[Mapping[str, InputItem], frozenset[str], tuple[WebReference, ...]]:
        by_id = referred.by_id
        placed = placed_items(request, history=referred.history, referenced=by_id)
        return by_id, unsigned(placed), references(placed)

    by_id, calls, urls = await beside_the_loop(found, size=size)
    signatures = await recall_signatures(surroundings, calls, model=model)
    fetched = await fetch_all(surroundings, urls)

    def translated() -> TranslatedRequest:
        return to_gemini(
            request,
            model,
            history=referred.history,
            referenced=by_id,
            signatures=signatures,
            fetched=fetched,
            searches_web=surroundings.searches_web,
        )

    size += size_of(fetched)
    return await beside_the_loop(translated, size=size), size


async def echo_of(asked: Asked) -> bytes:
    """As JSON. Tools come back as they were sent, megabytes of them if need be."""
    return await beside_the_loop(lambda: to_echo(asked.request, asked.verbatim).to_json(), size=asked.size)


class _ResponsePrepared:
    """State: the answer being written, which knows what is to be kept of it."""

    def __init__(
        self,
        asked: Asked,
        model: str,
        surroundings: Surroundings,
        referred: Referred,
        translated: TranslatedRequest,
        echo: bytes,
        size: int,
    ) -> None:
        self.bodies = (translated.body,)
        self.size = size
        self._asked = asked
        self._model = model
        self._surroundings = surroundings
        self._referred = referred
        self._translated = translated
        self._echo = echo
        self._identity: Identity | None = None
        self._answer: ResponseStream | ResponseBuilder | None = None

    def streamed(self, identity: Identity) -> ResponseStream:
        return self._answered(ResponseStream, identity)

    def whole(self, identity: Identity) -> ResponseBuilder:
        return self._answered(ResponseBuilder, identity)

    def _answered[A: (ResponseStream, ResponseBuilder)](self, kind: type[A], identity: Identity) -> A:
        self._identity = identity
        self._answer = answer = kind(
            response_id=f"resp_{identity.response_id}",
            created=identity.created,
            model=identity.model,
            echo=self._echo,
            form=self._form(),
            new_id=identity.new_id,
            unix_time=identity.unix_time,
        )
        return answer

    def _form(self) -> AnswerForm:
        request = self._asked.request
        return AnswerForm(
            call_forms=self._translated.call_forms,
            parallel=request.parallel_tool_calls is not False,
            shows_reasoning=self._translated.shows_reasoning,
            encrypts=request.includes(ENCRYPTED_REASONING) or not self._asked.is_kept,
            signed_by=self._model,
            with_logprobs=request.includes(LOGPROBS),
            is_compaction=self._translated.is_compaction,
        )

    async def keep(self) -> None:
        """Failing to keep is no reason to fail: the client has its answer."""
        if self._answer is None or self._identity is None:
            return
        await keep_signatures(self._surroundings, self._answer.signatures, model=self._model)
        if not self._asked.is_kept and self._asked.request.conversation_id is None:
            return
        try:
            await self._keep(self._answer, self._identity)
        except StateError as error:
            logger.warning("A response could not be kept: %s", error)

    async def _keep(self, answer: ResponseStream | ResponseBuilder, identity: Identity) -> None:
        memory, owner, request = self._surroundings.memory, self._surroundings.owner, self._asked.request
        brought = await beside_the_loop(lambda: self._brought(identity), size=self._asked.size)
        items = (
            *brought,
            *(KeptItem(item_id, is_input=False, content=item) for item_id, item in answer.output_items),
        )
        if request.conversation_id is not None:
            await memory.append_items(owner, request.conversation_id, items)
        if self._asked.is_kept:
            kept = KeptResponse(
                id=f"resp_{identity.response_id}",
                created=identity.created,
                previous=request.previous_response_id,
                response=answer.response,
                items=items,
            )
            await memory.keep_response(owner, kept)

    def _brought(self, identity: Identity) -> tuple[KeptItem, ...]:
        """The items of the request's input, those that it only named included."""
        match self._asked.verbatim.input:
            case str(text):
                items: list[Json] = [text]
            case list() as items:
                pass
            case _:
                items = []
        return tuple(kept for item in items if (kept := self._kept_item(item, identity)) is not None)

    def _kept_item(self, item: Json, identity: Identity) -> KeptItem | None:
        match item:
            case {"type": "compaction_trigger"}:
                return None
            case {"id": str(item_id)} if item_id in self._referred.items and item.keys() <= {"id", "type"}:
                return KeptItem(item_id, is_input=True, content=self._referred.items[item_id])
            case {"type": "item_reference"}:
                return None
            case str() | dict():
                stored = to_stored(item, identity.new_id)
                return KeptItem(str(stored["id"]), is_input=True, content=write_json(stored))
            case _:
                return None


class _CompactPrepared(_ResponsePrepared):
    """A request for nothing but a summary, which is answered with an object of its own, and not kept."""

    def whole(self, identity: Identity) -> "_Compacted":  # pyright: ignore[reportIncompatibleMethodOverride]  another answer
        return _Compacted(super().whole(identity))

    async def keep(self) -> None:
        """The client has the summary, and nothing goes on from the response."""


class _Compacted:
    def __init__(self, builder: ResponseBuilder) -> None:
        self._builder = builder

    def begin(self, index: int) -> Turn:
        return self._builder.begin(index)

    def finish(self) -> bytes:
        return self._builder.compacted()


def read_response(body: bytes, _content_type: str = "") -> Call:
    asked = Asked(parse(body), parse_verbatim(body), len(body))
    refuse_what_cannot_be(asked.request)

    return Call(
        asked.request.model,
        bool(asked.request.stream),
        partial(_prepared, _ResponsePrepared, asked),
        conversation=_conversation(asked.request),
    )


def read_compact(body: bytes, _content_type: str = "") -> Call:
    asked = Asked(parse_compact(body), parse_verbatim(body), len(body))
    refuse_what_cannot_be(asked.request)

    return Call(
        asked.request.model,
        stream=False,
        prepare=partial(_prepared, _CompactPrepared, asked),
        conversation=_conversation(asked.request),
    )


async def _prepared[P: _ResponsePrepared](
    kind: type[P], asked: Asked, model: str, surroundings: Surroundings
) -> P:
    """Raises: InvalidRequest, UnknownReference, UnknownObject."""
    referred = await find_referred(asked, surroundings)
    translated, size = await translate(asked, model, surroundings, referred)
    return kind(asked, model, surroundings, referred, translated, await echo_of(asked), size)


def _conversation(request: ResponsesRequest) -> tuple[ConversationId, ...]:
    return conversation_ids(
        prompt_cache_key=request.prompt_cache_key,
        conversation=request.conversation_id,
        previous_response_id=request.previous_response_id,
        user=request.user,
    )
