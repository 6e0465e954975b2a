"""gateway.bundle: an exchange in a file for strangers, and what they can do with it."""

import ast
import asyncio
import json
import os
import shutil
import stat
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from io import BytesIO
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import httpx
import pytest
import yaml
from mitmproxy import http, io
from mitmproxy.addons.view import View
from mitmproxy.exceptions import CommandError
from mitmproxy.test import tflow

from antigravity_addon.gateway.known import Known
from antigravity_addon.mitm import bundle_files
from antigravity_addon.mitm.bundle_flows import masked, masks_for
from antigravity_addon.simulator.server import Simulator
from tests.running import RunningGateway, run_gateway, write_accounts

from .operating import Log, files_in, listening

SK = "sk-" + "proj0123456789abcdefghij"
PROMPT = f"echo:ana@example.com pays with upstream-key-a, {SK} and GHP"
BODY: dict[str, Any] = {"model": "gpt-4o", "messages": [{"role": "user", "content": PROMPT}]}
LIMITED = ("limited@example.com", "fault-rate-limited")
ANA = ("ana@example.com", "upstream-key-a")
FILES = {
    "README.txt",
    "session.mitm",
    "trace.json",
    "versions.txt",
    "options.yaml",
    "request.sh",
    "request-1",
    "cassette/test_bundle.py",
}


@asynccontextmanager
async def bundling(folder: Path, **more: object) -> AsyncGenerator[tuple[RunningGateway, Log]]:
    """A gateway with a list of flows, as mitmweb has one."""
    options = {"gateway_accounts": write_accounts(folder, LIMITED, ANA), **more}
    with listening() as log:
        async with Simulator() as simulator, run_gateway(simulator.base_url, folder, **options) as gateway:
            gateway.master.addons.add(View())
            yield gateway, log


async def ask(gateway: RunningGateway) -> tuple[httpx.Response, http.HTTPFlow]:
    async with gateway.client({"cookie": "session=of-ana", "x-forwarded-for": "10.1.2.3"}) as client:
        answer = await client.post("/v1/chat/completions", json=BODY)
    flow = await gateway.recorder.wait()
    async with asyncio.timeout(60):
        while flow.client_conn.timestamp_end is None:  # noqa: ASYNC110  mitmproxy tells nobody
            await asyncio.sleep(0)
    return answer, flow


async def bundle(
    gateway: RunningGateway, log: Log, flows: list[http.HTTPFlow], path: Path, *words: str
) -> Path:
    count = len(log.those_with("Wrote "))
    gateway.master.commands.call("gateway.bundle", flows, str(path), *words)
    await log.until("Wrote ", count=count + 1)
    return path


def files_of(path: Path) -> dict[str, bytes]:
    with ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def flows_of(session: bytes) -> list[http.HTTPFlow]:
    return [flow for flow in io.FlowReader(BytesIO(session)).stream() if isinstance(flow, http.HTTPFlow)]


async def test_an_exchange_is_bundled_without_what_is_nobodys_business(tmp_path: Path) -> None:
    async with bundling(tmp_path, gateway_api_key="the-operators-key") as (gateway, log):
        _, flow = await ask(gateway)
        path = await bundle(gateway, log, [flow], tmp_path / "b.zip")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    files = files_of(path)
    assert files.keys() == FILES
    client, refused, served = flows_of(files["session.mitm"])
    assert client.id == flow.id
    assert json.loads(client.request.content or b"") == BODY | {
        "messages": [{"role": "user", "content": "echo:account-1 pays with [redacted], [redacted] and GHP"}]
    }
    assert client.request.headers["cookie"] == "[redacted]"
    assert client.request.headers["x-forwarded-for"] == "192.0.2.1"
    assert client.response is not None
    assert client.response.headers["x-account-email"] == "account-1"
    assert "account-1 pays with [redacted]" in (client.response.text or "")
    assert client.comment.split(" · ")[1] == "account-1"
    assert [attempt.metadata["gateway_attempt"]["account"] for attempt in (refused, served)] == [
        "account-2",
        "account-1",
    ]
    assert [attempt.metadata["gateway_attempt"]["client_flow"] for attempt in (refused, served)] == [
        flow.id
    ] * 2
    everything = b"\n".join(files.values()).decode("utf-8", "replace")
    for secret in ("example.com", "ana@", "upstream-key-a", SK, "of-ana", "10.1.2.3", "the-operators-key"):
        assert secret not in everything
    traced = json.loads(files["trace.json"])
    assert [each["gateway"]["account"] for each in traced if "gateway" in each] == ["account-1"]
    assert yaml.safe_load(files["options.yaml"])["gateway_api_key"] == "[set]"
    assert b"mitmproxy 12." in files["versions.txt"]
    assert b"PROMPTS AND ANSWERS ARE IN IT" in files["README.txt"]


