"""Bounds of what is remembered of conversations, and of how much accounts have answered."""

import pytest

from antigravity_addon.accounts import bindings as bindings_module
from antigravity_addon.accounts import suspicions as suspicions_module
from antigravity_addon.accounts.bindings import Bindings
from antigravity_addon.accounts.rests import Rests
from antigravity_addon.accounts.suspicions import Suspicions
from antigravity_addon.state.pool_store import CooldownKey, KeptBinding


def now() -> float:
    return 0.0


def test_the_conversation_unused_longest_is_forgotten_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bindings_module, "MOST_BINDINGS", 2)
    bindings = Bindings(now)
    for name in ("first", "second", "first", "third"):
        bindings.bind(name, "ana@x.y")
    assert {name: bindings.account_of((name,)) for name in ("first", "second", "third")} == {
        "first": "ana@x.y",
        "second": None,
        "third": "ana@x.y",
    }


def test_what_is_kept_of_a_conversation_counts_less_than_what_is_known_by_now() -> None:
    bindings = Bindings(now)
    bindings.bind("talk", "bo@x.y")
    kept = {"talk": KeptBinding("ana@x.y", 990.0), "older": KeptBinding("ana@x.y", 980.0)}
    bindings.restore(kept, unix_now=1000.0)
    assert bindings.account_of(("talk",)) == "bo@x.y"
    assert bindings.account_of(("older",)) == "ana@x.y"


def test_of_models_of_accounts_the_oldest_size_is_forgotten_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(suspicions_module, "_MOST_SIZES", 2)
    suspicions = Suspicions(now, Rests(now))
    keys = [CooldownKey("ana@x.y", model) for model in ("a", "b", "c")]
    for size, place in ((10, 0), (10, 1), (20, 0), (10, 2)):
        suspicions.note_answer(keys[place], size)
    assert [suspicions.has_answered(key, 10) for key in keys] == [True, False, True]
