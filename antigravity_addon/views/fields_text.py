"""`Fields` as text, for people: what the client said on the left, what Gemini was told on the right."""

import re
import textwrap
from collections.abc import Iterable, Iterator

from .differences import ABSENT, Absent, counted, cut, shown
from .field_rows import Fate, FieldRow, Fields, Landing, Unreadable
from .pane import WIDTH

_MARK = 9
_NAME = 25
_VALUE = 14
_LEFT = _MARK + _NAME + _VALUE
_ROOM = WIDTH - _LEFT
_MOST_DEVIATIONS = 12
_MOST_NAMES = 20
_MOST_LANDINGS = 6
_STEP = re.compile(rf"[^.]{{0,{_ROOM - 4}}}(?:\.|$)|[^.]{{{_ROOM - 4}}}")
"""Of a path, with its dot; a part of one that is too long."""


def to_text(fields: Fields | Unreadable) -> str:
    if isinstance(fields, Unreadable):
        return f"{fields.reason}\n"
    return "\n".join(line.rstrip() for line in _lines(fields)) + "\n"


def _lines(fields: Fields) -> Iterator[str]:
    yield f"{fields.endpoint} → {fields.model}"
    yield from _summary(fields)
    yield ""
    yield f"{'':{_MARK}}{'client':{_NAME + _VALUE}}Gemini"
    yield "─" * WIDTH
    for row in fields.rows:
        yield from _row(row)
    for landing in fields.added:
        yield from _cells("added *" if landing.differs else "added", "", "", _right(landing))
    if fields.deviations:
        yield ""
        yield from _deviations(fields)


# --- above the table --------------------------------------------------------------------------------------


def _summary(fields: Fields) -> Iterator[str]:
    every = [row for each in fields.rows for row in each.walk()]
    for words, names in (
        ("Refused", [row.name for row in fields.rows if row.fate is Fate.REFUSED]),
        ("Not sent", [row.name for row in fields.rows if row.fate is Fate.NOT_SENT]),
        ("Changed", [row.name for row in every if row.fate is Fate.CHANGED]),
    ):
        more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
        if names:
            yield from _wrapped(f"{words}: {', '.join(names[:_MOST_NAMES])}{more}.")
    if fields.refusal:
        yield from _wrapped(f"The gateway refuses this request: {fields.refusal}")
    elif fields.deviations is None:
        yield "What was sent is not known; this is what today's translation gives."
    if fields.deviations:
        places = counted(sum(each.times for each in fields.deviations), "place")
        yield from _wrapped(
            f"What was sent is not what today's translation gives, in {places} (*, listed at the end): it was "
            "recorded with what the gateway knew then, in the upstream's own words, or by another version."
        )
    if fields.turns_ahead:
        yield f"{counted(fields.turns_ahead, 'turn')} ahead of this request's own came from what the gateway keeps."
    if not fields.is_complete:
        yield "The request is so large that not every nested field was tried."


def _wrapped(text: str, *, indent: str = "  ", width: int = WIDTH) -> list[str]:
    return textwrap.wrap(text, width, subsequent_indent=indent, break_on_hyphens=False)


# --- the table --------------------------------------------------------------------------------------------


def _row(row: FieldRow, *, within: str = "", depth: int = 0) -> Iterator[str]:
    differs = any(landing.differs for landing in row.landings)
    mark = f"{row.fate.value}{' *' if differs else ''}"
    name = "  " * depth + row.name.removeprefix(within)
    value = "" if row.value is ABSENT else shown(row.value, _VALUE - 2)
    yield from _cells(mark, name, value, _right_side(row))
    for part in row.parts:
        yield from _row(part, within=row.name, depth=depth + 1)


def _right_side(row: FieldRow) -> Iterator[str]:
    for landing in row.landings[:_MOST_LANDINGS]:
        yield from _right(landing)
    if len(row.landings) > _MOST_LANDINGS:
        yield f"and {counted(len(row.landings) - _MOST_LANDINGS, 'more place')}"
    yield from _wrapped(row.words, width=_ROOM)


def _right(landing: Landing) -> Iterator[str]:
    *begin, path = _broken(f"{landing.path} ({landing.times}×)" if landing.times > 1 else landing.path)
    left_out = "was not sent" if landing.differs else "is left out"
    value = left_out if isinstance(landing.value, Absent) else shown(landing.value, _ROOM - 2)
    yield from begin
    if len(path) + 2 + len(value) <= _ROOM:
        yield f"{path}  {value}"
    else:
        yield path
        yield f"  {value}"


def _broken(path: str) -> list[str]:
    """In lines, at its dots."""
    lines = [""]
    for step in _STEP.findall(path):
        if len(lines[-1]) + len(step) > _ROOM:
            lines.append("  ")
        lines[-1] += step
    return lines


def _cells(mark: str, name: str, value: str, right: Iterable[str]) -> Iterator[str]:
    """One line, or more where a cell is too long for its column."""
    left = f"{mark:{_MARK}}"
    if len(name) >= _NAME:
        yield f"{left}{cut(name, WIDTH - _MARK)}"
        left, name = " " * _MARK, ""
    first, *others = tuple(right) or ("",)
    if name or value or first:
        yield f"{left}{name:{_NAME}}{value:{_VALUE}}{first}"
    for line in others:
        yield f"{'':{_LEFT}}{line}"


# --- below the table --------------------------------------------------------------------------------------


def _deviations(fields: Fields) -> Iterator[str]:
    yield "* sent, and not what today's translation gives:"
    found = fields.deviations or ()
    for each in found[:_MOST_DEVIATIONS]:
        times = f" ({each.times}×)" if each.times > 1 else ""
        yield f"  {each.path}{times}"
        yield f"      sent   {shown(each.sent, WIDTH - 13)}"
        yield f"      today  {shown(each.today, WIDTH - 13)}"
    if len(found) > _MOST_DEVIATIONS:
        yield f"  and {counted(len(found) - _MOST_DEVIATIONS, 'more place')}"
