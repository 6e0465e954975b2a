"""Laws that hold for every request of the Responses API: it is translated into what Gemini takes, or refused."""

import base64
import json
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from antigravity_addon.errors import GatewayError, InvalidRequest, UnknownObject
from antigravity_addon.simulator.models import MODELS
from antigravity_addon.simulator.signature import sign
from antigravity_addon.simulator.validate import read_request
from antigravity_addon.translate.conversation import Signature
from antigravity_addon.translate.openai_responses.items import references, unsigned
from antigravity_addon.translate.openai_responses.opaque import Carried, encode
from antigravity_addon.translate.openai_responses.placed import placed_items
from antigravity_addon.translate.openai_responses.request import TranslatedRequest, to_gemini
from antigravity_addon.wire.gemini import Content
from antigravity_addon.wire.openai_responses.request import parse, parse_items

PLAYED = {model.name: model for model in MODELS if not model.makes_images}

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
IDS = st.sampled_from(("call_1", "call_2", "call_3"))
NAMES = st.sampled_from(("f", "g", "1 f", "_1_f", "x" * 80, "local_shell"))
NAMESPACES = st.sampled_from((None, "functions", "n", "1 n"))
TEXTS = st.sampled_from(("", " ", "a", "{}", '{"a":[1e999]}', "[1]", "{"))
URLS = st.sampled_from(("data:image/png;base64,iVBORw0KGgo=", "https://a/b.png", ""))
SIGNATURE = base64.b64encode(sign(b"")).decode()
CARRIED = st.builds(
    Carried,
    of=st.sampled_from(("call", "text", "summary")),
    content=st.sampled_from((SIGNATURE, "", "¿")),
    upstream_id=st.none(),
).map(encode)


def item(kind: str, **fields: Any) -> st.SearchStrategy[Any]:
    return st.fixed_dictionaries({"type": st.just(kind), **fields})


PARTS = st.one_of(
    TEXTS,
    item("input_text", text=TEXTS),
    item("output_text", text=TEXTS),
    item("refusal", refusal=TEXTS),
    item("input_image", image_url=URLS),
    item("input_file", file_data=URLS, filename=st.just("a.txt")),
)
CONTENT = TEXTS | st.lists(PARTS, max_size=3)
COMMANDS = st.lists(TEXTS, max_size=2)
TOOL = (
    item("function", name=NAMES, parameters=JSON, strict=st.sampled_from((None, False, True)))
    | item("custom", name=NAMES)
    | st.sampled_from(({"type": "local_shell"}, {"type": "shell"}, {"type": "apply_patch"}))
)
TOOLS = TOOL | item(
    "namespace", name=st.sampled_from(("n", "1 n", "functions")), tools=st.lists(item("custom", name=NAMES))
)
CALLS = st.one_of(
    item("function_call", call_id=IDS, name=NAMES, namespace=NAMESPACES, arguments=TEXTS | JSON),
    item("custom_tool_call", call_id=IDS, name=NAMES, namespace=NAMESPACES, input=TEXTS),
    item("local_shell_call", id=IDS, call_id=IDS, action=st.fixed_dictionaries({"command": COMMANDS})),
    item("shell_call", call_id=IDS, action=st.fixed_dictionaries({"commands": COMMANDS})),
    item("apply_patch_call", call_id=IDS, operation=item("delete_file", path=TEXTS)),
)
OUTPUTS = st.one_of(
    item("function_call_output", call_id=IDS, output=CONTENT),
    item("custom_tool_call_output", call_id=IDS, output=CONTENT),
    item("local_shell_call_output", id=IDS, output=TEXTS),
    item("shell_call_output", call_id=IDS, output=JSON),
    item("apply_patch_call_output", call_id=IDS, status=st.just("failed"), output=TEXTS),
)
ITEMS = st.one_of(
    PARTS,
    st.fixed_dictionaries({"role": st.sampled_from(("system", "developer")), "content": TEXTS}),
    st.fixed_dictionaries(
        {"role": st.sampled_from(("user", "assistant")), "content": CONTENT, "id": st.just("msg_1")}
    ),
    CALLS,
    CALLS,
    OUTPUTS,
    OUTPUTS,
    item("reasoning", encrypted_content=CARRIED | TEXTS),
    item("compaction", encrypted_content=CARRIED | TEXTS),
    item("additional_tools", tools=st.lists(TOOLS, max_size=2)),
    item("image_generation_call", result=st.sampled_from((None, "iVBORw0KGgo="))),
    item("item_reference", id=st.sampled_from(("rs_1", "rs_2", "msg_1"))),
    st.sampled_from(({"type": "web_search_call"}, {"type": "compaction_trigger"})),
)
REQUESTS = st.fixed_dictionaries(
    {"model": st.just("m"), "input": st.lists(ITEMS, min_size=1, max_size=8)},
    optional={
        "instructions": TEXTS,
        "tools": st.lists(TOOLS, max_size=3),
        "tool_choice": st.sampled_from(("none", "auto", "required", {"type": "local_shell"})),
        "max_output_tokens": st.integers(-1, 2**70),
        "temperature": st.floats(0, 2),
        "text": st.fixed_dictionaries({"format": item("json_schema", schema=JSON)}),
        "reasoning": st.fixed_dictionaries(
            {"effort": st.sampled_from(("none", "low", "max")), "summary": st.sampled_from(("auto", None))}
        ),
    },
)
KEPT = parse_items(b'["a",{"type":"reasoning"},{"role":"assistant","content":"b"}]')
REFERENCED = {"rs_1": KEPT[1], "msg_1": KEPT[2]}
SIGNATURES = {"call_1": Signature(SIGNATURE, "up_1"), "msg_1": Signature(SIGNATURE)}


