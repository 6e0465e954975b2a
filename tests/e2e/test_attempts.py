"""Attempts, rotation and what the client finally gets, against every fault that matters for it."""

import asyncio
import json
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest

from antigravity_addon.simulator.exchange import Exchange
from antigravity_addon.simulator.server import Simulator
from tests.running import RunningGateway, run_gateway, write_accounts

pytestmark = pytest.mark.time_lapse

GOOD = ("good@example.com", "key-good")
BODY: dict[str, Any] = {"model": "gpt-4o", "messages": [{"role": "user", "content": "echo:hello there"}]}


async def ask(gateway: RunningGateway, *, stream: bool = False, **extra: object) -> httpx.Response:
    async with gateway.client() as http:
        return await http.post("/v1/chat/completions", json={**BODY, "stream": stream, **extra})


def keys_of(simulator: Simulator) -> list[str | None]:
    return [request.api_key for request in simulator.requests]


ROTATES = [
    "rate-limited",
    "rate-limited-bare",
    "rate-limited-header",
    "quota-day",
    "quota-zero",
    "overloaded",
    "overloaded-529",
    "capacity",
    "internal",
    "html-502",
    "deadline",
    "dead-key",
    "dead-key-array",
    "unauthenticated",
    "leaked-key",
    "service-disabled",
    "reset",
    "reset-after-head",
    "error-first",
    "error-first-raw",
    "empty-body",
    "empty-answer",
    "malformed-call",
    "garbage",
]


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("fault", ROTATES)
async def test_a_failure_before_the_first_byte_moves_to_another_account(
    tmp_path: Path, fault: str, *, stream: bool
) -> None:
    accounts = write_accounts(tmp_path, ("bad@example.com", f"fault-{fault}"), GOOD)
    async with (
        Simulator() as simulator,
        run_gateway(simulator.base_url, tmp_path, gateway_accounts=accounts) as gateway,
    ):
        answer = await ask(gateway, stream=stream)
        assert answer.status_code == 200
        assert "hello there" in _text(answer)
        assert answer.headers["x-account-email"] == GOOD[0]
        assert keys_of(simulator) == [f"fault-{fault}", GOOD[1]]
        flow = await gateway.recorder.wait()
        assert "2 attempts" in flow.comment


def _text(answer: httpx.Response) -> str:
    if not answer.headers["content-type"].startswith("text/event-stream"):
        return answer.json()["choices"][0]["message"]["content"]
    events = [line.removeprefix("data: ") for line in answer.text.split("\n") if line.startswith("data: {")]
    return "".join(
        choice["delta"].get("content") or ""
        for event in events
        for choice in json.loads(event).get("choices", [])
    )


FINAL: dict[str, tuple[str, int, str, str | None, str | None, int]] = {
    # fault: status, type, code, Retry-After, upstream requests that three attempts may make on one account
    "C87 a limit whose end is too far": (
        "rate-limited",
        429,
        "rate_limit_error",
        "rate_limit_exceeded",
        "56",
        1,
    ),
    "a daily quota": ("quota-day", 429, "insufficient_quota", "insufficient_quota", None, 1),
    "overloaded": ("overloaded", 503, "server_error", "server_is_overloaded", None, 3),
    "C91 internal": ("internal", 502, "server_error", "upstream_error", None, 3),
    "C90 a dead key": ("dead-key", 503, "server_error", "no_account_available", None, 1),
    "C90 401": ("unauthenticated", 503, "server_error", "upstream_authentication_error", None, 1),
    "C89 the client's fault": ("bad-request", 400, "invalid_request_error", "invalid_argument", None, 1),
    "too long": ("too-long", 400, "invalid_request_error", "context_length_exceeded", None, 1),
    "no such model": ("not-found", 404, "invalid_request_error", "model_not_found", None, 1),
    "C92 transport": ("reset", 502, "server_error", "upstream_unreachable", None, 3),
    "cut": ("empty-body", 502, "server_error", "upstream_interrupted", None, 3),
}


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize(
    ("fault", "status", "kind", "code", "retry_after", "requests"), FINAL.values(), ids=FINAL.keys()
)
async def test_the_last_cause_decides_the_answer(
    tmp_path: Path,
    fault: str,
    status: int,
    kind: str,
    code: str | None,
    retry_after: str | None,
    requests: int,
    *,
    stream: bool,
) -> None:
    accounts = write_accounts(tmp_path, ("bad@example.com", f"fault-{fault}"))
    async with (
        Simulator() as simulator,
        run_gateway(simulator.base_url, tmp_path, gateway_accounts=accounts) as gateway,
    ):
        answer = await ask(gateway, stream=stream)
        error = answer.json()["error"]
        assert (answer.status_code, error["type"], error["code"]) == (status, kind, code)
        assert error["message"]
        assert set(error) >= {"message", "type", "param", "code"}
        if retry_after is not None:
            assert answer.headers["retry-after"] == retry_after
        assert len(simulator.requests) == requests
        assert answer.headers["x-mapped-model"] == "gemini-2.5-flash"
        assert answer.headers["x-request-id"]
        assert answer.headers["content-type"] == "application/json"
        assert "bad@example.com" not in f"{answer.headers}{answer.text}", "C95: no clear e-mail on an error"


