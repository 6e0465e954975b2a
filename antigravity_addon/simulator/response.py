"""A turn of the model as Gemini sends it: chunks, their JSON, and the three framings of it."""

import base64
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from antigravity_addon.wire.base import Json, JsonObject

from .families import Family
from .models import Model


@dataclass(frozen=True, slots=True)
class Text:
    text: str
    thought: bool = False
    signature: bytes | None = None

    def to_json(self) -> JsonObject:
        part: JsonObject = {"text": self.text}
        if self.thought:
            part["thought"] = True
        return {**part, **_signed(self.signature)}


@dataclass(frozen=True, slots=True)
class Call:
    name: str
    args: JsonObject
    id: str | None = None
    signature: bytes | None = None

    def to_json(self) -> JsonObject:
        call: JsonObject = {"name": self.name, "args": self.args}
        if self.id is not None:
            call["id"] = self.id
        return {"functionCall": call, **_signed(self.signature)}


@dataclass(frozen=True, slots=True)
class Image:
    mime_type: str
    content: bytes

    def to_json(self) -> JsonObject:
        encoded = base64.b64encode(self.content).decode()
        return {"inlineData": {"mimeType": self.mime_type, "data": encoded}}


type Part = Text | Call | Image


def _signed(signature: bytes | None) -> JsonObject:
    return {} if signature is None else {"thoughtSignature": base64.b64encode(signature).decode()}


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens so far: in a stream each chunk repeats the running totals."""

    prompt_text: int = 0
    prompt_images: int = 0
    cached: int = 0
    """Part of the prompt."""
    candidates: int | None = None
    """Visible output; absent in early chunks."""
    images: int = 0
    """Part of `candidates`."""
    thoughts: int = 0

    @property
    def prompt(self) -> int:
        return self.prompt_text + self.prompt_images

    def prompt_details(self) -> list[Json]:
        return _by_modality(self.prompt_text, self.prompt_images)

    def to_json(self, family: Family = Family.GEMINI) -> JsonObject:
        usage: JsonObject = {"promptTokenCount": self.prompt}
        if self.candidates is not None:
            usage["candidatesTokenCount"] = self.candidates
        usage["totalTokenCount"] = self.prompt + (self.candidates or 0) + self.thoughts
        if self.cached:
            usage["cachedContentTokenCount"] = self.cached
        if family is Family.VERTEX:
            usage |= ON_DEMAND
        usage["promptTokensDetails"] = self.prompt_details()
        if self.images:
            usage["candidatesTokensDetails"] = _by_modality(0, self.images)
        if self.thoughts:
            usage["thoughtsTokenCount"] = self.thoughts
        if family is not Family.VERTEX:
            usage["serviceTier"] = "standard"
        return usage


ON_DEMAND: JsonObject = {"trafficType": "ON_DEMAND"}


def _by_modality(text: int, images: int) -> list[Json]:
    counts = (("TEXT", text), ("IMAGE", images))
    return [{"modality": modality, "tokenCount": count} for modality, count in counts if count]


@dataclass(frozen=True, slots=True)
class Likely:
    """A token of the text, and what else could have stood there."""

    token: str
    logprob: float
    others: "tuple[Likely, ...]" = ()
    """Likeliest first, none of them with others of their own. Empty if nobody asked."""

    def to_json(self) -> JsonObject:
        probability: Json = self.logprob if self.logprob > float("-inf") else "-Infinity"
        return {"token": self.token, "logProbability": probability}


def _logprobs_result(tokens: tuple[Likely, ...]) -> JsonObject:
    result: JsonObject = {"chosenCandidates": [token.to_json() for token in tokens]}
    if any(token.others for token in tokens):
        result["topCandidates"] = [
            {"candidates": [other.to_json() for other in token.others]} for token in tokens
        ]
    return result


@dataclass(frozen=True, slots=True)
class Chunk:
    """One message of a stream; most fields after `usage` are for the last one, or for faults."""

    parts: tuple[Part, ...] | None = ()
    """`None`: content with a role and no parts at all."""
    usage: Usage | None = None
    finish_reason: str | None = None
    finish_message: str | None = None
    grounding: JsonObject | None = None
    """What a search found; `{}` before the last chunk."""
    logprobs: tuple[Likely, ...] = ()
    continuation_token: bytes | None = None
    withheld: bool = False
    """The content is `{}`, whatever the parts."""
    block_reason: str | None = None
    """The prompt is refused: feedback instead of candidates."""
    no_candidates: bool = False
    traffic_only: bool = False
    """Instead of token counts only the kind of traffic, as Vertex AI does before its last chunk."""

    def candidate(self, family: Family = Family.GEMINI) -> JsonObject:
        content: JsonObject = {}
        if not self.withheld:
            parts: JsonObject = {}
            if self.parts is not None:
                parts["parts"] = [_in_family(part, family).to_json() for part in self.parts]
            role: JsonObject = {"role": "model"}
            content = role | parts if family is Family.VERTEX else parts | role
        candidate: JsonObject = {"content": content}
        if self.finish_reason is not None:
            candidate["finishReason"] = self.finish_reason
        if family is not Family.VERTEX:
            candidate["index"] = 0
        if self.finish_message is not None:
            candidate["finishMessage"] = self.finish_message
        if self.grounding is not None:
            candidate["groundingMetadata"] = self.grounding
        if self.logprobs:
            candidate["logprobsResult"] = _logprobs_result(self.logprobs)
        if self.continuation_token is not None:
            candidate["continuationToken"] = base64.b64encode(self.continuation_token).decode()
        if self.finish_reason == "SAFETY":
            candidate["safetyRatings"] = [
                {"category": "HARM_CATEGORY_DANGEROUS_CONTENT", "probability": "HIGH", "blocked": True},
                {"category": "HARM_CATEGORY_HARASSMENT", "probability": "NEGLIGIBLE"},
            ]
        return candidate


@dataclass(frozen=True, slots=True)
class Turn:
    model_version: str
    response_id: str
    chunks: tuple[Chunk, ...]
    family: Family = Family.GEMINI
    """In whose words it is given."""

    def whole(self) -> Chunk:
        """The chunks folded into the one of an answer that is not streamed."""
        last = self.chunks[-1]
        if all(chunk.parts is None for chunk in self.chunks):
            return last
        parts = [part for chunk in self.chunks for part in chunk.parts or ()]
        logprobs = tuple(token for chunk in self.chunks for token in chunk.logprobs)
        return replace(last, parts=tuple(_merged(parts)), logprobs=logprobs)

    def behind(self, count: int) -> "Turn":
        """Another hop of the same answer: what comes behind so many chunks, at least a chunk without a word.

        It counts its own tokens only, and what was said already as part of the prompt.
        """
        if count == 0:
            return self
        said = self.chunks[:count][-1].usage or Usage()
        last = self.chunks[-1]
        rest = self.chunks[count:] or (replace(last, parts=(Text(""),), logprobs=()),)
        return replace(self, chunks=tuple(replace(c, usage=_since(said, c.usage)) for c in rest))

    def message(self, chunk: Chunk) -> JsonObject:
        message: JsonObject = {}
        if chunk.block_reason is not None:
            message["promptFeedback"] = {"blockReason": chunk.block_reason}
        elif not chunk.no_candidates:
            message["candidates"] = [chunk.candidate(self.family)]
        if chunk.traffic_only or (self.family is Family.VERTEX and chunk.finish_reason is None):
            message["usageMetadata"] = ON_DEMAND
        elif chunk.usage is not None:
            message["usageMetadata"] = chunk.usage.to_json(self.family)
        message["modelVersion"] = self.model_version
        if self.family is Family.VERTEX:
            message["createTime"] = _create_time(self.response_id)
        message["responseId"] = self.response_id
        if self.family is Family.CODE_ASSIST:
            return {"response": message, "traceId": self.trace_id}
        return message

    @property
    def trace_id(self) -> str:
        """By which Code Assist knows the answer."""
        return self.response_id.encode().hex()[:16]


def _in_family(part: Part, family: Family) -> Part:
    """Vertex AI mostly gives no ids to its calls."""
    return replace(part, id=None) if family is Family.VERTEX and isinstance(part, Call) else part


def _create_time(response_id: str) -> str:
    """Some moment of one day, always the same for the same answer."""
    microseconds = int.from_bytes(response_id.encode()[:8]) % (24 * 3600 * 1_000_000)
    return f"{_SOME_DAY + timedelta(microseconds=microseconds):%Y-%m-%dT%H:%M:%S.%fZ}"


_SOME_DAY = datetime(2026, 11, 22, tzinfo=UTC)


def _merged(parts: list[Part]) -> Iterator[Part]:
    """Neighbouring texts of one kind as one; an empty text that brings a signature signs the one before."""
    held: Text | None = None
    for part in parts:
        if isinstance(part, Text) and held is not None and held.thought == part.thought:
            held = Text(held.text + part.text, held.thought, part.signature or held.signature)
            continue
        if held is not None:
            yield held
        held = part if isinstance(part, Text) else None
        if not isinstance(part, Text):
            yield part
    if held is not None and (held.text or held.signature or len(parts) == 1):
        yield held


def _since(said: Usage, usage: Usage | None) -> Usage | None:
    if usage is None:
        return None
    return replace(
        usage,
        prompt_text=usage.prompt_text + (said.candidates or 0) + said.thoughts,
        candidates=(usage.candidates or 0) - (said.candidates or 0),
        thoughts=usage.thoughts - said.thoughts,
        images=usage.images - said.images,
    )


_CONTINUATION = b"simulated continuation %d"
_BEHIND = re.compile(rb"simulated continuation (\d{1,9})")


def continuation_token(count: int) -> bytes:
    """What a request goes on with behind so many chunks of an answer."""
    return _CONTINUATION % count


def chunks_behind(token: bytes) -> int | None:
    """How many chunks the token stands for; `None` if it is none of ours."""
    found = _BEHIND.fullmatch(token)
    return int(found[1]) if found else None


# --- framings -------------------------------------------------------------------------------------------


class Framing(StrEnum):
    """How the messages of an answer are put into a body."""

    SSE = "sse"
    """One event each; the end of the body is the end of the stream."""
    ARRAY = "array"
    """The elements of one JSON array, as without `alt=sse`."""
    UNARY = "unary"
    """One message."""


def encode(value: Json) -> bytes:
    """JSON on one line, spaced as Google spaces it, with every character as itself."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ": ")).encode()


