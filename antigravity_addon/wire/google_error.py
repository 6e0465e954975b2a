"""Google's errors as data, in every shape they come in.

The standard shape is `google.rpc.Status` under `error`. It also comes inside an array, under `response`, with the
legacy `errors` list, as text inside its own `message` (relays do this several times over), after some words of
prose, or with a comma too many; and front ends answer with HTML, plain text or nothing.
Source: google.rpc error_details.proto, and bodies that users reported, November 2026.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from itertools import chain, islice
from typing import Annotated, Literal

from pydantic import Field, StrictFloat, StrictInt, StrictStr, TypeAdapter, ValidationError

from .base import GoogleInbound, Json
from .json_values import has_more_values
from .sse import json_objects

# --- details ----------------------------------------------------------------------------------------------


class ErrorMetadata(GoogleInbound):
    """What we read of `ErrorInfo.metadata`. Links with personal tokens are in there too: not read, not kept."""

    quota_limit: str | None = None
    """A quota id, `GenerateRequestsPerMinute…`."""
    quota_reset_delay: str | None = None
    quota_reset_time_stamp: str | None = None


class ErrorInfo(GoogleInbound):
    type: Literal["type.googleapis.com/google.rpc.ErrorInfo"] = Field(alias="@type")
    reason: str | None = None
    domain: str | None = None
    metadata: ErrorMetadata = ErrorMetadata()


class QuotaViolation(GoogleInbound):
    quota_id: str = ""
    """Names the window: `GenerateRequestsPerDayPerProjectPerModel-FreeTier`."""
    quota_value: str | int | None = None


class QuotaFailure(GoogleInbound):
    type: Literal["type.googleapis.com/google.rpc.QuotaFailure"] = Field(alias="@type")
    violations: tuple[QuotaViolation, ...] = ()


class RetryInfo(GoogleInbound):
    type: Literal["type.googleapis.com/google.rpc.RetryInfo"] = Field(alias="@type")
    retry_delay: str | None = None
    """A duration, `34.07s`. `0s` is a value."""


class FieldViolation(GoogleInbound):
    field: str = ""
    """Path in Google's request, with map entries by number: it cannot be mapped back to the client's."""
    description: str = ""


class BadRequest(GoogleInbound):
    type: Literal["type.googleapis.com/google.rpc.BadRequest"] = Field(alias="@type")
    field_violations: tuple[FieldViolation, ...] = ()


class LocalizedMessage(GoogleInbound):
    type: Literal["type.googleapis.com/google.rpc.LocalizedMessage"] = Field(alias="@type")
    locale: str | None = None
    message: str = ""


class HelpLink(GoogleInbound):
    description: str = ""
    url: str = ""


class Help(GoogleInbound):
    type: Literal["type.googleapis.com/google.rpc.Help"] = Field(alias="@type")
    links: tuple[HelpLink, ...] = ()


class UnknownDetail(GoogleInbound):
    """A type we do not know, or a known one that is malformed."""

    type: Json = Field(default=None, alias="@type")


type Detail = Annotated[
    ErrorInfo | QuotaFailure | RetryInfo | BadRequest | LocalizedMessage | Help | UnknownDetail | Json,
    # not discriminated by `@type`: a malformed detail must not cost us the others
    Field(union_mode="left_to_right"),
]

# --- the error object --------------------------------------------------------------------------------------


class LegacyError(GoogleInbound):
    """An entry of `errors`, from the time before `google.rpc`."""

    message: str = ""
    domain: str | None = None
    reason: str | None = None


class _StatusRest(GoogleInbound):
    status: str | int | None = None
    """`RESOURCE_EXHAUSTED`."""
    errors: tuple[LegacyError, ...] | Json = None
    details: tuple[Detail, ...] | Json = None


class Status(_StatusRest):
    code: int | str | None = None
    """The HTTP status; relays put words here."""
    message: str | None = None


class BareStatus(_StatusRest):
    """Without `error` around it: only these two fields together tell it from any other object."""

    code: int
    message: str


type AnyStatus = Status | BareStatus


class ErrorEnvelope(GoogleInbound):
    error: Status | str | Json
    error_description: str | None = Field(default=None, alias="error_description")
    """OAuth's: there `error` is a word."""


class ResponseEnvelope(GoogleInbound):
    response: ErrorEnvelope


