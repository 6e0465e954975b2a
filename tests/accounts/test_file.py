"""The accounts file: what it holds, and errors that say where."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from antigravity_addon.accounts.account import Account, ApiKey, mask_email
from antigravity_addon.accounts.file import (
    AccountsFileError,
    parse_accounts,
    read_accounts,
    readable_by_others,
)

GOOD = """\
accounts:
  - email: ana@example.com
    api_key: "key-a"
  - email: bo@example.com
    api_key: "key-b"
    disabled: true
"""


def test_accounts_are_read_in_order() -> None:
    assert parse_accounts(GOOD, source="accounts.yaml") == (
        Account("ana@example.com", ApiKey(SecretStr("key-a"))),
        Account("bo@example.com", ApiKey(SecretStr("key-b")), disabled=True),
    )


def test_keys_are_not_shown() -> None:
    assert "key-a" not in repr(parse_accounts(GOOD, source="x"))


BAD: dict[str, tuple[str, str]] = {
    "no key": ("accounts:\n  - email: a@b.c\n", "f.yaml:2: accounts[0].api_key: is missing."),
    "empty key": ("accounts:\n  - email: a@b.c\n    api_key: ''\n", "f.yaml:3: accounts[0].api_key: "),
    "a key with a line break": (
        'accounts:\n  - email: a@b.c\n    api_key: "a\\nb"\n',
        "f.yaml:3: accounts[0].api_key: a key has no spaces or odd characters.",
    ),
    "not an e-mail": (
        "accounts:\n  - email: ana\n    api_key: k\n",
        "f.yaml:2: accounts[0].email: is not an e-mail address.",
    ),
    "a typo": (
        "accounts:\n  - email: a@b.c\n    apikey: k\n    api_key: k\n",
        "f.yaml:3: accounts[0].apikey: is not a field that is known here",
    ),
    "listed twice": (
        "accounts:\n  - {email: a@b.c, api_key: k}\n  - {email: a@b.c, api_key: l}\n",
        "f.yaml:3: accounts[1].email: 'a@b.c' is listed twice.",
    ),
    "a number for a key": (
        "accounts:\n  - email: a@b.c\n    api_key: 12\n",
        "f.yaml:3: accounts[0].api_key: ",
    ),
    "an odd flag": (
        "accounts:\n  - {email: a@b.c, api_key: k, disabled: perhaps}\n",
        "f.yaml:2: accounts[0].disabled: ",
    ),
    "not YAML": ("accounts:\n  - [\n", "f.yaml:"),
    "a list": ("- a\n", "f.yaml:1: the file: must be a mapping"),
    "empty": ("", "f.yaml: the file: must be a mapping"),
    "another top": ("account: []\n", "f.yaml:1: accounts: is missing."),
}


@pytest.mark.parametrize(("text", "message"), BAD.values(), ids=BAD.keys())
def test_an_error_names_file_line_and_field(text: str, message: str) -> None:
    with pytest.raises(AccountsFileError) as caught:
        parse_accounts(text, source="f.yaml")
    assert message in str(caught.value)


def test_an_error_never_shows_a_key() -> None:
    with pytest.raises(AccountsFileError) as caught:
        parse_accounts("accounts:\n  - {email: nonsense, api_key: 'sec ret'}\n", source="f.yaml")
    assert "sec ret" not in str(caught.value)


@given(st.text())
def test_any_text_is_accounts_or_an_error(text: str) -> None:
    try:
        parse_accounts(text, source="f.yaml")
    except AccountsFileError:
        pass


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(AccountsFileError, match="there is no such file"):
        read_accounts(tmp_path / "accounts.yaml")


def test_who_can_read_the_file(tmp_path: Path) -> None:
    path = tmp_path / "accounts.yaml"
    path.write_text(GOOD)
    path.chmod(0o600)
    assert not readable_by_others(path)
    path.chmod(0o644)
    assert readable_by_others(path)
    assert not readable_by_others(tmp_path / "absent")


def test_an_address_is_masked() -> None:
    assert mask_email("ana@example.com") == "a…@example.com"
