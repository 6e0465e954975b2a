"""What requests cost: figures worked out by hand from the list prices of November 2026."""

import py_compile
import subprocess
import sys
from datetime import UTC, datetime
from decimal import Decimal
from importlib.util import find_spec
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from antigravity_addon.accounts.account import Upstream
from antigravity_addon.gateway.catalog import GEMINI_MODELS
from antigravity_addon.gateway.prices import (
    Cost,
    MediaTokens,
    Prices,
    PricesFileError,
    are_published_compiled,
    load_published,
    parse_prices,
    read_prices,
)
from antigravity_addon.gateway.prices import (
    dollars as shown,
)
from antigravity_addon.translate.events import Usage

NOVEMBER = datetime(2026, 11, 26, tzinfo=UTC)
SOURCE = "prices.yaml"
UNKNOWN_TODAY = {"gemini-4-carbon", "gemini-4-hydrogen", "gemini-4-neon"}
"""Of those in the catalog; a newer genai-prices may know them."""
DRAWING = {"gemini-2.5-flash-image", "gemini-3-pro-image", "gemini-3.1-flash-image"}


@pytest.fixture(scope="module", autouse=True)
def published() -> None:
    load_published()


def cost(
    model: str,
    usage: Usage,
    upstream: Upstream = Upstream.GEMINI,
    *,
    at: datetime = NOVEMBER,
    media: MediaTokens | None = None,
    own: str = "prices: []",
) -> Cost | None:
    return Prices(parse_prices(own, source=SOURCE)).cost(model, usage, upstream, at=at, media=media)


def dollars(input_millionths: str, output_millionths: str) -> Cost:
    return Cost(Decimal(input_millionths) / 1_000_000, Decimal(output_millionths) / 1_000_000)


PUBLISHED: dict[str, tuple[str, Usage, Cost]] = {
    # 1,000 × 0.30 and 500 × 2.50
    "input and output": ("gemini-2.5-flash", Usage(1000, 0, 500, 0), dollars("300", "1250")),
    # 600 × 0.30 + 400 × 0.03
    "the cached part of the input": ("gemini-2.5-flash", Usage(1000, 400, 500, 0), dollars("192", "1250")),
    # thinking is part of the 500, and has the output's price
    "thinking": ("gemini-2.5-flash", Usage(1000, 0, 500, 450), dollars("300", "1250")),
    "nothing": ("gemini-2.5-flash", Usage(), dollars("0", "0")),
    # 200,000 × 1.25 and 1,000 × 10
    "up to 200,000 tokens": ("gemini-2.5-pro", Usage(200_000, 0, 1000, 0), dollars("250000", "10000")),
    # 200,001 × 2.50 and 1,000 × 15: the whole request, not what is above
    "above 200,000 tokens": ("gemini-2.5-pro", Usage(200_001, 0, 1000, 0), dollars("500002.5", "15000")),
    # 100,000 × 4 + 200,000 × 0.40 and 1,000 × 18
    "cached, above": (
        "gemini-3.1-pro-preview",
        Usage(300_000, 200_000, 1000, 0),
        dollars("480000", "18000"),
    ),
    # 1,000 × 0.10 and 1,000 × 0.40
    "a small model": ("gemini-2.5-flash-lite", Usage(1000, 0, 1000, 0), dollars("100", "400")),
    # 1,000 × 1.50 and 1,000 × 9
    "gemini-3.5-flash": ("gemini-3.5-flash", Usage(1000, 0, 1000, 0), dollars("1500", "9000")),
    # 1,000 × 0.75 and 1,000 × 3.75
    "an alias": ("gemini-flash-latest", Usage(1000, 0, 1000, 0), dollars("750", "3750")),
    # a counter that Google mixed up is no reason to fail
    "more cached than there was": ("gemini-2.5-flash", Usage(1000, 1200, 0, 0), dollars("30", "0")),
}


@pytest.mark.parametrize(("model", "usage", "expected"), PUBLISHED.values(), ids=PUBLISHED)
@pytest.mark.parametrize("upstream", [Upstream.GEMINI, Upstream.VERTEX])
def test_google_publishes(model: str, usage: Usage, expected: Cost, upstream: Upstream) -> None:
    assert cost(model, usage, upstream) == expected


