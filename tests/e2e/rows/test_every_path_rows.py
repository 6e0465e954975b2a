"""What clients need, row by row of the checklist: keys, errors, models and paths."""

import gzip
import json
import math
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest
import zstandard

from antigravity_addon.simulator.exchange import JSON_HEADERS, Exchange
from tests.e2e.rows.scripted import Json, stopped, text
from tests.e2e.test_chat import ANA, gateway_and_simulator, sdk
from tests.running import RunningGateway

CHAT, COMPLETIONS, RESPONSES = "/v1/chat/completions", "/v1/completions", "/v1/responses"
BODIES: dict[str, Json] = {
    CHAT: {"model": "gpt-4o", "messages": [{"role": "user", "content": "x"}]},
    COMPLETIONS: {"model": "gpt-4o", "prompt": "x"},
    RESPONSES: {"model": "gpt-4o", "input": "x"},
}
KEYED: Json = {"gateway_auth_mode": "strict", "gateway_api_key": "sk-right"}


async def ask(gateway: RunningGateway, path: str, **fields: Any) -> httpx.Response:
    async with gateway.client() as http:
        return await http.post(path, json=BODIES[path] | fields)


def error_of(answer: httpx.Response) -> Json:
    """Rows 77 to 80: whatever is wrong, an error is all four members in JSON, under a status of its own."""
    assert answer.status_code >= 400, "row 78"
    assert answer.headers["content-type"] == "application/json", "row 79"
    assert answer.headers["x-request-id"], "row 80"
    assert answer.json().keys() == {"error"}
    error = answer.json()["error"]
    assert error.keys() >= {"message", "type", "param", "code"}
    assert error["message"], "row 77"
    assert type(error["code"]) in {str, type(None)}, "row 77"
    return error


def refusal(answer: httpx.Response) -> tuple[int, str, str | None, str | None]:
    """Status, type, param, code."""
    error = error_of(answer)
    return answer.status_code, error["type"], error["param"], error["code"]


INVALID = "invalid_request_error"


@pytest.mark.parametrize("path", BODIES)
async def test_row_71_a_wrong_key(tmp_path: Path, path: str) -> None:
    async with gateway_and_simulator(tmp_path, **KEYED) as (gateway, simulator):
        async with gateway.client({"authorization": "Bearer sk-wrong"}) as http:
            answer = await http.post(path, json=BODIES[path])
        async with sdk(gateway) as client:
            with pytest.raises(openai.AuthenticationError):
                await client.models.list()
        assert not simulator.requests
    assert refusal(answer) == (401, INVALID, None, "invalid_api_key")


WRONG: dict[str, tuple[str, Json, tuple[int, str, str | None, str | None]]] = {
    # path, fields, what is answered
    "row 72 Chat, unknown model": (CHAT, {"model": "nope"}, (404, INVALID, "model", "model_not_found")),
    "row 72 Responses, unknown model": (
        RESPONSES,
        {"model": "nope"},
        (404, INVALID, "model", "model_not_found"),
    ),
    "row 73 Chat, bad role": (
        CHAT,
        {"messages": [{"role": "tester", "content": "x"}]},
        (400, INVALID, "messages[0].role", "invalid_value"),
    ),
    "row 73 Chat, bad number": (
        CHAT,
        {"temperature": "warm"},
        (400, INVALID, "temperature", "invalid_type"),
    ),
    "row 73 Responses, bad number": (
        RESPONSES,
        {"temperature": "warm"},
        (400, INVALID, "temperature", "invalid_type"),
    ),
    "row 73 Completions, tokens for a prompt": (
        COMPLETIONS,
        {"prompt": [1, 2]},
        (400, INVALID, "prompt", "unsupported_value"),
    ),
}


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize(("path", "fields", "expected"), WRONG.values(), ids=WRONG)
async def test_what_is_wrong_is_named(
    tmp_path: Path, path: str, fields: Json, expected: tuple[Any, ...], *, stream: bool
) -> None:
    async with gateway_and_simulator(tmp_path) as (gateway, simulator):
        answer = await ask(gateway, path, stream=stream, **fields)
        assert not simulator.requests
    assert refusal(answer) == expected


