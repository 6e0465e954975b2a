"""Client keys and web pages."""

from dataclasses import replace

import pytest
from pydantic import SecretStr

from antigravity_addon.errors import WrongClientKey
from antigravity_addon.gateway.clients import allows_origin, check_key
from antigravity_addon.gateway.settings import AuthMode, Settings

STRICT = Settings(client_key=SecretStr("sk-k"), auth_mode=AuthMode.STRICT)

C04: dict[str, tuple[dict[str, str], bool]] = {
    "bearer": ({"authorization": "Bearer sk-k"}, True),
    "scheme without regard to case, spaces": ({"authorization": "bearer  sk-k"}, True),
    "no scheme": ({"authorization": "sk-k"}, True),
    "x-api-key": ({"x-api-key": "sk-k"}, True),
    "x-goog-api-key": ({"x-goog-api-key": "sk-k"}, True),
    "Azure's header": ({"api-key": "sk-k"}, True),
    "any that matches": ({"authorization": "Bearer wrong", "x-api-key": "sk-k"}, True),
    "wrong": ({"authorization": "Bearer wrong"}, False),
    "none": ({}, False),
    "empty": ({"authorization": "Bearer "}, False),
    "a prefix of the key": ({"x-api-key": "sk-"}, False),
    "another scheme": ({"authorization": "Basic sk-k"}, False),
    "not ASCII": ({"x-api-key": "sk-ü\udcff"}, False),
}


def lets_in(headers: dict[str, str], settings: Settings, *, is_health: bool = False) -> bool:
    try:
        check_key(headers, settings, is_health=is_health)
    except WrongClientKey as error:
        assert (error.status, error.kind, error.code) == (401, "invalid_request_error", "invalid_api_key")
        assert "sk-" not in error.message
        return False
    return True


@pytest.mark.parametrize(("headers", "passes"), C04.values(), ids=C04.keys())
def test_c04_any_key_that_matches_lets_the_client_in(headers: dict[str, str], *, passes: bool) -> None:
    assert lets_in(headers, STRICT) is passes


@pytest.mark.parametrize(
    ("mode", "is_health", "passes"),
    [
        (AuthMode.OFF, False, True),
        (AuthMode.STRICT, True, False),
        (AuthMode.ALL_EXCEPT_HEALTH, True, True),
        (AuthMode.ALL_EXCEPT_HEALTH, False, False),
    ],
)
def test_c05_modes_decide_who_needs_one(mode: AuthMode, *, is_health: bool, passes: bool) -> None:
    assert lets_in({}, replace(STRICT, auth_mode=mode), is_health=is_health) is passes


def test_without_a_configured_key_nobody_passes() -> None:
    assert not lets_in({"authorization": "Bearer "}, replace(STRICT, client_key=None))


@pytest.mark.parametrize(
    ("origin", "allowed"),
    [
        (None, True),
        ("http://localhost:3000", True),
        ("http://127.0.0.1:5173", True),
        ("http://[::1]:8080", True),
        ("vscode-webview://abc", True),
        ("https://x.test", False),
        ("http://localhost.x.test", False),
        ("null", False),
        ("http://[", False),
    ],
)
def test_c99_without_a_key_only_local_pages_may_call(origin: str | None, *, allowed: bool) -> None:
    assert allows_origin(origin, Settings()) is allowed
    assert allows_origin(origin, STRICT)
