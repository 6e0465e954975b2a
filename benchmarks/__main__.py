"""Streams per second and time to first token: this gateway against mitmproxy that passes the same bytes on.

The proxies have one core to themselves, load and upstream share the other. Rounds alternate between the two,
so that what else the machine does falls on both; the figures are medians of rounds, and only ratios are claims.
"""

import argparse
import asyncio
import os
import platform
import statistics
import tempfile
from contextlib import ExitStack
from importlib.metadata import version
from pathlib import Path

from .load import Result, run
from .processes import gateway, plain_proxy, upstream

GATEWAY, CLIENTS_ALONE = "gateway", "gateway, upstream requests not shown"
DONE = {"plain mitmproxy": b'"finishReason":"STOP"', GATEWAY: b"data: [DONE]", CLIENTS_ALONE: b"data: [DONE]"}
CLIENTS = (1, 16, 64)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--events", type=int, default=50, help="events in each stream (%(default)s)")
    parser.add_argument("--streams", type=int, default=400, help="streams in each round (%(default)s)")
    parser.add_argument("--rounds", type=int, default=5, help="rounds for each proxy and load (%(default)s)")
    arguments = parser.parse_args()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        upstream_url = stack.enter_context(upstream(arguments.events))
        addresses = {
            "direct": f"{upstream_url}/v1beta/models/gemini-2.5-flash:streamGenerateContent?alt=sse",
            "plain mitmproxy": stack.enter_context(plain_proxy(upstream_url, folder)),
            GATEWAY: stack.enter_context(gateway(upstream_url, folder)).url,
            CLIENTS_ALONE: stack.enter_context(
                gateway(upstream_url, folder, options=["gateway_attempt_flows=false"])
            ).url,
        }
        _report(asyncio.run(_measure(addresses, arguments)), arguments)


async def _measure(
    addresses: dict[str, str], arguments: argparse.Namespace
) -> dict[tuple[str, int], list[Result]]:
    results: dict[tuple[str, int], list[Result]] = {}
    for clients in CLIENTS:
        streams = arguments.streams // 4 if clients == 1 else arguments.streams
        for number in range(arguments.rounds + 1):
            for name, url in addresses.items():
                mark = DONE.get(name, b'"finishReason":"STOP"')
                result = await run(url, clients=clients, streams=streams, mark=mark)
                if number:  # the first round warms up
                    results.setdefault((name, clients), []).append(result)
    return results


def _report(results: dict[tuple[str, int], list[Result]], arguments: argparse.Namespace) -> None:
    print(f"{arguments.events} events a stream, medians of {arguments.rounds} rounds")
    print(
        f"Python {platform.python_version()}, mitmproxy {version('mitmproxy')}, httpx {version('httpx')}, "
        f"aiohttp {version('aiohttp')}, {platform.system()} {platform.machine()}, {os.cpu_count()} cores\n"
    )
    print(
        "| clients | | streams/s | of plain mitmproxy | first token ms, median | p99 | median over direct |"
    )
    print("|---|---|---|---|---|---|---|")
    for clients in CLIENTS:
        rates = {name: _middle(results, name, clients) for name, c in results if c == clients}
        for name, (rate, median, p99) in rates.items():
            ratio = f"{rate / rates['plain mitmproxy'][0]:.2f}"
            over = f"+{median - rates['direct'][1]:.1f}"
            print(f"| {clients} | {name} | {rate:.0f} | {ratio} | {median:.1f} | {p99:.1f} | {over} |")


def _middle(
    results: dict[tuple[str, int], list[Result]], name: str, clients: int
) -> tuple[float, float, float]:
    rounds = results[name, clients]
    return (
        statistics.median(result.streams_per_second for result in rounds),
        statistics.median(result.median for result in rounds),
        statistics.median(result.percentile(0.99) for result in rounds),
    )


if __name__ == "__main__":
    main()
