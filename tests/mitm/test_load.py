"""What the addon makes of its options before anything runs: sentences, not tracebacks."""

from pathlib import Path

import pytest

from antigravity_addon.mitm.gateway import GatewayAddon
from tests.running import new_master, write_accounts

SIMULATOR = "gateway_upstream=simulator"


async def load_error(folder: Path, caplog: pytest.LogCaptureFixture, *settings: str) -> str:
    """What is logged as an error when the addon is loaded with `--set` values; empty if it is content."""
    master = new_master(folder)
    master.options.set(*settings, defer=True)
    addon = GatewayAddon(folder)
    with caplog.at_level("ERROR"):
        master.addons.register(addon)
    addon.done()
    assert all(record.exc_info is None for record in caplog.records)
    return "\n".join(record.getMessage() for record in caplog.records)


REFUSED: dict[str, tuple[tuple[str, ...], str]] = {
    "no account": ((), "There is no account to pay with: list one in accounts.yaml"),
    "an option that does not exist": (
        (SIMULATOR, "gateway_max_atempts=3"),
        "--set gateway_max_atempts: there is no such option. Did you mean gateway_max_attempts?",
    ),
    "a value of the wrong kind": ((SIMULATOR, "gateway_max_attempts=many"), "--set gateway_max_attempts: "),
    "a value that cannot be": (("gateway_upstream=openai",), "gateway_upstream cannot be 'openai'"),
    "strict without a key": ((SIMULATOR, "gateway_auth_mode=strict"), "needs a client key"),
    "LAN access without a key": ((SIMULATOR, "gateway_allow_lan_access=true"), "needs a client key"),
    "an option of mitmproxy's that would leak": (
        (SIMULATOR, "stream_large_bodies=1m"),
        "stream_large_bodies cannot be used",
    ),
    "a file that is not there": (("gateway_accounts=nowhere.yaml",), "nowhere.yaml: there is no such file."),
    "prices that are not there": (
        (SIMULATOR, "gateway_prices=nowhere.yaml"),
        "nowhere.yaml: there is no such file.",
    ),
}


@pytest.mark.parametrize(("settings", "sentence"), REFUSED.values(), ids=REFUSED.keys())
async def test_a_wrong_option_is_named(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, settings: tuple[str, ...], sentence: str
) -> None:
    assert sentence in await load_error(tmp_path, caplog, *settings)


CONFIG_REFUSED: dict[str, tuple[str, str]] = {
    "an option that does not exist": (
        "gateway_modelmap: []",
        "mitm-config.yaml: gateway_modelmap: there is no such option. Did you mean gateway_model_map?",
    ),
    "a value of the wrong kind": (
        "gateway_max_attempts: three",
        "gateway_max_attempts cannot be 'three': it takes a value of type int.",
    ),
    "a value that cannot be": ("gateway_max_attempts: 0", "gateway_max_attempts cannot be 0"),
    "not YAML": ("gateway_max_attempts: [", "mitm-config.yaml: "),
    "a key that is a mapping": ("? [b: c]\n", "mitm-config.yaml: not valid YAML (TypeError)."),
    "no mapping": ("- a", "mitm-config.yaml: must hold"),
    "text": ("hello", "mitm-config.yaml: "),
}


@pytest.mark.parametrize(("text", "sentence"), CONFIG_REFUSED.values(), ids=CONFIG_REFUSED.keys())
async def test_a_wrong_config_file_is_named(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, text: str, sentence: str
) -> None:
    (tmp_path / "mitm-config.yaml").write_text(text)
    assert sentence in await load_error(tmp_path, caplog, SIMULATOR)


@pytest.mark.parametrize(
    "text", ["", "# nothing\n", "web_columns: [path]\nflow_detail: 0\n", "gateway_max_attempts: 7\n"]
)
async def test_a_config_file_that_is_right_is_taken(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, text: str
) -> None:
    """Options of one of mitmproxy's tools only are no error in the others."""
    (tmp_path / "mitm-config.yaml").write_text(text)
    assert await load_error(tmp_path, caplog, SIMULATOR) == ""


async def test_the_command_line_wins(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "mitm-config.yaml").write_text("gateway_max_attempts: 0\n")
    assert await load_error(tmp_path, caplog, SIMULATOR, "gateway_max_attempts=3") == ""


async def test_the_command_line_wins_for_mitmproxys_own_options_too(tmp_path: Path) -> None:
    (tmp_path / "mitm-config.yaml").write_text("mode: ['reverse:http://127.0.0.1:9@127.0.0.2:0']\n")
    for given in (), ("mode=reverse:http://127.0.0.1:9@127.0.0.3:0",):
        master = new_master(tmp_path)
        master.options.set(SIMULATOR, *given, defer=True)
        addon = GatewayAddon(tmp_path)
        master.addons.register(addon)
        addon.done()
        assert master.options.mode == [f"reverse:http://127.0.0.1:9@127.0.0.{3 if given else 2}:0"]


async def test_a_path_in_the_config_file_counts_from_the_file(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "mitm-config.yaml").write_text("gateway_accounts: accounts.yaml\n")
    write_accounts(tmp_path, ("ana@example.com", "key"))
    assert await load_error(tmp_path, caplog) == ""


async def test_keys_that_others_can_read_are_warned_of(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = write_accounts(tmp_path, ("ana@example.com", "secret-key"), mode=0o666)
    master = new_master(tmp_path, gateway_accounts=path)
    addon = GatewayAddon(tmp_path)
    with caplog.at_level("WARNING"):
        master.addons.register(addon)
    addon.done()
    assert "can be read by other users" in caplog.text
    assert "can be changed by other users" in caplog.text
    assert "secret-key" not in caplog.text
