"""What the figures were measured on and with, since figures without it mean nothing."""

import os
import platform
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from .peers import PEERS, node_version


def described(*, with_peers: bool) -> list[str]:
    packages = ", ".join(
        f"{name} {version(name)}" for name in ("mitmproxy", "aiohttp", "pydantic", "msgspec")
    )
    peers = ", ".join(
        [*(f"{peer.name} {peer.version}" for peer in PEERS), f"Node {node_version()}"] if with_peers else []
    )
    machine = (
        f"{datetime.now(UTC):%d %B %Y}, {_processor()}, {os.cpu_count()} cores, "
        f"{platform.system()} {platform.release()}, load before the start {_load()}."
    )
    return [
        machine,
        f"Python {platform.python_version()}, {packages}; {peers or 'no peers'}.",
    ]


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _load() -> str:
    """What else the machine does makes figures worse."""
    return f"{os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "unknown"
