"""The accounts file, the file of client keys and that of prices: read at the start, and again whenever somebody edits them.

A broken edit changes nothing and is logged. Requests under way end with the account that they have.
"""

import asyncio
import json
import logging
import os
from collections.abc import Awaitable, Callable, Collection
from contextlib import aclosing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import assert_never

from mitmproxy import ctx
from pydantic import SecretStr

from antigravity_addon.accounts.account import (
    Account,
    ApiKey,
    CodeAssistLicence,
    ExpressKey,
    GoogleAuthGrant,
    Grant,
    RefreshGrant,
    Upstream,
    VertexProject,
)
from antigravity_addon.accounts.file import AccountsFile, AccountsFileError, Unusable, load_accounts
from antigravity_addon.accounts.watch import changes
from antigravity_addon.gateway.client_keys import ClientKey, ClientKeysFileError, read_client_keys
from antigravity_addon.gateway.prices import OwnPrice, PricesFileError, read_prices
from antigravity_addon.gateway.settings import Settings, UpstreamKind

logger = logging.getLogger(__name__)

_FIRST_LOOK = 0.5
"""Seconds after the start."""

_SIMULATED = AccountsFile((Account("simulator@localhost", ApiKey(SecretStr("key-of-the-simulator"))),))
"""Its key is a word that the simulator never says: wherever a key stands in what is shown, it is masked."""


class StartError(Exception):
    """The gateway cannot start; the message says in a sentence what to do."""


@dataclass(frozen=True, slots=True)
class Accounts:
    """Of the file, as far as the settings let them be used."""

    usable: tuple[Account, ...]
    unusable: tuple[Unusable, ...]


class OperatorFiles:
    """State: what the files held when they were last read in whole, and what was said of it."""

    def __init__(self, *, simulator_url: str | None) -> None:
        """With a `simulator_url`, everything that accounts refer to is there, and none of their tokens leaves for Google."""
        self._simulator_url = simulator_url
        self._file = _SIMULATED
        self._said: frozenset[str] = frozenset()
        self.client_keys: tuple[ClientKey, ...] = ()
        self.prices: tuple[OwnPrice, ...] = ()

    # --- at the start, and when an option changes -------------------------------------------------------

    def read_accounts(self, settings: Settings) -> Accounts:
        """Raises: StartError: there is no account that can pay."""
        if (path := _accounts_path()) is not None:
            try:
                self._file = load_accounts(path)
            except AccountsFileError as error:
                raise StartError(str(error)) from None
        elif settings.upstream is UpstreamKind.SIMULATOR or settings.answers_from_recordings:
            self._file = _SIMULATED
        else:
            raise StartError(
                "There is no account to pay with: list one in accounts.yaml and add "
                "--set gateway_accounts=accounts.yaml, or try the gateway without one: "
                "--set gateway_upstream=simulator."
            )
        accounts = self.accounts(settings)
        if all(account.disabled for account in accounts.usable):
            reasons = [f"{each.email}: {each.reason}" for each in accounts.unusable]
            raise StartError(
                "\n".join((f"{path}: there is no account in it that is not disabled.", *reasons))
            )
        self.say_what_is_wrong(accounts)
        return accounts

    def accounts(self, settings: Settings) -> Accounts:
        """As the file was last read."""
        usable: list[Account] = []
        unusable = list(self._file.unusable)
        for account in self._file.accounts:
            if account.upstream is Upstream.CODE_ASSIST and not settings.enable_code_assist:
                reason = (
                    "Code Assist is off: read what --options says of gateway_enable_code_assist, then set it."
                )
                unusable.append(Unusable(account.email, reason, account.upstream))
            elif self._simulator_url is None:
                usable.append(account)
            elif (simulated := _at_simulator(account, self._simulator_url)) is not None:
                usable.append(simulated)
            else:
                reason = "The simulator has no tokens for such credentials."
                unusable.append(Unusable(account.email, reason, account.upstream))
        return Accounts(tuple(usable), tuple(unusable))

    @property
    def every_account(self) -> tuple[Account, ...]:
        """Of the file, whether the settings let it be used or not."""
        return self._file.accounts

    def read_client_keys(self) -> None:
        """Raises: StartError: the file cannot be used."""
        path = _client_keys_path()
        try:
            self.client_keys = read_client_keys(path) if path is not None else ()
        except ClientKeysFileError as error:
            raise StartError(str(error)) from None

    def read_prices(self) -> None:
        """Raises: StartError: the file cannot be used."""
        path = _prices_path()
        try:
            self.prices = read_prices(path) if path is not None else ()
        except PricesFileError as error:
            raise StartError(str(error)) from None

    # --- while it runs ----------------------------------------------------------------------------------

    async def watch(
        self,
        *,
        accounts_changed: Callable[[], None],
        keys_changed: Callable[[], None],
        prices_changed: Callable[[], None],
    ) -> None:
        """Read again what somebody edits, and tell of it; until it is cancelled.

        Not from the very start, which is busy enough: the first look notices what was edited by then.
        """
        await asyncio.sleep(_FIRST_LOOK)
        async with aclosing(changes(self._watched)) as stream:
            async for changed in stream:
                if (path := _accounts_path()) is not None and not changed.isdisjoint(
                    (path, *self._file.files)
                ):
                    await _go_on("accounts", self._read_accounts_again(path, accounts_changed))
                if (path := _client_keys_path()) is not None and path in changed:
                    await _go_on("client keys", self._read_keys_again(path, keys_changed))
                if (path := _prices_path()) is not None and path in changed:
                    await _go_on("prices", self._read_prices_again(path, prices_changed))

    def _watched(self) -> Collection[Path]:
        named = (_accounts_path(), _client_keys_path(), _prices_path(), *self._file.files)
        return {path for path in named if path is not None}

    async def _read_accounts_again(self, path: Path, changed: Callable[[], None]) -> None:
        try:
            file = await asyncio.to_thread(load_accounts, path)
        except AccountsFileError as error:
            logger.error("%s The accounts stay as they were.", error)  # noqa: TRY400  a sentence for the operator
            return
        # while it was read, the option may have come to name another file
        if file != self._file and path == _accounts_path():
            self._file = file
            logger.info("%s was read again: %d accounts.", path, len(file.accounts))
            changed()

    async def _read_keys_again(self, path: Path, changed: Callable[[], None]) -> None:
        try:
            keys = await asyncio.to_thread(read_client_keys, path)
        except ClientKeysFileError as error:
            logger.error("%s The client keys stay as they were.", error)  # noqa: TRY400  a sentence for the operator
            return
        if keys != self.client_keys and path == _client_keys_path():
            self.client_keys = keys
            logger.info("%s was read again: %d client keys.", path, len(keys))
            changed()

    async def _read_prices_again(self, path: Path, changed: Callable[[], None]) -> None:
        try:
            prices = await asyncio.to_thread(read_prices, path)
        except PricesFileError as error:
            logger.error("%s The prices stay as they were.", error)  # noqa: TRY400  a sentence for the operator
            return
        if prices != self.prices and path == _prices_path():
            self.prices = prices
            logger.info("%s was read again: %d prices.", path, len(prices))
            changed()

    def say_what_is_wrong(self, accounts: Accounts) -> None:
        """Once: files are read more often than they change."""
        said = {f"Account {each.email} cannot be used: {each.reason}" for each in accounts.unusable}
        for path in self._file.exposed:
            said.add(f"{path} holds keys and can be read by other users of this machine: chmod 600 it.")
        for path in self._file.changeable:
            said.add(f"{path} can be changed by other users of this machine: chmod 600 it.")
        for sentence in sorted(said - self._said):
            logger.warning("%s", sentence)
        self._said = frozenset(said)


