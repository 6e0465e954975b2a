"""What an upstream, a client or an operator may put into a flow, and no flow keeps."""

import asyncio
import contextlib
import re
from base64 import b64encode
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from mitmproxy import http
from mitmproxy.addons.clientplayback import ClientPlayback

from antigravity_addon.gateway.client_keys import hash_key
from antigravity_addon.simulator.server import Simulator
from antigravity_addon.views.masks import forms_of
from tests.running import RunningGateway, run_gateway, write_accounts

from .test_attempt_flows import intercepting

KEY, NEW_KEY = "upstream-key/of+ana?1", "upstream-key-of-the-operator"
LINK = "https://accounts.google.com/signin/continue?plt=personal-token-of-ana"
SECRETS = (
    KEY,
    NEW_KEY,
    "personal-token-of-ana",
    "cookie-of-google",
    "cookie-of-ana",
    "proxy-password",
    "sk-in-a-url",
    "sk-of-several",
    "sk-in-a-protocol",
)
ERROR = '{"error": {"code": %d, "message": "%%s"}}'
BLOCKED = '{"promptFeedback": {"blockReason": "SAFETY", "blockReasonMessage": "%s"}}'
WITHHELD = '{"candidates": [{"finishReason": "SAFETY", "finishMessage": "%s"}]}'
BROKEN = WITHHELD.replace("SAFETY", "MALFORMED_FUNCTION_CALL")
BODY: dict[str, Any] = {"model": "gpt-4o", "messages": [{"role": "user", "content": "hi"}]}


def found_in(text: bytes) -> set[str]:
    return {secret for secret in SECRETS if any(form in text for form in forms_of(secret))}


def all_of(flow: http.HTTPFlow) -> bytes:
    """Whatever a file or a screen could show, its bodies unpacked."""
    bodies = [
        message.get_content(strict=False) or b"" for message in (flow.request, flow.response) if message
    ]
    return b"\n".join((repr(flow.get_state()).encode(), *bodies))


