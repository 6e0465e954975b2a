"""`antigravity doctor`: a chain that is whole, and each thing that can be wrong with it, provoked."""

import asyncio
import json
import re
import sqlite3
import sys
import tomllib
from collections.abc import AsyncGenerator, Iterable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from email.utils import formatdate
from pathlib import Path

import pytest

from antigravity_addon.cli.doctor.files import check_client_keys, check_configuration, check_disk, check_state
from antigravity_addon.cli.doctor.finding import Finding, Standing
from antigravity_addon.cli.doctor.surroundings import (
    MITMPROXY,
    PYTHON,
    check_base_urls,
    check_mitmproxy,
    check_proxies,
    check_python,
)
from antigravity_addon.cli.doctor.upstream import judge_clock
from antigravity_addon.gateway.client_keys import ClientKey, add_key, hash_key
from antigravity_addon.gateway.settings import OPTION_NAMES
from antigravity_addon.mitm import options
from antigravity_addon.simulator.server import Simulator
from antigravity_addon.state.sqlite_file import SqliteFile
from tests.cli.commanding import CONFIG, NOW, Said, Shell
from tests.conftest import Golden
from tests.running import RunningGateway, run_gateway, write_accounts

ROOT = Path(__file__).parents[2]
URL = "http://127.0.0.1:8045"
ACCOUNTS = (("ana@example.com", "ana-s3cret"), ("bo@example.com", "bo-s3cret"))


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    names = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "GATEWAY_KEY", "GATEWAY_API_KEY")
    for name in (*names, *map(str.lower, names), "OPENAI_BASE_URL", "OPENAI_API_BASE"):
        monkeypatch.delenv(name, raising=False)


@asynccontextmanager
async def chain(
    shell: Shell, *accounts: tuple[str, str], **option_values: object
) -> AsyncGenerator[tuple[RunningGateway, Simulator]]:
    """A gateway before a simulator, and the files of both where the doctor finds them."""
    # the simulator says what time it is
    shell.now = datetime.now(UTC).timestamp()
    async with Simulator() as simulator:
        path = write_accounts(shell.folder, *(accounts or ACCOUNTS))
        shell.write(
            "mitm-config.yaml",
            f'{CONFIG}gateway_accounts: accounts.yaml\nmode: ["reverse:{simulator.base_url}@8045"]\n',
        )
        async with run_gateway(
            simulator.base_url, shell.folder, gateway_accounts=path, **option_values
        ) as gateway:
            yield gateway, simulator


