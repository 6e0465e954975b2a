"""Other programs' accounts -> entries for ours, and notes on what was not taken.

Antigravity Tools' files (as of its version 4) hold the refresh tokens themselves, so those are copied. The files that
gcloud, gemini-cli and google-auth write are referred to: their owners renew what is in them.
"""

import base64
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import assert_never

from pydantic import BaseModel, ConfigDict, SecretStr, TypeAdapter, ValidationError

from antigravity_addon.errors import printable

from .account import Upstream
from .credential_files import (
    CredentialFile,
    CredentialFileError,
    FileType,
    gcloud_file,
    gemini_cli_file,
    is_folder,
    parse_credentials,
    readable_by_others,
)
from .edit import NewAccount
from .file import is_email
from .secrets import is_reference, malformed

_PASTED = Path("the text")
_LONGEST_WORD = 40
"""Characters; what is longer in a sentence of another program's may be a secret."""
_LONGEST_REASON = 160


class ImportFailedError(ValueError):
    """Nothing that is known here; the message is for the operator and holds no secret."""


@dataclass(frozen=True, slots=True)
class Imported:
    entries: tuple[NewAccount, ...]
    notes: tuple[str, ...]
    """Sentences for the operator: what was not taken, and why; what to look at."""


@dataclass(frozen=True, slots=True)
class _Choices:
    """What the operator adds to what the files say; empty for nothing."""

    oauth_client: str
    email: str
    project: str
    environ: Mapping[str, str] = field(repr=False)


