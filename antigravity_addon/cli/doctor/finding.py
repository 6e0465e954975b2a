"""What a check found."""

from dataclasses import dataclass
from enum import StrEnum


class Standing(StrEnum):
    OK = "ok"
    WARNING = "warning"
    """It may work; somebody should look at it all the same."""
    PROBLEM = "problem"
    SKIPPED = "skipped"
    """It was not asked for, or what it stands on is missing."""


@dataclass(frozen=True, slots=True)
class Finding:
    check: str
    """What was looked at, in a word or two."""
    standing: Standing
    sentence: str
    remedy: str = ""
    """What to do about it."""


def ok(check: str, sentence: str) -> Finding:
    return Finding(check, Standing.OK, sentence)


def warning(check: str, sentence: str, remedy: str = "") -> Finding:
    return Finding(check, Standing.WARNING, sentence, remedy)


def problem(check: str, sentence: str, remedy: str = "") -> Finding:
    return Finding(check, Standing.PROBLEM, sentence, remedy)


def skipped(check: str, sentence: str) -> Finding:
    return Finding(check, Standing.SKIPPED, sentence)
