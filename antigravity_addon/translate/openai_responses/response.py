"""Turn events -> the answer of the Responses API, in events or whole.

Both ways say the same: the whole answer is a stream's last response, its events unheard.
"""

from collections.abc import Callable, Iterable, Mapping
from copy import replace

from msgspec import Raw

from antigravity_addon.errors import GatewayError
from antigravity_addon.translate.conversation import Signature
from antigravity_addon.translate.events import Usage, the_end
from antigravity_addon.translate.openai_error import to_openai_error
from antigravity_addon.wire.base import write_json
from antigravity_addon.wire.openai_responses import response as wire
from antigravity_addon.wire.openai_responses.events import Failure, Lifecycle
from antigravity_addon.wire.openai_responses.output_items import Message, OutputItem, OutputText

from .answer_events import EventFrames, Events, Unheard
from .answer_form import AnswerForm
from .answer_turn import CompactionTurn, ResponseTurn, is_cut_short

_CODES_READ = frozenset({
    # each makes Codex do something else
    "context_length_exceeded",
    "insufficient_quota",
    "rate_limit_exceeded",
    "server_is_overloaded",
})  # fmt: skip


class _Answer:
    """An answer of either kind, and what is left of it when it is over: for its client, and for the store."""

    def __init__(
        self,
        *,
        response_id: str,
        created: int,
        model: str,
        echo: bytes,
        form: AnswerForm,
        new_id: Callable[[str], str],
        unix_time: Callable[[], float],
    ) -> None:
        """`echo` is the JSON of one. `new_id` makes an id from its prefix: `msg_ab12…` from `msg`."""
        self._blank = wire.Response(id=response_id, created_at=created, status="in_progress", model=model)
        self._echo = echo
        self._form = form
        self._new_id = new_id
        self._unix_time = unix_time
        self._last = self._blank
        self.response = b""
        """The response object in the end, JSON; empty before."""
        self._turn = self.begin()

    def begin(self, index: int = 0) -> ResponseTurn:  # noqa: ARG002  there is one turn
        """The turn from its start; again for another attempt at it, of which the client has got nothing."""
        events = self._new_events()
        if self._form.is_compaction:
            self._turn = CompactionTurn(self._new_id, events)
        else:
            self._turn = ResponseTurn(self._form, self._new_id, events)
        return self._turn

    @property
    def status(self) -> wire.ResponseStatus:
        return self._last.status

    @property
    def output_items(self) -> tuple[tuple[str, bytes], ...]:
        """Each with its id, as JSON; none before the end."""
        return tuple((item.id, item.to_json()) for item in self._last.output)

    @property
    def signatures(self) -> Mapping[str, Signature]:
        """Of calls by `call_id`, of text by the id of its message."""
        return self._turn.signatures

    def _new_events(self) -> Events:
        return Unheard()

    def _end(self) -> None:
        """Raises: StreamTruncated: the turn did not end."""
        finished = the_end(self._turn.finished)
        usage = _to_usage(finished.usage)
        if is_cut_short(finished):
            details = wire.IncompleteDetails(reason="max_output_tokens")
            self._become(replace(self._blank, status="incomplete", incomplete_details=details, usage=usage))
        else:
            self._become(
                replace(self._blank, status="completed", completed_at=int(self._unix_time()), usage=usage)
            )

    def _become(self, last: wire.Response) -> None:
        """With what the turn came to."""
        self._last = replace(last, output=self._turn.output)
        self.response = self._last.with_echo(self._echo)


class ResponseStream(_Answer):
    """An answer as server-sent events.

    State: how many events have surely gone out. What an attempt wrote that failed in time has not, and its numbers
    are given again.
    """

    _gone = 0

    def _new_events(self) -> Events:
        self._frames = EventFrames(self._blank.with_echo(self._echo), begin_at=self._gone)
        return self._frames

    def finish(self) -> bytes:
        """The last event.

        Raises: StreamTruncated: the turn did not end.
        """
        self._end()
        ending = "response.completed" if self.status == "completed" else "response.incomplete"
        self._frames.write(Lifecycle(ending, self.response))
        return self._frames.take()

    def error(self, error: GatewayError) -> bytes:
        """The last events of a stream that broke. It takes both for every client to notice, and a stream that merely
        ends is asked for five times more by Codex. Items that were not over are in the last response alone.
        """
        self._become(
            replace(
                self._blank,
                status="failed",
                error=wire.ResponseError(code=_to_code(error), message=error.message),
            )
        )
        fault = to_openai_error(error).error
        self._frames.write(Failure(code=fault.code, message=fault.message, param=fault.param, error=fault))
        self._frames.write(Lifecycle("response.failed", self.response))
        return self._frames.take()

    def keep_alive(self) -> bytes:
        """A real event: comments do not reset the clock of Codex, and strict clients refuse types that OpenAI's
        description does not have. Whatever this gives must be sent.
        """
        self._frames.repeat()
        self._gone = self._frames.count
        return self._frames.take()


class ResponseBuilder(_Answer):
    """The same answer as one object."""

    def finish(self) -> bytes:
        """The whole body; `response` is the same without the choices.

        Raises: StreamTruncated: the turn did not end.
        """
        self._end()
        finish_reason = the_end(self._turn.finished).reason.value
        message = wire.ChoiceMessage(content=_text_of(self._last.output))
        choice = wire.Choice(message=message, finish_reason=finish_reason)
        return wire.Choices(choices=(choice,)).appended_to(self.response)

    def compacted(self) -> bytes:
        """The whole body, for a client that asked for nothing but a compaction.

        Raises: StreamTruncated: the turn did not end.
        """
        finished = the_end(self._turn.finished)
        compacted = wire.CompactedResponse(
            id=self._blank.id,
            created_at=self._blank.created_at,
            output=self._turn.output,
            usage=_to_usage(finished.usage),
        )
        return compacted.to_json()


def _text_of(output: Iterable[OutputItem]) -> Raw | None:
    messages = (item for item in output if isinstance(item, Message))
    parts = (part for message in messages for part in message.content)
    texts = [write_json(part.text) for part in parts if isinstance(part, OutputText)]
    return Raw(b'"%b"' % b"".join([memoryview(text)[1:-1] for text in texts])) if texts else None


def _to_usage(usage: Usage) -> wire.ResponseUsage:
    return wire.ResponseUsage(
        input_tokens=usage.input_tokens,
        input_tokens_details=wire.InputTokensDetails(cached_tokens=usage.cached_tokens),
        output_tokens=usage.output_tokens,
        output_tokens_details=wire.OutputTokensDetails(reasoning_tokens=usage.reasoning_tokens),
        total_tokens=usage.total_tokens,
    )


def _to_code(error: GatewayError) -> str:
    """For a failed response: a code that Codex reads, or one from the closed list of OpenAI's schema."""
    if error.code in _CODES_READ:
        return error.code
    return "invalid_prompt" if error.kind == "invalid_request_error" else "server_error"
