"""What is imported when: nothing that the first answer can do without, and nothing on the event loop of those who wait."""

from pathlib import Path

import aiohttp
import pytest

from antigravity_addon.mitm import compose
from antigravity_addon.simulator.server import Simulator
from tests.running import run_gateway

from .operating import write_accounts_file
from .processes import Mitmdump, run_mitmdump

NOT_FOR_THE_FIRST_ANSWER = (
    "antigravity_addon.mitm.contentviews.texts",
    "antigravity_addon.simulator",
    "genai_prices",
    "google.auth",
    "httpx",
    "keyring",
)
SCRIPT = f"""
import sys, threading

class Noting:
    def load(self, loader):
        print("at the start:", *(name for name in {NOT_FOR_THE_FIRST_ANSWER} if name in sys.modules))

    def client_connected(self, client):
        if self not in sys.meta_path:
            sys.meta_path.insert(0, self)

    def find_spec(self, name, path=None, target=None):
        if threading.current_thread() is threading.main_thread():
            print("while serving:", name)

addons = [Noting()]
"""
MESSAGES = [{"role": "user", "content": "Hello."}]
REQUESTS = {
    "/v1/chat/completions": {"messages": MESSAGES},
    "/v1/responses": {"input": "Hello."},
    "/v1/completions": {"prompt": "Hello."},
}


async def ask_for_everything(gateway: Mitmdump) -> None:
    async with aiohttp.ClientSession(gateway.url) as http:
        for path, body in REQUESTS.items():
            for stream in (False, True):
                async with http.post(path, json={"model": "gpt-4o", "stream": stream, **body}) as answer:
                    assert answer.status == 200, await answer.text()
                    await answer.read()
        for path in ("/v1/models", "/metrics"):
            async with http.get(path) as answer:
                assert answer.status == 200
                await answer.read()


async def test_nobody_waits_for_an_import(tmp_path: Path) -> None:
    path = write_accounts_file(tmp_path, {"email": "ana@example.com", "api_key": "a"})
    (tmp_path / "noting.py").write_text(SCRIPT)
    async with (
        Simulator() as simulator,
        run_mitmdump(
            tmp_path, simulator.base_url, "-s", "noting.py", "--set", f"gateway_accounts={path}"
        ) as gateway,
    ):
        await ask_for_everything(gateway)
        write_accounts_file(tmp_path, {"email": "bo@example.com", "api_key": "b"})
        await gateway.wait_for(b"was read again")
    lines = gateway.output.decode().splitlines()
    assert [line for line in lines if line.startswith("at the start:")] == ["at the start:"]
    assert [line for line in lines if line.startswith("while serving:")] == []


@pytest.mark.parametrize(("is_compiled", "loaded"), [(True, 0), (False, 1)])
async def test_prices_that_would_be_compiled_beside_clients_are_loaded_before_they_come(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, is_compiled: bool, loaded: int
) -> None:
    loads: list[str] = []
    monkeypatch.setattr(compose, "_THE_REST_LATER", 3600)
    monkeypatch.setattr(compose, "are_published_compiled", lambda: is_compiled)
    monkeypatch.setattr(compose, "load_published", lambda: loads.append("prices"))
    async with run_gateway(None, tmp_path, gateway_upstream="simulator"):
        assert len(loads) == loaded
