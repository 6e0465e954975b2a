"""When access tokens are made, and for how long they are given out."""

import asyncio
import logging
import math
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from antigravity_addon.accounts.account import Account, OAuthClient, RefreshGrant, VertexProject
from antigravity_addon.accounts.single_flight import SingleFlight
from antigravity_addon.accounts.tokens import (
    AFTER_FAILURE_SECONDS,
    LONGEST_LIFE,
    UNKNOWN_LIFE,
    Token,
    Tokens,
)
from antigravity_addon.errors import AccountRefused, TokenUnavailable, UpstreamFailure

HOUR = 3600.0


def account(email: str = "ana@x.y", *, refresh_token: str = "refresh-1") -> Account:
    grant = RefreshGrant(OAuthClient("client", SecretStr("hush")), SecretStr(refresh_token))
    return Account(email, VertexProject("project", grant))


ANA = account()


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Issuer:
    """Makes `token-1`, `token-2`, … once it is let."""

    seconds: float = HOUR
    failure: Exception | None = None
    open: asyncio.Event = field(default_factory=asyncio.Event)
    asked: list[Account] = field(default_factory=list[Account])

    def __post_init__(self) -> None:
        self.open.set()

    async def __call__(self, account: Account) -> Token:
        self.asked.append(account)
        number = len(self.asked)
        await self.open.wait()
        if self.failure is not None:
            raise self.failure
        return Token(SecretStr(f"token-{number}"), self.seconds)


@dataclass
class Desk:
    """Tokens with everything they depend on."""

    issuer: Issuer = field(default_factory=Issuer)
    clock: Clock = field(default_factory=Clock)

    def __post_init__(self) -> None:
        self.tokens = Tokens(self.issuer, clock=self.clock)

    async def get(self, account: Account = ANA) -> str:
        return (await self.tokens.get(account)).get_secret_value()

    async def settle(self) -> None:
        """Let what is under way in the background go on to its end."""
        for _ in range(5):
            await asyncio.sleep(0)

    @property
    def made(self) -> int:
        return len(self.issuer.asked)


@pytest.fixture
def desk() -> Desk:
    return Desk()


@pytest.fixture(params=[False, True], ids=["lazy tasks", "eager tasks"])
def any_factory(request: pytest.FixtureRequest) -> Callable[[], None]:
    """mitmproxy's loop starts tasks at once."""

    def install() -> None:
        if request.param:
            asyncio.get_running_loop().set_task_factory(asyncio.eager_task_factory)

    return install


# --- one for all ------------------------------------------------------------------------------------------


async def test_a_stampede_makes_one_token(desk: Desk, any_factory: Callable[[], None]) -> None:
    any_factory()
    desk.issuer.open.clear()
    waiting = [asyncio.ensure_future(desk.get()) for _ in range(100)]  # noqa: TID251  kept here
    await desk.settle()
    desk.issuer.open.set()
    assert await asyncio.gather(*waiting) == ["token-1"] * 100
    assert desk.made == 1


async def test_accounts_do_not_wait_for_each_other(desk: Desk) -> None:
    assert await asyncio.gather(desk.get(ANA), desk.get(account("bo@x.y"))) == ["token-1", "token-2"]


async def test_a_token_is_kept_whatever_object_the_account_is(desk: Desk) -> None:
    assert [await desk.get(account()), await desk.get(replace(ANA, disabled=True))] == ["token-1"] * 2


async def test_a_stampede_of_rejections_makes_one_token(desk: Desk, any_factory: Callable[[], None]) -> None:
    any_factory()
    first = await desk.tokens.get(ANA)

    async def refused() -> str:
        desk.tokens.reject(ANA, first)
        return await desk.get()

    assert await asyncio.gather(*(refused() for _ in range(100))) == ["token-2"] * 100
    desk.tokens.reject(ANA, first)
    assert (await desk.get(), desk.made) == ("token-2", 2)


