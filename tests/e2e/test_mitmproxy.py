"""What an operator sees and does in mitmproxy: flows, saved files, replays, keys, listeners."""

import asyncio
import json
import shutil
from pathlib import Path
from typing import Any

import aiohttp
import httpx
import pytest
from mitmproxy import http, io
from mitmproxy.exceptions import OptionsError
from mitmproxy.proxy.events import Event
from mitmproxy.proxy.layers import HttpLayer
from mitmproxy.proxy.server import ConnectionHandler
from mitmproxy.test import tflow

from antigravity_addon.gateway.admission import Admission
from antigravity_addon.gateway.gateway import Gateway
from antigravity_addon.mitm import gateway as gateway_module
from antigravity_addon.mitm.attempts import is_attempt
from antigravity_addon.mitm.upstream_layer import Pushed
from antigravity_addon.simulator.server import Simulator
from tests.running import RunningGateway, proxyserver, run_gateway, write_accounts

from .held_upstream import held_upstream

BODY: dict[str, Any] = {
    "model": "gpt-4o",
    "messages": [{"role": "user", "content": "echo:one two three four five six"}],
}
ANA, BO = ("ana@example.com", "upstream-key-a"), ("bo@example.com", "upstream-key-b")


async def ask(
    gateway: RunningGateway, headers: dict[str, str] | None = None, *, stream: bool = True
) -> httpx.Response:
    async with gateway.client(headers) as client:
        return await client.post("/v1/chat/completions", json={**BODY, "stream": stream})


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
async def test_a_flow_shows_the_request_as_sent_and_the_answer_as_received(
    tmp_path: Path, *, stream: bool
) -> None:
    async with (
        Simulator() as simulator,
        run_gateway(simulator.base_url, tmp_path, gateway_accounts=write_accounts(tmp_path, ANA)) as gateway,
    ):
        answer = await ask(gateway, stream=stream)
        flow = await gateway.recorder.wait()
        assert json.loads(flow.request.content or b"") == {**BODY, "stream": stream}
        assert flow.response is not None
        assert flow.response.content == answer.content
        assert flow.comment.startswith("gpt-4o → gemini-2.5-flash · ana@… · first token ")
        assert " tok" in flow.comment
        assert flow.metadata["gateway"]["attempts"][0]["account"] == "ana@example.com"


NAMED: dict[str, tuple[str, str, dict[str, Any] | bytes, str, str]] = {
    "a health check": ("GET", "/healthz", b"", "GET /healthz", ""),
    "the models": ("GET", "/v1/models?key=1", b"", "GET /v1/models", ""),
    "no such path": ("GET", "/nowhere", b"", "✗ 404 invalid_request_error · GET /nowhere", ":x:"),
    "no JSON": ("POST", "/v1/responses", b"{", "✗ 400 invalid_json · POST /v1/responses", ":x:"),
    "a wrong value": (
        "POST",
        "/v1/chat/completions",
        BODY | {"temperature": 9},
        "✗ 400 invalid_value · POST /v1/chat/completions",
        ":x:",
    ),
}


@pytest.mark.parametrize("redacts", [False, True], ids=["bodies kept", "bodies redacted"])
@pytest.mark.parametrize(("method", "path", "body", "comment", "marker"), NAMED.values(), ids=NAMED)
async def test_a_request_that_never_comes_to_a_model_says_what_became_of_it(
    tmp_path: Path,
    method: str,
    path: str,
    body: dict[str, Any] | bytes,
    comment: str,
    marker: str,
    *,
    redacts: bool,
) -> None:
    async with run_gateway(
        None, tmp_path, gateway_upstream="simulator", gateway_redact_bodies=redacts
    ) as gateway:
        async with gateway.client() as client:
            content = body if isinstance(body, bytes) else json.dumps(body).encode()
            await client.request(method, path, content=content, headers={"content-type": "application/json"})
        flow = await gateway.recorder.wait()
        assert (flow.comment, flow.marked) == (comment, marker)


async def test_a_request_that_was_not_let_in_says_so(tmp_path: Path) -> None:
    options = {
        "gateway_upstream": "simulator",
        "gateway_api_key": "sk-of-a-client",
        "gateway_auth_mode": "strict",
    }
    async with run_gateway(None, tmp_path, **options) as gateway:
        assert (await ask(gateway)).status_code == 401
        flow = await gateway.recorder.wait()
        assert flow.comment == "✗ 401 invalid_api_key · POST /v1/chat/completions"
        assert flow.marked == ":x:"


