import json
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

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
)
from antigravity_addon.upstream.classify import classify, classify_error_object, decode_item
from antigravity_addon.wire.gemini_response import GenerateContentResponse, read_message
from antigravity_addon.wire.sse import ServerSentEvent, StrayJson

NOW = 1_795_000_000.0
RPC = "type.googleapis.com/google.rpc."


def body(message: str, *details: object, status: str | None = None, code: int | None = None) -> bytes:
    error = {"code": code, "message": message, "status": status, "details": details}
    return json.dumps({"error": {name: value for name, value in error.items() if value}}).encode()


def info(reason: str, **metadata: str) -> object:
    return {"@type": RPC + "ErrorInfo", "reason": reason, "metadata": metadata}


def retry(delay: str) -> object:
    return {"@type": RPC + "RetryInfo", "retryDelay": delay}


def quota(*ids: str, value: str | None = None) -> object:
    return {
        "@type": RPC + "QuotaFailure",
        "violations": [{"quotaId": each, "quotaValue": value} for each in ids],
    }


@dataclass(frozen=True, slots=True)
class Answer:
    """What the client is told, and when the account may try again."""

    kind: type[UpstreamFailure]
    status: int
    code: str | None
    retry_after: float | None = None


def answer_of(failure: UpstreamFailure) -> Answer:
    return Answer(type(failure), failure.status, failure.code, failure.retry_after)


BROKEN = Answer(UpstreamBroken, 502, "upstream_error")
BUSY = Answer(Overloaded, 503, "server_is_overloaded")
LATE = Answer(UpstreamTimeout, 504, "timeout")
LIMITED = Answer(RateLimited, 429, "rate_limit_exceeded")
EXHAUSTED = Answer(QuotaExhausted, 429, "insufficient_quota")
UNTIL_MIDNIGHT = Answer(QuotaExhausted, 429, "insufficient_quota", 75_200.0)
"""NOW is 03:06:40 in California."""
NO_ACCOUNT = Answer(AccountRefused, 503, "no_account_available")
TERMS = Answer(TermsRefused, 503, "no_account_available")
REGION = Answer(AccountRefused, 403, "unsupported_country_region_territory")
INVALID = Answer(UpstreamRefused, 400, "invalid_argument")
INVALID_REQUEST = Answer(UpstreamRefused, 400, "invalid_request")
TOO_LARGE = Answer(UpstreamRefused, 413, "request_too_large")
NO_MODEL = Answer(UpstreamRefused, 404, "model_not_found")
NOT_ALLOWED = Answer(UpstreamRefused, 403, "permission_denied")

PLAN = "You exceeded your current quota, please check your plan and billing details."
PAGE = b"<!DOCTYPE html><title>Error</title>"

