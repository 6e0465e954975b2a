"""What is asked for -> what is printed."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import assert_never

from antigravity_addon.accounts.file import AccountsFileError
from antigravity_addon.accounts.importing import ImportFailedError
from antigravity_addon.gateway.client_keys import ClientKeysFileError
from antigravity_addon.gateway.operator import OperatorError
from antigravity_addon.state.memory import StateError

from . import accounts, keys, new_accounts, usage
from .answer import Answer, Scene
from .arguments import (
    AddAccount,
    AddKey,
    Arguments,
    CheckAccounts,
    Command,
    DisableAccounts,
    EnableAccounts,
    ImportAccounts,
    ListAccounts,
    ListKeys,
    RemoveKey,
    ResetAccounts,
    ShowUsage,
)
from .places import PlacesError, find_places

_EXPECTED = (
    AccountsFileError,
    ClientKeysFileError,
    ImportFailedError,
    OperatorError,
    PlacesError,
    StateError,
)


def run(arguments: Arguments, *, unix_time: Callable[[], float]) -> int:
    """Prints, and gives the exit code."""
    try:
        places = find_places(arguments.places, folder=Path())
        answer = _answer(arguments.command, Scene(places, arguments.json, unix_time))
    except _EXPECTED as error:
        sys.stderr.write(f"{error}\n")
        return 2
    for warning in answer.warnings:
        sys.stderr.write(f"{warning}\n")
    text = answer.document.text() if arguments.json else "\n".join(answer.lines)
    sys.stdout.write(f"{text}\n")
    return answer.exit_code


def _answer(command: Command, scene: Scene) -> Answer:
    match command:
        case ListAccounts():
            return accounts.list_accounts(scene)
        case AddAccount():
            return new_accounts.add_account(command, scene)
        case CheckAccounts():
            return accounts.check_accounts(command, scene)
        case ImportAccounts():
            return new_accounts.import_accounts(command, scene)
        case DisableAccounts() | EnableAccounts() | ResetAccounts():
            return accounts.order_accounts(command, scene)
        case ShowUsage():
            return usage.show_usage(command, scene)
        case ListKeys():
            return keys.list_keys(scene)
        case AddKey():
            return keys.add_client_key(command, scene)
        case RemoveKey():
            return keys.remove_client_key(command, scene)
        case _:
            assert_never(command)
