"""What the content views show, made by code that takes a tenth of a second to import: mitmdump starts without it.

Whoever shows something imports this module then. A gateway that runs does it soon after its start, on a thread, so that
nobody waits for it while somebody reads along.
"""

from antigravity_addon.views.answer_text import answer_text
from antigravity_addon.views.cache import Attempt, explain, tokens_in
from antigravity_addon.views.cache_text import to_text as cache_text
from antigravity_addon.views.compare import compare_text
from antigravity_addon.views.conversation_key import beginning_of
from antigravity_addon.views.conversation_text import conversation_text
from antigravity_addon.views.fields import fields_of
from antigravity_addon.views.fields_text import to_text as fields_text
from antigravity_addon.views.turns import changes_text, outline_of
from antigravity_addon.views.why import Scene, why_text

__all__ = [
    "Attempt",
    "Scene",
    "answer_text",
    "beginning_of",
    "cache_text",
    "changes_text",
    "compare_text",
    "conversation_text",
    "explain",
    "fields_of",
    "fields_text",
    "outline_of",
    "tokens_in",
    "why_text",
]
