"""`mitm-config.yaml` beside `addon.py`, and the option values that mitmproxy itself would take in silence.

mitmproxy reads options only from its own `confdir`, keeps unknown `--set` names for ever without a word, and
loses an error in a late one with the task it happens in. So this is done by hand, before the options are used.
"""

import difflib
from collections.abc import Iterable, Mapping
from pathlib import Path

from mitmproxy import ctx, optmanager
from mitmproxy.exceptions import OptionsError
from mitmproxy.optmanager import _UnconvertedStrings  # pyright: ignore[reportPrivateUsage]
from mitmproxy.utils import typecheck

from antigravity_addon.accounts.yaml_lines import NOT_YAML

FILE_NAME = "mitm-config.yaml"

_OF_ONE_TOOL = ("web_", "console_", "dumper_", "flow_detail", "keepserving")
"""Options that only mitmweb, mitmproxy or mitmdump know; one file serves all three."""


_PATHS = (
    "gateway_accounts",
    "gateway_client_keys",
    "gateway_prices",
    "gateway_record",
    "gateway_replay",
    "gateway_state",
)
_NO_PATHS = ("", "memory")


class ConfigError(Exception):
    """A value that stops the start; the message names the option and where the value came from."""


def take_command_line(names: Iterable[str]) -> frozenset[str]:
    """Set the gateway's options from `--set` and from mitmproxy's own config file, and name those that were set.

    Raises: ConfigError: an unknown name or a value of the wrong kind.
    """
    options = ctx.options
    ours = [name for name in options.deferred if name.startswith("gateway_")]
    for name in ours:
        if name not in options:
            raise ConfigError(f"--set {name}: there is no such option.{_nearest(name, names)}")
        # taken out first: mitmproxy sets what is left later, where an error would be lost
        value = options.deferred.pop(name)
        try:
            if isinstance(value, _UnconvertedStrings):
                value = options._parse_setval(options._options[name], value.val)  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
            options.update(**{name: value})
        except (OptionsError, TypeError, ValueError) as error:
            raise ConfigError(f"--set {name}: {error}") from None
    return frozenset(ours)


def load_config_file(path: Path, *, keep: frozenset[str]) -> frozenset[str]:
    """Set options from the file, but for those that the command line decided: `keep`, and mitmproxy's own
    options that do not have their default any more. Names all that stand in it.

    Raises: ConfigError: not YAML, an unknown name, or a value of the wrong kind.
    """
    values = _read(path)
    for name, value in values.items():
        if name not in ctx.options:
            if name.startswith(_OF_ONE_TOOL):
                continue
            raise ConfigError(f"{path}: {name}: there is no such option.{_nearest(name, ctx.options.keys())}")
        if name in keep or (not name.startswith("gateway_") and ctx.options.has_changed(name)):
            continue
        _set(path, name, _from_here(path, value) if name in _PATHS else value)
    return frozenset(values)


def _read(path: Path) -> Mapping[str, object]:
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read: {error}.") from None
    try:
        values: object = optmanager.parse(text)
    except OptionsError as error:
        raise ConfigError(f"{path}: {error}") from None
    except NOT_YAML as error:
        raise ConfigError(f"{path}: not valid YAML ({type(error).__name__}).") from None
    if not isinstance(values, dict):
        raise ConfigError(f"{path}: must hold `option: value` lines.")
    return {str(name): value for name, value in values.items()}


def _from_here(path: Path, value: object) -> object:
    """A relative path in the file counts from the file."""
    if not isinstance(value, str) or value in _NO_PATHS:
        return value
    try:
        return str(path.parent / Path(value).expanduser())
    except RuntimeError:
        raise ConfigError(f"{path}: {value}: there is no such home folder: give the whole path.") from None


def _set(path: Path, name: str, value: object) -> None:
    option = ctx.options._options[name]  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
    try:
        typecheck.check_option_type(name, value, option.typespec)
    except TypeError:
        kind = typecheck.typespec_to_str(option.typespec)
        raise ConfigError(f"{path}: {name} cannot be {value!r}: it takes a value of type {kind}.") from None
    try:
        ctx.options.update(**{name: value})
    except (OptionsError, ValueError) as error:
        raise ConfigError(f"{path}: {name}: {error}") from None


def _nearest(name: str, names: Iterable[str]) -> str:
    close = difflib.get_close_matches(name, sorted(names), n=1)
    return f" Did you mean {close[0]}?" if close else ""
