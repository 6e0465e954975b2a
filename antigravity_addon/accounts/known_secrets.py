"""What of an account nobody else may read, to be looked for in texts that strangers get."""

from collections.abc import Iterator

from pydantic import JsonValue, SecretStr, TypeAdapter, ValidationError

from .account import (
    Account,
    CodeAssistLicence,
    GoogleAuthGrant,
    RefreshGrant,
    VertexProject,
)

_JSON: TypeAdapter[JsonValue] = TypeAdapter(JsonValue)
_SECRET_FIELDS = frozenset({"private_key", "private_key_id", "client_secret", "refresh_token"})


def secrets_of(account: Account) -> Iterator[SecretStr]:
    match account.means:
        case SecretStr() as key:
            yield key
        case RefreshGrant(client=client, refresh_token=token):
            yield client.secret
            yield token
        case GoogleAuthGrant(content=content):
            try:
                yield from _in(_JSON.validate_json(content.get_secret_value()))
            except ValidationError:
                return  # of the machine, or no credentials at all


def projects_of(account: Account) -> Iterator[str]:
    """Ids of Cloud projects, as far as the accounts file says them."""
    credential = account.credential
    configured = credential.project if isinstance(credential, VertexProject | CodeAssistLicence) else ""
    yield from (project for project in (account.project, configured) if project)


def _in(value: JsonValue) -> Iterator[SecretStr]:
    """However deep: impersonated accounts hold others' credentials."""
    match value:
        case dict():
            for name, inner in value.items():
                if name in _SECRET_FIELDS and isinstance(inner, str):
                    yield SecretStr(inner)
                else:
                    yield from _in(inner)
        case list():
            for inner in value:
                yield from _in(inner)
        case _:
            pass
