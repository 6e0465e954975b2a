"""What each field of a Chat Completions request becomes. The numbers are those of the conformance cases."""

import json
from typing import Any

import pytest

from antigravity_addon.errors import InvalidRequest, UnsupportedInput
from antigravity_addon.translate.conversation import Signature
from antigravity_addon.translate.openai_chat.request import TranslatedRequest, to_gemini
from antigravity_addon.wire.openai_chat.request import parse

type Fields = dict[str, Any]

FLASH_2_0 = "gemini-2.0-flash"
"""Asked for nothing, nothing is added for it: the plainest requests."""
FLASH_2_5 = "gemini-2.5-flash"
PRO_2_5 = "gemini-2.5-pro"
FLASH_3 = "gemini-3-flash-preview"
FLASH_3_8 = "gemini-3.8-flash"
NEON = "gemini-4-neon"


def translated(
    model: str = FLASH_2_0, *, signatures: dict[str, Signature] | None = None, **fields: Any
) -> TranslatedRequest:
    request = {"model": "gpt-4o", "messages": [user("x")], **fields}
    return to_gemini(parse(json.dumps(request).encode()), model, signatures=signatures or {})


def sent(model: str = FLASH_2_0, *, signatures: dict[str, Signature] | None = None, **fields: Any) -> Fields:
    """The JSON that goes to Gemini."""
    return json.loads(translated(model, signatures=signatures, **fields).body.to_json())


def user(content: Any) -> Fields:
    return {"role": "user", "content": content}


def assistant(content: Any = None, *calls: Fields, **fields: Any) -> Fields:
    return {"role": "assistant", "content": content, **({"tool_calls": calls} if calls else {}), **fields}


def call(id: str, arguments: Any = "{}", name: str = "f", **fields: Any) -> Fields:  # noqa: A002  # its name on the wire
    return {"id": id, "type": "function", "function": {"name": name, "arguments": arguments}, **fields}


def tool(id: str, content: Any) -> Fields:  # noqa: A002  # its name on the wire
    return {"role": "tool", "tool_call_id": id, "content": content}


def function(name: str = "f", **fields: Any) -> Fields:
    return {"type": "function", "function": {"name": name, **fields}}


def turn(role: str, *parts: Fields) -> Fields:
    return {"role": role, "parts": list(parts)}


def text(value: str) -> Fields:
    return {"text": value}


def called(args: Fields | None = None, name: str = "f", **fields: Any) -> Fields:
    return {"functionCall": {"name": name, "args": args or {}, **fields}}


def result(response: Any, name: str = "f", **fields: Any) -> Fields:
    value = response if isinstance(response, dict) else {"output": response}
    return {"functionResponse": {"name": name, "response": value, **fields}}


NO_RESULT = {"error": "No result was given for this call."}
PLACEHOLDER = {"thoughtSignature": "skip_thought_signature_validator"}
PNG = "iVBORw0KGgo="

