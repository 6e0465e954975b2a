"""What reaches upstreams, and what pays for it: put together once for a process, by the gateway or the command line."""

import os
import time
from collections.abc import Callable, Mapping
from importlib.metadata import version
from pathlib import Path

from pydantic import SecretStr

from antigravity_addon.accounts.account import Account, CodeAssistLicence
from antigravity_addon.accounts.credential_files import reread
from antigravity_addon.accounts.rotated_tokens import RotatedTokens
from antigravity_addon.upstream.authorize import AccountAuthorizer
from antigravity_addon.upstream.code_assist_project import find_project
from antigravity_addon.upstream.endpoints import Endpoints
from antigravity_addon.upstream.google_auth import METADATA_HOST, GoogleAuth
from antigravity_addon.upstream.oauth import RefreshGrants
from antigravity_addon.upstream.transport import Transport

TOKEN_FILE = "gateway-tokens.json"  # noqa: S105  its name
USER_AGENT = f"antigravity-addon/{version('antigravity-addon')}"
"""Says who we are; imitates nobody."""


class Connections:
    """Lives as long as the process; `aclose` ends everything that is under way."""

    def __init__(
        self,
        *,
        target: str,
        token_file: Path | None,
        unix_time: Callable[[], float] = time.time,  # noqa: TID251  composition
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`target` is the reverse proxy's; `token_file` keeps refresh tokens that were replaced, `None` forgets them."""
        self.transport = Transport()
        self.endpoints = Endpoints(target=target, user_agent=USER_AGENT)
        rotated = self._rotated = RotatedTokens(token_file)
        self.authorizer = AccountAuthorizer(
            RefreshGrants(self.transport, rotated, reread=reread, unix_time=unix_time),
            GoogleAuth(
                self.transport,
                rotated,
                unix_time=unix_time,
                metadata_host=os.environ.get("GCE_METADATA_HOST") or METADATA_HOST,
            ),
            find_project=self._find_project,
            clock=clock,
        )

    async def _find_project(self, account: Account, headers: Mapping[str, str]) -> str:
        credential = account.credential
        return await find_project(
            configured=credential.project if isinstance(credential, CodeAssistLicence) else "",
            authorization_headers=headers,
            base_url=self.endpoints.of(account).base_url,
            user_agent=USER_AGENT,
            transport=self.transport,
        )

    async def secrets(self) -> tuple[SecretStr, ...]:
        """Tokens that are in no file of the operator's."""
        return *self.authorizer.held_tokens(), *await self._rotated.all()

    async def aclose(self) -> None:
        await self.authorizer.aclose()
        await self.transport.aclose()
