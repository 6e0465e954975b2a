"""Which Cloud project a Code Assist licence is of: the upstream is asked, and signs the account up if it has to.

Only a tier that is paid by a project of the operator's own is signed up for: that is what a licence is. A refusal is
passed on to the operator and not worked around.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from pydantic import BaseModel, SecretStr, ValidationError

from antigravity_addon.errors import (
    AccountRefused,
    TermsRefused,
    TokenUnavailable,
    UpstreamBroken,
    UpstreamFailure,
    UpstreamRefused,
    UpstreamTimeout,
)
from antigravity_addon.wire.code_assist import (
    ClientMetadata,
    IneligibleTier,
    LoadCodeAssistRequest,
    LoadCodeAssistResponse,
    OnboardOperation,
    OnboardUserRequest,
    Tier,
)

from .classify import classify
from .endpoint import UpstreamRequest, headers_of
from .transport import Transport

SECONDS_BETWEEN_POLLS = 5.0
MOST_POLLS = 24
"""Two minutes; signing up takes some seconds."""
SECONDS_FOR_AN_ANSWER = 30.0
MOST_BYTES = 1024 * 1024
_UNTIL_ASKED_AGAIN = 3600.0

_AGAINST_TERMS = ("VALIDATION_REQUIRED", "UNSUPPORTED_CLIENT")


async def find_project(
    *,
    configured: str,
    authorization_headers: Mapping[str, str],
    base_url: str,
    user_agent: str,
    transport: Transport,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> str:
    """The project to name in every request that the licence pays for. To be asked once per account, and kept.

    `configured` is the operator's word on it, or empty.

    Raises:
        TermsRefused: the account's owner has to prove who they are, or Google wants no program but its own.
        AccountRefused: there is no licence, or no project. `upstream_status` is 401 if the token was not accepted.
        TokenUnavailable: the upstream did not say; it may in a while.
        UpstreamUnreachable, UpstreamBroken, UpstreamTimeout: it could not be asked, or its answer was none.
    """
    talk = _Talk(base_url, user_agent, authorization_headers, transport)
    found = _found(await talk.load(configured), configured)
    if isinstance(found, str):
        return found
    operation = await talk.onboard(configured, found)
    for _ in range(MOST_POLLS):
        if operation.done or not operation.name:
            break
        await sleep(SECONDS_BETWEEN_POLLS)
        operation = await talk.ask_about(operation)
    return _project_of(operation) or configured


async def find_present_project(
    *,
    configured: str,
    authorization_headers: Mapping[str, str],
    base_url: str,
    user_agent: str,
    transport: Transport,
) -> str | None:
    """As `find_project`, but signs nobody up: `None` for an account that this is still to be done for.

    Raises: UpstreamFailure: as `find_project`.
    """
    talk = _Talk(base_url, user_agent, authorization_headers, transport)
    found = _found(await talk.load(configured), configured)
    return found if isinstance(found, str) else None


async def find_validation_link(
    *, authorization_headers: Mapping[str, str], base_url: str, user_agent: str, transport: Transport
) -> SecretStr | None:
    """Where the account's owner proves who they are, if Google wants that. For the operator's eyes, and for no log.

    Raises: UpstreamFailure: as `find_project`.
    """
    loaded = await _Talk(base_url, user_agent, authorization_headers, transport).load("")
    links = (tier.validation_url for tier in loaded.ineligible_tiers or ())
    return next(filter(None, links), None)


# --- what the answers mean --------------------------------------------------------------------------------


def _found(loaded: LoadCodeAssistResponse, configured: str) -> str | Tier:
    """The project, or the tier to sign the account up for.

    Raises: AccountRefused, TermsRefused: there is neither.
    """
    if loaded.current_tier is not None:
        project = loaded.cloudaicompanion_project or configured
        if not project:
            raise _refused(
                "The licence names no project: set the account's `project` to the id of the Cloud project that it "
                "belongs to."
            )
        return project
    tier = _tier_to_sign_up_for(loaded)
    if not configured:
        raise _refused(
            f"The account is not signed up for Code Assist yet ({tier.id}), which takes a project: set the account's "
            "`project` to the id of the Cloud project that holds the licence."
        )
    return tier


def _tier_to_sign_up_for(loaded: LoadCodeAssistResponse) -> Tier:
    """Raises: AccountRefused, TermsRefused: there is none, or Google does not want it."""
    ineligible = loaded.ineligible_tiers or ()
    for tier in ineligible:
        if tier.reason_code in _AGAINST_TERMS:
            raise _against_terms(tier)
    allowed = loaded.allowed_tiers or ()
    paid = [tier for tier in allowed if tier.user_defined_cloudaicompanion_project]
    if paid:
        return next((tier for tier in paid if tier.is_default), paid[0])
    if ineligible:
        raise _refused(" ".join(f"{_said(tier)}" for tier in ineligible))
    offered = ", ".join(tier.id for tier in allowed) or "nothing"
    raise _refused(
        f"The account holds no Code Assist Standard or Enterprise licence; what it could have is {offered}. An "
        "administrator of its organisation assigns licences in the Google Cloud console."
    )


def _project_of(operation: OnboardOperation) -> str:
    """Empty if it came to its end without naming one.

    Raises: AccountRefused: it failed. TokenUnavailable: it did not end.
    """
    if operation.error is not None:
        raise _refused(f"Google did not sign the account up: {_without_links(operation.error.message)}")
    if not operation.done:
        raise TokenUnavailable(
            "Google takes long to sign an account up for Code Assist. Please try again later."
        )
    project = operation.response and operation.response.cloudaicompanion_project
    return project.id if project else ""


def _against_terms(tier: IneligibleTier) -> TermsRefused:
    match tier.reason_code:
        case "VALIDATION_REQUIRED":
            remedy = "Google's page for it has an address of its own for this account: `antigravity accounts check` shows it."
        case _:
            remedy = (
                "Google serves this account to its own programs only: use an API key or Vertex AI instead."
            )
    return TermsRefused(_FOR_CLIENTS, reason=f"{_said(tier)} {remedy}")


def _refused(reason: str) -> AccountRefused:
    return AccountRefused(_FOR_CLIENTS, reason=reason)


_FOR_CLIENTS = "The upstream refused the account this gateway used. The gateway's operator has to mend that."


def _said(tier: IneligibleTier) -> str:
    """Google's code and words."""
    where = f" for {tier.tier_id}" if tier.tier_id else ""
    return f"{tier.reason_code or 'Refused'}{where}: {_without_links(tier.reason_message) or 'no message'}"