CONVERSATIONS: dict[str, tuple[list[Fields], list[Fields]]] = {
    "C10 minimal": ([user("salut")], [turn("user", text("salut"))]),
    "C11 neighbours of one role become one turn": (
        [user("a"), user("b"), assistant("c"), assistant("d"), user("e")],
        [turn("user", text("a"), text("b")), turn("model", text("c"), text("d")), turn("user", text("e"))],
    ),
    "nothing is said by empty text": (
        [user("a"), assistant(""), user(""), user([]), user([text("") | {"type": "text"}]), user("b")],
        [turn("user", text("a"), text("b"))],
    ),
    "nobody says anything": ([user("")], [turn("user", text(" "))]),
    "the model begins": (
        [assistant("a"), user("b")],
        [turn("user", text(" ")), turn("model", text("a")), turn("user", text("b"))],
    ),
    "prefill": ([user("a"), assistant("b")], [turn("user", text("a")), turn("model", text("b"))]),
    "parts stay apart": (
        [
            user(
                [
                    "a",
                    {"type": "text", "text": "b"},
                    {"type": "input_text", "text": "c"},
                    {"type": "output_text", "text": "d"},
                ]
            )
        ],
        [turn("user", text("a"), text("b"), text("c"), text("d"))],
    ),
    "a refusal is what the model said": (
        [
            user("a"),
            assistant([{"type": "refusal", "refusal": "no"}]),
            user("b"),
            assistant(None, refusal="never"),
            user("c"),
        ],
        [
            turn("user", text("a")),
            turn("model", text("no")),
            turn("user", text("b")),
            turn("model", text("never")),
            turn("user", text("c")),
        ],
    ),
    "thoughts do not go back": (
        [user("a"), assistant("b", reasoning_content="hm", reasoning="hm"), user("c")],
        [turn("user", text("a")), turn("model", text("b")), turn("user", text("c"))],
    ),
    "C34 results go back in the order of the calls": (
        [
            user("weather?"),
            assistant(
                None,
                call("call_1", '{"city":"Paris"}', "get_weather"),
                call("call_2", '{"city":"Rome"}', "get_weather"),
            ),
            tool("call_2", "20"),
            tool("call_1", "10"),
        ],
        [
            turn("user", text("weather?")),
            turn("model", called({"city": "Paris"}, "get_weather"), called({"city": "Rome"}, "get_weather")),
            turn("user", result("10", "get_weather"), result("20", "get_weather")),
        ],
    ),
    "text goes ahead of the calls": (
        [user("a"), assistant("b", call("c1")), tool("c1", "r"), user("c")],
        [turn("user", text("a")), turn("model", text("b"), called()), turn("user", result("r"), text("c"))],
    ),
    "one step after the other": (
        [
            user("a"),
            assistant(None, call("c1")),
            tool("c1", "1"),
            assistant(None, call("c2")),
            tool("c2", "2"),
        ],
        [
            turn("user", text("a")),
            turn("model", called()),
            turn("user", result("1")),
            turn("model", called()),
            turn("user", result("2")),
        ],
    ),
    "C37 a call without result gets one": (
        [user("a"), assistant(None, call("c1"), call("c2")), tool("c2", "2"), user("b")],
        [
            turn("user", text("a")),
            turn("model", called(), called()),
            turn("user", result(NO_RESULT), result("2"), text("b")),
        ],
    ),
    "C37 calls at the very end get results": (
        [user("a"), assistant(None, call("c1"))],
        [turn("user", text("a")), turn("model", called()), turn("user", result(NO_RESULT))],
    ),
    "a late result comes to its call": (
        [user("a"), assistant(None, call("c1")), user("b"), tool("c1", "1")],
        [turn("user", text("a")), turn("model", called()), turn("user", result("1"), text("b"))],
    ),
    "calls in neighbouring messages are one turn": (
        [
            user("a"),
            assistant(None, call("c1")),
            assistant(None, call("c2")),
            tool("c2", "2"),
            tool("c1", "1"),
        ],
        [turn("user", text("a")), turn("model", called(), called()), turn("user", result("1"), result("2"))],
    ),
    "ids that come again belong to the nearest call": (
        [user("a"), assistant(None, call("c")), tool("c", "1"), assistant(None, call("c")), tool("c", "2")],
        [
            turn("user", text("a")),
            turn("model", called()),
            turn("user", result("1")),
            turn("model", called()),
            turn("user", result("2")),
        ],
    ),
    "a call answered by name waits no more": (
        [
            user("a"),
            assistant(None, call("c", "{}", "f"), call("c", "{}", "g")),
            {"role": "function", "name": "f", "content": "1"},
            tool("c", "2"),
        ],
        [
            turn("user", text("a")),
            turn("model", called(), called(name="g")),
            turn("user", result("1"), result("2", "g")),
        ],
    ),
    "one id twice in one message": (
        [user("a"), assistant(None, call("", "{}", "f"), call("", "{}", "g")), tool("", "1"), tool("", "2")],
        [
            turn("user", text("a")),
            turn("model", called(), called(name="g")),
            turn("user", result("1"), result("2", "g")),
        ],
    ),
    "legacy function_call": (
        [
            user("a"),
            assistant(None, function_call={"name": "f", "arguments": "{}"}),
            {"role": "function", "name": "f", "content": "1"},
        ],
        [turn("user", text("a")), turn("model", called()), turn("user", result("1"))],
    ),
    "custom call": (
        [
            user("a"),
            assistant(None, {"id": "c", "type": "custom", "custom": {"name": "f", "input": "ls"}}),
            tool("c", "1"),
        ],
        [turn("user", text("a")), turn("model", called({"input": "ls"})), turn("user", result("1"))],
    ),
    "ids go upstream only if they came from there": (
        [
            user("a"),
            assistant(None, call("call_1", extra_content={"google": {"id": "dv8szvqe"}}), call("call_2")),
            tool("call_1", "1"),
            tool("call_2", "2"),
        ],
        [
            turn("user", text("a")),
            turn("model", called(id="dv8szvqe"), called()),
            turn("user", result("1", id="dv8szvqe"), result("2")),
        ],
    ),
    "images of a result stand behind all results": (
        [
            user("a"),
            assistant(None, call("c1"), call("c2")),
            tool(
                "c1",
                [
                    {"type": "text", "text": "see"},
                    {"type": "image_url", "image_url": f"data:image/png;base64,{PNG}"},
                ],
            ),
            tool("c2", "2"),
        ],
        [
            turn("user", text("a")),
            turn("model", called(), called()),
            turn("user", result("see"), result("2"), {"inlineData": {"mimeType": "image/png", "data": PNG}}),
        ],
    ),
    "C53 an image that was answered is one again": (
        [user("a"), assistant(f"see ![image](data:image/png;base64,{PNG})!"), user("b")],
        [
            turn("user", text("a")),
            turn("model", text("see "), {"inlineData": {"mimeType": "image/png", "data": PNG}}, text("!")),
            turn("user", text("b")),
        ],
    ),
}


@pytest.mark.parametrize(("messages", "contents"), CONVERSATIONS.values(), ids=CONVERSATIONS)
def test_messages_become_turns(messages: list[Fields], contents: list[Fields]) -> None:
    assert sent(messages=messages) == {"contents": contents}


SYSTEM: dict[str, tuple[list[Fields], Fields]] = {
    "C11 system and developer, wherever they stand": (
        [
            {"role": "system", "content": "S1"},
            user("a"),
            {"role": "developer", "content": [{"type": "text", "text": "S2"}]},
            user("b"),
        ],
        {
            "systemInstruction": {"parts": [text("S1"), text("S2")]},
            "contents": [turn("user", text("a"), text("b"))],
        },
    ),
    "C12 system text is not touched": (
        [{"role": "system", "content": "Today is: 2026-01-23\n<cwd>/home/u</cwd>\n "}, user("a")],
        {
            "systemInstruction": {"parts": [text("Today is: 2026-01-23\n<cwd>/home/u</cwd>\n ")]},
            "contents": [turn("user", text("a"))],
        },
    ),
    "C13 system only": (
        [{"role": "system", "content": "Say hi"}],
        {"contents": [turn("user", text("Say hi"))]},
    ),
    "empty system": ([{"role": "system", "content": ""}, user("a")], {"contents": [turn("user", text("a"))]}),
}


