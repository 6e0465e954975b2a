"""`antigravity verify`: what it says of a recording that is true, and of one that is not any more."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest
from mitmproxy import http, io

from antigravity_addon.cli.documents import Verification
from antigravity_addon.cli.main import main
from antigravity_addon.cli.verify import lines
from antigravity_addon.mitm.annotate import ATTEMPT_KEY
from antigravity_addon.mitm.cassette import read_flows
from antigravity_addon.testing.verify import verify
from tests.authority import settle_authority

FLOWS = Path(__file__).parents[1] / "flows"


def changed(name: str, folder: Path, change: Callable[[http.HTTPFlow], None]) -> Path:
    path = folder / "changed.mitm"
    with path.open("wb") as file:
        writer = io.FlowWriter(file)
        for flow in read_flows(FLOWS / f"{name}.mitm"):
            change(flow)
            writer.add(flow)
    return path


def played(path: Path, folder: Path, *, times: int = 1) -> Verification:
    # mitmproxy would make a key for each of the folders
    settle_authority(folder / "confdir")
    return asyncio.run(verify(path, folder, times=times))


def is_attempt(flow: http.HTTPFlow) -> bool:
    return ATTEMPT_KEY in flow.metadata


def test_an_answer_that_is_another_is_shown_from_where_it_differs(tmp_path: Path) -> None:
    def change(flow: http.HTTPFlow) -> None:
        if not is_attempt(flow) and flow.response is not None:
            flow.response.content = (flow.response.content or b"").replace(b"hello there", b"hello where")

    verification = played(changed("chat", tmp_path, change), tmp_path)
    first, *others = verification.exchanges
    assert {each.result for each in others} == {"identical"}
    assert (verification.differing, first.result) == (1, "differs")
    assert (first.message or "").startswith("The answer differs at byte ")
    assert "hello where" in (first.recorded or "")
    assert "hello there" in (first.today or "")


def test_a_status_that_is_another_is_told(tmp_path: Path) -> None:
    def change(flow: http.HTTPFlow) -> None:
        if not is_attempt(flow) and flow.response is not None:
            flow.response.status_code = 503

    verification = played(changed("chat", tmp_path, change), tmp_path)
    assert [(each.message, each.recorded) for each in verification.exchanges] == [
        ("The status differs.", "503")
    ] * len(verification.exchanges)


def test_a_model_that_would_be_asked_otherwise_is_told_with_the_place(tmp_path: Path) -> None:
    def change(flow: http.HTTPFlow) -> None:
        if is_attempt(flow):
            flow.metadata[ATTEMPT_KEY] |= {"fingerprint": "that of another day"}
            flow.request.content = (flow.request.content or b"").replace(b"hello there", b"hello where")

    first = played(changed("chat", tmp_path, change), tmp_path).exchanges[0]
    assert (first.message, first.recorded, first.today) == (
        "The model would be asked otherwise today: contents[0].parts[0].text differs.",
        '"echo:hello where"',
        '"echo:hello there"',
    )


def test_what_is_redacted_is_skipped(tmp_path: Path) -> None:
    def change(flow: http.HTTPFlow) -> None:
        if is_attempt(flow) and flow.response is not None:
            flow.response.content = (flow.response.content or b"") + b": [redacted]\n\n"

    verification = played(changed("transcription", tmp_path, change), tmp_path)
    assert (verification.skipped, verification.exchanges[0].message) == (
        1,
        "Part of it is [redacted], so the whole of it is not known.",
    )


def test_the_table_says_how_often(tmp_path: Path) -> None:
    path = FLOWS / "responses.mitm"
    for times, said in (1, "once"), (3, "3 times"):
        first, *_, last = lines(played(path, tmp_path, times=times))
        assert first.split() == ["REQUEST", "ENDPOINT", "RESULT"]
        assert last == f"{path}: played {said}. 4 identical, 0 differing."


def test_the_command_prints_what_the_player_has_found(capsys: pytest.CaptureFixture[str]) -> None:
    path = FLOWS / "transcription.mitm"
    assert main(["verify", str(path), "--times", "2"]) == 0
    assert f"{path}: played 2 times. 1 identical, 0 differing." in capsys.readouterr().out


def test_the_command_ends_with_1_if_something_differs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def change(flow: http.HTTPFlow) -> None:
        if not is_attempt(flow) and flow.response is not None:
            flow.response.content = b"something else"

    assert main(["verify", str(changed("transcription", tmp_path, change)), "--json"]) == 1
    out, _ = capsys.readouterr()
    assert Verification.model_validate_json(out).exchanges[0].recorded == "'something else'"


def test_a_file_that_is_none_is_refused_with_a_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["verify", str(tmp_path / "absent.mitm")]) == 2
    assert capsys.readouterr().err == f"{tmp_path}/absent.mitm: cannot be read (No such file or directory).\n"
