"""A Chat Completions request -> Gemini's.

The rules of Gemini that shape it: turns alternate and begin with the user; the results of all calls of a
turn follow it at once, one for each call and in their order, ahead of anything else; no turn is empty.
What every field of the request becomes stands in `docs/chat-completions.md`.
"""

from collections import defaultdict, deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal, assert_never

from pydantic import TypeAdapter
from pydantic_core import from_json, to_json

from antigravity_addon.errors import InvalidRequest, MissingParameter, UnsupportedInput
from antigravity_addon.translate import json_schema, media, thought_signatures
from antigravity_addon.translate.gemini_models import (
    Effort,
    ModelTraits,
    ThinkingWish,
    thinking_config,
    traits_of,
)
from antigravity_addon.translate.tool_names import ToolNames
from antigravity_addon.wire import gemini
from antigravity_addon.wire.base import Json, JsonObject
from antigravity_addon.wire.openai_chat.request import (
    AllowedTools,
    AllowedToolsChoice,
    AssistantMessage,
    AudioPart,
    ChatCompletionRequest,
    ContentPart,
    CustomDefinition,
    CustomTool,
    CustomToolCall,
    ExtraContent,
    File,
    FilePart,
    FlatAllowedToolsChoice,
    FlatCustomTool,
    FlatFilePart,
    FlatFunctionTool,
    FunctionCall,
    FunctionDefinition,
    FunctionMessage,
    FunctionTool,
    FunctionToolCall,
    GoogleExtra,
    GoogleOptions,
    ImagePart,
    ImageUrl,
    Message,
    MessageContent,
    NamedTool,
    RefusalPart,
    SystemMessage,
    TextPart,
    ToolCall,
    ToolDefinition,
    ToolMessage,
    ToolName,
    UnknownMessage,
    UnknownPart,
    UnknownTool,
    UserMessage,
)

NO_SIGNATURES: Mapping[str, str] = MappingProxyType({})

_JSON: TypeAdapter[Json] = TypeAdapter(Json)
_BLANK = " "
"""Stands for nothing where Gemini wants something."""
_CONTINUE = "Continue."
_NO_RESULT: JsonObject = {"error": "No result was given for this call."}
_MAX_STOPS = 5
_INT32 = range(-(2**31), 2**31)
_SHOWN_LENGTH = 60


@dataclass(frozen=True, slots=True)
class TranslatedRequest:
    body: gemini.GenerateContentRequest
    tool_names: ToolNames
    """To give the calls of the answer the names that the client knows."""
    custom_tools: frozenset[str] = frozenset()
    """The client's names of those tools whose calls are answered as `custom`: `input` as it is, no JSON."""


def to_gemini(
    request: ChatCompletionRequest, model: str, *, signatures: Mapping[str, str] = NO_SIGNATURES
) -> TranslatedRequest:
    """`model` is the Gemini model; `signatures` knows, by call id, those that clients did not bring back.

    Raises: InvalidRequest: and UnsupportedInput, naming the parameter.
    """
    _refuse_what_gemini_has_not(request)
    traits = traits_of(model)
    functions = _functions(request)
    calls = tuple(_calls(message, signatures) for message in request.messages)
    names_called = (call.name for step in calls for call in step)
    names = ToolNames.of((*(function.name for function in functions), *names_called))
    system = tuple(_system_parts(request.messages))
    contents = _contents(_History(request.messages, calls, traits, names))
    if not contents:
        contents, system = (_content("user", system or (gemini.Part(text=_BLANK),)),), ()
    json_mode = _json_mode(request)
    if json_mode and functions and not traits.takes_json_mode_with_tools:
        system, json_mode = (*system, gemini.Part(text=json_mode.as_instruction)), None
    body = gemini.GenerateContentRequest(
        contents=contents,
        system_instruction=gemini.Content(parts=system) if system else None,
        tools=_tools(functions, names),
        tool_config=_tool_config(request, functions, names),
        safety_settings=_safety_settings(request),
        generation_config=_generation_config(request, traits, json_mode),
    )
    return TranslatedRequest(body, names, frozenset(f.name for f in functions if f.is_custom))


