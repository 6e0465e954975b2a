import pytest

from antigravity_addon.translate.openai_responses.stored import to_stored
from antigravity_addon.wire.base import JsonObject


def from_user(part: JsonObject) -> JsonObject:
    return {"type": "message", "role": "user", "status": "completed", "content": [part], "id": "msg_new"}


ITEMS: dict[str, tuple[str | JsonObject, JsonObject]] = {
    "a text": ("a", from_user({"type": "input_text", "text": "a"})),
    "a part of an input alone": (
        {"type": "input_image", "image_url": "u"},
        from_user({"type": "input_image", "image_url": "u"}),
    ),
    "a part of an output alone": (
        {"type": "output_text", "text": "a"},
        from_user({"type": "output_text", "text": "a"}),
    ),
    "a part of Chat Completions": ({"type": "text", "text": "a"}, from_user({"type": "text", "text": "a"})),
    "a refusal alone": ({"type": "refusal", "refusal": "a"}, from_user({"type": "refusal", "refusal": "a"})),
    "a message of a text": (
        {"role": "user", "content": "a"},
        from_user({"type": "input_text", "text": "a"}),
    ),
    "a message of the assistant's": (
        {"role": "assistant", "content": "a", "status": "incomplete", "phase": "x"},
        {
            "type": "message",
            "role": "assistant",
            "status": "incomplete",
            "phase": "x",
            "content": [{"type": "output_text", "text": "a", "annotations": []}],
            "id": "msg_new",
        },
    ),
    "a message in parts, with an id": (
        {"role": "user", "id": "msg_1", "content": [{"type": "input_text", "text": "a"}]},
        from_user({"type": "input_text", "text": "a"}) | {"id": "msg_1"},
    ),
    "an id that is empty": (
        {"type": "reasoning", "summary": [], "id": ""},
        {"type": "reasoning", "summary": [], "id": "rs_new"},
    ),
    "a kind that nobody knows": ({"type": "new", "x": 1}, {"type": "new", "x": 1, "id": "item_new"}),
    "a kind that is none": ({"type": 7}, {"type": 7, "id": "item_new"}),
}


@pytest.mark.parametrize(("item", "stored"), ITEMS.values(), ids=ITEMS)
def test_items_are_kept_written_out_and_with_an_id(item: str | JsonObject, stored: JsonObject) -> None:
    assert to_stored(item, lambda prefix: f"{prefix}_new") == stored
