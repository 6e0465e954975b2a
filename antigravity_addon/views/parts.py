"""What messages and answers consist of, in any dialect, for people to read.

Equal parts are equal on the wire: what is shown shortened (images, signatures) carries a digest of the whole.
"""

import re
from dataclasses import dataclass
from hashlib import sha256

from antigravity_addon.wire.base import Json


@dataclass(frozen=True, slots=True)
class Text:
    text: str


@dataclass(frozen=True, slots=True)
class Reasoning:
    text: str


@dataclass(frozen=True, slots=True)
class Refusal:
    text: str


@dataclass(frozen=True, slots=True)
class Call:
    """The model calls a tool."""

    name: str
    arguments: Json
    """As it came: a string of JSON mostly, or free text."""
    id: str = ""
    kind: str = ""
    """Empty for a function."""


@dataclass(frozen=True, slots=True)
class Result:
    """What came of a call."""

    content: "tuple[Part, ...]"
    id: str = ""
    name: str = ""


@dataclass(frozen=True, slots=True)
class Opaque:
    """What is not for people: bytes in base64, signatures, encrypted text."""

    label: str
    """`image`, `thought signature`, …"""
    size: int
    """In bytes."""
    digest: str
    """Two with the same digest are the same."""
    mime_type: str = ""
    name: str = ""


@dataclass(frozen=True, slots=True)
class Reference:
    """Something that lies elsewhere."""

    label: str
    place: str
    """A URL or an id."""
    mime_type: str = ""
    name: str = ""


@dataclass(frozen=True, slots=True)
class Citation:
    url: str
    title: str = ""
    quote: str = ""
    """The piece of the answer that rests on it."""
    span: tuple[int, int] | None = None
    """Where that is in the text, while the text is not known whole."""

    def quoting(self, text: str) -> "Citation":
        if self.span is None:
            return self
        start, end = self.span
        return Citation(self.url, self.title, text[start:end] if 0 <= start < end else "")


@dataclass(frozen=True, slots=True)
class Other:
    """Whatever the readers have no word for."""

    label: str
    value: Json


type Part = Text | Reasoning | Refusal | Call | Result | Opaque | Reference | Citation | Other

_DATA_URL = re.compile(r"data:(?P<type>[^,;]*)(?:;[^,;]*)*?;base64,(?P<data>.*)", re.DOTALL | re.IGNORECASE)
_BEGINNINGS = {
    "iVBORw0KGgo": "image/png",
    "/9j/": "image/jpeg",
    "R0lGOD": "image/gif",
    "UklGR": "image/webp",
    "JVBERi0": "application/pdf",
}
"""Base64 of what files begin with."""


def opaque(label: str, base64: str, *, mime_type: str = "", name: str = "") -> Opaque:
    """`base64`: standard or URL-safe, or a data URL, whose own type then counts."""
    if url := _DATA_URL.fullmatch(base64):
        base64, mime_type = url["data"], url["type"] or mime_type
    if not mime_type:
        mime_type = next((kind for start, kind in _BEGINNINGS.items() if base64.startswith(start)), "")
    size = len(base64.rstrip("=")) * 3 // 4
    return Opaque(label, size, digest_of(base64), mime_type, name)


def media(label: str, url: str, *, mime_type: str = "", name: str = "") -> Opaque | Reference:
    """`url`: a data URL, or where it is."""
    if url[:5].lower() == "data:":
        return opaque(label, url, mime_type=mime_type, name=name)
    return Reference(label, url, mime_type, name)


def digest_of(text: str) -> str:
    return sha256(text.encode(errors="replace")).hexdigest()[:8]