async def test_a_limit_without_a_delay_is_told_with_the_rest_that_it_takes(tmp_path: Path) -> None:
    accounts = write_accounts(tmp_path, ("bad@example.com", "fault-rate-limited-bare"))
    async with (
        Simulator() as simulator,
        run_gateway(
            simulator.base_url, tmp_path, gateway_accounts=accounts, gateway_longest_wait=0
        ) as gateway,
    ):
        for _ in range(2):
            answer = await ask(gateway)
            assert (answer.status_code, answer.json()["error"]["code"]) == (429, "rate_limit_exceeded")
            assert 3 <= int(answer.headers["retry-after"]) <= 6
        assert len(simulator.requests) == 1


async def test_c86_a_short_delay_is_waited_for_on_the_only_account(tmp_path: Path) -> None:
    accounts = write_accounts(tmp_path, ("only@example.com", "fault-rate-limited-short-x1"))
    async with (
        Simulator() as simulator,
        run_gateway(simulator.base_url, tmp_path, gateway_accounts=accounts) as gateway,
    ):
        started = asyncio.get_running_loop().time()
        answer = await ask(gateway)
        assert answer.status_code == 200
        assert 0.3 <= asyncio.get_running_loop().time() - started < 2
        assert len(simulator.requests) == 2


async def test_a_cooling_account_is_left_alone_by_the_next_request(tmp_path: Path) -> None:
    accounts = write_accounts(tmp_path, ("bad@example.com", "fault-rate-limited-x1"), GOOD)
    async with (
        Simulator() as simulator,
        run_gateway(simulator.base_url, tmp_path, gateway_accounts=accounts) as gateway,
    ):
        for _ in range(3):
            assert (await ask(gateway)).status_code == 200
        assert keys_of(simulator) == ["fault-rate-limited-x1", *[GOOD[1]] * 3]


async def test_a_dead_key_is_tried_once_and_never_again(tmp_path: Path) -> None:
    accounts = write_accounts(tmp_path, ("bad@example.com", "fault-dead-key"), GOOD)
    async with (
        Simulator() as simulator,
        run_gateway(simulator.base_url, tmp_path, gateway_accounts=accounts) as gateway,
    ):
        for _ in range(3):
            assert (await ask(gateway)).status_code == 200
        assert keys_of(simulator).count("fault-dead-key") == 1


async def test_nothing_is_sent_twice_after_the_first_byte(tmp_path: Path) -> None:
    accounts = write_accounts(tmp_path, ("bad@example.com", "fault-reset-mid"), GOOD)
    async with (
        Simulator(seconds_between_events=0.005) as simulator,
        run_gateway(simulator.base_url, tmp_path, gateway_accounts=accounts) as gateway,
    ):
        answer = await ask(gateway, stream=True, messages=[{"role": "user", "content": "Tell me a story."}])
        assert answer.status_code == 200
        assert len(simulator.requests) == 1
        assert '"error":{"message"' in answer.text
        assert '"code":"upstream_interrupted"' in answer.text
        assert "[DONE]" not in answer.text
        assert '"finish_reason":"stop"' not in answer.text
        flow = await gateway.recorder.wait()
        assert flow.response is not None
        assert flow.response.text == answer.text


