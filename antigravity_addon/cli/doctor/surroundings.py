"""Checks of what the gateway and its clients run in: versions, and environment variables."""

import re
from collections.abc import Iterator, Mapping, Sequence
from urllib.parse import SplitResult, urlsplit

from .finding import Finding, ok, problem, warning

PYTHON = (3, 13)
MITMPROXY = ((12, 2, 3), (12, 3))
"""The first that serves, and the first that does not any more; as pyproject.toml has them."""
_BASE_URLS = ("OPENAI_BASE_URL", "OPENAI_API_BASE")
_HERE = frozenset({"127.0.0.1", "localhost", "::1"})


def check_python(version: tuple[int, int, int]) -> Finding:
    said = ".".join(map(str, version))
    if version >= PYTHON:
        return ok("python", f"Python {said}.")
    least = ".".join(map(str, PYTHON))
    return problem(
        "python", f"Python {said} is too old.", f"Run it with Python {least} or later: uv run does."
    )


def check_mitmproxy(version: str | None) -> Finding:
    """`None`: it is not installed."""
    least, end = (".".join(map(str, bound)) for bound in MITMPROXY)
    remedy = f"Install one from {least} on, before {end}: uv sync"
    if version is None:
        return problem("mitmproxy", "mitmproxy is not installed.", remedy)
    numbers = tuple(int(number) for number in re.findall(r"\d+", version)[:3])
    if MITMPROXY[0] <= numbers < MITMPROXY[1]:
        return ok("mitmproxy", f"mitmproxy {version}.")
    return problem("mitmproxy", f"mitmproxy {version} is none that the gateway was made for.", remedy)


def check_proxies(url: str, environ: Mapping[str, str]) -> Finding:
    """Variables that would make clients ask a proxy for the gateway. Their values may hold passwords."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    wanted = {f"{parts.scheme}_proxy", "all_proxy"}
    catching = sorted(name for name, value in environ.items() if value and name.lower() in wanted)
    if not catching:
        return ok("proxy variables", "No variable makes clients ask a proxy for the gateway.")
    excepted = environ.get("no_proxy") or environ.get("NO_PROXY") or ""
    if _is_excepted(host, excepted):
        return ok("proxy variables", f"{_and(catching)} is set, and NO_PROXY excepts {host}.")
    return warning(
        "proxy variables",
        f"{_and(catching)} is set, and NO_PROXY does not except {host}: clients that are started like this ask the proxy for "
        "the gateway.",
        f'export NO_PROXY="${{NO_PROXY:+$NO_PROXY,}}{host}"',
    )


def _is_excepted(host: str, excepted: str) -> bool:
    """By the list of NO_PROXY: names, with what is below them, or `*`."""
    names = (name.strip().lstrip(".").lower() for name in excepted.split(","))
    return any(name in {"*", host} or (name and host.endswith(f".{name}")) for name in names)


def check_base_urls(url: str, environ: Mapping[str, str]) -> Iterator[Finding]:
    """Variables that send clients elsewhere than the gateway."""
    found = False
    for name in _BASE_URLS:
        if not (value := environ.get(name)):
            continue
        found = True
        try:
            is_here = _address(urlsplit(value)) == _address(urlsplit(url))
            shown = urlsplit(value).hostname or "no address"
        except ValueError:
            is_here, shown = False, "no address"
        if is_here:
            yield ok("base URL", f"{name} points to the gateway.")
        else:
            yield warning(
                "base URL",
                f"{name} points to {shown}, not to the gateway: clients that read it go there.",
                f'export {name}="{url}/v1", or unset it.',
            )
    if not found:
        yield ok("base URL", f"Neither {_BASE_URLS[0]} nor {_BASE_URLS[1]} is set to something else.")


def _address(parts: SplitResult) -> tuple[str, int]:
    """Raises: ValueError: no port can be so."""
    host = parts.hostname or ""
    port = parts.port or (443 if parts.scheme == "https" else 80)
    return ("127.0.0.1" if host in _HERE else host), port


def _and(names: Sequence[str]) -> str:
    return " and ".join(names)
