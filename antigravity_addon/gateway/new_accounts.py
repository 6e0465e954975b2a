"""Accounts that come into the accounts file: one that somebody describes, or those of other programs."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from os import environ
from pathlib import Path

from pydantic import SecretStr

from antigravity_addon.accounts.account import CodeAssistLicence, RefreshGrant, Upstream
from antigravity_addon.accounts.credential_files import gcloud_file, gemini_cli_file
from antigravity_addon.accounts.edit import NewAccount, add_accounts, oauth_clients_in
from antigravity_addon.accounts.file import (
    MACHINE,
    AccountsFile,
    AccountsFileMissingError,
    is_email,
    load_accounts,
)
from antigravity_addon.accounts.importing import read_import, same_token
from antigravity_addon.accounts.secrets import is_reference

from .operator import OperatorError

_LOGINS: Mapping[str, Callable[[Mapping[str, str]], Path]] = {
    "gcloud": gcloud_file,
    "gemini-cli": gemini_cli_file,
}


@dataclass(frozen=True, slots=True)
class NewAccounts:
    """What came into an accounts file."""

    file: Path
    accounts: tuple[NewAccount, ...]
    notes: tuple[str, ...] = ()
    """Sentences: what stands in the way of their use, what was not taken and why."""
    is_rehearsal: bool = False
    """Nothing was written."""


# --- one ---------------------------------------------------------------------------------------------------


def expect_new(path: Path, email: str) -> None:
    """Can an account come in under it? Blocks, as `load_accounts` does.

    Raises: AccountsFileError. OperatorError: it cannot.
    """
    if not is_email(email):
        raise OperatorError(f"{email!r} is not an e-mail address.")
    if email in _emails(_file(path)):
        raise OperatorError(f"{path}: {email} is listed already.")


def add_account(path: Path, account: NewAccount) -> NewAccounts:
    """Makes the file if there is none. Blocks, as `load_accounts` does.

    Raises: AccountsFileError: nothing was changed.
    """
    add_accounts(path, [account])
    notes = (each.reason for each in load_accounts(path).unusable if each.email == account.email)
    return NewAccounts(path, (account,), tuple(notes))


def _file(path: Path) -> AccountsFile:
    """Empty if there is none. Raises: AccountsFileError."""
    try:
        return load_accounts(path)
    except AccountsFileMissingError:
        return AccountsFile(())


def _emails(file: AccountsFile) -> frozenset[str]:
    return frozenset(each.email for each in (*file.accounts, *file.unusable))


def _tokens(file: AccountsFile) -> Iterator[tuple[SecretStr, str]]:
    """Refresh tokens of users of Code Assist, who have one quota each, with their e-mails."""
    for account in file.accounts:
        match account.credential:
            case CodeAssistLicence(grant=RefreshGrant(refresh_token=token)):
                yield token, account.email
            case _:
                pass


# --- those of other programs -------------------------------------------------------------------------------


def import_accounts(
    path: Path,
    sources: Sequence[Path | str],
    *,
    oauth_client: str = "",
    email: str = "",
    project: str = "",
    is_rehearsal: bool = False,
) -> NewAccounts:
    """Of paths, and of texts that were in such files; `read_import` says the rest. Blocks.

    Raises: AccountsFileError, ImportFailedError: nothing was changed.
    """
    file = _file(path)
    listed = _emails(file)
    tokens = dict(_tokens(file))
    new: dict[str, NewAccount] = {}
    notes: list[str] = []
    for source in sources:
        imported = read_import(source, oauth_client=oauth_client or None, email=email, project=project)
        for account in imported.entries:
            if account.email in listed:
                notes.append(f"Not taken, since it is listed already: {account.email}.")
            elif account.email in new:
                notes.append(f"Taken once, though it is in two sources: {account.email}.")
            elif (token := account.refresh_token) is not None and token in tokens:
                notes.append(f"{same_token(tokens[token])}: {account.email}.")
            else:
                new[account.email] = account
                if token is not None:
                    tokens[token] = account.email
        notes.extend(imported.notes)
    if new and not is_rehearsal:
        add_accounts(path, tuple(new.values()))
    return NewAccounts(path, tuple(new.values()), tuple(dict.fromkeys(notes)), is_rehearsal)


def import_path(source: str) -> Path:
    """A program's name stands for where it keeps its login, anything else for itself."""
    return _LOGINS[source](environ) if source in _LOGINS else Path(source)


# --- by words that are kept in histories and logs ----------------------------------------------------------
#
# One of them may be a key, in whatever place: none is repeated unless it is known for what it should be.


def add_by_reference(path: Path, account: NewAccount, reference: str) -> NewAccounts:
    """`account` pays with what `reference` names: `env:NAME`, `keyring:SERVICE/USER`, a file of credentials, which counts
    from the accounts file, `gcloud`, `gemini-cli` or `machine`. Blocks, as `load_accounts` does.

    Raises: AccountsFileError, OperatorError: nothing was changed.
    """
    if not is_email(account.email):
        raise OperatorError("Nothing was added: what should be the e-mail address is none.")
    _expect_client(path, account.oauth_client)
    return add_account(path, _paying(account, reference, path.parent))


def _paying(account: NewAccount, reference: str, folder: Path) -> NewAccount:
    if is_reference(secret := SecretStr(reference)):
        is_token = account.kind is Upstream.CODE_ASSIST or (
            account.kind is Upstream.VERTEX and account.oauth_client
        )
        return replace(account, refresh_token=secret) if is_token else replace(account, api_key=secret)
    if reference in {*_LOGINS, MACHINE} or _is_there(folder / reference, Path.is_file):
        return replace(account, credentials=reference)
    raise OperatorError(
        "Nothing was added: what it pays with must be env:NAME, keyring:SERVICE/USER, gcloud, gemini-cli, machine, or a file "
        "of credentials that is there. A key itself does not belong here, where words are kept: if it was one, make a new one."
    )


def import_by_reference(
    path: Path, source: str, *, oauth_client: str = "", email: str = "", project: str = ""
) -> NewAccounts:
    """As `import_accounts` does, of one source that is there.

    Raises: AccountsFileError, ImportFailedError, OperatorError: nothing was changed.
    """
    if source not in _LOGINS and not _is_there(Path(source), Path.exists):
        raise OperatorError(
            "Nothing was imported: what to import must be gcloud, gemini-cli, or a file or folder that is there."
        )
    _expect_client(path, oauth_client)
    return import_accounts(
        path, [import_path(source)], oauth_client=oauth_client, email=email, project=project
    )


def _expect_client(path: Path, name: str) -> None:
    if name and name not in (known := oauth_clients_in(path)):
        raise OperatorError(
            f"{path}: lists no OAuth client of that name under oauth_clients ({', '.join(known) or 'none is listed'})."
        )


def _is_there(path: Path, found: Callable[[Path], bool]) -> bool:
    try:
        return found(path)
    except OSError:
        return False  # a token may be longer than any file's name
