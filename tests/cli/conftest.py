"""A shell for every test that asks."""

from pathlib import Path

import pytest

from tests.cli.commanding import CONFIG, Shell


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Shell:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    shell = Shell(tmp_path, capsys)
    shell.write("mitm-config.yaml", CONFIG)
    return shell
