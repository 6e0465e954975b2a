"""What a request of the Responses API becomes. The numbers are those of the conformance cases."""

import json
from typing import Any

import pytest

from antigravity_addon.errors import InvalidRequest, UnknownObject, UnsupportedInput
from antigravity_addon.translate.conversation import Signature
from antigravity_addon.translate.media import WebMedium
from antigravity_addon.translate.openai_content import WebReference
from antigravity_addon.translate.openai_responses.echo import to_echo
from antigravity_addon.translate.openai_responses.forms import CallForm, Kind
from antigravity_addon.translate.openai_responses.items import references, unsigned
from antigravity_addon.translate.openai_responses.opaque import Carried, encode
from antigravity_addon.translate.openai_responses.placed import Placed, placed_items, referenced_ids
from antigravity_addon.translate.openai_responses.request import TranslatedRequest, to_gemini
from antigravity_addon.wire.openai_responses.items import ReasoningItem
from antigravity_addon.wire.openai_responses.request import parse, parse_compact, parse_items, parse_verbatim
from antigravity_addon.wire.openai_responses.response import Echo

type Fields = dict[str, Any]

FLASH_2_0 = "gemini-2.0-flash"
"""Asked for nothing, nothing is added for it: the plainest requests."""
FLASH_2_5 = "gemini-2.5-flash"
FLASH_3 = "gemini-3-flash-preview"
PNG = "iVBORw0KGgo="
PNG_URL = f"data:image/png;base64,{PNG}"
NO_RESULT = {"error": "No result was given for this call."}
PLACEHOLDER = "skip_thought_signature_validator"


def to_body(**fields: Any) -> bytes:
    return json.dumps({"model": "gpt-4o", "input": "x", **fields}).encode()


def translated(
    model: str = FLASH_2_0,
    *,
    history: list[Any] | None = None,
    referenced: list[Fields] | None = None,
    signatures: dict[str, Signature] | None = None,
    **fields: Any,
) -> TranslatedRequest:
    return to_gemini(
        parse(to_body(**fields)),
        model,
        history=parse_items(json.dumps(history or []).encode()),
        referenced={each["id"]: parse_items([json.dumps(each).encode()])[0] for each in referenced or []},
        signatures=signatures or {},
    )


def sent(model: str = FLASH_2_0, **fields: Any) -> Fields:
    """The JSON that goes to Gemini."""
    return json.loads(translated(model, **fields).body.to_json())


def said(role: str, content: Any, **fields: Any) -> Fields:
    return {"type": "message", "role": role, "content": content, **fields}


def call(call_id: str, arguments: Any = "{}", name: str = "f", **fields: Any) -> Fields:
    return {
        "type": "function_call",
        "call_id": call_id,
        "name": name,
        "arguments": arguments,
        **fields,
    }


def output(call_id: str, value: Any) -> Fields:
    return {"type": "function_call_output", "call_id": call_id, "output": value}