def _refuse_what_gemini_has_not(request: ChatCompletionRequest) -> None:
    if request.n is not None and request.n > 1:
        raise UnsupportedInput(
            "Gemini gives one choice per request: send 'n' as 1, or ask several times.", param="n"
        )
    if request.web_search_options is not None:
        raise UnsupportedInput("Web search is not supported by this gateway yet.", param="web_search_options")
    google, path = _google_options(request)
    if google and google.cached_content is not None:
        raise UnsupportedInput("Explicit caches are not supported.", param=f"{path}.cached_content")


# --- messages ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Call:
    """One call of a tool, in whichever of the three forms it was written."""

    name: str
    arguments: JsonObject
    id: str | None = None
    upstream_id: str | None = None
    signature: str | None = None


@dataclass(frozen=True, slots=True)
class _History:
    """The messages, and what they are translated with."""

    messages: tuple[Message, ...]
    calls: tuple[tuple[_Call, ...], ...]
    """Those of each message."""
    traits: ModelTraits
    names: ToolNames


type _Role = Literal["user", "model"]
type _Place = tuple[int, int]
"""A call: the index of its message, and its own among the calls of it."""


@dataclass(slots=True)
class _Conversation:
    """Joins messages into turns. It has state because the results of calls wait for the end of their turn."""

    turns: list[tuple[_Role, list[gemini.Part]]] = field(
        default_factory=list[tuple[_Role, list[gemini.Part]]]
    )
    results: list[gemini.Part] = field(default_factory=list[gemini.Part])
    attachments: list[gemini.Part] = field(default_factory=list[gemini.Part])
    """What belongs to the results and has to stand behind all of them."""

    def user(self, parts: Iterable[gemini.Part]) -> None:
        self.close_calls()
        self._add("user", parts)

    def model(self, parts: Iterable[gemini.Part]) -> None:
        self._add("model", parts)

    def close_calls(self) -> None:
        """The model's turn is over: the results of its calls are due."""
        self._add("user", (*self.results, *self.attachments))
        self.results.clear()
        self.attachments.clear()

    def _add(self, role: _Role, parts: Iterable[gemini.Part]) -> None:
        added = list(parts)
        if added and self.turns and self.turns[-1][0] == role:
            self.turns[-1][1].extend(added)
        elif added:
            self.turns.append((role, added))


def _contents(history: _History) -> tuple[gemini.Content, ...]:
    traits = history.traits
    answers = _answers(history)
    conversation = _Conversation()
    for index, message in enumerate(history.messages):
        path = f"messages[{index}]"
        match message:
            case SystemMessage():
                pass
            case UserMessage():
                conversation.user(_parts(message.content, traits, f"{path}.content"))
            case AssistantMessage():
                conversation.model(_assistant_parts(message, index, history))
                for number, call in enumerate(history.calls[index]):
                    _add_result(conversation, call, answers.get((index, number)), history)
            case ToolMessage() | FunctionMessage():
                conversation.close_calls()
            case UnknownMessage():
                raise InvalidRequest(
                    f"Invalid value for '{path}.role': {message.role[:_SHOWN_LENGTH]!r} is no role; use "
                    "'system', 'developer', 'user', 'assistant' or 'tool'.",
                    param=f"{path}.role",
                )
            case _:
                assert_never(message)
    conversation.close_calls()
    contents = _framed(tuple(_content(role, parts) for role, parts in conversation.turns), traits)
    return thought_signatures.with_placeholders(contents) if traits.needs_thought_signatures else contents


def _framed(contents: tuple[gemini.Content, ...], traits: ModelTraits) -> tuple[gemini.Content, ...]:
    """The turns as Gemini wants them to begin and to end."""
    if contents and contents[0].role == "model":
        contents = (_content("user", (gemini.Part(text=_BLANK),)), *contents)
    if contents and contents[-1].role == "model" and not traits.takes_prefill:
        contents = (*contents, _content("user", (gemini.Part(text=_CONTINUE),)))
    return contents


def _content(role: _Role, parts: Iterable[gemini.Part]) -> gemini.Content:
    return gemini.Content(role=role, parts=tuple(parts))


