"""What is asked for -> what is printed."""

import os
import sys
from collections.abc import Callable
from io import TextIOWrapper
from pathlib import Path
from typing import TextIO, assert_never

from antigravity_addon.accounts.file import AccountsFileError
from antigravity_addon.accounts.importing import ImportFailedError
from antigravity_addon.gateway.client_keys import ClientKeysFileError
from antigravity_addon.gateway.operator import OperatorError
from antigravity_addon.state.memory import StateError

from . import accounts, client, keys, new_accounts, usage
from .answer import Answer, Scene
from .commands import (
    AccountsCommand,
    AddAccount,
    AddKey,
    Arguments,
    CheckAccounts,
    DisableAccounts,
    EnableAccounts,
    Examine,
    ImportAccounts,
    KeysCommand,
    ListAccounts,
    ListClients,
    ListKeys,
    LocatedCommand,
    RemoveKey,
    ResetAccounts,
    SetFields,
    ShowClient,
    ShowUsage,
    VerifyRecording,
)
from .places import PlacesError, find_places
from .verify import VerifyError, verify_recording

_EXPECTED = (
    AccountsFileError,
    ClientKeysFileError,
    ImportFailedError,
    OperatorError,
    PlacesError,
    StateError,
    VerifyError,
)


def run(arguments: Arguments, *, unix_time: Callable[[], float]) -> int:
    """Prints, and gives the exit code; a reader that has gone away is one more thing that cannot be done."""
    _print_every_letter(sys.stdout)
    try:
        answer = _answer(arguments, unix_time)
    except _EXPECTED as error:
        sys.stderr.write(f"{error}\n")
        return 2
    for warning in answer.warnings:
        sys.stderr.write(f"{warning}\n")
    text = answer.document.text() if arguments.json else "\n".join(answer.lines)
    try:
        sys.stdout.write(f"{text}\n")
        sys.stdout.flush()
    except BrokenPipeError:
        # what is not written yet would be tried again, and told, when the interpreter ends
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 2
    return answer.exit_code


def _print_every_letter(stream: TextIO) -> None:
    """In some way, even where the terminal has none for it."""
    if isinstance(stream, TextIOWrapper):
        stream.reconfigure(errors="backslashreplace")


def _answer(arguments: Arguments, unix_time: Callable[[], float]) -> Answer:
    folder = Path()
    match arguments.command:
        case Examine() as command:
            # half a second of clients for HTTP
            from .doctor.doctor import examine  # noqa: PLC0415

            return examine(command, arguments, folder=folder, unix_time=unix_time)
        case VerifyRecording() as command:
            return verify_recording(command)
        case command:
            places = find_places(arguments.places, folder=folder)
            return _of_located(command, Scene(places, arguments.json, unix_time))


def _of_located(command: LocatedCommand, scene: Scene) -> Answer:
    match command:
        case ShowUsage():
            return usage.show_usage(command, scene)
        case ListKeys() | AddKey() | RemoveKey():
            return _of_keys(command, scene)
        case ListClients():
            return client.list_clients()
        case ShowClient():
            return client.show_client(command, scene)
        case _:
            return _of_accounts(command, scene)


def _of_accounts(command: AccountsCommand, scene: Scene) -> Answer:
    match command:
        case ListAccounts():
            return accounts.list_accounts(scene)
        case AddAccount():
            return new_accounts.add_account(command, scene)
        case SetFields():
            return accounts.set_fields(command, scene)
        case CheckAccounts():
            return accounts.check_accounts(command, scene)
        case ImportAccounts():
            return new_accounts.import_accounts(command, scene)
        case DisableAccounts() | EnableAccounts() | ResetAccounts():
            return accounts.order_accounts(command, scene)
        case _:
            assert_never(command)


def _of_keys(command: KeysCommand, scene: Scene) -> Answer:
    match command:
        case ListKeys():
            return keys.list_keys(scene)
        case AddKey():
            return keys.add_client_key(command, scene)
        case RemoveKey():
            return keys.remove_client_key(command, scene)
        case _:
            assert_never(command)
