"""The command line -> what is asked for. No secret can be an argument: it would be seen in lists of processes."""

import argparse
import re
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NoReturn, override

from . import values
from .commands import (
    AddAccount,
    AddKey,
    Arguments,
    CheckAccounts,
    Command,
    DisableAccounts,
    EnableAccounts,
    Examine,
    ImportAccounts,
    ListAccounts,
    ListClients,
    ListKeys,
    NamedPlaces,
    RemoveKey,
    ResetAccounts,
    SecretFrom,
    SetFields,
    ShowClient,
    ShowUsage,
    VerifyRecording,
)

_EPILOG = """\
Files that are not named are those of mitm-config.yaml in the working directory. Gateways may run meanwhile: they take
orders within a second, and see at once what is added. Exit codes: 0; 1 if a check failed; 2 if something cannot be done.
"""


def parse(argv: Sequence[str]) -> Arguments:
    """Ends the process with code 2, and a sentence, if it is not understood."""
    parser = _parser()
    found, unknown = parser.parse_known_args(argv)
    if unknown:
        # not the values: one may be a secret that somebody hoped to pass
        names = [word.partition("=")[0] for word in unknown if word.startswith("-")]
        parser.error(f"there is no option {names[0]} here." if names else "there are words too many.")
    places = NamedPlaces(
        found.accounts, found.state, found.keys, found.target, found.enable_code_assist, found.url
    )
    return Arguments(found.command(found), places, found.json)


def _add_account(found: Namespace) -> AddAccount:
    return AddAccount(
        email=found.email,
        kind=found.kind,
        project=found.project,
        location=found.location,
        oauth_client=found.oauth_client,
        credentials=found.credentials,
        key_from=_secret_from(found.api_key_env, found.keyring, is_read=found.api_key_stdin),
        token_from=_secret_from(
            found.refresh_token_env, found.refresh_token_keyring, is_read=found.refresh_token_stdin
        ),
        weight=found.weight,
        max_concurrent=found.max_concurrent,
        base_url=found.base_url,
    )


def _add_key(found: Namespace) -> AddKey:
    return AddKey(
        name=found.name,
        expires=found.expires,
        models=found.models,
        requests_per_minute=found.requests_per_minute,
        requests_per_day=found.requests_per_day,
        tokens_per_day=found.tokens_per_day,
        metrics=found.metrics,
    )


def _secret_from(variable: str, keyring: str | None, *, is_read: bool) -> SecretFrom | None:
    return SecretFrom(variable, keyring or "") if variable or keyring or is_read else None


# --- the parsers -------------------------------------------------------------------------------------------


class _Parser(ArgumentParser):
    """Says one sentence where argparse would add the whole usage, and takes no abbreviations: of `--api-key SECRET`, one
    would be made.
    """

    def __init__(self, **settings: object) -> None:
        super().__init__(**{"allow_abbrev": False, **settings})  # pyright: ignore[reportArgumentType]  passed on as they come

    @override
    def error(self, message: str) -> NoReturn:
        # a word in the wrong place may be a secret
        shown = re.sub(
            r"invalid choice: .* \(choose from (.*)\)", r"choose from \1.", message, flags=re.DOTALL
        )
        self.exit(2, f"{self.prog}: {shown}\nTry: {self.prog} --help\n")


def _parser() -> ArgumentParser:
    parser = _Parser(
        prog="antigravity",
        description="Accounts, usage, client keys and clients of the gateway, and what is wrong with it.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    # of those that have no such option
    parser.set_defaults(accounts=None, state=None, keys=None, target=None, enable_code_assist=False, url=None)
    shared = _shared()
    topics = parser.add_subparsers(metavar="TOPIC", required=True)
    accounts = topics.add_parser("accounts", help="who pays").add_subparsers(metavar="ACTION", required=True)
    shared_by_accounts = _shared_by_accounts()
    _add_looks(accounts, shared_by_accounts)
    _add_add_action(accounts, shared_by_accounts)
    _add_set_action(accounts, shared_by_accounts)
    _add_import_action(accounts, shared_by_accounts)
    _add_orders(accounts, shared_by_accounts)
    _add_usage(topics, shared)
    keys = topics.add_parser("keys", help="who may come in").add_subparsers(metavar="ACTION", required=True)
    _add_key_actions(keys, shared)
    _add_client(topics)
    _add_doctor(topics, shared_by_accounts)
    _add_verify(topics)
    return parser


# argparse has no other names for them
type _Actions = argparse._SubParsersAction[_Parser]  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
type _OneOf = argparse._MutuallyExclusiveGroup  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]


