"""What the simulated API refuses, and in which words."""

import base64
import json
from pathlib import Path

import pytest

from antigravity_addon.simulator.signature import PLACEHOLDERS, sign
from antigravity_addon.wire.base import Json, JsonObject
from tests.simulator.talking import HELLO, Asker, asking, model, text, user

OLD, NEW, NEWEST = "gemini-2.5-flash", "gemini-3.8-flash", "gemini-4-neon"
PNG = base64.b64encode(b"\x89PNG").decode()


def call(name: str = "f", signature: str | None = base64.b64encode(sign(b"seed")).decode()) -> JsonObject:
    part: JsonObject = {"functionCall": {"name": name, "args": {}}}
    return part if signature is None else {**part, "thoughtSignature": signature}


def result(name: str = "f", response: Json = None) -> JsonObject:
    return {"functionResponse": {"name": name, "response": {"output": 1} if response is None else response}}


def declaring(*declarations: Json, **fields: Json) -> JsonObject:
    return asking("Hi", tools=[{"functionDeclarations": [*declarations]}], **fields)


def many_declarations(count: int) -> list[Json]:
    return [{"name": f"f{index}"} for index in range(count)]


def typed(schema: JsonObject) -> JsonObject:
    """A function with one argument of a typed schema."""
    return declaring({"name": "f", "parameters": {"type": "OBJECT", "properties": {"a": schema}}})


def free(schema: Json) -> JsonObject:
    return declaring({"name": "f", "parametersJsonSchema": schema})


def config(**fields: Json) -> JsonObject:
    return asking("Hi", generationConfig=fields)


def thinking(**fields: Json) -> JsonObject:
    return config(thinkingConfig=fields)


def image(mime_type: str = "image/png", data: str = PNG) -> JsonObject:
    return asking(user({"inlineData": {"mimeType": mime_type, "data": data}}))


def deep(levels: int) -> JsonObject:
    schema: JsonObject = {"type": "STRING"}
    for _ in range(levels):
        schema = {"type": "ARRAY", "items": schema}
    return schema