CASES: dict[str, tuple[int, bytes, Answer]] = {
    # 400
    "C89: generic": (400, body("bad schema", status="INVALID_ARGUMENT"), INVALID),
    "invalid key": (400, body("API key not valid. Please pass a valid API key.", info("API_KEY_INVALID")), NO_ACCOUNT),
    "invalid key, text alone": (400, b"[" + body("API Key not found. Please pass a valid API key.") + b"]", NO_ACCOUNT),
    "expired key": (400, body("API key expired. Please renew the API key."), NO_ACCOUNT),
    "a client's words about keys": (
        400,
        body('Invalid JSON payload received. Unknown name "API key not valid": Cannot find field.'),
        INVALID_REQUEST,
    ),
    "location": (400, body("User location is not supported for the API use.", status="FAILED_PRECONDITION"), REGION),
    "no free tier there": (
        400,
        body("Gemini API free tier is not available in your country. Please enable billing.", status="FAILED_PRECONDITION"),
        REGION,
    ),
    "another precondition": (400, body("Content not ready.", status="FAILED_PRECONDITION"), INVALID),
    "too long": (
        400,
        body("The input token count (1200000) exceeds the maximum number of tokens allowed (1048576)."),
        Answer(UpstreamRefused, 400, "context_length_exceeded"),
    ),
    "too large": (400, body("Request payload size exceeds the limit: 20971520 bytes."), TOO_LARGE),
    "unknown field": (400, body('Invalid JSON payload received. Unknown name "const".'), INVALID_REQUEST),
    "field violation": (
        400,
        body("Bad.", {"@type": RPC + "BadRequest", "fieldViolations": [{"field": "tools[0]"}]}),
        INVALID_REQUEST,
    ),
    "schema too hard": (
        400,
        body("The specified schema produces a constraint that has too many states for serving."),
        Answer(UpstreamRefused, 400, "invalid_json_schema"),
    ),
    "unfetchable URL": (
        400,
        body("Cannot fetch content from the provided URL."),
        Answer(UpstreamRefused, 400, "invalid_image_url"),
    ),
    "400 page": (400, PAGE, BROKEN),
    # 401 and 403
    "C90: 401": (
        401,
        body("Request had invalid authentication credentials.", info("ACCESS_TOKEN_EXPIRED")),
        Answer(AccountRefused, 503, "upstream_authentication_error"),
    ),
    "leaked key": (403, body("Your API key was reported as leaked. Please use another API key."), NO_ACCOUNT),
    "restricted key": (403, body("Blocked.", info("API_KEY_HTTP_REFERRER_BLOCKED")), NO_ACCOUNT),
    "no key": (403, body("Method doesn't allow unregistered callers (callers without identity)."), NO_ACCOUNT),
    "validation": (403, body("Verify your account to continue.", info("VALIDATION_REQUIRED")), TERMS),
    "terms": (403, body("This service has been disabled in this account.", info("TOS_VIOLATION")), TERMS),
    "licence": (403, body("You do not have a valid license of this product. (#3501)"), NO_ACCOUNT),
    "not eligible": (403, body("Your account is not eligible for Gemini Code Assist."), NO_ACCOUNT),
    "service disabled": (403, body("Gemini API has not been used in project 7 before.", info("SERVICE_DISABLED")), NO_ACCOUNT),
    "service disabled, text alone": (
        403,
        body("Gemini for Google Cloud API has not been used in project P before or it is disabled."),
        NO_ACCOUNT,
    ),
    "IAM": (403, body("Permission 'x' denied on resource.", info("IAM_PERMISSION_DENIED")), NO_ACCOUNT),
    "scopes": (403, body("Request had insufficient authentication scopes."), NO_ACCOUNT),
    "no permission": (403, body("The caller does not have permission"), NO_ACCOUNT),
    "spending cap": (403, body("Your project has exceeded its monthly spending cap."), EXHAUSTED),
    "paid model": (
        403,
        body("This model is only available in the paid tier."),
        Answer(NotOnThisUpstream, 403, "model_not_available"),
    ),
    "other 403": (403, body("Use of this content is not allowed."), NOT_ALLOWED),
    "location as 403": (403, body("User location is not supported.", status="PERMISSION_DENIED"), REGION),
    "403 page": (403, PAGE, BROKEN),
    # other 4xx
    "C90: unknown model": (404, body("models/x is not found for API version v1beta.", status="NOT_FOUND"), NO_MODEL),
    "404 page": (404, PAGE, BROKEN),
    "413 page": (413, PAGE, TOO_LARGE),
    "409": (409, body("Aborted."), Answer(UpstreamRefused, 409, "invalid_argument")),
    # 429
    "per minute": (
        429,
        body(f"{PLAN} limit: 2, model: m\nPlease retry in 56.1s.", quota("GenerateRequestsPerMinute-FreeTier"), retry("56s")),
        Answer(RateLimited, 429, "rate_limit_exceeded", 56.1),
    ),
    "per day": (429, body(PLAN, quota("GenerateRequestsPerDayPerProjectPerModel"), retry("9s")), UNTIL_MIDNIGHT),
    "per minute and per day": (429, body(PLAN, quota("PerMinute", "PerDay"), retry("9s")), UNTIL_MIDNIGHT),
    "quota id in metadata": (429, body(PLAN, info("RATE_LIMIT_EXCEEDED", quota_limit="RequestsPerDay")), UNTIL_MIDNIGHT),
    "not on this plan": (429, body(f"{PLAN}\n* Quota exceeded, limit: 0, model: m", retry("9s")), EXHAUSTED),
    "not on this plan, as a field": (429, body(PLAN, quota("PerMinute", value="0")), EXHAUSTED),
    "limit 0.5": (429, body("limit: 0.5, model: m"), LIMITED),
    "limit 05": (429, body("limit: 05"), LIMITED),
    "credits": (429, body("No credits.", info("INSUFFICIENT_G1_CREDITS_BALANCE")), EXHAUSTED),
    "prepaid": (429, body("Your prepayment credits are depleted."), EXHAUSTED),
    "rate, zero seconds": (
        429,
        b"[" + body("Your quota will reset after 0s.", info("RATE_LIMIT_EXCEEDED"), retry("0s")) + b"]",
        Answer(RateLimited, 429, "rate_limit_exceeded", 0.0),
    ),
    "rate, the longer delay": (
        429,
        body("m", info("RATE_LIMIT_EXCEEDED", quotaResetDelay="539.5ms"), retry("0.5s")),
        Answer(RateLimited, 429, "rate_limit_exceeded", 0.5395),
    ),
    "quota with its reset": (
        429,
        body("Resets in 108h.", info("QUOTA_EXHAUSTED", quotaResetDelay="108h48m20s"), retry("9s")),
        Answer(QuotaExhausted, 429, "insufficient_quota", 391_700.0),
    ),
    "C88: numbers in prose": (429, body("You requested 4 models in 5 minutes window"), LIMITED),
    "a delay in Google's last words": (
        429,
        body("You requested 4 models. Please retry in 9s."),
        Answer(RateLimited, 429, "rate_limit_exceeded", 9.0),
    ),
    "those words in the middle": (429, body("'Please retry in 9s.' is what you sent."), LIMITED),
    "429 page": (429, PAGE, LIMITED),
    "capacity as 429": (429, body("No capacity available for model m on the server", info("MODEL_CAPACITY_EXHAUSTED")), BUSY),
    "capacity as 503 with a delay": (
        503,
        body("x", info("MODEL_CAPACITY_EXCEEDED"), retry("9s")),
        Answer(Overloaded, 503, "server_is_overloaded", 9.0),
    ),
    # 5xx and the rest
    "cancelled": (499, body("The operation was cancelled.", status="CANCELLED"), BUSY),
    "internal": (500, body("An internal error has occurred."), BROKEN),
    "bad gateway": (502, PAGE, BROKEN),
    "overloaded": (503, body("The model is overloaded."), BUSY),
    "503 page": (503, PAGE, BUSY),
    "529": (529, b"", BUSY),
    "deadline": (504, body("Deadline expired before operation could complete."), LATE),
    "408": (408, b"", LATE),
    "redirect": (302, b"", BROKEN),
}  # fmt: skip


