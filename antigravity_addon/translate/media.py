"""Images, audio and files of a client -> parts of Gemini.

No file is opened, and nothing is fetched here: what a web URL leads to has been fetched before, and everything else
that is not in the request itself must be where Gemini can read it.
The bytes decide what a thing is; the type that a client or a web server states counts only where they say nothing.
Base64 stays base64: of what may be many megabytes, only the first and the last few digits are ever decoded.
"""

import base64
import re
import string
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from urllib.parse import unquote_to_bytes

from antigravity_addon.errors import InvalidRequest, UnsupportedInput
from antigravity_addon.wire.gemini import Blob, FileData, MediaResolution, Part
from antigravity_addon.wire.inbound import shown

_DATA_URL = re.compile(r"\s*data:([^,]{0,1000}),(.*)", re.DOTALL | re.IGNORECASE)
_MIME_TYPE = re.compile(r"[a-z]+/[a-z0-9.+-]+")
_WEB_URL = re.compile(r"https?://", re.IGNORECASE)
_UPSTREAM_FILE = re.compile(
    r"gs://.+|https://generativelanguage\.googleapis\.com/v[0-9a-z]+/files/[^/?#]+", re.IGNORECASE
)
_MARKDOWN_IMAGE = re.compile(r"!\[image\]\((data:image/[a-z0-9.+-]{1,40};base64,[A-Za-z0-9+/]+=*)\)")
_DIGITS = (string.ascii_letters + string.digits + "+/").encode()
_LAST_DIGITS = re.compile(r"(?:[A-Za-z0-9+/]{4}|[A-Za-z0-9+/]{2}[AEIMQUYcgkosw048]=|[A-Za-z0-9+/][AQgw]==)?")
"""Four; bits that stand for nothing are 0. Or none at all."""
_URL_SAFE = str.maketrans("-_", "+/")

_OCTETS = "application/octet-stream"
_IMAGE_TYPES = {"image/png", "image/jpeg", "image/webp", "image/heic", "image/heif"}
"""The images that Gemini takes."""
_SYNONYMS = {
    "image/jpg": "image/jpeg",
    "audio/x-wav": "audio/wav",
    "audio/wave": "audio/wav",
    "audio/mpeg": "audio/mp3",
}

_MAGIC: tuple[tuple[re.Pattern[bytes], str], ...] = tuple(
    (re.compile(pattern, re.DOTALL), mime_type)
    for pattern, mime_type in (
        (rb"\x89PNG\r\n\x1a\n", "image/png"),
        (rb"\xff\xd8\xff", "image/jpeg"),
        (rb"RIFF....WEBP", "image/webp"),
        (rb"GIF8[79]a", "image/gif"),
        (rb"BM....\x00\x00\x00\x00", "image/bmp"),
        (rb"II\*\x00|MM\x00\*", "image/tiff"),
        (rb"....ftyp(heic|heix|hevc|hevx)", "image/heic"),
        (rb"....ftyp(mif1|msf1|heim|heis)", "image/heif"),
        (rb"....ftyp(avif|avis)", "image/avif"),
        (rb"%PDF-", "application/pdf"),
        (rb"RIFF....WAVE", "audio/wav"),
        (rb"ID3|\xff[\xfb\xf3\xf2\xfa]", "audio/mp3"),
        (rb"fLaC", "audio/flac"),
        (rb"OggS", "audio/ogg"),
        (rb"FORM....AIF[FC]", "audio/aiff"),
        (rb"\xff[\xf1\xf9]", "audio/aac"),
    )
)
_PIECE = 48 * 1024
"""Bytes, or digits of base64: groups of three and of four. A small piece stays near the processor."""
_MAGIC_DIGITS = 24
"""Of base64: 18 bytes."""

_AUDIO_FORMATS = {
    "wav": "audio/wav",
    "mp3": "audio/mp3",
    "mpeg": "audio/mp3",
    "aac": "audio/aac",
    "flac": "audio/flac",
    "ogg": "audio/ogg",
    "opus": "audio/ogg",
    "aiff": "audio/aiff",
    "m4a": "audio/m4a",
    "webm": "audio/webm",
}
_EXTENSIONS = {
    "pdf": "application/pdf",
    "txt": "text/plain",
    "md": "text/markdown",
    "csv": "text/csv",
    "html": "text/html",
    "xml": "text/xml",
    "json": "application/json",
    "py": "text/x-python",
    "js": "text/javascript",
    "png": "image/png",
    "jpg": "image/jpeg",
    "jpeg": "image/jpeg",
    "webp": "image/webp",
    "gif": "image/gif",
    "heic": "image/heic",
    "heif": "image/heif",
    "mp4": "video/mp4",
    "mov": "video/quicktime",
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "pptx": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
} | _AUDIO_FORMATS

