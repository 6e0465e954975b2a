"""What an upstream's error means: for the client, for the account that paid, and for the next attempt.

A field decides before a text does, and a text is matched where Google begins it or in a phrase no client could have
put there: Google quotes requests in its messages, and no request may cost an account its good name.
Google speaks of the client's fault in 400 and 404 only, and even there not always: a dead API key is a 400.
"""

import re
from collections.abc import Mapping

from antigravity_addon.errors import (
    AccountRefused,
    NotOnThisUpstream,
    Overloaded,
    QuotaExhausted,
    RateLimited,
    StreamTruncated,
    TermsRefused,
    UpstreamBroken,
    UpstreamFailure,
    UpstreamRefused,
    UpstreamTimeout,
    printable,
)
from antigravity_addon.wire.gemini_response import GenerateContentResponse, read_message
from antigravity_addon.wire.google_day import seconds_to_new_quota
from antigravity_addon.wire.google_error import (
    GoogleError,
    is_error_document,
    longest,
    parse_date,
    parse_google_error,
    parse_retry_after,
)
from antigravity_addon.wire.json_values import has_more_values
from antigravity_addon.wire.sse import ServerSentEvent, StrayJson

MOST_VALUES = 100_000
"""Of one piece of an answer: the probabilities of 1,500 tokens, with 20 others beside each. Nobody else runs while they are
read, a tenth of a second.
"""


def classify(
    status: int, headers: Mapping[str, str], body: bytes, *, model: str, now: float
) -> UpstreamFailure:
    """What an answer with a status other than 200 means. `now` is Unix time, for dates in headers and metadata; the
    upstream's own `Date` is believed first, since it is its clock that its quotas go by.
    """
    named = {name.lower(): value for name, value in headers.items()}
    now = parse_date(named.get("date", "")) or now
    error = parse_google_error(body, status)
    delay = longest(parse_retry_after(named.get("retry-after", ""), now), error.stated_delay(now))
    # the body's code counts inside a 200 stream only: a relay's status line knows better what it did
    return _classify(status, error, model=model, delay=delay, now=now)


def classify_error_object(error_object: bytes, *, model: str, now: float) -> UpstreamFailure:
    """What an error inside a 200 stream means: as if its own code had been the status."""
    error = parse_google_error(error_object, status=0)
    status = error.code or _HTTP_STATUS.get(error.status or "", 500)
    return _classify(status, error, model=model, delay=error.stated_delay(now), now=now)


def decode_item(
    item: ServerSentEvent | StrayJson, *, model: str, now: float
) -> GenerateContentResponse | None:
    """The chunk in one item of a 200 stream. `None` if it is no JSON object: should it have been the end, the
    turn will lack its finish reason, which is noticed there.

    Raises: UpstreamFailure: it is an error, or a chunk that cannot be read. To skip part of an answer would pass
    the rest off as the whole.
    """
    if has_more_values(item.data, MOST_VALUES):
        raise StreamTruncated("A piece of the upstream's answer has more in it than can be read.")
    try:
        message = read_message(item.data)
    except ValueError:
        if is_error_document(item.data):
            raise classify_error_object(item.data, model=model, now=now) from None
        if item.data.lstrip().startswith(b"{"):
            raise StreamTruncated("The upstream's answer broke off in a piece that cannot be read.") from None
        return None
    answer = message.response or message
    if answer.error is not None or (answer.candidates is None and is_error_document(item.data)):
        raise classify_error_object(item.data, model=model, now=now)
    return answer


def _classify(
    status: int, error: GoogleError, *, model: str, delay: float | None, now: float
) -> UpstreamFailure:
    failure = _kind(status, error, model=model, delay=delay)
    failure.upstream_status = status
    match failure:
        case UpstreamRefused() | AccountRefused():
            pass
        case QuotaExhausted() if error.reason in _EXHAUSTED_REASONS:
            failure.retry_after = delay
        case QuotaExhausted():
            # a day, or a bill, does not end in the seconds that come with it
            _until_it_comes_back(failure, error, now)
        case _:
            failure.retry_after = delay
    return failure


def _until_it_comes_back(failure: QuotaExhausted, error: GoogleError, now: float) -> None:
    if _not_on_this_plan(error):
        failure.rest = _UNTIL_THE_PLAN_CHANGES
    elif _daily(error):
        failure.retry_after = seconds_to_new_quota(now)
    else:
        failure.rest = _UNTIL_THE_BILL_IS_PAID


