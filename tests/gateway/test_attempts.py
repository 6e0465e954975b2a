"""Rotation, waits, deadlines and hedging of one turn, over scripted upstreams in virtual time."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import pytest
from pydantic import SecretStr

from antigravity_addon.accounts.account import (
    Account,
    ApiKey,
    ExpressKey,
    GoogleAuthGrant,
    VertexProject,
)
from antigravity_addon.accounts.policy import Strategy, Wish
from antigravity_addon.accounts.pool import AccountPool
from antigravity_addon.errors import (
    AccountsExhausted,
    Overloaded,
    QuotaExhausted,
    RateLimited,
    UpstreamFailure,
    UpstreamRefused,
    UpstreamTimeout,
    UpstreamUnreachable,
)
from antigravity_addon.gateway.attempt import Conditions, Upstream
from antigravity_addon.gateway.attempts import Attempts
from antigravity_addon.gateway.deadline import Deadline
from antigravity_addon.gateway.legs import Direct
from antigravity_addon.gateway.prices import Prices
from antigravity_addon.gateway.resend import Resender
from antigravity_addon.gateway.settings import Settings
from antigravity_addon.gateway.trace import Trace
from antigravity_addon.translate.events import Finished, TextDelta, TurnEvent, Usage
from antigravity_addon.upstream.endpoint import Authorization, UpstreamRequest
from antigravity_addon.upstream.endpoints import Endpoints
from antigravity_addon.upstream.remedies import Lessons
from antigravity_addon.wire.gemini import Content, GenerateContentRequest, Part
from benchmarks.pool.scripted import (
    Reply,
    ScriptedTransport,
    bare_429,
    dead_key,
    event,
    key_of,
    over_quota,
    overloaded,
    refused,
    said,
)
from benchmarks.pool.virtual_time import run

UNIX = 1_795_000_000.0
"""03:06:40 in California."""
BODY = GenerateContentRequest(contents=(Content(role="user", parts=(Part(text="hello"),)),))


class Turn:
    def feed(self, event: TurnEvent) -> bytes:
        match event:
            case TextDelta(text=text):
                return text.encode()
            case Finished():
                return b"."
            case _:
                return b""


class WholeTurn:
    """Says all at the end, as for a client that wants its answer whole."""

    def __init__(self) -> None:
        self._text = ""

    def feed(self, event: TurnEvent) -> bytes:
        match event:
            case TextDelta(text=text):
                self._text += text
                return b""
            case Finished():
                return self._text.encode()
            case _:
                return b""


@dataclass
class Reader:
    """Who has anything has part of it already, unless the answer is wanted whole."""

    is_whole: bool = False
    written: bytes = b""

    @property
    def committed(self) -> bool:
        return bool(self.written) and not self.is_whole

    async def write(self, body: bytes) -> None:
        self.written += body


class Keys:
    """The authorizer: keys as they are, and each can be made anew."""

    def __init__(self) -> None:
        self.made = 0
        self.rejected: list[str] = []

    def at_hand(self, account: Account) -> Authorization | None:  # noqa: ARG002
        return None

    async def authorize(self, account: Account) -> Authorization:
        self.made += 1
        return Authorization({"x-goog-api-key": f"{account.email}#{len(self.rejected)}"})

    def reject(self, account: Account, authorization: Authorization) -> bool:  # noqa: ARG002  it was ours
        self.rejected.append(account.email)
        return True


type Replies = Callable[[str, float], Reply]
"""From the account's e-mail and the time since the start."""


