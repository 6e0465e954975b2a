"""`antigravity verify`: whether a recording is still answered to the last byte.

It takes a mitmproxy, which is not for this package to import: another process plays the recording.
"""

import subprocess
import sys
from collections.abc import Iterator

from pydantic import ValidationError

from antigravity_addon.gateway.operator_words import table

from .answer import Answer
from .commands import VerifyRecording
from .documents import ExchangeEntry, Verification

_PLAYER = "antigravity_addon.testing.verify"


class VerifyError(Exception):
    """The recording cannot be played; the message says why."""


def verify_recording(command: VerifyRecording) -> Answer:
    """Raises: VerifyError."""
    played = subprocess.run(  # noqa: S603  this interpreter, and a module of ours
        [sys.executable, "-P", "-m", _PLAYER, str(command.file), str(command.times)],
        capture_output=True,
        check=False,
    )
    try:
        document = Verification.model_validate_json(played.stdout)
    except ValidationError:
        raise VerifyError(played.stderr.decode(errors="replace").strip()) from None
    return Answer(document, tuple(lines(document)), exit_code=1 if document.differing else 0)


def lines(document: Verification) -> Iterator[str]:
    """As a table."""
    rows = [(entry.request, entry.endpoint, entry.result) for entry in document.exchanges]
    written = table(("REQUEST", "ENDPOINT", "RESULT"), rows)
    yield next(written)
    for line, entry in zip(written, document.exchanges, strict=True):
        yield line
        yield from _below(entry)
    yield ""
    skipped = f", {document.skipped} skipped" if document.skipped else ""
    times = "once" if document.times == 1 else f"{document.times} times"
    yield f"{document.file}: played {times}. {document.identical} identical, {document.differing} differing{skipped}."


def _below(entry: ExchangeEntry) -> Iterator[str]:
    if entry.message:
        yield f"    {entry.message}"
    if entry.recorded is not None:
        yield f"    recorded: {entry.recorded}"
        yield f"    today:    {entry.today}"
