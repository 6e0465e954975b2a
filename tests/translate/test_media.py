"""Images, audio and files: what they are is in their bytes."""

import base64
from urllib.parse import quote, unquote_to_bytes

import pytest
from hypothesis import given
from hypothesis import strategies as st

from antigravity_addon.errors import InvalidRequest, UnsupportedInput
from antigravity_addon.translate.media import (
    audio_part,
    file_part,
    image_part,
    parts_of_answer,
    remote_file_part,
)
from antigravity_addon.wire.gemini import Blob, FileData, MediaResolution, Part

PNG = b"\x89PNG\r\n\x1a\n\xfb\xff\xfe"
PNG_BASE64 = "iVBORw0KGgr7//4="
JPEG_BASE64 = base64.b64encode(b"\xff\xd8\xff\xe0").decode()
PARAM = "messages[0].content[0].image_url.url"


def image(url: str, detail: str | None = None, *, takes_resolution: bool = True) -> Part:
    return image_part(url, detail=detail, takes_resolution=takes_resolution, param=PARAM)


DATA_URLS: dict[str, str] = {
    "C18 as it should be": f"data:image/png;base64,{PNG_BASE64}",
    "with a charset": f"data:image/png;charset=utf-8;base64,{PNG_BASE64}",
    "in capitals": f"DATA:IMAGE/PNG;BASE64,{PNG_BASE64}",
    "with blanks and line ends": f" data:image/png; base64,\r\n{PNG_BASE64[:4]}\n {PNG_BASE64[4:]}\n",
    "URL-encoded": f"data:image/png;base64,{quote(PNG_BASE64, safe='')}",
    "URL-safe": f"data:image/png;base64,{PNG_BASE64.translate(str.maketrans('+/', '-_'))}",
    "without padding": f"data:image/png;base64,{PNG_BASE64.rstrip('=')}",
    "not base64": f"data:image/png,{quote(PNG)}",
    "without a type": f"data:;base64,{PNG_BASE64}",
    "with a wrong type": f"data:image/jpeg;base64,{PNG_BASE64}",
    "with a type that is none": f"data:image/*;base64,{PNG_BASE64}",
}


@pytest.mark.parametrize("url", DATA_URLS.values(), ids=DATA_URLS)
def test_data_urls_as_they_are_met(url: str) -> None:
    assert image(url) == Part(inline_data=Blob(mime_type="image/png", data=PNG_BASE64))


MAGIC: dict[str, tuple[bytes, str]] = {
    "jpeg": (b"\xff\xd8\xff\xdb", "image/jpeg"),
    "webp": (b"RIFF\x01\x02\x03\x04WEBPVP8 ", "image/webp"),
    "heic": (b"\x00\x00\x00\x18ftypheic", "image/heic"),
    "heif": (b"\x00\x00\x00\x18ftypmif1", "image/heif"),
    "pdf": (b"%PDF-1.7", "application/pdf"),
    "wav": (b"RIFF\x01\x02\x03\x04WAVEfmt ", "audio/wav"),
    "mp3": (b"ID3\x04", "audio/mp3"),
    "ogg": (b"OggS\x00", "audio/ogg"),
    "flac": (b"fLaC\x00", "audio/flac"),
    "nothing known": (b"\x00\x01", "image/png"),
}


@pytest.mark.parametrize(("octets", "mime_type"), MAGIC.values(), ids=MAGIC)
def test_the_bytes_overrule_the_stated_type(octets: bytes, mime_type: str) -> None:
    part = image(f"data:image/png;base64,{base64.b64encode(octets).decode()}")
    assert part.inline_data
    assert part.inline_data.mime_type == mime_type


