"""The token endpoint: refresh tokens and signed assertions in, access tokens out.

The name of whoever a token is for, a refresh token or the beginning of a service account's address, decides what
happens, as API keys do. Answers as of November 2026, from Google's own client libraries and issue threads.
"""

import base64
import binascii
import json
import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qs

from antigravity_addon.wire.base import Json, JsonObject

from .exchange import JSON_HEADERS, Exchange
from .faults import FAULTS, named_in
from .refusals import html_page
from .response import pretty

TOKEN_PATH = "/token"  # noqa: S105  a path
REFRESH = "refresh_token"
JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
SCOPES = (
    "https://www.googleapis.com/auth/cloud-platform https://www.googleapis.com/auth/userinfo.email openid"
)
FAULT = "fault-"
ROTATING = "rotating"
LONGEST_ASSERTION = 3600
"""Seconds from its `iat` to its `exp`."""
_ROTATED = re.compile(rf"(?P<root>{ROTATING}.*?)(?:-(?P<turn>[1-9]\d{{0,8}}))?")
_SEGMENT = re.compile(r"[A-Za-z0-9_-]+")


@dataclass(frozen=True, slots=True)
class TokenRequest:
    """One request to the token endpoint as it arrived. Fields that it lacked are empty."""

    number: int
    """Counts from 0, over the life of the server."""
    grant_type: str
    client_id: str
    scope: str
    issuer: str
    """`iss` of the assertion, if that can be read."""
    client_secret: str = field(repr=False)
    refresh_token: str = field(repr=False)
    assertion: str = field(repr=False)


# --- refusals ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class TokenFault:
    description: str
    exchange: Exchange


def _refusal(status: int, error: str, description: str | None = None, **more: Json) -> Exchange:
    body: JsonObject = {"error": error}
    if description is not None:
        body["error_description"] = description
    return _json(status, body | more)


def _json(status: int, body: JsonObject) -> Exchange:
    headers = {**JSON_HEADERS, "Cache-Control": "no-cache, no-store, max-age=0, must-revalidate"}
    return Exchange(status, headers, ((0.0, pretty(body) + b"\n"),))


REVOKED = _refusal(400, "invalid_grant", "Token has been expired or revoked.")
NO_CLIENT = _refusal(401, "invalid_client", "The OAuth client was not found.")
CLOCK = _refusal(
    400,
    "invalid_grant",
    "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe. Check your iat "
    "and exp values in the JWT claim.",
)

TOKEN_FAULTS: Mapping[str, TokenFault] = {
    "token-invalid-grant": TokenFault("400 invalid_grant: expired or revoked", REVOKED),
    "token-reauth": TokenFault(
        "400 invalid_grant: the organisation wants a new login",
        _refusal(400, "invalid_grant", "reauth related error (invalid_rapt)", error_subtype="invalid_rapt"),
    ),
    "token-clock": TokenFault("400 invalid_grant: the clock of whoever asks is wrong", CLOCK),
    "token-invalid-client": TokenFault("401 invalid_client", NO_CLIENT),
    "token-unauthorized-client": TokenFault(
        "401 unauthorized_client: issued to another client",
        _refusal(401, "unauthorized_client", "Unauthorized"),
    ),
    "token-invalid-scope": TokenFault(
        "400 invalid_scope", _refusal(400, "invalid_scope", "Some requested scopes were invalid.")
    ),
    "token-access-denied": TokenFault(
        "403 access_denied: the organisation forbids the client",
        _refusal(
            403, "access_denied", "The administrator of your organization does not allow this application."
        ),
    ),
    "token-admin-policy": TokenFault(
        "400 admin_policy_enforced", _refusal(400, "admin_policy_enforced", "Access is blocked by policy.")
    ),
    "token-server-error": TokenFault("500 internal_failure", _refusal(500, "internal_failure")),
    "token-unavailable": TokenFault("503 temporarily_unavailable", _refusal(503, "temporarily_unavailable")),
    "token-rate-limited": TokenFault("429", _refusal(429, "rate_limit_exceeded", "Rate limit exceeded.")),
    "token-html": TokenFault(
        "502 with a page of HTML",
        html_page(502, "<!DOCTYPE html>\n<title>Error 502 (Server Error)!!1</title>\n"),
    ),
    "token-empty": TokenFault("200 without an access token", _json(200, {"token_type": "Bearer"})),
    "token-reset": TokenFault("reset before any byte", Exchange(headless=True, reset=True)),
    "token-silence": TokenFault("no byte until the client goes away", Exchange(headless=True, silent=True)),
}
"""A refresh token that is `fault-NAME` meets them, `fault-NAME-xN` for the first N times."""

# --- the endpoint -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Issued:
    holder: str
    dies_at: float


