"""Forms as clients send them."""

CONTENT_TYPE = "multipart/form-data; boundary=b0undary"
WEBM = b"\x1aE\xdf\xa3\r\n--not the boundary\r\n\x00\xff"
"""Begins as WebM does; what it holds besides is there to confuse."""


def part(name: str, content: str | bytes, *, filename: str | None = None, mime_type: str = "") -> bytes:
    head = f'Content-Disposition: form-data; name="{name}"'
    if filename is not None:
        head += f'; filename="{filename}"'
    if mime_type:
        head += f"\r\nContent-Type: {mime_type}"
    return head.encode() + b"\r\n\r\n" + (content.encode() if isinstance(content, str) else content)


def form(*parts: bytes) -> bytes:
    return b"".join(b"--b0undary\r\n" + each + b"\r\n" for each in parts) + b"--b0undary--\r\n"


def recording(
    content: bytes = WEBM, *, filename: str | None = "a.webm", mime_type: str = "audio/webm"
) -> bytes:
    return part("file", content, filename=filename, mime_type=mime_type)


def asked(*parts: bytes, **fields: str) -> bytes:
    """A request for a transcription, with a recording and a model."""
    every = {"model": "whisper-1"} | fields
    return form(recording(), *(part(name, value) for name, value in every.items()), *parts)
