"""The endpoints, and for each field of their requests a value that says something."""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from antigravity_addon.translate.openai_audio.request import transcription_to_gemini
from antigravity_addon.translate.openai_chat.request import to_gemini as chat_to_gemini
from antigravity_addon.translate.openai_completions.request import prompts_of
from antigravity_addon.translate.openai_completions.request import to_gemini as completion_to_gemini
from antigravity_addon.translate.openai_images.request import to_gemini as image_to_gemini
from antigravity_addon.translate.openai_responses.request import to_gemini as response_to_gemini
from antigravity_addon.wire.base import Json
from antigravity_addon.wire.openai_audio.request import TranscriptionRequest, parse_transcription
from antigravity_addon.wire.openai_chat.request import ChatCompletionRequest
from antigravity_addon.wire.openai_chat.request import parse as parse_chat
from antigravity_addon.wire.openai_completions.request import CompletionRequest
from antigravity_addon.wire.openai_completions.request import parse as parse_completion
from antigravity_addon.wire.openai_images.request import ImageRequest
from antigravity_addon.wire.openai_images.request import parse as parse_image
from antigravity_addon.wire.openai_responses.request import ResponsesRequest
from antigravity_addon.wire.openai_responses.request import parse as parse_response
from tests.translate.openai_audio.forms import CONTENT_TYPE, form, part

from .pages import ROOT

_ROW = re.compile(r"^\| `(\w+)` \| (mapped|ignored|refused) \|", re.MULTILINE)

type Sent = str
"""What goes upstream, as text; of several requests all."""


@dataclass(frozen=True)
class Endpoint:
    page: str
    base: dict[str, Any]
    """The least that a request can be."""
    openai: frozenset[str]
    """The fields in OpenAI's own description of the request, November 2026."""
    read: frozenset[str]
    """The fields that the models know."""
    send: Callable[[bytes], Sent]
    probes: dict[str, Any]
    """For each field a value that says something."""
    answered: frozenset[str] = frozenset()
    """Fields that are read, and change something else than what is sent: the answer, or which account pays."""
    beside: dict[str, dict[str, Any]] = field(default_factory=dict[str, dict[str, Any]])
    """What a field needs beside itself to say something."""


def _send_chat(body: bytes) -> Sent:
    request = parse_chat(body)
    return chat_to_gemini(request, "gemini-2.5-flash").body.to_json().decode()


def _send_completion(body: bytes) -> Sent:
    request = parse_completion(body)
    bodies = (completion_to_gemini(request, prompt, "gemini-2.0-flash") for prompt in prompts_of(request))
    return "\n".join(each.to_json().decode() for each in bodies)


def _send_response(body: bytes) -> Sent:
    request = parse_response(body)
    return response_to_gemini(request, "gemini-2.5-flash").body.to_json().decode()


_USER = {"role": "user", "content": "x"}
_FUNCTION = {"name": "f", "parameters": {"type": "object", "properties": {"a": {"type": "string"}}}}
_TOOLS = [{"type": "function", "function": _FUNCTION}]