@pytest.mark.parametrize("fault", ["error-mid-raw", "error-mid-event", "error-array-mid", "truncated-json"])
async def test_an_error_in_mid_stream_is_never_a_false_stop(tmp_path: Path, fault: str) -> None:
    accounts = write_accounts(tmp_path, ("bad@example.com", f"fault-{fault}"))
    async with (
        Simulator(seconds_between_events=0.005) as simulator,
        run_gateway(
            simulator.base_url, tmp_path, gateway_accounts=accounts, gateway_max_attempts=1
        ) as gateway,
    ):
        streamed = await ask(gateway, stream=True, messages=[{"role": "user", "content": "Tell me a story."}])
        assert '"content":"' in streamed.text
        assert '"error":{"message"' in streamed.text
        assert "[DONE]" not in streamed.text
        assert '"finish_reason":"stop"' not in streamed.text
        whole = await ask(gateway, messages=[{"role": "user", "content": "Tell me a story."}])
        assert whole.status_code in {502, 503}


HARMLESS = [
    "byte-by-byte",
    "crlf-split",
    "lf-only",
    "no-final-blank",
    "gzip",
    "usage-last-only",
    "unicode-separators",
    "big-line",
    "wrong-content-type",
]


@pytest.mark.parametrize("fault", HARMLESS)
async def test_c58_odd_bytes_give_the_same_answer(tmp_path: Path, fault: str) -> None:
    accounts = write_accounts(tmp_path, ("odd@example.com", f"fault-{fault}"))
    async with (
        Simulator() as simulator,
        run_gateway(simulator.base_url, tmp_path, gateway_accounts=accounts) as gateway,
    ):
        whole = await ask(gateway)
        streamed = await ask(gateway, stream=True)
        assert _text(whole) == _text(streamed)
        if fault not in {"unicode-separators", "big-line"}:
            assert _text(whole) == "hello there"
        assert streamed.text.endswith("data: [DONE]\n\n")


BLOCKED = {"safety": "content_filter", "prompt-blocked": "content_filter", "max-tokens-thinking": "length"}


@pytest.mark.parametrize(("fault", "reason"), BLOCKED.items())
async def test_a_block_or_a_limit_is_an_answer_not_an_error(tmp_path: Path, fault: str, reason: str) -> None:
    accounts = write_accounts(tmp_path, ("a@example.com", f"fault-{fault}"))
    async with (
        Simulator() as simulator,
        run_gateway(simulator.base_url, tmp_path, gateway_accounts=accounts) as gateway,
    ):
        answer = (await ask(gateway)).json()
        assert answer["choices"][0]["finish_reason"] == reason
        assert f'"finish_reason":"{reason}"' in (await ask(gateway, stream=True)).text
        assert len(simulator.requests) == 2


async def test_silence_before_the_first_token_ends_in_504(tmp_path: Path) -> None:
    accounts = write_accounts(tmp_path, ("a@example.com", "fault-silence"))
    async with (
        Simulator() as simulator,
        run_gateway(
            simulator.base_url,
            tmp_path,
            gateway_accounts=accounts,
            gateway_first_token_timeout=1,
            gateway_max_attempts=2,
        ) as gateway,
    ):
        answer = await ask(gateway)
        assert (answer.status_code, answer.json()["error"]["code"]) == (504, "timeout")
        async with asyncio.timeout(60):
            await simulator.wait_for(lambda requests: [r.disconnected for r in requests] == [True, True])


@pytest.mark.parametrize("fault", ["silence", "silence-after-head", "silence-after-first"])
async def test_c62_keep_alives_while_the_upstream_is_silent(tmp_path: Path, fault: str) -> None:
    accounts = write_accounts(tmp_path, ("a@example.com", f"fault-{fault}"), GOOD)
    async with (
        Simulator() as simulator,
        run_gateway(
            simulator.base_url,
            tmp_path,
            gateway_accounts=accounts,
            gateway_first_token_timeout=2,
            gateway_keepalive_seconds=1,
        ) as gateway,
    ):
        answer = await ask(gateway, stream=True)
        assert answer.status_code == 200
        assert ": keep-alive\n\n" in answer.text
        assert '"code":"timeout"' in answer.text
        assert len(simulator.requests) == 1, "the head has gone, so nothing is tried again"


