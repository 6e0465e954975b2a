"""Paths -> what is spoken there, by clients and by upstreams. Only paths that have a conversation or an answer."""

import re
from enum import StrEnum


class Dialect(StrEnum):
    CHAT = "chat"
    COMPLETIONS = "completions"
    RESPONSES = "responses"
    IMAGES = "images"
    AUDIO = "audio"
    GEMINI = "gemini"


_TAILS: tuple[tuple[re.Pattern[str], Dialect], ...] = tuple(
    (re.compile(pattern), dialect)
    for pattern, dialect in (
        # from the end of the path, as the gateway's own routes are
        (r"/chat/completions$", Dialect.CHAT),
        (r"/completions$", Dialect.COMPLETIONS),
        (r"/responses$|/responses/compact$", Dialect.RESPONSES),
        # a response that is read again, or cancelled; `input_items` is a list and no answer
        (r"/responses/(?!input_tokens$)[^/]+(/cancel)?$", Dialect.RESPONSES),
        (r"/images/generations$", Dialect.IMAGES),
        (r"/audio/(transcriptions|translations)$", Dialect.AUDIO),
        (r":(stream)?[gG]enerateContent$", Dialect.GEMINI),
    )
)

_MODEL = re.compile(r"/models/(?P<model>[^/:]+):[A-Za-z]+$")


def dialect_of(path: str) -> Dialect | None:
    """`path`: of the request, with or without a query. `None`: nothing is said there."""
    tidy = _without_query(path)
    return next((dialect for pattern, dialect in _TAILS if pattern.search(tidy)), None)


def model_in(path: str) -> str:
    """Gemini's requests name their model in the path, except those to Code Assist. Empty: this one does not."""
    found = _MODEL.search(_without_query(path))
    return found["model"].encode(errors="replace").decode() if found else ""


def _without_query(path: str) -> str:
    return re.sub(r"/{2,}", "/", path.partition("?")[0][:2048]).rstrip("/")
