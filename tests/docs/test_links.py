"""Links between pages resolve, and no page betrays the machine it was written on."""

import re
from pathlib import Path

import pytest

from .pages import PAGES, ROOT, name_of

_LINK = re.compile(r"\]\((?!https?://|mailto:)(?P<target>[^)\s]*)\)")
_HEADING = re.compile(r"^#+ (?P<title>.+)$", re.MULTILINE)
_OF_A_MACHINE = re.compile(r"(?<![\w.])/(?:work|home|Users|root|tmp|private|var/folders)/\S*")


def anchors(page: Path) -> set[str]:
    """As GitHub makes them of headings."""
    titles = (match["title"] for match in _HEADING.finditer(page.read_text()))
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_relative_links_resolve(page: Path) -> None:
    broken: list[str] = []
    for match in _LINK.finditer(page.read_text()):
        path, _, anchor = match["target"].partition("#")
        target = page.parent / path if path else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            broken.append(match["target"])
    assert not broken


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_no_page_names_a_path_of_some_machine(page: Path) -> None:
    assert not _OF_A_MACHINE.findall(page.read_text())


OF_THE_SITE = {ROOT / "docs" / f"{name}.md" for name in ("index", "readme", "changelog", "contributing")}
"""They have nothing of their own to say."""


def test_every_page_can_be_reached_from_the_readme() -> None:
    seen: set[Path] = set()
    waiting = [ROOT / "README.md"]
    while waiting:
        page = waiting.pop().resolve()
        if page in seen:
            continue
        seen.add(page)
        folder = page if page.is_dir() else page.parent
        if page.is_dir():
            waiting += page.glob("*.md")
        elif page.suffix == ".md":
            links = (match["target"].partition("#")[0] for match in _LINK.finditer(page.read_text()))
            waiting += [folder / link for link in links if link]
    assert not [name_of(page) for page in PAGES if page.resolve() not in seen | OF_THE_SITE]


def test_the_pictures_are_light() -> None:
    assert all(image.stat().st_size < 300_000 for image in (ROOT / "docs" / "images").glob("*.png"))