def _shared_by_all() -> _Parser:
    shared = _Parser(add_help=False)
    shared.add_argument("--json", action="store_true", help="print one JSON document")
    return shared


def _shared() -> _Parser:
    shared = _Parser(add_help=False, parents=[_shared_by_all()])
    places = shared.add_argument_group("where things are")
    places.add_argument("--accounts", type=Path, metavar="FILE", help="the accounts file")
    places.add_argument("--state", metavar="FILE", help="the gateway's SQLite file")
    places.add_argument("--keys", type=Path, metavar="FILE", help="the file of client keys")
    return shared


def _shared_by_accounts() -> _Parser:
    shared = _Parser(add_help=False, parents=[_shared()])
    shared.add_argument(
        "--enable-code-assist",
        action="store_true",
        help="as gateway_enable_code_assist does; read first what docs/options.md says of that",
    )
    return shared


def _leaf(
    actions: _Actions,
    name: str,
    shared: _Parser,
    *,
    help: str,  # noqa: A002  as argparse calls it
    command: Callable[[Namespace], Command],
) -> _Parser:
    leaf = actions.add_parser(name, parents=[shared], help=help, description=f"{help[0].upper()}{help[1:]}.")
    leaf.set_defaults(command=command)
    return leaf


def _add_looks(accounts: _Actions, shared: _Parser) -> None:
    _leaf(accounts, "list", shared, help="what state each account is in", command=lambda _: ListAccounts())

    check = _leaf(
        accounts,
        "check",
        shared,
        help="ask a word in each account's name, and say what is wrong",
        command=lambda found: CheckAccounts(
            tuple(found.emails), found.model, found.timeout, found.show_links
        ),
    )
    check.add_argument(
        "emails", nargs="*", metavar="EMAIL", help="all that the file does not disable, if none is named"
    )
    check.add_argument("--model", metavar="NAME", help="the Gemini model to ask")
    check.add_argument(
        "--target",
        type=values.target,
        metavar="URL",
        help="what to send it to; if nothing is said, what mitm-config.yaml has behind the gateway, else Google",
    )
    check.add_argument(
        "--timeout", type=values.seconds, default=30.0, metavar="SECONDS", help="for each account"
    )
    check.add_argument(
        "--show-links", action="store_true", help="with --json: pages for an account's owner alone, too"
    )


def _add_add_action(accounts: _Actions, shared: _Parser) -> None:
    add = _leaf(accounts, "add", shared, help="put an account into the accounts file", command=_add_account)
    add.add_argument("email", metavar="EMAIL")
    add.add_argument(
        "--kind",
        choices=values.KINDS,
        default="gemini",
        help="what it is at Google; gemini if nothing is said",
    )
    paid = add.add_argument_group("what it pays with, one of").add_mutually_exclusive_group(required=True)
    _add_secret(paid, "--api-key", "key", keyring="--keyring")
    paid.add_argument(
        "--credentials",
        default="",
        metavar="FILE",
        help="gcloud, gemini-cli, machine, or a file of Google credentials",
    )
    _add_secret(paid, "--refresh-token", "refresh token", keyring="--refresh-token-keyring")
    add.add_argument(
        "--oauth-client",
        default="",
        metavar="NAME",
        help="of oauth_clients in the accounts file: whom a refresh token was issued to",
    )
    add.add_argument("--project", default="", metavar="ID", help="the Cloud project whose quota it uses")
    add.add_argument(
        "--location", default="", metavar="NAME", help="where Vertex AI serves it, such as europe-west4"
    )
    add.add_argument(
        "--weight", type=values.weight, metavar="N", help="its share beside the others'; 1 if nothing is said"
    )
    add.add_argument(
        "--max-concurrent", type=values.limit, metavar="N", help="attempts under way at the same time"
    )
    add.add_argument(
        "--base-url",
        default="",
        metavar="URL",
        help="its upstream, such as https://HOST, if not the kind's own",
    )


