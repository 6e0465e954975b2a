"""The site: `uv run poe site` builds it into build/site. Its pages are read as well where they lie."""

import os
import re
from importlib.metadata import version as version_of
from pathlib import Path

from sphinx.application import Sphinx

project = "antigravity-addon"
version = release = version_of("antigravity-addon")

extensions = ["myst_parser"]
source_suffix = {".md": "markdown"}
exclude_patterns = ["pictures"]
root_doc = "index"

html_theme = "furo"
html_title = "antigravity-addon"
# no web server of others is asked for anything
html_theme_options = {"top_of_page_buttons": []}

myst_heading_anchors = 4

_ROOT = Path(__file__).parents[1]
_ABOVE = {"readme": "README.md", "changelog": "CHANGELOG.md", "contributing": "CONTRIBUTING.md"}
"""Pages that stand for files above this folder."""
_LINK = re.compile(r"\]\((?P<target>[^)#:]+)(?P<anchor>#[^)]*)?\)")


def _settle_links(_: Sphinx, name: str, source: list[str]) -> None:
    """A file above has links from where it lies; others have links to it."""
    folder = _ROOT / "docs"
    text = source[0]
    if name in _ABOVE:
        text, folder = (_ROOT / _ABOVE[name]).read_text(), _ROOT
    else:
        folder = (folder / name).parent
    depth = "../" * name.count("/")
    pages = {_ROOT / file: f"{page}.md" for page, file in _ABOVE.items()}

    def settled(link: re.Match[str]) -> str:
        target = (folder / link["target"]).resolve()
        if target in pages:
            return f"]({depth}{pages[target]}{link['anchor'] or ''})"
        if target == _ROOT / "docs" / "decisions":
            return f"]({depth}decisions/index.md)"
        if name in _ABOVE and target.exists():
            return f"]({os.path.relpath(target, _ROOT / 'docs')}{link['anchor'] or ''})"
        return link[0]

    source[0] = _LINK.sub(settled, text)


def setup(app: Sphinx) -> None:
    app.connect("source-read", _settle_links)
