"""A legacy Completions request -> Gemini's: the prompt is what the user says.

Gemini chats; it was not made to go on with a text. What OpenAI's instruct models did with a prompt is what a chat
model does with it, so the prompt goes as it is, and only text with a `suffix` needs words of ours.
"""

from antigravity_addon.errors import InvalidRequest, UnsupportedInput
from antigravity_addon.translate.conversation import Conversation, Said
from antigravity_addon.translate.gemini_models import Effort, ThinkingWish, traits_of
from antigravity_addon.translate.gemini_request import Wishes, to_request
from antigravity_addon.translate.generation import GenerationWish
from antigravity_addon.translate.tool_names import ToolNames
from antigravity_addon.translate.tools import ToolChoice
from antigravity_addon.wire import gemini
from antigravity_addon.wire.openai_common import MAX_CHOICES
from antigravity_addon.wire.openai_completions.request import CompletionRequest

DEFAULT_MAX_TOKENS = 16
"""OpenAI's, which is short."""

_FILL_IN = (
    "The user gives the beginning and the end of a text. Answer with what belongs between the two and with nothing "
    "else: no introduction, no quotes, no Markdown around it, nothing of the beginning or the end again."
)


def prompts_of(request: CompletionRequest) -> tuple[str, ...]:
    """One prompt for each choice of the answer: all choices of the first prompt, then those of the next.

    Raises: UnsupportedInput: tokens, no prompt at all, or more choices than OpenAI gives.
    """
    match request.prompt:
        case str(text):
            prompts: tuple[str, ...] = (text,)
        case ():
            raise UnsupportedInput("'prompt' must hold a text.", param="prompt")
        case (str(), *_) as texts:
            prompts = tuple(text for text in texts if isinstance(text, str))
        case _:
            raise UnsupportedInput(
                "'prompt' cannot be tokens: Gemini has another vocabulary. Send the text.", param="prompt"
            )
    per_prompt = _choices_per_prompt(request)
    if len(prompts) * per_prompt > MAX_CHOICES:
        raise InvalidRequest(
            f"One request can have {MAX_CHOICES} choices at most, and these prompts ask for "
            f"{len(prompts) * per_prompt}.",
            param="prompt",
        )
    return tuple(prompt for prompt in prompts for _ in range(per_prompt))


def _choices_per_prompt(request: CompletionRequest) -> int:
    n = request.n or 1
    if request.best_of is not None and request.best_of > n:
        raise UnsupportedInput(
            f"'best_of' cannot be more than 'n', which is {n}: Gemini does not rank its answers.",
            param="best_of",
        )
    return n


def to_gemini(request: CompletionRequest, prompt: str, model: str) -> gemini.GenerateContentRequest:
    """The request for one choice of the answer.

    Raises: InvalidRequest: and UnsupportedInput, naming the parameter.
    """
    instructions: tuple[gemini.Part, ...] = ()
    if request.suffix:
        instructions = (gemini.Part(text=_FILL_IN),)
        prompt = f"<beginning>{prompt}</beginning><end>{request.suffix}</end>"
    said = (gemini.Part(text=prompt),) if prompt else ()
    wishes = Wishes(
        conversation=Conversation(instructions, (Said("user", said),)),
        tools=(),
        choice=ToolChoice(),
        generation=_generation(request),
    )
    return to_request(wishes, traits_of(model), ToolNames.of(()))


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