def _add_secret(paid: _OneOf, option: str, what: str, *, keyring: str) -> None:
    """The ways to say where it is."""
    paid.add_argument(
        f"{option}-env", default="", metavar="NAME", help=f"the {what} is in this environment variable"
    )
    paid.add_argument(
        f"{option}-stdin", action="store_true", help=f"read the {what}, and put it into the accounts file"
    )
    paid.add_argument(
        keyring,
        type=values.keyring_entry,
        metavar="SERVICE/USER",
        help=f"read the {what}, and put it into the system's keyring",
    )


def _add_set_action(accounts: _Actions, shared: _Parser) -> None:
    change = _leaf(
        accounts,
        "set",
        shared,
        help="change what the accounts file says of an account",
        command=lambda found: SetFields(found.email, tuple(found.fields)),
    )
    change.add_argument("email", metavar="EMAIL")
    change.add_argument(
        "fields",
        nargs="+",
        type=values.field,
        metavar="FIELD=VALUE",
        help=f"without a value, the field is taken out; one of {', '.join(values.FIELDS)}",
    )


def _add_import_action(accounts: _Actions, shared: _Parser) -> None:
    bring = _leaf(
        accounts,
        "import",
        shared,
        help="take over accounts of other programs",
        command=lambda found: ImportAccounts(
            tuple(found.sources), found.oauth_client, found.email, found.project, found.dry_run
        ),
    )
    bring.add_argument(
        "sources",
        nargs="+",
        metavar="SOURCE",
        help="gcloud, gemini-cli, an export or the folder of Antigravity Tools, a file of credentials, or - to read one",
    )
    bring.add_argument(
        "--oauth-client",
        default="",
        metavar="NAME",
        help="of oauth_clients: whom the refresh tokens were issued to",
    )
    bring.add_argument("--email", default="", help="whose the credentials are, where a file does not say")
    bring.add_argument(
        "--project",
        default="",
        metavar="ID",
        help="what Vertex AI is to be paid by, where a file does not say",
    )
    bring.add_argument("--dry-run", action="store_true", help="only say what would be taken")


def _add_orders(accounts: _Actions, shared: _Parser) -> None:
    disable = _leaf(
        accounts,
        "disable",
        shared,
        help="switch accounts off, for all gateways, until they are enabled",
        command=lambda found: DisableAccounts(tuple(found.emails), found.reason),
    )
    disable.add_argument("emails", nargs="+", metavar="EMAIL")
    disable.add_argument("--reason", default="", metavar="TEXT", help="for whoever reads the list")
    enable = _leaf(
        accounts,
        "enable",
        shared,
        help="switch accounts on again, whoever switched them off",
        command=lambda found: EnableAccounts(tuple(found.emails)),
    )
    enable.add_argument("emails", nargs="+", metavar="EMAIL")
    reset = _leaf(
        accounts,
        "reset",
        shared,
        help="forget cooldowns, and what Google refused",
        command=lambda found: ResetAccounts(tuple(found.emails)),
    )
    reset.add_argument("emails", nargs="*", metavar="EMAIL", help="all, if none is named")


def _add_usage(topics: _Actions, shared: _Parser) -> None:
    usage = _leaf(
        topics,
        "usage",
        shared,
        help="what was used, and by whom",
        command=lambda found: ShowUsage(found.days, found.first_day, found.last_day, found.by),
    )
    usage.add_argument(
        "--days",
        type=values.days,
        default=7,
        metavar="N",
        help="the last N days, today included; 7 if nothing is said",
    )
    usage.add_argument(
        "--from",
        dest="first_day",
        type=values.day,
        metavar="DATE",
        help="the first day, such as 2026-11-01; days are those of UTC",
    )
    usage.add_argument(
        "--to",
        dest="last_day",
        type=values.day,
        metavar="DATE",
        help="the last day; today if nothing is said",
    )
    usage.add_argument(
        "--by",
        type=values.dimensions,
        default=("account", "model"),
        metavar="LIST",
        help=f"a row for each of: {','.join(values.DIMENSIONS)}; account,model if nothing is said",
    )


