"""A 400 that a milder request may avoid: which one, and how it is made milder.

What is given up is what the client can do without: it gets an answer in place of an error that it could do nothing
about. What it cannot do without, a picture or a search that was all it asked for, stays a 400.

As in `classify`, a text is matched where Google begins it. Source of the wordings: issue threads and Google's pages,
November 2026; they change, so a pattern asks for no more words than it takes to be sure.
"""

import re
from collections import OrderedDict
from collections.abc import Callable
from copy import replace
from dataclasses import dataclass, field

from antigravity_addon.errors import MissingThoughtSignature, UpstreamFailure, UpstreamRefused
from antigravity_addon.translate.contents import CONTINUE
from antigravity_addon.translate.generation import JsonMode
from antigravity_addon.translate.openapi_schema import to_openapi
from antigravity_addon.translate.thought_signatures import forgotten
from antigravity_addon.wire.base import JsonObject
from antigravity_addon.wire.gemini import (
    Content,
    FunctionCallingConfig,
    FunctionDeclaration,
    GenerateContentRequest,
    GenerationConfig,
    Part,
    Tool,
    ToolConfig,
)


@dataclass(frozen=True, slots=True)
class Remedy:
    name: str
    """For people."""
    refusal: re.Pattern[str]
    """How Google begins to say that it is called for."""
    soften: Callable[[GenerateContentRequest], GenerateContentRequest]
    """Gives back what it was given if there is nothing to give up; twice is as good as once."""
    is_of_model: bool = True
    """Every other request for the model would be refused as well."""


def remedy_for(failure: UpstreamFailure, body: GenerateContentRequest) -> Remedy | None:
    """What may get `body` an answer after this failure. `None`: nothing we know, or it was done already."""
    match failure:
        case MissingThoughtSignature():
            fitting = [FORGOTTEN_SIGNATURES]
        case UpstreamRefused(status=400):
            fitting = [remedy for remedy in REMEDIES if remedy.refusal.match(failure.message)]
        case _:
            return None
    return next((remedy for remedy in fitting if remedy.soften(body) != body), None)


MOST_MODELS = 256
"""Clients may call a model by any name, so what is remembered has a bound."""


@dataclass(slots=True)
class Lessons:
    """What models refused, so that they need not refuse it again. Forgotten when the gateway stops."""

    _learnt: OrderedDict[str, dict[str, Remedy]] = field(
        init=False, default_factory=OrderedDict[str, dict[str, Remedy]]
    )
    """By model, the one used last at the end; by name, in the order they were learnt."""

    def learn(self, model: str, remedy: Remedy) -> None:
        """A remedy for one request alone is not kept."""
        if not remedy.is_of_model:
            return
        self._learnt.setdefault(model, {})[remedy.name] = remedy
        self._learnt.move_to_end(model)
        while len(self._learnt) > MOST_MODELS:
            self._learnt.popitem(last=False)

    def softened(self, body: GenerateContentRequest, model: str) -> GenerateContentRequest:
        """`body` without what the model is known to refuse."""
        if model not in self._learnt:
            return body
        self._learnt.move_to_end(model)
        for remedy in self._learnt[model].values():
            body = remedy.soften(body)
        return body


# --- what is given up -------------------------------------------------------------------------------------


def _without_signatures(body: GenerateContentRequest) -> GenerateContentRequest:
    return replace(body, contents=forgotten(body.contents))


def _without_part_resolution(body: GenerateContentRequest) -> GenerateContentRequest:
    def plain(part: Part) -> Part:
        return replace(part, media_resolution=None) if part.media_resolution else part

    contents = (replace(content, parts=tuple(map(plain, content.parts))) for content in body.contents)
    return replace(body, contents=tuple(contents))


def _ending_with_the_user(body: GenerateContentRequest) -> GenerateContentRequest:
    if not body.contents or body.contents[-1].role != "model":
        return body
    return replace(body, contents=(*body.contents, Content(role="user", parts=(CONTINUE,))))


def _without(*fields: str) -> Callable[[GenerateContentRequest], GenerateContentRequest]:
    """Without these fields of the generation config."""
    unknown = set(fields) - set(GenerationConfig.__struct_fields__)
    assert not unknown, unknown  # noqa: S101  a slip in the table below

    def soften(body: GenerateContentRequest) -> GenerateContentRequest:
        return _configured(body, **dict.fromkeys(fields))

    return soften


