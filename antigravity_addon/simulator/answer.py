"""A checked request -> the turn the simulated model gives. Pure: the same request gives the same turn."""

import itertools
import json
import re
import struct
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from antigravity_addon.wire.base import Json, JsonObject

from .models import Budget, Level, Model
from .request import Content, FunctionDeclaration, GenerateContentRequest, Modality, Mode
from .response import Call, Chunk, Image, Likely, Part, Text, Turn, Usage, call_id, response_id
from .schema_example import example, to_json_schema
from .signature import sign

TOKEN = re.compile(r"\s*\S{1,4}|\s+")
"""A token is up to four characters of a word, with the space before it."""
TOKENS_PER_IMAGE_IN = 258
TOKENS_PER_IMAGE_OUT = 1290
SMALLEST_CACHED_PROMPT = 1024
ONLY_THOUGHT_UP_TO = 8
"""With so small a `maxOutputTokens` a thinking model gets to say nothing."""
LONGEST_EXCERPT = 200
FEWEST_CHUNKS, MOST_CHUNKS = 6, 12
CALLED = "Model generated function call(s)."
SENTENCE = re.compile(r"\S[^.!?]*[.!?]?")
PAGES: tuple[JsonObject, ...] = (
    {"web": {"uri": "https://example.com/one", "title": "example.com"}},
    {"web": {"uri": "https://example.org/two", "domain": "example.org"}},
)
"""What every search finds."""


def answer(request: GenerateContentRequest, model: Model, digest: bytes) -> Turn:
    """`digest` stands for the request's bytes: ids, signatures and all that varies comes from it."""
    return _Answer(request, model, digest).turn()


def count_tokens(text: str) -> int:
    return sum(1 for _ in TOKEN.finditer(text))


def prompt_usage(request: GenerateContentRequest) -> Usage:
    texts: list[str] = []
    images = 0
    system = (request.system_instruction,) if request.system_instruction else ()
    for part in itertools.chain.from_iterable(content.parts for content in (*system, *request.contents)):
        texts.append(part.text or "")
        if part.function_call is not None:
            texts.append(_compact(part.function_call.args))
        if part.function_response is not None:
            texts.append(_compact(part.function_response.response))
        images += part.inline_data is not None or part.file_data is not None
    for declaration in request.declarations:
        texts += (declaration.name, declaration.description, _compact(_parameters(declaration)))
    tokens = sum(count_tokens(text) for text in texts) + 1
    turns = sum(content.is_question for content in request.contents)
    cached = tokens // 2 if tokens > SMALLEST_CACHED_PROMPT and turns > 1 else 0
    return Usage(prompt_text=tokens, prompt_images=images * TOKENS_PER_IMAGE_IN, cached=cached)