@pytest.mark.parametrize(("status", "error", "expected"), CASES.values(), ids=CASES.keys())
def test_http_errors(status: int, error: bytes, expected: Answer) -> None:
    failure = classify(status, {}, error, model="m", now=NOW)
    assert answer_of(failure) == expected
    assert failure.upstream_status == status
    assert failure.message


ERROR_OBJECT_CASES = {name: case for name, case in CASES.items() if b'"error"' in case[1]}


BLAMED: dict[str, tuple[int, bytes, str | None]] = {
    "functions, of a model for images": (
        400,
        body("Function calling is not enabled for models/gemini-2.5-flash-image"),
        "model",
    ),
    "JSON, of a model for images": (400, body("JSON mode is not enabled for models/m"), "model"),
    "an image, of a model for text": (
        400,
        body("Model does not support the requested response modalities: image"),
        "model",
    ),
    "no such model": (404, body("models/x is not found."), "model"),
    "what clients say in Google's words": (
        400,
        body(
            "Invalid value at 'safety_settings[0].category' (type.googleapis.com/google…HarmCategory), \"X\""
        ),
        "safety_settings[0].category",
    ),
    "what we have made of the client's request": (
        400,
        body("Invalid value at 'contents[0].parts[0]' (oneof), oneof field 'data' is already set."),
        None,
    ),
    "a client's words": (400, body('Unsupported MIME type: JSON mode is not enabled for models/m"'), None),
}


