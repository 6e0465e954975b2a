"""What is masked wherever it stands: too little tells a secret, too much makes holes in what is shown and recorded."""

import json
from collections.abc import Mapping

import pytest
from pydantic import JsonValue, SecretStr

from antigravity_addon.accounts.account import Account, GoogleAuthGrant, VertexProject
from antigravity_addon.accounts.known_secrets import secrets_of

CREDENTIALS: dict[str, tuple[Mapping[str, JsonValue], list[str]]] = {
    "a service account": (
        {"type": "service_account", "project_id": "p", "private_key": "k", "private_key_id": "i", "client_email": "e"},
        ["k", "i"],
    ),
    "a user": (
        {"type": "authorized_user", "client_id": "c", "client_secret": "s", "refresh_token": "t"},
        ["s", "t"],
    ),
    "an impersonated account": (
        {"type": "impersonated_service_account", "source_credentials": {"refresh_token": "t"}, "delegates": ["d"]},
        ["t"],
    ),
    "several in a list": ({"sources": [{"client_secret": "s"}, "x", 1, None]}, ["s"]),
    "what is no text": ({"private_key": None, "refresh_token": {"client_secret": "s"}}, ["s"]),
}  # fmt: skip


@pytest.mark.parametrize(("content", "secrets"), CREDENTIALS.values(), ids=CREDENTIALS)
def test_of_credentials_the_secrets_are_known_and_nothing_else(
    content: Mapping[str, JsonValue], secrets: list[str]
) -> None:
    grant = GoogleAuthGrant(SecretStr(json.dumps(content)))
    found = secrets_of(Account("ana@x.y", VertexProject("p", grant), project="p"))
    assert [secret.get_secret_value() for secret in found] == secrets
