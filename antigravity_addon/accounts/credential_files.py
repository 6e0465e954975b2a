"""Files of credentials that other programs write: those of gcloud, gemini-cli, Google Cloud's console and google-auth.

They are read where they lie and never written: their owners renew them. Shapes as of google-auth 2.63 and gemini-cli
of August 2026.
"""

import ipaddress
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import assert_never
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, SecretStr, ValidationError

from .account import GOOGLE_TOKEN_URI, GoogleAuthGrant, Grant, OAuthClient, RefreshGrant

_UNIVERSE = "googleapis.com"


class CredentialFileError(ValueError):
    """A file of credentials is of no use; the message names it and holds no secret."""


class FileType(StrEnum):
    """What a file holds. All but the last two are what its `type` says."""

    SERVICE_ACCOUNT = "service_account"
    AUTHORIZED_USER = "authorized_user"
    """gcloud's, after `gcloud auth application-default login`."""
    EXTERNAL_ACCOUNT = "external_account"
    EXTERNAL_USER = "external_account_authorized_user"
    IMPERSONATED = "impersonated_service_account"
    GOOGLE_AUTH = "google-auth"
    """What `to_json` of google-auth's user credentials gives."""
    GEMINI_CLI = "gemini-cli"
    """`oauth_creds.json`: a refresh token without the client that it was issued to."""


class _Fields(BaseModel):
    """Of all types together; those that are not for us, access tokens among them, are not looked at."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    type: str | None = None
    client_id: str | None = None
    client_secret: SecretStr | None = None
    refresh_token: SecretStr | None = None
    id_token: SecretStr | None = None
    private_key: SecretStr | None = None
    client_email: str | None = None
    account: str | None = None
    token_uri: str | None = None
    project_id: str | None = None
    project: str | None = None
    quota_project_id: str | None = None
    universe_domain: str | None = None
    installed: object = None
    web: object = None


@dataclass(frozen=True, slots=True)
class CredentialFile:
    path: Path
    type: FileType
    content: SecretStr
    """As it was read."""
    email: str = ""
    """Whose credentials they are, if it says so."""
    project: str = ""
    """The project that they are of, or that Google is to count their quota on, if it names one."""
    id_token: SecretStr | None = None
    client: OAuthClient | None = None
    """The OAuth client that it names."""
    refresh_token: SecretStr | None = None
    token_uri: str = field(default=GOOGLE_TOKEN_URI)

    def grant(self, client: OAuthClient | None = None, *, token_uri: str = "") -> Grant:
        """What access tokens are made of. `client` is for files that name none, `token_uri` for another than the file's.

        Raises: CredentialFileError: the client is missing, or one too many.
        """
        if self.refresh_token is None:
            if client is not None or token_uri:
                raise CredentialFileError(
                    f"{self.path}: is of the type {self.type}, which needs no oauth_client and no token_uri."
                )
            return GoogleAuthGrant(self.content, file=self.path)
        if self.client is not None and client is not None:
            raise CredentialFileError(
                f"{self.path}: names its own OAuth client, and no other can use its token: take oauth_client out."
            )
        issued_to = self.client or client
        if issued_to is None:
            raise CredentialFileError(
                f"{self.path}: does not name the OAuth client that its refresh token was issued to: list that under "
                f"oauth_clients and name it in oauth_client."
            )
        return RefreshGrant(issued_to, self.refresh_token, token_uri or self.token_uri, file=self.path)


def read_credentials(path: Path) -> CredentialFile:
    """Blocks. Raises: CredentialFileError: unreadable, or of a type that makes no access tokens."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise CredentialFileError(f"{path}: there is no such file.") from None
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else type(error).__name__
        raise CredentialFileError(f"{path}: cannot be read: {why}.") from None
    return parse_credentials(text, path=path)


def parse_credentials(text: str, *, path: Path) -> CredentialFile:
    """Raises: CredentialFileError: see `read_credentials`. `path` is where `text` is from."""
    try:
        fields = _Fields.model_validate_json(text)
    except ValidationError as error:
        raise CredentialFileError(f"{path}: {_first_problem(error)}") from None
    if fields.universe_domain and fields.universe_domain != _UNIVERSE:
        raise CredentialFileError(f"{path}: is for {fields.universe_domain}, not for {_UNIVERSE}.")
    if fields.token_uri and not is_confidential(fields.token_uri):
        raise CredentialFileError(f"{path}: token_uri: must be an https address.")
    file_type = _type_of(fields, path)
    match file_type:
        case FileType.AUTHORIZED_USER | FileType.GOOGLE_AUTH | FileType.GEMINI_CLI:
            return _of_a_user(fields, path, file_type, text)
        case FileType.SERVICE_ACCOUNT:
            _need(fields, path, file_type, "client_email", "private_key", "token_uri")
        case FileType.EXTERNAL_ACCOUNT | FileType.EXTERNAL_USER | FileType.IMPERSONATED:
            pass
        case _:
            assert_never(file_type)
    return CredentialFile(
        path,
        file_type,
        SecretStr(text),
        email=fields.client_email or fields.account or "",
        project=fields.project_id or fields.project or fields.quota_project_id or "",
    )


