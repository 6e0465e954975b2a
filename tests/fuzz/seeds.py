"""Sound things to spoil: the requests, answers, errors and files of the other tests."""

from functools import cache
from pathlib import Path
from typing import Any

from antigravity_addon.gateway.routes import Endpoint
from tests.accounts import test_file
from tests.gateway import test_client_keys, test_prices
from tests.gateway.test_reader_laws import SOUND
from tests.translate.openai_chat import test_request as chat
from tests.translate.openai_chat.test_request_golden import REQUESTS
from tests.translate.openai_responses import test_request as responses
from tests.translate.openai_responses import test_request_client_tools as client_tools
from tests.upstream import test_classify
from tests.views import requests

type Body = dict[str, Any]

_TESTS = Path(__file__).parents[1]
_ASKED: Body = {"messages": [{"role": "user", "content": "x"}]}
_KEPT_FILES = {
    test_file.GOOD,
    *(text for text, _ in test_file.BAD.values()),
    *(text for text, _ in test_file.KINDS.values()),
    *(text for text, _ in test_file.MISFITS.values()),
}


def _of_chat() -> list[Body]:
    return [
        SOUND[Endpoint.CHAT_COMPLETIONS],
        requests.CHAT_WITH_SCHEMA,
        *(fields for _, fields in REQUESTS.values()),
        *({"messages": case[0]} for case in chat.CONVERSATIONS.values()),
        *({"messages": [{"role": "user", "content": [part]}]} for part, _ in chat.MEDIA.values()),
        *(_ASKED | {"model": model} | fields for model, fields, _ in chat.CONFIGS.values()),
        *(_ASKED | fields for fields, _ in chat.DECLARATIONS.values()),
        *(_ASKED | case[0] for case in chat.REFUSED.values()),
        _ASKED | {"n": 3, "logprobs": True, "top_logprobs": 2, "stream_options": {"include_usage": True}},
    ]


def _of_responses() -> list[Body]:
    call = {"type": "shell_call", "call_id": "c", "status": "completed"}
    patch = {"type": "apply_patch_call", "call_id": "c", "status": "completed"}
    return [
        SOUND[Endpoint.RESPONSES],
        requests.CODEX,
        {"input": "x", "previous_response_id": "resp_known"},
        {"input": "x", "conversation": "conv_known"},
        {"input": [{"type": "item_reference", "id": "msg_known"}], "conversation": {"id": "conv_known"}},
        *({"input": case[0]} for case in responses.CONVERSATIONS.values()),
        *({"input": case[0]} for case in responses.SIGNED.values()),
        *({"input": "x", "tools": tools} for tools, _, _ in responses.TOOLS.values()),
        *({"input": "x", "model": model} | fields for model, fields, _ in responses.GENERATION.values()),
        *({"input": "x"} | case[0] for case in responses.REFUSED.values()),
        *({"input": [call | {"action": action}]} for action, _ in client_tools.SHELL.values()),
        *({"input": [patch | {"operation": operation}]} for operation, _ in client_tools.PATCHES.values()),
    ]


@cache
def bodies() -> dict[Endpoint, tuple[Body, ...]]:
    """JSON by where it is sent."""
    of_responses = tuple({"model": "gpt-4o"} | body for body in _of_responses())
    items = [{"role": "user", "content": "x"}, *requests.step(1)]
    return {
        Endpoint.CHAT_COMPLETIONS: tuple({"model": "gpt-4o"} | body for body in _of_chat()),
        Endpoint.COMPLETIONS: (
            SOUND[Endpoint.COMPLETIONS],
            {"model": "gpt-3.5-turbo-instruct", "prompt": "x", "echo": True, "logprobs": 2, "max_tokens": 5},
        ),
        Endpoint.RESPONSES: of_responses,
        Endpoint.COMPACT: of_responses[:20],
        Endpoint.IMAGES: (
            SOUND[Endpoint.IMAGES],
            {"model": "gpt-image-1", "prompt": "x", "response_format": "url", "background": "opaque"},
        ),
        Endpoint.CONVERSATIONS: ({"items": items, "metadata": {"topic": "a"}}, {}),
        Endpoint.CONVERSATION: ({"metadata": {"topic": "a"}},),
        Endpoint.CONVERSATION_ITEMS: ({"items": items},),
    }


def streams() -> tuple[bytes, ...]:
    """Gemini's answers, and others that begin like them."""
    files = sorted((_TESTS / "translate" / "streams").glob("*.sse"))
    return tuple(file.read_bytes() for file in files)


def errors() -> tuple[tuple[int, bytes], ...]:
    """Google's, with their status."""
    return tuple((status, body) for status, body, _ in test_classify.CASES.values())


def account_files() -> tuple[str, ...]:
    return tuple(sorted(_KEPT_FILES))


def key_files() -> tuple[str, ...]:
    return (test_client_keys.FULL, *(text for text, _ in test_client_keys.REFUSED.values()))


def price_files() -> tuple[str, ...]:
    return (test_prices.OWN, *(text for text, _ in test_prices.BROKEN.values()))


def credential_files() -> tuple[Body, ...]:
    return (test_file.KEY_FILE, test_file.GCLOUD_FILE, test_file.GEMINI_CLI_FILE)


def flow_files() -> tuple[bytes, ...]:
    return tuple(file.read_bytes() for file in sorted((_TESTS / "flows").glob("*.mitm")))
