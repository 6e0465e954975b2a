"""Probes of Chat Completions that go well upstream."""

import base64
import json

from antigravity_addon.simulator.signature import PLACEHOLDERS
from antigravity_addon.wire.base import Json, JsonObject

from .answer import Answer, at, items, parsed, sent_at
from .probe import (
    ANY,
    CITY,
    FAILED,
    MODEL,
    SIGNING_MODEL,
    UPSTREAM,
    WEATHER,
    Check,
    Probe,
    Request,
    call_of,
    chat,
    chunk,
    function,
    stream_of,
)

PARIS, ROME = (call_of("get_weather", {"city": city}) for city in ("Paris", "Rome"))
AWKWARD: JsonObject = {
    "type": "file",
    "v": "[undefined]",
    "properties": {"Name": "x"},
    "$ref": "#/a",
    "n": 9007199254740993,
}
"""Looks like a schema, and holds an integer that a double cannot."""
LOOK_UP = "look_up_weather"
SUNNY = "Name of the sunny city."
SUNNY_CITY: JsonObject = {
    "type": "object",
    "properties": {"city": {"type": "string", "description": SUNNY}},
    "required": ["city"],
    "additionalProperties": False,
}
NAMES = ("my tool!", "1abc", "a" * 80)
PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
SCHEMA: JsonObject = {
    "$schema": "http://json-schema.org/draft-07/schema#",
    "type": "object",
    "properties": {
        "tree": {"$ref": "#/$defs/Node"},
        "pick": {"anyOf": [{"type": "string"}, {"type": "null"}]},
        "fixed": {"const": "x"},
        "level": {"type": "integer", "enum": [1, 2]},
        "pairs": {"type": "array"},
        "mode": {"type": ["string", "null"], "default": None},
    },
    "required": ["tree", "fixed"],
    "additionalProperties": False,
    "$defs": {
        "Node": {"type": "object", "properties": {"child": {"$ref": "#/$defs/Node"}}, "required": []},
    },
}


def _image(url: str) -> Request:
    image: JsonObject = {"type": "image_url", "image_url": {"url": url}}
    return chat([{"type": "text", "text": "What is it?"}, image])


def _history(arguments: str) -> Request:
    call: JsonObject = {
        "id": "call_1",
        "type": "function",
        "function": {"name": "save", "arguments": arguments},
    }
    messages: list[Json] = [
        {"role": "user", "content": "Save it."},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "call_1", "content": "saved"},
    ]
    tools: list[Json] = [function("save", {"type": "object"})]
    return Request("/v1/chat/completions", {"model": MODEL, "messages": messages, "tools": tools})


