"""The accounts file: YAML text -> accounts, with errors that name file, line and field.

What is wrong in the file itself makes all of it void, since a slip there may mean anything. What it refers to, a
secret or another program's file, fails for the accounts that need it and for no others.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, assert_never
from urllib.parse import urlsplit

import yaml
from pydantic import BaseModel, ConfigDict, Field, SecretStr, StringConstraints, TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from .account import (
    GOOGLE_TOKEN_URI,
    Account,
    ApiKey,
    CodeAssistLicence,
    Credential,
    ExpressKey,
    GoogleAuthGrant,
    Grant,
    OAuthClient,
    RefreshGrant,
    Upstream,
    VertexProject,
)
from .credential_files import (
    CredentialFileError,
    changeable_by_others,
    gcloud_file,
    gemini_cli_file,
    is_confidential,
    read_credentials,
    readable_by_others,
)
from .secrets import SecretError, SecretSources, is_reference, malformed, operator_secrets
from .yaml_lines import YamlError, composed, fault_in_words, told, told_at

MACHINE = "machine"
"""In `credentials`: ask the metadata server of the Google Cloud machine that this runs on."""
_WELL_KNOWN: Mapping[str, Callable[[Mapping[str, str]], Path]] = {
    "gcloud": gcloud_file,
    "gemini-cli": gemini_cli_file,
}

type _Email = Annotated[str, StringConstraints(pattern=r"^[!-?A-~]+@[!-?A-~]+$", max_length=254)]
"""Printable ASCII, since it travels in a response header."""
_EMAIL: TypeAdapter[str] = TypeAdapter(_Email)
type _Secret = Annotated[SecretStr, Field(min_length=1)]
type _Text = Annotated[str, Field(min_length=1)]
type _Project = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9.:-]*$", max_length=100)]
"""It travels in a path."""
type _Location = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]*$", max_length=60)]
"""It travels in a host's name."""
type _Loc = tuple[int | str, ...]


class AccountsFileError(ValueError):
    """The accounts file cannot be used; the message is for the operator and holds no key."""


class AccountsFileMissingError(AccountsFileError):
    """There is none."""


@dataclass(frozen=True, slots=True)
class Unusable:
    """An account of the file that cannot pay, since something that it refers to cannot be had."""

    email: str
    reason: str
    """For the operator: where, what, and what to do."""
    kind: Upstream | None = None


@dataclass(frozen=True, slots=True)
class AccountsFile:
    accounts: tuple[Account, ...]
    unusable: tuple[Unusable, ...] = ()
    files: tuple[Path, ...] = ()
    """Those of other programs that it refers to, found or not: another account may be had when one changes."""
    exposed: tuple[Path, ...] = ()
    """Files with secrets in them that others than their owner can read."""
    changeable: tuple[Path, ...] = ()
    """Files that others than their owner can change, and so have what pays sent where they like."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _Client(_Strict):
    client_id: _Text
    client_secret: _Secret


class _Entry(_Strict):
    email: _Email
    kind: Upstream = Upstream.GEMINI
    api_key: _Secret | None = None
    credentials: _Text | None = None
    refresh_token: _Secret | None = None
    oauth_client: _Text | None = None
    token_uri: _Text | None = None
    project: _Project | None = None
    location: _Location | None = None
    weight: Annotated[float, Field(gt=0, le=100, strict=True)] = 1.0
    max_concurrent: Annotated[int, Field(ge=1, strict=True)] | None = None
    base_url: _Text | None = None
    disabled: bool = False


class _File(_Strict):
    accounts: tuple[_Entry, ...]
    oauth_clients: Mapping[str, _Client] = Field(default_factory=dict[str, _Client])

    def secrets(self) -> Iterator[tuple[_Loc, SecretStr]]:
        """Everything in it that is a secret or refers to one."""
        for name, client in self.oauth_clients.items():
            yield ("oauth_clients", name, "client_secret"), client.client_secret
        for index, entry in enumerate(self.accounts):
            if entry.api_key is not None:
                yield ("accounts", index, "api_key"), entry.api_key
            if entry.refresh_token is not None:
                yield ("accounts", index, "refresh_token"), entry.refresh_token


def load_accounts(path: Path, *, sources: SecretSources | None = None) -> AccountsFile:
    """Blocks: reads the file, those it refers to, and perhaps the keyring.

    Raises: AccountsFileError: unreadable, not YAML, not of the shape that `accounts.yaml` has, or one quota twice;
        AccountsFileMissingError if there is no file.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise AccountsFileMissingError(f"{path}: there is no such file.") from None
    except (OSError, ValueError) as error:
        raise AccountsFileError(f"{path}: cannot be read: {error}.") from error
    return accounts_of(text, path=path, sources=sources)


