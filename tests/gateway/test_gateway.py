"""Clients with limits, and the books, on a whole gateway: the simulator behind it, a list in front."""

import asyncio
import json
import threading
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass, field, replace
from ipaddress import ip_network
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families
from pydantic import SecretStr

from antigravity_addon.accounts.account import Account, ApiKey
from antigravity_addon.accounts.pool import AccountPool
from antigravity_addon.errors import Overloaded
from antigravity_addon.gateway.admission import Refusal
from antigravity_addon.gateway.attempt import Upstream
from antigravity_addon.gateway.bookkeeping import Bookkeeping
from antigravity_addon.gateway.client_keys import ClientKey, hash_key
from antigravity_addon.gateway.client_stream import Head
from antigravity_addon.gateway.clients import Client
from antigravity_addon.gateway.doors import AllowedOrigin, Came, Doors
from antigravity_addon.gateway.gateway import Gateway
from antigravity_addon.gateway.heads import RequestHead, error_headers
from antigravity_addon.gateway.legs import Direct
from antigravity_addon.gateway.recordings import Recordings
from antigravity_addon.gateway.settings import AccountHeader, AuthMode, Settings
from antigravity_addon.gateway.trace import Trace
from antigravity_addon.simulator.server import Simulator
from antigravity_addon.state.pool_store import UsageKey, UsageSum
from antigravity_addon.state.sqlite import SqliteMemory
from antigravity_addon.state.sqlite_file import IN_MEMORY, SqliteFile
from antigravity_addon.upstream.endpoint import Authorization
from antigravity_addon.upstream.endpoints import Endpoints
from antigravity_addon.upstream.remedies import Lessons
from antigravity_addon.upstream.transport import Transport
from antigravity_addon.upstream.web_media import WebMedia

NOON = 1_795_046_400.0 + 43_200.0
TODAY = "2026-11-19"
STRICT = Settings(client_key=SecretStr("sk-operator"), auth_mode=AuthMode.STRICT)
ANA = ClientKey("ana", hash_key("sk-ana"), models=("gpt-4o*",), requests_per_minute=3, tokens_per_day=10_000)
GOOD, BAD = "good@example.com", "bad@example.com"