async def test_flows_are_saved_and_read_back_without_a_key_in_them(tmp_path: Path) -> None:
    saved = tmp_path / "session.mitm"
    options = {
        "gateway_accounts": write_accounts(tmp_path, ANA, BO),
        "gateway_api_key": "sk-client-secret",
        "gateway_auth_mode": "strict",
        "save_stream_file": str(saved),
    }
    async with Simulator() as simulator, run_gateway(simulator.base_url, tmp_path, **options) as gateway:
        answers = [
            await ask(gateway, {"authorization": "Bearer sk-client-secret"}),
            await ask(gateway, {"x-api-key": "sk-client-secret"}),
            await ask(gateway, {"authorization": "Bearer sk-wrong-secret"}),
        ]
        assert [answer.status_code for answer in answers] == [200, 200, 401]
        assert len(simulator.requests) == 2, "nothing of a refused request goes anywhere"
        await gateway.recorder.wait(3)
    written = saved.read_bytes()
    for secret in (b"sk-client-secret", b"sk-wrong-secret", b"upstream-key"):
        assert secret not in written
    with saved.open("rb") as file:
        read = [flow for flow in io.FlowReader(file).stream() if isinstance(flow, http.HTTPFlow)]
    flows = [flow for flow in read if not is_attempt(flow)]
    assert len(read) == len(flows) + 2, "each upstream request is there, too"
    assert [flow.response.content if flow.response else None for flow in flows] == [
        a.content for a in answers
    ]
    assert flows[0].request.headers["authorization"] == "Bearer [redacted]"
    assert "ana@…" in flows[0].comment
    assert answers[2].headers["www-authenticate"] == "Bearer"
    assert answers[2].json()["error"]["code"] == "invalid_api_key"


async def test_replay_asks_again_and_answers_whole(tmp_path: Path) -> None:
    options = {
        "gateway_accounts": write_accounts(tmp_path, ANA),
        "gateway_api_key": "sk-client-secret",
        "gateway_auth_mode": "strict",
    }
    async with Simulator() as simulator, run_gateway(simulator.base_url, tmp_path, **options) as gateway:
        await ask(gateway, {"authorization": "Bearer sk-client-secret"})
        flow = await gateway.recorder.wait()
        again = flow.copy()
        again.request.content = json.dumps(
            {**BODY, "messages": [{"role": "user", "content": "echo:edited"}]}
        ).encode()
        gateway.master.commands.call("replay.client", [again])
        replayed = await gateway.recorder.wait(2)
        assert replayed.is_replay == "request"
        assert replayed.response is not None
        assert json.loads(replayed.response.content or b"")["choices"][0]["message"]["content"] == "edited"
        assert replayed.comment.startswith("gpt-4o → gemini-2.5-flash · ana@…")
        assert len(simulator.requests) == 2


async def test_flows_loaded_from_a_file_are_left_alone(tmp_path: Path) -> None:
    async with (
        Simulator() as simulator,
        run_gateway(simulator.base_url, tmp_path, gateway_accounts=write_accounts(tmp_path, ANA)) as gateway,
    ):
        await ask(gateway)
        flow = (await gateway.recorder.wait()).copy()
        flow.live = False
        before = flow.get_state()
        await gateway.master.load_flow(flow)
        assert flow.get_state()["response"] == before["response"]
        assert len(simulator.requests) == 1


async def test_what_a_client_that_left_was_sent_stays_in_the_flow(tmp_path: Path) -> None:
    accounts = write_accounts(tmp_path, ("ana@example.com", "fault-silence-after-first"))
    async with (
        Simulator() as simulator,
        run_gateway(simulator.base_url, tmp_path, gateway_accounts=accounts) as gateway,
    ):
        async with (
            gateway.client() as client,
            client.stream("POST", "/v1/chat/completions", json={**BODY, "stream": True}) as answer,
        ):
            first = await anext(answer.aiter_bytes())
        flow = await gateway.recorder.wait()
        assert flow.error is not None
        assert flow.response is not None
        assert (flow.response.content or b"").startswith(first)
        assert flow.comment.startswith("✂ client gone · ")
        assert not gateway_module._answers


