"""Probes of the Responses API, and of the oldest one."""

from functools import partial
from typing import Annotated

from openai.types.responses import ResponseStreamEvent
from pydantic import Discriminator, TypeAdapter, ValidationError

from antigravity_addon.wire.base import Json, JsonObject

from .answer import Answer, at, items
from .chat import signature_returned
from .probe import ANY, CITY, MODEL, SIGNING_MODEL, Check, Probe, Request

EVENT: TypeAdapter[ResponseStreamEvent] = TypeAdapter(Annotated[ResponseStreamEvent, Discriminator("type")])
WEATHER: JsonObject = {
    "type": "function",
    "name": "get_weather",
    "description": "The weather of a city.",
    "parameters": CITY,
    "strict": False,
}
CALL: JsonObject = {"role": "user", "content": "get_weather: Paris"}


def _responses(question: Json, model: str = MODEL, **fields: Json) -> Request:
    return Request("/v1/responses", {"model": model, "input": question, **fields})


_carried = partial(
    _responses, model=SIGNING_MODEL, tools=[WEATHER], store=False, include=["reasoning.encrypted_content"]
)
"""A client that keeps the history itself."""


def _with_output(answer: Answer) -> Request:
    output = items(answer.body, "output")
    results: list[Json] = [
        {"type": "function_call_output", "call_id": at(item, "call_id"), "output": "sunny"}
        for item in output
        if at(item, "type") == "function_call"
    ]
    return _carried([CALL, *output, *results])


def _and_name(answer: Answer) -> Request:
    return _responses("echo:Ana", previous_response_id=at(answer.body, "id"))


# --- checks ---------------------------------------------------------------------------------------------


def _text(answer: Answer) -> Json:
    texts = (at(item, "content", 0, "text") for item in items(answer.body, "output"))
    return next((text for text in texts if text is not None), None)


def _instructed(answer: Answer) -> str | None:
    if answer.system_instruction != "Be kind.":
        return f"system instruction {answer.system_instruction!r}"
    return None if _text(answer) == "a-b" else f"{_text(answer)!r}"


def _valid_events(answer: Answer) -> str | None:
    events = answer.events
    kinds = [str(at(event, "type")) for event in events]
    for event in events:
        try:
            EVENT.validate_python(event)
        except ValidationError as error:
            place = ".".join(str(step) for step in error.errors()[0]["loc"][1:])
            return f"`{at(event, 'type')}` is not valid at `{place}`"
    if [at(event, "sequence_number") for event in events] != list(range(len(events))):
        return "not numbered from 0"
    ends = (kinds[:1], kinds[-1:])
    return None if ends == (["response.created"], ["response.completed"]) else f"from {ends[0]} to {ends[1]}"


def _failed(answer: Answer) -> str | None:
    kinds = [str(at(event, "type")) for event in answer.events]
    if "response.completed" in kinds:
        return "`response.completed`"
    if answer.status != 200:
        return None if answer.received else answer.gist
    if "response.failed" in kinds:
        return None
    return f"ends with `{kinds[-1]}`" if kinds else "no event"


def _remembered(answer: Answer) -> str | None:
    roles = [at(content, "role") for content in items(answer.sent, "contents")]
    return None if roles == ["user", "model", "user"] else f"turns upstream: {roles}"


def _item(kind: str, **fields: str) -> Check:
    """An output item of this kind that has these fields."""

    def check(answer: Answer) -> str | None:
        output = items(answer.body, "output")
        for item in output:
            if at(item, "type") == kind:
                found = {name: at(item, name) for name in fields}
                return None if found == fields else f"a `{kind}` with {found}"
        return f"items {[at(item, 'type') for item in output]}"

    return check


def _two_texts(answer: Answer) -> str | None:
    texts = [at(choice, "text") for choice in items(answer.body, "choices")]
    return None if texts == ["a", "b"] else f"texts {texts}"


RESPONSES: tuple[Probe, ...] = (
    Probe(
        "Responses: instructions and a text",
        "system instruction upstream, a text back",
        "C70",
        _responses("echo:a-b", instructions="Be kind."),
        _instructed,
    ),
    Probe(
        "Responses: a stream",
        "numbered events, each valid by OpenAI's own types",
        "C77: SDKs stop at an event they cannot read",
        _responses("echo:one two three", stream=True),
        _valid_events,
    ),
    Probe(
        "Responses: upstream is cut off in mid-stream",
        "`response.failed`, or an HTTP error",
        "C79",
        _responses("echo:one two three four", "gemini-fault-reset-mid", stream=True),
        _failed,
        status=ANY,
    ),
    Probe(
        "Responses: `previous_response_id`",
        "the earlier turns upstream",
        "C80",
        _responses("echo:hi Ana"),
        _remembered,
        then=_and_name,
    ),
    Probe(
        "Responses: a custom tool",
        "a `custom_tool_call`",
        "C75: Codex applies its patches with one",
        _responses(
            "Call it.", tools=[{"type": "custom", "name": "apply_patch", "description": "Applies a patch."}]
        ),
        _item("custom_tool_call", name="apply_patch"),
    ),
    Probe(
        "Responses: a tool in a namespace",
        "a call with that namespace",
        "Codex groups its tools so",
        _responses(
            "Call it.",
            tools=[
                {
                    "type": "namespace",
                    "name": "agents",
                    "description": "Agents.",
                    "tools": [{**WEATHER, "name": "close_agent"}],
                }
            ],
        ),
        _item("function_call", name="close_agent", namespace="agents"),
    ),
    Probe(
        "Responses: a history that the client keeps (`store: false`)",
        "the model's own signature upstream",
        "C73: `encrypted_content` is what carries it",
        _carried([CALL]),
        signature_returned,
        then=_with_output,
    ),
    Probe(
        "Completions: a list of prompts",
        "a choice for each",
        "C85",
        Request("/v1/completions", {"model": MODEL, "prompt": ["echo:a", "echo:b"]}),
        _two_texts,
    ),
)
