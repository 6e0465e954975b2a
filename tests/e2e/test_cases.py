"""Conformance cases that take the whole gateway and have no better place."""

import asyncio
import base64
import json
from pathlib import Path
from typing import Any

import pytest

from antigravity_addon.simulator.exchange import SSE_HEADERS, Exchange
from antigravity_addon.simulator.server import Simulator
from tests.e2e.test_chat import BO, gateway_and_simulator
from tests.running import RunningGateway

pytestmark = pytest.mark.time_lapse

BODY: dict[str, Any] = {"model": "gpt-4o", "messages": [{"role": "user", "content": "x"}]}
TEXT: dict[str, Any] = {"candidates": [{"content": {"parts": [{"text": "Bon"}]}}]}
END: dict[str, Any] = {
    "candidates": [{"content": {"parts": [{"text": "jour"}]}, "finishReason": "STOP"}],
    "usageMetadata": {"promptTokenCount": 5, "candidatesTokenCount": 2, "totalTokenCount": 7},
}


def events(*chunks: dict[str, Any], reset: bool = False) -> Exchange:
    pieces = tuple((0.0, b"data: " + json.dumps(chunk).encode() + b"\r\n\r\n") for chunk in chunks)
    return Exchange(200, SSE_HEADERS, pieces, reset=reset)


async def stream(gateway: RunningGateway, **fields: Any) -> list[str]:
    """The data of each event."""
    async with gateway.client() as http:
        answer = await http.post("/v1/chat/completions", json={**BODY, "stream": True, **fields})
    assert answer.headers["content-type"].startswith("text/event-stream")
    return [line.removeprefix("data: ") for line in answer.text.split("\n") if line.startswith("data: ")]


def deltas(data: list[str]) -> list[Any]:
    chunks = [json.loads(each) for each in data if each != "[DONE]"]
    return [choice["delta"] for chunk in chunks for choice in chunk.get("choices", ())]


async def test_c01_and_c03_health_and_one_model(tmp_path: Path) -> None:
    async with (
        gateway_and_simulator(tmp_path, gateway_auth_mode="strict", gateway_api_key="k") as (
            gateway,
            _,
        ),
        gateway.client() as stranger,
        gateway.client({"authorization": "Bearer k"}) as known,
    ):
        assert (await stranger.get("/healthz")).status_code == 401
        assert (await known.get("/healthz")).json()["status"] == "ok"
        model = (await known.get("/v1/models/gpt-4o")).json()
        assert (model["id"], model["object"], type(model["created"])) == ("gpt-4o", "model", int)
        unknown = await known.get("/v1/models/nope")
        assert unknown.status_code == 404
        assert unknown.json()["error"] == {
            "message": "The model 'nope' does not exist",
            "type": "invalid_request_error",
            "param": "model",
            "code": "model_not_found",
        }


async def test_c55_and_c56_a_stream_and_its_usage(tmp_path: Path) -> None:
    late_usage = [TEXT, {**END, "usageMetadata": None}, {"usageMetadata": END["usageMetadata"]}]
    async with gateway_and_simulator(tmp_path) as (gateway, simulator):
        simulator.script([events(TEXT, END), events(*late_usage)])
        data = await stream(gateway)
        assert deltas(data) == [
            {"role": "assistant", "content": "", "refusal": None},
            {"content": "Bon"},
            {"content": "jour"},
            {},
        ]
        assert data[-1] == "[DONE]"
        *chunks, last, _done = await stream(gateway, stream_options={"include_usage": True})
        assert all(json.loads(chunk)["usage"] is None for chunk in chunks)
        assert json.loads(last)["choices"] == []
        assert json.loads(last)["usage"]["total_tokens"] == 7


async def test_c60_an_error_in_front_of_the_first_byte_is_no_stream(tmp_path: Path) -> None:
    error = {"error": {"code": 429, "status": "RESOURCE_EXHAUSTED", "message": "m"}}
    async with gateway_and_simulator(tmp_path) as (gateway, simulator):
        simulator.script([events(error), events(TEXT, END)])
        assert deltas(await stream(gateway))[1:3] == [{"content": "Bon"}, {"content": "jour"}]
    async with gateway_and_simulator(tmp_path, BO, gateway_longest_wait=0) as (gateway, simulator):
        simulator.script([events(error)])
        async with gateway.client() as http:
            answer = await http.post("/v1/chat/completions", json={**BODY, "stream": True})
        assert answer.status_code == 429
        assert answer.headers["content-type"] == "application/json"
        assert answer.json()["error"]["code"] == "rate_limit_exceeded"