async def _go_on(what: str, reading: Awaitable[None]) -> None:
    """A watch that ended would leave every later edit unread, without a word."""
    try:
        await reading
    except Exception:
        logger.exception("The %s stay as they were: reading them failed in a way that nobody foresaw.", what)


def _accounts_path() -> Path | None:
    return _path("gateway_accounts", ctx.options.gateway_accounts)


def _client_keys_path() -> Path | None:
    return _path("gateway_client_keys", ctx.options.gateway_client_keys)


def _prices_path() -> Path | None:
    return _path("gateway_prices", ctx.options.gateway_prices)


def _path(option: str, written: str) -> Path | None:
    return named_path(option, written) if written else None


def named_path(option: str, written: str) -> Path:
    """What an option names. Raises: StartError: no file has such a name, or it is in the home folder of nobody who is known."""
    try:
        if b"\0" in os.fsencode(written):
            raise _no_name(option, written)
    except UnicodeEncodeError:
        raise _no_name(option, written) from None
    try:
        return Path(written).expanduser()
    except RuntimeError:
        raise StartError(
            f"{option} cannot be {written!r}: there is no such home folder. Give the whole path."
        ) from None


def _no_name(option: str, written: str) -> StartError:
    return StartError(f"{option} cannot be {written!r}: it has a character that is in no file's name.")


# --- the simulator in Google's place -----------------------------------------------------------------------


def _at_simulator(account: Account, url: str) -> Account | None:
    """The account, with the simulator for Google; `None` if its tokens are made elsewhere."""
    match account.credential:
        case ApiKey() | ExpressKey() as credential:
            pass
        case VertexProject(grant=grant) | CodeAssistLicence(grant=grant) as oauth:
            issued = _issued_there(grant, f"{url}/token")
            if issued is None:
                return None
            credential = replace(oauth, grant=issued)
        case _ as never:
            assert_never(never)
    return replace(account, credential=credential, base_url="")


def _issued_there(grant: Grant, token_uri: str) -> Grant | None:
    match grant:
        case RefreshGrant():
            return replace(grant, token_uri=token_uri)
        case GoogleAuthGrant(content=content):
            fields = json.loads(content.get_secret_value() or "{}")
            if fields.get("type") != "service_account":
                return None
            return replace(grant, content=SecretStr(json.dumps(fields | {"token_uri": token_uri})))
