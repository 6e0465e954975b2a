"""Which conversation a request belongs to, so that it can stay with one account, whose cache of prompts knows it.

What a client says explicitly counts first, and alone: a request that names its session begins like many others. Else
it is known by how the conversation begins, which every later turn repeats. Names are hashes, and of one client each.
"""

import hashlib
from collections.abc import Iterator, Mapping

from antigravity_addon.wire.gemini import Content, GenerateContentRequest

from .dialects.dialect import ConversationId

HEADERS = (
    "session-id",  # Codex CLI
    "thread-id",
    "x-session-id",
    "x-conversation-id",
    "session_id",
    "conversation_id",
)
"""What clients call the id of a conversation, the likeliest to stay the same first."""
_ENOUGH = 8192
"""Characters of a text, and of a file, that tell it from others."""
_ENOUGH_PARTS = 1000
"""Of a turn."""


def conversation_of(
    headers: Mapping[str, str],
    named: tuple[ConversationId, ...],
    body: GenerateContentRequest,
    *,
    owner: str,
    response_id: str = "",
) -> tuple[str, ...]:
    """Names of the conversation, the one to trust most first.

    `headers` are in lower case; `named` is what the body says, in that order. A request that is only known by what it
    goes on from, or how it begins, gets the name of its own `response_id`, too: that is what the next one will say.
    """
    header = next((f"{name}: {headers[name]}" for name in HEADERS if headers.get(name)), None)
    if header is not None:
        return (_hash(owner, "header", header),)
    stable = next((each for each in named if not each.is_of_turn), None)
    of_turn = next((each for each in named if each.is_of_turn), None)
    if stable is not None and (of_turn is None or named.index(stable) < named.index(of_turn)):
        return (_hash(owner, stable.kind, stable.value),)
    known = [_hash(owner, each.kind, each.value) for each in (of_turn, stable) if each is not None]
    if stable is None:
        known.append(_hash(owner, "prefix", *_beginning(body)))
    if response_id:
        known.append(_hash(owner, "previous_response_id", response_id))
    return tuple(known)


def _beginning(body: GenerateContentRequest) -> Iterator[str]:
    """The system's instruction and the first turn."""
    if body.system_instruction is not None:
        yield from _told(body.system_instruction)
    yield "first turn"
    if body.contents:
        yield from _told(body.contents[0])


def _told(content: Content) -> Iterator[str]:
    for part in content.parts[:_ENOUGH_PARTS]:
        if part.text is not None:
            yield part.text[:_ENOUGH]
        elif part.inline_data is not None:
            yield f"{part.inline_data.mime_type} {len(part.inline_data.data)} {part.inline_data.data[:_ENOUGH]}"


def _hash(*parts: str) -> str:
    digest = hashlib.sha256()
    for part in parts:
        text = part.encode("utf-8", "surrogatepass")
        digest.update(b"%d:" % len(text))
        digest.update(text)
    return digest.hexdigest()[:32]
