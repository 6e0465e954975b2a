"""Recorded once, answered for ever: offline, to the last byte."""

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx
import pytest
from mitmproxy.io import FlowWriter

from antigravity_addon.mitm.annotate import ATTEMPT_KEY
from antigravity_addon.mitm.attempts import is_attempt
from antigravity_addon.mitm.cassette import read_flows
from antigravity_addon.simulator.server import Simulator
from tests.running import RunningGateway, run_gateway, write_accounts

ANA = ("ana@example.com", "upstream-key-a")
LIMITED = ("limited@example.com", "fault-rate-limited")
NOWHERE = "http://127.0.0.1:9"
"""Nobody listens there."""

type Request = tuple[str, str, dict[str, Any] | None]


def chat(text: str, **fields: object) -> Request:
    messages = [{"role": "user", "content": text}]
    return "POST", "/v1/chat/completions", {"model": "gpt-4o", "messages": messages, **fields}


WEATHER = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}}}  # fmt: skip
SESSION: dict[str, Request] = {
    "chat": chat("echo:hello there"),
    "chat, streamed": chat("echo:hello again", stream=True, stream_options={"include_usage": True}),
    "chat with a call": chat("call:weather", tools=[WEATHER], stream=True),
    "chat with choices": chat("echo:three times", n=3),
    "completion": ("POST", "/v1/completions", {"model": "gpt-4o", "prompt": "echo:once upon"}),
    "responses, streamed": (
        "POST",
        "/v1/responses",
        {"model": "gpt-4o", "input": "echo:first", "stream": True},
    ),
    "responses with a call": (
        "POST",
        "/v1/responses",
        {"model": "gpt-4o", "input": "call:weather", "tools": [{"type": "function", **WEATHER["function"]}]},  # type: ignore[dict-item]
    ),
    "conversation": (
        "POST",
        "/v1/conversations",
        {"items": [{"type": "message", "role": "user", "content": "hi"}]},
    ),
    "wrong": chat("echo:x", temperature="hot"),
}


async def play(gateway: RunningGateway, requests: Sequence[Request]) -> list[httpx.Response]:
    async with gateway.client() as client:
        return [await client.request(method, path, json=body) for method, path, body in requests]


def heard(answer: httpx.Response) -> tuple[int, str | None, str | None, bytes]:
    """All that a client sees, but for the id of the request."""
    return (
        answer.status_code,
        answer.headers.get("x-mapped-model"),
        answer.headers.get("x-account-email"),
        answer.content,
    )


async def record(
    folder: Path, requests: Sequence[Request], *accounts: tuple[str, str]
) -> list[httpx.Response]:
    """Into session.mitm."""
    options = {
        "gateway_accounts": write_accounts(folder, *(accounts or (ANA,))),
        "gateway_record": str(folder / "session.mitm"),
    }
    async with Simulator() as simulator, run_gateway(simulator.base_url, folder, **options) as gateway:
        return await play(gateway, requests)


def rhythm_of(recorded: Path) -> list[tuple[int, int]]:
    """Of the one upstream request in a file: milliseconds since it was sent, and how many bytes came then."""
    (attempt,) = (flow for flow in read_flows(recorded) if is_attempt(flow))
    return [(milliseconds, size) for milliseconds, size in attempt.metadata[ATTEMPT_KEY]["rhythm"]]


def delay(recorded: Path, *, seconds: int) -> None:
    """As if the upstream's answer had come so much later."""
    flows = list(read_flows(recorded))
    for flow in filter(is_attempt, flows):
        for piece in flow.metadata[ATTEMPT_KEY]["rhythm"]:
            piece[0] += seconds * 1000
    with recorded.open("wb") as file:
        writer = FlowWriter(file)
        for flow in flows:
            writer.add(flow)


async def test_a_session_is_answered_again_to_the_last_byte(tmp_path: Path) -> None:
    requests = list(SESSION.values())
    first = await record(tmp_path, requests)
    assert [answer.status_code for answer in first] == [200] * 8 + [400]
    async with run_gateway(NOWHERE, tmp_path, gateway_replay=str(tmp_path / "session.mitm")) as gateway:
        for _ in range(3):
            again = await play(gateway, requests)
            assert [heard(answer) for answer in again] == [heard(answer) for answer in first]


