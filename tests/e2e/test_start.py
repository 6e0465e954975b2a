"""Starting and stopping as a person does: the real command, its output, its exit code."""

import os
import re
import shutil
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

from antigravity_addon.gateway.client_keys import new_key
from tests.authority import settle_authority
from tests.running import write_accounts

ROOT = Path(__file__).parents[2]
MITMDUMP = Path(sys.executable).parent / "mitmdump"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A checkout's top level, to have a config file of its own."""
    shutil.copy(ROOT / "addon.py", tmp_path)
    return tmp_path


def command(folder: Path, *arguments: str) -> list[str]:
    confdir = folder / "confdir"
    settle_authority(confdir)
    return [str(MITMDUMP), "-s", str(folder / "addon.py"), "--set", f"confdir={confdir}", *arguments]


def environment(**extra: str) -> dict[str, str]:
    # without cached bytecode each start compiles for a second
    unwanted = {"GATEWAY_API_KEY", "PYTHONDONTWRITEBYTECODE"}
    kept = {name: value for name, value in os.environ.items() if name not in unwanted}
    return kept | {"PYTHONUNBUFFERED": "1", **extra}


def refused_start(folder: Path, *arguments: str, **extra: str) -> str:
    """The output of a start that ends by itself, with an error."""
    done = subprocess.run(
        command(folder, *arguments),
        cwd=folder,
        env=environment(**extra),
        capture_output=True,
        text=True,
        timeout=150,
        check=False,
    )
    assert done.returncode == 1, done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    return done.stdout


@contextmanager
def started(folder: Path, *arguments: str, **extra: str) -> Generator[tuple[str, str]]:
    """A start that succeeds: (address listened on, output until then)."""
    process = subprocess.Popen(
        command(folder, *arguments),
        cwd=folder,
        env=environment(**extra),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout is not None
    output = ""
    try:
        for line in process.stdout:
            output += line
            if found := re.search(r"listening at (\S+)\.$", line):
                yield found.group(1), output
                break
        else:
            pytest.fail(f"ended before it listened: {output}")
    finally:
        process.send_signal(signal.SIGTERM)
        rest, _ = process.communicate(timeout=150)
        assert "Traceback" not in rest, rest
        assert process.returncode == 0


def test_without_an_account_the_start_says_what_to_do(folder: Path) -> None:
    output = refused_start(folder)
    assert "--set gateway_accounts=accounts.yaml" in output
    assert "--set gateway_upstream=simulator" in output
    assert "listening" not in output


def test_the_shipped_config_file_is_accepted_and_listens_on_loopback_only(folder: Path) -> None:
    shutil.copy(ROOT / "mitm-config.yaml", folder)
    with started(folder, "--set", "gateway_upstream=simulator", "--set", "listen_port=0") as (
        address,
        output,
    ):
        assert address.startswith("127.0.0.1:")
        assert "8080" not in output
        with urllib.request.urlopen(f"http://{address}/healthz", timeout=150) as answer:
            assert answer.read() == b'{"status":"ok"}'


def test_options_come_from_the_config_file_and_the_command_line_wins(folder: Path) -> None:
    path = write_accounts(folder, ("ana@example.com", "k"))
    (folder / "mitm-config.yaml").write_text(
        "mode: ['reverse:http://127.0.0.1:9@127.0.0.2:0']\n"
        f"gateway_accounts: {path}\n"
        "gateway_max_attempts: 0\n"
    )
    with started(folder, "--set", "gateway_max_attempts=3") as (address, _):
        assert address.startswith("127.0.0.2:")


def test_with_lan_access_it_listens_everywhere_and_asks_for_the_key_of_the_environment(folder: Path) -> None:
    options = ("gateway_upstream=simulator", "listen_port=0", "gateway_allow_lan_access=true")
    arguments = [word for option in options for word in ("--set", option)]
    key = new_key()
    with started(folder, *arguments, "--set", "gateway_auth_mode=strict", GATEWAY_API_KEY=key) as (
        address,
        output,
    ):
        assert address.startswith("*:") or "0.0.0.0" in address
        assert key not in output
        url = f"http://127.0.0.1:{address.rpartition(':')[2]}/v1/models"
        request = urllib.request.Request(url, headers={"x-api-key": key})
        with urllib.request.urlopen(request, timeout=150) as answer:
            assert answer.status == 200
        with pytest.raises(urllib.error.HTTPError, match="401"):
            urllib.request.urlopen(url, timeout=150)
