"""The file of client keys: read, refused with a line, and edited."""

import stat
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path

import pytest

from antigravity_addon.gateway.client_keys import (
    ClientKey,
    ClientKeysFileError,
    add_key,
    end_of,
    hash_key,
    new_key,
    parse_client_keys,
    read_client_keys,
    remove_key,
)

A, B, C = ("sha256:" + digit * 64 for digit in "abc")

FULL = f"""\
client_keys:
  - name: ana
    hash: {A}
    expires: 2027-01-31
    models: [gemini-2.5-flash, gpt-4*]
    requests_per_minute: 60
    requests_per_day: 1000
    tokens_per_day: 5000000
    metrics: true
  - name: ci.bot_2
    hash: {B}
    expires: 2027-01-31T18:00:00+02:00
    disabled: true
"""


def test_every_field_is_read(tmp_path: Path) -> None:
    path = tmp_path / "keys.yaml"
    path.write_text(FULL)
    assert read_client_keys(path) == (
        ClientKey(
            "ana",
            A,
            expires=datetime(2027, 2, 1, tzinfo=UTC),
            models=("gemini-2.5-flash", "gpt-4*"),
            requests_per_minute=60,
            requests_per_day=1000,
            tokens_per_day=5_000_000,
            metrics=True,
        ),
        ClientKey("ci.bot_2", B, expires=datetime(2027, 1, 31, 16, tzinfo=UTC), disabled=True),
    )


def entry(*lines: str) -> str:
    return "".join(f"{'  - ' if number == 0 else '    '}{line}\n" for number, line in enumerate(lines))


REFUSED: dict[str, tuple[str, str]] = {
    "no YAML": ("client_keys: [", "keys.yaml:1: not valid YAML"),
    "empty": ("", "keys.yaml: the file: must be a mapping"),
    "no list": ("client_keys: 5\n", "keys.yaml:1: client_keys: "),
    "another list": (
        "client_keys: []\nkeys: []\n",
        "keys.yaml:2: keys: is not a field that is known here (client_keys).",
    ),
    "no name": (
        "client_keys:\n" + entry(f"hash: {A}"),
        "keys.yaml:2: client_keys[0].name: is missing.",
    ),
    "a name with a space": (
        "client_keys:\n" + entry("name: Ana Lopez", f"hash: {A}"),
        "keys.yaml:2: client_keys[0].name: must be made of a to z",
    ),
    "the operator's own name": (
        "client_keys:\n" + entry("name: default", f"hash: {A}"),
        "keys.yaml:2: client_keys[0].name: 'default' is the name of gateway_api_key.",
    ),
    "a name twice": (
        "client_keys:\n" + entry("name: ana", f"hash: {A}") + entry("name: ana", f"hash: {B}"),
        "keys.yaml:4: client_keys[1].name: 'ana' is listed twice.",
    ),
    "a key twice": (
        "client_keys:\n" + entry("name: ana", f"hash: {A}") + entry("name: bea", f"hash: {A}"),
        "keys.yaml:5: client_keys[1].hash: is the key of 'ana', too.",
    ),
    "a key in place of its hash": (
        "client_keys:\n" + entry("name: ana", "hash: sk-not-hashed"),
        "keys.yaml:3: client_keys[0].hash: must be sha256: and 64 hexadecimal digits",
    ),
    "an unknown field": (
        "client_keys:\n" + entry("name: ana", f"hash: {A}", "key: sk-not-hashed"),
        "keys.yaml:4: client_keys[0].key: is not a field that is known here (name, hash, expires, models, ",
    ),
    "a quoted date": (
        "client_keys:\n" + entry("name: ana", f"hash: {A}", 'expires: "2027-01-31"'),
        "keys.yaml:4: client_keys[0].expires: must be a date such as 2027-01-31",
    ),
    "no requests at all": (
        "client_keys:\n" + entry("name: ana", f"hash: {A}", "requests_per_day: 0"),
        "keys.yaml:4: client_keys[0].requests_per_day: Input should be greater than or equal to 1.",
    ),
    "a limit that is a truth": (
        "client_keys:\n" + entry("name: ana", f"hash: {A}", "tokens_per_day: yes"),
        "keys.yaml:4: client_keys[0].tokens_per_day: Input should be a valid integer.",
    ),
    "two lists": (
        f"client_keys: []\nclient_keys:\n{entry('name: ana', f'hash: {A}')}",
        "keys.yaml:2: client_keys: is in line 1 already, and only one of the two can count.",
    ),
    "a field twice": (
        "client_keys:\n" + entry("name: ana", f"hash: {A}", "requests_per_day: 5", "requests_per_day: 9"),
        "keys.yaml:5: client_keys[0].requests_per_day: is in line 4 already",
    ),
    "an end before the year 1": (
        "client_keys:\n" + entry("name: ana", f"hash: {A}", "expires: 0001-01-01T00:00:00+14:00"),
        "keys.yaml:4: client_keys[0].expires: must be a date such as 2027-01-31",
    ),
    "an end after the year 9999": (
        "client_keys:\n" + entry("name: ana", f"hash: {A}", "expires: 9999-12-31T23:59:59-14:00"),
        "keys.yaml:4: client_keys[0].expires: must be a date such as 2027-01-31",
    ),
    "a truth that is none": ("client_keys: !!bool x\n", "keys.yaml: not valid YAML (KeyError)."),
    "an empty model": (
        "client_keys:\n" + entry("name: ana", f"hash: {A}", "models: ['']"),
        "keys.yaml:4: client_keys[0].models[0]: ",
    ),
}