@dataclass
class World:
    """Accounts a, b, c… and the upstream that `replies` speaks for."""

    replies: Replies
    names: str = "abc"
    settings: Settings = field(default_factory=Settings)
    accounts: tuple[Account, ...] = ()
    body: GenerateContentRequest = BODY

    def __post_init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.began = self.loop.time()
        accounts = self.accounts or tuple(Account(name, ApiKey(SecretStr(name))) for name in self.names)
        self.pool = AccountPool(
            accounts, clock=self.loop.time, unix_time=lambda: UNIX + self.now, chance=lambda: 0.5
        )
        self.transport = ScriptedTransport(self._reply)
        self.keys = Keys()
        self.trace = Trace(clock=self.loop.time)
        self.attempts: Attempts | None = None

    @property
    def now(self) -> float:
        return self.loop.time() - self.began

    def _reply(self, request: UpstreamRequest) -> Reply:
        return self.replies(key_of(request).partition("#")[0], self.now)

    @property
    def asked(self) -> str:
        """Who was asked, in order."""
        return "".join(key_of(request).partition("#")[0] for request in self.transport.sent)

    @property
    def at_rest(self) -> set[str]:
        return {report.account.email for report in self.pool.reports() if report.rests}

    async def ask(
        self,
        *,
        reader: Reader | None = None,
        wish: Wish | None = None,
        body: GenerateContentRequest | None = None,
        begin: Callable[[], Turn | WholeTurn] = Turn,
    ) -> str:
        """What a client gets of one request."""
        self.trace = Trace(clock=self.loop.time)
        reader = reader or Reader()
        self.attempts = Attempts(
            body or self.body,
            wish=wish or Wish("gemini-2.5-flash"),
            conditions=Conditions(
                Upstream(
                    Endpoints(target="http://relay.test", user_agent="test"),
                    self.keys,
                    self.pool,
                    Direct(self.transport),
                    Lessons(),
                    chance=lambda: 0.5,
                ),
                self.settings,
                Deadline.after(self.settings.request_timeout),
                lambda: UNIX + self.now,
                Prices(),
                size=0,
            ),
            trace=self.trace,
        )
        last = await self.attempts.run(begin, reader)
        return (reader.written + last).decode()


def only(**replies: Reply) -> Replies:
    """Fixed replies by account; others answer."""
    return lambda who, _: replies.get(who) or said(who)


def always(reply: Reply) -> Replies:
    return lambda _who, _now: reply


# --- going on ----------------------------------------------------------------------------------------------


def test_every_account_that_is_out_makes_room_for_the_next_however_many_there_are() -> None:
    async def main() -> None:
        daily = over_quota("GenerateRequestsPerDayPerProjectPerModel-FreeTier", retry_seconds=9)
        outs = dict.fromkeys("abcdefgh", daily) | {"c": dead_key(), "f": over_quota("RequestsPerMinute")}
        world = World(only(**outs), names="abcdefghi")
        assert await world.ask() == "i."
        assert world.asked == "abcdefghi"
        assert await world.ask() == "i."
        assert world.asked == "abcdefghii", "the others are known to be out"

    run(main())


def test_what_no_account_is_to_blame_for_is_tried_a_few_times() -> None:
    async def main() -> None:
        world = World(always(refused(500, "oops")), settings=Settings(max_attempts=4))
        with pytest.raises(UpstreamFailure, match="oops"):
            await world.ask()
        assert len(world.asked) == 4
        assert world.now == pytest.approx(0.0 + 0.5 + 2.0), "no pause after the last one"
        assert world.at_rest == set()

    run(main())


def test_c91_an_overload_is_waited_out() -> None:
    async def main() -> None:
        world = World(lambda _, now: overloaded() if now < 3 else said("ok"))
        assert await world.ask() == "ok."
        assert world.now == pytest.approx(1.0 + 3.0)
        assert (world.trace.waited_seconds, len(world.trace.attempts)) == (pytest.approx(4.0), 3)

    run(main())


def test_no_pause_is_begun_that_is_longer_than_the_request_may_wait() -> None:
    async def main() -> None:
        world = World(always(refused(500, "oops")), settings=Settings(longest_wait=0.4))
        with pytest.raises(UpstreamFailure, match="oops"):
            await world.ask()
        assert (len(world.asked), world.now) == (2, 0.0)

    run(main())


def test_an_overload_is_waited_out_for_as_long_as_is_stated() -> None:
    async def main() -> None:
        stated = refused(503, "x", {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "7s"})
        world = World(lambda _, now: stated if now < 7 else said("ok"))
        assert await world.ask() == "ok."
        assert (len(world.asked), world.now) == (2, pytest.approx(7.0))

    run(main())