@pytest.mark.parametrize(("status", "error", "param"), BLAMED.values(), ids=BLAMED.keys())
def test_the_parameter_at_fault_where_the_upstream_leaves_no_doubt(
    status: int, error: bytes, param: str | None
) -> None:
    failure = classify(status, {}, error, model="m", now=NOW)
    assert (type(failure), failure.param) == (UpstreamRefused, param)


@pytest.mark.parametrize(
    ("status", "error", "expected"), ERROR_OBJECT_CASES.values(), ids=ERROR_OBJECT_CASES.keys()
)
def test_the_same_errors_inside_a_stream(status: int, error: bytes, expected: Answer) -> None:
    coded = json.loads(error)
    inside = coded[0] if isinstance(coded, list) else coded
    inside["error"]["code"] = status
    for item in (
        ServerSentEvent(json.dumps(coded).encode()),
        StrayJson(json.dumps({"response": inside}).encode()),
    ):
        with pytest.raises(UpstreamFailure) as raised:
            decode_item(item, model="m", now=NOW)
        assert answer_of(raised.value) == expected
        assert raised.value.upstream_status == status


HEADERS: dict[str, tuple[dict[str, str], float | None]] = {
    "seconds": ({"Retry-After": "30"}, 30.0),
    "any case": ({"retry-after": "30"}, 30.0),
    "date": ({"RETRY-AFTER": "Wed, 18 Nov 2026 11:06:45 GMT"}, 5.0),
    "zero": ({"Retry-After": "0"}, 0.0),
    "nonsense": ({"Retry-After": "soon"}, None),
    "none": ({}, None),
}


@pytest.mark.parametrize(("headers", "delay"), HEADERS.values(), ids=HEADERS.keys())
def test_retry_after(headers: dict[str, str], delay: float | None) -> None:
    assert classify(503, headers, b"", model="m", now=NOW).retry_after == delay
    assert classify(429, headers, body("m"), model="m", now=NOW).retry_after == delay


def test_the_longest_stated_delay_counts() -> None:
    error = body("m", retry("7s"))
    assert classify(429, {"retry-after": "3"}, error, model="m", now=NOW).retry_after == 7.0
    assert classify(429, {"retry-after": "9"}, error, model="m", now=NOW).retry_after == 9.0


MESSAGES: dict[str, tuple[int, bytes, str]] = {
    "the provider's words about the request": (400, body("bad schema"), "bad schema"),
    "nothing said": (400, body(""), "The upstream refused the request without a reason."),
    "the words clients look for": (
        400,
        body("The input token count (1200000) exceeds the maximum number of tokens allowed (1048576)."),
        (
            "This model's maximum context length is 1048576 tokens, but your input came to 1200000 tokens: "
            "it exceeds the context window of this model. Send less of the conversation."
        ),
    ),
    "the words clients look for, without numbers": (
        400,
        body("The input token count exceeds the maximum number of tokens allowed."),
        (
            "Your input is longer than this model's maximum context length: "
            "it exceeds the context window of this model. Send less of the conversation."
        ),
    ),
    "the wait in words": (429, body("m.", retry("34.07s")), "m. Please try again in 34.1s."),
    "no wait in words": (429, body("m."), "m."),
    "unknown model": (
        404,
        body("models/x is not found."),
        "The model 'm' does not exist, or this gateway has no access to it. models/x is not found.",
    ),
    "a key by its look": (400, body("Bad AI" + "za" + "x" * 35 + " given."), "Bad [removed] given."),
    "a token by its name": (400, body("Bad ?key=abcdef&x=1 given."), "Bad ?key=[removed]&x=1 given."),
    "a token by its scheme": (400, body("Bad Authorization: Bearer abc.def, sorry."), "Bad Authorization: Bearer [removed], sorry."),
    "a personal link": (
        403,
        body("See https://accounts.google.com/signin/continue?plt=abc for more."),
        "See [link removed] for more.",
    ),
    "nothing of the account": (
        403,
        body("Verify your account to continue.", info("VALIDATION_REQUIRED", validation_url="https://x/?plt=abc")),
        "The upstream refused the account this gateway used. The gateway's operator has to mend that.",
    ),
    "no pages": (502, PAGE, "The upstream failed with HTTP 502."),
    "no endless text": (500, b"x" * 100_000, "x" * 1000),
}  # fmt: skip


