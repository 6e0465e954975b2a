"""What the upstream double answers. The prompt says it, since a prompt gets through every proxy."""

import base64
import json
import random
import re
from dataclasses import dataclass
from enum import StrEnum
from functools import cache

MODEL = "gemini-2.5-flash"
TOOL = "save_file"
_PNG = b"\x89PNG\r\n\x1a\n"
_ASKED = re.compile(rb"\[answer kind=(\w+) pieces=(\d+) every=(\d+) size=(\d+)\]")
_PIECE = re.compile(rb"piece number (\d+) of it, ")


class Kind(StrEnum):
    TEXT = "text"
    IMAGE = "image"
    ARGUMENT = "argument"


@dataclass(frozen=True, slots=True)
class Answer:
    kind: Kind = Kind.TEXT
    pieces: int = 50
    """Events of a text; an image and a tool call come in one."""
    every: int = 0
    """Milliseconds between two events; 0: as fast as they go."""
    size: int = 0
    """Bytes of the image or of the tool's argument."""

    @property
    def wish(self) -> str:
        """Stands somewhere in the prompt."""
        return f"[answer kind={self.kind} pieces={self.pieces} every={self.every} size={self.size}]"

    @property
    def text(self) -> str:
        return "".join(piece(number) for number in range(self.pieces))

    @property
    def mark(self) -> bytes:
        """Stands at the end of a text that came whole, in either protocol."""
        return piece(self.pieces - 1).encode()


def piece(number: int) -> str:
    return f"piece number {number} of it, "


def numbers(text: bytes) -> tuple[list[int], int]:
    """Of the pieces in a part of a body, and where the last of them ends."""
    found = list(_PIECE.finditer(text))
    return [int(each[1]) for each in found], found[-1].end() if found else 0


def wished(body: bytes | bytearray) -> Answer | None:
    # megabytes may stand before it
    begin = body.find(b"[answer kind=")
    found = _ASKED.match(body, begin) if begin >= 0 else None
    if found is None:
        return None
    kind, pieces, every, size = found.groups()
    return Answer(Kind(kind.decode()), int(pieces), int(every), int(size))


@cache
def image(size: int) -> str:
    """Base64 of so many bytes, which begin as a PNG does and are noise then."""
    return base64.b64encode(_PNG + random.Random(size).randbytes(size - len(_PNG))).decode()


@cache
def source_text(size: int) -> str:
    """So many characters that look like a program, with all that JSON has to escape in one."""
    line = 'def line_{0}(text: str) -> str:\n\treturn "{0}: " + text\n'
    lines = "".join(line.format(number) for number in range(size // 50 + 1))
    return lines[:size]


def events(answer: Answer) -> list[bytes]:
    """The data of each event of `:streamGenerateContent`, shaped as the Gemini API sends it."""
    parts = [[part] for part in _parts(answer)]
    return [_chunk(each, number=number, last=number == len(parts) - 1) for number, each in enumerate(parts)]


def frames(answer: Answer) -> list[bytes]:
    """Those events as they are sent, each with what tells it from the next."""
    return [b"data: %b\r\n\r\n" % event for event in events(answer)]


def whole(answer: Answer) -> bytes:
    """The body of `:generateContent`."""
    text: dict[str, object] = {"text": answer.text}
    return _chunk([text] if answer.kind is Kind.TEXT else _parts(answer), number=answer.pieces, last=True)


def _parts(answer: Answer) -> list[dict[str, object]]:
    match answer.kind:
        case Kind.TEXT:
            return [{"text": piece(number)} for number in range(answer.pieces)]
        case Kind.IMAGE:
            return [{"inlineData": {"mimeType": "image/png", "data": image(answer.size)}}]
        case Kind.ARGUMENT:
            args = {"path": "a.py", "content": source_text(answer.size)}
            return [{"functionCall": {"name": TOOL, "args": args}}]


def _chunk(parts: list[dict[str, object]], *, number: int, last: bool) -> bytes:
    candidate: dict[str, object] = {"content": {"parts": parts, "role": "model"}, "index": 0}
    chunk = {
        "candidates": [candidate | ({"finishReason": "STOP"} if last else {})],
        "usageMetadata": {
            "promptTokenCount": 18,
            "candidatesTokenCount": number + 1,
            "totalTokenCount": 19 + number,
            "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 18}],
            "serviceTier": "standard",
        },
        "modelVersion": MODEL,
        "responseId": "ru1garvBEoOiqtsP2fznmQw",
    }
    return json.dumps(chunk, separators=(",", ":")).encode()
