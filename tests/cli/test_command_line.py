"""The command line itself: what is not understood, what is never shown, and where files are looked for."""

import subprocess
import sys
from pathlib import Path

import pytest

from antigravity_addon.accounts import file
from antigravity_addon.accounts.account import Upstream
from antigravity_addon.cli import values
from antigravity_addon.cli.commands import NamedPlaces
from antigravity_addon.cli.places import GOOGLE, Entrance, Places, PlacesError, find_places
from antigravity_addon.gateway.operator import Dimension
from antigravity_addon.state.pool_rules import BOUNDS
from tests.cli.commanding import CONFIG, Shell

type Program = subprocess.CompletedProcess[bytes]

WRONG: dict[str, tuple[str, str]] = {
    "nothing": ("", "antigravity: the following arguments are required: TOPIC"),
    "half": ("accounts", "antigravity accounts: the following arguments are required: ACTION"),
    "another topic": (
        "s3cret",
        "antigravity: argument TOPIC: choose from 'accounts', 'usage', 'keys', 'client', 'doctor', 'verify'.",
    ),
    "a key as an argument": (
        "accounts add ana@example.com --api-key-env X --api-key s3cret",
        "antigravity: there is no option --api-key here.",
    ),
    "a key behind an equals sign": (
        "accounts add ana@example.com --api-key-env X --api-key=s3cret",
        "antigravity: there is no option --api-key here.",
    ),
    "a key after the e-mail": (
        "accounts add ana@example.com s3cret --api-key-env X",
        "antigravity: there are words too many.",
    ),
    "no way to pay": (
        "accounts add ana@example.com",
        (
            "antigravity accounts add: one of the arguments --api-key-env --api-key-stdin --keyring --credentials "
            "--refresh-token-env --refresh-token-stdin --refresh-token-keyring is required"
        ),
    ),
    "two ways": (
        "accounts add ana@example.com --api-key-stdin --credentials gcloud",
        "antigravity accounts add: argument --credentials: not allowed with argument --api-key-stdin",
    ),
    "an entry of a keyring with a character that nobody sees": (
        "accounts add ana@example.com --keyring gate\u200bway/bo",
        "antigravity accounts add: argument --keyring: must be SERVICE/USER.",
    ),
    "an entry of a keyring": (
        "accounts add ana@example.com --keyring s3cret",
        "antigravity accounts add: argument --keyring: must be SERVICE/USER.",
    ),
    "a weight": (
        "accounts add ana@example.com --api-key-env X --weight s3cret",
        "antigravity accounts add: argument --weight: must be a number from 0.001 to 100.",
    ),
    "no weight": (
        "accounts add ana@example.com --api-key-env X --weight nan",
        "antigravity accounts add: argument --weight: must be a number from 0.001 to 100.",
    ),
    "no places": (
        "accounts add ana@example.com --api-key-env X --max-concurrent 0",
        "antigravity accounts add: argument --max-concurrent: must be a whole number from 1 to",
    ),
    "nobody": (
        "accounts disable",
        "antigravity accounts disable: the following arguments are required: EMAIL",
    ),
    "no field": (
        "accounts set ana@example.com key=s3cret",
        "antigravity accounts set: argument FIELD=VALUE: must be FIELD=VALUE, where FIELD is one of kind, api_key,",
    ),
    "no field's value": (
        "accounts set ana@example.com weight",
        "antigravity accounts set: argument FIELD=VALUE: must be FIELD=VALUE, where FIELD is one of kind, api_key,",
    ),
    "a secret in a field": (
        "accounts set ana@example.com weight=2 api_key=s3cret",
        "antigravity accounts set: argument FIELD=VALUE: api_key must be env:NAME or keyring:SERVICE/USER.",
    ),
    "a kind that is none": (
        "accounts set ana@example.com kind=s3cret",
        "antigravity accounts set: argument FIELD=VALUE: kind must be one of gemini, vertex, code_assist.",
    ),
    "neither true nor false": (
        "accounts set ana@example.com disabled=s3cret",
        "antigravity accounts set: argument FIELD=VALUE: disabled must be true or false.",
    ),
    "a weight in a field": (
        "accounts set ana@example.com weight=s3cret",
        "antigravity accounts set: argument FIELD=VALUE: weight must be a number from 0.001 to 100.",
    ),
    "a path in the target": (
        "accounts check --target https://example.com/v1",
        "antigravity accounts check: argument --target: must be https://HOST or https://HOST:PORT, without a path.",
    ),
    "no time": (
        "accounts check --timeout 0",
        "antigravity accounts check: argument --timeout: must be a whole number from 1 to 600.",
    ),
    "a day": (
        "usage --from yesterday",
        "antigravity usage: argument --from: must be a date such as 2026-11-01.",
    ),
    "days": ("usage --days -1", "antigravity usage: argument --days: must be a whole number from 1 to 400."),
    "a dimension": (
        "usage --by account,colour",
        "antigravity usage: argument --by: can only name day, account, model, client, with commas between.",
    ),
    "a name": (
        "keys add Ana",
        (
            "antigravity keys add: argument NAME: must be made of a to z, 0 to 9, dots, dashes and underscores, and not be "
            "'default', which is gateway_api_key's."
        ),
    ),
    "the name of gateway_api_key": (
        "keys add default",
        "antigravity keys add: argument NAME: must be made of",
    ),
    "an end": (
        "keys add ana --expires soon",
        "antigravity keys add: argument --expires: must be a date such as",
    ),
    "no models": ("keys add ana --models ,", "antigravity keys add: argument --models: names nothing."),
    "a limit": (
        "keys add ana --tokens-per-day 1e6",
        "antigravity keys add: argument --tokens-per-day: must be a whole number from 1 to 1000000000000000.",
    ),
}


