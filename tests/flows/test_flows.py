"""What was recorded is answered as it was, and the model is asked as it was."""

import asyncio
from pathlib import Path

import pytest

from antigravity_addon.cli.documents import Verification
from antigravity_addon.testing.verify import verify
from tests.authority import settle_authority

from .sessions import SESSIONS, Session, record

FOLDER = Path(__file__).parent
FILES = sorted({*FOLDER.glob("*.mitm"), *(FOLDER / f"{name}.mitm" for name in SESSIONS)})


def wrong(verification: Verification) -> list[str]:
    return [
        f"{each.request} {each.endpoint}: {each.message}\n  recorded: {each.recorded}\n  today:    {each.today}"
        for each in verification.exchanges
        if each.result == "differs"
    ]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_it_is_answered_as_it_was(request: pytest.FixtureRequest, tmp_path: Path, path: Path) -> None:
    if request.config.getoption("--update-golden") and (session := SESSIONS.get(path.stem)) is not None:
        _settle(session, path, tmp_path)
    # mitmproxy would make a key for each of the folders
    settle_authority(tmp_path / "confdir")
    verification = asyncio.run(verify(path, tmp_path))
    assert not wrong(verification), "\n".join(wrong(verification))
    assert verification.identical + verification.skipped == len(verification.exchanges) > 0


def _settle(session: Session, path: Path, folder: Path) -> None:
    """A recording is never the same twice: one that is still true is left alone."""
    if not path.exists() or wrong(asyncio.run(verify(path, folder))):
        path.unlink(missing_ok=True)
        asyncio.run(record(session, path, folder))
