"""The requests of OpenAI's that a view can translate again, and what the gateway itself does with fields of theirs.

Translation is pure, so it can be asked anew at any time. What it wants of state is stood in for: no signatures, for
each web URL a file that is none, for what was said before only the calls that the request answers.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from pydantic_core import to_json

from antigravity_addon.translate.media import Fetched, WebMedium
from antigravity_addon.translate.openai_chat.messages import references as chat_references
from antigravity_addon.translate.openai_chat.request import to_gemini as chat_to_gemini
from antigravity_addon.translate.openai_completions.request import prompts_of
from antigravity_addon.translate.openai_completions.request import to_gemini as completion_to_gemini
from antigravity_addon.translate.openai_content import WebReference
from antigravity_addon.translate.openai_images.request import to_gemini as image_to_gemini
from antigravity_addon.translate.openai_responses.items import references as response_references
from antigravity_addon.translate.openai_responses.placed import placed_items, referenced_ids
from antigravity_addon.translate.openai_responses.request import to_gemini as response_to_gemini
from antigravity_addon.wire.base import Json
from antigravity_addon.wire.gemini import GenerateContentRequest
from antigravity_addon.wire.inbound import ClientInbound
from antigravity_addon.wire.openai_chat.request import ChatCompletionRequest
from antigravity_addon.wire.openai_chat.request import parse as parse_chat
from antigravity_addon.wire.openai_completions.request import CompletionRequest
from antigravity_addon.wire.openai_completions.request import parse as parse_completion
from antigravity_addon.wire.openai_images.request import ImageRequest
from antigravity_addon.wire.openai_images.request import parse as parse_image
from antigravity_addon.wire.openai_responses.items import (
    ApplyPatchCall,
    ApplyPatchCallOutput,
    CustomToolCall,
    CustomToolCallOutput,
    FunctionCall,
    FunctionCallOutput,
    InputItem,
    LocalShellCall,
    LocalShellCallOutput,
    ShellCall,
    ShellCallOutput,
)
from antigravity_addon.wire.openai_responses.request import ResponsesRequest, parse_compact, parse_items
from antigravity_addon.wire.openai_responses.request import parse as parse_response


@dataclass(frozen=True, slots=True)
class Translation:
    name: str
    request: type[ClientInbound]
    said: frozenset[str]
    """The fields that hold what is said: they are explained by what they became, not by leaving them out."""
    kept: frozenset[str]
    """The fields that stand for what only the gateway knows. What was stood in for it is not what they became."""
    translate: Callable[[bytes, str], tuple[GenerateContentRequest, ...]]
    """Body and Gemini model -> one request for each choice, as the gateway has it. Raises: GatewayError."""
    gateway: Mapping[str, str]
    """What the gateway itself does with a field, whether or not Gemini hears of it. Keys are as in `a.b`."""


# --- what stands in for state -----------------------------------------------------------------------------

_IMAGE = WebMedium(b"\x89PNG\r\n\x1a\n", "image/png")
_FILE = WebMedium(b"%PDF-", "application/pdf")


def _as_if_fetched(references: Iterable[WebReference]) -> Fetched:
    return {each.url: _IMAGE if each.is_image else _FILE for each in references}


def _as_if_called(items: tuple[InputItem, ...]) -> tuple[InputItem, ...]:
    """A call for each result that answers none of the request's own: it was in what went before."""
    known: set[str] = set()
    before: list[Json] = []
    for item in items:
        match item:
            case FunctionCall() | CustomToolCall() | ShellCall() | ApplyPatchCall():
                known.add(item.call_id)
            case LocalShellCall():
                known.update(name for name in (item.call_id, item.id) if name)
            case _:
                before.extend(call for name, call in _answered(item) if name not in known)
    return parse_items(to_json(before))


def _answered(item: InputItem) -> Iterator[tuple[str, Json]]:
    match item:
        case FunctionCallOutput(call_id=name):
            yield name, {"type": "function_call", "call_id": name, "name": "unknown", "arguments": "{}"}
        case CustomToolCallOutput(call_id=name):
            yield name, {"type": "custom_tool_call", "call_id": name, "name": "unknown", "input": ""}
        case LocalShellCallOutput() if name := item.call_id or item.id:
            yield (
                name,
                {"type": "local_shell_call", "id": name, "call_id": name, "action": {"command": []}},
            )
        case ShellCallOutput(call_id=name):
            yield name, {"type": "shell_call", "call_id": name, "action": {"commands": []}}
        case ApplyPatchCallOutput(call_id=name):
            operation: Json = {"type": "delete_file", "path": "unknown"}
            yield name, {"type": "apply_patch_call", "call_id": name, "operation": operation}
        case _:
            pass


# --- the endpoints ----------------------------------------------------------------------------------------


