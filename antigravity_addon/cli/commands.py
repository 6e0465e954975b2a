"""What can be asked for on the command line."""

from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path


@dataclass(frozen=True, slots=True)
class NamedPlaces:
    """Files and addresses as they were named; `None` for the configured ones."""

    accounts: Path | None
    state: str | None
    keys: Path | None
    target: str | None
    enable_code_assist: bool
    url: str | None = None
    """The gateway's, without `/v1`."""


@dataclass(frozen=True, slots=True)
class ListAccounts:
    pass


@dataclass(frozen=True, slots=True)
class SecretFrom:
    """Where a secret is. All empty: it is read, and put into the accounts file."""

    variable: str = ""
    keyring: str = ""
    """`SERVICE/USER`: it is read, and put there."""


@dataclass(frozen=True, slots=True)
class AddAccount:
    email: str
    kind: str
    project: str
    location: str
    oauth_client: str
    credentials: str
    key_from: SecretFrom | None
    token_from: SecretFrom | None
    weight: float | None
    max_concurrent: int | None
    base_url: str


type FieldValue = str | float | bool | None


@dataclass(frozen=True, slots=True)
class SetFields:
    email: str
    fields: tuple[tuple[str, FieldValue], ...]
    """Names with values; with `None`, what is to go."""


@dataclass(frozen=True, slots=True)
class CheckAccounts:
    emails: tuple[str, ...]
    model: str | None
    seconds: float
    shows_links: bool


@dataclass(frozen=True, slots=True)
class ImportAccounts:
    sources: tuple[str, ...]
    oauth_client: str
    email: str
    project: str
    is_rehearsal: bool


@dataclass(frozen=True, slots=True)
class DisableAccounts:
    emails: tuple[str, ...]
    reason: str


@dataclass(frozen=True, slots=True)
class EnableAccounts:
    emails: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ResetAccounts:
    emails: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ShowUsage:
    days: int
    """Up to `last_day`; not looked at with a `first_day`."""
    first_day: date | None
    last_day: date | None
    """`None` for today."""
    by: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ListKeys:
    pass


@dataclass(frozen=True, slots=True)
class AddKey:
    name: str
    expires: date | datetime | None
    models: tuple[str, ...]
    requests_per_minute: int | None
    requests_per_day: int | None
    tokens_per_day: int | None
    metrics: bool


@dataclass(frozen=True, slots=True)
class RemoveKey:
    name: str


@dataclass(frozen=True, slots=True)
class ListClients:
    pass


@dataclass(frozen=True, slots=True)
class ShowClient:
    name: str
    model: str | None
    key_variable: str | None


@dataclass(frozen=True, slots=True)
class Examine:
    """Everything, from the nearest to the farthest."""

    model: str | None
    key_variable: str | None
    seconds: float
    is_offline: bool
    """Nothing leaves this machine but for the gateway."""
    asks_models: bool


@dataclass(frozen=True, slots=True)
class VerifyRecording:
    file: Path
    times: int


type AccountsCommand = (
    ListAccounts
    | AddAccount
    | SetFields
    | CheckAccounts
    | ImportAccounts
    | DisableAccounts
    | EnableAccounts
    | ResetAccounts
)
type KeysCommand = ListKeys | AddKey | RemoveKey
type ClientCommand = ListClients | ShowClient
type LocatedCommand = AccountsCommand | ShowUsage | KeysCommand | ClientCommand
"""Takes place where the configuration says."""
type Command = LocatedCommand | Examine | VerifyRecording


@dataclass(frozen=True, slots=True)
class Arguments:
    command: Command
    places: NamedPlaces
    json: bool
