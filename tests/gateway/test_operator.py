"""What an operator sees of a gateway that runs and of one that left its files, and what they can do to either."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from antigravity_addon.accounts.account import Account, ApiKey, GoogleAuthGrant, Upstream, VertexProject
from antigravity_addon.accounts.file import Unusable
from antigravity_addon.accounts.policy import Wish
from antigravity_addon.accounts.pool import AccountPool, Lease
from antigravity_addon.errors import AccountRefused, Overloaded, RateLimited, TermsRefused, UpstreamFailure
from antigravity_addon.gateway.ground import (
    AccountStatus,
    GatewayFiles,
    Overview,
    Rest,
    RunningGateway,
    Standing,
)
from antigravity_addon.gateway.keeper import Keeper
from antigravity_addon.gateway.operator import (
    CheckResult,
    Dimension,
    Obeyed,
    Operator,
    OperatorError,
    UsageReport,
    UsageRow,
    Verdict,
    summed,
)
from antigravity_addon.gateway.operator_words import (
    _short,
    check_lines,
    obeyed_lines,
    overview_lines,
    span,
    usage_lines,
)
from antigravity_addon.gateway.usage import UsageLedger
from antigravity_addon.state.pool_store import Action, UsageKey, UsageSum
from antigravity_addon.state.volatile import VolatilePoolStore

UNIX = 1_795_000_000.0
"""2026-11-18, 11:06:40 UTC."""
ANA = Account("ana@x.y", ApiKey(SecretStr("key of ana")), project="p-1", weight=2.0)
BO = Account("bo@x.y", VertexProject("p-2", GoogleAuthGrant(SecretStr("{}"))), project="p-2")
CY = Account("cy@x.y", ApiKey(SecretStr("key of cy")), disabled=True)
DI = Unusable("di@x.y", "accounts.yaml:9: the variable is not set.")


async def content(account: Account, model: str) -> CheckResult:
    return CheckResult(account.email, Verdict.OK, milliseconds=len(model))


@dataclass
class Gateway:
    store: VolatilePoolStore = field(default_factory=lambda: VolatilePoolStore(unix_time=lambda: UNIX))

    def __post_init__(self) -> None:
        self.pool = AccountPool(
            (ANA, BO, CY), clock=lambda: 100.0, unix_time=lambda: UNIX, chance=lambda: 0.5
        )
        self.ledger = UsageLedger(lambda: UNIX)
        self.keeper = Keeper(self.store, self.pool, self.ledger, unix_time=lambda: UNIX)
        ground = RunningGateway(self.pool, self.keeper, lambda: (DI,), unix_time=lambda: UNIX)
        self.operator = Operator(ground, lambda: UNIX, content)

    async def lease(self, account: Account, model: str = "m") -> Lease:
        others = frozenset({ANA.email, BO.email} - {account.email})
        lease = await self.pool.lease(Wish(model, spent=others, conversation=("talk",)), patience=0.0)
        assert isinstance(lease, Lease)
        return lease

    async def fail(self, account: Account, failure: UpstreamFailure, model: str = "m") -> None:
        with pytest.raises(type(failure)), await self.lease(account, model):
            raise failure

    async def left_behind(self, *accounts: Account) -> Operator:
        """The same seen from outside: what the store has, and the file with these accounts."""
        await self.keeper.sync()
        ground = GatewayFiles(
            accounts,
            (DI,),
            self.store,
            kept=await self.store.load(),
            places={CY.email: "accounts.yaml:7"},
            unix_time=lambda: UNIX,
        )
        return Operator(ground, lambda: UNIX, content)

    def standings(self) -> Mapping[str, tuple[Standing, str]]:
        return {each.email: (each.standing, each.reason) for each in self.operator.overview().accounts}


IN_FILE, UNUSABLE = (Standing.DISABLED_IN_FILE, ""), (Standing.UNUSABLE, DI.reason)

# --- what is seen ------------------------------------------------------------------------------------------


async def in_trouble() -> Gateway:
    gateway = Gateway()
    gateway.pool._bindings.bind("talk", ANA.email)
    for _ in range(3):
        await gateway.fail(ANA, Overloaded("No room.", retry_after=90.0), "big")
    await gateway.fail(ANA, RateLimited("Slow down.", retry_after=56.0), "fast")
    await gateway.fail(BO, AccountRefused("no", reason="HTTP 403 BILLING_DISABLED: no bill"))
    await gateway.lease(ANA)
    return gateway


RESTS = (Rest("fast", UNIX + 56.0, "Slow down."),)
BIG = (Rest("big", UNIX + 30.0, "No room."),)


async def test_a_running_gateway_is_seen_with_what_is_under_way() -> None:
    gateway = await in_trouble()
    assert gateway.operator.overview() == Overview(
        (
            AccountStatus(
                ANA.email,
                Standing.RESTING,
                Upstream.GEMINI,
                "p-1",
                2.0,
                rests=RESTS,
                leases=1,
                conversations=1,
            ),
            AccountStatus(
                BO.email,
                Standing.REFUSED,
                Upstream.VERTEX,
                "p-2",
                1.0,
                reason="HTTP 403 BILLING_DISABLED: no bill",
                leases=0,
                conversations=0,
            ),
            AccountStatus(
                CY.email, Standing.DISABLED_IN_FILE, Upstream.GEMINI, "", 1.0, leases=0, conversations=0
            ),
            AccountStatus(DI.email, Standing.UNUSABLE, reason=DI.reason),
        ),
        BIG,
    )


async def test_what_is_left_behind_says_the_same_of_accounts() -> None:
    gateway = await in_trouble()
    outside = (await gateway.left_behind(ANA, BO, CY)).overview()
    running = gateway.operator.overview()
    assert [(each.email, each.standing, each.reason, each.rests) for each in outside.accounts] == [
        (each.email, each.standing, each.reason, each.rests) for each in running.accounts
    ]
    assert outside.overloaded == running.overloaded
    assert [each.leases for each in outside.accounts] == [None] * 4


async def test_new_credentials_are_another_chance() -> None:
    gateway = await in_trouble()
    renewed = Account(BO.email, ApiKey(SecretStr("new")))
    overview = (await gateway.left_behind(ANA, renewed, CY)).overview()
    assert overview.accounts[1].standing is Standing.USABLE


async def test_an_account_that_gateways_cannot_have_may_be_known_all_the_same() -> None:
    store = VolatilePoolStore(unix_time=lambda: UNIX)
    off = Unusable(BO.email, "It is off.")
    ground = GatewayFiles(
        (ANA, BO), (off,), store, kept=await store.load(), places={}, unix_time=lambda: UNIX
    )
    operator = Operator(ground, lambda: UNIX, content)
    assert operator.overview().accounts[1] == AccountStatus(
        BO.email, Standing.UNUSABLE, Upstream.VERTEX, "p-2", 1.0, reason="It is off."
    )
    assert operator.emails == (ANA.email, BO.email)
    assert await operator.disable([BO.email]) == (Obeyed(Action.DISABLE, BO.email),)
    assert (await operator.check([BO.email]))[0] == CheckResult(BO.email, Verdict.FAILED, "It is off.")


# --- what is done ------------------------------------------------------------------------------------------


async def test_orders_change_this_gateway_at_once() -> None:
    gateway = Gateway()
    operator = gateway.operator
    assert await operator.disable([ANA.email, ANA.email], reason=" on\nholiday ") == (
        Obeyed(Action.DISABLE, ANA.email),
    )
    await operator.disable([BO.email])
    assert gateway.standings() == {
        ANA.email: (Standing.SWITCHED_OFF, "on holiday"),
        BO.email: (Standing.SWITCHED_OFF, ""),
        CY.email: IN_FILE,
        DI.email: UNUSABLE,
    }
    assert await operator.reset() == (Obeyed(Action.RESET, ""),)
    assert gateway.standings()[ANA.email][0] is Standing.SWITCHED_OFF
    assert await operator.enable([ANA.email]) == (Obeyed(Action.ENABLE, ANA.email),)
    assert gateway.standings()[ANA.email][0] is Standing.USABLE


async def test_orders_from_outside_are_followed_with_the_next_save() -> None:
    gateway = await in_trouble()
    outside = await gateway.left_behind(ANA, BO, CY)
    await outside.reset([BO.email])
    await outside.disable([ANA.email], reason="enough")
    await gateway.keeper.sync()
    assert gateway.standings() == {
        ANA.email: (Standing.SWITCHED_OFF, "enough"),
        BO.email: (Standing.USABLE, ""),
        CY.email: IN_FILE,
        DI.email: UNUSABLE,
    }
    await outside.enable([ANA.email])
    await gateway.keeper.sync()
    assert gateway.operator.overview().accounts[0].rests == (), "the project's cooldowns go, too"
    assert gateway.operator.overview().overloaded == BIG


async def test_what_the_file_disables_stays_so() -> None:
    gateway = Gateway()
    outside = await gateway.left_behind(ANA, BO, CY)
    where = {"the accounts file": gateway.operator, "accounts.yaml:7": outside}
    for place, operator in where.items():
        note = f"It stays out of use: it is disabled in {place}, and only there can that be changed."
        assert await operator.enable([CY.email]) == (Obeyed(Action.ENABLE, CY.email, note),)
        assert await operator.disable([CY.email]) == (Obeyed(Action.DISABLE, CY.email),)


async def test_wrong_names_are_said_before_anything_is_done() -> None:
    gateway = Gateway()
    operator = gateway.operator
    for emails, sentence in (
        ([ANA.email, "anna@x.y"], "There is no account 'anna@x.y'. Did you mean ana@x.y?"),
        ([BO.email, "zoe"], "There is no account 'zoe'. There are: ana@x.y, bo@x.y, cy@x.y, di@x.y."),
        ([ANA.email, DI.email], f"di@x.y cannot be used anyway: {DI.reason}"),
    ):
        with pytest.raises(OperatorError) as raised:
            await operator.disable(emails)
        assert str(raised.value) == sentence
    assert {standing for standing, _ in gateway.standings().values()}.isdisjoint({Standing.SWITCHED_OFF})


# --- checks ------------------------------------------------------------------------------------------------


async def test_checks_skip_what_the_file_disables_unless_it_is_named() -> None:
    operator = Gateway().operator
    ok = [CheckResult(each.email, Verdict.OK, milliseconds=1) for each in (ANA, BO)]
    skipped = "It is disabled in the accounts file: name it, to check it all the same."
    failed = CheckResult(DI.email, Verdict.FAILED, DI.reason)
    assert await operator.check(model="m") == (
        *ok,
        CheckResult(CY.email, Verdict.SKIPPED, skipped),
        failed,
    )
    assert await operator.check([DI.email, CY.email, DI.email], model="m") == (
        failed,
        CheckResult(CY.email, Verdict.OK, "It is disabled in the accounts file.", milliseconds=1),
    )


@pytest.mark.parametrize(
    ("reason", "is_skipped"),
    [
        ("HTTP 403 TOS_VIOLATION: No.", True),
        ("VALIDATION_REQUIRED for free-tier: Verify your account.", True),
        ("UNSUPPORTED_CLIENT: Not this one.", True),
        ("Paused, since zoe@x.y was refused over its terms: HTTP 403 TOS_VIOLATION: No.", True),
        ("HTTP 403 BILLING_DISABLED: No bill. TOS_VIOLATION", False),
    ],
)
async def test_checks_skip_what_google_refuses_over_its_terms_unless_it_is_named(
    reason: str, *, is_skipped: bool
) -> None:
    gateway = Gateway()
    await gateway.fail(BO, TermsRefused("no", reason=reason))
    for operator in (gateway.operator, await gateway.left_behind(ANA, BO)):
        results = {result.email: result for result in await operator.check()}
        verdict = Verdict.SKIPPED if is_skipped else Verdict.OK
        assert results[BO.email].verdict is verdict
        if is_skipped:
            message = (
                "It was refused, and that is between Google and its owner: name it, to check it all the same."
            )
            assert results[BO.email] == CheckResult(BO.email, Verdict.SKIPPED, message)
        [named] = await operator.check([BO.email])
        assert named.verdict is Verdict.OK


async def test_a_check_says_what_holds_the_account_back_and_changes_nothing() -> None:
    gateway = await in_trouble()
    before = gateway.standings()
    results = await gateway.operator.check([ANA.email, BO.email])
    assert [result.message for result in results] == [
        "Gateways let it rest at present, see the list; to end that: antigravity accounts reset ana@x.y",
        "Gateways leave it alone, since it was refused before: antigravity accounts reset bo@x.y",
    ]
    assert gateway.standings() == before
    await gateway.operator.disable([ANA.email])
    [result] = await gateway.operator.check([ANA.email])
    assert result.message == "It is switched off all the same: antigravity accounts enable ana@x.y"


async def test_a_check_needs_a_name_that_is_known_and_somebody_to_ask() -> None:
    gateway = Gateway()
    with pytest.raises(OperatorError, match="There is no account 'zoe'"):
        await gateway.operator.check(["zoe"])
    mute = Operator(gateway.operator.ground, lambda: UNIX)
    with pytest.raises(OperatorError, match="No upstream can be reached from here"):
        await mute.check()


# --- usage -------------------------------------------------------------------------------------------------


async def test_usage_is_up_to_this_moment() -> None:
    gateway = Gateway()
    entry = gateway.ledger.begin("ide")
    gateway.ledger.record(entry, model="m", by_account={ANA.email: UsageSum(requests=1, input_tokens=7)})
    used = UsageSum(requests=1, input_tokens=7)
    report = await gateway.operator.usage_of_days(2, by=(Dimension.CLIENT, Dimension.ACCOUNT))
    assert report == UsageReport(
        date(2026, 11, 17),
        date(2026, 11, 18),
        (Dimension.CLIENT, Dimension.ACCOUNT),
        (UsageRow(("ide", ANA.email), used),),
        used,
    )


names = st.sampled_from(("", "a", "b"))
usages = st.dictionaries(
    st.builds(UsageKey, st.sampled_from(("2026-11-17", "2026-11-18")), names, names, names),
    st.builds(UsageSum, *(st.integers(0, 1000) for _ in range(7))),
)


@given(used=usages, by=st.lists(st.sampled_from(Dimension)))
def test_however_usage_is_told_apart_it_adds_up(
    used: Mapping[UsageKey, UsageSum], by: Sequence[Dimension]
) -> None:
    report = summed(used, date(2026, 11, 17), date(2026, 11, 18), by=by)
    assert report.total == sum(used.values(), UsageSum())
    assert report.total == sum((row.used for row in report.rows), UsageSum())
    assert len({row.names for row in report.rows}) == len(report.rows)
    assert len(tuple(usage_lines(report))) >= len(report.rows)


# --- words -------------------------------------------------------------------------------------------------

COUNTS = {999: "999", 1000: "1k", 12_345: "12.3k", 999_400: "999k", 999_700: "1000k", 1_230_000: "1.23M", 4_560_000_000: "4.56G"}  # fmt: skip


@pytest.mark.parametrize(("count", "text"), COUNTS.items())
def test_large_counts_are_told_in_three_figures(count: int, text: str) -> None:
    assert _short(count) == text


async def test_a_running_gateway_in_words() -> None:
    gateway = await in_trouble()
    assert "\n".join(overview_lines(gateway.operator.overview(), now=UNIX)) == (
        "ACCOUNT  KIND    PROJECT  WEIGHT  LEASES  TALKS  STATE\n"
        "ana@x.y  gemini  p-1           2       1      1  resting\n"
        "    fast until 11:07:36 UTC (56 s): Slow down.\n"
        "bo@x.y   vertex  p-2           1       0      0  refused by Google\n"
        "    HTTP 403 BILLING_DISABLED: no bill\n"
        "cy@x.y   gemini  -             1       0      0  disabled in the file\n"
        "di@x.y   -       -             -       -      -  cannot be used\n"
        "    accounts.yaml:9: the variable is not set.\n"
        "Overloaded for everybody, and left alone:\n"
        "    big until 11:07:10 UTC (30 s): No room."
    )


def test_what_others_said_cannot_steer_a_terminal() -> None:
    status = AccountStatus("ana@x.y", Standing.REFUSED, reason="HTTP 403: \x1b[2Jgone\r\n\x07away")
    *_, line = overview_lines(Overview((status,)), now=UNIX)
    assert line == "    HTTP 403:  [2Jgone   away"


def test_nothing_has_words_too() -> None:
    assert list(overview_lines(Overview(()), now=UNIX)) == ["There are no accounts."]
    assert list(check_lines(())) == ["There are no accounts to check."]
    assert list(obeyed_lines((Obeyed(Action.RESET, ""),))) == [
        "All accounts: cooldowns and refusals are forgotten."
    ]
    day = date(2026, 11, 18)
    assert list(usage_lines(summed({}, day, day, by=()))) == ["Nothing was used: 2026-11-18."]


SPANS = {
    0.0: "1 s",
    0.2: "1 s",
    56.0: "56 s",
    119.01: "2 min",
    121.0: "3 min",
    7_141.0: "2 h",
    7_260.0: "2 h 1 min",
    86_400.0: "24 h",
    172_800.0: "2 d",
    187_200.0: "2 d 4 h",
}


@pytest.mark.parametrize(("seconds", "words"), SPANS.items(), ids=map(str, SPANS))
def test_spans(seconds: float, words: str) -> None:
    assert span(seconds) == words
