"""Somebody's project, whose tests run in a pytest of their own."""

import sys
import textwrap
from pathlib import Path

import pytest

OPTIONS = """
[pytest]
gateway_options =
    gateway_upstream=simulator
    gateway_model_map=our-model=gemini-2.5-flash
"""
ASK = """
import json, os, subprocess, sys, urllib.request

def ask(base_url, text, **fields):
    body = {"model": "our-model", "messages": [{"role": "user", "content": text}], **fields}
    request = urllib.request.Request(f"{base_url}/chat/completions", json.dumps(body).encode())
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)["choices"][0]["message"]["content"]
"""


class Project:
    """Somebody's own, with tests of its agents."""

    def __init__(self, pytester: pytest.Pytester) -> None:
        self._pytester = pytester
        self.folder = pytester.path
        (self.folder / "pytest.ini").write_text(OPTIONS)
        (self.folder / "asking.py").write_text(ASK)

    def test(self, text: str) -> None:
        source = f"import pytest\nfrom asking import *\n{textwrap.dedent(text)}"
        (self.folder / "test_agent.py").write_text(source)

    def run(self, *arguments: str) -> pytest.RunResult:
        """With no plugin but ours, and those of the `arguments`: others take a second."""
        return self._pytester.run(
            sys.executable, "-m", "pytest", "-p", "antigravity_addon.testing.plugin", *arguments, timeout=50
        )  # fmt: skip

    def go_offline(self) -> None:
        """There is nobody left who could answer but the recording."""
        text = (self.folder / "pytest.ini").read_text()
        (self.folder / "pytest.ini").write_text(
            text.replace("gateway_upstream=simulator", "gateway_accounts=absent.yaml")
        )

    def cassette(self, test: str) -> Path:
        return self.folder / "cassettes" / "test_agent" / f"{test}.mitm"