async def test_what_goes_on_from_an_answer_is_answered_too(tmp_path: Path) -> None:
    """Ids are those of the recording, so a client that uses them asks the same again."""

    async def talk(gateway: RunningGateway) -> list[bytes]:
        async with gateway.client() as client:
            made = await client.post("/v1/conversations", json={})
            body: dict[str, Any] = {
                "model": "gpt-4o",
                "input": "echo:first",
                "conversation": made.json()["id"],
            }
            first = await client.post("/v1/responses", json=body)
            then = await client.post("/v1/responses", json={**body, "input": "echo:then"})
            kept = await client.get(f"/v1/responses/{then.json()['id']}")
            return [made.content, first.content, then.content, kept.content]

    options = {
        "gateway_accounts": write_accounts(tmp_path, ANA),
        "save_stream_file": str(tmp_path / "s.mitm"),
    }
    async with Simulator() as simulator, run_gateway(simulator.base_url, tmp_path, **options) as gateway:
        first = await talk(gateway)
    async with run_gateway(NOWHERE, tmp_path, gateway_replay=str(tmp_path / "s.mitm")) as gateway:
        assert await talk(gateway) == first
        assert await talk(gateway) == first


async def test_failures_are_answered_again(tmp_path: Path) -> None:
    """The last attempt's, without the waits that came before."""
    requests = [chat("echo:one"), chat("echo:two", stream=True)]
    rotated = await record(tmp_path, requests, LIMITED, ANA)
    assert [answer.status_code for answer in rotated] == [200, 200]
    async with run_gateway(NOWHERE, tmp_path, gateway_replay=str(tmp_path / "session.mitm")) as gateway:
        assert [heard(answer) for answer in await play(gateway, requests)] == [
            heard(each) for each in rotated
        ]


@pytest.mark.parametrize("fault", ["dead-key", "error-mid-event", "html-502", "safety", "truncated"])
async def test_what_a_client_was_told_of_a_failure_it_is_told_again(
    tmp_path: Path, fault: str, caplog: pytest.LogCaptureFixture
) -> None:
    requests = [
        chat("echo:one two three four five six"),
        chat("echo:one two three four five six", stream=True),
    ]
    options = {
        "gateway_accounts": write_accounts(tmp_path, ("ana@example.com", f"fault-{fault}")),
        "gateway_record": str(tmp_path / "session.mitm"),
        "gateway_max_attempts": 1,
    }
    async with Simulator() as simulator, run_gateway(simulator.base_url, tmp_path, **options) as gateway:
        first = await play(gateway, requests)
    async with run_gateway(NOWHERE, tmp_path, gateway_replay=str(tmp_path / "session.mitm")) as gateway:
        again = await play(gateway, requests)
        assert [(each.status_code, each.content) for each in again] == [
            (e.status_code, e.content) for e in first
        ]
    assert not [record for record in caplog.records if record.levelname == "ERROR"], "nor is it miscounted"


async def test_a_client_that_names_itself_otherwise_is_answered(tmp_path: Path) -> None:
    (first,) = await record(tmp_path, [chat("echo:hello", user="ana", stream=True)])
    async with run_gateway(NOWHERE, tmp_path, gateway_replay=str(tmp_path / "session.mitm")) as gateway:
        requests = [
            chat("echo:hello", user="bo", prompt_cache_key="today", stream=True),
            chat("echo:hello", stream=True, stream_options={"include_usage": False}),
        ]
        assert [each.content for each in await play(gateway, requests)] == [first.content] * 2


async def test_what_is_ignored_may_differ(tmp_path: Path) -> None:
    (first,) = await record(tmp_path, [chat("echo:it took 1.5 seconds", stream=True)])
    options = {
        "gateway_replay": str(tmp_path / "session.mitm"),
        "gateway_replay_ignore": [r"took [\d.]+ seconds"],
    }
    async with run_gateway(NOWHERE, tmp_path, **options) as gateway:
        requests = [chat("echo:it took 27 seconds", stream=True), chat("echo:it took long", stream=True)]
        again, otherwise = await play(gateway, requests)
    assert again.content == first.content
    assert otherwise.status_code == 504


