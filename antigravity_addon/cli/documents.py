"""What `--json` prints: one document for each command. Names stay; new ones may come. Times are ISO 8601, in UTC."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Self

from pydantic import BaseModel, ConfigDict

from antigravity_addon.accounts.edit import NewAccount
from antigravity_addon.gateway.client_keys import ClientKey
from antigravity_addon.gateway.ground import AccountStatus, Overview, Rest
from antigravity_addon.gateway.new_accounts import NewAccounts
from antigravity_addon.gateway.operator import CheckResult, Obeyed, UsageReport
from antigravity_addon.state.pool_store import UsageSum

from .doctor.finding import Finding


class Document(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    def text(self) -> str:
        """In ASCII, whatever the terminal's letters are: it is to be read by programs."""
        return json.dumps(self.model_dump(mode="json", exclude_unset=True, by_alias=True), indent=2)


def _time(unix_time: float) -> str:
    return datetime.fromtimestamp(unix_time, UTC).isoformat(timespec="seconds")


# --- accounts ----------------------------------------------------------------------------------------------


class RestEntry(Document):
    model: str | None
    """`null` for every model."""
    until: str
    reason: str

    @classmethod
    def of(cls, rest: Rest) -> Self:
        return cls(model=rest.model or None, until=_time(rest.until), reason=rest.reason)


class AccountEntry(Document):
    email: str
    kind: str | None
    """`null` if the account cannot be used."""
    project: str | None
    weight: float | None
    state: str
    """`usable`, `resting`, `switched_off`, `refused`, `disabled_in_file` or `unusable`."""
    reason: str | None
    rests: tuple[RestEntry, ...]

    @classmethod
    def of(cls, account: AccountStatus) -> Self:
        return cls(
            email=account.email,
            kind=account.kind,
            project=account.project or None,
            weight=account.weight,
            state=account.standing,
            reason=account.reason or None,
            rests=tuple(map(RestEntry.of, account.rests)),
        )


class AccountList(Document):
    accounts: tuple[AccountEntry, ...]
    overloaded: tuple[RestEntry, ...]
    """Models that are left alone for everybody."""

    @classmethod
    def of(cls, overview: Overview) -> Self:
        return cls(
            accounts=tuple(map(AccountEntry.of, overview.accounts)),
            overloaded=tuple(map(RestEntry.of, overview.overloaded)),
        )


class CheckEntry(Document):
    email: str
    result: str
    """`ok`, `failed` or `skipped`."""
    milliseconds: int | None
    code: str | None
    message: str | None
    link: str | None = None
    """Only with `--show-links`."""

    @classmethod
    def of(cls, result: CheckResult, *, shows_link: bool) -> Self:
        fields = {
            "email": result.email,
            "result": result.verdict,
            "milliseconds": result.milliseconds,
            "code": result.code or None,
            "message": result.message or None,
        }
        if shows_link:
            fields["link"] = result.link.get_secret_value() if result.link is not None else None
        return cls.model_validate(fields)


class CheckList(Document):
    model: str
    checks: tuple[CheckEntry, ...]

    @classmethod
    def of(cls, model: str, results: Sequence[CheckResult], *, shows_links: bool) -> Self:
        return cls(
            model=model, checks=tuple(CheckEntry.of(result, shows_link=shows_links) for result in results)
        )


class OrderEntry(Document):
    email: str | None
    """`null` for all accounts."""
    note: str | None


class OrderList(Document):
    action: str
    orders: tuple[OrderEntry, ...]

    @classmethod
    def of(cls, obeyed: Sequence[Obeyed]) -> Self:
        orders = (OrderEntry(email=each.email or None, note=each.note or None) for each in obeyed)
        return cls(action=obeyed[0].action, orders=tuple(orders))


class FieldsSet(Document):
    file: str
    email: str
    fields: Mapping[str, str | float | bool | None]
    """`null` where one was taken out."""
    note: str | None
    """Why the account cannot be used."""


class TakenEntry(Document):
    email: str
    kind: str
    disabled: bool

    @classmethod
    def of(cls, account: NewAccount) -> Self:
        return cls(email=account.email, kind=account.kind, disabled=account.disabled)


class Taken(Document):
    """Of `add` and of `import`."""

    file: str
    added: tuple[TakenEntry, ...]
    dry_run: bool
    """Nothing was written."""
    notes: tuple[str, ...]

    @classmethod
    def of(cls, new: NewAccounts) -> Self:
        return cls(
            file=str(new.file),
            added=tuple(map(TakenEntry.of, new.accounts)),
            dry_run=new.is_rehearsal,
            notes=new.notes,
        )


