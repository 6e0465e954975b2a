"""What a failure changes about who pays next, and the line of those who wait for an account."""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import replace

import pytest
from pydantic import SecretStr

from antigravity_addon.accounts.account import Account, ApiKey, CodeAssistLicence, OAuthClient, RefreshGrant
from antigravity_addon.accounts.bindings import BINDING_SECONDS
from antigravity_addon.accounts.policy import Nobody, Strategy, Wait, Wish
from antigravity_addon.accounts.pool import AccountPool, Lease, RestReport
from antigravity_addon.errors import (
    AccountRefused,
    NotOnThisUpstream,
    Overloaded,
    QuotaExhausted,
    RateLimited,
    TermsRefused,
    TokenUnavailable,
    UpstreamBroken,
    UpstreamFailure,
)
from antigravity_addon.state.pool_store import Action, CooldownKey, KeptCooldown, KeptPool, Order
from benchmarks.pool.virtual_time import run

ANA, BO, CY = "ana@x.y", "bo@x.y", "cy@x.y"
WISH = Wish("m")
UNIX = 1_795_000_000.0
"""When the pool's clock says 0."""


def account(email: str, *, key: str = "k", project: str = "") -> Account:
    return Account(email, ApiKey(SecretStr(f"{key}-{email}")), project=project)


def licence(email: str) -> Account:
    grant = RefreshGrant(OAuthClient("id", SecretStr("s")), SecretStr(email))
    return Account(email, CodeAssistLicence(grant, "p"))


def pool_of(*accounts: Account | str) -> AccountPool:
    loop = asyncio.get_running_loop()
    given = [account(each) if isinstance(each, str) else each for each in accounts]
    return AccountPool(given, clock=loop.time, unix_time=lambda: UNIX + loop.time(), chance=lambda: 0.5)


async def lease(pool: AccountPool, wish: Wish = WISH, *, patience: float = 0.0) -> Lease:
    found = await pool.lease(wish, patience=patience)
    assert isinstance(found, Lease)
    return found


async def use(pool: AccountPool, wish: Wish = WISH, *, patience: float = 0.0) -> str:
    """One attempt that is answered; gives who paid."""
    with await lease(pool, wish, patience=patience) as held:
        held.answered(first_token_seconds=1.0)
    return held.account.email


def ask(lease: Coroutine[object, object, Lease | Wait | Nobody]) -> asyncio.Task[Lease | Wait | Nobody]:
    return asyncio.get_running_loop().create_task(lease)


async def fail(pool: AccountPool, failure: UpstreamFailure, wish: Wish = WISH) -> str:
    held = await lease(pool, wish)
    with pytest.raises(type(failure)), held:
        raise failure
    return held.account.email


def limited(seconds: float | None = None) -> RateLimited:
    return RateLimited("slow down", retry_after=seconds)


def exhausted(seconds: float) -> QuotaExhausted:
    return QuotaExhausted("used up", retry_after=seconds)


def refused(rest: float | None = None) -> AccountRefused:
    return AccountRefused("no", reason="HTTP 403: no", rest=rest)


async def wait(seconds: float) -> None:
    await asyncio.sleep(seconds)


# --- what a failure changes ------------------------------------------------------------------------------


async def rests(pool: AccountPool, email: str = ANA) -> tuple[RestReport, ...]:
    report = next(each for each in pool.reports() if each.account.email == email)
    return report.rests


def test_a_limited_account_rests_for_as_long_as_was_said_and_for_that_model_only() -> None:
    async def main() -> None:
        pool = pool_of(ANA)
        await fail(pool, limited(30.0))
        assert await pool.lease(WISH, patience=0.0) == Wait(30.0)
        assert await use(pool, Wish("another")) == ANA, "C93: another model is not resting"
        await wait(29.0)
        assert await pool.lease(WISH, patience=0.0) == Wait(1.0)
        await wait(1.0)
        assert await use(pool) == ANA
        assert await rests(pool) == ()

    run(main())


def test_unstated_rests_grow_and_an_answer_ends_them() -> None:
    async def main() -> None:
        pool = pool_of(ANA)
        seconds: list[float] = []
        for _ in range(3):
            await fail(pool, limited())
            (rest,) = await rests(pool)
            seconds.append(rest.seconds)
            await wait(rest.seconds)
        assert seconds == [5.0, 10.0, 20.0]
        await use(pool)
        await fail(pool, limited())
        assert [rest.seconds for rest in await rests(pool)] == [5.0], "C93: success clears the counter"

    run(main())


