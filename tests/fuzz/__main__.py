"""The long run: `python -m tests.fuzz --inputs 100000 --seed 1`."""

import argparse
import logging
import os
import sys
import warnings
from collections.abc import Mapping
from pathlib import Path

from . import growth
from .run import Run, minimised, run, run_all
from .targets import REQUEST, TARGETS, Target


def main() -> int:
    arguments = _arguments()
    os.nice(max(0, arguments.nice - os.nice(0)))
    logging.disable(logging.CRITICAL)
    warnings.simplefilter("ignore")
    if arguments.growth:
        return 1 if growth.main() else 0
    chosen = arguments.target or list(TARGETS)
    shares = _shares(arguments.inputs, chosen)
    findings = 0
    print(f"{'target':20} {'inputs':>8} {'CPU s':>8} {'per s':>7} {'slowest ms':>11}  findings")
    for name in chosen:
        result = run(TARGETS[name], name, inputs=shares[name], seed=arguments.seed)
        findings += len(result.findings)
        _print(name, result)
        _write(name, TARGETS[name], result, arguments.findings)
    if arguments.openapi:
        findings += _openapi(arguments)
    print(
        f"{sum(shares.values())} inputs, {findings} findings"
        + (f" in {arguments.findings}" if findings else "")
    )
    return 1 if findings else 0


def _openapi(arguments: argparse.Namespace) -> int:
    from . import openapi  # noqa: PLC0415  which only this needs

    count = arguments.inputs // 20
    contents = openapi.requests(arguments.openapi, inputs=count, number=arguments.seed)
    result = run_all(REQUEST, contents)
    _print("openapi", result)
    _write("openapi", REQUEST, result, arguments.findings)
    return len(result.findings)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--inputs", type=int, default=10_000, help="for all targets together")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--target", action="append", choices=list(TARGETS), help="this one only; may be repeated"
    )
    parser.add_argument("--findings", type=Path, default=Path("build/fuzz"), help="folder for what is found")
    parser.add_argument("--openapi", type=Path, help="OpenAI's description of its API, for a twentieth more")
    parser.add_argument("--growth", action="store_true", help="measure what grows, and nothing else")
    parser.add_argument("--nice", type=int, default=15)
    return parser.parse_args()


def _shares(inputs: int, chosen: list[str]) -> Mapping[str, int]:
    weights = {name: TARGETS[name].weight for name in chosen}
    return {name: max(1, inputs * weight // sum(weights.values())) for name, weight in weights.items()}


def _print(name: str, result: Run) -> None:
    rate = result.inputs / (result.seconds or 1)
    print(
        f"{name:20} {result.inputs:8} {result.seconds:8.1f} {rate:7.0f} {result.slowest * 1000:11.1f}  "
        f"{len(result.findings) or ''}",
        flush=True,
    )


def _write(name: str, target: Target, result: Run, folder: Path) -> None:
    for number, finding in enumerate(result.findings.values()):
        path = folder / name / str(number)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(minimised(target, finding))
        print(
            f"    {finding.law}, {finding.count} times: {path}\n        {finding.details[:300]}", flush=True
        )


if __name__ == "__main__":
    sys.exit(main())
