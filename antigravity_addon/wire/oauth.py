"""Answers of token endpoints (RFC 6749, section 5), and what we read of the files that credentials come in.

Everything in here is a secret or may quote one: fields that are not read are not kept, and errors show no input.
"""

import math
from datetime import datetime
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, ConfigDict, Field, SecretStr, TypeAdapter, ValidationError
from pydantic.alias_generators import to_camel

from .base import Inbound, Json, JsonObject

JSON_OBJECT: TypeAdapter[JsonObject] = TypeAdapter(JsonObject, config=ConfigDict(hide_input_in_errors=True))


class _Secretive(Inbound):
    model_config = ConfigDict(extra="ignore", frozen=True, hide_input_in_errors=True)


def _header_text(token: SecretStr) -> SecretStr:
    text = token.get_secret_value()
    if not text or not text.isascii() or not text.isprintable() or " " in text:
        raise ValueError("cannot stand in a header")
    return token


# --- tokens -----------------------------------------------------------------------------------------------


class TokenAnswer(_Secretive):
    access_token: Annotated[SecretStr, AfterValidator(_header_text)]
    expires_in: Json = None
    """Seconds from now: a number by the book, a string at some."""
    refresh_token: SecretStr | None = None
    """A new one, in place of the one that was shown."""

    @property
    def seconds(self) -> float:
        """Never NaN; 0 where `expires_in` says nothing that could be a time."""
        match self.expires_in:
            case bool():
                return 0.0
            case int() | float() | str() as value:
                return _number(value)
            case _:
                return 0.0


class ImpersonatedToken(_Secretive):
    """As the IAM Credentials API gives it."""

    model_config = ConfigDict(alias_generator=to_camel)

    access_token: Annotated[SecretStr, AfterValidator(_header_text)]
    expire_time: AwareDatetime
    """By the API's clock."""


def seconds_left(body: bytes, *, now: datetime) -> float:
    """For which the token in an answer lives; 0 where the answer does not say. `now` is by the answerer's clock."""
    try:
        return TokenAnswer.model_validate_json(body).seconds
    except ValidationError:
        pass
    try:
        return (ImpersonatedToken.model_validate_json(body).expire_time - now).total_seconds()
    except ValidationError:
        return 0.0


def _number(value: float | str) -> float:
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return 0.0
    return 0.0 if math.isnan(number) else number


# --- refusals ---------------------------------------------------------------------------------------------


class ApiError(_Secretive):
    """What Google's other APIs have under `error`: the IAM Credentials API, for one."""

    status: str = "UNKNOWN"
    message: str = ""


class TokenRefusal(_Secretive):
    error: str | ApiError
    error_description: Json = None
    error_subtype: Json = None

    @property
    def code(self) -> str:
        """`invalid_grant`, `PERMISSION_DENIED`."""
        return self.error if isinstance(self.error, str) else self.error.status

    @property
    def description(self) -> str:
        """Words for people, which may hold links and quote what was sent. Google puts `invalid_rapt` in the subtype."""
        if isinstance(self.error, ApiError):
            return self.error.message
        parts = (self.error_description, self.error_subtype)
        return " ".join(part for part in parts if isinstance(part, str))


# --- files ------------------------------------------------------------------------------------------------


class SourceCredentials(_Secretive):
    """What impersonation starts from, and the part that all kinds of files have in common."""

    type: str = ""
    client_id: str = ""
    client_email: str = ""
    token_uri: str = ""
    token_url: str = ""
    """The same, in files of workload and workforce identities."""
    private_key: SecretStr = SecretStr("")
    client_secret: SecretStr = SecretStr("")
    refresh_token: SecretStr = SecretStr("")


class CredentialSource(_Secretive):
    """Where a workload identity's proof comes from."""

    executable: Json = None


class GoogleCredentials(SourceCredentials):
    """A file that google-auth makes credentials of, as far as we judge it."""

    service_account_impersonation_url: str = ""
    subject_token_type: str = ""
    credential_source: CredentialSource = CredentialSource()
    source_credentials: SourceCredentials = Field(default=SourceCredentials())