def test_a_burst_of_limits_counts_once() -> None:
    async def main() -> None:
        pool = pool_of(ANA)
        burst = [await lease(pool) for _ in range(10)]
        for held in burst:
            with pytest.raises(RateLimited), held:
                raise limited()
        assert [rest.seconds for rest in await rests(pool)] == [5.0]

    run(main())


def test_an_answer_that_was_under_way_does_not_end_a_rest() -> None:
    async def main() -> None:
        pool = pool_of(ANA)
        with await lease(pool) as early:
            await fail(pool, limited(30.0))
            early.answered(first_token_seconds=1.0)
        assert await pool.lease(WISH, patience=0.0) == Wait(30.0)

    run(main())


def test_accounts_of_one_project_rest_together() -> None:
    async def main() -> None:
        pool = pool_of(account(ANA, project="p"), account(BO, project="p"), CY)
        assert await fail(pool, exhausted(5000.0)) == ANA
        assert {await use(pool) for _ in range(5)} == {CY}
        await fail(pool, exhausted(9000.0))
        assert await pool.lease(WISH, patience=0.0) == Wait(5000.0, is_exhausted=True)

    run(main())


def test_a_dead_key_does_not_take_its_project_along() -> None:
    async def main() -> None:
        pool = pool_of(account(ANA, project="p"), account(BO, project="p"))
        assert await fail(pool, refused()) == ANA
        assert [await use(pool) for _ in range(3)] == [BO] * 3
        assert pool.reports()[0].disabled_because == "HTTP 403: no"

    run(main())


def test_what_may_mend_itself_is_asked_again_and_given_up_after_the_third_time() -> None:
    def passing() -> AccountRefused:
        failure = refused(600.0)
        failure.ends_in_disabling = True
        return failure

    async def main() -> None:
        pool = pool_of(ANA)
        for _ in range(2):
            await fail(pool, passing())
            assert await pool.lease(Wish("any model"), patience=0.0) == Wait(600.0)
            await wait(600.0)
        await fail(pool, passing())
        assert await pool.lease(WISH, patience=0.0) == Nobody()

    run(main())


def test_a_refusal_of_one_model_leaves_the_others() -> None:
    async def main() -> None:
        pool = pool_of(ANA)
        failure = refused(3600.0)
        failure.is_of_model = True
        await fail(pool, failure)
        assert await pool.lease(WISH, patience=0.0) == Wait(3600.0)
        assert await use(pool, Wish("another")) == ANA

    run(main())


def test_no_token_for_now_is_a_short_rest_for_every_model() -> None:
    async def main() -> None:
        pool = pool_of(ANA)
        await fail(pool, TokenUnavailable("later"))
        assert await pool.lease(Wish("another"), patience=0.0) == Wait(30.0)

    run(main())


@pytest.mark.parametrize("failure", [UpstreamBroken("x"), NotOnThisUpstream("x")], ids=["500", "not there"])
def test_what_is_not_the_accounts_fault_changes_nothing(failure: UpstreamFailure) -> None:
    async def main() -> None:
        pool = pool_of(ANA)
        for _ in range(5):
            await fail(pool, failure)
        assert await use(pool) == ANA

    run(main())


def test_an_overloaded_model_rests_and_no_account_does() -> None:
    async def main() -> None:
        pool = pool_of(ANA, BO, licence(CY))
        without_cy = replace(WISH, spent=frozenset({CY}))
        for _ in range(3):
            await fail(pool, Overloaded("busy"), without_cy)
        assert await pool.lease(without_cy, patience=0.0) == Wait(10.0, is_model_at_fault=True)
        assert await use(pool) == CY, "another kind of upstream"
        assert await use(pool, replace(without_cy, model="another")) in {ANA, BO}
        assert [report.rests for report in pool.reports()] == [(), (), ()]
        assert pool.models_at_rest() == (RestReport("m", 10.0, "busy"),)

    run(main())


def test_overloads_with_answers_in_between_break_nothing() -> None:
    async def main() -> None:
        pool = pool_of(ANA)
        for _ in range(10):
            await fail(pool, Overloaded("busy"))
            await fail(pool, Overloaded("busy"))
            assert await use(pool) == ANA

    run(main())


