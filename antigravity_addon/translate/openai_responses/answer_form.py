"""How a client of the Responses API wants its answer."""

from dataclasses import dataclass, field

from .forms import CallForms


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerForm:
    call_forms: CallForms = field(default_factory=CallForms)
    parallel: bool = True
    """Whether it takes more than one call of an answer."""
    shows_reasoning: bool = False
    """Whether it wants a summary of the model's thoughts."""
    encrypts: bool = False
    """Whether it carries thought signatures for us, as `encrypted_content`."""
    signed_by: str | None = None
    """The Gemini model that they are of."""
    with_logprobs: bool = False
    is_compaction: bool = False
    """Whether the answer is the summary of the conversation, for the client to carry."""
