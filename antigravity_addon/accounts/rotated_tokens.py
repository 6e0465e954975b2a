"""Refresh tokens that a token endpoint gave in place of the ones in the operator's files.

Those files belong to other programs, or to the operator's hand, and are never written. So what replaces a token is
kept in a file of ours, beside a hash of the token that it replaces: once another one stands in the operator's file, that
one is newer, and ours is dropped.

Several gateways may share the file. It is changed under a lock, which ends with the process that holds it, and always
by a whole new file in place of the old one.
"""

import asyncio
import hashlib
import logging
import os
import sys
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, SecretStr, ValidationError, field_serializer

from .private_file import write_private

logger = logging.getLogger(__name__)

LOCK_TRIES = 250
"""Who holds the lock writes a small file and is done."""
_BETWEEN_TRIES = 0.02
"""Seconds."""

if sys.platform == "win32":
    import msvcrt

    def _lock(descriptor: int) -> None:
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
else:
    import fcntl

    def _lock(descriptor: int) -> None:
        """Raises: OSError: another one holds it."""
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


class _Kept(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    replaces: str
    """SHA-256 of the refresh token in the operator's file."""
    refresh_token: SecretStr

    @field_serializer("refresh_token")
    def _written(self, token: SecretStr) -> str:
        return token.get_secret_value()


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    version: Literal[1] = 1
    tokens: dict[str, _Kept] = {}
    """By the account's e-mail."""


type _Tokens = Mapping[str, _Kept]


class RotatedTokens:
    """State: what could not be written. It is good for this process, and writing it is tried again with each use."""

    def __init__(self, path: Path | None, *, pause: Callable[[float], None] = time.sleep) -> None:
        """Without a path, all of it is forgotten with the process. `pause` waits for another process, on a thread."""
        self._path = path
        self._pause = pause
        self._unwritten: dict[str, _Kept] = {}

    async def current(self, email: str, origin: SecretStr) -> SecretStr:
        """The refresh token to show, where the operator's file has `origin`."""
        return await asyncio.to_thread(self._current, email, origin)

    async def keep(self, email: str, *, origin: SecretStr, token: SecretStr) -> None:
        """Keep `token` in place of `origin`. A file that cannot be written is logged: the token itself is good."""
        kept = _Kept(replaces=_digest(origin), refresh_token=token)
        await asyncio.to_thread(self._keep, email, kept)

    async def all(self) -> tuple[SecretStr, ...]:
        kept = {**await asyncio.to_thread(self._written), **self._unwritten}
        return tuple(each.refresh_token for each in kept.values())

    def _current(self, email: str, origin: SecretStr) -> SecretStr:
        if (unwritten := self._unwritten.get(email)) is not None:
            self._keep(email, unwritten)
        kept = unwritten or self._written().get(email)
        if kept is None:
            return origin
        if kept.replaces != _digest(origin):
            self._drop(email, kept)
            return origin
        return kept.refresh_token

    def _keep(self, email: str, kept: _Kept) -> None:
        self._unwritten[email] = kept
        unwritten = dict(self._unwritten)
        try:
            self._change(lambda tokens: {**tokens, **unwritten})
        except OSError as error:
            logger.error(  # noqa: TRY400  what failed is said, and its traceback says no more
                "%s cannot be written (%s). Account %s has a new refresh token, which is lost when the gateway ends: "
                "the account may then have to be signed in again.",
                self._path,
                error.strerror or type(error).__name__,
                email,
            )

    def _drop(self, email: str, kept: _Kept) -> None:
        if self._unwritten.get(email) == kept:
            del self._unwritten[email]
        # where it cannot be written it still does not count, as the next one who reads it will see too
        with suppress(OSError):
            self._change(
                lambda tokens: {who: each for who, each in tokens.items() if (who, each) != (email, kept)}
            )

    # --- the file -----------------------------------------------------------------------------------------

    def _written(self) -> _Tokens:
        """Nothing, where it cannot be read: then the operator's own tokens are what there is."""
        try:
            return self._read()
        except (OSError, ValidationError) as error:
            logger.warning("%s cannot be read (%s).", self._path, type(error).__name__)
            return {}

    def _read(self) -> _Tokens:
        if self._path is None:
            return {}
        try:
            return _File.model_validate_json(self._path.read_bytes()).tokens
        except FileNotFoundError:
            return {}

    def _change(self, change: Callable[[_Tokens], _Tokens]) -> None:
        """Raises: OSError: nothing was changed, or nobody can say whether a machine that breaks down now has the change."""
        if self._path is None:
            return
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with self._locked(self._path):
            before = self._read_or_put_aside(self._path)
            after = change(before)
            if after != before:
                write_private(self._path, _File(tokens=dict(after)).model_dump_json(indent=2).encode())
        for email, kept in after.items():
            if self._unwritten.get(email) == kept:
                del self._unwritten[email]

    def _read_or_put_aside(self, path: Path) -> _Tokens:
        try:
            return self._read()
        except ValidationError:
            aside = path.with_name(f"{path.name}.broken")
            os.replace(path, aside)  # noqa: PTH105  as below
            logger.warning("%s is broken and was put aside as %s.", path, aside.name)
            return {}

    @contextmanager
    def _locked(self, path: Path) -> Generator[None]:
        descriptor = os.open(path.with_name(f"{path.name}.lock"), os.O_RDWR | os.O_CREAT, 0o600)
        try:
            self._wait_for_lock(descriptor)
            yield
        finally:
            os.close(descriptor)

    def _wait_for_lock(self, descriptor: int) -> None:
        for _ in range(LOCK_TRIES):
            try:
                return _lock(descriptor)
            except OSError:
                self._pause(_BETWEEN_TRIES)
        raise TimeoutError("another process holds its lock")


def _digest(token: SecretStr) -> str:
    return hashlib.sha256(token.get_secret_value().encode()).hexdigest()
