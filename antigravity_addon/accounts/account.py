"""An account: what an upstream call is paid with. One operator's own project or licence."""

import hashlib
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from pydantic import SecretStr

GOOGLE_TOKEN_URI = "https://oauth2.googleapis.com/token"  # noqa: S105  an address


class Upstream(StrEnum):
    """The kinds of upstream, as accounts files and metrics call them."""

    GEMINI = "gemini"
    VERTEX = "vertex"
    CODE_ASSIST = "code_assist"


# --- what access tokens are made of ------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class OAuthClient:
    """The operator's own, from their Cloud project. None is shipped."""

    id: str
    secret: SecretStr


@dataclass(frozen=True, slots=True)
class RefreshGrant:
    """A refresh token with the client that it was issued to; with any other client it is worth nothing."""

    client: OAuthClient
    refresh_token: SecretStr
    token_uri: str = GOOGLE_TOKEN_URI
    file: Path | None = None
    """Another program's file that it was read from. That program may put a newer one there at any time."""


@dataclass(frozen=True, slots=True)
class GoogleAuthGrant:
    """Credentials that google-auth makes tokens of: a service account's key, a workload identity, this machine's."""

    content: SecretStr
    """JSON, as the file has it; empty for the metadata server of the machine that this runs on."""
    file: Path | None = None


type Grant = RefreshGrant | GoogleAuthGrant

# --- credentials -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key of the Gemini API. Its quota belongs to the project, not to the key."""

    key: SecretStr


@dataclass(frozen=True, slots=True)
class ExpressKey:
    """A key of Vertex AI in express mode, where the key alone names the project."""

    key: SecretStr


@dataclass(frozen=True, slots=True)
class VertexProject:
    """Vertex AI, paid by a Cloud project."""

    project: str
    grant: Grant
    location: str = "global"


@dataclass(frozen=True, slots=True)
class CodeAssistLicence:
    """Gemini Code Assist, paid by a licence that the operator holds."""

    grant: Grant
    project: str = ""
    """Empty: the upstream is asked which project is the licence's."""


type Credential = ApiKey | ExpressKey | VertexProject | CodeAssistLicence
"""Everything an account can pay with; each has an endpoint that spends it."""


@dataclass(frozen=True, slots=True)
class Account:
    email: str
    """Names the account to people: header, log, flow comment."""
    credential: Credential = field(repr=False)
    disabled: bool = False
    """Switched off by the operator in the accounts file."""
    project: str = ""
    """The Cloud project whose quota it uses, if that is known. Accounts of one project have one quota."""
    weight: float = 1.0
    """Its share of the requests, beside the others'."""
    max_concurrent: int | None = None
    """Attempts under way at the same time; `None` for as many as come."""
    base_url: str = ""
    """Scheme, host and port of its upstream, where that is not the kind's own."""

    @property
    def upstream(self) -> Upstream:
        match self.credential:
            case ApiKey():
                return Upstream.GEMINI
            case ExpressKey() | VertexProject():
                return Upstream.VERTEX
            case CodeAssistLicence():
                return Upstream.CODE_ASSIST

    @property
    def means(self) -> SecretStr | Grant:
        """What it pays with in the end: a key, which is sent as it is, or what access tokens are made of."""
        match self.credential:
            case ApiKey(key=key) | ExpressKey(key=key):
                return key
            case VertexProject(grant=grant) | CodeAssistLicence(grant=grant):
                return grant

    @property
    def quota_group(self) -> str:
        """Accounts with the same one share a quota: what one of them has used up, no other has.

        Code Assist counts per user, so there each account has its own.
        """
        match self.credential:
            case VertexProject(location=location) if self.project:
                return f"vertex:{self.project}/{location}"
            case ApiKey() | ExpressKey() if self.project:
                return f"{self.upstream}:{self.project}"
            case _:
                return self.email

    @property
    def fingerprint(self) -> str:
        """Another one means other credentials; these cannot be had from it."""
        return hashlib.sha256("\0".join(_parts(self.credential)).encode()).hexdigest()[:32]


def _parts(credential: Credential) -> tuple[str, ...]:
    match credential:
        case ApiKey(key=key) | ExpressKey(key=key):
            return type(credential).__name__, key.get_secret_value()
        case VertexProject(project=project, grant=grant, location=location):
            return "VertexProject", project, location, *_grant_parts(grant)
        case CodeAssistLicence(project=project, grant=grant):
            return "CodeAssistLicence", project, *_grant_parts(grant)


def _grant_parts(grant: Grant) -> tuple[str, ...]:
    match grant:
        case RefreshGrant(client=client, refresh_token=token, token_uri=uri):
            return client.id, client.secret.get_secret_value(), token.get_secret_value(), uri
        case GoogleAuthGrant(content=content):
            return (content.get_secret_value(),)


def mask_email(email: str) -> str:
    """`ana@example.com` -> `a…@example.com`: tells accounts apart without giving the address away."""
    name, _, domain = email.rpartition("@")
    return f"{name[:1]}…@{domain}"
