"""Answers, put together: every dialect beside its golden, and what was recorded of Gemini."""

from pathlib import Path

import pytest

from antigravity_addon.views.answer_text import answer_text
from tests.conftest import Golden
from tests.views.answers import CASES
from tests.views.conversations import CHAT, CODE_ASSIST, GEMINI, PIXEL, SIGNATURE
from tests.views.test_conversations import file_of


@pytest.mark.parametrize("name", CASES)
def test_an_answer(name: str, golden: Golden) -> None:
    golden(f"answer-{file_of(name)}", answer_text(*CASES[name]) + "\n")


@pytest.mark.parametrize("name", CASES)
def test_base64_is_never_shown(name: str) -> None:
    shown = answer_text(*CASES[name])
    assert PIXEL not in shown
    assert SIGNATURE not in shown


@pytest.mark.parametrize("name", [name for name in CASES if "streamed" in name or "hostile" in name])
def test_line_ends_do_not_matter(name: str) -> None:
    path, stream = CASES[name]
    assert answer_text(path, stream.replace(b"\r\n", b"\n")) == answer_text(
        path, stream.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    )


RECORDED: dict[str, tuple[str, ...]] = {
    "01-*.sse": ("ended: STOP",),
    "04-*.sse": ("[call] ", "[thought signature · ", "ended: STOP"),
    "08-*.sse": ("[call] get_weather (dv8szvqe)", "[call] get_weather (j80tal12)"),
    "10-*.sse": ("[reasoning]", "ended: STOP"),
    "12-*.json": ("whole", "[reasoning]"),
    "15-*.json": ("ended: MAX_TOKENS", "(empty)"),
    "17-*.json": ("ended: SAFETY", "[safety rating]"),
    "18-*.json": ("! Error: The prompt was blocked: MODEL_ARMOR.",),
    "20-*.json": ("ended: UNEXPECTED_TOOL_CALL",),
    "21-*.json": ("! Error: ", "400 · INVALID_ARGUMENT"),
    "23-*.sse": ("[call] python (8xju7mua · code that the model runs itself)", "[result of code (8xju7mua)]"),
    "24-*.sse": ("[webSearchQueries]", "[source · timeanddate.com"),
    "26-*.sse": ("[source",),
    "28-*.json": ("[toolCall]", "[toolResponse]", "[thought signature · 35.2 kB"),
    "31-*.json": ("[image · image/png · ",),
    "35-*.json": ("streamed", "[reasoning]", "[call] "),
    "36-*.jsonl": ("[call] cookRecipe (streamed)", "$.recipe"),
    "37-*.jsonl": ("[call] ", "(streamed)"),
    "38-*.jsonl": ("[call] read_theme", "$.id: A"),
    "39-*.json": ("retry in 34.4 s",),
}


@pytest.mark.parametrize(("pattern", "words"), RECORDED.items())
def test_what_was_recorded_can_be_read(pattern: str, words: tuple[str, ...], recorded: Path) -> None:
    (file,) = recorded.glob(pattern)
    shown = answer_text(GEMINI, file.read_bytes())
    assert [each for each in words if each not in shown] == []
    assert "cut off" not in shown


def test_everything_that_was_recorded_has_a_view(recorded: Path) -> None:
    files = [file for file in recorded.iterdir() if file.suffix in {".sse", ".json", ".jsonl"}]
    for file in files:
        dialect = CHAT if "openai-compat" in file.name else GEMINI
        shown = answer_text(dialect, file.read_bytes())
        assert "! This" not in shown
        assert shown.count("\n") > 1


def test_a_recorded_stream_reads_alike_in_an_envelope(recorded: Path) -> None:
    (file,) = recorded.glob("10-*.sse")
    bare = file.read_bytes()
    wrapped = b"\r\n".join(
        b'data: {"response":' + line.removeprefix(b"data: ") + b"}" if line else line
        for line in bare.split(b"\r\n")
    )
    assert answer_text(CODE_ASSIST, wrapped) == answer_text(GEMINI, bare)
