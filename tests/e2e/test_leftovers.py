"""What a session leaves behind: no secret in any file, in what is printed, or in what clients get."""

import asyncio
import json
import re
import stat
from collections.abc import Iterator
from itertools import cycle
from pathlib import Path
from typing import Any

import aiohttp
import yaml
from mitmproxy import http, io

from antigravity_addon.gateway.client_keys import hash_key
from antigravity_addon.gateway.connections import TOKEN_FILE
from antigravity_addon.mitm.attempts import is_attempt
from antigravity_addon.mitm.compose import STATE_FILE
from antigravity_addon.simulator.faults import FAULTS, Refusal
from antigravity_addon.simulator.server import Simulator
from antigravity_addon.simulator.tokens import TOKEN_FAULTS
from tests.running import RunningGateway

from .operating import (
    CLIENT_SECRET,
    KINDS,
    Entry,
    Payers,
    files_in,
    private_key,
    write_accounts_file,
    write_private,
)
from .processes import Mitmdump, run_mitmdump

CLIENT, SLOW, OPERATOR = "sk-of-ana", "sk-of-slow-bo", "sk-of-the-operator"
WRONG, IN_PATH = "sk-of-nobody", "sk-in-the-path"
ANSWERED = "hello there"
PASSING = {"token-server-error", "token-unavailable", "token-rate-limited", "token-html", "token-empty"} | {
    "token-reset",
    "token-silence",
}
"""The token endpoint is asked again for seconds."""
MODELS = ("gpt-4o", "gemini-2.5-pro", "gemini-2.5-flash-lite", "gemini-3.1-pro-preview")
"""A model that several accounts in a row find overloaded is left alone for a while."""


def entries(payers: Payers) -> Iterator[Entry]:
    """Accounts of every kind that serve, and that fail in every way."""
    for kind, make in KINDS.items():
        name = kind.replace(" ", "-")
        yield make(payers, f"secret-{name}") | {"email": f"{name}@example.com"}
    yield payers.user("rotating-secret-user", file="rotating.json", email="rotating-user@example.com")
    yield payers.licence("rotating-secret-licence", email="rotating-licence@example.com")
    refusals = {name for name, fault in FAULTS.items() if isinstance(fault, Refusal)}
    faults = sorted(refusals - {"silence", "silence-after-head"})
    for name in ("error-mid-event", "truncated", *faults):
        yield payers.gemini(f"fault-{name}", email=f"{name}@example.com")
    for name in sorted(TOKEN_FAULTS.keys() - PASSING):
        yield payers.licence(f"fault-{name}", email=f"{name}@example.com")
    for name in ("tos", "validation-required", "iam", "unauthenticated"):
        yield payers.service_account(f"fault-{name}", email=f"vertex-{name}@example.com")
        yield payers.express(f"fault-{name}", email=f"express-{name}@example.com")
    for name in ("unsupported-client", "validation-required", "individual", "ineligible"):
        yield payers.licence(f"{name}-secret", email=f"licence-{name}@example.com")


class Session:
    """Clients of all kinds.

    State: everything that they got.
    """

    def __init__(self, gateway: Mitmdump | RunningGateway, client: aiohttp.ClientSession) -> None:
        self._gateway = gateway
        self._client = client
        self.received: list[str] = []
        self.statuses: set[int] = set()

    async def ask(self, path: str, key: str | None, body: dict[str, Any] | None = None) -> None:
        headers = {"authorization": f"Bearer {key}"} if key is not None else {}
        method = "GET" if body is None else "POST"
        async with self._client.request(
            method, f"{self._gateway.url}{path}", json=body, headers=headers
        ) as answer:
            self.received.append(f"{answer.headers}{await answer.text()}")
            self.statuses.add(answer.status)

    async def chat(self, model: str, *, stream: bool) -> None:
        said = [{"role": "user", "content": f"echo:{ANSWERED}"}]
        await self.ask("/v1/chat/completions", CLIENT, {"model": model, "messages": said, "stream": stream})

    async def all_else(self) -> None:
        await self.ask("/v1/responses", CLIENT, {"model": "gpt-4o", "input": f"echo:{ANSWERED}"})
        for _ in range(2):
            await self.ask("/v1/responses", SLOW, {"model": "gpt-4o", "input": f"echo:{ANSWERED}"})
        await self.ask("/v1/chat/completions", CLIENT, {"model": "gpt-4o"})
        await self.ask("/v1/chat/completions", WRONG, {"model": "gpt-4o", "messages": []})
        await self.ask(f"/v1/models?key={IN_PATH}", None)
        for path in ("/healthz", "/metrics", "/v1/models", "/nowhere"):
            await self.ask(path, OPERATOR)


def unseen(accounts: list[Entry], simulator: Simulator, folder: Path) -> set[str]:
    """Accounts that nobody has tried to pay with so far."""
    shown = {request.api_key for request in simulator.requests}
    shown |= {asked.refresh_token for asked in simulator.token_requests}
    shown |= {asked.issuer for asked in simulator.token_requests}
    return {entry["email"] for entry in accounts if shown.isdisjoint(secrets_of(entry, folder))}