def test_a_refusal_over_terms_pauses_the_operators_other_licences() -> None:
    async def main() -> None:
        pool = pool_of(licence(ANA), licence(BO), CY)
        failure = TermsRefused("no", reason="HTTP 403 TOS_VIOLATION: no")
        failure.concerns_all = True
        await fail(pool, failure)
        assert {await use(pool) for _ in range(5)} == {CY}
        assert [report.disabled_because for report in pool.reports()] == [
            "HTTP 403 TOS_VIOLATION: no",
            f"Paused, since {ANA} was refused over its terms: HTTP 403 TOS_VIOLATION: no",
            None,
        ]

    run(main())


# --- trial -------------------------------------------------------------------------------------------------


def test_after_a_rest_one_goes_ahead_and_the_crowd_follows_its_answer() -> None:
    async def main() -> None:
        pool = pool_of(ANA)
        await fail(pool, limited(10.0))
        crowd = [ask(pool.lease(WISH, patience=20.0)) for _ in range(50)]
        await wait(10.1)
        ahead = [task for task in crowd if task.done()]
        assert len(ahead) == 1
        held = ahead[0].result()
        assert isinstance(held, Lease)
        held.answered(first_token_seconds=1.0)
        await wait(0.0)
        assert all(task.done() for task in crowd)

    run(main())


def test_the_crowd_stays_where_it_is_if_the_one_ahead_fails() -> None:
    async def main() -> None:
        pool = pool_of(ANA)
        await fail(pool, limited(10.0))
        crowd = [ask(pool.lease(WISH, patience=100.0)) for _ in range(5)]
        await wait(10.1)
        held = next(task for task in crowd if task.done()).result()
        assert isinstance(held, Lease)
        with pytest.raises(RateLimited), held:
            raise limited(30.0)
        await wait(29.5)
        assert sum(task.done() for task in crowd) == 1
        await wait(0.6)
        assert sum(task.done() for task in crowd) == 2
        for task in crowd:
            task.cancel()

    run(main())


def test_a_trial_that_is_cancelled_lets_the_next_one_try() -> None:
    async def main() -> None:
        pool = pool_of(ANA)
        await fail(pool, limited(1.0))
        await wait(1.0)
        with await lease(pool):
            assert await pool.lease(WISH, patience=0.0) == Wait(3.0)
        assert await use(pool) == ANA

    run(main())


def test_a_model_that_thinks_does_not_hold_up_the_crowd() -> None:
    async def main() -> None:
        pool = pool_of(ANA)
        await fail(pool, limited(10.0))
        crowd = [ask(pool.lease(WISH, patience=20.0)) for _ in range(50)]
        await wait(10.1)
        assert sum(task.done() for task in crowd) == 1
        await wait(3.0)
        assert all(task.done() for task in crowd)

    run(main())


# --- the line ----------------------------------------------------------------------------------------------


def narrow(email: str, places: int = 1) -> Account:
    return replace(account(email), max_concurrent=places)


def test_places_are_given_in_the_order_of_asking() -> None:
    async def main() -> None:
        pool = pool_of(narrow(ANA))
        served: list[int] = []

        async def take(number: int) -> None:
            with await lease(pool, patience=1000.0):
                served.append(number)
                await wait(1.0)

        async with asyncio.TaskGroup() as group:
            for number in range(20):
                group.create_task(take(number))
        assert served == list(range(20))

    run(main())


def test_a_newcomer_does_not_overtake() -> None:
    async def main() -> None:
        pool = pool_of(narrow(ANA))
        held = await lease(pool)
        first = ask(pool.lease(WISH, patience=9.0))
        await wait(0.0)
        with held:
            pass
        second = await pool.lease(WISH, patience=0.0)
        assert isinstance(await first, Lease)
        assert second == Wait(0.0)

    run(main())


def test_who_waits_for_one_model_does_not_hold_up_another() -> None:
    async def main() -> None:
        pool = pool_of(ANA)
        await fail(pool, limited(10.0))
        waiting = ask(pool.lease(WISH, patience=20.0))
        await wait(0.0)
        assert await use(pool, Wish("another")) == ANA
        assert not waiting.done()
        waiting.cancel()

    run(main())