@asynccontextmanager
async def rude_upstream(status: int, said_so: str) -> AsyncGenerator[str]:
    """Repeats whatever it was paid with, in every way."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError):
            head = await reader.readuntil(b"\r\n\r\n")
            length = int((re.search(rb"(?i)content-length: (\d+)", head) or [b"", b"0"])[1])
            await reader.readexactly(length)
            key = (re.search(rb"(?i)x-goog-api-key: ([^\r]*)", head) or [b"", b"none"])[1].decode()
            said = f"{key} {quote(key, safe='')} {b64encode(f'a {key} b'.encode()).decode()} {LINK}"
            body = f"data: {said_so % said}\n\n".encode()
            writer.write(
                f"HTTP/1.1 {status} Rude\r\ncontent-type: text/event-stream\r\ncontent-length: {len(body)}\r\n"
                f"set-cookie: NID=cookie-of-google; Path=/\r\nx-echo: {key}\r\nlocation: {LINK}\r\n"
                "connection: close\r\n\r\n".encode()
                + body
            )
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def ask(gateway: RunningGateway, path: str = "/v1/chat/completions", **headers: str) -> httpx.Response:
    async with gateway.client(headers) as client:
        return await client.post(path, json=BODY)


@pytest.mark.parametrize(
    ("status", "said"),
    [
        *((status, ERROR % status) for status in (200, 400, 403, 500)),
        *((200, each) for each in (BLOCKED, WITHHELD, BROKEN)),
    ],
)
async def test_an_upstream_that_repeats_secrets(tmp_path: Path, status: int, said: str) -> None:
    saved = tmp_path / "session.mitm"
    options = {
        "gateway_accounts": write_accounts(tmp_path, ("ana@example.com", KEY)),
        "gateway_max_attempts": 1,
        "save_stream_file": str(saved),
    }
    async with rude_upstream(status, said) as url, run_gateway(url, tmp_path, **options) as gateway:
        answer = await ask(gateway)
        flow = await gateway.recorder.wait()
        (attempt,) = gateway.recorder.attempts
        assert attempt.response is not None
        assert attempt.response.headers["set-cookie"] == "[redacted]"
        assert attempt.response.headers["x-echo"] == "[redacted]"
        assert (
            attempt.response.headers["location"] == "https://accounts.google.com/signin/continue?[redacted]"
        )
        assert found_in(all_of(attempt)) == found_in(all_of(flow)) == set()
    assert found_in(f"{answer.headers}{answer.text}".encode()) == set()
    assert found_in(saved.read_bytes()) == set()


async def test_a_replay_of_an_upstream_request_keeps_none_either(tmp_path: Path) -> None:
    options = {
        "gateway_accounts": write_accounts(tmp_path, ("ana@example.com", KEY)),
        "gateway_max_attempts": 1,
    }
    async with rude_upstream(403, ERROR % 403) as url, run_gateway(url, tmp_path, **options) as gateway:
        await ask(gateway)
        await gateway.recorder.wait()
        (attempt,) = gateway.recorder.attempts
        playback = gateway.master.addons.get("clientplayback")
        assert isinstance(playback, ClientPlayback)
        gateway.master.commands.call("replay.client", [attempt])
        await playback.queue.join()
        assert attempt.response is not None
        assert attempt.response.headers["set-cookie"] == "[redacted]"
        assert found_in(all_of(attempt)) == set()


async def test_a_key_that_an_operator_puts_in(tmp_path: Path) -> None:
    options = {"gateway_accounts": write_accounts(tmp_path, ("ana@example.com", KEY))}
    async with Simulator() as simulator, run_gateway(simulator.base_url, tmp_path, **options) as gateway:
        operator = intercepting(gateway, "~q & ~meta gateway_attempt")
        asking = asyncio.create_task(ask(gateway))  # noqa: TID251  awaited below
        flow = await operator.paused.get()
        flow.backup()
        flow.request.headers["x-goog-api-key"] = NEW_KEY
        flow.resume()
        assert (await asking).status_code == 200
        assert simulator.requests[0].api_key == NEW_KEY
        await gateway.recorder.wait()
        assert flow.request.headers["x-goog-api-key"] == "[redacted]"
        assert found_in(all_of(flow)) == set()


async def test_what_clients_show_beside_their_keys(tmp_path: Path) -> None:
    options = {"gateway_accounts": write_accounts(tmp_path, ("ana@example.com", "upstream-key-a"))}
    proxied = b64encode(b"ana:proxy-password").decode()
    headers = {
        "cookie": "session=cookie-of-ana; theme=dark",
        "proxy-authorization": f"Basic {proxied}",
        "x-api-key": "sk-of-several words",
        "sec-websocket-protocol": "openai-insecure-api-key.sk-in-a-protocol, realtime",
    }
    path = "/v1/chat/completions?access_token=sk-in-a-url&Api-Key=sk-in-a-url&x=1"
    async with Simulator() as simulator, run_gateway(simulator.base_url, tmp_path, **options) as gateway:
        assert (await ask(gateway, path, **headers)).status_code == 200
        flow = await gateway.recorder.wait()
        assert flow.request.query["x"] == "1"
        assert found_in(all_of(flow)) == set()


async def test_a_password_that_mitmproxy_itself_has_asked_for(tmp_path: Path) -> None:
    options = {"gateway_upstream": "simulator", "proxyauth": "ana:proxy-password"}
    async with run_gateway(None, tmp_path, **options) as gateway:
        async with gateway.client() as client:
            assert (await client.get("/v1/models", auth=("ana", "proxy-password"))).status_code == 200
        flow = await gateway.recorder.wait()
        assert flow.metadata["proxyauth"] == ("ana", "[redacted]")
        assert found_in(all_of(flow)) == set()


MISPLACED = "key-that-was-put-elsewhere-0123456789"
PLACES: dict[str, tuple[str, str, dict[str, str]]] = {
    # method, target, headers
    "a path": ("GET", "/KEY/v1/models", {}),
    "the end of a path": ("GET", "/v1/models/KEY", {}),
    "a path that is none": ("GET", "/v1/KEY", {}),
    "a path's parameter": ("GET", "/v1/models;key=KEY", {}),
    "a parameter of any name": ("GET", "/v1/models?k=KEY", {}),
    "a parameter with its scheme": ("GET", "/v1/models?authorization=Bearer%20KEY", {}),
    "a query": ("GET", "/v1/models?KEY", {}),
    "a method": ("KEY", "/v1/models", {}),
    "a header for keys": ("GET", "/v1/models", {"x-litellm-api-key": "KEY"}),
    "a header for tokens": ("GET", "/v1/models", {"x-access-token": "Bearer KEY"}),
    "a header of Azure's": ("GET", "/v1/models", {"ocp-apim-subscription-key": "KEY"}),
    "any header": ("GET", "/v1/models", {"user-agent": "agent/1 KEY"}),
    "an address": ("GET", "/v1/models", {"referer": "http://localhost/?k=KEY"}),
    "an origin": ("GET", "/v1/models", {"origin": "http://KEY"}),
    "a host": ("GET", "/v1/models", {"host": "KEY"}),
    "an encoding": ("POST", "/v1/chat/completions", {"content-encoding": "KEY"}),
}


@pytest.mark.parametrize("of", ["the operator", "a client", "OpenAI"])
async def test_a_key_that_a_client_puts_where_none_is_looked_for(
    tmp_path: Path, of: str, caplog: pytest.LogCaptureFixture
) -> None:
    """By its hash it is known wherever it is, and what looks like a key is taken for one."""
    caplog.set_level("DEBUG")
    saved = tmp_path / "session.mitm"
    key = "sk-proj-of-nobody-here-0123456789" if of == "OpenAI" else MISPLACED
    options: dict[str, object] = {"gateway_upstream": "simulator", "save_stream_file": str(saved)}
    if of == "the operator":
        options |= {"gateway_auth_mode": "strict", "gateway_api_key": key}
    elif of == "a client":
        keys = tmp_path / "client-keys.yaml"
        keys.write_text(f"client_keys: [{{name: ana, hash: '{hash_key(key)}'}}]\n")
        keys.chmod(0o600)
        options |= {"gateway_auth_mode": "strict", "gateway_client_keys": str(keys)}
    async with run_gateway(None, tmp_path, **options) as gateway:
        for shown in ({}, {"authorization": f"Bearer {key}"}):
            async with gateway.client(shown) as client:
                for method, target, headers in PLACES.values():
                    placed = {name: value.replace("KEY", key) for name, value in headers.items()}
                    await client.request(
                        method.replace("KEY", key), target.replace("KEY", key), headers=placed
                    )
        await gateway.recorder.wait(2 * len(PLACES))
        flows = {
            place: all_of(flow) for place, flow in zip([*PLACES] * 2, gateway.recorder.flows, strict=True)
        }
    assert [place for place, flow in flows.items() if key.encode() in flow] == []
    # httpx says whom it asks
    log = [each.getMessage() for each in caplog.records if not each.name.startswith("http")]
    assert [line for line in log if key in line] == []
    assert key.encode() not in saved.read_bytes()
