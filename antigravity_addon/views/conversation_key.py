"""What two requests of one conversation have in common, as far as their bodies tell."""

from pydantic_core import to_json

from .trials import request_in, values_at


def beginning_of(body: bytes) -> str:
    """The first turn of a Gemini request; empty if there is none.

    Nothing of the system instruction: that it has changed is worth to be told.
    """
    turns = values_at(request_in(body), ("contents", 0))
    return next((to_json(turn, inf_nan_mode="constants").decode() for turn in turns), "")