@pytest.mark.parametrize(("status", "error", "message"), MESSAGES.values(), ids=MESSAGES.keys())
def test_messages_for_clients(status: int, error: bytes, message: str) -> None:
    assert classify(status, {}, error, model="m", now=NOW).message == message


@pytest.mark.parametrize(
    ("status", "error", "reason"),
    [
        (
            403,
            body("Verify.", info("VALIDATION_REQUIRED", validation_url="https://x/?plt=abc")),
            "HTTP 403 VALIDATION_REQUIRED: Verify.",
        ),
        (401, body("Bad.", status="UNAUTHENTICATED"), "HTTP 401 UNAUTHENTICATED: Bad."),
        (401, body("Bad."), "HTTP 401 without a reason: Bad."),
        (
            401,
            body("Bad:\n\x1b[2JIt quotes\u2028a prompt."),
            "HTTP 401 without a reason: Bad:  [2JIt quotes a prompt.",
        ),
    ],
)
def test_grounds_for_the_operator(status: int, error: bytes, reason: str) -> None:
    failure = classify(status, {}, error, model="m", now=NOW)
    assert isinstance(failure, AccountRefused)
    assert failure.reason == reason


ERROR_OBJECTS: dict[str, tuple[bytes, Answer]] = {
    "code": (b'{"error":{"code":429,"message":"m"}}', LIMITED),
    "status alone": (b'{"error":{"status":"UNAVAILABLE","message":"m"}}', BUSY),
    "neither": (b'{"error":{"message":"m"}}', BROKEN),
    "a string": (b'"boom"', BROKEN),
    "no JSON": (b"boom", BROKEN),
}


@pytest.mark.parametrize(("error", "expected"), ERROR_OBJECTS.values(), ids=ERROR_OBJECTS.keys())
def test_error_objects(error: bytes, expected: Answer) -> None:
    assert answer_of(classify_error_object(error, model="m", now=NOW)) == expected


CHUNK = b'{"responseId":"r","candidates":[{"index":0}]}'
PLAIN = read_message(CHUNK)

ITEMS: dict[str, tuple[bytes, GenerateContentResponse | None]] = {
    "a chunk": (CHUNK, PLAIN),
    "C59: a chunk in an envelope": (b'{"response":' + CHUNK + b',"traceId":"x"}', PLAIN),
    "an envelope without a chunk": (b'{"traceId":"x"}', GenerateContentResponse()),
    "error is null": (CHUNK.replace(b"{", b'{"error":null,', 1), PLAIN),
    "the end, as others say it": (b"[DONE]", None),
    "an empty array": (b"[]", None),
    "nothing": (b"", None),
}


@pytest.mark.parametrize(("data", "chunk"), ITEMS.values(), ids=ITEMS.keys())
@pytest.mark.parametrize("kind", [ServerSentEvent, StrayJson])
def test_items(
    kind: type[ServerSentEvent | StrayJson], data: bytes, chunk: GenerateContentResponse | None
) -> None:
    decoded = decode_item(kind(data), model="m", now=NOW)
    assert (decoded is None) == (chunk is None)
    if decoded is not None and chunk is not None:
        fields = GenerateContentResponse.__struct_fields__
        assert [getattr(decoded, name) for name in fields] == [getattr(chunk, name) for name in fields]


UNREADABLE: dict[str, bytes] = {
    "cut off": b'{"candidates":[{"con',
    "of another shape": b'{"candidates":"none"}',
    "no UTF-8": b'{"responseId":"\xff"}',
    "of more values than anybody has": b'{"candidates":[' + b"{}," * 100_000 + b"{}]}",
    "an error of megabytes": b'{"error":{"details":[' + b"{}," * 100_000 + b"{}]}}",
}


