"""Checks of files: the configuration, the accounts, the client keys, the state. Nothing is changed in any of them."""

import asyncio
import difflib
import os
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, get_type_hints

from pydantic import TypeAdapter, ValidationError
from ruamel.yaml import YAML, YAMLError

from antigravity_addon.accounts.file import AccountsFileError
from antigravity_addon.cli.answer import ReadAccounts
from antigravity_addon.gateway.client_keys import ClientKey, ClientKeysFileError, new_key, read_client_keys
from antigravity_addon.gateway.operator import OperatorError
from antigravity_addon.gateway.settings import (
    OPTION_NAMES,
    OTHER_OPTIONS,
    RawOptions,
    SettingsError,
    to_settings,
)
from antigravity_addon.state.memory import StateError
from antigravity_addon.state.sqlite_file import SqliteFile

from .finding import Finding, ok, problem, skipped, warning

_OPTIONS = TypeAdapter(dict[str, object])
_KINDS: Mapping[str, TypeAdapter[object]] = {
    f"gateway_{name}": TypeAdapter(kind)
    for name, kind in {**get_type_hints(RawOptions), **OTHER_OPTIONS}.items()
    if f"gateway_{name}" in OPTION_NAMES
}
_FULL_BYTES = 50_000_000
"""With less, a gateway can keep next to nothing."""
_STAND_IN = new_key()


# --- the configuration -------------------------------------------------------------------------------------


