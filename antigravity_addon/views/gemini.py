"""Gemini's `generateContent`, bare and in Code Assist's envelope: the request's conversation, and the answer.

`translate.gemini.GeminiTurn` is not what merges the answer here: it reads one candidate, passes over what clients
cannot be told (code that ran, sources that are no pages), and refuses what this must show (broken calls).
"""

from collections.abc import Iterator

from pydantic import ConfigDict
from pydantic.alias_generators import to_camel
from pydantic_core import to_json

from antigravity_addon.wire.base import Json, JsonObject
from antigravity_addon.wire.google_error import parse_google_error

from .answer import Answer, Failure, GrowingChoice, GrowingChoices, figures_in, place_of, rest_of
from .conversation import Conversation, Message, Tool, settings_of
from .foreign import Foreign, Several, Words, each_in, read_messages, read_object, words_in
from .openai_content import extra_parts
from .parts import Call, Citation, Other, Part, Reasoning, Reference, Result, Text, opaque

# --- the request ------------------------------------------------------------------------------------------


class _Google(Foreign):
    """camelCase, and the snake_case that Google takes as well."""

    model_config = ConfigDict(alias_generator=to_camel)


class _Envelope(_Google):
    model: Words = ""
    request: Json = None


class _Request(_Google):
    contents: Several = ()
    system_instruction: Json = None
    tools: Several = ()
    generation_config: Json = None


class _Content(_Google):
    role: Words = ""
    parts: Several = ()


def read_conversation(body: bytes, model: str) -> Conversation:
    """`model`: as the path names it, if it does."""
    reading = read_object(body)
    envelope = _Envelope.of(reading.value)
    enveloped = isinstance(envelope.request, dict)
    request = _Request.of(envelope.request if enveloped else reading.value)
    around = envelope.rest if enveloped else {}
    generation = request.generation_config
    config = generation if isinstance(generation, dict | None) else {"generationConfig": generation}
    system = tuple(_parts_in(request.system_instruction))
    contents = [
        Message(_Content.of(each).role or "user", tuple(_parts_in(each))) for each in request.contents
    ]
    return Conversation(
        model=envelope.model or model,
        messages=(*([Message("system", system)] if system else ()), *contents),
        tools=tuple(tool for each in request.tools for tool in _tools(each)),
        settings=settings_of(
            {**around, **(config or {}), **{k: v for k, v in request.rest.items() if k != "model"}}
        ),
        problem=reading.problem,
        raw=reading.raw,
    )


class _Declarations(_Google):
    function_declarations: Several = ()


class _Declaration(_Google):
    name: Words = ""
    description: Words = ""
    parameters: Json = None
    parameters_json_schema: Json = None


def _tools(value: Json) -> Iterator[Tool]:
    tool = _Declarations.of(value)
    for each in tool.function_declarations:
        declaration = _Declaration.of(each)
        schema = declaration.parameters_json_schema or declaration.parameters
        details = {"parameters": schema, **declaration.rest} if declaration.rest else schema
        yield Tool(declaration.name, "", declaration.description, details)
    for name, details in tool.rest.items():
        yield Tool(name, "built-in", "", details or None)


# --- parts, of both directions ----------------------------------------------------------------------------


class _Part(_Google):
    text: Json = None
    thought: Json = None
    thought_signature: Words = ""
    inline_data: Json = None
    file_data: Json = None
    function_call: Json = None
    function_response: Json = None
    executable_code: Json = None
    code_execution_result: Json = None


class _Blob(_Google):
    mime_type: Words = ""
    data: Words = ""
    file_uri: Words = ""
    display_name: Words = ""


class _Function(_Google):
    """A call, or what came of it."""

    name: Words = ""
    id: Words = ""
    args: Json = None
    response: Json = None
    parts: Several = ()
    partial_args: Several = ()
    will_continue: Json = None


class _Code(_Google):
    id: Words = ""
    language: Words = ""
    code: Json = None
    outcome: Words = ""
    output: Json = None


def _parts_in(content: Json) -> Iterator[Part]:
    """Of a content, which in some requests is a bare text."""
    match content:
        case {"parts": parts}:
            for part in each_in(parts):
                yield from _parts_of(part)
        case str(text):
            yield Text(text)
        case dict() | None:
            pass
        case _:
            yield Other("content", content)