CHAT = Endpoint(
    page="chat-completions.md",
    base={"model": "m", "messages": [_USER]},
    openai=frozenset({
        "audio", "frequency_penalty", "function_call", "functions", "logit_bias", "logprobs",
        "max_completion_tokens", "max_tokens", "messages", "metadata", "modalities", "model", "moderation",
        "n", "parallel_tool_calls", "prediction", "presence_penalty", "prompt_cache_key",
        "prompt_cache_options", "prompt_cache_retention", "reasoning_effort", "response_format",
        "safety_identifier", "seed", "service_tier", "stop", "store", "stream", "stream_options",
        "temperature", "tool_choice", "tools", "top_logprobs", "top_p", "user", "verbosity",
        "web_search_options",
    }),
    read=frozenset(ChatCompletionRequest.model_fields),
    send=_send_chat,
    answered=frozenset({
        "model", "n", "parallel_tool_calls", "prompt_cache_key", "stream", "stream_options", "user",
    }),
    beside={
        "tool_choice": {"tools": _TOOLS},
        "function_call": {"functions": [_FUNCTION]},
        "top_logprobs": {"logprobs": True},
    },
    probes={
        "audio": {"voice": "alloy", "format": "mp3"},
        "extra_body": {"google": {"thinking_config": {"thinking_budget": 77}}},
        "frequency_penalty": 1.0,
        "function_call": {"name": "f"},
        "functions": [_FUNCTION],
        "google": {"thinking_config": {"thinking_budget": 77}},
        "logit_bias": {"50256": -100},
        "logprobs": True,
        "max_completion_tokens": 99,
        "max_tokens": 99,
        "messages": [_USER, {"role": "assistant", "content": "y"}, _USER],
        "metadata": {"a": "b"},
        "modalities": ["text", "image"],
        "model": "other",
        "moderation": {"mode": "auto"},
        "n": 2,
        "parallel_tool_calls": False,
        "prediction": {"type": "content", "content": "x"},
        "presence_penalty": 1.0,
        "prompt_cache_key": "k",
        "prompt_cache_options": {"mode": "auto"},
        "prompt_cache_retention": "24h",
        "reasoning": {"effort": "high"},
        "reasoning_effort": "low",
        "response_format": {"type": "json_object"},
        "safety_identifier": "u",
        "seed": 7,
        "service_tier": "flex",
        "stop": ["END"],
        "store": True,
        "stream": True,
        "stream_options": {"include_usage": True},
        "temperature": 0.5,
        "thinking": {"type": "enabled", "budget_tokens": 2000},
        "tool_choice": "required",
        "tools": _TOOLS,
        "top_k": 7,
        "top_logprobs": 3,
        "top_p": 0.5,
        "user": "u",
        "verbosity": "low",
        "web_search_options": {},
    },
)  # fmt: skip

COMPLETIONS = Endpoint(
    page="completions.md",
    base={"model": "m", "prompt": "x"},
    openai=frozenset({
        "best_of", "echo", "frequency_penalty", "logit_bias", "logprobs", "max_tokens", "model", "n",
        "presence_penalty", "prompt", "seed", "stop", "stream", "stream_options", "suffix", "temperature",
        "top_p", "user",
    }),
    read=frozenset(CompletionRequest.model_fields),
    send=_send_completion,
    answered=frozenset({"model", "stream", "stream_options", "echo", "best_of", "user"}),
    beside={"best_of": {"n": 2}},
    probes={
        "best_of": 2,
        "echo": True,
        "frequency_penalty": 1.0,
        "logit_bias": {"50256": -100},
        "logprobs": 3,
        "max_tokens": 99,
        "model": "other",
        "n": 2,
        "presence_penalty": 1.0,
        "prompt": ["a", "b"],
        "seed": 7,
        "stop": "END",
        "stream": True,
        "stream_options": {"include_usage": True},
        "suffix": "z",
        "temperature": 0.5,
        "top_p": 0.5,
        "user": "u",
    },
)  # fmt: skip

RESPONSES = Endpoint(
    page="responses.md",
    base={"model": "m", "input": "x"},
    openai=frozenset({
        "background", "context_management", "conversation", "include", "input", "instructions",
        "max_output_tokens", "max_tool_calls", "metadata", "model", "moderation", "parallel_tool_calls",
        "previous_response_id", "prompt", "prompt_cache_key", "prompt_cache_options",
        "prompt_cache_retention", "reasoning", "safety_identifier", "service_tier", "store", "stream",
        "stream_options", "temperature", "text", "tool_choice", "tools", "top_logprobs", "top_p",
        "truncation", "user",
    }),
    read=frozenset(ResponsesRequest.model_fields),
    send=_send_response,
    answered=frozenset({
        # what the request goes on from is found before it is translated
        "conversation", "previous_response_id",
        "max_tool_calls", "metadata", "model", "parallel_tool_calls", "prompt_cache_key",
        "safety_identifier", "store", "stream", "truncation", "user",
    }),
    beside={
        "tool_choice": {"tools": [{"type": "function", **_FUNCTION}]},
        "top_logprobs": {"include": ["message.output_text.logprobs"]},
    },
    probes={
        "background": True,
        "context_management": [{"type": "compaction"}],
        "conversation": "conv_1",
        "include": ["message.output_text.logprobs"],
        "input": "y",
        "instructions": "Be kind.",
        "max_output_tokens": 99,
        "max_tool_calls": 3,
        "metadata": {"a": "b"},
        "model": "other",
        "moderation": {"mode": "auto"},
        "parallel_tool_calls": False,
        "previous_response_id": "resp_1",
        "prompt": {"id": "pmpt_1"},
        "prompt_cache_key": "k",
        "prompt_cache_options": {"mode": "auto"},
        "prompt_cache_retention": "24h",
        "reasoning": {"effort": "low", "summary": "auto"},
        "safety_identifier": "u",
        "service_tier": "flex",
        "store": False,
        "stream": True,
        "stream_options": {"include_obfuscation": False},
        "temperature": 0.5,
        "text": {"format": {"type": "json_object"}},
        "tool_choice": "required",
        "tools": [{"type": "function", **_FUNCTION}],
        "top_logprobs": 3,
        "top_p": 0.5,
        "truncation": "auto",
        "user": "u",
    },
)  # fmt: skip


