"""What an operator has: accounts files with accounts of every kind, files of credentials, and the log."""

import asyncio
import json
import logging
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from antigravity_addon.accounts.account import GOOGLE_TOKEN_URI
from antigravity_addon.simulator.tokens import TOKEN_PATH

type Entry = dict[str, Any]
"""As it stands in the accounts file."""

CLIENT_SECRET = "hush-of-the-client"
OAUTH_CLIENTS = {"desk": {"client_id": "desk.apps.example", "client_secret": CLIENT_SECRET}}


@cache
def private_key() -> str:
    """PEM, as files have it."""
    # a short one: google-auth looks at its primes whenever it is read, 30 ms with 2048 bits
    key = rsa.generate_private_key(65537, 1024)
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return pem.decode()


def write_private(path: Path, text: str) -> Path:
    """As editors save: a new file in the old one's place, for its owner alone."""
    new = path.with_name(f".{path.name}.new")
    new.touch(mode=0o600)
    new.write_text(text)
    return new.replace(path)


def files_in(folder: Path) -> set[Path]:
    """However deep."""
    return {path for path in folder.rglob("*") if path.is_file()}


def write_accounts_file(folder: Path, *entries: Entry, name: str = "accounts.yaml") -> str:
    """Gives its path."""
    document = {"oauth_clients": OAUTH_CLIENTS, "accounts": list(entries)}
    return str(write_private(folder / name, yaml.safe_dump(document, sort_keys=False)))


@dataclass(frozen=True, slots=True)
class Payers:
    """Makes accounts of each kind, with what they refer to. Their names steer the simulator."""

    folder: Path
    """For files of credentials."""
    token_uri: str = GOOGLE_TOKEN_URI

    @classmethod
    def at(cls, simulator_url: str, folder: Path) -> "Payers":
        """Those whose tokens a simulator issues."""
        return cls(folder, simulator_url + TOKEN_PATH)

    def gemini(self, key: str, **more: object) -> Entry:
        return {"email": "gemini@example.com", "api_key": key, **more}

    def express(self, key: str, **more: object) -> Entry:
        return {"email": "express@example.com", "kind": "vertex", "api_key": key, **more}

    def service_account(self, name: str, **more: object) -> Entry:
        """`name` is the beginning of its address."""
        document = {
            "type": "service_account",
            "project_id": "p-service",
            "private_key_id": "1",
            "private_key": private_key(),
            "client_email": f"{name}@p-service.iam.gserviceaccount.com",
            "client_id": "1",
            "token_uri": self.token_uri,
        }
        write_private(self.folder / f"{name}.json", json.dumps(document))
        return {"email": "service@example.com", "kind": "vertex", "credentials": f"{name}.json", **more}

    def user(self, refresh_token: str, *, file: str = "user.json", **more: object) -> Entry:
        """Of Vertex AI, as gcloud writes them."""
        document = {
            "type": "authorized_user",
            "client_id": "gcloud.apps.example",
            "client_secret": CLIENT_SECRET,
            "refresh_token": refresh_token,
            "quota_project_id": "p-user",
        }
        write_private(self.folder / file, json.dumps(document))
        entry = {"email": "user@example.com", "kind": "vertex", "credentials": file}
        return entry | self._token_uri() | more

    def licence(self, refresh_token: str, **more: object) -> Entry:
        entry = {
            "email": "licence@example.com",
            "kind": "code_assist",
            "refresh_token": refresh_token,
            "oauth_client": "desk",
        }
        return entry | self._token_uri() | more

    def _token_uri(self) -> Entry:
        return {} if self.token_uri == GOOGLE_TOKEN_URI else {"token_uri": self.token_uri}


KINDS: dict[str, Callable[[Payers, str], Entry]] = {
    "gemini": Payers.gemini,
    "express": Payers.express,
    "service account": Payers.service_account,
    "user": Payers.user,
    "licence": Payers.licence,
}
"""Each from the name that the simulator goes by."""


# --- the log -----------------------------------------------------------------------------------------------


class Log(logging.Handler):
    """What the gateway tells its operator."""

    def __init__(self) -> None:
        super().__init__()
        self.sentences: list[str] = []
        self._loop = asyncio.get_running_loop()
        self._changed = asyncio.Event()

    def emit(self, record: logging.LogRecord) -> None:
        self.sentences.append(record.getMessage())
        self._loop.call_soon_threadsafe(self._changed.set)

    def those_with(self, words: str) -> list[str]:
        return [sentence for sentence in self.sentences if words in sentence]

    async def until(self, words: str, *, count: int = 1) -> str:
        """The sentence that holds them, once there are so many of them."""
        async with asyncio.timeout(300):
            while len(found := self.those_with(words)) < count:
                self._changed.clear()
                await self._changed.wait()
        return found[count - 1]

    @property
    def text(self) -> str:
        return "\n".join(self.sentences)


@contextmanager
def listening() -> Generator[Log]:
    logger = logging.getLogger("antigravity_addon")
    log, level = Log(), logger.level
    logger.addHandler(log)
    logger.setLevel(logging.DEBUG)
    try:
        yield log
    finally:
        logger.removeHandler(log)
        logger.setLevel(level)