def _parts_of(value: Json) -> Iterator[Part]:
    if not isinstance(value, dict):
        yield Text(words_in(value))
        return
    part = _Part.of(value)
    if part.text is not None:
        yield Reasoning(words_in(part.text)) if part.thought else Text(words_in(part.text))
    for label, blob in (
        ("thought", part.inline_data) if part.thought else ("file", part.inline_data),
        ("file", part.file_data),
    ):
        if blob is not None:
            yield _media(label, _Blob.of(blob))
    if part.function_call is not None:
        call = _Function.of(part.function_call)
        yield Call(call.name, call.args, call.id)
    if part.function_response is not None:
        yield _result(_Function.of(part.function_response))
    yield from _code_parts(part)
    yield from extra_parts(part.rest)
    if part.thought_signature:
        yield opaque("thought signature", part.thought_signature)


def _media(label: str, blob: _Blob) -> Part:
    kind = blob.mime_type.partition("/")[0]
    label = kind if kind in {"image", "audio", "video"} and label != "thought" else label
    if blob.file_uri:
        return Reference(label, blob.file_uri, blob.mime_type, blob.display_name)
    return opaque(label, blob.data, mime_type=blob.mime_type, name=blob.display_name)


def _result(function: _Function) -> Result:
    match function.response:
        # what the gateway makes of results that are no objects
        case {"output": str(text), **rest} if not rest:
            content: Part = Text(text)
        case response:
            content = Other("response", response)
    return Result(
        (content, *(each for part in function.parts for each in _parts_of(part))), function.id, function.name
    )


def _code_parts(part: _Part) -> Iterator[Part]:
    if part.executable_code is not None:
        code = _Code.of(part.executable_code)
        yield Call(code.language.lower() or "code", code.code, code.id, "code that the model runs itself")
    if part.code_execution_result is not None:
        code = _Code.of(part.code_execution_result)
        parts = (Text(words_in(code.output)), *extra_parts({"outcome": code.outcome}))
        yield Result(parts, code.id, "code")


# --- the answer -------------------------------------------------------------------------------------------


class _Chunk(_Google):
    """Of a stream, or a whole answer."""

    response: Json = None
    """The chunk itself, in Code Assist's envelope."""
    candidates: Several = ()
    prompt_feedback: Json = None
    usage_metadata: Json = None
    model_version: Words = ""
    response_id: Words = ""
    create_time: Json = None
    error: Json = None


class _Candidate(_Google):
    index: Json = None
    content: Json = None
    finish_reason: Words = ""
    finish_message: Words = ""
    grounding_metadata: Json = None
    citation_metadata: Json = None
    logprobs_result: Json = None
    avg_logprobs: Json = None
    token_count: Json = None
    safety_ratings: Several = ()
    continuation_token: Words = ""


class _Feedback(_Google):
    block_reason: Words = ""
    block_reason_message: Words = ""


class _PartialArgument(_Google):
    json_path: Words = ""
    will_continue: Json = None