# --- usage -------------------------------------------------------------------------------------------------


class UsageEntry(Document):
    """The names that `--by` asks for, and sums."""

    day: str | None = None
    account: str | None = None
    model: str | None = None
    client: str | None = None
    requests: int
    errors: int
    attempts: int
    input_tokens: int
    cached_tokens: int
    output_tokens: int
    reasoning_tokens: int
    seconds: float
    first_token_seconds: float
    first_tokens: int

    @classmethod
    def of(cls, used: UsageSum, names: dict[str, str]) -> Self:
        sums = {
            "requests": used.requests,
            "errors": used.errors,
            "attempts": used.attempts,
            "input_tokens": used.input_tokens,
            "cached_tokens": used.cached_tokens,
            "output_tokens": used.output_tokens,
            "reasoning_tokens": used.reasoning_tokens,
            "seconds": round(used.seconds, 3),
            "first_token_seconds": round(used.first_token_seconds, 3),
            "first_tokens": used.first_tokens,
        }
        return cls.model_validate(names | sums)


class UsageList(Document):
    first_day: str
    last_day: str
    by: tuple[str, ...]
    rows: tuple[UsageEntry, ...]
    total: UsageEntry

    @classmethod
    def of(cls, report: UsageReport) -> Self:
        rows = (
            UsageEntry.of(row.used, dict(zip(map(str, report.by), row.names, strict=True)))
            for row in report.rows
        )
        return cls(
            first_day=report.first_day.isoformat(),
            last_day=report.last_day.isoformat(),
            by=tuple(map(str, report.by)),
            rows=tuple(rows),
            total=UsageEntry.of(report.total, {}),
        )


# --- client keys -------------------------------------------------------------------------------------------


class KeyEntry(Document):
    name: str
    expires: str | None
    """From then on nobody is let in."""
    is_over: bool
    models: tuple[str, ...]
    """Empty for every model."""
    requests_per_minute: int | None
    requests_per_day: int | None
    tokens_per_day: int | None
    metrics: bool
    disabled: bool

    @classmethod
    def of(cls, key: ClientKey, *, now: float) -> Self:
        return cls(
            name=key.name,
            expires=None if key.expires is None else key.expires.astimezone(UTC).isoformat(),
            is_over=key.expires is not None and key.expires.timestamp() <= now,
            models=key.models,
            requests_per_minute=key.requests_per_minute,
            requests_per_day=key.requests_per_day,
            tokens_per_day=key.tokens_per_day,
            metrics=key.metrics,
            disabled=key.disabled,
        )


class KeyList(Document):
    file: str
    keys: tuple[KeyEntry, ...]


class NewKey(Document):
    file: str
    name: str
    key: str
    """Shown this once."""


class RemovedKey(Document):
    file: str
    removed: str


# --- clients -----------------------------------------------------------------------------------------------


class ClientEntry(Document):
    name: str
    title: str
    summary: str


class ClientList(Document):
    clients: tuple[ClientEntry, ...]


class BlockEntry(Document):
    place: str
    """Where it goes."""
    language: str
    """`js`, `json`, `powershell`, `python`, `sh`, `toml`, `yaml`, or `text` for the fields of a dialogue."""
    block: str


class ClientSettings(Document):
    name: str
    title: str
    base_url: str
    model: str
    blocks: tuple[BlockEntry, ...]
    key: str
    watch: tuple[str, ...]
    tried: str
    """`tests`, `hand` or `none`: whether this very block was run against a gateway."""
    tried_with: str | None


# --- the doctor --------------------------------------------------------------------------------------------


class FindingEntry(Document):
    check: str
    result: str
    """`ok`, `warning`, `problem` or `skipped`."""
    message: str
    remedy: str | None

    @classmethod
    def of(cls, finding: Finding) -> Self:
        return cls(
            check=finding.check,
            result=finding.standing,
            message=finding.sentence,
            remedy=finding.remedy or None,
        )


class Diagnosis(Document):
    url: str
    """Of the gateway that was looked at."""
    problems: int
    warnings: int
    findings: tuple[FindingEntry, ...]


# --- recordings --------------------------------------------------------------------------------------------


class ExchangeEntry(Document):
    request: str
    """The id that the client was given."""
    endpoint: str
    result: str
    """`identical`, `differs` or `skipped`."""
    message: str | None = None
    """What differs, or why it was skipped."""
    recorded: str | None = None
    """What differs, as it was; `null` if nothing does."""
    today: str | None = None


class Verification(Document):
    file: str
    times: int
    identical: int
    differing: int
    skipped: int
    exchanges: tuple[ExchangeEntry, ...]
