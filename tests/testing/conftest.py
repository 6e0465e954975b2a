"""A project with tests of its agents, and the process in which the gateways of all such projects run."""

from collections.abc import Generator
from contextlib import closing

import pytest

from antigravity_addon.testing.process import GatewayProcess

from .project import Project


@pytest.fixture(scope="session")
def gateway_process(tmp_path_factory: pytest.TempPathFactory) -> Generator[GatewayProcess]:
    with closing(GatewayProcess(tmp_path_factory.mktemp("gateways"))) as process:
        yield process


@pytest.fixture
def project(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, gateway_process: GatewayProcess
) -> Project:
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    return Project(pytester, gateway_process)
