"""Importing: what is taken of other programs' accounts, and what is said of the rest."""

import base64
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from antigravity_addon.accounts.account import Upstream
from antigravity_addon.accounts.edit import NewAccount, add_accounts
from antigravity_addon.accounts.file import load_accounts
from antigravity_addon.accounts.importing import Imported, ImportFailedError, read_import
from antigravity_addon.accounts.secrets import SecretSources

LICENSED = (
    "Of the kind code_assist, which is for holders of a Gemini Code Assist Standard or Enterprise licence and is used only "
    "with gateway_enable_code_assist=true"
)
NO_CLIENT = (
    "Not taken, since a token is worth nothing without the OAuth client it was issued to, and other products' clients are "
    "not shipped here: list the client under oauth_clients, if you may use it, and name it; or log in with one of your own"
)


def _licensed(email: str, token: str, *, why: str = "") -> NewAccount:
    return NewAccount(
        email,
        Upstream.CODE_ASSIST,
        refresh_token=SecretStr(token),
        oauth_client="own",
        disabled=bool(why),
        comment=why,
    )


# --- Antigravity Tools -------------------------------------------------------------------------------------

EXPORT = [
    {"email": "ana@example.com", "refresh_token": "token-a"},
    {"email": "bo@example.com", "refresh_token": "token-b", "access_token": "short-lived"},
    {"email": "cy@example.com", "refresh_token": ""},
    {"email": "ana@example.com", "refresh_token": "token-a2"},
    {"email": "nonsense", "refresh_token": "token-n"},
]


def test_an_export() -> None:
    assert read_import(json.dumps(EXPORT), oauth_client="own") == Imported(
        (_licensed("ana@example.com", "token-a"), _licensed("bo@example.com", "token-b")),
        (
            "Access tokens are not taken, since new ones are made: bo@example.com.",
            "Accounts without a refresh token are not taken: log in there again: cy@example.com.",
            "Accounts that are there twice are taken once: ana@example.com.",
            "Accounts without an e-mail address are not taken: number 5.",
            f"{LICENSED}: ana@example.com, bo@example.com.",
        ),
    )


def test_without_the_client_of_their_tokens_they_are_of_no_use() -> None:
    assert read_import(json.dumps(EXPORT[:2])) == Imported(
        (), (f"{NO_CLIENT}: ana@example.com, bo@example.com.",)
    )


ODD_TOKENS: dict[str, str] = {
    "a variable of the operator's": "env:HOME",
    "an entry of the operator's keyring": "keyring:mail/ana",
    "a reference that is none": "env:",
    "two words": "a b",
    "a line break": "a\n",
    "another alphabet": "ключ",
}


@pytest.mark.parametrize("token", ODD_TOKENS.values(), ids=ODD_TOKENS.keys())
def test_a_token_that_cannot_be_one_costs_one_account(token: str) -> None:
    rows = [{"email": "odd@example.com", "refresh_token": token}, EXPORT[0]]
    assert read_import(json.dumps(rows), oauth_client="own") == Imported(
        (_licensed("ana@example.com", "token-a"),),
        (
            "Accounts whose refresh token cannot be one are not taken: odd@example.com.",
            f"{LICENSED}: ana@example.com.",
        ),
    )


def test_a_token_that_is_there_twice_is_taken_for_the_first() -> None:
    rows = [EXPORT[0], {"email": "bo@example.com", "refresh_token": "token-a"}]
    assert read_import(json.dumps(rows), oauth_client="own") == Imported(
        (_licensed("ana@example.com", "token-a"),),
        (
            "Not taken, since the refresh token is ana@example.com's, too, and so is the quota: bo@example.com.",
            f"{LICENSED}: ana@example.com.",
        ),
    )


def _tools_account(email: str, **fields: object) -> dict[str, object]:
    """As `accounts/<id>.json` has it."""
    token = {
        "access_token": "short-lived",
        "refresh_token": f"token of {email[0]}".replace(" ", "-"),
        "expires_in": 3599,
        "expiry_timestamp": 1764000000,
        "token_type": "Bearer",
        "email": email,
        "project_id": "somebody-elses",
        "session_id": "-1",
    }
    return {
        "id": email[0],
        "email": email,
        "name": "A name",
        "token": token,
        "device_profile": None,
        "quota": None,
        "disabled": False,
        "disabled_reason": None,
        "proxy_disabled": False,
        "protected_models": [],
        "created_at": 1764000000,
        "last_used": 1764000000,
    } | fields