def reasoning(of: Any, content: str, upstream_id: str | None = None) -> Fields:
    carried = Carried(of=of, content=content, upstream_id=upstream_id)
    return {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": encode(carried)}


def turn(role: str, *parts: Fields) -> Fields:
    return {"role": role, "parts": list(parts)}


def text(value: str, **fields: Any) -> Fields:
    return {"text": value, **fields}


def signed(signature: str | None) -> Fields:
    return {"thoughtSignature": signature} if signature else {}


def called(args: Fields | None = None, name: str = "f", *, signature: str | None = None) -> Fields:
    return {"functionCall": {"name": name, "args": args or {}}, **signed(signature)}


def result(response: Any, name: str = "f") -> Fields:
    value = response if isinstance(response, dict) else {"output": response}
    return {"functionResponse": {"name": name, "response": value}}


def image(data: str = PNG) -> Fields:
    return {"inlineData": {"mimeType": "image/png", "data": data}}


# --- the conversation -------------------------------------------------------------------------------------

HI = [turn("user", text("hi"))]
SUMMARY = {
    "type": "compaction",
    "id": "cmp_1",
    "encrypted_content": encode(Carried(of="summary", content="S")),
}
SUMMED_UP = text("A summary of our conversation so far, from which we go on:\n\nS")

CONVERSATIONS: dict[str, tuple[Any, list[Fields]]] = {
    "C72 a bare string": ("hi", HI),
    "C72 a message without type": ([{"role": "user", "content": "hi"}], HI),
    "C72 a message of a string": ([said("user", "hi")], HI),
    "C72 a message of parts": ([said("user", [{"type": "input_text", "text": "hi"}])], HI),
    "C72 a bare part": ([{"type": "input_text", "text": "hi"}], HI),
    "C72 a list of a bare string": (["hi"], HI),
    "bare parts are one turn of the user": (
        ["a", {"type": "input_image", "image_url": PNG_URL}, said("user", "b")],
        [turn("user", text("a"), image(), text("b"))],
    ),
    # reference.md calls the key `result`; upstream.md, which wins, documents `output`
    "C73 mixed history": (
        [
            said("user", "q"),
            {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "E"},
            said("assistant", [{"type": "output_text", "text": "let me look"}], phase="commentary"),
            call("c1", '{"a":1}', id="fc_1"),
            call("c2", "{}", "g"),
            output("c1", "r1"),
            output(
                "c2",
                [{"type": "input_text", "text": "r2"}, {"type": "input_image", "image_url": PNG_URL}],
            ),
        ],
        [
            turn("user", text("q")),
            turn("model", text("let me look"), called({"a": 1}), called(name="g")),
            turn("user", result("r1"), result("r2", "g"), image()),
        ],
    ),
    "C74 a local shell, its output by the call's id": (
        [
            {
                "type": "local_shell_call",
                "call_id": "c",
                "action": {"type": "exec", "command": ["ls", "-l"], "working_directory": "/w"},
            },
            {"type": "local_shell_call_output", "id": "c", "output": "x"},
        ],
        [
            turn("user", text(" ")),
            turn("model", called({"command": ["ls", "-l"], "workdir": "/w"}, "local_shell")),
            turn("user", result("x", "local_shell")),
        ],
    ),
    "a local shell, its output by the item's id": (
        [
            "a",
            {
                "type": "local_shell_call",
                "id": "lsh_1",
                "call_id": "c",
                "action": {"command": ["ls"], "env": {"A": "b"}, "timeout_ms": 5, "user": "u"},
            },
            {"type": "local_shell_call_output", "id": "lsh_1", "output": '{"output":"x"}'},
        ],
        [
            turn("user", text("a")),
            turn(
                "model",
                called({"command": ["ls"], "timeout_ms": 5, "env": {"A": "b"}, "user": "u"}, "local_shell"),
            ),
            turn("user", result("x", "local_shell")),
        ],
    ),
    "a shell": (
        [
            "a",
            {
                "type": "shell_call",
                "call_id": "c",
                "action": {"commands": ["ls", "pwd"], "timeout_ms": 5, "max_output_length": None},
            },
            {
                "type": "shell_call_output",
                "call_id": "c",
                "output": [{"stdout": "x", "stderr": "", "outcome": {"type": "exit", "exit_code": 0}}],
            },
        ],
        [
            turn("user", text("a")),
            turn("model", called({"commands": ["ls", "pwd"], "timeout_ms": 5}, "shell")),
            turn(
                "user",
                result(
                    {"output": [{"stdout": "x", "stderr": "", "outcome": {"type": "exit", "exit_code": 0}}]},
                    "shell",
                ),
            ),
        ],
    ),
    "patches": (
        [
            "a",
            {
                "type": "apply_patch_call",
                "call_id": "c1",
                "operation": {"type": "update_file", "path": "p", "diff": "-a\n+b"},
            },
            {
                "type": "apply_patch_call",
                "call_id": "c2",
                "operation": {"type": "delete_file", "path": "q"},
            },
            {"type": "apply_patch_call_output", "call_id": "c2", "status": "failed"},
            {"type": "apply_patch_call_output", "call_id": "c1", "status": "completed", "output": None},
        ],
        [
            turn("user", text("a")),
            turn(
                "model",
                called({"type": "update_file", "path": "p", "diff": "-a\n+b"}, "apply_patch"),
                called({"type": "delete_file", "path": "q"}, "apply_patch"),
            ),
            turn(
                "user",
                result("Done.", "apply_patch"),
                result({"error": "The patch could not be applied."}, "apply_patch"),
            ),
        ],
    ),
    "C75 a custom tool and its output": (
        [
            "a",
            {"type": "custom_tool_call", "call_id": "c", "name": "apply_patch", "input": "*** Begin"},
            {"type": "custom_tool_call_output", "call_id": "c", "output": "Done!"},
        ],
        [
            turn("user", text("a")),
            turn("model", called({"input": "*** Begin"}, "apply_patch")),
            turn("user", result("Done!", "apply_patch")),
        ],
    ),
    "a call in a namespace": (
        ["a", call("c", name="close_agent", namespace="multi_agent_v1"), output("c", "1")],
        [
            turn("user", text("a")),
            turn("model", called(name="multi_agent_v1.close_agent")),
            turn("user", result("1", "multi_agent_v1.close_agent")),
        ],
    ),
    "the namespace 'functions' is as good as none": (
        [
            "a",
            call("c1", name="exec", namespace="functions"),
            output("c1", "1"),
            call("c2", name="exec"),
            output("c2", "2"),
        ],
        [
            turn("user", text("a")),
            turn("model", called(name="exec")),
            turn("user", result("1", "exec")),
            turn("model", called(name="exec")),
            turn("user", result("2", "exec")),
        ],
    ),
    "C34 results go back in the order of the calls": (
        ["a", call("c1", name="f"), call("c2", name="g"), output("c2", "2"), output("c1", "1")],
        [
            turn("user", text("a")),
            turn("model", called(), called(name="g")),
            turn("user", result("1"), result("2", "g")),
        ],
    ),
    "one call id twice": (
        ["a", call("c", name="f"), call("c", name="g"), output("c", "1"), output("c", "2")],
        [
            turn("user", text("a")),
            turn("model", called(), called(name="g")),
            turn("user", result("1"), result("2", "g")),
        ],
    ),
    "items without meaning part no calls": (
        [
            "a",
            call("c1"),
            {"type": "web_search_call", "id": "ws_1"},
            {"type": "tool_search_call"},
            {"type": "mcp_list_tools"},
            {"type": "of tomorrow"},
            call("c2", name="g"),
            output("c1", "1"),
            output("c2", "2"),
        ],
        [
            turn("user", text("a")),
            turn("model", called(), called(name="g")),
            turn("user", result("1"), result("2", "g")),
        ],
    ),
    "C37 a call without result gets one": (
        ["a", call("c1"), "b"],
        [turn("user", text("a")), turn("model", called()), turn("user", result(NO_RESULT), text("b"))],
    ),
    "C36 arguments that are no object": (
        ["a", call("c1", ""), call("c2", "not json"), call("c3", "[1,2]"), call("c4", {"a": 1})],
        [
            turn("user", text("a")),
            turn(
                "model", called(), called({"_raw": "not json"}), called({"value": [1, 2]}), called({"a": 1})
            ),
            turn("user", *[result(NO_RESULT)] * 4),
        ],
    ),
    "a result that is a JSON object stays one": (
        ["a", call("c"), output("c", '{"a": 1.0}')],
        [turn("user", text("a")), turn("model", called()), turn("user", result({"a": 1.0}))],
    ),
    "a refusal is what the model said": (
        ["a", said("assistant", [{"type": "refusal", "refusal": "no"}]), "b"],
        [turn("user", text("a")), turn("model", text("no")), turn("user", text("b"))],
    ),
    "thoughts do not go back": (
        [
            "a",
            {
                "type": "reasoning",
                "summary": [{"type": "summary_text", "text": "hm"}],
                "content": [{"type": "reasoning_text", "text": "hm"}],
            },
            said("assistant", "b"),
            "c",
        ],
        [turn("user", text("a")), turn("model", text("b")), turn("user", text("c"))],
    ),
    "an image that the model made": (
        ["a", {"type": "image_generation_call", "result": PNG}, {"type": "image_generation_call"}, "b"],
        [turn("user", text("a")), turn("model", image()), turn("user", text("b"))],
    ),
    "a file": (
        [said("user", [{"type": "input_file", "filename": "a.txt", "file_data": "YQ=="}])],
        [turn("user", {"inlineData": {"mimeType": "text/plain", "data": "YQ=="}})],
    ),
    "a summary of ours": ([SUMMARY, "a"], [turn("user", SUMMED_UP, text("a"))]),
    "a summary of somebody else's": (
        [{"type": "compaction_summary", "encrypted_content": "E"}, {"type": "compaction"}, "a"],
        [turn("user", text("a"))],
    ),
    "a signature is no summary": (
        [reasoning("call", "SIGN") | {"type": "compaction"}, "a"],
        [turn("user", text("a"))],
    ),
    "a trigger in the middle is long past": (
        ["a", {"type": "compaction_trigger"}, "b"],
        [turn("user", text("a"), text("b"))],
    ),
}


@pytest.mark.parametrize(("items", "contents"), CONVERSATIONS.values(), ids=CONVERSATIONS)
def test_items_become_contents(items: Any, contents: list[Fields]) -> None:
    assert sent(input=items) == {"contents": contents}


ARGUMENTS: dict[str, Fields] = {
    "words of schemas": {"properties": {"Name": "x"}, "$ref": "#/a", "enum": [1, 2], "items": ["a"]},
    "descriptions": {"command": "ls -la", "description": "list files", "title": "Bug"},
    "numbers": {"a": 1.0, "b": 12345678901234567890, "c": -0.5},
    "a long text": {"v": "é" * 5000},
}


@pytest.mark.parametrize("arguments", ARGUMENTS.values(), ids=ARGUMENTS)
def test_c35_arguments_survive(arguments: Fields) -> None:
    items = ["a", call("c", json.dumps(arguments)), output("c", "1"), *["b"] * 40]
    assert sent(input=items)["contents"][1] == turn("model", called(arguments))


# --- instructions -----------------------------------------------------------------------------------------

INSTRUCTIONS: dict[str, tuple[Fields, Fields]] = {
    "C70 the document's step 4": (
        {"instructions": "Vous êtes un réviseur de code rigoureux.", "input": "Indiquez le bug"},
        {
            "systemInstruction": {"parts": [text("Vous êtes un réviseur de code rigoureux.")]},
            "contents": [turn("user", text("Indiquez le bug"))],
        },
    ),
    "C13 nothing but a message of the system": (
        {"input": [said("system", "Say hi")]},
        {"contents": [turn("user", text("Say hi"))]},
    ),
    "all of them, in order": (
        {
            "instructions": "1",
            "input": [said("developer", "2"), "a", said("system", [{"type": "input_text", "text": "3"}])],
        },
        {
            "systemInstruction": {"parts": [text("1"), text("2"), text("3")]},
            "contents": [turn("user", text("a"))],
        },
    ),
    "those of the history ahead of those of the input": (
        {
            "previous_response_id": "resp_1",
            "history": [said("developer", "2"), "a"],
            "instructions": "1",
            "input": [said("developer", "3"), "b"],
        },
        {
            "systemInstruction": {"parts": [text("1"), text("2"), text("3")]},
            "contents": [turn("user", text("a"), text("b"))],
        },
    ),
    "empty ones": ({"instructions": "", "input": "a"}, {"contents": [turn("user", text("a"))]}),
}


@pytest.mark.parametrize(("fields", "expected"), INSTRUCTIONS.values(), ids=INSTRUCTIONS)
def test_instructions(fields: Fields, expected: Fields) -> None:
    assert sent(**fields) == expected


# --- what is kept -----------------------------------------------------------------------------------------


def test_c80_the_history_stands_ahead_of_the_input() -> None:
    history = ["my name is Ana", said("assistant", [{"type": "output_text", "text": "hi Ana"}], id="msg_1")]
    assert sent(history=history, input="name?", previous_response_id="resp_1") == {
        "contents": [
            turn("user", text("my name is Ana")),
            turn("model", text("hi Ana")),
            turn("user", text("name?")),
        ]
    }


def test_the_history_alone_is_enough() -> None:
    assert sent(history=["a"], input=None, previous_response_id="resp_1") == {
        "contents": [turn("user", text("a"))]
    }


def test_outputs_find_calls_of_the_history() -> None:
    assert sent(history=["a", call("c")], input=[output("c", "1")], conversation="conv_1") == {
        "contents": [turn("user", text("a")), turn("model", called()), turn("user", result("1"))]
    }


def test_a_summary_stands_for_the_history_ahead_of_it_but_not_for_its_instructions_and_tools() -> None:
    history = [
        said("developer", "D"),
        {"type": "additional_tools", "tools": [{"type": "function", "name": "f"}]},
        {"type": "configuration_update", "text": {"format": {"type": "json_object"}}},
        "a",
        SUMMARY,
        "b",
        call("c"),
        output("c", "1"),
        {"type": "compaction_trigger"},
        SUMMARY,
        "d",
    ]
    assert sent(FLASH_3, history=history, input="e", conversation="conv_1") == {
        "systemInstruction": {"parts": [text("D")]},
        "contents": [turn("user", SUMMED_UP, text("d"), text("e"))],
        "tools": [{"functionDeclarations": [{"name": "f"}]}],
        "generationConfig": {"responseMimeType": "application/json"},
    }


def test_references_are_what_they_refer_to() -> None:
    items = [
        "a",
        {"type": "item_reference", "id": "rs_1"},
        {"type": "item_reference", "id": "rs_unknown"},
        {"id": "fc_1"},
        output("c", "1"),
    ]
    referenced = [reasoning("call", "SIGN"), call("c", id="fc_1")]
    assert sent(FLASH_3, input=items, referenced=referenced)["contents"] == [
        turn("user", text("a")),
        turn("model", called(signature="SIGN")),
        turn("user", result("1")),
    ]


def test_a_reference_to_nothing_is_refused_as_openai_refuses_it() -> None:
    with pytest.raises(UnknownObject) as refusal:
        sent(input=["a", {"type": "item_reference", "id": "msg_1"}])
    assert (refusal.value.status, refusal.value.code, refusal.value.param, refusal.value.message) == (
        404,
        None,
        "input",
        "Item with id 'msg_1' not found.",
    )


def test_what_a_history_refers_to_may_be_gone() -> None:
    history = [{"type": "item_reference", "id": "msg_1"}, "a"]
    assert sent(history=history, conversation="conv_1", input="b")["contents"] == [
        turn("user", text("a"), text("b"))
    ]


def test_what_is_to_be_looked_up_and_fetched_is_known_ahead() -> None:
    url = "https://a.example/b.png"
    picture = {"type": "input_image", "image_url": url}
    request = parse(
        to_body(
            input=[
                {"id": "rs_1"},
                said("assistant", "a", id="msg_1"),
                said("user", ["x", picture]),
                call("c1"),
                output("c1", [picture]),
                {"type": "shell_call", "call_id": "c2", "action": {"commands": []}},
                said("system", "b", id="msg_2"),
                {"type": "input_file", "file_url": url},
            ]
        )
    )
    items = placed_items(request, referenced={})
    assert referenced_ids(request.items) == {"rs_1"}
    assert unsigned(items) == {"msg_1", "c1", "c2"}
    assert references(items) == (
        WebReference(url, "input[2].content[1].image_url", is_image=True),
        WebReference(url, "input[4].output[0].image_url", is_image=True),
        WebReference(url, "input[7].file_url", is_image=False),
    )


def test_items_keep_the_place_where_the_client_wrote_them() -> None:
    request = parse(to_body(input=[{"id": "rs_1"}, "b"], conversation="conv_1"))
    known = ReasoningItem(type="reasoning")
    assert placed_items(request, history=("a",), referenced={"rs_1": known}) == (
        Placed("a", "conversation[0]"),
        Placed(known, "input[0]"),
        Placed("b", "input[1]"),
    )


def test_what_was_fetched_goes_to_gemini() -> None:
    url = "https://a.example/b.png"
    request = parse(to_body(input=[said("user", [{"type": "input_image", "image_url": url}])]))
    fetched = {url: WebMedium(b"\x89PNG\r\n\x1a\n", "image/png")}
    body = to_gemini(request, FLASH_2_0, fetched=fetched).body
    assert json.loads(body.to_json()) == {"contents": [turn("user", image())]}


# --- signatures -------------------------------------------------------------------------------------------

KEPT = {"c1": Signature("KEPT", "up_1"), "c2": Signature("KEPT"), "msg_1": Signature("KEPT")}

SIGNED: dict[str, tuple[list[Any], list[Fields]]] = {
    "of a call, carried ahead of it": (
        ["a", reasoning("call", "SIGN"), call("c9"), output("c9", "1")],
        [turn("model", called(signature="SIGN"))],
    ),
    "with Gemini's own id of the call": (
        ["a", reasoning("call", "SIGN", "up_9"), call("c9"), output("c9", "1")],
        [
            turn(
                "model",
                {
                    "functionCall": {"name": "f", "args": {}, "id": "up_9"},
                    "thoughtSignature": "SIGN",
                },
            )
        ],
    ),
    "of the first of two calls": (
        ["a", reasoning("call", "SIGN"), call("c8"), call("c9", name="g")],
        [turn("model", called(signature="SIGN"), called(name="g"))],
    ),
    "of a custom call behind a text": (
        [
            "a",
            reasoning("call", "SIGN"),
            said("assistant", "b"),
            {"type": "custom_tool_call", "call_id": "c9", "name": "f", "input": ""},
        ],
        [turn("model", text("b"), called({"input": ""}, signature="SIGN"))],
    ),
    "of each step": (
        [
            "a",
            reasoning("call", "SIG1"),
            call("c8"),
            output("c8", "1"),
            reasoning("call", "SIG2"),
            call("c9"),
            output("c9", "2"),
        ],
        [
            turn("model", called(signature="SIG1")),
            turn("model", called(signature="SIG2")),
        ],
    ),
    "of a text": (
        [
            "a",
            reasoning("text", "SIGN"),
            said("assistant", ["b", {"type": "output_text", "text": "c"}]),
            "d",
        ],
        [turn("model", text("b"), text("c", thoughtSignature="SIGN"))],
    ),
    "of a text without words": (["a", reasoning("text", "SIGN"), said("assistant", ""), "b"], []),
    "not of a later turn": (
        ["a", reasoning("call", "SIGN"), reasoning("text", "SIGN"), "b", said("assistant", "c"), call("c9")],
        [turn("model", text("c"), called(signature=PLACEHOLDER))],
    ),
    "kept, by the id of the call": (
        ["a", call("c1"), output("c1", "1")],
        [
            turn(
                "model",
                {
                    "functionCall": {"name": "f", "args": {}, "id": "up_1"},
                    "thoughtSignature": "KEPT",
                },
            )
        ],
    ),
    "carried ones go ahead of kept ones": (
        ["a", reasoning("call", "SIGN"), call("c2")],
        [turn("model", called(signature="SIGN"))],
    ),
    "kept, by the id of the message": (
        ["a", said("assistant", "b", id="msg_1"), "c"],
        [turn("model", text("b", thoughtSignature="KEPT"))],
    ),
    "of nobody": (["a", call("c9")], [turn("model", called(signature=PLACEHOLDER))]),
    "of another provider": (
        ["a", {"type": "reasoning", "encrypted_content": "gAAAAAB"}, call("c9")],
        [turn("model", called(signature=PLACEHOLDER))],
    ),
    "that Gemini would refuse": (
        ["a", reasoning("call", "¿"), call("c9")],
        [turn("model", called(signature=PLACEHOLDER))],
    ),
    "a summary is none": (
        ["a", reasoning("summary", "SIGN"), call("c9")],
        [turn("model", called(signature=PLACEHOLDER))],
    ),
}


@pytest.mark.parametrize(("items", "turns"), SIGNED.values(), ids=SIGNED)
def test_signatures(items: list[Any], turns: list[Fields]) -> None:
    contents = sent(FLASH_3, input=items, signatures=KEPT)["contents"]
    assert [content for content in contents if content["role"] == "model"] == turns


# --- tools ------------------------------------------------------------------------------------------------

SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}}


