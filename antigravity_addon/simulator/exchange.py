"""What the server does with one request, as data: every byte of it, and how it ends."""

from collections.abc import Mapping
from dataclasses import dataclass, field

SSE_HEADERS: Mapping[str, str] = {
    "Content-Type": "text/event-stream",
    "Content-Disposition": "attachment",
    "X-Gemini-Service-Tier": "standard",
}
PLAIN_SSE_HEADERS: Mapping[str, str] = {
    name: value for name, value in SSE_HEADERS.items() if not name.startswith("X-Gemini-")
}
"""Only the Gemini API speaks of tiers."""
JSON_HEADERS: Mapping[str, str] = {"Content-Type": "application/json; charset=UTF-8"}


@dataclass(frozen=True, slots=True)
class Exchange:
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=lambda: SSE_HEADERS)
    """Without `Content-Length` the body is chunked, or gets one that is right."""
    pieces: tuple[tuple[float, bytes], ...] = ()
    """Each piece of the body is a write of its own, after a pause of so many seconds."""
    reset: bool = False
    """After the last piece the connection is reset instead of the body being ended."""
    silent: bool = False
    """After the last piece nothing more comes until the client goes away."""
    headless: bool = False
    """Not even a status line is sent. Makes sense with `reset` or `silent` only."""

    @property
    def is_plain(self) -> bool:
        """One piece at once, and a sound end: no need to stream it."""
        ends = not (self.reset or self.silent or self.headless)
        at_once = len(self.pieces) == 1 and self.pieces[0][0] == 0
        return ends and at_once and not any(name.lower() == "content-length" for name in self.headers)
