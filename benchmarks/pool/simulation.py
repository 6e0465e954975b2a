"""Clients with conversations, days long, over a pool of accounts; what became of every request, as figures."""

import asyncio
import random
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from pydantic import SecretStr

from antigravity_addon.accounts.account import Account, ApiKey
from antigravity_addon.accounts.policy import Strategy, Wish
from antigravity_addon.accounts.pool import AccountPool
from antigravity_addon.errors import UpstreamFailure
from antigravity_addon.gateway.attempt import Conditions, Deadline, Upstream
from antigravity_addon.gateway.attempts import Attempts
from antigravity_addon.gateway.legs import Direct
from antigravity_addon.gateway.prices import Prices
from antigravity_addon.gateway.settings import Settings
from antigravity_addon.gateway.trace import Trace
from antigravity_addon.state.pool_store import CooldownKey, KeptBinding, KeptCooldown, KeptDisabled, KeptPool
from antigravity_addon.translate.events import TurnEvent
from antigravity_addon.upstream.endpoint import Authorization
from antigravity_addon.upstream.endpoints import Endpoints
from antigravity_addon.upstream.remedies import Lessons
from antigravity_addon.wire.gemini import Content, GenerateContentRequest, Part

from .scripted import ScriptedTransport
from .virtual_time import run
from .world import DAY, HOUR, Quota, Troubles, World, jain

MODEL = "gemini-2.5-flash"
UNIX_START = 1_795_593_600.0
"""2026-11-25 08:00 UTC, midnight in California."""


@dataclass(frozen=True, slots=True)
class Scenario:
    name: str
    accounts: Mapping[str, str]
    """E-mail -> project."""
    quotas: Mapping[str, Quota]
    """By project."""
    days: float = 1.0
    requests_per_hour: float = 60.0
    """On average; three times as many by day as by night."""
    turns: int = 6
    """Of a conversation, half a minute apart."""
    weights: Mapping[str, float] = field(default_factory=dict[str, float])
    max_concurrent: int | None = None
    troubles: Troubles = field(default_factory=Troubles)
    strategy: Strategy = Strategy.CACHE_FIRST
    longest_wait: float = 20.0
    restart_every: float | None = None
    """Seconds; the pool then begins anew with what was kept."""
    prompt_bytes: int = 2000


@dataclass(slots=True)
class Outcome:
    requests: int = 0
    failed: int = 0
    failed_though_somebody_could: int = 0
    asked_though_out: int = 0
    """Upstream requests to a project that had said it was out, or with a key known to be dead."""
    upstream_requests: int = 0
    turns_kept: int = 0
    """Turns served by the account of the turn before."""
    turns_followed: int = 0
    """Turns that had one before."""
    waited: list[float] = field(default_factory=list[float])
    fairness: float = 1.0
    """Jain's index of what each account served, divided by its weight."""
    cached_share: float = 0.0
    """Of prompt tokens, found in the upstream's cache."""

    @property
    def stickiness(self) -> float:
        return self.turns_kept / self.turns_followed if self.turns_followed else 1.0

    @property
    def longest_wait(self) -> float:
        return max(self.waited, default=0.0)


def simulate(scenario: Scenario, *, seed: int = 1) -> Outcome:
    """Run it, in virtual time: the same seed gives the same outcome."""
    return run(_Simulation(scenario, random.Random(seed)).run())


class _Turn:
    def feed(self, event: TurnEvent) -> bytes:
        return b"." if event else b""


class _Keys:
    """The authorizer of a world with nothing but keys."""

    def at_hand(self, account: Account) -> Authorization | None:  # noqa: ARG002
        return None

    async def authorize(self, account: Account) -> Authorization:
        return Authorization({"x-goog-api-key": _key(account.email)})

    def reject(self, account: Account, authorization: Authorization) -> bool:
        return not (account and authorization)


class _Client:
    """Reads whatever comes."""

    def __init__(self) -> None:
        self.committed = False

    async def write(self, body: bytes) -> None:
        self.committed = self.committed or bool(body)


