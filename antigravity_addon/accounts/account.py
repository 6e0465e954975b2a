"""An account: what an upstream call is paid with."""

from dataclasses import dataclass, field

from pydantic import SecretStr


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A Gemini API key. Its quota belongs to the project, not to the key."""

    key: SecretStr


type Credential = ApiKey
"""Everything an account can pay with. OAuth kinds join this union, each with an endpoint that spends it."""


@dataclass(frozen=True, slots=True)
class Account:
    email: str
    """Names the account to people: header, log, flow comment."""
    credential: Credential = field(repr=False)
    disabled: bool = False
    """Switched off by the operator in the accounts file."""


def mask_email(email: str) -> str:
    """`ana@example.com` -> `a…@example.com`: tells accounts apart without giving the address away."""
    name, _, domain = email.rpartition("@")
    return f"{name[:1]}…@{domain}"