_LINK = re.compile(r"\b(?:https?://|www\.)\S+", re.IGNORECASE)
_MOST_CHARACTERS = 1000


def _without_links(text: str) -> str:
    """Some of them hold a personal token."""
    return _LINK.sub("[link removed]", text)[:_MOST_CHARACTERS]


# --- asking -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Talk:
    """The three questions, put in one account's name."""

    base_url: str
    user_agent: str
    authorization_headers: Mapping[str, str] = field(repr=False)
    transport: Transport

    async def load(self, configured: str) -> LoadCodeAssistResponse:
        question = LoadCodeAssistRequest(
            cloudaicompanion_project=configured or None, metadata=_metadata(configured)
        )
        return await self._ask("POST", ":loadCodeAssist", question.to_json(), LoadCodeAssistResponse)

    async def onboard(self, project: str, tier: Tier) -> OnboardOperation:
        question = OnboardUserRequest(
            tier_id=tier.id, cloudaicompanion_project=project, metadata=_metadata(project)
        )
        return await self._ask("POST", ":onboardUser", question.to_json(), OnboardOperation)

    async def ask_about(self, operation: OnboardOperation) -> OnboardOperation:
        return await self._ask("GET", f"/{operation.name}", b"", OnboardOperation)

    async def _ask[A: BaseModel](self, method: str, path: str, body: bytes, kind: type[A]) -> A:
        request = UpstreamRequest(
            url=f"{self.base_url}/v1internal{path}",
            headers=headers_of(self.authorization_headers, user_agent=self.user_agent),
            body=body,
            method=method,
        )
        try:
            async with asyncio.timeout(SECONDS_FOR_AN_ANSWER), self.transport.open(request) as response:
                if response.status != 200:
                    raise _failure(response.status, response.headers, await response.read_error())
                answer = b""
                async for chunk in response.chunks():
                    answer += chunk
                    if len(answer) > MOST_BYTES:
                        raise UpstreamBroken("The upstream's answer about a licence is longer than any is.")
        except TimeoutError as error:
            raise UpstreamTimeout(
                "The upstream did not answer a question about a licence in time."
            ) from error
        try:
            return kind.model_validate_json(answer)
        except ValidationError as error:
            raise UpstreamBroken("The upstream's answer about a licence cannot be read.") from error


def _metadata(project: str) -> ClientMetadata:
    return ClientMetadata(
        ide_type="IDE_UNSPECIFIED", platform="PLATFORM_UNSPECIFIED", duet_project=project or None
    )


def _failure(status: int, headers: Mapping[str, str], body: bytes) -> UpstreamFailure:
    """A refusal of the account stands; so does one of the question, where only the account's project varies. Anything
    else may pass, and is no fault of the account's.
    """
    # the time of day that delays are measured against does not come into it: none is passed on
    failure = classify(status, headers, body, model="", now=0.0)
    match failure:
        case AccountRefused():
            return failure
        case UpstreamRefused():
            said = _without_links(failure.message)
            told: UpstreamFailure = AccountRefused(
                _FOR_CLIENTS,
                reason=f"HTTP {status}: {said} Look at the account's `project`: it must be the id of a project, not its number.",
                rest=_UNTIL_ASKED_AGAIN,
            )
        case _:
            told = TokenUnavailable(
                f"The upstream did not say which project an account's licence is of (HTTP {status})."
            )
    told.upstream_status = status
    return told
