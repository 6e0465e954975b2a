"""`docs/chat-completions.md` names every field, and says what is true of it."""

import re
from pathlib import Path

from antigravity_addon.wire.openai_chat.request import ChatCompletionRequest

DOCS = Path(__file__).parents[3] / "docs" / "chat-completions.md"
ROW = re.compile(r"^\| `(\w+)` \| (mapped|ignored|refused) \|", re.MULTILINE)

OPENAI_FIELDS = {
    "audio", "frequency_penalty", "function_call", "functions", "logit_bias", "logprobs",
    "max_completion_tokens", "max_tokens", "messages", "metadata", "modalities", "model", "moderation",
    "n", "parallel_tool_calls", "prediction", "presence_penalty", "prompt_cache_key",
    "prompt_cache_options", "prompt_cache_retention", "reasoning_effort", "response_format",
    "safety_identifier", "seed", "service_tier", "stop", "store", "stream", "stream_options",
    "temperature", "tool_choice", "tools", "top_logprobs", "top_p", "user", "verbosity",
    "web_search_options",
}  # fmt: skip
"""OpenAI's own description of the request, November 2026."""


def rows() -> list[tuple[str, str]]:
    return ROW.findall(DOCS.read_text(encoding="utf-8"))


def test_every_field_has_one_row() -> None:
    fields = [field for field, _ in rows()]
    assert len(fields) == len(set(fields))
    assert set(fields) == OPENAI_FIELDS | ChatCompletionRequest.model_fields.keys()


def test_what_is_not_read_is_ignored_and_nothing_else_is() -> None:
    ignored = {field for field, fate in rows() if fate == "ignored"}
    assert ignored == {field for field, _ in rows()} - ChatCompletionRequest.model_fields.keys()