def function(name: str = "f", **fields: Any) -> Fields:
    return {"type": "function", "name": name, **fields}


def namespace(name: str, *tools: Fields, **fields: Any) -> Fields:
    return {"type": "namespace", "name": name, "tools": list(tools), **fields}


FORM_F = CallForm(Kind.FUNCTION, "f")

TOOLS: dict[str, tuple[list[Fields], list[Fields], dict[str, CallForm]]] = {
    "C30 a function": (
        [function(description="d", parameters=SCHEMA, strict=None)],
        [{"name": "f", "description": "d", "parametersJsonSchema": SCHEMA}],
        {"f": FORM_F},
    ),
    "C31 a function as Chat Completions writes it": (
        [{"type": "function", "function": {"name": "f", "parameters": SCHEMA}}],
        [{"name": "f", "parametersJsonSchema": SCHEMA}],
        {"f": FORM_F},
    ),
    "C38 a name that Gemini does not take": (
        [function("1 tool!")],
        [{"name": "_1_tool_"}],
        {"_1_tool_": CallForm(Kind.FUNCTION, "1 tool!")},
    ),
    "C39 a function called web_search": (
        [function("web_search")],
        [{"name": "web_search"}],
        {"web_search": CallForm(Kind.FUNCTION, "web_search")},
    ),
    "C75 a custom tool": (
        [
            {
                "type": "custom",
                "name": "apply_patch",
                "description": "d",
                "format": {"type": "grammar", "syntax": "lark", "definition": "start: x"},
            }
        ],
        [
            {
                "name": "apply_patch",
                "description": "d\n\nThe input follows this lark grammar:\nstart: x",
                "parametersJsonSchema": {
                    "type": "object",
                    "properties": {
                        "input": {
                            "type": "string",
                            "description": "The whole input of the tool, as plain text.",
                        }
                    },
                    "required": ["input"],
                },
            }
        ],
        {"apply_patch": CallForm(Kind.CUSTOM, "apply_patch")},
    ),
    "C75 functions called shell and apply_patch": (
        [function("shell"), function("apply_patch")],
        [{"name": "shell"}, {"name": "apply_patch"}],
        {
            "shell": CallForm(Kind.FUNCTION, "shell"),
            "apply_patch": CallForm(Kind.FUNCTION, "apply_patch"),
        },
    ),
    "a namespace": (
        [namespace("n", function("f", description="d"), function("g"), description="N")],
        [{"name": "n.f", "description": "d"}, {"name": "n.g", "description": "N"}],
        {
            "n.f": CallForm(Kind.FUNCTION, "f", "n"),
            "n.g": CallForm(Kind.FUNCTION, "g", "n"),
        },
    ),
    "the namespace 'functions' is as good as none": (
        [namespace("functions", function("f"))],
        [{"name": "f"}],
        {"f": CallForm(Kind.FUNCTION, "f", "functions")},
    ),
    "of two tools with one name the first counts": (
        [
            function("f", description="d"),
            {"type": "custom", "name": "f"},
            namespace("functions", function("f")),
        ],
        [{"name": "f", "description": "d"}],
        {"f": FORM_F},
    ),
    "tool_search": (
        [function(), {"type": "tool_search", "execution": "client"}],
        [{"name": "f"}],
        {"f": FORM_F},
    ),
}


