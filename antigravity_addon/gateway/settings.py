"""What the operator decided, checked and typed: option values in, one frozen object out."""

import ipaddress
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from enum import StrEnum

from pydantic import SecretStr

from antigravity_addon.accounts.policy import Strategy

from .catalog import Rule, parse_rule
from .doors import AS_SHIPPED, AllowedHost, AllowedOrigin, Doors, Network
from .key_strength import is_weak


class SettingsError(ValueError):
    """An option has a value that cannot be; the message names the option and says what would do."""


class AuthMode(StrEnum):
    AUTO = "auto"
    OFF = "off"
    STRICT = "strict"
    ALL_EXCEPT_HEALTH = "all_except_health"


class UpstreamKind(StrEnum):
    AUTO = "auto"
    GEMINI = "gemini"
    SIMULATOR = "simulator"


class Rhythm(StrEnum):
    """How a recorded answer comes."""

    AT_ONCE = "at_once"
    RECORDED = "recorded"


class AccountHeader(StrEnum):
    """How `X-Account-Email` names the account that served."""

    FULL = "full"
    MASKED = "masked"
    OFF = "off"


@dataclass(frozen=True, slots=True)
class Settings:
    upstream: UpstreamKind = UpstreamKind.AUTO
    client_key: SecretStr | None = None
    """What clients must show, where `auth_mode` asks for it."""
    auth_mode: AuthMode = AuthMode.OFF
    """As it takes effect: never `AUTO`."""
    doors: Doors = AS_SHIPPED
    model_rules: tuple[Rule, ...] = ()
    default_model: str = ""
    account_header: AccountHeader = AccountHeader.FULL
    strategy: Strategy = Strategy.CACHE_FIRST
    fixed_account: str = ""
    """E-mail of the only account that may pay, under `Strategy.FIXED`."""
    longest_wait: float = 20.0
    """Seconds that a request waits for accounts, all waits together."""
    hedge_seconds: float = 0.0
    """Silence after which a second account is asked as well; 0 for never."""
    enable_code_assist: bool = False
    max_attempts: int = 3
    first_token_timeout: float = 120.0
    """Seconds of silence: from sending an attempt to its first event, and between two events."""
    request_timeout: float = 1800.0
    """Seconds from a request's arrival to its last byte."""
    keepalive_seconds: float = 15.0
    """Silence after which a streaming client is sent a sign of life; 0 for never."""
    drain_seconds: float = 30.0
    """That exchanges have to end in, once the process is told to."""
    fetch_urls: bool = True
    """Images and files that clients name by URL are fetched."""
    state_days: int = 30
    """How long what is kept for clients is kept after its last use."""
    state_megabytes: int = 256
    answers_from_recordings: bool = False
    """And asks no upstream."""
    replay_rhythm: Rhythm = Rhythm.AT_ONCE
    keep_flows: int = 2000
    """Flows that mitmweb's list keeps; 0 for all."""
    keep_megabytes: int = 256
    """What these may take; 0 for any amount."""


@dataclass(frozen=True, slots=True)
class RawOptions:
    """Option values as people type them."""

    upstream: str = "auto"
    api_key: str = field(default="", repr=False)
    auth_mode: str = "auto"
    allow_lan_access: bool = False
    allowed_hosts: Sequence[str] = ()
    allowed_origins: Sequence[str] = ()
    trusted_proxies: Sequence[str] = ()
    require_tls: bool = False
    model_map: Sequence[str] = ()
    default_model: str = ""
    account_header: str = "full"
    strategy: str = "cache_first"
    fixed_account: str = ""
    longest_wait: int = 20
    hedge_seconds: int = 0
    enable_code_assist: bool = False
    has_client_keys: bool = False
    """There is a file of them."""
    max_attempts: int = 3
    first_token_timeout: int = 120
    request_timeout: int = 1800
    keepalive_seconds: int = 15
    drain_seconds: int = 30
    fetch_urls: bool = True
    state_days: int = 30
    state_megabytes: int = 256
    has_recordings: bool = False
    """A file of them is to be answered from."""
    replay_rhythm: str = "at_once"
    keep_flows: int = 2000
    keep_megabytes: int = 256


