"""Client keys."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from pydantic import SecretStr

from antigravity_addon.errors import OriginRefused, WrongClientKey
from antigravity_addon.gateway.client_keys import ClientKey, hash_key
from antigravity_addon.gateway.clients import (
    ANYBODY,
    Client,
    ClientKeys,
    check_metrics_reader,
)
from antigravity_addon.gateway.settings import AuthMode, Settings

STRICT = Settings(client_key=SecretStr("sk-k"), auth_mode=AuthMode.STRICT)
NOW = 1_795_000_000.0

ANA = ClientKey("ana", hash_key("sk-ana"), models=("gemini-2.5-flash", "gpt-4*"))
OFF = ClientKey("off", hash_key("sk-off"), disabled=True)
OLD = ClientKey("old", hash_key("sk-old"), expires=datetime.fromtimestamp(NOW, UTC))
NEW = ClientKey("new", hash_key("sk-new"), expires=datetime.fromtimestamp(NOW + 1, UTC))
OPERATORS_OWNER = "c16ea4e842dcd420ad42b39faf35c257"

C04: dict[str, tuple[dict[str, str], bool]] = {
    "bearer": ({"authorization": "Bearer sk-k"}, True),
    "scheme without regard to case, spaces": ({"authorization": "bearer  sk-k"}, True),
    "no scheme": ({"authorization": "sk-k"}, True),
    "x-api-key": ({"x-api-key": "sk-k"}, True),
    "x-goog-api-key": ({"x-goog-api-key": "sk-k"}, True),
    "Azure's header": ({"api-key": "sk-k"}, True),
    "any that matches": ({"authorization": "Bearer wrong", "x-api-key": "sk-k"}, True),
    "one of the file's": ({"x-api-key": "sk-ana"}, True),
    "wrong": ({"authorization": "Bearer wrong"}, False),
    "none": ({}, False),
    "empty": ({"authorization": "Bearer "}, False),
    "a prefix of the key": ({"x-api-key": "sk-"}, False),
    "the hash of a key": ({"x-api-key": ANA.hash}, False),
    "another scheme": ({"authorization": "Basic sk-k"}, False),
    "not ASCII": ({"x-api-key": "sk-ü\udcff"}, False),
}


def keys() -> ClientKeys:
    made = ClientKeys(lambda: NOW)
    made.replace((ANA, OFF, OLD, NEW))
    return made


def lets_in(headers: dict[str, str], settings: Settings, *, is_health: bool = False) -> bool:
    try:
        keys().client(headers, settings, is_health=is_health)
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


# --- who it is ---------------------------------------------------------------------------------------------


def who(settings: Settings, **headers: str) -> Client:
    return keys().client({"x-api-key": "sk-k"} | headers, settings, is_health=False)


@pytest.mark.parametrize("mode", [AuthMode.STRICT, AuthMode.OFF])
def test_a_key_of_the_file_names_its_client_in_every_mode(mode: AuthMode) -> None:
    client = who(replace(STRICT, auth_mode=mode), **{"x-api-key": "sk-ana"})
    assert client == Client("ana", client.owner, ANA)
    assert len(client.owner) == 32
    assert "sk-ana" not in repr(client)


def test_the_operators_key_has_a_name_and_no_limits() -> None:
    assert who(STRICT) == Client("default", OPERATORS_OWNER)


def test_a_key_that_nobody_asks_for_names_nobody() -> None:
    settings = Settings()
    assert who(settings, **{"x-api-key": "any"}).name == ""
    assert who(settings, **{"x-api-key": "any"}) != who(settings, **{"x-api-key": "other"})
    assert keys().client({}, settings, is_health=False).name == ""
    assert keys().client({"x-api-key": "sk-ana"}, settings, is_health=True) == ANYBODY


@pytest.mark.parametrize("settings", [STRICT, Settings(), replace(STRICT, auth_mode=AuthMode.OFF)])
def test_what_was_kept_for_a_client_stays_its_own(settings: Settings) -> None:
    headers = {"authorization": "Bearer sk-k"}
    client = keys().client(headers, settings, is_health=False)
    assert client.owner == OPERATORS_OWNER


ENDED: dict[str, tuple[str, str]] = {
    "switched off": ("sk-off", "The API key 'off' was switched off by the operator of this gateway."),
    "too old": ("sk-old", "The API key 'old' expired on 2026-11-18 at 11:06 UTC. Ask the operator"),
}


@pytest.mark.parametrize("mode", [AuthMode.STRICT, AuthMode.OFF])
@pytest.mark.parametrize(("key", "sentence"), ENDED.values(), ids=ENDED)
def test_a_key_that_was_ended_is_told_so(key: str, sentence: str, mode: AuthMode) -> None:
    settings = replace(STRICT, auth_mode=mode)
    with pytest.raises(WrongClientKey) as caught:
        who(settings, **{"x-api-key": key})
    assert caught.value.message.startswith(sentence)
    # another one that is good will do
    assert who(settings, authorization="sk-ana", **{"x-api-key": key}).name == "ana"


def test_a_key_is_good_to_its_last_second_and_as_long_as_it_is_listed() -> None:
    book = keys()
    assert book.client({"x-api-key": "sk-new"}, STRICT, is_health=False).name == "new"
    book.replace(())
    with pytest.raises(WrongClientKey, match="Incorrect API key"):
        book.client({"x-api-key": "sk-new"}, STRICT, is_health=False)


@pytest.mark.parametrize(
    ("names", "may"),
    [
        (("gpt-4o", "gemini-2.5-pro"), True),
        (("gpt-5-nano", "gemini-2.5-flash"), True),
        (("gpt-5", "gemini-2.5-pro"), False),
        (("gemini-2.5-flash-lite", "gemini-2.5-flash-lite"), False),
    ],
)
def test_a_model_is_allowed_by_either_of_its_names(names: tuple[str, str], *, may: bool) -> None:
    assert Client("ana", key=ANA).may_use(*names) is may
    assert ANYBODY.may_use(*names)
    assert Client("off", key=OFF).may_use(*names)


# --- metrics -----------------------------------------------------------------------------------------------

READERS: dict[str, tuple[Client, str | None, Settings, type[Exception] | None]] = {
    "anybody, where no key is asked for": (ANYBODY, None, Settings(), None),
    "a page, likewise, whichever may call": (ANYBODY, "http://localhost:3000", Settings(), OriginRefused),
    "the operator": (Client("default"), None, STRICT, None),
    "the operator's page": (Client("default"), "https://grafana.test", STRICT, None),
    "a key": (Client("ana", key=ANA), None, STRICT, WrongClientKey),
    "a key for it": (Client("ana", key=replace(ANA, metrics=True)), None, STRICT, None),
}


@pytest.mark.parametrize(("client", "origin", "settings", "refused"), READERS.values(), ids=READERS)
def test_metrics_are_for_the_operator(
    client: Client, origin: str | None, settings: Settings, refused: type[Exception] | None
) -> None:
    if refused is None:
        check_metrics_reader(client, origin, settings)
    else:
        with pytest.raises(refused, match="may not read /metrics"):
            check_metrics_reader(client, origin, settings)