FAULTS: dict[str, tuple[str, tuple[int, str, str | None, str | None], Json]] = {
    # fault, what is answered, and headers with it
    "row 74 a limit that passes": (
        "rate-limited",
        (429, "rate_limit_error", None, "rate_limit_exceeded"),
        {"retry-after": "56", "retry-after-ms": "56000", "x-should-retry": None},
    ),
    "row 75 a quota that is used up": (
        "quota-day",
        (429, "insufficient_quota", None, "insufficient_quota"),
        {"x-should-retry": "false"},
    ),
    "row 76 an upstream that is overloaded": (
        "overloaded",
        (503, "server_error", None, "server_is_overloaded"),
        {},
    ),
    "row 76 an upstream that fails": ("internal", (502, "server_error", None, "upstream_error"), {}),
    "row 76 an upstream that cannot be reached": (
        "reset",
        (502, "server_error", None, "upstream_unreachable"),
        {},
    ),
    "row 77 a numeric code": ("bad-request", (400, INVALID, None, "invalid_argument"), {}),
    "row 78 an error behind a 200": (
        "error-first",
        (503, "server_error", None, "server_is_overloaded"),
        {},
    ),
}


@pytest.mark.time_lapse
@pytest.mark.parametrize("path", BODIES)
@pytest.mark.parametrize(("fault", "expected", "headers"), FAULTS.values(), ids=FAULTS)
async def test_a_failure(
    tmp_path: Path, path: str, fault: str, expected: tuple[Any, ...], headers: Json
) -> None:
    account = ("a@example.com", f"fault-{fault}")
    async with gateway_and_simulator(tmp_path, account, gateway_max_attempts=1) as (gateway, _):
        answer = await ask(gateway, path)
    assert refusal(answer) == expected
    assert {name: answer.headers.get(name) for name in headers} == headers


WAITS: dict[str, tuple[str, int]] = {
    # Gemini's delay, Retry-After-Ms
    "row 74 a broken second is a whole one": ("45.5s", 45_500),
    # the SDKs wait up to 120 s and then give up: as they should, for nothing is to be had before
    "row 74 a wait too long for the SDKs is told as it is": ("500s", 500_000),
}


@pytest.mark.parametrize(("delay", "milliseconds"), WAITS.values(), ids=WAITS)
async def test_a_wait(tmp_path: Path, delay: str, milliseconds: int) -> None:
    detail = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": delay}
    error = {"code": 429, "status": "RESOURCE_EXHAUSTED", "message": "m", "details": [detail]}
    limited = Exchange(429, JSON_HEADERS, ((0.0, json.dumps({"error": error}).encode()),))
    async with gateway_and_simulator(tmp_path, ANA) as (gateway, simulator):
        simulator.script([limited])
        answer = await ask(gateway, CHAT)
    assert refusal(answer) == (429, "rate_limit_error", None, "rate_limit_exceeded")
    left = int(answer.headers["retry-after-ms"])
    # some of it passes before it is told, and more on a busy machine
    assert milliseconds - 10_000 < left <= milliseconds
    assert int(answer.headers["retry-after"]) == math.ceil(left / 1000)


@pytest.mark.parametrize("path", BODIES)
async def test_rows_79_and_80_a_sound_answer_is_json_and_has_an_id(tmp_path: Path, path: str) -> None:
    async with gateway_and_simulator(tmp_path) as (gateway, simulator):
        simulator.script([stopped(text("Hi"))] * 2)
        whole = await ask(gateway, path)
        streamed = await ask(gateway, path, stream=True)
    assert whole.headers["content-type"] == "application/json"
    ids = [answer.headers["x-request-id"] for answer in (whole, streamed)]
    assert all(ids)
    assert len({*ids}) == 2


async def test_row_80_the_id_is_in_the_sdk_s_exceptions(tmp_path: Path) -> None:
    async with gateway_and_simulator(tmp_path) as (gateway, _), sdk(gateway) as client:
        with pytest.raises(openai.NotFoundError) as caught:
            await client.models.retrieve("nope")
    assert caught.value.request_id == caught.value.response.headers["x-request-id"]