OTHER_OPTIONS: Mapping[str, type] = {
    "accounts": str,
    "attempt_flows": bool,
    "client_keys": str,
    "prices": str,
    "record": str,
    "redact_bodies": bool,
    "replay": str,
    "replay_ignore": list,
    "state": str,
}
"""Those that are no settings, without `gateway_`, and what kind of value each takes: they are read elsewhere."""

SETTING_NAMES = tuple(each.name for each in fields(RawOptions) if not each.name.startswith("has_"))
"""Of options that are settings, without `gateway_`."""
OPTION_NAMES = frozenset(f"gateway_{name}" for name in (*OTHER_OPTIONS, *SETTING_NAMES))
"""All that mitmproxy knows of the gateway, for those who do not know mitmproxy."""


def to_settings(raw: RawOptions) -> Settings:
    """Raises: SettingsError: names the first option whose value cannot be."""
    key = _client_key(raw.api_key)
    auth_mode = _effective_auth_mode(raw, has_key=key is not None or raw.has_client_keys)
    return Settings(
        upstream=_member(UpstreamKind, "gateway_upstream", raw.upstream),
        client_key=key,
        auth_mode=auth_mode,
        doors=_doors(raw, auth_mode),
        model_rules=tuple(_rule(text) for text in raw.model_map),
        default_model=_default_model(raw.default_model),
        account_header=_member(AccountHeader, "gateway_account_header", raw.account_header),
        strategy=_strategy(raw),
        fixed_account=raw.fixed_account,
        longest_wait=_at_least(0, "gateway_longest_wait", raw.longest_wait),
        hedge_seconds=_at_least(0, "gateway_hedge_seconds", raw.hedge_seconds),
        enable_code_assist=raw.enable_code_assist,
        max_attempts=_at_least(1, "gateway_max_attempts", raw.max_attempts),
        first_token_timeout=_at_least(1, "gateway_first_token_timeout", raw.first_token_timeout),
        request_timeout=_at_least(1, "gateway_request_timeout", raw.request_timeout),
        keepalive_seconds=_at_least(0, "gateway_keepalive_seconds", raw.keepalive_seconds),
        drain_seconds=_at_least(0, "gateway_drain_seconds", raw.drain_seconds),
        fetch_urls=raw.fetch_urls,
        state_days=_at_least(1, "gateway_state_days", raw.state_days),
        state_megabytes=_at_least(1, "gateway_state_megabytes", raw.state_megabytes),
        answers_from_recordings=raw.has_recordings,
        replay_rhythm=_member(Rhythm, "gateway_replay_rhythm", raw.replay_rhythm),
        keep_flows=_at_least(0, "gateway_keep_flows", raw.keep_flows),
        keep_megabytes=_at_least(0, "gateway_keep_megabytes", raw.keep_megabytes),
    )


def _client_key(written: str) -> SecretStr | None:
    if not written.isprintable() or written != written.strip():
        raise SettingsError(
            "gateway_api_key has a blank at an end, a line break or another character that clients cannot send: no request "
            "could show it. Was it read from a file with its line's end?"
        )
    return SecretStr(written) if written else None