@dataclass(slots=True)
class _Answer:
    """One turn in the making."""

    request: GenerateContentRequest
    model: Model
    digest: bytes

    def turn(self) -> Turn:
        limit = self.request.generation.max_output_tokens
        thoughts = self._thought_tokens()
        usage = prompt_usage(self.request)
        if thoughts and limit is not None and limit <= ONLY_THOUGHT_UP_TO:
            starved = replace(usage, thoughts=max(1, limit - 3))
            return self._finished(Chunk(None, starved, "MAX_TOKENS"))
        if limit is not None:
            thoughts = min(thoughts, limit // 2)
        chunks = tuple(self._chunks(usage, thoughts, None if limit is None else limit - thoughts))
        return self._finished(*self._with_sources(self._with_logprobs(chunks)))

    def _finished(self, *chunks: Chunk) -> Turn:
        return Turn(self.model.name, response_id(self.digest), chunks)

    # --- about what is said ------------------------------------------------------------------------------

    def _with_logprobs(self, chunks: tuple[Chunk, ...]) -> tuple[Chunk, ...]:
        config = self.request.generation
        if not config.response_logprobs:
            return chunks
        likelihoods = itertools.cycle(-byte / 64 for byte in self.digest)
        return tuple(
            replace(
                chunk,
                logprobs=tuple(
                    _likely(token, next(likelihoods), config.logprobs or 0)
                    for token in TOKEN.findall(_said(chunk))
                ),
            )
            for chunk in chunks
        )

    def _with_sources(self, chunks: tuple[Chunk, ...]) -> tuple[Chunk, ...]:
        text = "".join(map(_said, chunks))
        if not text or not any(tool.google_search is not None for tool in self.request.tools):
            return chunks
        asked = self.request.question.text if self.request.question else ""
        *before, last = chunks
        found = replace(last, grounding=_grounding(text, _excerpt(asked)))
        return (*(replace(chunk, grounding={}) for chunk in before), found)

    def _chunks(self, usage: Usage, thoughts: int, room: int | None) -> Iterator[Chunk]:
        yield from (Chunk((part,), usage) for part in self._summary(thoughts))
        usage = replace(usage, thoughts=thoughts, candidates=0)
        parts, cut = _fitting(self._parts(), room)
        called = any(isinstance(part, Call) for part in parts)
        grouped: list[tuple[Part, ...]] = [(part,) for part in parts]
        if called and not self.model.signs_calls:
            grouped = [tuple(parts)]
        elif self.model.signs_calls and not cut:
            closing = None if called or not thoughts else sign(self.digest)
            grouped.append((Text("", signature=closing),))
        for group in grouped[:-1]:
            usage = _spent(usage, group)
            yield Chunk(group, usage)
        last = grouped[-1] if grouped else (Text(""),)
        yield Chunk(
            last,
            _spent(usage, last),
            finish_reason="MAX_TOKENS" if cut else "STOP",
            finish_message=CALLED if called and not cut else None,
        )

    # --- thinking ----------------------------------------------------------------------------------------

    def _thought_tokens(self) -> int:
        wanted = 24 + self.digest[0] % 64
        config = self.request.generation.thinking_config
        budget = config.thinking_budget if config else None
        level = config.thinking_level if config else None
        match self.model.thinking:
            case None:
                return 0
            case Budget(off_by_default=off):
                return _within_budget(wanted, budget) if budget is not None else 0 if off else wanted
            case levels:
                chosen = level if level in levels.allowed else levels.default
                if budget is not None:
                    return _within_budget(wanted, budget)
                return 0 if chosen is Level.MINIMAL else wanted * levels.allowed.index(chosen) + wanted

    def _summary(self, thoughts: int) -> Iterator[Text]:
        config = self.request.generation.thinking_config
        if not thoughts or config is None or not config.include_thoughts:
            return
        yield Text("**Reading the request**\n\nI am a simulator and look at what was asked. ", thought=True)
        yield Text("**Writing the answer**\n\nI know what to say now.\n\n\n", thought=True)

    # --- what is said ------------------------------------------------------------------------------------

    def _parts(self) -> list[Part]:
        """The whole answer in the pieces it is streamed in."""
        calls = self._calls()
        if calls:
            return [*calls]
        wanted = self.request.generation.response_modalities
        makes_image = self.model.makes_images and (not wanted or Modality.IMAGE in wanted)
        parts: list[Part] = []
        if not makes_image or not wanted or Modality.TEXT in wanted:
            text = _until_stop(self._text(), self.request.generation.stop_sequences)
            parts += (Text(piece) for piece in _split(text, self._chunk_count()))
        if makes_image:
            parts.append(Image("image/png", png(self.digest)))
        return parts

    def _chunk_count(self) -> int:
        return FEWEST_CHUNKS + self.digest[1] % (MOST_CHUNKS - FEWEST_CHUNKS + 1)

    def _text(self) -> str:
        asked = self.request.question.text if self.request.question else ""
        config = self.request.generation
        if asked.startswith("echo:"):
            return asked.removeprefix("echo:")
        if config.response_mime_type == "application/json":
            return json.dumps(self._json_answer(asked), ensure_ascii=False, indent=2)
        if config.response_mime_type == "text/x.enum":
            return str(self._json_answer(asked))
        said = f"This is the simulator of the Gemini API, playing {self.model.name}."
        if self.request.contents[-1].responses:
            return f"{said} {_quoted_results(self.request.contents[-1])} No model was asked."
        media = _media(self.request.contents[-1])
        attached = f" With it came {media}." if media else ""
        return f"{said} You wrote: “{_excerpt(asked)}”.{attached} No model was asked, so this is all there is to say."

    def _json_answer(self, asked: str) -> Json:
        config = self.request.generation
        if config.response_schema is not None:
            return example(to_json_schema(config.response_schema))
        if config.response_json_schema is not None:
            return example(config.response_json_schema)
        return {"simulated": True, "you_wrote": _excerpt(asked)}

    # --- function calls ----------------------------------------------------------------------------------

    def _calls(self) -> list[Call]:
        chosen = self._chosen()
        return [
            Call(
                declaration.name,
                _arguments(declaration, variant=chosen[:index].count(declaration)),
                call_id(self.digest, index, self.model),
                sign(self.digest) if index == 0 and self.model.signs_calls else None,
            )
            for index, declaration in enumerate(chosen)
        ]

    def _chosen(self) -> list[FunctionDeclaration]:
        """Which functions the words of the user call for, in the order of their mention."""
        config = self.request.function_calling
        allowed = [
            declaration
            for declaration in self.request.declarations
            if not config.allowed_function_names or declaration.name in config.allowed_function_names
        ]
        if not allowed or config.mode is Mode.NONE:
            return []
        forced = config.mode is Mode.ANY
        asked = self.request.question.text.lower() if self.request.question else ""
        if not forced and (self.request.contents[-1].responses or asked.startswith("echo:")):
            return []
        mentioned = [declaration for declaration in allowed if _mentions(asked, declaration.name)]
        mentioned.sort(key=lambda declaration: _mention(asked, declaration.name))
        if not mentioned and (forced or _mentions(asked, "use tools") or _mentions(asked, "call")):
            mentioned = allowed[:1]
        if len(mentioned) == 1 and any(_mentions(asked, word) for word in ("twice", "both", "parallel")):
            mentioned *= 2
        return mentioned


def _said(chunk: Chunk) -> str:
    return "".join(part.text for part in chunk.parts or () if isinstance(part, Text) and not part.thought)


def _likely(token: str, logprob: float, named: int) -> Likely:
    """The token among as many as are to be named, the last of which is impossible."""
    if not named:
        return Likely(token, logprob)
    others = [Likely(f"~{index}", logprob - index) for index in range(1, named)]
    if others:
        others[-1] = replace(others[-1], logprob=float("-inf"))
    return Likely(token, logprob, (Likely(token, logprob), *others))


def _grounding(text: str, query: str) -> JsonObject:
    """Every sentence rests on one of the pages, the last one on both."""
    sentences = list(SENTENCE.finditer(text))
    supports: list[Json] = []
    for index, sentence in enumerate(sentences):
        start = len(text[: sentence.start()].encode())
        segment: JsonObject = {"startIndex": start} if start else {}
        segment |= {"endIndex": start + len(sentence[0].encode()), "text": sentence[0]}
        pages: list[Json] = [0, 1] if index == len(sentences) - 1 else [index % len(PAGES)]
        supports.append({"segment": segment, "groundingChunkIndices": pages})
    return {"webSearchQueries": [query], "groundingChunks": [*PAGES], "groundingSupports": supports}


def _within_budget(wanted: int, budget: int) -> int:
    """-1 leaves it to the model."""
    return wanted if budget < 0 else min(wanted, budget)


def _spent(usage: Usage, parts: Sequence[Part]) -> Usage:
    images = sum(isinstance(part, Image) for part in parts) * TOKENS_PER_IMAGE_OUT
    tokens = sum(_cost(part) for part in parts)
    return replace(usage, candidates=(usage.candidates or 0) + tokens, images=usage.images + images)


def _cost(part: Part) -> int:
    match part:
        case Text(text):
            return count_tokens(text)
        case Call(name, args):
            return count_tokens(name) + count_tokens(_compact(args))
        case Image():
            return TOKENS_PER_IMAGE_OUT


def _fitting(parts: list[Part], room: int | None) -> tuple[list[Part], bool]:
    """The parts that fit into so many tokens, and whether anything was cut. Only text can be cut short."""
    if room is None:
        return parts, False
    kept: list[Part] = []
    for part in parts:
        cost = _cost(part)
        if cost > room:
            if isinstance(part, Text) and room > 0:
                kept.append(Text("".join(TOKEN.findall(part.text)[:room])))
            return kept, True
        kept.append(part)
        room -= cost
    return kept, False


def _split(text: str, count: int) -> list[str]:
    """About `count` pieces of the text, cut between tokens."""
    tokens = TOKEN.findall(text)
    size = max(1, -(-len(tokens) // count))
    return ["".join(group) for group in itertools.batched(tokens, size, strict=False)] or [""]


def _until_stop(text: str, stops: Sequence[str]) -> str:
    found = [position for stop in stops if (position := text.find(stop)) >= 0]
    return text[: min(found)] if found else text


def _mention(text: str, name: str) -> int:
    """Where the text names it as a word of its own, underscores perhaps written as spaces; -1 if nowhere."""
    word = re.escape(name.lower()).replace("_", "[_ ]")
    found = re.search(rf"(?<!\w){word}(?!\w)", text)
    return found.start() if found else -1


def _mentions(text: str, name: str) -> bool:
    return _mention(text, name) >= 0


def _parameters(declaration: FunctionDeclaration) -> Json:
    if declaration.parameters is not None:
        return to_json_schema(declaration.parameters)
    return declaration.parameters_json_schema


def _arguments(declaration: FunctionDeclaration, *, variant: int) -> JsonObject:
    schema = _parameters(declaration)
    if schema is None:
        return {}
    made = example(schema, variant=variant)
    return made if isinstance(made, dict) else {}


def _excerpt(text: str) -> str:
    return text if len(text) <= LONGEST_EXCERPT else text[:LONGEST_EXCERPT] + "…"


def _compact(value: Json) -> str:
    return json.dumps(value, ensure_ascii=False) if value is not None else ""


def _quoted_results(content: Content) -> str:
    quoted = [
        f"{response.name} gave {_excerpt(_compact(response.response))}." for response in content.responses
    ]
    return " ".join(quoted)


def _media(content: Content) -> str:
    """What came with the text: `2 × image/png (70 bytes, 1200 bytes), 1 file by address`."""
    sizes: dict[str, list[str]] = {}
    files = 0
    for part in content.parts:
        if part.inline_data is not None:
            sizes.setdefault(part.inline_data.mime_type, []).append(f"{len(part.inline_data.data)} bytes")
        files += part.file_data is not None
    found = [f"{len(each)} × {kind} ({', '.join(each)})" for kind, each in sizes.items()]
    if files:
        found.append(f"{files} file{'s' if files > 1 else ''} by address")
    return ", ".join(found)


def png(digest: bytes, side: int = 8) -> bytes:
    """A real picture: a square of one colour that the digest picks."""
    red, green, blue = digest[2], digest[3], digest[4]
    row = b"\x00" + bytes((red, green, blue)) * side
    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(row * side)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in chunks
    )
