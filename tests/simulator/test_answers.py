"""What the simulated model says."""

import base64
import json
import struct
import zlib
from pathlib import Path

import jsonschema
import pytest

from antigravity_addon.simulator.models import MODELS, listed
from antigravity_addon.simulator.signature import is_known
from antigravity_addon.wire.base import Json, JsonObject
from tests.simulator.talking import (
    HELLO,
    Asker,
    asking,
    calls,
    events,
    finish,
    model,
    parts,
    text,
    usage,
    user,
)

WEATHER: JsonObject = {
    "name": "get_weather",
    "parametersJsonSchema": {
        "type": "object",
        "properties": {"city": {"type": "string"}, "unit": {"enum": ["C", "F"]}},
        "required": ["city"],
    },
}
TIME: JsonObject = {
    "name": "get_time",
    "parameters": {"type": "OBJECT", "properties": {"zone": {"type": "STRING", "enum": ["UTC", "CET"]}}},
}
TOOLS: list[Json] = [{"functionDeclarations": [WEATHER, TIME]}]


def calling(mode: str, *allowed: str) -> JsonObject:
    config: JsonObject = {"mode": mode}
    if allowed:
        config["allowedFunctionNames"] = [*allowed]
    return {"functionCallingConfig": config}


class TestText:
    async def test_streamed_in_pieces_with_usage_on_each_and_the_end_on_the_last(self, ask: Asker) -> None:
        messages = await ask.stream("gemini-2.5-flash")
        assert 6 <= len(messages) <= 12
        assert "This is the simulator" in text(*messages)
        assert "“Hello there.”" in text(*messages)
        assert [finish(message) for message in messages] == [None] * (len(messages) - 1) + ["STOP"]
        counts = [int(str(usage(message)["candidatesTokenCount"])) for message in messages]
        assert counts == sorted(set(counts))
        assert all(message["responseId"] == messages[0]["responseId"] for message in messages)
        assert all(message["modelVersion"] == "gemini-2.5-flash" for message in messages)

    async def test_the_total_is_the_sum(self, ask: Asker) -> None:
        for message in await ask.stream("gemini-3.8-flash"):
            counted = usage(message)
            parts_of_it = ("promptTokenCount", "candidatesTokenCount", "thoughtsTokenCount")
            assert counted["totalTokenCount"] == sum(int(str(counted.get(name, 0))) for name in parts_of_it)

    async def test_the_same_request_gives_the_same_bytes(self, ask: Asker) -> None:
        first, second = await ask.post("gemini-3.8-flash"), await ask.post("gemini-3.8-flash")
        assert first.content == second.content
        assert first.headers["content-type"] == "text/event-stream"

    async def test_framings_say_the_same(self, ask: Asker) -> None:
        streamed = await ask.stream("gemini-2.5-flash")
        array = await ask.post("gemini-2.5-flash", method="streamGenerateContent")
        whole = await ask.whole("gemini-2.5-flash")
        assert array.json() == streamed
        assert text(whole) == text(*streamed)
        assert usage(whole) == usage(streamed[-1])

    async def test_array_is_framed_as_recorded(self, ask: Asker, recorded: Path) -> None:
        real = (recorded / "35-b-json-array-stream-2.5-flash-tools.json").read_bytes()
        ours = (await ask.post("gemini-2.5-flash", method="streamGenerateContent")).content
        assert (real[:4], real[-4:]) == (ours[:4], ours[-4:])
        assert b"\n}\n,\r\n{\n" in real
        assert b"\n}\n,\r\n{\n" in ours

    async def test_events_are_framed_as_recorded(self, ask: Asker, recorded: Path) -> None:
        real = (recorded / "08-b-stream-3.5-flash-2-parallel-calls-separate-chunks.sse").read_bytes()
        ours = (await ask.post("gemini-3.5-flash")).content
        start = b'data: {"candidates": [{"content": {"parts": [{"'
        assert real.startswith(start)
        assert ours.startswith(start)
        assert real.endswith(b"}\r\n\r\n")
        assert set(events(real)[-1]) == set(events(ours)[-1])

    @pytest.mark.parametrize(
        "said",
        [
            " with a space",
            "",
            "naïve 🦊 日本語\u2028\u2029\x85",
            '{"error": "x"} data: [DONE]\r\n\r\n',
            "x" * 5000,
        ],
        ids=["space", "nothing", "any character", "looks like protocol", "long"],
    )
    async def test_echo_is_exact(self, ask: Asker, said: str) -> None:
        body = asking(f"echo:{said}", tools=TOOLS)
        assert text(*await ask.stream("gemini-2.5-flash", body)) == said
        assert text(await ask.whole("gemini-3.8-flash", body)) == said

    async def test_snake_case_is_read_too(self, ask: Asker) -> None:
        body = asking("Hi", system_instruction=user("Be brief."), generation_config={"max_output_tokens": 20})
        assert finish((await ask.stream("gemini-2.5-flash-lite", body))[-1]) == "MAX_TOKENS"

    async def test_stop_sequences_cut_before_themselves(self, ask: Asker) -> None:
        body = asking("echo:one STOP two END", generationConfig={"stopSequences": ["END", "STOP"]})
        messages = await ask.stream("gemini-2.5-flash", body)
        assert text(*messages) == "one "
        assert finish(messages[-1]) == "STOP"

    async def test_max_output_tokens_cut_the_text(self, ask: Asker) -> None:
        config: JsonObject = {"maxOutputTokens": 5, "thinkingConfig": {"thinkingBudget": 0}}
        messages = await ask.stream(
            "gemini-2.5-flash", asking("echo:" + "word " * 20, generationConfig=config)
        )
        assert text(*messages) == "word word word word word"
        assert finish(messages[-1]) == "MAX_TOKENS"
        assert usage(messages[-1])["candidatesTokenCount"] == 5

    async def test_long_conversations_are_cached_in_part(self, ask: Asker) -> None:
        body = asking("word " * 1500, model("Indeed."), "And now?")
        counted = usage(await ask.whole("gemini-2.5-flash", body))
        assert 0 < int(str(counted["cachedContentTokenCount"])) < int(str(counted["promptTokenCount"]))


