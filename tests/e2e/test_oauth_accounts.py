"""Accounts of every kind, from their file to the answer: what they pay with, how they fail, and who comes next."""

import asyncio
import json
import stat
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import httpx
import openai
import pytest

from antigravity_addon.gateway.connections import TOKEN_FILE
from antigravity_addon.simulator.families import Family
from antigravity_addon.simulator.refusals import VALIDATION
from antigravity_addon.simulator.server import Simulator
from tests.running import RunningGateway, run_gateway

from .operating import KINDS, Entry, Log, Payers, files_in, listening, write_accounts_file

BODY: dict[str, Any] = {"model": "gpt-4o", "messages": [{"role": "user", "content": "echo:hello there"}]}
FAMILIES = {
    "gemini": Family.GEMINI,
    "express": Family.VERTEX,
    "service account": Family.VERTEX,
    "user": Family.VERTEX,
    "licence": Family.CODE_ASSIST,
}

PERSONAL = VALIDATION.rpartition("=")[2]
"""What is personal in the link to Google's page."""


async def ask(gateway: RunningGateway, *, stream: bool = False) -> httpx.Response:
    async with gateway.client() as http:
        return await http.post("/v1/chat/completions", json={**BODY, "stream": stream})


async def burst(gateway: RunningGateway, count: int) -> list[tuple[int, str]]:
    """Status and account of so many requests at once."""

    async def one(http: aiohttp.ClientSession) -> tuple[int, str]:
        async with http.post(f"{gateway.url}/v1/chat/completions", json=BODY) as answer:
            await answer.read()
            return answer.status, answer.headers.get("x-account-email", "")

    # not httpx: its pool takes longer than the gateway
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as http:
        return await asyncio.gather(*(one(http) for _ in range(count)))


async def sdk_answers(gateway: RunningGateway) -> list[tuple[str, str]]:
    """(text, account) of a whole answer and of a streamed one, as the OpenAI SDK reads them."""
    async with openai.AsyncOpenAI(api_key="k", base_url=f"{gateway.url}/v1", max_retries=0) as client:
        completions = client.chat.completions.with_raw_response
        whole = await completions.create(**BODY)
        text = whole.parse().choices[0].message.content or ""
        streamed = await completions.create(**BODY, stream=True)
        pieces = [chunk.choices[0].delta.content or "" async for chunk in streamed.parse() if chunk.choices]
        return [
            (text, whole.headers["x-account-email"]),
            ("".join(pieces), streamed.headers["x-account-email"]),
        ]


@asynccontextmanager
async def paid_by(
    folder: Path, simulator: Simulator, *entries: Entry, **options: object
) -> AsyncGenerator[RunningGateway]:
    accounts = write_accounts_file(folder, *entries)
    async with run_gateway(
        simulator.base_url, folder, gateway_accounts=accounts, gateway_enable_code_assist=True, **options
    ) as gateway:
        yield gateway


# --- kinds -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
async def test_each_kind_of_account_serves(tmp_path: Path, kind: str) -> None:
    async with Simulator() as simulator:
        entry = KINDS[kind](Payers.at(simulator.base_url, tmp_path), "well")
        async with paid_by(tmp_path, simulator, entry) as gateway:
            assert await sdk_answers(gateway) == [("hello there", entry["email"])] * 2
        asked = [request for request in simulator.requests if request.model is not None]
        assert [(r.family, r.called) for r in asked] == [(FAMILIES[kind], "streamGenerateContent")] * 2
        pays_with_key = kind in {"gemini", "express"}
        assert [r.api_key for r in asked] == ["well" if pays_with_key else None] * 2
        assert len(simulator.token_requests) == (0 if pays_with_key else 1)


async def test_the_built_in_simulator_serves_every_kind_and_nobody_asks_google(tmp_path: Path) -> None:
    payers = Payers(tmp_path)
    entries = [make(payers, f"well-{number}") for number, make in enumerate(KINDS.values())]
    async with run_gateway(
        None,
        tmp_path,
        gateway_upstream="simulator",
        gateway_accounts=write_accounts_file(tmp_path, *entries),
        gateway_enable_code_assist=True,
    ) as gateway:
        async with gateway.client() as http:
            answers = [
                await http.post("/v1/chat/completions", json=BODY, headers={"session-id": entry["email"]})
                for entry in entries
            ]
        assert [answer.status_code for answer in answers] == [200] * len(entries)
        assert [answer.headers["x-account-email"] for answer in answers] == [e["email"] for e in entries]
        runtime = gateway.addon._runtime
        assert runtime is not None
        assert runtime._simulator is not None
        shown = {asked.refresh_token or asked.issuer for asked in runtime._simulator.token_requests}
        assert shown == {"well-2@p-service.iam.gserviceaccount.com", "well-3", "well-4"}


