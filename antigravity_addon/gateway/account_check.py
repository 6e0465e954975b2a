"""Checks of accounts: a word is asked of a model in each one's name, and what comes back is said in sentences.

Nothing is changed at Google's: nobody is signed up for anything. Here, a refresh token that is replaced is kept.
"""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import aclosing
from dataclasses import replace

from pydantic import SecretStr

from antigravity_addon.accounts.account import (
    Account,
    ApiKey,
    CodeAssistLicence,
    ExpressKey,
    GoogleAuthGrant,
    RefreshGrant,
    VertexProject,
)
from antigravity_addon.errors import (
    AccountRefused,
    Overloaded,
    QuotaExhausted,
    RateLimited,
    TermsRefused,
    TokenUnavailable,
    UpstreamFailure,
    UpstreamRefused,
    UpstreamTimeout,
)
from antigravity_addon.translate.gemini import GeminiTurn
from antigravity_addon.upstream.code_assist_project import find_present_project, find_validation_link
from antigravity_addon.upstream.endpoint import Authorization
from antigravity_addon.wire.gemini import Content, GenerateContentRequest, GenerationConfig, Part
from antigravity_addon.wire.sse import ServerSentEvent, SseDecoder, StrayJson

from .connections import USER_AGENT, Connections
from .operator import CheckResult, Verdict
from .operator_words import span

SECONDS = 30.0
"""For one check."""
_AT_THE_SAME_TIME = 8
_QUESTION = GenerateContentRequest(
    contents=(Content(role="user", parts=(Part(text="Hi"),)),),
    # some of it is for thinking
    generation_config=GenerationConfig(max_output_tokens=16),
)
_NOT_SIGNED_UP = "It is not signed up for Code Assist yet, which a check does not do: the first request that a gateway pays with it will."
_SHORTEST_SECRET = 6
"""Characters; what is shorter may be part of any word."""


class AccountCheck:
    """See `operator.Check`."""

    def __init__(
        self,
        connections: Connections,
        *,
        unix_time: Callable[[], float],
        seconds: float = SECONDS,
        finds_links: bool = False,
    ) -> None:
        """`finds_links`: where Google wants an account's owner to prove who they are, ask it for the page, too."""
        self._connections = connections
        self._unix_time = unix_time
        self._seconds = seconds
        self._finds_links = finds_links
        self._turns = asyncio.Semaphore(_AT_THE_SAME_TIME)

    async def __call__(self, account: Account, model: str) -> CheckResult:
        async with self._turns:
            started = asyncio.get_running_loop().time()
            try:
                result = await self._asked_in_time(account, model)
            except UpstreamFailure as failure:
                result = _failed(account, model, failure)
                if self._finds_links and isinstance(failure, TermsRefused):
                    result = replace(result, link=await self._find_link(account))
            milliseconds = round((asyncio.get_running_loop().time() - started) * 1000)
            return replace(result, milliseconds=milliseconds)

    async def _asked_in_time(self, account: Account, model: str) -> CheckResult:
        """Raises: UpstreamFailure."""
        try:
            async with asyncio.timeout(self._seconds):
                return await self._asked(account, model)
        except TimeoutError as error:
            raise UpstreamTimeout(f"There was no whole answer after {self._seconds:g} seconds.") from error

    async def _asked(self, account: Account, model: str) -> CheckResult:
        """Asks; and if an access token is refused that was made before, once more with a new one."""
        authorizer = self._connections.authorizer
        authorization = await authorizer.without_project(account)
        try:
            return await self._asked_with(account, model, authorization)
        except AccountRefused as failure:
            if failure.upstream_status != 401 or not authorizer.reject(account, authorization):
                raise
        return await self._asked_with(account, model, await authorizer.without_project(account))

    async def _asked_with(self, account: Account, model: str, authorization: Authorization) -> CheckResult:
        if isinstance(account.credential, CodeAssistLicence):
            project = await find_present_project(
                configured=account.credential.project,
                authorization_headers=authorization.headers,
                base_url=self._connections.endpoints.of(account).base_url,
                user_agent=USER_AGENT,
                transport=self._connections.transport,
            )
            if project is None:
                return CheckResult(account.email, Verdict.SKIPPED, _NOT_SIGNED_UP)
            authorization = replace(authorization, project=project)
        await self._ask(account, model, authorization)
        return CheckResult(account.email, Verdict.OK)

    async def _ask(self, account: Account, model: str, authorization: Authorization) -> None:
        """To the end of the answer, whatever it says. Raises: UpstreamFailure."""
        endpoint = self._connections.endpoints.of(account)
        request = endpoint.prepare(_QUESTION, model=model, authorization=authorization)
        turn, decoder = GeminiTurn(), SseDecoder.of_upstream()

        def take(items: Iterator[ServerSentEvent | StrayJson]) -> None:
            for item in items:
                if (chunk := endpoint.unwrap(item, model=model, now=self._unix_time())) is not None:
                    tuple(turn.feed(chunk))

        async with self._connections.transport.open(request) as response:
            if response.status != 200:
                raise endpoint.classify(
                    status=response.status,
                    headers=response.headers,
                    body=await response.read_error(),
                    model=model,
                    now=self._unix_time(),
                )
            async with aclosing(response.chunks()) as chunks:
                async for chunk in chunks:
                    take(decoder.feed(chunk))
        take(decoder.finish())
        tuple(turn.finish())

    async def _find_link(self, account: Account) -> SecretStr | None:
        """`None` if there is none, or Google does not say it now."""
        if not isinstance(account.credential, CodeAssistLicence):
            return None
        try:
            async with asyncio.timeout(self._seconds):
                authorization = await self._connections.authorizer.without_project(account)
                return await find_validation_link(
                    authorization_headers=authorization.headers,
                    base_url=self._connections.endpoints.of(account).base_url,
                    user_agent=USER_AGENT,
                    transport=self._connections.transport,
                )
        except (UpstreamFailure, TimeoutError):
            return None


