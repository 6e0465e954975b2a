"""Answers whose text proves itself whole: numbered words that name the request and the attempt, and a checksum at the end."""

import re
import zlib
from dataclasses import dataclass
from itertools import pairwise

_ASKED = re.compile(rb"chaos request (\d+), (\d+) words")
_ATTEMPT = re.compile(r"\d+\.(\d+)\.0(?: |$)")


@dataclass(frozen=True, slots=True)
class Question:
    number: int
    words: int

    @property
    def prompt(self) -> str:
        return f"chaos request {self.number}, {self.words} words"

    def text(self, attempt: int) -> str:
        """The whole answer, as this attempt at it has it. Attempts count from 0."""
        words = " ".join(f"{self.number}.{attempt}.{index}" for index in range(self.words))
        return f"{words} sum:{zlib.crc32(words.encode()):08x}"

    def pieces(self, attempt: int) -> tuple[str, ...]:
        """The same, cut into a handful."""
        text = self.text(attempt)
        cuts = [len(text) * index // _PIECES for index in range(_PIECES + 1)]
        return tuple(text[start:end] for start, end in pairwise(cuts))

    def attempt_in(self, text: str) -> int | None:
        """Whose beginning a text is; `None`: of nobody's answer to this question."""
        found = _ATTEMPT.match(text)
        attempt = int(found[1]) if found else 0
        return attempt if self.text(attempt).startswith(text) else None

    def is_whole(self, text: str) -> bool:
        attempt = self.attempt_in(text)
        return attempt is not None and text == self.text(attempt)


_PIECES = 5


def question_in(body: bytes) -> Question | None:
    """The question in as much of a request's body as is there."""
    found = _ASKED.search(body)
    return Question(int(found[1]), int(found[2])) if found else None
