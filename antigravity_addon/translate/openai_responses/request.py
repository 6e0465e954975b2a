"""A request of the Responses API -> Gemini's.

What every field of the request becomes stands in `docs/responses.md`. The modules beside this one read OpenAI's
shapes; what Gemini makes of them is the same for every dialect and stands one level up.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from antigravity_addon.errors import InvalidRequest, MissingParameter, UnsupportedInput
from antigravity_addon.translate.conversation import Signature
from antigravity_addon.translate.gemini_models import traits_of
from antigravity_addon.translate.gemini_request import Wishes, to_request, tool_names_of
from antigravity_addon.translate.media import NOTHING_FETCHED, Fetched
from antigravity_addon.translate.tools import ToolChoice
from antigravity_addon.wire.gemini import GenerateContentRequest
from antigravity_addon.wire.inbound import missing_parameter
from antigravity_addon.wire.openai_responses.items import CompactionTrigger, InputItem
from antigravity_addon.wire.openai_responses.request import ResponsesRequest

from .forms import CallForms
from .generation import generation_of
from .items import to_conversation
from .placed import placed_items
from .tools import Choice, choice_of, offer_of

NO_SIGNATURES: Mapping[str, Signature] = MappingProxyType({})
NO_ITEMS: Mapping[str, InputItem] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class TranslatedRequest:
    body: GenerateContentRequest
    call_forms: CallForms
    is_compaction: bool
    """The answer is a summary, and goes to the client as a `compaction` item."""
    shows_reasoning: bool
    """The client wants summaries of the model's thoughts."""


def to_gemini(
    request: ResponsesRequest,
    model: str,
    *,
    history: tuple[InputItem, ...] = (),
    referenced: Mapping[str, InputItem] = NO_ITEMS,
    signatures: Mapping[str, Signature] = NO_SIGNATURES,
    fetched: Fetched = NOTHING_FETCHED,
    searches_web: bool = False,
) -> TranslatedRequest:
    """`model` is the Gemini model; `history` stands ahead of the input; `referenced` knows items, and `signatures`
    what clients did not bring back, by id; `fetched` what web URLs led to. `searches_web`: the model's name asks for it.

    Raises: InvalidRequest: and UnsupportedInput, naming the parameter.
        UnknownObject: the input refers to an item that is not known.
    """
    refuse_what_cannot_be(request)
    traits = traits_of(model)
    is_compaction = isinstance(request.items[-1] if request.items else None, CompactionTrigger)
    items = placed_items(request, history=history, referenced=referenced)
    offer = offer_of(request, items)
    generation = generation_of(request, items)
    choice = choice_of(request, offer)
    if is_compaction:
        choice = Choice(ToolChoice("none"), may_search_web=False)
        generation = replace(generation, json_mode=None, logprobs=None)
    wishes = Wishes(
        conversation=to_conversation(
            request.instructions,
            items,
            traits,
            model=model,
            signatures=signatures,
            fetched=fetched,
            is_compaction=is_compaction,
        ),
        tools=offer.tools,
        choice=choice.functions,
        generation=generation,
        searches_web=(offer.searches_web or searches_web) and choice.may_search_web,
    )
    names = tool_names_of(wishes)
    return TranslatedRequest(
        body=to_request(wishes, traits, names),
        call_forms=offer.call_forms(names),
        is_compaction=is_compaction,
        shows_reasoning=bool(generation.thinking.shown),
    )


def refuse_what_cannot_be(request: ResponsesRequest) -> None:
    """What no model can mend.

    Raises: InvalidRequest: and UnsupportedInput, naming the parameter.
    """
    if request.background:
        raise UnsupportedInput("Nothing runs in the background: leave 'background' out.", param="background")
    if request.prompt is not None:
        raise UnsupportedInput(
            "The gateway keeps no prompt templates: send 'instructions' and 'input'.", param="prompt"
        )
    goes_on = request.previous_response_id is not None or request.conversation is not None
    if request.previous_response_id is not None and request.conversation is not None:
        raise InvalidRequest(
            "'previous_response_id' and 'conversation' cannot be used together.", param="conversation"
        )
    if not goes_on and not _has_input(request):
        if request.input is None:
            raise missing_parameter("input", request.model_extra)
        raise MissingParameter("'input' must be a text or hold at least one item.", param="input")


def _has_input(request: ResponsesRequest) -> bool:
    return any(not isinstance(item, CompactionTrigger) and item != "" for item in request.items)