def _system_parts(messages: tuple[Message, ...]) -> Iterator[gemini.Part]:
    """Gemini knows instructions only ahead of the conversation: all go there, in their order."""
    for index, message in enumerate(messages):
        if isinstance(message, SystemMessage):
            path = f"messages[{index}].content"
            content = (message.content,) if isinstance(message.content, str) else message.content
            for number, part in enumerate(content):
                text = _text_of(part)
                if text is None:
                    raise UnsupportedInput(
                        "Gemini takes instructions as text only.", param=f"{path}[{number}].type"
                    )
                if text:
                    yield gemini.Part(text=text)


def _text_of(part: ContentPart) -> str | None:
    match part:
        case str():
            return part
        case TextPart():
            return part.text
        case RefusalPart():
            return part.refusal
        case _:
            return None


def _parts(content: MessageContent | None, traits: ModelTraits, path: str) -> Iterator[gemini.Part]:
    match content:
        case None | "":
            return
        case str():
            yield gemini.Part(text=content)
        case _:
            for number, part in enumerate(content):
                yield from _part(part, traits, f"{path}[{number}]")


def _part(part: ContentPart, traits: ModelTraits, path: str) -> Iterator[gemini.Part]:
    match part:
        case str() | TextPart() | RefusalPart():
            if text := _text_of(part):
                yield gemini.Part(text=text)
        case ImagePart():
            yield _image(part, traits, path)
        case AudioPart():
            audio = part.input_audio
            yield media.audio_part(audio.data, audio_format=audio.format, param=f"{path}.input_audio")
        case FilePart():
            yield _file(part.file, f"{path}.file")
        case FlatFilePart():
            yield _file(part, path)
        case UnknownPart():
            raise UnsupportedInput(
                f"Content of the type {part.type[:_SHOWN_LENGTH]!r} is not supported.", param=f"{path}.type"
            )
        case _:
            assert_never(part)


def _image(part: ImagePart, traits: ModelTraits, path: str) -> gemini.Part:
    match part.image_url:
        case ImageUrl(url=url, detail=detail):
            param = f"{path}.image_url.url"
        case str(url):
            detail, param = part.detail, f"{path}.image_url"
        case _:
            assert_never(part.image_url)
    return media.image_part(url, detail=detail, takes_resolution=traits.takes_part_resolution, param=param)


def _file(file: File, path: str) -> gemini.Part:
    if file.file_data is not None:
        return media.file_part(file.file_data, filename=file.filename, param=f"{path}.file_data")
    if file.file_url is not None:
        return media.remote_file_part(file.file_url, param=f"{path}.file_url")
    if file.file_id is None:
        raise MissingParameter(f"Missing required parameter: '{path}.file_data'.", param=f"{path}.file_data")
    if "://" not in file.file_id:
        raise UnsupportedInput(
            "The gateway keeps no files: send the content itself in 'file_data'.", param=f"{path}.file_id"
        )
    return media.remote_file_part(file.file_id, param=f"{path}.file_id")


def _assistant_parts(message: AssistantMessage, index: int, history: _History) -> Iterator[gemini.Part]:
    """What the model said, then what it called. Its thoughts do not go back: Gemini has them in signatures."""
    calls = history.calls[index]
    if isinstance(message.content, str):
        said = list(media.parts_of_answer(message.content))
    else:
        said = list(_parts(message.content, history.traits, f"messages[{index}].content"))
    if message.refusal:
        said.append(gemini.Part(text=message.refusal))
    signature = thought_signatures.usable(_google_extra(message.extra_content).thought_signature)
    # the signature of a message is that of its first call, unless the call brings its own
    of_call = signature if calls and calls[0].signature is None else None
    if signature and said and not of_call:
        said[-1] = said[-1].model_copy(update={"thought_signature": signature})
    yield from said
    for number, call in enumerate(calls):
        yield gemini.Part(
            function_call=gemini.FunctionCall(
                name=history.names.to_gemini(call.name), args=call.arguments, id=call.upstream_id
            ),
            thought_signature=of_call if of_call and number == 0 else call.signature,
        )


# --- calls and their results ------------------------------------------------------------------------------


