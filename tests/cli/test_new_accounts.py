"""`antigravity accounts add` and `import`: what is written, and that no secret is shown."""

import io
import json
import stat
from collections.abc import Generator
from pathlib import Path
from typing import override

import keyring
import pytest
from keyring.backend import KeyringBackend
from keyring.backends.fail import Keyring as NoKeyring
from keyring.errors import PasswordSetError

from antigravity_addon.accounts.file import load_accounts
from antigravity_addon.cli import new_accounts
from tests.cli.commanding import Shell

FILE = """\
# Who pays.
accounts:
  # the good one
  - email: ana@example.com
    api_key: ana-s3cret  # in her name

# whom tokens were issued to
oauth_clients:
  own: {client_id: own.apps, client_secret: client-s3cret}
"""


class Typing:
    """What is on standard input."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._monkeypatch = monkeypatch

    def __call__(self, text: str) -> None:
        self._monkeypatch.setattr("sys.stdin", io.StringIO(text))


@pytest.fixture
def typing(monkeypatch: pytest.MonkeyPatch) -> Typing:
    return Typing(monkeypatch)


@pytest.fixture
def listed(shell: Shell) -> Shell:
    shell.write("accounts.yaml", FILE)
    return shell


class Chest(KeyringBackend):
    """A keyring in memory."""

    priority = 1  # pyright: ignore[reportAssignmentType, reportUnannotatedClassAttribute]  keyring has a property of its own making there

    def __init__(self) -> None:
        super().__init__()
        self.kept: dict[tuple[str, str], str] = {}
        self.is_locked = False

    @override
    def get_password(self, service: str, username: str) -> str | None:
        return self.kept.get((service, username))

    @override
    def set_password(self, service: str, username: str, password: str) -> None:
        if self.is_locked:
            raise PasswordSetError("locked, and here is the password: " + password)
        self.kept[service, username] = password

    @override
    def delete_password(self, service: str, username: str) -> None:
        del self.kept[service, username]


@pytest.fixture
def chest() -> Generator[Chest]:
    before = keyring.get_keyring()
    chest = Chest()
    keyring.set_keyring(chest)
    yield chest
    keyring.set_keyring(before)


# --- add ---------------------------------------------------------------------------------------------------


def test_the_first_account_begins_the_file(shell: Shell, typing: Typing) -> None:
    typing("new-s3cret\nand more\n")
    said = shell.run("accounts add bo@example.com --api-key-stdin --project tests-1")
    assert (said.code, said.err) == (0, "")
    assert said.out == (
        "bo@example.com was added to accounts.yaml; gateways that run take it at once.\n"
        "Try it: antigravity accounts check bo@example.com\n"
    )
    assert shell.read("accounts.yaml") == (
        "# Who pays. It may hold keys: keep it to yourself.\n"
        "accounts:\n"
        "  - email: bo@example.com\n"
        '    api_key: "new-s3cret"\n'
        "    project: tests-1\n"
    )
    assert stat.S_IMODE((shell.folder / "accounts.yaml").stat().st_mode) == 0o600


def test_a_file_with_comments_keeps_them(listed: Shell) -> None:
    said = listed.run("accounts add bo@example.com --api-key-env BO_KEY --json")
    assert said.code == 0
    assert json.loads(said.out) == {
        "file": "accounts.yaml",
        "added": [{"email": "bo@example.com", "kind": "gemini", "disabled": False}],
        "dry_run": False,
        "notes": [
            "accounts.yaml:7: accounts[1].api_key: env:BO_KEY: the environment variable is not set.",
        ],
    }
    new = '  - email: bo@example.com\n    api_key: "env:BO_KEY"\n'
    assert listed.read("accounts.yaml") == FILE.replace("her name\n\n", f"her name\n{new}\n"), (
        "the rest is as it was"
    )


LOGINS: dict[str, tuple[str, str, str]] = {
    "gcloud": (
        "--kind vertex --credentials gcloud --location europe-west4",
        "",
        "    kind: vertex\n    credentials: gcloud\n    location: europe-west4\n",
    ),
    "gemini-cli": (
        "--kind code_assist --credentials gemini-cli --oauth-client own --project p-1",
        "",
        "    kind: code_assist\n    credentials: gemini-cli\n    oauth_client: own\n    project: p-1\n",
    ),
    "a refresh token": (
        "--kind vertex --refresh-token-stdin --oauth-client own --project p-1",
        "token-s3cret",
        '    kind: vertex\n    refresh_token: "token-s3cret"\n    oauth_client: own\n    project: p-1\n',
    ),
    "a refresh token elsewhere": (
        "--kind vertex --refresh-token-env BO_TOKEN --oauth-client own --project p-1",
        "",
        '    kind: vertex\n    refresh_token: "env:BO_TOKEN"\n    oauth_client: own\n    project: p-1\n',
    ),
    "with its share": (
        "--api-key-env BO_KEY --weight 2.5 --max-concurrent 4 --base-url https://relay.example:8443",
        "",
        '    api_key: "env:BO_KEY"\n    weight: 2.5\n    max_concurrent: 4\n    base_url: https://relay.example:8443\n',
    ),
}


@pytest.mark.parametrize(("options", "text", "written"), LOGINS.values(), ids=LOGINS.keys())
def test_every_way_to_pay(listed: Shell, typing: Typing, options: str, text: str, written: str) -> None:
    typing(text)
    said = listed.run(f"accounts add bo@example.com {options}")
    assert (said.code, said.err) == (0, "")
    assert f"  - email: bo@example.com\n{written}" in listed.read("accounts.yaml")


def test_a_secret_goes_into_the_keyring(listed: Shell, typing: Typing, chest: Chest) -> None:
    typing("kept-s3cret\n")
    said = listed.run("accounts add bo@example.com --keyring gateway/bo")
    assert (said.code, said.err) == (0, "")
    assert chest.kept == {("gateway", "bo"): "kept-s3cret"}
    assert '    api_key: "keyring:gateway/bo"\n' in listed.read("accounts.yaml")
    assert "s3cret" not in said.out
    typing("token-s3cret\n")
    said = listed.run(
        "accounts add cy@example.com --kind code_assist --oauth-client own --refresh-token-keyring gateway/cy"
    )
    assert said.code == 0
    assert '    refresh_token: "keyring:gateway/cy"\n' in listed.read("accounts.yaml")
    assert [account.email for account in load_accounts(listed.folder / "accounts.yaml").accounts] == [
        "ana@example.com",
        "bo@example.com",
        "cy@example.com",
    ]


def test_a_keyring_that_takes_nothing(listed: Shell, typing: Typing, chest: Chest) -> None:
    chest.is_locked = True
    typing("kept-s3cret\n")
    said = listed.run("accounts add bo@example.com --keyring gateway/bo")
    assert (said.code, said.out, said.err) == (2, "", "The keyring does not take it (PasswordSetError).\n")
    keyring.set_keyring(NoKeyring())
    typing("kept-s3cret\n")
    said = listed.run("accounts add bo@example.com --keyring gateway/bo")
    assert (said.code, said.out) == (2, "")
    assert said.err.startswith("This machine has no keyring: use --api-key-env")
    assert listed.read("accounts.yaml") == FILE


def test_a_person_types_it_unseen(listed: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        @override
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr("sys.stdin", Terminal())
    asked: list[str] = []

    def getpass(prompt: str) -> str:
        asked.append(prompt)
        return "typed-s3cret"

    monkeypatch.setattr(new_accounts.getpass, "getpass", getpass)
    assert listed.run("accounts add bo@example.com --api-key-stdin").code == 0
    assert asked == ["The API key: "]
    assert '    api_key: "typed-s3cret"\n' in listed.read("accounts.yaml")


REFUSED: dict[str, tuple[str, str, str]] = {
    "nothing typed": ("bo@example.com --api-key-stdin", "\n", "No API key came on standard input.\n"),
    "two words": (
        "bo@example.com --api-key-stdin",
        "two s3crets\n",
        "The API key on standard input has spaces or odd characters.\n",
    ),
    "a reference": (
        "bo@example.com --refresh-token-stdin --oauth-client own --kind vertex --project p",
        "env:S3CRET\n",
        "What came on standard input is not the refresh token itself, but says where one is.\n",
    ),
    "no e-mail": ("bo --api-key-env X", "", "'bo' is not an e-mail address.\n"),
    "listed already": (
        "ana@example.com --api-key-stdin",
        "s3cret",
        "accounts.yaml: ana@example.com is listed already.\n",
    ),
    "an unknown client": (
        "bo@example.com --kind code_assist --credentials gemini-cli --oauth-client theirs",
        "",
        "accounts.yaml:9: accounts[1].oauth_client: 'theirs' is not listed in oauth_clients (own).\n",
    ),
    "another kind's": (
        "bo@example.com --kind vertex --api-key-stdin --location europe-west4",
        "new-s3cret",
        "accounts.yaml:9: accounts[1].location: is not for a vertex account with an api_key: take it out, or say another kind.\n",
    ),
    "no name of a variable": (
        "bo@example.com --api-key-env MY-KEY",
        "",
        "accounts.yaml:7: accounts[1].api_key: must be env:NAME, where NAME has letters, digits and underscores.\n",
    ),
    "an address that is not safe": (
        "bo@example.com --api-key-env BO_KEY --base-url http://relay.example",
        "",
        (
            "accounts.yaml:8: accounts[1].base_url: must be https://HOST or https://HOST:PORT, or http on this machine; no path, "
            "no password.\n"
        ),
    ),
    "the key of another": (
        "bo@example.com --api-key-stdin",
        "ana-s3cret",
        (
            "accounts.yaml:7: accounts[1].api_key: is the same as ana@example.com's, so bo@example.com has no quota of its own: "
            "list it once.\n"
        ),
    ),
}


@pytest.mark.parametrize(("options", "text", "sentence"), REFUSED.values(), ids=REFUSED.keys())
def test_what_cannot_be_added(listed: Shell, typing: Typing, options: str, text: str, sentence: str) -> None:
    typing(text)
    said = listed.run(f"accounts add {options}")
    assert (said.code, said.out, said.err) == (2, "", sentence)
    assert listed.read("accounts.yaml") == FILE


# --- import ------------------------------------------------------------------------------------------------

EXPORT = [
    {"email": "bo@example.com", "refresh_token": "bo-s3cret", "access_token": "short-s3cret"},
    {"email": "cy@example.com", "refresh_token": ""},
    {"email": "ana@example.com", "refresh_token": "ana-token-s3cret"},
]


def gcloud(shell: Shell, *, email: str = "") -> None:
    folder = shell.folder / "home" / ".config" / "gcloud"
    folder.mkdir(parents=True)
    path = folder / "application_default_credentials.json"
    content = {
        "type": "authorized_user",
        "account": email,
        "client_id": "theirs.apps",
        "client_secret": "theirs-s3cret",
        "refresh_token": "gcloud-s3cret",
        "quota_project_id": "tests-7",
    }
    path.write_text(json.dumps(content))
    path.chmod(0o600)


def replaced(text: str, folder: Path) -> str:
    return text.replace(str(folder), "FOLDER")


def test_an_import_says_what_it_took_and_what_not(
    listed: Shell, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for variable in ("CLOUDSDK_CONFIG", "APPDATA", "GEMINI_CLI_HOME"):
        monkeypatch.delenv(variable, raising=False)
    gcloud(listed, email="gus@example.com")
    listed.write("export.json", json.dumps(EXPORT))
    rehearsed = listed.run("accounts import export.json gcloud --oauth-client own --dry-run")
    assert (rehearsed.code, rehearsed.err) == (0, "")
    assert listed.read("accounts.yaml") == FILE
    said = listed.run("accounts import export.json gcloud --oauth-client own")
    assert (said.code, said.err) == (0, "")
    assert said.out == rehearsed.out.replace("Would be added", "Added")
    assert replaced(said.out, listed.folder) == IMPORTED
    assert listed.read("accounts.yaml") == FILE.replace(
        "her name\n",
        "her name\n"
        "  - email: bo@example.com\n"
        "    kind: code_assist\n"
        '    refresh_token: "bo-s3cret"\n'
        "    oauth_client: own\n"
        "  - email: gus@example.com\n"
        "    kind: vertex\n"
        "    credentials: gcloud\n",
    )
    again = listed.run("accounts import export.json --oauth-client own --json")
    assert json.loads(again.out)["added"] == []
    assert "Not taken, since it is listed already: bo@example.com." in json.loads(again.out)["notes"]


IMPORTED = """\
Added to accounts.yaml:
    ACCOUNT          KIND         PAYS WITH             DISABLED
    bo@example.com   code_assist  refresh token of own  no
    gus@example.com  vertex       gcloud                no