@pytest.mark.parametrize(("text", "sentence"), REFUSED.values(), ids=REFUSED)
def test_what_is_wrong_is_told_by_file_line_and_field(text: str, sentence: str) -> None:
    with pytest.raises(ClientKeysFileError) as caught:
        parse_client_keys(text, source="keys.yaml")
    message = str(caught.value)
    assert message.startswith(sentence)
    assert "not-hashed" not in message
    assert message.count("\n") == 0


def test_of_very_much_that_is_wrong_the_beginning_is_said() -> None:
    with pytest.raises(ClientKeysFileError) as caught:
        parse_client_keys("client_keys:\n" + "- {name: ana}\n" * 300, source="keys.yaml")
    lines = str(caught.value).splitlines()
    assert (len(lines), lines[-1]) == (21, "And 280 more.")


def test_a_name_that_no_file_can_have_is_told(path: Path) -> None:
    for name in ("n" * 5_000, "a\0b"):
        with pytest.raises(ClientKeysFileError, match="cannot be read"):
            add_key(path.with_name(name), ClientKey("ana", A))


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ClientKeysFileError, match=r"no\.yaml: there is no such file"):
        read_client_keys(tmp_path / "no.yaml")


def test_a_file_that_is_no_text_is_named(tmp_path: Path) -> None:
    path = tmp_path / "keys.yaml"
    path.write_bytes(b"\xff")
    with pytest.raises(ClientKeysFileError, match=r"keys\.yaml: cannot be read"):
        read_client_keys(path)


@pytest.mark.parametrize(
    ("expires", "moment"),
    [
        (date(2027, 1, 31), datetime(2027, 2, 1, tzinfo=UTC)),
        (datetime(2027, 1, 31, 18), datetime(2027, 1, 31, 18, tzinfo=UTC)),  # noqa: DTZ001  as YAML gives it
        (
            datetime(2027, 1, 31, 18, tzinfo=timezone(timedelta(hours=2))),
            datetime(2027, 1, 31, 16, tzinfo=UTC),
        ),
        (date.max, datetime.max.replace(tzinfo=UTC)),
    ],
)
def test_a_date_is_the_last_day_and_times_are_in_utc(expires: date, moment: datetime) -> None:
    assert end_of(expires) == moment
    assert end_of(expires).tzinfo is UTC


def test_a_new_key_is_256_bits_and_its_hash_says_nothing() -> None:
    key = new_key(lambda count: bytes(range(count)))
    assert key == "sk-AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"
    assert len(key) == 3 + 43
    assert new_key() != new_key()
    assert hash_key(key) == "sha256:273614b9aa3b16a6310e8e0fb259d431e1ca231ee1f6584f01c893af2d1c3abc"


# --- editing -----------------------------------------------------------------------------------------------

