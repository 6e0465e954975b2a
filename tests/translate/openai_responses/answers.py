"""Answers of the Responses API as tests want them: written, read back, and held against the types of `openai`."""

import json
from collections import Counter
from collections.abc import Callable, Sequence
from itertools import starmap
from typing import Any

from openai import omit
from openai.lib.streaming.responses._responses import ResponseStreamState
from openai.types.responses import ParsedResponse, Response, ResponseStreamEvent
from pydantic import TypeAdapter

from antigravity_addon.errors import GatewayError
from antigravity_addon.translate.events import Finished, FinishReason, TurnEvent, Usage
from antigravity_addon.translate.openai_responses.answer_form import AnswerForm
from antigravity_addon.translate.openai_responses.forms import CallForm, CallForms, Kind
from antigravity_addon.translate.openai_responses.response import ResponseBuilder, ResponseStream
from antigravity_addon.wire.openai_responses.response import Echo

type Json = Any
"""Parsed answers, looked into by path."""

FORMS = CallForms({
    "get_weather": CallForm(Kind.FUNCTION, "get_weather"),
    "agents_close": CallForm(Kind.FUNCTION, "close_agent", "multi_agent_v1"),
    "apply_patch": CallForm(Kind.CUSTOM, "apply_patch"),
    "exec": CallForm(Kind.CUSTOM, "exec", "functions"),
    "local_shell": CallForm(Kind.LOCAL_SHELL, "local_shell"),
    "shell": CallForm(Kind.SHELL, "shell"),
    "patch": CallForm(Kind.APPLY_PATCH, "apply_patch"),
})  # fmt: skip
PLAIN = AnswerForm(call_forms=FORMS)
EVERYTHING = AnswerForm(call_forms=FORMS, shows_reasoning=True, encrypts=True, with_logprobs=True)
COMPACTION = AnswerForm(is_compaction=True)

_EVENT: TypeAdapter[ResponseStreamEvent] = TypeAdapter(ResponseStreamEvent)


def new_ids() -> Callable[[str], str]:
    numbers: Counter[str] = Counter()

    def new_id(prefix: str) -> str:
        numbers[prefix] += 1
        return f"{prefix}_{numbers[prefix]}"

    return new_id


def new_stream(form: AnswerForm = PLAIN, echo: Echo | None = None) -> ResponseStream:
    return ResponseStream(
        response_id="resp_1",
        created=1_795_379_857,
        model="gpt-4o",
        echo=(echo or Echo()).to_json(),
        form=form,
        new_id=new_ids(),
        unix_time=lambda: 1_795_379_859.9,
    )


def new_builder(form: AnswerForm = PLAIN, echo: Echo | None = None) -> ResponseBuilder:
    return ResponseBuilder(
        response_id="resp_1",
        created=1_795_379_857,
        model="gpt-4o",
        echo=(echo or Echo()).to_json(),
        form=form,
        new_id=new_ids(),
        unix_time=lambda: 1_795_379_859.9,
    )


def streamed(
    events: Sequence[TurnEvent], form: AnswerForm = PLAIN, *, failure: GatewayError | None = None
) -> bytes:
    stream = new_stream(form)
    written = b"".join(map(stream.begin().feed, events))
    return written + (stream.error(failure) if failure else stream.finish())


def whole(events: Sequence[TurnEvent], form: AnswerForm = PLAIN) -> Json:
    builder = new_builder(form)
    assert set(map(builder.begin().feed, events)) <= {b""}
    return json.loads(builder.finish())


def finished(reason: str = "stop", usage: Usage | None = None, refusal: str | None = None) -> Finished:
    return Finished(FinishReason(reason), usage or Usage(), refusal)


def frames(stream: bytes) -> list[Json]:
    """The JSON of each event; each is named twice, and numbered."""
    *events, nothing = stream.split(b"\n\n")
    assert nothing == b""
    return list(starmap(_read_frame, enumerate(events)))


def _read_frame(number: int, frame: bytes) -> Json:
    name, line = frame.split(b"\n")
    event = json.loads(line.removeprefix(b"data: "))
    assert name.removeprefix(b"event: ").decode() == event["type"]
    assert event["sequence_number"] == number
    return event


def types_of(stream: bytes) -> list[str]:
    return [event["type"].removeprefix("response.") for event in frames(stream)]


def items_done(stream: bytes) -> list[Json]:
    return [event["item"] for event in frames(stream) if event["type"] == "response.output_item.done"]


def understood(stream: bytes) -> list[ResponseStreamEvent]:
    """As `openai` types them, strictly."""
    return [_EVENT.validate_python(event, strict=True) for event in frames(stream)]


def accumulated(stream: bytes) -> ParsedResponse[None]:
    """What `responses.stream()` of `openai` makes of it."""
    state: ResponseStreamState[None] = ResponseStreamState(input_tools=omit, text_format=omit)
    for event in understood(stream):
        state.handle_event(event)
    assert state._completed_response is not None
    return state._completed_response


def assert_strict(response: Json) -> None:
    Response.model_validate(response, strict=True)