def _with_plain_json(body: GenerateContentRequest) -> GenerateContentRequest:
    """JSON mode without a schema, which the model is told instead."""
    schema = _schema_of(body)
    if schema is None:
        return body
    plain = _configured(body, response_json_schema=None, response_schema=None)
    return _instructed(plain, JsonMode(schema))


def _without_json_mode(body: GenerateContentRequest) -> GenerateContentRequest:
    """Beside tools, the model is told to answer in JSON."""
    config = body.generation_config
    if not body.tools or config is None or config.response_mime_type != "application/json":
        return body
    free = _configured(body, response_mime_type=None, response_json_schema=None, response_schema=None)
    return _instructed(free, JsonMode(_schema_of(body)))


def _with_free_calls(body: GenerateContentRequest) -> GenerateContentRequest:
    """Calls that are not held to their schemas while they are written."""
    config = body.tool_config
    if config is None or config.function_calling_config is None:
        return body
    if config.function_calling_config.mode not in {"ANY", "VALIDATED"}:
        return body
    free = FunctionCallingConfig(mode="AUTO")
    return replace(body, tool_config=replace(config, function_calling_config=free))


def _without_search_beside_functions(body: GenerateContentRequest) -> GenerateContentRequest:
    tools = body.tools or ()
    functions = tuple(tool for tool in tools if tool.function_declarations)
    if not functions or len(functions) == len(tools):
        return body
    calling = body.tool_config.function_calling_config if body.tool_config else None
    config = ToolConfig(function_calling_config=calling) if calling else None
    return replace(body, tools=functions, tool_config=config)


def _with_typed_schemas(body: GenerateContentRequest) -> GenerateContentRequest:
    """Schemas in the older, poorer language, which every upstream knows."""
    config = body.generation_config
    if config is not None and config.response_json_schema is not None:
        typed = to_openapi(config.response_json_schema)
        body = _configured(body, response_json_schema=None, response_schema=typed)
    if body.tools is None:
        return body
    return replace(body, tools=tuple(map(_with_typed_parameters, body.tools)))


def _with_typed_parameters(tool: Tool) -> Tool:
    if tool.function_declarations is None:
        return tool
    return Tool(function_declarations=tuple(map(_typed, tool.function_declarations)))


def _typed(declaration: FunctionDeclaration) -> FunctionDeclaration:
    if declaration.parameters_json_schema is None:
        return declaration
    typed = to_openapi(declaration.parameters_json_schema)
    return FunctionDeclaration(
        name=declaration.name,
        description=declaration.description,
        # older models refuse an object without properties
        parameters=typed if "properties" in typed else None,
    )


def _schema_of(body: GenerateContentRequest) -> JsonObject | None:
    config = body.generation_config
    if config is None:
        return None
    schema = config.response_json_schema
    return schema if isinstance(schema, dict) else config.response_schema


def _configured(body: GenerateContentRequest, **fields: object) -> GenerateContentRequest:
    if body.generation_config is None:
        return body
    config = replace(body.generation_config, **fields)
    return replace(body, generation_config=config if config != GenerationConfig() else None)


def _instructed(body: GenerateContentRequest, json_mode: JsonMode) -> GenerateContentRequest:
    said = body.system_instruction.parts if body.system_instruction else ()
    instruction = Content(parts=(*said, Part(text=json_mode.as_instruction)))
    return replace(body, system_instruction=instruction)


# --- the table --------------------------------------------------------------------------------------------


def _says(*beginnings: str) -> re.Pattern[str]:
    """Any of these, where Google begins to speak: behind the field it looked at, or behind Vertex AI's phrase."""
    lead = r"(?:\* GenerateContentRequest\.[\w.\[\]]{1,200}: |Unable to submit request because )?"
    return re.compile(f"{lead}(?:{'|'.join(beginnings)})", re.IGNORECASE)


def _unknown(*names: str, at: str) -> str:
    """Google's parser knows none of these fields. Other fields it may name before, each on a line of its own.

    In Code Assist's envelope the path begins with `request`.
    """
    line = r'Invalid JSON payload received\. Unknown name "'
    spellings = "|".join(re.sub(r"(?<=[a-z])([A-Z])", r"_?\1", name) for name in names)
    return rf"(?:{line}\w+\"[^\n]*\n)*{line}(?:{spellings})\" at '(?:request\.)?{at}': Cannot find field"


