"""Items as they are kept and listed: the short ways in which clients may write them are written out."""

from collections.abc import Callable

from antigravity_addon.wire.base import Json, JsonObject

_PREFIXES = {
    "message": "msg",
    "reasoning": "rs",
    "function_call": "fc",
    "function_call_output": "fco",
    "custom_tool_call": "ctc",
    "custom_tool_call_output": "ctco",
    "local_shell_call": "lsh",
    "local_shell_call_output": "lsho",
    "shell_call": "sh",
    "shell_call_output": "sho",
    "apply_patch_call": "apc",
    "apply_patch_call_output": "apco",
    "web_search_call": "ws",
    "compaction": "cmp",
}


def to_stored(item: str | JsonObject, new_id: Callable[[str], str]) -> JsonObject:
    """`new_id` makes an id from its prefix, for an item that has none."""
    written_out = _written_out(item)
    kind = written_out.get("type")
    if not isinstance(written_out.get("id"), str) or not written_out["id"]:
        prefix = _PREFIXES.get(kind, "item") if isinstance(kind, str) else "item"
        written_out = {**written_out, "id": new_id(prefix)}
    return written_out


def _written_out(item: str | JsonObject) -> JsonObject:
    match item:
        case str(text):
            return _user_message([{"type": "input_text", "text": text}])
        case {"type": str(kind)} if kind.startswith(("input_", "output_")) or kind in {"text", "refusal"}:
            return _user_message([item])
        case {"role": str(role), "content": str(text)}:
            part = "output_text" if role == "assistant" else "input_text"
            content: list[Json] = [{"type": part, "text": text, **_ANNOTATED.get(part, {})}]
            return {"status": "completed", **item, "type": "message", "content": content}
        case {"role": str()}:
            return {"status": "completed", **item, "type": "message"}
        case _:
            return item


_ANNOTATED: dict[str, JsonObject] = {"output_text": {"annotations": []}}


def _user_message(content: list[Json]) -> JsonObject:
    return {"type": "message", "role": "user", "status": "completed", "content": content}
