"""What commands print, as the pages show it, is what they print in their own tests."""

from pathlib import Path

import pytest

from .pages import PAGES, name_of, with_samples

SHOWING = tuple(page for page in PAGES if "<!-- sample: " in page.read_text())


def test_there_are_samples() -> None:
    """Or the test below would be glad of nothing."""
    assert {name_of(page) for page in SHOWING} == {
        "docs/accounts.md",
        "docs/client-keys.md",
        "docs/doctor.md",
        "docs/metrics.md",
        "docs/views.md",
    }


@pytest.mark.parametrize("page", SHOWING, ids=name_of)
def test_samples_are_what_the_goldens_hold(request: pytest.FixtureRequest, page: Path) -> None:
    expected = with_samples(page)
    if request.config.getoption("--update-golden"):
        page.write_text(expected)
    assert page.read_text() == expected, f"{name_of(page)} is stale: run pytest --update-golden"
