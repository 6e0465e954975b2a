"""Which reader reads what: by the path of a request, and from then on by its dialect."""

from . import (
    gemini,
    openai_audio,
    openai_chat,
    openai_choices,
    openai_completions,
    openai_images,
    openai_responses,
)
from .answer import Answer
from .conversation import Conversation
from .dialect import Dialect, dialect_of, model_in


class NoDialectError(ValueError):
    """Nothing is said at this path that a view could show."""


def read_conversation(path: str, body: bytes, content_type: str = "") -> Conversation:
    """Raises: NoDialectError: and nothing else, whatever the bytes."""
    match _dialect(path):
        case Dialect.CHAT:
            return openai_chat.read_conversation(body)
        case Dialect.COMPLETIONS:
            return openai_completions.read_conversation(body)
        case Dialect.RESPONSES:
            return openai_responses.read_conversation(body)
        case Dialect.IMAGES:
            return openai_images.read_conversation(body)
        case Dialect.AUDIO:
            return openai_audio.read_conversation(body, content_type)
        case Dialect.GEMINI:
            return gemini.read_conversation(body, model_in(path))


def read_answer(path: str, body: bytes) -> Answer:
    """Raises: NoDialectError: and nothing else, whatever the bytes."""
    match _dialect(path):
        case Dialect.CHAT | Dialect.COMPLETIONS:
            return openai_choices.read_answer(body)
        case Dialect.RESPONSES:
            return openai_responses.read_answer(body)
        case Dialect.IMAGES:
            return openai_images.read_answer(body)
        case Dialect.AUDIO:
            return openai_audio.read_answer(body)
        case Dialect.GEMINI:
            return gemini.read_answer(body)


def _dialect(path: str) -> Dialect:
    dialect = dialect_of(path)
    if dialect is None:
        raise NoDialectError("Neither a conversation nor an answer is at this path.")
    return dialect