@pytest.mark.parametrize("data", UNREADABLE.values(), ids=UNREADABLE.keys())
def test_a_piece_that_cannot_be_read_is_never_skipped(data: bytes) -> None:
    with pytest.raises(StreamTruncated, match=r"can(?:not)? be read"):
        decode_item(ServerSentEvent(data), model="m", now=NOW)


@pytest.mark.parametrize(
    "data",
    [
        b'{"error":{"code":503}}',
        b'[{"error":{"code":503}}]',
        b'{"response":{"error":{"code":503}}}',
        b'{"code":503,"message":"m"}',
        b'"boom"',
        b"42",
        b'{"candidates":"none","error":{"code":503}}',
    ],
)
def test_items_that_are_errors(data: bytes) -> None:
    with pytest.raises(UpstreamFailure):
        decode_item(ServerSentEvent(data), model="m", now=NOW)


@given(status=st.integers(100, 999), error=st.binary(), retry_after=st.text())
def test_no_answer_is_too_strange(status: int, error: bytes, retry_after: str) -> None:
    failure = classify(status, {"retry-after": retry_after}, error, model="m", now=NOW)
    assert 400 <= failure.status <= 599
    assert failure.message


def test_recorded_errors(recorded: Path) -> None:
    expected = {
        "21": (400, Answer(UpstreamRefused, 400, "invalid_image_url")),
        "22": (404, NO_MODEL),
        "39": (429, Answer(RateLimited, 429, "rate_limit_exceeded", 34.4)),
    }
    for number, (status, answer) in expected.items():
        (path,) = recorded.glob(f"{number}-*")
        assert answer_of(classify(status, {}, path.read_bytes(), model="m", now=NOW)) == answer, path.name


RESTS: dict[str, tuple[int, bytes, float | None]] = {
    "limit: 0 lasts until the plan changes": (429, body("limit: 0, model: m"), 86_400.0),
    "a bill": (429, body("Your prepayment credits are depleted."), 3600.0),
    "a dead key is mended here": (400, body("API key expired. Please renew the API key."), None),
    "a service that is switched off is mended there": (403, body("x", info("SERVICE_DISABLED")), 3600.0),
    "permission may be passing": (403, body("The caller does not have permission"), 600.0),
    "a limit": (429, body("m", retry("9s")), None),
}


@pytest.mark.parametrize(("status", "error", "rest"), RESTS.values(), ids=RESTS.keys())
def test_how_long_the_account_is_left_alone_where_the_client_is_not_told(
    status: int, error: bytes, rest: float | None
) -> None:
    assert classify(status, {}, error, model="m", now=NOW).rest == rest


def test_a_page_in_front_of_the_upstream_says_nothing_of_the_account() -> None:
    assert isinstance(classify(401, {}, PAGE, model="m", now=NOW), UpstreamBroken)


def test_the_upstreams_own_clock_counts() -> None:
    error = body(PLAN, quota("PerDay"))
    late_in_california = {"Date": "Wed, 18 Nov 2026 07:59:00 GMT"}
    assert classify(429, late_in_california, error, model="m", now=NOW).retry_after == 60.0


@pytest.mark.parametrize(
    ("quotas", "may_be"),
    [((), True), (("InputTokensPerModelPerMinute",), True), (("GenerateRequestsPerMinute",), False)],
)
def test_only_a_quota_of_requests_is_never_one_requests_fault(quotas: tuple[str, ...], may_be: bool) -> None:  # noqa: FBT001
    failure = classify(429, {}, body("m", quota(*quotas)), model="m", now=NOW)
    assert isinstance(failure, RateLimited)
    assert failure.may_be_the_requests_fault is may_be


def test_a_violation_of_terms_concerns_all_accounts_of_its_kind() -> None:
    violated = classify(403, {}, body("x", info("TOS_VIOLATION")), model="m", now=NOW)
    unverified = classify(403, {}, body("x", info("VALIDATION_REQUIRED")), model="m", now=NOW)
    assert isinstance(violated, TermsRefused)
    assert isinstance(unverified, TermsRefused)
    assert (violated.concerns_all, unverified.concerns_all) == (True, False)
