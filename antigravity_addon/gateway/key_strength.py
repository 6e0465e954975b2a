"""How hard a client key is to guess, as far as the key itself tells."""

import math
import re
from itertools import pairwise

from .client_keys import hash_key

LEAST_BITS = 64
"""Out of reach of whoever tries keys at a gateway that slows them down."""

_WORDS = re.compile(
    r"sk|proj|api|key|secret|pass(?:word|wort|wd)?|token|admin|root|user|test(?:ing)?|demo|example|sample|dummy|fake|"
    r"default|local(?:host)?|gateway|proxy|mitm(?:proxy)?|antigravity|open|ai|gpt|gemini|google|litellm|ollama|"
    r"my|your|the|change|me|please|choose|one|here|none|anything|no|need(?:ed)?|welcome|hello|world|let|in|master|"
    r"qwert[yz]|asdf|letmein|abc|foo|bar|baz",
    re.IGNORECASE,
)
"""What keys in tutorials are made of."""
_KINDS = ((r"[0-9]", 10), (r"[a-z]", 26), (r"[A-Z]", 26), (r"[^0-9a-zA-Z]", 10))

_WELL_KNOWN = (
    "sk-1234", "sk-12345", "sk-123456", "sk-12345678", "sk-1234567890", "sk-test", "sk-anything", "sk-no-key-required",
    "sk-dummy", "sk-fake", "sk-local", "sk-key", "sk-proj-test", "test", "test123", "secret", "password", "changeme",
    "admin", "key", "api-key", "apikey", "none", "dummy", "fake", "local", "ollama", "lm-studio", "anything",
    "not-needed", "123456", "12345678", "123456789", "1234567890", "qwerty", "letmein", "any-text", "EMPTY", "empty",
    "YOUR_KEY", "YOUR_API_KEY", "your-api-key", "choose-one", "sk-gateway", "gateway", "k", "x", "foo", "",
)  # fmt: skip
_HASHES = frozenset(hash_key(key) for key in _WELL_KNOWN)


def is_weak(key: str) -> bool:
    return bits(key) < LEAST_BITS


def is_well_known(key_hash: str) -> bool:
    """All that can be said of a key of which only the hash is left."""
    return key_hash in _HASHES


def bits(key: str) -> float:
    """What is left to guess, at most, for somebody who knows how people make up keys: tries, as a power of two."""
    rest = _WORDS.sub("", _unit(key))
    surprising = sum(abs(ord(after) - ord(before)) > 1 for before, after in pairwise(rest))
    return (surprising + bool(rest)) * math.log2(max(_alphabet(rest), 1))


def _unit(key: str) -> str:
    """What `key` is a repetition of; itself, if of nothing shorter."""
    return key[: (key + key).find(key, 1)] if key else ""


def _alphabet(key: str) -> int:
    """How many characters there are to choose from, for each; a few that come again and again are all."""
    if re.fullmatch(r"[0-9a-f-]*|[0-9A-F-]*", key):
        kinds = 16 if re.search(r"[a-fA-F]", key) else 10
    else:
        kinds = sum(size for pattern, size in _KINDS if re.search(pattern, key))
    few = len(set(key)) * 2
    return min(kinds, few)