async def test_a_pattern_that_is_none_is_refused(tmp_path: Path) -> None:
    await record(tmp_path, [chat("echo:hello")])
    options = {"gateway_replay": str(tmp_path / "session.mitm"), "gateway_replay_ignore": ["(unclosed"]}
    async with run_gateway(NOWHERE, tmp_path, **options) as gateway:
        (answer,) = await play(gateway, [chat("echo:hello")])
    assert answer.status_code == 500, "the gateway has not started"


async def test_a_base_url_may_be_written_otherwise(tmp_path: Path) -> None:
    (first,) = await record(tmp_path, [chat("echo:hello")])
    async with run_gateway(NOWHERE, tmp_path, gateway_replay=str(tmp_path / "session.mitm")) as gateway:
        method, path, body = chat("echo:hello")
        ways = [(method, f"{base}{path}", body) for base in ("/v1", "/openai", "")]
        assert [each.content for each in await play(gateway, ways)] == [first.content] * 3


async def test_equal_requests_are_answered_in_turn(tmp_path: Path) -> None:
    first = await record(tmp_path, [chat("echo:hello"), chat("echo:hello")])
    assert first[0].json()["id"] != first[1].json()["id"]
    async with run_gateway(NOWHERE, tmp_path, gateway_replay=str(tmp_path / "session.mitm")) as gateway:
        again = await play(gateway, [chat("echo:hello")] * 4)
        assert [each.content for each in again] == [each.content for each in first] * 2


async def test_what_was_not_recorded_is_told_from_the_nearest(tmp_path: Path) -> None:
    await record(tmp_path, [chat("echo:hello there", temperature=0.5), chat("echo:something else")])
    async with run_gateway(NOWHERE, tmp_path, gateway_replay=str(tmp_path / "session.mitm")) as gateway:
        answer, unlike = await play(
            gateway,
            [
                chat("echo:hello you", temperature=0.5),
                ("POST", "/v1/completions", {"model": "gpt-4o", "prompt": "x"}),
            ],
        )
    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (504, "not_recorded")
    assert answer.headers["x-should-retry"] == "false"
    assert 'messages[0].content is "echo:hello you", and was "echo:hello there"' in error["message"]
    assert "session.mitm has no recording of this request. The nearest is req_" in error["message"]
    assert unlike.json()["error"]["message"] == "session.mitm has no recording of POST /v1/completions."


async def test_a_folder_of_recordings_is_answered_from(tmp_path: Path) -> None:
    (first,) = await record(tmp_path, [chat("echo:hello")])
    folder = tmp_path / "reports"
    folder.mkdir()
    (tmp_path / "session.mitm").rename(folder / "a-bug.mitm")
    async with run_gateway(NOWHERE, tmp_path, gateway_replay=str(folder)) as gateway:
        (again,) = await play(gateway, [chat("echo:hello")])
        assert again.content == first.content


async def test_a_recording_that_begins_in_the_middle_is_answered(tmp_path: Path) -> None:
    """As a bug report has it: one exchange, of a conversation that began long ago."""

    async def go_on(gateway: RunningGateway, before: str) -> httpx.Response:
        async with gateway.client() as client:
            body = {"model": "gpt-4o", "input": "echo:two", "previous_response_id": before}
            return await client.post("/v1/responses", json=body)

    options = {"gateway_accounts": write_accounts(tmp_path, ANA)}
    async with Simulator() as simulator, run_gateway(simulator.base_url, tmp_path, **options) as gateway:
        async with gateway.client() as client:
            first = await client.post("/v1/responses", json={"model": "gpt-4o", "input": "echo:one"})
            before = first.json()["id"]
        gateway.master.options.update(gateway_record=str(tmp_path / "report.mitm"))
        then = await go_on(gateway, before)
        assert then.status_code == 200
    async with run_gateway(NOWHERE, tmp_path, gateway_replay=str(tmp_path / "report.mitm")) as gateway:
        again = await go_on(gateway, before)
        assert again.content == then.content


