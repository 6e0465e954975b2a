"""Heads on a real connection: names, pages, wrong keys, other machines, TLS."""

import asyncio
import ipaddress
import json
import shutil
import socket
import ssl
from pathlib import Path

import httpx
import pytest
from mitmproxy.exceptions import OptionsError
from openai import AsyncOpenAI, DefaultAsyncHttpxClient

from antigravity_addon.gateway.client_keys import hash_key, new_key
from tests.authority import issue
from tests.running import RunningGateway, new_web_master, proxyserver, run_gateway, run_master

SIMULATED = {"gateway_upstream": "simulator"}
CHAT = "/v1/chat/completions"
BODY = {"model": "gpt-4o", "messages": [{"role": "user", "content": "echo:hi"}]}
KEY = new_key()


def own_address() -> str | None:
    """Under which other machines would reach this one, if it is in a network. Nothing is sent to find out."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asked:
        try:
            asked.connect(("198.51.100.1", 9))
        except OSError:
            return None
        address = asked.getsockname()[0]
    return None if ipaddress.ip_address(address).is_loopback else address


ADDRESS = own_address()


async def answer_to(url: str, head: str, body: bytes = b"") -> tuple[int, str]:
    """Status and text of the answer to a request that no client library would send."""
    host, _, port = url.removeprefix("http://").rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        writer.write(head.replace("\n", "\r\n").encode() + b"Connection: close\r\n\r\n" + body)
        answer = (await reader.read()).decode()
    finally:
        writer.close()
    return int(answer.split()[1]), answer


HEADS: dict[str, tuple[str, int]] = {
    "HTTP/1.0, without a Host": ("GET /v1/models HTTP/1.0\n", 200),
    "this machine": ("GET /v1/models HTTP/1.1\nHost: localhost\n", 200),
    "nobody's name": ("GET /v1/models HTTP/1.1\nHost:\n", 421),
    "somebody's name": ("GET /v1/models HTTP/1.1\nHost: evil.example\n", 421),
    "ours, and somebody's": ("GET /v1/models HTTP/1.1\nHost: localhost\nHost: evil.example\n", 400),
    "somebody's, and ours": ("GET /v1/models HTTP/1.1\nHost: evil.example\nHost: localhost\n", 400),
    "as to a proxy": ("GET http://localhost/v1/models HTTP/1.1\nHost: localhost\n", 200),
    "as to a proxy, elsewhere": ("GET http://evil.example/v1/models HTTP/1.1\nHost: evil.example\n", 421),
    "as to a proxy, hidden": ("GET http://evil.example/v1/models HTTP/1.1\nHost: localhost\n", 400),
    "mitmproxy's own page": ("GET / HTTP/1.1\nHost: mitm.it\n", 421),
    "health, too": ("GET /healthz HTTP/1.1\nHost: evil.example\n", 421),
    "a page": ("GET /v1/models HTTP/1.1\nHost: localhost\nOrigin: https://x.test\n", 403),
    "two pages": ("GET /v1/models HTTP/1.1\nHost: localhost\nOrigin: https://x.test\nOrigin: app://a\n", 403),
    "a page that may": ("GET /v1/models HTTP/1.1\nHost: localhost\nOrigin: app://a\n", 200),
    "an image": ("GET /v1/models HTTP/1.1\nHost: localhost\nSec-Fetch-Site: cross-site\n", 403),
    "a WebSocket of a page": (
        "GET /v1/responses HTTP/1.1\nHost: localhost\nUpgrade: websocket\nOrigin: https://x.test\n",
        403,
    ),
}


async def test_a_head_decides(tmp_path: Path) -> None:
    """Without keep_host_header mitmproxy would put the upstream's name in place of what the client called us."""
    options = {"gateway_allowed_origins": ["app://a"], "keep_host_header": False}
    async with run_gateway(None, tmp_path, **SIMULATED, **options) as gateway:
        statuses: dict[str, int] = {}
        for name, (head, _) in HEADS.items():
            statuses[name], answer = await answer_to(gateway.url, head)
            assert "mitmproxy" not in answer
        assert statuses == {name: status for name, (_, status) in HEADS.items()}


