"""Forms with files: `multipart/form-data`, RFC 7578.

The grammar of the headers is the standard library's. Its parser of whole messages is not used: it goes through
recordings line by line, and takes 0.7 s for 25 MB of which nothing else in the process gets a turn.
"""

from dataclasses import dataclass, field
from email.message import Message
from email.parser import HeaderParser
from email.utils import collapse_rfc2231_value

from antigravity_addon.errors import InvalidRequest
from antigravity_addon.wire.inbound import shown

PARTS = 100
"""A form may have so many, of which the headers of each take 20 us to read. OpenAI's have a dozen."""
HEAD_BYTES = 8 * 1024
"""Headers of one part."""

_LINE = b"\r\n"
_BROKEN = "The body of the request is not valid multipart/form-data: "


@dataclass(frozen=True, slots=True)
class FormPart:
    name: str
    content: bytes = field(repr=False)
    filename: str | None
    """`None` for a field that is no file."""
    mime_type: str
    """As the client states it, in lower case and without parameters; `text/plain` if it does not."""


def read_form(body: bytes, content_type: str) -> tuple[FormPart, ...]:
    """The parts in their order; `content_type` is the request's header.

    Raises: InvalidRequest: and nothing else, whatever the bytes.
    """
    delimiter = _LINE + b"--" + boundary_of(content_type)
    # the first delimiter may stand at the very beginning
    _, *parts = (_LINE + body).split(delimiter, PARTS + 2)
    if len(parts) > PARTS + 1:
        raise InvalidRequest(f"{_BROKEN}it has more than {PARTS} parts.")
    if not parts or not parts[-1].startswith(b"--"):
        raise InvalidRequest(f"{_BROKEN}it has no end.")
    return tuple(_part(part) for part in parts[:-1])


def boundary_of(content_type: str) -> bytes:
    """Raises: InvalidRequest: it is no form's, or names no boundary."""
    header = Message()
    header["Content-Type"] = content_type
    if header.get_content_type() != "multipart/form-data":
        raise InvalidRequest(f"Send the request as multipart/form-data, not as {shown(content_type)}.")
    try:
        boundary = header.get_boundary() or ""
    except (LookupError, ValueError):
        boundary = ""
    if not boundary:
        raise InvalidRequest("The content-type multipart/form-data must name its boundary.")
    return boundary.encode(errors="replace")


def _part(part: bytes) -> FormPart:
    # what is left of the delimiter's line may hold blanks
    padding, line, rest = part.partition(_LINE)
    head, blank, content = (_LINE + rest).partition(_LINE * 2)
    if padding.strip() or not line or not blank:
        raise InvalidRequest(f"{_BROKEN}a part has no headers.")
    if len(head) > HEAD_BYTES:
        raise InvalidRequest(f"{_BROKEN}a part has headers of more than {HEAD_BYTES} bytes.")
    headers = HeaderParser().parsestr(head.decode(errors="replace").removeprefix("\r\n"))
    try:
        name = collapse_rfc2231_value(headers.get_param("name", header="content-disposition") or "")
        filename = headers.get_filename()
    except (LookupError, ValueError) as error:
        raise InvalidRequest(f"{_BROKEN}a part has headers that cannot be read.") from error
    if not name:
        raise InvalidRequest(f"{_BROKEN}a part has no name.")
    return FormPart(name, content, filename, headers.get_content_type())
