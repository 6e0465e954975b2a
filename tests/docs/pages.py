"""The pages that people read: where they are, what is in their code blocks, what the program writes into them."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = tuple(sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]))

_FENCE = re.compile(
    r"^(?P<indent> *)```(?P<language>\w+)\n(?P<text>.*?)^(?P=indent)```$", re.MULTILINE | re.DOTALL
)
_SAMPLE = re.compile(
    r"(?P<begin><!-- sample: (?P<file>\S+) -->\n```\n)(?P<text>.*?)(?P<end>^```$)", re.MULTILINE | re.DOTALL
)
_WRITTEN = re.compile(
    r"(?P<begin><!-- begin: [^\n]* -->\n).*?(?P<end><!-- end -->)",
    re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Snippet:
    page: Path
    line: int
    language: str
    text: str

    @property
    def id(self) -> str:
        return f"{name_of(self.page)}:{self.line}"


def name_of(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def snippets(page: Path) -> Iterator[Snippet]:
    text = page.read_text()
    for fence in _FENCE.finditer(text):
        line = text.count("\n", 0, fence.start()) + 1
        yield Snippet(page, line, fence["language"], fence["text"])


def with_written_part(page: Path, part: str) -> str:
    """The page with `part` between its two markers."""
    text, count = _WRITTEN.subn(lambda found: f"{found['begin']}\n{part}\n{found['end']}", page.read_text())
    assert count == 1, f"{name_of(page)} must have one pair of begin and end markers"
    return text


def with_samples(page: Path) -> str:
    """The page with what each file that it shows a sample of holds. The files are goldens, which the program gave."""

    def shown(found: re.Match[str]) -> str:
        return f"{found['begin']}{(ROOT / found['file']).read_text()}{found['end']}"

    return _SAMPLE.sub(shown, page.read_text())


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A Markdown table."""
    cells = [list(head), *(list(row) for row in rows)]
    lines = [f"| {' | '.join(row)} |" for row in cells]
    return "\n".join([lines[0], f"|{'---|' * len(cells[0])}", *lines[1:]]) + "\n"
