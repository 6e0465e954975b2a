"""Upstream requests as flows of their own: seen, paused, edited, answered, stopped, saved."""

import asyncio
import json
import socket
from pathlib import Path
from typing import Any

import httpx
import pytest
from mitmproxy import http, io, types
from mitmproxy.addons.intercept import Intercept
from mitmproxy.addons.savehar import SaveHar

from antigravity_addon.simulator.server import Simulator
from tests.running import RunningGateway, run_gateway, write_accounts

BODY: dict[str, Any] = {
    "model": "gpt-4o",
    "messages": [{"role": "user", "content": "echo:one two three four five six"}],
}
ANA = ("ana@example.com", "upstream-key-a")
LIMITED = ("limited@example.com", "fault-rate-limited")


async def ask(gateway: RunningGateway, *, stream: bool = False, **fields: object) -> httpx.Response:
    async with gateway.client() as client:
        return await client.post("/v1/chat/completions", json={**BODY, "stream": stream, **fields})


def text_of(answer: httpx.Response) -> str:
    text = answer.json()["choices"][0]["message"]["content"]
    assert isinstance(text, str)
    return text


class Operator:
    """Somebody in front of mitmweb, as an addon behind the one of mitmproxy that pauses flows."""

    name = "operator"

    def __init__(self) -> None:
        self.paused: asyncio.Queue[http.HTTPFlow] = asyncio.Queue()

    def request(self, flow: http.HTTPFlow) -> None:
        if flow.intercepted:
            self.paused.put_nowait(flow)

    def response(self, flow: http.HTTPFlow) -> None:
        self.request(flow)


def intercepting(gateway: RunningGateway, pattern: str) -> Operator:
    operator = Operator()
    gateway.master.addons.add(Intercept(), operator)
    gateway.master.options.update(intercept=pattern)
    return operator


def attempt_of(flow: http.HTTPFlow) -> dict[str, Any]:
    facts = flow.metadata["gateway_attempt"]
    assert isinstance(facts, dict)
    return facts


def read(path: Path) -> list[http.HTTPFlow]:
    with path.open("rb") as file:
        return [flow for flow in io.FlowReader(file).stream() if isinstance(flow, http.HTTPFlow)]


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
async def test_each_attempt_is_a_flow_of_its_own(tmp_path: Path, *, stream: bool) -> None:
    accounts = write_accounts(tmp_path, LIMITED, ANA)
    async with (
        Simulator() as simulator,
        run_gateway(simulator.base_url, tmp_path, gateway_accounts=accounts) as gateway,
    ):
        await ask(gateway, stream=stream)
        client_flow = await gateway.recorder.wait()
        refused, served = gateway.recorder.attempts
        sent = simulator.requests
        assert [attempt.request.raw_content for attempt in (refused, served)] == [
            json.dumps(each.body, separators=(",", ":")).encode() for each in sent
        ]
        assert refused.request.url.startswith(
            f"{simulator.base_url}/v1beta/models/gemini-2.5-flash:streamGen"
        )
        assert refused.request.headers["x-goog-api-key"] == "[redacted]"
        assert refused.response is not None
        assert refused.response.status_code == 429
        assert b"RESOURCE_EXHAUSTED" in (refused.response.content or b"")
        assert refused.comment == "↳ attempt 1 · gemini-2.5-flash · limited@… · 429 rate_limit_exceeded"
        assert served.response is not None
        assert b"one" in (served.response.content or b"")
        assert served.comment == "↳ attempt 2 · gemini-2.5-flash · ana@…"
        for number, attempt in enumerate((refused, served), start=1):
            assert attempt_of(attempt)["client_flow"] == client_flow.id
            assert attempt_of(attempt)["attempt"] == number
            assert not attempt.live
            assert attempt.server_conn.peername == ("127.0.0.1", attempt.request.port)
            assert attempt.server_conn.timestamp_tcp_setup is not None
        written = attempt_of(served)["rhythm"]
        assert sum(size for _, size in written) == len(served.response.raw_content or b"")
        known = [attempt["flows"] for attempt in client_flow.metadata["gateway"]["attempts"]]
        assert known == [[refused.id], [served.id]]
        assert client_flow.marked == ":arrows_counterclockwise:"