def _with_result(answer: Answer) -> Request:
    """The call and its result, without any field that OpenAI does not have."""
    calls: list[Json] = [
        {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
        for call in answer.calls.values()
    ]
    messages: list[Json] = [
        {"role": "user", "content": "get_weather: Paris"},
        {"role": "assistant", "content": None, "tool_calls": calls},
        *({"role": "tool", "tool_call_id": at(call, "id"), "content": "sunny"} for call in calls),
    ]
    return Request("/v1/chat/completions", {"model": SIGNING_MODEL, "messages": messages, "tools": [WEATHER]})


# --- checks ---------------------------------------------------------------------------------------------


def _two_calls(answer: Answer) -> str | None:
    calls = answer.calls
    if sorted(calls) != [0, 1]:
        return f"indexes {sorted(calls)}"
    cities = [calls[index].arguments for index in (0, 1)]
    if ["Paris" in cities[0], "Rome" in cities[1]] != [True, True]:
        return f"arguments {cities}"
    return None if len({call.id for call in calls.values()} - {""}) == 2 else "one id for both"


def _ends_with(reason: str) -> Check:
    return lambda answer: None if answer.finish_reason == reason else f"`{answer.finish_reason}`"


def _arguments_arrived(answer: Answer) -> str | None:
    for part in answer.sent_parts:
        if (args := sent_at(part, "functionCall", "args")) is not None:
            return _awkward(args)
    return "no call upstream"


def _arguments_returned(answer: Answer) -> str | None:
    return _awkward(parsed(answer.calls[0].arguments)) if 0 in answer.calls else "no call"


def _awkward(found: Json) -> str | None:
    if found == AWKWARD:
        return None
    wrong = [name for name, value in AWKWARD.items() if at(found, name) != value]
    return "changed: " + ", ".join(f"`{name}` to `{json.dumps(at(found, name))}`" for name in wrong)


def _names_returned(answer: Answer) -> str | None:
    names = [call.name for call in answer.calls.values()]
    return None if names == [NAMES[0]] else f"a call of {names}"


def signature_returned(answer: Answer) -> str | None:
    """The last request upstream has a call with a signature of the model's own."""
    for part in answer.sent_parts:
        if sent_at(part, "functionCall") is not None:
            signature = sent_at(part, "thoughtSignature")
            if not isinstance(signature, str):
                return "no signature"
            return "a placeholder" if _is_placeholder(signature) else None
    return "no call upstream"


def _is_placeholder(signature: str) -> bool:
    # as the upstream reads it: either alphabet, padded or not
    padded = signature + "=" * (-len(signature) % 4)
    return base64.urlsafe_b64decode(padded.replace("+", "-").replace("/", "_")) in PLACEHOLDERS


def _usage_adds_up(answer: Answer) -> str | None:
    usage = at(answer.body, "usage")
    counts = [at(usage, name) for name in ("prompt_tokens", "completion_tokens", "total_tokens")]
    reasoning = at(usage, "completion_tokens_details", "reasoning_tokens")
    match [*counts, reasoning]:
        case [int(prompt), int(completion), int(total), int(thoughts)]:
            sound = prompt + completion == total and completion >= thoughts > 0
            shown = f"{prompt} + {completion} ≠ {total}, of them {thoughts} reasoning"
            return None if sound else shown
        case counted:
            return f"counts {counted}"


def _usage_at_the_end(answer: Answer) -> str | None:
    events = answer.events
    elsewhere = sum(at(event, "usage") is not None for event in events[:-1])
    if elsewhere:
        return f"usage in {elsewhere} chunks before the last"
    # OpenAI's last chunk has no choices, and clients take one with an empty delta as well
    return None if events and at(events[-1], "usage", "total_tokens") is not None else "no usage"


def _done(answer: Answer) -> str | None:
    return None if answer.lines[-1:] == ["[DONE]"] else "none"


def _says(text: str) -> Check:
    def check(answer: Answer) -> str | None:
        content = at(answer.body, "choices", 0, "message", "content")
        return None if content == text else f"{content!r}"

    return check


def _both_asked_for(answer: Answer) -> str | None:
    sent = json.dumps(answer.sent)
    missing = [what for what, mark in (("the tool", LOOK_UP), ("the schema", SUNNY)) if mark not in sent]
    return f"sent without {' and '.join(missing)}" if missing else None


def _called(answer: Answer) -> str | None:
    return None if answer.calls else "no call"


def _told_apart(answer: Answer) -> str | None:
    told = answer.system_instruction
    return None if told == "Be terse." else f"system instruction {told!r}"


def _two_choices(answer: Answer) -> str | None:
    indexes = [at(choice, "index") for choice in items(answer.body, "choices")]
    return None if indexes == [0, 1] else f"choices {indexes}"


def _is_png(answer: Answer) -> str | None:
    for part in answer.sent_parts:
        if (kind := sent_at(part, "inlineData", "mimeType")) is not None:
            return None if kind == "image/png" else f"sent as `{kind}`"
    return "no image upstream"


def _refused_at_home(answer: Answer) -> str | None:
    if any(received.method == "GET" for received in answer.received):
        return "fetched it"
    if answer.received:
        return "not fetched, but passed on to Gemini"
    return None if answer.status in FAILED else answer.gist


def _developer(request: Request) -> Request:
    body = request.body or {}
    messages: list[Json] = [{"role": "developer", "content": "Be terse."}, *items(body, "messages")]
    return Request(request.path, {**body, "messages": messages})


CHAT: tuple[Probe, ...] = (
    Probe(
        "two tool calls in two chunks",
        "indexes 0 and 1, an id each",
        "C57: clients merge calls of one index into one broken call",
        chat("x", stream=True, tools=[WEATHER]),
        _two_calls,
        upstream=(stream_of(chunk(PARIS), chunk(ROME, finish="STOP")),),
    ),
    Probe(
        "a tool call, and STOP in a later chunk",
        "`tool_calls`",
        "C57: agents that go by the reason never run the tool",
        chat("x", stream=True, tools=[WEATHER]),
        _ends_with("tool_calls"),
        upstream=(stream_of(chunk(PARIS), chunk({"text": ""}, finish="STOP")),),
    ),
    Probe(
        "awkward arguments in the history",
        "the same upstream",
        "C35: the model is shown calls that it never made",
        _history(json.dumps(AWKWARD)),
        _arguments_arrived,
    ),
    Probe(
        "awkward arguments in the answer",
        "the same for the client",
        "C45: the tool runs on something else",
        chat("x", stream=True, tools=[function("save", {"type": "object"})]),
        _arguments_returned,
        upstream=(stream_of(chunk(call_of("save", AWKWARD), finish="STOP")),),
    ),
    Probe(
        "tool names that Gemini refuses",
        "a call by the client's name",
        "C38: every tool of some MCP servers",
        chat("Call it.", tools=[function(name, CITY) for name in NAMES]),
        _names_returned,
    ),
    Probe(
        "a thought signature that the client drops",
        "the model's own, upstream",
        "C46: 400 on the second turn, the most frequent complaint of all",
        chat("get_weather: Paris", SIGNING_MODEL, tools=[WEATHER]),
        signature_returned,
        then=_with_result,
    ),
    Probe(
        "usage of a model that thinks",
        "prompt + completion = total, reasoning included",
        "C51: clients add up what they pay",
        chat("echo:one two"),
        _usage_adds_up,
    ),
    Probe(
        "`include_usage`",
        "usage in the last chunk only",
        "C56",
        chat("echo:one two three", stream=True, stream_options={"include_usage": True}),
        _usage_at_the_end,
    ),
    Probe("the end of a stream", "`data: [DONE]`", "C55", chat("echo:one two three", stream=True), _done),
    Probe(
        "a strict JSON schema beside tools, to a model that refuses JSON mode then",
        "answered, the model told of both",
        "C17: agents with typed answers",
        chat(
            "Where is it sunny?",
            "gemini-fault-refuses-json-with-tools",
            tools=[function(LOOK_UP, CITY)],
            response_format={
                "type": "json_schema",
                "json_schema": {"name": "p", "strict": True, "schema": SUNNY_CITY},
            },
        ),
        _both_asked_for,
    ),
    Probe(
        "a schema with `$ref`, `anyOf`, `const` and recursion",
        "a call",
        "C32: 400 for what every schema library writes",
        chat("Call it.", tools=[function("f", SCHEMA)]),
        _called,
    ),
    Probe(
        "fields that are null",
        "as if absent",
        "C23: typed clients send them",
        chat("echo:x", stream=None, tools=None, tool_choice=None, stop=None, temperature=None, n=None),
        _says("x"),
    ),
    Probe(
        "a field that nobody knows",
        "ignored",
        "clients are newer than gateways",
        chat("echo:x", future_field={"a": 1}),
        _says("x"),
    ),
    Probe(
        "the role `developer`",
        "in the system instruction",
        "C11",
        _developer(chat("echo:x")),
        _told_apart,
    ),
    Probe("`n: 2`", "two choices", "C50: Gemini gives one candidate", chat("echo:x", n=2), _two_choices),
    Probe(
        "a PNG labelled `application/octet-stream`",
        "sent as `image/png`",
        "C18: clients that cannot tell send this type",
        _image(f"data:application/octet-stream;base64,{PNG}"),
        _is_png,
    ),
    Probe(
        "an image URL on the loopback interface",
        "refused without a connection",
        "C19: otherwise a client can look around behind the firewall",
        _image(f"{UPSTREAM}/a.png"),
        _refused_at_home,
        status=ANY,
    ),
)