async def test_a_rejection_of_what_nobody_has_changes_nothing(desk: Desk) -> None:
    desk.tokens.reject(ANA, SecretStr("token-1"))
    assert await desk.get() == "token-1"
    desk.tokens.reject(account("bo@x.y"), SecretStr("token-1"))
    assert (await desk.get(), desk.made) == ("token-1", 1)


async def test_a_cancelled_waiter_leaves_the_token_to_the_others(desk: Desk) -> None:
    desk.issuer.open.clear()
    first, second = (asyncio.ensure_future(desk.get()) for _ in range(2))  # noqa: TID251  kept here
    await desk.settle()
    first.cancel()
    await desk.settle()
    desk.issuer.open.set()
    assert (await second, first.cancelled(), desk.made) == ("token-1", True, 1)


async def test_a_token_is_made_to_its_end_if_all_waiters_are_cancelled(desk: Desk) -> None:
    desk.issuer.open.clear()
    waiter = asyncio.ensure_future(desk.get())  # noqa: TID251  kept here
    await desk.settle()
    waiter.cancel()
    desk.issuer.open.set()
    await desk.settle()
    assert (await desk.get(), desk.made) == ("token-1", 1)


async def test_a_failure_goes_to_all_that_wait_and_the_next_tries_anew(
    desk: Desk, any_factory: Callable[[], None]
) -> None:
    any_factory()
    desk.issuer.failure = AccountRefused("no")
    outcomes = await asyncio.gather(*(desk.get() for _ in range(10)), return_exceptions=True)
    assert outcomes == [desk.issuer.failure] * 10
    assert desk.made in {1, 10}, "an issuer that never waits has nobody waiting with it, if tasks are eager"
    before = desk.made
    desk.issuer.failure = None
    assert await desk.get() == f"token-{before + 1}"


async def test_other_credentials_make_another_token(desk: Desk) -> None:
    assert await desk.get(account()) == "token-1"
    assert await desk.get(account(refresh_token="refresh-2")) == "token-2"
    assert await desk.get(account(refresh_token="refresh-2")) == "token-2"


async def test_a_token_that_comes_too_late_for_its_credentials_is_not_kept(desk: Desk) -> None:
    desk.issuer.open.clear()
    late = asyncio.ensure_future(desk.get(account()))  # noqa: TID251  kept here
    await desk.settle()
    newer = asyncio.ensure_future(desk.get(account(refresh_token="refresh-2")))  # noqa: TID251  kept here
    await desk.settle()
    desk.issuer.open.set()
    assert (await late, await newer) == ("token-1", "token-2")
    assert await desk.get(account(refresh_token="refresh-2")) == "token-2"


# --- the life of a token ----------------------------------------------------------------------------------

RENEWED_AFTER: dict[str, tuple[float, float, float]] = {
    "an hour's": (3600.0, 3300.0, 3600.0),
    "ten minutes'": (600.0, 540.0, 600.0),
    "ten seconds'": (10.0, 9.0, 10.0),
    "a day's, which nobody gives": (86_400.0, LONGEST_LIFE - 300, LONGEST_LIFE),
    "one without end": (math.inf, LONGEST_LIFE - 300, LONGEST_LIFE),
    "one that is born dead": (0.0, UNKNOWN_LIFE * 0.9, UNKNOWN_LIFE),
    "one that died long ago": (-3600.0, UNKNOWN_LIFE * 0.9, UNKNOWN_LIFE),
    "one of no known life": (math.nan, UNKNOWN_LIFE * 0.9, UNKNOWN_LIFE),
}


@pytest.mark.parametrize(("seconds", "renewed", "dead"), RENEWED_AFTER.values(), ids=RENEWED_AFTER)
async def test_a_token_is_renewed_ahead_and_used_to_its_end(
    desk: Desk, seconds: float, renewed: float, dead: float
) -> None:
    desk.issuer.seconds = seconds
    started = desk.clock.now
    await desk.get()
    desk.clock.now = started + renewed - 0.1
    assert await desk.get() == "token-1"
    await desk.settle()
    assert desk.made == 1
    desk.issuer.open.clear()
    for now in (started + renewed, started + dead - 0.01):
        desk.clock.now = now
        assert await desk.get() == "token-1", "the renewal takes its time, and nobody waits for it"
        await desk.settle()
    assert desk.made == 2
    desk.issuer.open.set()
    await desk.settle()
    assert await desk.get() == "token-2"