async def test_row_81_the_list_of_models(tmp_path: Path) -> None:
    async with gateway_and_simulator(tmp_path) as (gateway, _), sdk(gateway) as client:
        raw = await client.models.with_raw_response.list()
        raw.parse()
    listed = json.loads(raw.text)
    assert listed.keys() == {"object", "data"}
    assert listed["object"] == "list"
    assert listed["data"]
    for model in listed["data"]:
        assert {name: type(value) for name, value in model.items()} == {
            "id": str,
            "object": str,
            "created": int,
            "owned_by": str,
        }
        assert model["object"] == "model"


async def test_row_82_a_slash_in_a_name_is_decoded(tmp_path: Path) -> None:
    async with gateway_and_simulator(tmp_path) as (gateway, _), sdk(gateway) as client:
        model = await client.models.retrieve("google/gemini-2.5-flash")
        raw = (await gateway.recorder.wait()).request.path
    assert (raw, model.id) == ("/v1/models/google%2Fgemini-2.5-flash", "google/gemini-2.5-flash")


async def test_row_83_a_model_that_nobody_knows(tmp_path: Path) -> None:
    async with gateway_and_simulator(tmp_path) as (gateway, _), gateway.client() as http:
        answer = await http.get("/v1/models/a%2Fb")
    assert refusal(answer) == (404, INVALID, "model", "model_not_found")
    assert "'a/b'" in error_of(answer)["message"]


@pytest.mark.parametrize(
    "options", [{}, KEYED], ids=["row 84 no key is asked for", "row 84 a key is asked for"]
)
async def test_a_doctor_without_a_key_gets_a_quick_answer(tmp_path: Path, options: Json) -> None:
    expected = (401, 401) if options else (405, 200)
    async with gateway_and_simulator(tmp_path, **options) as (gateway, simulator), gateway.client() as http:
        head, models = await http.head(RESPONSES), await http.get("/v1/models")
        assert not simulator.requests
    assert (head.status_code, models.status_code) == expected
    assert head.content == b""


MEANT: dict[str, str] = {
    "/v1/v1/responses": "response",
    "/v1/chat/completions/responses": "response",
    "/chat/completions/responses": "response",
    "/responses": "response",
    "//v1//responses/": "response",
    "/v1/responses/responses": "response",
    "/v1/chat/chat/completions": "chat.completion",
    "/chat/completions": "chat.completion",
    "/api/v1/chat/completions": "chat.completion",
    "/v1beta/openai/chat/completions": "chat.completion",
    "/openai/deployments/gpt-4o/chat/completions?api-version=2024-10-21": "chat.completion",
    "/v1/engines/gpt-4o/completions": "text_completion",
}


async def test_row_109_a_path_means_its_tail(tmp_path: Path) -> None:
    everything = BODIES[CHAT] | BODIES[COMPLETIONS] | BODIES[RESPONSES]
    bodies = {"response": BODIES[RESPONSES], "chat.completion": BODIES[CHAT]}
    answered: dict[str, str] = {}
    async with gateway_and_simulator(tmp_path, ANA) as (gateway, _), gateway.client() as http:
        for path, kind in MEANT.items():
            answer = await http.post(f"{gateway.url}{path}", json=bodies.get(kind, everything))
            answered[path] = answer.json().get("object", answer.text)
        assert (await http.get("/v1/chat/completions/models")).json()["object"] == "list"
    assert answered == MEANT


async def test_row_110_a_preflight_passes_without_a_key(tmp_path: Path) -> None:
    page = {
        "origin": "http://localhost:3000",
        "access-control-request-method": "POST",
        "access-control-request-headers": "authorization,content-type,x-stainless-lang",
    }
    allowed = {"gateway_allowed_origins": [page["origin"]]}
    async with (
        gateway_and_simulator(tmp_path, **KEYED, **allowed) as (gateway, _),
        gateway.client() as http,
    ):
        preflight = await http.options(RESPONSES, headers=page)
        answer = await http.post(
            RESPONSES,
            json=BODIES[RESPONSES],
            headers={"origin": page["origin"], "authorization": "Bearer sk-right"},
        )
    assert (preflight.status_code, preflight.content) == (204, b"")
    # named, not `*`: that does not stand for `authorization`
    assert preflight.headers["access-control-allow-headers"] == page["access-control-request-headers"]
    assert "POST" in preflight.headers["access-control-allow-methods"]
    for each in (preflight, answer):
        assert each.headers["access-control-allow-origin"] in {"*", page["origin"]}
        assert "x-request-id" in each.headers["access-control-expose-headers"]


