"""Inputs by what they reach in the code: `python -m tests.fuzz.guided --target chat -runs=20000`.

atheris changes bytes, watches which lines they lead to and goes on from those that led to new ones. Half of the time its
bytes are the input, otherwise the choices that one is made by. What is not known here is libFuzzer's: a folder to keep
inputs in, `-max_total_time=60`, … It stops at the first finding. atheris is in the dependency group `fuzz`.
"""

import argparse
import asyncio
import logging
import sys
import warnings

import atheris  # pyright: ignore[reportMissingImports]  the group `fuzz` may not be installed

with atheris.instrument_imports(include=["antigravity_addon"]):  # pyright: ignore[reportAttributeAccessIssue]  native
    from .in_process import InProcess
    from .spoiling import Drawn
    from .targets import TARGETS

_ENOUGH = 2000
"""Inputs for one gateway, which forgets nothing by itself."""


class Guided:
    """State: the gateway, and how many inputs it has had."""

    def __init__(self, name: str) -> None:
        self._target = TARGETS[name]
        self._runner = asyncio.Runner()
        self._gateway = InProcess()
        self._count = 0

    def try_one(self, content: bytes) -> None:
        self._count += 1
        if self._count % _ENOUGH == 0:
            self._runner.run(self._gateway.__aexit__(None, None, None))
            self._gateway = InProcess()
        way, rest = content[:1], content[1:]
        made = self._target.head + rest if way > b"\x7f" else self._target.generate(Drawn(rest))
        try:
            self._runner.run(self._target.check(self._gateway, made))
        except AssertionError:
            print(f"The input, for tests/fuzz/corpus:\n{made!r}", file=sys.stderr)
            raise


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.guided", description=__doc__)
    parser.add_argument("--target", choices=list(TARGETS), required=True)
    known, others = parser.parse_known_args()
    logging.disable(logging.CRITICAL)
    warnings.simplefilter("ignore")
    atheris.Setup([sys.argv[0], "-len_control=0", "-max_len=400", *others], Guided(known.target).try_one)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
