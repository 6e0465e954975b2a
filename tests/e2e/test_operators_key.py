"""`gateway_api_key` is no option that mitmweb shows or mitmproxy saves, however it was given."""

import json
from pathlib import Path

import aiohttp
import httpx
import pytest
from mitmproxy import optmanager
from mitmproxy.addons.script import ScriptLoader
from mitmproxy.exceptions import OptionsError

from antigravity_addon.simulator.server import Simulator
from tests.running import run_gateway

from .operating import write_accounts_file
from .test_reload import run_script
from .test_retention import run_mitmweb

KEY, NEW_KEY = "sk-of-the-operator", "sk-of-tomorrow"
BODY = {"model": "gpt-4o", "messages": [{"role": "user", "content": "echo:x"}]}


async def status(url: str, key: str) -> int:
    async with httpx.AsyncClient(base_url=url, headers={"authorization": f"Bearer {key}"}) as client:
        return (await client.post("/v1/chat/completions", json=BODY)).status_code


async def test_mitmweb_shows_that_there_is_a_key_and_not_which(tmp_path: Path) -> None:
    async with (
        run_mitmweb(tmp_path, gateway_api_key=KEY, gateway_auth_mode="strict") as (gateway, master),
        aiohttp.ClientSession() as web,
    ):
        url, _, token = master.web_url.partition("?")

        async def everything() -> str:
            shown = ""
            for path in ("options", "options.json", "state", "flows", "flows/dump", "events"):
                async with web.get(f"{url}{path}?{token}") as answer:
                    shown += (await answer.read()).decode(errors="replace")
            saved = tmp_path / "options.yaml"
            optmanager.save(master.options, str(saved))
            return shown + saved.read_text() + repr(master.options.items())

        assert await status(gateway.url, KEY) == 200
        async with web.ws_connect(f"{url}updates?{token}") as browser:
            assert KEY not in await everything()
            master.options.update(gateway_api_key=NEW_KEY)
            told = json.loads(await browser.receive_str())
            assert told["payload"]["gateway_api_key"]["value"] == "[set]"
        assert NEW_KEY not in await everything()
        assert [await status(gateway.url, key) for key in (KEY, NEW_KEY, "[set]")] == [401, 200, 401]


async def test_a_key_outlasts_changes_and_goes_when_it_is_taken_back(tmp_path: Path) -> None:
    async with run_mitmweb(tmp_path, gateway_api_key=KEY, gateway_auth_mode="strict") as (gateway, master):
        options = master.options
        options.update(gateway_max_attempts=2)
        options.update(gateway_api_key="[set]")
        assert await status(gateway.url, KEY) == 200
        with pytest.raises(OptionsError, match="needs a client key"):
            options.update(gateway_api_key="")
        with pytest.raises(OptionsError, match="gateway_max_attempts"):
            options.update(gateway_api_key=NEW_KEY, gateway_max_attempts=0)
        assert [await status(gateway.url, key) for key in (KEY, NEW_KEY)] == [200, 401]
        options.update(gateway_api_key="", gateway_auth_mode="off")
        with pytest.raises(
            OptionsError, match=r"gateway_api_key cannot be '\[set\]', which is what is shown"
        ):
            options.update(gateway_api_key="[set]", gateway_auth_mode="strict")
        assert await status(gateway.url, "anything") == 200


async def test_a_saved_placeholder_is_no_key(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "mitm-config.yaml").write_text("gateway_api_key: '[set]'\ngateway_auth_mode: strict\n")
    headers = {"authorization": "Bearer [set]"}
    async with (
        Simulator() as simulator,
        run_gateway(simulator.base_url, tmp_path) as gateway,
        gateway.client(headers) as client,
    ):
        assert (await client.get("/v1/models")).status_code == 500
    assert "gateway_api_key cannot be '[set]'" in caplog.text


async def test_a_key_outlasts_a_reload_of_the_addon(tmp_path: Path) -> None:
    accounts = write_accounts_file(tmp_path, {"email": "ana@example.com", "api_key": "a"})
    (tmp_path / "mitm-config.yaml").write_text(f"gateway_api_key: {KEY}\ngateway_auth_mode: strict\n")
    async with (
        Simulator() as simulator,
        run_script(tmp_path, simulator.base_url, accounts) as (master, url),
    ):
        assert master.options.gateway_api_key == "[set]"
        scripts = master.addons.get("scriptloader")
        assert isinstance(scripts, ScriptLoader)
        scripts.addons[0].loadscript()
        assert [await status(url, key) for key in (KEY, "[set]")] == [200, 401]


async def test_a_config_file_with_a_key_that_others_can_read_is_told_of(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    config = tmp_path / "mitm-config.yaml"
    config.write_text(f"gateway_api_key: {KEY}\n")
    for mode, is_told in ((0o644, True), (0o600, False)):
        config.chmod(mode)
        caplog.clear()
        async with run_mitmweb(tmp_path):
            pass
        told = f"{config} holds gateway_api_key and can be read by other users of this machine: chmod 600 it."
        assert (told in caplog.text) is is_told


@pytest.mark.parametrize("words", [("--set", f"gateway_api_key={KEY}"), (f"--set=gateway_api_key={KEY}",)])
async def test_a_key_on_the_command_line_is_told_of(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    monkeypatch.setattr("sys.argv", ["mitmweb", *words])
    async with run_mitmweb(tmp_path, gateway_api_key=KEY):
        pass
    assert "gateway_api_key stands on the command line" in caplog.text
    assert KEY not in caplog.text


async def test_an_option_of_mitmproxy_s_that_logs_keys_is_told_of(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with run_gateway(None, tmp_path, gateway_upstream="simulator") as gateway:
        assert "proxy_debug" not in caplog.text
        gateway.master.options.update(proxy_debug=True)
        assert "proxy_debug writes into the log whatever clients send, their keys included." in caplog.text