def _kind(status: int, error: GoogleError, *, model: str, delay: float | None) -> UpstreamFailure:
    if error.reason in _CAPACITY_REASONS or error.message.startswith("No capacity available"):
        return _overloaded(model)
    match status:
        case 429:
            return _quota(error, model=model, delay=delay)
        case 499 | 503 | 529:
            return _overloaded(model)
        case 408 | 504:
            return UpstreamTimeout(
                f"The upstream did not answer for model {model!r} in the time it allows itself."
            )
        case _ if 400 <= status < 500:
            return _blame(status, error, model=model)
        case _:
            return UpstreamBroken(_said(error, f"The upstream failed with HTTP {status}."))


def _blame(status: int, error: GoogleError, *, model: str) -> UpstreamFailure:
    """A 4xx: the fault of the client's request, of the account, or of a front end that knows neither."""
    match status:
        case 413:
            return _too_large(error)
        case _ if not error.structured:
            return UpstreamBroken(f"The upstream answered HTTP {status} with something that is no API error.")
        case 401:
            return _account_refused(status, error, code="upstream_authentication_error")
        case 400:
            return _bad_request(error)
        case 403:
            return _forbidden(error)
        case 404:
            return _model_not_found(error, model)
        case _:
            return _refused(error, status=status)


# --- 400 and 404: mostly the client's fault ------------------------------------------------------------------

_DEAD_KEY = re.compile(r"API key (?:not valid|not found|expired)", re.IGNORECASE)
_TOO_LONG = re.compile(
    r"The input token count(?: \((?P<count>\d+)\))? exceeds the maximum number of tokens"
    r"(?: allowed)?(?: \(?(?P<limit>\d+)\)?)?",
    re.IGNORECASE,
)
_TOO_LARGE = re.compile(r"Request payload size exceeds", re.IGNORECASE)
_NO_FETCH = re.compile(r"Cannot fetch content", re.IGNORECASE)
_SCHEMA_TOO_HARD = re.compile(
    r"The specified schema produces a constraint|A schema\b.*\bnesting depth", re.IGNORECASE
)
_NOT_OF_THIS_MODEL = re.compile(
    r"(?:Function calling|JSON mode|Code execution) is not (?:enabled|supported) for\b"
    r"|Model does not support the requested response modalities\b",
    re.IGNORECASE,
)
_IN_GOOGLES_WORDS = re.compile(r"Invalid value at '(?P<field>safety_settings\[\d+\](?:\.\w+)?)'")
"""Fields that clients of any dialect have from Google, and know by Google's name."""
_REGION = re.compile(
    r"User location is not supported|.{0,60} is not available in your (?:country|region)", re.IGNORECASE
)


def _bad_request(error: GoogleError) -> UpstreamFailure:
    if _is_about_key(error) or _DEAD_KEY.match(error.message):
        return _account_refused(400, error)
    if _is_region(error):
        return _region_refused(400, error)
    if too_long := _TOO_LONG.match(error.message):
        return _refused(error, code="context_length_exceeded", message=_too_long(too_long))
    if _TOO_LARGE.match(error.message):
        return _too_large(error)
    if _NO_FETCH.match(error.message):
        return _refused(error, code="invalid_image_url")
    if _SCHEMA_TOO_HARD.match(error.message):
        return _refused(error, code="invalid_json_schema")
    if _NOT_OF_THIS_MODEL.match(error.message):
        return _refused(error, code="unsupported_value", param="model")
    if named := _IN_GOOGLES_WORDS.match(error.message):
        return _refused(error, code="invalid_request", param=named["field"])
    if error.field_violations or error.message.startswith("Invalid JSON payload"):
        return _refused(error, code="invalid_request")
    return _refused(error)


def _too_long(numbers: re.Match[str]) -> str:
    """Clients look for "maximum context length" and for "exceeds the context window" in the text."""
    count, limit = numbers["count"], numbers["limit"]
    if count and limit:
        facts = (
            f"This model's maximum context length is {limit} tokens, but your input came to {count} tokens"
        )
    else:
        facts = "Your input is longer than this model's maximum context length"
    return f"{facts}: it exceeds the context window of this model. Send less of the conversation."


def _too_large(error: GoogleError) -> UpstreamFailure:
    message = _said(error, "The upstream takes no request of this size. Send fewer or smaller files.")
    return _refused(error, status=413, code="request_too_large", message=message)


def _model_not_found(error: GoogleError, model: str) -> UpstreamFailure:
    message = f"The model {model!r} does not exist, or this gateway has no access to it."
    message = _joined(message, _said(error, ""))
    return _refused(error, status=404, code="model_not_found", message=message, param="model")


def _refused(
    error: GoogleError,
    *,
    status: int = 400,
    code: str | None = None,
    message: str | None = None,
    param: str | None = None,
) -> UpstreamRefused:
    failure = UpstreamRefused(
        message or _said(error, "The upstream refused the request without a reason."), code=code, param=param
    )
    failure.status = status
    return failure