def _send_image(body: bytes) -> str:
    return image_to_gemini(parse_image(body), "gemini-3-pro-image").to_json().decode()


def _send_recording(body: bytes) -> str:
    sent: dict[str, Json] = json.loads(body)
    parts = [each for name, value in sent.items() for each in _parts(name, value)]
    request, recording = parse_transcription(form(*parts), CONTENT_TYPE)
    return transcription_to_gemini(request, recording, "gemini-2.5-flash").to_json().decode()


def _parts(name: str, value: Json) -> Iterator[bytes]:
    match value:
        case list():
            yield from (part(f"{name}[]", str(item)) for item in value)
        case None:
            yield part(name, "")
        case _:
            yield part(name, str(value), filename="a.mp3" if name == "file" else None)


IMAGES = Endpoint(
    page="images.md",
    base={"prompt": "a cat"},
    openai=frozenset({
        "background", "model", "moderation", "n", "output_compression", "output_format", "partial_images",
        "prompt", "quality", "response_format", "size", "stream", "style", "user",
    }),
    read=frozenset(ImageRequest.model_fields),
    send=_send_image,
    answered=frozenset({"model", "n", "response_format"}),
    probes={
        "background": "transparent",
        "model": "other",
        "moderation": "low",
        "n": 2,
        "output_compression": 50,
        "output_format": "svg",
        "partial_images": 1,
        "prompt": "a dog",
        "quality": "hd",
        "response_format": "url",
        "size": "1536x1024",
        "stream": True,
        "style": "vivid",
        "user": "u",
    },
)  # fmt: skip

AUDIO = Endpoint(
    page="audio.md",
    base={"file": "x", "model": "m"},
    openai=frozenset({
        "chunking_strategy", "file", "include", "keywords", "known_speaker_names", "known_speaker_references",
        "language", "languages", "model", "prompt", "response_format", "stream", "temperature",
        "timestamp_granularities",
    }),
    read=frozenset(TranscriptionRequest.model_fields) | {"file"},
    send=_send_recording,
    answered=frozenset({"model", "response_format", "stream"}),
    probes={
        "chunking_strategy": "auto",
        "file": "y",
        "include": ["logprobs"],
        "keywords": ["Zoë"],
        "known_speaker_names": ["Zoë"],
        "known_speaker_references": ["data:audio/wav;base64,eA=="],
        "language": "fr",
        "languages": ["fr"],
        "model": "other",
        "prompt": "Names: Zoë",
        "response_format": "text",
        "stream": True,
        "temperature": 0.5,
        "timestamp_granularities": ["word"],
    },
)  # fmt: skip

ENDPOINTS = {
    "chat": CHAT,
    "responses": RESPONSES,
    "completions": COMPLETIONS,
    "images": IMAGES,
    "audio": AUDIO,
}


def rows(endpoint: Endpoint) -> list[tuple[str, str]]:
    """(field, fate) of the page's first table."""
    page = (ROOT / "docs" / endpoint.page).read_text(encoding="utf-8")
    return _ROW.findall(page.partition("\n### ")[0])