@dataclass
class Received:
    """What a client has of its answer."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict[str, str])
    body: bytes = b""
    ended: bool = False

    async def send(self, *, head: Head | None = None, body: bytes = b"", end: bool = False) -> None:
        if head is not None:
            self.status, self.headers = head.status, dict(head.headers)
        self.body += body
        self.ended = self.ended or end

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def limits(self) -> dict[str, str]:
        return {
            name.removeprefix("x-ratelimit-"): value
            for name, value in self.headers.items()
            if name.startswith("x-ratelimit-")
        }


class Keys:
    """The authorizer."""

    def at_hand(self, account: Account) -> Authorization | None:  # noqa: ARG002
        return None

    async def authorize(self, account: Account) -> Authorization:
        assert isinstance(account.credential, ApiKey)
        return Authorization({"x-goog-api-key": account.credential.key.get_secret_value()})

    def reject(self, account: Account, authorization: Authorization) -> bool:  # noqa: ARG002
        return False


def account(email: str, key: str) -> Account:
    return Account(email, ApiKey(SecretStr(key)))


class World:
    def __init__(self, simulator: Simulator, accounts: tuple[Account, ...] = ()) -> None:
        self.simulator = simulator
        self.now = NOON
        self.pool = AccountPool(
            accounts or (account(GOOD, "key-good"),),
            clock=asyncio.get_running_loop().time,
            unix_time=self._unix_time,
            chance=lambda: 0.5,
        )
        self.books = Bookkeeping(
            unix_time=self._unix_time, clock=self._unix_time, account_states=self.pool.reports
        )
        self.books.replace_keys((ANA,))
        self.transport = Transport()
        self.media = WebMedia(user_agent="test")
        self.memory = SqliteMemory(
            SqliteFile(IN_MEMORY), clock=self._unix_time, max_age=1e6, max_bytes=10_000_000
        )
        self.gateway = self.under(STRICT)

    def _unix_time(self) -> float:
        return self.now

    def under(self, settings: Settings, *, recordings: Recordings | None = None) -> Gateway:
        upstream = Upstream(
            Endpoints(target=self.simulator.base_url, user_agent="test"),
            Keys(),
            self.pool,
            Direct(self.transport),
            Lessons(),
            chance=lambda: 0.5,
        )
        return Gateway(
            settings,
            upstream,
            memory=self.memory,
            media=self.media,
            books=self.books,
            unix_time=self._unix_time,
            recordings=recordings,
        )

    async def ask(
        self,
        target: str = "/v1/chat/completions",
        *,
        key: str = "sk-ana",
        body: bytes | None = None,
        received: Received | None = None,
        **headers: str,
    ) -> Received:
        received = received or Received()
        method = "GET" if body is None else "POST"
        head = RequestHead(method, target, {"authorization": f"Bearer {key}", **headers})
        match self.gateway.admission.admit(head):
            case Refusal(head=refused, body=said):
                await received.send(head=refused, body=said, end=True)
            case client:
                # keys are gone by then
                known = RequestHead(method, target, headers, client=client)
                await self.gateway.serve(known, lambda: body or b"", received, Trace())
        return received

    async def chat(
        self, *, key: str = "sk-ana", received: Received | None = None, **fields: object
    ) -> Received:
        content = {
            "model": "gpt-4o",
            "messages": [{"role": "user", "content": "echo:one two three"}],
            **fields,
        }
        return await self.ask(key=key, received=received, body=json.dumps(content).encode())

    async def sample(self, name: str, **labels: str) -> float:
        text, _ = await self.books.metrics.exposition("", AccountHeader.FULL)
        samples = (
            sample.value
            for family in text_string_to_metric_families(text.decode())
            for sample in family.samples
            if sample.name == name and labels.items() <= sample.labels.items()
        )
        return sum(samples)

    async def aclose(self) -> None:
        await self.transport.aclose()
        await self.media.aclose()
        await self.memory.aclose()


type MakeWorld = Callable[..., World]


@pytest.fixture
async def make_world() -> AsyncGenerator[MakeWorld]:
    worlds: list[World] = []
    async with Simulator() as simulator:

        def make(*accounts: Account) -> World:
            worlds.append(World(simulator, accounts))
            return worlds[-1]

        yield make
        for world in worlds:
            await world.aclose()


@pytest.fixture
async def world(make_world: MakeWorld) -> World:
    return make_world()


def without_times(usage: UsageSum) -> UsageSum:
    assert usage.seconds > 0
    return replace(usage, seconds=0.0, first_token_seconds=0.0)


# --- usage -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
async def test_an_answer_is_put_down_to_its_client(world: World, *, stream: bool) -> None:
    answer = await world.chat(stream=stream)
    assert answer.status == 200
    [(key, usage)] = world.books.ledger.take().items()
    assert key == UsageKey(TODAY, GOOD, "gemini-2.5-flash", "ana")
    assert usage.input_tokens > 0
    assert usage.output_tokens > 0
    if not stream:
        counted = answer.json["usage"]
        assert (counted["prompt_tokens"], counted["completion_tokens"]) == (
            usage.input_tokens,
            usage.output_tokens,
        )
    assert without_times(usage) == UsageSum(
        requests=1,
        attempts=1,
        input_tokens=usage.input_tokens,
        output_tokens=usage.output_tokens,
        reasoning_tokens=usage.reasoning_tokens,
        first_tokens=1,
    )
    assert await world.sample("gateway_requests_total", client="ana", status="200") == 1
    assert await world.sample("gateway_attempts_total", account=GOOD, upstream="gemini", outcome="ok") == 1
    assert (
        await world.sample("gen_ai_server_request_duration_seconds_count", gen_ai_request_model="gpt-4o") == 1
    )
    assert (
        await world.sample("gen_ai_client_inference_usage_output_tokens_total", client="ana")
        == usage.output_tokens
    )


async def test_each_attempt_is_its_own_accounts(make_world: MakeWorld) -> None:
    world = make_world(account(BAD, "fault-quota-day"), account(GOOD, "key-good"))
    assert (await world.chat()).status == 200
    usage = world.books.ledger.take()
    bad = usage[UsageKey(TODAY, BAD, "gemini-2.5-flash", "ana")]
    good = usage[UsageKey(TODAY, GOOD, "gemini-2.5-flash", "ana")]
    assert (bad, good.requests, good.attempts) == (UsageSum(attempts=1), 1, 1)
    assert await world.sample("gateway_attempts_total", account=BAD, outcome="insufficient_quota") == 1


async def test_a_failure_is_an_error_of_the_account_that_was_tried_last(make_world: MakeWorld) -> None:
    world = make_world(account(BAD, "fault-quota-day"))
    assert (await world.chat()).status == 429
    [(key, usage)] = world.books.ledger.take().items()
    assert key.account == BAD
    assert without_times(usage) == UsageSum(requests=1, errors=1, attempts=1)
    assert (
        await world.sample("gen_ai_server_request_duration_seconds_count", error_type="insufficient_quota")
        == 1
    )
    assert await world.sample("gateway_requests_total", client="ana", status="429") == 1


async def test_a_stream_that_breaks_is_an_error_behind_a_200(make_world: MakeWorld) -> None:
    world = make_world(account(BAD, "fault-reset-mid"))
    answer = await world.chat(stream=True)
    assert (answer.status, answer.ended) == (200, True)
    [(_, usage)] = world.books.ledger.take().items()
    assert (usage.requests, usage.errors) == (1, 1)
    name = "gen_ai_server_request_duration_seconds_count"
    assert await world.sample(name, error_type="upstream_interrupted") == 1


class Leaving(Received):
    """A client that goes away over its first byte."""

    def __init__(self) -> None:
        super().__init__()
        self.has_begun = asyncio.Event()

    async def send(self, *, head: Head | None = None, body: bytes = b"", end: bool = False) -> None:
        await super().send(head=head, body=body, end=end)
        self.has_begun.set()
        await asyncio.Event().wait()


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
async def test_a_client_that_goes_away_is_put_down_too(world: World, *, stream: bool) -> None:
    leaving = Leaving()
    async with asyncio.TaskGroup() as group:
        task = group.create_task(world.chat(received=leaving, stream=stream))
        await leaving.has_begun.wait()
        task.cancel()
    assert task.cancelled()
    [(key, usage)] = world.books.ledger.take().items()
    assert (key.client, usage.requests, usage.errors) == ("ana", 1, 1)
    assert world.books.ledger.spent_today("ana").requests == 1
    assert await world.sample("gen_ai_server_request_duration_seconds_count", error_type="cancelled") == 1


async def test_a_client_that_had_nothing_is_a_499(make_world: MakeWorld) -> None:
    world = make_world(account(BAD, "fault-silence"))
    async with asyncio.TaskGroup() as group:
        task = group.create_task(world.chat())
        async with asyncio.timeout(60):
            await world.simulator.wait_for(bool)
        task.cancel()
    assert await world.sample("gateway_requests_total", client="ana", status="499") == 1
    assert await world.sample("gateway_attempts_total", outcome="cancelled") == 1


async def test_a_request_that_cannot_be_read_or_names_no_model_counts_nowhere(world: World) -> None:
    assert (await world.ask(body=b"{")).status == 400
    assert (await world.chat(model="no-such-model")).status == 404
    assert world.books.ledger.take() == {}
    assert world.books.ledger.spent_today("ana").requests == 0
    assert await world.sample("gateway_requests_total", client="ana", status="400") == 1


# --- limits ------------------------------------------------------------------------------------------------


async def test_a_key_that_asks_too_fast_is_told_when_to_come_again(world: World) -> None:
    for _ in range(3):
        assert (await world.chat()).status == 200
    answer = await world.chat()
    assert answer.status == 429
    assert (answer.headers["retry-after"], answer.headers["retry-after-ms"]) == ("20", "20000")
    assert "x-should-retry" not in answer.headers
    assert answer.json["error"]["code"] == "rate_limit_exceeded"
    assert answer.limits["remaining-requests"] == "0"
    assert len(world.simulator.requests) == 3
    assert (await world.chat(key="sk-operator")).status == 200
    world.now += 20
    assert (await world.chat()).status == 200


def test_nobody_is_told_to_come_again_in_a_thousand_years() -> None:
    """As one that believes an upstream's dates would be."""
    headers = error_headers(Overloaded("No.", retry_after=3e10))
    assert (headers["retry-after"], headers["retry-after-ms"]) == ("691200", "691200000")