@pytest.mark.parametrize(("messages", "request_sent"), SYSTEM.values(), ids=SYSTEM)
def test_system_messages_become_the_instruction(messages: list[Fields], request_sent: Fields) -> None:
    assert sent(messages=messages) == request_sent


def test_on_newer_models_the_user_has_the_last_word() -> None:
    contents = sent(NEON, messages=[user("a"), assistant("b")])["contents"]
    assert contents == [turn("user", text("a")), turn("model", text("b")), turn("user", text("Continue."))]


def test_c18_an_image_becomes_inline_data() -> None:
    image = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}", "detail": "high"}}
    parts = [text("what?"), {"inlineData": {"mimeType": "image/png", "data": PNG}}]
    content = [{"type": "text", "text": "what?"}, image]
    assert sent(FLASH_2_0, messages=[user(content)])["contents"] == [turn("user", *parts)]
    resolution = {"mediaResolution": {"level": "MEDIA_RESOLUTION_HIGH"}}
    assert sent(NEON, messages=[user(content)])["contents"] == [turn("user", parts[0], parts[1] | resolution)]


def inline(mime_type: str, data: str) -> Fields:
    return {"inlineData": {"mimeType": mime_type, "data": data}}


MEDIA: dict[str, tuple[Fields, Fields]] = {
    "image of the Responses API": (
        {"type": "input_image", "image_url": f"data:image/png;base64,{PNG}"},
        inline("image/png", PNG),
    ),
    "image in Google's storage": (
        {"type": "image_url", "image_url": {"url": "gs://bucket/a.png"}},
        {"fileData": {"fileUri": "gs://bucket/a.png", "mimeType": "image/png"}},
    ),
    "C21 wav": (
        {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}},
        inline("audio/wav", "AAAA"),
    ),
    "C21 mp3": (
        {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "mp3"}},
        inline("audio/mp3", "AAAA"),
    ),
    "C22 file as a data URL": (
        {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,JVBERg=="}},
        inline("application/pdf", "JVBERg=="),
    ),
    "file as bare base64": (
        {"type": "file", "file": {"filename": "a.pdf", "file_data": "JVBERg=="}},
        inline("application/pdf", "JVBERg=="),
    ),
    "file of the Responses API": (
        {"type": "input_file", "filename": "a.txt", "file_data": "YQ=="},
        inline("text/plain", "YQ=="),
    ),
    "file of the Gemini API": (
        {"type": "file", "file": {"file_id": "https://generativelanguage.googleapis.com/v1beta/files/abc"}},
        {"fileData": {"fileUri": "https://generativelanguage.googleapis.com/v1beta/files/abc"}},
    ),
}


@pytest.mark.parametrize(("part", "gemini_part"), MEDIA.values(), ids=MEDIA)
def test_media_becomes_inline_data(part: Fields, gemini_part: Fields) -> None:
    assert sent(messages=[user([part])])["contents"] == [turn("user", gemini_part)]


ARGUMENTS: dict[str, tuple[Any, Fields]] = {
    "C35 description is no keyword here": (
        '{"command":"ls -la","description":"list files"}',
        {"command": "ls -la", "description": "list files"},
    ),
    "C35 title": (
        '{"title":"Bug","body":"It crashes","labels":["a"]}',
        {"title": "Bug", "body": "It crashes", "labels": ["a"]},
    ),
    "C35 type": ('{"type":"file","path":"/x"}', {"type": "file", "path": "/x"}),
    "C35 items": ('{"items":["a","b"],"list":"x"}', {"items": ["a", "b"], "list": "x"}),
    "C35 properties": (
        '{"properties":{"Name":"x","Done":true}}',
        {"properties": {"Name": "x", "Done": True}},
    ),
    "C35 $ref": ('{"$ref":"#/a","k":1}', {"$ref": "#/a", "k": 1}),
    "C35 enum": ('{"enum":[1,2],"k":1}', {"enum": [1, 2], "k": 1}),
    "C35 [undefined]": ('{"v":"[undefined]"}', {"v": "[undefined]"}),
    "C35 long": (json.dumps({"v": "y" * 5000}), {"v": "y" * 5000}),
    "null survives": ('{"v":null,"w":[null]}', {"v": None, "w": [None]}),
    "large integers survive": ('{"v":12345678901234567890123}', {"v": 12345678901234567890123}),
    "C36 none": ("", {}),
    "C36 blank": (" \n", {}),
    "C36 null": (None, {}),
    "C36 no JSON": ("not json", {"_raw": "not json"}),
    "C36 NaN is no JSON": ('{"v":NaN}', {"_raw": '{"v":NaN}'}),
    "C36 array": ("[1,2]", {"value": [1, 2]}),
    "C36 the object itself": ({"a": 1}, {"a": 1}),
}


@pytest.mark.parametrize(("arguments", "args"), ARGUMENTS.values(), ids=ARGUMENTS)
def test_arguments_are_never_edited(arguments: Any, args: Fields) -> None:
    messages = [user("a"), assistant(None, call("c", arguments)), tool("c", "1"), *[user("more")] * 40]
    assert sent(messages=messages)["contents"][1]["parts"] == [called(args)]