def test_an_accounts_own_file(tmp_path: Path) -> None:
    path = tmp_path / "one.json"
    account = _tools_account(
        "ana@example.com",
        device_profile={"machine_id": "x"},
        quota={"models": [], "is_forbidden": False},
        protected_models=["gemini-3-pro"],
        proxy_id="p",
    )
    path.write_text(json.dumps(account))
    imported = read_import(path, oauth_client="own")
    assert "x" not in {entry.project for entry in imported.entries}
    assert imported == Imported(
        (_licensed("ana@example.com", "token-of-a"),),
        tuple(
            f"{what}: ana@example.com."
            for what in (
                "Access tokens are not taken, since new ones are made",
                "Projects are not taken, since they may be another's; the upstream is asked for the right one",
                "Device profiles are not taken: no other device is imitated here",
                "Quota figures are not taken: they are out of date soon",
                "Proxies of single accounts are not taken: there is no such thing here",
                "Protected models are not taken: there is no such thing here",
                LICENSED,
            )
        ),
    )


DISABLED: dict[str, tuple[dict[str, object], str]] = {
    "by its owner": (
        {"disabled": True, "disabled_reason": "invalid_grant: revoked."},
        "invalid_grant: revoked",
    ),
    "without a reason": ({"disabled": True}, "disabled"),
    "for the proxy": ({"proxy_disabled": True, "proxy_disabled_reason": "on\nleave"}, "on leave"),
    "for the proxy, without a reason": ({"proxy_disabled": True}, "disabled for the proxy"),
    "by Google": ({"quota": {"is_forbidden": True}}, "Google forbids it the models"),
    "until its owner is known": (
        {"validation_blocked": True, "validation_blocked_reason": None},
        "Google wants its owner to prove who they are",
    ),
    "with a token in the reason": (
        {"disabled": True, "disabled_reason": f"refused {'t' * 60}"},
        "refused …",
    ),
}


@pytest.mark.parametrize(("fields", "why"), DISABLED.values(), ids=DISABLED.keys())
def test_a_disabled_account_stays_disabled(fields: dict[str, object], why: str) -> None:
    imported = read_import(json.dumps(_tools_account("ana@example.com", **fields)), oauth_client="own")
    assert [(e.email, e.disabled, e.comment) for e in imported.entries] == [("ana@example.com", True, why)]
    assert f"Taken, but disabled as it is there ({why}): ana@example.com." in imported.notes


@pytest.fixture
def tools(tmp_path: Path) -> Path:
    folder = tmp_path / ".antigravity_tools"
    (folder / "accounts").mkdir(parents=True)
    for email in ("ana@example.com", "bo@example.com", "cy@example.com"):
        (folder / "accounts" / f"{email[0]}.json").write_text(json.dumps(_tools_account(email)))
    index = {
        "version": "2.0",
        "accounts": [{"id": "c"}, {"id": "gone"}, {"id": "a"}],
        "current_account_id": "a",
    }
    (folder / "accounts.json").write_text(json.dumps(index))
    return folder


@pytest.mark.parametrize("given_as", ["the folder", "its list"])
def test_a_folder_of_accounts_in_its_order(tools: Path, given_as: str) -> None:
    (tools / "accounts" / "d.json").write_text("{")
    source = tools if given_as == "the folder" else tools / "accounts.json"
    imported = read_import(source, oauth_client="own")
    assert [entry.email for entry in imported.entries] == [
        "cy@example.com",
        "ana@example.com",
        "bo@example.com",
    ]
    assert imported.notes[-2:] == (
        "An account of accounts.json has no file of its own (gone): not taken.",
        f"Not taken: {tools}/accounts/d.json: it is not as Antigravity Tools writes it.",
    )


def test_a_folder_without_its_list(tools: Path) -> None:
    (tools / "accounts.json").unlink()
    assert [e.email[0] for e in read_import(tools, oauth_client="own").entries] == ["a", "b", "c"]


def test_tokens_of_different_clients_are_pointed_out(tools: Path) -> None:
    account = _tools_account("bo@example.com")
    token = account["token"]
    assert isinstance(token, dict)
    (tools / "accounts" / "b.json").write_text(
        json.dumps(account | {"token": token | {"oauth_client_key": "second"}})
    )
    assert read_import(tools, oauth_client="own").notes[-2] == (
        "Their tokens were issued to different OAuth clients, and one client can use only its own. See "
        "oauth_client_key: none, second."
    )


# --- files that stay where they are ------------------------------------------------------------------------