async def test_the_same_bundle_is_made_of_an_attempt_and_of_another_day(tmp_path: Path) -> None:
    async with bundling(tmp_path) as (gateway, log):
        _, flow = await ask(gateway)
        one = await bundle(gateway, log, [flow], tmp_path / "one.zip")
        two = await bundle(gateway, log, [gateway.recorder.attempts[1]], tmp_path / "two.zip")
        both = await bundle(gateway, log, [flow, gateway.recorder.attempts[0]], tmp_path / "both.zip")
    assert one.read_bytes() == two.read_bytes() == both.read_bytes()


async def test_without_prompts(tmp_path: Path) -> None:
    async with bundling(tmp_path) as (gateway, log):
        _, flow = await ask(gateway)
        path = await bundle(gateway, log, [flow], tmp_path / "b.zip", "bodies=redacted")
        assert b"pays" in (flow.request.content or b""), "the flow itself stays as it is"
    files = files_of(path)
    assert files.keys() == FILES - {"request.sh", "request-1", "cassette/test_bundle.py"}
    assert all(b"pays" not in content for content in files.values())
    assert all(b"[redacted" in (each.request.content or b"") for each in flows_of(files["session.mitm"]))
    assert b"no prompts and no answers" in files["README.txt"]


async def test_a_flow_without_bodies_makes_a_bundle_without_them(tmp_path: Path) -> None:
    async with bundling(tmp_path, gateway_redact_bodies=True) as (gateway, log):
        _, flow = await ask(gateway)
        path = await bundle(gateway, log, [flow], tmp_path / "b.zip")
    assert "request.sh" not in files_of(path)


