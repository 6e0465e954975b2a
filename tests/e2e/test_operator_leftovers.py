"""What is left behind by an operator who looks, edits, replays, saves and bundles: no secret in any file or on any screen.

`test_leftovers.py` has the same of a process by itself.
"""

import asyncio
import io as texts
import json
import logging
from base64 import b64encode
from functools import cache
from itertools import cycle
from pathlib import Path
from urllib.parse import quote
from zipfile import ZipFile

import aiohttp
import pytest
import yaml
from mitmproxy import http, optmanager, types
from mitmproxy.addons.clientplayback import ClientPlayback
from mitmproxy.addons.dumper import Dumper
from mitmproxy.addons.intercept import Intercept
from mitmproxy.addons.savehar import SaveHar
from mitmproxy.addons.view import View
from mitmproxy.tools.web.app import flow_to_json

from antigravity_addon.gateway.client_keys import hash_key
from antigravity_addon.gateway.connections import TOKEN_FILE
from antigravity_addon.simulator.server import Simulator
from antigravity_addon.views.masks import forms_of
from tests.running import RunningGateway, run_gateway

from .operating import (
    CLIENT_SECRET,
    Log,
    Payers,
    files_in,
    listening,
    private_key,
    write_accounts_file,
    write_private,
)
from .test_leftovers import CLIENT, IN_PATH, MODELS, OPERATOR, SLOW, WRONG, Session, entries, unseen

PUT_IN = "upstream-key-put-in-by-hand"
LINK_TOKEN = "simulated-personal-token"
SAID = "hello there"


class Hand:
    """An operator's, which puts a key of its own into each upstream request that is paused."""

    name = "hand"

    def __init__(self) -> None:
        self.edited = 0

    def request(self, flow: http.HTTPFlow) -> None:
        if flow.intercepted:
            flow.backup()
            flow.request.headers["x-goog-api-key"] = PUT_IN
            flow.request.text = (flow.request.text or "").replace(SAID, f"{SAID} again")
            self.edited += 1
            flow.resume()

    def response(self, flow: http.HTTPFlow) -> None:
        flow.resume()


def found_in(secrets: set[str], text: bytes) -> set[str]:
    """In any form; whole words, since some of the names that steer the simulator begin alike."""
    return {
        secret
        for secret in secrets
        if any(form in text and not _is_part(form, text) for form in _forms_of(secret))
    }


@cache
def _forms_of(secret: str) -> frozenset[bytes]:
    """Most of them are the same, and there are many places to look at."""
    return frozenset(forms_of(secret))


def _is_part(form: bytes, text: bytes) -> bool:
    """Wherever it stands, a longer word has it."""
    start = text.find(form)
    while start >= 0:
        beside = text[max(start - 1, 0) : start] + text[start + len(form) :][:1]
        if not any(byte in b"-_" or chr(byte).isalnum() for byte in beside):
            return False
        start = text.find(form, start + 1)
    return True


def test_secrets_would_be_found() -> None:
    secret = "secret-of-somebody"
    texts_with_it = (secret, f"key={secret}&", quote(f"{secret}/", safe=""), json.dumps([f"a\n{secret}"]))
    for text in texts_with_it[:3]:
        assert found_in({secret}, text.encode()) == {secret}
    assert found_in({secret}, b"secret-of-somebody-else") == set()
    encoded = b64encode(f"user:{secret}".encode())
    assert any(form in encoded for form in forms_of(secret))


async def work(gateway: RunningGateway, view: View, log: Log, folder: Path) -> None:
    """What operators do with what they see."""
    call = gateway.master.commands.call
    flows = [flow for flow in view.resolve("@all") if isinstance(flow, http.HTTPFlow)]
    playback = gateway.master.addons.get("clientplayback")
    assert isinstance(playback, ClientPlayback)
    by_outcome = {
        flow.metadata["gateway_attempt"]["outcome"]: flow
        for flow in flows
        if "gateway_attempt" in flow.metadata
    }
    clients = {
        flow.response.status_code: flow
        for flow in flows
        if flow.response and "gateway_attempt" not in flow.metadata
    }
    assert len(by_outcome) > 8
    call("replay.client", [*by_outcome.values(), *clients.values()])
    await playback.queue.join()
    await asyncio.gather(*playback.replay_tasks)
    call("gateway.bundle", [*by_outcome.values()], str(folder / "attempts.zip"))
    call("gateway.bundle", [*clients.values()], str(folder / "clients.zip"), "bodies=redacted")
    await log.until("Wrote ", count=2)
    bundled = {*by_outcome.values(), *clients.values()}
    rest = [flow for flow in view.resolve("@all") if flow not in bundled]
    call("gateway.bundle", rest[::2], str(folder / "rest.zip"))
    await log.until("Wrote ", count=3)
    call("save.file", view.resolve("@all"), str(folder / "seen.mitm"))
    SaveHar().export_har(view.resolve("@all"), types.Path(str(folder / "seen.har")))