def check_accounts(text: str, *, source: str) -> None:
    """Of the shape that an accounts file has? What it refers to is not looked for.

    Raises: AccountsFileError: as `load_accounts` does, but for one quota twice.
    """
    _read_shape(text, source)


def accounts_of(text: str, *, path: Path, sources: SecretSources | None = None) -> AccountsFile:
    """`text` as if it stood in `path`. Blocks, and raises, as `load_accounts` does."""
    file, place = _read_shape(text, str(path))
    return _Reading(file, path, place, sources or operator_secrets()).accounts()


def _read_shape(text: str, source: str) -> "tuple[_File, _Place]":
    try:
        root, document = composed(text, source)
    except YamlError as error:
        raise AccountsFileError(str(error)) from None
    try:
        file = _File.model_validate(document)
    except ValidationError as error:
        problems = [_describe(detail, root, source) for detail in error.errors(include_url=False)]
        raise AccountsFileError(told(problems)) from None
    place = _Place(root, source)
    if misfits := tuple(_misfits(file)):
        raise AccountsFileError(told([place.tell(loc, message) for loc, message in misfits]))
    return file, place


def is_email(text: str) -> bool:
    """Can an account be listed under it?"""
    try:
        _EMAIL.validate_python(text)
    except ValidationError:
        return False
    return True


# --- what no single field can tell -------------------------------------------------------------------------


def _misfits(file: _File) -> Iterator[tuple[_Loc, str]]:
    for loc, secret in file.secrets():
        if (fault := malformed(secret)) is not None:
            yield loc, f"{fault}."
    seen: set[str] = set()
    for index, entry in enumerate(file.accounts):
        here = ("accounts", index)
        if entry.email in seen:
            yield (*here, "email"), f"{entry.email!r} is listed twice."
        seen.add(entry.email)
        for name, fault in (*_misfits_of_kind(entry), *_misfits_of_login(entry), *_misfits_of_urls(entry)):
            yield (*here, name) if name else here, fault
        if entry.oauth_client is not None and entry.oauth_client not in file.oauth_clients:
            known = ", ".join(file.oauth_clients) or "none is listed"
            yield (*here, "oauth_client"), f"{entry.oauth_client!r} is not listed in oauth_clients ({known})."


def _misfits_of_kind(entry: _Entry) -> Iterator[tuple[str, str]]:
    of_login = ("credentials", "refresh_token", "oauth_client", "token_uri")
    match entry.kind:
        case Upstream.GEMINI:
            if entry.api_key is None:
                yield "api_key", "is missing."
            yield from _foreign(entry, *of_login, "location", whose="accounts of kind gemini")
        case Upstream.VERTEX if entry.api_key is not None:
            yield from _foreign(entry, *of_login, "location", whose="a vertex account with an api_key")
        case Upstream.VERTEX:
            if entry.credentials is None and entry.refresh_token is None:
                yield "", "needs credentials, a refresh_token or an api_key."
            elif entry.project is None and entry.credentials in {None, MACHINE}:
                yield "project", "is missing: what it is paid with names no project."
        case Upstream.CODE_ASSIST:
            if entry.credentials is None and entry.refresh_token is None:
                yield "", "needs credentials or a refresh_token."
            yield from _foreign(entry, "api_key", "location", whose="accounts of kind code_assist")
        case _:
            assert_never(entry.kind)


def _misfits_of_login(entry: _Entry) -> Iterator[tuple[str, str]]:
    if entry.kind is Upstream.GEMINI or entry.api_key is not None:
        return
    if entry.credentials is not None and entry.refresh_token is not None:
        yield "refresh_token", "stands beside credentials: one of the two has to go."
    elif entry.refresh_token is not None and entry.oauth_client is None:
        yield "oauth_client", "is missing: a refresh_token can only be used with the client it was issued to."
    if entry.credentials == MACHINE:
        yield from _foreign(entry, "oauth_client", "token_uri", whose="the credentials of a machine")


