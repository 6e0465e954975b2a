"""The accounts file: what it holds, and errors that say where."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from antigravity_addon.accounts.account import (
    Account,
    ApiKey,
    CodeAssistLicence,
    ExpressKey,
    GoogleAuthGrant,
    OAuthClient,
    RefreshGrant,
    Upstream,
    VertexProject,
    mask_email,
)
from antigravity_addon.accounts.file import (
    AccountsFile,
    AccountsFileError,
    AccountsFileMissingError,
    Unusable,
    accounts_of,
    check_accounts,
    load_accounts,
    readable_by_others,
)
from antigravity_addon.accounts.secrets import SecretSources

GOOD = """\
accounts:
  - email: ana@example.com
    api_key: "key-a"
  - email: bo@example.com
    api_key: "key-b"
    disabled: true
"""


def test_accounts_are_read_in_order() -> None:
    assert accounts_of(GOOD, path=Path("accounts.yaml")).accounts == (
        Account("ana@example.com", ApiKey(SecretStr("key-a"))),
        Account("bo@example.com", ApiKey(SecretStr("key-b")), disabled=True),
    )


def test_keys_are_not_shown() -> None:
    assert "key-a" not in repr(accounts_of(GOOD, path=Path("x")))


BAD: dict[str, tuple[str, str]] = {
    "two lists": (
        "accounts:\n  - {email: a@b.c, api_key: k}\naccounts:\n  - {email: d@e.f, api_key: l}\n",
        "f.yaml:3: accounts: is in line 1 already, and only one of the two can count.",
    ),
    "a field twice": (
        "accounts:\n  - email: a@b.c\n    api_key: k\n    'api_key': l\n",
        "f.yaml:4: accounts[0].api_key: is in line 3 already, and only one of the two can count.",
    ),
    "a client twice": (
        (
            "accounts: []\noauth_clients:\n  own: {client_id: i, client_secret: s}\n"
            "  own: {client_id: j, client_secret: t}\n"
        ),
        "f.yaml:4: oauth_clients.own: is in line 3 already",
    ),
    "a list that holds itself": ("accounts: &all [*all]\n", "f.yaml:1: accounts[0]: "),
    "a key that is a list": ("{? [a] : {b: 1, b: 2}}\n", "f.yaml:1: not valid YAML: found unhashable key."),
    "a truth that is none": ("accounts: !!bool x\n", "f.yaml: not valid YAML (KeyError)."),
    "a time that is none": ("accounts: !!timestamp x\n", "f.yaml: not valid YAML (AttributeError)."),
    "no key": ("accounts:\n  - email: a@b.c\n", "f.yaml:2: accounts[0].api_key: is missing."),
    "empty key": ("accounts:\n  - email: a@b.c\n    api_key: ''\n", "f.yaml:3: accounts[0].api_key: "),
    "a key with a line break": (
        'accounts:\n  - email: a@b.c\n    api_key: "a\\nb"\n',
        "f.yaml:3: accounts[0].api_key: has spaces or odd characters.",
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
        accounts_of(text, path=Path("f.yaml"))
    assert message in str(caught.value)


def test_an_error_never_shows_a_key() -> None:
    with pytest.raises(AccountsFileError) as caught:
        accounts_of("accounts:\n  - {email: nonsense, api_key: 'sec ret'}\n", path=Path("f.yaml"))
    assert "sec ret" not in str(caught.value)


@given(st.text())
def test_any_text_is_accounts_or_an_error(text: str) -> None:
    try:
        accounts_of(text, path=Path("f.yaml"))
    except AccountsFileError:
        pass


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(AccountsFileError, match="there is no such file"):
        load_accounts(tmp_path / "accounts.yaml")


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


# --- kinds -------------------------------------------------------------------------------------------------

KEY_FILE = {
    "type": "service_account",
    "project_id": "project-of-the-key",
    "private_key": "not really one",
    "client_email": "robot@project-of-the-key.iam.gserviceaccount.com",
    "token_uri": "https://oauth2.googleapis.com/token",
}
GCLOUD_FILE = {
    "type": "authorized_user",
    "client_id": "client-of-gcloud",
    "client_secret": "secret-of-gcloud",
    "refresh_token": "token-of-gcloud",
    "quota_project_id": "project-of-quota",
}
GEMINI_CLI_FILE = {
    "access_token": "short-lived",
    "refresh_token": "token-of-gemini-cli",
    "token_type": "Bearer",
    "expiry_date": 1764000000000,
}
GCLOUD_CLIENT = OAuthClient("client-of-gcloud", SecretStr("secret-of-gcloud"))
OWN_CLIENT = OAuthClient("own-client", SecretStr("own-secret"))
CLIENTS = "oauth_clients:\n  own: {client_id: own-client, client_secret: own-secret}\n"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """With credentials where gcloud and gemini-cli put them, and a key beside the accounts file."""
    files = {
        ".config/gcloud/application_default_credentials.json": GCLOUD_FILE,
        ".gemini/oauth_creds.json": GEMINI_CLI_FILE,
        "key.json": KEY_FILE,
    }
    for name, content in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(content))
        path.chmod(0o600)
    return tmp_path


def _sources(home: Path, **environ: str) -> SecretSources:
    def keyring(service: str, user: str) -> str | None:
        return {("gemini", "ana"): "key-in-keyring"}.get((service, user))

    return SecretSources({"HOME": str(home), **environ}, keyring)


def _load(home: Path, accounts: str, **environ: str) -> AccountsFile:
    path = home / "accounts.yaml"
    path.write_text(f"accounts:\n{accounts}{CLIENTS}")
    path.chmod(0o600)
    return load_accounts(path, sources=_sources(home, **environ))


def _gcloud_grant(home: Path) -> RefreshGrant:
    path = home / ".config/gcloud/application_default_credentials.json"
    return RefreshGrant(GCLOUD_CLIENT, SecretStr("token-of-gcloud"), file=path)


def _key_grant(home: Path) -> GoogleAuthGrant:
    return GoogleAuthGrant(SecretStr(json.dumps(KEY_FILE)), file=home / "key.json")


KINDS: dict[str, tuple[str, Callable[[Path], Account]]] = {
    "a key, with everything that an account can have": (
        (
            "{email: a@b.c, kind: gemini, api_key: k, project: p-1, weight: 2, max_concurrent: 3, "
            "base_url: 'https://gemini.example.com:8443/', disabled: true}"
        ),
        lambda _: Account(
            "a@b.c",
            ApiKey(SecretStr("k")),
            disabled=True,
            project="p-1",
            weight=2.0,
            max_concurrent=3,
            base_url="https://gemini.example.com:8443",
        ),
    ),
    "a key in the environment": (
        "{email: a@b.c, api_key: 'env:ANAS_KEY'}",
        lambda _: Account("a@b.c", ApiKey(SecretStr("key-in-environment"))),
    ),
    "a key in the keyring": (
        "{email: a@b.c, api_key: 'keyring:gemini/ana'}",
        lambda _: Account("a@b.c", ApiKey(SecretStr("key-in-keyring"))),
    ),
    "vertex in express mode": (
        "{email: a@b.c, kind: vertex, api_key: k}",
        lambda _: Account("a@b.c", ExpressKey(SecretStr("k"))),
    ),
    "a service account, with the project that its key names": (
        "{email: a@b.c, kind: vertex, credentials: key.json}",
        lambda home: Account(
            "a@b.c", VertexProject("project-of-the-key", _key_grant(home)), project="project-of-the-key"
        ),
    ),
    "a service account, with another project and a location": (
        "{email: a@b.c, kind: vertex, credentials: ./key.json, project: other, location: europe-west4}",
        lambda home: Account(
            "a@b.c", VertexProject("other", _key_grant(home), "europe-west4"), project="other"
        ),
    ),
    "gcloud's login, with the project that its quota is counted on": (
        "{email: a@b.c, kind: vertex, credentials: gcloud}",
        lambda home: Account(
            "a@b.c", VertexProject("project-of-quota", _gcloud_grant(home)), project="project-of-quota"
        ),
    ),
    "this machine": (
        "{email: a@b.c, kind: vertex, credentials: machine, project: p-1}",
        lambda _: Account("a@b.c", VertexProject("p-1", GoogleAuthGrant(SecretStr(""))), project="p-1"),
    ),
    "a refresh token for vertex": (
        "{email: a@b.c, kind: vertex, refresh_token: t, oauth_client: own, project: p-1}",
        lambda _: Account(
            "a@b.c", VertexProject("p-1", RefreshGrant(OWN_CLIENT, SecretStr("t"))), project="p-1"
        ),
    ),
    "a licence, with a refresh token from elsewhere": (
        (
            "{email: a@b.c, kind: code_assist, refresh_token: 'env:ANAS_KEY', oauth_client: own, "
            "token_uri: 'http://127.0.0.1:9/token'}"
        ),
        lambda _: Account(
            "a@b.c",
            CodeAssistLicence(
                RefreshGrant(OWN_CLIENT, SecretStr("key-in-environment"), "http://127.0.0.1:9/token")
            ),
        ),
    ),
    "a licence, with gemini-cli's login": (
        "{email: a@b.c, kind: code_assist, credentials: gemini-cli, oauth_client: own, project: p-1}",
        lambda home: Account(
            "a@b.c",
            CodeAssistLicence(
                RefreshGrant(
                    OWN_CLIENT, SecretStr("token-of-gemini-cli"), file=home / ".gemini/oauth_creds.json"
                ),
                "p-1",
            ),
            project="p-1",
        ),
    ),
    "a licence, with gcloud's login": (
        "{email: a@b.c, kind: code_assist, credentials: gcloud}",
        lambda home: Account("a@b.c", CodeAssistLicence(_gcloud_grant(home))),
    ),
}


@pytest.mark.parametrize(("entry", "account"), KINDS.values(), ids=KINDS.keys())
def test_an_entry_is_an_account(home: Path, entry: str, account: Callable[[Path], Account]) -> None:
    file = _load(home, f"  - {entry}\n", ANAS_KEY="key-in-environment")
    assert (file.accounts, file.unusable) == ((account(home),), ())


MISFITS: dict[str, tuple[str, str]] = {
    "a gemini account with credentials": (
        "{email: a@b.c, api_key: k, credentials: gcloud}",
        "f.yaml:2: accounts[0].credentials: is not for accounts of kind gemini: take it out, or say another kind.",
    ),
    "a location for a key": (
        "{email: a@b.c, kind: vertex, api_key: k, location: global}",
        "accounts[0].location: is not for a vertex account with an api_key",
    ),
    "vertex with nothing to pay with": (
        "{email: a@b.c, kind: vertex}",
        "f.yaml:2: accounts[0]: needs credentials, a refresh_token or an api_key.",
    ),
    "a licence with nothing to pay with": (
        "{email: a@b.c, kind: code_assist}",
        "f.yaml:2: accounts[0]: needs credentials or a refresh_token.",
    ),
    "a licence with a key": (
        "{email: a@b.c, kind: code_assist, credentials: gcloud, api_key: k}",
        "accounts[0].api_key: is not for accounts of kind code_assist",
    ),
    "two logins": (
        "{email: a@b.c, kind: code_assist, credentials: gcloud, refresh_token: t, oauth_client: own}",
        "accounts[0].refresh_token: stands beside credentials",
    ),
    "a refresh token without its client": (
        "{email: a@b.c, kind: code_assist, refresh_token: t}",
        "accounts[0].oauth_client: is missing: a refresh_token can only be used with the client it was issued to.",
    ),
    "a client that is not listed": (
        "{email: a@b.c, kind: code_assist, refresh_token: t, oauth_client: other}",
        "f.yaml:2: accounts[0].oauth_client: 'other' is not listed in oauth_clients (own).",
    ),
    "a machine without a project": (
        "{email: a@b.c, kind: vertex, credentials: machine}",
        "accounts[0].project: is missing: what it is paid with names no project.",
    ),
    "a refresh token without a project": (
        "{email: a@b.c, kind: vertex, refresh_token: t, oauth_client: own}",
        "accounts[0].project: is missing",
    ),
    "a machine with a client": (
        "{email: a@b.c, kind: vertex, credentials: machine, project: p, oauth_client: own}",
        "accounts[0].oauth_client: is not for the credentials of a machine",
    ),
    "an odd kind": (
        "{email: a@b.c, kind: vortex, api_key: k}",
        "f.yaml:2: accounts[0].kind: Input should be 'gemini',",
    ),
    "a project that is a path": (
        "{email: a@b.c, kind: vertex, credentials: gcloud, project: a/b}",
        "accounts[0].project: is not the id of a project.",
    ),
    "a location that is a host": (
        "{email: a@b.c, kind: vertex, credentials: gcloud, location: evil.example.com/}",
        "accounts[0].location: is not a location such as global or europe-west4.",
    ),
    "no weight": (
        "{email: a@b.c, api_key: k, weight: 0}",
        "accounts[0].weight: Input should be greater than 0.",
    ),
    "too much weight": (
        "{email: a@b.c, api_key: k, weight: 101}",
        "accounts[0].weight: Input should be less than",
    ),
    "a weight in words": ("{email: a@b.c, api_key: k, weight: '1'}", "accounts[0].weight: "),
    "never at once": ("{email: a@b.c, api_key: k, max_concurrent: 0}", "accounts[0].max_concurrent: "),
    "half a request": ("{email: a@b.c, api_key: k, max_concurrent: 1.5}", "accounts[0].max_concurrent: "),
    "tokens asked for in the clear": (
        "{email: a@b.c, kind: code_assist, refresh_token: t, oauth_client: own, token_uri: 'http://example.com/'}",
        "accounts[0].token_uri: must be an https address, or http on this machine.",
    ),
    "a variable without a name": ("{email: a@b.c, api_key: 'env:'}", "accounts[0].api_key: must be env:NAME"),
    "a keyring entry without a user": (
        "{email: a@b.c, api_key: 'keyring:gemini'}",
        "f.yaml:2: accounts[0].api_key: must be keyring:SERVICE/USER.",
    ),
    "a typo, and what is known": (
        "{email: a@b.c, api_key: k, wieght: 1}",
        (
            "is not a field that is known here (email, kind, api_key, credentials, refresh_token, oauth_client, "
            "token_uri, project, location, weight, max_concurrent, base_url, disabled)."
        ),
    ),
}


@pytest.mark.parametrize(("entry", "message"), MISFITS.values(), ids=MISFITS.keys())
def test_what_does_not_fit_together_is_named(entry: str, message: str) -> None:
    with pytest.raises(AccountsFileError) as caught:
        check_accounts(f"accounts:\n  - {entry}\n{CLIENTS}", source="f.yaml")
    assert message in str(caught.value)


BAD_CLIENTS: dict[str, tuple[str, str]] = {
    "no secret": ("own: {client_id: i}", "f.yaml:3: oauth_clients.own.client_secret: is missing."),
    "a typo": (
        "own: {client_id: i, client_secret: s, secret: s}",
        "oauth_clients.own.secret: is not a field that is known here (client_id, client_secret).",
    ),
    "a secret with spaces": (
        "own: {client_id: i, client_secret: 's s'}",
        "f.yaml:3: oauth_clients.own.client_secret: has spaces or odd characters.",
    ),
}


@pytest.mark.parametrize(("client", "message"), BAD_CLIENTS.values(), ids=BAD_CLIENTS.keys())
def test_a_client_has_an_id_and_a_secret(client: str, message: str) -> None:
    with pytest.raises(AccountsFileError) as caught:
        check_accounts(f"accounts: []\noauth_clients:\n  {client}\n", source="f.yaml")
    assert message in str(caught.value)


ORIGINS: dict[str, bool] = {
    "https://example.com": True,
    "https://example.com:8443": True,
    "https://example.com/": True,
    "http://127.0.0.1:8080": True,
    "http://[::1]:8080": True,
    "http://localhost:8080": True,
    "http://example.com": False,
    "http://127.0.0.1.example.com": False,
    "https://example.com/v1beta": False,
    "https://example.com?x=1": False,
    "https://example.com#x": False,
    "https://ana:secret@example.com": False,
    "https://": False,
    "https://example.com:port": False,
    "https://exa mple.com": False,
    "https://example.com\\\\@evil.example": False,
    "ftp://example.com": False,
    "example.com": False,
}


@pytest.mark.parametrize(("url", "good"), ORIGINS.items(), ids=ORIGINS.keys())
def test_a_base_url_is_a_place_that_keeps_secrets(url: str, *, good: bool) -> None:
    text = f'accounts: [{{email: a@b.c, api_key: k, base_url: "{url}"}}]'
    if good:
        check_accounts(text, source="f.yaml")
    else:
        with pytest.raises(AccountsFileError, match=r"accounts\[0\]\.base_url: must be https://HOST"):
            check_accounts(text, source="f.yaml")


def test_of_very_much_that_is_wrong_the_beginning_is_said() -> None:
    with pytest.raises(AccountsFileError) as caught:
        check_accounts("accounts:\n" + "- {email: a@b.c}\n" * 300, source="f.yaml")
    lines = str(caught.value).splitlines()
    assert (len(lines), lines[-1]) == (21, "And 579 more.")
    assert lines[0] == "f.yaml:2: accounts[0].api_key: is missing."


def test_what_an_anchor_names_is_not_twice_there() -> None:
    check_accounts(
        "accounts:\n  - &a {email: a@b.c, api_key: k}\n  - {<<: *a, email: d@e.f, api_key: l}\n",
        source="f.yaml",
    )


def test_a_file_that_is_not_there_is_told_from_one_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(AccountsFileMissingError):
        load_accounts(tmp_path / "none.yaml")
    for name in ("n" * 5_000, "a\0b"):
        with pytest.raises(AccountsFileError, match="cannot be read") as caught:
            load_accounts(tmp_path / name)
        assert not isinstance(caught.value, AccountsFileMissingError)


def test_all_that_is_wrong_is_said_at_once() -> None:
    text = "accounts:\n  - {email: a@b.c}\n  - {email: a@b.c, kind: vertex}\n"
    with pytest.raises(AccountsFileError) as caught:
        check_accounts(text, source="f.yaml")
    assert str(caught.value).splitlines() == [
        "f.yaml:2: accounts[0].api_key: is missing.",
        "f.yaml:3: accounts[1].email: 'a@b.c' is listed twice.",
        "f.yaml:3: accounts[1]: needs credentials, a refresh_token or an api_key.",
    ]


# --- what cannot be had ------------------------------------------------------------------------------------

NOT_THERE: dict[str, tuple[str, str]] = {
    "a name that no file can have": (
        '{email: x@b.c, kind: vertex, credentials: "a\\0b"}',
        "credentials: HOME/a\0b: cannot be read: ValueError.",
    ),
    "no variable": (
        "{email: x@b.c, api_key: 'env:NOT_SET'}",
        "api_key: env:NOT_SET: the environment variable is not set.",
    ),
    "a variable with a line break": (
        "{email: x@b.c, api_key: 'env:ODD'}",
        "api_key: env:ODD: what is there has spaces or odd characters.",
    ),
    "no entry in the keyring": (
        "{email: x@b.c, api_key: 'keyring:gemini/bo'}",
        "api_key: keyring:gemini/bo: the keyring has no such entry. Make it: keyring set gemini bo",
    ),
    "no file": (
        "{email: x@b.c, kind: vertex, credentials: absent.json}",
        "credentials: HOME/absent.json: there is no such file.",
    ),
    "a folder": (
        "{email: x@b.c, kind: vertex, credentials: .gemini}",
        "credentials: HOME/.gemini: cannot be read: Is a directory.",
    ),
    "gemini-cli's login without its client": (
        "{email: x@b.c, kind: code_assist, credentials: gemini-cli}",
        (
            "credentials: HOME/.gemini/oauth_creds.json: does not name the OAuth client that its refresh token was issued "
            "to: list that under oauth_clients and name it in oauth_client."
        ),
    ),
    "gcloud's login with another client": (
        "{email: x@b.c, kind: code_assist, credentials: gcloud, oauth_client: own}",
        (
            "credentials: HOME/.config/gcloud/application_default_credentials.json: names its own OAuth client, and no "
            "other can use its token: take oauth_client out."
        ),
    ),
    "a key with an address for tokens": (
        "{email: x@b.c, kind: vertex, credentials: key.json, token_uri: 'https://example.com'}",
        "credentials: HOME/key.json: is of the type service_account, which needs no oauth_client and no token_uri.",
    ),
    "a login that names no project": (
        "{email: x@b.c, kind: vertex, credentials: gemini-cli, oauth_client: own}",
        (
            "project: is missing, and the credentials name none. Add it, or for gcloud: gcloud auth "
            "application-default set-quota-project PROJECT"
        ),
    ),
    "a key that names an odd project": (
        "{email: x@b.c, kind: vertex, credentials: odd.json}",
        "project: is missing, and the credentials name none that can be one. Add it.",
    ),
    "somebody who is nowhere": (
        "{email: x@b.c, kind: vertex, credentials: ~nobody-of-that-name/key.json}",
        "credentials: there is no home folder to look in: give the whole path.",
    ),
}


@pytest.mark.parametrize(("entry", "reason"), NOT_THERE.values(), ids=NOT_THERE.keys())
def test_what_cannot_be_had_costs_one_account(home: Path, entry: str, reason: str) -> None:
    (home / "odd.json").write_text(json.dumps({**KEY_FILE, "project_id": "a/b"}))
    file = _load(
        home,
        f"  - {{email: ana@b.c, api_key: k}}\n  - {entry}\n  - {{email: bo@b.c, api_key: l}}\n",
        ODD="a\nb",
    )
    assert [account.email for account in file.accounts] == ["ana@b.c", "bo@b.c"]
    where = f"{home}/accounts.yaml:3: accounts[1]."
    assert [(each.email, each.reason) for each in file.unusable] == [
        ("x@b.c", where + reason.replace("HOME", str(home)))
    ]


def test_a_client_without_its_secret_costs_its_accounts(tmp_path: Path) -> None:
    text = (
        "accounts:\n"
        "  - {email: a@b.c, kind: code_assist, refresh_token: t, oauth_client: own}\n"
        "  - {email: b@b.c, api_key: k}\n"
        "oauth_clients:\n"
        "  own:\n"
        "    client_id: i\n"
        "    client_secret: env:NOT_SET\n"
    )
    path = tmp_path / "accounts.yaml"
    file = accounts_of(text, path=path, sources=_sources(tmp_path))
    assert file.accounts == (Account("b@b.c", ApiKey(SecretStr("k"))),)
    reason = f"{path}:7: oauth_clients.own.client_secret: env:NOT_SET: the environment variable is not set."
    assert file.unusable == (Unusable("a@b.c", reason, Upstream.CODE_ASSIST),)


# --- one quota for two -------------------------------------------------------------------------------------

TWICE: dict[str, tuple[str, str, str]] = {
    "a key": ("api_key: k", "api_key: k", "api_key"),
    "a key, and a variable that holds it": ("api_key: k", "api_key: 'env:SAME'", "api_key"),
    "a login, with two projects for a licence": (
        "kind: code_assist, credentials: gcloud",
        "kind: code_assist, credentials: gcloud, project: p",
        "credentials",
    ),
    "a key file in one project and location": (
        "kind: vertex, credentials: key.json",
        "kind: vertex, credentials: key.json, project: project-of-the-key, location: global",
        "credentials",
    ),
    "a refresh token": (
        "kind: code_assist, refresh_token: t, oauth_client: own",
        "kind: code_assist, refresh_token: t, oauth_client: own",
        "refresh_token",
    ),
    "the machine": (
        "kind: vertex, credentials: machine, project: p",
        "kind: vertex, credentials: machine, project: p",
        "credentials",
    ),
}


@pytest.mark.parametrize(("one", "other", "field"), TWICE.values(), ids=TWICE.keys())
def test_one_quota_is_not_listed_as_two(home: Path, one: str, other: str, field: str) -> None:
    with pytest.raises(AccountsFileError) as caught:
        _load(home, f"  - {{email: ana@b.c, {one}}}\n  - {{email: bo@b.c, {other}}}\n", SAME="k")
    assert str(caught.value) == (
        f"{home}/accounts.yaml:3: accounts[1].{field}: is the same as ana@b.c's, so bo@b.c has no quota of its own: "
        "list it once."
    )


def test_one_login_for_two_quotas_is_fine(home: Path) -> None:
    file = _load(
        home,
        "  - {email: a@b.c, kind: vertex, credentials: gcloud}\n"
        "  - {email: b@b.c, kind: vertex, credentials: gcloud, location: europe-west4}\n"
        "  - {email: c@b.c, kind: vertex, credentials: gcloud, project: other}\n"
        "  - {email: d@b.c, kind: code_assist, credentials: gcloud}\n",
    )
    assert len(file.accounts) == 4


# --- what else is told -------------------------------------------------------------------------------------


def test_the_files_that_it_refers_to_are_named_found_or_not(home: Path) -> None:
    file = _load(
        home,
        "  - {email: a@b.c, kind: vertex, credentials: gcloud}\n"
        "  - {email: b@b.c, kind: vertex, credentials: absent.json}\n"
        "  - {email: c@b.c, kind: code_assist, credentials: gcloud}\n"
        "  - {email: d@b.c, api_key: k}\n",
    )
    assert file.files == (home / ".config/gcloud/application_default_credentials.json", home / "absent.json")


def test_files_that_others_can_read_are_named(home: Path) -> None:
    (home / "key.json").chmod(0o644)
    text = "accounts: [{email: a@b.c, kind: vertex, credentials: key.json}, {email: b@b.c, api_key: KEY}]"
    path = home / "accounts.yaml"
    path.touch(mode=0o644)
    literal = accounts_of(text, path=path, sources=_sources(home, ANAS_KEY="k"))
    referred = accounts_of(
        text.replace("KEY", "'env:ANAS_KEY'"), path=path, sources=_sources(home, ANAS_KEY="k")
    )
    assert (literal.exposed, referred.exposed) == ((path, home / "key.json"), (home / "key.json",))


def test_files_that_others_can_change_are_named_even_without_a_secret(home: Path) -> None:
    (home / "key.json").chmod(0o602)
    text = "accounts: [{email: a@b.c, kind: vertex, credentials: key.json}, {email: b@b.c, api_key: 'env:ANAS_KEY'}]"
    path = home / "accounts.yaml"
    path.touch()
    for mode, expected in ((0o600, (home / "key.json",)), (0o620, (path, home / "key.json"))):
        path.chmod(mode)
        file = accounts_of(text, path=path, sources=_sources(home, ANAS_KEY="k"))
        assert (file.changeable, file.exposed) == (expected, ())


def test_no_secret_is_shown(home: Path) -> None:
    file = _load(
        home,
        "  - {email: a@b.c, kind: vertex, credentials: gcloud}\n"
        "  - {email: b@b.c, kind: code_assist, refresh_token: token-of-bo, oauth_client: own}\n"
        "  - {email: c@b.c, api_key: 'env:ODD'}\n",
        ODD="odd secret",
    )
    for secret in ("secret-of-gcloud", "token-of-gcloud", "token-of-bo", "own-secret", "odd secret"):
        assert secret not in f"{file!r} {[a.credential for a in file.accounts]!r}"
