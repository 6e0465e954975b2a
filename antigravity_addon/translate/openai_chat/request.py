"""A Chat Completions request -> Gemini's.

What every field of the request becomes stands in `docs/chat-completions.md`. The modules beside this one
read OpenAI's shapes; what Gemini makes of them is the same for every dialect and stands one level up.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from antigravity_addon.errors import UnsupportedInput
from antigravity_addon.translate.conversation import Signature
from antigravity_addon.translate.gemini_models import traits_of
from antigravity_addon.translate.gemini_request import Wishes, to_request, tool_names_of
from antigravity_addon.translate.media import NOTHING_FETCHED, Fetched
from antigravity_addon.translate.tool_names import ToolNames
from antigravity_addon.wire.gemini import GenerateContentRequest
from antigravity_addon.wire.openai_chat.request import ChatCompletionRequest

from .generation import generation_of, google_options, safety_settings_of
from .messages import to_conversation
from .tools import choice_of, tools_of
from .tools import searches_web as asks_for_search

NO_SIGNATURES: Mapping[str, Signature] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class TranslatedRequest:
    body: GenerateContentRequest
    tool_names: ToolNames
    """To give the calls of the answer the names that the client knows."""
    custom_tools: frozenset[str] = frozenset()
    """The client's names of those tools whose calls are answered as `custom`: `input` as it is, no JSON."""
    uses_functions: bool = False
    """The client offered its tools as legacy `functions`, and knows no answer but `function_call`."""


def to_gemini(
    request: ChatCompletionRequest,
    model: str,
    *,
    signatures: Mapping[str, Signature] = NO_SIGNATURES,
    fetched: Fetched = NOTHING_FETCHED,
    searches_web: bool = False,
) -> TranslatedRequest:
    """`model` is the Gemini model; `signatures` knows, by call id, those that clients did not bring back; `fetched`
    what web URLs led to. `searches_web`: the model's name asks for it.

    Raises: InvalidRequest: and UnsupportedInput, naming the parameter.
    """
    _refuse_what_gemini_has_not(request)
    traits = traits_of(model)
    wishes = Wishes(
        tools=tools_of(request),
        conversation=to_conversation(request.messages, traits, signatures=signatures, fetched=fetched),
        choice=choice_of(request),
        generation=generation_of(request),
        safety_settings=safety_settings_of(request),
        searches_web=searches_web or asks_for_search(request),
    )
    names = tool_names_of(wishes)
    return TranslatedRequest(
        body=to_request(wishes, traits, names),
        tool_names=names,
        custom_tools=frozenset(tool.name for tool in wishes.tools if tool.is_custom),
        uses_functions=bool(request.functions) and not request.tools,
    )


def _refuse_what_gemini_has_not(request: ChatCompletionRequest) -> None:
    google, path = google_options(request)
    if google and google.cached_content is not None:
        raise UnsupportedInput("Explicit caches are not supported.", param=f"{path}.cached_content")
