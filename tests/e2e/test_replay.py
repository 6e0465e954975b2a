"""Asked again by the operator: a client's request, changed or not, and an upstream request with a fresh token."""

import asyncio
import json
from pathlib import Path
from typing import Any

import httpx
import pytest
from mitmproxy import http, io
from mitmproxy.exceptions import CommandError
from mitmproxy.proxy.mode_specs import ProxyMode

from antigravity_addon.gateway.client_keys import hash_key
from antigravity_addon.mitm.attempts import is_attempt
from antigravity_addon.simulator.server import Simulator
from tests.running import RunningGateway, run_gateway, write_accounts

from .operating import Payers, write_accounts_file

BODY: dict[str, Any] = {"model": "gpt-4o", "messages": [{"role": "user", "content": "echo:one two three"}]}
ANA, BO = ("ana@example.com", "upstream-key-a"), ("bo@example.com", "upstream-key-b")
LIMITED = ("limited@example.com", "fault-rate-limited")


async def ask(gateway: RunningGateway, path: str = "/v1/chat/completions", **fields: Any) -> httpx.Response:
    async with gateway.client() as client:
        return await client.post(
            path, json={**BODY, **fields} if path.endswith("chat/completions") else fields
        )


def run(gateway: RunningGateway, flow: http.HTTPFlow, *words: str) -> None:
    gateway.master.commands.call("gateway.replay", [flow], *words)


def text_of(flow: http.HTTPFlow) -> str:
    assert flow.response is not None
    text = json.loads(flow.response.content or b"")["choices"][0]["message"]["content"]
    assert isinstance(text, str)
    return text


def error_of(flow: http.HTTPFlow) -> tuple[int, str]:
    assert flow.response is not None
    message = json.loads(flow.response.content or b"")["error"]["message"]
    assert isinstance(message, str)
    return flow.response.status_code, message


async def attempt(gateway: RunningGateway, count: int) -> http.HTTPFlow:
    """The last of so many attempts, once it is over."""
    recorder = gateway.recorder
    async with asyncio.timeout(60), recorder._changed:
        await recorder._changed.wait_for(lambda: len(recorder.attempts) >= count)
    return recorder.attempts[count - 1]


async def press_replay(gateway: RunningGateway, flow: http.HTTPFlow) -> None:
    """mitmweb's button, until the replay is over."""
    recorder = gateway.recorder

    def times_over() -> int:
        return sum(each is flow for each in (*recorder.flows, *recorder.attempts))

    before = times_over()
    gateway.master.commands.call("replay.client", [flow])
    async with asyncio.timeout(60), recorder._changed:
        await recorder._changed.wait_for(lambda: times_over() > before)
    while flow.live:  # noqa: ASYNC110  mitmproxy tells nobody
        await asyncio.sleep(0)


def reopened(flows: list[http.HTTPFlow], path: Path) -> list[http.HTTPFlow]:
    """As another process finds them in a file."""
    with path.open("wb") as file:
        writer = io.FlowWriter(file)
        for flow in flows:
            writer.add(flow)
    with path.open("rb") as file:
        return [flow for flow in io.FlowReader(file).stream() if isinstance(flow, http.HTTPFlow)]


# --- a client's request ------------------------------------------------------------------------------------


async def test_a_replay_is_a_new_flow_with_attempts_of_its_own(tmp_path: Path) -> None:
    async with (
        Simulator() as simulator,
        run_gateway(simulator.base_url, tmp_path, gateway_accounts=write_accounts(tmp_path, ANA)) as gateway,
    ):
        await ask(gateway)
        first = await gateway.recorder.wait()
        before = first.get_state()
        run(gateway, first)
        again = await gateway.recorder.wait(2)
        # the connection has its own story
        assert first.get_state() | {"client_conn": 0, "server_conn": 0} == before | {
            "client_conn": 0,
            "server_conn": 0,
        }
        assert again.id != first.id
        assert again.is_replay == "request"
        assert not again.live
        assert again.response is not None
        assert again.response.timestamp_end is not None, "it is over, and lists say how long it took"
        assert again.metadata["gateway_replay"] == {
            "of": first.id,
            "model": "",
            "account": "",
            "prompt": False,
        }
        assert again.comment.startswith("replay · gpt-4o → gemini-2.5-flash")
        assert again.request.content == first.request.content
        assert text_of(again) == text_of(first)
        assert [each.metadata["gateway_attempt"]["client_flow"] for each in gateway.recorder.attempts] == [
            first.id,
            again.id,
        ]