RESULTS: dict[str, tuple[Any, Fields]] = {
    "text": ("20 °C", {"output": "20 °C"}),
    "an object stays one": ('{"a":{"b":null},"type":"x"}', {"a": {"b": None}, "type": "x"}),
    "an array is text": ("[1]", {"output": "[1]"}),
    "a number is text": ("1.50", {"output": "1.50"}),
    "cut off": ('{"a":', {"output": '{"a":'}),
    "NaN is no JSON": ('{"a":NaN}', {"output": '{"a":NaN}'}),
    "lone surrogate is no JSON": (r'{"a":"\ud800"}', {"output": r'{"a":"\ud800"}'}),
    "nothing": ("", {"output": ""}),
    "null": (None, {"output": ""}),
    "parts": ([{"type": "text", "text": "a"}, "b"], {"output": "a\nb"}),
    "an object in a part": ([{"type": "text", "text": '{"a":1}'}], {"a": 1}),
}


@pytest.mark.parametrize(("content", "response"), RESULTS.values(), ids=RESULTS)
def test_a_result_that_is_an_object_stays_one(content: Any, response: Fields) -> None:
    messages = [user("a"), assistant(None, call("c")), tool("c", content)]
    assert sent(messages=messages)["contents"][2]["parts"] == [result(response)]


def test_newer_models_see_the_images_of_a_result_inside_it() -> None:
    image = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}}
    messages = [user("a"), assistant(None, call("c")), tool("c", ["see", image])]
    response = result("see", parts=[inline("image/png", PNG)])
    assert sent(FLASH_3, messages=messages)["contents"][2]["parts"] == [response]


# --- thought signatures -----------------------------------------------------------------------------------


def signed(signature: str) -> Fields:
    return {"extra_content": {"google": {"thought_signature": signature}}}


SIGNATURES: dict[str, tuple[str, list[Fields], list[Fields]]] = {
    "C46 the client brought it": (
        FLASH_3,
        [user("a"), assistant(None, call("c1", **signed("SIGN")), call("c2"))],
        [called() | {"thoughtSignature": "SIGN"}, called()],
    ),
    "C46 older models take it too": (
        FLASH_2_5,
        [user("a"), assistant(None, call("c1", **signed("SIGN")))],
        [called() | {"thoughtSignature": "SIGN"}],
    ),
    "C47 lost on a model that needs it": (
        FLASH_3,
        [user("a"), assistant(None, call("c1"), call("c2"))],
        [called() | PLACEHOLDER, called()],
    ),
    "C47 lost on a model that does not": (FLASH_2_5, [user("a"), assistant(None, call("c1"))], [called()]),
    "remembered for the client": (
        FLASH_3,
        [user("a"), assistant(None, call("known"))],
        [called() | {"thoughtSignature": "KEPT"}],
    ),
    "what the client brought goes first": (
        FLASH_3,
        [user("a"), assistant(None, call("known", **signed("SIGN")))],
        [called() | {"thoughtSignature": "SIGN"}],
    ),
    "no base64": (
        FLASH_3,
        [user("a"), assistant(None, call("c1", **signed("¿?")))],
        [called() | PLACEHOLDER],
    ),
    "of the whole message, beside a call": (
        FLASH_3,
        [user("a"), assistant("b", call("c1"), **signed("SIGN"))],
        [text("b"), called() | {"thoughtSignature": "SIGN"}],
    ),
    "of the whole message, beside a call that has its own": (
        FLASH_3,
        [user("a"), assistant("b", call("c1", **signed("SIGN")), **signed("TEXT"))],
        [text("b") | {"thoughtSignature": "TEXT"}, called() | {"thoughtSignature": "SIGN"}],
    ),
    "of the whole message, beside a legacy call": (
        FLASH_3,
        [user("a"), assistant(None, function_call={"name": "f", "arguments": "{}"}, **signed("SIGN"))],
        [called() | {"thoughtSignature": "SIGN"}],
    ),
    "of the whole message, without calls": (
        FLASH_3,
        [user("a"), assistant(["b", "c"], **signed("SIGN")), user("d")],
        [text("b"), text("c") | {"thoughtSignature": "SIGN"}],
    ),
    "a word beside results begins no turn": (
        FLASH_3,
        [user("a"), assistant(None, call("c1")), tool("c1", "1"), user("b")],
        [called() | PLACEHOLDER],
    ),
    "earlier turns are not validated": (
        FLASH_3,
        [user("a"), assistant(None, call("c1")), tool("c1", "1"), assistant("b"), user("c")],
        [called()],
    ),
}


@pytest.mark.parametrize(("model", "messages", "parts"), SIGNATURES.values(), ids=SIGNATURES)
def test_signatures_go_back_with_their_part(model: str, messages: list[Fields], parts: list[Fields]) -> None:
    contents = sent(model, signatures={"known": Signature("KEPT")}, messages=messages)["contents"]
    assert contents[1]["parts"] == parts


def test_each_step_of_the_current_turn_is_signed() -> None:
    messages = [
        user("a"),
        assistant(None, call("c1")),
        tool("c1", "1"),
        assistant(None, call("c2")),
        tool("c2", "2"),
    ]
    contents = sent(FLASH_3, messages=messages)["contents"]
    assert [content["parts"] for content in contents[1::2]] == [
        [called() | PLACEHOLDER],
        [called() | PLACEHOLDER],
    ]


# --- tools ------------------------------------------------------------------------------------------------


