"""Calls of tools in an answer, as the client wants to be told of them."""

from collections.abc import Callable, MutableMapping
from dataclasses import dataclass

from msgspec import UNSET, UnsetType

from antigravity_addon.translate.conversation import Signature
from antigravity_addon.translate.events import Finished, FinishReason, ToolCall
from antigravity_addon.translate.tool_names import ToolNames
from antigravity_addon.translate.tool_payloads import to_arguments_text, to_custom_input
from antigravity_addon.wire.base import absent
from antigravity_addon.wire.openai_chat import response as wire


@dataclass(frozen=True, slots=True)
class CallForm:
    """How the client wants to be told of calls."""

    tool_names: ToolNames
    custom_tools: frozenset[str] = frozenset()
    """Its names of those tools that take text, no JSON."""
    parallel: bool = True
    """Whether it takes more than one call of an answer."""
    legacy: bool = False
    """As `function_call`, which is one call at most and has no id."""


@dataclass(frozen=True, slots=True)
class LegacyCall:
    function: wire.CalledFunction
    extra_content: wire.ExtraContent | UnsetType
    """A function call has no place for it: it goes with the message, and the request side looks there."""


class AnswerCalls:
    """The tool calls of one answer, counted, and written as the client wants them."""

    def __init__(
        self, new_id: Callable[[], str], form: CallForm, signatures: MutableMapping[str, Signature]
    ) -> None:
        """`signatures` takes those of the calls, by id."""
        self.count = 0
        self._new_id = new_id
        self._form = form
        self._signatures = signatures

    def take(self, call: ToolCall) -> wire.ToolCall | wire.CustomToolCall | LegacyCall | None:
        """`None` for the second of calls that the client wants one at a time."""
        if self.count and (self._form.legacy or not self._form.parallel):
            return None
        self.count += 1
        name = self._form.tool_names.to_client(call.name)
        if self._form.legacy:
            return LegacyCall(_to_function(name, call), to_extra_content(signature=call.signature))
        call_id = self._new_id()
        if call.signature is not None:
            self._signatures[call_id] = Signature(call.signature, call.upstream_id)
        extra_content = to_extra_content(signature=call.signature, upstream_id=call.upstream_id)
        if name in self._form.custom_tools:
            custom = wire.CalledCustom(name=name, input=to_custom_input(call.arguments))
            return wire.CustomToolCall(id=call_id, custom=custom, extra_content=extra_content)
        return wire.ToolCall(id=call_id, function=_to_function(name, call), extra_content=extra_content)

    def finish_reason(self, finished: Finished) -> wire.FinishReason:
        if self._form.legacy and finished.reason is FinishReason.TOOL_CALLS:
            return "function_call"
        return finished.reason.value


def _to_function(name: str, call: ToolCall) -> wire.CalledFunction:
    return wire.CalledFunction(name=name, arguments=to_arguments_text(call.arguments))


def to_extra_content(
    *, signature: str | None, upstream_id: str | None = None
) -> wire.ExtraContent | UnsetType:
    if signature is None and upstream_id is None:
        return UNSET
    google = wire.GoogleExtra(thought_signature=absent(signature), id=absent(upstream_id))
    return wire.ExtraContent(google=google)