@asynccontextmanager
async def program(answer: bytes, host: str = "127.0.0.1") -> AsyncGenerator[str]:
    """Something that listens, says `answer` to whatever it is told, and hangs up. With its URL."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(answer)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, host, 0)
    async with server:
        yield f"http://{host}:{server.sockets[0].getsockname()[1]}"


def found(said: Said, check: str) -> list[tuple[str, str]]:
    """From a document: results and messages of one check."""
    findings = json.loads(said.out)["findings"]
    return [(each["result"], each["message"]) for each in findings if each["check"] == check]


def stripped(text: str, **replaced: str) -> str:
    """Without what differs from one machine and run to the next."""
    for name, value in replaced.items():
        text = text.replace(value, name)
    text = re.sub(r"\d+(?= ms| models)", "N", text)
    text = re.sub(r"[\d.]+(?= GB are free)", "N", text)
    return re.sub(r"(Python|mitmproxy) \d+\.\d+\.\d+", r"\1 N", text)


# --- the whole chain ---------------------------------------------------------------------------------------


async def test_nothing_is_wrong(shell: Shell, golden: Golden) -> None:
    async with chain(shell) as (gateway, simulator):
        said = await shell.run_beside(f"doctor --url {gateway.url}/v1")
        assert (said.code, said.err) == (0, "")
        asked = [request.path for request in simulator.requests if request.path != "/"]
        assert asked == ["/v1beta/models/gemini-2.5-flash:streamGenerateContent"] * 3, (
            "one of the gateway's, and one for each account"
        )
        golden(
            "doctor.txt",
            stripped(said.out, URL=gateway.url, TARGET=simulator.base_url),
        )
    assert "s3cret" not in said.out


async def test_as_json_and_without_requests(shell: Shell, golden: Golden) -> None:
    async with chain(shell) as (gateway, simulator):
        said = await shell.run_beside(f"doctor --url {gateway.url} --no-request --json")
        golden("doctor.json", stripped(said.out, URL=gateway.url, TARGET=simulator.base_url))
        assert (said.code, said.err) == (0, "")
        assert not [request for request in simulator.requests if "models" in request.path]


async def test_offline_nobody_is_asked_but_the_gateway(shell: Shell) -> None:
    async with chain(shell) as (gateway, simulator):
        said = await shell.run_beside(f"doctor --url {gateway.url} --offline --json")
        assert said.code == 0
        assert (list(simulator.requests), list(simulator.token_requests)) == ([], [])
        assert found(said, "clock") == [("skipped", "Nobody but the gateway was to be asked.")]
        assert found(said, "gateway") == [("ok", f"A gateway answers at {gateway.url}.")]


async def test_the_simulator_in_a_gateway_needs_no_account(shell: Shell) -> None:
    shell.write("mitm-config.yaml", f"{CONFIG}gateway_upstream: simulator\n")
    async with run_gateway(None, shell.folder) as gateway:
        said = await shell.run_beside(f"doctor --url {gateway.url} --json --model gpt-4o")
    assert said.code == 0
    assert found(said, "accounts") == [("skipped", "The simulator answers, which needs none.")]
    ((result, message),) = found(said, "request")
    assert result == "ok"
    assert message.startswith("gemini-2.5-flash answered for gpt-4o, paid by simulator@localhost;")


async def test_as_a_process_of_its_own(shell: Shell) -> None:
    async with chain(shell) as (gateway, _):
        process = await asyncio.create_subprocess_exec(
            *(
                sys.executable,
                "-W",
                "error",
                "-m",
                "antigravity_addon.cli.main",
                "doctor",
                "--url",
                gateway.url,
            ),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, err = await process.communicate()
    assert (process.returncode, err) == (0, b""), out.decode()
    assert out.endswith(b"Nothing is wrong.\n")


# --- the gateway -------------------------------------------------------------------------------------------


async def test_nothing_listens(shell: Shell) -> None:
    async with program(b"") as url:
        pass
    said = await shell.run_beside(f"doctor --url {url} --offline")
    assert said.code == 1
    assert (
        f"problem  gateway: Nothing listens at {url}.\n         > Start it: uv run mitmdump -s addon.py."
        in said.out
    )
    assert "skipped  client key: It needs the gateway first.\n" in said.out


ANOTHER = b"HTTP/1.1 200 OK\r\ncontent-length: 15\r\nconnection: close\r\n\r\n" + b'{"status":"ok"}'
STRANGERS: dict[str, tuple[bytes, str]] = {
    "another HTTP server": (ANOTHER, "is no gateway, but another program: it answered 200 to /healthz."),
    "one that forges half of it": (
        ANOTHER.replace(b"connection", b"x-request-id: req_1\r\nconnection"),
        "is no gateway, but another program: it answered 200 to /healthz.",
    ),
    "no HTTP": (b"220 mail.example ESMTP\r\n", "speaks no HTTP, so it is no gateway."),
}


@pytest.mark.parametrize(("answer", "sentence"), STRANGERS.values(), ids=STRANGERS.keys())
async def test_a_stranger_on_the_port_is_shown_no_key(
    shell: Shell, monkeypatch: pytest.MonkeyPatch, answer: bytes, sentence: str
) -> None:
    monkeypatch.setenv("GATEWAY_KEY", "s3cret")
    heard: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(answer)
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        said = await shell.run_beside(f"doctor --url {url} --offline --json")
    assert said.code == 1
    ((result, message),) = found(said, "gateway")
    assert (result, message.endswith(sentence)) == ("problem", True)
    assert heard
    assert b"s3cret" not in b"".join(heard)
    assert b"uthorization" not in b"".join(heard)


@pytest.mark.allow_hosts(["127.0.0.2"])
async def test_a_gateway_for_its_own_machine_alone_hangs_up(shell: Shell) -> None:
    async with program(b"", "127.0.0.2") as url:
        said = await shell.run_beside(f"doctor --offline --json --url {url}")
    ((result, message),) = found(said, "gateway")
    assert (result, message) == (
        "problem",
        f"{url} hangs up: a gateway that serves its own machine alone does that.",
    )


async def test_a_certificate_of_mitmproxys_own_is_not_taken(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")
    async with chain(shell) as (gateway, _):
        url = gateway.url.replace("http:", "https:")
        said = await shell.run_beside(f"doctor --offline --json --url {url}")
    ((result, message),) = found(said, "gateway")
    assert (result, "a certificate that nobody here vouches for" in message) == ("problem", True)


KEYS: dict[str, tuple[dict[str, str], str, str, str]] = {
    "the right one": (
        {"GATEWAY_KEY": "s3cret-key"},
        "",
        "ok",
        "The gateway lets in with the key in GATEWAY_KEY, and lists",
    ),
    "the gateway's own variable": (
        {"GATEWAY_API_KEY": "s3cret-key"},
        "",
        "ok",
        "The gateway lets in with the key in GATEWAY_API_KEY, and lists",
    ),
    "a variable that is named": (
        {"GATEWAY_KEY": "wrong", "MINE": "s3cret-key"},
        "--key-env MINE",
        "ok",
        "The gateway lets in with the key in MINE, and lists",
    ),
    "a wrong one": (
        {"GATEWAY_KEY": "wrong-s3cret"},
        "",
        "problem",
        "The gateway does not take the key in GATEWAY_KEY: Incorrect API key provided.",
    ),
    "none": ({}, "", "problem", "The gateway asks for a key, and there is none in GATEWAY_KEY."),
}


@pytest.mark.parametrize(("environ", "more", "result", "sentence"), KEYS.values(), ids=KEYS.keys())
async def test_the_client_key(
    shell: Shell,
    monkeypatch: pytest.MonkeyPatch,
    environ: dict[str, str],
    more: str,
    result: str,
    sentence: str,
) -> None:
    async with chain(shell, gateway_auth_mode="strict", gateway_api_key="s3cret-key") as (gateway, _):
        for name, value in environ.items():
            monkeypatch.setenv(name, value)
        said = await shell.run_beside(f"doctor --url {gateway.url} --offline --json {more}")
    assert found(said, "gateway") == [("ok", f"A gateway answers at {gateway.url}.")]
    ((what, message),) = found(said, "client key")
    assert (what, message[: len(sentence)]) == (result, sentence)
    assert said.code == (result == "problem")
    assert "s3cret" not in said.out + said.err


async def test_a_model_that_nobody_serves(shell: Shell) -> None:
    async with chain(shell) as (gateway, _):
        said = await shell.run_beside(f"doctor --url {gateway.url} --no-request --json --model llama")
        assert said.code == 1
        ((result, message),) = found(said, "model")
        assert (result, message) == ("problem", "The model 'llama' does not exist")
        assert found(said, "request") == [("skipped", "It needs the model first.")]


async def test_accounts_that_cannot_pay(shell: Shell) -> None:
    async with chain(shell, ("ana@example.com", "fault-dead-key"), ("bo@example.com", "good-s3cret")) as (
        gateway,
        _,
    ):
        said = await shell.run_beside(f"doctor --url {gateway.url} --json")
    assert said.code == 1
    results = found(said, "account")
    assert [result for result, _ in results] == ["problem", "ok"]
    assert results[0][1].startswith("ana@example.com: ")
    assert [result for result, _ in found(said, "request")] == ["ok"]


async def test_a_request_that_fails(shell: Shell) -> None:
    async with chain(shell, ("ana@example.com", "fault-dead-key")) as (gateway, _):
        said = await shell.run_beside(f"doctor --url {gateway.url} --json")
    ((result, message),) = found(said, "request")
    assert (result, message[:31]) == ("problem", "gemini-2.5-flash gave no answer")


# --- behind it ---------------------------------------------------------------------------------------------


async def test_a_clock_that_is_wrong(shell: Shell) -> None:
    date = formatdate(NOW + 3600, usegmt=True).encode()
    answer = (
        b"HTTP/1.1 404 Not Found\r\ndate: " + date + b"\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
    )
    async with program(answer) as target:
        said = await shell.run_beside(f"doctor --target {target} --url {target} --no-request --json")
    assert found(said, "clock") == [
        ("problem", "This machine's clock is 60 min behind. Google refuses logins that are signed by it.")
    ]


CLOCKS = {
    0.0: Standing.OK,
    59.0: Standing.OK,
    -61.0: Standing.WARNING,
    239.0: Standing.WARNING,
    -241.0: Standing.PROBLEM,
}


@pytest.mark.parametrize(("off", "standing"), CLOCKS.items())
def test_how_wrong_a_clock_may_be(off: float, standing: Standing) -> None:
    assert judge_clock(off).standing is standing


async def test_an_upstream_that_is_not_there(shell: Shell) -> None:
    async with program(b"") as target:
        pass
    said = await shell.run_beside(f"doctor --target {target} --url {target} --no-request --json")
    assert found(said, "upstream") == [("problem", f"{target} cannot be reached (ConnectionRefusedError).")]


# --- files -------------------------------------------------------------------------------------------------


def sentences(findings: Iterable[Finding]) -> list[tuple[str, str, str]]:
    return [(found.standing, found.sentence, found.remedy) for found in findings]


def test_the_options_are_those_that_mitmproxy_knows() -> None:
    assert OPTION_NAMES == options.NAMES


CONFIGURATIONS: dict[str, tuple[str, list[tuple[str, str]]]] = {
    "nothing": ("", [("ok", "can be read: 0 of its options are the gateway's.")]),
    "all is well": (
        "gateway_auth_mode: off\ngateway_account_header: off\nkeep_host_header: true\n",
        [("ok", "can be read: 2 of its options are the gateway's.")],
    ),
    "a slip": ("gateway_acounts: x\n", [("problem", "gateway_acounts: there is no such option.")]),
    "a slip in the beginning": (
        "gatway_upstream: x\n",
        [("problem", "gatway_upstream: there is no such option.")],
    ),
    "two": (
        "gateway_x: 1\ngateway_strateg: fixed\n",
        [
            ("problem", "gateway_x: there is no such option."),
            ("problem", "gateway_strateg: there is no such option."),
        ],
    ),
    "another type": (
        "gateway_max_attempts: many\ngateway_state: 5\n",
        [
            ("problem", "gateway_max_attempts: Input should be a valid integer."),
            ("problem", "gateway_state: Input should be a valid string."),
        ],
    ),
    "no choice": (
        "gateway_strategy: random\n",
        [("problem", "gateway_strategy cannot be 'random': choose one of")],
    ),
    "want of a key": (
        "gateway_allow_lan_access: true\n",
        [
            (
                "warning",
                "gateway_auth_mode is 'all_except_health' (auto, with gateway_allow_lan_access), which needs",
            )
        ],
    ),
    "no YAML": ("mode: [\nx", [("problem", "is not valid YAML.")]),
    "no mapping": ("- 1", [("problem", "is no list of options.")]),
}


@pytest.mark.parametrize(("text", "expected"), CONFIGURATIONS.values(), ids=CONFIGURATIONS.keys())
def test_the_configuration(tmp_path: Path, text: str, expected: list[tuple[str, str]]) -> None:
    path = tmp_path / "mitm-config.yaml"
    path.write_text(text)
    findings = list(check_configuration(path, operators_key=""))
    assert len(findings) == len(expected)
    for finding, (standing, sentence) in zip(findings, expected, strict=True):
        assert finding.standing == standing
        assert sentence in finding.sentence
        assert finding.remedy or finding.standing is Standing.OK


def test_a_slip_is_told_with_what_was_meant(shell: Shell) -> None:
    shell.write("mitm-config.yaml", f"{CONFIG}gateway_acounts: accounts.yaml\n")
    said = shell.run("doctor --offline --url http://127.0.0.1:1")
    assert said.code == 1
    assert "there is no such option.\n         > Did you mean gateway_accounts?\n" in said.out


def test_a_configuration_that_cannot_be_read_stops_nothing_else(shell: Shell) -> None:
    shell.write("mitm-config.yaml", "mode: [\nx")
    write_accounts(shell.folder, *ACCOUNTS)
    said = shell.run("doctor --offline --url http://127.0.0.1:1 --state memory --json")
    assert said.code == 1
    assert found(said, "configuration")[0][0] == "problem"
    assert found(said, "accounts") == [("ok", "accounts.yaml: 2 accounts can be used.")]


def test_what_only_the_command_line_reads_is_told_too(shell: Shell) -> None:
    shell.write("mitm-config.yaml", f'{CONFIG}mode: ["reverse:https://x@y:z"]\n')
    said = shell.run("doctor --offline --json --url http://127.0.0.1:1")
    assert found(said, "configuration")[0][0] == "ok"
    shell.write("mitm-config.yaml", f'{CONFIG}mode: ["reverse:https://x@y:z"]\n')
    said = shell.run("doctor --offline --json")
    assert ("problem", "mitm-config.yaml: mode: 'y:z' is no port, nor an address and a port.") in found(
        said, "configuration"
    )


ACCOUNT_FILES: dict[str, tuple[str | None, int, list[str]]] = {
    "good": ("accounts: [{email: a@b.c, api_key: k}]", 0o600, ["ok"]),
    "for all to read": ("accounts: [{email: a@b.c, api_key: k}]", 0o644, ["warning", "ok"]),
    "a variable that nobody set": (
        "accounts: [{email: a@b.c, api_key: 'env:NOT_SET_X'}]",
        0o600,
        ["problem"],
    ),
    "a file that is not there": (
        "accounts: [{email: a@b.c, kind: vertex, project: p-1, credentials: none.json}]",
        0o600,
        ["problem"],
    ),
    "Code Assist, which is off": (
        (
            "oauth_clients: {own: {client_id: a, client_secret: s3cret}}\n"
            "accounts: [{email: a@b.c, kind: code_assist, oauth_client: own, refresh_token: s3cret}]"
        ),
        0o600,
        ["problem"],
    ),
    "a slip": ("accounts: [{email: a@b.c, apikey: s3cret}]", 0o600, ["problem"]),
    "nobody": ("accounts: []", 0o600, ["problem"]),
    "all disabled": ("accounts: [{email: a@b.c, api_key: k, disabled: true}]", 0o600, ["problem"]),
    "no file": (None, 0, ["warning"]),
}


@pytest.mark.parametrize(("text", "mode", "results"), ACCOUNT_FILES.values(), ids=ACCOUNT_FILES.keys())
def test_the_accounts_file(shell: Shell, text: str | None, mode: int, results: list[str]) -> None:
    if text is not None:
        shell.write("accounts.yaml", text).chmod(mode)
    said = shell.run("doctor --offline --json --url http://127.0.0.1:1")
    assert [result for result, _ in found(said, "accounts")] == results
    assert "s3cret" not in said.out + said.err


def test_an_accounts_file_that_is_named_has_to_be_there(shell: Shell) -> None:
    said = shell.run("doctor --offline --json --url http://127.0.0.1:1 --accounts other.yaml")
    assert [result for result, _ in found(said, "accounts")] == ["problem"]


def test_the_client_keys(tmp_path: Path) -> None:
    path = tmp_path / "client-keys.yaml"
    assert sentences(check_client_keys(path, is_configured=False, now=NOW)) == [
        ("ok", "No file of client keys is configured.", "")
    ]
    (missing,) = check_client_keys(path, is_configured=True, now=NOW)
    assert missing.standing is Standing.PROBLEM
    add_key(path, ClientKey("ana", hash_key("s3cret")))
    add_key(path, ClientKey("bo", hash_key("other"), expires=datetime(2020, 1, 1, tzinfo=UTC)))
    assert sentences(check_client_keys(path, is_configured=True, now=NOW)) == [
        ("warning", "bo has expired, and lets nobody in.", "antigravity keys remove bo, and add it anew."),
        ("ok", f"{path}: 1 key can be used.", ""),
    ]


async def made_state(path: Path) -> None:
    share = SqliteFile(path).share()
    await share.run(lambda _: None)
    await share.aclose()


def test_a_state_that_can_be_used(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "state.sqlite"
    assert check_state(None).standing is Standing.OK
    assert check_state(path).sentence == f"{path} is not there yet, and can be made."
    asyncio.run(made_state(path))
    before = path.read_bytes()
    assert check_state(path).sentence == f"{path} can be written, and has the schema of this version."
    assert path.read_bytes() == before


def test_a_state_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    finding = check_state(tmp_path / "file" / "state.sqlite")
    assert (finding.standing, "cannot be" in finding.sentence) == (Standing.PROBLEM, True)


def test_a_state_that_is_a_folder(tmp_path: Path) -> None:
    assert sentences([check_state(tmp_path)]) == [
        (
            "problem",
            f"{tmp_path} cannot be written: Is a directory.",
            "See whose it is, or name another in gateway_state.",
        )
    ]


def test_a_state_of_another_version(tmp_path: Path) -> None:
    path = tmp_path / "state.sqlite"
    asyncio.run(made_state(path))
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 9999")
    connection.close()
    finding = check_state(path)
    assert (finding.standing, "newer gateway" in finding.sentence) == (Standing.PROBLEM, True)


def test_room_on_the_disk(tmp_path: Path) -> None:
    assert check_disk(None, wanted_bytes=1).standing is Standing.SKIPPED
    assert check_disk(tmp_path / "x" / "state", wanted_bytes=1).standing is Standing.OK
    assert check_disk(tmp_path / "state", wanted_bytes=10**20).standing is Standing.WARNING


# --- surroundings ------------------------------------------------------------------------------------------


def test_the_versions_are_those_of_the_project() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    first, end = (".".join(map(str, bound)) for bound in MITMPROXY)
    assert f"mitmproxy>={first},<{end}" in project["dependencies"]
    assert project["requires-python"] == f">={'.'.join(map(str, PYTHON))}"


def test_versions() -> None:
    assert check_python((3, 13, 0)).standing is Standing.OK
    assert check_python((3, 12, 9)).standing is Standing.PROBLEM
    standings = {
        version: check_mitmproxy(version).standing for version in ("12.2.3", "12.2.10", "12.2.2", "12.3.0")
    }
    assert list(standings.values()) == ["ok", "ok", "problem", "problem"]
    assert check_mitmproxy(None).sentence == "mitmproxy is not installed."


PROXIES: dict[str, tuple[str, dict[str, str], str]] = {
    "none": (URL, {}, "ok"),
    "empty": (URL, {"HTTP_PROXY": ""}, "ok"),
    "for https alone": (URL, {"HTTPS_PROXY": "http://u:s3cret@p:1"}, "ok"),
    "for http": (URL, {"HTTP_PROXY": "http://u:s3cret@p:1"}, "warning"),
    "in small letters": (URL, {"http_proxy": "http://u:s3cret@p:1"}, "warning"),
    "for all": (URL, {"ALL_PROXY": "socks5://u:s3cret@p:1", "NO_PROXY": "10.0.0.1"}, "warning"),
    "but not for here": (URL, {"HTTP_PROXY": "http://p:1", "NO_PROXY": "localhost, 127.0.0.1"}, "ok"),
    "but for nothing": (URL, {"HTTP_PROXY": "http://p:1", "no_proxy": "*"}, "ok"),
    "but not for that domain": (
        "http://gw.example:1",
        {"HTTP_PROXY": "http://p:1", "no_proxy": ".example"},
        "ok",
    ),
    "but for another": (
        "http://gw.example:1",
        {"HTTP_PROXY": "http://p:1", "no_proxy": "w.example,"},
        "warning",
    ),
}


@pytest.mark.parametrize(("url", "environ", "result"), PROXIES.values(), ids=PROXIES.keys())
def test_proxies(url: str, environ: dict[str, str], result: str) -> None:
    finding = check_proxies(url, environ)
    assert finding.standing == result
    assert bool(finding.remedy) == (result == "warning")
    assert "s3cret" not in finding.sentence + finding.remedy


BASES: dict[str, tuple[dict[str, str], list[tuple[str, str]]]] = {
    "none": ({}, [("ok", "Neither OPENAI_BASE_URL nor OPENAI_API_BASE is set to something else.")]),
    "here": (
        {"OPENAI_BASE_URL": "http://localhost:8045/v1/"},
        [("ok", "OPENAI_BASE_URL points to the gateway.")],
    ),
    "elsewhere": (
        {"OPENAI_BASE_URL": f"{URL}/v1", "OPENAI_API_BASE": "https://u:s3cret@api.openai.com/v1"},
        [
            ("ok", "OPENAI_BASE_URL points to the gateway."),
            (
                "warning",
                "OPENAI_API_BASE points to api.openai.com, not to the gateway: clients that read it go there.",
            ),
        ],
    ),
    "another port": (
        {"OPENAI_BASE_URL": "http://127.0.0.1:8046/v1"},
        [
            (
                "warning",
                "OPENAI_BASE_URL points to 127.0.0.1, not to the gateway: clients that read it go there.",
            )
        ],
    ),
    "no URL": (
        {"OPENAI_BASE_URL": "http://[s3cret"},
        [
            (
                "warning",
                "OPENAI_BASE_URL points to no address, not to the gateway: clients that read it go there.",
            )
        ],
    ),
}


@pytest.mark.parametrize(("environ", "expected"), BASES.values(), ids=BASES.keys())
def test_base_urls(environ: dict[str, str], expected: list[tuple[str, str]]) -> None:
    assert [(each.standing, each.sentence) for each in check_base_urls(URL, environ)] == expected
