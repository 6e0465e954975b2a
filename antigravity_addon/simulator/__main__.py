"""`python -m antigravity_addon.simulator`: the simulator by itself, until it is interrupted."""

import argparse
import asyncio
import signal
import sys

from . import faults, licences, tokens
from .server import Simulator


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m antigravity_addon.simulator",
        description="The APIs of Gemini without a model: answers are made up, failures happen on demand.",
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument("--port", type=int, default=0, help="port to listen on (default: any free one)")
    parser.add_argument(
        "--seconds-between-events", type=float, default=0.0, help="pause in streams (default: %(default)s)"
    )
    parser.add_argument("--faults", action="store_true", help="list the faults as Markdown, and stop")
    options = parser.parse_args()
    if options.faults:
        sys.stdout.write("\n".join(each.listing() for each in (faults, tokens, licences)))
        return
    try:
        asyncio.run(serve(options.host, options.port, options.seconds_between_events))
    except OSError as error:
        parser.error(f"cannot listen on {options.host}:{options.port}: {error}")


async def serve(host: str, port: int, seconds_between_events: float) -> None:
    """Runs until SIGINT or SIGTERM."""
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopped.set)
    async with Simulator(host, port, seconds_between_events=seconds_between_events) as simulator:
        sys.stdout.write(f"Simulated Gemini API at {simulator.base_url}\n")
        sys.stdout.flush()
        await stopped.wait()


if __name__ == "__main__":
    main()
