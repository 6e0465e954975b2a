"""`antigravity`: accounts, usage, client keys, clients and the doctor from the command line.

Only what it takes to read the command line is imported here: `--help` answers at once.
"""

import sys
import time
from collections.abc import Callable, Sequence

from .arguments import parse


def main(
    argv: Sequence[str] | None = None,
    *,
    unix_time: Callable[[], float] = time.time,  # noqa: TID251  composition
) -> int:
    """The exit code: 0, 1 if a check failed, 2 if what was asked for cannot be done. Wrong usage ends the process with 2."""
    arguments = parse(sys.argv[1:] if argv is None else argv)
    # half a second of pydantic, which `--help` need not wait for
    from .run import run  # noqa: PLC0415

    return run(arguments, unix_time=unix_time)


if __name__ == "__main__":
    sys.exit(main())