def _calls(message: Message, signatures: Mapping[str, str]) -> tuple[_Call, ...]:
    if not isinstance(message, AssistantMessage):
        return ()
    calls = tuple(_call(call, signatures) for call in message.tool_calls or ())
    legacy = message.function_call
    return (*calls, _Call(legacy.name, _arguments(legacy))) if legacy else calls


def _call(call: ToolCall, signatures: Mapping[str, str]) -> _Call:
    name, arguments = _called(call)
    extra = _google_extra(call.extra_content)
    return _Call(
        name,
        arguments,
        id=call.id,
        upstream_id=extra.id or None,
        signature=thought_signatures.usable(extra.thought_signature) or signatures.get(call.id or ""),
    )


def _called(call: ToolCall) -> tuple[str, JsonObject]:
    match call:
        case FunctionToolCall():
            return call.function.name, _arguments(call.function)
        case CustomToolCall():
            return call.custom.name, {"input": call.custom.input}
        case _:
            assert_never(call)


def _google_extra(extra: ExtraContent | None) -> GoogleExtra:
    return (extra.google if extra else None) or GoogleExtra()


def _arguments(call: FunctionCall) -> JsonObject:
    """Arguments are never edited. What is no object is wrapped into one: the model once wrote it so."""
    arguments = call.arguments
    if isinstance(arguments, str):
        if not arguments.strip():
            return {}
        try:
            arguments = _parsed(arguments)
        except ValueError:
            return {"_raw": arguments}
    match arguments:
        case None:
            return {}
        case dict():
            return arguments
        case _:
            return {"value": arguments}


def _parsed(text: str) -> Json:
    """Raises: ValueError: it is no JSON; NaN, which Python's tools write, is none either."""
    from_json(text, allow_inf_nan=False)
    return _JSON.validate_json(text)


def _answers(history: _History) -> Mapping[_Place, int]:
    """Pairs every result with the nearest call before it that has the same id, or name, and no result yet.

    The message of the result, by the place of the call.
    """
    answers: dict[_Place, int] = {}
    waiting = _Waiting()
    for index, message in enumerate(history.messages):
        match message:
            case AssistantMessage():
                waiting.add(index, history.calls[index])
            case ToolMessage(tool_call_id=call_id):
                place = waiting.take("id", call_id)
                if place is None:
                    raise InvalidRequest(
                        f"Invalid parameter: 'messages[{index}]' with role 'tool' must be a response to a "
                        f"preceding message with 'tool_calls'; {call_id[:_SHOWN_LENGTH]!r} is no call that "
                        "still waits for one.",
                        param=f"messages[{index}].tool_call_id",
                    )
                answers[place] = index
            case FunctionMessage(name=name):
                place = waiting.take("name", name)
                if place is None:
                    raise InvalidRequest(
                        f"Invalid parameter: 'messages[{index}]' with role 'function' must be a response to a "
                        f"preceding call; {name[:_SHOWN_LENGTH]!r} is no function that still waits for one.",
                        param=f"messages[{index}].name",
                    )
                answers[place] = index
            case _:
                pass
    return answers


type _Key = tuple[Literal["id", "name"], str]


class _Waiting:
    """Calls without a result so far. A call stands in two queues, and counts once."""

    def __init__(self) -> None:
        self._queues: dict[_Key, list[deque[_Place]]] = defaultdict(list)
        """One queue for each message, the latest last."""
        self._taken: set[_Place] = set()

    def add(self, message: int, calls: tuple[_Call, ...]) -> None:
        queues: dict[_Key, deque[_Place]] = defaultdict(deque)
        for number, call in enumerate(calls):
            queues["id", call.id or ""].append((message, number))
            queues["name", call.name].append((message, number))
        for key, queue in queues.items():
            self._queues[key].append(queue)

    def take(self, kind: Literal["id", "name"], value: str) -> _Place | None:
        """Of the latest message, the first call."""
        queues = self._queues[kind, value]
        while queues:
            while queues[-1]:
                place = queues[-1].popleft()
                if place not in self._taken:
                    self._taken.add(place)
                    return place
            queues.pop()
        return None


