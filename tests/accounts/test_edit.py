"""Changes to the accounts file: what was asked for, and nothing else."""

import errno
import stat
from collections.abc import Mapping
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from antigravity_addon.accounts.account import Account, ApiKey, Upstream
from antigravity_addon.accounts.edit import (
    NewAccount,
    Value,
    add_accounts,
    oauth_clients_in,
    set_fields,
)
from antigravity_addon.accounts.file import AccountsFileError, load_accounts
from antigravity_addon.accounts.secrets import SecretSources

NOTHING = SecretSources({}, lambda _service, _user: None)
FILE = """\
# ours
accounts:
  # about ana
  - email: ana@example.com  # the first
    api_key: "key-a"   # of her project
    # about bo

  - email: bo@example.com
    api_key: 'key-b'
    disabled: yes   # on leave

# clients
oauth_clients:
  own:
    client_id: x
    client_secret: env:SECRET
# the end
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "accounts.yaml"
    path.write_text(FILE)
    path.chmod(0o600)
    return path


SETTINGS: dict[str, tuple[str, Mapping[str, Value | None], str, str]] = {
    "a new field goes above the comment on the next account": (
        "ana@example.com",
        {"disabled": True},
        "    # about bo\n",
        "    disabled: true\n    # about bo\n",
    ),
    "a changed field keeps its comment": (
        "bo@example.com",
        {"disabled": False},
        "disabled: yes   # on leave",
        "disabled: false # on leave",
    ),
    "a field that is taken out takes its own comment along": (
        "bo@example.com",
        {"disabled": None},
        "    disabled: yes   # on leave\n",
        "",
    ),
    "a field that is not there need not be taken out": ("ana@example.com", {"weight": None}, "", ""),
    "one comes, one goes": (
        "bo@example.com",
        {"disabled": None, "weight": 2.5},
        "    disabled: yes   # on leave\n",
        "    weight: 2.5\n",
    ),
    "a secret": (
        "ana@example.com",
        {"api_key": SecretStr("new")},
        'api_key: "key-a"   # of her project',
        'api_key: "new"     # of her project',
    ),
    "text that would be read as something else": (
        "ana@example.com",
        {"project": "no", "base_url": "https://a.b:1"},
        "    # about bo\n",
        '    project: "no"\n    base_url: https://a.b:1\n    # about bo\n',
    ),
}


@pytest.mark.parametrize(("email", "fields", "old", "new"), SETTINGS.values(), ids=SETTINGS.keys())
def test_a_field_is_set_and_all_else_stays(
    path: Path, email: str, fields: Mapping[str, Value | None], old: str, new: str
) -> None:
    set_fields(path, email, fields, sources=NOTHING)
    assert path.read_text() == FILE.replace(old, new, 1)


def test_accounts_are_added_above_what_comes_next(path: Path) -> None:
    new = (
        NewAccount("cy@example.com", api_key=SecretStr("env:CY"), disabled=True, comment="not yet"),
        NewAccount("di@example.com", Upstream.VERTEX, credentials="gcloud", project="p-1", location="global"),
        NewAccount(
            "ed@example.com", Upstream.CODE_ASSIST, refresh_token=SecretStr("t: #1"), oauth_client="own"
        ),
    )
    with pytest.raises(AccountsFileError, match=r"accounts\[4\]\.refresh_token: has spaces"):
        add_accounts(path, new, sources=NOTHING)
    assert path.read_text() == FILE
    add_accounts(path, new[:2], sources=NOTHING)
    assert path.read_text() == FILE.replace(
        "\n# clients",
        "  - email: cy@example.com\n"
        '    api_key: "env:CY"\n'
        "    disabled: true  # not yet\n"
        "  - email: di@example.com\n"
        "    kind: vertex\n"
        "    credentials: gcloud\n"
        "    project: p-1\n"
        "    location: global\n"
        "\n# clients",
    )


def test_an_account_with_every_number_that_it_can_have(path: Path) -> None:
    new = NewAccount(
        "cy@example.com",
        api_key=SecretStr("k"),
        weight=0.001,
        max_concurrent=3,
        base_url="https://a.b:1",
        disabled=True,
    )
    add_accounts(path, [new], sources=NOTHING)
    assert load_accounts(path, sources=NOTHING).accounts[-1] == Account(
        "cy@example.com",
        ApiKey(SecretStr("k")),
        disabled=True,
        weight=0.001,
        max_concurrent=3,
        base_url="https://a.b:1",
    )
    text = path.read_text()
    for no_weight in (0, -1.0, 101):
        with pytest.raises(AccountsFileError, match=r"accounts\[3\]\.weight: "):
            add_accounts(
                path, [NewAccount("di@b.c", api_key=SecretStr("d"), weight=no_weight)], sources=NOTHING
            )
    assert path.read_text() == text


SHAPES: dict[str, tuple[str, str]] = {
    "dashes that are not indented": (
        "accounts:\n- email: a@b.c\n  api_key: k\n# end\n",
        'accounts:\n- email: a@b.c\n  api_key: k\n- email: new@b.c\n  api_key: "n"\n# end\n',
    ),
    "wide dashes": (
        "accounts:\n    -   email: a@b.c\n        api_key: k\n",
        'accounts:\n    -   email: a@b.c\n        api_key: k\n    -   email: new@b.c\n        api_key: "n"\n',
    ),
    "one line": (
        "accounts: [{email: a@b.c, api_key: k}]\n# end\n",
        'accounts: [{email: a@b.c, api_key: k}, {email: new@b.c, api_key: "n"}]\n# end\n',
    ),
    "nobody yet": (
        "# head\naccounts: []\n",
        '# head\naccounts:\n  - email: new@b.c\n    api_key: "n"\n',
    ),
    "nobody yet, and clients": (
        "accounts: []\noauth_clients:\n  own: {client_id: i, client_secret: s}\n",
        'accounts:\n  - email: new@b.c\n    api_key: "n"\noauth_clients:\n  own: {client_id: i, client_secret: s}\n',
    ),
    "the other line breaks": (
        "accounts:\r\n  - email: a@b.c\r\n    api_key: k # x\r\n",
        'accounts:\r\n  - email: a@b.c\r\n    api_key: k # x\r\n  - email: new@b.c\r\n    api_key: "n"\r\n',
    ),
}


@pytest.mark.parametrize(("old", "new"), SHAPES.values(), ids=SHAPES.keys())
def test_an_account_is_added_in_the_files_own_manner(tmp_path: Path, old: str, new: str) -> None:
    path = tmp_path / "accounts.yaml"
    path.write_bytes(old.encode())
    add_accounts(path, [NewAccount("new@b.c", api_key=SecretStr("n"))], sources=NOTHING)
    assert path.read_bytes().decode() == new


def test_a_file_is_made(tmp_path: Path) -> None:
    path = tmp_path / "new" / "accounts.yaml"
    add_accounts(path, [NewAccount("a@b.c", api_key=SecretStr("k"))], sources=NOTHING)
    assert load_accounts(path).accounts == (Account("a@b.c", ApiKey(SecretStr("k"))),)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [file.name for file in path.parent.iterdir()] == ["accounts.yaml"]


def test_only_the_owner_can_read_what_was_changed(path: Path) -> None:
    path.chmod(0o644)
    set_fields(path, "bo@example.com", {"weight": 2}, sources=NOTHING)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_link_stays_one(path: Path, tmp_path: Path) -> None:
    link = tmp_path / "link.yaml"
    link.symlink_to(path.name)
    set_fields(link, "bo@example.com", {"weight": 2}, sources=NOTHING)
    assert link.is_symlink()
    assert "weight: 2" in path.read_text()


REFUSED: dict[str, tuple[str, str, Mapping[str, Value | None], str]] = {
    "not listed": (FILE, "cy@example.com", {"weight": 2}, "cy@example.com is not listed."),
    "a value that cannot be": (FILE, "bo@example.com", {"weight": 0}, "accounts[1].weight: "),
    "a field that does not exist": (
        FILE,
        "bo@example.com",
        {"wieght": 1},
        "accounts[1].wieght: is not a field",
    ),
    "what an account needs": (FILE, "bo@example.com", {"api_key": None}, "accounts[1].api_key: is missing."),
    "another's key": (
        FILE,
        "bo@example.com",
        {"api_key": SecretStr("key-a")},
        "accounts[1].api_key: is the same as ana@example.com's",
    ),
    "a broken file": ("accounts: [", "a@b.c", {"weight": 2}, "not valid YAML"),
    "fields that are shared by an anchor": (
        "accounts:\n  - &a {email: a@b.c, api_key: k}\n  - {<<: *a, email: b@b.c, api_key: l}\n",
        "a@b.c",
        {"weight": 2},
        "cannot be changed there without changing more of it: edit it by hand.",
    ),
    "a field that is there twice": (
        "accounts:\n  - {email: a@b.c, api_key: k, api_key: l}\n",
        "a@b.c",
        {"weight": 2},
        ":2: accounts[0].api_key: is in line 2 already, and only one of the two can count.",
    ),
}


@pytest.mark.parametrize(("text", "email", "fields", "message"), REFUSED.values(), ids=REFUSED.keys())
def test_a_refused_change_changes_nothing(
    tmp_path: Path, text: str, email: str, fields: Mapping[str, Value | None], message: str
) -> None:
    path = tmp_path / "accounts.yaml"
    path.write_text(text)
    with pytest.raises(AccountsFileError) as caught:
        set_fields(path, email, fields, sources=NOTHING)
    assert message in str(caught.value)
    assert path.read_text() == text
    assert [file.name for file in tmp_path.iterdir()] == ["accounts.yaml"]


def test_who_is_listed_is_not_added_again(path: Path) -> None:
    new = NewAccount("cy@example.com", api_key=SecretStr("k"))
    for again in ([NewAccount("ana@example.com", api_key=SecretStr("k"))], [new, new]):
        with pytest.raises(AccountsFileError, match=f"{again[0].email} is listed already"):
            add_accounts(path, again, sources=NOTHING)
    assert path.read_text() == FILE


def test_two_who_change_it_at_once(path: Path) -> None:
    """The second sees it: here, one writes while the other looks up a secret."""
    path.write_text(FILE.replace("'key-b'", "keyring:gemini/bo"))

    def keyring(service: str, user: str) -> str:
        path.write_text(FILE)
        return f"{service}-{user}"

    with pytest.raises(AccountsFileError, match="was changed by somebody else at the same time: try again"):
        set_fields(path, "ana@example.com", {"weight": 2}, sources=SecretSources({}, keyring))
    assert path.read_text() == FILE


def test_the_clients_that_are_listed(path: Path) -> None:
    assert oauth_clients_in(path) == ("own",)
    path.write_text("accounts: []\n")
    assert oauth_clients_in(path) == ()
    assert oauth_clients_in(path.with_name("none.yaml")) == ()
    path.write_text("accounts: {}\n")
    with pytest.raises(AccountsFileError, match=r"accounts\.yaml:1: accounts: "):
        oauth_clients_in(path)


def test_a_file_that_is_not_text(path: Path) -> None:
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(AccountsFileError, match="cannot be read: it is not UTF-8"):
        set_fields(path, "a@b.c", {"weight": 2}, sources=NOTHING)


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for path in (tmp_path / "file" / "accounts.yaml", tmp_path):
        with pytest.raises(AccountsFileError, match=r"cannot be (read|written): (Not|Is) a directory"):
            add_accounts(path, [NewAccount("a@b.c", api_key=SecretStr("k"))], sources=NOTHING)


def test_a_disk_that_is_full(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(AccountsFileError, match=r"cannot be written: No space left on device\.$"):
        set_fields(path, "bo@example.com", {"weight": 2}, sources=NOTHING)
    assert path.read_text() == FILE
    assert [file.name for file in path.parent.iterdir()] == ["accounts.yaml"]


def test_a_new_account_does_not_show_its_secrets() -> None:
    shown = repr(NewAccount("a@b.c", api_key=SecretStr("key"), refresh_token=SecretStr("token")))
    assert "'key'" not in shown
    assert "'token'" not in shown


COMMENTS = st.sampled_from(("", "  # eol", "\n# zero", "\n    # four\n", "  # eol\n\n  # two\n# zero"))
FIELDS = st.dictionaries(
    st.sampled_from(("weight", "max_concurrent", "disabled", "project", "base_url")),
    st.none() | st.sampled_from((1, True, "p-1", "https://example.com")),
)


@settings(max_examples=30)
@given(
    st.lists(st.lists(COMMENTS, min_size=4, max_size=4), min_size=1, max_size=3),
    COMMENTS,
    FIELDS,
    st.booleans(),
)
def test_no_line_of_comment_is_ever_lost(
    tmp_path_factory: pytest.TempPathFactory,
    comments: list[list[str]],
    end: str,
    fields: Mapping[str, Value | None],
    add: bool,  # noqa: FBT001  hypothesis gives it
) -> None:
    accounts = "".join(
        f"  - email: a{index}@b.c{one}\n    api_key: k{index}{two}\n    weight: 2{three}\n    project: p{four}\n"
        for index, (one, two, three, four) in enumerate(comments)
    )
    path = tmp_path_factory.mktemp("law") / "accounts.yaml"
    path.write_text(f"accounts:{end}\n{accounts}oauth_clients: {{}}{end}\n")
    before = path.read_text()
    document = yaml.safe_load(before)
    try:
        if add:
            add_accounts(path, [NewAccount("new@b.c", api_key=SecretStr("n"))], sources=NOTHING)
            document["accounts"].append({"email": "new@b.c", "api_key": "n"})
        else:
            set_fields(path, "a0@b.c", fields, sources=NOTHING)
            document["accounts"][0] |= fields
            document["accounts"][0] = {k: v for k, v in document["accounts"][0].items() if v is not None}
    except AccountsFileError as error:
        assert "edit it by hand" not in str(error)
        assert path.read_text() == before
        return
    assert _comment_lines(path.read_text()) == _comment_lines(before)
    assert yaml.safe_load(path.read_text()) == document


def _comment_lines(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip().startswith("#")]