async def test_an_answer_that_came_packed_is_shown_as_what_was_unpacked(tmp_path: Path) -> None:
    accounts = write_accounts(tmp_path, ("packed@example.com", "fault-gzip"))
    async with (
        Simulator() as simulator,
        run_gateway(simulator.base_url, tmp_path, gateway_accounts=accounts) as gateway,
    ):
        await ask(gateway, stream=True)
        await gateway.recorder.wait()
        (served,) = gateway.recorder.attempts
    assert served.response is not None
    assert b"data: {" in (served.response.get_content(strict=True) or b"")


@pytest.mark.time_lapse
async def test_a_request_that_is_paused_is_sent_as_it_was_edited(tmp_path: Path) -> None:
    accounts = write_accounts(tmp_path, ANA)
    options = {"gateway_accounts": accounts, "gateway_first_token_timeout": 1, "gateway_request_timeout": 1}
    async with Simulator() as simulator, run_gateway(simulator.base_url, tmp_path, **options) as gateway:
        operator = intercepting(gateway, "~q & ~meta gateway_attempt")
        asking = asyncio.create_task(ask(gateway))  # noqa: TID251  awaited below
        flow = await operator.paused.get()
        assert not simulator.requests
        # longer than any patience: while people look, time stands still
        await asyncio.sleep(1.2)
        flow.request.text = (flow.request.text or "").replace("one two", "edited by hand")
        flow.resume()
        answer = await asking
        assert answer.status_code == 200
        assert text_of(answer).startswith("edited by hand")
        assert "edited by hand" in str(simulator.requests[0].body)
        assert simulator.requests[0].api_key == "upstream-key-a"


async def test_what_pays_goes_nowhere_else(tmp_path: Path) -> None:
    """An operator who edits the address of a paused request sends no credential there."""
    accounts = write_accounts(tmp_path, ANA)
    async with (
        Simulator() as simulator,
        Simulator() as elsewhere,
        run_gateway(
            simulator.base_url, tmp_path, gateway_accounts=accounts, gateway_max_attempts=1
        ) as gateway,
    ):
        operator = intercepting(gateway, "~q & ~meta gateway_attempt")
        asking = asyncio.create_task(ask(gateway))  # noqa: TID251  awaited below
        flow = await operator.paused.get()
        flow.request.port = int(elsewhere.base_url.rpartition(":")[2])
        flow.resume()
        assert (await asking).status_code == 503
        assert not simulator.requests
        assert "upstream-key" not in str(elsewhere.requests)


async def test_an_answer_that_is_paused_is_read_as_it_was_edited(tmp_path: Path) -> None:
    accounts = write_accounts(tmp_path, ANA)
    async with (
        Simulator() as simulator,
        run_gateway(simulator.base_url, tmp_path, gateway_accounts=accounts) as gateway,
    ):
        operator = intercepting(gateway, "~s & ~meta gateway_attempt")
        asking = asyncio.create_task(ask(gateway, stream=True))  # noqa: TID251  awaited below
        flow = await operator.paused.get()
        assert flow.response is not None
        flow.response.text = (flow.response.text or "").replace("one", "ONE")
        flow.resume()
        answer = await asking
        assert "ONE" in answer.text
        assert "one" not in answer.text


async def test_a_request_that_was_killed_is_not_sent_and_is_tried_again(tmp_path: Path) -> None:
    accounts = write_accounts(tmp_path, ANA)
    async with (
        Simulator() as simulator,
        run_gateway(simulator.base_url, tmp_path, gateway_accounts=accounts) as gateway,
    ):
        operator = intercepting(gateway, "~q & ~comment ↳.attempt.1")
        asking = asyncio.create_task(ask(gateway))  # noqa: TID251  awaited below
        (await operator.paused.get()).kill()
        assert (await asking).status_code == 200
        assert len(simulator.requests) == 1
        killed, served = gateway.recorder.attempts
        assert killed.error is not None
        assert killed.response is None
        assert served.response is not None