REFUSED: dict[str, tuple[str, type[InvalidRequest], str]] = {
    "GIF": (
        "data:image/gif;base64,R0lGODlhAQ==",
        UnsupportedInput,
        "Gemini does not take images of the type 'image/gif': convert it to PNG, JPEG or WebP.",
    ),
    "GIF that says it is PNG": (
        "data:image/png;base64,R0lGODlhAQ==",
        UnsupportedInput,
        "Gemini does not take images of the type 'image/gif': convert it to PNG, JPEG or WebP.",
    ),
    "SVG": (
        "data:image/svg+xml,<svg/>",
        UnsupportedInput,
        "Gemini does not take images of the type 'image/svg+xml': convert it to PNG, JPEG or WebP.",
    ),
    "no base64": (
        "data:image/png;base64,a?b",
        InvalidRequest,
        f"The content of '{PARAM}' is not valid base64.",
    ),
    "base64 cut off": (
        "data:image/png;base64,abcde",
        InvalidRequest,
        f"The content of '{PARAM}' is not valid base64.",
    ),
    "base64 of another alphabet": (
        "data:image/png;base64,éééé",
        InvalidRequest,
        f"The content of '{PARAM}' is not valid base64.",
    ),
    "nothing": ("data:image/png;base64,", InvalidRequest, f"'{PARAM}' holds no content."),
    "of no type at all": (
        "data:;base64,AAAA",
        UnsupportedInput,
        f"The type of the content of '{PARAM}' cannot be told: send a data URL that names its media type.",
    ),
    "C19 web": (
        "https://example.test/a.png",
        UnsupportedInput,
        "The gateway does not fetch URLs here: send the content as a data URL.",
    ),
    "C20 path": (
        "/etc/hostname",
        InvalidRequest,
        "'/etc/hostname' is no URL that can be used here: send a data URL (data:image/png;base64,…).",
    ),
    "C20 file": (
        "file:///etc/hostname",
        InvalidRequest,
        "'file:///etc/hostname' is no URL that can be used here: send a data URL (data:image/png;base64,…).",
    ),
    "files of another host": (
        "https://generativelanguage.googleapis.com.evil.test/v1beta/files/a",
        UnsupportedInput,
        "The gateway does not fetch URLs here: send the content as a data URL.",
    ),
}


@pytest.mark.parametrize(("url", "kind", "message"), REFUSED.values(), ids=REFUSED)
def test_refusals_say_what_to_do(url: str, kind: type[InvalidRequest], message: str) -> None:
    with pytest.raises(kind) as refusal:
        image(url)
    assert (refusal.value.param, refusal.value.message) == (PARAM, message)


RESOLUTIONS: dict[str, tuple[str | None, str | None]] = {
    "low": ("low", "MEDIA_RESOLUTION_LOW"),
    "high": ("high", "MEDIA_RESOLUTION_HIGH"),
    "original": ("original", "MEDIA_RESOLUTION_HIGH"),
    "auto": ("auto", None),
    "unheard of": ("crisp", None),
    "none": (None, None),
}


@pytest.mark.parametrize(("detail", "level"), RESOLUTIONS.values(), ids=RESOLUTIONS)
def test_detail_becomes_a_resolution_where_the_model_takes_one(detail: str | None, level: str | None) -> None:
    url = f"data:image/png;base64,{PNG_BASE64}"
    assert image(url, detail).media_resolution == (MediaResolution(level=level) if level else None)
    assert image(url, detail, takes_resolution=False).media_resolution is None


def test_what_lies_at_google_is_referred_to() -> None:
    uri = "https://generativelanguage.googleapis.com/v1beta/files/abc"
    assert image(uri) == Part(file_data=FileData(file_uri=uri))
    stored = Part(file_data=FileData(file_uri="gs://b/a.pdf", mime_type="application/pdf"))
    assert remote_file_part("gs://b/a.pdf", param="p") == stored