async def test_its_name_is_that_of_the_exchange(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    async with bundling(tmp_path) as (gateway, log):
        _, flow = await ask(gateway)
        name = f"gateway-bundle-{flow.metadata['gateway']['exchange']}.zip"
        for number, path in enumerate(("", "folder"), start=1):
            gateway.master.commands.execute(f"gateway.bundle @all {path}")
            await log.until("Wrote ", count=number)
    assert files_of(tmp_path / name) == files_of(tmp_path / "folder" / name)


async def test_a_refused_request_is_bundled_by_its_request_id(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    async with bundling(tmp_path, gateway_auth_mode="strict", gateway_api_key="the-operators-key") as (
        gateway,
        log,
    ):
        answer, _ = await ask(gateway)
        assert answer.status_code == 401
        gateway.master.commands.execute("gateway.bundle @all bodies=kept")
        await log.until("Wrote ")
    assert "session.mitm" in files_of(tmp_path / f"gateway-bundle-{answer.headers['x-request-id']}.zip")


async def test_what_cannot_be_bundled_is_said(tmp_path: Path) -> None:
    async with bundling(tmp_path) as (gateway, log):
        _, flow = await ask(gateway)
        call = gateway.master.commands.call
        with pytest.raises(CommandError, match="Choose the flow"):
            call("gateway.bundle", [])
        with pytest.raises(CommandError, match="bodies=kept or bodies=redacted"):
            call("gateway.bundle", [flow], "", "bodies=some")
        call("gateway.bundle", [flow], str(tmp_path / "nowhere" / "b.zip"))
        assert "No such file" in await log.until("cannot be written")
        call("gateway.bundle", [flow], "b\0.zip")
        assert "null character" in await log.until("cannot be written", count=2)
        pipe = tmp_path / "pipe"
        os.mkfifo(pipe)
        call("gateway.bundle", [flow], str(pipe))
        assert "it is there, and is no file" in await log.until("cannot be written", count=3)
        assert pipe.is_fifo()
        flow.live = True
        with pytest.raises(CommandError, match="still under way"):
            call("gateway.bundle", [flow])
        flow.live = False
        assert call("gateway.bundle.bodies") == ["bodies=kept", "bodies=redacted"]


# --- what strangers do with it -----------------------------------------------------------------------------


@asynccontextmanager
async def replaying(folder: Path) -> AsyncGenerator[tuple[RunningGateway, dict[str, bytes], httpx.Response]]:
    """A gateway that answers from a bundle, which lies unpacked in `folder`/bundle."""
    async with bundling(folder) as (gateway, log):
        answer, flow = await ask(gateway)
        path = await bundle(gateway, log, [flow], folder / "b.zip")
    files = files_of(path)
    await asyncio.to_thread(shutil.unpack_archive, path, folder / "bundle")
    other = folder / "other"
    other.mkdir()
    async with run_gateway(None, other, gateway_replay=str(folder / "bundle" / "session.mitm")) as gateway:
        yield gateway, files, answer


async def test_it_is_answered_from_offline(tmp_path: Path) -> None:
    async with replaying(tmp_path) as (gateway, files, answer), gateway.client() as client:
        again = await client.post("/v1/chat/completions", content=files["request-1"])
    assert again.status_code == 200
    said = answer.json()["choices"][0]["message"]["content"]
    assert said.startswith("ana@example.com pays")
    assert again.json()["id"] == answer.json()["id"]
    assert again.json()["choices"][0]["message"]["content"].startswith("account-1 pays with [redacted]")


async def run(*words: str, cwd: Path, **variables: str) -> str:
    process = await asyncio.create_subprocess_exec(
        *words, cwd=cwd, env={"PATH": "/usr/bin:/bin", **variables}, stdout=asyncio.subprocess.PIPE
    )
    async with asyncio.timeout(60):
        output, _ = await process.communicate()
    assert process.returncode == 0, output.decode()
    return output.decode()


@pytest.mark.skipif(shutil.which("curl") is None, reason="there is no curl")
async def test_its_script_sends_the_request_again(tmp_path: Path) -> None:
    async with replaying(tmp_path) as (gateway, _, answer):
        output = await run(
            "sh", "bundle/request.sh", cwd=tmp_path, GATEWAY_URL=gateway.url, GATEWAY_KEY="any"
        )
    assert json.loads(output)["id"] == answer.json()["id"]


async def test_its_test_runs(tmp_path: Path) -> None:
    async with replaying(tmp_path) as (gateway, _, _):
        conftest = (
            "import types, pytest\n"
            "def pytest_configure(config):\n    config.addinivalue_line('markers', 'cassette(file)')\n"
            f"@pytest.fixture\ndef gateway(request):\n"
            "    file = request.node.get_closest_marker('cassette').args[0]\n"
            "    assert (request.path.parent / file).is_file()\n"
            f"    return types.SimpleNamespace(base_url={gateway.url!r})\n"
        )
        (tmp_path / "bundle" / "conftest.py").write_text(conftest)
        pytest_words = (sys.executable, "-m", "pytest", "-q", "-c", "/dev/null", "--rootdir", ".", "cassette")
        output = await run(*pytest_words, cwd=tmp_path / "bundle")
    assert "1 passed" in output


HOSTILE_WORD = '\'; touch broken; \'"$(touch broken)`touch broken`\\\n"""'


@pytest.mark.parametrize(
    "path", ["@elsewhere.test/v1", "//elsewhere.test/v1", f"/v1/{HOSTILE_WORD}", "/v1/{a,b}[1-9]"]
)
async def test_a_bundle_runs_no_word_of_a_flow(tmp_path: Path, path: str) -> None:
    flow = tflow.tflow(resp=True)
    flow.request.method = HOSTILE_WORD
    flow.request.headers["openai-project"] = HOSTILE_WORD
    flow.request.path = path
    curl = tmp_path / "curl"
    curl.write_text('#!/bin/sh\nfor word; do printf "%s\\0" "$word"; done\n')
    curl.chmod(0o700)
    (tmp_path / "request.sh").write_text(bundle_files.request_script((flow,)))
    output = await run("sh", "request.sh", cwd=tmp_path, PATH=f"{tmp_path}:/usr/bin:/bin")
    *options, url, end = output.split("\0")
    assert (url, end) == (f"http://127.0.0.1:8080/{path.lstrip('/')}", "")
    assert HOSTILE_WORD.upper() in options
    assert f"openai-project: {HOSTILE_WORD}" in options
    assert "--globoff" in options
    written = ast.parse(bundle_files.cassette_test((flow,)))
    (asked,) = (
        each for each in ast.walk(written) if isinstance(each, ast.Call) and _is_named(each, "request")
    )
    assert [ast.literal_eval(word) for word in asked.args] == [HOSTILE_WORD.upper(), f"/{path.lstrip('/')}"]
    assert {file.name for file in files_in(tmp_path)} == {"curl", "request.sh"}


def _is_named(call: ast.Call, name: str) -> bool:
    return isinstance(call.func, ast.Attribute) and call.func.attr == name


# --- who is who --------------------------------------------------------------------------------------------


def test_machines_and_projects_have_masks() -> None:
    flow = tflow.tflow(resp=True)
    flow.metadata["gateway_attempt"] = {"account": "bo@corp.example"}
    flow.client_conn.peername = ("10.1.2.3", 4000)
    flow.client_conn.sockname = ("fe80::1%eth0", 8080)
    flow.server_conn.address = ("gemini.corp.example", 443)
    flow.server_conn.peername = ("142.250.1.1", 443)
    flow.server_conn.sockname = ("127.0.0.1", 5000)
    flow.request.host = "gemini.corp.example"
    flow.request.path = "/v1/projects/corp-ai-7/locations/global/x?key=abc"
    flow.request.headers["x-goog-user-project"] = "corp-billing"
    flow.request.text = '{"model": "m", "project": "corp-licence", "request": {}}'
    assert flow.response is not None
    flow.response.status_code = 403
    flow.response.headers["set-cookie"] = "NID=abc"
    flow.response.text = (
        "b…@corp.example: bot@corp-ai-7.iam.gserviceaccount.com lacks projects/12345 at 10.1.2.3"
    )
    flow.error = None
    flow.backup()
    shown = masked(flow, masks_for([flow], Known(emails=("al@corp.example",))), with_bodies=True)
    assert shown.id == flow.id
    assert not shown.modified()
    assert shown.client_conn.peername == ("192.0.2.1", 4000)
    assert shown.client_conn.sockname == ("192.0.2.2", 8080)
    assert shown.server_conn.address == ("host-1.invalid", 443)
    assert shown.server_conn.peername == ("192.0.2.3", 443)
    assert shown.server_conn.sockname == ("127.0.0.1", 5000)
    assert shown.request.pretty_url.endswith(
        "host-1.invalid:22/v1/projects/project-1/locations/global/x?key=[redacted]"
    )
    assert shown.request.headers["x-goog-user-project"] == "project-2"
    assert shown.request.text == '{"model": "m", "project": "project-3", "request": {}}'
    assert shown.response is not None
    assert shown.response.headers["set-cookie"] == "[redacted]"
    assert shown.response.text == "account-1: service-account-1 lacks projects/project-4 at 192.0.2.1"
    assert shown.metadata == {"gateway_attempt": {"account": "account-1"}}


def test_what_is_packed_is_looked_into_and_what_cannot_be_is_replaced() -> None:
    flow = tflow.tflow(resp=True)
    flow.request.headers["content-encoding"] = "gzip"
    flow.request.text = f"it is {SK}"
    assert flow.response is not None
    flow.response.headers["content-encoding"] = "gzip"
    flow.response.raw_content = b"no gzip"
    shown = masked(flow, masks_for([flow], Known()), with_bodies=True)
    assert shown.request.raw_content == b"it is [redacted]"
    assert shown.request.headers["content-length"] == "16"
    assert shown.response is not None
    assert shown.response.raw_content == b"[redacted 7 bytes]"
    assert "content-encoding" not in shown.response.headers