_RESOLUTIONS = {
    "low": MediaResolution(level="MEDIA_RESOLUTION_LOW"),
    "high": MediaResolution(level="MEDIA_RESOLUTION_HIGH"),
    "original": MediaResolution(level="MEDIA_RESOLUTION_HIGH"),
}


@dataclass(frozen=True, slots=True)
class WebMedium:
    """What a web URL led to."""

    content: bytes
    mime_type: str
    """As the web server stated it; empty if it did not."""


type Fetched = Mapping[str, WebMedium]
"""By URL."""
NOTHING_FETCHED: Fetched = MappingProxyType({})


def is_web_url(url: str) -> bool:
    """It has to be fetched: it is on the web, and not where Gemini reads files itself."""
    return bool(_WEB_URL.match(url)) and not _UPSTREAM_FILE.fullmatch(url)


def image_part(
    url: str,
    *,
    detail: str | None,
    takes_resolution: bool,
    param: str,
    fetched: Fetched = NOTHING_FETCHED,
) -> Part:
    """`url` is a data URL, one of `fetched`, or a place that Gemini reads itself; `param` is where it stood.

    Raises: UnsupportedInput: a kind of image that Gemini does not know.
        InvalidRequest: broken base64, or a URL that leads nowhere.
    """
    resolution = _RESOLUTIONS.get(detail or "") if takes_resolution else None
    if _UPSTREAM_FILE.fullmatch(url):
        return Part(file_data=_file_data(url), media_resolution=resolution)
    if (data_url := _DATA_URL.fullmatch(url)) is not None:
        return Part(inline_data=_from_data_url(data_url, param=param), media_resolution=resolution)
    if (medium := fetched.get(url)) is None:
        raise _no_place(url, param)
    return Part(inline_data=_from_web(medium, param=param), media_resolution=resolution)


def audio_part(data: str, *, audio_format: str, param: str) -> Part:
    """Base64, with or without `data:` in front; `param` is where the object of the two stood.

    Raises: UnsupportedInput: a format that Gemini does not know. InvalidRequest: broken base64.
    """
    mime_type = _AUDIO_FORMATS.get(audio_format.lower())
    if mime_type is None:
        raise UnsupportedInput(
            f"Audio of the format {shown(audio_format)} is not supported; use 'wav' or 'mp3'.",
            param=f"{param}.format",
        )
    return Part(inline_data=_from_text(data, mime_type, param=f"{param}.data"))


def file_part(data: str, *, filename: str | None, param: str) -> Part:
    """`data` is a data URL or bare base64, whose type the filename tells if the bytes do not.

    Raises: UnsupportedInput: nothing tells the type, or Gemini does not take it. InvalidRequest: broken base64.
    """
    extension = (filename or "").rpartition(".")[2].lower()
    mime_type = _EXTENSIONS.get(extension, _OCTETS)
    return Part(inline_data=_from_text(data, mime_type, param=param))


def remote_file_part(url: str, *, param: str, fetched: Fetched = NOTHING_FETCHED) -> Part:
    """A file that was fetched, or one that Gemini reads where it lies.

    Raises: as `image_part`.
    """
    if (medium := fetched.get(url)) is not None:
        return Part(inline_data=_from_web(medium, param=param))
    if not _UPSTREAM_FILE.fullmatch(url):
        raise _no_place(url, param)
    return Part(file_data=_file_data(url))


def upload_part(octets: bytes, *, mime_type: str, param: str) -> Part:
    """`mime_type` counts where the bytes say nothing; `param` is the field they were uploaded in.

    Raises: UnsupportedInput, InvalidRequest: as `file_part`.
    """
    return Part(inline_data=_blob_of(octets, mime_type, param=param))


