"""Changes to the accounts file that leave its comments, its order and everything else in it alone.

Each is checked before it takes the old file's place: it must read as the old one with the change, and as an accounts
file. Where that cannot be had, with anchors for one, the operator is asked to do it.
"""

# ruamel.yaml is half typed
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from pydantic import SecretStr
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import CommentMark, YAMLError
from ruamel.yaml.scalarstring import DoubleQuotedScalarString
from ruamel.yaml.tokens import CommentToken
from ruamel.yaml.util import load_yaml_guess_indent

from .account import Upstream
from .file import AccountsFileError, accounts_of, check_accounts
from .private_file import write_private
from .secrets import SecretSources

type Value = str | float | bool | SecretStr | Upstream

_NEW = "# Who pays. It may hold keys: keep it to yourself.\naccounts: []\n"


@dataclass(frozen=True, slots=True)
class NewAccount:
    """What is written of an account; empty fields are not."""

    email: str
    kind: Upstream = Upstream.GEMINI
    api_key: SecretStr | None = None
    credentials: str = ""
    refresh_token: SecretStr | None = None
    oauth_client: str = ""
    project: str = ""
    location: str = ""
    weight: float | None = None
    max_concurrent: int | None = None
    base_url: str = ""
    disabled: bool = False
    comment: str = field(default="", compare=False)
    """For people; one line, behind the last field."""

    @property
    def fields(self) -> Mapping[str, Value]:
        named: Mapping[str, Value | None] = {
            "email": self.email,
            "kind": None if self.kind is Upstream.GEMINI else self.kind,
            "api_key": self.api_key,
            "credentials": self.credentials or None,
            "refresh_token": self.refresh_token,
            "oauth_client": self.oauth_client or None,
            "project": self.project or None,
            "location": self.location or None,
            "weight": self.weight,
            "max_concurrent": self.max_concurrent,
            "base_url": self.base_url or None,
            "disabled": self.disabled or None,
        }
        return {name: value for name, value in named.items() if value is not None}


def add_accounts(path: Path, new: Sequence[NewAccount], *, sources: SecretSources | None = None) -> None:
    """At the end of the file's list; makes the file if there is none. Blocks.

    Raises: AccountsFileError: one is listed already, or what would come of it is no accounts file; nothing was changed.
    """

    def add(accounts: list[Any]) -> None:
        listed = {account["email"] for account in accounts}
        for account in new:
            if account.email in listed:
                raise AccountsFileError(f"{path}: {account.email} is listed already.")
            listed.add(account.email)
            _append(accounts, account)

    _change(path, add, sources)


def set_fields(
    path: Path, email: str, fields: Mapping[str, Value | None], *, sources: SecretSources | None = None
) -> None:
    """Of the account that is listed as `email`; `None` takes a field out. Blocks.

    Raises: AccountsFileError: it is not listed, or what would come of it is no accounts file; nothing was changed.
    """

    def set_them(accounts: list[Any]) -> None:
        account = next((account for account in accounts if account["email"] == email), None)
        if account is None:
            raise AccountsFileError(f"{path}: {email} is not listed.")
        for name, value in fields.items():
            if value is None:
                _take_out(account, name)
            else:
                _put(account, name, value)

    _change(path, set_them, sources)


def oauth_clients_in(path: Path) -> tuple[str, ...]:
    """Their names; none if there is no file. Blocks. Raises: AccountsFileError: it is no accounts file."""
    text = _text(path, _read(path))
    check_accounts(text, source=str(path))
    return tuple(yaml.safe_load(text).get("oauth_clients", ()))


type _Edit = Callable[[list[Any]], None]
"""Of the list of accounts. Made twice: in the document with its comments, and in the bare one, for comparison."""


def _change(path: Path, edit: _Edit, sources: SecretSources | None) -> None:
    old = _read(path)
    new = _edited(_text(path, old), edit, path)
    accounts_of(new, path=path, sources=sources)
    if _read(path) != old:
        raise AccountsFileError(f"{path}: was changed by somebody else at the same time: try again.")
    # a link stays one
    _replace(path.resolve(), new.encode())


def _text(path: Path, content: bytes | None) -> str:
    try:
        return _NEW if content is None else content.decode()
    except UnicodeDecodeError:
        raise AccountsFileError(f"{path}: cannot be read: it is not UTF-8.") from None