def _misfits_of_urls(entry: _Entry) -> Iterator[tuple[str, str]]:
    if entry.token_uri is not None and not is_confidential(entry.token_uri):
        yield "token_uri", "must be an https address, or http on this machine."
    if entry.base_url is not None and not _is_origin(entry.base_url):
        yield (
            "base_url",
            "must be https://HOST or https://HOST:PORT, or http on this machine; no path, no password.",
        )


def _foreign(entry: _Entry, *names: str, whose: str) -> Iterator[tuple[str, str]]:
    for name in names:
        if getattr(entry, name) is not None:
            yield name, f"is not for {whose}: take it out, or say another kind."


def _is_origin(url: str) -> bool:
    if not is_confidential(url) or not url.isascii() or not url.isprintable() or " " in url:
        return False
    parts = urlsplit(url)
    return parts.path in {"", "/"} and not ("@" in parts.netloc or "?" in url or "#" in url or "\\" in url)


# --- entries -> accounts -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Place:
    """Says where in the file something is."""

    root: yaml.Node | None
    source: str

    def tell(self, loc: _Loc, message: str) -> str:
        return told_at(self.root, loc, self.source, message)


class _Unavailable(Exception):
    """An account cannot be had, for what is at `loc`."""

    def __init__(self, loc: _Loc, message: str) -> None:
        super().__init__(message)
        self.loc = loc


@dataclass(frozen=True, slots=True)
class _Reading:
    file: _File
    path: Path
    place: _Place
    sources: SecretSources
    files: list[Path] = field(default_factory=list[Path])
    """Those that accounts refer to; grows while these are read."""

    def accounts(self) -> AccountsFile:
        """Raises: AccountsFileError: two accounts have one quota."""
        accounts: dict[int, Account] = {}
        unusable: list[Unusable] = []
        for index, entry in enumerate(self.file.accounts):
            try:
                accounts[index] = self._account(index, entry)
            except _Unavailable as error:
                unusable.append(Unusable(entry.email, self.place.tell(error.loc, str(error)), entry.kind))
        self._check_quotas(accounts)
        files = tuple(dict.fromkeys(self.files))
        literal = any(not is_reference(secret) for _, secret in self.file.secrets())
        secret_files = (self.path, *files) if literal else files
        exposed = tuple(path for path in secret_files if readable_by_others(path))
        changeable = tuple(path for path in (self.path, *files) if changeable_by_others(path))
        return AccountsFile(tuple(accounts.values()), tuple(unusable), files, exposed, changeable)

    def _account(self, index: int, entry: _Entry) -> Account:
        here: _Loc = ("accounts", index)
        credential, project = self._credential(here, entry)
        return Account(
            entry.email,
            credential,
            disabled=entry.disabled,
            project=project,
            weight=entry.weight,
            max_concurrent=entry.max_concurrent,
            base_url=(entry.base_url or "").removesuffix("/"),
        )

    def _credential(self, here: _Loc, entry: _Entry) -> tuple[Credential, str]:
        """With the project that it names or was given."""
        if entry.api_key is not None:
            key = self._reveal((*here, "api_key"), entry.api_key)
            kind = ApiKey if entry.kind is Upstream.GEMINI else ExpressKey
            return kind(key), entry.project or ""
        grant, project_of_file = self._grant(here, entry)
        if entry.kind is Upstream.CODE_ASSIST:
            return CodeAssistLicence(grant, entry.project or ""), entry.project or ""
        project = entry.project or self._project(here, project_of_file)
        return VertexProject(project, grant, entry.location or "global"), project

    def _project(self, here: _Loc, project_of_file: str) -> str:
        if not project_of_file:
            raise _Unavailable(
                (*here, "project"),
                "is missing, and the credentials name none. Add it, or for gcloud: "
                "gcloud auth application-default set-quota-project PROJECT",
            )
        try:
            return _ProjectName(project=project_of_file).project
        except ValidationError:
            raise _Unavailable(
                (*here, "project"), "is missing, and the credentials name none that can be one. Add it."
            ) from None

    def _grant(self, here: _Loc, entry: _Entry) -> tuple[Grant, str]:
        """With the project that its file names."""
        client = None if entry.oauth_client is None else self._client(entry.oauth_client)
        if entry.credentials == MACHINE:
            return GoogleAuthGrant(SecretStr("")), ""
        if entry.credentials is not None:
            loc = (*here, "credentials")
            path = self._credentials_path(loc, entry.credentials)
            self.files.append(path)
            try:
                found = read_credentials(path)
                return found.grant(client, token_uri=entry.token_uri or ""), found.project
            except CredentialFileError as error:
                raise _Unavailable(loc, str(error)) from None
        # what is missing otherwise was found in `_misfits`
        assert client is not None and entry.refresh_token is not None  # noqa: S101, PT018
        token = self._reveal((*here, "refresh_token"), entry.refresh_token)
        return RefreshGrant(client, token, entry.token_uri or GOOGLE_TOKEN_URI), ""

    def _credentials_path(self, loc: _Loc, written: str) -> Path:
        """A relative one counts from the accounts file."""
        try:
            if written in _WELL_KNOWN:
                return _WELL_KNOWN[written](self.sources.environ)
            return self.path.parent / Path(written).expanduser()
        except RuntimeError:
            raise _Unavailable(loc, "there is no home folder to look in: give the whole path.") from None

    def _client(self, name: str) -> OAuthClient:
        client = self.file.oauth_clients[name]
        secret = self._reveal(("oauth_clients", name, "client_secret"), client.client_secret)
        return OAuthClient(client.client_id, secret)

    def _reveal(self, loc: _Loc, secret: SecretStr) -> SecretStr:
        try:
            return self.sources.reveal(secret)
        except SecretError as error:
            raise _Unavailable(loc, str(error)) from None

    def _check_quotas(self, accounts: Mapping[int, Account]) -> None:
        """Under two e-mails, one quota would be taken for two."""
        seen: dict[tuple[object, ...], str] = {}
        for index, account in accounts.items():
            other = seen.setdefault(_paid_with(account.credential), account.email)
            if other != account.email:
                entry = self.file.accounts[index]
                ways = ("api_key", "credentials", "refresh_token")
                way = next(name for name in ways if getattr(entry, name) is not None)
                raise AccountsFileError(
                    self.place.tell(
                        ("accounts", index, way),
                        f"is the same as {other}'s, so {account.email} has no quota of its own: list it once.",
                    )
                )