async def test_a_budget_that_is_spent_lasts_to_midnight(world: World) -> None:
    world.books.replace_keys((replace(ANA, models=(), requests_per_minute=None, tokens_per_day=1),))
    assert (await world.chat()).status == 200
    answer = await world.chat()
    assert (answer.status, answer.json["error"]["code"]) == (429, "insufficient_quota")
    assert (answer.headers["retry-after"], answer.headers["x-should-retry"]) == ("43200", "false")
    assert len(world.simulator.requests) == 1
    assert (await world.ask("/v1/models")).status == 200
    world.now += 43_200
    assert (await world.chat()).status == 200


async def test_a_budget_holds_for_requests_at_the_same_time(world: World) -> None:
    world.books.replace_keys((replace(ANA, requests_per_minute=None, requests_per_day=2),))
    answers = await asyncio.gather(*(world.chat() for _ in range(5)))
    assert sorted(answer.status for answer in answers) == [200, 200, 429, 429, 429]
    assert len(world.simulator.requests) == 2


async def test_new_settings_change_no_budget(world: World) -> None:
    for _ in range(3):
        await world.chat()
    world.gateway = world.under(replace(STRICT, max_attempts=1))
    assert (await world.chat()).status == 429


async def test_headers_say_what_is_left_of_a_keys_limits_only(world: World) -> None:
    first = await world.chat()
    second = await world.chat(stream=True)
    assert first.limits == {
        "limit-requests": "3",
        "remaining-requests": "2",
        "reset-requests": "20s",
        "limit-tokens": "10000",
        "remaining-tokens": "10000",
        "reset-tokens": "12h0m0s",
    }
    assert second.limits["remaining-requests"] == "1"
    assert int(second.limits["remaining-tokens"]) == 10_000 - first.json["usage"]["total_tokens"]
    assert (await world.chat(key="sk-operator")).limits == {}


