"""Parts of pages that the program writes, under the switch that all goldens have."""

from collections.abc import Callable
from pathlib import Path

import pytest

from .pages import name_of, with_written_part

type WrittenPart = Callable[[Path, str], None]
"""`written_part(page, text)`: asserts that `text` is what the page has between its markers."""


@pytest.fixture
def written_part(request: pytest.FixtureRequest) -> WrittenPart:
    """`pytest --update-golden` writes the part anew."""

    def check(page: Path, part: str) -> None:
        expected = with_written_part(page, part)
        if request.config.getoption("--update-golden"):
            page.write_text(expected)
        assert page.read_text() == expected, f"{name_of(page)} is stale: run pytest --update-golden"

    return check
