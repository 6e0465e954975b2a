"""The file of client keys: YAML text -> client keys, and the same file edited.

It holds hashes, so whoever reads it can let nobody in. A key of ours has 256 random bits, which nobody can try out: a plain
SHA-256 is enough, where a password that a person thought up would need a slow hash with a salt.
"""

import hashlib
import re
import secrets
from base64 import urlsafe_b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Annotated

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, Strict, StringConstraints, ValidationError
from pydantic_core import ErrorDetails

from antigravity_addon.accounts.private_file import write_private
from antigravity_addon.accounts.yaml_lines import YamlError, composed, fault_in_words, told, told_at

from .catalog import Rule

OPERATORS_KEY = "default"
"""The name of `gateway_api_key`; no key in the file may have it."""

_ROOT = "client_keys"
_HASH = re.compile(r"sha256:[0-9a-f]{64}")


class ClientKeysFileError(ValueError):
    """The file of client keys cannot be used, or not be changed so; the message is for the operator and holds no key."""


class _MissingError(ClientKeysFileError):
    """There is none."""


@dataclass(frozen=True, slots=True)
class ClientKey:
    """What the operator allows whoever shows a key."""

    name: str
    hash: str
    """`hash_key` of the key."""
    expires: datetime | None = None
    """With its time zone; from then on nobody is let in."""
    models: tuple[str, ...] = ()
    """Names and patterns with `*`, as clients ask for them or as Gemini calls them. Empty for every model."""
    requests_per_minute: int | None = None
    requests_per_day: int | None = None
    tokens_per_day: int | None = None
    """Input and output together, cached and thinking ones included. Days are those of UTC."""
    disabled: bool = False
    metrics: bool = False
    """May read `/metrics`, which tells of every client and account."""

    def may_use(self, *names: str) -> bool:
        """One of a model's names is in the list, or there is none."""
        return not self.models or any(
            Rule(pattern, "").matches(name) for pattern in self.models for name in names
        )


def new_key(random_bytes: Callable[[int], bytes] = secrets.token_bytes) -> str:
    """`sk-` and 43 characters, which stand for 256 bits."""
    return "sk-" + urlsafe_b64encode(random_bytes(32)).rstrip(b"=").decode()


def hash_key(key: str) -> str:
    """As the file has it. `key` may be anything that a header can hold."""
    return "sha256:" + hashlib.sha256(key.encode("utf-8", "surrogateescape")).hexdigest()


# --- reading -----------------------------------------------------------------------------------------------

type _Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9._-]*$", max_length=64)]
type _Expiry = Annotated[date, Strict()] | Annotated[datetime, Strict()]
type _Limit = Annotated[int, Field(ge=1, strict=True)]


def _within_the_calendar(expires: date | datetime) -> date | datetime:
    """Raises: ValueError: there is no such moment in UTC."""
    end_of(expires)
    return expires


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    name: _Name
    hash: Annotated[str, StringConstraints(pattern=rf"^{_HASH.pattern}$")]
    expires: Annotated[_Expiry, AfterValidator(_within_the_calendar)] | None = None
    models: tuple[Annotated[str, Field(min_length=1)], ...] = ()
    requests_per_minute: _Limit | None = None
    requests_per_day: _Limit | None = None
    tokens_per_day: _Limit | None = None
    disabled: Annotated[bool, Strict()] = False
    metrics: Annotated[bool, Strict()] = False

    def to_client_key(self) -> ClientKey:
        return ClientKey(
            self.name,
            self.hash,
            expires=None if self.expires is None else end_of(self.expires),
            models=self.models,
            requests_per_minute=self.requests_per_minute,
            requests_per_day=self.requests_per_day,
            tokens_per_day=self.tokens_per_day,
            disabled=self.disabled,
            metrics=self.metrics,
        )


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    client_keys: tuple[_Entry, ...]


def end_of(expires: date | datetime) -> datetime:
    """The moment that ends a key's life, in UTC. A date is its last day; a time without a zone is one of UTC, as YAML has it.

    Raises: ValueError: in UTC, it is in a year that there is no date for.
    """
    if isinstance(expires, datetime):
        try:
            return expires.astimezone(UTC) if expires.tzinfo else expires.replace(tzinfo=UTC)
        except OverflowError:
            raise ValueError("must be from the year 1 to the year 9999 in UTC") from None
    if expires == date.max:
        return datetime.max.replace(tzinfo=UTC)
    return datetime(expires.year, expires.month, expires.day, tzinfo=UTC) + timedelta(days=1)


