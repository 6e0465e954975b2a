"""Where a test's recording is, and whether it is made or answered from. Knows pytest only by its words.

Imported by every run of pytest in which the package is installed, and so nothing of weight is imported here.
"""

import hashlib
import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

FOLDER, SUFFIX = "cassettes", ".mitm"

_RUN_BY_US = (
    "gateway_allow_lan_access",
    "gateway_auth_mode",
    "gateway_record",
    "gateway_replay",
    "gateway_state",
    "mode",
)
_ABOUT_PAYING = (
    "gateway_accounts",
    "gateway_enable_code_assist",
    "gateway_fixed_account",
    "gateway_strategy",
    "gateway_upstream",
)
"""What a recording needs while it is made, and nobody has who only answers from it."""
_COMMON: tuple[str, ...] = ("gateway_auth_mode=off", "gateway_state=memory")
_UNUSUAL = re.compile(r"[^\w.\-\[\]]+")


class CassetteError(Exception):
    """There is no recording to be had like this; the message says what to do."""


class Mode(StrEnum):
    NONE = "none"
    """Answers come from the recording, and from nowhere else."""
    ONCE = "once"
    """A recording that is not there is made."""
    ALL = "all"
    """The recording is made anew."""

    @classmethod
    def default(cls, *, is_ci: bool) -> "Mode":
        """A machine that nobody looks at must not spend quota for want of a file."""
        return cls.NONE if is_ci else cls.ONCE


@dataclass(frozen=True, slots=True)
class Cassette:
    """A test's recording."""

    path: Path
    records: bool
    """It is made by this run, and not answered from."""
    is_strict: bool
    """The test fails if it leaves something of the recording unasked."""

    @property
    def part(self) -> Path:
        """Where a recording is made: it takes its place only when the test has passed."""
        return self.path.with_name(f".{self.path.name}.{os.getpid()}.part")

    def settings(self, options: Iterable[str]) -> list[str]:
        """For the gateway. Raises: CassetteError: one of the `options` is not the tests' to set."""
        settings = list(_COMMON)
        for option in options:
            name = option.partition("=")[0].strip()
            if name in _RUN_BY_US:
                raise CassetteError(
                    f"gateway_options: {name} is set for each test, and cannot be set for all."
                )
            if self.records or name not in _ABOUT_PAYING:
                settings.append(option)
        settings.append(f"gateway_record={self.part}" if self.records else f"gateway_replay={self.path}")
        return settings

    def keep(self) -> None:
        """Put what was recorded into its place, all at once."""
        if self.part.exists() and self.part.stat().st_size:
            self.part.replace(self.path)

    def clear(self) -> None:
        """Leave nothing half done behind."""
        self.part.unlink(missing_ok=True)


def find_cassette(path: Path, mode: Mode, *, is_strict: bool) -> Cassette:
    """Raises: CassetteError: there is none, and none may be made."""
    if mode is Mode.NONE and not path.is_file():
        raise CassetteError(
            f"{path} is not there, and the record mode is none. Record it: run this test with "
            "--gateway-record-mode=once, with gateway_options that say who pays, and put the file under version control."
        )
    return Cassette(path, mode is Mode.ALL or not path.is_file(), is_strict)


def usual_path(test_file: Path, test: str) -> Path:
    """`cassettes/<test module>/<test name>.mitm`, beside the test file. `test` may be anything that pytest calls a test."""
    name = _UNUSUAL.sub("_", test)[:120]
    if name != test:
        # two that differ only there are two
        name += f"-{hashlib.sha256(test.encode()).hexdigest()[:8]}"
    return test_file.parent / FOLDER / test_file.stem / f"{name}{SUFFIX}"