def _effective_auth_mode(raw: RawOptions, *, has_key: bool) -> AuthMode:
    mode = _member(AuthMode, "gateway_auth_mode", raw.auth_mode)
    opened = _opened_by(raw)
    if mode is AuthMode.AUTO:
        mode = AuthMode.ALL_EXCEPT_HEALTH if opened else AuthMode.OFF
    if mode is AuthMode.OFF and opened:
        raise SettingsError(
            f"gateway_auth_mode cannot be 'off' with {opened}: others than this machine must show a client key."
        )
    if mode is not AuthMode.OFF and not has_key:
        why = "" if raw.auth_mode == mode else f" (auto, with {opened})"
        raise SettingsError(
            f"gateway_auth_mode is {mode.value!r}{why}, which needs a client key: "
            "`uv run antigravity keys add NAME` makes one for gateway_client_keys; or set gateway_api_key, or the "
            "environment variable GATEWAY_API_KEY."
        )
    if opened and raw.api_key and is_weak(raw.api_key):
        raise SettingsError(
            f"gateway_api_key is too easy to guess for a gateway with {opened}: `uv run antigravity keys add NAME` "
            "makes a good one for gateway_client_keys, and `openssl rand -hex 32` one for here."
        )
    return mode


def _opened_by(raw: RawOptions) -> str:
    """The option that lets others than this machine in; empty for none."""
    if raw.allow_lan_access:
        return "gateway_allow_lan_access"
    return "gateway_trusted_proxies" if raw.trusted_proxies else ""


def _doors(raw: RawOptions, auth_mode: AuthMode) -> Doors:
    hosts = _each("gateway_allowed_hosts", AllowedHost.parse, raw.allowed_hosts)
    origins = _each("gateway_allowed_origins", AllowedOrigin.parse, raw.allowed_origins)
    if auth_mode is AuthMode.OFF:
        _check_narrow("gateway_allowed_hosts", raw.allowed_hosts, [each.is_any for each in hosts])
        _check_narrow("gateway_allowed_origins", raw.allowed_origins, [each.is_any for each in origins])
    return Doors(
        lan=raw.allow_lan_access,
        hosts=hosts,
        origins=origins,
        proxies=_each("gateway_trusted_proxies", _network, raw.trusted_proxies),
        requires_tls=raw.require_tls,
    )


def _each[T](option: str, parse: Callable[[str], T], written: Sequence[str]) -> tuple[T, ...]:
    try:
        return tuple(parse(text) for text in written)
    except ValueError as error:
        raise SettingsError(f"{option}: {error}") from None


def _check_narrow(option: str, written: Sequence[str], is_any: Sequence[bool]) -> None:
    """Without a key, whatever is let in may spend the operator's quota."""
    for text, opens_to_all in zip(written, is_any, strict=True):
        if opens_to_all:
            raise SettingsError(
                f"{option} cannot have {text!r} while this gateway asks for no key: any web page could use it. "
                "Name those that may, or set gateway_auth_mode=strict."
            )


def _network(text: str) -> Network:
    try:
        return ipaddress.ip_network(text.strip())
    except ValueError:
        raise ValueError(
            f"{text!r} is no address and no network: give it as 192.168.1.5 or 10.0.0.0/24."
        ) from None


def _strategy(raw: RawOptions) -> Strategy:
    strategy = _member(Strategy, "gateway_strategy", raw.strategy)
    if (strategy is Strategy.FIXED) != bool(raw.fixed_account):
        raise SettingsError(
            "gateway_strategy=fixed and gateway_fixed_account go together: set both or neither."
        )
    return strategy


def _member[E: StrEnum](kind: type[E], option: str, value: str) -> E:
    try:
        return kind(value)
    except ValueError:
        choices = ", ".join(member.value for member in kind)
        raise SettingsError(f"{option} cannot be {value!r}: choose one of {choices}.") from None


def _rule(text: str) -> Rule:
    try:
        return parse_rule(text)
    except ValueError as error:
        raise SettingsError(f"gateway_model_map: {error}") from None


def _default_model(name: str) -> str:
    if not name:
        return ""
    try:
        return parse_rule(f"default={name}").target
    except ValueError:
        raise SettingsError(f"gateway_default_model: {name!r} is not the name of a model.") from None


def _at_least[N: (int, float)](least: N, option: str, value: N) -> N:
    if value < least:
        raise SettingsError(f"{option} cannot be {value}: it must be {least} or more.")
    return value