class TestThinking:
    async def test_thoughts_come_first_if_asked_for(self, ask: Asker) -> None:
        config: JsonObject = {"thinkingConfig": {"includeThoughts": True}}
        messages = await ask.stream("gemini-3.5-flash", asking("Hi", generationConfig=config))
        marks = ["thought" in part for part in parts(*messages)]
        assert marks == sorted(marks, reverse=True)
        assert any(marks)
        assert usage(messages[-1])["thoughtsTokenCount"]

    async def test_thoughts_are_counted_but_not_shown_by_default(self, ask: Asker) -> None:
        messages = await ask.stream("gemini-2.5-pro")
        assert not any("thought" in part for part in parts(*messages))
        assert all("thoughtsTokenCount" in usage(message) for message in messages)

    @pytest.mark.parametrize(
        ("name", "thinking"),
        [
            ("gemini-2.5-flash", {"thinkingBudget": 0}),
            ("gemini-2.5-flash-lite", None),
            ("gemini-3-flash-preview", {"thinkingLevel": "MINIMAL"}),
            ("gemini-3.5-flash-lite", None),
            ("gemini-2.5-flash-image", None),
        ],
    )
    async def test_off(self, ask: Asker, name: str, thinking: Json) -> None:
        config: JsonObject = {} if thinking is None else {"thinkingConfig": thinking}
        whole = await ask.whole(name, asking("Hi", generationConfig=config))
        assert "thoughtsTokenCount" not in usage(whole)

    async def test_lower_case_level_and_more_thoughts_with_a_higher_one(self, ask: Asker) -> None:
        async def thoughts(level: str) -> int:
            config: JsonObject = {"thinkingConfig": {"thinkingLevel": level}}
            whole = await ask.whole("gemini-4-neon", asking("Hi", generationConfig=config))
            return int(str(usage(whole)["thoughtsTokenCount"]))

        assert await thoughts("low") <= 88 < await thoughts("xhigh")

    async def test_a_tiny_limit_is_spent_on_thoughts_as_recorded(self, ask: Asker, recorded: Path) -> None:
        real: JsonObject = json.loads(
            (recorded / "15-b-max-tokens-while-thinking-no-parts.json").read_bytes()
        )
        ours = await ask.whole("gemini-2.5-pro", asking("Hi", generationConfig={"maxOutputTokens": 5}))
        assert ours["candidates"] == real["candidates"]
        assert set(usage(ours)) == set(usage(real))

    async def test_answers_of_gemini_3_end_with_a_signature(self, ask: Asker) -> None:
        last = parts(*await ask.stream("gemini-3.8-flash"))[-1]
        assert last["text"] == ""
        assert is_known(base64.b64decode(str(last["thoughtSignature"])))