REFUSED: dict[str, tuple[str, JsonObject, str]] = {
    # shape
    "unknown root field": (OLD, asking("Hi", labels={"a": "b"}), 'Unknown name "labels": Cannot find field.'),
    "unknown field in a part": (
        OLD,
        asking(user({"text": "Hi", "cache_control": {}})),
        "Unknown name \"cache_control\" at 'contents[0].parts[0]': Cannot find field.",
    ),
    "unknown field in the config": (
        OLD,
        config(maxTokens=5),
        "Unknown name \"maxTokens\" at 'generation_config': Cannot find field.",
    ),
    "unknown field in a call": (
        OLD,
        asking("Hi", model({"functionCall": {"name": "f", "arguments": "{}"}}), user(result())),
        "Unknown name \"arguments\" at 'contents[1].parts[0].function_call': Cannot find field.",
    ),
    "text where a message is due": (
        OLD,
        asking("Hi", systemInstruction="Be brief."),
        (
            "Invalid value at 'system_instruction' (type.googleapis.com/"
            'google.ai.generativelanguage.v1beta.Content), "Be brief."'
        ),
    ),
    "number in quotes that is none": (
        OLD,
        config(temperature="hot"),
        "Invalid value at 'generation_config.temperature' (TYPE_FLOAT), \"hot\"",
    ),
    "list where one is due": (
        OLD,
        asking(user({"text": ["Hi"]})),
        "Unknown name \"text\" at 'contents[0].parts[0]': Proto field is not repeating, cannot start list.",
    ),
    "unknown enum value": (
        OLD,
        thinking(thinkingLevel="MAX"),
        "'generation_config.thinking_config.thinking_level'",
    ),
    "wrong type for a bool": (OLD, thinking(includeThoughts="yes"), "(TYPE_BOOL)"),
    # contents
    "no contents": (OLD, {"contents": []}, "contents is not specified"),
    "nothing at all": (OLD, {}, "contents is not specified"),
    "content without parts": (OLD, asking({"role": "user"}), "contents.parts must not be empty"),
    "content of empty texts": (OLD, asking(user("", "")), "contents.parts must not be empty"),
    "empty part": (OLD, asking(user({})), "required oneof field 'data' must have one initialized field"),
    "two payloads in a part": (
        OLD,
        asking(user({"text": "a", "functionCall": {"name": "f"}})),
        "oneof field 'data' is already set",
    ),
    "unknown role": (
        OLD,
        asking({**user("Hi"), "role": "assistant"}),
        "Please use a valid role: user, model.",
    ),
    "system instruction without parts": (OLD, asking("Hi", systemInstruction={}), "must not be empty"),
    "system instruction with an image": (
        OLD,
        asking("Hi", systemInstruction=user({"inlineData": {"mimeType": "image/png", "data": PNG}})),
        "system instruction may hold text only",
    ),
    "last turn is the model's": (NEW, asking("Hi", model("I")), "last turn is a user turn"),
    "last turn is the model's, newest": (NEWEST, asking("Hi", model("I")), "last turn is a user turn"),
    "bad base64": (
        OLD,
        image(data="not base64!"),
        "Invalid value at 'contents[0].parts[0].inline_data.data' (TYPE_BYTES)",
    ),
    "gif": (OLD, image("image/gif"), "Unsupported MIME type: image/gif"),
    "office file on an older model": (OLD, image("application/msword"), "Unsupported MIME type"),
    "no image data": (OLD, image(data=""), "inline_data.data: required field is missing"),
    "file without address": (OLD, asking(user({"fileData": {}})), "file_uri: required field is missing"),
    "address that leads nowhere": (
        OLD,
        asking(user({"fileData": {"fileUri": "https://x.invalid/a.png"}})),
        "Cannot fetch content from the provided URL",
    ),
    "resolution of a part on an older model": (
        OLD,
        asking(user({"text": "Hi", "mediaResolution": {"level": "MEDIA_RESOLUTION_LOW"}})),
        "Media resolution of a part is not supported",
    ),
    # calls and results
    "call first of all": (OLD, asking(model(call()), user(result())), "comes immediately after a user turn"),
    "call after a model turn": (
        OLD,
        asking("Hi", model("Wait."), model(call()), user(result())),
        "comes immediately after a user turn",
    ),
    "call without result": (
        OLD,
        asking("Hi", model(call()), "Well?"),
        "number of function response parts is equal",
    ),
    "call as the last turn": (OLD, asking("Hi", model(call())), "number of function response parts is equal"),
    "two calls, one result": (
        OLD,
        asking("Hi", model(call(), call("g")), user(result())),
        "number of function response parts is equal",
    ),
    "results in two turns": (
        OLD,
        asking("Hi", model(call(), call("g")), user(result()), user(result("g"))),
        "number of function response parts is equal",
    ),
    "result without call": (
        OLD,
        asking("Hi", user(result())),
        "comes immediately after a function call turn",
    ),
    "result later than the next turn": (
        OLD,
        asking("Hi", model(call()), user(result()), model("Hm."), user(result())),
        "comes immediately after a function call turn",
    ),
    "result behind a text": (
        OLD,
        asking("Hi", model(call()), user("Here:", result())),
        "function response parts come before all other parts",
    ),
    "call of the user": (
        OLD,
        asking(user(call()), user(result())),
        "function call parts belong to a model turn",
    ),
    "result of the model": (
        OLD,
        asking("Hi", model(result())),
        "function response parts belong to a user turn",
    ),
    "result that is no object": (
        OLD,
        asking("Hi", model(call()), user(result(response="text"))),
        (
            "Invalid value at 'contents[2].parts[0].function_response.response' "
            '(type.googleapis.com/google.protobuf.Struct), "text"'
        ),
    ),
    "no result": (
        OLD,
        asking("Hi", model(call()), user({"functionResponse": {"name": "f"}})),
        "function_response.response: required field is missing",
    ),
    "call without a name": (OLD, asking("Hi", model(call("")), user(result())), "Name cannot be empty"),
    "result without a name": (OLD, asking("Hi", model(call()), user(result(""))), "Name cannot be empty"),
    "pictures in a result on an older model": (
        OLD,
        asking(
            "Hi",
            model(call()),
            user(
                {
                    "functionResponse": {
                        "name": "f",
                        "response": {},
                        "parts": [{"inlineData": {"mimeType": "image/png", "data": PNG}}],
                    }
                }
            ),
        ),
        "Multimodal function responses are not supported",
    ),
    # signatures
    "no signature": (
        NEW,
        asking("Hi", model(call(signature=None)), user(result())),
        "missing a thought_signature",
    ),
    "no signature in the second step": (
        NEW,
        asking("Hi", model(call()), user(result()), model(call(signature=None)), user(result())),
        "position 3",
    ),
    "signature of somebody else": (
        NEW,
        asking("Hi", model(call(signature="QUJDRA==")), user(result())),
        "Corrupted thought signature.",
    ),
    "signature that is no base64": (
        NEW,
        asking("Hi", model(call(signature="it's me")), user(result())),
        "Invalid value at 'contents[1].parts[0].thought_signature' (TYPE_BYTES), \"it's me\"",
    ),
    # declarations
    "name starting with a digit": (OLD, declaring({"name": "1st"}), "Invalid function name"),
    "name with a space": (OLD, declaring({"name": "a b"}), "Invalid function name"),
    "no name": (OLD, declaring({"description": "?"}), "Invalid function name"),
    "65 characters on an older model": (OLD, declaring({"name": "a" * 65}), "maximum length of 64"),
    "129 characters": (NEW, declaring({"name": "a" * 129}), "maximum length of 128"),
    "declared twice": (
        OLD,
        declaring({"name": "f"}, {"name": "f"}),
        "Duplicate function declaration found: f",
    ),
    "too many": (OLD, declaring(*many_declarations(513)), "At most 512"),
    "both kinds of parameters": (
        OLD,
        declaring({"name": "f", "parameters": {"type": "OBJECT"}, "parametersJsonSchema": {}}),
        "only one of parameters and parameters_json_schema",
    ),
    "functions on an image model": (
        "gemini-2.5-flash-image",
        declaring({"name": "f"}),
        "Function calling is not enabled",
    ),
    "built-in tools beside functions": (
        NEW,
        asking("Hi", tools=[{"functionDeclarations": [{"name": "f"}]}, {"googleSearch": {}}]),
        "circulation is not enabled",
    ),
    "built-in tools beside functions on an older model, agreed": (
        OLD,
        asking(
            "Hi",
            tools=[{"functionDeclarations": [{"name": "f"}]}, {"googleSearch": {}}],
            toolConfig={"includeServerSideToolInvocations": True},
        ),
        "circulation is not enabled",
    ),
    "search and JSON on an older model": (
        OLD,
        asking("Hi", tools=[{"googleSearch": {}}], generationConfig={"responseMimeType": "application/json"}),
        "with a response mime type: 'application/json' is unsupported",
    ),
    "calling config without functions": (
        OLD,
        asking("Hi", toolConfig={"functionCallingConfig": {"mode": "AUTO"}}),
        "Function calling config is set without function_declarations",
    ),
    "allowed names with auto": (
        OLD,
        declaring(
            {"name": "f"},
            toolConfig={"functionCallingConfig": {"mode": "AUTO", "allowedFunctionNames": ["f"]}},
        ),
        "only when function calling mode is ANY",
    ),
    "allowed name that is not declared": (
        OLD,
        declaring(
            {"name": "f"},
            toolConfig={"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["g"]}},
        ),
        "Function g in allowed_function_names is not declared",
    ),
    # schemas
    "unknown keyword in a typed schema": (
        OLD,
        declaring(
            {"name": "e"},
            {
                "name": "f",
                "parameters": {
                    "type": "OBJECT",
                    "properties": {"a": {"type": "STRING"}, "b": {"anyOf": [{"const": 1}]}},
                },
            },
        ),
        (
            "Unknown name \"const\" at 'tools[0].function_declarations[1].parameters.properties[1].value.any_of[0]': "
            "Cannot find field."
        ),
    ),
    "list of types in a typed schema": (
        OLD,
        typed({"type": ["string", "null"]}),
        "Proto field is not repeating, cannot start list.",
    ),
    "required but not defined": (
        OLD,
        declaring({"name": "f", "parameters": {"type": "OBJECT", "required": ["a"]}}),
        "parameters.required[0]: property is not defined",
    ),
    "array without items": (OLD, typed({"type": "ARRAY"}), "items: missing field"),
    "enum of numbers": (OLD, typed({"type": "INTEGER", "enum": [1]}), "enum[0]' (TYPE_STRING), 1"),
    "enum on a number": (OLD, typed({"type": "INTEGER", "enum": ["1"]}), "only allowed for STRING type"),
    "empty enum value": (OLD, typed({"type": "STRING", "enum": ["a", ""]}), "enum[1]: cannot be empty"),
    "object without properties inside": (
        OLD,
        typed({"type": "OBJECT"}),
        "should be non-empty for OBJECT type",
    ),
    "parameters that are no object": (
        OLD,
        declaring({"name": "f", "parameters": {"type": "STRING"}}),
        "should be of type OBJECT",
    ),
    "typed schema too deep": (OLD, typed(deep(33)), "exceeds the maximum allowed nesting depth"),
    "free schema too deep": (OLD, free(deep(70)), "exceeds the maximum allowed nesting depth"),
    "free schema that is no object": (OLD, free([]), "the schema must be a JSON object"),
    "reference into nothing": (
        OLD,
        free({"$ref": "#/$defs/nobody"}),
        "$ref #/$defs/nobody cannot be resolved",
    ),
    # generation
    "temperature": (OLD, config(temperature=2.1), "is not in the range [0.0, 2.0]"),
    "top p": (OLD, config(topP=1.5), "top_p"),
    "top k": (OLD, config(topK=-1), "top_k"),
    "two candidates": (NEW, config(candidateCount=2), "Multiple candidates is not enabled"),
    "penalty": (NEW, config(presencePenalty=0.5), "Penalty is not enabled for models/gemini-3.8-flash"),
    "penalty of nothing": (NEWEST, config(frequencyPenalty=0), "Penalty is not enabled"),
    "logprobs of the newest": (
        NEW,
        config(responseLogprobs=True),
        "Logprobs is not enabled for models/gemini-3.8-flash",
    ),
    "logprobs of a picture": (
        "gemini-2.5-flash-image",
        config(responseLogprobs=True),
        "Logprobs is not enabled",
    ),
    "number of logprobs, but none wanted": (OLD, config(logprobs=3), "response_logprobs must be set to true"),
    "too many logprobs": (OLD, config(responseLogprobs=True, logprobs=21), "must be in the range [0, 20]"),
    "six stop sequences": (OLD, config(stopSequences=[*"abcdef"]), "at most 5 stop sequences"),
    "empty stop sequence": (OLD, config(stopSequences=[""]), "must not be empty"),
    "seed beyond int32": (
        OLD,
        config(seed=2**31),
        "Invalid value at 'generation_config.seed' (TYPE_INT32), 2147483648",
    ),
    "seed with a fraction": (OLD, config(seed=1.5), "(TYPE_INT32), 1.5"),
    "no output": (OLD, config(maxOutputTokens=0), "from 1 (inclusive) to 65537 (exclusive)"),
    "too much output": (OLD, config(maxOutputTokens=65_537), "from 1 (inclusive) to 65537 (exclusive)"),
    "unknown mime type": (OLD, config(responseMimeType="text/html"), "allowed mimetypes are"),
    "both kinds of response schema": (
        OLD,
        config(responseMimeType="application/json", responseSchema={}, responseJsonSchema={}),
        "only one of response_schema and response_json_schema",
    ),
    "schema without mime type": (
        OLD,
        config(responseJsonSchema={}),
        "only supported with response mime type",
    ),
    "functions and JSON on an older model": (
        OLD,
        declaring({"name": "f"}, generationConfig={"responseMimeType": "application/json"}),
        "Function calling with a response mime type: 'application/json' is unsupported",
    ),
    "JSON from an image model": (
        "gemini-3-pro-image",
        config(responseMimeType="application/json"),
        "JSON mode is not enabled",
    ),
    "pictures from a text model": (
        OLD,
        config(responseModalities=["TEXT", "IMAGE"]),
        "response modalities: image",
    ),
    "speech": ("gemini-2.5-flash-image", config(responseModalities=["AUDIO"]), "response modalities: audio"),
    # thinking
    "level on 2.5": (OLD, thinking(thinkingLevel="LOW"), "Thinking level is not supported for this model."),
    "budget on 4": (NEWEST, thinking(thinkingBudget=512), "Thinking budget is not supported"),
    "both": (
        NEW,
        thinking(thinkingBudget=512, thinkingLevel="LOW"),
        "only one of thinking budget and thinking level",
    ),
    "minimal on 3.8": (NEW, thinking(thinkingLevel="MINIMAL"), "Thinking level MINIMAL is not supported"),
    "minimal on 3.1 pro": (
        "gemini-3.1-pro-preview",
        thinking(thinkingLevel="MINIMAL"),
        "Thinking level MINIMAL is not supported",
    ),
    "xhigh on carbon": (
        "gemini-4-carbon",
        thinking(thinkingLevel="XHIGH"),
        "Thinking level XHIGH is not supported",
    ),
    "thoughts without thinking": (OLD, thinking(thinkingBudget=0, includeThoughts=True), "budget 0"),
    "2.5 pro always thinks": ("gemini-2.5-pro", thinking(thinkingBudget=0), "Budget 0 is invalid"),
    "too small a budget": ("gemini-2.5-pro", thinking(thinkingBudget=127), "between 128 and 32768"),
    "too large a budget": (OLD, thinking(thinkingBudget=24_577), "between 0 and 24576"),
    "thinking on a model that does not": (
        "gemini-2.5-flash-image",
        thinking(includeThoughts=True),
        "Thinking is not enabled",
    ),
    # root
    "unknown service tier": (OLD, asking("Hi", serviceTier="gold"), "Invalid service tier"),
    "token that is nearly one": (
        OLD,
        asking("Hi", continuationToken=base64.b64encode(b"simulated continuation").decode()),
        "Invalid continuation token",
    ),
    "token of nobody": (OLD, asking("Hi", continuationToken="QUJD"), "Invalid continuation token"),
    "cache beside tools": (
        OLD,
        declaring({"name": "f"}, cachedContent="cachedContents/x"),
        "can not be used",
    ),
}


@pytest.mark.parametrize(("name", "body", "message"), REFUSED.values(), ids=REFUSED)
async def test_refused(ask: Asker, name: str, body: JsonObject, message: str) -> None:
    response = await ask.post(name, body)
    error = response.json()["error"]
    assert (response.status_code, error["code"], error["status"]) == (400, 400, "INVALID_ARGUMENT")
    assert message in error["message"]


ACCEPTED: dict[str, tuple[str, JsonObject]] = {
    "model last on an older model": (OLD, asking("Hi", model("I"))),
    "first turn of the model": (OLD, asking(model("Hello!"), "Hi")),
    "same role twice": (NEW, asking("Hi", "there", model("Hello"), model("again"), "So?")),
    "no role": (OLD, asking({"parts": [{"text": "Hi"}]})),
    "one value where a list is due": (OLD, {"contents": {"parts": {"text": "Hi"}}}),
    "null is absence": (OLD, asking("Hi", tools=None, generationConfig=None, systemInstruction=None)),
    "no signature on an older model": (OLD, asking("Hi", model(call(signature=None)), user(result()))),
    "no signature in an earlier turn": (
        NEW,
        asking("Hi", model(call(signature=None)), user(result()), model("So."), "And?"),
    ),
    "no signature on a parallel call": (
        NEW,
        asking("Hi", model(call(), call("g", None)), user(result(), result("g"))),
    ),
    "text beside a call and behind a result": (
        NEW,
        asking("Hi", model("Let me.", call()), user(result(), "Go on.")),
    ),
    "signature on an empty text": (
        NEW,
        asking("Hi", model({"text": "", "thoughtSignature": "QUJD"}), "And?"),
    ),
    "URL-safe base64 without padding": (OLD, image(data="_-8")),
    "words": (OLD, image("application/pdf")),
    "office file on Gemini 4": (NEWEST, image("application/msword")),
    "free schema with everything": (
        OLD,
        free(
            {
                "$schema": "https://json-schema.org/draft/2020-12/schema",
                "$defs": {"a": {"const": 1}},
                "type": ["object", "null"],
                "properties": {"a": {"$ref": "#/$defs/a"}, "$ref": {"type": "string"}},
                "additionalProperties": False,
                "patternProperties": {"^x": {"not": {}}},
            }
        ),
    ),
    "unused reference in a property called so": (OLD, free({"properties": {"$ref": {"type": "string"}}})),
    "100 characters on a newer model": (NEW, declaring({"name": "a" * 100})),
    "functions and JSON on a newer model": (
        NEW,
        declaring({"name": "f"}, generationConfig={"responseMimeType": "application/json"}),
    ),
    "built-in tool alone": (OLD, asking("Hi", tools=[{"googleSearch": {}}, {"urlContext": {}}])),
    "built-in tool beside functions, agreed": (
        NEW,
        asking(
            "Hi",
            tools=[{"functionDeclarations": [{"name": "f"}], "googleSearch": {}}],
            toolConfig={"includeServerSideToolInvocations": True},
        ),
    ),
    "several lists of functions": (
        NEW,
        asking(
            "Hi", tools=[{"functionDeclarations": [{"name": "f"}]}, {"functionDeclarations": [{"name": "g"}]}]
        ),
    ),
    "penalty on an older model": (OLD, config(presencePenalty=0.5)),
    "sampling is ignored on the newest": (NEWEST, config(temperature=0.1, topP=0.5, topK=3)),
    "numbers in quotes": (OLD, config(temperature="1.5", maxOutputTokens="100")),
    "budget on 3.x": (NEW, thinking(thinkingBudget=512)),
    "dynamic budget": (OLD, thinking(thinkingBudget=-1)),
    "xhigh on neon": (NEWEST, thinking(thinkingLevel="XHIGH")),
    "long decode": (NEWEST, config(maxOutputTokens=1_000_000)),
    "safety settings": (
        OLD,
        asking("Hi", safetySettings=[{"category": "HARM_CATEGORY_HARASSMENT", "threshold": "OFF"}]),
    ),
    "placeholders": (
        NEW,
        asking("Hi", model(call(signature="skip_thought_signature_validator")), user(result())),
    ),
    "other placeholder": (
        NEW,
        asking("Hi", model(call(signature="context_engineering_is_the_way_to_go")), user(result())),
    ),
}


@pytest.mark.parametrize(("name", "body"), ACCEPTED.values(), ids=ACCEPTED)
async def test_accepted(ask: Asker, name: str, body: JsonObject) -> None:
    response = await ask.post(name, body)
    assert response.status_code == 200, response.text


def test_there_are_two_placeholders() -> None:
    assert len(PLACEHOLDERS) == 2


BAD_JSON: dict[str, bytes] = {
    "no JSON": b'{"contents": ',
    "no UTF-8": b'{"contents": "\xff"}',
    "lone surrogate": b'{"contents": [{"parts": [{"text": "\\ud800"}]}]}',
    "not a number": b'{"contents": NaN}',
    "infinite number": b'{"contents": 1e999}',
    "number beyond doubles": b'{"contents": ' + b"9" * 400 + b"}",
    "number of too many digits": b'{"contents": ' + b"9" * 5000 + b"}",
    "101 levels": b'{"contents": ' + b"[" * 100 + b"]" * 100 + b"}",
    "100000 levels": b'{"contents": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "list": b"[]",
    "text": b'"contents"',
    "null": b"null",
}


@pytest.mark.parametrize("content", BAD_JSON.values(), ids=BAD_JSON)
async def test_what_is_no_json_is_refused(ask: Asker, content: bytes) -> None:
    for method in ("generateContent", "countTokens"):
        response = await ask.post(OLD, content=content, method=method)
        assert response.status_code == 400
        assert response.json()["error"]["message"].startswith("Invalid JSON payload received.")


async def test_every_violation_is_named(ask: Asker) -> None:
    error = (await ask.post(OLD, {"a": 1, "generationConfig": {"b": 2}})).json()["error"]
    here, there = (
        'Invalid JSON payload received. Unknown name "a": Cannot find field.',
        "Invalid JSON payload received. Unknown name \"b\" at 'generation_config': Cannot find field.",
    )
    assert error == {
        "code": 400,
        "message": f"{here}\n{there}",
        "status": "INVALID_ARGUMENT",
        "details": [
            {
                "@type": "type.googleapis.com/google.rpc.BadRequest",
                "fieldViolations": [
                    {"description": here},
                    {"field": "generation_config", "description": there},
                ],
            }
        ],
    }


async def test_unknown_model_as_recorded(ask: Asker, recorded: Path) -> None:
    real = json.loads((recorded / "22-b-error-404-model.json").read_bytes())
    response = await ask.post("gemini-3.6-flahs")
    assert (response.status_code, response.json()) == (404, real)
    array = await ask.post("gemini-3.6-flahs", method="streamGenerateContent")
    assert (array.status_code, array.json()) == (404, [real])
    assert (await ask.post("gemini-3.6-flahs", method="countTokens")).status_code == 404
    assert (await ask.http.get("/v1beta/models/gemini-3.6-flahs?key=k")).status_code == 404


async def test_keys(ask: Asker) -> None:
    missing = await ask.http.post(f"/v1beta/models/{OLD}:generateContent", json=HELLO)
    assert (missing.status_code, missing.json()["error"]["status"]) == (403, "PERMISSION_DENIED")
    for key, reason in (("invalid-key", "API_KEY_INVALID"), ("invalid", "API_KEY_INVALID")):
        response = await ask.post(OLD, key=key)
        assert response.status_code == 400
        assert response.json()["error"]["details"][0]["reason"] == reason
    typo = await ask.post(OLD, key="fault-rate-limted")
    assert "knows no fault" in typo.json()["error"]["message"]
    assert (await ask.http.post(f"/v1beta/models/{OLD}:generateContent?key=k", json=HELLO)).status_code == 200


async def test_too_large_a_body(ask: Asker) -> None:
    response = await ask.post(OLD, asking("x" * 1_000_001))
    assert response.status_code == 400
    assert response.json()["error"]["message"] == "Request payload size exceeds the limit: 1000000 bytes."


async def test_cached_content_is_never_found(ask: Asker) -> None:
    response = await ask.post(OLD, asking("Hi", cachedContent="cachedContents/x"))
    assert response.status_code == 403


async def test_unary_limit_of_argon(ask: Asker) -> None:
    body = config(maxOutputTokens=40_000)
    assert (await ask.post("gemini-4-argon", body)).status_code == 200
    assert (await ask.post("gemini-4-argon", body, method="generateContent")).status_code == 400


PATHS: dict[str, tuple[str, str]] = {
    "other version": ("POST", f"/v2/models/{OLD}:generateContent"),
    "root": ("GET", "/"),
    "wrong method": ("GET", f"/v1beta/models/{OLD}:generateContent"),
    "unknown method": ("POST", f"/v1beta/models/{OLD}:embedContent"),
    "post to a model": ("POST", f"/v1beta/models/{OLD}"),
    "post to the list": ("POST", "/v1beta/models"),
    "doubled prefix": ("POST", f"/v1beta/models/models/{OLD}:generateContent"),
}


@pytest.mark.parametrize(("method", "path"), PATHS.values(), ids=PATHS)
async def test_other_paths_are_a_page_of_html(ask: Asker, method: str, path: str) -> None:
    response = await ask.http.request(method, path, headers={"x-goog-api-key": "k"})
    assert response.status_code == 404
    assert response.headers["content-type"].startswith("text/html")


@pytest.mark.parametrize("query", ["pageSize=x", "pageSize=-1", "pageToken=!", "pageToken=LTE="])
async def test_bad_pages(ask: Asker, query: str) -> None:
    assert (await ask.http.get(f"/v1beta/models?key=k&{query}")).status_code == 400


@pytest.mark.parametrize(
    "body",
    [
        {"contents": []},
        {"contents": HELLO["contents"], "generateContentRequest": HELLO},
        {"contents": HELLO["contents"], "systemInstruction": {}},
    ],
    ids=["empty", "both", "unknown field"],
)
async def test_bad_counts(ask: Asker, body: JsonObject) -> None:
    assert (await ask.post(OLD, body, method="countTokens")).status_code == 400


async def test_a_conversation_the_simulator_had_is_accepted_back(ask: Asker) -> None:
    """Its own signatures, whichever model gave them."""
    for name in (NEW, NEWEST):
        body = declaring({"name": "f"}, toolConfig={"functionCallingConfig": {"mode": "ANY"}})
        said = await ask.whole(name, body)
        match said["candidates"]:
            case [{"content": content}]:
                again = asking("Hi", content, user(result()))
                assert "gave" in text(await ask.whole(NEW, again))
            case _:
                pytest.fail("no candidate")