COMMENTED = f"""\
# who may come in

client_keys:
# ana's
- name: ana   # from the third floor
  hash: '{A}'
  # to be raised
  requests_per_day: 5

# the bot's
- name: bot
  hash: {B}   # new in May

# the end
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "keys.yaml"


def test_the_first_key_makes_the_file_for_its_owner_alone(path: Path) -> None:
    add_key(path, ClientKey("ana", A))
    assert path.read_text() == (
        "# Who may use the gateway, beside gateway_api_key. A key itself is shown once, when it is made; here is its hash.\n"
        "client_keys:\n"
        "  - name: ana\n"
        f"    hash: {A}\n"
    )
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_what_is_added_is_read_back_whole(path: Path) -> None:
    keys = parse_client_keys(FULL, source="")
    for key in keys:
        add_key(path, key)
    assert read_client_keys(path) == keys
    assert "expires: 2027-01-31\n" in path.read_text()
    assert not list(path.parent.glob(".*"))


def test_adding_changes_no_other_line(path: Path) -> None:
    path.write_text(COMMENTED)
    add_key(path, ClientKey("c", C, models=("*",)))
    added = f"- name: c\n  hash: {C}\n  models:\n  - '*'\n"
    assert path.read_text() == COMMENTED.replace("# new in May\n", f"# new in May\n{added}")


def test_removing_takes_the_comments_on_the_key_along(path: Path) -> None:
    path.write_text(COMMENTED)
    remove_key(path, "bot")
    assert path.read_text() == COMMENTED.replace(
        f"\n# the bot's\n- name: bot\n  hash: {B}   # new in May\n", ""
    )
    remove_key(path, "ana")
    assert path.read_text() == "# who may come in\n\nclient_keys: []\n\n# the end\n"
    add_key(path, ClientKey("c", C))
    assert path.read_text() == (
        f"# who may come in\n\nclient_keys:\n  - name: c\n    hash: {C}\n\n# the end\n"
    )


WRITINGS: dict[str, tuple[str, str]] = {
    "with the line breaks of Windows": (
        f"client_keys:\r\n- name: a\r\n  hash: {A}\r\n",
        "client_keys: []\r\n",
    ),
    "with a mark of its byte order": (
        f"\ufeffclient_keys:\n- name: a\n  hash: {A}\n",
        "\ufeffclient_keys: []\n",
    ),
    "with quotes": (f'"client_keys":\n- name: a\n  hash: {A}\n', '"client_keys": []\n'),
    "with a space": (f"client_keys :\n- name: a\n  hash: {A}\n", "client_keys : []\n"),
    "without an end of its last line": (f"client_keys:\n- name: a\n  hash: {A}", "client_keys: []\n"),
    "with its text in lines of their own": (
        f"# mine\n\nclient_keys:\n\n- name: a\n  hash: |-\n    {A}\n",
        "# mine\n\nclient_keys: []\n",
    ),
}


@pytest.mark.parametrize(("text", "emptied"), WRITINGS.values(), ids=WRITINGS)
def test_a_file_keeps_its_way_of_writing(path: Path, text: str, emptied: str) -> None:
    path.write_text(text, newline="")
    add_key(path, ClientKey("c", C))
    line_break = "\r\n" if "\r\n" in text else "\n"
    whole = text if text.endswith("\n") else f"{text}\n"
    assert path.read_bytes().decode() == f"{whole}- name: c{line_break}  hash: {C}{line_break}"
    remove_key(path, "c")
    assert path.read_bytes().decode() == whole
    remove_key(path, "a")
    assert path.read_bytes().decode() == emptied


@pytest.mark.parametrize(
    "text",
    [
        f"client_keys: [{{name: c, hash: '{C}'}}]\n",
        f"{{client_keys: [{{name: c, hash: '{C}'}}]}}\n",
        f"? client_keys\n: - name: c\n    hash: {C}\n",
        f"client_keys: &all\n- name: c\n  hash: {C}\n",
    ],
)
def test_a_key_that_cannot_be_taken_out_line_by_line_stays(path: Path, text: str) -> None:
    path.write_text(text)
    with pytest.raises(ClientKeysFileError, match="cannot be changed line by line"):
        remove_key(path, "c")
    assert path.read_text() == text


NOT_TO_BE_DONE: dict[str, tuple[str, str]] = {
    "a name that is taken": (f"client_keys:\n- name: c\n  hash: {A}\n", "there is a key with the name 'c'"),
    "a key that is there": (f"client_keys:\n- name: d\n  hash: {C}\n", "cannot be changed line by line"),
    "a list on one line": (f"client_keys: [{{name: d, hash: '{A}'}}]\n", "cannot be changed line by line"),
    "a file that is wrong": ("client_keys: 5\n", "keys.yaml:1: client_keys: "),
}


@pytest.mark.parametrize(("text", "sentence"), NOT_TO_BE_DONE.values(), ids=NOT_TO_BE_DONE)
def test_a_file_that_cannot_be_changed_stays_as_it_is(path: Path, text: str, sentence: str) -> None:
    path.write_text(text)
    with pytest.raises(ClientKeysFileError, match=sentence):
        add_key(path, ClientKey("c", C))
    assert path.read_text() == text


def test_only_a_key_that_is_there_can_be_removed(path: Path) -> None:
    path.write_text(COMMENTED)
    with pytest.raises(ClientKeysFileError, match="there is no key with the name 'eve'"):
        remove_key(path, "eve")


def test_a_folder_that_cannot_be_written_to_is_told(path: Path) -> None:
    gone = path.parent / "no" / "keys.yaml"
    with pytest.raises(ClientKeysFileError, match="cannot be written"):
        add_key(gone, ClientKey("c", C))


def test_a_link_stays_one(path: Path) -> None:
    real = path.parent / "real.yaml"
    real.write_text(COMMENTED)
    path.symlink_to(real)
    remove_key(path, "ana")
    assert path.is_symlink()
    assert [key.name for key in read_client_keys(real)] == ["bot"]
