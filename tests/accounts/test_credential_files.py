"""Files of credentials: each type as its program writes it, and what is said of those that are of no use."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from antigravity_addon.accounts.account import GoogleAuthGrant, OAuthClient, RefreshGrant
from antigravity_addon.accounts.credential_files import (
    CredentialFile,
    CredentialFileError,
    FileType,
    gcloud_file,
    gemini_cli_file,
    is_confidential,
    parse_credentials,
    read_credentials,
    reread,
)

PATH = Path("file.json")
OWN = OAuthClient("own", SecretStr("own-secret"))
GCLOUD = {
    "account": "",
    "client_id": "client-of-gcloud",
    "client_secret": "secret-of-gcloud",
    "quota_project_id": "project-1",
    "refresh_token": "token",
    "type": "authorized_user",
    "universe_domain": "googleapis.com",
}
GEMINI_CLI = {
    "access_token": "short-lived",
    "refresh_token": "token",
    "scope": "https://www.googleapis.com/auth/cloud-platform",
    "token_type": "Bearer",
    "id_token": "a.b.c",
    "expiry_date": 1764000000000,
}
TO_JSON = {
    "token": "short-lived",
    "refresh_token": "token",
    "token_uri": "https://oauth2.googleapis.com/token",
    "client_id": "client",
    "client_secret": "secret",
    "scopes": ["https://www.googleapis.com/auth/cloud-platform"],
    "universe_domain": "googleapis.com",
    "account": "ana@example.com",
    "expiry": "2026-11-22T10:00:00Z",
}
KEY = {
    "type": "service_account",
    "project_id": "project-1",
    "private_key_id": "1",
    "private_key": "not really one",
    "client_email": "robot@project-1.iam.gserviceaccount.com",
    "client_id": "2",
    "token_uri": "https://oauth2.googleapis.com/token",
}
EXTERNAL = {"type": "external_account", "audience": "//iam.googleapis.com/x", "quota_project_id": "project-1"}
IMPERSONATED = {
    "type": "impersonated_service_account",
    "source_credentials": GCLOUD,
    "quota_project_id": None,
}
EXTERNAL_USER = {"type": "external_account_authorized_user", "refresh_token": "token", "client_id": "c"}


def _google_auth(
    content: object, file_type: FileType, *, email: str = "", project: str = ""
) -> CredentialFile:
    return CredentialFile(PATH, file_type, SecretStr(json.dumps(content)), email=email, project=project)


TYPES: dict[str, tuple[object, CredentialFile]] = {
    "gcloud's login": (
        GCLOUD,
        CredentialFile(
            PATH,
            FileType.AUTHORIZED_USER,
            SecretStr(json.dumps(GCLOUD)),
            project="project-1",
            client=OAuthClient("client-of-gcloud", SecretStr("secret-of-gcloud")),
            refresh_token=SecretStr("token"),
        ),
    ),
    "gemini-cli's login": (
        GEMINI_CLI,
        CredentialFile(
            PATH,
            FileType.GEMINI_CLI,
            SecretStr(json.dumps(GEMINI_CLI)),
            id_token=SecretStr("a.b.c"),
            refresh_token=SecretStr("token"),
        ),
    ),
    "google-auth's to_json": (
        TO_JSON,
        CredentialFile(
            PATH,
            FileType.GOOGLE_AUTH,
            SecretStr(json.dumps(TO_JSON)),
            email="ana@example.com",
            client=OAuthClient("client", SecretStr("secret")),
            refresh_token=SecretStr("token"),
        ),
    ),
    "a service account's key": (
        KEY,
        _google_auth(
            KEY,
            FileType.SERVICE_ACCOUNT,
            email="robot@project-1.iam.gserviceaccount.com",
            project="project-1",
        ),
    ),
    "a workload identity": (EXTERNAL, _google_auth(EXTERNAL, FileType.EXTERNAL_ACCOUNT, project="project-1")),
    "an impersonated service account": (IMPERSONATED, _google_auth(IMPERSONATED, FileType.IMPERSONATED)),
    "a workforce login": (EXTERNAL_USER, _google_auth(EXTERNAL_USER, FileType.EXTERNAL_USER)),
}


@pytest.mark.parametrize(("content", "file"), TYPES.values(), ids=TYPES.keys())
def test_a_file_is_read(content: object, file: CredentialFile) -> None:
    assert parse_credentials(json.dumps(content), path=PATH) == file


USELESS: dict[str, tuple[str, str]] = {
    "not JSON": ("{", "is not JSON."),
    "nothing": ("", "is not JSON."),
    "a list": ("[]", "is not a JSON object."),
    "a number for a token": ('{"refresh_token": 12}', "refresh_token: Input should be a valid string."),
    "another type": (
        '{"type": "magic"}',
        (
            "is of the type 'magic'; what can be used is service_account, authorized_user, external_account, "
            "external_account_authorized_user, impersonated_service_account, google-auth, gemini-cli."
        ),
    ),
    "a client": (
        '{"installed": {"client_id": "x", "client_secret": "y"}}',
        "is an OAuth client, not anybody's login: its id and secret belong under oauth_clients.",
    ),
    "an access token alone": (
        '{"access_token": "short-lived"}',
        "has neither a type nor a refresh_token. Was it made for another use, or its login moved elsewhere?",
    ),
    "a key without its key": (
        json.dumps({**KEY, "private_key": ""}),
        "private_key is missing, which a file of type service_account has.",
    ),
    "a login without its token": (
        json.dumps({**GCLOUD, "refresh_token": None}),
        "refresh_token is missing, which a file of type authorized_user has.",
    ),
    "a login without its client's secret": (
        '{"refresh_token": "token", "client_id": "c"}',
        "client_secret is missing, which a file of type google-auth has.",
    ),
    "tokens asked for in the clear": (
        json.dumps({**KEY, "token_uri": "http://example.com/token"}),
        "token_uri: must be an https address.",
    ),
    "another cloud": (
        json.dumps({**GCLOUD, "universe_domain": "example.cloud"}),
        "is for example.cloud, not for googleapis.com.",
    ),
}


@pytest.mark.parametrize(("text", "message"), USELESS.values(), ids=USELESS.keys())
def test_a_useless_file_says_why(text: str, message: str) -> None:
    with pytest.raises(CredentialFileError) as caught:
        parse_credentials(text, path=PATH)
    assert str(caught.value) == f"file.json: {message}"


@given(
    st.text() | st.dictionaries(st.sampled_from(sorted(KEY | GCLOUD)), st.text() | st.none()).map(json.dumps)
)
def test_any_text_is_credentials_or_an_error(text: str) -> None:
    try:
        parse_credentials(text, path=PATH)
    except CredentialFileError:
        pass


def test_a_file_that_is_not_text(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"\xff\xfe")
    with pytest.raises(CredentialFileError, match=r"x: cannot be read: UnicodeDecodeError\.$"):
        read_credentials(tmp_path / "x")


def test_no_secret_is_shown() -> None:
    for content in (GCLOUD, GEMINI_CLI, TO_JSON, KEY):
        file = parse_credentials(json.dumps(content), path=PATH)
        for secret in ("'token'", "secret-of-gcloud", "short-lived", "not really one", "a.b.c"):
            assert secret not in repr(file)


# --- grants ------------------------------------------------------------------------------------------------


def test_a_login_is_a_grant_with_its_own_client() -> None:
    client = OAuthClient("client-of-gcloud", SecretStr("secret-of-gcloud"))
    grant = parse_credentials(json.dumps(GCLOUD), path=PATH).grant()
    assert grant == RefreshGrant(client, SecretStr("token"), file=PATH)


def test_gemini_clis_login_is_a_grant_with_the_operators_client() -> None:
    file = parse_credentials(json.dumps(GEMINI_CLI), path=PATH)
    uri = "https://tokens.example.com"
    assert file.grant(OWN, token_uri=uri) == RefreshGrant(OWN, SecretStr("token"), uri, file=PATH)
    with pytest.raises(CredentialFileError, match="does not name the OAuth client"):
        file.grant()


def test_a_key_is_left_to_google_auth() -> None:
    text = json.dumps(KEY)
    file = parse_credentials(text, path=PATH)
    assert file.grant() == GoogleAuthGrant(SecretStr(text), file=PATH)
    with pytest.raises(CredentialFileError, match="needs no oauth_client and no token_uri"):
        file.grant(OWN)


# --- files that their owners renew -------------------------------------------------------------------------


def _grant(path: Path, content: object, client: OAuthClient | None = None) -> RefreshGrant:
    path.write_text(json.dumps(content))
    grant = read_credentials(path).grant(client)
    assert isinstance(grant, RefreshGrant)
    return grant


def test_the_present_token_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "oauth_creds.json"
    grant = _grant(path, GEMINI_CLI, OWN)
    path.write_text(json.dumps({**GEMINI_CLI, "refresh_token": "newer"}))
    assert reread(grant) == replace(grant, refresh_token=SecretStr("newer"))


def test_a_client_that_changed_with_its_token_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "application_default_credentials.json"
    grant = _grant(path, GCLOUD)
    path.write_text(json.dumps({**GCLOUD, "client_id": "newer", "refresh_token": "newer"}))
    client = OAuthClient("newer", SecretStr("secret-of-gcloud"))
    assert reread(grant) == replace(grant, client=client, refresh_token=SecretStr("newer"))


GONE: dict[str, str | None] = {
    "gone": None,
    "broken": "{",
    "half written": "",
    "another type": json.dumps(KEY),
    "logged out": "{}",
}


@pytest.mark.parametrize("text", GONE.values(), ids=GONE.keys())
def test_the_old_token_stays_where_there_is_no_new_one(tmp_path: Path, text: str | None) -> None:
    path = tmp_path / "file.json"
    grant = _grant(path, GCLOUD)
    if text is None:
        path.unlink()
    else:
        path.write_text(text)
    assert reread(grant) is grant


def test_a_grant_of_our_own_file_is_left_alone() -> None:
    grant = RefreshGrant(OWN, SecretStr("token"))
    assert reread(grant) is grant


# --- places ------------------------------------------------------------------------------------------------

PLACES: dict[str, tuple[dict[str, str], str, str]] = {
    "a home": (
        {"HOME": "/h"},
        "/h/.config/gcloud/application_default_credentials.json",
        "/h/.gemini/oauth_creds.json",
    ),
    "moved": (
        {"HOME": "/h", "CLOUDSDK_CONFIG": "/c", "GEMINI_CLI_HOME": "/g"},
        "/c/application_default_credentials.json",
        "/g/.gemini/oauth_creds.json",
    ),
    "Windows": (
        {"HOME": "/h", "APPDATA": "/a"},
        "/a/gcloud/application_default_credentials.json",
        "/h/.gemini/oauth_creds.json",
    ),
}


@pytest.mark.parametrize(("environ", "gcloud", "gemini_cli"), PLACES.values(), ids=PLACES.keys())
def test_where_programs_put_their_logins(environ: dict[str, str], gcloud: str, gemini_cli: str) -> None:
    assert (gcloud_file(environ), gemini_cli_file(environ)) == (Path(gcloud), Path(gemini_cli))


URLS: dict[str, bool] = {
    "https://oauth2.googleapis.com/token": True,
    "http://127.0.0.1:9/token": True,
    "http://localhost/token": True,
    "http://[::1]/token": True,
    "http://oauth2.googleapis.com/token": False,
    "http://10.0.0.1/token": False,
    "https://": False,
    "https://[": False,
    "https://example.com:99999": False,
    "file:///etc/passwd": False,
    "": False,
}


@pytest.mark.parametrize(("url", "confidential"), URLS.items(), ids=URLS.keys())
def test_where_secrets_may_be_sent(url: str, *, confidential: bool) -> None:
    assert is_confidential(url) is confidential
