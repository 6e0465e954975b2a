"""A bug may quote whatever it was handed, in a log or a crash report: none of it says what pays."""

import asyncio
import dataclasses
import importlib
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import antigravity_addon
from antigravity_addon.gateway.admission import Admission
from antigravity_addon.gateway.attempt import Attempt
from antigravity_addon.gateway.attempts import Attempts
from antigravity_addon.gateway.gateway import Gateway
from antigravity_addon.simulator.server import Simulator
from antigravity_addon.upstream import code_assist_project, oauth
from antigravity_addon.upstream.authorize import AccountAuthorizer
from antigravity_addon.upstream.code_assist import CodeAssist
from antigravity_addon.upstream.endpoints import Endpoints
from antigravity_addon.upstream.gemini_api import GeminiApi
from antigravity_addon.upstream.transport import Transport, UpstreamResponse
from antigravity_addon.upstream.vertex import Vertex
from tests.running import run_gateway

from .operating import CLIENT_SECRET, KINDS, Payers, private_key, write_accounts_file

PATH = "/v1/chat/completions"
CLIENT = "sk-of-the-client"
BODY = {"model": "gpt-4o", "messages": [{"role": "user", "content": "echo:x"}]}

_TELLING = re.compile(r"(?:^|_)(?:headers|secret|secrets|api_key|password|token)$")
_WITHOUT_SECRETS = {"simulator", "testing", "translate", "views", "wire"}
"""What these hold is made up, for tests, or what is said."""
_HOLDS_TEXT = re.compile(r"\b(?:str|bytes|Mapping|dict)\b")


def classes() -> Iterator[type[Any]]:
    for module in pkgutil.walk_packages(antigravity_addon.__path__, "antigravity_addon."):
        if module.name.split(".")[1] not in _WITHOUT_SECRETS:
            imported = importlib.import_module(module.name)
            for each in vars(imported).values():
                if (
                    isinstance(each, type)
                    and each.__module__ == module.name
                    and dataclasses.is_dataclass(each)
                ):
                    yield each


def test_no_dataclass_shows_headers_or_secrets() -> None:
    seen = list(classes())
    assert len(seen) > 150
    shown = {
        f"{each.__module__}.{each.__name__}.{field.name}"
        for each in seen
        for field in dataclasses.fields(each)
        if field.repr and _TELLING.search(field.name) and _HOLDS_TEXT.search(str(field.type))
    }
    assert shown == set()


def quoting(*arguments: object, **named: object) -> None:
    raise RuntimeError(f"{arguments!r} {named!r}")


LAYERS: dict[str, tuple[str, *tuple[object, ...]]] = {
    # while no account has a token yet
    "asking for a token": ("check_url", oauth),
    "reading the token": ("fetch", oauth),
    "asking for a project": ("load", code_assist_project._Talk),
    "the client's head": ("admit", Admission),
    "the exchange": ("serve", Gateway),
    "attempts": ("run", Attempts),
    "an attempt": ("run", Attempt),
    "authorizing": ("authorize", AccountAuthorizer),
    "finding the endpoint": ("of", Endpoints),
    "making the upstream request": ("prepare", GeminiApi, Vertex, CodeAssist),
    "sending it": ("open", Transport),
    "reading the answer": ("chunks", UpstreamResponse),
    "what an answer means": ("unwrap", GeminiApi, Vertex, CodeAssist),
}


async def test_a_bug_in_any_layer_quotes_no_secret(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level("DEBUG")
    monkeypatch.setenv("GATEWAY_API_KEY", CLIENT)
    async with Simulator() as simulator:
        payers = Payers.at(simulator.base_url, tmp_path)
        entries = [
            make(payers, f"secret-{number}") | {"email": f"{number}@example.com"}
            for number, make in enumerate(KINDS.values())
        ]
        options = {
            "gateway_accounts": write_accounts_file(tmp_path, *entries),
            "gateway_auth_mode": "strict",
            "gateway_enable_code_assist": True,
            "gateway_strategy": "performance_first",
            "gateway_max_attempts": 1,
        }
        secrets = {
            *(f"secret-{number}" for number in range(len(entries))),
            *(line for line in private_key().splitlines() if "-----" not in line),
            CLIENT,
            CLIENT_SECRET,
        }
        async with (
            run_gateway(simulator.base_url, tmp_path, **options) as gateway,
            gateway.client({"authorization": f"Bearer {CLIENT}"}) as http,
        ):
            received = ""
            for layer, (name, *owners) in LAYERS.items():
                with monkeypatch.context() as patch:
                    for owner in owners:
                        patch.setattr(owner, name, quoting)
                    quoted = caplog.text.count("RuntimeError: (")
                    # at once, so that each is paid by another account
                    for answer in await asyncio.gather(*(http.post(PATH, json=BODY) for _ in entries)):
                        received += f"{answer.status_code} {answer.headers} {answer.text}"
                assert caplog.text.count("RuntimeError: (") > quoted, layer
            states = repr([flow.get_state() for flow in gateway.recorder.flows + gateway.recorder.attempts])
            secrets |= {asked.bearer for asked in simulator.requests if asked.bearer}
        for place, text in {"log": caplog.text, "received": received, "flows": states}.items():
            assert {secret for secret in secrets if _has(text, secret)} == set(), place


def _has(text: str, secret: str) -> bool:
    """As a whole word: names of accounts begin alike."""
    return secret in text and re.search(rf"(?<![\w-]){re.escape(secret)}(?![\w@-])", text) is not None
