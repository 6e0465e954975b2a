"""The pool as clients see it: conversations that stay, places that are waited for, quotas that are shared, races."""

import asyncio
import json
import sys
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest
from aiohttp import web

from antigravity_addon.accounts.pool import AccountPool
from antigravity_addon.simulator.exchange import Exchange
from antigravity_addon.simulator.faults import FAULTS, Refusal
from antigravity_addon.simulator.server import Simulator
from tests.running import RunningGateway, run_gateway

from .operating import Entry, write_accounts_file

pytestmark = pytest.mark.time_lapse

SILENT = Exchange(headless=True, silent=True)
ANA, BO, CLEO = "ana@example.com", "bo@example.com", "cleo@example.com"


def account(email: str, key: str = "", **more: object) -> Entry:
    return {"email": email, "api_key": key or f"key of {email}".replace(" ", "-"), **more}


@asynccontextmanager
async def pool_of(
    folder: Path, simulator: Simulator, *entries: Entry, **options: object
) -> AsyncGenerator[RunningGateway]:
    accounts = write_accounts_file(folder, *entries)
    async with run_gateway(simulator.base_url, folder, gateway_accounts=accounts, **options) as gateway:
        yield gateway


def the_pool(gateway: RunningGateway) -> AccountPool:
    assert gateway.addon._runtime is not None
    return gateway.addon._runtime._pool


def body(text: str, **more: Any) -> dict[str, Any]:
    return {"model": "gpt-4o", "messages": [{"role": "user", "content": text}], **more}


async def ask(gateway: RunningGateway, text: str = "echo:hello there", **more: Any) -> httpx.Response:
    async with gateway.client() as http:
        return await http.post("/v1/chat/completions", json=body(text, **more))


def served(answer: httpx.Response) -> str:
    assert answer.status_code == 200, answer.text
    return answer.headers["x-account-email"]


def limited(fault: str) -> Exchange:
    refusal = FAULTS[fault]
    assert isinstance(refusal, Refusal)
    return refusal.respond("gemini-2.5-flash")


# --- conversations -----------------------------------------------------------------------------------------


@dataclass
class Talk:
    """One conversation of a client's, which grows with each turn."""

    gateway: RunningGateway
    client_key: str
    ask: Callable[["Talk", str], tuple[str, dict[str, Any], dict[str, str]]]
    """Path, body and headers of the next request, from what the user says."""
    last_id: str | None = None
    said: tuple[str, ...] = ()

    async def turn(self) -> str:
        """The account that served it."""
        self.said += (f"turn {len(self.said)}",)
        path, sent, headers = self.ask(self, self.said[-1])
        async with self.gateway.client({"authorization": f"Bearer {self.client_key}", **headers}) as http:
            answer = await http.post(path, json=sent)
        email = served(answer)
        self.last_id = answer.json()["id"]
        return email

    def history(self) -> dict[str, Any]:
        messages: list[dict[str, str]] = []
        for text in self.said:
            messages += [{"role": "user", "content": text}, {"role": "assistant", "content": "yes"}]
        return {"model": "gpt-4o", "messages": messages[:-1]}


CHAT, RESPONSES = "/v1/chat/completions", "/v1/responses"
TOLD_BY: dict[str, Callable[[Talk, str], tuple[str, dict[str, Any], dict[str, str]]]] = {
    # what does not grow has nothing but its name to be known by
    "prompt_cache_key": lambda _, text: (CHAT, body(text, prompt_cache_key="a"), {}),
    "a header": lambda _, text: (CHAT, body(text), {"session-id": "a"}),
    "user": lambda _, text: (CHAT, body(text, user="a"), {}),
    "previous_response_id": lambda talk, text: (
        RESPONSES,
        {"model": "gpt-4o", "input": text, "previous_response_id": talk.last_id},
        {},
    ),
    "how it begins": lambda talk, _: (CHAT, talk.history(), {}),
}