async def test_code_assist_is_off_until_the_operator_asks_for_it(tmp_path: Path) -> None:
    async with Simulator() as simulator:
        payers = Payers.at(simulator.base_url, tmp_path)
        accounts = write_accounts_file(tmp_path, payers.licence("well"), payers.gemini("key"))
        with listening() as log:
            async with run_gateway(
                simulator.base_url,
                tmp_path,
                gateway_accounts=accounts,
                gateway_strategy="performance_first",
            ) as gateway:
                assert {account for _, account in await burst(gateway, 5)} == {"gemini@example.com"}
                assert not simulator.token_requests
                assert "Account licence@example.com cannot be used: Code Assist is off" in log.text
                gateway.master.options.update(gateway_enable_code_assist=True)
                assert "licence@example.com" in {account for _, account in await burst(gateway, 5)}


FAILING: dict[str, str] = {
    "gemini": "fault-quota-day",
    "express": "fault-leaked-key",
    "service account": "fault-iam",
    "user": "fault-token-invalid-grant",
    "licence": "fault-no-licence",
}


@pytest.mark.time_lapse
@pytest.mark.parametrize("last", KINDS)
async def test_a_mixed_pool_goes_on_to_the_kind_that_can_pay(tmp_path: Path, last: str) -> None:
    async with Simulator() as simulator:
        payers = Payers.at(simulator.base_url, tmp_path)
        entries = [make(payers, FAILING[kind]) for kind, make in KINDS.items() if kind != last]
        good = KINDS[last](payers, "well")
        async with paid_by(tmp_path, simulator, *entries, good) as gateway:
            answer = await ask(gateway, stream=True)
            assert (answer.status_code, answer.headers["x-account-email"]) == (200, good["email"])
            flow = await gateway.recorder.wait()
            attempts = [attempt["account"] for attempt in flow.metadata["gateway"]["attempts"]]
            assert attempts == [*(entry["email"] for entry in entries), good["email"]]


# --- access tokens -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["service account", "licence"])
async def test_a_hundred_at_once_share_one_token_and_one_new_one(tmp_path: Path, kind: str) -> None:
    async with Simulator() as simulator:
        entry = KINDS[kind](Payers.at(simulator.base_url, tmp_path), "well")
        async with paid_by(tmp_path, simulator, entry) as gateway:
            assert await burst(gateway, 100) == [(200, entry["email"])] * 100
            assert len(simulator.token_requests) == 1
            simulator.revoke_tokens()
            assert await burst(gateway, 100) == [(200, entry["email"])] * 100
            assert len(simulator.token_requests) == 2
        assert len({request.bearer for request in simulator.requests}) == 2


@pytest.mark.time_lapse
async def test_tokens_that_live_for_a_moment_fail_nobody(tmp_path: Path) -> None:
    async with Simulator(seconds_tokens_live=20) as simulator:
        entry = Payers.at(simulator.base_url, tmp_path).user("well")
        async with paid_by(tmp_path, simulator, entry) as gateway, gateway.client() as http:
            statuses: list[int] = []
            while len(simulator.token_requests) < 3:
                statuses.append((await http.post("/v1/chat/completions", json=BODY)).status_code)
                # so that none is on its way at a token's last moment, which Google and we see apart
                await asyncio.sleep(1.4)
        assert set(statuses) == {200}
        assert len(simulator.requests) == len(statuses), "a token that had died would have cost a request"


@pytest.mark.time_lapse
async def test_a_refresh_token_that_is_dead_takes_its_account_out(tmp_path: Path) -> None:
    async with Simulator() as simulator:
        payers = Payers.at(simulator.base_url, tmp_path)
        entries = payers.user("fault-token-invalid-grant"), payers.licence("well")
        with listening() as log:
            async with paid_by(tmp_path, simulator, *entries) as gateway:
                assert await burst(gateway, 20) == [(200, "licence@example.com")] * 20
                async with gateway.client() as http:
                    assert (await http.get("/healthz")).status_code == 200
                    assert (await http.get("/v1/models")).status_code == 200
                    assert (await ask(gateway)).headers["x-account-email"] == "licence@example.com"
        [sentence] = log.those_with("is out of use")
        assert sentence == (
            "Account user@example.com is out of use: No access token: The refresh token is dead: revoked, ended by a "
            "new password or by newer sign-ins, unused for six months, or older than the seven days that it has while "
            "the OAuth consent screen is in testing. The token endpoint says 'invalid_grant: Token has been expired "
            f"or revoked.'. Sign in again with the program that writes {tmp_path / 'user.json'}."
        )
        dead = [asked for asked in simulator.token_requests if asked.refresh_token.startswith("fault")]
        assert len(dead) == 1