CHOICES: dict[str, tuple[str, JsonObject | None, list[str]]] = {
    "nothing mentioned": ("Hello", None, []),
    "mentioned": ("what does get_time say", None, ["get_time"]),
    "in the order of mention": ("get time, get weather", None, ["get_time", "get_weather"]),
    "part of a word is no mention": ("forget_timely", None, []),
    "use tools": ("use tools", None, ["get_weather"]),
    "call": ("please call both", None, ["get_weather", "get_weather"]),
    "validated": ("get time", calling("VALIDATED"), ["get_time"]),
    "any calls always": ("Hello", calling("ANY"), ["get_weather"]),
    "any, named": ("Hello", calling("ANY", "get_time"), ["get_time"]),
    "any, mentioned but not allowed": ("get weather", calling("ANY", "get_time"), ["get_time"]),
    "none": ("get time", calling("NONE"), []),
    "echo is no call": ("echo:get time", None, []),
}


class TestCalls:
    async def test_parallel_calls_as_recorded(self, ask: Asker, recorded: Path) -> None:
        real = events((recorded / "08-b-stream-3.5-flash-2-parallel-calls-separate-chunks.sse").read_bytes())
        ours = await ask.stream("gemini-3.5-flash", asking("get weather twice please", tools=TOOLS))
        assert [set(part) for part in parts(*ours)] == [set(part) for part in parts(*real)]
        assert [finish(message) for message in ours] == [finish(message) for message in real]
        first, second = calls(*ours)
        assert first != second
        assert all(isinstance(call, dict) and len(str(call["id"])) == 8 for call in (first, second))

    async def test_older_models_call_without_id_and_signature_in_one_chunk(self, ask: Asker) -> None:
        (message,) = await ask.stream("gemini-2.5-flash", asking("GET_WEATHER and get time", tools=TOOLS))
        assert message["candidates"] == [
            {
                "content": {
                    "parts": [
                        {
                            "functionCall": {
                                "name": "get_weather",
                                "args": {"city": "example city", "unit": "C"},
                            }
                        },
                        {"functionCall": {"name": "get_time", "args": {"zone": "UTC"}}},
                    ],
                    "role": "model",
                },
                "finishReason": "STOP",
                "index": 0,
                "finishMessage": "Model generated function call(s).",
            }
        ]

    @pytest.mark.parametrize(("said", "config", "expected"), CHOICES.values(), ids=CHOICES)
    async def test_chosen_by_the_words_of_the_user(
        self, ask: Asker, said: str, config: JsonObject | None, expected: list[str]
    ) -> None:
        fields: JsonObject = {"tools": TOOLS} if config is None else {"tools": TOOLS, "toolConfig": config}
        messages = await ask.stream("gemini-3.5-flash", asking(said, **fields))
        assert [call["name"] for call in calls(*messages) if isinstance(call, dict)] == expected

    @pytest.mark.parametrize("name", ["gemini-2.5-flash", "gemini-3-flash-preview", "gemini-4-argon"])
    async def test_a_loop_ends_with_the_results_quoted(self, ask: Asker, name: str) -> None:
        question = asking("get_weather and get_time", tools=TOOLS)
        said = parts(await ask.whole(name, question))
        results: list[Json] = [
            {"functionResponse": {"name": "get_weather", "response": {"output": "rain"}}},
            {"functionResponse": {"name": "get_time", "response": {"output": "noon"}}},
        ]
        turns = ("get_weather and get_time", model(*(dict(part) for part in said)), user(*results))
        final = await ask.whole(name, asking(*turns, tools=TOOLS))
        assert 'get_weather gave {"output": "rain"}' in text(final)
        assert 'get_time gave {"output": "noon"}' in text(final)
        again = await ask.whole(name, asking(*turns, tools=TOOLS, toolConfig=calling("ANY")))
        assert len(calls(again)) == 2

    async def test_a_call_that_does_not_fit_is_not_made(self, ask: Asker) -> None:
        config: JsonObject = {"maxOutputTokens": 2, "thinkingConfig": {"thinkingBudget": 0}}
        whole = await ask.whole("gemini-2.5-flash", asking("get time", tools=TOOLS, generationConfig=config))
        assert not calls(whole)
        assert finish(whole) == "MAX_TOKENS"


SCHEMA: JsonObject = {
    "$defs": {"node": {"type": "object", "properties": {"next": {"$ref": "#/$defs/node"}}}},
    "type": "object",
    "properties": {
        "n": {"type": "integer", "minimum": 3, "maximum": 4},
        "tags": {"type": "array", "items": {"enum": ["a", "b"]}, "minItems": 2},
        "maybe": {"anyOf": [{"type": "null"}, {"type": "string"}]},
        "node": {"$ref": "#/$defs/node"},
    },
    "required": ["n", "tags", "maybe", "node"],
}


