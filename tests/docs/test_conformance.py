"""docs/conformance.md is what the program and its tests say: endpoints, fields, cases, rows."""

import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from antigravity_addon.gateway.routes import METHODS

from .conftest import WrittenPart
from .endpoints import ENDPOINTS, rows
from .pages import ROOT, table

PAGE = ROOT / "docs" / "conformance.md"
TESTS = ROOT / "tests"
_NUMBER = re.compile(r"(?:\b|_)[Cc](\d\d)(?=\b|_)")
_ROWS = re.compile(r"(?:\b|_)[Rr]ows?[ _](\d+(?:(?:-|, | and |_and_| to |_to_|_)\d+)*)(?=\b|_)")
_RANGE = re.compile(r"(\d+)(?:(?:-| to |_to_)(\d+))?")

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
    "94": "conversations stay with their account",
    "95": "headers of failures",
    "96": "large bodies",
    "97": "images/generations",
    "98": "audio/transcriptions",
    "99": "web pages",
}
"""What each is about."""

ROWS = {
    1: "a stream of chunks, each with its choice",
    2: "text in deltas",
    3: "one finish reason, OpenAI's",
    4: "parallel calls counted from 0",
    5: "the name and id of a call once",
    6: "ids of calls",
    7: "arguments as a string of JSON",
    8: "a call without arguments",
    9: "the type of a call",
    10: "the type of a call in a stream",
    11: "calls end with `tool_calls`",
    12: "the role in the first delta",
    13: "the index of a choice",
    14: "the object of a chunk",
    15: "deltas are objects",
    16: "usage in a stream, asked for",
    17: "no usage in a stream, not asked for",
    18: "an upstream that breaks off",
    19: "errors in a stream are objects",
    20: "`[DONE]`",
    21: "a choice and its role",
    22: "the head of an answer",
    23: "the index of a choice in a whole answer",
    24: "finish reasons of whole answers",
    25: "usage of whole answers",
    26: "a blocked prompt is an answer",
    27: "an answer without a word",
    28: "`response.created` comes first",
    29: "items are added ahead of their deltas",
    30: "parts are added ahead of their deltas",
    31: "where a delta of text belongs",
    32: "items end whole",
    33: "`response.completed`",
    34: "the last event holds all items",
    35: "arguments in deltas",
    36: "deltas bear the id of their item",
    37: "a call as it begins and ends",
    38: "parts of a summary",
    39: "a summary is an array",
    40: "signatures as encrypted content",
    41: "a failure in the stream, in both shapes",
    42: "events are counted",
    43: "the response in the first events",
    44: "keep-alives that are events",
    45: "no events of our own making",
    46: "tools of a namespace",
    47: "custom tools",
    48: "developers in place of instructions",
    49: "tools that come as an item",
    50: "tools that Codex declares",
    51: "ids and fields of the client's own",
    52: "results that hold images",
    53: "WebSocket refused",
    54: "a context too long",
    55: "a withheld answer is a refusal",
    56: "a limit is an incomplete response",
    57: "a message of a response",
    58: "a call of a response",
    59: "the object of a response",
    60: "output is an array",
    61: "tools and choices are echoed",
    62: "usage with its details",
    63: "fields that Open Responses requires",
    64: "references to items",
    65: "going on from a response",
    66: "going on from one that nobody knows",
    67: "whole answers of everything",
    68: "text in a schema",
    69: "compaction when triggered",
    70: "a custom call is completed",
    71: "a wrong key",
    72: "a model that nobody knows",
    73: "a field that does not fit",
    74: "a rate limit, and how long to wait",
    75: "a quota used up",
    76: "an upstream that fails",
    77: "messages and codes of errors",
    78: "no error behind a 200",
    79: "the content type of JSON",
    80: "an id for each request",
    81: "the list of models",
    82: "a slash in a model's name",
    83: "one model that nobody knows",
    84: "a client's doctor, without a key",
    85: "developer messages",
    86: "text in parts",
    87: "images",
    88: "files and recordings",
    89: "calls without text",
    90: "results in parts",
    91: "results in any order",
    92: "a signature that the client dropped",
    93: "a signature that the client kept",
    94: "thoughts ahead of the text",
    95: "a function that is forced",
    96: "any, none or some functions",
    97: "a schema without `strict`",
    98: "JSON without a schema",
    99: "stop sequences",
    100: "limits under both names",
    101: "several choices",
    102: "reasoning effort",
    103: "null and unknown fields",
    104: "legacy functions",
    105: "service tiers",
    106: "a client that goes away",
    107: "legacy completions",
    108: "legacy completions, streamed",
    109: "paths that clients get wrong",
    110: "preflight of browsers",
    111: "unknown paths and wrong methods",
    112: "compressed requests",
    113: "what is kept of responses",
    114: "citations of a search, streamed",
}
"""What clients need of the wire, row by row, and what each is about."""


def test_the_page_is_what_the_program_says(written_part: WrittenPart) -> None:
    proofs, proofs_of_rows = _proofs(_cases_in), _proofs(_rows_in)
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
        "## Rows\n",
        table(
            ("Row", "About", "Tests"),
            ((str(row), about, _files(proofs_of_rows.get(row, set()))) for row, about in ROWS.items()),
        ),
    )
    written_part(PAGE, "\n".join(parts))


def test_every_case_has_a_test() -> None:
    assert sorted(CASES.keys() - _proofs(_cases_in).keys()) == []


def test_every_row_has_a_test() -> None:
    assert list(ROWS) == list(range(1, 115))
    assert sorted(ROWS.keys() - _proofs(_rows_in).keys()) == []


NUMBERED = {
    "a row": ("row 46 a tool", {46}),
    "a name of a test": ("def test_row_41_failures(", {41}),
    "a range": ("rows 28-31, C77: text", {28, 29, 30, 31}),
    "a range in a name": ("test_rows_38_to_40_a_thought", {38, 39, 40}),
    "several": ("rows 1-3, 12 and 20 a text", {1, 2, 3, 12, 20}),
    "several in a name": ("test_rows_28_to_30_and_42_43_and_45_a_stream", {28, 29, 30, 42, 43, 45}),
    "no number": ("rows of a table, and row x", set[int]()),
}


@pytest.mark.parametrize(("text", "rows"), NUMBERED.values(), ids=NUMBERED)
def test_rows_are_read_from_ids_names_and_comments(text: str, rows: set[int]) -> None:
    assert set(_rows_in(text)) == rows


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


def _proofs[Number](numbers_in: Callable[[str], Iterator[Number]]) -> Mapping[Number, set[Path]]:
    """The files whose tests bear a number."""
    proofs: dict[Number, set[Path]] = defaultdict(set)
    for path in TESTS.rglob("test_*.py"):
        if path.name != Path(__file__).name:
            for number in numbers_in(path.read_text(encoding="utf-8")):
                proofs[number].add(path)
    return proofs


def _cases_in(text: str) -> Iterator[str]:
    return (found[1] for found in _NUMBER.finditer(text))


def _rows_in(text: str) -> Iterator[int]:
    for found in _ROWS.finditer(text):
        for first, last in _RANGE.findall(found[1]):
            yield from range(int(first), int(last or first) + 1)


def _files(paths: set[Path]) -> str:
    return ", ".join(
        f"[{path.relative_to(TESTS)}]({Path('..', path.relative_to(ROOT))})" for path in sorted(paths)
    )
