"""What an answer repeats of its request."""

from typing import Any

from antigravity_addon.wire.base import Json
from antigravity_addon.wire.openai_responses.request import ResponsesRequest, Verbatim
from antigravity_addon.wire.openai_responses.response import ConversationReference, Echo


def to_echo(request: ResponsesRequest, verbatim: Verbatim) -> Echo:
    """Both of one body. What the client did not send is what it is at OpenAI."""
    conversation_id = request.conversation_id
    sent: dict[str, Any] = {
        "instructions": request.instructions,
        "max_output_tokens": request.max_output_tokens,
        "max_tool_calls": request.max_tool_calls,
        "metadata": request.metadata,
        "parallel_tool_calls": request.parallel_tool_calls,
        "previous_response_id": request.previous_response_id,
        "conversation": ConversationReference(id=conversation_id) if conversation_id else None,
        "prompt_cache_key": request.prompt_cache_key,
        "reasoning": verbatim.reasoning,
        "safety_identifier": request.safety_identifier,
        "store": request.store,
        "temperature": request.temperature,
        "text": verbatim.text,
        "tool_choice": verbatim.tool_choice,
        "tools": tuple(map(_with_required_keys, verbatim.tools or ())),
        "top_logprobs": request.top_logprobs,
        "top_p": request.top_p,
        "truncation": request.truncation,
        "user": request.user,
    }
    return Echo(**{name: value for name, value in sent.items() if value is not None})


def _with_required_keys(tool: Json) -> Json:
    """OpenAI's answers have these where the request did without, and its strict types want them."""
    match tool:
        case {"type": "function"}:
            return {"parameters": None, "strict": None, **tool}
        case _:
            return tool