class TestJson:
    async def test_fits_the_schema_and_comes_in_pieces(self, ask: Asker) -> None:
        config: JsonObject = {"responseMimeType": "application/json", "responseJsonSchema": SCHEMA}
        messages = await ask.stream("gemini-2.5-flash", asking("Hi", generationConfig=config))
        assert len(messages) > 1
        jsonschema.validate(json.loads(text(*messages)), SCHEMA)

    async def test_typed_schema(self, ask: Asker) -> None:
        schema: JsonObject = {
            "type": "OBJECT",
            "properties": {"who": {"type": "STRING", "nullable": True}, "age": {"type": "INTEGER"}},
            "required": ["age"],
        }
        config: JsonObject = {"responseMimeType": "application/json", "responseSchema": schema}
        whole = await ask.whole("gemini-2.5-flash", asking("Hi", generationConfig=config))
        assert json.loads(text(whole)) == {"who": "example who", "age": 1}

    async def test_without_a_schema(self, ask: Asker) -> None:
        config: JsonObject = {"responseMimeType": "application/json"}
        whole = await ask.whole("gemini-2.5-flash", asking("Hi", generationConfig=config))
        assert json.loads(text(whole)) == {"simulated": True, "you_wrote": "Hi"}

    async def test_enum(self, ask: Asker) -> None:
        schema: JsonObject = {"type": "STRING", "enum": ["yes", "no"]}
        config: JsonObject = {"responseMimeType": "text/x.enum", "responseSchema": schema}
        assert text(await ask.whole("gemini-2.5-flash", asking("Hi", generationConfig=config))) == "yes"


def read_png(content: bytes) -> tuple[int, int, bytes]:
    """Width, height and raw lines; every check sum is checked."""
    assert content.startswith(b"\x89PNG\r\n\x1a\n")
    found: dict[bytes, bytes] = {}
    position = 8
    while position < len(content):
        (length,) = struct.unpack(">I", content[position : position + 4])
        kind = content[position + 4 : position + 8]
        body = content[position + 8 : position + 8 + length]
        (crc,) = struct.unpack(">I", content[position + 8 + length : position + 12 + length])
        assert crc == zlib.crc32(kind + body)
        found[kind] = body
        position += 12 + length
    assert list(found) == [b"IHDR", b"IDAT", b"IEND"]
    width, height = struct.unpack(">II", found[b"IHDR"][:8])
    return width, height, zlib.decompress(found[b"IDAT"])


class TestImages:
    async def test_what_came_is_said(self, ask: Asker) -> None:
        image: JsonObject = {
            "inlineData": {"mimeType": "image/png", "data": base64.b64encode(b"x" * 70).decode()}
        }
        file: JsonObject = {"fileData": {"fileUri": "https://example.com/a.pdf"}}
        whole = await ask.whole("gemini-2.5-flash", asking(user("What is this?", image, image, file)))
        assert "2 × image/png (70 bytes, 70 bytes), 1 file by address" in text(whole)
        assert usage(whole)["promptTokensDetails"] == [
            {"modality": "TEXT", "tokenCount": 5},
            {"modality": "IMAGE", "tokenCount": 3 * 258},
        ]

    @pytest.mark.parametrize("name", ["gemini-2.5-flash-image", "gemini-3-pro-image"])
    async def test_a_picture_comes_out(self, ask: Asker, name: str) -> None:
        for modalities, kinds in ((["TEXT", "IMAGE"], {"text", "inlineData"}), (["IMAGE"], {"inlineData"})):
            body = asking("Draw.", generationConfig={"responseModalities": [*modalities]})
            found = [part for part in parts(await ask.whole(name, body)) if part.get("text") != ""]
            assert {kind for part in found for kind in part if kind != "thoughtSignature"} == kinds
            (picture,) = [part["inlineData"] for part in found if "inlineData" in part]
            assert isinstance(picture, dict)
            assert picture["mimeType"] == "image/png"
            width, height, lines = read_png(base64.b64decode(str(picture["data"])))
            assert (width, height, len(lines)) == (8, 8, 8 * (1 + 3 * 8))


