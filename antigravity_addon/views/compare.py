"""The view of two answers to the same request: what is the same in both, and what is not."""

from collections.abc import Iterator

from .answer import Answer, Choice
from .answer_text import failure_in_words, parts_of
from .foreign import words_in
from .parts import Call
from .readers import read_answer
from .rewording import difference_in_words
from .wording import rule

_MARKS = ("1", "2")


def compare_text(path: str, first: bytes, second: bytes) -> str:
    """Raises: NoDialectError: nothing is said at this path."""
    return "\n".join(_lines(read_answer(path, first), read_answer(path, second)))


def _lines(first: Answer, second: Answer) -> Iterator[str]:
    yield from _table(first, second)
    indexes = sorted({choice.index for answer in (first, second) for choice in answer.choices})
    for index in indexes:
        yield ""
        yield rule(f"choice {index}" if len(indexes) > 1 else "answer")
        yield _compared(parts_of(_choice(first, index)), parts_of(_choice(second, index)))
    if first.raw or second.raw:
        yield ""
        yield _compared(first.raw, second.raw)


def _compared(first: str, second: str) -> str:
    if first == second:
        return f"The same in both:\n{first}" if first else "Nothing in both."
    return difference_in_words(first, second, _MARKS, whole=True)


def _choice(answer: Answer, index: int) -> Choice:
    return next((choice for choice in answer.choices if choice.index == index), Choice(index))


def _table(first: Answer, second: Answer) -> Iterator[str]:
    """The facts of both in two columns."""
    left, right = dict(_facts(first)), dict(_facts(second))
    names = list(dict.fromkeys((*left, *right)))
    rows = [("", "1", "2"), *((name, left.get(name, "–"), right.get(name, "–")) for name in names)]
    widths = [max(len(row[column]) for row in rows) for column in (0, 1)]
    for name, one, two in rows:
        sign = " " if not name or one == two else "≠"
        yield f"{sign} {name:<{widths[0]}}  {one:<{widths[1]}}  {two}".rstrip()


def _facts(answer: Answer) -> Iterator[tuple[str, str]]:
    yield "model", answer.model or "–"
    for choice in answer.choices:
        of = f" of choice {choice.index}" if len(answer.choices) > 1 else ""
        yield f"ended{of}", choice.finish or "not said"
        if calls := ", ".join(_calls(choice)):
            yield f"calls{of}", calls
    for figure in answer.usage:
        yield figure.name, words_in(figure.value)
    for place, failure in enumerate(answer.failures, start=1):
        yield f"error {place}", failure_in_words(failure).split("\n")[0].removeprefix("! Error: ")
    if answer.cut_off:
        yield "cut off", answer.cut_off
    if answer.problem:
        yield "problem", answer.problem


def _calls(choice: Choice) -> Iterator[str]:
    return (part.name for part in choice.parts if isinstance(part, Call))
