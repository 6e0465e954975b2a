"""From "my agent hangs" to the cause: what the view `Gateway: why` says of real exchanges, over or not."""

import asyncio
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
from mitmproxy import http, io
from mitmproxy.contentviews import prettify_message
from mitmproxy.flow import Flow

from antigravity_addon.simulator.server import Simulator
from tests.running import RunningGateway, run_gateway, write_accounts

from .test_retention import run_mitmweb

BODY: dict[str, Any] = {"model": "gpt-4o", "messages": [{"role": "user", "content": "echo:one two three"}]}
ANA = ("ana@example.com", "upstream-key-a")
LIMITED = ("limited@example.com", "fault-rate-limited")
SILENT = ("silent@example.com", "fault-silence")


async def ask(gateway: RunningGateway, **fields: object) -> httpx.Response:
    async with gateway.client() as client:
        return await client.post("/v1/chat/completions", json={**BODY, **fields})


def why(flow: http.HTTPFlow, view: str = "gateway: why") -> str:
    message = flow.request if flow.response is None else flow.response
    shown = prettify_message(message, flow, view)
    assert shown.view_name == "Gateway: why"
    # as it reads, wherever lines are broken
    return " ".join(shown.text.split())


def reopened(flow: http.HTTPFlow, path: Path) -> http.HTTPFlow:
    with path.open("wb") as file:
        io.FlowWriter(file).add(flow)
    with path.open("rb") as file:
        (found,) = io.FlowReader(file).stream()
    assert isinstance(found, http.HTTPFlow)
    return found


class Screen:
    """mitmweb, which is told of flows that changed."""

    name = "screen"

    def __init__(self) -> None:
        self.updates: asyncio.Queue[http.HTTPFlow] = asyncio.Queue()

    def update(self, flows: Sequence[Flow]) -> None:
        for flow in flows:
            if isinstance(flow, http.HTTPFlow) and flow.metadata.get("gateway", {}).get("is_over") is False:
                self.updates.put_nowait(flow)

    async def until(self, is_shown: Callable[[dict[str, Any]], object]) -> http.HTTPFlow:
        async with asyncio.timeout(60):
            while True:
                flow = await self.updates.get()
                if is_shown(flow.metadata["gateway"]):
                    return flow


async def test_a_limit_and_whoever_stepped_in(tmp_path: Path) -> None:
    accounts = write_accounts(tmp_path, LIMITED, ANA)
    async with (
        Simulator() as simulator,
        run_gateway(simulator.base_url, tmp_path, gateway_accounts=accounts) as gateway,
    ):
        await ask(gateway)
        flow = reopened(await gateway.recorder.wait(), tmp_path / "session.mitm")
        text = why(flow)
        assert text.startswith("It was answered by ana@example.com in ")
        assert "gemini-2.5-flash, by the rule gpt-4o=gemini-2.5-flash (built in)" in text
        assert "Attempt 1 began: limited@example.com pays (gemini)." in text
        assert "s: 429 rate_limit_exceeded. “" in text
        assert "It rests until that is over. ana@example.com was asked instead." in text
        assert "ana@example.com was chosen: Of those that are free" in text
        assert "Not limited@example.com: It rests: " in text
        first, second = gateway.recorder.attempts
        assert f"{first.id} is attempt 1: #/flows/{first.id}/response" in text
        assert f"{second.id} is attempt 2" in text
        assert f'set view_filter "~meta {flow.id}"' in text


async def test_an_error_is_explained_unless_another_view_is_chosen(tmp_path: Path) -> None:
    options = {"gateway_accounts": write_accounts(tmp_path, LIMITED), "gateway_longest_wait": 0}
    async with Simulator() as simulator, run_gateway(simulator.base_url, tmp_path, **options) as gateway:
        await ask(gateway)
        flow = reopened(await gateway.recorder.wait(), tmp_path / "session.mitm")
        assert flow.response is not None
        assert why(flow, "auto").startswith("The client was told 429 rate_limit_exceeded, after ")
        assert prettify_message(flow.response, flow, "json").view_name == "JSON"
        assert prettify_message(flow.request, flow).view_name != "Gateway: why"
        (attempt,) = gateway.recorder.attempts
        assert attempt.response is not None
        assert prettify_message(attempt.response, attempt).view_name != "Gateway: why"