# --- 401 and 403: mostly the account's ------------------------------------------------------------------------

_ACCOUNT_REASONS = frozenset({
    "ACCESS_TOKEN_EXPIRED",
    "ACCESS_TOKEN_SCOPE_INSUFFICIENT",
    "ACCESS_TOKEN_TYPE_UNSUPPORTED",
    "ACCOUNT_STATE_INVALID",
    "BILLING_DISABLED",
    "CONSUMER_INVALID",
    "CONSUMER_SUSPENDED",
    "CREDENTIALS_MISSING",
    "IAM_PERMISSION_DENIED",
    "SECURITY_POLICY_VIOLATED",
    "SERVICE_DISABLED",
    "TOS_VIOLATION",
    "USER_PROJECT_DENIED",
    "VALIDATION_REQUIRED",
    "accessNotConfigured",
    "forbidden",
})  # fmt: skip
_ABOUT_THE_ACCOUNT = re.compile(
    r"""
      Your \s API \s key
    | Method \s doesn't \s allow \s unregistered \s callers
    | Request \s had \s insufficient \s authentication
    | Request \s is \s missing
    | The \s caller \s does \s not \s have
    | Permission \s .* denied
    | Requests? \s (?:to|from) \b .* \b (?:are|is) \s blocked
    | You \s do \s not \s have \s (?:a \s valid \s licen[sc]e|permission)
    | Your \s (?:account|project) \b
    | Verify \s your \s account
    | This \s service \s has \s been \s disabled
    | .{0,80} \s API \s has \s not \s been \s used \s in \s project
    | This \s API \s method \s requires \s billing
    """,
    re.IGNORECASE | re.VERBOSE,
)
_NOT_ON_THIS_PLAN = re.compile(r"\b(?:paid|billing|tier)\b", re.IGNORECASE)


def _forbidden(error: GoogleError) -> UpstreamFailure:
    if _is_region(error):
        return _region_refused(403, error)
    if _out_of_money(error):
        return _quota_exhausted(error)
    if _is_about_key(error) or error.reason in _ACCOUNT_REASONS or _ABOUT_THE_ACCOUNT.match(error.message):
        return _account_refused(403, error)
    if _NOT_ON_THIS_PLAN.search(error.message):
        elsewhere = NotOnThisUpstream(_said(error, "no message"), code="model_not_available")
        elsewhere.status = 403
        return elsewhere
    return _refused(error, status=403, code="permission_denied")


def _is_about_key(error: GoogleError) -> bool:
    """Invalid, expired, or not allowed from here or for this service."""
    return (error.reason or "").startswith("API_KEY_")


def _is_region(error: GoogleError) -> bool:
    return error.status in ("FAILED_PRECONDITION", "PERMISSION_DENIED") and bool(_REGION.match(error.message))


_OF_MODEL = ("IAM_PERMISSION_DENIED", "SECURITY_POLICY_VIOLATED")
_MENDED_THERE = frozenset({
    "API_KEY_HTTP_REFERRER_BLOCKED",
    "API_KEY_IP_ADDRESS_BLOCKED",
    "API_KEY_SERVICE_BLOCKED",
    "BILLING_DISABLED",
    "CONSUMER_INVALID",
    "IAM_PERMISSION_DENIED",
    "SECURITY_POLICY_VIOLATED",
    "SERVICE_DISABLED",
    "USER_PROJECT_DENIED",
    "accessNotConfigured",
})  # fmt: skip
"""At Google's, by somebody who need not know of this gateway."""
_UNTIL_IT_IS_MENDED_THERE = 3600.0
_UNTIL_IT_HAS_PASSED = 600.0
_TERMS_REASONS = ("TOS_VIOLATION", "VALIDATION_REQUIRED", "UNSUPPORTED_CLIENT")


def _account_refused(status: int, error: GoogleError, *, code: str | None = None) -> AccountRefused:
    message = "The upstream refused the account this gateway used. The gateway's operator has to mend that."
    if error.reason in _TERMS_REASONS:
        refused = TermsRefused(message, reason=_grounds(status, error), code=code)
        refused.concerns_all = error.reason == "TOS_VIOLATION"
        return refused
    failure = AccountRefused(
        message, reason=_grounds(status, error), code=code, rest=_rest_of_refused(status, error)
    )
    failure.is_of_model = error.reason in _OF_MODEL
    failure.ends_in_disabling = _may_be_passing(error)
    return failure


def _rest_of_refused(status: int, error: GoogleError) -> float | None:
    """`None` for what is mended here, with another key. What is mended at Google's is looked at again."""
    if status != 403:
        return None
    if _may_be_passing(error):
        return _UNTIL_IT_HAS_PASSED
    return _UNTIL_IT_IS_MENDED_THERE if error.reason in _MENDED_THERE else None