def _chat(body: bytes, model: str) -> tuple[GenerateContentRequest, ...]:
    request = parse_chat(body)
    fetched = _as_if_fetched(chat_references(request.messages))
    return (chat_to_gemini(request, model, fetched=fetched).body,)


def _completions(body: bytes, model: str) -> tuple[GenerateContentRequest, ...]:
    request = parse_completion(body)
    return tuple(completion_to_gemini(request, prompt, model) for prompt in prompts_of(request))


def _response(request: ResponsesRequest, model: str) -> tuple[GenerateContentRequest, ...]:
    goes_on = request.previous_response_id is not None or request.conversation is not None
    history = _as_if_called(request.items) if goes_on else ()
    ids = referenced_ids(request.items)
    items: list[Json] = [{"role": "user", "content": f"(item {each})"} for each in ids]
    referenced = dict(zip(ids, parse_items(to_json(items)), strict=True))
    placed = placed_items(request, history=history, referenced=referenced)
    fetched = _as_if_fetched(response_references(placed))
    translated = response_to_gemini(request, model, history=history, referenced=referenced, fetched=fetched)
    return (translated.body,)


def _responses(body: bytes, model: str) -> tuple[GenerateContentRequest, ...]:
    return _response(parse_response(body), model)


def _compact(body: bytes, model: str) -> tuple[GenerateContentRequest, ...]:
    return _response(parse_compact(body), model)


def _image(body: bytes, model: str) -> tuple[GenerateContentRequest, ...]:
    return (image_to_gemini(parse_image(body), model),)


_MODEL = "by the gateway's model map"
_STREAM = "for the answer alone: Gemini always streams"
_USAGE = "adds a last chunk with the usage to the answer"
_CHOICES = "one request to Gemini for each choice"
_PARALLEL = "Gemini cannot be told; false hands on the first call of a step only"
_CONVERSATION = "keeps the conversation with one account"
_REPEATED = "only repeated in the answer"

CHAT = Translation(
    name="Chat Completions",
    request=ChatCompletionRequest,
    said=frozenset({"messages", "input"}),
    kept=frozenset(),
    translate=_chat,
    gateway={
        "model": _MODEL,
        "stream": _STREAM,
        "stream_options": "",
        "stream_options.include_usage": _USAGE,
        "n": _CHOICES,
        "parallel_tool_calls": _PARALLEL,
        "prompt_cache_key": _CONVERSATION,
        "user": _CONVERSATION,
    },
)
COMPLETIONS = Translation(
    name="Completions",
    request=CompletionRequest,
    said=frozenset({"prompt"}),
    kept=frozenset(),
    translate=_completions,
    gateway={
        "model": _MODEL,
        "stream": _STREAM,
        "stream_options": "",
        "stream_options.include_usage": _USAGE,
        "n": _CHOICES,
        "best_of": "more than 'n' is refused, since Gemini does not rank its answers; else it asks for nothing",
        "echo": "puts the prompt in front of the answer",
        "user": _CONVERSATION,
    },
)
RESPONSES = Translation(
    name="Responses",
    request=ResponsesRequest,
    said=frozenset({"input"}),
    kept=frozenset({"previous_response_id", "conversation"}),
    translate=_responses,
    gateway={
        "model": _MODEL,
        "stream": _STREAM,
        "store": "whether the gateway keeps the response",
        "previous_response_id": "what was said up to that response stands ahead of the input",
        "conversation": "what the gateway keeps of it stands ahead of the input",
        "include": "adds encrypted reasoning or logprobs to the answer; the rest is ignored",
        "parallel_tool_calls": _PARALLEL,
        "max_tool_calls": _REPEATED,
        "metadata": _REPEATED,
        "safety_identifier": _REPEATED,
        "truncation": f"{_REPEATED}: nothing is dropped",
        "prompt_cache_key": _CONVERSATION,
        "user": _CONVERSATION,
    },
)
COMPACT = Translation(
    name="Responses, compacted",
    request=ResponsesRequest,
    said=RESPONSES.said,
    kept=RESPONSES.kept,
    translate=_compact,
    gateway={
        **RESPONSES.gateway,
        "store": "nothing is kept of a compaction",
        "stream": "a compaction is never streamed to the client",
    },
)
IMAGES = Translation(
    name="Images",
    request=ImageRequest,
    said=frozenset({"prompt"}),
    kept=frozenset(),
    translate=_image,
    gateway={
        "model": _MODEL,
        "n": _CHOICES,
        "response_format": "says how the client is given the image",
        "output_format": "gif and svg are refused; else the image comes as Gemini makes it",
        "stream": "a stream of images is refused; false asks for nothing",
        "partial_images": "more than 0 is refused; 0 asks for nothing",
    },
)
