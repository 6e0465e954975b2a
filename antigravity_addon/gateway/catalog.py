"""Model names: what a client asks for -> the Gemini model that serves it, and the list of `/v1/models`.

Exact beats wildcard beats default, the operator's rules beat the built-in ones. Names are case-sensitive.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from antigravity_addon.errors import ModelNotFound

_FLASH = "gemini-2.5-flash"
_BIG = "gemini-3.1-pro-preview"
_SMALL = "gemini-3.5-flash-lite"
_NEW_FLASH = "gemini-3.8-flash"
_IMAGES = "gemini-2.5-flash-image"

GEMINI_MODELS = (
    "gemini-2.5-flash",
    "gemini-2.5-flash-image",
    "gemini-2.5-flash-lite",
    "gemini-2.5-pro",
    "gemini-3-flash-preview",
    "gemini-3-pro-image",
    "gemini-3.1-flash-image",
    "gemini-3.1-flash-lite",
    "gemini-3.1-pro-preview",
    "gemini-3.5-flash",
    "gemini-3.5-flash-lite",
    "gemini-3.6-flash",
    "gemini-3.7-flash",
    "gemini-3.8-flash",
    "gemini-4-argon",
    "gemini-4-carbon",
    "gemini-4-hydrogen",
    "gemini-4-neon",
    "gemini-flash-latest",
    "gemini-flash-lite-latest",
    "gemini-pro-latest",
)
"""What the Gemini API serves on v1beta in November 2026. Only for the list: any other `gemini-…` name is
passed through, and the upstream says whether it exists."""

BUILT_IN = {
    # names that stay where our users' page shows them
    "gpt-3.5-turbo": _FLASH,
    "gpt-3.5-turbo-0125": _FLASH,
    "gpt-3.5-turbo-0613": _FLASH,
    "gpt-3.5-turbo-1106": _FLASH,
    "gpt-3.5-turbo-16k": _FLASH,
    "gpt-4": _FLASH,
    "gpt-4-0125-preview": _FLASH,
    "gpt-4-0613": _FLASH,
    "gpt-4-1106-preview": _FLASH,
    "gpt-4-turbo": _FLASH,
    "gpt-4-turbo-preview": _FLASH,
    "gpt-4o": _FLASH,
    "gpt-4o-2024-05-13": _FLASH,
    "gpt-4o-2024-08-06": _FLASH,
    "gpt-4o-mini": _FLASH,
    "gpt-4o-mini-2024-07-18": _FLASH,
    # names that came later
    "gpt-4.1": _NEW_FLASH,
    "gpt-4.1-mini": _NEW_FLASH,
    "gpt-4.1-nano": _SMALL,
    "gpt-5": _BIG,
    "gpt-5-codex": _BIG,
    "gpt-5-mini": _NEW_FLASH,
    "gpt-5-nano": _SMALL,
    "o1": _BIG,
    "o3": _BIG,
    "o3-mini": _NEW_FLASH,
    "o4-mini": _NEW_FLASH,
    "claude-haiku-4-5": _SMALL,
    "claude-opus-4-6": _BIG,
    "claude-sonnet-4-6": _NEW_FLASH,
    # Gemini names that are aliases, or are served under another name by now
    "gemini-3-flash": "gemini-3-flash-preview",
    "gemini-3-pro": _BIG,
    "gemini-3-pro-high": _BIG,
    "gemini-3-pro-low": _BIG,
    "gemini-3-pro-preview": _BIG,
    "gemini-3.1-pro": _BIG,
    "gemini-3.1-pro-high": _BIG,
    "gemini-3.1-pro-low": _BIG,
    "gemini-2.5-flash-thinking": _FLASH,
}

UNLISTED = {
    # a virtual name that agents use for titles and summaries
    "internal-background-task": _FLASH,
    "gpt-3.5*": _FLASH,
    "gpt-4*": _FLASH,
    "gpt-4.1*": _NEW_FLASH,
    "gpt-5*": _BIG,
    "gpt-5*mini*": _NEW_FLASH,
    "gpt-5*nano*": _SMALL,
    "gpt-6*": _BIG,
    "chatgpt-*": _FLASH,
    "o1*": _BIG,
    "o3*": _BIG,
    "o4*": _NEW_FLASH,
    "claude-*": _NEW_FLASH,
    "claude-*haiku*": _SMALL,
    "claude-*opus*": _BIG,
    "chatgpt-image-*": _IMAGES,
    "dall-e-*": _IMAGES,
    "gpt-image-*": _IMAGES,
    "gpt-transcribe*": _FLASH,
    "whisper-*": _FLASH,
}
"""Built-in rules for dated and future names. Never in `/v1/models`."""

_CREATED = 1_735_689_600
"""2025-01-01. OpenAI's `created` is required, and Gemini has no such date."""

_MODEL_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+@-]{0,127}")
"""Names go into the upstream's URL: no slash, colon, question mark or percent sign gets there."""


_ONLINE = ("-online", ":online")
"""Endings by which clients without a field for it ask for a web search."""