def _edited(text: str, edit: _Edit, path: Path) -> str:
    check_accounts(text, source=str(path))
    wanted: Any = yaml.safe_load(text)
    edit(wanted["accounts"])
    try:
        new = _round_trip(text, edit)
        if yaml.safe_load(new) == wanted:
            return new
    except (YAMLError, yaml.YAMLError):
        pass
    raise AccountsFileError(f"{path}: cannot be changed there without changing more of it: edit it by hand.")


def _round_trip(text: str, edit: _Edit) -> str:
    rt = YAML(typ="rt")
    rt.preserve_quotes = True
    rt.width = 1 << 20
    line_break = "\r\n" if "\r\n" in text else "\n"
    document, indent, dash = load_yaml_guess_indent(text.replace("\r\n", "\n"), yaml=rt)
    if dash is None:
        rt.indent(mapping=2, sequence=4, offset=2)
    else:
        rt.indent(mapping=2, sequence=indent, offset=dash)
    edit(document["accounts"])
    new = io.StringIO()
    rt.dump(document, new)
    return new.getvalue().replace("\n", line_break)


# --- edits, of bare documents and of such with comments ----------------------------------------------------


def _append(accounts: list[Any], account: NewAccount) -> None:
    fields = CommentedMap({name: _scalar(value) for name, value in account.fields.items()})
    if not isinstance(accounts, CommentedSeq):
        accounts.append(dict(fields))
        return
    if account.comment:
        fields.yaml_add_eol_comment(account.comment, _last(fields))
    if accounts and isinstance(accounts[-1], CommentedMap):
        before = accounts[-1]
        _add_lines(fields, _last(fields), _cut_lines(before, _last(before)))
    else:
        # `accounts: []`
        accounts.fa.set_block_style()
    accounts.append(fields)


def _put(account: dict[str, Any], name: str, value: Value) -> None:
    if name not in account and isinstance(account, CommentedMap):
        lines = _cut_lines(account, _last(account))
        account[name] = _scalar(value)
        _add_lines(account, name, lines)
    else:
        account[name] = _scalar(value)


def _take_out(account: dict[str, Any], name: str) -> None:
    if name not in account:
        return
    if isinstance(account, CommentedMap):
        names = list(account)
        before = names[names.index(name) - 1]
        lines = _cut_lines(account, name)
        del account[name]
        _add_lines(account, before, lines)
    else:
        del account[name]


def _scalar(value: Value) -> str | float | bool:
    if isinstance(value, SecretStr):
        return DoubleQuotedScalarString(value.get_secret_value())
    if not isinstance(value, str):
        return value
    return str(value) if _is_plain(value) else DoubleQuotedScalarString(value)


def _is_plain(text: str) -> bool:
    """Does YAML 1.1, which reads the file, take the bare text for itself? `no` is no text there."""
    try:
        return yaml.safe_load(text) == text
    except yaml.YAMLError:
        return False


# ruamel.yaml keeps the comment on a field's line and the lines below it as one token of that field, though the lines
# are about what comes next


def _last(fields: CommentedMap) -> str:
    return next(reversed(fields))


def _cut_lines(fields: CommentedMap, name: str) -> str:
    """Takes away the lines of comment below a field, and blank ones."""
    token = _token(fields, name)
    if token is None:
        return ""
    own, _, lines = token.value.partition("\n")
    if own:
        token.value = f"{own}\n"
    else:
        del fields.ca.items[name]
    return lines


def _add_lines(fields: CommentedMap, name: str, lines: str) -> None:
    if not lines:
        return
    token = _token(fields, name)
    if token is None:
        fields.ca.items[name] = [None, None, CommentToken(f"\n{lines}", CommentMark(0), None), None]
    else:
        token.value = f"{token.value.removesuffix('\n')}\n{lines}"


def _token(fields: CommentedMap, name: str) -> CommentToken | None:
    tokens = fields.ca.items.get(name)
    return None if tokens is None else tokens[2]


# --- files -------------------------------------------------------------------------------------------------


def _read(path: Path) -> bytes | None:
    """`None` if there is none."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise AccountsFileError(f"{path}: cannot be read: {error.strerror}.") from None


def _replace(path: Path, content: bytes) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_private(path, content)
    except OSError as error:
        raise AccountsFileError(f"{path}: cannot be written: {error.strerror}.") from None