def _id_token(email: str) -> str:
    claims = base64.urlsafe_b64encode(json.dumps({"email": email}).encode()).decode().rstrip("=")
    return f"e30.{claims}.c2ln"


GEMINI_CLI = {"access_token": "short-lived", "refresh_token": "token", "expiry_date": 1764000000000}
GCLOUD = {
    "type": "authorized_user",
    "account": "",
    "client_id": "c",
    "client_secret": "secret-of-gcloud",
    "refresh_token": "token",
}
KEY = {
    "type": "service_account",
    "project_id": "project-1",
    "private_key": "not really one",
    "client_email": "robot@project-1.iam.gserviceaccount.com",
    "token_uri": "https://oauth2.googleapis.com/token",
}


def _put(path: Path, content: object, *, mode: int = 0o600) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))
    path.chmod(mode)
    return path


def _stays(path: Path) -> str:
    return f"Nothing was copied: {path} is read where it lies, and has to stay there."


def test_gemini_clis_login(tmp_path: Path) -> None:
    path = _put(tmp_path / ".gemini" / "oauth_creds.json", GEMINI_CLI)
    _put(path.with_name("google_accounts.json"), {"active": "ana@example.com", "old": ["x@example.com"]})
    assert read_import(path, oauth_client="own", environ={"HOME": str(tmp_path)}) == Imported(
        (NewAccount("ana@example.com", Upstream.CODE_ASSIST, credentials="gemini-cli", oauth_client="own"),),
        (
            f"{LICENSED}: ana@example.com.",
            _stays(path),
            "Access tokens in it are not used, since new ones are made.",
        ),
    )


def test_a_login_of_gemini_cli_elsewhere_is_named_by_its_identity_token(tmp_path: Path) -> None:
    path = _put(
        tmp_path / "oauth_creds.json", GEMINI_CLI | {"id_token": _id_token("bo@example.com")}, mode=0o644
    )
    imported = read_import(path, oauth_client="own", project="p-1", environ={"HOME": str(tmp_path)})
    assert imported.entries == (
        NewAccount(
            "bo@example.com", Upstream.CODE_ASSIST, credentials=str(path), oauth_client="own", project="p-1"
        ),
    )
    assert imported.notes[-1] == f"{path} can be read by other users of this machine: chmod 600 it."


def test_gemini_clis_login_without_the_client(tmp_path: Path) -> None:
    path = _put(tmp_path / "oauth_creds.json", GEMINI_CLI)
    assert read_import(path, email="ana@example.com") == Imported((), (f"{NO_CLIENT}: ana@example.com.",))


@pytest.mark.parametrize("id_token", [None, "", "a", "a.%.c", "a.e30.c", "a.bm8.c"])
def test_a_login_that_names_nobody(tmp_path: Path, id_token: str | None) -> None:
    path = _put(tmp_path / "oauth_creds.json", GEMINI_CLI | {"id_token": id_token})
    assert read_import(path, oauth_client="own") == Imported(
        (), (f"Not taken: {path} names no e-mail address: say which it is.",)
    )


def test_gclouds_login(tmp_path: Path) -> None:
    environ = {"CLOUDSDK_CONFIG": str(tmp_path)}
    path = _put(tmp_path / "application_default_credentials.json", GCLOUD | {"quota_project_id": "p-1"})
    assert read_import(path, email="ana@example.com", oauth_client="own", environ=environ) == Imported(
        (NewAccount("ana@example.com", Upstream.VERTEX, credentials="gcloud"),),
        (
            f"The OAuth client own is not needed: {path} names what it needs.",
            _stays(path),
            "Access tokens in it are not used, since new ones are made.",
        ),
    )


def test_gclouds_login_without_a_project(tmp_path: Path) -> None:
    path = _put(tmp_path / "application_default_credentials.json", GCLOUD | {"account": "ana@example.com"})
    assert read_import(path) == Imported((), (f"Not taken: {path} names no project: say which is to pay.",))
    assert read_import(path, project="p-1").entries == (
        NewAccount("ana@example.com", Upstream.VERTEX, credentials=str(path), project="p-1"),
    )


def test_a_service_accounts_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    path = _put(tmp_path / "key.json", KEY)
    robot = "robot@project-1.iam.gserviceaccount.com"
    entry = NewAccount(robot, Upstream.VERTEX, credentials=str(path))
    assert read_import(Path("~/key.json")) == Imported((entry,), (_stays(path),))


