"""`antigravity accounts add` and `import`: where secrets and texts come from, and what is said in the end."""

import getpass
import sys

from pydantic import SecretStr

from antigravity_addon.accounts.account import Upstream
from antigravity_addon.accounts.edit import NewAccount
from antigravity_addon.accounts.secrets import is_reference, malformed
from antigravity_addon.gateway import new_accounts
from antigravity_addon.gateway.operator import OperatorError
from antigravity_addon.gateway.operator_words import added_lines, imported_lines

from .answer import Answer, Scene
from .commands import AddAccount, ImportAccounts, SecretFrom
from .documents import Taken
from .keyring_writing import put_into_keyring


def add_account(command: AddAccount, scene: Scene) -> Answer:
    """Raises: AccountsFileError. OperatorError: no secret came, or the keyring does not take it."""
    path = scene.places.accounts
    # before somebody is asked for a secret
    new_accounts.expect_new(path, command.email)
    account = NewAccount(
        command.email,
        Upstream(command.kind),
        api_key=_secret(command.key_from, "API key"),
        refresh_token=_secret(command.token_from, "refresh token"),
        credentials=command.credentials,
        oauth_client=command.oauth_client,
        project=command.project,
        location=command.location,
        weight=command.weight,
        max_concurrent=command.max_concurrent,
        base_url=command.base_url,
    )
    added = new_accounts.add_account(path, account)
    return Answer(Taken.of(added), tuple(added_lines(added)))


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
    try:
        line = getpass.getpass(f"The {what}: ") if sys.stdin.isatty() else sys.stdin.readline()
    except EOFError:
        line = ""
    except UnicodeDecodeError:
        raise OperatorError(f"What came on standard input is no {what}: it is not UTF-8.") from None
    secret = SecretStr(line.strip())
    if not secret.get_secret_value():
        raise OperatorError(f"No {what} came on standard input.")
    if is_reference(secret):
        raise OperatorError(f"What came on standard input is not the {what} itself, but says where one is.")
    if (fault := malformed(secret)) is not None:
        raise OperatorError(f"The {what} on standard input {fault}.")
    return secret


def _read_all() -> str:
    try:
        return sys.stdin.read()
    except UnicodeDecodeError:
        raise OperatorError("What came on standard input is not UTF-8.") from None


def import_accounts(command: ImportAccounts, scene: Scene) -> Answer:
    """Raises: AccountsFileError, ImportFailedError: nothing was written."""
    imported = new_accounts.import_accounts(
        scene.places.accounts,
        [_read_all() if word == "-" else new_accounts.import_path(word) for word in command.sources],
        oauth_client=command.oauth_client,
        email=command.email,
        project=command.project,
        is_rehearsal=command.is_rehearsal,
    )
    return Answer(Taken.of(imported), tuple(imported_lines(imported)))