@pytest.mark.parametrize("reset", [True, False], ids=["C61 reset", "C63 no finish reason"])
async def test_half_an_answer_is_never_passed_off_as_one(tmp_path: Path, *, reset: bool) -> None:
    # C63 lets the stream end with `stop`; openai.md: most clients take that for a whole answer
    async with gateway_and_simulator(tmp_path, BO) as (gateway, simulator):
        simulator.script([events(TEXT, reset=reset)])
        *_, text, error = await stream(gateway)
        assert json.loads(text)["choices"][0]["delta"] == {"content": "Bon"}
        assert json.loads(error)["error"]["code"] == "upstream_interrupted"
        simulator.script([events(TEXT, reset=reset)] * 3)
        async with gateway.client() as http:
            whole = await http.post("/v1/chat/completions", json=BODY)
        assert (whole.status_code, whole.json()["error"]["code"]) == (502, "upstream_interrupted")


async def test_c64_text_that_looks_like_protocol_is_text(tmp_path: Path) -> None:
    text = '{"error": "x"} data: [DONE]\n\ndata: {"error":{"code":429}}'
    chunk = {"candidates": [{"content": {"parts": [{"text": text}]}, "finishReason": "STOP"}]}
    async with gateway_and_simulator(tmp_path) as (gateway, simulator):
        simulator.script([events(chunk)])
        assert deltas(await stream(gateway))[1] == {"content": text}


async def test_c65_a_client_that_leaves_takes_the_upstream_request_with_it(tmp_path: Path) -> None:
    account = ("a@example.com", "fault-silence-after-first")
    async with gateway_and_simulator(tmp_path, account) as (gateway, simulator):
        async with (
            gateway.client() as http,
            http.stream("POST", "/v1/chat/completions", json={**BODY, "stream": True}) as answer,
        ):
            async for _ in answer.aiter_bytes():
                break
        async with asyncio.timeout(60):
            await simulator.wait_for(lambda requests: requests[-1].disconnected)


async def test_c71_the_body_of_responses_is_understood_by_chat(tmp_path: Path) -> None:
    body = {"model": "gpt-4o", "instructions": "Be strict.", "input": "echo:a-b"}
    async with gateway_and_simulator(tmp_path) as (gateway, simulator), gateway.client() as http:
        answer = (await http.post("/v1/chat/completions", json=body)).json()
        assert (answer["object"], answer["choices"][0]["message"]["content"]) == ("chat.completion", "a-b")
        sent: Any = simulator.requests[-1].body
        assert sent["systemInstruction"] == {"parts": [{"text": "Be strict."}]}


async def test_c19_and_c20_only_public_addresses_are_fetched_and_no_path_is_opened(tmp_path: Path) -> None:
    async with gateway_and_simulator(tmp_path) as (gateway, simulator), Simulator() as forbidden:
        port = forbidden.base_url.rpartition(":")[2]
        urls = [
            f"http://127.0.0.1:{port}/a.png",
            f"http://localhost:{port}/a.png",
            f"http://2130706433:{port}/a.png",
            "http://169.254.169.254/latest/meta-data",
            "/etc/hostname",
            "file:///etc/hostname",
        ]
        for url in urls:
            content = [{"type": "image_url", "image_url": {"url": url}}]
            async with gateway.client() as http:
                answer = await http.post(
                    "/v1/chat/completions", json={**BODY, "messages": [{"role": "user", "content": content}]}
                )
            assert answer.status_code == 400, url
            assert answer.json()["error"]["param"] == "messages[0].content[0].image_url.url"
        assert not forbidden.requests
        assert not simulator.requests


async def test_c96_a_body_of_thirty_megabytes_passes_unchanged(tmp_path: Path) -> None:
    # and what is longer than the limit is refused: test_http_requests.py
    png = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(22_000_000)).decode()
    content = [{"type": "image_url", "image_url": {"url": f"data:image/png;base64,{png}"}}]
    body = {**BODY, "messages": [{"role": "user", "content": content}]}
    async with gateway_and_simulator(tmp_path) as (gateway, simulator), gateway.client() as http:
        answer = await http.post("/v1/chat/completions", json=body)
        assert answer.status_code == 200, answer.text
        sent: Any = simulator.requests[-1].body
        assert sent["contents"][0]["parts"][0]["inlineData"] == {"mimeType": "image/png", "data": png}