def test_c91_an_overload_that_stays_is_told_and_the_model_rests() -> None:
    async def main() -> None:
        world = World(always(overloaded()), names="abcdef")
        with pytest.raises(Overloaded):
            await world.ask()
        assert (len(world.asked), world.at_rest) == (3, set())
        world.settings = Settings(longest_wait=5.0)
        with pytest.raises(Overloaded) as told:
            await world.ask()
        assert (len(world.asked), told.value.retry_after) == (3, pytest.approx(10.0)), "nobody was asked"

    run(main())


def test_a_day_that_is_used_up_everywhere_is_told_with_its_end() -> None:
    async def main() -> None:
        world = World(always(over_quota("RequestsPerDay", retry_seconds=3)))
        for _ in range(2):
            with pytest.raises(QuotaExhausted) as told:
                await world.ask()
            assert told.value.retry_after == pytest.approx(75_200.0)
            assert told.value.should_retry is False
        assert world.asked == "abc"

    run(main())


def test_a_minute_somewhere_is_told_where_the_others_have_a_day_to_go() -> None:
    async def main() -> None:
        minute = over_quota("RequestsPerMinute", retry_seconds=40)
        world = World(only(a=over_quota("RequestsPerDay"), b=minute, c=over_quota("RequestsPerDay")))
        with pytest.raises(RateLimited) as told:
            await world.ask()
        assert told.value.retry_after == pytest.approx(40.0)

    run(main())


def test_a_short_rest_is_waited_for() -> None:
    async def main() -> None:
        world = World(
            lambda _, now: over_quota("RequestsPerMinute", retry_seconds=8) if now < 8 else said("ok")
        )
        assert await world.ask() == "ok."
        assert world.now == pytest.approx(8.0)
        assert world.trace.waited_seconds == pytest.approx(8.0)

    run(main())


def test_the_longest_wait_counts_all_waits_together() -> None:
    async def main() -> None:
        world = World(always(over_quota("RequestsPerMinute", retry_seconds=8)), names="a")
        with pytest.raises(RateLimited):
            await world.ask()
        assert (world.now, world.asked) == (pytest.approx(16.0), "aaa")

    run(main())


def test_the_deadline_covers_waits() -> None:
    async def main() -> None:
        world = World(
            always(over_quota("RequestsPerMinute", retry_seconds=8)),
            settings=Settings(request_timeout=10.0),
        )
        with pytest.raises(RateLimited):
            await world.ask()
        assert world.now == pytest.approx(8.0)

    run(main())


def test_the_deadline_covers_the_making_of_a_token() -> None:
    class Slow(Keys):
        async def authorize(self, account: Account) -> Authorization:
            await asyncio.sleep(1000)
            return await super().authorize(account)

    async def main() -> None:
        world = World(only(), settings=Settings(request_timeout=10.0))
        world.keys = Slow()
        with pytest.raises(UpstreamTimeout):
            await world.ask()
        assert world.now == pytest.approx(10.0)

    run(main())


def test_the_deadline_covers_what_an_operator_sends_again() -> None:
    async def main() -> None:
        world = World(always(said("late", seconds=60.0)), settings=Settings(request_timeout=5.0))
        endpoints = Endpoints(target="http://relay.test", user_agent="test")
        resender = Resender(endpoints, world.keys, world.pool, world.transport, world.settings)
        with pytest.raises(UpstreamTimeout, match="not complete after 5 seconds"):
            async with resender.resend(UpstreamRequest("http://relay.test/x", {}, b"{}"), email="a"):
                pass
        assert (world.now, keys(world.transport.cancelled)) == (pytest.approx(5.0), "a")

    run(main())


def test_a_token_that_takes_long_leaves_the_request_to_another_account() -> None:
    class Slow(Keys):
        async def authorize(self, account: Account) -> Authorization:
            await asyncio.sleep(1000 if account.email == "a" else 0)
            return await super().authorize(account)

    async def main() -> None:
        world = World(only())
        world.keys = Slow()
        assert await world.ask() == "b."
        assert (world.now, world.at_rest) == (pytest.approx(15.0), {"a"})
        await asyncio.sleep(5.0)
        assert world.at_rest == set(), "its token may be there by now"

    run(main())