@pytest.mark.parametrize(("tools", "declared", "forms"), TOOLS.values(), ids=TOOLS)
@pytest.mark.parametrize("place", ["tools", "additional_tools"])
def test_tools_are_declared(
    tools: list[Fields], declared: list[Fields], forms: dict[str, CallForm], place: str
) -> None:
    if place == "tools":
        request = translated(tools=tools)
    else:
        request = translated(input=["x", {"type": "additional_tools", "role": "developer", "tools": tools}])
    assert json.loads(request.body.to_json()) == {
        "contents": [turn("user", text("x"))],
        "tools": [{"functionDeclarations": declared}],
    }
    assert {name: request.call_forms.of(name) for name in forms} == forms


def test_additional_tools_come_behind_the_others() -> None:
    added = {"type": "additional_tools", "tools": [function("g"), function("f", description="d")]}
    assert sent(input=["x", added], tools=[function("f")])["tools"] == [
        {"functionDeclarations": [{"name": "f"}, {"name": "g"}]}
    ]


CLIENT_TOOLS: dict[str, tuple[list[str], list[str]]] = {
    "local_shell": (["command", "workdir", "timeout_ms"], ["command"]),
    "shell": (["commands", "timeout_ms", "max_output_length"], ["commands"]),
    "apply_patch": (["type", "path", "diff"], ["type", "path"]),
}