def _may_be_passing(error: GoogleError) -> bool:
    """Said without a reason: also by a service that was switched on minutes ago."""
    return error.reason in {None, "forbidden"} and error.message.startswith("The caller does not have")


def _region_refused(status: int, error: GoogleError) -> AccountRefused:
    failure = AccountRefused(
        "The upstream does not serve the country or region this gateway calls from.",
        reason=_grounds(status, error),
        code="unsupported_country_region_territory",
    )
    failure.status = 403
    failure.kind = "invalid_request_error"
    return failure


def _grounds(status: int, error: GoogleError) -> str:
    return printable(
        f"HTTP {status} {error.reason or error.status or 'without a reason'}: {_said(error, 'no message')}"
    )


# --- 429 and 503: nobody's fault ------------------------------------------------------------------------------

_CAPACITY_REASONS = ("MODEL_CAPACITY_EXHAUSTED", "MODEL_CAPACITY_EXCEEDED")
_EXHAUSTED_REASONS = ("QUOTA_EXHAUSTED", "INSUFFICIENT_G1_CREDITS_BALANCE")
_UNTIL_THE_PLAN_CHANGES = 86_400.0
_UNTIL_THE_BILL_IS_PAID = 3600.0
_DAILY_QUOTA = re.compile(r"PerDay|Daily", re.IGNORECASE)
_LIMIT_ZERO = re.compile(r"\blimit:\s*0(?!\d|\.\d)")
_OUT_OF_MONEY = re.compile(
    r"\bspend(?:ing)?\s+(?:cap|limit)\b|\bprepa(?:y|id|yment)\b|\bcredits?\b.{0,40}\b(?:depleted|exhausted)\b",
    re.IGNORECASE,
)


def _quota(error: GoogleError, *, model: str, delay: float | None) -> UpstreamFailure:
    if (
        _daily(error)
        or _not_on_this_plan(error)
        or _out_of_money(error)
        or error.reason in _EXHAUSTED_REASONS
    ):
        return _quota_exhausted(error)
    # Codex takes the time to wait from these words, not from a header
    again = "" if delay is None else f"Please try again in {max(delay, 0.1):.1f}s."
    failure = RateLimited(
        _joined(_said(error, f"The upstream's rate limit for model {model!r} is reached."), again)
    )
    failure.quotas = error.quota_ids
    return failure


def _quota_exhausted(error: GoogleError) -> QuotaExhausted:
    return QuotaExhausted(_said(error, "The upstream's quota is used up."))


def _daily(error: GoogleError) -> bool:
    """One exhausted day outweighs any number of minutes, and the seconds that come with it are not true."""
    return any(map(_DAILY_QUOTA.search, error.quota_ids))


def _not_on_this_plan(error: GoogleError) -> bool:
    zero = any(str(violation.quota_value) == "0" for violation in error.quota_violations)
    return zero or bool(_LIMIT_ZERO.search(error.message))


def _out_of_money(error: GoogleError) -> bool:
    return bool(_OUT_OF_MONEY.search(error.message))


def _overloaded(model: str) -> Overloaded:
    return Overloaded(f"The upstream is overloaded for model {model!r}. Please try again later.")


_HTTP_STATUS = {
    "INVALID_ARGUMENT": 400,
    "FAILED_PRECONDITION": 400,
    "UNAUTHENTICATED": 401,
    "PERMISSION_DENIED": 403,
    "NOT_FOUND": 404,
    "RESOURCE_EXHAUSTED": 429,
    "CANCELLED": 499,
    "INTERNAL": 500,
    "UNAVAILABLE": 503,
    "DEADLINE_EXCEEDED": 504,
}
"""For an error that names only this."""

# --- words for people -----------------------------------------------------------------------------------------

_MAX_MESSAGE = 2000
_SECRET = re.compile(
    r"""
      \b (?: AI(?:za) | AQ\. | ya(?:29)\. | sk- ) [\w.\-]{8,}     # keys and tokens by their look
    | (?<= key[=:] ) [^\s&"',;]+                                  # and by their name
    | (?<= token[=:] ) [^\s&"',;]+
    | (?<= Bearer\s ) [^\s"',;]+
    """,
    re.VERBOSE | re.IGNORECASE,
)
_PERSONAL_LINK = re.compile(r"https?://accounts\.google\.com/\S*", re.IGNORECASE)


def _said(error: GoogleError, otherwise: str) -> str:
    """The upstream's own words without anything secret."""
    return (
        _PERSONAL_LINK.sub("[link removed]", _SECRET.sub("[removed]", error.message))[:_MAX_MESSAGE]
        or otherwise
    )


def _joined(*sentences: str) -> str:
    return " ".join(filter(None, sentences))