def test_nobody_to_pay() -> None:
    async def main() -> None:
        world = World(only(), accounts=(Account("a", ApiKey(SecretStr("a")), disabled=True),))
        with pytest.raises(AccountsExhausted):
            await world.ask()
        assert world.asked == ""

    run(main())


def test_nothing_is_tried_again_once_the_client_has_something() -> None:
    async def main() -> None:
        broken = Reply(body=event("half"), rest=((1.0, b"data: {"),))
        world = World(only(a=broken))
        with pytest.raises(UpstreamFailure):
            await world.ask()
        assert world.asked == "a"
        assert await world.ask(reader=Reader(is_whole=True)) == "b."

    run(main())


def test_a_model_that_one_kind_of_upstream_lacks_is_asked_of_another() -> None:
    async def main() -> None:
        missing = refused(404, "models/m is not found for API version v1beta")
        accounts = (
            Account("a", ApiKey(SecretStr("a"))),
            Account("b", ApiKey(SecretStr("b"))),
            Account("v", ExpressKey(SecretStr("v"))),
        )
        world = World(only(a=missing, b=missing), accounts=accounts)
        assert await world.ask() == "v."
        assert world.asked == "av", "b is of the same kind as a"
        world = World(only(a=missing), names="ab")
        with pytest.raises(UpstreamRefused):
            await world.ask()
        assert world.asked == "a"

    run(main())


def vertex(name: str, location: str) -> Account:
    grant = GoogleAuthGrant(SecretStr(name))
    return Account(name, VertexProject("p", grant, location), project="p")


def test_a_model_that_one_location_lacks_is_asked_of_another() -> None:
    async def main() -> None:
        missing = refused(
            404, "Publisher Model `m` was not found or your project does not have access to it."
        )
        accounts = (vertex("w", "us-west1"), vertex("g", "global"))
        world = World(only(w=missing), accounts=accounts, settings=Settings(max_attempts=1))
        assert await world.ask() == "g."
        assert world.asked == "wg"

    run(main())


def test_a_plan_without_the_model_is_one_accounts_alone() -> None:
    async def main() -> None:
        unpaid = refused(403, "This model is only available in the paid tier.")
        world = World(only(a=unpaid))
        assert await world.ask() == "b."
        world = World(always(unpaid))
        with pytest.raises(UpstreamFailure) as told:
            await world.ask()
        assert (told.value.status, told.value.code, world.asked) == (403, "model_not_available", "abc")

    run(main())


MIXED = (
    *(Account(name, ApiKey(SecretStr(name))) for name in "abcd"),
    Account("v", ExpressKey(SecretStr("v"))),
)


def test_an_overload_of_one_kind_of_upstream_is_not_waited_out_where_there_is_another() -> None:
    async def main() -> None:
        busy = refused(503, "The model is overloaded. Please try again later.")
        world = World(only(**dict.fromkeys("abcd", busy)), accounts=MIXED)
        assert await world.ask() == "v."
        assert (world.asked, world.now) == ("av", 0.0)

    run(main())


def test_who_cannot_be_reached_is_not_asked_by_another_name() -> None:
    async def main() -> None:
        accounts = (
            *(Account(name, ApiKey(SecretStr(name)), base_url="https://gone.test") for name in "abc"),
            Account("d", ApiKey(SecretStr("d"))),
        )
        gone = Reply(failure=UpstreamUnreachable("The upstream cannot be reached."))
        world = World(only(**dict.fromkeys("abc", gone)), accounts=accounts)
        assert await world.ask() == "d."
        assert world.asked == "ad"

    run(main())


def test_money_that_is_gone_is_told_as_such() -> None:
    async def main() -> None:
        broke = refused(429, "Your prepayment credits are depleted.")
        world = World(always(broke))
        for _ in range(2):
            with pytest.raises(QuotaExhausted) as told:
                await world.ask()
            assert (told.value.retry_after, told.value.should_retry) == (
                pytest.approx(3600.0 - world.now),
                False,
            )
            await asyncio.sleep(600.0)

    run(main())