@given(
    model=st.sampled_from(sorted(set(GEMINI_MODELS) - DRAWING)),
    usage=st.builds(
        Usage, st.integers(0, 10**7), st.integers(0, 10**6), st.integers(0, 10**6), st.integers(0, 10**6)
    ),
    at=st.datetimes(datetime(2026, 11, 1), datetime(2027, 1, 31), timezones=st.just(UTC)),  # noqa: DTZ001
)
def test_the_short_way_leads_to_what_the_library_says(model: str, usage: Usage, at: datetime) -> None:
    assert cost(model, usage, at=at) == cost(model, usage, at=at, media=MediaTokens())


@pytest.mark.parametrize("media", [None, MediaTokens()], ids=["text", "media"])
@pytest.mark.parametrize("model", ["gemini-embedding-001", "gemma-3"])
def test_what_has_half_a_price_or_none_costs_nobody_knows_what(model: str, media: MediaTokens | None) -> None:
    """The library would say that what has no price costs nothing."""
    assert cost(model, Usage(1000, 0, 1000, 0), media=media) is None


def test_a_price_is_that_of_the_day() -> None:
    usage = Usage(1000, 0, 1000, 0)
    assert cost("gemini-4-argon", usage) == dollars("2000", "10000")
    assert cost("gemini-4-argon", usage, at=datetime(2026, 12, 1, tzinfo=UTC)) == dollars("4000", "20000")


MEDIA: dict[str, tuple[str, Usage, MediaTokens, Cost]] = {
    # 400 × 0.30 + 600 × 1
    "audio": ("gemini-2.5-flash", Usage(1000, 0, 0, 0), MediaTokens(audio_input=600), dollars("720", "0")),
    # fresh text 300 × 0.30, cached text 100 × 0.03, fresh audio 550 × 1, cached audio 50 × 0.10
    "audio, partly cached": (
        "gemini-2.5-flash",
        Usage(1000, 150, 0, 0),
        MediaTokens(audio_input=600, cached_audio=50),
        dollars("648", "0"),
    ),
    # 100 × 0.30, and 10 × 2.50 + 1,290 × 30
    "an image": (
        "gemini-2.5-flash-image",
        Usage(100, 0, 1300, 0),
        MediaTokens(image_output=1290),
        dollars("30", "38725"),
    ),
    "audio for a model with one price": (
        "gemini-2.5-pro",
        Usage(1000, 0, 0, 0),
        MediaTokens(audio_input=600),
        dollars("1250", "0"),
    ),
    "more than there was": (
        "gemini-2.5-flash",
        Usage(1000, 0, 0, 0),
        MediaTokens(audio_input=1001, cached_audio=2000),
        dollars("1000", "0"),
    ),
}


@pytest.mark.parametrize(("model", "usage", "media", "expected"), MEDIA.values(), ids=MEDIA)
def test_audio_and_images_have_prices_of_their_own(
    model: str, usage: Usage, media: MediaTokens, expected: Cost
) -> None:
    assert cost(model, usage, media=media) == expected


@pytest.mark.parametrize(
    "model",
    ["gemini-9-unheard-of", "gemma-3-27b-it", "my-model", *sorted(DRAWING)],
)
def test_what_nobody_knows_is_no_number(model: str) -> None:
    assert cost(model, Usage(1000, 0, 1000, 0)) is None


def test_code_assist_is_not_paid_by_the_token() -> None:
    assert cost("gemini-2.5-pro", Usage(1000, 0, 1000, 0), Upstream.CODE_ASSIST) is None


def test_the_models_of_the_catalog_have_prices() -> None:
    unknown = {model for model in GEMINI_MODELS if cost(model, Usage(1, 0, 1, 0)) is None}
    assert unknown - UNKNOWN_TODAY == DRAWING
    assert all(cost(model, Usage(1, 0, 1, 0), media=MediaTokens()) for model in DRAWING)