def _add_result(conversation: _Conversation, call: _Call, answer: int | None, history: _History) -> None:
    message = None if answer is None else history.messages[answer]
    output: JsonObject = _NO_RESULT
    nested: list[gemini.FunctionResponsePart] = []
    if isinstance(message, (ToolMessage, FunctionMessage)):
        parts = tuple(_parts(message.content, history.traits, f"messages[{answer}].content"))
        output = _output("\n".join(part.text for part in parts if part.text))
        for part in parts:
            if part.inline_data and _may_nest(part.inline_data, history.traits):
                nested.append(gemini.FunctionResponsePart(inline_data=part.inline_data))
            elif part.text is None:
                conversation.attachments.append(part)
    response = gemini.FunctionResponse(
        name=history.names.to_gemini(call.name),
        response=output,
        id=call.upstream_id,
        parts=tuple(nested) or None,
    )
    conversation.results.append(gemini.Part(function_response=response))


def _may_nest(blob: gemini.Blob, traits: ModelTraits) -> bool:
    is_shown = blob.mime_type.startswith("image/") or blob.mime_type == "application/pdf"
    return traits.takes_media_in_function_response and is_shown


def _output(text: str) -> JsonObject:
    """A JSON object is the result as it is; everything else is its output."""
    try:
        parsed = _parsed(text)
    except ValueError:
        parsed = None
    return parsed if isinstance(parsed, dict) else {"output": text}


# --- tools ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Function:
    """One tool, in whichever of the forms it was declared."""

    name: str
    description: str | None
    parameters: JsonObject | None
    is_strict: bool = False
    is_custom: bool = False


_CUSTOM_PARAMETERS: JsonObject = {
    "type": "object",
    "properties": {"input": {"type": "string", "description": "The whole input of the tool, as plain text."}},
    "required": ["input"],
}


def _functions(request: ChatCompletionRequest) -> tuple[_Function, ...]:
    """Of two tools with one name the first counts."""
    declared: dict[str, _Function] = {}
    for index, tool in enumerate(request.tools or ()):
        function = _function(tool, f"tools[{index}]")
        declared.setdefault(function.name, function)
    for definition in request.functions or ():
        declared.setdefault(definition.name, _defined(definition))
    return tuple(declared.values())


def _function(tool: ToolDefinition, path: str) -> _Function:
    match tool:
        case FunctionTool():
            return _defined(tool.function)
        case FlatFunctionTool():
            return _defined(tool)
        case CustomTool():
            return _custom(tool.custom)
        case FlatCustomTool():
            return _custom(tool)
        case UnknownTool():
            raise UnsupportedInput(
                f"Tools of the type {tool.type[:_SHOWN_LENGTH]!r} are not supported; use 'function' or 'custom'.",
                param=f"{path}.type",
            )
        case _:
            assert_never(tool)


def _defined(definition: FunctionDefinition) -> _Function:
    return _Function(
        definition.name,
        definition.description,
        json_schema.for_parameters(definition.parameters),
        is_strict=bool(definition.strict),
    )


def _custom(definition: CustomDefinition) -> _Function:
    """Gemini has no grammars: the model is shown it and asked to keep to it."""
    description = definition.description or ""
    grammar = definition.format.grammar if definition.format else None
    if grammar and grammar.definition:
        syntax = grammar.syntax or "given"
        description = (
            f"{description}\n\nThe input follows this {syntax} grammar:\n{grammar.definition}".strip()
        )
    return _Function(definition.name, description or None, _CUSTOM_PARAMETERS, is_custom=True)


def _tools(functions: tuple[_Function, ...], names: ToolNames) -> tuple[gemini.Tool, ...] | None:
    declarations = tuple(
        gemini.FunctionDeclaration(
            name=names.to_gemini(function.name),
            description=function.description,
            parameters_json_schema=function.parameters,
        )
        for function in functions
    )
    return (gemini.Tool(function_declarations=declarations),) if declarations else None


@dataclass(frozen=True, slots=True)
class _Choice:
    mode: Literal["none", "auto", "required"]
    allowed: tuple[str, ...] = ()
    """The client's names; empty for all."""


