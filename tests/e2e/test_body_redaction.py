"""Under gateway_redact_bodies no flow keeps a prompt or an answer, and nobody else notices."""

import asyncio
import json
from pathlib import Path
from typing import Any

import httpx
import pytest
from mitmproxy import http, io
from mitmproxy.addons.clientplayback import ClientPlayback

from antigravity_addon.mitm.cassette import read_recordings
from antigravity_addon.mitm.operator_files import StartError
from antigravity_addon.simulator.server import Simulator
from tests.running import RunningGateway, run_gateway, write_accounts

from .operating import files_in, listening
from .test_attempt_flows import ANA, LIMITED, Operator, Script, intercepting, read, shouted

PROMPT = "my very own secret"
BODY: dict[str, Any] = {
    "model": "gpt-4o",
    "messages": [{"role": "user", "content": f"echo:{PROMPT}"}],
}
PATHS: dict[str, dict[str, Any]] = {
    "/v1/chat/completions": BODY,
    "/v1/responses": {"model": "gpt-4o", "input": f"echo:{PROMPT}"},
    "/v1/completions": {"model": "gpt-4o", "prompt": f"echo:{PROMPT}"},
}


def options_of(folder: Path, *accounts: tuple[str, str], **more: object) -> dict[str, object]:
    return {
        "gateway_accounts": write_accounts(folder, *accounts or (ANA,)),
        "gateway_redact_bodies": True,
        **more,
    }


async def ask(
    gateway: RunningGateway, *, stream: bool = False, path: str = "/v1/chat/completions"
) -> httpx.Response:
    async with gateway.client() as client:
        return await client.post(path, json=PATHS[path] | {"stream": stream})


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
async def test_flows_keep_the_shape_alone(tmp_path: Path, path: str, *, stream: bool) -> None:
    saved = tmp_path / "session.mitm"
    options = options_of(tmp_path, LIMITED, ANA, save_stream_file=str(saved))
    async with Simulator() as simulator, run_gateway(simulator.base_url, tmp_path, **options) as gateway:
        answer = await ask(gateway, path=path, stream=stream)
        assert answer.status_code == 200
        assert "very" in answer.text
        assert "[redacted" not in answer.text
        assert int(answer.headers.get("content-length", len(answer.content))) == len(answer.content)
        client_flow = await gateway.recorder.wait()
        refused, served = gateway.recorder.attempts
        assert all(PROMPT in str(request.body) for request in simulator.requests), "the upstream has got it"
        sizes = {each.id: each.metadata["gateway_redacted"] for each in (client_flow, served)}
    assert sizes[client_flow.id] == {
        "request": len(answer.request.content),
        "response": len(answer.content),
    }
    flows = {flow.id: flow for flow in read(saved)}
    assert flows.keys() == {client_flow.id, refused.id, served.id}
    for flow in flows.values():
        assert flow.response is not None
        kept = b"%b%b" % (flow.request.content or b"", flow.response.content or b"")
        assert not any(word in kept for word in (b"my very", b" very", b"own", b"quota metric"))
        assert b"[redacted" in (flow.request.content or b"")
        assert b"[redacted" in (flow.response.content or b"")
    shape = json.loads(flows[served.id].request.content or b"")
    assert shape["contents"][0]["parts"] == [{"text": f"[redacted {len(PROMPT) + 5} characters]"}]
    assert flows[served.id].metadata["gateway_redacted"] == sizes[served.id]


async def test_head_and_an_old_http_get_what_they_always_get(tmp_path: Path) -> None:
    options = options_of(tmp_path)
    async with Simulator() as simulator, run_gateway(simulator.base_url, tmp_path, **options) as gateway:
        async with gateway.client() as client:
            head = await client.head("/v1/models")
            models = await client.get("/v1/models")
        assert head.status_code == 200
        assert head.headers["content-length"] == models.headers["content-length"] == str(len(models.content))
        host, _, port = gateway.url.removeprefix("http://").partition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        body = json.dumps(BODY).encode()
        writer.write(
            b"POST /v1/chat/completions HTTP/1.0\r\nhost: localhost\r\ncontent-type: application/json\r\n"
            b"content-length: %d\r\n\r\n%b" % (len(body), body)
        )
        answer = await reader.read()
        writer.close()
        assert b"very" in answer


async def test_a_request_that_is_paused_can_still_be_edited(tmp_path: Path) -> None:
    saved = tmp_path / "session.mitm"
    options = options_of(tmp_path, save_stream_file=str(saved))
    async with Simulator() as simulator, run_gateway(simulator.base_url, tmp_path, **options) as gateway:
        operator = intercepting(gateway, "~q")
        asking = asyncio.create_task(ask(gateway, stream=True))  # noqa: TID251  awaited below
        for word, other in (("very", "hardly"), ("hardly", "not")):
            flow = await operator.paused.get()
            flow.backup()
            assert flow.request.text is not None
            assert word in flow.request.text
            flow.request.text = flow.request.text.replace(word, other)
            flow.resume()
        answer = await asking
        assert "not" in answer.text
        assert "my not own secret" in str(simulator.requests[0].body)
        await gateway.recorder.wait()
    assert b"own" not in saved.read_bytes()
    assert len(read(saved)) == 2