def test_the_library_is_imported_when_it_is_asked_to_be() -> None:
    """It takes longer than all that the gateway needs at its start."""
    code = (
        "import sys, antigravity_addon.gateway.prices as prices\n"
        "assert 'genai_prices' not in sys.modules\n"
        "assert prices._published_cost('gemini-2.5-pro', prices.Usage(1), None, None) is None\n"
        "assert 'genai_prices' not in sys.modules\n"
        "prices.load_published()\n"
        "assert 'genai_prices.data' in sys.modules\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_it_is_known_whether_python_has_compiled_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "pycache_prefix", str(tmp_path))
    assert not are_published_compiled()
    spec = find_spec("genai_prices.data")
    assert spec is not None
    assert spec.origin is not None
    py_compile.compile(spec.origin, doraise=True)
    assert are_published_compiled()


@pytest.mark.parametrize(
    ("cost", "text"),
    [("0", "$0.00"), ("0.000000000", "$0.00"), ("12.346", "$12.35"), ("0.00041999", "$0.00042"), ("0.012", "$0.012"), ("0.5", "$0.50"), ("1.267", "$1.27"), ("0.00000001", "$0.000000010")],
)  # fmt: skip
def test_costs_are_shown_with_two_figures_that_count(cost: str, text: str) -> None:
    assert shown(Decimal(cost)) == text


# --- the operator's file -----------------------------------------------------------------------------------

OWN = """\
prices:
- model: gemini-2.5-pro
  upstream: vertex
  input: 1
  cached: 0.25
  output: 8
  above: {tokens: 200000, input: 2, output: 12.5}
- {model: gemini-2.5-*, input: 0, output: 0}
- {model: "*image*", input: 0.5, output: 30}
- {model: gemini-4-neon, upstream: code_assist, input: 3, output: 3}
"""

OWN_CASES: dict[str, tuple[str, Upstream, Usage, Cost | None]] = {
    # 800 × 1 + 200 × 0.25 and 100 × 8
    "its price": ("gemini-2.5-pro", Upstream.VERTEX, Usage(1000, 200, 100, 0), dollars("850", "800")),
    # 200,000 × 1
    "its price, just not above": (
        "gemini-2.5-pro",
        Upstream.VERTEX,
        Usage(200_000, 0, 0, 0),
        dollars("200000", "0"),
    ),
    # 200,001 × 2, where cached input costs as much, and 100 × 12.50
    "its price above": (
        "gemini-2.5-pro",
        Upstream.VERTEX,
        Usage(200_001, 1, 100, 0),
        dollars("400002", "1250"),
    ),
    "another upstream": ("gemini-2.5-pro", Upstream.GEMINI, Usage(1000, 0, 1000, 0), dollars("0", "0")),
    "a pattern": ("gemini-2.5-flash", Upstream.GEMINI, Usage(1000, 0, 1000, 0), dollars("0", "0")),
    "of patterns the most specific": (
        "gemini-2.5-flash-image",
        Upstream.GEMINI,
        Usage(1000, 0, 1000, 0),
        dollars("0", "0"),
    ),
    "a model that draws": (
        "gemini-3-pro-image",
        Upstream.GEMINI,
        Usage(1000, 0, 1000, 0),
        dollars("500", "30000"),
    ),
    "a model that nobody knows": (
        "gemini-4-neon",
        Upstream.CODE_ASSIST,
        Usage(1000, 0, 1000, 0),
        dollars("3000", "3000"),
    ),
    "a model that it says nothing of": (
        "gemini-3.5-flash",
        Upstream.GEMINI,
        Usage(1000, 0, 0, 0),
        dollars("1500", "0"),
    ),
}


@pytest.mark.parametrize(("model", "upstream", "usage", "expected"), OWN_CASES.values(), ids=OWN_CASES)
def test_the_operators_file_wins(model: str, upstream: Upstream, usage: Usage, expected: Cost | None) -> None:
    assert cost(model, usage, upstream, own=OWN) == expected


def test_of_two_entries_the_one_that_names_the_upstream_wins_in_any_order() -> None:
    both = parse_prices(
        "prices:\n- {model: g, input: 1, output: 1}\n- {model: g, upstream: vertex, input: 2, output: 2}\n",
        source=SOURCE,
    )
    for own in (both, both[::-1]):
        prices = Prices(own)
        usage = Usage(1_000_000, 0, 0, 0)
        totals = [
            found.total
            for upstream in (Upstream.GEMINI, Upstream.VERTEX)
            if (found := prices.cost("g", usage, upstream, at=NOVEMBER))
        ]
        assert totals == [1, 2]


TOKENS = st.integers(0, 1_000_000)


@given(TOKENS, TOKENS, TOKENS, TOKENS)
def test_what_requests_cost_adds_up(first_input: int, first_output: int, input_: int, output: int) -> None:
    prices = Prices(parse_prices("prices: [{model: g, input: 1.25, output: 10}]", source=SOURCE))
    first, second = Usage(first_input, 0, first_output, 0), Usage(input_, 0, output, 0)
    costs = [
        prices.cost("g", usage, Upstream.GEMINI, at=NOVEMBER) for usage in (first, second, first + second)
    ]
    assert None not in costs
    one, two, both = (each for each in costs if each is not None)
    assert one + two == both
    assert both.total == both.input + both.output


BROKEN: dict[str, tuple[str, str]] = {
    "not YAML": ("prices: [", "prices.yaml:1: not valid YAML: "),
    "no prices": ("{}", "prices.yaml:1: prices: is missing."),
    "empty": ("", "prices.yaml: the file: must be a mapping such as `prices: []`."),
    "no list": ("prices: 3", "prices.yaml:1: prices: must be a list."),
    "no output": ("prices:\n- {model: g, input: 1}\n", "prices.yaml:2: prices[0].output: is missing."),
    "no model": ("prices:\n- {output: 1, input: 1}\n", "prices.yaml:2: prices[0].model: is missing."),
    "less than nothing": (
        "prices:\n- model: g\n  output: 1\n  input: -1\n",
        "prices.yaml:4: prices[0].input: must be US dollars for a million tokens, 0 or more, such as 1.25.",
    ),
    "no number": (
        "prices:\n- {model: g, output: free, input: 1}\n",
        "prices.yaml:2: prices[0].output: must be US dollars for a million tokens, 0 or more, such as 1.25.",
    ),
    "not finite": (
        "prices:\n- {model: g, output: .inf, input: 1}\n",
        "prices.yaml:2: prices[0].output: must be US dollars for a million tokens, 0 or more, such as 1.25.",
    ),
    "an unknown field": (
        "prices:\n- {model: g, output: 1, input: 1, per: 1}\n",
        "prices.yaml:2: prices[0].per: is not a field that is known here (input, cached, output, model, upstream, above).",
    ),
    "a tier without tokens": (
        "prices:\n- {model: g, output: 1, input: 1, above: {input: 1, output: 1}}\n",
        "prices.yaml:2: prices[0].above.tokens: is missing.",
    ),
    "an unknown field of a tier": (
        "prices:\n- {model: g, output: 1, input: 1, above: {tokens: 5, input: 1, output: 1, to: 3}}\n",
        "prices.yaml:2: prices[0].above.to: is not a field that is known here (input, cached, output, tokens).",
    ),
    "an unknown upstream": (
        "prices:\n- {model: g, output: 1, input: 1, upstream: moon}\n",
        "prices.yaml:2: prices[0].upstream: Input should be 'gemini', 'vertex' or 'code_assist'.",
    ),
    "one model twice": (
        "prices:\n- {model: g, output: 1, input: 1}\n- {model: g, output: 2, input: 2}\n",
        "prices.yaml:3: prices[1].model: 'g' is listed twice.",
    ),
    "one field twice": (
        "prices:\n- {model: g, output: 1, output: 2, input: 1}\n",
        "prices.yaml:2: prices[0].output: is in line 2 already, and only one of the two can count.",
    ),
}


@pytest.mark.parametrize(("text", "message"), BROKEN.values(), ids=BROKEN)
def test_a_bad_file_is_told_where_it_is_bad(text: str, message: str) -> None:
    with pytest.raises(PricesFileError) as caught:
        parse_prices(text, source=SOURCE)
    assert str(caught.value).startswith(message)


def test_a_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / SOURCE
    with pytest.raises(PricesFileError, match="there is no such file"):
        read_prices(path)
    path.write_text(OWN)
    prices = read_prices(path)
    assert [price.rule.pattern for price in prices] == [
        "gemini-2.5-pro",
        "gemini-2.5-*",
        "*image*",
        "gemini-4-neon",
    ]
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(PricesFileError, match="cannot be read"):
        read_prices(path)