def read_import(
    source: Path | str,
    *,
    oauth_client: str | None = None,
    email: str = "",
    project: str = "",
    environ: Mapping[str, str] | None = None,
) -> Imported:
    """`source` is a file, a folder such as `~/.antigravity_tools`, or the text itself. Blocks.

    `oauth_client` names, in `oauth_clients`, the client that refresh tokens were issued to where files do not name it;
    `email` an account whose file names none; `project` what Vertex AI is to be paid by, where the file names none or
    another is meant.

    Raises: ImportFailedError: it cannot be read, or is nothing that is known here.
    """
    choices = _Choices(oauth_client or "", email, project, os.environ if environ is None else environ)
    if isinstance(source, str):
        return _read_text(source, None, choices)
    try:
        source = source.expanduser()
    except RuntimeError:
        raise ImportFailedError(f"{source}: there is no such home folder: give the whole path.") from None
    if is_folder(source):
        return _read_tools_folder(source, choices)
    if source.name == "accounts.json" and is_folder(source.parent / "accounts"):
        return _read_tools_folder(source.parent, choices)
    return _read_text(_read(source), source, choices)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise ImportFailedError(f"{path}: there is no such file.") from None
    except OSError as error:
        raise ImportFailedError(f"{path}: cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise ImportFailedError(f"{path}: cannot be read: it is not UTF-8.") from None
    except ValueError as error:
        raise ImportFailedError(f"{path}: cannot be read: {error}.") from None


def _read_text(text: str, path: Path | None, choices: _Choices) -> Imported:
    named = path or _PASTED
    if text.lstrip().startswith("["):
        return _from_tools(_tools_accounts(text, named), choices)
    try:
        shape = _Shape.model_validate_json(text)
    except ValidationError:
        raise ImportFailedError(f"{named}: is not JSON that an account could be in.") from None
    if isinstance(shape.token, dict):
        return _from_tools((_tools_account(text, named),), choices)
    if shape.accounts is not None:
        raise ImportFailedError(f"{named}: only names accounts: import the folder that it is from.")
    try:
        file = parse_credentials(text, path=named)
    except CredentialFileError as error:
        raise ImportFailedError(str(error)) from None
    if path is None:
        return Imported(
            (), (f"It is of the type {file.type}, and such are read where they lie: give the file.",)
        )
    return _from_file(file, choices)


# --- Antigravity Tools -------------------------------------------------------------------------------------


class _Theirs(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class _Shape(_Theirs):
    """Enough to tell files apart."""

    token: object = None
    """google-auth has one as well, which is a text."""
    accounts: object = None


class _Listed(_Theirs):
    id: str


class _Index(_Theirs):
    accounts: tuple[_Listed, ...] = ()


class _Token(_Theirs):
    access_token: SecretStr | None = None
    refresh_token: SecretStr | None = None
    id_token: SecretStr | None = None
    project_id: str | None = None
    oauth_client_key: str | None = None


class _Quota(_Theirs):
    is_forbidden: bool | None = None


class _ToolsAccount(_Theirs):
    """A row of an export, which has the refresh token beside the e-mail, or an account's own file."""

    email: str = ""
    refresh_token: SecretStr | None = None
    access_token: SecretStr | None = None
    token: _Token = _Token()
    quota: _Quota | None = None
    disabled: bool | None = None
    disabled_reason: str | None = None
    proxy_disabled: bool | None = None
    proxy_disabled_reason: str | None = None
    validation_blocked: bool | None = None
    validation_blocked_reason: str | None = None
    device_profile: object = None
    device_history: object = None
    proxy_id: object = None
    protected_models: object = None

    @property
    def kept_token(self) -> SecretStr | None:
        found = self.refresh_token or self.token.refresh_token
        return found if found is not None and found.get_secret_value() else None

    @property
    def why_disabled(self) -> str:
        """Empty if it is not."""
        if self.disabled:
            return _sentence(self.disabled_reason) or "disabled"
        if self.proxy_disabled:
            return _sentence(self.proxy_disabled_reason) or "disabled for the proxy"
        if self.quota is not None and self.quota.is_forbidden:
            return "Google forbids it the models"
        if self.validation_blocked:
            return _sentence(self.validation_blocked_reason) or "Google wants its owner to prove who they are"
        return ""

    def left_behind(self) -> Iterator[str]:
        """What it has that is not taken, each with the reason."""
        if self.access_token or self.token.access_token or self.token.id_token:
            yield "Access tokens are not taken, since new ones are made"
        if self.token.project_id:
            # where Google named none, its authors' was put there
            yield "Projects are not taken, since they may be another's; the upstream is asked for the right one"
        if self.device_profile or self.device_history:
            yield "Device profiles are not taken: no other device is imitated here"
        if self.quota is not None:
            yield "Quota figures are not taken: they are out of date soon"
        if self.proxy_id:
            yield "Proxies of single accounts are not taken: there is no such thing here"
        if self.protected_models:
            yield "Protected models are not taken: there is no such thing here"


_TOOLS_ACCOUNTS: TypeAdapter[tuple[_ToolsAccount, ...]] = TypeAdapter(tuple[_ToolsAccount, ...])


def _tools_account(text: str, path: Path) -> _ToolsAccount:
    try:
        return _ToolsAccount.model_validate_json(text)
    except ValidationError as error:
        raise ImportFailedError(f"{path}: {_where(error)} is not as Antigravity Tools writes it.") from None


def _tools_accounts(text: str, path: Path) -> tuple[_ToolsAccount, ...]:
    try:
        return _TOOLS_ACCOUNTS.validate_json(text)
    except ValidationError as error:
        raise ImportFailedError(f"{path}: {_where(error)} is not as Antigravity Tools exports it.") from None


def _where(error: ValidationError) -> str:
    """Not what is there: it may be a secret."""
    return (
        ".".join(str(step) for step in error.errors(include_url=False, include_input=False)[0]["loc"]) or "it"
    )


def _read_tools_folder(folder: Path, choices: _Choices) -> Imported:
    """A file that cannot be read is a note: the others are worth having."""
    paths = {path.stem: path for path in sorted((folder / "accounts").glob("*.json"))}
    if not paths:
        raise ImportFailedError(
            f"{folder}: there are no accounts of Antigravity Tools in it (accounts/*.json)."
        )
    accounts: list[_ToolsAccount] = []
    notes: list[str] = []
    for name in dict.fromkeys((*_order(folder / "accounts.json"), *paths)):
        try:
            if name in paths:
                accounts.append(_tools_account(_read(paths[name]), paths[name]))
            else:
                notes.append(
                    f"An account of accounts.json has no file of its own ({_sentence(name)}): not taken."
                )
        except ImportFailedError as error:
            notes.append(f"Not taken: {error}")
    imported = _from_tools(accounts, choices)
    return Imported(imported.entries, (*imported.notes, *notes))


def _order(index: Path) -> tuple[str, ...]:
    """Names of the accounts' files as they are listed; none if there is no list."""
    try:
        return tuple(listed.id for listed in _Index.model_validate_json(_read(index)).accounts)
    except (ImportFailedError, ValidationError):
        return ()


def _from_tools(accounts: Iterable[_ToolsAccount], choices: _Choices) -> Imported:
    entries: dict[str, NewAccount] = {}
    tokens: dict[SecretStr, str] = {}
    notes = _Notes()
    clients: set[str] = set()
    for number, account in enumerate(accounts, start=1):
        if not is_email(account.email):
            notes.add("Accounts without an e-mail address are not taken", f"number {number}")
            continue
        token = account.kept_token
        if account.email in entries:
            notes.add("Accounts that are there twice are taken once", account.email)
            continue
        if token is None:
            notes.add("Accounts without a refresh token are not taken: log in there again", account.email)
            continue
        if reason := _why_not(token, tokens, choices):
            notes.add(reason, account.email)
            continue
        tokens[token] = account.email
        clients.add(account.token.oauth_client_key or "")
        for what in account.left_behind():
            notes.add(what, account.email)
        why = account.why_disabled
        if why:
            notes.add(f"Taken, but disabled as it is there ({why})", account.email)
        entries[account.email] = NewAccount(
            account.email,
            Upstream.CODE_ASSIST,
            refresh_token=token,
            oauth_client=choices.oauth_client,
            disabled=bool(why),
            comment=why,
        )
    if entries:
        notes.add(_LICENSED, *entries)
    if len(clients) > 1:
        notes.add(
            "Their tokens were issued to different OAuth clients, and one client can use only its own. See "
            "oauth_client_key",
            *(_sentence(client) or "none" for client in sorted(clients)),
        )
    return Imported(tuple(entries.values()), notes.sentences())


def _why_not(token: SecretStr, taken: Mapping[SecretStr, str], choices: _Choices) -> str:
    """Why an account with this refresh token is not taken; empty if it is. `taken` has the e-mails of others."""
    if is_reference(token) or malformed(token) is not None:
        # a reference would be looked up among the operator's own secrets
        return "Accounts whose refresh token cannot be one are not taken"
    if not choices.oauth_client:
        return _NO_CLIENT
    return same_token(taken[token]) if token in taken else ""


def same_token(other: str) -> str:
    """Why an account is not taken beside `other`; the beginning of a note that names it."""
    return f"Not taken, since the refresh token is {other}'s, too, and so is the quota"


_NO_CLIENT = (
    "Not taken, since a token is worth nothing without the OAuth client it was issued to, and other products' clients are "
    "not shipped here: list the client under oauth_clients, if you may use it, and name it; or log in with one of your own"
)

_LICENSED = (
    "Of the kind code_assist, which is for holders of a Gemini Code Assist Standard or Enterprise licence and is used only "
    "with gateway_enable_code_assist=true"
)


class _Notes:
    """Each fact once, with the accounts that it is about."""

    def __init__(self) -> None:
        self._about: dict[str, list[str]] = {}

    def add(self, fact: str, *about: str) -> None:
        self._about.setdefault(fact, []).extend(about)

    def sentences(self) -> tuple[str, ...]:
        return tuple(f"{fact}: {', '.join(about)}." for fact, about in self._about.items())


def _sentence(text: str | None) -> str:
    """Another program's, fit for one line of ours; it may have quoted a token."""
    words = printable(text or "").split()
    return " ".join(word if len(word) <= _LONGEST_WORD else "…" for word in words)[:_LONGEST_REASON].rstrip(
        "."
    )


# --- files that stay where they are ------------------------------------------------------------------------


class _GoogleAccounts(_Theirs):
    """gemini-cli's `google_accounts.json`."""

    active: str | None = None


class _Claims(_Theirs):
    """Of an identity token."""

    email: str | None = None


def _from_file(file: CredentialFile, choices: _Choices) -> Imported:
    match file.type:
        case FileType.GEMINI_CLI:
            return _from_gemini_cli(file, choices)
        case FileType.AUTHORIZED_USER | FileType.GOOGLE_AUTH | FileType.SERVICE_ACCOUNT:
            return _for_vertex(file, choices, notes=())
        case FileType.EXTERNAL_ACCOUNT | FileType.EXTERNAL_USER | FileType.IMPERSONATED:
            warning = f"{file.path} names addresses, and perhaps programs, that will be called: use it only if you trust it."
            return _for_vertex(file, choices, notes=(warning,))
        case _:
            assert_never(file.type)


def _from_gemini_cli(file: CredentialFile, choices: _Choices) -> Imported:
    email = choices.email or _active(file.path.with_name("google_accounts.json")) or _claimed(file.id_token)
    if not is_email(email):
        return Imported((), (f"Not taken: {file.path} names no e-mail address: say which it is.",))
    if not choices.oauth_client:
        return Imported((), (f"{_NO_CLIENT}: {email}.",))
    known = file.path.absolute() == gemini_cli_file(choices.environ).absolute()
    entry = NewAccount(
        email,
        Upstream.CODE_ASSIST,
        credentials="gemini-cli" if known else str(file.path.absolute()),
        oauth_client=choices.oauth_client,
        project=choices.project,
    )
    return Imported((entry,), (f"{_LICENSED}: {email}.", *_notes_on(file)))


def _for_vertex(file: CredentialFile, choices: _Choices, *, notes: tuple[str, ...]) -> Imported:
    email = choices.email or file.email or _claimed(file.id_token)
    if not is_email(email):
        return Imported((), (f"Not taken: {file.path} names no e-mail address: say which it is.",))
    if not (choices.project or file.project):
        return Imported((), (f"Not taken: {file.path} names no project: say which is to pay.",))
    known = file.path.absolute() == gcloud_file(choices.environ).absolute()
    entry = NewAccount(
        email,
        Upstream.VERTEX,
        credentials="gcloud" if known else str(file.path.absolute()),
        project=choices.project,
    )
    if choices.oauth_client:
        notes = (
            *notes,
            f"The OAuth client {choices.oauth_client} is not needed: {file.path} names what it needs.",
        )
    return Imported((entry,), (*notes, *_notes_on(file)))


def _notes_on(file: CredentialFile) -> tuple[str, ...]:
    notes = (f"Nothing was copied: {file.path} is read where it lies, and has to stay there.",)
    if file.refresh_token is not None:
        notes = (*notes, "Access tokens in it are not used, since new ones are made.")
    if readable_by_others(file.path):
        notes = (*notes, f"{file.path} can be read by other users of this machine: chmod 600 it.")
    return notes


def _active(path: Path) -> str:
    try:
        return _GoogleAccounts.model_validate_json(_read(path)).active or ""
    except (ImportFailedError, ValidationError):
        return ""


def _claimed(id_token: SecretStr | None) -> str:
    """The e-mail that an identity token tells; unproven, which is enough for a name."""
    claims = id_token.get_secret_value().split(".")[1:2] if id_token is not None else []
    try:
        return _Claims.model_validate_json(base64.urlsafe_b64decode(f"{claims[0]}===")).email or ""
    except (IndexError, ValueError):
        return ""