type ErrorDocument = Annotated[
    ErrorEnvelope
    | ResponseEnvelope
    | Annotated[tuple[ErrorEnvelope, ...], Field(min_length=1)]
    | BareStatus
    | StrictStr
    | StrictInt
    | StrictFloat,
    Field(union_mode="left_to_right"),
]
_ERROR_DOCUMENT = TypeAdapter[ErrorDocument](ErrorDocument)


# --- what is left of it when the shapes are gone -----------------------------------------------------------


_NO_METADATA = ErrorMetadata()


@dataclass(frozen=True, slots=True)
class GoogleError:
    code: int
    """The HTTP status the error names, else that of the response."""
    message: str
    """Google's text, or the body's if that is plain text; may be empty. Not fit for clients as it is."""
    structured: bool = True
    """The body was an error object; false for pages and plain text, which front ends send."""
    status: str | None = None
    """`RESOURCE_EXHAUSTED`."""
    reason: str | None = None
    domain: str | None = None
    metadata: ErrorMetadata = _NO_METADATA
    quota_violations: tuple[QuotaViolation, ...] = ()
    field_violations: tuple[FieldViolation, ...] = ()
    retry_delay: float | None = None
    """RetryInfo, in seconds."""

    @property
    def quota_ids(self) -> tuple[str, ...]:
        named = [violation.quota_id for violation in self.quota_violations]
        return tuple(filter(None, [*named, self.metadata.quota_limit]))

    def stated_delay(self, now: float) -> float | None:
        """Seconds to wait: the longest the error states, in a field of its own or in Google's own last words. No other
        prose is read for it: "4 models in 5 minutes" is no delay.

        Args:
            now: seconds since the epoch, to measure a reset time against.
        """
        reset_delay = parse_duration(self.metadata.quota_reset_delay or "")
        if reset_delay is None:
            reset_delay = _seconds_until(self.metadata.quota_reset_time_stamp, now)
        said = _LAST_WORDS.search(self.message)
        return longest(self.retry_delay, reset_delay, parse_duration(said[1]) if said else None)


def parse_google_error(body: bytes, status: int) -> GoogleError:
    """Total: whatever the body is, it is an error by now. Where errors are nested, the innermost has the say."""
    statuses = list(_nested_statuses(body))[::-1]
    if not statuses:
        return GoogleError(code=status, message=_plain_text(body), structured=False)
    legacy = [entry for each in statuses if isinstance(each.errors, tuple) for entry in each.errors]
    info = next(_details(statuses, ErrorInfo), None)
    localized = next(_details(statuses, LocalizedMessage), None)
    messages = [statuses[0].message, localized and localized.message, *(entry.message for entry in legacy)]
    return GoogleError(
        code=next(filter(None, map(_http_status, statuses)), status),
        message=next(filter(None, messages), ""),
        status=next((each.status for each in statuses if isinstance(each.status, str)), None),
        reason=info.reason if info else next((entry.reason for entry in legacy), None),
        domain=info.domain if info else next((entry.domain for entry in legacy), None),
        metadata=info.metadata if info else _NO_METADATA,
        quota_violations=tuple(
            chain.from_iterable(each.violations for each in _details(statuses, QuotaFailure))
        ),
        field_violations=tuple(
            chain.from_iterable(each.field_violations for each in _details(statuses, BadRequest))
        ),
        retry_delay=longest(
            *(parse_duration(each.retry_delay or "") for each in _details(statuses, RetryInfo))
        ),
    )


def is_error_document(document: bytes) -> bool:
    """Whether JSON that is no chunk is an error: an error object, an array of them, or a bare string or number."""
    return _is_readable(document) and _read_document(document) is not None


# --- durations ---------------------------------------------------------------------------------------------

_SECONDS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "ns": 1e-9}
_DURATION_PART = re.compile(r"([0-9]{1,15}(?:\.[0-9]{1,15})?)(ms|us|µs|ns|h|m|s)")
_DURATION = re.compile(rf"(?:{_DURATION_PART.pattern})+")
_DELAY_SECONDS = re.compile(r"[0-9]{1,15}(?:\.[0-9]{1,15})?")


_LAST_WORDS = re.compile(
    rf"(?:Please retry in|Resets in|Your quota will reset after) ((?:{_DURATION_PART.pattern})+)\.?\s*\Z"
)
"""`Please retry in 56.185908122s.` stands at the end, behind whatever was quoted."""


def parse_duration(text: str) -> float | None:
    """Seconds of protobuf's `34.07s` and Go's `108h48m20.8s` and `539.4ms`; `None` if it is neither."""
    if not _DURATION.fullmatch(text):
        return None
    return sum(float(amount) * _SECONDS[unit] for amount, unit in _DURATION_PART.findall(text))


