"""What a request costs, in US dollars: by the operator's file, or else by the prices that Google publishes.

Published prices are those that the package genai-prices carries; nothing here has it fetch others. It takes a while to
import, which would hold up everybody: until `load_published` has done it, no published price is known.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal
from functools import lru_cache
from importlib.util import cache_from_source, find_spec
from pathlib import Path
from threading import Event
from typing import Annotated

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import ErrorDetails

from antigravity_addon.accounts.account import Upstream
from antigravity_addon.accounts.yaml_lines import YamlError, composed, fault_in_words, told, told_at
from antigravity_addon.translate.events import Usage

from .catalog import Rule

_MILLION = 1_000_000
_GOOGLE = "google"
"""The library's name for the Gemini API and Vertex AI, which have the same list prices."""
_ROOT = "prices"


class PricesFileError(ValueError):
    """The file of prices cannot be used; the message is for the operator."""


@dataclass(frozen=True, slots=True)
class Cost:
    """In US dollars."""

    input: Decimal
    output: Decimal

    @property
    def total(self) -> Decimal:
        return self.input + self.output

    def __add__(self, other: "Cost") -> "Cost":
        return Cost(self.input + other.input, self.output + other.output)


@dataclass(frozen=True, slots=True)
class MediaTokens:
    """Those of a usage's tokens that may have a price of their own."""

    audio_input: int = 0
    """With `cached_audio`."""
    cached_audio: int = 0
    image_output: int = 0


@dataclass(frozen=True, slots=True)
class Rate:
    """US dollars for a million tokens."""

    input: Decimal
    cached: Decimal
    """For input that was found in Gemini's cache."""
    output: Decimal

    def cost(self, usage: Usage) -> Cost:
        cached = min(usage.cached_tokens, usage.input_tokens)
        fresh = usage.input_tokens - cached
        return Cost(
            (self.input * fresh + self.cached * cached) / _MILLION,
            self.output * usage.output_tokens / _MILLION,
        )


@dataclass(frozen=True, slots=True)
class OwnPrice:
    """What the operator says of some models."""

    rule: Rule
    """Its pattern says which; it has no target."""
    rate: Rate
    upstream: Upstream | None = None
    """`None` for all."""
    above: tuple[int, Rate] | None = None
    """The rate of requests with more input tokens than this, for all of their tokens."""

    def cost(self, usage: Usage) -> Cost:
        if self.above is not None and usage.input_tokens > self.above[0]:
            return self.above[1].cost(usage)
        return self.rate.cost(usage)


def dollars(cost: Decimal) -> str:
    """`$0.00042`, `$1.27`: two figures that count, and cents at least."""
    places = min(max(2, 1 - cost.adjusted()), 9) if cost else 2
    return f"${cost:.{places}f}"


class Prices:
    """What is published, and what the operator said last."""

    def __init__(self, own: Sequence[OwnPrice] = ()) -> None:
        self.replace(own)

    def replace(self, own: Sequence[OwnPrice]) -> None:
        """The operator says other things."""
        # the most specific first; of equals the one that names an upstream
        self._own = sorted(
            own, key=lambda price: (price.rule.is_wildcard, price.rule.rank, price.upstream is None)
        )

    def cost(
        self, model: str, usage: Usage, upstream: Upstream, *, at: datetime, media: MediaTokens | None = None
    ) -> Cost | None:
        """Of one request upstream, for which Google told this usage; several have to be added up, since a price may
        depend on a request's length. `None`: nobody knows.

        `at` has a time zone; prices change. Without `media`, input counts as text, and the output of a model that draws
        is unknown.
        """
        for price in self._own:
            if price.upstream in (None, upstream) and price.rule.matches(model):
                return price.cost(usage)
        if upstream is Upstream.CODE_ASSIST:
            return None  # paid by the seat
        return _published_cost(model, usage, media, at)


# --- published prices --------------------------------------------------------------------------------------


def are_published_compiled() -> bool:
    """Whether Python keeps them as bytecode, and loads them in 40 ms. It cannot where it may not write, or is told not to by
    `PYTHONDONTWRITEBYTECODE`: then they take 0.3 s, 0.17 of it in one call into C, in which no other thread works either.
    """
    package = find_spec("genai_prices")
    folders = (package and package.submodule_search_locations) or ()
    return any(Path(cache_from_source(f"{folder}/data.py")).exists() for folder in folders)


def load_published() -> None:
    """Have them at hand. Blocks, once in a process, for as long as `are_published_compiled` says."""
    import genai_prices  # noqa: PLC0415  see the head of this file

    with suppress(LookupError):
        # some of it is imported only when it is asked
        genai_prices.calc_price(genai_prices.Usage(), "gemini-2.5-flash", provider_id=_GOOGLE)
    _at_hand.set()


_at_hand = Event()
"""Set once they are."""