def read_client_keys(path: Path) -> tuple[ClientKey, ...]:
    """Raises: ClientKeysFileError: unreadable, not YAML, or not of the file's shape."""
    return parse_client_keys(_read(path), source=str(path))


def _read(path: Path) -> str:
    try:
        # line breaks as they are, since they are to stay
        return path.read_text(encoding="utf-8", newline="")
    except FileNotFoundError:
        raise _MissingError(f"{path}: there is no such file.") from None
    except (OSError, ValueError) as error:
        raise ClientKeysFileError(f"{path}: cannot be read: {error}.") from error


def parse_client_keys(text: str, *, source: str) -> tuple[ClientKey, ...]:
    """Raises: ClientKeysFileError: see `read_client_keys`. `source` is the file's name in messages."""
    try:
        root, document = composed(text, source)
    except YamlError as error:
        raise ClientKeysFileError(str(error)) from None
    try:
        entries = _File.model_validate(document).client_keys
    except ValidationError as error:
        problems = [_describe(detail, root, source) for detail in error.errors(include_url=False)]
        raise ClientKeysFileError(told(problems)) from None
    _check_across(entries, root, source)
    return tuple(entry.to_client_key() for entry in entries)


def _check_across(entries: tuple[_Entry, ...], root: yaml.Node | None, source: str) -> None:
    """What no single entry can tell: names and keys that stand there twice."""
    names: set[str] = {OPERATORS_KEY}
    hashes: dict[str, str] = {}
    for index, entry in enumerate(entries):
        if entry.name in names:
            why = "is the name of gateway_api_key" if entry.name == OPERATORS_KEY else "is listed twice"
            location = (_ROOT, index, "name")
            raise ClientKeysFileError(told_at(root, location, source, f"{entry.name!r} {why}."))
        if entry.hash in hashes:
            location = (_ROOT, index, "hash")
            raise ClientKeysFileError(
                told_at(root, location, source, f"is the key of {hashes[entry.hash]!r}, too.")
            )
        names.add(entry.name)
        hashes[entry.hash] = entry.name


def _describe(detail: ErrorDetails, root: yaml.Node | None, source: str) -> str:
    """Never shows the value at fault: somebody may have put a key there."""
    location = detail["loc"]
    if "expires" in location:
        location = location[: location.index("expires") + 1]  # the rest names the types that it could be
    match detail["type"], location[-1] if location else "":
        case _, "expires":
            fault = "must be a date such as 2027-01-31, or a time such as 2027-01-31T18:00:00Z, unquoted."
        case "string_pattern_mismatch", "name":
            fault = "must be made of a to z, 0 to 9, dots, dashes and underscores."
        case "string_pattern_mismatch", "hash":
            fault = "must be sha256: and 64 hexadecimal digits in lower case."
        case "model_type" | "model_attributes_type", _:
            fault = "must be a mapping such as `name: ana`."
        case _:
            fault = fault_in_words(detail, fields=_Entry.model_fields if len(location) > 1 else (_ROOT,))
    return told_at(root, location, source, fault)


# --- editing -----------------------------------------------------------------------------------------------
#
# Lines are put in and taken out, and all others stay as they are: to write the document anew would move its comments.

_NEW_FILE = """\
# Who may use the gateway, beside gateway_api_key. A key itself is shown once, when it is made; here is its hash.
client_keys: []
"""


def add_key(path: Path, key: ClientKey) -> None:
    """Put a key at the end of the list, in a new file if there is none. Blocks.

    Raises: ClientKeysFileError: the name is taken, or the file cannot be changed so; it is then as it was.
    """
    try:
        text = _read(path)
    except _MissingError:
        text = _NEW_FILE
    before = parse_client_keys(text, source=str(path))
    if any(key.name == other.name for other in before):
        raise ClientKeysFileError(f"{path}: there is a key with the name {key.name!r} already.")
    _write(path, _with_entry(text, key), wanted=(*before, key))


def remove_key(path: Path, name: str) -> None:
    """Take a key out, with the comments on it. Blocks.

    Raises: ClientKeysFileError: there is no such key, or the file cannot be changed so; it is then as it was.
    """
    text = _read(path)
    before = parse_client_keys(text, source=str(path))
    index = next((index for index, key in enumerate(before) if key.name == name), None)
    if index is None:
        raise ClientKeysFileError(f"{path}: there is no key with the name {name!r}.")
    wanted = tuple(key for key in before if key.name != name)
    _write(path, _without_entry(text, index), wanted=wanted)