@pytest.mark.parametrize("told", TOLD_BY.values(), ids=TOLD_BY.keys())
async def test_c94_a_conversation_stays_with_its_key_and_moves_once(
    tmp_path: Path, told: Callable[[Talk, str], tuple[str, dict[str, Any], dict[str, str]]]
) -> None:
    async with (
        Simulator() as simulator,
        pool_of(tmp_path, simulator, account(ANA), account(BO)) as gateway,
    ):
        one, alike = Talk(gateway, "sk-one", told), Talk(gateway, "sk-two", told)
        turns = [(await one.turn(), await alike.turn()) for _ in range(5)]
        assert turns == [(ANA, BO)] * 5, "each has its own, though they begin alike"
        simulator.script([limited("rate-limited")])
        assert [await one.turn() for _ in range(3)] == [BO] * 3
        assert await alike.turn() == BO
        keys = [request.api_key for request in simulator.requests]
        assert keys.count(account(ANA)["api_key"]) == 6, "five turns, and the one that was limited"


async def test_c94_a_conversation_that_moved_stays_when_its_first_key_is_back(tmp_path: Path) -> None:
    async with (
        Simulator() as simulator,
        pool_of(tmp_path, simulator, account(ANA), account(BO)) as gateway,
    ):
        talk = Talk(gateway, "sk-one", TOLD_BY["how it begins"])
        assert await talk.turn() == ANA
        simulator.script([limited("rate-limited-short")])
        assert await talk.turn() == BO
        # others find it again as soon as its rest is over
        async with asyncio.timeout(60):
            while served(await ask(gateway, user=str(len(simulator.requests)))) != ANA:  # noqa: ASYNC110
                await asyncio.sleep(0.1)
        assert [await talk.turn() for _ in range(3)] == [BO] * 3


async def test_balance_does_not_wait_for_the_conversations_own_account(tmp_path: Path) -> None:
    async with (
        Simulator() as simulator,
        pool_of(
            tmp_path,
            simulator,
            account(ANA, "fault-silence", max_concurrent=1),
            account(BO),
            gateway_strategy="balance",
        ) as gateway,
    ):
        first = asyncio.get_running_loop().create_task(ask(gateway, user="a"))
        async with asyncio.timeout(60):
            await simulator.wait_for(lambda requests: len(requests) == 1)
        assert served(await ask(gateway, user="a")) == BO
        first.cancel()


# --- places ------------------------------------------------------------------------------------------------


class CountingSimulator(Simulator):
    """State: answers under way, and the most that there ever were."""

    under_way = 0
    most = 0

    async def _serve(self, request: web.BaseRequest) -> web.StreamResponse:
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        try:
            return await super()._serve(request)
        finally:
            self.under_way -= 1


async def in_line(gateway: RunningGateway, count: int) -> None:
    """Until so many requests wait for an account."""
    async with asyncio.timeout(60):
        while len(the_pool(gateway)._waiters) != count:  # noqa: ASYNC110
            await asyncio.sleep(0)


async def test_a_burst_is_served_in_order_and_never_too_much_at_once(tmp_path: Path) -> None:
    async with (
        CountingSimulator(seconds_between_events=0.002) as simulator,
        pool_of(tmp_path, simulator, account(ANA, max_concurrent=2)) as gateway,
        asyncio.TaskGroup() as group,
    ):
        simulator.script([SILENT] * 2)
        first = [group.create_task(ask(gateway, f"echo:held {number}")) for number in range(2)]
        async with asyncio.timeout(60):
            await simulator.wait_for(lambda requests: len(requests) == 2)
        rest: list[asyncio.Task[httpx.Response]] = []
        for number in range(12):
            rest.append(group.create_task(ask(gateway, f"echo:request {number}")))
            await in_line(gateway, number + 1)
        for task in first:
            task.cancel()
        async with asyncio.timeout(60):
            answers = await asyncio.gather(*rest)
        assert [served(answer) for answer in answers] == [ANA] * 12
        arrived = [_said(request.content) for request in simulator.requests][2:]
        assert arrived == [f"echo:request {number}" for number in range(12)]
        assert simulator.most == 2


def _said(content: bytes) -> str:
    return json.loads(content)["contents"][-1]["parts"][0]["text"]


