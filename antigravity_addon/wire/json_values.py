"""How many values a JSON document has, before anybody reads it.

A parser takes a microsecond for each, so seconds for megabytes of them, and lets nobody else run meanwhile.
"""

import re

_MARKS = (b",", b"{", b"[")
"""Each value but the first has one in front."""
_STRING_OR_MARK = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?|([,{\[])', re.DOTALL)
_TOKENS_OF_A_VALUE = 3
"""Its mark, its name and itself."""


def has_more_values(document: bytes, than: int) -> bool:
    """Roughly, and whatever the document is."""
    # looking for single bytes is so fast that megabytes of one string cost nothing
    if len(document) <= than or sum(map(document.count, _MARKS)) <= than:
        return False
    marks = 0
    for tokens, token in enumerate(_STRING_OR_MARK.finditer(document)):
        marks += token[1] is not None
        if marks > than or tokens > _TOKENS_OF_A_VALUE * than:
            return True
    return False