def test_the_words_say_the_same_as_the_header() -> None:
    async def main() -> None:
        world = World(
            lambda who, _: over_quota("RequestsPerMinute", retry_seconds={"a": 30.0, "b": 50.0}[who]),
            names="ab",
        )
        with pytest.raises(RateLimited, match="quota") as told:
            await world.ask()
        assert told.value.retry_after == pytest.approx(30.0)
        assert told.value.message.endswith("Please try again in 30.0s.")

    run(main())


def test_what_was_cut_off_is_counted() -> None:
    async def main() -> None:
        cut = Reply(body=event("half", tokens=(100, 10, 5)), rest=((1.0, b"data: {"),))
        world = World(only(a=cut, b=said("b", tokens=(100, 0, 7))), names="ab")
        assert await world.ask(reader=Reader(is_whole=True)) == "halfb."
        assert [(each.account, each.usage) for each in world.trace.attempts] == [
            ("a", Usage(100, 10, 5)),
            ("b", Usage(100, 0, 7)),
        ]
        world.replies = only(
            b=Reply(body=event("half", tokens=(100, 0, 5)), rest=((60.0, b""),)), a=bare_429()
        )
        task = asyncio.get_running_loop().create_task(world.ask())
        await asyncio.sleep(20.0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert [(each.account, each.usage) for each in world.trace.attempts] == [
            ("a", None),
            ("b", Usage(100, 0, 5)),
        ]

    run(main())


# --- tokens ------------------------------------------------------------------------------------------------

UNAUTHENTICATED = refused(401, "Request had invalid authentication credentials.")


def test_a_401_makes_a_new_token_and_tries_again() -> None:
    async def main() -> None:
        world = World(only(), names="a")
        world.transport = ScriptedTransport(
            lambda request: UNAUTHENTICATED if key_of(request).endswith("#0") else said("ok")
        )
        assert await world.ask() == "ok."
        assert (world.keys.made, world.keys.rejected, len(world.trace.attempts)) == (2, ["a"], 1)

    run(main())


def test_a_second_401_lets_the_account_rest() -> None:
    async def main() -> None:
        world = World(only(a=UNAUTHENTICATED), names="ab")
        assert await world.ask() == "b."
        assert world.asked == "aab"
        assert [report.rests[0].seconds for report in world.pool.reports() if report.rests] == [600.0]

    run(main())


def test_what_came_in_front_of_a_401_is_not_said_twice() -> None:
    """A token may be taken back in the middle of an answer that nobody has anything of yet."""
    refusal = b'data: {"error": {"code": 401, "message": "Expired.", "status": "UNAUTHENTICATED"}}\r\n\r\n'

    async def main() -> None:
        world = World(only(), names="a")
        world.transport = ScriptedTransport(
            lambda request: (
                Reply(body=event("half "), rest=((1.0, refusal),))
                if key_of(request).endswith("#0")
                else said("ok")
            )
        )
        assert await world.ask(reader=Reader(is_whole=True), begin=WholeTurn) == "ok"

    run(main())


def test_what_failed_in_time_is_begun_afresh_at_once() -> None:
    """A sign of life before the next attempt speaks must not go on from what the client never got."""

    async def main() -> None:
        begun: list[float] = []

        def begin() -> Turn:
            begun.append(world.now)
            return Turn()

        overload = b'data: {"error": {"code": 503, "message": "x", "status": "UNAVAILABLE"}}\r\n\r\n'
        world = World(only(a=Reply(body=event("half ") + overload), b=said("ok", seconds=9.0)), names="ab")
        assert await world.ask(begin=begin) == "ok."
        assert begun == [0.0, 0.0, pytest.approx(10.0)]

    run(main())


# --- the request is the cause ------------------------------------------------------------------------------


def test_a_request_that_a_few_accounts_limit_alike_is_marked_and_nobody_rests() -> None:
    async def main() -> None:
        world = World(always(bare_429()), names="abcdefg")
        with pytest.raises(RateLimited) as told:
            await world.ask()
        assert (world.asked, world.at_rest) == ("abc", set())
        assert told.value.retry_after == pytest.approx(5.0)
        with pytest.raises(RateLimited):
            await world.ask()
        assert world.asked == "abc", "it is known, and nobody is asked"
        await asyncio.sleep(5.0)
        with pytest.raises(RateLimited):
            await world.ask()
        assert len(world.asked) > 3, "known for as long as an account would have rested"

    run(main())


ANOTHER = GenerateContentRequest(contents=(Content(role="user", parts=(Part(text="short"),)),))


def test_others_are_served_by_the_accounts_that_a_marked_request_met() -> None:
    async def main() -> None:
        world = World(only())
        world.transport = ScriptedTransport(
            lambda request: bare_429() if b"hello" in request.body else said(key_of(request)[0])
        )
        with pytest.raises(RateLimited):
            await world.ask()
        assert [await world.ask(body=ANOTHER) for _ in range(3)] == ["a.", "b.", "c."]

    run(main())


def test_accounts_that_limit_another_request_too_were_out_after_all() -> None:
    async def main() -> None:
        world = World(only(a=bare_429(), b=bare_429(), c=bare_429()), names="abcd")
        with pytest.raises(RateLimited):
            await world.ask()
        assert [await world.ask(body=ANOTHER) for _ in range(2)] == ["d.", "d."]
        assert (world.asked, world.at_rest) == ("abcdabcd", {"a", "b", "c"})

    run(main())


def test_accounts_that_have_answered_as_much_are_believed_longer() -> None:
    async def main() -> None:
        world = World(only(), names="abcdefg")
        for _ in "abcdefg":
            await world.ask()
        world.replies = only(**dict.fromkeys("abcd", bare_429()))
        assert await world.ask() == "e."
        assert world.at_rest == set("abcd")
        world = World(only(), names="abcdefg")
        for _ in "abcdefg":
            await world.ask()
        world.replies = always(bare_429())
        with pytest.raises(RateLimited):
            await world.ask()
        assert (world.asked[7:], world.at_rest) == ("abcde", set())

    run(main())


def test_a_request_larger_than_any_answered_is_suspected_at_once() -> None:
    async def main() -> None:
        world = World(only(), names="abcdefg")
        for _ in "abcdefg":
            await world.ask(body=ANOTHER)
        world.replies = always(bare_429())
        large = GenerateContentRequest(contents=(Content(role="user", parts=(Part(text="x" * 1000),)),))
        with pytest.raises(RateLimited):
            await world.ask(body=large)
        assert (world.asked[7:], world.at_rest) == ("abc", set())

    run(main())


def test_a_quota_of_requests_is_never_the_requests_fault() -> None:
    async def main() -> None:
        minute = over_quota("GenerateRequestsPerMinutePerProjectPerModel", retry_seconds=30)
        world = World(only(**dict.fromkeys("abcde", minute)), names="abcdef")
        assert await world.ask() == "f."
        assert world.at_rest == set("abcde")

    run(main())


def test_keys_of_one_project_are_one_witness() -> None:
    async def main() -> None:
        accounts = tuple(Account(name, ApiKey(SecretStr(name)), project="p") for name in "abcd")
        world = World(always(bare_429()), accounts=accounts, settings=Settings(longest_wait=1.0))
        with pytest.raises(RateLimited):
            await world.ask()
        assert world.asked == "a", "another key of the project would be pointless"

    run(main())


# --- hedging -----------------------------------------------------------------------------------------------

HEDGED = Settings(hedge_seconds=2.0)


def keys(requests: list[UpstreamRequest]) -> str:
    return "".join(key_of(request)[0] for request in requests)


def test_a_silent_account_is_helped_out_by_a_second_one() -> None:
    async def main() -> None:
        world = World(only(a=said("late", seconds=60.0)), settings=HEDGED)
        assert await world.ask() == "b."
        assert world.now == pytest.approx(2.0)
        assert (world.asked, keys(world.transport.cancelled)) == ("ab", "a")
        assert {(each.account, each.failure) for each in world.trace.attempts} == {
            ("a", "cancelled"),
            ("b", ""),
        }
        assert world.attempts is not None
        assert world.attempts.account is not None
        assert (world.attempts.account.email, world.trace.account) == ("b", "b")
        assert [report.leases for report in world.pool.reports()] == [0, 0, 0]

    run(main())


def test_the_first_wins_if_it_speaks_first_after_all() -> None:
    async def main() -> None:
        world = World(only(a=said("a", seconds=3.0), b=said("b", seconds=3.0)), settings=HEDGED)
        assert await world.ask() == "a."
        assert (world.now, keys(world.transport.cancelled)) == (pytest.approx(3.0), "b")
        assert world.trace.account == "a"

    run(main())


def test_who_speaks_in_time_is_not_hedged() -> None:
    async def main() -> None:
        slow = Reply(body=event("x"), rest=((60.0, event("y", finish="STOP")),))
        world = World(only(a=slow), settings=HEDGED)
        assert await world.ask() == "xy."
        assert world.asked == "a"

    run(main())


def test_one_that_fails_leaves_the_race_to_the_other() -> None:
    async def main() -> None:
        world = World(
            only(a=refused(500, "x", seconds=3.0), b=said("b", seconds=5.0)), settings=HEDGED, names="ab"
        )
        assert await world.ask() == "b."
        assert world.now == pytest.approx(7.0)

    run(main())


def test_if_both_fail_a_third_is_asked() -> None:
    async def main() -> None:
        world = World(only(a=dead_key(), b=said("b", seconds=9.0)), settings=HEDGED, names="abc")
        world.replies = only(a=replace(dead_key(), seconds=5.0), b=over_quota("RequestsPerDay", seconds=1.0))
        assert await world.ask() == "c."
        assert world.asked == "abc"

    run(main())


def test_a_loser_that_fails_as_the_other_wins_is_not_heard_of() -> None:
    async def main() -> None:
        slow = Reply(body=event("one "), rest=((5.0, event("two", finish="STOP")),))
        world = World(only(a=replace(bare_429(), seconds=2.0), b=slow), settings=HEDGED, names="ab")
        assert await world.ask() == "one two."

    run(main())


def test_a_sign_of_life_names_the_one_that_may_still_serve() -> None:
    async def main() -> None:
        world = World(
            only(a=refused(500, "x", seconds=3.0), b=said("b", seconds=5.0)), settings=HEDGED, names="ab"
        )
        task = asyncio.get_running_loop().create_task(world.ask())
        await asyncio.sleep(2.5)
        assert world.attempts is not None
        assert world.attempts.account is not None
        assert world.attempts.account.email == "a"
        await asyncio.sleep(1.0)
        assert world.attempts.account.email == "b"
        assert await task == "b."

    run(main())


def test_a_client_that_goes_away_ends_both() -> None:
    async def main() -> None:
        world = World(always(said("late", seconds=60.0)), settings=HEDGED)
        task = asyncio.get_running_loop().create_task(world.ask())
        await asyncio.sleep(5.0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert sorted(keys(world.transport.cancelled)) == ["a", "b"]
        assert [report.leases for report in world.pool.reports()] == [0, 0, 0]

    run(main())


def test_once_the_client_was_told_who_serves_no_other_may() -> None:
    async def main() -> None:
        world = World(only(a=said("a", seconds=10.0), b=said("b", seconds=5.0)), settings=HEDGED, names="ab")
        reader = Reader()
        world.loop.call_later(3.0, lambda: setattr(reader, "written", b": alive "))
        assert await world.ask(reader=reader) == ": alive a."

    run(main())


def test_there_is_no_hedging_within_a_project() -> None:
    async def main() -> None:
        accounts = tuple(Account(name, ApiKey(SecretStr(name)), project="p") for name in "ab")
        world = World(lambda who, _: said(who, seconds=9.0), accounts=accounts, settings=HEDGED)
        assert await world.ask() == "a."
        assert world.asked == "a"
        assert [report.leases for report in world.pool.reports()] == [0, 0]

    run(main())


def test_a_conversation_is_not_moved_by_a_race_that_its_account_loses() -> None:
    async def main() -> None:
        wish = Wish("gemini-2.5-flash", Strategy.CACHE_FIRST, conversation=("talk",))
        world = World(only(), settings=HEDGED)
        assert await world.ask(wish=wish) == "a."
        world.replies = only(a=said("late", seconds=60.0))
        assert await world.ask(wish=wish) == "b."
        world.replies = only()
        assert await world.ask(wish=wish) == "a."

    run(main())
