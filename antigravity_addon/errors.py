"""Every failure the gateway expects, each with the HTTP status a client is given for it.

    GatewayError                      500 server_error
    ├── InvalidRequest                400 invalid_request_error   the client's request is at fault; names `param`
    │   ├── InvalidJson               400 invalid_json            the body is no JSON object
    │   ├── MissingParameter          400 missing_required_parameter
    │   ├── UnknownReference          400 previous_response_not_found
    │   ├── UnsupportedInput          400 unsupported_value       well formed, but Gemini has no equal for it
    │   ├── RequestTooLarge           413 request_too_large
    │   ├── UnsupportedEncoding       415 unsupported_encoding    of the body
    │   ├── InvalidHttp               400 invalid_http            no request that can be read in one way only
    │   ├── RequestTimeout            408 request_timeout         the rest of the request did not come
    │   ├── RequestLineTooLong        414 uri_too_long
    │   ├── HeadTooLarge              431 headers_too_large
    │   └── VersionNotSupported       505 http_version_not_supported
    ├── WrongClientKey                401 invalid_api_key
    │   └── UnknownClientKey          401 invalid_api_key         one that nobody gave out
    ├── TooManyWrongKeys              429 too_many_wrong_keys     from the client's address, so that no new key is looked at
    ├── ClientLimited                 429 rate_limit_exceeded     a client key's own rate
    ├── ClientBudgetSpent             429 insufficient_quota      a client key's own budget of the day
    ├── OriginRefused                 403 origin_refused          a web page that may not call this gateway
    ├── TlsRequired                   403 tls_required            another machine, in the clear
    ├── HostRefused                   421 host_refused            a name that is not this gateway's
    ├── UnknownPath                   404
    ├── UnknownObject                 404                         nothing is kept under this id
    ├── ModelNotFound                 404 model_not_found
    ├── WrongMethod                   405 method_not_supported
    ├── NotReplayable                 409 not_replayable          a saved request that cannot be sent once more
    ├── NoWebSocket                   426 websocket_not_supported
    ├── NoRoomForBody                 503 server_is_busy          too many bytes of requests in memory
    ├── GatewayStopping               503 server_is_stopping      the process is about to end
    └── UpstreamFailure               the upstream, or the road to it; see its docstring
        ├── UpstreamRefused           4xx  the upstream holds the client's request at fault
        │   └── NotOnThisUpstream     400 unsupported_value       this kind of upstream has no equal for it; another may
        ├── RateLimited               429 rate_limit_exceeded
        ├── QuotaExhausted            429 insufficient_quota
        ├── AccountRefused            503 no_account_available    key dead, service switched off, no permission
        │   └── TermsRefused          503 no_account_available    terms or validation: a full stop
        ├── TokenUnavailable          503 no_account_available    no access token could be made for the account
        ├── Overloaded                503 server_is_overloaded
        ├── UpstreamUnreachable       502 upstream_unreachable
        ├── UpstreamBroken            502 upstream_error          5xx, or an answer that is no answer
        │   ├── StreamTruncated       502 upstream_interrupted
        │   ├── MalformedToolCall     502 malformed_tool_call
        │   │   └── MissingThoughtSignature
        │   └── EmptyAnswer           502 empty_response
        ├── UpstreamTimeout           504 timeout
        ├── NotRecorded               504 not_recorded            only recordings are answered, and there is none
        └── AccountsExhausted         503 no_account_available    nothing left to try, nothing tried

Messages are sentences for people and never carry a secret.
"""

import re
from collections.abc import Callable, Iterable
from typing import ClassVar, override