class Tokens:
    """What was issued. State: access tokens that are alive, the turns of those refresh tokens that rotate, and how
    often each counted fault has struck.
    """

    def __init__(self, *, seconds_live: float, clock: Callable[[], float]) -> None:
        self._seconds_live = seconds_live
        self._clock = clock
        self._issued: dict[str, _Issued] = {}
        self._number = 0
        self._turns: dict[str, int] = {}
        self._struck: Counter[str] = Counter()

    def holder(self, access_token: str) -> str | None:
        """The name it was issued for; `None` for one that is unknown, revoked or dead."""
        issued = self._issued.get(access_token)
        return issued.holder if issued is not None and self._clock() < issued.dies_at else None

    def revoke(self) -> None:
        """All that are out. New ones may be had as before."""
        self._issued.clear()

    def answer(self, asked: TokenRequest) -> Exchange:
        match asked.grant_type:
            case "refresh_token":
                return self._refresh(asked)
            case grant if grant == JWT_BEARER:
                return self._exchange_assertion(asked)
            case "":
                return _refusal(400, "invalid_request", "Missing required parameter: grant_type")
            case grant:
                return _refusal(400, "unsupported_grant_type", f"Invalid grant_type: {grant}")

    def _refresh(self, asked: TokenRequest) -> Exchange:
        for name in ("client_id", "client_secret", "refresh_token"):
            if not getattr(asked, name):
                return _refusal(400, "invalid_request", f"Missing required parameter: {name}")
        if asked.client_id.startswith("invalid"):
            return NO_CLIENT
        refused = self._refused(asked.refresh_token)
        if refused is not None:
            return refused
        if rotated := _ROTATED.fullmatch(asked.refresh_token):
            return self._rotate(rotated["root"], int(rotated["turn"] or 1), asked)
        return self._issue(asked.refresh_token, asked)

    def _rotate(self, root: str, turn: int, asked: TokenRequest) -> Exchange:
        """Whoever shows the token of the last turn gets the one of the next; every other is dead."""
        if self._turns.setdefault(root, turn) != turn:
            return REVOKED
        self._turns[root] = turn + 1
        return self._issue(root, asked, refresh_token=f"{root}-{turn + 1}")

    def _exchange_assertion(self, asked: TokenRequest) -> Exchange:
        claims = read_assertion(asked.assertion)
        if claims is None or not asked.issuer:
            return _refusal(400, "invalid_grant", "Invalid JWT Signature.")
        holder = holder_of_assertion(claims)
        refused = self._refused(holder)
        if refused is not None:
            return refused
        match claims:
            case {"iat": int(issued), "exp": int(expires)} if 0 < expires - issued <= LONGEST_ASSERTION:
                return self._issue(holder, asked)
            case _:
                return CLOCK

    def _refused(self, holder: str) -> Exchange | None:
        found = named_in(holder, FAULT, TOKEN_FAULTS)
        if found is None:
            unknown = holder.startswith(FAULT) and named_in(holder, FAULT, FAULTS) is None
            said = f"The simulator knows no fault for the token {holder!r}."
            return _refusal(400, "invalid_request", said) if unknown else None
        fault, times = found
        self._struck[holder] += 1
        return fault.exchange if times is None or self._struck[holder] <= times else None

    def _issue(self, holder: str, asked: TokenRequest, **more: Json) -> Exchange:
        now = self._clock()
        self._issued = {token: issued for token, issued in self._issued.items() if now < issued.dies_at}
        token = f"simulated-access-token-{self._number}"
        self._number += 1
        self._issued[token] = _Issued(holder, now + self._seconds_live)
        body: JsonObject = {
            "access_token": token,
            "expires_in": int(self._seconds_live),
            "scope": asked.scope or SCOPES,
            "token_type": "Bearer",
        }
        return _json(200, body | more)


# --- reading ----------------------------------------------------------------------------------------------


def read_token_request(number: int, content_type: str, content: bytes) -> TokenRequest:
    """Total: what is not a form has no fields."""
    form = parse_qs(content.decode(errors="replace")) if "form-urlencoded" in content_type else {}

    def value(name: str) -> str:
        return form.get(name, [""])[0]

    assertion = value("assertion")
    match read_assertion(assertion):
        case {"iss": str(issuer)}:
            pass
        case _:
            issuer = ""
    return TokenRequest(
        number,
        grant_type=value("grant_type"),
        client_id=value("client_id"),
        scope=value("scope"),
        issuer=issuer,
        client_secret=value("client_secret"),
        refresh_token=value("refresh_token"),
        assertion=assertion,
    )


def read_assertion(assertion: str) -> JsonObject | None:
    """The claims of a well-formed JWT that says it is signed with RS256; `None` for anything else. Nobody looks at
    the signature.
    """
    segments = assertion.split(".")
    if len(segments) != 3 or not all(map(_SEGMENT.fullmatch, segments)):
        return None
    match _decoded(segments[0]), _decoded(segments[1]):
        case {"alg": "RS256"}, dict(claims):
            return claims
        case _:
            return None


def holder_of_assertion(claims: JsonObject) -> str:
    """`fault-tos@project.iam.gserviceaccount.com` -> `fault-tos`."""
    return str(claims.get("iss", "")).partition("@")[0]


def _decoded(segment: str) -> Json:
    try:
        decoded: Json = json.loads(base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4)))
    except (binascii.Error, ValueError, RecursionError):
        return None
    return decoded


def listing() -> str:
    """The table of faults as Markdown, for the documentation."""
    rows = [f"| `fault-{name}` | {fault.description} |" for name, fault in TOKEN_FAULTS.items()]
    return "\n".join(("| Refresh token | What the token endpoint does |", "|---|---|", *rows)) + "\n"
