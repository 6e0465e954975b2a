"""Tool names as Gemini takes them, and back to the names the client chose.

Gemini wants a letter or an underscore first, then letters, digits, `_ . : -`, 64 characters at most. A
name that is legal already stays as it is, whatever else the request holds, so that the same tools give
the same upstream bytes from turn to turn.
"""

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

_LEGAL = re.compile(r"[A-Za-z_][A-Za-z0-9_.:-]{0,63}")
_ILLEGAL_CHARACTER = re.compile(r"[^A-Za-z0-9_.:-]")
_MAX_LENGTH = 64
_DIGEST_LENGTH = 8


@dataclass(frozen=True, slots=True)
class ToolNames:
    """The names of one request, both ways. A name it was not made of passes unchanged."""

    _to_gemini: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    _to_client: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

    @classmethod
    def of(cls, names: Iterable[str]) -> "ToolNames":
        """Of two names that become the same, the later one gets a suffix made of its own hash."""
        wanted = tuple(dict.fromkeys(names))
        legal = {name for name in wanted if _LEGAL.fullmatch(name)}
        taken = set(legal)
        renamed: dict[str, str] = {}
        for name in wanted:
            if name not in legal:
                renamed[name] = _free_name(name, taken)
                taken.add(renamed[name])
        return cls(
            MappingProxyType(renamed),
            MappingProxyType({gemini: client for client, gemini in renamed.items()}),
        )

    def to_gemini(self, name: str) -> str:
        return self._to_gemini.get(name, name)

    def to_client(self, name: str) -> str:
        return self._to_client.get(name, name)


def _free_name(name: str, taken: set[str]) -> str:
    legal = _ILLEGAL_CHARACTER.sub("_", name)
    if not legal[:1].isalpha() and not legal.startswith("_"):
        legal = f"_{legal}"
    candidate = legal[:_MAX_LENGTH]
    digest = hashlib.sha256(name.encode(errors="surrogatepass")).hexdigest()
    length = _DIGEST_LENGTH
    while candidate in taken:
        candidate = f"{legal[: _MAX_LENGTH - length - 1]}_{digest[:length]}"
        length += 1
    return candidate