class GatewayError(Exception):
    """A failure with an answer for the client. Raised where the fact is known, rendered once per dialect."""

    status: int = 500
    """HTTP status of the answer."""
    kind: str = "server_error"
    """OpenAI's `error.type`."""
    code: str | None = "server_error"
    """OpenAI's `error.code`."""
    param: str | None = None
    """The request parameter at fault as a JSON path, `messages[0].content`."""
    retry_after: float | None = None
    """Seconds after which the same request may succeed, if the upstream stated it."""
    should_retry: bool | None = None
    """Value for `x-should-retry`, which the OpenAI SDKs obey before any status code; absent when `None`."""

    def __init__(
        self,
        message: str,
        *,
        param: str | None = None,
        code: str | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        if param is not None:
            self.param = param
        if code is not None:
            self.code = code
        if retry_after is not None:
            self.retry_after = retry_after

    @property
    def label(self) -> str:
        """Short, for lists: `429 rate_limit_exceeded`."""
        return f"{self.status} {self.code or self.kind}"


class InvalidRequest(GatewayError):
    status = 400
    kind = "invalid_request_error"
    code = "invalid_value"


class InvalidJson(InvalidRequest):
    code = "invalid_json"


class MissingParameter(InvalidRequest):
    code = "missing_required_parameter"


class UnknownReference(InvalidRequest):
    """The request goes on from a response that is not kept, or not any more."""

    code = "previous_response_not_found"
    param = "previous_response_id"


class UnsupportedInput(InvalidRequest):
    """Well formed, but Gemini cannot express it; dropping it in silence would give a wrong kind of answer."""

    code = "unsupported_value"


class RequestTooLarge(InvalidRequest):
    status = 413
    code = "request_too_large"


class UnsupportedEncoding(InvalidRequest):
    status = 415
    code = "unsupported_encoding"
    param = "content-encoding"


class InvalidHttp(InvalidRequest):
    code = "invalid_http"


class RequestTimeout(InvalidRequest):
    """The client began a request and then said no more. Sent again it may well come whole."""

    status = 408
    code = "request_timeout"


class RequestLineTooLong(InvalidRequest):
    status = 414
    code = "uri_too_long"


class HeadTooLarge(InvalidRequest):
    status = 431
    code = "headers_too_large"


class VersionNotSupported(InvalidRequest):
    status = 505
    code = "http_version_not_supported"


class WrongClientKey(GatewayError):
    status = 401
    kind = "invalid_request_error"
    code = "invalid_api_key"


class UnknownClientKey(WrongClientKey):
    """A key that nobody gave out: it may be a guess."""


class TooManyWrongKeys(GatewayError):
    """Nobody is told whether the client's key is good."""

    status = 429
    kind = "rate_limit_error"
    code = "too_many_wrong_keys"


class ClientLimited(GatewayError):
    """The client's key is used faster than its operator allows. Nothing was sent upstream."""

    status = 429
    kind = "rate_limit_error"
    code = "rate_limit_exceeded"


class ClientBudgetSpent(GatewayError):
    """The client's key has used what its operator allows it for a day."""

    status = 429
    kind = "insufficient_quota"
    code = "insufficient_quota"
    should_retry = False


class OriginRefused(GatewayError):
    status = 403
    kind = "invalid_request_error"
    code = "origin_refused"


class TlsRequired(GatewayError):
    status = 403
    kind = "invalid_request_error"
    code = "tls_required"


class HostRefused(GatewayError):
    """The name that the client called us by is not ours: somebody may have made their own lead here."""

    status = 421
    kind = "invalid_request_error"
    code = "host_refused"


class UnknownPath(GatewayError):
    status = 404
    kind = "invalid_request_error"
    code = None


class UnknownObject(GatewayError):
    """Nothing is kept under this id for this client: never was, was deleted, or is too old."""

    status = 404
    kind = "invalid_request_error"
    code = None


class ModelNotFound(GatewayError):
    status = 404
    kind = "invalid_request_error"
    code = "model_not_found"
    param = "model"


class WrongMethod(GatewayError):
    status = 405
    kind = "invalid_request_error"
    code = "method_not_supported"

    def __init__(self, message: str, *, allowed: Iterable[str]) -> None:
        super().__init__(message)
        self.allowed = tuple(sorted(allowed))
        """Methods that the path does take."""


class NotReplayable(GatewayError):
    """An operator wants a saved request to be sent once more, and that cannot be."""

    status = 409
    kind = "invalid_request_error"
    code = "not_replayable"


class NoWebSocket(GatewayError):
    """Codex CLI takes this one status for "use HTTP", at once and without a word to its user."""

    status = 426
    kind = "invalid_request_error"
    code = "websocket_not_supported"


class NoRoomForBody(GatewayError):
    """Other requests' bodies fill the memory that there is for them. Nothing was sent upstream."""

    status = 503
    code = "server_is_busy"


class GatewayStopping(GatewayError):
    """The process is about to end: it begins nothing new, and what takes longer than it has left is given up."""

    status = 503
    code = "server_is_stopping"


_AGAIN = re.compile(r"Please try again in [0-9.]+s\.")


class UpstreamFailure(GatewayError):
    """An attempt that failed. What it means for the next attempt stands in its class attributes.

    The exchange rotates on it unless `retryable` is false, and keeps the last one as the client's answer.
    """

    status = 502
    retryable: ClassVar[bool] = True
    """Another attempt may succeed where this one failed."""
    spends_account: ClassVar[bool] = False
    """The same account is no use to this exchange any more, unless it is worth waiting for."""
    upstream_status: int | None = None
    """HTTP status, or the status inside a 200 stream, that the upstream gave."""
    rest: float | None = None
    """Seconds for which the account is to be left alone, where that is known and is not for the client to hear."""

    @property
    def outcome(self) -> str:
        """Of the attempt, short, for lists: the upstream's status, if it gave one, and what it means."""
        return f"{self.upstream_status or ''} {self.code}".strip()

    def conceal(self, conceal: Callable[[str], str]) -> None:
        """Take out of its words what nobody may read."""
        self.message = conceal(self.message)
        self.args = (self.message,)

    def wait_for(self, seconds: float) -> None:
        """State another delay than the upstream's: some account is back at another time. Codex CLI reads it from the words."""
        self.retry_after = seconds
        self.message = _AGAIN.sub(f"Please try again in {max(seconds, 0.1):.1f}s.", self.message)


class UpstreamRefused(UpstreamFailure):
    """The upstream holds the client's request at fault: repeated, it would be refused again."""

    status = 400
    kind = "invalid_request_error"
    code = "invalid_argument"
    retryable = False


class NotOnThisUpstream(UpstreamRefused):
    """The account's kind of upstream cannot express the request, or has not the model. Nothing need have been sent."""

    code = "unsupported_value"
    retryable = True
    spends_account = True


class RateLimited(UpstreamFailure):
    status = 429
    kind = "rate_limit_error"
    code = "rate_limit_exceeded"
    spends_account = True
    quotas: tuple[str, ...] = ()
    """Ids of the quotas that are used up, as far as the upstream names them."""

    @property
    def may_be_the_requests_fault(self) -> bool:
        """A quota of requests is used up by the account's many; one of tokens, or one that is not named, may have been
        too small for this single request."""
        return all("Request" not in quota for quota in self.quotas)


class QuotaExhausted(UpstreamFailure):
    """A daily or plan quota is gone: waiting seconds is useless, whatever delay came with it."""

    status = 429
    kind = "insufficient_quota"
    code = "insufficient_quota"
    spends_account = True
    should_retry = False


class AccountRefused(UpstreamFailure):
    """The upstream refuses the account, not the request: dead key, terms, validation, service switched off.

    The account is no use to anybody until its operator mends it. The client's own key was right, so this is
    never the client's 401.
    """

    status = 503
    code = "no_account_available"
    spends_account = True

    def __init__(
        self, message: str, *, reason: str = "", code: str | None = None, rest: float | None = None
    ) -> None:
        super().__init__(message, code=code)
        self.reason = reason or message
        """For the operator: the upstream's code and words, and how to mend it. Holds no key and no link."""
        self.rest = rest
        """`None`: until the account is mended. Otherwise it may mend itself, and is asked again after so many seconds."""
        self.is_of_model = False
        """The account is refused this model, and may be given others."""
        self.ends_in_disabling = False
        """A few of these in a row, and it will not mend itself."""

    @override
    def conceal(self, conceal: Callable[[str], str]) -> None:
        super().conceal(conceal)
        self.reason = conceal(self.reason)


class TermsRefused(AccountRefused):
    """The upstream holds the account against its terms, or wants its owner to prove who they are.

    Moving on to the next account would be working around it, so the request ends here.
    """

    retryable = False
    concerns_all: bool = False
    """It is the operator who is refused: their other accounts of this kind are not to be used either."""


class TokenUnavailable(UpstreamFailure):
    """The token endpoint failed, or the clock is wrong: no fault of the account's, which is left alone for a moment."""

    status = 503
    code = "no_account_available"
    spends_account = True
    rest = 30.0


class Overloaded(UpstreamFailure):
    """The model is overloaded for everybody. No account is to blame."""

    status = 503
    code = "server_is_overloaded"


class UpstreamUnreachable(UpstreamFailure):
    status = 502
    code = "upstream_unreachable"


class UpstreamBroken(UpstreamFailure):
    status = 502
    code = "upstream_error"


class StreamTruncated(UpstreamBroken):
    """The stream ended, or was cut, without a finish reason: what came is not the whole answer."""

    code = "upstream_interrupted"


class MalformedToolCall(UpstreamBroken):
    code = "malformed_tool_call"


class MissingThoughtSignature(MalformedToolCall):
    """The model stopped over a call in its history that lacks its signature, or has one it does not accept."""


class EmptyAnswer(UpstreamBroken):
    code = "empty_response"


class UpstreamTimeout(UpstreamFailure):
    status = 504
    code = "timeout"


class NotRecorded(UpstreamFailure):
    """The gateway answers from recordings, and has none of this request."""

    status = 504
    code = "not_recorded"
    retryable = False
    should_retry = False


class AccountsExhausted(UpstreamFailure):
    """No account could be leased at all."""

    status = 503
    code = "no_account_available"
    retryable = False


def printable(text: str) -> str:
    """Others' words, for a line of ours: what would end it, or steer a terminal, is taken out."""
    return "".join(letter if letter.isprintable() else " " for letter in text)


def forget_frames(failure: BaseException | None) -> None:
    """Of a failure that was dealt with, and what led to it.

    Frames that hold the failure lead back to it, so that all they hold, answers of megabytes among it, would wait for the
    garbage collector, which counts objects and not bytes.
    """
    while failure is not None:
        failure.__traceback__ = None
        failure = failure.__cause__ or failure.__context__