FILES: dict[str, tuple[str, str | None, str]] = {
    "C22 data URL": (
        f"data:application/pdf;base64,{base64.b64encode(b'%PDF').decode()}",
        "a.bin",
        "application/pdf",
    ),
    "type by the name": ("AAAA", "notes.TXT", "text/plain"),
    "type by the bytes": (base64.b64encode(b"%PDF-1.7").decode(), None, "application/pdf"),
    "data URL that does not know": ("data:application/octet-stream;base64,AAAA", "a.csv", "text/csv"),
    "image": (JPEG_BASE64, "a.png", "image/jpeg"),
}


@pytest.mark.parametrize(("content", "filename", "mime_type"), FILES.values(), ids=FILES)
def test_files(content: str, filename: str | None, mime_type: str) -> None:
    part = file_part(content, filename=filename, param="p")
    assert part.inline_data
    assert part.inline_data.mime_type == mime_type


def test_c21_audio_may_come_as_a_data_url_too() -> None:
    expected = Part(inline_data=Blob(mime_type="audio/wav", data="AAAA"))
    assert audio_part("AAAA", audio_format="wav", param="p") == expected
    assert audio_part("data:audio/wav;base64,AAAA", audio_format="wav", param="p") == expected


def test_c53_only_whole_images_of_an_answer_are_taken_out() -> None:
    image_text = f"![image](data:image/png;base64,{PNG_BASE64})"
    blob = Part(inline_data=Blob(mime_type="image/png", data=PNG_BASE64))
    assert list(parts_of_answer(f"a{image_text}b")) == [Part(text="a"), blob, Part(text="b")]
    for text in (
        "![image](data:image/png;base64,AAA",
        "![image](data:image/gif;base64,R0lGODlhAQ==)",
        "![x](https://a/b.png)",
    ):
        assert list(parts_of_answer(text)) == [Part(text=text)]
    assert list(parts_of_answer("")) == []


@given(st.text() | st.text().map("data:image/png;base64,".__add__) | st.text().map("data:".__add__))
def test_any_text_is_an_image_or_refused(url: str) -> None:
    for make in (
        lambda: image(url),
        lambda: audio_part(url, audio_format="wav", param="p"),
        lambda: file_part(url, filename=url, param="p"),
        lambda: remote_file_part(url, param="p"),
    ):
        try:
            part = make()
        except InvalidRequest:
            continue
        if part.inline_data:
            base64.b64decode(part.inline_data.data, validate=True)


@given(st.binary(min_size=1))
def test_the_bytes_arrive_unchanged(octets: bytes) -> None:
    part = file_part(base64.urlsafe_b64encode(b"%PDF-" + octets).decode(), filename=None, param="p")
    assert part.inline_data
    assert base64.b64decode(part.inline_data.data) == b"%PDF-" + octets


def decoded(text: str) -> bytes | None:
    """All of it, as a lenient reader has it."""
    if "%" in text:
        text = unquote_to_bytes(text).decode("ascii", errors="replace")
    digits = "".join(text.split()).translate(str.maketrans("-_", "+/")).rstrip("=")
    try:
        return base64.b64decode(digits + "=" * (-len(digits) % 4), validate=True)
    except ValueError:
        return None


AS_MET = st.one_of(
    st.text(alphabet="AQgw09+/-_=%2B \n\N{NO-BREAK SPACE}é"),
    st.binary().map(lambda octets: base64.b64encode(octets).decode()),
    st.binary().map(lambda octets: base64.urlsafe_b64encode(octets).decode().rstrip("=")),
)


@given(st.lists(AS_MET, max_size=3).map("".join))
def test_base64_is_what_its_bytes_are_without_decoding_them_all(text: str) -> None:
    octets = decoded(text)
    if octets:
        part = image(f"data:audio/l16;base64,{text}")
        assert part.inline_data is not None
        assert part.inline_data.data == base64.b64encode(octets).decode()
    else:
        message = "is not valid base64" if octets is None else "holds no content"
        with pytest.raises(InvalidRequest, match=message):
            image(f"data:audio/l16;base64,{text}")