def mitmwebs_page(gateway: RunningGateway, view: View) -> str:
    """What its API gives: flows, each with its metadata, and options."""
    flows = [flow_to_json(flow) | {"metadata": flow.metadata} for flow in view.resolve("@all")]
    return json.dumps([flows, optmanager.dump_dicts(gateway.master.options)], default=repr)


async def test_an_operators_session_leaves_no_secret_behind(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    own = tmp_path / "own"
    own.mkdir()
    left = tmp_path / "left"
    left.mkdir()
    keys = [
        {"name": "ana", "hash": hash_key(CLIENT)},
        {"name": "bo", "hash": hash_key(SLOW), "requests_per_minute": 1},
    ]
    write_private(own / "client-keys.yaml", yaml.safe_dump({"client_keys": keys}))
    screen = texts.StringIO()
    async with Simulator(remembered_requests=100_000) as simulator:
        accounts = list(entries(Payers.at(simulator.base_url, own)))
        write_accounts_file(own, *accounts)
        options = {
            "gateway_accounts": str(own / "accounts.yaml"),
            "gateway_client_keys": str(own / "client-keys.yaml"),
            "gateway_api_key": OPERATOR,
            "gateway_auth_mode": "strict",
            "gateway_account_header": "off",
            "gateway_enable_code_assist": True,
            "gateway_strategy": "performance_first",
            "gateway_max_attempts": 1,
            "gateway_longest_wait": 0,
            "gateway_record": str(left / "recorded.mitm"),
            "save_stream_file": str(left / "saved.mitm"),
            "client_replay_concurrency": -1,
        }
        with listening() as log:
            async with (
                run_gateway(simulator.base_url, left, **options) as gateway,
                aiohttp.ClientSession() as client,
                asyncio.timeout(500),
            ):
                view, hand = View(), Hand()
                gateway.master.addons.add(view, Dumper(screen), Intercept(), hand)
                gateway.master.options.update(flow_detail=4)
                session = Session(gateway, client)
                models = cycle(MODELS)
                while unseen(accounts, simulator, own):
                    await asyncio.gather(
                        *(session.chat(next(models), stream=turn % 2 == 0) for turn in range(4))
                    )
                await session.all_else()
                gateway.master.options.update(intercept="~q & ~meta gateway_attempt")
                await session.chat("gpt-4o", stream=True)
                gateway.master.options.update(intercept="")
                assert hand.edited
                await work(gateway, view, log, left)
                states = repr([flow.get_state() for flow in view.resolve("@all")])
                page = mitmwebs_page(gateway, view)
        secrets = {
            *(entry["api_key"] for entry in accounts if "api_key" in entry),
            *(entry["refresh_token"] for entry in accounts if "refresh_token" in entry),
            *(line for line in private_key().splitlines() if "-----" not in line),
            *(CLIENT, SLOW, OPERATOR, WRONG, IN_PATH, CLIENT_SECRET, PUT_IN, LINK_TOKEN),
            *(request.bearer for request in simulator.requests if request.bearer),
            *(asked.assertion for asked in simulator.token_requests if asked.assertion),
        } - {"[redacted]"}  # which mitmproxy's own replays of upstream requests are paid with
    files = {file for file in files_in(left) if file.name != TOKEN_FILE}
    bundles = [file for file in files if file.suffix == ".zip"]
    assert {file.name for file in files} >= {
        "recorded.mitm",
        "saved.mitm",
        "seen.mitm",
        "seen.har",
        "rest.zip",
    }
    unpacked = {f"{file.name}/{name}": content for file in bundles for name, content in _unpacked(file)}
    places = {
        "screen": screen.getvalue().encode(),
        "states": states.encode(),
        "mitmweb": page.encode(),
        "log": f"{log.text}{caplog.text}".encode(),
        "received": "\n".join(session.received).encode(),
        **{file.name: file.read_bytes() for file in files},
        **unpacked,
    }
    assert SAID.encode() in places["screen"]
    operators = b"\n".join(file.read_bytes() for file in files_in(own))
    assert len(found_in(secrets, operators)) > 50, "they would have been found"
    assert {place: found for place, text in places.items() if (found := found_in(secrets, text))} == {}
    emails = {entry["email"] for entry in accounts}
    named = {
        name: found
        for name, text in unpacked.items()
        if (found := {each for each in emails if each.encode() in text})
    }
    assert named == {}
    assert "@example.com" not in "\n".join(session.received), "gateway_account_header is off"


def _unpacked(file: Path) -> list[tuple[str, bytes]]:
    with ZipFile(file) as archive:
        return [(name, archive.read(name)) for name in archive.namelist()]
