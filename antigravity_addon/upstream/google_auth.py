"""Credentials of Google's files -> access tokens, through google-auth; and those of the machine that this runs on.

The metadata server is asked without google-auth: 2.63 needs `requests` for that one.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cached_property
from threading import Event
from typing import TYPE_CHECKING

from pydantic import SecretStr, ValidationError

from antigravity_addon.accounts.account import GoogleAuthGrant
from antigravity_addon.accounts.rotated_tokens import RotatedTokens
from antigravity_addon.accounts.tokens import Token
from antigravity_addon.wire.oauth import TokenAnswer

from .endpoint import UpstreamRequest
from .google_file import SCOPES, Source, read_source
from .token_endpoint import (
    WHOLE_SECONDS,
    Answer,
    GrantRefused,
    Origin,
    Patience,
    TryAgain,
    fetch,
    refusal,
    refused,
)
from .transport import Transport

if TYPE_CHECKING:
    from .google_library import Credentials, GoogleLibrary

_AT_ONCE = 16
"""Accounts, of which more wait."""
METADATA_HOST = "metadata.google.internal"

_THIS_MACHINE = Origin(
    "", "", "Attach a service account to this machine that may use Vertex AI, with the scope cloud-platform."
)


class GoogleAuth:
    """Access tokens through google-auth."""

    def __init__(
        self,
        transport: Transport,
        rotated: RotatedTokens,
        *,
        unix_time: Callable[[], float],
        patience: Patience | None = None,
        metadata_host: str = METADATA_HOST,
    ) -> None:
        self._transport = transport
        self._rotated = rotated
        self._unix_time = unix_time
        self._patience = patience or Patience()
        self._metadata_host = metadata_host
        # its own: for as long as an endpoint is silent, it keeps a thread
        self._threads = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="google-auth")

    async def token(self, email: str, grant: GoogleAuthGrant) -> Token:
        """Raises: AccountRefused, TokenUnavailable."""
        if not grant.content.get_secret_value().strip():
            return await self._patience.ask(self._ask_this_machine)
        source = read_source(grant)
        given = source.refresh_token
        if not given.get_secret_value():
            return (await self._made(source, given))[0]
        shown = await self._rotated.current(email, given)
        try:
            token, new = await self._made(source, shown)
        except GrantRefused:
            # another gateway may be putting a new one there in this moment
            newer = await self._patience.replaced(shown, read=lambda: self._rotated.current(email, given))
            if newer is None:
                raise
            shown = newer
            token, new = await self._made(source, shown)
        if new.get_secret_value() and new != shown:
            await self._rotated.keep(email, origin=given, token=new)
        return token

    async def _made(self, source: Source, refresh_token: SecretStr) -> tuple[Token, SecretStr]:
        """With the refresh token to be shown from then on, which is empty where there is none."""
        library = await self._on_thread(lambda: self._library)
        made = await self._on_thread(lambda: library.load(source, refresh_token))
        token = await self._patience.ask(lambda: self._refreshed(library, made, source))
        return token, library.refresh_token_of(made)

    async def _refreshed(self, library: "GoogleLibrary", made: "Credentials", source: Source) -> Token:
        """Its requests are sent on the loop, which ends them in time, and when nobody waits for the token any more."""
        loop = asyncio.get_running_loop()
        under_way: list[Future[Answer]] = []
        is_over = Event()

        def ask(request: UpstreamRequest) -> Answer:
            asked = asyncio.run_coroutine_threadsafe(
                fetch(self._transport, request, of="token endpoint"), loop
            )
            under_way.append(asked)
            if is_over.is_set():
                # before this one was there to be cancelled
                asked.cancel()
            # a loop that has stopped meanwhile ends nothing
            return asked.result(2 * WHOLE_SECONDS)

        try:
            return await self._on_thread(lambda: library.refresh(made, source, ask))
        finally:
            is_over.set()
            for each in under_way:
                each.cancel()

    async def _on_thread[T](self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)

    @cached_property
    def _library(self) -> "GoogleLibrary":
        """On a thread: google-auth takes 90 ms to import, and only accounts with such files need them."""
        from .google_library import GoogleLibrary  # noqa: PLC0415

        return GoogleLibrary(self._unix_time)

    async def _ask_this_machine(self) -> Token:
        request = UpstreamRequest(
            f"http://{self._metadata_host}/computeMetadata/v1/instance/service-accounts/default/token"
            f"?scopes={','.join(SCOPES)}",
            {"metadata-flavor": "Google", "accept-encoding": "identity"},
            b"",
            method="GET",
        )
        answer = await fetch(
            self._transport, request, of="metadata server, which only machines of Google Cloud have,"
        )
        if answer.status == 200:
            try:
                token = TokenAnswer.model_validate_json(answer.body)
            except ValidationError:
                raise TryAgain("The metadata server gave an answer that cannot be read.") from None
            return Token(token.access_token, token.seconds)
        if answer.status in {403, 404}:
            raise refused("this machine has no service account, or not with this scope.", _THIS_MACHINE.mend)
        raise refusal(answer, _THIS_MACHINE, now=self._unix_time())