async def test_a_client_that_leaves_the_line_gives_up_its_turn(tmp_path: Path) -> None:
    async with (
        Simulator() as simulator,
        pool_of(tmp_path, simulator, account(ANA, max_concurrent=1)) as gateway,
        asyncio.TaskGroup() as group,
    ):
        simulator.script([SILENT])
        tasks: list[asyncio.Task[httpx.Response]] = []
        for number in range(4):
            tasks.append(group.create_task(ask(gateway, f"echo:request {number}")))
            if number:
                await in_line(gateway, number)
            else:
                async with asyncio.timeout(60):
                    await simulator.wait_for(lambda requests: len(requests) == 1)
        tasks[1].cancel()
        await in_line(gateway, 2)
        tasks[0].cancel()
        assert [served(await task) for task in tasks[2:]] == [ANA] * 2
        assert [_said(request.content)[-1] for request in simulator.requests] == ["0", "2", "3"]
        gone = [await gateway.recorder.wait(count) for count in (1, 2)]
        assert ["client gone" in flow.comment for flow in gone] == [True, True]
        [report] = the_pool(gateway).reports()
        assert report.leases == 0


async def test_a_stream_that_waits_in_line_has_no_head_before_its_account_is_known(tmp_path: Path) -> None:
    """Not even a keep-alive, which would be the head's end."""
    last = b'data: {"candidates":[{"content":{"parts":[{"text":"x"}]},"finishReason":"STOP"}]}\r\n\r\n'
    async with (
        Simulator() as simulator,
        pool_of(tmp_path, simulator, account(ANA, max_concurrent=1), gateway_keepalive_seconds=1) as gateway,
        asyncio.TaskGroup() as group,
    ):
        simulator.script([Exchange(pieces=((5.0, last),))])
        first = group.create_task(ask(gateway, stream=True))
        async with asyncio.timeout(60):
            await simulator.wait_for(lambda requests: len(requests) == 1)
        second = group.create_task(ask(gateway, stream=True))
        async with asyncio.timeout(60):
            assert ": keep-alive" in (await first).text
            answer = await second
        assert served(answer) == ANA
        assert ": keep-alive" not in answer.text


async def test_a_line_that_does_not_move_ends_in_429(tmp_path: Path) -> None:
    async with (
        Simulator() as simulator,
        pool_of(
            tmp_path, simulator, account(ANA, "fault-silence", max_concurrent=1), gateway_longest_wait=0
        ) as gateway,
    ):
        first = asyncio.get_running_loop().create_task(ask(gateway))
        async with asyncio.timeout(60):
            await simulator.wait_for(lambda requests: len(requests) == 1)
        answer = await ask(gateway)
        assert (answer.status_code, answer.json()["error"]["code"]) == (429, "rate_limit_exceeded")
        assert int(answer.headers["retry-after"]) >= 1
        assert len(simulator.requests) == 1
        first.cancel()


# --- quotas ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", ["rate-limited", "quota-day"])
async def test_keys_of_one_project_are_not_rotated_through(tmp_path: Path, fault: str) -> None:
    entries = (
        account(ANA, f"fault-{fault}", project="p-1"),
        account(BO, project="p-1"),
        account(CLEO, project="p-2"),
    )
    async with Simulator() as simulator:
        async with pool_of(tmp_path, simulator, *entries) as gateway:
            assert served(await ask(gateway)) == CLEO
        asked = [f"fault-{fault}", account(CLEO)["api_key"]]
        assert [request.api_key for request in simulator.requests] == asked
        # the next gateway knows of it
        async with pool_of(tmp_path, simulator, *entries[:2]) as gateway:
            assert (await ask(gateway)).status_code == 429
        assert [request.api_key for request in simulator.requests] == asked, (
            "the sister has no quota of her own"
        )


async def test_the_fixed_account_pays_for_everything_or_nobody_does(tmp_path: Path) -> None:
    async with (
        Simulator() as simulator,
        pool_of(
            tmp_path,
            simulator,
            account(ANA),
            account(BO),
            gateway_strategy="fixed",
            gateway_fixed_account=BO,
        ) as gateway,
    ):
        assert [served(await ask(gateway, user=str(number))) for number in range(4)] == [BO] * 4
        simulator.script([limited("quota-day")])
        answers = [await ask(gateway) for _ in range(2)]
        assert [(a.status_code, a.json()["error"]["code"]) for a in answers] == [
            (429, "insufficient_quota")
        ] * 2
        assert {request.api_key for request in simulator.requests} == {account(BO)["api_key"]}
        assert len(simulator.requests) == 5