def parts_of_answer(text: str) -> Iterator[Part]:
    """An answer that comes back with the history: the images that it was given as Markdown are images again."""
    end = 0
    for match in _MARKDOWN_IMAGE.finditer(text):
        try:
            image = image_part(match[1], detail=None, takes_resolution=False, param="")
        except InvalidRequest:
            continue
        if before := text[end : match.start()]:
            yield Part(text=before)
        yield image
        end = match.end()
    if rest := text[end:]:
        yield Part(text=rest)


def _file_data(url: str) -> FileData:
    return FileData(file_uri=url, mime_type=_EXTENSIONS.get(url.rpartition(".")[2].lower()))


def _no_place(url: str, param: str) -> InvalidRequest:
    if _WEB_URL.match(url):
        return UnsupportedInput(
            "The gateway does not fetch URLs here: send the content as a data URL.", param=param
        )
    return InvalidRequest(
        f"{shown(url)} is no URL that can be used here: send a data URL (data:image/png;base64,…).",
        param=param,
    )


def _from_web(medium: WebMedium, *, param: str) -> Blob:
    stated = medium.mime_type.lower()
    return _blob_of(medium.content, stated if _MIME_TYPE.fullmatch(stated) else _OCTETS, param=param)


def _from_text(data: str, mime_type: str, *, param: str) -> Blob:
    data_url = _DATA_URL.fullmatch(data)
    if data_url is None:
        return _blob(_standard(data, param=param), mime_type, param=param)
    return _from_data_url(data_url, param=param, otherwise=mime_type)


def _from_data_url(match: re.Match[str], *, param: str, otherwise: str = _OCTETS) -> Blob:
    mime_type, *parameters = match[1].lower().replace(" ", "").split(";")
    stated = mime_type if _MIME_TYPE.fullmatch(mime_type) else otherwise
    otherwise = otherwise if stated == _OCTETS else stated
    if "base64" in parameters:
        return _blob(_standard(match[2], param=param), otherwise, param=param)
    return _blob_of(unquote_to_bytes(match[2]), otherwise, param=param)


def _standard(text: str, *, param: str) -> str:
    """Base64 as it is met, percent-encoded, URL-safe, wrapped in lines, without its padding -> as it should be."""
    if "%" in text:
        text = unquote_to_bytes(text).decode("ascii", errors="replace")
    if _is_standard(text):
        return text
    digits = "".join(text.split()).translate(_URL_SAFE).rstrip("=")
    whole = digits + "=" * (-len(digits) % 4)
    try:
        last = base64.b64decode(whole[-4:], validate=True)
    except ValueError as error:
        raise _no_base64(param) from error
    mended = whole[:-4] + base64.b64encode(last).decode()
    if not _is_standard(mended):
        raise _no_base64(param)
    return mended


def _is_standard(text: str) -> bool:
    """Nothing has to be mended."""
    return (
        text.isascii()
        and len(text) % 4 == 0
        and _LAST_DIGITS.fullmatch(text[-4:]) is not None
        and not any(
            text[start : min(start + _PIECE, len(text) - 4)].encode().translate(None, _DIGITS)
            for start in range(0, len(text) - 4, _PIECE)
        )
    )


def _no_base64(param: str) -> InvalidRequest:
    return InvalidRequest(f"The content of '{param}' is not valid base64.", param=param)


def _blob_of(octets: bytes, stated: str, *, param: str) -> Blob:
    pieces = (octets[start : start + _PIECE] for start in range(0, len(octets), _PIECE))
    return _blob(b"".join(map(base64.b64encode, pieces)).decode(), stated, param=param)


def _blob(content: str, stated: str, *, param: str) -> Blob:
    """`content` is standard base64."""
    if not content:
        raise InvalidRequest(f"'{param}' holds no content.", param=param)
    head = base64.b64decode(content[:_MAGIC_DIGITS])
    known = next((mime_type for magic, mime_type in _MAGIC if magic.match(head)), stated)
    mime_type = _SYNONYMS.get(known, known)
    if mime_type == _OCTETS:
        raise UnsupportedInput(
            f"The type of the content of '{param}' cannot be told: send a data URL that names its media type.",
            param=param,
        )
    if mime_type.startswith("image/") and mime_type not in _IMAGE_TYPES:
        raise UnsupportedInput(
            f"Gemini does not take images of the type {mime_type!r}: convert it to PNG, JPEG or WebP.",
            param=param,
        )
    return Blob(mime_type=mime_type, data=content)