def test_c30_a_declaration() -> None:
    schema = {
        "type": "object",
        "properties": {"city": {"type": "string", "minLength": 1}, "days": {"type": ["integer", "null"]}},
        "required": ["city", "days"],
        "additionalProperties": False,
        "$schema": "http://json-schema.org/draft-07/schema#",
    }
    request_sent = sent(tools=[function("get_weather", description="w", strict=True, parameters=schema)])
    del schema["$schema"]
    declaration = {"name": "get_weather", "description": "w", "parametersJsonSchema": schema}
    assert request_sent == {
        "contents": [turn("user", text("x"))],
        "tools": [{"functionDeclarations": [declaration]}],
        "toolConfig": {"functionCallingConfig": {"mode": "VALIDATED"}},
    }


EMPTY_OBJECT = {"type": "object", "properties": {}}

DECLARATIONS: dict[str, tuple[Fields, list[Fields] | None]] = {
    "none": ({"tools": []}, None),
    "C31 flat": (
        {"tools": [{"type": "function", "name": "f", "parameters": EMPTY_OBJECT}]},
        [{"name": "f", "parametersJsonSchema": EMPTY_OBJECT}],
    ),
    "no parameters": (
        {"tools": [function("f"), function("g", parameters={})]},
        [{"name": "f"}, {"name": "g"}],
    ),
    "C39 a function called web_search is a function": (
        {"tools": [function("web_search")]},
        [{"name": "web_search"}],
    ),
    "of two with one name the first": (
        {"tools": [function("f", description="1"), function("f", description="2")]},
        [{"name": "f", "description": "1"}],
    ),
    "legacy functions": ({"functions": [{"name": "f"}]}, [{"name": "f"}]),
    "custom": (
        {
            "tools": [
                {
                    "type": "custom",
                    "custom": {
                        "name": "f",
                        "description": "d",
                        "format": {
                            "type": "grammar",
                            "grammar": {"syntax": "lark", "definition": "start: X"},
                        },
                    },
                }
            ]
        },
        [
            {
                "name": "f",
                "description": "d\n\nThe input follows this lark grammar:\nstart: X",
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
    ),
}


@pytest.mark.parametrize(("fields", "declarations"), DECLARATIONS.values(), ids=DECLARATIONS)
def test_tools_become_one_list_of_declarations(fields: Fields, declarations: list[Fields] | None) -> None:
    expected = {} if declarations is None else {"tools": [{"functionDeclarations": declarations}]}
    assert sent(**fields) == {"contents": [turn("user", text("x"))], **expected}


def test_custom_tools_are_reported_for_the_answer() -> None:
    assert translated(tools=[{"type": "custom", "name": "f"}, function("g")]).custom_tools == {"f"}


LEGACY: dict[str, tuple[Fields, bool]] = {
    "no tools": ({}, False),
    "tools": ({"tools": [function()]}, False),
    "functions": ({"functions": [{"name": "f"}]}, True),
    "no functions": ({"functions": []}, False),
    "functions beside no tools": ({"functions": [{"name": "f"}], "tools": []}, True),
    "functions beside tools": ({"functions": [{"name": "f"}], "tools": [function("g")]}, False),
}


@pytest.mark.parametrize(("fields", "uses_functions"), LEGACY.values(), ids=LEGACY)
def test_legacy_functions_are_reported_for_the_answer(fields: Fields, *, uses_functions: bool) -> None:
    assert translated(**fields).uses_functions is uses_functions


CHOICES: dict[str, tuple[Any, Fields | None]] = {
    "C33 none": ("none", {"mode": "NONE"}),
    "C33 auto": ("auto", None),
    "C33 required": ("required", {"mode": "ANY"}),
    "C33 one function": (
        {"type": "function", "function": {"name": "f"}},
        {"mode": "ANY", "allowedFunctionNames": ["f"]},
    ),
    "C33 one function, flat": (
        {"type": "function", "name": "f"},
        {"mode": "ANY", "allowedFunctionNames": ["f"]},
    ),
    "one custom tool": (
        {"type": "custom", "custom": {"name": "g"}},
        {"mode": "ANY", "allowedFunctionNames": ["g"]},
    ),
    "C33 some may be called": (
        {
            "type": "allowed_tools",
            "allowed_tools": {"mode": "auto", "tools": [{"type": "function", "function": {"name": "f"}}]},
        },
        {"mode": "VALIDATED", "allowedFunctionNames": ["f"]},
    ),
    "C33 some must be called, flat": (
        {
            "type": "allowed_tools",
            "mode": "required",
            "tools": [{"type": "function", "name": "f"}, {"name": "g"}],
        },
        {"mode": "ANY", "allowedFunctionNames": ["f", "g"]},
    ),
    "none may be called": ({"type": "allowed_tools", "mode": "auto", "tools": []}, {"mode": "NONE"}),
}


@pytest.mark.parametrize(("choice", "config"), CHOICES.values(), ids=CHOICES)
def test_c33_tool_choice(choice: Any, config: Fields | None) -> None:
    request_sent = sent(tools=[function("f"), {"type": "custom", "name": "g"}], tool_choice=choice)
    assert request_sent.get("toolConfig") == (config and {"functionCallingConfig": config})


def test_a_choice_among_no_tools_is_no_choice() -> None:
    assert sent(tools=[], tool_choice="auto") == {"contents": [turn("user", text("x"))]}


def test_legacy_function_call_is_a_tool_choice() -> None:
    request_sent = sent(functions=[{"name": "f"}], function_call={"name": "f"})
    assert request_sent["toolConfig"] == {
        "functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["f"]}
    }


def test_c38_names_are_the_same_in_declarations_calls_results_and_choice() -> None:
    translation = translated(
        messages=[user("a"), assistant(None, call("c", "{}", "1 tool")), tool("c", "r")],
        tools=[function("1 tool")],
        tool_choice={"type": "function", "function": {"name": "1 tool"}},
    )
    assert json.loads(translation.body.to_json()) == {
        "contents": [
            turn("user", text("a")),
            turn("model", called(name="_1_tool")),
            turn("user", result("r", name="_1_tool")),
        ],
        "tools": [{"functionDeclarations": [{"name": "_1_tool"}]}],
        "toolConfig": {"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["_1_tool"]}},
    }
    assert translation.tool_names.to_client("_1_tool") == "1 tool"


# --- generation config ------------------------------------------------------------------------------------

CONFIGS: dict[str, tuple[str, Fields, Fields]] = {
    "C10 nothing asked for": (FLASH_2_0, {}, {}),
    "C15 sampling": (
        FLASH_2_0,
        {"temperature": 0.2, "top_p": 0.9, "top_k": 40, "max_tokens": 100, "stop": "END", "seed": 7},
        {
            "temperature": 0.2,
            "topP": 0.9,
            "topK": 40,
            "maxOutputTokens": 100,
            "stopSequences": ["END"],
            "seed": 7,
        },
    ),
    "C15 zero is a value": (
        FLASH_2_0,
        {"temperature": 0, "top_p": 0, "seed": 0},
        {"temperature": 0, "topP": 0, "seed": 0},
    ),
    "C15 max_completion_tokens wins": (
        FLASH_2_0,
        {"max_completion_tokens": 50, "max_tokens": 9},
        {"maxOutputTokens": 50},
    ),
    "more tokens than the model has": (FLASH_2_0, {"max_tokens": 100_000}, {"maxOutputTokens": 8_192}),
    "C15 stop": (FLASH_2_0, {"stop": ["a", "", "b", "a"]}, {"stopSequences": ["a", "b"]}),
    "empty stop": (FLASH_2_0, {"stop": ""}, {}),
    "C15 penalties": (
        FLASH_2_0,
        {"presence_penalty": 0.5, "frequency_penalty": -0.5},
        {"presencePenalty": 0.5, "frequencyPenalty": -0.5},
    ),
    "penalties of zero": (FLASH_2_0, {"presence_penalty": 0, "frequency_penalty": 0.0}, {}),
    "top_k switched off": (FLASH_2_0, {"top_k": -1}, {}),
    "seed beyond an int32": (FLASH_2_0, {"seed": 2**40 + 5}, {"seed": 5}),
    "negative seed": (FLASH_2_0, {"seed": -5}, {"seed": -5}),
    "C16 text": (FLASH_2_0, {"response_format": {"type": "text"}}, {}),
    "C16 JSON mode": (
        FLASH_2_0,
        {"response_format": {"type": "json_object"}},
        {"responseMimeType": "application/json"},
    ),
    "JSON without a schema": (
        FLASH_2_0,
        {"response_format": {"type": "json_schema", "json_schema": {"name": "p"}}},
        {"responseMimeType": "application/json"},
    ),
    "C17 JSON schema": (
        FLASH_2_0,
        {
            "response_format": {
                "type": "json_schema",
                "json_schema": {
                    "name": "p",
                    "strict": True,
                    "schema": {
                        "type": "object",
                        "properties": {"a": {"type": ["integer", "null"]}},
                        "required": ["a"],
                    },
                },
            }
        },
        {
            "responseMimeType": "application/json",
            "responseJsonSchema": {
                "type": "object",
                "properties": {"a": {"type": ["integer", "null"]}},
                "required": ["a"],
            },
        },
    ),
    "images": (FLASH_2_0, {"modalities": ["text", "image"]}, {"responseModalities": ["TEXT", "IMAGE"]}),
    "text": (FLASH_2_0, {"modalities": ["text"]}, {}),
    "new models ignore sampling and refuse penalties": (
        FLASH_3_8,
        {
            "temperature": 0.2,
            "top_p": 0.9,
            "top_k": 40,
            "presence_penalty": 0.5,
            "frequency_penalty": -0.5,
            "seed": 1,
        },
        {"seed": 1, "thinkingConfig": {"includeThoughts": True}},
    ),
}


@pytest.mark.parametrize(("model", "fields", "config"), CONFIGS.values(), ids=CONFIGS)
def test_generation_config(model: str, fields: Fields, config: Fields) -> None:
    assert sent(model, **fields).get("generationConfig", {}) == config


def test_older_models_are_asked_for_json_in_words_beside_tools() -> None:
    wanted = {
        "type": "json_schema",
        "json_schema": {"name": "p", "schema": {"type": "object", "required": []}},
    }
    fields: Fields = {"messages": [{"role": "system", "content": "S"}, user("a")], "tools": [function()]}
    old = sent(FLASH_2_0, response_format=wanted, **fields)
    assert "generationConfig" not in old
    assert old["systemInstruction"]["parts"] == [
        text("S"),
        text(
            "Unless you call a tool, answer with one JSON value and nothing else: no Markdown, no comment. "
            'It must be valid under this JSON Schema:\n{"type":"object"}'
        ),
    ]
    new = sent(FLASH_3, response_format=wanted, **fields)
    assert new["generationConfig"]["responseJsonSchema"] == {"type": "object"}
    assert new["systemInstruction"]["parts"] == [text("S")]


def shown(**fields: Any) -> Fields:
    return {**fields, "includeThoughts": True}


THINKING: dict[str, tuple[str, Fields, Fields | None]] = {
    "not asked, thinks in tokens": (FLASH_2_5, {}, shown()),
    "not asked, thinks in levels": (FLASH_3_8, {}, shown()),
    "not asked, does not think unasked": ("gemini-2.5-flash-lite", {}, None),
    "cannot think": (FLASH_2_0, {"reasoning_effort": "high"}, None),
    "C25 none": (FLASH_2_5, {"reasoning_effort": "none"}, {"thinkingBudget": 0}),
    "C25 none, where it cannot be off": (PRO_2_5, {"reasoning_effort": "none"}, {"thinkingBudget": 128}),
    "C25 none, in levels": (FLASH_3, {"reasoning_effort": "none"}, {"thinkingLevel": "MINIMAL"}),
    "C25 minimal": (FLASH_2_5, {"reasoning_effort": "minimal"}, shown(thinkingBudget=1_024)),
    "C25 low": (FLASH_2_5, {"reasoning_effort": "low"}, shown(thinkingBudget=1_024)),
    "C25 medium": (FLASH_2_5, {"reasoning_effort": "medium"}, shown(thinkingBudget=8_192)),
    "C25 high": (FLASH_2_5, {"reasoning_effort": "high"}, shown(thinkingBudget=24_576)),
    "C25 xhigh": (PRO_2_5, {"reasoning_effort": "xhigh"}, shown(thinkingBudget=32_768)),
    "C25 max": (FLASH_2_5, {"reasoning_effort": "max"}, shown(thinkingBudget=24_576)),
    "minimal where there is none": (FLASH_3_8, {"reasoning_effort": "minimal"}, shown(thinkingLevel="LOW")),
    "medium where there is none": (
        "gemini-3-pro-preview",
        {"reasoning_effort": "medium"},
        shown(thinkingLevel="HIGH"),
    ),
    "xhigh": (NEON, {"reasoning_effort": "xhigh"}, shown(thinkingLevel="XHIGH")),
    "xhigh where there is none": (
        "gemini-4-carbon",
        {"reasoning_effort": "max"},
        shown(thinkingLevel="HIGH"),
    ),
    "a family nobody knows yet": (
        "gemini-9-xenon",
        {"reasoning_effort": "xhigh"},
        shown(thinkingLevel="HIGH"),
    ),
    "OpenRouter's effort": (FLASH_3_8, {"reasoning": {"effort": "low"}}, shown(thinkingLevel="LOW")),
    "OpenRouter's budget": (FLASH_2_5, {"reasoning": {"max_tokens": 2_000}}, shown(thinkingBudget=2_000)),
    "OpenRouter's budget in levels": (
        FLASH_3_8,
        {"reasoning": {"max_tokens": 2_000}},
        shown(thinkingLevel="MEDIUM"),
    ),
    "a budget of nothing in levels": (FLASH_3_8, {"reasoning": {"max_tokens": 0}}, {"thinkingLevel": "LOW"}),
    "OpenRouter's switch": (FLASH_2_5, {"reasoning": {"enabled": False}}, {"thinkingBudget": 0}),
    "OpenRouter's exclude": (
        FLASH_2_5,
        {"reasoning": {"effort": "low", "exclude": True}},
        {"thinkingBudget": 1_024},
    ),
    "Anthropic's budget": (
        FLASH_2_5,
        {"thinking": {"type": "enabled", "budget_tokens": 99_999}},
        shown(thinkingBudget=24_576),
    ),
    "Anthropic's adaptive": (FLASH_2_5, {"thinking": {"type": "adaptive"}}, shown()),
    "Anthropic's disabled": (FLASH_2_5, {"thinking": {"type": "disabled"}}, {"thinkingBudget": 0}),
    "Google's budget": (
        FLASH_2_5,
        {"google": {"thinking_config": {"thinking_budget": -1, "include_thoughts": False}}},
        {"thinkingBudget": -1},
    ),
    "Google's level, as not every client unwraps it": (
        FLASH_3_8,
        {
            "extra_body": {"google": {"thinking_config": {"thinking_level": "HIGH"}}},
            "reasoning_effort": "low",
        },
        shown(thinkingLevel="HIGH"),
    ),
    "Google's level on a model of budgets": (
        FLASH_2_5,
        {"google": {"thinking_config": {"thinking_level": "low"}}},
        shown(thinkingBudget=1_024),
    ),
    "Google's budget of nothing": (
        FLASH_2_5,
        {"google": {"thinking_config": {"thinking_budget": 0, "include_thoughts": True}}},
        {"thinkingBudget": 0},
    ),
}


@pytest.mark.parametrize(("model", "fields", "config"), THINKING.values(), ids=THINKING)
def test_thinking(model: str, fields: Fields, config: Fields | None) -> None:
    assert sent(model, **fields).get("generationConfig", {}).get("thinkingConfig") == config


def test_safety_settings_only_when_asked_for() -> None:
    setting = {"category": "HARM_CATEGORY_HARASSMENT", "threshold": "OFF"}
    assert sent(extra_body={"google": {"safety_settings": [setting]}})["safetySettings"] == [setting]


IGNORED: Fields = {
    "user": "u",
    "metadata": {"a": "b"},
    "store": True,
    "service_tier": "flex",
    "logit_bias": {"50256": -100},
    "prediction": {"type": "content", "content": "x"},
    "stream": True,
    "stream_options": {"include_usage": True},
    "parallel_tool_calls": False,
    "prompt_cache_key": "k",
    "cache_control": {"type": "ephemeral"},
    "n": 1,
}


@pytest.mark.parametrize("name", IGNORED)
def test_what_gemini_has_no_use_for_changes_nothing(name: str) -> None:
    assert sent(**{name: IGNORED[name]}) == sent()


# --- refusals ---------------------------------------------------------------------------------------------


def image(url: str) -> Fields:
    return {"messages": [user([{"type": "image_url", "image_url": {"url": url}}])]}


def parts(*content: Any) -> Fields:
    return {"messages": [user(list(content))]}


REFUSED: dict[str, tuple[Fields, type[InvalidRequest], str]] = {
    "C19 web image": (
        image("https://example.test/a.png"),
        UnsupportedInput,
        "messages[0].content[0].image_url.url",
    ),
    "C20 local path": (image("/etc/hostname"), InvalidRequest, "messages[0].content[0].image_url.url"),
    "C20 file URL": (image("file:///etc/hostname"), InvalidRequest, "messages[0].content[0].image_url.url"),
    "broken base64": (
        image("data:image/png;base64,?"),
        InvalidRequest,
        "messages[0].content[0].image_url.url",
    ),
    "GIF": (
        image("data:image/gif;base64,R0lGODlhAQ=="),
        UnsupportedInput,
        "messages[0].content[0].image_url.url",
    ),
    "C22 file_id": (
        parts({"type": "file", "file": {"file_id": "file-1"}}),
        UnsupportedInput,
        "messages[0].content[0].file.file_id",
    ),
    "web file": (
        parts({"type": "input_file", "file_url": "https://example.test/a.pdf"}),
        UnsupportedInput,
        "messages[0].content[0].file_url",
    ),
    "file without content": (
        parts({"type": "file", "file": {}}),
        InvalidRequest,
        "messages[0].content[0].file.file_data",
    ),
    "unknown audio": (
        parts({"type": "input_audio", "input_audio": {"data": "AAAA", "format": "midi"}}),
        UnsupportedInput,
        "messages[0].content[0].input_audio.format",
    ),
    "unknown part": (parts("x", {"type": "hologram"}), UnsupportedInput, "messages[0].content[1].type"),
    "image in a system message": (
        {
            "messages": [
                {
                    "role": "system",
                    "content": parts({"type": "image_url", "image_url": "data:,"})["messages"][0]["content"],
                }
            ]
        },
        UnsupportedInput,
        "messages[0].content[0].type",
    ),
    "C24 unknown role": (
        {"messages": [{"role": "tester", "content": "x"}]},
        InvalidRequest,
        "messages[0].role",
    ),
    "C37 result without call": (
        {"messages": [user("a"), tool("c", "1")]},
        InvalidRequest,
        "messages[1].tool_call_id",
    ),
    "C37 result ahead of its call": (
        {"messages": [user("a"), tool("c", "1"), assistant(None, call("c"))]},
        InvalidRequest,
        "messages[1].tool_call_id",
    ),
    "C37 second result": (
        {"messages": [user("a"), assistant(None, call("c")), tool("c", "1"), tool("c", "2")]},
        InvalidRequest,
        "messages[3].tool_call_id",
    ),
    "function result without call": (
        {"messages": [user("a"), {"role": "function", "name": "f", "content": "1"}]},
        InvalidRequest,
        "messages[1].name",
    ),
    "unknown tool": ({"tools": [{"type": "mcp"}]}, UnsupportedInput, "tools[0].type"),
    "C33 unknown name": (
        {"tools": [function()], "tool_choice": {"type": "function", "function": {"name": "g"}}},
        InvalidRequest,
        "tool_choice",
    ),
    "choice without a name": ({"tools": [function()], "tool_choice": {}}, InvalidRequest, "tool_choice"),
    "unknown legacy name": (
        {"functions": [{"name": "f"}], "function_call": {"name": "g"}},
        InvalidRequest,
        "function_call",
    ),
    "a call required of nothing": ({"tool_choice": "required"}, InvalidRequest, "tool_choice"),
    "more choices than OpenAI gives": ({"n": 129}, InvalidRequest, "n"),
    "six stops": ({"stop": list("abcdef")}, InvalidRequest, "stop"),
    "audio answers": ({"modalities": ["text", "audio"]}, UnsupportedInput, "modalities"),
    "unknown modality": ({"modalities": ["smell"]}, InvalidRequest, "modalities"),
    "unknown effort": ({"reasoning_effort": "heroic"}, InvalidRequest, "reasoning_effort"),
    "OpenRouter's unknown effort": ({"reasoning": {"effort": "heroic"}}, InvalidRequest, "reasoning.effort"),
    "Google's unknown level": (
        {"extra_body": {"google": {"thinking_config": {"thinking_level": "heroic"}}}},
        InvalidRequest,
        "extra_body.google.thinking_config.thinking_level",
    ),
    "explicit cache": (
        {"google": {"cached_content": "cachedContents/1"}},
        UnsupportedInput,
        "google.cached_content",
    ),
}


@pytest.mark.parametrize(("fields", "kind", "param"), REFUSED.values(), ids=REFUSED)
def test_what_would_give_a_wrong_kind_of_answer_is_refused(
    fields: Fields, kind: type[InvalidRequest], param: str
) -> None:
    with pytest.raises(kind) as refusal:
        sent(**fields)
    assert refusal.value.param == param
    assert refusal.value.message.endswith(".")


def test_the_same_request_gives_the_same_bytes() -> None:
    fields: Fields = {"tools": [function("1 a"), function("1_a")], "temperature": 1, "stop": ["b", "a"]}
    assert translated(**fields).body.to_json() == translated(**fields).body.to_json()