async def test_a_replay_asks_another_model_another_prompt_and_so_often(tmp_path: Path) -> None:
    async with (
        Simulator() as simulator,
        run_gateway(simulator.base_url, tmp_path, gateway_accounts=write_accounts(tmp_path, ANA)) as gateway,
    ):
        await ask(gateway)
        first = await gateway.recorder.wait()
        run(gateway, first, "--model", "gemini-2.5-pro", "--prompt", "echo:something else", "--times", "2")
        again = [await gateway.recorder.wait(count) for count in (2, 3)]
        for flow in again:
            assert text_of(flow) == "something else"
            assert flow.metadata["gateway"]["model"] == "gemini-2.5-pro"
            assert flow.metadata["gateway_replay"] == {
                "of": first.id,
                "model": "gemini-2.5-pro",
                "account": "",
                "prompt": True,
            }
        assert [request.model for request in simulator.requests][1:] == ["gemini-2.5-pro"] * 2


async def test_a_replay_is_paid_by_the_account_that_it_names(tmp_path: Path) -> None:
    accounts = write_accounts(tmp_path, ANA, BO)
    async with (
        Simulator() as simulator,
        run_gateway(simulator.base_url, tmp_path, gateway_accounts=accounts) as gateway,
    ):
        await ask(gateway)
        first = await gateway.recorder.wait()
        for count, (email, key) in enumerate((ANA, BO, BO), start=2):
            run(gateway, first, "--account", email)
            again = await gateway.recorder.wait(count)
            assert again.metadata["gateway"]["account"] == email
            assert simulator.requests[-1].api_key == key
            (choice,) = again.metadata["gateway"]["choices"]
            assert choice["reason"] == "The replay asks for it."
            assert choice["skipped"][0]["reason"] == "The replay asks for another one."
        # the conversation stays with whom it was
        await ask(gateway)
        assert simulator.requests[-1].api_key == simulator.requests[0].api_key


async def test_nobody_steps_in_for_an_account_that_rests_or_is_disabled(tmp_path: Path) -> None:
    accounts = write_accounts(tmp_path, LIMITED, ANA)
    options = {"gateway_accounts": accounts, "gateway_longest_wait": 0}
    async with Simulator() as simulator, run_gateway(simulator.base_url, tmp_path, **options) as gateway:
        await ask(gateway)
        first = await gateway.recorder.wait()
        asked = len(simulator.requests)
        run(gateway, first, "--account", LIMITED[0])
        status, message = error_of(await gateway.recorder.wait(2))
        assert status == 429
        assert message.startswith("limited@example.com cannot serve this request. It rests: ")
        assert " Please try again in " in message
        gateway.master.commands.call("gateway.accounts.disable", LIMITED[0], "holidays")
        await asyncio.wait({t for t in asyncio.all_tasks() if t.get_name() == "disable an account"})
        run(gateway, first, "--account", LIMITED[0])
        status, message = error_of(await gateway.recorder.wait(3))
        assert (status, message) == (503, "limited@example.com cannot serve this request. holidays")
        assert len(simulator.requests) == asked


async def test_a_replay_finds_what_was_kept_for_the_client_and_spends_nothing_of_its_limits(
    tmp_path: Path,
) -> None:
    keys = tmp_path / "keys.yaml"
    keys.write_text(
        f"client_keys:\n  - name: team\n    hash: {hash_key('sk-team')}\n    requests_per_minute: 2\n"
    )
    keys.chmod(0o600)
    options = {"gateway_accounts": write_accounts(tmp_path, ANA), "gateway_client_keys": str(keys)}
    async with Simulator() as simulator, run_gateway(simulator.base_url, tmp_path, **options) as gateway:
        async with gateway.client({"authorization": "Bearer sk-team"}) as client:
            first = (await client.post("/v1/responses", json={"model": "gpt-4o", "input": "echo:a"})).json()
            body = {"model": "gpt-4o", "input": "echo:b", "previous_response_id": first["id"]}
            assert (await client.post("/v1/responses", json=body)).status_code == 200
        second = await gateway.recorder.wait(2)
        run(gateway, second)
        again = await gateway.recorder.wait(3)
        run(gateway, again)
        for flow in (again, await gateway.recorder.wait(4)):
            assert flow.response is not None
            assert flow.response.status_code == 200
        stranger = again.copy()
        run(gateway, stranger)
        status, message = error_of(await gateway.recorder.wait(5))
        assert status == 400, message


@pytest.mark.parametrize("by_command", [True, False], ids=["command", "button"])
async def test_flows_from_a_file_are_asked_again_and_pay_nobody_they_name(
    tmp_path: Path, *, by_command: bool
) -> None:
    accounts = write_accounts(tmp_path, ANA)
    async with (
        Simulator() as simulator,
        Simulator() as elsewhere,
        run_gateway(simulator.base_url, tmp_path, gateway_accounts=accounts) as gateway,
    ):
        await ask(gateway)
        (loaded,) = reopened([await gateway.recorder.wait()], tmp_path / "session.mitm")
        loaded.client_conn.proxy_mode = ProxyMode.parse(f"reverse:{elsewhere.base_url}@8045")
        if by_command:
            run(gateway, loaded)
        else:
            gateway.master.commands.call("replay.client", [loaded])
        again = await gateway.recorder.wait(2)
        assert text_of(again) == "one two three"
        assert len(simulator.requests) == 2
        assert not elsewhere.requests