def test_a_recording_is_for_its_owner_alone(tmp_path: Path) -> None:
    asyncio.run(record(tmp_path, [chat("echo:hello")]))
    assert (tmp_path / "session.mitm").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("content", [None, b"no flows", b""], ids=["absent", "something else", "empty"])
async def test_a_file_that_cannot_be_answered_from_is_refused(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "session.mitm"
    if content is not None:
        path.write_bytes(content)
    async with run_gateway(NOWHERE, tmp_path, gateway_replay=str(path)) as gateway:
        (answer,) = await play(gateway, [chat("echo:hello")])
        assert answer.status_code == 500, "the gateway has not started"


async def test_the_rhythm_is_that_of_the_recording(tmp_path: Path) -> None:
    """And it is kept, however slow the machine is: an answer never takes less time than the recorded one."""
    options = {
        "gateway_accounts": write_accounts(tmp_path, ("ana@example.com", "fault-slow-first")),
        "gateway_record": str(tmp_path / "session.mitm"),
    }
    async with (
        Simulator(seconds_of_slow_first=0.2) as simulator,
        run_gateway(simulator.base_url, tmp_path, **options) as gateway,
    ):
        await play(gateway, [chat("echo:hello", stream=True)])
    times = [milliseconds for milliseconds, _ in rhythm_of(tmp_path / "session.mitm")]
    assert times[0] >= 200
    assert times == sorted(times)

    options = {"gateway_replay": str(tmp_path / "session.mitm"), "gateway_replay_rhythm": "recorded"}
    clock = asyncio.get_running_loop().time
    async with run_gateway(NOWHERE, tmp_path, **options) as gateway:
        began = clock()
        await play(gateway, [chat("echo:hello", stream=True)])
        assert clock() - began >= times[-1] / 1000


async def test_an_answer_that_took_an_hour_is_given_at_once(tmp_path: Path) -> None:
    (first,) = await record(tmp_path, [chat("echo:hello", stream=True)])
    delay(tmp_path / "session.mitm", seconds=3600)
    assert rhythm_of(tmp_path / "session.mitm")[0][0] >= 3_600_000
    async with run_gateway(NOWHERE, tmp_path, gateway_replay=str(tmp_path / "session.mitm")) as gateway:
        (again,) = await play(gateway, [chat("echo:hello", stream=True)])
    assert again.content == first.content


async def test_upstream_requests_of_a_replay_are_shown_as_such(tmp_path: Path) -> None:
    await record(tmp_path, [chat("echo:hello")])
    async with run_gateway(NOWHERE, tmp_path, gateway_replay=str(tmp_path / "session.mitm")) as gateway:
        await play(gateway, [chat("echo:hello")])
        await gateway.recorder.wait()
        (attempt,) = gateway.recorder.attempts
        assert attempt.is_replay == "response"
        assert json.loads(attempt.request.content or b"")["contents"][0]["parts"][0]["text"] == "echo:hello"


async def test_another_recording_is_answered_from_at_once(tmp_path: Path) -> None:
    """And what was kept of the first is closed at the end, which the tests' warnings watch over."""
    (first,) = await record(tmp_path, [chat("echo:hello")])
    (tmp_path / "session.mitm").rename(tmp_path / "first.mitm")
    (second,) = await record(tmp_path, [chat("echo:hello")])
    async with run_gateway(NOWHERE, tmp_path, gateway_replay=str(tmp_path / "first.mitm")) as gateway:
        (before,) = await play(gateway, [chat("echo:hello")])
        gateway.master.options.update(gateway_replay=str(tmp_path / "session.mitm"))
        (after,) = await play(gateway, [chat("echo:hello")])
    assert (before.content, after.content) == (first.content, second.content)


async def test_what_the_built_in_simulator_said_is_answered_again_to_the_last_byte(tmp_path: Path) -> None:
    """It says what it is, which must not be taken for the key of its account."""
    recorded = str(tmp_path / "session.mitm")
    requests = list(SESSION.values())
    async with run_gateway(None, tmp_path, gateway_upstream="simulator", gateway_record=recorded) as gateway:
        first = await play(gateway, requests)
    async with run_gateway(NOWHERE, tmp_path, gateway_replay=recorded) as gateway:
        assert [heard(each) for each in await play(gateway, requests)] == [heard(each) for each in first]