async def test_row_111_paths_and_methods_that_are_none(tmp_path: Path) -> None:
    async with gateway_and_simulator(tmp_path) as (gateway, _), gateway.client() as http:
        unknown = await http.post("/v1/foo", json={})
        wrong = await http.get(CHAT)
        async with sdk(gateway) as client:
            with pytest.raises(openai.NotFoundError):
                await client.embeddings.create(model="gpt-4o", input="x")
    assert refusal(unknown) == (404, INVALID, None, None)
    assert error_of(unknown)["message"].startswith("Invalid URL (POST /v1/foo)")
    assert refusal(wrong) == (405, INVALID, None, "method_not_supported")
    assert error_of(wrong)["message"].startswith("Not allowed to GET on /v1/chat/completions")


PACKED = {"gzip": gzip.compress, "zstd": zstandard.ZstdCompressor().compress}


@pytest.mark.parametrize("coding", PACKED, ids=[f"row 112 {coding}" for coding in PACKED])
async def test_a_compressed_request_is_read(tmp_path: Path, coding: str) -> None:
    body = PACKED[coding](json.dumps(BODIES[RESPONSES] | {"input": "echo:hi"}).encode())
    async with gateway_and_simulator(tmp_path) as (gateway, _), gateway.client() as http:
        answer = await http.post(RESPONSES, content=body, headers={"content-encoding": coding})
        broken = await http.post(RESPONSES, content=b"none", headers={"content-encoding": coding})
    assert answer.json()["output"][-1]["content"][0]["text"] == "hi"
    assert refusal(broken)[:2] == (400, INVALID)


async def test_row_113_what_became_of_a_response(tmp_path: Path) -> None:
    async with gateway_and_simulator(tmp_path, ANA) as (gateway, simulator), gateway.client() as http:
        simulator.script([stopped(text("Hi"))])
        made = (await http.post(RESPONSES, json=BODIES[RESPONSES])).json()
        path = f"{RESPONSES}/{made['id']}"
        kept = (await http.get(path)).json()
        assert {name: kept[name] for name in ("id", "object", "output")} == {
            name: made[name] for name in ("id", "object", "output")
        }
        items = (await http.get(f"{path}/input_items")).json()
        (item,) = items["data"]
        assert items == {
            "object": "list",
            "data": [item],
            "first_id": item["id"],
            "last_id": item["id"],
            "has_more": False,
        }
        assert (item["type"], item["content"]) == ("message", [{"type": "input_text", "text": "x"}])
        assert refusal(await http.post(f"{path}/cancel"))[0] == 400
        gone = {"id": made["id"], "object": "response", "deleted": True}
        assert (await http.delete(path)).json() == gone
        for answer in (
            await http.get(path),
            await http.delete(path),
            await http.get(f"{path}/input_items"),
            await http.post(f"{path}/cancel"),
        ):
            assert refusal(answer) == (404, INVALID, None, None)
            assert error_of(answer)["message"] == f"Response with id '{made['id']}' not found."
        assert refusal(await http.post(f"{RESPONSES}/input_tokens", json={}))[:2] == (404, INVALID)


async def test_row_113_a_compaction_is_an_object_of_its_own(tmp_path: Path) -> None:
    async with gateway_and_simulator(tmp_path, ANA) as (gateway, simulator), sdk(gateway) as client:
        simulator.script([stopped(text("We met."))])
        raw = await client.responses.with_raw_response.compact(model="gpt-4o", input="x")
        raw.parse()
    compacted = json.loads(raw.text)
    assert compacted.keys() == {"id", "object", "created_at", "output", "usage"}
    assert compacted["object"] == "response.compaction"
    assert [item["type"] for item in compacted["output"]] == ["compaction"]


async def test_row_76_an_error_that_is_no_json_is_one_to_the_client(tmp_path: Path) -> None:
    page = Exchange(502, JSON_HEADERS, ((0.0, b"<html>Bad Gateway</html>"),))
    async with gateway_and_simulator(tmp_path, ANA, gateway_max_attempts=1) as (gateway, simulator):
        simulator.script([page])
        answer = await ask(gateway, RESPONSES)
    assert refusal(answer)[:2] == (502, "server_error")
    assert "<html>" not in answer.text
