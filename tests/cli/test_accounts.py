"""`antigravity accounts`: what is listed, and what reaches a gateway that runs."""

import json

import pytest

from antigravity_addon.errors import AccountRefused, Overloaded, QuotaExhausted, RateLimited
from tests.cli.commanding import Shell, run_gateway
from tests.conftest import Golden

ACCOUNTS = """\
# Who pays.
oauth_clients:
  own: {client_id: own.apps, client_secret: client-s3cret}

accounts:
  # the good one
  - email: ana@example.com
    api_key: ana-s3cret  # in her name
    project: tests-1
    weight: 2.5
  - email: bo@example.com
    kind: vertex
    project: tests-2
    refresh_token: bo-s3cret
    oauth_client: own
  - email: cy@example.com
    kind: code_assist
    refresh_token: cy-s3cret
    oauth_client: own
  - email: di@example.com
    api_key: env:NOBODY_SET_IT
  - email: ed@example.com
    api_key: ed-s3cret
    disabled: true
"""
ANA, BO, ED = "ana@example.com", "bo@example.com", "ed@example.com"


@pytest.fixture
def accounts(shell: Shell) -> Shell:
    shell.write("accounts.yaml", ACCOUNTS)
    return shell


async def troubled(shell: Shell) -> None:
    """A gateway runs for a while, and nothing goes well."""
    async with run_gateway(shell) as gateway:
        await gateway.fail(ANA, RateLimited("Too many requests a minute.", retry_after=56.0))
        await gateway.fail(
            ANA,
            QuotaExhausted("The day's are used up.", retry_after=74_000.0),
            model="gemini-3.1-pro-preview",
        )
        for _ in range(3):
            overloaded = Overloaded("The model is overloaded.", retry_after=90.0)
            await gateway.fail(BO, overloaded, model="gemini-3.5-flash")
        await gateway.fail(
            BO, AccountRefused("no", reason="HTTP 403 BILLING_DISABLED: Enable billing."), model="m"
        )


async def test_the_list_in_words(accounts: Shell, golden: Golden) -> None:
    await troubled(accounts)
    said = await accounts.run_beside("accounts list")
    assert (said.code, said.err) == (0, "")
    golden("list.txt", said.out)


async def test_the_list_as_json(accounts: Shell, golden: Golden) -> None:
    await troubled(accounts)
    said = await accounts.run_beside("accounts list --json")
    assert (said.code, said.err) == (0, "")
    golden("list.json", said.out)


def test_nothing_is_made_by_looking(accounts: Shell) -> None:
    said = accounts.run("accounts list")
    assert said.code == 0
    assert said.err == (
        "No gateway has used state.sqlite yet; if one keeps its state elsewhere, name the file: --state FILE\n"
    )
    assert sorted(path.name for path in accounts.folder.iterdir()) == ["accounts.yaml", "mitm-config.yaml"]


def test_with_the_option_code_assist_counts(accounts: Shell) -> None:
    lines = accounts.run("accounts list --enable-code-assist").out.splitlines()
    assert [line.split() for line in lines if line.startswith("cy@")] == [
        ["cy@example.com", "code_assist", "-", "1", "usable"]
    ]
    accounts.write("mitm-config.yaml", "gateway_enable_code_assist: true\ngateway_state: memory\n")
    said = accounts.run("accounts list")
    assert said.out.splitlines() == lines
    assert "in memory" in said.err


def test_a_file_that_others_can_read_is_told_of(accounts: Shell) -> None:
    (accounts.folder / "accounts.yaml").chmod(0o644)
    assert "accounts.yaml holds keys and can be read by other users" in accounts.run("accounts list").err


# --- orders ------------------------------------------------------------------------------------------------


async def test_an_order_reaches_a_gateway_that_runs(accounts: Shell) -> None:
    async with run_gateway(accounts) as gateway:
        said = await accounts.run_beside(f"accounts disable {ANA} {BO} --reason", "on\n holiday")
        assert (said.code, said.out, said.err) == (
            0,
            "ana@example.com: switched off.\nbo@example.com: switched off.\n",
            "",
        )
        await gateway.keeper.sync()
        off = "on holiday"
        usable = {"cy@example.com": None, ED: "It is disabled in the accounts file."}
        assert gateway.out() == {ANA: off, BO: off, **usable}
        said = await accounts.run_beside("accounts list --json")
        assert [(each["state"], each["reason"]) for each in json.loads(said.out)["accounts"][:2]] == [
            ("switched_off", "on holiday"),
            ("switched_off", "on holiday"),
        ]
        await accounts.run_beside(f"accounts enable {ANA}")
        await accounts.run_beside("accounts reset")
        await gateway.keeper.sync()
        assert gateway.out() == {ANA: None, BO: off, **usable}, (
            "what the operator switched off, a reset does not touch"
        )


async def test_a_reset_ends_what_google_refused_and_cooldowns(accounts: Shell) -> None:
    async with run_gateway(accounts) as gateway:
        await gateway.fail(ANA, RateLimited("Too many.", retry_after=56.0))
        await gateway.fail(BO, AccountRefused("no", reason="HTTP 403: no"))
        await gateway.keeper.sync()
        said = await accounts.run_beside(f"accounts reset {ANA} --json")
        assert json.loads(said.out) == {"action": "reset", "orders": [{"email": ANA, "note": None}]}
        await gateway.keeper.sync()
        assert [report.rests for report in gateway.pool.reports()] == [()] * 4
        assert gateway.out()[BO] == "HTTP 403: no"
        said = await accounts.run_beside("accounts reset --json")
        assert json.loads(said.out) == {"action": "reset", "orders": [{"email": None, "note": None}]}
        await gateway.keeper.sync()
        assert gateway.out()[BO] is None


