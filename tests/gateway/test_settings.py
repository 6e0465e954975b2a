"""Option values in, settings or a sentence out."""

import pytest
from pydantic import SecretStr

from antigravity_addon.gateway.settings import AuthMode, RawOptions, Settings, SettingsError, to_settings


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
        (RawOptions(api_key="k", allow_lan_access=True), AuthMode.ALL_EXCEPT_HEALTH),
        (RawOptions(api_key="k", auth_mode="strict"), AuthMode.STRICT),
        (RawOptions(auth_mode="off", allow_lan_access=True), AuthMode.OFF),
    ],
)
def test_auto_depends_on_lan_access(raw: RawOptions, mode: AuthMode) -> None:
    assert to_settings(raw).auth_mode is mode


def test_the_key_is_not_shown() -> None:
    raw = RawOptions(api_key="sk-secret")
    assert "sk-secret" not in repr(raw)
    assert to_settings(raw).client_key == SecretStr("sk-secret")
    assert "sk-secret" not in repr(to_settings(raw))