async def test_a_bug_never_forwards_the_request(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError

    async with (
        Simulator() as simulator,
        run_gateway(simulator.base_url, tmp_path, gateway_accounts=write_accounts(tmp_path, ANA)) as gateway,
    ):
        for owner, name in ((Admission, "admit"), (Gateway, "serve")):
            with monkeypatch.context() as patch:
                patch.setattr(owner, name, broken)
                answer = await ask(gateway)
            assert answer.status_code == 500
            assert answer.json()["error"]["type"] == "server_error"
            assert answer.headers["x-request-id"]
            assert "ZeroDivision" not in answer.text
        assert not simulator.requests


async def test_http2_clients_stream_too_and_share_their_connection(tmp_path: Path) -> None:
    """Over TLS, with curl: httpx offers HTTP/1.1 first, and mitmproxy takes what is offered first."""
    if (curl := shutil.which("curl")) is None:
        pytest.skip("needs curl")
    async with run_gateway(None, tmp_path, gateway_upstream="simulator") as gateway:
        url = gateway.url.replace("http://", "https://") + "/v1/chat/completions"
        body = json.dumps({**BODY, "stream": True})
        arguments = ("--silent", "--insecure", "--http2", "--parallel", "--max-time", "20", "--data", body)
        shown = ("--write-out", "\nHTTP/%{http_version} %{num_connects}\n")
        process = await asyncio.create_subprocess_exec(
            curl, *arguments, *shown, *[url] * 5, stdout=asyncio.subprocess.PIPE
        )
        output, _ = await process.communicate()
        assert output.count(b"data: [DONE]") == 5
        assert output.count(b"HTTP/2 ") == 5
        assert output.count(b"HTTP/2 1") < 5, "connections are shared"


class Shouting:
    """A script that changes what clients are sent."""

    def responseheaders(self, flow: http.HTTPFlow) -> None:
        if flow.response is not None and not is_attempt(flow):
            flow.response.stream = bytes.upper


STREAMED_BY: dict[str, tuple[dict[str, Any], list[object], bool]] = {
    "as it comes": ({}, [], True),
    "kept by mitmproxy, too": ({"store_streamed_bodies": True}, [], False),
    "changed by a script": ({}, [Shouting()], False),
}


@pytest.mark.parametrize(("options", "scripts", "is_direct"), STREAMED_BY.values(), ids=STREAMED_BY)
async def test_pieces_of_an_answer_go_through_mitmproxy_where_it_does_something_with_them(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    options: dict[str, Any],
    scripts: list[object],
    is_direct: bool,  # noqa: FBT001  a parameter of the test
) -> None:
    brought: list[Pushed] = []
    server_event = ConnectionHandler.server_event

    async def noted(self: ConnectionHandler, event: Event) -> None:
        if isinstance(event, Pushed) and event.response is None and not event.end:
            brought.append(event)
        await server_event(self, event)

    monkeypatch.setattr(ConnectionHandler, "server_event", noted)
    accounts = write_accounts(tmp_path, ANA)
    async with (
        held_upstream() as upstream,
        run_gateway(upstream.url, tmp_path, gateway_accounts=accounts, **options) as gateway,
        gateway.client() as client,
    ):
        gateway.master.addons.add(*scripts)
        async with client.stream("POST", "/v1/chat/completions", json={**BODY, "stream": True}) as answer:
            pieces = answer.aiter_text()
            text = await anext(pieces)
            upstream.may_end.set()
            text += "".join([piece async for piece in pieces])
        flow = await gateway.recorder.wait()
    assert text.endswith("DATA: [DONE]\n\n" if scripts else "data: [DONE]\n\n")
    said = [json.loads(line[6:]) for line in text.lower().split("\n") if line.startswith("data: {")]
    assert "".join(event["choices"][0]["delta"].get("content", "") for event in said) == "one two."
    assert flow.response is not None
    assert (flow.response.text or "").lower() == text.lower()
    assert bool(brought) is not is_direct


async def test_hundreds_of_streams_at_once_come_whole_and_in_order(tmp_path: Path) -> None:
    text = " ".join(str(number) for number in range(100))
    async with (
        Simulator() as simulator,
        run_gateway(
            simulator.base_url, tmp_path, gateway_accounts=write_accounts(tmp_path, ANA, BO)
        ) as gateway,
    ):

        async def one(client: aiohttp.ClientSession, number: int) -> bool:
            body = {
                **BODY,
                "stream": True,
                "messages": [{"role": "user", "content": f"echo:{number} {text}"}],
            }
            async with client.post(f"{gateway.url}/v1/chat/completions", json=body) as answer:
                events = await answer.text()
            lines = [line[6:] for line in events.split("\n") if line.startswith("data: {")]
            pieces = [json.loads(line)["choices"][0]["delta"].get("content") or "" for line in lines]
            return "".join(pieces) == f"{number} {text}"

        # not httpx: its pool takes longer than the gateway
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as client:
            results = await asyncio.gather(*(one(client, number) for number in range(300)))
        assert all(results)
        assert {request.api_key for request in simulator.requests} == {ANA[1], BO[1]}


async def test_options_take_effect_while_it_runs(tmp_path: Path) -> None:
    async with (
        Simulator() as simulator,
        run_gateway(simulator.base_url, tmp_path, gateway_accounts=write_accounts(tmp_path, ANA)) as gateway,
    ):
        options = gateway.master.options
        options.update(gateway_model_map=["gpt-4o=gemini-2.5-pro"])
        assert (await ask(gateway)).headers["x-mapped-model"] == "gemini-2.5-pro"
        options.update(gateway_account_header="masked")
        assert (await ask(gateway)).headers["x-account-email"] == "a***@example.com"
        options.update(gateway_account_header="off")
        assert "x-account-email" not in (await ask(gateway)).headers
        options.update(gateway_api_key="sk-k", gateway_auth_mode="strict")
        assert (await ask(gateway)).status_code == 401
        assert (await ask(gateway, {"authorization": "Bearer sk-k"})).status_code == 200
        other = tmp_path / "other"
        other.mkdir()
        options.update(gateway_accounts=write_accounts(other, BO), gateway_account_header="full")
        assert (await ask(gateway, {"authorization": "Bearer sk-k"})).headers["x-account-email"] == BO[0]


@pytest.mark.parametrize(
    "change",
    [
        {"gateway_max_attempts": 0},
        {"gateway_model_map": ["nonsense"]},
        {"gateway_auth_mode": "strict"},
        {"gateway_accounts": "nowhere.yaml"},
        {"gateway_upstream": "simulator"},
        {"stream_large_bodies": "1m"},
    ],
    ids=str,
)
async def test_a_wrong_change_is_refused_and_changes_nothing(tmp_path: Path, change: dict[str, Any]) -> None:
    async with (
        Simulator() as simulator,
        run_gateway(simulator.base_url, tmp_path, gateway_accounts=write_accounts(tmp_path, ANA)) as gateway,
    ):
        with pytest.raises(OptionsError):
            gateway.master.options.update(**change)
        assert (await ask(gateway)).status_code == 200


async def test_the_embedded_simulator_answers(tmp_path: Path) -> None:
    async with run_gateway(None, tmp_path, gateway_upstream="simulator") as gateway:
        answer = await ask(gateway)
        assert answer.status_code == 200
        assert answer.headers["x-account-email"] == "simulator@localhost"


async def test_many_requests_on_one_connection_leave_nothing_behind(tmp_path: Path) -> None:
    async with (
        run_gateway(None, tmp_path, gateway_upstream="simulator") as gateway,
        gateway.client() as client,
    ):
        for _ in range(20):
            await client.post("/v1/chat/completions", json={**BODY, "stream": True})
        handler = next(iter(proxyserver(gateway.master).connections.values()))
        layers = [layer for layer in handler.layer.context.layers if isinstance(layer, HttpLayer)]
        assert [len(layer.connections) for layer in layers] == [1]
        await gateway.recorder.wait(20)
        assert not gateway_module._answers


async def test_an_old_client_gets_a_stream_that_ends_with_its_connection(tmp_path: Path) -> None:
    async with run_gateway(None, tmp_path, gateway_upstream="simulator") as gateway:
        host, port = gateway.url.removeprefix("http://").split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        body = json.dumps({**BODY, "stream": True}).encode()
        writer.write(
            b"POST /v1/chat/completions HTTP/1.0\r\ncontent-length: %d\r\n\r\n%s" % (len(body), body)
        )
        answer = await asyncio.wait_for(reader.read(), 60)
        writer.close()
        assert answer.endswith(b"data: [DONE]\n\n")
        assert b"chunked" not in answer


async def test_flows_of_other_modes_are_not_ours() -> None:
    flow = tflow.tflow()
    flow.live = True
    await gateway_module.GatewayAddon(Path()).requestheaders(flow)
    assert flow.response is None
