"""Two texts -> what differs, line by line and, in lines that were rewritten, word by word.

`difflib` takes quadratic time, so it is given what lies between the first and the last difference only, and of that no
more than it can bear; beyond, one block stands against the other.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import zip_longest

_MOST_LINES = 600
_MOST_WORDS = 300
_WORD = re.compile(r"\w+|\s+|[^\w\s]")
_CONTEXT = 2
"""Lines around a difference that are shown, too."""


@dataclass(frozen=True, slots=True)
class Run:
    """A stretch of both: the same, or one in place of the other. Either may be empty then."""

    same: bool
    first: slice
    second: slice


def runs(first: Sequence[str], second: Sequence[str], most: int = _MOST_LINES) -> Iterator[Run]:
    """All of both, in order."""
    ahead = _common(first, second)
    behind = _common(first[ahead:][::-1], second[ahead:][::-1])
    middles = slice(ahead, len(first) - behind), slice(ahead, len(second) - behind)
    if ahead:
        yield Run(same=True, first=slice(0, ahead), second=slice(0, ahead))
    yield from _middle_runs(first, second, *middles, most)
    if behind:
        ends = slice(len(first) - behind, len(first)), slice(len(second) - behind, len(second))
        yield Run(same=True, first=ends[0], second=ends[1])


def _middle_runs(
    first: Sequence[str], second: Sequence[str], of_first: slice, of_second: slice, most: int
) -> Iterator[Run]:
    left, right = first[of_first], second[of_second]
    if not left and not right:
        return
    if not left or not right or max(len(left), len(right)) > most:
        yield Run(same=False, first=of_first, second=of_second)
        return
    for tag, left_from, left_to, right_from, right_to in SequenceMatcher(None, left, right).get_opcodes():
        yield Run(
            same=tag == "equal",
            first=slice(of_first.start + left_from, of_first.start + left_to),
            second=slice(of_second.start + right_from, of_second.start + right_to),
        )


def _common(first: Sequence[str], second: Sequence[str]) -> int:
    """How many the two begin with alike."""
    count = 0
    for left, right in zip(first, second, strict=False):
        if left != right:
            break
        count += 1
    return count


def difference_in_words(first: str, second: str, marks: tuple[str, str], *, whole: bool = False) -> str:
    """Lines that differ behind the mark of theirs, what differs inside of them in ⟦brackets⟧; and all the others, or, unless
    the `whole` is wanted, a few around them and how many more there are.
    """
    left, right = first.split("\n"), second.split("\n")
    found = list(runs(left, right))
    lines: list[str] = []
    for place, run in enumerate(found):
        if not run.same:
            lines += _changed(left[run.first], right[run.second], marks)
        elif whole:
            lines += (f"  {line}" for line in left[run.first])
        else:
            lines += _unchanged(left[run.first], is_first=place == 0, is_last=place == len(found) - 1)
    return "\n".join(line.rstrip(" ") for line in lines)


def _unchanged(lines: Sequence[str], *, is_first: bool, is_last: bool) -> Iterator[str]:
    ahead, behind = 0 if is_first else _CONTEXT, 0 if is_last else _CONTEXT
    left_out = len(lines) - ahead - behind
    if left_out <= 1:
        yield from (f"  {line}" for line in lines)
        return
    yield from (f"  {line}" for line in lines[:ahead])
    yield f"  … {left_out} lines that are the same …"
    yield from (f"  {line}" for line in lines[len(lines) - behind :])


def _changed(left: Sequence[str], right: Sequence[str], marks: tuple[str, str]) -> Iterator[str]:
    if len(left) != len(right):
        yield from (f"{marks[0]} {line}" for line in left)
        yield from (f"{marks[1]} {line}" for line in right)
        return
    for old, new in zip_longest(left, right, fillvalue=""):
        old_marked, new_marked = _marked(old, new)
        yield f"{marks[0]} {old_marked}"
        yield f"{marks[1]} {new_marked}"


def _marked(old: str, new: str) -> tuple[str, str]:
    """The two with what differs in brackets; as they are where little is alike, or where it would take long."""
    left, right = _WORD.findall(old), _WORD.findall(new)
    found = list(runs(left, right, _MOST_WORDS))
    alike = sum(len("".join(left[run.first])) for run in found if run.same)
    if alike * 2 < max(len(old), len(new)):
        return old, new
    return (
        "".join(_bracketed(left[run.first], same=run.same) for run in found),
        "".join(_bracketed(right[run.second], same=run.same) for run in found),
    )


def _bracketed(words: Sequence[str], *, same: bool) -> str:
    text = "".join(words)
    return text if same or not text else f"⟦{text}⟧"
