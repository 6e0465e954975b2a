"""`antigravity accounts`: those that are in the file."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import assert_never

import yaml
from pydantic import BaseModel

from antigravity_addon.accounts import edit
from antigravity_addon.accounts.account import Upstream
from antigravity_addon.accounts.file import AccountsFileMissingError, Unusable, load_accounts
from antigravity_addon.accounts.yaml_lines import place_of
from antigravity_addon.gateway.ground import Overview
from antigravity_addon.gateway.operator import CHECK_MODEL, CheckResult, Obeyed, OperatorError, Verdict
from antigravity_addon.gateway.operator_words import (
    check_lines,
    obeyed_lines,
    overview_lines,
)
from antigravity_addon.state.pool_store import PoolStore

from .answer import Answer, ReadAccounts, Scene, find_store, operating, state_warnings
from .commands import (
    CheckAccounts,
    DisableAccounts,
    EnableAccounts,
    ResetAccounts,
    SetFields,
)
from .documents import AccountList, CheckList, FieldsSet, OrderList
from .places import PlacesError

_CODE_ASSIST_OFF = (
    "Code Assist is off: read what docs/options.md says of gateway_enable_code_assist, then set it in mitm-config.yaml, or "
    "say --enable-code-assist here."
)


# --- what there is -----------------------------------------------------------------------------------------


def list_accounts(scene: Scene) -> Answer:
    """Raises: AccountsFileError, StateError."""
    read = read_accounts(scene)
    warnings = (*read.warnings, *state_warnings(scene.places.state))
    overview = asyncio.run(_overview(scene, read, find_store(scene)))
    return Answer(AccountList.of(overview), tuple(overview_lines(overview, now=scene.unix_time())), warnings)


async def _overview(scene: Scene, read: ReadAccounts, store: PoolStore) -> Overview:
    async with operating(scene, read, store) as operator:
        return operator.overview()


def read_accounts(scene: Scene) -> ReadAccounts:
    """Raises: AccountsFileError. OperatorError: there is no file."""
    path = scene.places.accounts
    try:
        file = load_accounts(path)
    except AccountsFileMissingError:
        raise OperatorError(
            f"{path}: there is no such file. Name another, --accounts FILE, or begin it: antigravity accounts add --help"
        ) from None
    unusable = [
        Unusable(account.email, _CODE_ASSIST_OFF, account.upstream)
        for account in file.accounts
        if account.upstream is Upstream.CODE_ASSIST and not scene.places.enable_code_assist
    ]
    return ReadAccounts(
        file.accounts,
        (*unusable, *file.unusable),
        places=dict(_disabled_at(path)),
        warnings=(
            *(
                f"{exposed} holds keys and can be read by other users of this machine: chmod 600 it."
                for exposed in file.exposed
            ),
            *(
                f"{changeable} can be changed by other users of this machine: chmod 600 it."
                for changeable in file.changeable
            ),
        ),
    )


class _Entry(BaseModel):
    email: str
    disabled: bool = False


class _File(BaseModel):
    accounts: tuple[_Entry, ...]


def _disabled_at(path: Path) -> Iterator[tuple[str, str]]:
    """E-mails, each with the line that disables it. The file was found good before."""
    text = path.read_text(encoding="utf-8")
    root, file = yaml.compose(text, Loader=yaml.SafeLoader), _File.model_validate(yaml.safe_load(text))
    for index, entry in enumerate(file.accounts):
        if entry.disabled:
            yield entry.email, place_of(root, ("accounts", index, "disabled"), str(path))


# --- changes -----------------------------------------------------------------------------------------------


def set_fields(command: SetFields, scene: Scene) -> Answer:
    """Raises: AccountsFileError, OperatorError: nothing was changed."""
    path = scene.places.accounts
    fields = dict(command.fields)
    if len(fields) < len(command.fields):
        raise OperatorError("Nothing was changed: a field is named twice.")
    warnings = read_accounts(scene).warnings
    edit.set_fields(path, command.email, fields)
    note = next((each.reason for each in load_accounts(path).unusable if each.email == command.email), None)
    lines = [f"{command.email} was changed in {path}; gateways that run take it at once."]
    if note is not None:
        lines.append(f"It cannot be used: {note}")
    return Answer(
        FieldsSet(file=str(path), email=command.email, fields=fields, note=note), tuple(lines), warnings
    )


# --- checks ------------------------------------------------------------------------------------------------


def check_accounts(command: CheckAccounts, scene: Scene) -> Answer:
    """Raises: AccountsFileError, OperatorError, StateError. PlacesError: there is nothing to ask."""
    read = read_accounts(scene)
    model = command.model or CHECK_MODEL
    results = ask_accounts(
        command, scene, read, model=model, finds_links=command.shows_links or not scene.json
    )
    return Answer(
        CheckList.of(model, results, shows_links=command.shows_links),
        tuple(check_lines(results)),
        read.warnings,
        exit_code=int(any(result.verdict is Verdict.FAILED for result in results)),
    )


def ask_accounts(
    command: CheckAccounts, scene: Scene, read: ReadAccounts, *, model: str, finds_links: bool
) -> tuple[CheckResult, ...]:
    """Raises: OperatorError, StateError. PlacesError: there is nothing to ask."""
    target = scene.places.target
    if target is None:
        raise PlacesError(
            "mitm-config.yaml has gateway_upstream: simulator, which only a gateway reaches: name what to ask, --target URL"
        )
    # half a second of clients for HTTP and for Google's logins
    from antigravity_addon.gateway.account_check import AccountCheck  # noqa: PLC0415
    from antigravity_addon.gateway.connections import TOKEN_FILE, Connections  # noqa: PLC0415

    state = scene.places.state
    connections = Connections(
        target=target,
        token_file=None if state is None else state.parent / TOKEN_FILE,
        unix_time=scene.unix_time,
    )
    check = AccountCheck(
        connections, unix_time=scene.unix_time, seconds=command.seconds, finds_links=finds_links
    )
    store = find_store(scene)

    async def results_of_all() -> tuple[CheckResult, ...]:
        try:
            async with operating(scene, read, store, check=check) as operator:
                return await operator.check(command.emails, model=model)
        finally:
            await connections.aclose()

    return asyncio.run(results_of_all())


# --- orders ------------------------------------------------------------------------------------------------

type _Order = DisableAccounts | EnableAccounts | ResetAccounts


def order_accounts(command: _Order, scene: Scene) -> Answer:
    """Raises: AccountsFileError, OperatorError, PlacesError, StateError."""
    read = read_accounts(scene)
    warnings = (*read.warnings, *state_warnings(scene.places.state))
    store = find_store(scene, gives_orders=True)
    obeyed = asyncio.run(_order(command, scene, read, store=store))
    return Answer(OrderList.of(obeyed), tuple(obeyed_lines(obeyed)), warnings)


async def _order(
    command: _Order, scene: Scene, read: ReadAccounts, *, store: PoolStore
) -> tuple[Obeyed, ...]:
    async with operating(scene, read, store) as operator:
        match command:
            case DisableAccounts(emails=emails, reason=reason):
                return await operator.disable(emails, reason=reason)
            case EnableAccounts(emails=emails):
                return await operator.enable(emails)
            case ResetAccounts(emails=emails):
                return await operator.reset(emails)
            case _:
                assert_never(command)
