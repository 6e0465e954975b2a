"""Items that are known whole at once: what they are made of, and the events that tell of them."""

from collections.abc import Iterator
from copy import replace
from typing import assert_never

from antigravity_addon.translate.events import ToolCall
from antigravity_addon.translate.tool_payloads import to_arguments_text, to_custom_input
from antigravity_addon.wire.base import absent, written
from antigravity_addon.wire.openai_responses import events as event
from antigravity_addon.wire.openai_responses import output_items as item

from .client_tools import to_local_shell_action, to_patch_operation, to_shell_action
from .forms import CallForm, Kind

ID_PREFIXES: dict[Kind, str] = {
    Kind.FUNCTION: "fc",
    Kind.CUSTOM: "ctc",
    Kind.LOCAL_SHELL: "lsh",
    Kind.SHELL: "sh",
    Kind.APPLY_PATCH: "apc",
}
"""Of the ids of calls as items."""


def to_call_item(call: ToolCall, form: CallForm, *, item_id: str, call_id: str) -> item.CallItem:
    match form.kind:
        case Kind.FUNCTION:
            return item.FunctionCall(
                id=item_id,
                status="completed",
                arguments=written(to_arguments_text(call.arguments)),
                call_id=call_id,
                name=form.name,
                namespace=absent(form.namespace),
            )
        case Kind.CUSTOM:
            return item.CustomToolCall(
                id=item_id,
                status="completed",
                call_id=call_id,
                name=form.name,
                namespace=absent(form.namespace),
                input=written(to_custom_input(call.arguments)),
            )
        case Kind.LOCAL_SHELL:
            action = to_local_shell_action(call.arguments)
            return item.LocalShellCall(id=item_id, status="completed", call_id=call_id, action=action)
        case Kind.SHELL:
            action = to_shell_action(call.arguments)
            return item.ShellCall(id=item_id, status="completed", call_id=call_id, action=action)
        case Kind.APPLY_PATCH:
            operation = to_patch_operation(call.arguments)
            return item.ApplyPatchCall(id=item_id, status="completed", call_id=call_id, operation=operation)
        case _:
            assert_never(form.kind)


def events_of(whole: item.WholeItem, output_index: int) -> Iterator[event.Event]:
    yield event.OutputItemAdded(output_index=output_index, item=_as_added(whole))
    place = event.ItemPlace(item_id=whole.id, output_index=output_index)
    match whole:
        case item.FunctionCall(name=name, arguments=arguments):
            # pydantic-ai and LangChain read arguments from deltas alone, so there is always one
            yield event.FunctionCallArgumentsDelta(**place, delta=arguments)
            yield event.FunctionCallArgumentsDone(**place, name=name, arguments=arguments)
        case item.CustomToolCall(input=text):
            yield event.CustomToolCallInputDelta(**place, delta=text)
            yield event.CustomToolCallInputDone(**place, input=text)
        case item.WebSearchCall():
            yield event.WebSearchCallInProgress(**place)
            yield event.WebSearchCallSearching(**place)
            yield event.WebSearchCallCompleted(**place)
        case item.LocalShellCall() | item.ShellCall() | item.ApplyPatchCall():
            pass
        case item.ImageGenerationCall() | item.Compaction():
            pass
        case _:
            assert_never(whole)
    yield event.OutputItemDone(output_index=output_index, item=whole)


def _as_added(whole: item.WholeItem) -> item.WholeItem:
    """As the item is before anything has come of it."""
    match whole:
        case item.FunctionCall():
            return replace(whole, status="in_progress", arguments="")
        case item.CustomToolCall():
            return replace(whole, status="in_progress", input="")
        case item.ImageGenerationCall():
            return replace(whole, status="in_progress", result=None)
        case item.Compaction():
            return whole
        case _:
            return replace(whole, status="in_progress")
