"""Every item of a conversation, and where the client wrote it."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from antigravity_addon.errors import UnknownObject
from antigravity_addon.wire.inbound import shown
from antigravity_addon.wire.openai_responses.items import (
    AdditionalTools,
    Compaction,
    ConfigurationUpdate,
    InputItem,
    ItemReference,
    Message,
)
from antigravity_addon.wire.openai_responses.request import ResponsesRequest

from . import opaque


@dataclass(frozen=True, slots=True)
class Placed:
    item: InputItem
    path: str


def referenced_ids(items: Iterable[InputItem]) -> frozenset[str]:
    """The ids that `placed_items` wants to know more of."""
    return frozenset(item.id for item in items if isinstance(item, ItemReference))


def placed_items(
    request: ResponsesRequest,
    *,
    history: tuple[InputItem, ...] = (),
    referenced: Mapping[str, InputItem],
) -> tuple[Placed, ...]:
    """The history, then the input, with the items in place of the references to them.

    A reasoning item that is not known is left out: it was for the model's good alone. So is one that the history
    refers to and that was deleted since.

    Raises: UnknownObject: any other reference to an item that is not known.
    """
    return (
        *_since_compaction(tuple(_of_history(request, history, referenced))),
        *_of_input(request.items, referenced),
    )


def summary_of(item: InputItem) -> str | None:
    """What an earlier compaction of ours left of a conversation."""
    if not isinstance(item, Compaction):
        return None
    carried = opaque.decode(item.encrypted_content or "")
    return carried.content if carried and carried.of == "summary" else None


def _of_history(
    request: ResponsesRequest, history: tuple[InputItem, ...], referenced: Mapping[str, InputItem]
) -> Iterator[Placed]:
    field = "previous_response_id" if request.conversation is None else "conversation"
    for index, item in enumerate(history):
        if (found := _found(item, referenced)) is not None:
            yield Placed(found, f"{field}[{index}]")


def _of_input(items: tuple[InputItem, ...], referenced: Mapping[str, InputItem]) -> Iterator[Placed]:
    for index, item in enumerate(items):
        if (found := _found(item, referenced)) is not None:
            yield Placed(found, f"input[{index}]")
        elif isinstance(item, ItemReference) and not item.id.startswith("rs_"):
            raise UnknownObject(f"Item with id {shown(item.id)} not found.", param="input")


def _found(item: InputItem, referenced: Mapping[str, InputItem]) -> InputItem | None:
    if not isinstance(item, ItemReference):
        return item
    found = referenced.get(item.id)
    return None if isinstance(found, ItemReference) else found


def _since_compaction(history: tuple[Placed, ...]) -> tuple[Placed, ...]:
    """The last summary stands for all that was said and called ahead of it."""
    start = max((i for i, placed in enumerate(history) if summary_of(placed.item) is not None), default=0)
    return (*(placed for placed in history[:start] if _outlives_compaction(placed.item)), *history[start:])


def _outlives_compaction(item: InputItem) -> bool:
    match item:
        case Message(role="system" | "developer") | AdditionalTools() | ConfigurationUpdate():
            return True
        case _:
            return False