def _add_key_actions(keys: _Actions, shared: _Parser) -> None:
    _leaf(keys, "list", shared, help="names and limits of client keys", command=lambda _: ListKeys())
    add = _leaf(
        keys,
        "add",
        shared,
        help="make a client key; it is printed this once, and kept as a hash",
        command=_add_key,
    )
    add.add_argument("name", type=values.key_name, metavar="NAME")
    add.add_argument(
        "--expires",
        type=values.expiry,
        metavar="DATE",
        help="its last day, or a moment such as 2027-01-31T18:00:00Z",
    )
    add.add_argument(
        "--models",
        type=values.names,
        default=(),
        metavar="LIST",
        help="the only ones it may use: names, and patterns with *, with commas between",
    )
    add.add_argument("--requests-per-minute", type=values.limit, metavar="N")
    add.add_argument("--requests-per-day", type=values.limit, metavar="N")
    add.add_argument("--tokens-per-day", type=values.limit, metavar="N", help="input and output together")
    add.add_argument("--metrics", action="store_true", help="it may read /metrics")
    remove = _leaf(
        keys,
        "remove",
        shared,
        help="take a client key out; whoever has it is not let in any more",
        command=lambda found: RemoveKey(found.name),
    )
    remove.add_argument("name", metavar="NAME")


def _add_client(topics: _Actions) -> None:
    client = _leaf(
        topics,
        "client",
        _shared_by_all(),
        help="the block that points a client here",
        command=lambda found: (
            ListClients() if found.name is None else ShowClient(found.name, found.model, found.key_env)
        ),
    )
    client.add_argument("name", nargs="?", metavar="NAME", help="the client; without, all are listed")
    client.add_argument("--model", type=values.model, metavar="NAME", help="the model it is to ask for")
    _add_way_in(client)


def _add_doctor(topics: _Actions, shared: _Parser) -> None:
    doctor = _leaf(
        topics,
        "doctor",
        shared,
        help="what is wrong, from the files to the last account, and what to do",
        command=lambda found: Examine(
            found.model, found.key_env, found.timeout, found.offline, not (found.offline or found.no_request)
        ),
    )
    doctor.add_argument("--model", type=values.model, metavar="NAME", help="the model to ask the gateway for")
    _add_way_in(doctor)
    doctor.add_argument(
        "--target",
        type=values.target,
        metavar="URL",
        help="what is behind the gateway; if nothing is said, what mitm-config.yaml has, else Google",
    )
    doctor.add_argument(
        "--timeout", type=values.seconds, default=30.0, metavar="SECONDS", help="for a model's answer"
    )
    doctor.add_argument("--no-request", action="store_true", help="ask no model anything: it costs quota")
    doctor.add_argument("--offline", action="store_true", help="nor ask anybody but the gateway")


def _add_verify(topics: _Actions) -> None:
    verify = _leaf(
        topics,
        "verify",
        _shared_by_all(),
        help="play what was recorded, and say whether clients would get the same to the last byte",
        command=lambda found: VerifyRecording(found.file, found.times),
    )
    verify.add_argument("file", type=Path, metavar="FILE", help="made by gateway_record, -w or mitmweb")
    verify.add_argument(
        "--times", type=values.limit, default=1, metavar="N", help="play it N times; once if nothing is said"
    )


def _add_way_in(leaf: _Parser) -> None:
    leaf.add_argument(
        "--url",
        type=values.gateway,
        metavar="URL",
        help="the gateway's; if nothing is said, what mitm-config.yaml has, else http://127.0.0.1:8045",
    )
    leaf.add_argument(
        "--key-env",
        type=values.variable,
        metavar="NAME",
        help="the environment variable that holds the client key",
    )