class _ProjectName(_Strict):
    project: _Project


def _paid_with(credential: Credential) -> tuple[object, ...]:
    """The same for credentials that share a quota for sure. Vertex counts per project and location, Code Assist per user."""
    match credential:
        case ApiKey(key=key) | ExpressKey(key=key):
            return type(credential), key
        case VertexProject(project=project, grant=grant, location=location):
            return VertexProject, project, location, _secret_of(grant)
        case CodeAssistLicence(grant=grant):
            return CodeAssistLicence, _secret_of(grant)
        case _:
            assert_never(credential)


def _secret_of(grant: Grant) -> SecretStr:
    match grant:
        case RefreshGrant(refresh_token=token):
            return token
        case GoogleAuthGrant(content=content):
            return content
        case _:
            assert_never(grant)


# --- errors that say where ---------------------------------------------------------------------------------


def _describe(detail: ErrorDetails, root: yaml.Node | None, source: str) -> str:
    """Never shows the value at fault: it may be a key."""
    loc = detail["loc"]
    match detail["type"]:
        case "string_pattern_mismatch":
            fault = f"is not {_PATTERNS.get(loc[-1], 'what it must be')}."
        case "model_type" | "model_attributes_type":
            fault = "must be a mapping such as `email: ana@example.com`."
        case _:
            fault = fault_in_words(detail, fields=_fields_at(loc))
    return told_at(root, loc, source, fault)


_PATTERNS: Mapping[int | str, str] = {
    "email": "an e-mail address",
    "project": "the id of a project",
    "location": "a location such as global or europe-west4",
}


def _fields_at(loc: _Loc) -> Iterable[str]:
    match loc:
        case ("accounts", *_, _) if len(loc) > 1:
            return _Entry.model_fields
        case ("oauth_clients", *_, _) if len(loc) > 1:
            return _Client.model_fields
        case _:
            return _File.model_fields
