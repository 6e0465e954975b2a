import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from antigravity_addon.wire.google_error import (
    ErrorMetadata,
    FieldViolation,
    GoogleError,
    QuotaViolation,
    is_error_document,
    parse_duration,
    parse_google_error,
    parse_retry_after,
)

NOW = 1_795_000_000.0
STATUS = b'{"error":{"code":503,"message":"busy","status":"UNAVAILABLE"}}'
PARSED = GoogleError(code=503, message="busy", status="UNAVAILABLE")

SHAPES: dict[str, tuple[bytes, GoogleError]] = {
    "object": (STATUS, PARSED),
    "array": (b"[" + STATUS + b"]", PARSED),
    "under response": (b'{"response":' + STATUS + b"}", PARSED),
    "without error around it": (b'{"code":503,"message":"busy","status":"UNAVAILABLE"}', PARSED),
    "in its own message": (json.dumps({"error": {"code": 500, "message": STATUS.decode()}}).encode(), PARSED),
    "in its own message thrice": (
        json.dumps(
            {"error": {"message": json.dumps({"error": {"message": json.dumps([json.loads(STATUS)])}})}}
        ).encode(),
        PARSED,
    ),
    "as a JSON string": (json.dumps(STATUS.decode()).encode(), PARSED),
    "after prose": (b"got status: 503 Service Unavailable. " + STATUS, PARSED),
    "with stray commas": (b'[{"error":{"code":503,,"message":"busy","status":"UNAVAILABLE",},},]', PARSED),
    "code as text": (b'{"error":{"code":"503","message":"busy","status":"UNAVAILABLE"}}', PARSED),
    "only a string": (b'"boom"', GoogleError(code=418, message="boom")),
    "only a number": (b"42", GoogleError(code=418, message="42", structured=False)),
    "error is a string": (b'{"error":"boom"}', GoogleError(code=418, message="boom")),
    "OAuth": (b'{"error":"invalid_grant","error_description":"Bad"}', GoogleError(code=418, message="Bad")),
    "error is null": (b'{"error":null}', GoogleError(code=418, message="")),
    "no code": (b'{"error":{"message":"m"}}', GoogleError(code=418, message="m")),
    "a code that is no error": (b'{"error":{"code":200,"message":"m"}}', GoogleError(code=418, message="m")),
    "a word for a code": (b'{"error":{"code":"rate","message":"m"}}', GoogleError(code=418, message="m")),
    "localized message only": (
        b'{"error":{"details":[{"@type":"type.googleapis.com/google.rpc.LocalizedMessage","message":"hola"}]}}',
        GoogleError(code=418, message="hola"),
    ),
    "legacy list": (
        b'{"error":{"code":403,"errors":[{"message":"no","domain":"global","reason":"forbidden"}]}}',
        GoogleError(code=403, message="no", reason="forbidden", domain="global"),
    ),
    "HTML": (b"<!DOCTYPE html><style>a {}</style>", GoogleError(code=418, message="", structured=False)),
    "plain text": (b" upstream down\n", GoogleError(code=418, message="upstream down", structured=False)),
    "empty": (b"", GoogleError(code=418, message="", structured=False)),
    "no UTF-8": (b"\xff\xfe", GoogleError(code=418, message="\ufffd\ufffd", structured=False)),
    "another object": (b'{"a":1}', GoogleError(code=418, message='{"a":1}', structured=False)),
}


WITHOUT_END: dict[str, bytes] = {
    "escaped quotes": b'"' + b'\\"' * 120_000,
    "escaped quotes in an object": b'{"' + b'\\"' * 120_000,
    "escaped quotes and half an escape": b'["' + b'\\"' * 120_000 + b"\\",
    "a message of escaped quotes": json.dumps({"error": {"message": '"' + '\\"' * 60_000}}).encode(),
    "braces": b"{" * 250_000,
    "pairs of braces": b"{}" * 125_000,
    "objects in prose": b"x" + b'{"a":"\\""}' * 20_000,
    "brackets": b"[" * 250_000,
    "details": b'{"error":{"details":[' + b"{}," * 80_000 + b"{}]}}",
    "more than is read": b'{"error":{"message":"' + b"x" * 30_000_000 + b'"}}',
}


@pytest.mark.parametrize("body", WITHOUT_END.values(), ids=WITHOUT_END.keys())
def test_what_would_take_seconds_to_read_is_no_error_object(body: bytes) -> None:
    # some would take minutes, and run into the timeout of the test
    error = parse_google_error(body, 503)
    assert error.code == 503
    assert len(error.message) <= 2 * 60_001
    assert not is_error_document(body) or len(body) < 250_000


@pytest.mark.parametrize(("body", "error"), SHAPES.values(), ids=SHAPES.keys())
def test_shapes(body: bytes, error: GoogleError) -> None:
    assert parse_google_error(body, 418) == error


