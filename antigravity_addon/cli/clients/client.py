"""How a client is pointed at the gateway: blocks to paste, with places for what differs from one gateway to another.

The commands print from here, and the pages in `docs/clients/` are written from here.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import assert_never
from urllib.parse import urlsplit

ANY_KEY = "sk-anything"
"""For clients that do not start without one, where the gateway asks for none."""
PLACEHOLDER = "YOUR_CLIENT_KEY"
KEY_VARIABLE = "GATEWAY_KEY"
"""Not `GATEWAY_API_KEY`: the gateway itself takes that one's value for the key it lets in."""
CODING_MODEL = "gemini-3.1-pro-preview"
MODEL = "gemini-3.8-flash"

_PLACE = re.compile(r"@([A-Z_]+)@")
_READ = frozenset({"KEY_VARIABLE", "SHELL_KEY", "PYTHON_KEY", "NODE_KEY"})
"""Places that name the environment variable, for the client or what starts it to read."""
_HERE = frozenset({"127.0.0.1", "localhost", "::1"})


@dataclass(frozen=True, slots=True)
class Aim:
    """What a block points at. No value has a quote, a space or a backslash, so each may stand in any language."""

    url: str
    """The gateway's, without `/v1`."""
    model: str
    key_variable: str
    asks_for_key: bool
    context_tokens: int
    output_tokens: int

    @property
    def base_url(self) -> str:
        return f"{self.url}/v1"

    @property
    def is_here(self) -> bool:
        """The gateway is on this machine."""
        return urlsplit(self.url).hostname in _HERE

    def fill(self, template: str) -> str:
        values = self._values()
        return _PLACE.sub(lambda found: values[found[1]], template)

    def _values(self) -> Mapping[str, str]:
        variable, asks = self.key_variable, self.asks_for_key
        in_python, in_node = f'os.environ["{variable}"]', f"process.env.{variable}"
        return {
            "URL": self.base_url,
            "URL_FROM_CONTAINER": self._url_from_container(),
            "MODEL": self.model,
            "CONTEXT": str(self.context_tokens),
            "OUTPUT": str(self.output_tokens),
            "KEY": PLACEHOLDER if asks else ANY_KEY,
            "KEY_VARIABLE": variable,
            "SHELL_KEY": f'"${variable}"' if asks else f'"${{{variable}:-{ANY_KEY}}}"',
            "PYTHON_KEY": in_python if asks else f'os.environ.get("{variable}", "{ANY_KEY}")',
            "NODE_KEY": in_node if asks else f'{in_node} ?? "{ANY_KEY}"',
        }

    def _url_from_container(self) -> str:
        """To a container, this machine has another name."""
        parts = urlsplit(self.base_url)
        if not self.is_here:
            return self.base_url
        return parts._replace(netloc=f"host.docker.internal:{parts.port or 80}").geturl()


class Language(StrEnum):
    """As Markdown names it."""

    FIELDS = "text"
    """Fields of a dialogue and their values, a line each, with `: ` between."""
    JAVASCRIPT = "js"
    JSON = "json"
    POWERSHELL = "powershell"
    PYTHON = "python"
    SHELL = "sh"
    TOML = "toml"
    YAML = "yaml"


@dataclass(frozen=True, slots=True)
class Block:
    place: str
    """Where it goes: a sentence without its full stop."""
    language: Language
    template: str


class Trial(StrEnum):
    TESTS = "tests"
    HAND = "hand"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Tried:
    """With the very block, or with nothing but what the client's makers write."""

    trial: Trial
    versions: str = ""

    def sentence(self) -> str:
        match self.trial:
            case Trial.TESTS:
                return f"The tests run this very block against the gateway, with {self.versions}."
            case Trial.HAND:
                return (
                    f"This very block was run by hand against the gateway and its simulator, with {self.versions}, in "
                    "November 2026."
                )
            case Trial.NONE:
                return "The block follows the client's own documentation of November 2026, and was not run against the gateway."
            case _:
                assert_never(self.trial)


@dataclass(frozen=True, slots=True)
class Client:
    name: str
    """On the command line."""
    title: str
    summary: str
    blocks: tuple[Block, ...]
    tried: Tried
    watch: tuple[str, ...] = ()
    """What to watch for, in sentences."""
    model: str = MODEL
    """If none is named."""

    def key_sentence(self, aim: Aim) -> str:
        """What stands for the key in the blocks, and what to do about it."""
        places = set(self._places())
        variable = aim.key_variable
        if aim.asks_for_key:
            read = f"The key is read from the environment variable {variable}: put a client key of the gateway there."
            written = f"{PLACEHOLDER} stands for a client key of the gateway: write it there."
            return " ".join([read] * bool(places & _READ) + [written] * ("KEY" in places))
        none = "The gateway asks for no key, but clients want one:"
        if "KEY" in places:
            return f"{none} {ANY_KEY} does as well as any other text."
        if "KEY_VARIABLE" in places:
            return f"{none} put any text into the environment variable {variable}."
        return f"{none} without {variable} in the environment it is {ANY_KEY}."

    def _places(self) -> Iterator[str]:
        for block in self.blocks:
            yield from _PLACE.findall(block.template)
