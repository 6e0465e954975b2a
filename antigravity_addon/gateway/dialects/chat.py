"""`POST /v1/chat/completions`."""

from contextlib import nullcontext

from antigravity_addon.gateway.tasks import beside_the_loop
from antigravity_addon.translate.openai_chat.calls import CallForm
from antigravity_addon.translate.openai_chat.messages import references, unsigned_calls
from antigravity_addon.translate.openai_chat.request import TranslatedRequest, to_gemini
from antigravity_addon.translate.openai_chat.response import ChatStream, ChatWhole
from antigravity_addon.wire.openai_chat.request import (
    ChatCompletionRequest,
    RequestWithInput,
    parse,
    said_of_input,
)

from .dialect import Call, Identity, Surroundings, conversation_ids
from .fetching import fetch_all, size_of
from .remembering import keep_signatures, recall_signatures


class _ChatPrepared:
    """State: the answer being written, which knows the signatures to keep."""

    def __init__(
        self,
        request: ChatCompletionRequest,
        model: str,
        surroundings: Surroundings,
        translated: TranslatedRequest,
        size: int,
    ) -> None:
        self.bodies = (translated.body,) * (request.n or 1)
        self.size = size
        self._model = model
        self._surroundings = surroundings
        self._answer: ChatStream | ChatWhole | None = None
        self._include_usage = bool(request.stream_options and request.stream_options.include_usage)
        self._call_form = CallForm(
            translated.tool_names,
            custom_tools=translated.custom_tools,
            parallel=request.parallel_tool_calls is not False,
            legacy=translated.uses_functions,
        )

    def streamed(self, identity: Identity) -> ChatStream:
        self._answer = ChatStream(
            response_id=f"chatcmpl-{identity.response_id}",
            created=identity.created,
            model=identity.model,
            new_call_id=lambda: identity.new_id("call"),
            call_form=self._call_form,
            include_usage=self._include_usage,
        )
        return self._answer

    def whole(self, identity: Identity) -> ChatWhole:
        self._answer = ChatWhole(
            response_id=f"chatcmpl-{identity.response_id}",
            created=identity.created,
            model=identity.model,
            new_call_id=lambda: identity.new_id("call"),
            call_form=self._call_form,
        )
        return self._answer

    async def keep(self) -> None:
        if self._answer is not None:
            await keep_signatures(self._surroundings, self._answer.signatures, model=self._model)


def read_chat(body: bytes, _content_type: str = "") -> Call:
    request = parse(body)

    async def prepare(model: str, surroundings: Surroundings) -> _ChatPrepared:
        with said_of_input() if isinstance(request, RequestWithInput) else nullcontext():
            return await prepared(model, surroundings)

    async def prepared(model: str, surroundings: Surroundings) -> _ChatPrepared:
        messages = request.messages
        calls, urls = await beside_the_loop(
            lambda: (unsigned_calls(messages), references(messages)), size=len(body)
        )
        signatures = await recall_signatures(surroundings, calls, model=model)
        fetched = await fetch_all(surroundings, urls)

        def translate() -> TranslatedRequest:
            return to_gemini(
                request,
                model,
                signatures=signatures,
                fetched=fetched,
                searches_web=surroundings.searches_web,
            )

        size = len(body) + size_of(fetched)
        translated = await beside_the_loop(translate, size=size)
        return _ChatPrepared(request, model, surroundings, translated, size)

    return Call(
        request.model,
        bool(request.stream),
        prepare,
        conversation=conversation_ids(prompt_cache_key=request.prompt_cache_key, user=request.user),
    )
