"""All clients, in the order in which they are listed."""

import difflib
from collections.abc import Mapping

from .client import Client
from .coding_agents import AIDER, CLINE, CODEX, CONTINUE, KILO, OPENCODE, ROO, ZED
from .libraries import AGENTS_SDK, AI_SDK, LANGCHAIN, LITELLM, OPENAI_NODE, OPENAI_PYTHON, PYDANTIC_AI
from .programs import CURL, ENVIRONMENT, OPEN_WEBUI

CLIENTS: Mapping[str, Client] = {
    client.name: client
    for client in (
        CODEX,
        CLINE,
        CONTINUE,
        ZED,
        KILO,
        ROO,
        AIDER,
        OPENCODE,
        OPEN_WEBUI,
        OPENAI_PYTHON,
        OPENAI_NODE,
        AGENTS_SDK,
        LANGCHAIN,
        PYDANTIC_AI,
        LITELLM,
        AI_SDK,
        CURL,
        ENVIRONMENT,
    )
}


def nearest(name: str) -> str | None:
    """The name that was probably meant."""
    close = difflib.get_close_matches(name.lower(), CLIENTS, n=1)
    return close[0] if close else None
