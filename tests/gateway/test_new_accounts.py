"""Accounts that come into the file: by reference, from other programs, and what is said of it."""

import json
from collections.abc import Generator
from pathlib import Path

import keyring
import pytest
from keyring.backends.fail import Keyring as NoKeyring
from pydantic import SecretStr

from antigravity_addon.accounts.account import Upstream
from antigravity_addon.accounts.edit import NewAccount
from antigravity_addon.accounts.file import AccountsFileError
from antigravity_addon.gateway.new_accounts import (
    NewAccounts,
    add_account,
    add_by_reference,
    expect_new,
    import_accounts,
    import_by_reference,
    import_path,
)
from antigravity_addon.gateway.operator import OperatorError
from antigravity_addon.gateway.operator_words import added_lines, imported_lines

KEY = "s3cret-of-nobody"
FILE = """\
accounts:
  - email: ana@x.y
    api_key: anas-key  # hers
oauth_clients:
  own: {client_id: own.apps, client_secret: env:OWN}
"""
ROBOT = {
    "type": "service_account",
    "client_email": "robot@x.y",
    "private_key": "none",
    "token_uri": "https://oauth2.googleapis.com/token",
    "project_id": "p-robot",
}
EXPORT = [{"email": "bo@x.y", "refresh_token": "bos-token"}, {"email": "ana@x.y", "refresh_token": "anas"}]


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Generator[Path]:
    """An accounts file, with other programs' files beside it and a home without any; no keyring."""
    for variable in ("CLOUDSDK_CONFIG", "APPDATA", "GEMINI_CLI_HOME"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("BOS", "bos-key")
    monkeypatch.setenv("OWN", "own-client")
    before = keyring.get_keyring()
    keyring.set_keyring(NoKeyring())
    path = tmp_path / "accounts.yaml"
    path.write_text(FILE)
    for name, content in (("robot.json", ROBOT), ("export.json", EXPORT)):
        (tmp_path / name).write_text(json.dumps(content))
        (tmp_path / name).chmod(0o600)
    yield path
    keyring.set_keyring(before)


# --- by reference ------------------------------------------------------------------------------------------

REFERENCES: dict[str, tuple[NewAccount, str, str, tuple[str, ...]]] = {
    "a key in a variable": (
        NewAccount("bo@x.y", project="p-1"),
        "env:BOS",
        '    api_key: "env:BOS"\n    project: p-1\n',
        (),
    ),
    "a key of express mode": (
        NewAccount("bo@x.y", Upstream.VERTEX),
        "env:BOS",
        '    kind: vertex\n    api_key: "env:BOS"\n',
        (),
    ),
    "a refresh token for Vertex AI": (
        NewAccount("bo@x.y", Upstream.VERTEX, oauth_client="own", project="p-1", location="europe-west4"),
        "env:BOS",
        (
            '    kind: vertex\n    refresh_token: "env:BOS"\n    oauth_client: own\n    project: p-1\n'
            "    location: europe-west4\n"
        ),
        (),
    ),
    "a refresh token of a licence": (
        NewAccount("bo@x.y", Upstream.CODE_ASSIST, oauth_client="own"),
        "keyring:gateway/bo",
        '    kind: code_assist\n    refresh_token: "keyring:gateway/bo"\n    oauth_client: own\n',
        (
            "{path}:6: accounts[1].refresh_token: keyring:gateway/bo: this machine has no keyring. Use env:NAME instead.",
        ),
    ),
    "a file, which counts from the accounts file": (
        NewAccount("bo@x.y", Upstream.VERTEX),
        "robot.json",
        "    kind: vertex\n    credentials: robot.json\n",
        (),
    ),
    "a machine": (
        NewAccount("bo@x.y", Upstream.VERTEX, project="p-1"),
        "machine",
        "    kind: vertex\n    credentials: machine\n    project: p-1\n",
        (),
    ),
    "gcloud, before somebody logs in there": (
        NewAccount("bo@x.y", Upstream.VERTEX),
        "gcloud",
        "    kind: vertex\n    credentials: gcloud\n",
        (
            (
                "{path}:6: accounts[1].credentials: {home}/.config/gcloud/application_default_credentials.json: "
                "there is no such file."
            ),
        ),
    ),
}


@pytest.mark.parametrize(
    ("account", "reference", "written", "notes"), REFERENCES.values(), ids=REFERENCES.keys()
)
def test_what_an_account_pays_with_is_named(
    path: Path, account: NewAccount, reference: str, written: str, notes: tuple[str, ...]
) -> None:
    added = add_by_reference(path, account, reference)
    assert added.file == path
    assert [each.email for each in added.accounts] == ["bo@x.y"]
    assert added.notes == tuple(note.format(path=path, home=path.parent / "home") for note in notes)
    new = f"  - email: bo@x.y\n{written}"
    assert path.read_text() == FILE.replace("oauth_clients:", f"{new}oauth_clients:")
    assert tuple(added_lines(added)) == (
        f"bo@x.y was added to {path}; gateways that run take it at once.",
        *(f"It cannot be used yet: {note}" for note in added.notes),
        "Try it: antigravity accounts check bo@x.y",
    )


NO_REFERENCE = "Nothing was added: what it pays with must be env:NAME, keyring:SERVICE/USER, gcloud, "
REFUSED: dict[str, tuple[NewAccount, str, str]] = {
    "a key": (NewAccount("bo@x.y"), KEY, NO_REFERENCE),
    "a long one": (NewAccount("bo@x.y"), KEY * 40, NO_REFERENCE),
    "a token like a path": (NewAccount("bo@x.y", Upstream.VERTEX), f"1//{KEY}", NO_REFERENCE),
    "one like a home": (NewAccount("bo@x.y", Upstream.VERTEX), f"~{KEY}", NO_REFERENCE),
    "no text": (NewAccount("bo@x.y"), f"{KEY}\0", NO_REFERENCE),
    "a folder": (NewAccount("bo@x.y", Upstream.VERTEX), ".", NO_REFERENCE),
    "behind env:, with a dash": (NewAccount("bo@x.y"), f"env:{KEY}", "accounts[1].api_key: must be env:NAME"),
    "behind keyring:": (
        NewAccount("bo@x.y"),
        f"keyring:{KEY}",
        "accounts[1].api_key: must be keyring:SERVICE/USER",
    ),
    "for the e-mail": (NewAccount(KEY), "env:BOS", "what should be the e-mail address is none."),
    "for the client": (
        NewAccount("bo@x.y", Upstream.VERTEX, oauth_client=KEY),
        "env:BOS",
        "lists no OAuth client of that name under oauth_clients (own).",
    ),
    "for the location": (
        NewAccount("bo@x.y", Upstream.VERTEX, location=f"{KEY}X"),
        "robot.json",
        "accounts[1].location: is not a location",
    ),
    "who is listed": (NewAccount("ana@x.y"), "env:BOS", "ana@x.y is listed already."),
}


@pytest.mark.parametrize(("account", "reference", "sentence"), REFUSED.values(), ids=REFUSED.keys())
def test_a_word_that_may_be_a_key_is_not_repeated(
    path: Path, account: NewAccount, reference: str, sentence: str
) -> None:
    with pytest.raises((AccountsFileError, OperatorError)) as raised:
        add_by_reference(path, account, reference)
    assert sentence in str(raised.value)
    assert KEY not in str(raised.value)
    assert path.read_text() == FILE


def test_without_a_file_no_client_is_listed(tmp_path: Path) -> None:
    account = NewAccount("bo@x.y", Upstream.VERTEX, oauth_client="own", project="p-1")
    with pytest.raises(OperatorError, match=r"\(none is listed\)"):
        add_by_reference(tmp_path / "accounts.yaml", account, "env:BOS")
    assert list(tmp_path.iterdir()) == []


# --- with the secret itself --------------------------------------------------------------------------------


def test_who_can_come_in_is_known_before(path: Path) -> None:
    expect_new(path, "bo@x.y")
    expect_new(path.with_name("none.yaml"), "ana@x.y")
    with pytest.raises(OperatorError, match=r"accounts\.yaml: ana@x\.y is listed already\.$"):
        expect_new(path, "ana@x.y")
    with pytest.raises(OperatorError, match=r"^'bo' is not an e-mail address\.$"):
        expect_new(path, "bo")


def test_an_account_with_all_that_it_can_have(path: Path) -> None:
    account = NewAccount(
        "bo@x.y",
        api_key=SecretStr("bos-key"),
        weight=2.5,
        max_concurrent=3,
        base_url="https://relay.example",
    )
    assert add_account(path, account) == NewAccounts(path, (account,))
    new = (
        "  - email: bo@x.y\n"
        '    api_key: "bos-key"\n'
        "    weight: 2.5\n"
        "    max_concurrent: 3\n"
        "    base_url: https://relay.example\n"
    )
    assert path.read_text() == FILE.replace("oauth_clients:", f"{new}oauth_clients:")


# --- those of other programs -------------------------------------------------------------------------------


def test_of_two_sources_each_account_is_taken_once(path: Path) -> None:
    export = path.with_name("export.json")
    imported = import_accounts(
        path, (export, export.read_text()), oauth_client="own", email="gus@x.y", is_rehearsal=True
    )
    bo = NewAccount("bo@x.y", Upstream.CODE_ASSIST, refresh_token=SecretStr("bos-token"), oauth_client="own")
    licensed = imported.notes[1]
    assert "Gemini Code Assist Standard or Enterprise" in licensed
    assert imported == NewAccounts(
        path,
        (bo,),
        (
            "Not taken, since it is listed already: ana@x.y.",
            licensed,
            "Taken once, though it is in two sources: bo@x.y.",
        ),
        is_rehearsal=True,
    )
    assert path.read_text() == FILE


def test_a_token_that_another_account_pays_with_already_costs_one_account(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANAS", "bos-token")
    path.write_text(
        FILE.replace(
            "api_key: anas-key  # hers", "{kind: code_assist, refresh_token: env:ANAS, oauth_client: own}"
        ).replace("- email: ana@x.y\n    {", "- {email: ana@x.y, ")
    )
    before = path.read_text()
    imported = import_accounts(path, [json.dumps(EXPORT[:1])], oauth_client="own")
    assert imported.accounts == ()
    assert imported.notes[0] == (
        "Not taken, since the refresh token is ana@x.y's, too, and so is the quota: bo@x.y."
    )
    rows = [{"email": f"{name}@x.y", "refresh_token": "shared"} for name in ("cy", "di")]
    sources = [json.dumps([row]) for row in rows]
    imported = import_accounts(path, sources, oauth_client="own")
    assert [account.email for account in imported.accounts] == ["cy@x.y"]
    assert imported.notes[-1] != imported.notes[0]
    assert (
        "Not taken, since the refresh token is cy@x.y's, too, and so is the quota: di@x.y." in imported.notes
    )
    assert path.read_text() != before


def test_one_source_is_taken_by_its_path(path: Path) -> None:
    robot = path.with_name("robot.json")
    imported = import_by_reference(path, str(robot), email="bo@x.y", project="p-1")
    account = NewAccount("bo@x.y", Upstream.VERTEX, credentials=str(robot), project="p-1")
    stays = f"Nothing was copied: {robot} is read where it lies, and has to stay there."
    assert imported == NewAccounts(path, (account,), (stays,))
    new = f"  - email: bo@x.y\n    kind: vertex\n    credentials: {robot}\n    project: p-1\n"
    assert path.read_text() == FILE.replace("oauth_clients:", f"{new}oauth_clients:")
    width = len(str(robot))
    assert list(imported_lines(imported)) == [
        f"Added to {path}:",
        f"    ACCOUNT  KIND    {'PAYS WITH':{width}}  DISABLED",
        f"    bo@x.y   vertex  {robot}  no",
        "What to know:",
        f"  - {stays}",
    ]


SOURCES: dict[str, tuple[str, str, str]] = {
    "a key": (KEY, "", "what to import must be gcloud, gemini-cli, or a file or folder that is there."),
    "a long one": (KEY * 40, "", "what to import must be gcloud"),
    "standard input": ("-", "", "what to import must be gcloud"),
    "for the client": ("export.json", KEY, "lists no OAuth client of that name"),
}


@pytest.mark.parametrize(("source", "client", "sentence"), SOURCES.values(), ids=SOURCES.keys())
def test_a_source_that_may_be_a_key_is_not_repeated(
    path: Path, monkeypatch: pytest.MonkeyPatch, source: str, client: str, sentence: str
) -> None:
    monkeypatch.chdir(path.parent)
    with pytest.raises(OperatorError) as raised:
        import_by_reference(path, source, oauth_client=client)
    assert sentence in str(raised.value)
    assert KEY not in str(raised.value)
    assert path.read_text() == FILE


def test_programs_keep_their_logins_where_they_always_do(path: Path) -> None:
    home = path.parent / "home"
    assert [import_path(word) for word in ("gcloud", "gemini-cli", "x/y.json")] == [
        home / ".config" / "gcloud" / "application_default_credentials.json",
        home / ".gemini" / "oauth_creds.json",
        Path("x/y.json"),
    ]


def test_nothing_to_take_has_words_too() -> None:
    path = Path("accounts.yaml")
    assert list(imported_lines(NewAccounts(path, ()))) == ["Nothing was taken."]
    assert list(imported_lines(NewAccounts(path, (), ("Why.",), is_rehearsal=True))) == [
        "Nothing would be taken.",
        "What to know:",
        "  - Why.",
    ]