class TestSearch:
    """C40 is answered with what a search found."""

    async def test_every_sentence_has_its_bytes_and_its_pages(self, ask: Asker) -> None:
        messages = await ask.stream(
            "gemini-2.5-flash", asking("Où est le café ?", tools=[{"googleSearch": {}}])
        )
        said = text(*messages)
        assert not said.isascii()
        *before, found = [
            message["candidates"][0]["groundingMetadata"] for message in json.loads(json.dumps(messages))
        ]
        assert before == [{}] * (len(messages) - 1)
        assert found["webSearchQueries"] == ["Où est le café ?"]
        assert [page["web"]["uri"] for page in found["groundingChunks"]] == [
            "https://example.com/one",
            "https://example.org/two",
        ]
        supports = found["groundingSupports"]
        segments = [support["segment"] for support in supports]
        assert [
            said.encode()[segment.get("startIndex", 0) : segment["endIndex"]].decode() for segment in segments
        ] == [segment["text"] for segment in segments]
        assert [support["groundingChunkIndices"] for support in supports[:2]] == [[0], [1]]
        assert supports[-1]["groundingChunkIndices"] == [0, 1]

    async def test_an_answer_of_calls_alone_has_no_sources(self, ask: Asker) -> None:
        body = asking(
            "Please call get_time",
            tools=[*TOOLS, {"googleSearch": {}}],
            toolConfig={"includeServerSideToolInvocations": True},
        )
        assert "groundingMetadata" not in json.dumps(await ask.stream("gemini-3.8-flash", body))


class TestLogprobs:
    @pytest.mark.parametrize("named", [None, 1, 3])
    async def test_the_tokens_spell_the_text(self, ask: Asker, named: int | None) -> None:
        body = asking("echo:one two", generationConfig={"responseLogprobs": True, "logprobs": named})
        for message in await ask.stream("gemini-2.5-flash", body):
            result = json.loads(json.dumps(message))["candidates"][0].get("logprobsResult", {})
            chosen = result.get("chosenCandidates", [])
            assert "".join(each["token"] for each in chosen) == text(message)
            tops = [each["candidates"] for each in result.get("topCandidates", [])]
            assert [(len(top), top[0]) for top in tops] == (
                [(named, each) for each in chosen] if named else []
            )
            assert all(top[-1]["logProbability"] == "-Infinity" for top in tops if len(top) > 1)

    async def test_in_one_piece_as_recorded(self, ask: Asker, recorded: Path) -> None:
        real = json.loads((recorded / "29-c-logprobs.json").read_bytes())["candidates"][0]["logprobsResult"]
        body = asking("echo:2 + 2 = 4", generationConfig={"responseLogprobs": True, "logprobs": 5})
        whole = json.loads(json.dumps(await ask.whole("gemini-2.5-flash", body)))
        ours = whole["candidates"][0]["logprobsResult"]
        assert ours.keys() == real.keys()
        assert "".join(each["token"] for each in ours["chosenCandidates"]) == "2 + 2 = 4"
        assert {len(each["candidates"]) for each in ours["topCandidates"]} == {5}


class TestModels:
    async def test_every_model_answers_everything(self, ask: Asker) -> None:
        for each in listed():
            response = await ask.http.get(f"/v1beta/models/{each.name}?key=k")
            assert response.json()["name"] in {
                f"models/{each.name}",
                *(f"models/{model.name}" for model in MODELS),
            }
            assert await ask.stream(each.name)
            counted = await ask.post(each.name, method="countTokens")
            assert counted.json()["totalTokens"] > 0

    async def test_pages(self, ask: Asker) -> None:
        names: list[str] = []
        token = ""
        while True:
            page = await ask.http.get(f"/v1beta/models?key=k&pageSize=7&pageToken={token}")
            names += (entry["name"] for entry in page.json()["models"])
            token = page.json().get("nextPageToken")
            if not token:
                break
        assert names == [f"models/{each.name}" for each in listed()]
        whole = await ask.http.get("/v1beta/models?key=k&pageSize=1000")
        assert [entry["name"] for entry in whole.json()["models"]] == names

    async def test_tokens_are_counted_in_both_shapes(self, ask: Asker) -> None:
        plain = await ask.post("gemini-2.5-flash", HELLO, method="countTokens")
        nested = await ask.post(
            "gemini-2.5-flash",
            {"generateContentRequest": {"model": "models/gemini-2.5-flash", **HELLO}},
            method="countTokens",
        )
        assert plain.json() == nested.json()
        assert plain.json()["totalTokens"] == usage(await ask.whole("gemini-2.5-flash"))["promptTokenCount"]