def pretty(value: Json) -> bytes:
    return json.dumps(value, ensure_ascii=False, indent=2).encode()


def event(value: Json) -> bytes:
    return b"data: " + encode(value) + b"\r\n\r\n"


def pieces(turn: Turn, framing: Framing) -> tuple[bytes, ...]:
    """The body of the answer as the writes it is sent in; together they are the whole of it."""
    match framing:
        case Framing.SSE:
            return tuple(event(turn.message(chunk)) for chunk in turn.chunks)
        case Framing.ARRAY:
            elements = [pretty(turn.message(chunk)) + b"\n" for chunk in turn.chunks]
            return (b"[" + elements[0], *(b",\r\n" + element for element in elements[1:]), b"]")
        case Framing.UNARY:
            body = pretty(turn.message(turn.whole())) + b"\n"
            return (body[: len(body) // 2], body[len(body) // 2 :])


def response_id(digest: bytes) -> str:
    return base64.urlsafe_b64encode(digest[:17]).decode().rstrip("=")


def call_id(digest: bytes, index: int, model: Model) -> str | None:
    """Eight letters and digits, on the models that give one."""
    if not model.numbers_calls:
        return None
    letters = "abcdefghijklmnopqrstuvwxyz0123456789"
    start = 1 + index % (len(digest) - 8)
    return "".join(letters[(byte + index) % len(letters)] for byte in digest[start : start + 8])
