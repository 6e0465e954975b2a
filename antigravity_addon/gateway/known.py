"""What the gateway knows and strangers must not: secrets, and who and what is behind them."""

from collections.abc import Collection
from dataclasses import dataclass, field

from .client_keys import hash_key


@dataclass(frozen=True, slots=True)
class Known:
    emails: tuple[str, ...] = ()
    """Of accounts."""
    projects: tuple[str, ...] = ()
    """Ids at Google Cloud."""
    secrets: tuple[str, ...] = field(default=(), repr=False)
    client_keys: Collection[str] = ()
    """Hashes."""

    def is_client_key(self, word: str) -> bool:
        return hash_key(word) in self.client_keys
