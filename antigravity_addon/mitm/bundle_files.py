"""The files of a bundle, beside the flows themselves: texts that people, shells and pytest read."""

import json
import platform
import shlex
from collections.abc import Iterator, Mapping
from importlib.metadata import version
from pathlib import Path

import yaml
from mitmproxy import http
from mitmproxy.optmanager import OptManager

from antigravity_addon.views.masks import Masks

from .annotate import ATTEMPT_KEY, METADATA_KEY
from .body_redaction import REDACTED_KEY

_PACKAGES = ("antigravity-addon", "mitmproxy", "pydantic", "httpx", "aiohttp", "google-auth")
_ASKED_WITH = (
    "content-type",
    "accept",
    "openai-beta",
    "openai-organization",
    "openai-project",
    "idempotency-key",
)
"""Headers that may change an answer; the others are the client's own affair."""
_SHOWN_WORDS = frozenset(
    {"mode", "intercept", "save_stream_filter", "view_filter", "listen_host", "web_columns"}
)
"""Options of mitmproxy's own, of those that are no number and no switch, whose words are shown."""
_SECRET_OPTIONS = frozenset({"gateway_api_key"})
_SET = "[set]"

_README = """\
One or more exchanges of an OpenAI-compatible gateway to Gemini, for whoever looks into a problem.

session.mitm    The client's flow and the upstream requests that were made for it. Look at it with
                    mitmweb -n -r session.mitm
trace.json      What the gateway did, step by step: which account, why, what came of it.
versions.txt    Of the gateway and what it stands on.
options.yaml    Options that differ from their defaults.
"""
_TO_SEND = """\
request.sh      Sends the client's request again, with curl:
                    GATEWAY_URL=http://127.0.0.1:8080 GATEWAY_KEY=... sh request.sh
                Its body is in request-1, and so on.
cassette/       Answers the request again offline, through today's code:
                    pytest cassette/test_bundle.py
"""
_TAKEN_OUT = """
Taken out, and replaced by [redacted]: keys, tokens and other credentials, known ones and what looks like one; cookies.
Replaced by names that stand for them: addresses of accounts (account-1, ...), projects of Google Cloud (project-1, ...),
hosts and addresses of machines other than this one (host-1.invalid, 192.0.2.1, ...). Certificates are left out.
"""
_WITH_PROMPTS = """
PROMPTS AND ANSWERS ARE IN IT, as they were sent. Look through session.mitm before you give it to anybody, or make a
bundle without them: gateway.bundle @focus bodies=redacted
"""
_WITHOUT_PROMPTS = """
There are no prompts and no answers in it, only the shape of bodies. So there is nothing to send again either.
"""


def readme(*, with_bodies: bool) -> str:
    if not with_bodies:
        return _README + _TAKEN_OUT + _WITHOUT_PROMPTS
    return _README + _TO_SEND + _TAKEN_OUT + _WITH_PROMPTS


def versions() -> str:
    packages = [f"{name} {version(name)}" for name in _PACKAGES]
    system = f"{platform.system()} {platform.release()} {platform.machine()}"
    return "\n".join((*packages, f"Python {platform.python_version()}", system, ""))


def trace(flows: tuple[http.HTTPFlow, ...]) -> str:
    keys = (METADATA_KEY, ATTEMPT_KEY, REDACTED_KEY)
    shown = [
        {"flow": flow.id, **{key: flow.metadata[key] for key in keys if key in flow.metadata}}
        for flow in flows
    ]
    return json.dumps(shown, indent=2, ensure_ascii=False) + "\n"


# --- options -----------------------------------------------------------------------------------------------


def changed_options(options: OptManager) -> dict[str, object]:
    """As plain data; what words may hold a secret is not shown."""
    return {
        name: _shown(name, value)
        for name in sorted(options.keys())
        if (value := _changed(options, name)) is not None
    }


def _changed(options: OptManager, name: str) -> object:
    return getattr(options, name) if options.has_changed(name) else None


def _shown(name: str, value: object) -> object:
    if name in _SECRET_OPTIONS:
        return _SET
    if isinstance(value, bool | int) or name.startswith("gateway_") or name in _SHOWN_WORDS:
        return list(value) if isinstance(value, list | tuple) else value  # pyright: ignore[reportUnknownArgumentType]
    return _SET


def options_file(options: Mapping[str, object], masks: Masks, *, home: Path) -> str:
    text = (
        yaml.safe_dump(dict(options), allow_unicode=True, sort_keys=True, width=1000) if options else "{}\n"
    )
    return masks.text(text.replace(str(home), "~"))


# --- the request again -------------------------------------------------------------------------------------


def request_bodies(client_flows: tuple[http.HTTPFlow, ...]) -> Iterator[tuple[str, bytes]]:
    """Names of files, and what stands in them."""
    for number, flow in enumerate(client_flows, start=1):
        if flow.request.raw_content:
            yield f"request-{number}", flow.request.raw_content


def request_script(client_flows: tuple[http.HTTPFlow, ...]) -> str:
    commands = (_curl(flow, number) for number, flow in enumerate(client_flows, start=1))
    return "\n".join(("#!/bin/sh", 'cd "$(dirname "$0")" || exit', *commands, ""))


def _curl(flow: http.HTTPFlow, number: int) -> str:
    words = [
        "curl --silent --show-error --no-buffer --globoff",
        f"--request {shlex.quote(flow.request.method)}",
        '--header "Authorization: Bearer ${GATEWAY_KEY:-none}"',
        *(f"--header {shlex.quote(f'{name}: {value}')}" for name, value in _headers(flow)),
    ]
    if flow.request.raw_content:
        words.append(f"--data-binary @request-{number}")
    words.append(f'"${{GATEWAY_URL:-http://127.0.0.1:8080}}"{shlex.quote(_path(flow))}')
    return " \\\n  ".join(words)


def cassette_test(client_flows: tuple[http.HTTPFlow, ...]) -> str:
    asked = "".join(_asked(flow, number) for number, flow in enumerate(client_flows, start=1))
    return (
        '"""The recorded exchanges, answered again offline."""\n\n'
        "from pathlib import Path\n\nimport httpx\nimport pytest\n\n"
        "BUNDLE = Path(__file__).parents[1]\n\n\n"
        '@pytest.mark.cassette("../session.mitm")\n'
        "def test_bundle(gateway):\n"
        "    with httpx.Client(base_url=gateway.base_url) as client:\n"
        f"{asked}"
    )


def _asked(flow: http.HTTPFlow, number: int) -> str:
    headers = dict(_headers(flow))
    body = f', content=(BUNDLE / "request-{number}").read_bytes()' if flow.request.raw_content else ""
    status = f"{flow.response.status_code}" if flow.response is not None else "200"
    return (
        f"        answer = client.request({flow.request.method!r}, {_path(flow)!r}, headers={headers!r}{body})\n"
        f"        assert answer.status_code == {status}, answer.text\n"
    )


def _path(flow: http.HTTPFlow) -> str:
    """With one slash ahead: behind an address, anything else could name another host."""
    return "/" + flow.request.path.lstrip("/")


def _headers(flow: http.HTTPFlow) -> Iterator[tuple[str, str]]:
    for name in _ASKED_WITH:
        if value := flow.request.headers.get(name, ""):
            yield name, value
