"""Vertex AI's paths, and what it says in words of its own."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from antigravity_addon.simulator.families import Address, Family, address_of
from antigravity_addon.simulator.server import Simulator
from antigravity_addon.wire.base import Json, JsonObject
from tests.simulator.talking import (
    HELLO,
    Asker,
    TokenBearer,
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

MODEL = "gemini-3.5-flash"
FUNCTION: JsonObject = {"functionDeclarations": [{"name": "f", "parametersJsonSchema": {"type": "object"}}]}
type Bearer = Callable[[str], TokenBearer]


PATHS: dict[str, Address] = {
    "/v1beta/models": Address(Family.GEMINI, models=True),
    "/v1beta/models/m": Address(Family.GEMINI, models=True, model="m"),
    "/v1beta/models/m:generateContent": Address(
        Family.GEMINI, models=True, model="m", method="generateContent"
    ),
    "/v1beta1/projects/p/locations/us/publishers/google/models/m:countTokens": Address(
        Family.VERTEX, models=True, model="m", method="countTokens", project="p", location="us"
    ),
    "/v1beta1/publishers/google/models": Address(Family.VERTEX, models=True),
    "/v1beta1/publishers/google/models/m:generateContent": Address(
        Family.VERTEX, models=True, model="m", method="generateContent"
    ),
    "/v1internal:loadCodeAssist": Address(Family.CODE_ASSIST, method="loadCodeAssist"),
    "/v1internal/operations/a.1": Address(Family.CODE_ASSIST, operation="operations/a.1"),
    "/v1/models/m:generateContent": Address(),
    "/v1beta1/models/m:generateContent": Address(),
    "/": Address(),
}


@pytest.mark.parametrize("path", PATHS)
def test_path(path: str) -> None:
    assert address_of(path) == PATHS[path]


# --- who may ----------------------------------------------------------------------------------------------


async def test_a_project_is_not_paid_with_a_key(ask: Asker) -> None:
    path = "/v1beta1/projects/p/locations/us/publishers/google/models/m:streamGenerateContent?alt=sse"
    refused = await ask.http.post(path, json=HELLO, headers={"x-goog-api-key": "key"})
    assert refused.status_code == 401
    assert refused.json()["error"]["details"][0]["reason"] == "CREDENTIALS_MISSING"


async def test_express_mode_is(ask: Asker, simulator: Simulator) -> None:
    path = f"/v1beta1/publishers/google/models/{MODEL}:streamGenerateContent?alt=sse"
    answer = await ask.http.post(path, json=HELLO, headers={"x-goog-api-key": "key"})
    assert text(*events(answer.content))
    (request,) = simulator.requests
    assert (request.family, request.model, request.called) == (Family.VERTEX, MODEL, "streamGenerateContent")
    struck = await ask.http.post(path, json=HELLO, headers={"x-goog-api-key": "fault-rate-limited-vertex"})
    assert struck.json()["error"] == {
        "code": 429,
        "message": "Resource exhausted. Please try again later. Please refer to "
        "https://cloud.google.com/vertex-ai/generative-ai/docs/error-code-429 for more details.",
        "status": "RESOURCE_EXHAUSTED",
    }


# --- what it takes ----------------------------------------------------------------------------------------

REFUSED: dict[str, tuple[str, JsonObject, str]] = {
    "consent to tools of the server": (
        MODEL,
        asking("Hi", tools=[FUNCTION], toolConfig={"includeServerSideToolInvocations": True}),
        "Unknown name \"includeServerSideToolInvocations\" at 'tool_config'",
    ),
    "tier": (MODEL, asking("Hi", serviceTier="flex"), 'Unknown name "serviceTier": Cannot find field.'),
    "store": (MODEL, asking("Hi", store=False), 'Unknown name "store"'),
    "a turn of nobody": (MODEL, {"contents": [{"parts": [{"text": "Hi"}]}]}, "Please use a valid role"),
    "search beside functions": (
        "gemini-2.5-flash",
        asking("Hi", tools=[FUNCTION, {"googleSearch": {}}]),
        "Multiple tools are supported only when they are all search tools.",
    ),
    "what nobody knows": (MODEL, asking("Hi", sessionId="s"), 'Unknown name "sessionId"'),
}


@pytest.mark.parametrize(("name", "body", "said"), REFUSED.values(), ids=REFUSED)
async def test_refused(bearer: Bearer, name: str, body: Json, said: str) -> None:
    answer = await bearer("refresh").vertex(name, body)
    assert answer.status_code == 400
    assert said in answer.json()["error"]["message"]


ACCEPTED: dict[str, JsonObject] = {
    "labels": asking("Hi", labels={"team": "a"}),
    "search beside functions": asking("Hi", tools=[FUNCTION, {"googleSearch": {}}]),
}


@pytest.mark.parametrize("body", ACCEPTED.values(), ids=ACCEPTED)
async def test_accepted(bearer: Bearer, body: Json) -> None:
    assert (await bearer("refresh").vertex(MODEL, body)).status_code == 200


async def test_the_gemini_api_has_no_labels(ask: Asker) -> None:
    refused = await ask.post(MODEL, ACCEPTED["labels"])
    assert (refused.status_code, "labels" in refused.text) == (400, True)


async def test_an_unknown_model(bearer: Bearer) -> None:
    answer = await bearer("refresh").vertex("gemini-none")
    assert answer.status_code == 404
    assert answer.json()["error"]["message"].startswith(
        "Publisher Model `projects/p-1/locations/global/publishers/google/models/gemini-none` was not found"
    )


# --- what it says -----------------------------------------------------------------------------------------


def shape(value: Json, name: str = "") -> Json:
    """The names of a message in their order; what numbers and texts there are does not count."""
    match value:
        case dict():
            return [[key, shape(item, key)] for key, item in value.items()]
        case [first, *_]:
            return [shape(first, name)]
        case _:
            return type(value).__name__


async def test_streams_have_the_shape_of_recorded_ones(bearer: Bearer, recorded: Path) -> None:
    real = events((recorded / "03-c-vertex-stream-2.5-flash-usage-last-chunk-only.sse").read_bytes())
    ours = events((await bearer("refresh").vertex("gemini-2.5-flash")).content)
    assert {json.dumps(shape(message)) for message in ours[:-1]} == {json.dumps(shape(real[0]))}
    counted = usage(real[-1])
    del counted["candidatesTokensDetails"]
    assert shape(ours[-1]) == shape(real[-1])
    assert len({(message["createTime"], message["responseId"]) for message in map(_ids, ours)}) == 1


def _ids(message: JsonObject) -> dict[str, str]:
    return {name: str(message[name]) for name in ("createTime", "responseId")}


async def test_the_same_request_has_the_same_moment(bearer: Bearer) -> None:
    first, second = [await bearer("refresh").vertex(MODEL) for _ in range(2)]
    assert first.content == second.content


async def test_calls_have_no_ids(bearer: Bearer, ask: Asker) -> None:
    body = asking("Please call f.", tools=[FUNCTION])
    (call,) = calls(*events((await bearer("refresh").vertex(MODEL, body)).content))
    assert call == {"name": "f", "args": {}}
    (numbered,) = calls(*await ask.stream(MODEL, body))
    assert isinstance(numbered, dict)
    assert "id" in numbered


async def test_a_blocked_prompt_has_no_counts(bearer: Bearer, recorded: Path) -> None:
    (message,) = events((await bearer("fault-prompt-blocked").vertex(MODEL)).content)
    real = json.loads((recorded / "18-c-model-armor-prompt-blocked.json").read_bytes())
    assert (message["usageMetadata"], message.keys()) == (real["usageMetadata"], real.keys())


async def test_whole_answers(bearer: Bearer) -> None:
    streamed = events((await bearer("refresh").vertex(MODEL)).content)
    whole: JsonObject = (await bearer("refresh").vertex(MODEL, method="generateContent")).json()
    assert (text(whole), finish(whole), usage(whole)) == (text(*streamed), "STOP", usage(streamed[-1]))
    listed = (await bearer("refresh").vertex(MODEL, method="streamGenerateContent")).json()
    assert listed == streamed


async def test_headers_know_no_tiers(bearer: Bearer, ask: Asker) -> None:
    theirs = await bearer("refresh").vertex(MODEL)
    assert theirs.headers["content-type"] == "text/event-stream"
    assert "x-gemini-service-tier" not in theirs.headers
    assert "x-gemini-service-tier" in (await ask.post(MODEL)).headers


async def test_a_long_answer_goes_on(bearer: Bearer) -> None:
    sound = events((await bearer("refresh").vertex(MODEL)).content)
    struck = bearer("fault-continuation")
    messages = events((await struck.vertex(MODEL)).content)
    while finish(messages[-1]) == "CONTINUATION":
        match messages[-1]:
            case {"candidates": [{"continuationToken": token}]}:
                body = {**HELLO, "continuationToken": token}
            case _:
                pytest.fail("no token")
        messages += events((await struck.vertex(MODEL, body)).content)
    assert text(*messages) == text(*sound)


async def test_counting_and_listing(bearer: Bearer, ask: Asker) -> None:
    counted = await bearer("refresh").vertex(MODEL, {**HELLO, "tools": [FUNCTION]}, method="countTokens")
    assert counted.json()["totalTokens"] > 1
    headers = await bearer("refresh").headers()
    listed = await ask.http.get("/v1beta1/publishers/google/models", headers=headers)
    assert {"name": f"publishers/google/models/{MODEL}"} in listed.json()["publisherModels"]


async def test_a_history_is_taken_back(bearer: Bearer) -> None:
    body = asking("Please call f.", tools=[FUNCTION])
    answer = events((await bearer("refresh").vertex(MODEL, body)).content)
    call = parts(*answer)[0]
    result: JsonObject = {"functionResponse": {"name": "f", "response": {"output": "42"}}}
    further = asking("Please call f.", model(dict(call)), user(result), tools=[FUNCTION])
    assert "f gave" in text(*events((await bearer("refresh").vertex(MODEL, further)).content))