async def test_a_replay_can_be_killed_before_it_is_sent(tmp_path: Path) -> None:
    class Killer:
        name = "killer"

        def request(self, flow: http.HTTPFlow) -> None:
            if flow.is_replay == "request":
                flow.kill()

    async with (
        Simulator() as simulator,
        run_gateway(simulator.base_url, tmp_path, gateway_accounts=write_accounts(tmp_path, ANA)) as gateway,
    ):
        await ask(gateway)
        first = await gateway.recorder.wait()
        gateway.master.addons.add(Killer())
        run(gateway, first)
        again = await gateway.recorder.wait(2)
        assert again.error is not None
        assert again.response is None
        assert len(simulator.requests) == 1


async def test_the_button_keeps_the_first_answer_for_revert(tmp_path: Path) -> None:
    async with (
        Simulator() as simulator,
        run_gateway(simulator.base_url, tmp_path, gateway_accounts=write_accounts(tmp_path, ANA)) as gateway,
    ):
        await ask(gateway)
        flow = await gateway.recorder.wait()
        first = flow.response.content if flow.response else None
        await press_replay(gateway, flow)
        assert flow.response is not None
        assert flow.response.content != first, "ids are new"
        flow.revert()
        assert flow.response is not None
        assert flow.response.content == first


# --- an upstream request -----------------------------------------------------------------------------------


async def test_an_attempt_is_sent_again_beside_itself(tmp_path: Path) -> None:
    options = {"gateway_accounts": write_accounts(tmp_path, ANA), "gateway_record": str(tmp_path / "r.mitm")}
    async with Simulator() as simulator, run_gateway(simulator.base_url, tmp_path, **options) as gateway:
        await ask(gateway)
        first = await attempt(gateway, 1)
        run(gateway, first)
        again = await attempt(gateway, 2)
        sent = [(each.path, each.body, dict(sorted(each.headers.items()))) for each in simulator.requests]
        assert sent[1] == sent[0]
        assert again.metadata["gateway_replay"]["of"] == first.id
        assert again.comment == "replay · ↳ attempt 1 · gemini-2.5-flash · ana@…"
        assert again.request.headers["x-goog-api-key"] == "[redacted]"
        assert again.response is not None
        assert b"one" in (again.response.content or b"")
        written = again.metadata["gateway_attempt"]["rhythm"]
        assert sum(size for _, size in written) == len(again.response.raw_content or b"")
        assert again.server_conn.peername == first.server_conn.peername
    with (tmp_path / "r.mitm").open("rb") as file:
        recorded = [flow.id for flow in io.FlowReader(file).stream() if is_attempt(flow)]
    assert recorded == [first.id]


async def test_the_button_pays_an_attempt_anew(tmp_path: Path) -> None:
    """mitmproxy by itself would send what stands in the flow, which is `[redacted]`."""
    async with Simulator() as simulator:
        payers = Payers.at(simulator.base_url, tmp_path)
        accounts = write_accounts_file(tmp_path, payers.user("refresh-me"))
        async with run_gateway(simulator.base_url, tmp_path, gateway_accounts=accounts) as gateway:
            await ask(gateway)
            (loaded,) = reopened([await attempt(gateway, 1)], tmp_path / "session.mitm")
            # whatever was issued is good no more
            simulator.revoke_tokens()
            loaded.request.text = (loaded.request.text or "").replace("one two three", "edited by hand")
            await press_replay(gateway, loaded)
            assert loaded.response is not None
            assert loaded.response.status_code == 200
            assert "edited by hand" in str(simulator.requests[-1].body)
            assert loaded.metadata["gateway_attempt"]["outcome"] == ""
            assert loaded.request.headers["authorization"] == "Bearer [redacted]"


async def test_what_pays_goes_to_no_address_but_the_accounts(tmp_path: Path) -> None:
    async with (
        Simulator() as simulator,
        Simulator() as elsewhere,
        run_gateway(simulator.base_url, tmp_path, gateway_accounts=write_accounts(tmp_path, ANA)) as gateway,
    ):
        await ask(gateway)
        flow = await attempt(gateway, 1)
        flow.request.port = int(elsewhere.base_url.rpartition(":")[2])
        await press_replay(gateway, flow)
        assert len(simulator.requests) == 1
        assert [request.api_key for request in elsewhere.requests] in ([], [""], [None])
        assert flow.response is not None
        assert flow.response.status_code in {401, 403}
        assert flow.metadata["gateway_attempt"]["outcome"] == str(flow.response.status_code)