@dataclass(frozen=True, slots=True)
class Rule:
    """`pattern=target`; a pattern may hold any number of `*`, each standing for any run of characters."""

    pattern: str
    target: str

    @property
    def is_wildcard(self) -> bool:
        return "*" in self.pattern

    @property
    def rank(self) -> tuple[int, int, int]:
        """Smaller is more specific: more literal characters, then fewer stars, then a longer literal prefix."""
        stars = self.pattern.count("*")
        return (stars - len(self.pattern), stars, -self.pattern.index("*") if stars else 0)

    def matches(self, name: str) -> bool:
        return _matches(self.pattern.split("*"), name)


def _matches(pieces: Sequence[str], name: str) -> bool:
    """Linear in `name`: the first fit of each middle piece is the best one, so nothing is tried twice."""
    if len(pieces) == 1:
        return name == pieces[0]
    first, *middle, last = pieces
    if len(name) < len(first) + len(last) or not name.startswith(first) or not name.endswith(last):
        return False
    start, end = len(first), len(name) - len(last)
    for piece in middle:
        found = name.find(piece, start, end)
        if found < 0:
            return False
        start = found + len(piece)
    return True


def parse_rule(text: str) -> Rule:
    """Raises: ValueError: not of the form `pattern=target`."""
    pattern, equals, target = (part.strip() for part in text.partition("="))
    if not equals or not pattern or not target:
        raise ValueError(f"{text!r} is not of the form pattern=target, for example gpt-4*=gemini-2.5-pro.")
    if not _MODEL_NAME.fullmatch(target):
        raise ValueError(f"{text!r}: {target!r} is not the name of a model.")
    return Rule(pattern, target)


@dataclass(frozen=True, slots=True)
class Match:
    """The rule that serves a name."""

    rule: Rule
    origin: str
    """Where the rule stands, in words."""

    @property
    def model(self) -> str:
        # a rule may point at an alias such as gemini-3-flash
        return BUILT_IN.get(self.rule.target, self.rule.target)

    def __str__(self) -> str:
        alias = f", an alias of {self.model}" if self.model != self.rule.target else ""
        return f"{self.rule.pattern}={self.rule.target}{alias} ({self.origin})"


class Catalog:
    """Resolves names for one set of rules."""

    def __init__(self, rules: Sequence[Rule] = (), *, default_model: str = "") -> None:
        built_in = [Rule(pattern, target) for pattern, target in (BUILT_IN | UNLISTED).items()]
        self._default = default_model
        # a later exact rule of the operator replaces an earlier one, as in any mapping
        self._exact = {rule.pattern: rule.target for rule in rules if not rule.is_wildcard}
        self._wildcards = _by_rank(rules)
        self._built_in_exact = {rule.pattern: rule.target for rule in built_in if not rule.is_wildcard}
        self._built_in_wildcards = _by_rank(built_in)
        listed = {*self._exact, *BUILT_IN, *GEMINI_MODELS}
        self._listed = tuple(sorted(listed, key=str.encode))

    def resolve(self, name: str) -> str:
        """The Gemini model that serves `name`.

        Raises: ModelNotFound: no rule matches and there is no default.
        """
        return self.match(name).model

    def match(self, name: str) -> "Match":
        """What serves `name`, and by which rule.

        Raises: ModelNotFound: see `resolve`.
        """
        found = self._match(name)
        if found is None and self._default:
            return Match(Rule("*", self._default), "gateway_default_model, since no rule knows the name")
        if found is None:
            raise ModelNotFound(
                f"The model {name[:200]!r} does not exist or you do not have access to it. GET /v1/models lists "
                "the names that are known; gateway_model_map and gateway_default_model add others."
            )
        return found

    def searches_web(self, name: str) -> bool:
        """The name says so by its ending, which is no part of the model's own name."""
        return name.endswith(_ONLINE) and name not in self._exact

    def _match(self, name: str) -> "Match | None":
        if self.searches_web(name):
            name = name.rpartition("online")[0][:-1]
        name = name.removeprefix("models/").removeprefix("google/")
        if (target := self._exact.get(name)) is not None:
            return Match(Rule(name, target), "gateway_model_map")
        if (rule := _first_match(self._wildcards, name)) is not None:
            return Match(rule, "gateway_model_map")
        if (target := self._built_in_exact.get(name)) is not None:
            return Match(Rule(name, target), "built in")
        if _is_gemini(name):
            return Match(Rule(name, name), "a name of Gemini's own")
        if (rule := _first_match(self._built_in_wildcards, name)) is not None:
            return Match(rule, "built in")
        return None

    def names(self) -> tuple[str, ...]:
        """What `/v1/models` lists: sorted bytewise, without patterns."""
        return self._listed

    def require(self, name: str) -> None:
        """Raises: ModelNotFound: no rule serves `name`; the default does not count as knowing it."""
        if self._match(name) is None:
            raise ModelNotFound(f"The model {name[:200]!r} does not exist")

    @property
    def created(self) -> int:
        return _CREATED


def _is_gemini(name: str) -> bool:
    return name.startswith(("gemini-", "gemma-")) and _MODEL_NAME.fullmatch(name) is not None


def _by_rank(rules: Iterable[Rule]) -> tuple[Rule, ...]:
    """Wildcard rules, most specific first; equals keep the order given, which makes the choice the same always."""
    return tuple(sorted((rule for rule in rules if rule.is_wildcard), key=lambda rule: rule.rank))


def _first_match(rules: Sequence[Rule], name: str) -> Rule | None:
    return next((rule for rule in rules if rule.matches(name)), None)