def test_what_google_auth_writes(tmp_path: Path) -> None:
    content = {"token": "short-lived", "refresh_token": "token", "client_id": "c", "client_secret": "s"}
    path = _put(tmp_path / "token.json", content | {"account": "ana@example.com"})
    assert read_import(path, project="p-1").entries == (
        NewAccount("ana@example.com", Upstream.VERTEX, credentials=str(path), project="p-1"),
    )


def test_a_workload_identity_is_to_be_trusted(tmp_path: Path) -> None:
    path = _put(
        tmp_path / "identity.json", {"type": "external_account", "credential_source": {"url": "http://x"}}
    )
    imported = read_import(path, email="robot@example.com", project="p-1")
    assert [entry.credentials for entry in imported.entries] == [str(path)]
    assert imported.notes[0] == (
        f"{path} names addresses, and perhaps programs, that will be called: use it only if you trust it."
    )


def test_a_pasted_login_has_no_place_to_be_read_from() -> None:
    assert read_import(json.dumps(KEY)) == Imported(
        (), ("It is of the type service_account, and such are read where they lie: give the file.",)
    )


# --- the rest ----------------------------------------------------------------------------------------------

UNKNOWN: dict[str, tuple[str, str]] = {
    "nothing": ("", "the text: is not JSON that an account could be in."),
    "a word": ('"x"', "the text: is not JSON that an account could be in."),
    "another list": ("[1]", "the text: 0 is not as Antigravity Tools exports it."),
    "a number for a token": (
        '[{"email": "a@b.c", "refresh_token": 12}]',
        "the text: 0.refresh_token is not as Antigravity Tools exports it.",
    ),
    "a list that only names accounts": (
        '{"version": "2.0", "accounts": []}',
        "the text: only names accounts: import the folder that it is from.",
    ),
    "a client": (
        '{"web": {}}',
        "the text: is an OAuth client, not anybody's login: its id and secret belong under oauth_clients.",
    ),
}


@pytest.mark.parametrize(("text", "message"), UNKNOWN.values(), ids=UNKNOWN.keys())
def test_what_is_not_known_is_refused(text: str, message: str) -> None:
    with pytest.raises(ImportFailedError) as caught:
        read_import(text)
    assert str(caught.value) == message


def test_what_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "not-text").write_bytes(b"\xff")
    messages = {
        "absent": "absent: there is no such file.",
        "not-text": "not-text: cannot be read: it is not UTF-8.",
        ".": ": there are no accounts of Antigravity Tools in it (accounts/*.json).",
        "n" * 5_000: ": cannot be read: File name too long.",
        "a\0b": "cannot be read: embedded null byte.",
    }
    for name, message in messages.items():
        with pytest.raises(ImportFailedError) as caught:
            read_import(tmp_path / name)
        assert str(caught.value).endswith(message)


def test_a_home_folder_that_nobody_has_is_named() -> None:
    with pytest.raises(ImportFailedError, match=r"^~nobody-at-all/x: there is no such home folder"):
        read_import(Path("~nobody-at-all/x"))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(sorted(_tools_account("a@b.c"))), inner)
    ),
    max_leaves=8,
)


@given(st.text() | JSON.map(json.dumps))
def test_any_text_is_an_import_or_an_error(text: str) -> None:
    try:
        read_import(text, oauth_client="own")
    except ImportFailedError:
        pass


def test_notes_hold_no_secrets(tools: Path) -> None:
    for oauth_client in (None, "own"):
        imported = read_import(tools, oauth_client=oauth_client)
        assert "token-of" not in f"{imported!r}"
        assert "short-lived" not in f"{imported!r}"


def test_what_was_imported_is_an_accounts_file(tools: Path, tmp_path: Path) -> None:
    """From the import to accounts that can pay."""
    (tools / "accounts" / "b.json").write_text(json.dumps(_tools_account("bo@example.com", disabled=True)))
    path = tmp_path / "accounts.yaml"
    path.write_text("accounts: []\noauth_clients:\n  own: {client_id: i, client_secret: s}\n")
    sources = SecretSources({}, lambda _service, _user: None)
    key = _put(tmp_path / "key.json", KEY)
    for imported in (read_import(tools, oauth_client="own"), read_import(key)):
        add_accounts(path, imported.entries, sources=sources)
    file = load_accounts(path, sources=sources)
    assert [(a.email[0], a.upstream, a.disabled) for a in file.accounts] == [
        ("c", Upstream.CODE_ASSIST, False),
        ("a", Upstream.CODE_ASSIST, False),
        ("b", Upstream.CODE_ASSIST, True),
        ("r", Upstream.VERTEX, False),
    ]
    assert (file.unusable, file.files) == ((), (key,))