def test_never_more_than_its_places() -> None:
    async def main() -> None:
        pool = pool_of(narrow(ANA, 2), narrow(BO, 3))
        under_way: dict[str, int] = {ANA: 0, BO: 0}

        async def take() -> None:
            with await lease(pool, patience=1000.0) as held:
                under_way[held.account.email] += 1
                assert under_way[ANA] <= 2
                assert under_way[BO] <= 3
                await wait(1.0)
                under_way[held.account.email] -= 1

        async with asyncio.TaskGroup() as group:
            for _ in range(50):
                group.create_task(take())
        assert asyncio.get_running_loop().time() == pytest.approx(1010.0)

    run(main())


@pytest.mark.parametrize("gives_up", ["cancelled", "out of patience"])
def test_who_gives_up_leaves_the_line(gives_up: str) -> None:
    async def main() -> None:
        pool = pool_of(narrow(ANA))
        with await lease(pool):
            waiting = ask(pool.lease(WISH, patience=5.0))
            await wait(1.0)
            if gives_up == "cancelled":
                waiting.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await waiting
            else:
                assert await waiting == Wait(0.0)
        assert await use(pool) == ANA

    run(main())


def test_a_place_that_comes_to_one_who_is_cancelled_is_given_back() -> None:
    async def main() -> None:
        pool = pool_of(narrow(ANA))
        held = await lease(pool)
        waiting = ask(pool.lease(WISH, patience=5.0))
        await wait(1.0)
        with held:
            pass
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert [report.leases for report in pool.reports()] == [0]
        assert await use(pool) == ANA

    run(main())


ENDINGS: dict[str, Callable[[AccountPool], object]] = {
    "a reset": lambda pool: pool.obey(Order(1, Action.RESET, ANA, ANA)),
    "a reset of all": lambda pool: pool.obey(Order(1, Action.RESET, "", "")),
    "a new account": lambda pool: pool.replace_accounts([account(ANA), account(BO)]),
    "another key": lambda pool: pool.replace_accounts([account(ANA, key="new")]),
}


@pytest.mark.parametrize("end", ENDINGS.values(), ids=ENDINGS.keys())
def test_nobody_waits_for_a_rest_that_has_been_ended(end: Callable[[AccountPool], object]) -> None:
    async def main() -> None:
        pool = pool_of(ANA)
        await fail(pool, limited(15.0))
        waiting = ask(pool.lease(WISH, patience=20.0))
        await wait(1.0)
        end(pool)
        await wait(0.0)
        assert isinstance(waiting.result(), Lease)

    run(main())


# --- conversations -----------------------------------------------------------------------------------------

TALK = Wish("m", Strategy.CACHE_FIRST, conversation=("talk",))


def test_c94_a_conversation_stays_and_after_a_limit_stays_moved() -> None:
    async def main() -> None:
        pool = pool_of(ANA, BO)
        assert [await use(pool, TALK) for _ in range(5)] == [ANA] * 5
        assert await use(pool, replace(TALK, conversation=("another",))) == BO
        assert await fail(pool, limited(60.0), TALK) == ANA
        assert [await use(pool, TALK) for _ in range(5)] == [BO] * 5
        await wait(61.0)
        assert [await use(pool, TALK) for _ in range(5)] == [BO] * 5

    run(main())


def test_a_conversation_waits_a_little_for_its_account_and_not_long() -> None:
    async def main() -> None:
        pool = pool_of(narrow(ANA), BO)
        assert await use(pool, TALK) == ANA
        began = asyncio.get_running_loop().time()
        with await lease(pool, replace(TALK, conversation=("x",)), patience=0.0) as other:
            assert other.account.email == BO
        with await lease(pool, TALK):
            assert await use(pool, TALK, patience=20.0) == BO, "it is lent out for longer than that"
            assert asyncio.get_running_loop().time() - began == pytest.approx(5.0)
        assert await use(pool, TALK) == ANA, "the account was only busy: it keeps the conversation"

    run(main())


def test_a_short_wait_is_not_begun_without_the_patience_for_it() -> None:
    async def main() -> None:
        pool = pool_of(narrow(ANA), BO)
        await use(pool, TALK)
        with await lease(pool, TALK):
            assert await use(pool, TALK, patience=0.0) == BO

    run(main())


def test_a_binding_is_forgotten_after_an_hour_without_use() -> None:
    async def main() -> None:
        pool = pool_of(ANA, BO)
        await use(pool, TALK)
        await wait(BINDING_SECONDS - 1)
        assert await use(pool, TALK) == ANA
        await wait(BINDING_SECONDS)
        assert await use(pool, TALK) == BO, "as if it were new: to the one that has served least"

    run(main())


