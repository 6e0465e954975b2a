"""The accounts file: YAML text -> accounts, with errors that name file, line and field."""

import stat
from pathlib import Path
from typing import Annotated

import yaml
from pydantic import BaseModel, ConfigDict, Field, SecretStr, StringConstraints, ValidationError
from pydantic_core import ErrorDetails

from .account import Account, ApiKey

type _Email = Annotated[str, StringConstraints(pattern=r"^[!-?A-~]+@[!-?A-~]+$", max_length=254)]
"""Printable ASCII, since it travels in a response header."""


class AccountsFileError(ValueError):
    """The accounts file cannot be used; the message is for the operator and holds no key."""


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    email: _Email
    api_key: Annotated[SecretStr, Field(min_length=1)]
    disabled: bool = False

    def to_account(self) -> Account:
        return Account(self.email, ApiKey(self.api_key), disabled=self.disabled)


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    accounts: tuple[_Entry, ...]


def read_accounts(path: Path) -> tuple[Account, ...]:
    """Raises: AccountsFileError: unreadable, not YAML, or not of the shape that `accounts.yaml` has."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise AccountsFileError(f"{path}: there is no such file.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise AccountsFileError(f"{path}: cannot be read: {error}.") from error
    return parse_accounts(text, source=str(path))


def readable_by_others(path: Path) -> bool:
    """True if somebody besides the file's owner can read the keys in it."""
    try:
        return bool(path.stat().st_mode & (stat.S_IRGRP | stat.S_IROTH))
    except OSError:
        return False


def parse_accounts(text: str, *, source: str) -> tuple[Account, ...]:
    """Raises: AccountsFileError: see `read_accounts`. `source` is the file's name in messages."""
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
        document: object = yaml.safe_load(text)
    except yaml.MarkedYAMLError as error:
        line = f":{error.problem_mark.line + 1}" if error.problem_mark else ""
        raise AccountsFileError(f"{source}{line}: not valid YAML: {error.problem}.") from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise AccountsFileError(f"{source}: not valid YAML ({type(error).__name__}).") from None
    try:
        entries = _File.model_validate(document).accounts
    except ValidationError as error:
        problems = [_describe(detail, root, source) for detail in error.errors(include_url=False)]
        raise AccountsFileError("\n".join(problems)) from None
    _check_across(entries, root, source)
    return tuple(entry.to_account() for entry in entries)


def _check_across(entries: tuple[_Entry, ...], root: yaml.Node | None, source: str) -> None:
    """What no single field can tell: keys that cannot be sent, and accounts listed twice."""
    seen: set[str] = set()
    for index, entry in enumerate(entries):
        key = entry.api_key.get_secret_value()
        if not (key.isascii() and key.isprintable() and " " not in key):
            where = _where(root, ("accounts", index, "api_key"), source)
            raise AccountsFileError(
                f"{where}: accounts[{index}].api_key: a key has no spaces or odd characters."
            )
        if entry.email in seen:
            where = _where(root, ("accounts", index, "email"), source)
            raise AccountsFileError(f"{where}: accounts[{index}].email: {entry.email!r} is listed twice.")
        seen.add(entry.email)


def _describe(detail: ErrorDetails, root: yaml.Node | None, source: str) -> str:
    """Never shows the value at fault: it may be a key."""
    loc = detail["loc"]
    where = _where(root, loc, source)
    field = _path(loc) or "the file"
    match detail["type"]:
        case "missing":
            return f"{where}: {field}: is missing."
        case "extra_forbidden":
            return f"{where}: {field}: is not a field that is known here (email, api_key, disabled)."
        case "string_pattern_mismatch" if loc[-1] == "email":
            return f"{where}: {field}: is not an e-mail address."
        case "model_type" | "model_attributes_type":
            return f"{where}: {field}: must be a mapping such as `email: ana@example.com`."
        case _:
            return f"{where}: {field}: {detail['msg']}."


def _path(loc: tuple[int | str, ...]) -> str:
    text = ""
    for step in loc:
        text += f"[{step}]" if isinstance(step, int) else f".{step}"
    return text.removeprefix(".")


def _where(root: yaml.Node | None, loc: tuple[int | str, ...], source: str) -> str:
    """`accounts.yaml:4`: the line of the deepest node on the way to `loc` that exists."""
    node = root
    for step in loc:
        child = _child(node, step)
        if child is None:
            break
        node = child
    return source if node is None else f"{source}:{node.start_mark.line + 1}"


def _child(node: yaml.Node | None, step: int | str) -> yaml.Node | None:
    if isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
        return node.value[step]
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if key.value == step:
                return value
    return None