# --- what a failure means, and what to do ------------------------------------------------------------------


def _failed(account: Account, model: str, failure: UpstreamFailure) -> CheckResult:
    said = " ".join(_explained(account, model, failure).split())
    for secret in _secrets(account):
        if len(secret) >= _SHORTEST_SECRET:
            said = said.replace(secret, "[removed]")
    return CheckResult(account.email, Verdict.FAILED, said, code=failure.code or failure.kind)


def _explained(account: Account, model: str, failure: UpstreamFailure) -> str:
    match failure:
        case TermsRefused(reason=reason):
            return f"{_sentence(reason)} That is between Google and the account's owner: leave it alone until they have settled it."
        case AccountRefused(code="unsupported_country_region_territory", reason=reason):
            return (
                f"{_sentence(reason)} It goes by where this machine is: the account itself may be in order."
            )
        case AccountRefused(reason=reason):
            return f"{_sentence(reason)} {_mend(account, failure)}".rstrip()
        case QuotaExhausted():
            return f"{_sentence(failure.message)} The account is in order, but its quota is used up{_back_in(failure)}."
        case RateLimited():
            return f"{_sentence(failure.message)} The account is in order, but too much was asked of it lately{_back_in(failure)}."
        case UpstreamRefused():
            return f"{_sentence(failure.message)} The account was accepted, but not the question to {model}: name another with --model."
        case Overloaded():
            return f"{_sentence(failure.message)} That says nothing of the account."
        case TokenUnavailable():
            return _sentence(failure.message)
        case _:
            where = "the upstream, or the way there"
            return f"{_sentence(failure.message)} That is the fault of {where}, not of the account: try again later."


def _sentence(text: str) -> str:
    text = text.strip()
    return text if text.endswith((".", "!", "?")) else f"{text}."


def _back_in(failure: UpstreamFailure) -> str:
    seconds = failure.retry_after or failure.rest
    return f", for {span(seconds)} more" if seconds else ""


def _mend(account: Account, failure: AccountRefused) -> str:
    """Where to look. For tokens that could not be made, that is said already."""
    if failure.upstream_status is None:
        return ""
    match account.credential:
        case ApiKey():
            return "Look at the key and its project on https://aistudio.google.com/apikey; a new key goes where the old one is."
        case ExpressKey():
            return "Look at the key in the Google Cloud console; a new one goes where the old one is."
        case VertexProject(project=project, location=location):
            return (
                f"Look at the project {project} in the Google Cloud console: the API aiplatform.googleapis.com, billing, the "
                f"location {location}, and whether who pays has the role Vertex AI User."
            )
        case CodeAssistLicence():
            return (
                "Look at the licence in the Google Cloud console, at the account's `project`, and whether the API "
                "cloudaicompanion.googleapis.com is on there."
            )


def _secrets(account: Account) -> Iterator[str]:
    """Those that an answer could repeat. Private keys are sent to nobody."""
    match account.means:
        case SecretStr() as key:
            yield key.get_secret_value()
        case RefreshGrant() as grant:
            yield grant.refresh_token.get_secret_value()
            yield grant.client.secret.get_secret_value()
        case GoogleAuthGrant():
            pass
