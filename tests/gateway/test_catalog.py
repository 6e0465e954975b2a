"""Model names: exact > wildcard > default, and what is listed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from antigravity_addon.errors import ModelNotFound
from antigravity_addon.gateway.catalog import Catalog, Rule, parse_rule

C08 = ("gpt-*=A", "gpt-4*=B", "gpt-4o*=C", "gpt-4o-mini=D", "*-mini=E")

RESOLVED: dict[str, tuple[tuple[str, ...], str, str]] = {
    "C08 exact": (C08, "gpt-4o-mini", "D"),
    "C08 longest": (C08, "gpt-4o-2024", "C"),
    "C08 middle": (C08, "gpt-4.1", "B"),
    "C08 short": (C08, "gpt-5", "A"),
    "C08 suffix": (C08, "o3-mini", "E"),
    "C08 more literal characters": (C08, "gpt-5-mini", "E"),
    "C08 tie: longer literal prefix": (("*bc=Y", "a*c=X"), "abc", "X"),
    "fewer stars": (("a*b*c=X", "ab*c=Y"), "abc", "Y"),
    "a full tie: order given": (("a*=X", "a*=Y"), "ab", "X"),
    "a star stands for nothing too": (("gpt-4o*=X",), "gpt-4o", "X"),
    "a catch-all beats the built-in rules": (("*=X",), "gpt-4o", "X"),
    "a catch-all beats Gemini's own names": (("*=X",), "gemini-2.5-pro", "X"),
    "two stars are one": (("gpt**=X",), "gpt-9", "X"),
    "exact beats wildcard, whatever the order": (("gpt-*=X", "gpt-4o=Y"), "gpt-4o", "Y"),
    "the users' page": ((), "gpt-4o", "gemini-2.5-flash"),
    "a Gemini name passes": ((), "gemini-2.5-pro", "gemini-2.5-pro"),
    "a Gemini name nobody knows yet passes": ((), "gemini-9-xenon", "gemini-9-xenon"),
    "a Gemini name of no model": (("gemini-*=X",), "gemini-" + "x" * 128, "X"),
    "an alias": ((), "gemini-3-flash", "gemini-3-flash-preview"),
    "a model that was shut down": ((), "gemini-3-pro-preview", "gemini-3.1-pro-preview"),
    "Google's prefix": ((), "models/gemini-2.5-pro", "gemini-2.5-pro"),
    "a provider's prefix": ((), "google/gemini-2.5-pro", "gemini-2.5-pro"),
    "a rule may point at an alias": (("mine=gemini-3-flash",), "mine", "gemini-3-flash-preview"),
    "dated and future names": ((), "gpt-5.1-mini-2026-01-01", "gemini-3.8-flash"),
}


@pytest.mark.parametrize(("rules", "name", "target"), RESOLVED.values(), ids=RESOLVED.keys())
def test_a_name_is_resolved(rules: tuple[str, ...], name: str, target: str) -> None:
    assert Catalog([parse_rule(rule) for rule in rules]).resolve(name) == target


@pytest.mark.parametrize(
    "name",
    [
        "nope",
        "GPT-4o",
        "",
        "gemini-2.5-flash:countTokens?key=",
        "gemini-../x",
        "gemini-a/b",
        "gemini-%2e",
        "a" * 5000,
    ],
)
def test_a_name_that_no_rule_matches_does_not_exist(name: str) -> None:
    with pytest.raises(ModelNotFound) as caught:
        Catalog().resolve(name)
    assert (caught.value.status, caught.value.code, caught.value.param) == (404, "model_not_found", "model")


def test_a_name_that_no_rule_matches_goes_to_the_default() -> None:
    assert Catalog(default_model="gemini-3.8-flash").resolve("nope") == "gemini-3.8-flash"


def test_c02_patterns_and_virtual_names_are_not_listed() -> None:
    names = Catalog([parse_rule("my-model=gemini-2.5-pro"), parse_rule("gpt-7*=gemini-2.5-pro")]).names()
    assert {"my-model", "gpt-4o", "gemini-2.5-flash"} <= set(names)
    assert not any("*" in name for name in names)
    assert "internal-background-task" not in names
    assert list(names) == sorted(set(names), key=str.encode)


@pytest.mark.parametrize("text", ["", "=", "a=", "=b", "no equals", "a=b/c", "a=b:c", "a=*"])
def test_a_rule_that_cannot_be_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"pattern=target|name of a model"):
        parse_rule(text)


names = st.text(alphabet="abc-*", max_size=8)


@given(st.lists(names.filter(lambda n: "*" in n), max_size=6), st.text(alphabet="abc-", max_size=8))
def test_the_choice_depends_on_the_rules_alone(patterns: list[str], name: str) -> None:
    rules = [Rule(pattern, f"target-{index}") for index, pattern in enumerate(patterns)]

    def choice() -> str:
        return Catalog(rules, default_model="none").resolve(name)

    assert len({choice() for _ in range(20)}) == 1


@given(names, st.text(alphabet="abc-", max_size=8))
def test_a_pattern_matches_what_a_regular_expression_does(pattern: str, name: str) -> None:
    import re  # noqa: PLC0415  only the oracle needs it

    expression = ".*".join(re.escape(piece) for piece in pattern.split("*"))
    assert Rule(pattern, "x").matches(name) == (re.fullmatch(expression, name) is not None)


@pytest.mark.parametrize(
    ("name", "searches", "model"),
    [
        ("gpt-4o-online", True, "gemini-2.5-flash"),
        ("gemini-3.8-flash:online", True, "gemini-3.8-flash"),
        ("gpt-4o", False, "gemini-2.5-flash"),
        ("my-online", False, "gemini-2.5-pro"),
    ],
)
def test_c40_an_ending_asks_for_a_web_search(name: str, model: str, *, searches: bool) -> None:
    catalog = Catalog([parse_rule("my-online=gemini-2.5-pro")])
    assert (catalog.searches_web(name), catalog.resolve(name)) == (searches, model)


WORDS: dict[str, tuple[str, str]] = {
    "mine": ("mine", "mine=gemini-3-flash, an alias of gemini-3-flash-preview (gateway_model_map)"),
    "gpt-4x": ("gpt-4x", "gpt-4*=gemini-2.5-flash (built in)"),
    "my-": ("my-model", "my-*=gemini-2.5-pro (gateway_model_map)"),
    "gemini": ("gemini-2.5-pro", "gemini-2.5-pro=gemini-2.5-pro (a name of Gemini's own)"),
    "default": ("llama", "*=gemini-2.5-flash (gateway_default_model, since no rule knows the name)"),
}


@pytest.mark.parametrize(("name", "words"), WORDS.values(), ids=WORDS)
def test_which_rule_it_was(name: str, words: str) -> None:
    rules = tuple(map(parse_rule, ("mine=gemini-3-flash", "my-*=gemini-2.5-pro")))
    assert str(Catalog(rules, default_model="gemini-2.5-flash").match(name)) == words
