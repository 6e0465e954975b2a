import pytest

from antigravity_addon.wire.json_values import has_more_values

MANY = 1000


@pytest.mark.parametrize(
    "document",
    [
        b'{"a":[' + b",".join([b"1"] * (MANY + 5)) + b"]}",
        b"[" * (MANY + 1),
        b'{"a":' * (MANY + 1),
        b'[{"a":"b","c":"d"}' * MANY,
        b'""' * (10 * MANY) + b"," * (MANY + 1),
        b'["' + b'\\"' * (10 * MANY) + b'",' + b"," * MANY,
        b'"' + b"\\n" * (10 * MANY + 1) + b'"',
        b"[" + b",".join([b"9" * 4000] * (MANY // 40)) + b"]",
    ],
    ids=[
        "numbers",
        "brackets",
        "braces",
        "objects",
        "strings that nothing parts",
        "escaped quotes",
        "escapes alone",
        "numbers that are long",
    ],
)
def test_a_document_of_many_values_is_known(document: bytes) -> None:
    assert has_more_values(document, MANY)


@pytest.mark.parametrize(
    "document",
    [
        b'{"text":"' + b"1, 2, {3}, [4] " * MANY + b'"}',
        b'{"text":"' + b'\\",{[' * MANY + b'"}',
        b'{"data":"' + b"A" * 10 * MANY + b'"}',
        b"[" + b",".join([b'{"a":"b"}'] * (MANY // 2)) + b"]",
        b"," * MANY,
        b'{"text":"' + b"3" * 100 * MANY + b'"}',
        b"[" + b",".join([b"0.%d" % (2**50)] * MANY) + b"]",
    ],
    ids=[
        "marks in a string",
        "behind escaped quotes",
        "a picture",
        "as many as may be",
        "marks",
        "digits",
        "fractions",
    ],
)
def test_what_is_in_strings_counts_nothing(document: bytes) -> None:
    assert not has_more_values(document, MANY)