def test_what_the_command_line_writes_again_is_the_same_elsewhere() -> None:
    assert tuple(Upstream) == values.KINDS
    assert tuple(Dimension) == values.DIMENSIONS
    assert values.FIELDS.keys() == file._Entry.model_fields.keys() - {"email"}
    assert BOUNDS.usage_days == values._LONGEST_SPAN


@pytest.mark.parametrize(("line", "sentence"), WRONG.values(), ids=WRONG.keys())
def test_wrong_usage_is_one_sentence_and_shows_no_secret(shell: Shell, line: str, sentence: str) -> None:
    said = shell.run(line)
    assert (said.code, said.out) == (2, "")
    first, hint = said.err.splitlines()
    assert first.startswith(sentence)
    assert hint.startswith("Try: antigravity")
    assert "s3cret" not in said.err


@pytest.mark.parametrize(
    "line",
    [
        "",
        "accounts",
        "accounts list",
        "accounts add",
        "accounts set",
        "accounts check",
        "accounts import",
        "usage",
        "keys add",
        "client",
        "doctor",
    ],
)
def test_everything_has_a_help(shell: Shell, line: str) -> None:
    said = shell.run(f"{line} --help")
    assert (said.code, said.err) == (0, "")
    assert said.out.startswith(f"usage: antigravity {line}".rstrip())


def test_help_waits_for_nothing() -> None:
    """What is imported before the command line is understood. Each of these takes a tenth of a second or more."""
    heavy = ("pydantic", "yaml", "aiohttp", "httpx", "google.auth", "keyring", "ruamel.yaml", "mitmproxy")
    asked = (
        f"import sys, antigravity_addon.cli.main; print([name for name in {heavy!r} if name in sys.modules])"
    )
    assert _python(asked) == "[]\n"


def test_a_list_needs_no_connections() -> None:
    heavy = ("aiohttp", "httpx", "google.auth", "keyring", "mitmproxy", "antigravity_addon.simulator.server")
    asked = (
        f"import sys, antigravity_addon.cli.run; print([name for name in {heavy!r} if name in sys.modules])"
    )
    assert _python(asked) == "[]\n"