async def test_curl_needs_no_content_type_and_a_form_costs_nothing(tmp_path: Path) -> None:
    form = {"content-type": "application/x-www-form-urlencoded"}
    async with run_gateway(None, tmp_path, **SIMULATED) as gateway, gateway.client(form) as http:
        body = json.dumps(BODY)
        assert (await http.post(CHAT, content=body)).status_code == 200
        refused = await http.post(CHAT, content=body, headers={"origin": "https://x.test"})
        assert (refused.status_code, refused.json()["error"]["code"]) == (403, "origin_refused")
        assert "access-control-allow-origin" not in refused.headers
        flow = await gateway.recorder.wait(2)
        assert "gateway" not in flow.metadata, "nobody was asked"


async def test_wrong_keys_wait_and_hold_up_nobody(tmp_path: Path) -> None:
    options = {"gateway_api_key": KEY, "gateway_auth_mode": "strict"}
    async with run_gateway(None, tmp_path, **SIMULATED, **options) as gateway, gateway.client() as http:
        wrong = {"authorization": "Bearer sk-guess"}
        for _ in range(3):
            assert (await http.get("/v1/models", headers=wrong)).status_code == 401
        waiting = asyncio.get_running_loop().create_task(http.get("/v1/models", headers=wrong))
        good = await http.get("/v1/models", headers={"authorization": f"Bearer {KEY}"})
        assert good.status_code == 200
        refused = await waiting
        assert refused.status_code == 401
        assert refused.elapsed.total_seconds() >= 0.25
        flow = await gateway.recorder.wait(5)
        assert "sk-guess" not in str(flow.request.headers.fields)


# --- other machines ----------------------------------------------------------------------------------------


async def listen_on(gateway: RunningGateway, address: str) -> str:
    """Open another listener; gives its URL."""
    (mode,) = gateway.master.options.mode
    gateway.master.options.update(mode=[mode, f"{mode.rpartition('@')[0]}@{address}:0"])
    await proxyserver(gateway.master).setup_servers()
    (port,) = (port for host, port, *_ in proxyserver(gateway.master).listen_addrs() if host == address)
    return f"http://{address}:{port}"


@pytest.mark.skipif(ADDRESS is None, reason="this machine is in no network")
@pytest.mark.allow_hosts(["127.0.0.1", "::1", *([ADDRESS] if ADDRESS else [])])
async def test_under_its_own_address_a_machine_is_as_others_are(tmp_path: Path) -> None:
    assert ADDRESS is not None
    async with (
        run_gateway(None, tmp_path, **SIMULATED) as gateway,
        httpx.AsyncClient(timeout=60) as http,
    ):
        url = f"{await listen_on(gateway, ADDRESS)}/v1/models"
        with pytest.raises(httpx.TransportError):
            await http.get(url)
        gateway.master.options.update(gateway_api_key=KEY, gateway_allow_lan_access=True)
        shown = {"authorization": f"Bearer {KEY}"}
        assert (await http.get(url)).status_code == 401
        assert (await http.get(url, headers=shown)).status_code == 200
        assert (await http.get(url, headers={**shown, "host": "nas.local"})).status_code == 200
        assert (await http.get(url, headers={**shown, "host": "evil.example"})).status_code == 421
        gateway.master.options.update(gateway_require_tls=True)
        refused = await http.get(url, headers=shown)
        assert (refused.status_code, refused.json()["error"]["code"]) == (403, "tls_required")
        assert (await http.get(url.replace("http:", "https:"), headers=shown)).status_code == 200
        near = await http.get(f"{gateway.url}/v1/models", headers=shown)
        assert near.status_code == 200, "nobody reads along inside of a machine"
        figures = await http.get(f"{gateway.url}/metrics", headers=shown)
        assert 'gateway_refusals_total{reason="other_machine"} 1.0' in figures.text


WITHOUT_A_GOOD_KEY: dict[str, dict[str, object]] = {
    "none": {"gateway_allow_lan_access": True},
    "a weak one": {"gateway_allow_lan_access": True, "gateway_api_key": "sk-123456"},
    "one that nobody asks for": {
        "gateway_allow_lan_access": True,
        "gateway_api_key": KEY,
        "gateway_auth_mode": "off",
    },
    "none behind a proxy": {"gateway_trusted_proxies": ["127.0.0.1"]},
}


@pytest.mark.parametrize("change", WITHOUT_A_GOOD_KEY.values(), ids=WITHOUT_A_GOOD_KEY)
async def test_nobody_else_is_let_in_without_a_good_key(tmp_path: Path, change: dict[str, object]) -> None:
    async with run_gateway(None, tmp_path, **SIMULATED) as gateway:
        with pytest.raises(OptionsError, match="key"):
            gateway.master.options.update(**change)
        async with gateway.client() as http:
            assert (await http.get("/v1/models")).status_code == 200


