"""Where a gateway's files are: as the command line says, else as mitm-config.yaml does, else where they are by default."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import yaml
from pydantic import BaseModel, ConfigDict, Strict, ValidationError

from antigravity_addon.accounts.yaml_lines import NOT_YAML

from .commands import NamedPlaces

CONFIG = "mitm-config.yaml"
GOOGLE = "https://generativelanguage.googleapis.com"
_IN_MEMORY = "memory"
_STATE_FILE = "gateway.sqlite"
_REVERSE = re.compile(r"reverse:(?:(?P<scheme>https?)://)?(?P<host>[^/@\s]+)/?(?:@(?P<listen>.*))?")
_LISTEN = re.compile(r"(?:(?P<host>[A-Za-z0-9._%:\[\]-]*):)?(?P<port>\d{1,5})")
_PORT = 8045
_PORT_OF_A_MODE = 8080
"""mitmproxy's own, where a mode is given without a port."""
_EVERYWHERE = frozenset({"", "0.0.0.0", "::", "[::]"})  # noqa: S104  not to listen on, but to recognise


class PlacesError(ValueError):
    """The configuration cannot be read; the message names the file and what is wrong there."""


@dataclass(frozen=True, slots=True)
class Entrance:
    """Where clients find the gateway, and what they have to show."""

    url: str = f"http://127.0.0.1:{_PORT}"
    """Without `/v1`."""
    serves_lan: bool = False
    asks_for_key: bool = False
    model_rules: tuple[str, ...] = ()
    default_model: str = ""


@dataclass(frozen=True, slots=True)
class Places:
    accounts: Path
    state: Path | None
    """`None`: gateways keep it in their memory, where nobody else can look."""
    keys: Path
    keys_are_configured: bool
    """Gateways read the file."""
    target: str | None
    """Where requests go; `None`: to the simulator inside of a gateway."""
    enable_code_assist: bool
    entrance: Entrance = Entrance()
    state_megabytes: int = 256
    accounts_are_configured: bool = False
    """Or the file is where it is by default, and a gateway was told of it in some other way, if at all."""


class _Config(BaseModel):
    """What concerns us of it. The rest is mitmproxy's to judge."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    gateway_accounts: Annotated[str, Strict()] = ""
    gateway_state: Annotated[str, Strict()] = ""
    gateway_client_keys: Annotated[str, Strict()] = ""
    gateway_state_megabytes: Annotated[int, Strict()] = 256
    gateway_upstream: Annotated[str, Strict()] = "auto"
    gateway_enable_code_assist: Annotated[bool, Strict()] = False
    gateway_allow_lan_access: Annotated[bool, Strict()] = False
    # `off` is a word to mitmproxy's YAML, and `false` to this one
    gateway_auth_mode: Annotated[str, Strict()] | Annotated[bool, Strict()] = "auto"
    gateway_model_map: tuple[Annotated[str, Strict()], ...] = ()
    gateway_default_model: Annotated[str, Strict()] = ""
    listen_host: Annotated[str, Strict()] = ""
    listen_port: Annotated[int, Strict()] | None = None
    confdir: Annotated[str, Strict()] = "~/.mitmproxy"
    mode: tuple[Annotated[str, Strict()], ...] = ()


def find_places(named: NamedPlaces, *, folder: Path) -> Places:
    """`folder` is the working directory. Raises: PlacesError."""
    return _places(named, _read(folder / CONFIG), folder)


def places_without_configuration(named: NamedPlaces, *, folder: Path) -> Places:
    """Where things are by default, for when it cannot be read. Raises: PlacesError."""
    return _places(named, _Config(), folder)


def _places(named: NamedPlaces, config: _Config, folder: Path) -> Places:
    return Places(
        accounts=named.accounts or _from(folder, config.gateway_accounts or "accounts.yaml"),
        state=_state(named.state, config, folder),
        keys=named.keys or _from(folder, config.gateway_client_keys or "client-keys.yaml"),
        keys_are_configured=named.keys is not None or bool(config.gateway_client_keys),
        target=named.target or _target(config),
        enable_code_assist=named.enable_code_assist or config.gateway_enable_code_assist,
        entrance=_entrance(named.url, config),
        state_megabytes=config.gateway_state_megabytes,
        accounts_are_configured=named.accounts is not None or bool(config.gateway_accounts),
    )


def _read(path: Path) -> _Config:
    try:
        content: object = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return _Config()
    except (OSError, UnicodeDecodeError) as error:
        raise PlacesError(f"{path}: cannot be read ({type(error).__name__}).") from None
    except NOT_YAML as error:
        mark = error.problem_mark if isinstance(error, yaml.MarkedYAMLError) else None
        line = f":{mark.line + 1}" if mark is not None else ""
        raise PlacesError(f"{path}{line}: not valid YAML.") from None
    try:
        return _Config.model_validate({} if content is None else content)
    except ValidationError as error:
        problem = error.errors(include_url=False, include_input=False)[0]
        if not problem["loc"]:
            raise PlacesError(f"{path}: must hold `option: value` lines.") from None
        raise PlacesError(f"{path}: {problem['loc'][0]}: {problem['msg']}.") from None


def _from(folder: Path, written: str) -> Path:
    """A relative path in the file counts from the file."""
    return folder / _expanded(written)


def _expanded(written: str) -> Path:
    try:
        return Path(written).expanduser()
    except RuntimeError:
        raise PlacesError(f"{written}: there is no such home folder: give the whole path.") from None


def _state(named: str | None, config: _Config, folder: Path) -> Path | None:
    if named is not None:
        return None if named == _IN_MEMORY else _expanded(named)
    match config.gateway_state:
        case "memory":
            return None
        case "":
            return _expanded(config.confdir) / _STATE_FILE
        case written:
            return _from(folder, written)


def _target(config: _Config) -> str | None:
    if config.gateway_upstream == "simulator":
        return None
    for mode in config.mode:
        if found := _REVERSE.fullmatch(mode):
            return f"{found['scheme'] or 'https'}://{found['host']}"
    return GOOGLE


def _entrance(named: str | None, config: _Config) -> Entrance:
    lan = config.gateway_allow_lan_access
    asks = config.gateway_auth_mode in {"strict", "all_except_health"}
    return Entrance(
        url=named or _url(config),
        serves_lan=lan,
        asks_for_key=asks or (lan and config.gateway_auth_mode == "auto"),
        model_rules=config.gateway_model_map,
        default_model=config.gateway_default_model,
    )


def _url(config: _Config) -> str:
    host, port = config.listen_host, config.listen_port or _PORT
    for mode in config.mode:
        if (found := _REVERSE.fullmatch(mode)) is None:
            continue
        port = config.listen_port or _PORT_OF_A_MODE
        if found["listen"] is not None:
            if (listen := _LISTEN.fullmatch(found["listen"])) is None:
                raise PlacesError(
                    f"{CONFIG}: mode: {found['listen']!r} is no port, nor an address and a port."
                )
            host, port = listen["host"] or host, int(listen["port"])
        break
    if host in _EVERYWHERE:
        host = "127.0.0.1"
    elif ":" in host and not host.startswith("["):
        host = f"[{host}]"
    return f"http://{host}:{port}"
