"""Text -> lines that mitmweb shows as they are meant: it breaks none that are long, and gives no room to those that are
empty (seen in 12.2.3).
"""

import re
from collections.abc import Iterator

_WIDTH = 88
"""Characters; about what half of a window holds."""
_LEAD = re.compile(r"(?:[-+12] )?[ \t]*")
"""The mark of a line that differs, and its indent."""
_PIECE = re.compile(
    # as many words as fit; one that does not; or some characters of a script that has no blanks, and is twice as wide
    rf"(?P<words>.{{1,{_WIDTH}}})(?:[ \t]+|$)|(?P<word>[^\s\u2e80-\uffef]+|.{{1,{_WIDTH // 2}}})[ \t]*"
)


def legible(text: str) -> str:
    return "\n".join(line or " " for whole in text.split("\n") for line in _broken(whole))


def _broken(line: str) -> Iterator[str]:
    """What goes on in the next line has the indent of the first."""
    if len(line) <= _WIDTH:
        yield line
        return
    lead = _LEAD.match(line)
    begin = lead.end() if lead is not None and lead.end() < _WIDTH // 2 else 0
    indent = line[:begin]
    for piece in _PIECE.finditer(line, begin):
        yield indent + (piece["words"] or piece["word"])
        indent = " " * begin
