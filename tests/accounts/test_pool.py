"""Who pays next, and what a failure changes about it."""

import pytest
from pydantic import SecretStr

from antigravity_addon.accounts.account import Account, ApiKey
from antigravity_addon.accounts.policy import AccountState, Decision, Nobody, Use, Wait, choose
from antigravity_addon.accounts.pool import AccountPool
from antigravity_addon.errors import AccountRefused, Overloaded, RateLimited, UpstreamFailure

NONE: frozenset[str] = frozenset()
ANA, BO = AccountState("ana@x.y"), AccountState("bo@x.y", last_lease=1)
COOLING = AccountState("ana@x.y", cooling_until={"m": 130.0})

DECISIONS: dict[str, tuple[tuple[AccountState, ...], frozenset[str], frozenset[str], Decision]] = {
    "longest unused first": ((BO, ANA), NONE, NONE, Use("ana@x.y")),
    "least busy first": ((AccountState("ana@x.y", leases=1), BO), NONE, NONE, Use("bo@x.y")),
    "untried first": ((ANA, BO), frozenset({"ana@x.y"}), NONE, Use("bo@x.y")),
    "tried if there is no other": ((ANA,), frozenset({"ana@x.y"}), NONE, Use("ana@x.y")),
    "spent never": ((ANA,), frozenset({"ana@x.y"}), frozenset({"ana@x.y"}), Nobody()),
    "free before cooling": ((COOLING, BO), NONE, NONE, Use("bo@x.y")),
    "tried and free before untried and cooling": ((COOLING, BO), frozenset({"bo@x.y"}), NONE, Use("bo@x.y")),
    "the first to be free again": (
        (COOLING, AccountState("bo@x.y", cooling_until={"m": 110.0})),
        NONE,
        NONE,
        Wait("bo@x.y", 10.0),
    ),
    "a cooldown that is over": (
        (AccountState("ana@x.y", cooling_until={"m": 100.0}),),
        NONE,
        NONE,
        Use("ana@x.y"),
    ),
    "C93 another model is not cooling": (
        (AccountState("ana@x.y", cooling_until={"n": 130.0}),),
        NONE,
        NONE,
        Use("ana@x.y"),
    ),
    "disabled never": ((AccountState("ana@x.y", disabled_because="dead"),), NONE, NONE, Nobody()),
    "no accounts": ((), NONE, NONE, Nobody()),
}


@pytest.mark.parametrize(("states", "tried", "spent", "decision"), DECISIONS.values(), ids=DECISIONS.keys())
def test_the_choice(
    states: tuple[AccountState, ...], tried: frozenset[str], spent: frozenset[str], decision: Decision
) -> None:
    assert choose(states, model="m", now=100.0, tried=tried, spent=spent) == decision


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def pool_of(*emails: str) -> tuple[AccountPool, Clock]:
    clock = Clock()
    return AccountPool(
        [Account(email, ApiKey(SecretStr(f"key of {email}"))) for email in emails], clock=clock
    ), clock


def decide(pool: AccountPool, model: str = "m") -> Decision:
    return pool.decide(model, tried=NONE, spent=NONE)


def fail(pool: AccountPool, email: str, failure: UpstreamFailure) -> None:
    with pytest.raises(UpstreamFailure), pool.lease(Use(email), "m"):
        raise failure


def test_accounts_take_turns() -> None:
    pool, _ = pool_of("a@x", "b@x", "c@x")
    served: list[str] = []
    for _ in range(6):
        decision = decide(pool)
        assert isinstance(decision, Use)
        with pool.lease(decision, "m") as lease:
            served.append(lease.account.email)
    assert served == ["a@x", "b@x", "c@x"] * 2


def test_concurrent_leases_are_spread() -> None:
    pool, _ = pool_of("a@x", "b@x")
    with pool.lease(Use("a@x"), "m"):
        assert decide(pool) == Use("b@x")


def test_c93_a_stated_delay_cools_one_model_of_one_account_until_it_is_over() -> None:
    pool, clock = pool_of("a@x")
    fail(pool, "a@x", RateLimited("m", retry_after=30.0))
    assert decide(pool) == Wait("a@x", 30.0)
    assert decide(pool, "other") == Use("a@x")
    clock.now += 30.0
    assert decide(pool) == Use("a@x")


def test_success_ends_a_cooldown() -> None:
    pool, _ = pool_of("a@x")
    fail(pool, "a@x", RateLimited("m", retry_after=30.0))
    with pool.lease(Use("a@x"), "m"):
        pass
    assert decide(pool) == Use("a@x")


def test_without_a_stated_delay_nothing_cools() -> None:
    pool, _ = pool_of("a@x")
    fail(pool, "a@x", RateLimited("m"))
    fail(pool, "a@x", Overloaded("m"))
    assert decide(pool) == Use("a@x")


def test_a_refused_account_is_out_until_its_credential_changes() -> None:
    pool, _ = pool_of("a@x")
    fail(pool, "a@x", AccountRefused("dead key"))
    assert decide(pool) == Nobody()
    pool.replace_accounts([Account("a@x", ApiKey(SecretStr("key of a@x")))])
    assert decide(pool) == Nobody()
    pool.replace_accounts([Account("a@x", ApiKey(SecretStr("a new key")))])
    assert decide(pool) == Use("a@x")


def test_an_account_may_leave_while_it_is_leased() -> None:
    pool, _ = pool_of("a@x")
    with pool.lease(Use("a@x"), "m"):
        pool.replace_accounts([])
    assert decide(pool) == Nobody()


def test_accounts_that_the_operator_disabled_do_not_pay() -> None:
    account = Account("a@x", ApiKey(SecretStr("k")), disabled=True)
    pool = AccountPool([account], clock=Clock())
    assert (decide(pool), pool.size) == (Nobody(), 0)
