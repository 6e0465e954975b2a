"""Commands that pages name exist, with the options that they are given."""

import re
import tomllib
from pathlib import Path

import pytest

from antigravity_addon.cli.arguments import parse

from .pages import PAGES, ROOT, name_of, snippets

_BLOCK = re.compile(r"^ *```.*?^ *```$", re.MULTILINE | re.DOTALL)
_INLINE = re.compile(r"`([^`]+)`")
_COMMAND = re.compile(
    r"(?<![\w./-])(?P<program>antigravity|python3? -m|poe)(?P<words>(?: (?!&&|\|)[^\s;)]+)+)"
)
_OPTION = re.compile(r"--[a-z][a-z-]+")
_TASKS = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["poe"]["tasks"]
_OURS = ("antigravity_addon", "benchmarks", "tests", "docs")


def commands_on(page: Path) -> list[tuple[str, list[str]]]:
    """Programs with their words, without comments."""
    text = page.read_text()
    inline = (code.replace("\n", " ") for code in _INLINE.findall(_BLOCK.sub("", text)))
    typed = (each.text.replace("\\\n", " ") for each in snippets(page) if each.language == "sh")
    lines = (line.partition(" #")[0] for code in (*inline, *typed) for line in code.splitlines())
    return [(found["program"], found["words"].split()) for line in lines for found in _COMMAND.finditer(line)]


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_commands_exist_with_their_options(page: Path, capsys: pytest.CaptureFixture[str]) -> None:
    unknown: list[str] = []
    for program, words in commands_on(page):
        match program:
            case "antigravity":
                known = _help_of(words, capsys)
            case "poe":
                known = _source_of_task(words[0])
            case _:
                known = _source_of(words[0])
        options = _OPTION.findall(" ".join(words))
        if known is None or any(option not in known for option in options):
            unknown.append(f"{program} {' '.join(words)}")
    assert not unknown


def _help_of(words: list[str], capsys: pytest.CaptureFixture[str]) -> str | None:
    named = [word for word in words[:2] if word.isalpha() and word.islower()]
    with pytest.raises(SystemExit) as ended:
        parse([*named, "--help"])
    said = capsys.readouterr().out
    return said if ended.value.code == 0 else None


def _source_of_task(name: str) -> str | None:
    return str(_TASKS[name]) + "--help" if name in _TASKS else None


def _source_of(module: str) -> str | None:
    """Its own, or its package's; of somebody else's nothing is known here."""
    path = ROOT.joinpath(*module.split("."))
    if path.parts[len(ROOT.parts)] not in _OURS:
        return "".join(_OPTION.findall(module))
    files = [path.with_suffix(".py")] if path.with_suffix(".py").exists() else sorted(path.glob("*.py"))
    return "\n".join(file.read_text() for file in files) or None


def test_commands_are_found() -> None:
    found = [command for page in PAGES for command in commands_on(page)]
    assert ("python -m", ["benchmarks", "first-token"]) in found
    assert len(found) > 60


def test_the_package_is_installed_from_a_clone_alone() -> None:
    """No registry has it; should one have something of its name, that is somebody else's."""
    typed = "\n".join(each.text for page in PAGES for each in snippets(page) if each.language == "sh")
    sources = re.findall(r"'antigravity-addon(?:\[\w+\])?( @ file:)?", typed)
    assert sources == [" @ file:"]