def test_only_an_answer_binds() -> None:
    async def main() -> None:
        pool = pool_of(ANA, BO)
        with await lease(pool, TALK):
            pass
        assert [report.conversations for report in pool.reports()] == [0, 0]

    run(main())


# --- fairness ----------------------------------------------------------------------------------------------


def test_accounts_serve_by_their_weights() -> None:
    async def main() -> None:
        pool = pool_of(replace(account(ANA), weight=3.0), BO)
        paid = [await use(pool) for _ in range(400)]
        assert paid.count(ANA) == 300

    run(main())


def test_who_was_away_does_not_catch_up() -> None:
    async def main() -> None:
        pool = pool_of(ANA, BO)
        assert await fail(pool, limited(60.0)) == ANA
        assert {await use(pool) for _ in range(100)} == {BO}
        await wait(60.0)
        assert [await use(pool) for _ in range(10)].count(ANA) in {5, 6}

    run(main())


def test_shares_go_on_from_what_was_served_before_a_restart() -> None:
    async def main() -> None:
        pool = pool_of(replace(account(ANA), weight=2.0), BO)
        pool.restore(KeptPool({}, {}, {}, last_order=0), served={ANA: 40, BO: 10})
        paid = [await use(pool) for _ in range(40)]
        assert (paid.count(ANA) + 40) / 2 == pytest.approx(paid.count(BO) + 10, abs=1)

    run(main())


# --- keeping -----------------------------------------------------------------------------------------------


def test_what_was_served_before_the_restart_was_read_counts_as_well() -> None:
    async def main() -> None:
        pool = pool_of(ANA, BO)
        only_ana = Wish("m", Strategy.FIXED, fixed=ANA)
        assert [await use(pool, only_ana) for _ in range(5)] == [ANA] * 5
        pool.restore(KeptPool({}, {}, {}, last_order=0), served={})
        assert [await use(pool) for _ in range(5)] == [BO] * 5

    run(main())


def test_a_rest_that_began_before_the_kept_one_was_read_is_not_cut_short() -> None:
    async def main() -> None:
        pool = pool_of(ANA)
        await fail(pool, limited(30.0))
        until = UNIX + asyncio.get_running_loop().time() + 10.0
        kept = KeptCooldown(until, failures=1, reason="slow down")
        pool.restore(KeptPool({CooldownKey(ANA, "m"): kept}, {}, {}, last_order=0), served={})
        assert await pool.lease(WISH, patience=0.0) == Wait(30.0)

    run(main())


def test_what_was_kept_is_given_to_the_next_pool() -> None:
    async def main() -> None:
        pool = pool_of(ANA, BO, CY)
        assert await fail(pool, limited(60.0)) == ANA
        assert await fail(pool, refused()) == BO
        assert await use(pool, TALK) == CY
        changes = pool.take_changes()
        assert pool.take_changes().is_empty
        kept = KeptPool(
            {key: each for key, each in changes.cooldowns.items() if each},
            {email: each for email, each in changes.disabled.items() if each},
            {name: each for name, each in changes.bindings.items() if each},
            last_order=0,
        )
        await wait(10.0)
        later = pool_of(CY, BO, ANA)
        later.restore(kept, served={})
        assert {each.account.email: each.disabled_because for each in later.reports()} == {
            CY: None,
            BO: "HTTP 403: no",
            ANA: None,
        }
        assert [rest.seconds for rest in await rests(later)] == [pytest.approx(50.0)]
        assert await use(later, TALK) == CY
        mended = pool_of(account(BO, key="new"))
        mended.restore(kept, served={})
        assert await use(mended) == BO

    run(main())


def test_what_could_not_be_kept_is_given_again() -> None:
    async def main() -> None:
        pool = pool_of(ANA)
        await fail(pool, limited(60.0))
        changes = pool.take_changes()
        pool.give_back(changes)
        assert pool.take_changes() == changes
        assert list(changes.cooldowns) == [CooldownKey(ANA, "m")]

    run(main())


def test_an_answer_ends_what_was_kept() -> None:
    async def main() -> None:
        pool = pool_of(ANA)
        await fail(pool, limited(1.0))
        pool.take_changes()
        await wait(1.0)
        await use(pool)
        assert dict(pool.take_changes().cooldowns) == {CooldownKey(ANA, "m"): None}

    run(main())


# --- the operator ------------------------------------------------------------------------------------------