async def test_a_dead_token_is_not_given_out(desk: Desk) -> None:
    await desk.get()
    desk.clock.now += HOUR
    assert await desk.get() == "token-2"


async def test_whoever_finds_a_token_dead_waits_for_the_renewal_under_way(desk: Desk) -> None:
    await desk.get()
    desk.issuer.open.clear()
    desk.clock.now += HOUR - 200
    await desk.get()
    desk.clock.now += 200
    waiter = asyncio.ensure_future(desk.get())  # noqa: TID251  kept here
    await desk.settle()
    desk.issuer.open.set()
    assert (await waiter, desk.made) == ("token-2", 2)


@pytest.mark.parametrize(
    "failure",
    [TokenUnavailable("Down."), AccountRefused("Refused.")],
    ids=lambda failure: type(failure).__name__,
)
async def test_the_old_token_is_used_while_renewal_fails(
    desk: Desk, failure: UpstreamFailure, caplog: pytest.LogCaptureFixture
) -> None:
    await desk.get()
    desk.issuer.failure = failure
    desk.clock.now += HOUR - 290
    for _ in range(50):
        assert await desk.get() == "token-1"
        await desk.settle()
    assert desk.made == 2, "tried again, but not for each request"
    desk.clock.now += AFTER_FAILURE_SECONDS
    assert await desk.get() == "token-1"
    await desk.settle()
    assert desk.made == 3
    assert caplog.messages == [
        f"Account ana@x.y: its access token could not be renewed and is good for {left} seconds more. "
        f"{failure.message}"
        for left in (290, 260)
    ]
    desk.clock.now += 260
    with pytest.raises(type(failure)):
        await desk.get()
    desk.issuer.failure = None
    assert await desk.get() == "token-5"


@given(st.floats() | st.integers(-(10**9), 10**9).map(float))
def test_no_life_makes_a_token_for_each_request(seconds: float) -> None:
    async def run() -> int:
        desk = Desk(Issuer(seconds=seconds))
        for _ in range(3):
            await desk.get()
        return desk.made

    assert seconds == pytest.approx(0, abs=1) or in_a_loop(run()) == 1


def in_a_loop[T](coroutine: Coroutine[None, None, T]) -> T:
    with asyncio.Runner(loop_factory=asyncio.SelectorEventLoop) as runner:
        return runner.run(coroutine)


# --- secrets, bugs, the end -------------------------------------------------------------------------------


async def test_a_token_shows_nowhere(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    token = await desk.tokens.get(ANA)
    assert token.get_secret_value() == "token-1"
    shown = f"{token!r} {token} {desk.tokens._held!r} {Token(token, 1.0)!r} {caplog.text}"
    assert "token-1" not in shown
    assert "refresh-1" not in shown


async def test_a_bug_in_the_background_is_logged(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    await desk.get()
    desk.issuer.failure = RuntimeError("bug")
    desk.clock.now += HOUR - 1
    assert await desk.get() == "token-1"
    await desk.settle()
    assert caplog.messages == ["Work that was shared failed."]


async def test_the_end_cancels_what_is_under_way(desk: Desk) -> None:
    desk.issuer.open.clear()
    waiter = asyncio.ensure_future(desk.get())  # noqa: TID251  kept here
    await desk.settle()
    await desk.tokens.aclose()
    with pytest.raises(asyncio.CancelledError):
        await waiter


async def test_work_for_another_key_goes_on_by_itself() -> None:
    flights = SingleFlight[str, str]()

    async def name(text: str) -> str:
        await asyncio.sleep(0)
        return text

    assert await asyncio.gather(
        flights.wait("a", lambda: name("1")),
        flights.wait("a", lambda: name("2")),
        flights.wait("b", lambda: name("3")),
    ) == ["1", "1", "3"]
    assert flights._under_way == {}