def check_configuration(path: Path, *, operators_key: str) -> Iterator[Finding]:
    """As mitmproxy reads it. `operators_key` is what `GATEWAY_API_KEY` has here."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        yield ok("configuration", f"There is no {path}: everything is as it is by default.")
        return
    except (OSError, UnicodeDecodeError) as error:
        yield problem("configuration", f"{path} cannot be read ({type(error).__name__}).", "See whose it is.")
        return
    try:
        content: object = YAML(typ="safe", pure=True).load(text)  # pyright: ignore[reportUnknownMemberType]  ruamel's streams have no type
        options = _OPTIONS.validate_python({} if content is None else content)
    except YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f":{mark.line + 1}" if mark is not None else ""
        yield problem(
            "configuration", f"{path}{line} is not valid YAML.", "Mend that line, or the one above it."
        )
    except ValidationError:
        yield problem("configuration", f"{path} is no list of options.", "Write `option: value` lines.")
    else:
        yield from _check_options(path, options, operators_key)


def _check_options(path: Path, options: Mapping[str, object], operators_key: str) -> Iterator[Finding]:
    findings = [*_unknown(path, options), *_unfit(path, options, operators_key)]
    yield from findings
    if not findings:
        ours = sum(name in OPTION_NAMES for name in options)
        yield ok("configuration", f"{path} can be read: {ours} of its options are the gateway's.")


def _unknown(path: Path, options: Mapping[str, object]) -> Iterator[Finding]:
    for name in options:
        if name in OPTION_NAMES:
            continue
        is_meant = name.startswith("gateway_")
        close = difflib.get_close_matches(name, sorted(OPTION_NAMES), n=1, cutoff=0.6 if is_meant else 0.85)
        # the rest is mitmproxy's own to judge
        if is_meant or close:
            yield problem(
                "configuration",
                f"{path}: {name}: there is no such option.",
                f"Did you mean {close[0]}?" if close else "docs/options.md lists all.",
            )


def _unfit(path: Path, options: Mapping[str, object], operators_key: str) -> Iterator[Finding]:
    """Values that the gateway would not start with."""
    remedy = "docs/options.md says what each option takes."
    values: dict[str, Any] = {}
    misfits = False
    for option, kind in _KINDS.items():
        if option not in options:
            continue
        try:
            values[option.removeprefix("gateway_")] = kind.validate_python(options[option], strict=True)
        except ValidationError as error:
            misfits = True
            yield problem("configuration", f"{path}: {option}: {error.errors()[0]['msg']}.", remedy)
    if misfits:
        return
    others = {name: values.pop(name, None) for name in OTHER_OPTIONS}
    raw = RawOptions(**values)
    raw = replace(raw, api_key=raw.api_key or operators_key, has_client_keys=bool(others["client_keys"]))
    try:
        to_settings(raw)
    except SettingsError as error:
        if _is_for_want_of_a_key(raw):
            sentence = f"{path}: {error}"
            yield warning(
                "configuration", sentence, "Or is it in the environment of the gateway, and not in this one?"
            )
        else:
            yield problem("configuration", f"{path}: {error}", remedy)


def _is_for_want_of_a_key(raw: RawOptions) -> bool:
    try:
        to_settings(replace(raw, api_key=raw.api_key or _STAND_IN))
    except SettingsError:
        return False
    return True


# --- who pays, and who may come in -------------------------------------------------------------------------


def check_accounts_file(
    path: Path, read: ReadAccounts | AccountsFileError | OperatorError, *, is_configured: bool
) -> Iterator[Finding]:
    """What came of reading it."""
    match read:
        case OperatorError() if is_configured:
            yield problem("accounts", str(read))
            return
        case OperatorError():
            # a gateway may have been told of another on its command line
            yield warning("accounts", str(read))
            return
        case AccountsFileError():
            yield problem("accounts", str(read), "Mend it: gateways take none of its accounts until then.")
            return
        case _:
            pass
    for sentence in read.warnings:
        yield warning("accounts", sentence)
    for account in read.unusable:
        yield problem("accounts", f"{account.email} cannot be used: {account.reason}")
    unusable = {account.email for account in read.unusable}
    usable = [account for account in read.accounts if not account.disabled and account.email not in unusable]
    if usable:
        yield ok("accounts", f"{path}: {_count(len(usable), 'account')} can be used.")
    elif not read.unusable:
        yield problem(
            "accounts", f"{path} has no account but disabled ones.", "antigravity accounts add --help"
        )


def check_client_keys(path: Path, *, is_configured: bool, now: float) -> Iterator[Finding]:
    if not is_configured:
        yield ok("client keys", "No file of client keys is configured.")
        return
    try:
        keys = read_client_keys(path)
    except ClientKeysFileError as error:
        yield problem("client keys", str(error), "Mend it, or make a key: antigravity keys add NAME")
        return
    over = [key.name for key in keys if _is_over(key, now)]
    for name in over:
        yield warning(
            "client keys",
            f"{name} has expired, and lets nobody in.",
            f"antigravity keys remove {name}, and add it anew.",
        )
    valid = len([key for key in keys if not key.disabled]) - len(over)
    yield ok("client keys", f"{path}: {_count(valid, 'key')} can be used.")


def _is_over(key: ClientKey, now: float) -> bool:
    return not key.disabled and key.expires is not None and key.expires.timestamp() <= now


def _count(number: int, what: str) -> str:
    return f"{number or 'no'} {what}{'' if number == 1 else 's'}"


# --- the state ---------------------------------------------------------------------------------------------


def check_state(path: Path | None) -> Finding:
    """Can it be written, and read by this version?"""
    if path is None:
        return ok("state", "Gateways keep their state in memory: with the process, it is gone.")
    remedy = "See whose it is, or name another in gateway_state."
    try:
        if path.exists():
            with path.open("r+b"):
                pass
            if path.stat().st_size:
                asyncio.run(_open_state(path))
            return ok("state", f"{path} can be written, and has the schema of this version.")
        folder = next(parent for parent in path.absolute().parents if parent.exists())
        if folder.is_dir() and os.access(folder, os.W_OK | os.X_OK):
            return ok("state", f"{path} is not there yet, and can be made.")
    except StateError as error:
        return problem("state", str(error))
    except OSError as error:
        return problem("state", f"{path} cannot be written: {error.strerror}.", remedy)
    return problem("state", f"{path} cannot be made: {folder} is no folder that can be written.", remedy)


async def _open_state(path: Path) -> None:
    """Raises: StateError."""
    share = SqliteFile(path, reads_only=True).share()
    try:
        await share.run(lambda connection: connection.execute("SELECT 1").fetchall())
    finally:
        await share.aclose()


def check_disk(path: Path | None, *, wanted_bytes: int) -> Finding:
    """Is there room for as much as `gateway_state_megabytes` allows?"""
    if path is None:
        return skipped("disk", "Nothing is kept on a disk.")
    folder = next((parent for parent in path.absolute().parents if parent.is_dir()), Path("/"))
    free = shutil.disk_usage(folder).free
    said = f"{free / 1e9:.1f} GB are free where the state is kept."
    if free < _FULL_BYTES:
        return problem("disk", said, "Make room: what is not kept is forgotten, rests of accounts included.")
    if free < wanted_bytes:
        return warning(
            "disk",
            said,
            f"gateway_state_megabytes allows {wanted_bytes // 1_000_000}: make room, or allow less.",
        )
    return ok("disk", said)