def order(action: Action, reason: str = "") -> Order:
    return Order(1, action, ANA, ANA, reason)


def test_an_operator_switches_off_and_on() -> None:
    async def main() -> None:
        pool = pool_of(ANA, BO)
        pool.obey(order(Action.DISABLE, "no more money"))
        assert {await use(pool) for _ in range(4)} == {BO}
        assert pool.reports()[0].disabled_because == "no more money"
        pool.obey(order(Action.RESET))
        assert pool.reports()[0].disabled_because == "no more money", "a reset forgets what the upstream said"
        pool.obey(order(Action.ENABLE))
        assert {await use(pool) for _ in range(4)} == {ANA, BO}

    run(main())


@pytest.mark.parametrize("action", [Action.RESET, Action.ENABLE])
def test_a_refused_account_is_given_another_chance(action: Action) -> None:
    async def main() -> None:
        pool = pool_of(ANA)
        await fail(pool, refused())
        assert await pool.lease(WISH, patience=0.0) == Nobody()
        pool.obey(order(action))
        assert await use(pool) == ANA

    run(main())


def test_a_changed_list_keeps_what_is_known_and_takes_new_keys_for_new() -> None:
    async def main() -> None:
        pool = pool_of(ANA, BO)
        assert await fail(pool, refused()) == ANA
        pool.replace_accounts([account(CY), account(ANA)])
        assert {await use(pool) for _ in range(4)} == {CY}
        pool.replace_accounts([account(ANA, key="new"), account(CY)])
        assert {await use(pool) for _ in range(4)} == {ANA, CY}

    run(main())


def test_an_account_may_leave_while_its_attempt_is_under_way() -> None:
    async def main() -> None:
        pool = pool_of(ANA)
        held = await lease(pool)
        pool.replace_accounts([account(BO)])
        with pytest.raises(RateLimited), held:
            raise limited(5.0)
        assert await use(pool) == BO

    run(main())


def test_what_an_account_was_disabled_for_outlives_its_absence_from_the_list() -> None:
    async def main() -> None:
        pool = pool_of(ANA, BO)
        assert await fail(pool, refused()) == ANA
        pool.obey(Order(1, Action.DISABLE, BO, BO, "holidays"))
        pool.obey(Order(2, Action.DISABLE, CY, CY, "not here yet"))
        pool.replace_accounts([account("di@x.y")])
        assert await use(pool) == "di@x.y"
        pool.replace_accounts([account(ANA), account(BO), account(CY)])
        assert await pool.lease(WISH, patience=0.0) == Nobody()
        pool.obey(Order(3, Action.ENABLE, "", ""))
        assert {await use(pool) for _ in range(3)} == {ANA, BO, CY}

    run(main())


def test_what_was_kept_of_an_account_waits_until_it_is_listed() -> None:
    async def main() -> None:
        pool = pool_of(ANA)
        await fail(pool, refused())
        kept = {email: each for email, each in pool.take_changes().disabled.items() if each}
        later = pool_of(BO)
        later.restore(KeptPool({}, kept, {}, last_order=0), served={})
        later.replace_accounts([account(ANA)])
        assert await later.lease(WISH, patience=0.0) == Nobody()

    run(main())


def test_an_account_that_comes_back_has_the_places_that_its_attempts_leave() -> None:
    async def main() -> None:
        pool = pool_of(narrow(ANA))
        held = await lease(pool)
        pool.replace_accounts([])
        pool.replace_accounts([narrow(ANA)])
        assert await pool.lease(WISH, patience=0.0) == Wait(0.0)
        with held:
            pass
        assert await use(pool) == ANA

    run(main())


def test_a_late_answer_does_not_end_a_newer_rest() -> None:
    async def main() -> None:
        pool = pool_of(ANA)
        await fail(pool, TokenUnavailable("later"))
        await wait(30.0)
        with await lease(pool) as slow:
            await wait(3.0)
            await fail(pool, exhausted(5000.0))
            slow.answered(first_token_seconds=4.0)
        assert await pool.lease(WISH, patience=0.0) == Wait(5000.0, is_exhausted=True)

    run(main())


def test_who_waits_in_vain_is_told_what_is_true_at_the_end() -> None:
    async def main() -> None:
        pool = pool_of(narrow(ANA))
        held = await lease(pool)
        waiting = ask(pool.lease(WISH, patience=20.0))
        await wait(5.0)
        with pytest.raises(RateLimited), held:
            raise limited(100.0)
        assert await waiting == Wait(85.0)

    run(main())


