"""Chat requests of every size."""

import json
from collections.abc import Mapping, Sequence

from .answers import MODEL, TOOL, Answer, image, source_text

_TURN = 1000
"""Characters of each turn of a history."""
_PARAMETERS = 30
_SAVE = {
    "type": "function",
    "function": {
        "name": TOOL,
        "parameters": {
            "type": "object",
            "properties": {"path": {"type": "string"}, "content": {"type": "string"}},
        },
    },
}


def asking_for(answer: Answer) -> bytes:
    """Streamed, with the tool that the answer may call."""
    return _chat([_user("Go on.", answer)], stream=True, tools=[_SAVE])


def with_image(size: int, answer: Answer) -> bytes:
    parts = [
        {"type": "text", "text": f"What is it? {answer.wish}"},
        {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{image(size)}"}},
    ]
    return _chat([{"role": "user", "content": parts}])


def with_argument(size: int, answer: Answer) -> bytes:
    """In the history, as the client got it."""
    messages = [_user("Save it."), *_call(0, source_text(size)), _user("And now?", answer)]
    return _chat(messages, tools=[_SAVE])


def with_history(turns: int, answer: Answer) -> bytes:
    """As an agent has it: calls and their results in turn."""
    calls = [message for number in range(turns // 2) for message in _call(number, source_text(_TURN))]
    return _chat([_user("Begin."), *calls, _user("And now?", answer)], tools=[_SAVE])


def with_tools(tools: int, answer: Answer) -> bytes:
    """Each with as many parameters as the largest that agents declare: more work for each byte than anything else."""
    either = {"anyOf": [{"type": "string"}, {"type": "null"}]}
    declared: list[dict[str, object]] = []
    for tool in range(tools):
        properties = {f"p{tool}_{number}": either for number in range(_PARAMETERS)}
        parameters = {"type": "object", "properties": properties}
        declared.append({"type": "function", "function": {"name": f"tool_{tool}", "parameters": parameters}})
    return _chat([_user("Begin.", answer)], tools=declared)


def _user(text: str, answer: Answer | None = None) -> dict[str, object]:
    return {"role": "user", "content": f"{text} {answer.wish}" if answer else text}


def _call(number: int, content: str) -> list[dict[str, object]]:
    arguments = json.dumps({"path": f"{number}.py", "content": content})
    call = {"id": f"call_{number}", "type": "function", "function": {"name": TOOL, "arguments": arguments}}
    return [
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": f"call_{number}", "content": f"{number}: {content}"},
    ]


def _chat(messages: Sequence[Mapping[str, object]], **more: object) -> bytes:
    return json.dumps({"model": MODEL, "messages": messages, **more}).encode()