def _tool_config(
    request: ChatCompletionRequest, functions: tuple[_Function, ...], names: ToolNames
) -> gemini.ToolConfig | None:
    choice, param = _choice(request)
    known = {function.name for function in functions}
    unknown = next((name for name in choice.allowed if name not in known), None)
    if unknown is not None:
        raise InvalidRequest(
            f"Invalid value for '{param}': there is no tool {unknown[:_SHOWN_LENGTH]!r} in 'tools'.",
            param=param,
        )
    if not functions:
        if choice.mode == "required":
            raise InvalidRequest(f"'{param}' requires a call, but there are no tools to call.", param=param)
        return None
    is_constrained = bool(choice.allowed) or any(function.is_strict for function in functions)
    match choice.mode:
        case "none":
            config = gemini.FunctionCallingConfig(mode="NONE")
        case "auto" if not is_constrained:
            return None
        case "auto" | "required":
            config = gemini.FunctionCallingConfig(
                mode="ANY" if choice.mode == "required" else "VALIDATED",
                allowed_function_names=tuple(map(names.to_gemini, choice.allowed)) or None,
            )
        case _:
            assert_never(choice.mode)
    return gemini.ToolConfig(function_calling_config=config)


def _choice(request: ChatCompletionRequest) -> tuple[_Choice, str]:
    """The choice, and the parameter it was made with."""
    match request.tool_choice:
        case None:
            return _function_choice(request), "function_call"
        case "none" | "auto" | "required" as mode:
            return _Choice(mode), "tool_choice"
        case NamedTool() as tool:
            return _Choice("required", _chosen_names((tool,))), "tool_choice"
        case AllowedToolsChoice(allowed_tools=allowed):
            return _allowed(allowed), "tool_choice"
        case FlatAllowedToolsChoice() as allowed:
            return _allowed(allowed), "tool_choice"
        case _:
            assert_never(request.tool_choice)


def _allowed(allowed: AllowedTools) -> _Choice:
    # allowed to call nothing is what Gemini calls NONE; no names at all would allow everything
    return _Choice(allowed.mode, _chosen_names(allowed.tools)) if allowed.tools else _Choice("none")


def _function_choice(request: ChatCompletionRequest) -> _Choice:
    match request.function_call:
        case None:
            return _Choice("auto")
        case "none" | "auto" as mode:
            return _Choice(mode)
        case ToolName(name=name):
            return _Choice("required", (name,))
        case _:
            assert_never(request.function_call)


def _chosen_names(tools: tuple[NamedTool, ...]) -> tuple[str, ...]:
    names: list[str] = []
    for tool in tools:
        if tool.tool_name is None:
            raise MissingParameter("'tool_choice' must name a tool.", param="tool_choice")
        names.append(tool.tool_name)
    return tuple(dict.fromkeys(names))


# --- generation config ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _JsonMode:
    schema: JsonObject | None

    @property
    def as_instruction(self) -> str:
        """For a model that has no JSON mode beside tools."""
        asked = (
            "Unless you call a tool, answer with one JSON value and nothing else: no Markdown, no comment."
        )
        if self.schema is None:
            return asked
        return f"{asked} It must be valid under this JSON Schema:\n{to_json(self.schema).decode()}"


def _json_mode(request: ChatCompletionRequest) -> _JsonMode | None:
    wanted = request.response_format
    if wanted is None or wanted.type == "text":
        return None
    schema = wanted.json_schema.schema_ if wanted.json_schema and wanted.type == "json_schema" else None
    return _JsonMode(json_schema.for_response(schema))


