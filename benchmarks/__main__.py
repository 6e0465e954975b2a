"""The figures of this gateway's speed, each beside what it is compared with, and whether the targets are met.

Without names all sections are measured. The peers come from their registries into `.peers/`.
"""

import argparse
import sys
from collections.abc import Callable
from contextlib import suppress

from . import big_bodies, connections, first_token, paced, start, throughput
from .machine import described
from .processes import end_on_signals
from .section import Effort, Report

SECTIONS: dict[str, Callable[[Effort], Report]] = {
    "throughput": throughput.measure,
    "first-token": first_token.measure,
    "paced": paced.measure,
    "big-bodies": big_bodies.measure,
    "connections": connections.measure,
    "start": start.measure,
}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("sections", nargs="*", metavar="section", help=f"of {', '.join(SECTIONS)}; or all")
    parser.add_argument(
        "--rounds", type=int, default=5, help="for each figure, of which it is the median (%(default)s)"
    )
    parser.add_argument("--seconds", type=float, default=2, help="of each round (%(default)s)")
    parser.add_argument("--events", type=int, default=50, help="in each streamed answer (%(default)s)")
    parser.add_argument(
        "--clients",
        type=int,
        nargs="+",
        default=[1, 16, 64],
        help="at once, of the throughput (%(default)s)",
    )
    parser.add_argument(
        "--peers",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="compare with LiteLLM and Portkey",
    )
    parser.add_argument("--check", action="store_true", help="exit with 1 if a target is missed")
    arguments = parser.parse_args()
    unknown = set(arguments.sections) - set(SECTIONS)
    if unknown:
        parser.error(f"there is no section {', '.join(sorted(unknown))}: choose from {', '.join(SECTIONS)}")
    effort = Effort(
        arguments.rounds, arguments.seconds, arguments.events, tuple(arguments.clients), arguments.peers
    )
    end_on_signals()
    _raise_limit_of_open_files()
    print("\n".join(described(with_peers=effort.with_peers)), end="\n\n")
    is_missed = False
    for name in arguments.sections or SECTIONS:
        print(f"Now {name}.", file=sys.stderr, flush=True)
        report = SECTIONS[name](effort)
        print(report, end="\n\n", flush=True)
        is_missed |= report.is_missed
    return 1 if is_missed and arguments.check else 0


def _raise_limit_of_open_files() -> None:
    """A thousand streams take two in the gateway each. Children inherit it."""
    with suppress(ImportError):  # Windows has no such limit
        import resource  # noqa: PLC0415

        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        enough = 16_384 if hard == resource.RLIM_INFINITY else min(16_384, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (enough, hard))


if __name__ == "__main__":
    sys.exit(main())
