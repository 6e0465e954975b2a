"""Option values in, settings or a sentence out."""

import pytest
from pydantic import SecretStr

from antigravity_addon.gateway.doors import AllowedHost, AllowedOrigin, Doors
from antigravity_addon.gateway.settings import AuthMode, RawOptions, Settings, SettingsError, to_settings

GOOD = "sk-AnYWdjeNyQyy_YZ6eZu3BPHoOffbU9cSHtuJIqxB3ms"


def test_defaults() -> None:
    assert to_settings(RawOptions()) == Settings()


REFUSED: dict[str, tuple[RawOptions, str]] = {
    "upstream": (
        RawOptions(upstream="openai"),
        r"gateway_upstream cannot be 'openai': choose one of auto, gemini",
    ),
    "auth mode": (RawOptions(auth_mode="on"), "gateway_auth_mode cannot be 'on'"),
    "strict without a key": (RawOptions(auth_mode="strict"), "'strict', which needs a client key"),
    "LAN access without a key": (RawOptions(allow_lan_access=True), r"auto, with gateway_allow_lan_access"),
    "LAN access with no key to show": (
        RawOptions(auth_mode="off", api_key=GOOD, allow_lan_access=True),
        "gateway_auth_mode cannot be 'off' with gateway_allow_lan_access",
    ),
    "a proxy with no key to show": (
        RawOptions(trusted_proxies=["127.0.0.1"]),
        r"auto, with gateway_trusted_proxies\), which needs a client key: `uv run antigravity keys add NAME`",
    ),
    "LAN access with a key to guess": (
        RawOptions(api_key="sk-123456", allow_lan_access=True),
        "gateway_api_key is too easy to guess .* with gateway_allow_lan_access: `uv run antigravity keys add NAME`",
    ),
    "a key with its line's end": (
        RawOptions(api_key=f"{GOOD}\n"),
        "gateway_api_key has a blank at an end, a line break",
    ),
    "a key with a blank": (RawOptions(api_key=f" {GOOD}"), "gateway_api_key has a blank at an end"),
    "a key that is no text": (RawOptions(api_key="sk-\ud800"), "another character that clients cannot send"),
    "hosts": (
        RawOptions(allowed_hosts=["a.test", "http://b.test"]),
        "gateway_allowed_hosts: 'http://b.test' is no name of a host",
    ),
    "any host without a key": (
        RawOptions(allowed_hosts=["a.test", "*"]),
        r"gateway_allowed_hosts cannot have '\*' while",
    ),
    "origins": (RawOptions(allowed_origins=["b.test"]), "gateway_allowed_origins: 'b.test' is no origin"),
    "any page without a key": (
        RawOptions(allowed_origins=["https://*"]),
        r"gateway_allowed_origins cannot have 'https://\*' while this gateway asks for no key",
    ),
    "proxies": (
        RawOptions(trusted_proxies=["10.0.0.1/24"], api_key=GOOD),
        "gateway_trusted_proxies: '10.0.0.1/24' is no address and no network",
    ),
    "model map": (
        RawOptions(model_map=["a=b", "nonsense"]),
        "gateway_model_map: 'nonsense' is not of the form",
    ),
    "default model": (RawOptions(default_model="a/b"), "gateway_default_model: 'a/b'"),
    "attempts": (RawOptions(max_attempts=0), "gateway_max_attempts cannot be 0: it must be 1 or more"),
    "keep-alive": (RawOptions(keepalive_seconds=-1), "gateway_keepalive_seconds cannot be -1"),
    "account header": (RawOptions(account_header="yes"), "gateway_account_header cannot be 'yes'"),
}


@pytest.mark.parametrize(("raw", "sentence"), REFUSED.values(), ids=REFUSED.keys())
def test_a_value_that_cannot_be_is_named(raw: RawOptions, sentence: str) -> None:
    with pytest.raises(SettingsError, match=sentence):
        to_settings(raw)


@pytest.mark.parametrize(
    ("raw", "mode"),
    [
        (RawOptions(), AuthMode.OFF),
        (RawOptions(api_key="k"), AuthMode.OFF),
        (RawOptions(api_key=GOOD, allow_lan_access=True), AuthMode.ALL_EXCEPT_HEALTH),
        (RawOptions(api_key=GOOD, trusted_proxies=["127.0.0.1"]), AuthMode.ALL_EXCEPT_HEALTH),
        (RawOptions(has_client_keys=True, allow_lan_access=True), AuthMode.ALL_EXCEPT_HEALTH),
        (RawOptions(api_key="k", auth_mode="strict"), AuthMode.STRICT),
    ],
)
def test_auto_depends_on_lan_access(raw: RawOptions, mode: AuthMode) -> None:
    assert to_settings(raw).auth_mode is mode


def test_any_page_may_be_let_in_where_a_key_is_asked_for() -> None:
    raw = RawOptions(api_key="k", auth_mode="strict", allowed_origins=["*"], allowed_hosts=["*"])
    assert to_settings(raw).doors == Doors(hosts=(AllowedHost("*"),), origins=(AllowedOrigin.parse("*"),))


def test_a_key_that_is_too_easy_to_guess_is_not_shown() -> None:
    with pytest.raises(SettingsError) as refused:
        to_settings(RawOptions(api_key="hunter2", allow_lan_access=True))
    assert "hunter2" not in str(refused.value)


def test_the_key_is_not_shown() -> None:
    raw = RawOptions(api_key="sk-secret")
    assert "sk-secret" not in repr(raw)
    assert to_settings(raw).client_key == SecretStr("sk-secret")
    assert "sk-secret" not in repr(to_settings(raw))
