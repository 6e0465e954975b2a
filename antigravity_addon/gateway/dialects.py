"""The registry of client dialects: endpoint -> how its requests are read and its answers written.

Another dialect costs one entry in `DIALECTS`; nothing else in the gateway knows their names.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from antigravity_addon.errors import GatewayError
from antigravity_addon.translate.events import TurnEvent
from antigravity_addon.translate.openai_chat.calls import CallForm
from antigravity_addon.translate.openai_chat.request import to_gemini as chat_to_gemini
from antigravity_addon.translate.openai_chat.response import ChatCompletionBuilder, ChatStreamEncoder
from antigravity_addon.translate.openai_completions.request import prompt_of
from antigravity_addon.translate.openai_completions.request import to_gemini as completion_to_gemini
from antigravity_addon.translate.openai_completions.response import CompletionBuilder, CompletionStreamEncoder
from antigravity_addon.wire.gemini import GenerateContentRequest
from antigravity_addon.wire.openai_chat.request import ChatCompletionRequest
from antigravity_addon.wire.openai_chat.request import parse as parse_chat
from antigravity_addon.wire.openai_completions.request import CompletionRequest
from antigravity_addon.wire.openai_completions.request import parse as parse_completion

from .routes import Endpoint


@dataclass(frozen=True, slots=True)
class Identity:
    """What an answer calls itself; the same for every attempt at it."""

    response_id: str
    """Without the dialect's prefix."""
    created: int
    """Unix time in seconds."""
    model: str
    """The name the client asked for."""
    new_call_id: Callable[[], str]
    """Makes ids for tool calls: unguessable, since they come back as keys to what we keep."""


class Answer(Protocol):
    """The answer to one attempt, as it is written."""

    def feed(self, event: TurnEvent) -> bytes:
        """Bytes for the client, maybe none; whole SSE events only."""
        ...

    def finish(self) -> bytes:
        """The last bytes, after `Finished` was fed."""
        ...


class StreamedAnswer(Answer, Protocol):
    def error(self, error: GatewayError) -> bytes:
        """An error for a client that has part of the answer already; the stream ends with it."""
        ...


class Prepared(Protocol):
    """A client's request, translated for one Gemini model."""

    @property
    def body(self) -> GenerateContentRequest: ...

    def streamed(self, identity: Identity) -> StreamedAnswer: ...

    def whole(self, identity: Identity) -> Answer: ...


@dataclass(frozen=True, slots=True)
class Call:
    """A client's request, read and found well formed."""

    model: str
    """As the client called it."""
    stream: bool
    prepare: Callable[[str], Prepared]
    """Translates it for a Gemini model. Raises: InvalidRequest: what is asked for cannot be asked of that model."""


type Dialect = Callable[[bytes], Call]
"""Reads a request's body. Raises: InvalidRequest: names the parameter at fault."""


class _Builder(Protocol):
    """Takes a turn in and gives it back in one piece."""

    def feed(self, event: TurnEvent) -> None: ...

    def finish(self) -> bytes: ...


class _Whole:
    """An answer of which the client gets nothing before it is complete."""

    def __init__(self, builder: _Builder) -> None:
        self._builder = builder
        self.finish = builder.finish

    def feed(self, event: TurnEvent) -> bytes:
        self._builder.feed(event)
        return b""


class _ChatPrepared:
    def __init__(self, request: ChatCompletionRequest, model: str) -> None:
        translated = chat_to_gemini(request, model)
        self.body = translated.body
        self._include_usage = bool(request.stream_options and request.stream_options.include_usage)
        self._call_form = CallForm(
            translated.tool_names,
            custom_tools=translated.custom_tools,
            parallel=request.parallel_tool_calls is not False,
            legacy=translated.uses_functions,
        )

    def streamed(self, identity: Identity) -> ChatStreamEncoder:
        return ChatStreamEncoder(
            response_id=f"chatcmpl-{identity.response_id}",
            created=identity.created,
            model=identity.model,
            new_call_id=identity.new_call_id,
            call_form=self._call_form,
            include_usage=self._include_usage,
        )

    def whole(self, identity: Identity) -> Answer:
        builder = ChatCompletionBuilder(
            response_id=f"chatcmpl-{identity.response_id}",
            created=identity.created,
            model=identity.model,
            new_call_id=identity.new_call_id,
            call_form=self._call_form,
        )
        return _Whole(builder)


def read_chat(body: bytes) -> Call:
    """`POST /v1/chat/completions`."""
    request = parse_chat(body)
    return Call(request.model, bool(request.stream), partial(_ChatPrepared, request))


class _CompletionPrepared:
    def __init__(self, request: CompletionRequest, model: str) -> None:
        self.body = completion_to_gemini(request, model)
        self._echo = prompt_of(request) if request.echo else ""
        self._include_usage = bool(request.stream_options and request.stream_options.include_usage)

    def streamed(self, identity: Identity) -> CompletionStreamEncoder:
        return CompletionStreamEncoder(
            response_id=f"cmpl-{identity.response_id}",
            created=identity.created,
            model=identity.model,
            echo=self._echo,
            include_usage=self._include_usage,
        )

    def whole(self, identity: Identity) -> Answer:
        builder = CompletionBuilder(
            response_id=f"cmpl-{identity.response_id}",
            created=identity.created,
            model=identity.model,
            echo=self._echo,
        )
        return _Whole(builder)


def read_completion(body: bytes) -> Call:
    """`POST /v1/completions`."""
    request = parse_completion(body)
    return Call(request.model, bool(request.stream), partial(_CompletionPrepared, request))


DIALECTS: Mapping[Endpoint, Dialect] = {
    Endpoint.CHAT_COMPLETIONS: read_chat,
    Endpoint.COMPLETIONS: read_completion,
    # /v1/responses comes here, with a path in `routes.Endpoint`
}
