"""The view of an answer: what the client saw when it was over, as text."""

from collections.abc import Iterator

from .answer import Answer, Choice, Failure, Figure
from .readers import read_answer
from .wording import indented, json_text, part_in_words, rule


def answer_text(path: str, body: bytes) -> str:
    """Raises: NoDialectError: nothing is said at this path."""
    return "\n".join(_lines(read_answer(path, body)))


def _lines(answer: Answer) -> Iterator[str]:
    yield " · ".join(filter(None, (answer.model, answer.id, "streamed" if answer.streamed else "whole")))
    if answer.problem:
        yield f"! {answer.problem}"
    for failure in answer.failures:
        yield failure_in_words(failure)
    if answer.cut_off:
        yield f"! {answer.cut_off}"
    for choice in answer.choices:
        yield ""
        yield rule(_title(choice, len(answer.choices)))
        yield parts_of(choice) or "(empty)"
    if answer.usage:
        yield ""
        yield rule("usage")
        yield usage_in_words(answer.usage)
    for other in answer.rest:
        yield part_in_words(other, {})
    if answer.raw:
        yield ""
        yield answer.raw


def _title(choice: Choice, number: int) -> str:
    name = f"choice {choice.index}" if number > 1 else "answer"
    return f"{name} · ended: {choice.finish or 'not said'}"


def failure_in_words(failure: Failure) -> str:
    facts = f"\n{indented(' · '.join(failure.facts))}" if failure.facts else ""
    return f"! Error: {failure.message}{facts}"


def parts_of(choice: Choice) -> str:
    return "\n".join(part_in_words(part, {}) for part in choice.parts)


def usage_in_words(usage: tuple[Figure, ...]) -> str:
    return " · ".join(f"{figure.name} {json_text(figure.value)}" for figure in usage)