@pytest.mark.parametrize(("kind", "fields"), CLIENT_TOOLS.items(), ids=CLIENT_TOOLS)
def test_tools_that_openai_s_models_know_are_explained_to_gemini(
    kind: str, fields: tuple[list[str], list[str]]
) -> None:
    request = translated(tools=[{"type": kind}])
    declared = json.loads(request.body.to_json())["tools"][0]["functionDeclarations"][0]
    schema = declared["parametersJsonSchema"]
    assert (declared["name"], list(schema["properties"]), schema["required"]) == (kind, *fields)
    assert declared["description"].endswith(".")
    assert request.call_forms.of(kind) == CallForm(Kind(kind), kind)


SEARCHES: dict[str, tuple[Fields, bool]] = {
    "C40 web_search": ({"tools": [{"type": "web_search"}]}, True),
    "C40 web_search_preview": ({"tools": [{"type": "web_search_preview"}]}, True),
    "C40 web_search_20250305": ({"tools": [{"type": "web_search_20250305"}]}, True),
    "C40 builtin_web_search": ({"tools": [{"type": "builtin_web_search"}]}, True),
    "web_search_2025_08_26": ({"tools": [{"type": "web_search_2025_08_26"}]}, True),
    "C40 the model's name asks for it": ({"searches_web": True}, True),
    "not without the web": ({"tools": [{"type": "web_search", "external_web_access": False}]}, False),
    "C39 not for a function of that name": ({"tools": [function("web_search")]}, False),
    "not if no tool is to be called": ({"tools": [{"type": "web_search"}], "tool_choice": "none"}, False),
    "chosen": ({"tools": [{"type": "web_search"}], "tool_choice": {"type": "web_search"}}, True),
    "required": ({"tools": [{"type": "web_search"}], "tool_choice": "required"}, True),
    "not if another tool is chosen": (
        {"tools": [{"type": "web_search"}, function()], "tool_choice": {"type": "function", "name": "f"}},
        False,
    ),
    "allowed": (
        {
            "tools": [{"type": "web_search"}, function()],
            "tool_choice": {"type": "allowed_tools", "mode": "auto", "tools": [{"type": "web_search"}]},
        },
        True,
    ),
    "not allowed": (
        {
            "tools": [{"type": "web_search"}, function()],
            "tool_choice": {"type": "allowed_tools", "mode": "auto", "tools": [function()]},
        },
        False,
    ),
    "not for a summary": (
        {"tools": [{"type": "web_search"}], "input": ["x", {"type": "compaction_trigger"}]},
        False,
    ),
}


