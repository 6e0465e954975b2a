"""How many values a JSON document has, before anybody reads it.

A parser takes a microsecond for each, so seconds for megabytes of them, and lets nobody else run meanwhile.
"""

import re

_MARKS = (b",", b"{", b"[")
"""Each value but the first has one in front."""
_ESCAPE = (b"\\",)
_ESCAPES_OF_A_VALUE = 10
_STRING_OR_MARK = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?|([,{\[])', re.DOTALL)
_PIECE = 1024 * 1024
"""Bytes."""
_TOKENS_OF_A_VALUE = 3
"""Its mark, its name and itself."""
_DIGITS = 500
_VALUES_OF_DIGITS = 50
_VALUES_OF_A_NUMBER = 400
"""At the most: Python reads none of more than 4,300 digits, and takes a tenth of a millisecond to read and to write one."""


def has_more_values(document: bytes, than: int) -> bool:
    """Roughly, and whatever the document is. Escape sequences and long numbers take as long as many values do, and count as
    those.
    """
    # counting single bytes is so fast that megabytes of one string cost next to nothing
    if len(document) <= than:
        return False
    escapes = than * _ESCAPES_OF_A_VALUE
    if _count(_ESCAPE, document, most=escapes) > escapes:
        return True
    possible = _count(_MARKS, document, most=than)
    if possible > than // _VALUES_OF_A_NUMBER and _has_more_digits(document, than):
        return True
    if possible <= than:
        return False
    marks = 0
    for tokens, token in enumerate(_STRING_OR_MARK.finditer(document)):
        marks += token[1] is not None
        if marks > than or tokens > _TOKENS_OF_A_VALUE * than:
            return True
    return False


def _count(marks: tuple[bytes, ...], document: bytes, *, most: int) -> int:
    """In strings, too, and no further than beyond `most`. Piece by piece, so that others get their turn."""
    found = 0
    for start in range(0, len(document), _PIECE):
        found += sum(document.count(mark, start, start + _PIECE) for mark in marks)
        if found > most:
            break
    return found


def _has_more_digits(document: bytes, than: int) -> bool:
    """In strings, too; what stands alone in megabytes of them has few marks beside it."""
    starts = (at * _DIGITS for at, byte in enumerate(document[::_DIGITS]) if byte in b"0123456789")
    found = sum(document[start : start + _DIGITS].isdigit() for start in starts)
    return found * _VALUES_OF_DIGITS > than