def parse_retry_after(value: str, now: float) -> float | None:
    """Seconds of a `Retry-After` header: a number of them, or an HTTP date after `now`, seconds since the epoch."""
    value = value.strip()
    if _DELAY_SECONDS.fullmatch(value):
        return float(value)
    moment = parse_date(value)
    return None if moment is None else max(0.0, moment - now)


def parse_date(value: str) -> float | None:
    """Unix time of an HTTP date; `None` if it is none, or of no time in which this can run."""
    try:
        moment = parsedate_to_datetime(value)
    except ValueError:
        return None
    if not 2000 < moment.year < 2200:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _seconds_until(timestamp: str | None, now: float) -> float | None:
    try:
        return None if timestamp is None else _remaining(datetime.fromisoformat(timestamp), now)
    except ValueError:
        return None


def _remaining(moment: datetime, now: float) -> float:
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max(0.0, aware.timestamp() - now)


def longest(*delays: float | None) -> float | None:
    """The longest of those that were stated; zero is stated."""
    return max((delay for delay in delays if delay is not None), default=None)


# --- finding the error object ------------------------------------------------------------------------------

_MAX_NESTING = 10
_JSON_START = (b"{", b"[", b'"')
_MAX_PLAIN_TEXT = 1000
_MAX_BYTES = 256 * 1024
_MAX_VALUES = 5000
"""Real errors have a few kilobytes, and some hundred values."""
_MAX_EMBEDDED = 20
_STRING_OR_STRAY_COMMA = re.compile(rb'("[^"\\]*+(?:\\.[^"\\]*+)*+"?)|,(?=\s*[,\]}])', re.DOTALL)
"""A string without an end is one all the same, or each quote in it would be taken for the beginning of another."""


def _nested_statuses(body: bytes) -> Iterator[AnyStatus]:
    """The error object, the one inside its message, and so on; outermost first."""
    status = _find_status(_candidates(body)) if _is_readable(body) else None
    for _ in range(_MAX_NESTING):
        if status is None:
            return
        yield status
        # only a message that is JSON from end to end: Google quotes the client's own words in the middle of some
        message = (status.message or "").encode(errors="replace")
        status = _find_status(_repaired(message)) if message.lstrip()[:1] in _JSON_START else None


def _find_status(candidates: Iterator[bytes]) -> AnyStatus | None:
    documents = map(_read_document, candidates)
    return next((_status_of(document) for document in documents if document is not None), None)


def _details[D: GoogleInbound](statuses: list[AnyStatus], kind: type[D]) -> Iterator[D]:
    for status in statuses:
        if isinstance(status.details, tuple):
            yield from (detail for detail in status.details if isinstance(detail, kind))


def _candidates(body: bytes) -> Iterator[bytes]:
    start = body.lstrip()[:1]
    if start in _JSON_START:
        yield from _repaired(body)
    if start != b"<":
        for embedded in islice(json_objects(body), _MAX_EMBEDDED):
            yield from _repaired(embedded)


def _repaired(document: bytes) -> Iterator[bytes]:
    yield document
    yield _STRING_OR_STRAY_COMMA.sub(rb"\1", document)


def _is_readable(document: bytes) -> bool:
    """In no time."""
    return len(document) <= _MAX_BYTES and not has_more_values(document, _MAX_VALUES)


def _read_document(text: bytes) -> ErrorDocument | None:
    try:
        return _ERROR_DOCUMENT.validate_json(text)
    except ValidationError:
        return None


def _status_of(document: ErrorDocument) -> AnyStatus:
    match document:
        case ErrorEnvelope(error=Status() as status):
            return status
        case ErrorEnvelope(error=error, error_description=description):
            return Status(message=description or (error if isinstance(error, str) else None))
        case ResponseEnvelope(response=envelope) | (ErrorEnvelope() as envelope, *_):
            return _status_of(envelope)
        case BareStatus():
            return document
        case _:
            return Status(message=str(document))


def _http_status(status: AnyStatus) -> int | None:
    try:
        code = int(status.code or "")
    except ValueError:
        return None
    return code if 400 <= code <= 599 else None


def _plain_text(body: bytes) -> str:
    text = body[:_MAX_BYTES].decode(errors="replace").strip()
    return "" if text.startswith("<") else text[:_MAX_PLAIN_TEXT]