def _generation_config(
    request: ChatCompletionRequest, traits: ModelTraits, json_mode: _JsonMode | None
) -> gemini.GenerationConfig | None:
    max_tokens = request.max_completion_tokens or request.max_tokens
    top_k = request.top_k if request.top_k and request.top_k > 0 else None
    config = gemini.GenerationConfig(
        temperature=request.temperature if traits.obeys_sampling else None,
        top_p=request.top_p if traits.obeys_sampling else None,
        top_k=top_k if traits.obeys_sampling else None,
        max_output_tokens=min(max_tokens, traits.max_output_tokens) if max_tokens else None,
        stop_sequences=_stop_sequences(request),
        seed=_seed(request.seed),
        presence_penalty=(request.presence_penalty or None) if traits.takes_penalties else None,
        frequency_penalty=(request.frequency_penalty or None) if traits.takes_penalties else None,
        response_mime_type="application/json" if json_mode else None,
        response_json_schema=json_mode.schema if json_mode else None,
        response_modalities=_modalities(request),
        thinking_config=thinking_config(traits.thinking, _thinking_wish(request)),
    )
    return config if config != gemini.GenerationConfig() else None


def _stop_sequences(request: ChatCompletionRequest) -> tuple[str, ...] | None:
    stop = (request.stop,) if isinstance(request.stop, str) else request.stop or ()
    sequences = tuple(dict.fromkeys(sequence for sequence in stop if sequence))
    if len(sequences) > _MAX_STOPS:
        raise InvalidRequest(
            f"Invalid value for 'stop': Gemini takes {_MAX_STOPS} sequences at most, not {len(sequences)}.",
            param="stop",
        )
    return sequences or None


def _seed(seed: int | None) -> int | None:
    """Gemini's is an int32; a larger one keeps its lower bits."""
    return seed if seed is None or seed in _INT32 else seed & 0x7FFF_FFFF


def _modalities(request: ChatCompletionRequest) -> tuple[str, ...] | None:
    wanted = tuple(dict.fromkeys(request.modalities or ()))
    for modality in wanted:
        if modality == "audio":
            raise UnsupportedInput("Audio answers are not supported; ask for 'text'.", param="modalities")
        if modality not in {"text", "image"}:
            raise InvalidRequest(
                f"Invalid value for 'modalities': {modality[:_SHOWN_LENGTH]!r}; use 'text' or 'image'.",
                param="modalities",
            )
    # no model gives images alone
    return ("TEXT", "IMAGE") if "image" in wanted else None


def _thinking_wish(request: ChatCompletionRequest) -> ThinkingWish:
    """Of the ways to ask for it, the most particular one counts: Google's, OpenAI's, OpenRouter's, Anthropic's."""
    google, path = _google_options(request)
    if google and (config := google.thinking_config):
        budget = config.thinking_budget
        level = config.thinking_level if budget is None else None
        return ThinkingWish(
            effort=_effort(level and level.lower(), f"{path}.thinking_config.thinking_level"),
            budget=budget,
            shown=config.include_thoughts,
        )
    if request.reasoning_effort is not None:
        return ThinkingWish(effort=_effort(request.reasoning_effort, "reasoning_effort"))
    if reasoning := request.reasoning:
        effort = _effort(reasoning.effort, "reasoning.effort")
        return ThinkingWish(
            effort=Effort.NONE if reasoning.enabled is False else effort,
            budget=None if effort or reasoning.enabled is False else reasoning.max_tokens,
            shown=False if reasoning.exclude else None,
        )
    if thinking := request.thinking:
        if thinking.type == "disabled":
            return ThinkingWish(effort=Effort.NONE)
        return ThinkingWish(budget=thinking.budget_tokens)
    return ThinkingWish()


def _effort(effort: str | None, param: str) -> Effort | None:
    if effort is None:
        return None
    try:
        return Effort(effort)
    except ValueError as error:
        known = ", ".join(repr(known.value) for known in Effort)
        raise InvalidRequest(
            f"Invalid value for '{param}': {effort[:_SHOWN_LENGTH]!r}; use one of {known}.", param=param
        ) from error


def _google_options(request: ChatCompletionRequest) -> tuple[GoogleOptions | None, str]:
    """Google's own options, and where they stood."""
    if request.google is None and request.extra_body is not None:
        return request.extra_body.google, "extra_body.google"
    return request.google, "google"


def _safety_settings(request: ChatCompletionRequest) -> tuple[gemini.SafetySetting, ...] | None:
    google, _ = _google_options(request)
    settings = google.safety_settings if google else None
    return (
        tuple(gemini.SafetySetting(category=s.category, threshold=s.threshold) for s in settings or ())
        or None
    )
