"""What each kind of upstream knows how to do; nothing here opens a connection."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from antigravity_addon.accounts.account import Account
from antigravity_addon.errors import UpstreamFailure
from antigravity_addon.wire.gemini import GenerateContentRequest
from antigravity_addon.wire.gemini_response import GenerateContentResponse
from antigravity_addon.wire.sse import ServerSentEvent, StrayJson


@dataclass(frozen=True, slots=True)
class UpstreamRequest:
    """One HTTP request, ready to be sent."""

    url: str
    headers: Mapping[str, str] = field(repr=False)
    """Holds the credential."""
    body: bytes = field(repr=False)
    method: str = "POST"


@dataclass(frozen=True, slots=True)
class Authorization:
    """What pays for one upstream request: an account's key, or an access token made for it."""

    headers: Mapping[str, str] = field(repr=False)
    """`x-goog-api-key` or `authorization`."""
    project: str = ""
    """Of a Code Assist licence, as configured or as the upstream named it. Vertex AI has it in its credential."""


def headers_of(authorization: Mapping[str, str], *, user_agent: str) -> Mapping[str, str]:
    """Of every request to Google, beside what pays for it."""
    return {
        "content-type": "application/json",
        "accept-encoding": "identity",
        "user-agent": user_agent,
        **authorization,
    }


class Endpoint(Protocol):
    """One upstream kind: how its requests are addressed, and what its answers and errors mean."""

    @property
    def base_url(self) -> str:
        """`https://host:port`, for people and for the flow list."""
        ...

    def prepare(
        self, body: GenerateContentRequest, *, model: str, authorization: Authorization
    ) -> UpstreamRequest:
        """Address the streaming call for `model`, paid with `authorization`."""
        ...

    def unwrap(
        self, item: ServerSentEvent | StrayJson, *, model: str, now: float
    ) -> GenerateContentResponse | None:
        """One item of the answer's stream. `None` for an item that carries nothing.

        Raises: UpstreamFailure: the item is an error inside a 200 stream.
        """
        ...

    def classify(
        self, *, status: int, headers: Mapping[str, str], body: bytes, model: str, now: float
    ) -> UpstreamFailure:
        """What an answer with a status other than 200 means. `now` is Unix time, for dates in headers."""
        ...


class Authorizer(Protocol):
    """Turns accounts into what upstream requests are paid with."""

    async def authorize(self, account: Account) -> Authorization:
        """However many ask at once, an account's token is made once.

        Raises: UpstreamFailure: there is none to be had. AccountRefused: and there will be none until the operator
        mends the account.
        """
        ...

    def at_hand(self, account: Account) -> Authorization | None:
        """What is there without waiting for anybody. `None`: `authorize` may have to ask somebody."""
        ...

    def reject(self, account: Account, authorization: Authorization) -> bool:
        """The upstream did not accept it. True if `authorize` can make another one; false for a key, which stays as it is."""
        ...