async def test_the_whole_request_has_a_deadline(tmp_path: Path) -> None:
    accounts = write_accounts(tmp_path, ("a@example.com", "key"))
    events = tuple(
        (0.2, b'data: {"candidates":[{"content":{"parts":[{"text":"x"}]}}]}\r\n\r\n') for _ in range(50)
    )
    async with (
        Simulator() as simulator,
        run_gateway(
            simulator.base_url, tmp_path, gateway_accounts=accounts, gateway_request_timeout=1
        ) as gateway,
    ):
        simulator.script([Exchange(pieces=events), Exchange(pieces=events)])
        streamed = await ask(gateway, stream=True)
        assert '"code":"timeout"' in streamed.text
        whole = await ask(gateway)
        assert whole.status_code == 504


@pytest.mark.parametrize("fault", ["silence", "silence-after-first"])
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
async def test_a_client_that_goes_away_cancels_the_upstream_request(
    tmp_path: Path, fault: str, *, stream: bool
) -> None:
    accounts = write_accounts(tmp_path, ("a@example.com", f"fault-{fault}"))
    async with (
        Simulator() as simulator,
        run_gateway(simulator.base_url, tmp_path, gateway_accounts=accounts) as gateway,
    ):
        request = asyncio.get_running_loop().create_task(ask(gateway, stream=stream))
        async with asyncio.timeout(60):
            await simulator.wait_for(lambda requests: len(requests) == 1)
            request.cancel()
            await simulator.wait_for(lambda requests: requests[0].disconnected)
        flow = await gateway.recorder.wait()
        assert flow.error is not None
        assert "client gone" in flow.comment


async def test_a_client_that_goes_away_ends_a_wait_between_attempts(tmp_path: Path) -> None:
    accounts = write_accounts(tmp_path, ("a@example.com", "fault-rate-limited-header"))
    async with (
        Simulator() as simulator,
        run_gateway(simulator.base_url, tmp_path, gateway_accounts=accounts) as gateway,
    ):
        request = asyncio.get_running_loop().create_task(ask(gateway))
        async with asyncio.timeout(60):
            await simulator.wait_for(lambda requests: len(requests) == 1)
        await _waits()
        request.cancel()
        await gateway.recorder.wait()
        if exchanges := _exchanges():
            await asyncio.wait(exchanges, timeout=5)
        assert not _exchanges()
        assert len(simulator.requests) == 1


async def _waits() -> None:
    """Until the exchange waits for its account."""
    async with asyncio.timeout(60):
        while not any("_stand_in_line" in _innermost(task) for task in _exchanges()):  # noqa: ASYNC110
            await asyncio.sleep(0)


def _innermost(task: asyncio.Task[Any]) -> str:
    """What a task awaits at the bottom of its stack."""
    awaited: Any = task.get_coro()
    name = ""
    while awaited is not None and hasattr(awaited, "cr_await"):
        name = f"{awaited.cr_frame.f_globals['__name__'].partition('.')[0]}.{awaited.__name__}"
        awaited = awaited.cr_await
    return name


def _exchanges() -> set[asyncio.Task[Any]]:
    return {task for task in asyncio.all_tasks() if task.get_name().startswith("exchange")}


@pytest.mark.parametrize(
    ("fault", "requests"),
    [("quota-day", 1), ("bad-request", 1), ("rate-limited-short", 2), ("internal", 2)],
)
async def test_the_sdk_asks_again_only_where_that_can_help(tmp_path: Path, fault: str, requests: int) -> None:
    account = ("a@example.com", f"fault-{fault}")
    async with (
        Simulator() as simulator,
        run_gateway(
            simulator.base_url,
            tmp_path,
            gateway_accounts=write_accounts(tmp_path, account),
            gateway_max_attempts=1,
            gateway_longest_wait=0,
        ) as gateway,
        openai.AsyncOpenAI(api_key="k", base_url=f"{gateway.url}/v1", max_retries=1) as client,
    ):
        with pytest.raises(openai.APIStatusError):
            await client.chat.completions.create(model="gpt-4o", messages=[{"role": "user", "content": "x"}])
        await gateway.recorder.wait(requests)
        assert len(gateway.recorder.flows) == requests
