"""Text -> lines that mitmweb shows as they are meant: it breaks none that are long, and gives no room to those that are
empty (seen in 12.2.3).
"""

import re
from collections.abc import Iterator
from io import StringIO
from itertools import batched

from antigravity_addon.views.pane import WIDTH

_LEAD = re.compile(r"(?:[-+12] )?[ \t]*")
"""The mark of a line that differs, and its indent."""
_PIECE = re.compile(
    # as many words as fit; one that does not; or some characters of a script that has no blanks, and is twice as wide
    rf"(?P<words>.{{1,{WIDTH}}})(?:[ \t]+|$)|(?P<word>[^\s\u2e80-\uffef]+|.{{1,{WIDTH // 2}}})[ \t]*"
)


_AT_ONCE = 10_000
"""Lines. A million are split or joined in a call into C that takes 50 ms, in which no other thread has its turn."""


def legible(text: str) -> str:
    wholes = (line.removesuffix("\n") for line in StringIO(text or "\n", newline="\n"))
    lines = (line or " " for whole in wholes for line in _broken(whole))
    return "\n".join("\n".join(some) for some in batched(lines, _AT_ONCE, strict=False))


def _broken(line: str) -> Iterator[str]:
    """What goes on in the next line has the indent of the first."""
    if len(line) <= WIDTH:
        yield line
        return
    lead = _LEAD.match(line)
    begin = lead.end() if lead is not None and lead.end() < WIDTH // 2 else 0
    indent = line[:begin]
    for piece in _PIECE.finditer(line, begin):
        yield indent + (piece["words"] or piece["word"])
        indent = " " * begin
