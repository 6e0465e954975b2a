"""Every way in which the upstream can fail, in one table.

An account whose key or refresh token is `fault-NAME` or a model called `gemini-fault-NAME` fails that way; with `-xN` at the
end only the first N times. `docs/simulator.md` lists what this table holds.
"""

import hashlib
import re
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from antigravity_addon.wire.base import Json

from . import conditions
from .exchange import JSON_HEADERS, PLAIN_SSE_HEADERS, SSE_HEADERS, Exchange
from .families import Family
from .request import GenerateContentRequest
from .response import Call, Chunk, Framing, Part, Text, Turn, Usage, continuation_token, event, pieces, pretty
from .status import (
    KEY_INVALID,
    NO_MIXTURE,
    NO_PREFILL,
    Status,
    Violation,
    bad_request,
    error_info,
    help_link,
    model_not_found,
    quota_failure,
    retry_info,
    unauthenticated,
)

# --- an answer, and what can be done to it ---------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Pace:
    seconds_between_events: float = 0.0
    seconds_of_slow_first: float = 1.0
    """How long the fault `slow-first` keeps its first event back."""


@dataclass(frozen=True, slots=True)
class Answered:
    """A sound answer, on its way to be sent."""

    turn: Turn
    framing: Framing
    pace: Pace = Pace()
    behind: int = 0
    """Chunks that came in earlier hops; the turn holds the others."""

    def exchange(self) -> Exchange:
        return self.sending(pieces(self.turn, self.framing))

    def sending(self, body: tuple[bytes, ...]) -> Exchange:
        """Other bytes than the turn's own, sent as the turn would be."""
        pause = self.pace.seconds_between_events
        return Exchange(
            200, self._headers, tuple((pause if i else 0.0, piece) for i, piece in enumerate(body))
        )

    @property
    def _headers(self) -> Mapping[str, str]:
        gemini = self.turn.family is Family.GEMINI
        headers = JSON_HEADERS
        if self.framing is Framing.SSE:
            headers = SSE_HEADERS if gemini else PLAIN_SSE_HEADERS
        if self.turn.family is Family.CODE_ASSIST:
            return {**headers, "x-cloudaicompanion-trace-id": self.turn.trace_id}
        return headers

    def telling(self, *chunks: Chunk) -> Exchange:
        """Other chunks than the turn's own."""
        return replace(self, turn=replace(self.turn, chunks=chunks)).exchange()

    @property
    def body(self) -> tuple[bytes, ...]:
        return pieces(self.turn, self.framing)

    @property
    def usage(self) -> Usage | None:
        return self.turn.chunks[-1].usage

    def half(self) -> tuple[bytes, ...]:
        """The first half of the writes, at least one."""
        return self.body[: max(1, len(self.body) // 2)]

    def half_of_chunks(self) -> tuple[Chunk, ...]:
        """The first half of the turn, at least one chunk, and no word of an end."""
        chunks = self.turn.chunks
        kept = chunks[: max(1, len(chunks) // 2)]
        return tuple(replace(chunk, finish_reason=None, finish_message=None) for chunk in kept)


@dataclass(frozen=True, slots=True)
class Refusal:
    """Instead of an answer, whatever was asked."""

    description: str
    respond: Callable[[str], Exchange]
    """From the name of the model."""


@dataclass(frozen=True, slots=True)
class Damage:
    """Something done to a sound answer."""

    description: str
    damage: Callable[[Answered], Exchange]


@dataclass(frozen=True, slots=True)
class Selective:
    """A fault for some requests; the others are answered."""

    strikes: Callable[[GenerateContentRequest], bool]
    fault: Refusal | Damage

    @property
    def description(self) -> str:
        return self.fault.description


type Fault = Refusal | Damage | Selective

# --- refusals --------------------------------------------------------------------------------------------


def _says(status: Status, *, in_array: bool = False, **headers: str) -> Callable[[str], Exchange]:
    """The same status for every model; an underscore in a header's name stands for a hyphen."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda _model: refused(status, in_array=in_array, headers=named)


def refused(status: Status, *, in_array: bool = False, headers: Mapping[str, str] | None = None) -> Exchange:
    body: Json = [status.to_json()] if in_array else status.to_json()
    return Exchange(status.code, {**JSON_HEADERS, **(headers or {})}, ((0.0, pretty(body) + b"\n"),))


def _page(status: int, title: str) -> Callable[[str], Exchange]:
    """A page of HTML, as a front end sends it that never got as far as the API."""
    body = (
        f"<!DOCTYPE html>\n<html lang=en>\n<title>Error {status} ({title})!!1</title>\n<p>That’s an error.\n"
    )
    return lambda _model: html_page(status, body)


def html_page(status: int, body: str) -> Exchange:
    return Exchange(status, {"Content-Type": "text/html; charset=UTF-8"}, ((0.0, body.encode()),))


QUOTA_METRIC = "generativelanguage.googleapis.com/generate_content_free_tier_requests"
PER_MINUTE = "GenerateRequestsPerMinutePerProjectPerModel-FreeTier"
PER_DAY = "GenerateRequestsPerDayPerProjectPerModel-FreeTier"
RATE_LIMITS = "https://ai.google.dev/gemini-api/docs/rate-limits"
CODE_ASSIST = "cloudcode-pa.googleapis.com"
OVERLOADED = Status(503, "The model is overloaded. Please try again later.")
HIGH_DEMAND = Status(
    503,
    "This model is currently experiencing high demand. Spikes in demand are usually temporary. "
    "Please try again later.",
)


def _over_quota(quota_id: str, *, limit: str, seconds: str) -> Callable[[str], Exchange]:
    """Gemini's 429, which reads the same for every kind of quota but for its details."""

    def respond(model: str) -> Exchange:
        message = (
            "You exceeded your current quota, please check your plan and billing details. "
            f"For more information on this error, head to: {RATE_LIMITS}. \n"
            f"* Quota exceeded for metric: {QUOTA_METRIC}, limit: {limit}, model: {model}\n"
            f"Please retry in {seconds}s."
        )
        details = (
            quota_failure(metric=QUOTA_METRIC, quota_id=quota_id, model=model, value=limit),
            help_link("Learn more about Gemini API quotas", RATE_LIMITS),
            retry_info(f"{seconds}s"),
        )
        return refused(Status(429, message, details))

    return respond


def _no_capacity(model: str) -> Exchange:
    info = error_info("MODEL_CAPACITY_EXHAUSTED", CODE_ASSIST, model=model)
    message = f"No capacity available for model {model} on the server"
    return refused(Status(429, message, (info,), legacy_reason="rateLimitExceeded"), in_array=True)


def _too_fast(model: str) -> Exchange:
    message = "You have exhausted your capacity on this model. Your quota will reset after 0s."
    info = error_info(
        "RATE_LIMIT_EXCEEDED",
        CODE_ASSIST,
        uiMessage="true",
        model=model,
        quotaResetDelay="539.477544ms",
        quotaResetTimeStamp="2026-11-22T19:14:08Z",
    )
    status = Status(429, message, (info, retry_info("0.539477544s")), legacy_reason="rateLimitExceeded")
    return refused(status, in_array=True)


def _plan_exhausted(model: str) -> Exchange:
    info = error_info(
        "QUOTA_EXHAUSTED",
        CODE_ASSIST,
        uiMessage="true",
        model=model,
        quotaResetDelay="108h48m20.795762633s",
        quotaResetTimeStamp="2026-11-27T04:24:12Z",
    )
    message = "Individual quota reached. Contact your administrator to enable overages. Resets in 108h48m29s."
    return refused(Status(429, message, (info, retry_info("391609.795772632s"))), in_array=True)


VALIDATION = "https://accounts.google.com/signin/continue?plt=simulated-personal-token"
"""A page for one person: whoever has the address can go there in their name."""
VALIDATION_REQUIRED = Status(
    403,
    "Verify your account to continue.",
    (
        error_info(
            "VALIDATION_REQUIRED",
            CODE_ASSIST,
            validation_error_message="Verify your account to continue.",
            validation_url_link_text="Verify your account",
            validation_url=VALIDATION,
        ),
        help_link("Verify your account", VALIDATION),
    ),
)
TERMS_VIOLATED = Status(
    403,
    "This service has been disabled in this account for violation of Terms of Service. "
    "Please submit an appeal to continue using this product.",
    (
        error_info(
            "TOS_VIOLATION",
            CODE_ASSIST,
            uiMessage="true",
            appeal_url_link_text="Appeal",
            appeal_url="https://support.google.com/accounts",
        ),
    ),
)
NO_LICENCE = Status(
    403,
    "You do not have a valid license of this product. Please contact your administrator to request a license. (#3501)",
)
ACTIVATION = (
    "https://console.developers.google.com/apis/api/generativelanguage.googleapis.com/overview?project=0"
)
SERVICE_DISABLED = Status(
    403,
    "Generative Language API has not been used in project 0 before or it is disabled. Enable it by visiting "
    f"{ACTIVATION} then retry. If you enabled this API recently, wait a few minutes for the action to "
    "propagate to our systems and retry.",
    (
        error_info(
            "SERVICE_DISABLED",
            "googleapis.com",
            serviceTitle="Generative Language API",
            service="generativelanguage.googleapis.com",
            consumer="projects/0",
            activationUrl=ACTIVATION,
        ),
    ),
)
COMPANION = "cloudaicompanion.googleapis.com"
COMPANION_ACTIVATION = f"https://console.developers.google.com/apis/api/{COMPANION}/overview?project=0"
COMPANION_DISABLED = Status(
    403,
    "Gemini for Google Cloud API has not been used in project 0 before or it is disabled. Enable it by visiting "
    f"{COMPANION_ACTIVATION} then retry. If you enabled this API recently, wait a few minutes for the action to "
    "propagate to our systems and retry.",
    (
        error_info(
            "SERVICE_DISABLED",
            "googleapis.com",
            serviceTitle="Gemini for Google Cloud API",
            service=COMPANION,
            consumer="projects/0",
            containerInfo="0",
            activationUrl=COMPANION_ACTIVATION,
        ),
    ),
)
IAM_DENIED = Status(
    403,
    "Permission 'aiplatform.endpoints.predict' denied on resource '//aiplatform.googleapis.com/projects/simulated' "
    "(or it may not exist).",
    (
        error_info(
            "IAM_PERMISSION_DENIED",
            "aiplatform.googleapis.com",
            permission="aiplatform.endpoints.predict",
            resource="projects/simulated",
        ),
    ),
)
SCOPE_MISSING = Status(
    403,
    "Request had insufficient authentication scopes.",
    (error_info("ACCESS_TOKEN_SCOPE_INSUFFICIENT", "googleapis.com", service="aiplatform.googleapis.com"),),
)
SHARED_QUOTA = Status(
    429,
    "Resource exhausted. Please try again later. Please refer to "
    "https://cloud.google.com/vertex-ai/generative-ai/docs/error-code-429 for more details.",
)
CREDITS_SPENT = Status(
    429,
    "You do not have enough credits for this request.",
    (error_info("INSUFFICIENT_G1_CREDITS_BALANCE", ""),),
)


def _unknown_names(*fields: tuple[str, str]) -> Status:
    """What Google's parser says of fields it does not know, each a name and its place."""
    violations = [
        Violation(
            place, f"Invalid JSON payload received. Unknown name \"{name}\" at '{place}': Cannot find field."
        )
        for name, place in fields
    ]
    message = "\n".join(violation.description for violation in violations)
    return Status(400, message, (bad_request(*violations),))


UNKNOWN_KEYWORD = _unknown_names(
    ("const", "tools[0].function_declarations[0].parameters.properties[0].value")
)
TOO_MANY_STATES = Status(
    400, "The specified schema produces a constraint that has too many states for serving."
)

# --- damage to the bytes ---------------------------------------------------------------------------------


def _all_in_first(body: tuple[bytes, ...]) -> tuple[bytes, ...]:
    return (b"".join(body),)


def _truncated_json(answer: Answered) -> Exchange:
    *before, last = answer.half()
    return answer.sending((*before, last[: len(last) * 2 // 3]))


def _split_line_ends(answer: Answered) -> Exchange:
    """Every write ends between the two characters of a line end."""
    parts = b"".join(answer.body).split(b"\r")
    return answer.sending((*(part + b"\r" for part in parts[:-1]), parts[-1]))


def _byte_by_byte(answer: Answered) -> Exchange:
    body = b"".join(answer.body)
    return answer.sending(tuple(body[index : index + 1] for index in range(len(body))))


def _compressed(answer: Answered) -> Exchange:
    compressor = zlib.compressobj(wbits=31)
    body = [compressor.compress(piece) + compressor.flush(zlib.Z_SYNC_FLUSH) for piece in answer.body]
    exchange = answer.sending((*body, compressor.flush()))
    return replace(exchange, headers={**exchange.headers, "Content-Encoding": "gzip"})


def _mislabelled(answer: Answered) -> Exchange:
    return replace(answer.exchange(), headers={"Content-Type": "text/html; charset=UTF-8"})


def _garbage(answer: Answered) -> Exchange:
    noise = hashlib.shake_256(answer.turn.response_id.encode()).digest(4096)
    return replace(answer.sending((noise[:1024], noise[1024:])), headers=SSE_HEADERS)


def _slow_first(answer: Answered) -> Exchange:
    (_, first), *others = answer.exchange().pieces
    delayed = (answer.pace.seconds_of_slow_first, first)
    return replace(answer.exchange(), pieces=(delayed, *others))


def _without_final_blank(answer: Answered) -> Exchange:
    *before, last = answer.body
    return answer.sending((*before, last.rstrip(b"\r\n")))


# --- errors inside a 200 ---------------------------------------------------------------------------------


def _framed_error(answer: Answered, status: Status) -> bytes:
    return event(status.to_json()) if answer.framing is Framing.SSE else pretty(status.to_json())


def _error_after_half(
    write: Callable[[Answered], bytes],
) -> Callable[[Answered], Exchange]:
    """Half of the answer, without a finish reason, and then the error."""

    def damage(answer: Answered) -> Exchange:
        kept = replace(answer, turn=replace(answer.turn, chunks=answer.half_of_chunks()))
        return answer.sending((*kept.body, write(answer)))

    return damage


# --- damage to the turn ----------------------------------------------------------------------------------


def _one_chunk(chunk: Chunk) -> Callable[[Answered], Exchange]:
    return lambda answer: answer.telling(replace(chunk, usage=_unspent(answer.usage)))


def _unspent(usage: Usage | None) -> Usage | None:
    return replace(usage, candidates=None, thoughts=0) if usage else None


def _truncated(answer: Answered) -> Exchange:
    chunks = [replace(chunk, finish_reason=None, finish_message=None) for chunk in answer.turn.chunks]
    return answer.telling(*(chunks[:-1] or chunks))


def _blocked_half_way(answer: Answered) -> Exchange:
    blocked = Chunk(usage=answer.usage, finish_reason="SAFETY", withheld=True)
    return answer.telling(*answer.half_of_chunks(), blocked)


def _starved(answer: Answered) -> Exchange:
    usage = replace(answer.usage or Usage(), candidates=None, thoughts=2)
    return answer.telling(Chunk(None, usage, "MAX_TOKENS"))


def _with_text(text: str) -> Callable[[Answered], Exchange]:
    """The whole turn as one text."""
    return lambda answer: answer.telling(Chunk((Text(text),), answer.usage, "STOP"))


def _with_separators(answer: Answered) -> Exchange:
    """Line separators that are none in SSE, between the words of the answer."""
    separators = ("\u2028", "\u2029", "\x85")

    def separated(part: Part, index: int) -> Part:
        separator = separators[index % len(separators)]
        return replace(part, text=part.text + separator) if isinstance(part, Text) else part

    chunks = (
        replace(chunk, parts=tuple(separated(part, index) for part in chunk.parts or ()))
        for index, chunk in enumerate(answer.turn.chunks)
    )
    return answer.telling(*chunks)


def _continued(answer: Answered) -> Exchange:
    """Each hop has half of what is left, down to two chunks. There are two hops at least."""
    if answer.behind and len(answer.turn.chunks) <= 2:
        return answer.exchange()
    *before, last = answer.half_of_chunks()
    token = continuation_token(answer.behind + len(before) + 1)
    return answer.telling(*before, replace(last, finish_reason="CONTINUATION", continuation_token=token))


def _cut_behind_checkpoint(answer: Answered) -> Exchange:
    if answer.behind:
        return answer.exchange()
    checked = (
        replace(chunk, continuation_token=continuation_token(count))
        for count, chunk in enumerate(answer.half_of_chunks(), start=1)
    )
    return replace(answer.telling(*checked), reset=True)


def _cut_past_checkpoint(answer: Answered) -> Exchange:
    """The first chunk has a token, and what follows has none."""
    first, *others = answer.turn.chunks[:-1] or answer.turn.chunks
    checked = replace(first, finish_reason=None, continuation_token=continuation_token(1))
    return replace(answer.telling(checked, *others), reset=True)


def _finished_twice(answer: Answered) -> Exchange:
    last = answer.turn.chunks[-1]
    return answer.telling(*answer.turn.chunks, replace(last, parts=(Text(""),)))


def _usage_last(answer: Answered) -> Exchange:
    *before, last = answer.turn.chunks
    return answer.telling(*(replace(chunk, traffic_only=True) for chunk in before), last)


def _with_credits(answer: Answered) -> Exchange:
    """Behind the first event."""
    if answer.framing is not Framing.SSE:
        return answer.exchange()
    credit: Json = {"creditType": "GOOGLE_ONE_AI", "creditAmount": "997"}
    first, *others = answer.body
    return answer.sending(
        (first, event({"traceId": answer.turn.trace_id, "remainingCredits": [credit]}), *others)
    )


# --- the table -------------------------------------------------------------------------------------------

FAULTS: Mapping[str, Fault] = {
    # quota
    "rate-limited": Refusal(
        "429 for this minute: quota details, wait 56 s", _over_quota(PER_MINUTE, limit="2", seconds="56")
    ),
    "rate-limited-short": Refusal(
        "429 for this minute, wait 0.3 s", _over_quota(PER_MINUTE, limit="2", seconds="0.3")
    ),
    "rate-limited-bare": Refusal(
        "429 without any detail", _says(Status(429, "Resource has been exhausted (e.g. check quota)."))
    ),
    "rate-limited-header": Refusal(
        "429 without detail, `Retry-After: 2` in the headers",
        _says(Status(429, "Resource has been exhausted (e.g. check quota)."), Retry_After="2"),
    ),
    "quota-day": Refusal(
        "429 for this day, with a misleading delay of seconds", _over_quota(PER_DAY, limit="50", seconds="31")
    ),
    "quota-zero": Refusal(
        "429 with `limit: 0`: not in this plan at all", _over_quota(PER_DAY, limit="0", seconds="12")
    ),
    "rate-limited-vertex": Refusal("429 without any detail, in Vertex AI's words", _says(SHARED_QUOTA)),
    "rate-limited-code-assist": Refusal("429 in an array: too fast, wait 0.54 s", _too_fast),
    "credits-spent": Refusal("429 in an array: no credits left", _says(CREDITS_SPENT, in_array=True)),
    "quota-code-assist": Refusal("429 in an array: plan quota gone for 108 hours", _plan_exhausted),
    # load
    "overloaded": Refusal("503, the model is overloaded", _says(OVERLOADED)),
    "high-demand": Refusal("503 in the newer wording", _says(HIGH_DEMAND)),
    "capacity": Refusal("429 in an array: no capacity for the model", _no_capacity),
    "overloaded-529": Refusal(
        "529, as relays say overloaded", _says(Status(529, "Overloaded", name="UNAVAILABLE"))
    ),
    "internal": Refusal("500", _says(Status(500, "An internal error has occurred. Please retry."))),
    "deadline": Refusal("504", _says(Status(504, "Deadline expired before operation could complete."))),
    "cancelled": Refusal(
        "499 in an array, cancelled by the server",
        _says(Status(499, "The operation was cancelled.", legacy_reason="backendError"), in_array=True),
    ),
    "html-502": Refusal("502 with a page of HTML", _page(502, "Server Error")),
    "html-413": Refusal("413 with a page of HTML", _page(413, "Request Entity Too Large")),
    # the account
    "dead-key": Refusal("400, the key is not valid", _says(KEY_INVALID)),
    "dead-key-array": Refusal("400 in an array, the key is not valid", _says(KEY_INVALID, in_array=True)),
    "unauthenticated": Refusal(
        "401, the token has expired", _says(unauthenticated(Family.GEMINI, "streamGenerateContent"))
    ),
    "leaked-key": Refusal(
        "403, the key was reported as leaked",
        _says(Status(403, "Your API key was reported as leaked. Please use another API key.")),
    ),
    "validation-required": Refusal("403, the account is to be verified", _says(VALIDATION_REQUIRED)),
    "tos": Refusal("403, the terms were violated", _says(TERMS_VIOLATED)),
    "service-disabled": Refusal("403, the API is switched off in the project", _says(SERVICE_DISABLED)),
    "service-disabled-code-assist": Refusal(
        "403, Code Assist's API is switched off in the project", _says(COMPANION_DISABLED)
    ),
    "no-licence": Refusal("403, no Code Assist licence (#3501)", _says(NO_LICENCE)),
    "iam": Refusal("403, the project does not permit it", _says(IAM_DENIED)),
    "scope": Refusal("403, the token is not for this API", _says(SCOPE_MISSING)),
    "permission": Refusal("403 without a reason", _says(Status(403, "The caller does not have permission"))),
    "location": Refusal(
        "400 FAILED_PRECONDITION, not in this country",
        _says(Status(400, "User location is not supported for the API use.", name="FAILED_PRECONDITION")),
    ),
    # the request
    "bad-request": Refusal(
        "400 without a reason", _says(Status(400, "Request contains an invalid argument."))
    ),
    "bad-schema": Refusal(
        "400 for an unknown keyword in a schema",
        _says(UNKNOWN_KEYWORD),
    ),
    "too-long": Refusal(
        "400, more tokens than the model takes",
        _says(
            Status(
                400,
                "The input token count (1048577) exceeds the maximum number of tokens allowed (1048576).",
            )
        ),
    ),
    "not-found": Refusal("404, no such model", lambda model: refused(model_not_found(model))),
    # something in the request, and no other request
    "too-many-states": Selective(
        conditions.is_constrained,
        Refusal(
            "400 if the answer has a schema, or calls are forced or strict: too complex",
            _says(TOO_MANY_STATES),
        ),
    ),
    "refuses-thinking": Selective(
        conditions.thinks,
        Refusal(
            "400 if there is a `thinkingConfig`",
            _says(Status(400, "Thinking is not enabled for this model.")),
        ),
    ),
    "refuses-penalties": Selective(
        conditions.is_penalised,
        Refusal(
            "400 if there is a penalty",
            lambda model: refused(Status(400, f"Penalty is not enabled for models/{model}")),
        ),
    ),
    "refuses-logprobs": Selective(
        conditions.wants_logprobs,
        Refusal(
            "400 if logprobs are wanted",
            lambda model: refused(Status(400, f"Logprobs is not enabled for models/{model}")),
        ),
    ),
    "refuses-parameters-json-schema": Selective(
        conditions.declares_freely,
        Refusal(
            "400 if a function has `parametersJsonSchema`: unknown name",
            _says(_unknown_names(("parametersJsonSchema", "tools[0].function_declarations[0]"))),
        ),
    ),
    "refuses-response-json-schema": Selective(
        conditions.answers_freely,
        Refusal(
            "400 if there is a `responseJsonSchema`: unknown name",
            _says(_unknown_names(("responseJsonSchema", "generation_config"))),
        ),
    ),
    "refuses-json-with-tools": Selective(
        conditions.is_json_beside_tools,
        Refusal(
            "400 if there are tools beside JSON mode",
            _says(Status(400, "Tool use with a response mime type: 'application/json' is unsupported")),
        ),
    ),
    "refuses-search-with-functions": Selective(
        conditions.searches_beside_functions,
        Refusal("400 if there is a search beside functions", _says(Status(400, NO_MIXTURE))),
    ),
    "refuses-server-side-tools": Selective(
        conditions.agrees_to_both,
        Refusal(
            "400 if there is `includeServerSideToolInvocations`: unknown name",
            _says(_unknown_names(("includeServerSideToolInvocations", "tool_config"))),
        ),
    ),
    "refuses-part-resolution": Selective(
        conditions.resolves_parts,
        Refusal(
            "400 if a part has a `mediaResolution`: unknown name",
            _says(_unknown_names(("mediaResolution", "contents[0].parts[0]"))),
        ),
    ),
    "refuses-prefill": Selective(
        conditions.ends_with_model,
        Refusal("400 if the last turn is the model's", _says(Status(400, NO_PREFILL))),
    ),
    "refuses-signatures": Selective(
        conditions.is_signed,
        Refusal(
            "400 if a part has a signature that is no placeholder",
            _says(Status(400, "Corrupted thought signature.")),
        ),
    ),
    "missing-signature": Selective(
        conditions.is_signed,
        Damage(
            "MISSING_THOUGHT_SIGNATURE if a part has a signature that is no placeholder",
            _one_chunk(Chunk(withheld=True, finish_reason="MISSING_THOUGHT_SIGNATURE")),
        ),
    ),
    # the connection
    "reset": Refusal("reset before any byte", lambda _model: Exchange(headless=True, reset=True)),
    "reset-after-head": Refusal("200 and headers, then reset", lambda _model: Exchange(reset=True)),
    "reset-after-first": Damage(
        "reset after the first event", lambda answer: replace(answer.sending(answer.body[:1]), reset=True)
    ),
    "reset-mid": Damage(
        "reset after half of the events", lambda answer: replace(answer.sending(answer.half()), reset=True)
    ),
    "silence": Refusal(
        "no byte until the client goes away", lambda _model: Exchange(headless=True, silent=True)
    ),
    "silence-after-head": Refusal("200 and headers, then silence", lambda _model: Exchange(silent=True)),
    "silence-after-first": Damage(
        "silence after the first event", lambda answer: replace(answer.sending(answer.body[:1]), silent=True)
    ),
    "slow-first": Damage("the first event comes late", _slow_first),
    # errors inside a 200
    "error-first": Damage(
        "200, and the first event is an error",
        lambda answer: answer.sending((_framed_error(answer, HIGH_DEMAND),)),
    ),
    "error-first-raw": Damage(
        "200, then a bare error over several lines",
        lambda answer: answer.sending((pretty(HIGH_DEMAND.to_json()),)),
    ),
    "error-mid-event": Damage(
        "half of the answer, then an error as an event",
        _error_after_half(lambda answer: _framed_error(answer, HIGH_DEMAND)),
    ),
    "error-mid-raw": Damage(
        "half of the answer, then a bare error over several lines",
        _error_after_half(lambda _answer: pretty(HIGH_DEMAND.to_json()) + b"\n"),
    ),
    "error-array-mid": Damage(
        "half of the answer, then a bare error in an array",
        _error_after_half(lambda _answer: pretty([OVERLOADED.to_json()]) + b"\n"),
    ),
    # answers that are none
    "truncated": Damage("ends without a finish reason", _truncated),
    "truncated-json": Damage("ends in the middle of a message", _truncated_json),
    "empty-body": Refusal("200 with no byte in it", lambda _model: Exchange()),
    "empty-answer": Damage("one empty text and STOP", _with_text("")),
    "no-candidates": Damage("no candidates at all", _one_chunk(Chunk(no_candidates=True))),
    "safety": Damage("SAFETY instead of an answer", _one_chunk(Chunk(finish_reason="SAFETY", withheld=True))),
    "safety-mid": Damage("half of the answer, then SAFETY", _blocked_half_way),
    "prompt-blocked": Damage("the prompt is blocked", _one_chunk(Chunk(block_reason="PROHIBITED_CONTENT"))),
    "max-tokens-thinking": Damage("MAX_TOKENS before the first word", _starved),
    "malformed-call": Damage(
        "MALFORMED_FUNCTION_CALL",
        _one_chunk(
            Chunk(
                withheld=True,
                finish_reason="MALFORMED_FUNCTION_CALL",
                finish_message='Malformed function call: print(default_api.get_weather(location="Oslo")',
            )
        ),
    ),
    "unexpected-call": Damage(
        "UNEXPECTED_TOOL_CALL with a call of a function nobody declared",
        _one_chunk(
            Chunk(
                (Call("undeclared_function", {}),),
                finish_reason="UNEXPECTED_TOOL_CALL",
                finish_message=(
                    "Unexpected tool call: Model tried to call an undeclared function: undeclared_function"
                ),
            )
        ),
    ),
    "continuation": Damage("half of what is left, then CONTINUATION and a token for the rest", _continued),
    "checkpoint-cut": Damage(
        "half of the answer with tokens to go on behind each event, then reset; whole when gone on with",
        _cut_behind_checkpoint,
    ),
    "checkpoint-stale": Damage(
        "a token in the first event, then text without one, then reset", _cut_past_checkpoint
    ),
    # odd but sound
    "crlf-split": Damage("every write ends between CR and LF", _split_line_ends),
    "byte-by-byte": Damage("every byte is a write of its own", _byte_by_byte),
    "one-write": Damage("all events in one write", lambda answer: answer.sending(_all_in_first(answer.body))),
    "lf-only": Damage(
        "lines end in LF",
        lambda answer: answer.sending(tuple(piece.replace(b"\r\n", b"\n") for piece in answer.body)),
    ),
    "no-final-blank": Damage("the last event lacks its blank line", _without_final_blank),
    "unicode-separators": Damage("U+2028, U+2029 and U+0085 unescaped in the text", _with_separators),
    "big-line": Damage("one event of 2 MB", _with_text("Two megabytes of text. " * 91_000)),
    "gzip": Damage("compressed, as relays do it", _compressed),
    "wrong-content-type": Damage("a sound answer labelled text/html", _mislabelled),
    "garbage": Damage("200 and noise", _garbage),
    "usage-last-only": Damage("token counts in the last chunk only, as on Vertex AI", _usage_last),
    "credits-event": Damage("an event that tells of credits only, as Code Assist has it", _with_credits),
    "duplicate-finish": Damage("the finish reason comes twice", _finished_twice),
}

# --- choosing one ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Plan:
    """A fault as a key or a model's name asks for it."""

    fault: Fault
    times: int | None
    """How often, from the first request on; `None`: always."""


def planned(name: str, prefix: str) -> Plan | None:
    """What `prefix` + NAME or `prefix` + NAME-xN asks for; `None` if no fault is called so."""
    found = named_in(name, prefix, FAULTS)
    return Plan(*found) if found else None


def named_in[F](name: str, prefix: str, table: Mapping[str, F]) -> tuple[F, int | None] | None:
    """The entry of the table, and how often it is meant."""
    if not name.startswith(prefix):
        return None
    wanted = name.removeprefix(prefix)
    if wanted in table:
        return table[wanted], None
    counted = re.fullmatch(r"(?P<fault>.+)-x(?P<times>\d{1,9})", wanted)
    if counted is None or counted["fault"] not in table:
        return None
    return table[counted["fault"]], int(counted["times"])


def listing() -> str:
    """The table as Markdown, for the documentation."""
    rows = [f"| `{name}` | {fault.description} |" for name, fault in FAULTS.items()]
    return "\n".join(("| Fault | What it does |", "|---|---|", *rows)) + "\n"