FORGOTTEN_SIGNATURES = Remedy(
    "signatures of thoughts are replaced by placeholders",
    _says(
        r"Function call (?:`[^`]{1,200}` in .{1,60} )?is missing a `?thought_signature",
        r"(?:Corrupted|Invalid|Mismatched) thought[ _]signature",
        r"Thought[ _]signature is (?:not valid|invalid|missing)",
        r"Invalid value at 'contents\[\d+\]\.parts\[\d+\]\.thought_signature'",
    ),
    _without_signatures,
    is_of_model=False,
)

REMEDIES: tuple[Remedy, ...] = (
    FORGOTTEN_SIGNATURES,
    Remedy(
        "the model thinks as much as it likes",
        _says(
            r"(?:The )?thinking[ _](?:level|budget|config)\b",
            r"Thinking (?:is not|can ?not be) ",
            r"Budget \d+ is invalid",
            r"You can only set only one of thinking",
            r"Thoughts can only be included",
            r"Invalid value at 'generation_config\.thinking_config\.",
            r"\* GenerateContentRequest\.generation_config\.thinking_config\b",
            _unknown("thinkingConfig", at="generation_config"),
            _unknown(
                "thinkingLevel", "thinkingBudget", "includeThoughts", at=r"generation_config\.thinking_config"
            ),
        ),
        _without("thinking_config"),
    ),
    Remedy(
        "no penalties",
        _says(r"(?:(?:Presence|Frequency)[ _])?Penalty is not "),
        _without("presence_penalty", "frequency_penalty"),
    ),
    Remedy(
        "no probabilities of tokens",
        _says(
            r"(?:response[ _]?)?logprobs is not ",
            _unknown("responseLogprobs", "logprobs", at="generation_config"),
        ),
        _without("response_logprobs", "logprobs"),
    ),
    Remedy(
        "the model samples as it likes",
        _says(
            r"(?:temperature|top[ _]?[pk]|sampling parameters?)(?:, \w+| and \w+){0,2} (?:is|are) "
            r"(?:not (?:enabled|supported|allowed)|deprecated)"
        ),
        _without("temperature", "top_p", "top_k"),
    ),
    Remedy("no seed", _says(r"Seed is not "), _without("seed")),
    Remedy(
        "the answer is as long as the model makes it",
        _says(r"it has a maxOutputTokens value of \d+ but the supported range is"),
        _without("max_output_tokens"),
        is_of_model=False,
    ),
    Remedy(
        "schemas in the older language",
        _says(
            _unknown("parametersJsonSchema", at=r"tools\[\d+\]\.function_declarations\[\d+\]"),
            _unknown("responseJsonSchema", at="generation_config"),
        ),
        _with_typed_schemas,
    ),
    Remedy(
        "the schema of the answer as an instruction",
        _says(r"The specified schema produces a constraint", r"A schema\b.{0,60}\bnesting depth"),
        _with_plain_json,
        is_of_model=False,
    ),
    Remedy(
        "calls are not held to their schemas",
        _says(r"The specified schema produces a constraint"),
        _with_free_calls,
        is_of_model=False,
    ),
    Remedy(
        "JSON beside tools as an instruction",
        _says(
            r"(?:Function calling|Tool use) with a response mime type\b",
            r"(?:JSON mode|Controlled generation) is not supported with\b",
        ),
        _without_json_mode,
    ),
    Remedy(
        "no search beside functions",
        _says(
            r"Tool call context circulation is not enabled",
            r"Built-in tools .{0,80}\band Function Calling cannot be combined",
            r"Tool use with function calling is unsupported",
            r"Multiple tools are supported only when they are all search tools",
            _unknown("includeServerSideToolInvocations", at="tool_config"),
        ),
        _without_search_beside_functions,
    ),
    Remedy(
        "no resolution of single files",
        _says(
            r"Media[ _]resolution of a part is not ",
            _unknown("mediaResolution", at=r"contents\[\d+\]\.parts\[\d+\]"),
        ),
        _without_part_resolution,
    ),
    Remedy(
        "the model is asked to continue",
        _says(
            r"Please ensure that the last turn is a user turn",
            r"Please ensure that (?:single turn|multiturn) requests end with a user role",
        ),
        _ending_with_the_user,
    ),
)
"""Of several that fit, the first that has something to give up."""