# --- models ------------------------------------------------------------------------------------------------


async def test_a_key_sees_and_uses_its_own_models_only(world: World) -> None:
    listed = [model["id"] for model in (await world.ask("/v1/models")).json["data"]]
    assert listed == [
        "gpt-4o",
        "gpt-4o-2024-05-13",
        "gpt-4o-2024-08-06",
        "gpt-4o-mini",
        "gpt-4o-mini-2024-07-18",
    ]
    assert (await world.ask("/v1/models/gpt-4o")).json["id"] == "gpt-4o"
    for answer in (await world.ask("/v1/models/o3"), await world.chat(model="o3")):
        assert answer.status == 404
        assert answer.json["error"] == {
            "message": "The model 'o3' does not exist or you do not have access to it. GET /v1/models lists "
            "the names that this API key may use.",
            "type": "invalid_request_error",
            "param": "model",
            "code": "model_not_found",
        }
    assert not world.simulator.requests
    everything = (await world.ask("/v1/models", key="sk-operator")).json["data"]
    assert len(everything) > 50


# --- metrics -----------------------------------------------------------------------------------------------


async def test_metrics_are_served_to_whoever_has_the_key(world: World) -> None:
    await world.chat()
    answer = await world.ask("/metrics", key="sk-operator")
    assert (answer.status, answer.headers["content-type"]) == (
        200,
        "text/plain; version=0.0.4; charset=utf-8",
    )
    assert b'gateway_account_usable{account="good@example.com",upstream="gemini"} 1.0\n' in answer.body
    negotiated = await world.ask("/metrics", key="sk-operator", accept="application/openmetrics-text")
    assert negotiated.headers["content-type"].startswith("application/openmetrics-text; ")
    assert negotiated.body.endswith(b"# EOF\n")
    for key in ("sk-ana", "sk-wrong", ""):
        assert (await world.ask("/metrics", key=key)).status == 401
    # refused before anybody knew whose they were
    assert await world.sample("gateway_requests_total", client="", endpoint="", status="401") == 3


async def test_a_name_of_a_megabyte_is_kept_nowhere(world: World) -> None:
    assert (await world.chat(key="sk-operator", model="gpt-4" + "A" * 1_000_000)).status == 200
    answer = await world.ask("/metrics", key="sk-operator")
    assert len(answer.body) < 100_000
    assert {key.model for key in world.books.ledger.take()} <= {"other", "gemini-2.5-flash"}


async def test_accounts_are_masked_as_the_settings_say(world: World) -> None:
    await world.chat()
    world.gateway = world.under(replace(STRICT, account_header=AccountHeader.OFF))
    answer = await world.ask("/metrics", key="sk-operator")
    assert b"good@" not in answer.body
    assert b'gateway_account_leases{account="account-1",upstream="gemini"} 0.0\n' in answer.body


