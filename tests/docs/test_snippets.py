"""What the pages show to be typed is run, against the simulator, as it stands but for the port."""

import asyncio
import importlib.util
import json
import re
import shutil
import sys
from pathlib import Path

import pytest
import yaml

from antigravity_addon.accounts.file import check_accounts
from antigravity_addon.gateway.client_keys import parse_client_keys
from antigravity_addon.gateway.prices import parse_prices
from tests.running import RunningGateway, run_gateway

from .pages import PAGES, ROOT, Snippet, snippets

ADDRESS = "http://127.0.0.1:8045"
EVERYTHING = [snippet for page in PAGES for snippet in snippets(page)]
PYTHON = [
    snippet
    for page in PAGES
    # what `antigravity client` prints, as test_clients.py sees to; tests/clients/test_blocks.py runs it
    if page.parent != ROOT / "docs" / "clients"
    for snippet in snippets(page)
    if snippet.language == "python" and ADDRESS in snippet.text
]
CURL = [s for s in EVERYTHING if s.language == "sh" and s.text.startswith("curl ")]


def aimed_at(gateway: RunningGateway, snippet: Snippet) -> str:
    assert ADDRESS in snippet.text
    return snippet.text.replace(ADDRESS, gateway.url)


async def run(*command: str) -> str:
    """What the command writes; it must succeed."""
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    output, errors = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode == 0, errors.decode()
    return output.decode()


@pytest.mark.parametrize("snippet", PYTHON, ids=lambda snippet: snippet.id)
async def test_python_runs_as_pasted(tmp_path: Path, snippet: Snippet) -> None:
    for module in re.findall(r"^(?:import|from) (\w+)", snippet.text, re.MULTILINE):
        if importlib.util.find_spec(module) is None:
            pytest.skip(f"{module} is not installed")
    async with run_gateway(None, tmp_path, gateway_upstream="simulator") as gateway:
        output = await run(sys.executable, "-c", aimed_at(gateway, snippet))
        assert "simulator" in output


@pytest.mark.parametrize("snippet", CURL, ids=lambda snippet: snippet.id)
async def test_curl_runs_as_pasted(tmp_path: Path, snippet: Snippet) -> None:
    if shutil.which("curl") is None:
        pytest.skip("needs curl")
    async with run_gateway(None, tmp_path, gateway_upstream="simulator") as gateway:
        output = await run("sh", "-ec", aimed_at(gateway, snippet))
        assert '"error":{' not in output
        if "-N" in snippet.text:
            assert output.startswith("data: {")
            assert output.endswith("data: [DONE]\n\n")
        if "-i" in snippet.text.split():
            assert output.startswith("HTTP/1.1 200 OK")
            assert "x-mapped-model: gemini-2.5-flash" in output
            assert "x-account-email: simulator@localhost" in output
        if "/v1/responses" in snippet.text:
            assert "simulator" in json.loads(output)["choices"][0]["message"]["content"]
        if "/healthz" in snippet.text:
            assert output.startswith('{"status":"ok"}{"object":"list"')


def test_the_readme_shows_every_way_in() -> None:
    """Or the tests above would be glad of nothing."""
    readme = {s.id for s in (*PYTHON, *CURL) if s.page == ROOT / "README.md"}
    assert len(readme) >= 4


@pytest.mark.parametrize(
    "snippet", [s for s in EVERYTHING if s.language in {"yaml", "json"}], ids=lambda snippet: snippet.id
)
def test_yaml_and_json_can_be_read(snippet: Snippet) -> None:
    if snippet.language == "json":
        json.loads(snippet.text)
    else:
        document = yaml.safe_load(snippet.text)
        if "accounts" in document:
            check_accounts(snippet.text, source=snippet.id)
        if "client_keys" in document:
            parse_client_keys(snippet.text, source=snippet.id)
        if "prices" in document:
            parse_prices(snippet.text, source=snippet.id)