def _python(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout


# --- places ------------------------------------------------------------------------------------------------

NOTHING = NamedPlaces(None, None, None, None, enable_code_assist=False)
HOME = Path("~").expanduser()
PLACES: dict[str, tuple[str | None, NamedPlaces, Places]] = {
    "no configuration": (
        None,
        NOTHING,
        Places(
            accounts=Path("accounts.yaml"),
            state=HOME / ".mitmproxy" / "gateway.sqlite",
            keys=Path("client-keys.yaml"),
            keys_are_configured=False,
            target=GOOGLE,
            enable_code_assist=False,
        ),
    ),
    "an empty one": (
        "# nothing\n",
        NOTHING,
        Places(
            accounts=Path("accounts.yaml"),
            state=HOME / ".mitmproxy" / "gateway.sqlite",
            keys=Path("client-keys.yaml"),
            keys_are_configured=False,
            target=GOOGLE,
            enable_code_assist=False,
        ),
    ),
    "everything configured": (
        (
            "gateway_accounts: a/b.yaml\ngateway_state: s.sqlite\ngateway_client_keys: /k.yaml\n"
            'gateway_enable_code_assist: true\nmode: ["regular", "reverse:https://relay.example:8443/@127.0.0.1:8045"]\n'
        ),
        NOTHING,
        Places(
            accounts=Path("a/b.yaml"),
            state=Path("s.sqlite"),
            keys=Path("/k.yaml"),
            keys_are_configured=True,
            target="https://relay.example:8443",
            enable_code_assist=True,
            accounts_are_configured=True,
        ),
    ),
    "everything named": (
        "gateway_accounts: a/b.yaml\ngateway_state: memory\ngateway_upstream: simulator\n",
        NamedPlaces(Path("x"), "y", Path("z"), "http://127.0.0.1:1", enable_code_assist=True),
        Places(
            accounts=Path("x"),
            state=Path("y"),
            keys=Path("z"),
            keys_are_configured=True,
            target="http://127.0.0.1:1",
            enable_code_assist=True,
            accounts_are_configured=True,
        ),
    ),
    "other defaults of mitmproxy's": (
        'confdir: /c\ngateway_upstream: simulator\nmode: ["reverse:http://x"]\n',
        NOTHING,
        Places(
            accounts=Path("accounts.yaml"),
            state=Path("/c/gateway.sqlite"),
            keys=Path("client-keys.yaml"),
            keys_are_configured=False,
            target=None,
            enable_code_assist=False,
            entrance=Entrance("http://127.0.0.1:8080"),
        ),
    ),
    "in memory": (
        'gateway_state: memory\nmode: ["reverse:relay.example"]\n',
        NOTHING,
        Places(
            accounts=Path("accounts.yaml"),
            state=None,
            keys=Path("client-keys.yaml"),
            keys_are_configured=False,
            target="https://relay.example",
            enable_code_assist=False,
            entrance=Entrance("http://127.0.0.1:8080"),
        ),
    ),
}


@pytest.mark.parametrize(("config", "named", "places"), PLACES.values(), ids=PLACES.keys())
def test_places(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, config: str | None, named: NamedPlaces, places: Places
) -> None:
    monkeypatch.chdir(tmp_path)
    if config is not None:
        (tmp_path / "mitm-config.yaml").write_text(config)
    assert find_places(named, folder=Path()) == places


UNREADABLE: dict[str, tuple[bytes, str]] = {
    "no YAML": (b"mode: [\nx", "mitm-config.yaml:2: not valid YAML."),
    "no mapping": (b"- 1", "mitm-config.yaml: must hold `option: value` lines."),
    "another type": (b"gateway_state: 5", "mitm-config.yaml: gateway_state: Input should be a valid string."),
    "no text": (b"\xff\xfe\x00", "mitm-config.yaml: cannot be read (UnicodeDecodeError)."),
}


@pytest.mark.parametrize(("content", "sentence"), UNREADABLE.values(), ids=UNREADABLE.keys())
def test_a_configuration_that_cannot_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes, sentence: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mitm-config.yaml").write_bytes(content)
    with pytest.raises(PlacesError) as raised:
        find_places(NOTHING, folder=Path())
    assert str(raised.value).startswith(sentence)


# --- what cannot be done -----------------------------------------------------------------------------------

LONG = "n" * 5_000
FILES: dict[str, tuple[str, str]] = {
    "a long name of accounts": (f"accounts list --accounts {LONG}", "File name too long"),
    "a long name of accounts to be": (
        f"accounts add bo@example.com --api-key-env X --accounts {LONG}",
        "File name too long",
    ),
    "a long name of a state file": (f"accounts list --state {LONG}", "cannot be read: File name too long."),
    "a long name of an import": (f"accounts import {LONG}", "cannot be read: File name too long."),
    "a long name of keys": (f"keys add bo --keys {LONG}", "File name too long"),
    "nobody's home": ("usage --state ~nobody-at-all/x", "~nobody-at-all/x: there is no such home folder"),
    "a folder": ("usage --state .", "is no file: name another in gateway_state."),
    "the root": ("accounts check --state /", "/ is no file: name another in gateway_state."),
    "a text": ("usage --state mitm-config.yaml", "is no state file: name another in gateway_state."),
    "a text, for orders": ("accounts reset --state mitm-config.yaml", "is no state file"),
}


@pytest.mark.parametrize(("line", "sentence"), FILES.values(), ids=FILES.keys())
def test_a_file_of_no_use_is_told_in_a_sentence_and_left_alone(
    shell: Shell, line: str, sentence: str
) -> None:
    shell.write("accounts.yaml", "accounts:\n- {email: ana@example.com, api_key: k}\n")
    before = {path.name: path.stat() for path in shell.folder.iterdir()}
    said = shell.run(line)
    assert (said.code, said.out, said.err.count("\n")) == (2, "", 1)
    assert sentence in said.err
    assert {path.name: path.stat().st_mode for path in shell.folder.iterdir()} == {
        name: found.st_mode for name, found in before.items()
    }
    assert shell.read("mitm-config.yaml") == CONFIG


@pytest.mark.parametrize("config", ["gateway_accounts", "gateway_client_keys", "gateway_state", "confdir"])
def test_a_home_folder_that_nobody_has_is_named(shell: Shell, config: str) -> None:
    shell.write("mitm-config.yaml", f"{config}: ~nobody-at-all/x\n")
    said = shell.run("usage")
    assert (said.code, said.out, said.err) == (
        2,
        "",
        "~nobody-at-all/x: there is no such home folder: give the whole path.\n",
    )


def test_to_look_changes_no_state_file(shell: Shell) -> None:
    shell.write("accounts.yaml", "accounts:\n- {email: ana@example.com, api_key: k}\n")
    state = shell.write("empty.sqlite", "")
    state.chmod(0o644)
    for line in ("usage --state empty.sqlite", "accounts list --state empty.sqlite"):
        said = shell.run(line)
        assert (said.code, said.err) == (
            0,
            "No gateway has used empty.sqlite yet; if one keeps its state elsewhere, name the file: --state FILE\n",
        )
    assert (state.stat().st_size, state.stat().st_mode & 0o777) == (0, 0o644)
    assert shell.run("accounts disable ana@example.com --state empty.sqlite").code == 0
    before = state.read_bytes()
    assert shell.run("accounts list --state empty.sqlite").out.endswith("switched off by you\n")
    assert state.read_bytes() == before
    assert {path.name for path in shell.folder.iterdir()} == {
        "accounts.yaml",
        "empty.sqlite",
        "mitm-config.yaml",
    }


PIPED = """
import os, sys
reading, writing = os.pipe()
os.close(reading)
os.dup2(writing, 1)
from antigravity_addon.cli.main import main
sys.exit(main(["usage"]))
"""


def _program(shell: Shell, code: str, *arguments: str, given: bytes = b"", **environ: str) -> Program:
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", code, *arguments],
        cwd=shell.folder,
        env={"PYTHONPATH": str(Path(__file__).parents[2]), "HOME": str(shell.folder), **environ},
        input=given,
        capture_output=True,
        check=False,
    )