def translated(request: Any, model: str) -> TranslatedRequest | None:
    """`None` if it is refused; every other exception is a failure of the test."""
    try:
        parsed = parse(json.dumps(request).encode())
        placed = placed_items(parsed, history=KEPT, referenced=REFERENCED)
        references(placed)
        unsigned(placed)
        return to_gemini(parsed, model, history=KEPT, referenced=REFERENCED, signatures=SIGNATURES)
    except (InvalidRequest, UnknownObject) as refusal:
        assert refusal.message.endswith(".")
        return None


def calls_of(content: Content) -> list[tuple[str, str | None]]:
    calls = [part.function_call for part in content.parts if part.function_call]
    return [(call.name, call.id) for call in calls]


def results_of(content: Content) -> list[tuple[str, str | None]]:
    results = [part.function_response for part in content.parts if part.function_response]
    return [(result.name, result.id) for result in results]


@given(REQUESTS, st.sampled_from(tuple(PLAYED)))
@settings(suppress_health_check=[HealthCheck.too_slow])
def test_what_is_translated_is_what_gemini_takes(request: Any, model: str) -> None:
    if (translation := translated(request, model)) is None:
        return
    contents = translation.body.contents
    assert contents[0].role == "user"
    assert all(one.role != next_one.role for one, next_one in pairwise(contents))
    called: list[tuple[str, str | None]] = []
    for content in contents:
        assert results_of(content) == called
        called = calls_of(content)
    assert called == []
    # raises what Gemini would refuse
    read_request(translation.body.to_json(), PLAYED[model], streamed=True)


@given(REQUESTS)
@settings(suppress_health_check=[HealthCheck.too_slow])
def test_every_tool_that_is_declared_has_its_form(request: Any) -> None:
    if (translation := translated(request, "gemini-3-flash-preview")) is None:
        return
    offered = json.dumps([request.get("tools"), request["input"]])
    for tools in translation.body.tools or ():
        for declared in tools.function_declarations or ():
            assert f'"{translation.call_forms.of(declared.name).name}"' in offered


@given(st.data(), REQUESTS, JSON, st.sampled_from(tuple(PLAYED)))
@settings(suppress_health_check=[HealthCheck.too_slow])
def test_any_value_anywhere_is_translated_or_refused(
    data: st.DataObject, request: Any, value: Any, model: str
) -> None:
    if translation := translated(mutated(data, request, value), model):
        translation.body.to_json()


def mutated(data: st.DataObject, node: Any, value: Any) -> Any:
    """`node` with one place of it replaced by `value`, or with `value` under a key it did not have."""
    if isinstance(node, dict) and node and data.draw(st.booleans() | st.just(value=True)):
        key = data.draw(st.sampled_from((*node, "type", "content", "output", "conversation", "tool_choice")))
        return {**node, key: mutated(data, node.get(key), value)}
    if isinstance(node, list) and node and data.draw(st.booleans() | st.just(value=True)):
        index = data.draw(st.integers(0, len(node) - 1))
        return [*node[:index], mutated(data, node[index], value), *node[index + 1 :]]
    return value


BOMBS: dict[str, Any] = {
    "deep schema": {"tools": [{"type": "function", "name": "f", "parameters": "DEEP"}]},
    "deep arguments": {
        "input": [{"type": "function_call", "call_id": "c", "name": "f", "arguments": "DEEP"}]
    },
    "deep output": {
        "input": [
            {"type": "shell_call", "call_id": "c", "action": {"commands": []}},
            {"type": "shell_call_output", "call_id": "c", "output": "DEEP"},
        ]
    },
    "deep unknown item": {"input": ["x", {"type": "x", "x": "DEEP"}]},
    "deep response schema": {"text": {"format": {"type": "json_schema", "schema": "DEEP"}}},
}


@pytest.mark.parametrize("depth", [50, 150, 180, 190, 195, 199, 250, 50_000])
@pytest.mark.parametrize("fields", BOMBS.values(), ids=BOMBS)
@pytest.mark.parametrize("opening", ['{"a":', '{"properties":{"a":', '{"anyOf":['])
def test_bombs_do_not_go_off(fields: Any, depth: int, opening: str) -> None:
    closing = "".join({"{": "}", "[": "]"}[c] for c in reversed(opening) if c in "{[")
    bomb = opening * depth + "1" + closing * depth
    request = {"model": "m", "input": "x", **fields}
    for sent in (bomb, json.dumps(bomb)):
        body = json.dumps(request).replace('"DEEP"', sent).encode()
        try:
            to_gemini(parse(body), "gemini-3.8-flash").body.to_json()
        except GatewayError as refusal:
            assert refusal.status == 400