async def test_a_hashed_key_out_of_a_tutorial_is_no_good_one(tmp_path: Path) -> None:
    path = tmp_path / "client-keys.yaml"
    path.write_text(f"client_keys:\n  - name: ana\n    hash: {hash_key('sk-123456')}\n")
    async with run_gateway(None, tmp_path, **SIMULATED, gateway_client_keys=str(path)) as gateway:
        with pytest.raises(OptionsError, match="The client key 'ana' is one that stands in tutorials"):
            gateway.master.options.update(gateway_allow_lan_access=True)


async def test_listeners_that_others_can_reach_are_named(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with run_gateway(None, tmp_path, **SIMULATED) as gateway:
        gateway.master.options.update(mode=[*gateway.master.options.mode, "regular@0.0.0.0:0"])
        await proxyserver(gateway.master).setup_servers()
        gateway.addon._say_who_is_let_in()
        assert "regular@0.0.0.0:0 is open on 0.0.0.0:" in caplog.text
        assert "refuses other machines: gateway_allow_lan_access is off." in caplog.text
        gateway.master.options.update(gateway_api_key=KEY, gateway_allow_lan_access=True)
        caplog.clear()
        gateway.addon._say_who_is_let_in()
        assert "other machines can use it to go wherever this one can" in caplog.text
        gateway.master.options.update(proxyauth="ana:secret")
        caplog.clear()
        gateway.addon._say_who_is_let_in()
        assert not caplog.text


# --- TLS ---------------------------------------------------------------------------------------------------


async def test_a_certificate_of_ones_own_is_what_clients_see(tmp_path: Path) -> None:
    own, authority = issue(tmp_path, "gateway.test", "localhost", "127.0.0.1")
    options = {"certs": [f"*={own}"], "gateway_allowed_hosts": ["gateway.test"]}
    async with run_gateway(None, tmp_path, **SIMULATED, **options) as gateway:
        url = gateway.url.replace("http:", "https:")
        async with (
            DefaultAsyncHttpxClient(verify=ssl.create_default_context(cafile=str(authority))) as http,
            AsyncOpenAI(base_url=f"{url}/v1", api_key="any", http_client=http) as sdk,
        ):
            stream = await sdk.chat.completions.create(
                model="gpt-4o", messages=[{"role": "user", "content": "echo:one two"}], stream=True
            )
            text = "".join([chunk.choices[0].delta.content or "" async for chunk in stream if chunk.choices])
            assert text == "one two"
        # whoever trusts other authorities alone, mitmproxy's own among them, will have none of it
        async with httpx.AsyncClient(timeout=60) as stranger:
            with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
                await stranger.get(f"{url}/healthz")
        if (curl := shutil.which("curl")) is None:
            pytest.skip("needs curl for HTTP/2")
        assert await asked_by_name(curl, url, authority, "gateway.test") == "2 200"
        assert await asked_by_name(curl, url, authority, "gateway.test", "host: evil.example") == "2 421"


async def asked_by_name(curl: str, url: str, authority: Path, name: str, header: str = "accept: */*") -> str:
    """Version of HTTP and status, for a client that has the name from its resolver."""
    port = url.rpartition(":")[2]
    process = await asyncio.create_subprocess_exec(
        *(curl, "--silent", "--max-time", "20", "--noproxy", "*", "--output", "/dev/null"),
        *("--resolve", f"{name}:{port}:127.0.0.1", "--cacert", str(authority), "--header", header),
        *("--write-out", "%{http_version} %{http_code}", f"https://{name}:{port}/v1/models"),
        stdout=asyncio.subprocess.PIPE,
    )
    output, _ = await process.communicate()
    return output.decode()


# --- mitmweb -----------------------------------------------------------------------------------------------


async def test_mitmwebs_own_pages_ask_for_its_token(tmp_path: Path) -> None:
    master = new_web_master(tmp_path, **SIMULATED)
    async with run_master(master, None, tmp_path), httpx.AsyncClient(timeout=60) as http:
        page, _, token = master.web_url.partition("?")
        assert page.startswith("http://127.0.0.1:")
        for path in ("", "flows", "options"):
            assert (await http.get(f"{page}{path}")).status_code == 403
        assert (await http.get(f"{page}?{token}")).status_code == 200
