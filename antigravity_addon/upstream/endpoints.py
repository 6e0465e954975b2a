"""Which endpoint spends which account."""

from functools import lru_cache

from antigravity_addon.accounts.account import Account, Upstream

from .endpoint import Endpoint
from .gemini_api import GeminiApi


class Endpoints:
    """Those behind one reverse target."""

    def __init__(self, *, target: str, user_agent: str) -> None:
        """`target` is the reverse proxy's: scheme, host and port, without a slash at the end."""
        self._target = target
        self._user_agent = user_agent
        self._made = lru_cache(maxsize=1024)(self._make)

    def of(self, account: Account) -> Endpoint:
        return self._made(account)

    def _make(self, account: Account) -> Endpoint:
        base_url = account.base_url or self._target
        match account.upstream:
            case Upstream.GEMINI:
                return GeminiApi(base_url=base_url, user_agent=self._user_agent)
            case kind:
                raise NotImplementedError(kind)
