"""Forms with files: what is found in them, and what is no form."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from antigravity_addon.errors import InvalidRequest
from antigravity_addon.wire.openai_audio.multipart import HEAD_BYTES, PARTS, FormPart, read_form
from tests.translate.openai_audio.forms import CONTENT_TYPE, WEBM, form, part

READ: dict[str, tuple[bytes, FormPart]] = {
    "a field": (part("model", "whisper-1"), FormPart("model", b"whisper-1", None, "text/plain")),
    "an empty field": (part("model", ""), FormPart("model", b"", None, "text/plain")),
    "a field of several lines": (
        part("prompt", "a\r\n\r\nb\n"),
        FormPart("prompt", b"a\r\n\r\nb\n", None, "text/plain"),
    ),
    "C98 a file": (
        part("file", WEBM, filename="a.webm", mime_type="audio/webm;codecs=opus"),
        FormPart("file", WEBM, "a.webm", "audio/webm"),
    ),
    "a name in quotes, with a quote": (
        b'content-disposition: form-data; filename="a\\"b.mp3"; name=file\r\n\r\nx',
        FormPart("file", b"x", 'a"b.mp3', "text/plain"),
    ),
    "a filename that is not ASCII": (
        part("file", b"x", filename="Zoë.wav"),
        FormPart("file", b"x", "Zoë.wav", "text/plain"),
    ),
    "a filename of RFC 5987": (
        b"Content-Disposition: form-data; name=\"file\"; filename*=utf-8''Zo%C3%AB.wav\r\n\r\nx",
        FormPart("file", b"x", "Zoë.wav", "text/plain"),
    ),
    "blanks behind the boundary": (b" \t\r\n" + part("a", "x"), FormPart("a", b"x", None, "text/plain")),
}


@pytest.mark.parametrize(("sent", "expected"), READ.values(), ids=READ.keys())
def test_a_part_is_read(sent: bytes, expected: FormPart) -> None:
    body = form(sent) if not sent.startswith(b" ") else b"--b0undary" + sent + b"\r\n--b0undary--"
    assert read_form(body, CONTENT_TYPE) == (expected,)


AROUND: dict[str, bytes] = {
    "nothing": b"%b",
    "a preamble": b"This is a form.\r\n%b",
    "an epilogue": b"%b\r\nThat was a form.",
}


@pytest.mark.parametrize("around", AROUND.values(), ids=AROUND.keys())
def test_parts_keep_their_order_whatever_stands_around_them(around: bytes) -> None:
    parts = read_form(around % form(part("a", "1"), part("b", "2"), part("a", "3")), CONTENT_TYPE)
    assert [(each.name, each.content) for each in parts] == [("a", b"1"), ("b", b"2"), ("a", b"3")]


BROKEN: dict[str, tuple[bytes, str, str]] = {
    "JSON": (
        b"{}",
        "application/json",
        "Send the request as multipart/form-data, not as 'application/json'.",
    ),
    "no content type": (b"", "", "Send the request as multipart/form-data, not as ''."),
    "no boundary": (
        form(),
        "multipart/form-data",
        "The content-type multipart/form-data must name its boundary.",
    ),
    "a boundary that cannot be decoded": (
        form(),
        f"multipart/form-data; boundary*{'9' * 5000}=x",
        "The content-type multipart/form-data must name its boundary.",
    ),
    "nothing in it": (
        b"",
        CONTENT_TYPE,
        "The body of the request is not valid multipart/form-data: it has no end.",
    ),
    "cut off": (
        form(part("a", "x"))[:-6],
        CONTENT_TYPE,
        "The body of the request is not valid multipart/form-data: it has no end.",
    ),
    "another boundary": (
        form(part("a", "x")),
        "multipart/form-data; boundary=other",
        "The body of the request is not valid multipart/form-data: it has no end.",
    ),
    "a part without headers": (
        form(b"x"),
        CONTENT_TYPE,
        "The body of the request is not valid multipart/form-data: a part has no headers.",
    ),
    "a part without a name": (
        form(b"Content-Disposition: form-data\r\n\r\nx"),
        CONTENT_TYPE,
        "The body of the request is not valid multipart/form-data: a part has no name.",
    ),
    "more parts than any form has": (
        form(*(part("a", "x") for _ in range(PARTS + 1))),
        CONTENT_TYPE,
        "The body of the request is not valid multipart/form-data: it has more than 100 parts.",
    ),
    "headers without an end": (
        form(b"a: b\r\n" * HEAD_BYTES + part("a", "x")),
        CONTENT_TYPE,
        "The body of the request is not valid multipart/form-data: a part has headers of more than 8192 bytes.",
    ),
    "a name that cannot be decoded": (
        form(b"Content-Disposition: form-data; name=a; filename*" + b"9" * 5000 + b"=x\r\n\r\nx"),
        CONTENT_TYPE,
        "The body of the request is not valid multipart/form-data: a part has headers that cannot be read.",
    ),
}


@pytest.mark.parametrize(("body", "content_type", "message"), BROKEN.values(), ids=BROKEN.keys())
def test_what_is_no_form_is_refused(body: bytes, content_type: str, message: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        read_form(body, content_type)
    assert (caught.value.status, caught.value.message) == (400, message)


@given(st.lists(st.binary(max_size=40).filter(lambda content: b"b0undary" not in content), max_size=4))
def test_contents_come_back_to_the_byte(contents: list[bytes]) -> None:
    parts = read_form(form(*(part("a", content) for content in contents)), CONTENT_TYPE)
    assert [each.content for each in parts] == contents


headers = st.one_of(
    st.text(max_size=30),
    st.sampled_from(["form-data; name=", "form-data; name*=", "form-data; name=a; filename*="]).flatmap(
        lambda start: st.text("*'\"\\;=%0a\0é", max_size=12).map(lambda rest: start + rest)
    ),
)


@given(headers, st.binary(max_size=30))
def test_any_part_is_read_or_refused(disposition: str, rest: bytes) -> None:
    try:
        (only,) = read_form(form(f"Content-Disposition: {disposition}\r\n\r\n".encode() + rest), CONTENT_TYPE)
    except InvalidRequest as error:
        assert error.message
    else:
        assert only.name


@given(
    st.binary(max_size=80), st.text(max_size=40) | st.text(max_size=20).map("multipart/form-data;{}".format)
)
def test_any_body_is_a_form_or_refused(body: bytes, content_type: str) -> None:
    try:
        read_form(body, content_type)
    except InvalidRequest as error:
        assert error.message
