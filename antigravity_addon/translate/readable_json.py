"""Foreign JSON that Gemini can read: it refuses a whole request for one number, or one level, too many."""

from collections.abc import Iterator
from math import isfinite

from antigravity_addon.wire.base import Json

DEEPEST = 64
"""Levels of a payload. Gemini reads no JSON of more than 100, and the request around it has some."""


def is_double(number: float) -> bool:
    """Integers of JSON have no bounds; those of Gemini end where a double does."""
    try:
        return isfinite(number)
    except OverflowError:
        return False


def is_readable(value: Json, *, deepest: int = DEEPEST) -> bool:
    level = [value]
    for _ in range(deepest):
        if not all(is_double(each) for each in level if isinstance(each, int | float)):
            return False
        level = [child for each in level for child in _children(each)]
        if not level:
            return True
    return False


def _children(value: Json) -> Iterator[Json]:
    match value:
        case dict():
            yield from value.values()
        case list():
            yield from value
        case _:
            pass
