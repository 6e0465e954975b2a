"""A legacy Completions request -> Gemini's: the prompt is what the user says.

Gemini chats; it was not made to go on with a text. What OpenAI's instruct models did with a prompt is what a chat
model does with it, so the prompt goes as it is, and only text with a `suffix` needs words of ours.
"""

from antigravity_addon.errors import UnsupportedInput
from antigravity_addon.translate.conversation import Conversation, Said
from antigravity_addon.translate.gemini_models import Effort, ThinkingWish, traits_of
from antigravity_addon.translate.gemini_request import Wishes, to_request
from antigravity_addon.translate.generation import GenerationWish
from antigravity_addon.translate.tool_names import ToolNames
from antigravity_addon.translate.tools import ToolChoice
from antigravity_addon.wire import gemini
from antigravity_addon.wire.openai_completions.request import CompletionRequest

DEFAULT_MAX_TOKENS = 16
"""OpenAI's, which is short."""

_FILL_IN = (
    "The user gives the beginning and the end of a text. Answer with what belongs between the two and with nothing "
    "else: no introduction, no quotes, no Markdown around it, nothing of the beginning or the end again."
)


def to_gemini(request: CompletionRequest, model: str) -> gemini.GenerateContentRequest:
    """Raises: InvalidRequest: and UnsupportedInput, naming the parameter."""
    prompt = prompt_of(request)
    for name, count in (("n", request.n), ("best_of", request.best_of)):
        if count is not None and count > 1:
            raise UnsupportedInput(f"Send '{name}' as 1, or ask several times.", param=name)
    instructions: tuple[gemini.Part, ...] = ()
    if request.suffix:
        instructions = (gemini.Part(text=_FILL_IN),)
        prompt = f"<beginning>{prompt}</beginning><end>{request.suffix}</end>"
    wishes = Wishes(
        conversation=Conversation(instructions, (Said("user", (gemini.Part(text=prompt),)),)),
        tools=(),
        choice=ToolChoice(),
        generation=_generation(request),
    )
    return to_request(wishes, traits_of(model), ToolNames.of(()))


def prompt_of(request: CompletionRequest) -> str:
    """Raises: UnsupportedInput: tokens, or several prompts."""
    match request.prompt:
        case str(text) | (str(text),):
            return text
        case ():
            raise UnsupportedInput("'prompt' must hold a text.", param="prompt")
        case (str(), *_):
            raise UnsupportedInput("Several prompts in one request are not supported yet.", param="prompt")
        case _:
            raise UnsupportedInput(
                "'prompt' cannot be tokens: Gemini has another vocabulary. Send the text.", param="prompt"
            )


def _generation(request: CompletionRequest) -> GenerationWish:
    return GenerationWish(
        temperature=request.temperature,
        top_p=request.top_p,
        max_tokens=request.max_tokens or DEFAULT_MAX_TOKENS,
        stop=(request.stop,) if isinstance(request.stop, str) else request.stop or (),
        seed=request.seed,
        presence_penalty=request.presence_penalty,
        frequency_penalty=request.frequency_penalty,
        # thoughts have no place in the answer and count against max_tokens
        thinking=ThinkingWish(effort=Effort.NONE, shown=False),
    )