@pytest.mark.parametrize(("fields", "searches"), SEARCHES.values(), ids=SEARCHES)
def test_web_searches(fields: Fields, searches: bool) -> None:  # noqa: FBT001
    by_name = fields.get("searches_web", False)
    request = parse(to_body(**{name: value for name, value in fields.items() if name != "searches_web"}))
    body = json.loads(to_gemini(request, FLASH_3, searches_web=by_name).body.to_json())
    assert ({"googleSearch": {}} in body.get("tools", ())) is searches


def config(mode: str, *allowed: str) -> Fields:
    names = {"allowedFunctionNames": list(allowed)} if allowed else {}
    return {"functionCallingConfig": {"mode": mode, **names}}


OFFERED = [
    function("f"),
    {"type": "custom", "name": "c"},
    namespace("n", function("g")),
    {"type": "local_shell"},
    {"type": "web_search"},
]
CHOICES: dict[str, tuple[Any, Fields | None]] = {
    "C33 nothing": (None, None),
    "C33 auto": ("auto", None),
    "C33 none": ("none", config("NONE")),
    "C33 required": ("required", config("ANY")),
    "C33 a function": ({"type": "function", "name": "f"}, config("ANY", "f")),
    "C33 a function as Chat Completions names it": (
        {"type": "function", "function": {"name": "f"}},
        config("ANY", "f"),
    ),
    "a custom tool": ({"type": "custom", "name": "c"}, config("ANY", "c")),
    "a function in a namespace": (
        {"type": "function", "name": "g", "namespace": "n"},
        config("ANY", "n.g"),
    ),
    "a shell": ({"type": "local_shell"}, config("ANY", "local_shell")),
    "a search": ({"type": "web_search_preview"}, None),
    "C33 some": (
        {"type": "allowed_tools", "mode": "auto", "tools": [function("f"), {"type": "local_shell"}]},
        config("VALIDATED", "f", "local_shell"),
    ),
    "one of some": (
        {"type": "allowed_tools", "mode": "required", "tools": [function("f"), {"type": "web_search"}]},
        config("ANY", "f"),
    ),
    "some as Chat Completions writes it": (
        {"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": [function("f")]}},
        config("VALIDATED", "f"),
    ),
    "none but a search": (
        {"type": "allowed_tools", "mode": "auto", "tools": [{"type": "web_search"}]},
        config("NONE"),
    ),
}


@pytest.mark.parametrize(("choice", "expected"), CHOICES.values(), ids=CHOICES)
def test_the_choice_of_tools(choice: Any, expected: Fields | None) -> None:
    assert sent(tools=OFFERED, tool_choice=choice).get("toolConfig") == expected


# --- how the answer shall be ------------------------------------------------------------------------------

