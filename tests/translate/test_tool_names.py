"""Names of tools, there and back (C38)."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from antigravity_addon.translate.tool_names import ToolNames

LEGAL = re.compile(r"[A-Za-z_][A-Za-z0-9_.:-]{0,63}")

CASES: dict[str, tuple[list[str], list[str]]] = {
    "C38 legal names stay": (
        ["get__weather", "mcp__srv__do-it", "a.b:c"],
        ["get__weather", "mcp__srv__do-it", "a.b:c"],
    ),
    "C38 illegal characters": (["my tool!"], ["my_tool_"]),
    "C38 a digit first": (["1abc"], ["_1abc"]),
    "C38 too long": (["a" * 80], ["a" * 64]),
    "no letter at all": (["é"], ["_"]),
    "legal names are never taken by others": (["a b", "a_b"], ["a_b_c8687a08", "a_b"]),
    "of two that become the same the later one gives way": (["a b", "a!b"], ["a_b", "a_b_80f8c6e5"]),
    "long names that begin alike": (["a" * 80, "a" * 81], ["a" * 64, "a" * 55 + "_8c48280d"]),
}


@pytest.mark.parametrize(("names", "legal"), CASES.values(), ids=CASES)
def test_names_become_legal(names: list[str], legal: list[str]) -> None:
    tool_names = ToolNames.of(names)
    assert [tool_names.to_gemini(name) for name in names] == legal


def test_unknown_names_pass_unchanged() -> None:
    assert ToolNames.of(["a b"]).to_client("never heard of") == "never heard of"
    assert ToolNames.of([]).to_gemini("a b") == "a b"


@given(st.lists(st.text() | st.sampled_from(("a b", "a_b", "a!b", "1", "_1", "x" * 64, "x" * 65))))
def test_names_are_legal_distinct_and_come_back(names: list[str]) -> None:
    tool_names = ToolNames.of(names)
    renamed = {name: tool_names.to_gemini(name) for name in names}
    assert all(LEGAL.fullmatch(name) for name in renamed.values())
    assert len(set(renamed.values())) == len(renamed)
    assert {name: tool_names.to_client(gemini) for name, gemini in renamed.items()} == {
        name: name for name in names
    }
    assert ToolNames.of(names) == tool_names