async def test_an_error_of_the_upstream_names_its_account_masked(world: World) -> None:
    key, model = "sk-operator", "gemini-fault-bad-request"
    assert (await world.chat(key=key, model=model)).headers["x-account-email"] == "g***@example.com"
    assert "x-account-email" not in (await world.chat(key=key, messages=[])).headers, "nobody was asked"
    world.gateway = world.under(replace(STRICT, account_header=AccountHeader.OFF))
    assert "x-account-email" not in (await world.chat(key=key, model=model)).headers


async def test_without_a_key_metrics_are_for_no_web_page(world: World) -> None:
    page = "http://localhost:3000"
    world.gateway = world.under(Settings(doors=Doors(origins=(AllowedOrigin.parse(page),))))
    here = "127.0.0.1:8045"
    assert (await world.ask("/metrics", key="", host=here)).status == 200
    assert (await world.ask("/metrics", key="", host="evil.example:8045")).status == 421
    assert (await world.ask("/metrics", key="", host=here, origin=page)).status == 403
    assert (await world.ask("/v1/models", key="", host=here, origin=page)).status == 200


async def test_whoever_comes_while_the_process_ends_is_turned_away_and_counted(world: World) -> None:
    def admit(path: str, key: str) -> Client | Refusal:
        head = RequestHead("GET", path, {"authorization": f"Bearer {key}"})
        return world.gateway.admission.admit(head, is_stopping=True)

    verdict = admit("/v1/models", "sk-ana")
    assert isinstance(verdict, Refusal)
    headers = verdict.head.headers
    assert (verdict.head.status, headers["connection"], headers["retry-after"]) == (503, "close", "5")
    assert await world.sample("gateway_requests_total", endpoint="/v1/models", status="503") == 1
    assert isinstance(admit("/metrics", "sk-operator"), Client), (
        "what was counted up to the end is worth a look"
    )


# --- doors -------------------------------------------------------------------------------------------------


async def test_c99_pages_that_may_call_read_our_headers_and_no_other_reads_any(world: World) -> None:
    app = AllowedOrigin.parse("https://app.test")
    world.gateway = world.under(replace(STRICT, doors=Doors(origins=(app,))))
    answer = await world.ask("/v1/models", key="sk-operator", origin="https://app.test")
    assert answer.headers["access-control-allow-origin"] == "https://app.test"
    assert "x-mapped-model" in answer.headers["access-control-expose-headers"]
    for other in (
        await world.ask("/v1/models", key="sk-operator"),
        await world.ask("/v1/models", key="sk-operator", origin="https://x.test"),
    ):
        assert other.headers["vary"] == "Origin", "a cache keeps them apart"
        assert not [name for name in other.headers if name.startswith("access-control-")]
    assert (other.status, other.json["error"]["code"]) == (403, "origin_refused")


def preflight(world: World, **headers: str) -> Refusal:
    verdict = world.gateway.admission.admit(RequestHead("OPTIONS", "/v1/chat/completions", headers))
    assert isinstance(verdict, Refusal)
    return verdict


async def test_a_preflight_is_answered_for_pages_that_may_call(world: World) -> None:
    app = AllowedOrigin.parse("https://app.test")
    world.gateway = world.under(replace(STRICT, doors=Doors(origins=(app,))))
    private = {"access-control-request-private-network": "true"}
    asked = {"origin": "https://app.test", "access-control-request-headers": "authorization,x-stainless-os"}
    answer = preflight(world, **asked, **private).head
    assert answer.status == 204
    assert {
        name: text for name, text in answer.headers.items() if name.startswith("access-control-allow-")
    } == {
        "access-control-allow-origin": "https://app.test",
        "access-control-allow-methods": "GET, POST, DELETE, HEAD, OPTIONS",
        "access-control-allow-headers": "authorization,x-stainless-os",
        "access-control-allow-private-network": "true",
    }
    assert "access-control-allow-private-network" not in preflight(world, **asked).head.headers
    assert preflight(world).head.status == 204
    for refused in (preflight(world, **private), preflight(world, **asked | {"origin": "https://x.test"})):
        assert not [name for name in refused.head.headers if name.startswith("access-control-")]
    assert refused.head.status == 403