GENERATION: dict[str, tuple[str, Fields, Fields]] = {
    "sampling": (FLASH_2_0, {"temperature": 0.5, "top_p": 0.25}, {"temperature": 0.5, "topP": 0.25}),
    "C76 tokens": (FLASH_2_0, {"max_output_tokens": 64}, {"maxOutputTokens": 64}),
    "C76 a schema": (
        FLASH_2_0,
        {"text": {"format": {"type": "json_schema", "name": "p", "schema": SCHEMA, "strict": True}}},
        {"responseMimeType": "application/json", "responseJsonSchema": SCHEMA},
    ),
    "any JSON": (
        FLASH_2_0,
        {"text": {"format": {"type": "json_object", "schema": SCHEMA}}},
        {"responseMimeType": "application/json"},
    ),
    "text": (FLASH_2_0, {"text": {"format": {"type": "text"}, "verbosity": "low"}}, {}),
    "thoughts are not shown unasked": (FLASH_2_5, {}, {}),
    "thoughts that are wanted": (
        FLASH_2_5,
        {"reasoning": {"summary": "auto"}},
        {"thinkingConfig": {"includeThoughts": True}},
    ),
    "thoughts that are wanted by the old name": (
        FLASH_2_5,
        {"reasoning": {"generate_summary": "concise", "summary": None}},
        {"thinkingConfig": {"includeThoughts": True}},
    ),
    "thoughts that are not wanted": (
        FLASH_3,
        {"reasoning": {"effort": "high", "summary": "none"}},
        {"thinkingConfig": {"thinkingLevel": "HIGH"}},
    ),
    "an effort": (
        FLASH_3,
        {"reasoning": {"effort": "xhigh", "summary": "detailed", "context": "all"}},
        {"thinkingConfig": {"thinkingLevel": "HIGH", "includeThoughts": True}},
    ),
    "logprobs": (
        FLASH_2_0,
        {"include": ["message.output_text.logprobs"], "top_logprobs": 3},
        {"responseLogprobs": True, "logprobs": 3},
    ),
    "logprobs, and nothing beside them": (
        FLASH_2_0,
        {"include": ["message.output_text.logprobs"]},
        {"responseLogprobs": True},
    ),
    "logprobs that are not to be told": (FLASH_2_0, {"top_logprobs": 3}, {}),
    "no effort shows nothing": (
        FLASH_3,
        {"reasoning": {"effort": "none", "summary": "auto"}},
        {"thinkingConfig": {"thinkingLevel": "MINIMAL"}},
    ),
    "updates count instead of what they update": (
        FLASH_3,
        {
            "reasoning": {"effort": "low"},
            "text": {"format": {"type": "text"}},
            "input": [
                "x",
                {"type": "configuration_update", "text": {"format": {"type": "json_object"}}},
                {"type": "configuration_update", "reasoning": {"effort": "high"}},
            ],
        },
        {"responseMimeType": "application/json", "thinkingConfig": {"thinkingLevel": "HIGH"}},
    ),
}


@pytest.mark.parametrize(("model", "fields", "expected"), GENERATION.values(), ids=GENERATION)
def test_generation(model: str, fields: Fields, expected: Fields) -> None:
    assert sent(model, **fields).get("generationConfig", {}) == expected


@pytest.mark.parametrize(
    ("wish", "shown"),
    [(None, False), ({"effort": "high"}, False), ({"summary": "auto"}, True)],
    ids=["nothing", "effort", "summary"],
)
def test_whether_reasoning_is_shown_is_known_to_the_answer(wish: Any, shown: bool) -> None:  # noqa: FBT001
    assert translated(FLASH_3, reasoning=wish).shows_reasoning is shown


IGNORED: dict[str, Any] = {
    "truncation": "auto",
    "parallel_tool_calls": False,
    "max_tool_calls": 5,
    "metadata": {"a": "b"},
    "user": "u",
    "include": ["reasoning.encrypted_content", "of tomorrow"],
    "store": False,
    "stream": True,
    "stream_options": {"include_obfuscation": False},
    "service_tier": "flex",
    "prompt_cache_key": "k",
    "safety_identifier": "s",
    "context_management": [{"type": "compaction"}],
    "client_metadata": {"a": "b"},
    "background": False,
}


@pytest.mark.parametrize(("name", "value"), IGNORED.items(), ids=IGNORED)
def test_what_is_no_business_of_gemini_s(name: str, value: Any) -> None:
    assert sent(**{name: value}) == {"contents": [turn("user", text("x"))]}


# --- summaries --------------------------------------------------------------------------------------------


def test_a_trigger_at_the_end_asks_for_a_summary() -> None:
    request = translated(
        FLASH_3,
        input=["a", call("c"), {"type": "compaction_trigger"}],
        tools=[function()],
        tool_choice="required",
        text={"format": {"type": "json_object"}},
    )
    body = json.loads(request.body.to_json())
    *_, asked = body["contents"][-1]["parts"]
    assert request.is_compaction
    assert "Sum up our conversation so far." in asked["text"]
    assert body == {
        "contents": [
            turn("user", text("a")),
            turn("model", called(signature=PLACEHOLDER)),
            turn("user", result(NO_RESULT), asked),
        ],
        "tools": [{"functionDeclarations": [{"name": "f"}]}],
        "toolConfig": config("NONE"),
    }


def test_the_endpoint_for_summaries_asks_for_one_too() -> None:
    sent_to_endpoint = {"model": "m", "input": ["a"], "instructions": "b"}
    by_endpoint = to_gemini(parse_compact(json.dumps(sent_to_endpoint).encode()), FLASH_3)
    by_trigger = translated(FLASH_3, input=["a", {"type": "compaction_trigger"}], instructions="b")
    assert by_endpoint == by_trigger


def test_no_summary_is_made_unasked() -> None:
    assert not translated().is_compaction


# --- refusals ---------------------------------------------------------------------------------------------


def not_supported(kind: str) -> str:
    return (
        f"Tools of the type '{kind}' are not supported; use 'function', 'custom', 'namespace', 'web_search', "
        "'local_shell', 'shell' or 'apply_patch'."
    )


def no_effort(param: str) -> str:
    efforts = "'none', 'minimal', 'low', 'medium', 'high', 'xhigh', 'max'"
    return f"Invalid value for '{param}': 'huge'; use one of {efforts}."