@pytest.mark.parametrize("http2", [False, True], ids=["HTTP/1", "HTTP/2"])
@pytest.mark.parametrize("paused", ["~q & !~comment ↳", "~s & !~comment ↳"], ids=["request", "answer"])
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
async def test_a_client_whose_paused_flow_is_killed_hears_of_it(
    tmp_path: Path, paused: str, *, stream: bool, http2: bool
) -> None:
    async with (
        run_gateway(None, tmp_path, gateway_upstream="simulator") as gateway,
        httpx.AsyncClient(base_url=gateway.url, http1=not http2, http2=http2, timeout=60) as client,
    ):
        operator = intercepting(gateway, paused)
        asking = asyncio.create_task(  # noqa: TID251  awaited below
            client.post("/v1/chat/completions", json={**BODY, "stream": stream})
        )
        flow = await operator.paused.get()
        flow.kill()
        with pytest.raises(httpx.RemoteProtocolError):
            await asking
        assert flow.error is not None
        assert not flow.live


async def test_server_replay_answers_an_attempt(tmp_path: Path) -> None:
    accounts = write_accounts(tmp_path, ANA)
    saved = tmp_path / "attempts.mitm"
    async with (
        Simulator() as simulator,
        run_gateway(simulator.base_url, tmp_path, gateway_accounts=accounts) as gateway,
    ):
        first = await ask(gateway)
        await gateway.recorder.wait()
        with saved.open("wb") as file:
            writer = io.FlowWriter(file)
            for flow in gateway.recorder.attempts:
                writer.add(flow)
        gateway.master.commands.call("replay.server.file", str(saved))
        again = await ask(gateway)
        assert text_of(again) == text_of(first)
        assert len(simulator.requests) == 1
        assert gateway.recorder.attempts[1].is_replay == "response"


def shouted(chunk: bytes) -> bytes:
    return chunk.replace(b"one", b"ONE")


def shouted_pieces(chunk: bytes) -> list[bytes]:
    return [shouted(chunk)]


class Script:
    """A user's, which changes answers on their way."""

    name = "users_script"

    def __init__(self, stream: object) -> None:
        self._stream = stream

    def responseheaders(self, flow: http.HTTPFlow) -> None:
        if "gateway_attempt" in flow.metadata and flow.response is not None:
            flow.response.stream = self._stream  # type: ignore[assignment]

    def response(self, flow: http.HTTPFlow) -> None:
        if "gateway_attempt" in flow.metadata and flow.response is not None and self._stream is False:
            flow.response.text = (flow.response.text or "").replace("one", "ONE")


@pytest.mark.parametrize(
    "stream",
    [False, shouted, shouted_pieces],
    ids=["held back", "bytes", "pieces"],
)
async def test_a_script_may_change_an_answer(tmp_path: Path, stream: object) -> None:
    accounts = write_accounts(tmp_path, ANA)
    async with (
        Simulator() as simulator,
        run_gateway(simulator.base_url, tmp_path, gateway_accounts=accounts) as gateway,
    ):
        gateway.master.addons.add(Script(stream))
        assert text_of(await ask(gateway)).startswith("ONE")


async def test_a_client_that_leaves_ends_the_attempts_flow(tmp_path: Path) -> None:
    accounts = write_accounts(tmp_path, ("ana@example.com", "fault-silence-after-first"))
    async with (
        Simulator() as simulator,
        run_gateway(simulator.base_url, tmp_path, gateway_accounts=accounts) as gateway,
    ):
        async with (
            gateway.client() as client,
            client.stream("POST", "/v1/chat/completions", json={**BODY, "stream": True}) as answer,
        ):
            await anext(answer.aiter_bytes())
        client_flow = await gateway.recorder.wait()
        (attempt,) = gateway.recorder.attempts
        assert attempt.error is not None
        assert attempt.response is not None
        assert b"Reading the request" in (attempt.response.raw_content or b""), "what came is there"
        assert attempt_of(attempt)["outcome"] == "cancelled"
        assert client_flow.marked == ":scissors:"


READ_TO_ITS_END = ("html-502", "truncated", "empty-answer", "no-candidates")


@pytest.mark.time_lapse
@pytest.mark.parametrize(
    "fault", ["reset", "reset-after-head", "error-mid-event", "silence", *READ_TO_ITS_END]
)
async def test_an_upstream_that_fails_is_shown_as_it_failed(tmp_path: Path, fault: str) -> None:
    accounts = write_accounts(tmp_path, ("ana@example.com", f"fault-{fault}"))
    options = {"gateway_accounts": accounts, "gateway_max_attempts": 1, "gateway_first_token_timeout": 1}
    async with Simulator() as simulator, run_gateway(simulator.base_url, tmp_path, **options) as gateway:
        await ask(gateway)
        client_flow = await gateway.recorder.wait()
        (attempt,) = gateway.recorder.attempts
        assert (attempt.error is None) == (fault in READ_TO_ITS_END)
        (told,) = client_flow.metadata["gateway"]["attempts"]
        assert attempt_of(attempt)["outcome"] == told["failure"] != ""
        assert attempt.comment.endswith(f" · {told['failure']}")
        assert client_flow.marked == ":x:"


