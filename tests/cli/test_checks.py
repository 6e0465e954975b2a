"""`antigravity accounts check` against the simulator."""

import asyncio
import json
import sys

from antigravity_addon.errors import AccountRefused, RateLimited
from antigravity_addon.simulator.server import Simulator
from tests.cli.commanding import Shell, run_gateway
from tests.conftest import Golden

ACCOUNTS = """\
oauth_clients:
  own: {client_id: own.apps, client_secret: client-s3cret}
accounts:
  - {email: ana@example.com, api_key: good-s3cret}
  - {email: bo@example.com, api_key: fault-dead-key}
  - {email: cy@example.com, api_key: fault-quota-day}
  - {email: di@example.com, api_key: fault-tos, disabled: true}
  - {email: ed@example.com, api_key: env:NOBODY_SET_IT}
  - {email: fay@example.com, kind: vertex, project: p-1, oauth_client: own, refresh_token: fault-token-invalid-grant, token_uri: URL/token}
  - {email: gus@example.com, kind: vertex, project: p-2, oauth_client: own, refresh_token: gus-s3cret, token_uri: URL/token}
  - {email: hal@example.com, kind: code_assist, oauth_client: own, refresh_token: licensed-s3cret, token_uri: URL/token}
  - {email: ida@example.com, kind: code_assist, oauth_client: own, refresh_token: validation-required-s3cret, token_uri: URL/token}
"""
LINK = "https://accounts.google.com/signin/continue?plt=simulated-personal-token"


def settle(shell: Shell, url: str) -> None:
    shell.write("accounts.yaml", ACCOUNTS.replace("URL", url))


async def test_what_is_wrong_is_said_in_words(shell: Shell, golden: Golden) -> None:
    async with Simulator() as simulator:
        settle(shell, simulator.base_url)
        said = await shell.run_beside(f"accounts check --target {simulator.base_url}/ --enable-code-assist")
    assert (said.code, said.err) == (1, "")
    golden("check.txt", said.without_times)
    assert LINK in said.out
    assert "s3cret" not in said.out


async def test_and_as_json_without_the_personal_link(shell: Shell, golden: Golden) -> None:
    async with Simulator() as simulator:
        settle(shell, simulator.base_url)
        line = f"accounts check --target {simulator.base_url} --enable-code-assist --json"
        said = await shell.run_beside(line)
        shown = await shell.run_beside(f"{line} ida@example.com --show-links")
    assert (said.code, said.err) == (1, "")
    golden("check.json", said.without_times)
    assert LINK not in said.out
    assert [check["link"] for check in json.loads(shown.out)["checks"]] == [LINK]


async def test_the_target_is_that_of_the_gateway(shell: Shell) -> None:
    async with Simulator() as simulator:
        shell.write(
            "mitm-config.yaml", f'gateway_state: state.sqlite\nmode: ["reverse:{simulator.base_url}@8045"]\n'
        )
        settle(shell, simulator.base_url)
        said = await shell.run_beside("accounts check ana@example.com gus@example.com --model gemini-2.5-pro")
        assert (said.code, said.without_times) == (
            0,
            "ana@example.com  ok, N ms\ngus@example.com  ok, N ms\n",
        )
        assert sorted(request.path for request in simulator.requests) == [
            "/v1beta/models/gemini-2.5-pro:streamGenerateContent",
            "/v1beta1/projects/p-2/locations/global/publishers/google/models/gemini-2.5-pro:streamGenerateContent",
        ]


async def test_without_the_option_code_assist_is_not_asked(shell: Shell) -> None:
    async with Simulator() as simulator:
        settle(shell, simulator.base_url)
        said = await shell.run_beside(f"accounts check hal@example.com --target {simulator.base_url}")
        assert said.code == 1
        assert "Code Assist is off" in said.out
        assert (list(simulator.requests), list(simulator.token_requests)) == ([], [])


async def test_a_disabled_account_is_checked_if_it_is_named(shell: Shell) -> None:
    async with Simulator() as simulator:
        shell.write(
            "accounts.yaml", "accounts:\n- {email: di@example.com, api_key: good-s3cret, disabled: true}\n"
        )
        line = f"accounts check --target {simulator.base_url}"
        all_of_them = await shell.run_beside(line)
        assert (all_of_them.code, all_of_them.out) == (
            0,
            (
                "di@example.com  not checked\n"
                "    It is disabled in accounts.yaml:2: name it, to check it all the same.\n"
            ),
        )
        assert not simulator.requests
        named = await shell.run_beside(f"{line} di@example.com")
        assert (named.code, named.without_times) == (
            0,
            "di@example.com  ok, N ms\n    It is disabled in accounts.yaml:2.\n",
        )


async def test_what_holds_back_an_account_that_answers(shell: Shell) -> None:
    async with Simulator() as simulator:
        names = ("ana", "bo", "cy")
        entries = (f"- {{email: {name}@example.com, api_key: {name}-s3cret}}\n" for name in names)
        shell.write("accounts.yaml", f"accounts:\n{''.join(entries)}")
        async with run_gateway(shell) as gateway:
            await gateway.fail("ana@example.com", AccountRefused("no", reason="HTTP 400: no"))
            await gateway.fail("cy@example.com", RateLimited("Too many.", retry_after=50.0))
            await gateway.keeper.sync()
            await shell.run_beside("accounts disable bo@example.com")
            said = await shell.run_beside(f"accounts check --target {simulator.base_url}")
            await gateway.keeper.sync()
            assert gateway.out()["ana@example.com"] == "HTTP 400: no", "a check changes nothing"
    assert (said.code, said.without_times) == (
        0,
        (
            "ana@example.com  ok, N ms\n"
            "    Gateways leave it alone, since it was refused before: antigravity accounts reset ana@example.com\n"
            "bo@example.com   ok, N ms\n"
            "    It is switched off all the same: antigravity accounts enable bo@example.com\n"
            "cy@example.com   ok, N ms\n"
            "    Gateways let it rest at present, see the list; to end that: antigravity accounts reset\n"
            "    cy@example.com\n"
        ),
    )


async def test_nobody_is_there(shell: Shell) -> None:
    shell.write("accounts.yaml", "accounts:\n- {email: ana@example.com, api_key: good-s3cret}\n")
    async with Simulator() as simulator:
        url = simulator.base_url
    said = await shell.run_beside(f"accounts check --target {url}")
    assert said.code == 1
    assert "ConnectionRefusedError" in said.out
    assert "not of the account: try again later." in said.out


def test_the_simulator_in_a_gateway_cannot_be_asked(shell: Shell) -> None:
    shell.write("mitm-config.yaml", "gateway_upstream: simulator\ngateway_state: memory\n")
    shell.write("accounts.yaml", "accounts: []\n")
    said = shell.run("accounts check")
    assert (said.code, said.out) == (2, "")
    assert said.err.startswith("mitm-config.yaml has gateway_upstream: simulator")
    said = shell.run("accounts check --target http://127.0.0.1:1")
    assert (said.code, said.out) == (0, "There are no accounts to check.\n")


async def test_as_a_process_of_its_own(shell: Shell) -> None:
    async with Simulator() as simulator:
        settle(shell, simulator.base_url)
        line = f"-m antigravity_addon.cli.main accounts check bo@example.com gus@example.com --json --target {simulator.base_url}"
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *line.split(),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, err = await process.communicate()
    assert err == b""
    assert process.returncode == 1
    assert [(check["email"], check["result"]) for check in json.loads(out)["checks"]] == [
        ("bo@example.com", "failed"),
        ("gus@example.com", "ok"),
    ]
