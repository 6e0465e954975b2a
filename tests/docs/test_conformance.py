"""docs/conformance.md is what the program and its tests say: endpoints, fields, cases."""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path

from antigravity_addon.gateway.routes import METHODS

from .conftest import WrittenPart
from .endpoints import ENDPOINTS, rows
from .pages import ROOT, table

PAGE = ROOT / "docs" / "conformance.md"
TESTS = ROOT / "tests"
_NUMBER = re.compile(r"(?:\b|_)[Cc](\d\d)(?=\b|_)")

CASES = {
    "01": "health, and who may ask for it",
    "02": "the list of models",
    "03": "one model",
    "04": "keys, in every header that clients use",
    "05": "when a key is needed",
    "06": "paths that clients get wrong",
    "07": "bodies that are no JSON",
    "08": "which model rule wins",
    "10": "the least request",
    "11": "system and developer messages, turns of one role",
    "12": "instructions go through to the letter",
    "13": "nothing but instructions",
    "14": "no messages",
    "15": "sampling fields",
    "16": "JSON mode",
    "17": "JSON schemas for answers",
    "18": "images as data URLs",
    "19": "images by URL",
    "20": "local paths",
    "21": "audio",
    "22": "files",
    "23": "null is absent",
    "24": "roles that are none",
    "25": "reasoning effort",
    "30": "declaring tools",
    "31": "flat tools",
    "32": "schemas that break others",
    "33": "the choice among tools",
    "34": "calls and results in the history",
    "35": "arguments survive",
    "36": "arguments that are no objects",
    "37": "results without calls, calls without results",
    "38": "names that Gemini does not take",
    "39": "a function called web_search",
    "40": "web search, with citations",
    "45": "calls in an answer",
    "46": "thought signatures go back, to their own conversation alone",
    "47": "histories without signatures",
    "48": "finish reasons",
    "49": "blocked prompts",
    "50": "several choices",
    "51": "usage with thinking",
    "52": "thoughts and text apart",
    "53": "images in answers, and back",
    "55": "a stream",
    "56": "usage in a stream",
    "57": "calls in a stream",
    "58": "bytes cut anywhere",
    "59": "answers in an envelope",
    "60": "an error before the first byte",
    "61": "a break in the middle",
    "62": "silence",
    "63": "no finish reason",
    "64": "text that looks like protocol",
    "65": "a client that goes away",
    "70": "instructions together with a text",
    "71": "the same body sent to Chat Completions",
    "72": "the shapes of input",
    "73": "a mixed history",
    "74": "local shell",
    "75": "custom tools",
    "76": "text formats and limits",
    "77": "a stream of events",
    "78": "thought, text and call in order",
    "79": "a failure in the stream",
    "80": "going on from a response",
    "85": "prompts",
    "86": "a limit that passes",
    "87": "a limit that does not",
    "88": "words that look like a delay",
    "89": "the client's fault",
    "90": "the account's fault",
    "91": "the upstream's fault",
    "92": "no connection",
    "93": "cooling for one model",
    "95": "headers of failures",
    "97": "images/generations",
    "98": "audio/transcriptions",
    "99": "web pages",
}
"""What each is about. C94 and C96 are not among them yet."""


def test_the_page_is_what_the_program_says(written_part: WrittenPart) -> None:
    proofs = _proofs()
    parts = (
        "## Endpoints\n",
        table(("Path", "Methods"), _endpoints()),
        "## Fields\n",
        table(("Endpoint", "Mapped", "Ignored", "Refused"), _fields()),
        "## Cases\n",
        table(
            ("Case", "About", "Tests"),
            ((f"C{number}", about, _files(proofs.get(number, set()))) for number, about in CASES.items()),
        ),
    )
    written_part(PAGE, "\n".join(parts))


def test_every_case_has_a_test() -> None:
    assert sorted(CASES.keys() - _proofs().keys()) == []


def _endpoints() -> Iterator[tuple[str, str]]:
    for endpoint, methods in METHODS.items():
        yield f"`{endpoint.value}`", ", ".join(f"`{method}`" for method in sorted(methods - {"HEAD"}))


def _fields() -> Iterator[tuple[str, ...]]:
    for endpoint in ENDPOINTS.values():
        fates: dict[str, list[str]] = defaultdict(list)
        for name, fate in rows(endpoint):
            fates[fate].append(f"`{name}`")
        columns = (", ".join(sorted(fates[fate])) for fate in ("mapped", "ignored", "refused"))
        yield f"[{endpoint.page.removesuffix('.md')}]({endpoint.page})", *columns


def _proofs() -> Mapping[str, set[Path]]:
    """The files whose tests bear a case's number."""
    proofs: dict[str, set[Path]] = defaultdict(set)
    for path in TESTS.rglob("test_*.py"):
        if path.name != Path(__file__).name:
            for found in _NUMBER.finditer(path.read_text(encoding="utf-8")):
                proofs[found[1]].add(path)
    return proofs


def _files(paths: set[Path]) -> str:
    return ", ".join(
        f"[{path.relative_to(TESTS)}]({Path('..', path.relative_to(ROOT))})" for path in sorted(paths)
    )