class _GrowingAnswer:
    """Chunks -> the answer.

    It needs state because usage and sources come in pieces of which the last counts, and the arguments of a call may.
    """

    def __init__(self) -> None:
        self._choices = GrowingChoices()
        self._usage: dict[str, Json] = {}
        self._grounding: dict[int, JsonObject] = {}
        self._failures: list[Failure] = []
        self._rest: dict[str, Json] = {}
        self._streamed_calls = 0
        self._path: str | None = None
        """Of the argument that goes on in the next piece; empty if none does, `None` ahead of the first."""
        self._model = self._id = ""

    def feed(self, value: Json) -> None:
        chunk = _Chunk.of(value)
        if chunk.error is not None:
            self._failures.append(_failure(to_json(value)))
            return
        if not isinstance(value, dict):
            self._rest["answer"] = value
            return
        self._rest |= chunk.rest
        if chunk.response is not None:
            self.feed(chunk.response)
            return
        self._model, self._id = chunk.model_version or self._model, chunk.response_id or self._id
        if isinstance(chunk.usage_metadata, dict):
            self._usage |= chunk.usage_metadata
        if chunk.prompt_feedback not in (None, {}):
            self._read_feedback(chunk.prompt_feedback)
        for candidate in chunk.candidates:
            self._read_candidate(_Candidate.of(candidate))

    def _read_feedback(self, feedback: Json) -> None:
        known = _Feedback.of(feedback)
        if known.block_reason:
            message = f"The prompt was blocked: {known.block_reason}. {known.block_reason_message}".strip()
            self._failures.append(Failure(message))
        else:
            self._rest["promptFeedback"] = feedback

    def _read_candidate(self, candidate: _Candidate) -> None:
        choice = self._choices.at(candidate.index)
        for part in _Content.of(candidate.content).parts:
            self._read_part(choice, part)
        if isinstance(candidate.grounding_metadata, dict):
            index = place_of(candidate.index)
            self._grounding[index] = self._grounding.get(index, {}) | candidate.grounding_metadata
        choice.add(_withheld(candidate.safety_ratings))
        choice.add(extra_parts({"citationMetadata": candidate.citation_metadata, **candidate.rest}))
        reason = ": ".join(filter(None, (candidate.finish_reason, candidate.finish_message)))
        choice.finish = reason or choice.finish

    def _read_part(self, choice: GrowingChoice, value: Json) -> None:
        part = _Part.of(value)
        call = _Function.of(part.function_call)
        if part.function_call is not None and (call.partial_args or call.will_continue or not call.name):
            self._read_piece_of_call(choice, call)
            if part.thought_signature:
                choice.add((opaque("thought signature", part.thought_signature),))
            return
        for each in _parts_of(value):
            match each:
                case Text() | Reasoning():
                    choice.say(type(each), each.text)
                case _:
                    choice.add((each,))

    def _read_piece_of_call(self, choice: GrowingChoice, call: _Function) -> None:
        """A call that is streamed: `{name}`, then arguments path by path, then `{}`. The gateway never asks for it."""
        if call.name:
            self._streamed_calls, self._path = self._streamed_calls + 1, None
        key = str(self._streamed_calls)
        choice.call(key, Call(call.name, None, call.id, "streamed"))
        for piece in call.partial_args:
            argument = _PartialArgument.of(piece)
            text = "".join(map(words_in, argument.rest.values()))
            if argument.json_path != self._path:
                line_break = "" if self._path is None else "\n"
                text = f"{line_break}{argument.json_path}: {text}"
            choice.call(key, Call("", text))
            self._path = argument.json_path if argument.will_continue else ""

    def to_answer(self, *, streamed: bool, problem: str, raw: str) -> Answer:
        for index, grounding in self._grounding.items():
            self._choices.at(index).add(_sources(grounding))
        unfinished = not self._choices.all_finished and not self._failures
        return Answer(
            model=self._model,
            id=self._id,
            choices=self._choices.to_choices(),
            usage=tuple(figures_in(self._usage)),
            failures=tuple(self._failures),
            streamed=streamed,
            cut_off="The stream was cut off: no finish reason came." if streamed and unfinished else "",
            rest=rest_of(self._rest),
            problem=problem,
            raw=raw,
        )


def _failure(body: bytes) -> Failure:
    error = parse_google_error(body, 0)
    facts = (
        str(error.code or ""),
        error.status or "",
        error.reason or "",
        *(f"quota {quota}" for quota in error.quota_ids),
        *(f"{violation.field}: {violation.description}" for violation in error.field_violations),
        "" if error.retry_delay is None else f"retry in {error.retry_delay:g} s",
    )
    return Failure(error.message or "without a message", tuple(filter(None, facts)))


def _withheld(ratings: tuple[Json, ...]) -> Iterator[Part]:
    """Ratings that had consequences."""
    for rating in ratings:
        match rating:
            case {"blocked": True}:
                yield Other("safety rating", rating)
            case _:
                pass


class _Grounding(_Google):
    web_search_queries: Json = None
    retrieval_queries: Json = None
    search_entry_point: Json = None
    """A piece of HTML, for clients to show."""
    grounding_chunks: Several = ()
    grounding_supports: Several = ()


class _Support(_Google):
    segment: Json = None
    grounding_chunk_indices: Several = ()


class _Source(_Google):
    uri: Words = ""
    title: Words = ""


def _sources(grounding: JsonObject) -> Iterator[Part]:
    """What was looked for, and each source with the pieces of text that rest on it."""
    known = _Grounding.of(grounding)
    queries = {"webSearchQueries": known.web_search_queries, "retrievalQueries": known.retrieval_queries}
    yield from extra_parts(queries)
    quotes = list(_quotes(known.grounding_supports))
    for index, chunk in enumerate(known.grounding_chunks):
        match chunk:
            case {"web": dict(fields)} | {"retrievedContext": dict(fields)} | {"maps": dict(fields)}:
                source = _Source.of(fields)
                quoted = " … ".join(text for place, text in quotes if place == index)
                yield Citation(source.uri, source.title, quoted)
            case _:
                yield Other("source", chunk)
    yield from extra_parts(known.rest)


def _quotes(supports: tuple[Json, ...]) -> Iterator[tuple[Json, str]]:
    for each in supports:
        support = _Support.of(each)
        match support.segment:
            case {"text": str(text)}:
                for index in support.grounding_chunk_indices:
                    yield index, text
            case _:
                pass


def read_answer(body: bytes) -> Answer:
    messages = read_messages(body)
    growing = _GrowingAnswer()
    for value in messages.values:
        growing.feed(value)
    return growing.to_answer(streamed=messages.streamed, problem=messages.problem, raw=messages.raw)