def _with_entry(text: str, key: ClientKey) -> str:
    _, entries = _list_in(text)
    if not entries.value:
        # `client_keys: []`, with whatever stands behind it
        start, end = entries.start_mark.index, entries.end_mark.index
        text = text[:start].rstrip() + text[end:]
        at, indent = entries.start_mark.line + 1, 2
    else:
        at, indent = _last_line(entries) + 1, entries.start_mark.column
    lines, line_break = _lines(text)
    # a null is not written: what is as it is by default need not be said
    fields = {name: value for name, value in _to_fields(key).items() if value is not None}
    new = yaml.safe_dump([fields], sort_keys=False, allow_unicode=True, width=4096).splitlines()
    lines[at:at] = [f"{' ' * indent}{line}{line_break}" for line in new]
    return "".join(lines)


def _lines(text: str) -> tuple[list[str], str]:
    """With their ends, and what ends most of them. The last one gets an end if it has none."""
    line_break = "\r\n" if "\r\n" in text else "\n"
    lines = text.splitlines(keepends=True)
    if lines and lines[-1].splitlines() == [lines[-1]]:
        lines[-1] += line_break
    return lines, line_break


def _to_fields(key: ClientKey) -> Mapping[str, object]:
    return {
        "name": key.name,
        "hash": key.hash,
        "expires": None if key.expires is None else _to_yaml(key.expires),
        "models": list(key.models) or None,
        "requests_per_minute": key.requests_per_minute,
        "requests_per_day": key.requests_per_day,
        "tokens_per_day": key.tokens_per_day,
        "disabled": key.disabled or None,
        "metrics": key.metrics or None,
    }


def _to_yaml(expires: datetime) -> date | datetime:
    """A key that ends at midnight has a last day."""
    moment = expires.astimezone(UTC)
    midnight = moment.replace(hour=0, minute=0, second=0, microsecond=0)
    # without a zone, which YAML takes for UTC
    return (midnight - timedelta(days=1)).date() if moment == midnight else moment.replace(tzinfo=None)


def _without_entry(text: str, index: int) -> str:
    name, entries = _list_in(text)
    entry: yaml.Node = entries.value[index]
    if len(entries.value) == 1:
        # nothing behind the colon would be no list
        behind = text.find(":", name.end_mark.index) + 1
        text = f"{text[:behind]} []{text[behind:]}"
    lines, _ = _lines(text)
    start, end = entry.start_mark.line, _last_line(entry) + 1
    while start and lines[start - 1].lstrip().startswith("#"):
        start -= 1
    if start and not lines[start - 1].rstrip("\r\n") and (end >= len(lines) or not lines[end].rstrip("\r\n")):
        start -= 1
    del lines[start:end]
    return "".join(lines)


def _list_in(text: str) -> tuple[yaml.Node, yaml.SequenceNode]:
    """In a file that was read already: what names the list, and the list."""
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    assert isinstance(root, yaml.MappingNode)  # noqa: S101  or it could not have been read
    [(name, entries)] = [(key, value) for key, value in root.value if key.value == _ROOT]
    assert isinstance(entries, yaml.SequenceNode)  # noqa: S101  the same
    return name, entries


def _last_line(node: yaml.Node) -> int:
    """Of what it says. PyYAML has a block end where the next one begins, with the comments between them."""
    match node:
        # PyYAML says `None` of a list that is not indented
        case yaml.SequenceNode(flow_style=False | None, value=[*_, last]):
            return _last_line(last)
        case yaml.MappingNode(flow_style=False | None, value=[*_, (_, last)]):
            return _last_line(last)
        case _:
            return node.end_mark.line


def _write(path: Path, text: str, *, wanted: tuple[ClientKey, ...]) -> None:
    """Raises: ClientKeysFileError: the text does not say what is wanted, or cannot be written."""
    try:
        is_sound = parse_client_keys(text, source=str(path)) == wanted
    except ClientKeysFileError:
        is_sound = False
    if not is_sound:
        # a list on one line, or entries that share something
        raise ClientKeysFileError(f"{path}: cannot be changed line by line: edit it by hand.")
    try:
        write_private(path.resolve(), text.encode())
    except OSError as error:
        raise ClientKeysFileError(f"{path}: cannot be written: {error}.") from error