async def test_what_is_paused_when_the_process_ends_is_saved_without_it(tmp_path: Path) -> None:
    saved = tmp_path / "session.mitm"
    options = options_of(tmp_path, save_stream_file=str(saved))
    async with Simulator() as simulator, run_gateway(simulator.base_url, tmp_path, **options) as gateway:
        operator = intercepting(gateway, "~q & ~meta gateway_attempt")
        asking = asyncio.create_task(ask(gateway))  # noqa: TID251  ended below
        await operator.paused.get()
        gateway.master.shutdown()
    asking.cancel()
    assert len(read(saved)) == 2
    assert b"very own" not in saved.read_bytes()


@pytest.mark.parametrize("pattern", ["~s", "~s & ~meta gateway_attempt"], ids=["both", "attempt"])
async def test_an_answer_passes_by_even_if_it_would_be_paused(tmp_path: Path, pattern: str) -> None:
    options = options_of(tmp_path)
    async with Simulator() as simulator, run_gateway(simulator.base_url, tmp_path, **options) as gateway:
        operator = intercepting(gateway, pattern)
        asking = asyncio.create_task(ask(gateway))  # noqa: TID251  awaited below
        waving = asyncio.create_task(wave_on(operator))  # noqa: TID251  ended below
        assert "very" in (await asking).text
        waving.cancel()


async def wave_on(operator: Operator) -> None:
    """Whatever is paused, after a look at it."""
    while True:
        flow = await operator.paused.get()
        assert flow.response is not None
        assert b"very" not in (flow.response.content or b"")
        flow.resume()


def with_one(chunk: bytes) -> bytes:
    return shouted(chunk.replace(b"very", b"one"))


async def test_a_script_may_still_change_an_answer_as_it_passes(tmp_path: Path) -> None:
    options = options_of(tmp_path)
    async with Simulator() as simulator, run_gateway(simulator.base_url, tmp_path, **options) as gateway:
        gateway.master.addons.add(Script(with_one))
        assert "my ONE own secret" in (await ask(gateway)).text


async def test_a_client_that_leaves_leaves_nothing_said(tmp_path: Path) -> None:
    options = options_of(tmp_path, ("ana@example.com", "fault-silence-after-first"))
    async with Simulator() as simulator, run_gateway(simulator.base_url, tmp_path, **options) as gateway:
        async with (
            gateway.client() as client,
            client.stream("POST", "/v1/chat/completions", json=BODY | {"stream": True}) as answer,
        ):
            await anext(answer.aiter_bytes())
        client_flow = await gateway.recorder.wait()
        (attempt,) = gateway.recorder.attempts
        for flow in (client_flow, attempt):
            assert flow.response is not None
            assert b"Reading the request" not in (flow.response.raw_content or b"")
            assert PROMPT not in (flow.request.text or "")


async def test_a_refused_request_keeps_nothing_either(tmp_path: Path) -> None:
    options = options_of(tmp_path, gateway_auth_mode="strict", gateway_api_key="sk-the-operators")
    async with Simulator() as simulator, run_gateway(simulator.base_url, tmp_path, **options) as gateway:
        answer = await ask(gateway)
        assert answer.status_code == 401
        assert "[redacted" not in answer.text
        flow = await gateway.recorder.wait()
        assert PROMPT not in (flow.request.text or "")


@pytest.mark.parametrize("which", ["client", "attempt"])
async def test_it_is_not_replayed(tmp_path: Path, which: str) -> None:
    options = options_of(tmp_path)
    with listening() as log:
        async with Simulator() as simulator, run_gateway(simulator.base_url, tmp_path, **options) as gateway:
            await ask(gateway)
            client_flow = await gateway.recorder.wait()
            flow = client_flow if which == "client" else gateway.recorder.attempts[0]
            await replayed(gateway, flow)
            assert flow.response is not None
            assert flow.response.status_code == 409
            assert "gateway_redact_bodies" in (flow.response.text or "")
            assert len(simulator.requests) == 1
    assert log.those_with("cannot be replayed")


async def replayed(gateway: RunningGateway, flow: http.HTTPFlow) -> None:
    playback = gateway.master.addons.get("clientplayback")
    assert isinstance(playback, ClientPlayback)
    gateway.master.commands.call("replay.client", [flow])
    await playback.queue.join()


async def test_a_replay_of_what_was_kept_before_is_redacted_with_its_answer(tmp_path: Path) -> None:
    options = options_of(tmp_path, gateway_redact_bodies=False)
    async with Simulator() as simulator, run_gateway(simulator.base_url, tmp_path, **options) as gateway:
        await ask(gateway)
        flow = await gateway.recorder.wait()
        gateway.master.options.update(gateway_redact_bodies=True)
        await replayed(gateway, flow)
        assert len(simulator.requests) == 2
        assert PROMPT in str(simulator.requests[1].body)
        assert flow.response is not None
        assert flow.response.status_code == 200
        assert b"very" not in (flow.response.content or b"")
        assert PROMPT not in (flow.request.text or "")


async def test_it_is_no_recording(tmp_path: Path) -> None:
    recorded = tmp_path / "recorded.mitm"
    options = options_of(tmp_path, gateway_record=str(recorded))
    async with Simulator() as simulator, run_gateway(simulator.base_url, tmp_path, **options) as gateway:
        await ask(gateway)
        await gateway.recorder.wait()
    assert recorded in files_in(tmp_path)
    assert b"very" not in recorded.read_bytes()
    with recorded.open("rb") as file:
        assert len(list(io.FlowReader(file).stream())) == 2
    with listening() as log, pytest.raises(StartError, match="no recorded exchange"):
        read_recordings(recorded)
    assert log.those_with("gateway_redact_bodies")