async def test_a_key_that_an_operator_writes_into_an_attempt_pays_and_is_not_kept(tmp_path: Path) -> None:
    async with (
        Simulator() as simulator,
        run_gateway(simulator.base_url, tmp_path, gateway_accounts=write_accounts(tmp_path, ANA)) as gateway,
    ):
        await ask(gateway)
        flow = await attempt(gateway, 1)
        flow.request.headers["x-goog-api-key"] = "key-of-the-operators-own"
        await press_replay(gateway, flow)
        assert simulator.requests[1].api_key == "key-of-the-operators-own"
        assert flow.request.headers["x-goog-api-key"] == "[redacted]"
        assert "key-of-the-operators-own" not in str(flow.get_state())


@pytest.mark.parametrize("by_command", [True, False], ids=["command", "button"])
async def test_bodies_are_redacted_of_what_is_asked_again(tmp_path: Path, *, by_command: bool) -> None:
    """The first flows are from before the option was set."""
    accounts = write_accounts(tmp_path, ANA)
    async with (
        Simulator() as simulator,
        run_gateway(simulator.base_url, tmp_path, gateway_accounts=accounts) as gateway,
    ):
        await ask(gateway)
        flows = [await gateway.recorder.wait(), await attempt(gateway, 1)]
        gateway.master.options.update(gateway_redact_bodies=True)
        for flow in flows:
            seen = len(gateway.recorder.flows), len(gateway.recorder.attempts)
            if by_command:
                run(gateway, flow)
                again = await (
                    attempt(gateway, seen[1] + 1) if is_attempt(flow) else gateway.recorder.wait(seen[0] + 1)
                )
            else:
                await press_replay(gateway, flow)
                again = flow
            assert again.response is not None
            assert again.response.status_code == 200
            assert "two three" not in str(again.get_state())


async def test_an_attempt_whose_account_is_gone_says_so(tmp_path: Path) -> None:
    async with (
        Simulator() as simulator,
        run_gateway(simulator.base_url, tmp_path, gateway_accounts=write_accounts(tmp_path, ANA)) as gateway,
    ):
        await ask(gateway)
        flow = await attempt(gateway, 1)
        other = tmp_path / "other"
        other.mkdir()
        gateway.master.options.update(gateway_accounts=write_accounts(other, BO))
        await press_replay(gateway, flow)
        status, message = error_of(flow)
        assert status == 409
        assert message.startswith(
            "The account 'ana@example.com', which paid for this request, is not configured any"
        )
        assert flow.comment == "↳ attempt 1 · gemini-2.5-flash · ana@… · 409 not_replayable"
        assert len(simulator.requests) == 1


@pytest.mark.parametrize("fault", ["reset", "reset-after-head", "rate-limited"])
async def test_an_attempt_that_fails_again_shows_how(tmp_path: Path, fault: str) -> None:
    accounts = write_accounts(tmp_path, ("ana@example.com", f"fault-{fault}"))
    options = {"gateway_accounts": accounts, "gateway_max_attempts": 1}
    async with Simulator() as simulator, run_gateway(simulator.base_url, tmp_path, **options) as gateway:
        await ask(gateway)
        flow = await attempt(gateway, 1)
        await press_replay(gateway, flow)
        assert len(simulator.requests) == 2
        assert flow.metadata["gateway_attempt"]["outcome"]


@pytest.mark.parametrize("which", ["client", "attempt"])
async def test_what_was_redacted_is_not_asked_again(tmp_path: Path, which: str) -> None:
    async with (
        Simulator() as simulator,
        run_gateway(simulator.base_url, tmp_path, gateway_accounts=write_accounts(tmp_path, ANA)) as gateway,
    ):
        await ask(gateway)
        flow = await (gateway.recorder.wait() if which == "client" else attempt(gateway, 1))
        flow.metadata["gateway_redacted"] = {"request": 70}
        with pytest.raises(CommandError, match="What it asked was redacted"):
            run(gateway, flow)
        await press_replay(gateway, flow)
        assert error_of(flow)[0] == 409
        assert error_of(flow)[1].startswith("What it asked was redacted")
        assert len(simulator.requests) == 1


async def test_a_bug_never_sends_an_attempt_over_the_network(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError

    async with (
        Simulator() as simulator,
        run_gateway(simulator.base_url, tmp_path, gateway_accounts=write_accounts(tmp_path, ANA)) as gateway,
    ):
        await ask(gateway)
        flow = await attempt(gateway, 1)
        monkeypatch.setattr("antigravity_addon.mitm.replay._resend", broken)
        await press_replay(gateway, flow)
        assert error_of(flow)[0] == 500
        flow.metadata["gateway_attempt"] = "nothing of ours"
        monkeypatch.undo()
        await press_replay(gateway, flow)
        assert error_of(flow)[0] in {409, 500}
        assert len(simulator.requests) == 1