def test_at_the_end_of_their_patience_nobody_waits_for_a_trial() -> None:
    async def main() -> None:
        pool = pool_of(ANA)
        await fail(pool, limited(18.0))
        first = ask(pool.lease(WISH, patience=30.0))
        second = ask(pool.lease(WISH, patience=19.0))
        await wait(18.1)
        assert (first.done(), second.done()) == (True, False)
        await wait(1.0)
        assert isinstance(second.result(), Lease)

    run(main())


def test_failing_is_not_fast() -> None:
    async def main() -> None:
        pool = pool_of(ANA, BO)
        fastest = Wish("m", Strategy.PERFORMANCE_FIRST)
        assert await fail(pool, UpstreamBroken("oops"), fastest) == ANA
        assert {await use(pool, fastest) for _ in range(5)} == {BO}

    run(main())


def test_after_a_start_nobody_has_much_to_catch_up() -> None:
    async def main() -> None:
        pool = pool_of(ANA, BO)
        pool.restore(KeptPool({}, {}, {}, last_order=0), served={ANA: 5000})
        paid = [await use(pool) for _ in range(100)]
        assert paid.count(BO) <= 60

    run(main())


def test_an_attempt_with_the_old_key_says_nothing_of_the_new_one() -> None:
    async def main() -> None:
        pool = pool_of(ANA)
        held = await lease(pool)
        pool.replace_accounts([account(BO)])
        pool.replace_accounts([account(ANA, key="new")])
        with pytest.raises(AccountRefused), held:
            raise refused()
        assert await use(pool) == ANA
        assert [report.leases for report in pool.reports()] == [0]

    run(main())


def test_an_account_disabled_in_the_file_is_not_used() -> None:
    async def main() -> None:
        pool = pool_of(replace(account(ANA), disabled=True))
        assert await pool.lease(WISH, patience=9.0) == Nobody()
        assert pool.reports()[0].disabled_because == "It is disabled in the accounts file."

    run(main())


# --- why -------------------------------------------------------------------------------------------------


def test_who_was_passed_by_and_why() -> None:
    async def check() -> None:
        full = Account("full@x.y", ApiKey(SecretStr("k")), max_concurrent=1)
        off = Account("off@x.y", ApiKey(SecretStr("o")), disabled=True)
        pool = pool_of(ANA, BO, full, off, "tried@x.y", "spent@x.y")
        held = await lease(pool, replace(WISH, strategy=Strategy.FIXED, fixed="full@x.y"))
        assert held.reason == "gateway_fixed_account names it."
        await fail(pool, limited(20), replace(WISH, strategy=Strategy.FIXED, fixed=BO))
        wish = replace(WISH, tried=frozenset({"tried@x.y"}), spent=frozenset({"spent@x.y"}))
        skipped = {each.account: (each.reason, each.seconds) for each in pool.skipped(wish).accounts}
        assert skipped == {
            BO: ("It rests: slow down", 20.0),
            "full@x.y": ("It has 1 attempts under way, and may have no more.", None),
            "off@x.y": ("It is disabled in the accounts file.", None),
            "tried@x.y": (
                "It, or what it shares a quota or an address with, has failed this request already.",
                None,
            ),
            "spent@x.y": ("It is of no use to this request, as an attempt has shown.", None),
        }
        assert (await lease(pool)).reason == "Of those that are free, it has served least for its weight."

    run(check())


def test_why_a_conversation_stays_or_moves() -> None:
    async def check() -> None:
        pool = pool_of(ANA, BO)
        talk = replace(WISH, conversation=("talk",))
        assert await use(pool, talk) == ANA
        assert (await lease(pool, talk)).reason == "The conversation is with it."
        await fail(pool, exhausted(3600), talk)
        moved = await lease(pool, talk)
        assert moved.account.email == BO
        assert moved.reason.endswith(f" The conversation was with {ANA}.")
        assert (await lease(pool_of(ANA))).reason == "It is the only account."

    run(check())


def test_of_many_that_were_passed_by_some_are_named() -> None:
    async def check() -> None:
        off = (Account(f"{n}@x.y", ApiKey(SecretStr("k")), disabled=True) for n in range(30))
        skipped = pool_of(ANA, *off).skipped(WISH)
        assert (len(skipped.accounts), skipped.unnamed) == (20, 10)

    run(check())