def reread(grant: RefreshGrant) -> RefreshGrant:
    """The grant with its file's present refresh token; itself if the file no longer has one, or it has no file. Blocks."""
    if grant.file is None:
        return grant
    try:
        present = read_credentials(grant.file)
    except CredentialFileError:
        return grant
    if present.refresh_token is None:
        return grant
    return replace(grant, client=present.client or grant.client, refresh_token=present.refresh_token)


def gcloud_file(environ: Mapping[str, str]) -> Path:
    """Where `gcloud auth application-default login` puts what it was given."""
    if folder := environ.get("CLOUDSDK_CONFIG"):
        return Path(folder) / "application_default_credentials.json"
    if windows := environ.get("APPDATA"):
        return Path(windows) / "gcloud" / "application_default_credentials.json"
    return _home(environ) / ".config" / "gcloud" / "application_default_credentials.json"


def gemini_cli_file(environ: Mapping[str, str]) -> Path:
    """Where gemini-cli keeps its login, unless it was told to use the system's keyring."""
    home = environ.get("GEMINI_CLI_HOME")
    return (Path(home) if home else _home(environ)) / ".gemini" / "oauth_creds.json"


def readable_by_others(path: Path) -> bool:
    """True if somebody besides the file's owner can read the secrets in it."""
    try:
        return bool(path.stat().st_mode & (stat.S_IRGRP | stat.S_IROTH))
    except (OSError, ValueError):
        return False


def changeable_by_others(path: Path) -> bool:
    """True if somebody besides the file's owner can put something else into it."""
    try:
        return bool(path.stat().st_mode & (stat.S_IWGRP | stat.S_IWOTH))
    except (OSError, ValueError):
        return False


def is_folder(path: Path) -> bool:
    """False as well for what cannot be looked at: a name that is too long, or somebody else's."""
    try:
        return path.is_dir()
    except OSError:
        return False


def is_confidential(url: str) -> bool:
    """True if what is sent there is encrypted, or does not leave this machine."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        return False
    return bool(host) and (parts.scheme == "https" or (parts.scheme == "http" and _is_loopback(host)))


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _home(environ: Mapping[str, str]) -> Path:
    home = environ.get("HOME")
    return Path(home) if home else Path.home()


def _type_of(fields: _Fields, path: Path) -> FileType:
    if fields.type is not None:
        try:
            return FileType(fields.type)
        except ValueError:
            known = ", ".join(FileType)
            raise CredentialFileError(
                f"{path}: is of the type {fields.type!r}; what can be used is {known}."
            ) from None
    if fields.installed is not None or fields.web is not None:
        raise CredentialFileError(
            f"{path}: is an OAuth client, not anybody's login: its id and secret belong under oauth_clients."
        )
    if fields.refresh_token is None:
        raise CredentialFileError(
            f"{path}: has neither a type nor a refresh_token. Was it made for another use, or its login moved elsewhere?"
        )
    return FileType.GOOGLE_AUTH if fields.client_id else FileType.GEMINI_CLI


def _of_a_user(fields: _Fields, path: Path, file_type: FileType, text: str) -> CredentialFile:
    client: OAuthClient | None = None
    if file_type is not FileType.GEMINI_CLI:
        _need(fields, path, file_type, "client_id", "client_secret", "refresh_token")
        client = OAuthClient(fields.client_id or "", fields.client_secret or SecretStr(""))
    return CredentialFile(
        path,
        file_type,
        SecretStr(text),
        email=fields.account or "",
        project=fields.quota_project_id or "",
        id_token=fields.id_token,
        client=client,
        refresh_token=fields.refresh_token,
        token_uri=fields.token_uri or GOOGLE_TOKEN_URI,
    )


def _need(fields: _Fields, path: Path, file_type: FileType, *names: str) -> None:
    for name in names:
        value: object = getattr(fields, name)
        if not (value.get_secret_value() if isinstance(value, SecretStr) else value):
            raise CredentialFileError(f"{path}: {name} is missing, which a file of type {file_type} has.")


def _first_problem(error: ValidationError) -> str:
    """Never shows the value at fault: it may be a secret."""
    detail = error.errors(include_url=False, include_input=False)[0]
    if detail["type"] == "json_invalid":
        return "is not JSON."
    name = ".".join(str(step) for step in detail["loc"])
    return f"{name}: {detail['msg']}." if name else "is not a JSON object."