async def test_an_order_before_the_first_start_is_followed_by_it(accounts: Shell) -> None:
    assert (
        "No gateway has used state.sqlite yet" in (await accounts.run_beside(f"accounts disable {ANA}")).err
    )
    async with run_gateway(accounts) as gateway:
        assert gateway.out()[ANA] == "An operator switched it off."


def test_what_the_file_disables_is_said_with_its_place(accounts: Shell) -> None:
    said = accounts.run(f"accounts enable {ED}")
    assert said.code == 0
    assert said.out == (
        "ed@example.com: switched on; its cooldowns and refusals are forgotten.\n"
        "    It stays out of use: it is disabled in accounts.yaml:24, and only there can that be changed.\n"
    )


CANNOT: dict[str, tuple[str, str]] = {
    "no such account": (
        "accounts disable anna@example.com",
        "There is no account 'anna@example.com'. Did you mean ana@example.com?\n",
    ),
    "one of them": (
        f"accounts disable {ANA} nobody@nowhere",
        (
            "There is no account 'nobody@nowhere'. There are: ana@example.com, bo@example.com, cy@example.com, "
            "ed@example.com, di@example.com.\n"
        ),
    ),
    "one that cannot be used": (
        "accounts enable di@example.com",
        (
            "di@example.com cannot be used anyway: accounts.yaml:21: accounts[3].api_key: env:NOBODY_SET_IT: the environment "
            "variable is not set.\n"
        ),
    ),
    "no file": (
        "accounts list --accounts nowhere.yaml",
        "nowhere.yaml: there is no such file. Name another, --accounts FILE, or begin it: antigravity accounts add --help\n",
    ),
    "no accounts file": (
        "accounts list --accounts mitm-config.yaml",
        (
            "mitm-config.yaml:1: accounts: is missing.\n"
            "mitm-config.yaml:1: gateway_state: is not a field that is known here (accounts, oauth_clients).\n"
        ),
    ),
    "orders to nobody": (
        f"accounts disable {ANA} --state memory",
        (
            "Gateways with gateway_state: memory take orders from nobody outside: give the order there, with mitmproxy's command "
            "gateway.accounts.disable, .enable or .reset.\n"
        ),
    ),
}


@pytest.mark.parametrize(("line", "sentence"), CANNOT.values(), ids=CANNOT.keys())
def test_what_cannot_be_done_is_said_in_a_sentence(accounts: Shell, line: str, sentence: str) -> None:
    said = accounts.run(line)
    assert (said.code, said.out, said.err) == (2, "", sentence)


# --- changes -----------------------------------------------------------------------------------------------


def test_fields_of_an_account_are_set_and_taken_out(accounts: Shell) -> None:
    said = accounts.run(
        f"accounts set {ANA} weight=3 max_concurrent=4 disabled=true project= api_key=env:ANAS"
    )
    assert (said.code, said.err) == (0, "")
    assert said.out == (
        "ana@example.com was changed in accounts.yaml; gateways that run take it at once.\n"
        "It cannot be used: accounts.yaml:8: accounts[0].api_key: env:ANAS: the environment variable is not set.\n"
    )
    assert accounts.read("accounts.yaml") == ACCOUNTS.replace(
        "    api_key: ana-s3cret  # in her name\n    project: tests-1\n    weight: 2.5\n",
        "    api_key: env:ANAS    # in her name\n    weight: 3.0\n    max_concurrent: 4\n    disabled: true\n",
    )


def test_what_was_set_is_one_document_of_json(accounts: Shell) -> None:
    said = accounts.run(f"accounts set {ED} disabled= weight=0.5 --json")
    assert json.loads(said.out) == {
        "file": "accounts.yaml",
        "email": ED,
        "fields": {"disabled": None, "weight": 0.5},
        "note": None,
    }


UNSETTABLE: dict[str, tuple[str, str]] = {
    "an account that is not there": ("x@y.z weight=2", "accounts.yaml: x@y.z is not listed.\n"),
    "what it cannot be without": (f"{ANA} api_key=", "accounts.yaml:7: accounts[0].api_key: is missing.\n"),
    "what its kind does not have": (
        f"{ANA} location=europe-west4",
        "accounts.yaml:11: accounts[0].location: is not for accounts of kind gemini: take it out, or say another kind.\n",
    ),
    "a client that is not listed": (
        f"{BO} oauth_client=other",
        "accounts.yaml:15: accounts[1].oauth_client: 'other' is not listed in oauth_clients (own).\n",
    ),
    "a field twice": (f"{ANA} weight=2 weight=3", "Nothing was changed: a field is named twice.\n"),
    "no file": (
        f"{ANA} weight=2 --accounts nowhere.yaml",
        "nowhere.yaml: there is no such file. Name another, --accounts FILE, or begin it: antigravity accounts add --help\n",
    ),
}


@pytest.mark.parametrize(("words", "sentence"), UNSETTABLE.values(), ids=UNSETTABLE)
def test_what_would_be_no_accounts_file_is_refused_and_nothing_is_changed(
    accounts: Shell, words: str, sentence: str
) -> None:
    said = accounts.run(f"accounts set {words}")
    assert (said.code, said.out, said.err) == (2, "", sentence)
    assert accounts.read("accounts.yaml") == ACCOUNTS