class _Simulation:
    def __init__(self, scenario: Scenario, dice: random.Random) -> None:
        self._scenario = scenario
        self._dice = dice
        self._outcome = Outcome()
        self._settings = Settings(longest_wait=scenario.longest_wait)
        self._kept_cooldowns: dict[CooldownKey, KeptCooldown | None] = {}
        self._kept_disabled: dict[str, KeptDisabled | None] = {}
        self._kept_bindings: dict[str, KeptBinding | None] = {}

    async def run(self) -> Outcome:
        scenario, loop = self._scenario, asyncio.get_running_loop()
        self._world = World(
            scenario.quotas,
            {_key(email): project for email, project in scenario.accounts.items()},
            scenario.troubles,
            dice=self._dice,
            unix_start=UNIX_START,
        )
        self._transport = ScriptedTransport(self._world.reply)
        self._pool = self._new_pool()
        end, next_restart = scenario.days * DAY, scenario.restart_every
        async with asyncio.TaskGroup() as group:
            number = 0
            while self._world.now < end:
                await asyncio.sleep(self._dice.expovariate(self._rate() / scenario.turns))
                group.create_task(self._converse(number))
                number += 1
                if next_restart is not None and self._world.now > next_restart:
                    next_restart += scenario.restart_every or 0.0
                    self._restart()
        assert loop.time() >= end
        return self._settled()

    def _rate(self) -> float:
        """Requests per second at this time of day."""
        hour = self._world.now / HOUR % 24
        return self._scenario.requests_per_hour / HOUR * (1.5 if 8 <= hour < 20 else 0.5)

    def _new_pool(self) -> AccountPool:
        scenario = self._scenario
        accounts = [
            Account(
                email,
                ApiKey(SecretStr(_key(email))),
                project=project,
                weight=scenario.weights.get(email, 1.0),
                max_concurrent=scenario.max_concurrent,
            )
            for email, project in scenario.accounts.items()
        ]
        clock = asyncio.get_running_loop().time
        return AccountPool(
            accounts, clock=clock, unix_time=lambda: self._world.unix_time, chance=self._dice.random
        )

    def _restart(self) -> None:
        """What was under way goes on with the old pool; its successor knows what was kept."""
        changes = self._pool.take_changes()
        self._kept_cooldowns |= dict(changes.cooldowns)
        self._kept_disabled |= dict(changes.disabled)
        self._kept_bindings |= dict(changes.bindings)
        self._pool = self._new_pool()
        self._pool.restore(
            KeptPool(
                {key: each for key, each in self._kept_cooldowns.items() if each},
                {email: each for email, each in self._kept_disabled.items() if each},
                {name: each for name, each in self._kept_bindings.items() if each},
                last_order=0,
            ),
            served={email: self._world.answered[_key(email)] for email in self._scenario.accounts},
        )

    async def _converse(self, number: int) -> None:
        before = ""
        for turn in range(self._scenario.turns):
            if turn:
                await asyncio.sleep(self._dice.expovariate(1 / 30))
            before = await self._ask(number, before)

    async def _ask(self, talk: int, before: str) -> str:
        """One request; gives the e-mail of who served it, or of who served the one before."""
        scenario, outcome = self._scenario, self._outcome
        text = f"talk {talk}:".ljust(scenario.prompt_bytes, "x")
        body = GenerateContentRequest(contents=(Content(role="user", parts=(Part(text=text),)),))
        trace = Trace(clock=asyncio.get_running_loop().time)
        attempts = Attempts(
            body,
            wish=Wish(MODEL, scenario.strategy, conversation=(str(talk),)),
            conditions=Conditions(
                Upstream(
                    Endpoints(target="http://google.test", user_agent="simulation"),
                    _Keys(),
                    self._pool,
                    Direct(self._transport),
                    Lessons(),
                    chance=self._dice.random,
                ),
                self._settings,
                Deadline.after(self._settings.request_timeout),
                lambda: self._world.unix_time,
                Prices(),
                size=0,
            ),
            trace=trace,
        )
        outcome.requests += 1
        try:
            await attempts.run(_Turn, _Client())
        except UpstreamFailure:
            outcome.failed += 1
            outcome.failed_though_somebody_could += self._world.could_serve(MODEL, len(body.to_json()) // 4)
            return before
        finally:
            outcome.waited.append(trace.waited_seconds)
        if before:
            outcome.turns_followed += 1
            outcome.turns_kept += before == trace.account
        return trace.account

    def _settled(self) -> Outcome:
        world, scenario = self._world, self._scenario
        shares = [
            world.answered[_key(email)] / scenario.weights.get(email, 1.0) for email in scenario.accounts
        ]
        return replace(
            self._outcome,
            upstream_requests=len(self._transport.sent),
            asked_though_out=world.asked_though_out,
            fairness=jain(shares),
            cached_share=world.cached_tokens / max(world.prompt_tokens, 1),
        )


def _key(email: str) -> str:
    return f"key-{email}"