@pytest.mark.time_lapse
async def test_an_account_that_is_out_serves_again_once_somebody_has_signed_in(tmp_path: Path) -> None:
    async with Simulator() as simulator:
        payers = Payers.at(simulator.base_url, tmp_path)
        with listening() as log:
            async with paid_by(tmp_path, simulator, payers.user("fault-token-reauth")) as gateway:
                answer = await ask(gateway)
                assert (answer.status_code, answer.json()["error"]["code"]) == (503, "no_account_available")
                payers.user("well")
                await log.until("was read again")
                assert (await ask(gateway)).headers["x-account-email"] == "user@example.com"


@pytest.mark.parametrize("kind", ["user", "licence"])
async def test_rotated_refresh_tokens_outlive_the_gateway(tmp_path: Path, kind: str) -> None:
    async with Simulator() as simulator:
        entry = KINDS[kind](Payers.at(simulator.base_url, tmp_path), "rotating-ana")
        operators_own = {path: path.read_bytes() for path in files_in(tmp_path)}
        for _ in range(3):
            async with paid_by(tmp_path, simulator, entry) as gateway:
                assert await burst(gateway, 5) == [(200, entry["email"])] * 5
        shown = [asked.refresh_token for asked in simulator.token_requests]
        assert shown == ["rotating-ana", "rotating-ana-2", "rotating-ana-3"]
        kept = tmp_path / "confdir" / TOKEN_FILE
        assert stat.S_IMODE(kept.stat().st_mode) == 0o600
        assert json.loads(kept.read_bytes())["tokens"][entry["email"]]["refresh_token"] == "rotating-ana-4"
        assert {path: path.read_bytes() for path in operators_own} == operators_own


# --- terms -------------------------------------------------------------------------------------------------

TERMS: dict[str, tuple[Callable[[Payers], Entry], bool, str]] = {
    # who is refused, whether all of the kind are out then, and Google's word for it in the log
    "TOS_VIOLATION, Code Assist": (lambda payers: payers.licence("fault-tos"), True, "TOS_VIOLATION"),
    "TOS_VIOLATION, Vertex AI": (lambda payers: payers.service_account("fault-tos"), False, "TOS_VIOLATION"),
    "TOS_VIOLATION, Gemini": (lambda payers: payers.gemini("fault-tos"), False, "TOS_VIOLATION"),
    "VALIDATION_REQUIRED at a model": (
        lambda payers: payers.licence("fault-validation-required"),
        False,
        "VALIDATION_REQUIRED",
    ),
    "VALIDATION_REQUIRED at the licence": (
        lambda payers: payers.licence("validation-required-ana"),
        False,
        "VALIDATION_REQUIRED",
    ),
    "UNSUPPORTED_CLIENT": (
        lambda payers: payers.licence("unsupported-client-ana"),
        False,
        "UNSUPPORTED_CLIENT",
    ),
}


@pytest.mark.parametrize(("refused", "concerns_all", "word"), TERMS.values(), ids=TERMS.keys())
async def test_a_refusal_over_terms_ends_the_request(
    tmp_path: Path, refused: Callable[[Payers], Entry], word: str, *, concerns_all: bool
) -> None:
    saved = tmp_path / "session.mitm"
    async with Simulator() as simulator:
        payers = Payers.at(simulator.base_url, tmp_path)
        entry = refused(payers)
        another = payers.licence("well", email="another@example.com")
        with listening() as log:
            async with paid_by(tmp_path, simulator, entry, another, save_stream_file=str(saved)) as gateway:
                answer = await ask(gateway, stream=True)
                error = answer.json()["error"]
                assert (answer.status_code, error["code"]) == (503, "no_account_available")
                assert "well" not in _shown_to(simulator), "no other account is tried"
                then = await ask(gateway)
                assert then.status_code == (503 if concerns_all else 200)
                assert ("well" in _shown_to(simulator)) is not concerns_all
                await gateway.recorder.wait(2)
        _nothing_of_the_link(log, answer, then)
    assert saved in files_in(tmp_path)
    assert not [file for file in files_in(tmp_path) if PERSONAL.encode() in file.read_bytes()]
    [first, *others] = log.those_with("is out of use")
    assert first.startswith(f"Account {entry['email']} is out of use: ")
    assert word in first
    assert len(others) == concerns_all


def _shown_to(simulator: Simulator) -> set[str]:
    return {asked.refresh_token for asked in simulator.token_requests}


def _nothing_of_the_link(log: Log, *answers: httpx.Response) -> None:
    for text in (log.text, *(f"{answer.headers}{answer.text}" for answer in answers)):
        assert PERSONAL not in text
