"""`antigravity accounts add` and `import`: accounts that come into the file."""

import getpass
import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import SecretStr

from antigravity_addon.accounts.account import Upstream
from antigravity_addon.accounts.credential_files import gcloud_file, gemini_cli_file
from antigravity_addon.accounts.edit import NewAccount, add_accounts
from antigravity_addon.accounts.file import is_email, load_accounts
from antigravity_addon.accounts.importing import Imported, read_import
from antigravity_addon.accounts.secrets import is_reference, malformed
from antigravity_addon.gateway.operator import OperatorError
from antigravity_addon.gateway.operator_words import table

from .answer import Answer, Scene
from .arguments import AddAccount, ImportAccounts, SecretFrom
from .documents import Taken, TakenEntry
from .keyring_writing import put_into_keyring

# --- add ---------------------------------------------------------------------------------------------------


def add_account(command: AddAccount, scene: Scene) -> Answer:
    """Raises: AccountsFileError. OperatorError: no secret came, or the keyring does not take it."""
    path = scene.places.accounts
    if not is_email(command.email):
        raise OperatorError(f"{command.email!r} is not an e-mail address.")
    if command.email in _listed(path):
        raise OperatorError(f"{path}: {command.email} is listed already.")
    account = NewAccount(
        command.email,
        Upstream(command.kind),
        api_key=_secret(command.key_from, "API key"),
        refresh_token=_secret(command.token_from, "refresh token"),
        credentials=command.credentials,
        oauth_client=command.oauth_client,
        project=command.project,
        location=command.location,
    )
    add_accounts(path, [account])
    notes = tuple(each.reason for each in load_accounts(path).unusable if each.email == account.email)
    lines = (
        f"{account.email} was added to {path}; gateways that run take it at once.",
        *(f"It cannot be used yet: {note}" for note in notes),
        f"Try it: antigravity accounts check {account.email}",
    )
    document = Taken(file=str(path), added=(TakenEntry.of(account),), dry_run=False, notes=notes)
    return Answer(document, lines)


def _listed(path: Path) -> frozenset[str]:
    """E-mails; none if there is no file. Raises: AccountsFileError."""
    if not path.exists():
        return frozenset()
    file = load_accounts(path)
    return frozenset(each.email for each in (*file.accounts, *file.unusable))


def _secret(source: SecretFrom | None, what: str) -> SecretStr | None:
    """What the accounts file is to say of it."""
    match source:
        case None:
            return None
        case SecretFrom(variable=str(name)) if name:
            return SecretStr(f"env:{name}")
        case SecretFrom(keyring=str(entry)) if entry:
            service, _, user = entry.rpartition("/")
            put_into_keyring(service, user, _read_secret(what))
            return SecretStr(f"keyring:{entry}")
        case SecretFrom():
            return _read_secret(what)


def _read_secret(what: str) -> SecretStr:
    """A line of standard input; a person types it unseen."""
    line = getpass.getpass(f"The {what}: ") if sys.stdin.isatty() else sys.stdin.readline()
    secret = SecretStr(line.strip())
    if not secret.get_secret_value():
        raise OperatorError(f"No {what} came on standard input.")
    if is_reference(secret):
        raise OperatorError(f"What came on standard input is not the {what} itself, but says where one is.")
    if (fault := malformed(secret)) is not None:
        raise OperatorError(f"The {what} on standard input {fault}.")
    return secret


# --- import -------------------------------------------------------------------------------


def import_accounts(command: ImportAccounts, scene: Scene) -> Answer:
    """Raises: AccountsFileError, ImportFailedError: nothing was written."""
    path = scene.places.accounts
    taking = _Taking(_listed(path), {}, [])
    for source in command.sources:
        taking.take(_import(source, command))
    new = tuple(taking.new.values())
    if new and not command.is_rehearsal:
        add_accounts(path, new)
    document = Taken(
        file=str(path),
        added=tuple(map(TakenEntry.of, new)),
        dry_run=command.is_rehearsal,
        notes=tuple(dict.fromkeys(taking.notes)),
    )
    return Answer(document, tuple(_taken_lines(document, new)))


@dataclass(slots=True)
class _Taking:
    """What came of all sources so far."""

    listed: frozenset[str]
    new: dict[str, NewAccount]
    notes: list[str]

    def take(self, imported: Imported) -> None:
        for account in imported.entries:
            if account.email in self.listed:
                self.notes.append(f"Not taken, since it is listed already: {account.email}.")
            elif account.email in self.new:
                self.notes.append(f"Taken once, though it is in two sources: {account.email}.")
            else:
                self.new[account.email] = account
        self.notes.extend(imported.notes)


def _import(source: str, command: ImportAccounts) -> Imported:
    return read_import(
        sys.stdin.read() if source == "-" else _import_path(source, os.environ),
        oauth_client=command.oauth_client or None,
        email=command.email,
        project=command.project,
    )


def _import_path(source: str, environ: Mapping[str, str]) -> Path:
    match source:
        case "gcloud":
            return gcloud_file(environ)
        case "gemini-cli":
            return gemini_cli_file(environ)
        case _:
            return Path(source)


def _taken_lines(taken: Taken, new: tuple[NewAccount, ...]) -> Iterator[str]:
    if not new:
        yield "Nothing was taken." if not taken.dry_run else "Nothing would be taken."
    else:
        yield f"Would be added to {taken.file}:" if taken.dry_run else f"Added to {taken.file}:"
        rows = [
            (account.email, account.kind, _paid_with(account), "yes" if account.disabled else "no")
            for account in new
        ]
        for line in table(("ACCOUNT", "KIND", "PAYS WITH", "DISABLED"), rows):
            yield f"    {line}"
    if taken.notes:
        yield "What to know:"
        for note in taken.notes:
            yield f"  - {note}"


def _paid_with(account: NewAccount) -> str:
    issued = f" of {account.oauth_client}" if account.oauth_client else ""
    return f"{account.credentials}{issued}" if account.credentials else f"refresh token{issued}"