def test_a_reader_that_has_gone_away_ends_it_quietly(shell: Shell) -> None:
    shell.write("mitm-config.yaml", "gateway_state: memory\n")
    done = _program(shell, PIPED)
    assert (done.returncode, done.stderr.count(b"\n")) == (2, 1)
    assert done.stderr.startswith(b"Gateways keep their state in memory")


RUN = "import sys; from antigravity_addon.cli.main import main; sys.exit(main(sys.argv[1:]))"


def test_a_terminal_without_the_letters_is_given_what_it_has(shell: Shell) -> None:
    shell.write("kö.yaml", "client_keys: []\n")
    for more, out in (
        ((), b"There are no client keys in k\\xf6.yaml.\n"),
        (("--json",), b'{\n  "file": "k\\u00f6.yaml",\n  "keys": []\n}\n'),
    ):
        done = _program(shell, RUN, "keys", "list", "--keys", "kö.yaml", *more, PYTHONIOENCODING="ascii")
        assert (done.returncode, done.stdout) == (0, out)


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("accounts import -", b"What came on standard input is not UTF-8.\n"),
        (
            "accounts add bo@example.com --api-key-stdin",
            b"What came on standard input is no API key: it is not UTF-8.\n",
        ),
    ],
)
def test_bytes_that_are_no_text_are_told(shell: Shell, line: str, sentence: bytes) -> None:
    done = _program(
        shell, RUN, *line.split(), given=b"\xff\n", PYTHONUTF8="1", PYTHONIOENCODING="utf-8:strict"
    )
    assert (done.returncode, done.stdout, done.stderr) == (2, b"", sentence)