REFUSED: dict[str, tuple[Fields, str, str]] = {
    "background": (
        {"background": True},
        "background",
        "Nothing runs in the background: leave 'background' out.",
    ),
    "prompt": (
        {"prompt": {"id": "pmpt_1"}},
        "prompt",
        "The gateway keeps no prompt templates: send 'instructions' and 'input'.",
    ),
    "two pasts": (
        {"previous_response_id": "resp_1", "conversation": {"id": "conv_1"}},
        "conversation",
        "'previous_response_id' and 'conversation' cannot be used together.",
    ),
    "the body of another endpoint": (
        {"input": None, "messages": [{"role": "user", "content": "x"}]},
        "input",
        "Missing required parameter: 'input'. 'messages' is for POST /v1/chat/completions.",
    ),
    "no input": ({"input": None}, "input", "Missing required parameter: 'input'."),
    **{
        name: ({"input": value}, "input", "'input' must be a text or hold at least one item.")
        for name, value in {
            "empty input": [],
            "empty text": "",
            "nothing to sum up": [{"type": "compaction_trigger"}],
        }.items()
    },
    "C37 an output of no call": (
        {"input": ["a", call("c1"), output("c2", "1")]},
        "input[2].call_id",
        "No tool call found for function call output with call_id 'c2'.",
    ),
    "C37 an output of no shell": (
        {"input": [{"type": "local_shell_call_output", "id": "c", "output": "1"}]},
        "input[0].call_id",
        "No tool call found for local shell call output with call_id 'c'.",
    ),
    "an output in a conversation": (
        {"conversation": "conv_1", "history": [output("c", "1")]},
        "conversation[0].call_id",
        "No tool call found for function call output with call_id 'c'.",
    ),
    "two outputs of one call": (
        {"input": ["a", call("c"), output("c", "1"), output("c", "1")]},
        "input[3].call_id",
        "No tool call found for function call output with call_id 'c'.",
    ),
    "an unknown part": (
        {"input": [said("user", [{"type": "hologram"}])]},
        "input[0].content[0].type",
        "Content of the type 'hologram' is not supported.",
    ),
    "an image in an output": (
        {"input": [call("c"), output("c", [{"type": "input_image", "image_url": "x"}])]},
        "input[1].output[0].image_url",
        "'x' is no URL that can be used here: send a data URL (data:image/png;base64,…).",
    ),
    "an image among the instructions": (
        {"input": [said("developer", [{"type": "input_image", "image_url": PNG_URL}])]},
        "input[0].content[0].type",
        "Gemini takes instructions as text only.",
    ),
    "an image of the model that is none": (
        {"input": [{"type": "image_generation_call", "result": "¿"}]},
        "input[0].result",
        "The content of 'input[0].result' is not valid base64.",
    ),
    "effort": (
        {"reasoning": {"effort": "huge"}},
        "reasoning.effort",
        no_effort("reasoning.effort"),
    ),
    "effort in an update": (
        {"input": ["x", {"type": "configuration_update", "reasoning": {"effort": "huge"}}]},
        "input[1].reasoning.effort",
        no_effort("input[1].reasoning.effort"),
    ),
    **{
        f"tool {kind}": (
            {"tools": [function(), {"type": kind}]},
            "tools[1].type",
            not_supported(kind),
        )
        for kind in ("file_search", "computer_use_preview", "code_interpreter", "image_generation", "mcp")
    },
    "tool in a namespace": (
        {"tools": [namespace("n", {"type": "shell"})]},
        "tools[0].tools[0].type",
        not_supported("shell"),
    ),
    "tool among the items": (
        {"input": [{"type": "additional_tools", "tools": [{"type": "mcp"}]}]},
        "input[0].tools[0].type",
        not_supported("mcp"),
    ),
    "C33 a choice that is not there": (
        {"tools": [function()], "tool_choice": {"type": "function", "name": "g"}},
        "tool_choice",
        "Invalid value for 'tool_choice': there is no tool 'g' in 'tools'.",
    ),
    "a shell that is not there": (
        {"tools": [function()], "tool_choice": {"type": "shell"}},
        "tool_choice",
        "Invalid value for 'tool_choice': there is no tool 'shell' in 'tools'.",
    ),
    "a choice without name": (
        {"tools": [function()], "tool_choice": {"type": "function"}},
        "tool_choice",
        "'tool_choice' must name a tool.",
    ),
    "a choice that OpenAI would run": (
        {"tools": [function()], "tool_choice": {"type": "file_search"}},
        "tool_choice",
        not_supported("file_search"),
    ),
    "a call that no tool can take": (
        {"tool_choice": "required"},
        "tool_choice",
        "'tool_choice' requires a call, but there are no tools to call.",
    ),
}


@pytest.mark.parametrize(("fields", "param", "message"), REFUSED.values(), ids=REFUSED)
def test_refusals_name_the_parameter(fields: Fields, param: str, message: str) -> None:
    with pytest.raises(InvalidRequest) as refusal:
        sent(**fields)
    assert (refusal.value.param, refusal.value.message) == (param, message)


NOT_SUPPORTED: dict[str, Fields] = {
    "background": {"background": True},
    "prompt": {"prompt": {"id": "pmpt_1"}},
    "tool": {"tools": [{"type": "mcp"}]},
}


@pytest.mark.parametrize("fields", NOT_SUPPORTED.values(), ids=NOT_SUPPORTED)
def test_what_gemini_has_no_equal_for_is_told_from_mistakes(fields: Fields) -> None:
    with pytest.raises(UnsupportedInput):
        sent(**fields)


# --- what the answer repeats ------------------------------------------------------------------------------


def test_the_answer_repeats_what_was_sent() -> None:
    fields: Fields = {
        "instructions": "a",
        "max_output_tokens": 5,
        "max_tool_calls": 6,
        "metadata": {"b": "c"},
        "parallel_tool_calls": False,
        "previous_response_id": "resp_1",
        "prompt_cache_key": "k",
        "reasoning": {"effort": "low"},
        "safety_identifier": "s",
        "store": False,
        "temperature": 0.5,
        "text": {"verbosity": "low"},
        "tool_choice": {"type": "function", "name": "f"},
        "tools": [function(strict=True), {"type": "local_shell"}],
        "top_logprobs": 7,
        "top_p": 0.25,
        "truncation": "auto",
        "user": "u",
    }
    body = to_body(**fields)
    echo = json.loads(to_echo(parse(body), parse_verbatim(body)).to_json())
    # the strict types of `openai` want what OpenAI's own answers have
    tools = [function(strict=True, parameters=None), {"type": "local_shell"}]
    assert echo == {**fields, "service_tier": "default", "tools": tools}


def test_what_was_not_sent_is_repeated_as_openai_s_default() -> None:
    body = to_body(tools=None, text=None, service_tier="flex")
    assert to_echo(parse(body), parse_verbatim(body)) == Echo()


def test_the_answer_names_the_conversation() -> None:
    body = to_body(conversation="conv_1")
    echo = json.loads(to_echo(parse(body), parse_verbatim(body)).to_json())
    assert echo["conversation"] == {"id": "conv_1"}