def _published_cost(model: str, usage: Usage, media: MediaTokens | None, at: datetime) -> Cost | None:
    if not _at_hand.is_set():
        return None
    import genai_prices  # noqa: PLC0415  see the head of this file

    if media is None and (rate := _flat_rate(model, at.astimezone(UTC).date())) is not None:
        return rate.cost(usage)
    kinds = media or MediaTokens()
    # what is counted twice, once in parts, may not fit; the library refuses parts that exceed the whole
    audio = min(kinds.audio_input, usage.input_tokens)
    cached = min(usage.cached_tokens, usage.input_tokens)
    counts = genai_prices.Usage(
        input_tokens=usage.input_tokens,
        cache_read_tokens=cached,
        input_audio_tokens=audio,
        cache_audio_read_tokens=min(kinds.cached_audio, audio, cached),
        output_tokens=usage.output_tokens,
        output_image_tokens=min(kinds.image_output, usage.output_tokens),
    )
    try:
        found = genai_prices.calc_price(counts, model, provider_id=_GOOGLE, genai_request_timestamp=at)
    except LookupError:
        return None
    price: Mapping[str, object] = vars(found.model_price)
    if price.get("input_mtok") is None or price.get("output_mtok") is None:
        return None  # the library would say that it costs nothing
    if media is None and price.get("output_image_mtok") is not None:
        return None
    return Cost(found.input_price, found.output_price)


@lru_cache(maxsize=256)
def _flat_rate(model: str, day: date) -> Rate | None:
    """Of text, for the whole of a day in UTC; `None` if it is not as simple as that. The library takes 130 µs for each
    request, which was a thirtieth of the gateway's time.
    """
    at_dawn, at_dusk = (_text_prices(model, datetime.combine(day, at, UTC)) for at in (time.min, time.max))
    match at_dawn:
        case (Decimal() as given, Decimal() as cached, Decimal() as output) if at_dawn == at_dusk:
            return Rate(given, cached, output)
        case _:
            return None


def _text_prices(model: str, at: datetime) -> tuple[object, ...]:
    """For a million tokens of input, of cached input, and of output; none for a model that draws."""
    import genai_prices  # noqa: PLC0415  see the head of this file

    try:
        found = genai_prices.calc_price(
            genai_prices.Usage(), model, provider_id=_GOOGLE, genai_request_timestamp=at
        )
    except LookupError:
        return ()
    price: Mapping[str, object] = vars(found.model_price)
    if price.get("output_image_mtok") is not None:
        return ()
    return tuple(price.get(name) for name in ("input_mtok", "cache_read_mtok", "output_mtok"))


# --- the operator's file -----------------------------------------------------------------------------------

type _Dollars = Annotated[Decimal, Field(ge=0, le=1_000_000)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _Rate(_Strict):
    input: _Dollars
    cached: _Dollars | None = None
    output: _Dollars

    def to_rate(self) -> Rate:
        return Rate(self.input, self.input if self.cached is None else self.cached, self.output)


class _Tier(_Rate):
    tokens: Annotated[int, Field(ge=1, strict=True)]


class _Entry(_Rate):
    model: Annotated[str, Field(min_length=1)]
    upstream: Upstream | None = None
    above: _Tier | None = None

    def to_price(self) -> OwnPrice:
        above = None if self.above is None else (self.above.tokens, self.above.to_rate())
        return OwnPrice(Rule(self.model, ""), self.to_rate(), self.upstream, above)


class _File(_Strict):
    prices: tuple[_Entry, ...]


def read_prices(path: Path) -> tuple[OwnPrice, ...]:
    """Blocks. Raises: PricesFileError: unreadable, not YAML, or not of the file's shape."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise PricesFileError(f"{path}: there is no such file.") from None
    except (OSError, ValueError) as error:
        raise PricesFileError(f"{path}: cannot be read: {error}.") from error
    return parse_prices(text, source=str(path))


def parse_prices(text: str, *, source: str) -> tuple[OwnPrice, ...]:
    """Raises: PricesFileError: see `read_prices`. `source` is the file's name in messages."""
    try:
        root, document = composed(text, source)
    except YamlError as error:
        raise PricesFileError(str(error)) from None
    try:
        entries = _File.model_validate(document).prices
    except ValidationError as error:
        problems = [_describe(detail, root, source) for detail in error.errors(include_url=False)]
        raise PricesFileError(told(problems)) from None
    if repeated := tuple(_repeated(entries, root, source)):
        raise PricesFileError(told(repeated))
    return tuple(entry.to_price() for entry in entries)


def _repeated(entries: Sequence[_Entry], root: yaml.Node | None, source: str) -> Iterator[str]:
    """A sentence for each entry that says again what an earlier one says, perhaps otherwise."""
    seen: set[tuple[str, Upstream | None]] = set()
    for index, entry in enumerate(entries):
        if (key := (entry.model, entry.upstream)) in seen:
            location = (_ROOT, index, "model")
            yield told_at(root, location, source, f"{entry.model!r} is listed twice.")
        seen.add(key)


def _describe(detail: ErrorDetails, root: yaml.Node | None, source: str) -> str:
    location = detail["loc"]
    match detail["type"]:
        case "model_type" | "model_attributes_type":
            example = "model: gemini-2.5-pro" if location else "prices: []"
            fault = f"must be a mapping such as `{example}`."
        case "tuple_type":
            fault = "must be a list."
        case (
            "decimal_parsing" | "decimal_type" | "finite_number" | "greater_than_equal" | "less_than_equal"
        ) if location[-1] != "tokens":
            fault = "must be US dollars for a million tokens, 0 or more, such as 1.25."
        case _:
            fault = fault_in_words(detail, fields=_fields_at(location))
    return told_at(root, location, source, fault)


def _fields_at(location: tuple[int | str, ...]) -> Iterable[str]:
    match location:
        case (_,):
            return (_ROOT,)
        case (*_, "above", _):
            return _Tier.model_fields
        case _:
            return _Entry.model_fields