async def test_plain_mitmproxy_reads_and_exports_them(tmp_path: Path) -> None:
    saved, exported = tmp_path / "session.mitm", tmp_path / "session.har"
    options = {"gateway_accounts": write_accounts(tmp_path, LIMITED, ANA), "save_stream_file": str(saved)}
    async with Simulator() as simulator, run_gateway(simulator.base_url, tmp_path, **options) as gateway:
        await ask(gateway)
        await gateway.recorder.wait()
    flows = read(saved)
    assert len(flows) == 3
    SaveHar().export_har(flows, types.Path(str(exported)))
    entries = json.loads(exported.read_text())["log"]["entries"]
    assert sorted(entry["response"]["status"] for entry in entries) == [200, 200, 429]
    assert all(
        entry["serverIPAddress"] == "127.0.0.1" for entry in entries if "v1beta" in entry["request"]["url"]
    )


async def test_they_can_be_switched_off(tmp_path: Path) -> None:
    options = {"gateway_accounts": write_accounts(tmp_path, ANA), "gateway_attempt_flows": False}
    async with Simulator() as simulator, run_gateway(simulator.base_url, tmp_path, **options) as gateway:
        assert (await ask(gateway)).status_code == 200
        await gateway.recorder.wait()
        assert not gateway.recorder.attempts


async def test_what_an_exchange_cost_is_told(tmp_path: Path) -> None:
    prices = tmp_path / "prices.yaml"
    prices.write_text("prices: [{model: gemini-2.5-flash, input: 100000, output: 200000}]")
    options = {"gateway_accounts": write_accounts(tmp_path, ANA), "gateway_prices": str(prices)}
    async with Simulator() as simulator, run_gateway(simulator.base_url, tmp_path, **options) as gateway:
        usage = (await ask(gateway)).json()["usage"]
        dollars = (usage["prompt_tokens"] + 2 * usage["completion_tokens"]) / 10
        flow = await gateway.recorder.wait()
        assert flow.comment.endswith(f" tok · ${dollars:.2f}")
        assert flow.metadata["gateway"]["dollars"] == pytest.approx(dollars)
        async with gateway.client() as client:
            metrics = (await client.get("/metrics")).text
        line = next(line for line in metrics.splitlines() if line.startswith("gateway_cost_dollars_total{"))
        assert float(line.rpartition(" ")[2]) == pytest.approx(dollars)


async def test_an_upstream_at_an_address_of_ipv6(tmp_path: Path) -> None:
    with socket.socket(socket.AF_INET6, socket.SOCK_STREAM) as bound:
        bound.bind(("::1", 0))
        bound.listen()
        bound.setblocking(False)
        target = f"http://[::1]:{bound.getsockname()[1]}"
        options = {"gateway_accounts": write_accounts(tmp_path, ANA)}
        async with Simulator(sock=bound), run_gateway(target, tmp_path, **options) as gateway:
            assert (await ask(gateway)).status_code == 200
            await gateway.recorder.wait()
            (attempt,) = gateway.recorder.attempts
            assert attempt.request.headers["host"] == target.removeprefix("http://")


class KeepsBack:
    """A script that passes on half of each piece, and the rest at the end."""

    name = "keeps_back"

    def __init__(self) -> None:
        self._kept = b""

    def responseheaders(self, flow: http.HTTPFlow) -> None:
        if "gateway_attempt" in flow.metadata and flow.response is not None:
            flow.response.stream = self._pass_on

    def _pass_on(self, chunk: bytes) -> bytes | list[bytes]:
        if not chunk:
            return self._kept
        self._kept += chunk
        return []


async def test_what_a_script_keeps_back_comes_at_the_end(tmp_path: Path) -> None:
    options = {"gateway_accounts": write_accounts(tmp_path, ANA)}
    async with Simulator() as simulator, run_gateway(simulator.base_url, tmp_path, **options) as gateway:
        gateway.master.addons.add(KeepsBack())
        assert text_of(await ask(gateway)).startswith("one two")