async def test_a_request_that_waits_in_line_says_for_whom(tmp_path: Path) -> None:
    options = {"gateway_accounts": write_accounts(tmp_path, LIMITED), "gateway_longest_wait": 600}
    async with Simulator() as simulator, run_gateway(simulator.base_url, tmp_path, **options) as gateway:
        screen = Screen()
        gateway.master.addons.add(screen)
        asking = asyncio.create_task(ask(gateway))  # noqa: TID251  awaited below
        flow = await screen.until(lambda trace: trace["waiting"])
        text = why(flow)
        assert text.startswith("It waits, and nobody is asked. The request arrived ")
        assert "When it began to wait, the first account was to be free in" in text
        assert "and will for 600 s at most" in text or "and will for 10 min 0 s at most" in text
        assert "Not limited@example.com: It rests: " in text
        assert flow.comment == "gpt-4o → gemini-2.5-flash · limited@… · waits"
        asking.cancel()
        with suppress(asyncio.CancelledError):
            await asking
        left = await gateway.recorder.wait()
        assert why(left).startswith("The client left after")
        assert "It was waiting then: When it began to wait" in why(left)


async def test_a_model_that_is_silent_is_named_while_it_is(tmp_path: Path) -> None:
    accounts = write_accounts(tmp_path, SILENT)
    async with (
        Simulator() as simulator,
        run_gateway(simulator.base_url, tmp_path, gateway_accounts=accounts) as gateway,
    ):
        screen = Screen()
        gateway.master.addons.add(screen)
        asking = asyncio.create_task(ask(gateway, stream=True))  # noqa: TID251  cancelled below
        flow = await screen.until(lambda trace: trace["under_way"] and trace["under_way"][0]["flows"])
        text = why(flow)
        assert text.startswith("It waits for the model: silent@example.com paid for the question")
        assert "Attempt 1 has been under way for " in text
        assert "/response" in text
        assert flow.comment == "gpt-4o → gemini-2.5-flash · silent@… · attempt 1 under way"
        saved = reopened(flow, tmp_path / "session.mitm")
        assert why(saved).startswith("The exchange was not over when this was written down")
        asking.cancel()
        with suppress(asyncio.CancelledError):
            await asking
        await gateway.recorder.wait()
        assert screen.updates.empty()
        assert "Attempt 1 was given up. Nobody waited for it any more." in why(flow)


async def test_a_model_that_falls_silent_in_the_middle_is_told_from_one_that_speaks(tmp_path: Path) -> None:
    accounts = write_accounts(tmp_path, ("silent@example.com", "fault-silence-after-first"))
    options = {"gateway_accounts": accounts, "gateway_attempt_flows": True}
    async with run_mitmweb(tmp_path, **options) as (gateway, _), gateway.client() as client:
        screen = Screen()
        gateway.master.addons.add(screen)
        body = {**BODY, "stream": True}
        async with client.stream("POST", "/v1/chat/completions", json=body):
            flow = await screen.until(
                lambda trace: trace["under_way"] and trace["under_way"][0]["first_token_seconds"]
            )
            assert why(flow).startswith("The answer is on its way.")
            (attempt,) = attempts_in_list(gateway)
            attempt.request.timestamp_end = time.time() - 60  # noqa: TID251  mitmproxy's own clock for flows
            text = why(flow)
        assert text.startswith("The answer has begun, and nothing has come of it for 60 s.")
        assert "and the model has fallen silent: its last word came 60 s ago." in text


def attempts_in_list(gateway: RunningGateway) -> list[http.HTTPFlow]:
    shown = gateway.master.commands.call("view.flows.resolve", "~meta gateway_attempt")
    return [flow for flow in shown if isinstance(flow, http.HTTPFlow)]


@pytest.mark.time_lapse
async def test_a_hedge_says_why_a_second_account_was_asked(tmp_path: Path) -> None:
    options = {"gateway_accounts": write_accounts(tmp_path, SILENT, ANA), "gateway_hedge_seconds": 1}
    async with Simulator() as simulator, run_gateway(simulator.base_url, tmp_path, **options) as gateway:
        await ask(gateway)
        text = why(await gateway.recorder.wait())
        assert (
            "ana@example.com was chosen: The first was silent for 1 s, so a second was asked beside" in text
        )
        assert "Attempt 1 was given up. Another one, asked beside it, spoke first." in text


async def test_a_quick_exchange_is_shown_once(tmp_path: Path) -> None:
    """No word is lost on what is over before anybody could read it."""
    async with (
        Simulator() as simulator,
        run_gateway(simulator.base_url, tmp_path, gateway_accounts=write_accounts(tmp_path, ANA)) as gateway,
    ):
        screen = Screen()
        gateway.master.addons.add(screen)
        for stream in (True, False):
            await ask(gateway, stream=stream)
        await gateway.recorder.wait(2)
        assert screen.updates.empty()


@pytest.mark.parametrize("path", ["/v1/models", "/healthz"])
async def test_what_asks_no_model_has_no_such_view(tmp_path: Path, path: str) -> None:
    async with run_gateway(None, tmp_path, gateway_upstream="simulator") as gateway:
        async with gateway.client() as client:
            await client.get(path)
        flow = await gateway.recorder.wait()
        assert flow.response is not None
        shown = prettify_message(flow.response, flow, "gateway: why")
        assert shown.text.startswith("This is the view of a request to a model")