What to know:
  - Not taken, since it is listed already: ana@example.com.
  - Access tokens are not taken, since new ones are made: bo@example.com.
  - Accounts without a refresh token are not taken: log in there again: cy@example.com.
  - Of the kind code_assist, which is for holders of a Gemini Code Assist Standard or Enterprise licence and is used only \
with gateway_enable_code_assist=true: bo@example.com, ana@example.com.
  - The OAuth client own is not needed: FOLDER/home/.config/gcloud/application_default_credentials.json names what it needs.
  - Nothing was copied: FOLDER/home/.config/gcloud/application_default_credentials.json is read where it lies, and has to \
stay there.
  - Access tokens in it are not used, since new ones are made.
"""


def test_an_account_in_two_sources_is_taken_once(listed: Shell) -> None:
    listed.write("a.json", json.dumps(EXPORT[:1]))
    listed.write("b.json", json.dumps(EXPORT[:1]))
    said = listed.run("accounts import a.json b.json --oauth-client own --json")
    document = json.loads(said.out)
    assert document["added"] == [{"email": "bo@example.com", "kind": "code_assist", "disabled": False}]
    assert "Taken once, though it is in two sources: bo@example.com." in document["notes"]


def test_gemini_clis_login_is_looked_for_where_it_keeps_it(
    listed: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GEMINI_CLI_HOME", str(listed.folder / "gemini"))
    folder = listed.folder / "gemini" / ".gemini"
    folder.mkdir(parents=True)
    (folder / "oauth_creds.json").write_text(json.dumps({"refresh_token": "cli-s3cret"}))
    (folder / "oauth_creds.json").chmod(0o600)
    said = listed.run("accounts import gemini-cli --oauth-client own --email cy@example.com --project p-1")
    assert (said.code, said.err) == (0, "")
    assert "    cy@example.com  code_assist  gemini-cli of own  no\n" in said.out
    assert "    credentials: gemini-cli\n    oauth_client: own\n    project: p-1\n" in listed.read(
        "accounts.yaml"
    )


def test_without_a_client_tokens_are_not_taken(listed: Shell, typing: Typing) -> None:
    typing(json.dumps(EXPORT[:1]))
    said = listed.run("accounts import -")
    assert said.code == 0
    assert said.out.startswith(
        "Nothing was taken.\nWhat to know:\n  - Not taken, since a token is worth nothing without"
    )
    assert listed.read("accounts.yaml") == FILE


def test_one_source_that_cannot_be_read_leaves_all_as_it_was(listed: Shell) -> None:
    listed.write("export.json", json.dumps(EXPORT))
    said = listed.run("accounts import export.json nowhere.json --oauth-client own")
    assert (said.code, said.out, said.err) == (2, "", "nowhere.json: there is no such file.\n")
    assert listed.read("accounts.yaml") == FILE


def test_no_secret_is_shown(listed: Shell, typing: Typing) -> None:
    listed.write("export.json", json.dumps(EXPORT))
    for line in (
        "import export.json --oauth-client own --dry-run",
        "import export.json --oauth-client own",
        "list",
    ):
        for form in ("", " --json"):
            said = listed.run(f"accounts {line}{form}")
            assert "s3cret" not in said.out + said.err
