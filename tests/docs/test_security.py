"""docs/security.md names tests that are there."""

import re

from .pages import ROOT

PAGE = ROOT / "docs" / "security.md"


def test_every_defence_is_shown_by_a_test_that_exists() -> None:
    named = re.findall(r"`(test_\w+)`", PAGE.read_text())
    assert len(named) > 20
    tests = "\n".join(path.read_text() for path in (ROOT / "tests").rglob("test_*.py"))
    assert not [name for name in named if f"def {name}(" not in tests]
