"""Where secrets are: in the file, the environment or the keyring; and what is said when they are not."""

from collections.abc import Generator

import keyring
import pytest
from hypothesis import given
from hypothesis import strategies as st
from keyring.backend import KeyringBackend
from keyring.backends import fail
from keyring.errors import KeyringLocked
from pydantic import SecretStr

from antigravity_addon.accounts.secrets import (
    SecretError,
    SecretSources,
    is_reference,
    malformed,
    system_keyring,
)


def _sources(**environ: str) -> SecretSources:
    entries = {
        ("gemini", "ana"): "in-keyring",
        ("https://example.com/x", "bo"): "of-bo",
        ("gemini", "odd"): "a b",
    }
    return SecretSources(environ, lambda service, user: entries.get((service, user)))


FOUND: dict[str, tuple[str, str]] = {
    "itself": ("key", "key"),
    "a variable": ("env:KEY", "in-environment"),
    "an entry": ("keyring:gemini/ana", "in-keyring"),
    "a service with slashes": ("keyring:https://example.com/x/bo", "of-bo"),
}


@pytest.mark.parametrize(("written", "secret"), FOUND.values(), ids=FOUND.keys())
def test_a_secret_is_found(written: str, secret: str) -> None:
    assert _sources(KEY="in-environment").reveal(SecretStr(written)) == SecretStr(secret)


MISSING: dict[str, tuple[str, str]] = {
    "a variable": ("env:KEY", "env:KEY: the environment variable is not set."),
    "an empty variable": ("env:EMPTY", "env:EMPTY: the environment variable is not set."),
    "odd characters": ("env:ODD", "env:ODD: what is there has spaces or odd characters."),
    "an entry": (
        "keyring:gemini/bo",
        "keyring:gemini/bo: the keyring has no such entry. Make it: keyring set gemini bo",
    ),
    "an entry with odd characters": (
        "keyring:gemini/odd",
        "keyring:gemini/odd: what is there has spaces or odd characters.",
    ),
}


@pytest.mark.parametrize(("written", "message"), MISSING.values(), ids=MISSING.keys())
def test_what_is_missing_is_named(written: str, message: str) -> None:
    with pytest.raises(SecretError) as caught:
        _sources(EMPTY="", ODD="a b").reveal(SecretStr(written))
    assert str(caught.value) == message


SHAPES: dict[str, str | None] = {
    "key": None,
    "env:KEY_1": None,
    "keyring:a/b": None,
    "env:": "must be env:NAME, where NAME has letters, digits and underscores",
    "env:1KEY": "must be env:NAME, where NAME has letters, digits and underscores",
    "env:MY KEY": "must be env:NAME, where NAME has letters, digits and underscores",
    "keyring:": "must be keyring:SERVICE/USER",
    "keyring:a": "must be keyring:SERVICE/USER",
    "keyring:/b": "must be keyring:SERVICE/USER",
    "keyring:a/": "must be keyring:SERVICE/USER",
    "keyring:a/b\n": "must be keyring:SERVICE/USER",
    "a key": "has spaces or odd characters",
    "ключ": "has spaces or odd characters",
}


@pytest.mark.parametrize(("written", "fault"), SHAPES.items(), ids=SHAPES.keys())
def test_how_a_secret_may_be_written(written: str, fault: str | None) -> None:
    assert malformed(SecretStr(written)) == fault


def test_what_is_a_reference() -> None:
    assert [is_reference(SecretStr(text)) for text in ("env:A", "keyring:a/b", "key")] == [True, True, False]


def test_sources_do_not_show_the_environment() -> None:
    assert "in-environment" not in repr(_sources(KEY="in-environment"))


@given(st.text(st.characters(exclude_characters="⟨"), min_size=1), st.text())
def test_a_message_never_holds_what_was_found(written: str, value: str) -> None:
    sources = SecretSources({"KEY": f"⟨{value}"}, lambda _service, _user: f"⟨{value}")
    for reference in (written, f"env:{written}", f"keyring:{written}/{written}", "env:KEY"):
        if malformed(SecretStr(reference)) is None:
            try:
                assert sources.reveal(SecretStr(reference)) == SecretStr(reference)
            except SecretError as error:
                assert "⟨" not in str(error)


class _InMemory(KeyringBackend):
    """A keyring as programs see it."""

    priority = 1  # pyright: ignore[reportAssignmentType]  keyring declares a class property, and takes numbers

    def __init__(self, *, locked: bool = False) -> None:
        super().__init__()
        self._entries: dict[tuple[str, str], str] = {}
        self._locked = locked

    def get_password(self, service: str, username: str) -> str | None:
        if self._locked:
            raise KeyringLocked("nobody typed the password")
        return self._entries.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self._entries[service, username] = password


@pytest.fixture
def own_keyring() -> Generator[None]:
    before = keyring.get_keyring()
    yield
    keyring.set_keyring(before)


@pytest.mark.usefixtures("own_keyring")
def test_the_systems_keyring_is_asked() -> None:
    keyring.set_keyring(_InMemory())
    keyring.set_password("gemini", "ana", "of-the-system")
    assert system_keyring("gemini", "ana") == "of-the-system"
    assert system_keyring("gemini", "bo") is None


@pytest.mark.usefixtures("own_keyring")
def test_a_keyring_that_stays_locked() -> None:
    keyring.set_keyring(_InMemory(locked=True))
    with pytest.raises(
        SecretError, match=r"^keyring:gemini/ana: the keyring cannot be read \(KeyringLocked\)\.$"
    ):
        system_keyring("gemini", "ana")


@pytest.mark.usefixtures("own_keyring")
def test_a_machine_without_a_keyring() -> None:
    keyring.set_keyring(fail.Keyring())
    with pytest.raises(
        SecretError, match=r"^keyring:gemini/ana: this machine has no keyring\. Use env:NAME instead\.$"
    ):
        system_keyring("gemini", "ana")
