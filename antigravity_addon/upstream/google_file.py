"""A file of Google credentials -> what google-auth is given of it, and what is judged of it here."""

from dataclasses import dataclass

from pydantic import SecretStr, ValidationError

from antigravity_addon.accounts.account import GoogleAuthGrant
from antigravity_addon.wire.base import JsonObject
from antigravity_addon.wire.oauth import JSON_OBJECT, GoogleCredentials

from .token_endpoint import Origin, check_url, refused

SCOPES = ("https://www.googleapis.com/auth/cloud-platform",)


@dataclass(frozen=True, slots=True)
class Source:
    """A credentials file, read."""

    content: JsonObject
    """For google-auth; holds the secrets."""
    file: GoogleCredentials
    """What we judge of it."""
    origin: Origin

    @property
    def refresh_token(self) -> SecretStr:
        return self.file.refresh_token


def read_source(grant: GoogleAuthGrant) -> Source:
    """Raises: AccountRefused: it is no file of credentials, or sends secrets where they must not go."""
    content = grant.content.get_secret_value()
    where = str(grant.file) if grant.file is not None else "the account's credentials"
    try:
        file = GoogleCredentials.model_validate_json(content)
        source = Source(JSON_OBJECT.validate_json(content), file, _origin(file, where))
    except ValidationError:
        raise refused(f"{where}: this is no file of Google credentials.", "Give one that is.") from None
    for each in (file, file.source_credentials):
        for url in (each.token_uri, each.token_url):
            if url:
                check_url(url, source.origin)
    if file.service_account_impersonation_url:
        check_url(file.service_account_impersonation_url, source.origin)
    return source


def _origin(file: GoogleCredentials, where: str) -> Origin:
    start = file.source_credentials if file.type == "impersonated_service_account" else file
    secrets = tuple(
        secret
        for each in (file, start)
        for secret in (each.private_key, each.client_secret, each.refresh_token)
    )
    match start.type:
        case "service_account":
            return Origin(
                start.client_email,
                f"The service account {start.client_email!r} does not exist any more, is disabled, or has another key.",
                f"Make a new key for it, and put it into {where}.",
                secrets,
            )
        case "external_account":
            dead = "What proves this workload's identity is not accepted."
            return Origin(
                start.client_id, dead, f"Check the workload identity pool that {where} names.", secrets
            )
        case _:
            dead = "The refresh token is dead: revoked, ended by a new password, or unused for six months."
            return Origin(
                start.client_id, dead, f"Sign in again, and let gcloud write {where} anew.", secrets
            )
