"""docs/architecture.md speaks of the code that is there."""

import re

from .pages import ROOT

PAGE = ROOT / "docs" / "architecture.md"
PACKAGE = ROOT / "antigravity_addon"


def test_every_module_it_names_exists() -> None:
    named = re.findall(r"`([a-z_]+(?:/[a-z_]+)*\.py)`", PAGE.read_text())
    assert named
    assert not [name for name in named if not (PACKAGE / name).is_file()]


def test_every_package_has_a_row_in_its_table() -> None:
    rows = set(re.findall(r"^\| `([a-z_]+)` \|", PAGE.read_text(), re.MULTILINE))
    packages = {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
    assert rows == packages | {"errors"}
