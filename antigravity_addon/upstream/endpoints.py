"""Which endpoint spends which account."""

import re
from functools import lru_cache
from urllib.parse import urlsplit

from antigravity_addon.accounts.account import (
    Account,
    ApiKey,
    CodeAssistLicence,
    ExpressKey,
    VertexProject,
)

from .code_assist import CODE_ASSIST_ADDRESS, CodeAssist
from .endpoint import Endpoint
from .gemini_api import GeminiApi
from .vertex import Vertex, vertex_address

GEMINI_ADDRESS = "https://generativelanguage.googleapis.com"
_GOOGLES_OWN = re.compile(
    r"generativelanguage\.googleapis\.com|cloudcode-pa\.googleapis\.com"
    r"|(?:[a-z0-9-]+-)?aiplatform\.googleapis\.com|aiplatform\.[a-z0-9-]+\.rep\.googleapis\.com"
)


class Endpoints:
    """Those behind one reverse target.

    If it is one of Google's, each account goes to Google's address for its kind, and its location. Any other target, a
    relay or the simulator, is the address of all: nothing goes past it to Google.
    """

    def __init__(self, *, target: str, user_agent: str) -> None:
        """`target` is the reverse proxy's: scheme, host and port, without a slash at the end."""
        self._target = None if is_googles(target) else target
        self._user_agent = user_agent
        self._made = lru_cache(maxsize=1024)(self._make)

    def of(self, account: Account) -> Endpoint:
        """Raises: AccountRefused: there is no place such as the account names."""
        return self._made(account)

    def _make(self, account: Account) -> Endpoint:
        user_agent = self._user_agent
        match account.credential:
            case ApiKey():
                return GeminiApi(base_url=self._address(account, GEMINI_ADDRESS), user_agent=user_agent)
            case ExpressKey():
                return Vertex(
                    base_url=self._address(account, vertex_address("global")), user_agent=user_agent
                )
            case VertexProject(project=project, location=location):
                return Vertex(
                    base_url=self._address(account, vertex_address(location)),
                    user_agent=user_agent,
                    project=project,
                    location=location,
                )
            case CodeAssistLicence():
                return CodeAssist(base_url=self._address(account, CODE_ASSIST_ADDRESS), user_agent=user_agent)

    def _address(self, account: Account, googles: str) -> str:
        """`googles` is Google's own for the account."""
        return account.base_url or self._target or googles


def is_googles(address: str) -> bool:
    """One of Google's own addresses for models, of whatever kind."""
    return bool(_GOOGLES_OWN.fullmatch(urlsplit(address).hostname or ""))