def secrets_of(entry: Entry, folder: Path) -> set[str]:
    """What it is known by when it pays; a service account's address is none, but known by."""
    if (file := entry.get("credentials")) is None:
        return {entry.get("api_key") or entry["refresh_token"]}
    held = json.loads((folder / file).read_bytes())
    return {held.get("client_email") or held["refresh_token"]}


async def test_a_session_leaves_no_secret_behind(tmp_path: Path) -> None:
    keys = [
        {"name": "ana", "hash": hash_key(CLIENT)},
        {"name": "bo", "hash": hash_key(SLOW), "requests_per_minute": 1},
    ]
    write_private(tmp_path / "client-keys.yaml", yaml.safe_dump({"client_keys": keys}))
    async with Simulator(remembered_requests=100_000) as simulator:
        accounts = list(entries(Payers.at(simulator.base_url, tmp_path)))
        write_accounts_file(tmp_path, *accounts)
        operators_own = files_in(tmp_path)
        options = {
            "gateway_accounts": str(tmp_path / "accounts.yaml"),
            "gateway_client_keys": str(tmp_path / "client-keys.yaml"),
            "gateway_auth_mode": "strict",
            "gateway_enable_code_assist": "true",
            "gateway_strategy": "performance_first",
            "gateway_max_attempts": "1",
            "gateway_longest_wait": "0",
            "flow_detail": "4",
            "termlog_verbosity": "debug",
        }
        settings = [word for name, value in options.items() for word in ("--set", f"{name}={value}")]
        saved = tmp_path / "session.mitm"
        async with (
            run_mitmdump(
                tmp_path, simulator.base_url, *settings, "-w", str(saved), GATEWAY_API_KEY=OPERATOR
            ) as gateway,
            aiohttp.ClientSession() as client,
            asyncio.timeout(60),
        ):
            session = Session(gateway, client)
            shown_by_ps = gateway.shown_by_ps
            models = cycle(MODELS)
            while left := unseen(accounts, simulator, tmp_path):
                before = len(simulator.requests) + len(simulator.token_requests)
                await asyncio.gather(*(session.chat(next(models), stream=turn % 2 == 0) for turn in range(4)))
                after = len(simulator.requests) + len(simulator.token_requests)
                assert after > before, f"{left} are never asked"
            await session.all_else()
        bearers = {request.bearer for request in simulator.requests if request.bearer}
        assertions = {asked.assertion for asked in simulator.token_requests if asked.assertion}
    assert session.statuses >= {200, 400, 401, 404, 429, 502, 503}
    _check_flows(saved, len(session.received))
    refresh_tokens = {e["refresh_token"] for e in accounts if "refresh_token" in e}
    secrets: set[str] = {
        *(entry["api_key"] for entry in accounts if "api_key" in entry),
        *refresh_tokens,
        *_refresh_tokens_in(operators_own),
        *(line for line in private_key().splitlines() if "-----" not in line),
        *(CLIENT, SLOW, OPERATOR, WRONG, IN_PATH, CLIENT_SECRET, "simulated-personal-token"),
        *bearers,
        *assertions,
    }
    assert len(bearers) > 5
    left = files_in(tmp_path) - operators_own
    assert {file.name for file in left} >= {TOKEN_FILE, STATE_FILE, "session.mitm"}
    kept = tmp_path / "confdir" / TOKEN_FILE
    places = {
        "printed": gateway.output.decode(),
        "ps": shown_by_ps.decode(),
        "received": "\n".join(session.received),
        **{file.name: file.read_bytes().decode(errors="replace") for file in left},
    }
    assert {place: found for place, text in places.items() if (found := _found(secrets, text))} == {}
    own = "\n".join(file.read_text() for file in operators_own)
    assert len(_found(secrets, own)) > 50, "they would have been found"
    rotated = {each["refresh_token"] for each in json.loads(kept.read_bytes())["tokens"].values()}
    assert rotated == {"rotating-secret-user-2", "rotating-secret-licence-2"}
    holders = {file for file in left if any(token.encode() in file.read_bytes() for token in rotated)}
    assert holders == {kept}
    ours = [file for file in (tmp_path / "confdir").iterdir() if file.name.startswith("gateway")]
    assert {file.name: stat.S_IMODE(file.stat().st_mode) for file in ours} == {
        file.name: 0o600 for file in ours
    }


def _refresh_tokens_in(files: set[Path]) -> Iterator[str]:
    for file in files:
        if file.suffix == ".json":
            match json.loads(file.read_bytes()):
                case {"refresh_token": str(token)}:
                    yield token
                case _:
                    pass


def _found(secrets: set[str], text: str) -> set[str]:
    """As whole words: `secret-user` is no part of a name such as `secret-user-2`."""
    return {
        secret
        for secret in secrets
        if secret in text and re.search(rf"(?<![\w-]){re.escape(secret)}(?![\w-])", text)
    }


def _check_flows(saved: Path, count: int) -> None:
    """They are all there, with what was said in them."""
    with saved.open("rb") as file:
        read = [flow for flow in io.FlowReader(file).stream() if isinstance(flow, http.HTTPFlow)]
    flows = [flow for flow in read if not is_attempt(flow)]
    assert len(read) > len(flows), "upstream requests are there, too"
    assert len(flows) == count
    assert any(ANSWERED in (flow.response.text or "") for flow in flows if flow.response is not None)