def test_details() -> None:
    rpc = "type.googleapis.com/google.rpc."
    details = [
        {
            "@type": rpc + "ErrorInfo",
            "reason": "R",
            "domain": "d",
            "metadata": {"quotaResetDelay": "1h", "quota_limit": "PerX", "validation_url": "https://secret"},
        },
        {
            "@type": rpc + "QuotaFailure",
            "violations": [{"quotaId": "A", "quotaValue": "2"}, {"quotaId": "B"}],
        },
        {"@type": rpc + "RetryInfo", "retryDelay": "0s"},
        {"@type": rpc + "BadRequest", "fieldViolations": [{"field": "f[0]", "description": "bad"}]},
        {"@type": rpc + "Help", "links": [{"description": "d", "url": "u"}]},
        {"@type": rpc + "DebugInfo", "detail": "x"},
        {"@type": rpc + "ErrorInfo", "reason": {"mal": "formed"}},
        "no object",
    ]
    body = json.dumps({"error": {"code": 429, "message": "m", "status": "S", "details": details}}).encode()
    error = parse_google_error(body, 429)
    assert error == GoogleError(
        code=429,
        message="m",
        status="S",
        reason="R",
        domain="d",
        metadata=ErrorMetadata(quota_reset_delay="1h", quota_limit="PerX"),
        quota_violations=(QuotaViolation(quota_id="A", quota_value="2"), QuotaViolation(quota_id="B")),
        field_violations=(FieldViolation(field="f[0]", description="bad"),),
        retry_delay=0.0,
    )
    assert error.quota_ids == ("A", "B", "PerX")
    assert "secret" not in repr(error)


def test_only_a_message_that_is_all_json_is_looked_into() -> None:
    """Google quotes the client's own words: they must not pass for Google's."""
    message = 'Unknown name "{"error":{"code":401,"message":"x"}}": Cannot find field.'
    body = json.dumps({"error": {"code": 400, "message": message}}).encode()
    assert parse_google_error(body, 400) == GoogleError(code=400, message=message)


@given(body=st.binary() | st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(
        st.sampled_from(["error", "response", "code", "message", "status", "details", "errors", "@type"]), inner
    ),
).map(lambda value: json.dumps(value).encode()))  # fmt: skip
def test_no_body_is_too_strange(body: bytes) -> None:
    error = parse_google_error(body, 500)
    assert 400 <= error.code <= 599
    delay = error.stated_delay(NOW)
    assert delay is None or delay >= 0


DURATIONS: dict[str, float | None] = {
    "34.074824224s": 34.074824224,
    "0s": 0.0,
    "539.477544ms": 0.539477544,
    "108h48m20.5s": 108 * 3600 + 48 * 60 + 20.5,
    "1m": 60.0,
    "5us": 5e-6,
    "5µs": 5e-6,
    "5ns": 5e-9,
    "": None,
    "34": None,
    "-1s": None,
    "5 minutes": None,
    "1s later": None,
    "infs": None,
    "٣s": None,
    "9" * 400 + "s": None,
}


@pytest.mark.parametrize(("text", "seconds"), DURATIONS.items(), ids=[text[:20] for text in DURATIONS])
def test_durations(text: str, seconds: float | None) -> None:
    assert parse_duration(text) == (None if seconds is None else pytest.approx(seconds))


RETRY_AFTER: dict[str, float | None] = {
    "30": 30.0,
    " 30 ": 30.0,
    "0": 0.0,
    "1.5": 1.5,
    "Wed, 18 Nov 2026 11:06:45 GMT": 5.0,
    "Wed, 01 Jan 2020 10:00:00 GMT": 0.0,
    "soon": None,
    "": None,
    "-5": None,
    "inf": None,
    "nan": None,
    "Wed, 99 Nov 2026 10:00:00 GMT": None,
}


@pytest.mark.parametrize(("value", "seconds"), RETRY_AFTER.items())
def test_retry_after(value: str, seconds: float | None) -> None:
    assert parse_retry_after(value, NOW) == seconds


@given(value=st.text())
def test_any_retry_after_is_survived(value: str) -> None:
    seconds = parse_retry_after(value, NOW)
    assert seconds is None or seconds >= 0


@pytest.mark.parametrize(
    ("error", "delay"),
    [
        (GoogleError(429, "Please retry in 5 minutes."), None),
        (GoogleError(429, "", retry_delay=0.0), 0.0),
        (GoogleError(429, "", retry_delay=5.0, metadata=ErrorMetadata(quota_reset_delay="9s")), 9.0),
        (GoogleError(429, "", metadata=ErrorMetadata(quota_reset_delay="nonsense")), None),
        (GoogleError(429, "", metadata=ErrorMetadata(quota_reset_time_stamp="2026-11-18T11:06:45Z")), 5.0),
        (GoogleError(429, "", metadata=ErrorMetadata(quota_reset_time_stamp="tomorrow")), None),
    ],
    ids=["prose", "zero is a value", "the longer", "unreadable", "timestamp", "unreadable timestamp"],
)
def test_delays_come_from_fields_alone(error: GoogleError, delay: float | None) -> None:
    assert error.stated_delay(NOW) == delay


@pytest.mark.parametrize(
    ("document", "is_error"),
    [
        (STATUS, True),
        (b"[" + STATUS + b"]", True),
        (b'"boom"', True),
        (b"42", True),
        (b'{"code":503,"message":"busy"}', True),
        (b'{"candidates":[]}', False),
        (b"[]", False),
        (b"null", False),
        (b"true", False),
        (b"[DONE]", False),
        (b"", False),
    ],
)
def test_which_documents_are_errors(document: bytes, is_error: bool) -> None:  # noqa: FBT001 - a table's column
    assert is_error_document(document) is is_error
