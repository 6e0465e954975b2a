"""What the operator decided, checked and typed: option values in, one frozen object out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from enum import StrEnum

from pydantic import SecretStr

from antigravity_addon.accounts.policy import Strategy

from .catalog import Rule, parse_rule


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
    allow_lan_access: bool = False
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

OPTION_NAMES = frozenset(
    f"gateway_{name}"
    for name in (
        *OTHER_OPTIONS,
        *(each.name for each in fields(RawOptions) if not each.name.startswith("has_")),
    )
)
"""All that mitmproxy knows of the gateway, for those who do not know mitmproxy."""


def to_settings(raw: RawOptions) -> Settings:
    """Raises: SettingsError: names the first option whose value cannot be."""
    key = SecretStr(raw.api_key) if raw.api_key else None
    auth_mode = _effective_auth_mode(raw, has_key=key is not None or raw.has_client_keys)
    return Settings(
        upstream=_member(UpstreamKind, "gateway_upstream", raw.upstream),
        client_key=key,
        auth_mode=auth_mode,
        allow_lan_access=raw.allow_lan_access,
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


def _effective_auth_mode(raw: RawOptions, *, has_key: bool) -> AuthMode:
    mode = _member(AuthMode, "gateway_auth_mode", raw.auth_mode)
    if mode is AuthMode.AUTO:
        mode = AuthMode.ALL_EXCEPT_HEALTH if raw.allow_lan_access else AuthMode.OFF
    if mode is not AuthMode.OFF and not has_key:
        why = "" if raw.auth_mode == mode else " (auto, with gateway_allow_lan_access)"
        raise SettingsError(
            f"gateway_auth_mode is {mode.value!r}{why}, which needs a client key: "
            "set gateway_api_key, the environment variable GATEWAY_API_KEY, or gateway_client_keys."
        )
    return mode


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
