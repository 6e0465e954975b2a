"""Somebody's project, whose tests run in a pytest of their own.

Where they do is the price of them: a process of its own costs a pytest, and one more for its gateways costs a mitmproxy.
"""

import sys
import textwrap
from collections.abc import Generator
from pathlib import Path

import pytest

from antigravity_addon.testing.process import GatewayProcess

OPTIONS = """
[pytest]
gateway_options =
    gateway_upstream=simulator
    gateway_model_map=our-model=gemini-2.5-flash
"""
OFFLINE_OPTIONS = OPTIONS.replace("gateway_upstream=simulator", "gateway_accounts=absent.yaml")
ASK = """
import json, os, subprocess, sys, urllib.request

def ask(base_url, text, **fields):
    body = {"model": "our-model", "messages": [{"role": "user", "content": text}], **fields}
    request = urllib.request.Request(f"{base_url}/chat/completions", json.dumps(body).encode())
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)["choices"][0]["message"]["content"]
"""


PLUGIN = ("-p", "antigravity_addon.testing.plugin")
"""No other plugin is loaded: each takes a part of a second."""
ASYNCIO = ("-p", "pytest_asyncio.plugin", "-o", "asyncio_default_fixture_loop_scope=function")


class SharedGatewayProcess:
    """A plugin of the project's pytest, with which its gateways run in a process that is there already.

    As within one session, each test has a gateway of its own in it.
    """

    def __init__(self, process: GatewayProcess) -> None:
        self._process = process

    def pytest_configure(self, config: pytest.Config) -> None:
        # of fixtures of one name, pytest takes the one that came last
        config.pluginmanager.register(_InPlaceOfOurs(self._process))


class _InPlaceOfOurs:
    def __init__(self, process: GatewayProcess) -> None:
        self._process = process

    @pytest.fixture(scope="session")
    def _gateway_process(self) -> Generator[GatewayProcess]:
        yield self._process
        self._process.stop()


class Project:
    """Somebody's own, with tests of its agents."""

    def __init__(self, pytester: pytest.Pytester, process: GatewayProcess) -> None:
        self._pytester = pytester
        self._process = process
        self.folder = pytester.path
        (self.folder / "pytest.ini").write_text(OPTIONS)
        (self.folder / "asking.py").write_text(ASK)

    def test(self, text: str) -> None:
        source = f"import pytest\nfrom asking import *\n{textwrap.dedent(text)}"
        (self.folder / "test_agent.py").write_text(source)

    def run(self, *arguments: str) -> pytest.RunResult:
        """In this process, and its gateways in the one that all projects share."""
        shared = SharedGatewayProcess(self._process)
        return self._pytester.runpytest_inprocess(*PLUGIN, *arguments, plugins=[shared])

    def run_apart(self, *arguments: str) -> pytest.RunResult:
        """As a person starts it: in processes of its own. For what would show in this one."""
        return self._pytester.run(sys.executable, "-m", "pytest", *PLUGIN, *arguments, timeout=500)

    def go_offline(self) -> None:
        """There is nobody left who could answer but the recording."""
        (self.folder / "pytest.ini").write_text(OFFLINE_OPTIONS)

    def cassette(self, test: str) -> Path:
        return self.folder / "cassettes" / "test_agent" / f"{test}.mitm"
