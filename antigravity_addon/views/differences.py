"""Where two JSON values differ, and how a value and its place are shown in little room."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from pydantic_core import to_json

from antigravity_addon.wire.base import Json

type Step = str | int
type Path = tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Absent:
    """Nothing stands there, which is not the same as `null`."""


ABSENT: Final = Absent()
type Place = Json | Absent

NOTHING_WHOLE: Final[frozenset[str]] = frozenset()
FREE_JSON: Final = frozenset(
    {"parametersJsonSchema", "responseJsonSchema", "parameters", "responseSchema", "args", "response"}
)
"""Fields of Gemini's that hold somebody else's JSON."""


@dataclass(frozen=True, slots=True)
class Difference:
    path: Path
    before: Place
    after: Place


def differences(
    before: Place, after: Place, *, whole: frozenset[str] = NOTHING_WHOLE
) -> Iterator[Difference]:
    """Leaf by leaf, in the order of `after`. What stands under a key of `whole` is one leaf, as is a list of scalars."""
    yield from _differences(before, after, (), whole)


def leaves(value: Json, *, whole: frozenset[str] = NOTHING_WHOLE) -> dict[Path, Json]:
    """By path."""
    found = differences(ABSENT, value, whole=whole)
    return {each.path: each.after for each in found if not isinstance(each.after, Absent)}


def _differences(before: Place, after: Place, path: Path, whole: frozenset[str]) -> Iterator[Difference]:
    if is_same(before, after):
        return
    if not (path and path[-1] in whole):
        match before, after:
            case (dict() | Absent(), dict() | Absent()):
                ours = {} if isinstance(after, Absent) else after
                theirs = {} if isinstance(before, Absent) else before
                if ours or theirs:
                    for key in dict.fromkeys((*ours, *theirs)):
                        yield from _differences(
                            theirs.get(key, ABSENT), ours.get(key, ABSENT), (*path, key), whole
                        )
                    return
            case (list() | Absent(), list() | Absent()) if not (_is_scalars(before) and _is_scalars(after)):
                ours = [] if isinstance(after, Absent) else after
                theirs = [] if isinstance(before, Absent) else before
                for index, then, now in _side_by_side(theirs, ours):
                    yield from _differences(then, now, (*path, index), whole)
                return
            case _:
                pass
    yield Difference(path, before, after)


def _side_by_side(before: list[Json], after: list[Json]) -> Iterator[tuple[int, Place, Place]]:
    """What both begin and end with is the same item, so that one more in the middle moves no other."""
    shorter = min(len(before), len(after))
    start = next((i for i in range(shorter) if not is_same(before[i], after[i])), shorter)
    end = next(
        (i for i in range(shorter - start) if not is_same(before[-1 - i], after[-1 - i])), shorter - start
    )
    if len(before) == len(after):
        end = 0
    for index in range(start, max(len(before), len(after)) - end):
        yield (
            index,
            before[index] if index < len(before) - end else ABSENT,
            after[index] if index < len(after) - end else ABSENT,
        )


def _is_scalars(value: Place) -> bool:
    return not isinstance(value, list) or not any(isinstance(item, dict | list) for item in value)


def is_same(one: Place, other: Place) -> bool:
    """1 is 1.0. It is not `true`; within a larger value it passes for it, where no field takes both."""
    return isinstance(one, bool) == isinstance(other, bool) and one == other


def shared_beginning(one: str, other: str) -> int:
    """How many characters the two begin with alike."""
    least, most = 0, min(len(one), len(other))
    while least < most:
        middle = (least + most + 1) // 2
        if one[least:middle] == other[least:middle]:
            least = middle
        else:
            most = middle - 1
    return least


# --- in little room ---------------------------------------------------------------------------------------

_NAME = re.compile(r"[A-Za-z_$][\w$-]*")


def shown_path(path: Path) -> str:
    """`contents[0].parts[1].text`."""
    text = ""
    for step in path:
        if isinstance(step, int):
            text += f"[{step}]"
        elif _NAME.fullmatch(step):
            text += f".{step}" if text else step
        else:
            text += f"[{to_json(step).decode()}]"
    return text


def pattern_of(path: Path) -> str:
    """The path without its numbers: `contents[].parts[].text`."""
    return re.sub(r"\[\d+\]", "[]", shown_path(path))


def counted(number: int, thing: str) -> str:
    """`1 turn`, `2 turns`."""
    return f"{number:,} {thing}{'' if number == 1 else 's'}"


def shown(value: Place, width: int) -> str:
    """The value as JSON on one line, or what it is if that takes more than `width` characters."""
    match value:
        case Absent():
            return "(nothing)"
        case str():
            return cut(to_json(value[: width + 1]).decode(), width, end='…"')
        case dict() if value:
            whole = to_json(value).decode()
            return whole if len(whole) <= width else f"{{{counted(len(value), 'field')}}}"
        case list() if value:
            whole = to_json(value).decode()
            return whole if len(whole) <= width else f"[{counted(len(value), 'item')}]"
        case _:
            return cut(to_json(value).decode(), width, end="…")


def cut(text: str, width: int, *, end: str = "…") -> str:
    return text if len(text) <= width else text[: max(0, width - len(end))] + end