async def test_wrong_keys_are_counted_and_wait(world: World, caplog: pytest.LogCaptureFixture) -> None:
    def shown(key: str, *, peer: str = "192.168.1.7", **headers: str) -> float:
        head = RequestHead(
            "GET", "/v1/models", {"authorization": f"Bearer {key}", **headers}, came=Came(peer)
        )
        verdict = world.gateway.admission.admit(head)
        return verdict.delay if isinstance(verdict, Refusal) else -1.0

    assert [shown("sk-guess") for _ in range(5)] == [0.0, 0.0, 0.0, 0.25, 0.5]
    assert shown("sk-operator") == -1.0, "a good one comes in at once"
    assert shown("sk-guess", peer="192.168.1.8") == 0.0
    assert shown("") == 0.0, "no key is no guess"
    assert await world.sample("gateway_refusals_total", reason="wrong_key") == 6
    assert await world.sample("gateway_refusals_total", reason="no_key") == 1
    assert "192.168.1.7 showed a wrong key, for the 4. time in a row." in caplog.text
    assert "sk-guess" not in caplog.text


async def test_a_key_in_the_place_of_a_model_is_in_no_log_and_no_metric(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    world.gateway = world.under(replace(STRICT, default_model="gemini-2.5-flash"))
    await world.chat(key="sk-operator", model="sk-operator")
    assert "[redacted] → gemini-2.5-flash" in caplog.text
    assert "sk-operator" not in caplog.text


async def test_of_many_wrong_keys_at_once_a_good_one_looks_like_the_others(world: World) -> None:
    def shown(key: str, path: str, peer: str = "192.168.1.7") -> tuple[int, bytes]:
        head = RequestHead("GET", path, {"authorization": f"Bearer {key}"}, came=Came(peer))
        verdict = world.gateway.admission.admit(head)
        return (verdict.head.status, verdict.body) if isinstance(verdict, Refusal) else (200, b"")

    for path in ("/v1/models", "/metrics", "/v1/nothing"):
        *_, wrong = [shown("sk-guess", path) for _ in range(200)]
        assert wrong[0] == 429
        assert shown("sk-operator", path) == wrong
    assert shown("sk-operator", "/v1/models", "192.168.1.8")[0] == 200
    assert await world.sample("gateway_refusals_total", reason="too_many_wrong_keys") > 100


async def test_behind_a_trusted_proxy_each_client_waits_for_itself(world: World) -> None:
    world.gateway = world.under(replace(STRICT, doors=Doors(proxies=(ip_network("10.0.0.0/24"),))))
    delays: dict[str, float] = {}
    for peer, client in [("10.0.0.2", "a"), ("10.0.0.2", "b"), ("192.168.1.7", "a")] * 4:
        headers = {"x-api-key": "sk-guess", "x-forwarded-for": {"a": "1.1.1.1", "b": "2.2.2.2"}[client]}
        verdict = world.gateway.admission.admit(RequestHead("GET", "/v1/models", headers, came=Came(peer)))
        assert isinstance(verdict, Refusal)
        delays[f"{peer} {client}"] = verdict.delay
    assert delays == {"10.0.0.2 a": 0.25, "10.0.0.2 b": 0.25, "192.168.1.7 a": 0.25}


async def test_refusals_are_counted_by_why(world: World) -> None:
    await world.ask("/v1/models", host="evil.example")
    await world.ask("/v1/models", origin="https://x.test")
    await world.ask("/metrics")
    await world.ask("/v1/nothing")
    reasons = ("host_refused", "origin_refused", "invalid_api_key")
    assert [await world.sample("gateway_refusals_total", reason=reason) for reason in reasons] == [1, 1, 1]
    assert await world.sample("gateway_refusals_total") == 3


async def test_a_replay_unpacks_a_conversation_once_and_beside_the_loop(world: World) -> None:
    recordings = Recordings([], source="a.mitm", memory=world.memory, keeps_rhythm=False)
    gateway = world.under(STRICT, recordings=recordings)
    read_in: list[threading.Thread] = []

    def read_body() -> bytes:
        read_in.append(threading.current_thread())
        return b"{}"

    head, received = RequestHead("POST", "/v1/conversations", {"content-encoding": "gzip"}), Received()
    await gateway.serve(head, read_body, received, Trace())
    assert received.status == 200
    assert [thread is threading.main_thread() for thread in read_in] == [False]