@pytest.mark.skipif(sys.platform != "linux", reason="the clock that counts sleep has another name")
async def test_a_days_quota_comes_back_while_the_machine_sleeps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with Simulator() as simulator, pool_of(tmp_path, simulator, account(ANA)) as gateway:
        simulator.script([limited("quota-day")])
        assert [(await ask(gateway)).status_code, (await ask(gateway)).status_code] == [429, 429]

        read = time.clock_gettime

        def a_day_later(clock: int) -> float:
            return read(clock) + (86_400.0 if clock == time.CLOCK_BOOTTIME else 0.0)

        monkeypatch.setattr(time, "clock_gettime", a_day_later)
        assert served(await ask(gateway)) == ANA


async def test_a_request_that_is_too_much_for_three_accounts_leaves_the_pool_usable(tmp_path: Path) -> None:
    entries = [account(f"{name}@example.com", project=name) for name in "abcd"]
    async with (
        Simulator() as simulator,
        pool_of(tmp_path, simulator, *entries) as gateway,
    ):
        simulator.script([limited("rate-limited-bare")] * 3)
        first = await ask(gateway, "echo:far too much")
        assert (first.status_code, first.json()["error"]["code"]) == (429, "rate_limit_exceeded")
        assert len(simulator.requests) == 3, "the fourth would have said the same"
        again = await ask(gateway, "echo:far too much")
        assert again.status_code == 429
        assert int(again.headers["retry-after"]) >= 1
        assert len(simulator.requests) == 3, "it is marked for a while"
        assert all(not report.rests for report in the_pool(gateway).reports())
        others = {served(await ask(gateway, "echo:a word", user=str(number))) for number in range(4)}
        assert others == {entry["email"] for entry in entries}
        assert len(simulator.requests) == 7


# --- races -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", ["slow-first", "silence", "silence-after-head"])
async def test_a_hedged_stream_is_one_answer_and_the_loser_is_let_go(tmp_path: Path, fault: str) -> None:
    async with (
        Simulator(seconds_of_slow_first=8) as simulator,
        pool_of(
            tmp_path,
            simulator,
            account(ANA, f"fault-{fault}"),
            account(BO),
            gateway_hedge_seconds=1,
        ) as gateway,
        openai.AsyncOpenAI(api_key="k", base_url=f"{gateway.url}/v1", max_retries=0) as client,
    ):
        raw = await client.chat.completions.with_raw_response.create(
            **body("echo:one two three"), stream=True
        )
        chunks = [chunk async for chunk in raw.parse()]
        assert "".join(c.choices[0].delta.content or "" for c in chunks if c.choices) == "one two three"
        assert [c.choices[0].finish_reason for c in chunks if c.choices and c.choices[0].finish_reason] == [
            "stop"
        ]
        assert raw.headers["x-account-email"] == BO
        async with asyncio.timeout(60):
            await simulator.wait_for(lambda requests: requests[0].disconnected)
        assert [(r.api_key, r.disconnected) for r in simulator.requests] == [
            (f"fault-{fault}", True),
            (account(BO)["api_key"], False),
        ]
        flow = await gateway.recorder.wait()
        outcomes = {
            attempt["account"]: attempt["failure"] for attempt in flow.metadata["gateway"]["attempts"]
        }
        assert outcomes == {ANA: "cancelled", BO: ""}
        assert [report.leases for report in the_pool(gateway).reports()] == [0, 0]


async def test_a_client_that_leaves_a_race_ends_both_attempts(tmp_path: Path) -> None:
    async with (
        Simulator() as simulator,
        pool_of(
            tmp_path,
            simulator,
            account(ANA, "fault-silence"),
            account(BO, "fault-silence-after-head"),
            gateway_hedge_seconds=1,
        ) as gateway,
    ):
        request = asyncio.get_running_loop().create_task(ask(gateway, stream=True))
        async with asyncio.timeout(60):
            await simulator.wait_for(lambda requests: len(requests) == 2)
            request.cancel()
            await simulator.wait_for(lambda requests: all(each.disconnected for each in requests))
        await gateway.recorder.wait()
        assert [report.leases for report in the_pool(gateway).reports()] == [0, 0]
