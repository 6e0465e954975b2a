"""`antigravity keys`: client keys, which are shown once and kept as hashes."""

from datetime import date, datetime

from antigravity_addon.gateway.client_keys import (
    ClientKey,
    add_key,
    end_of,
    hash_key,
    new_key,
    read_client_keys,
    remove_key,
)
from antigravity_addon.gateway.operator import OperatorError
from antigravity_addon.gateway.operator_words import table

from .answer import Answer, Scene
from .commands import AddKey, RemoveKey
from .documents import KeyEntry, KeyList, NewKey, RemovedKey


def list_keys(scene: Scene) -> Answer:
    """Raises: ClientKeysFileError."""
    path = scene.places.keys
    keys = read_client_keys(path)
    entries = tuple(KeyEntry.of(key, now=scene.unix_time()) for key in keys)
    heads = ("NAME", "STATE", "EXPIRES", "A MINUTE", "A DAY", "TOKENS A DAY", "METRICS", "MODELS")
    rows = [_row(entry) for entry in entries]
    lines = tuple(table(heads, rows, right=frozenset({"A MINUTE", "A DAY", "TOKENS A DAY"})))
    return Answer(
        KeyList(file=str(path), keys=entries),
        lines if rows else (f"There are no client keys in {path}.",),
        _not_configured(scene),
    )


def _row(key: KeyEntry) -> tuple[str, ...]:
    state = "disabled" if key.disabled else "over" if key.is_over else "valid"
    counts = (key.requests_per_minute, key.requests_per_day, key.tokens_per_day)
    return (
        key.name,
        state,
        _until(key.expires),
        *("-" if count is None else f"{count:,}" for count in counts),
        "yes" if key.metrics else "no",
        ", ".join(key.models) or "all",
    )


def _until(expires: str | None) -> str:
    """`2027-02-01T00:00:00+00:00` -> `2027-02-01 00:00 UTC`."""
    return "-" if expires is None else f"{expires[:16].replace('T', ' ')} UTC"


def add_client_key(command: AddKey, scene: Scene) -> Answer:
    """The key itself is all that goes to standard output. Raises: ClientKeysFileError. OperatorError: it would be over."""
    path = scene.places.keys
    expires = None if command.expires is None else _end(command.expires)
    if expires is not None and expires.timestamp() <= scene.unix_time():
        raise OperatorError(f"--expires {command.expires} is over already.")
    key = new_key()
    add_key(
        path,
        ClientKey(
            command.name,
            hash_key(key),
            expires=expires,
            models=command.models,
            requests_per_minute=command.requests_per_minute,
            requests_per_day=command.requests_per_day,
            tokens_per_day=command.tokens_per_day,
            metrics=command.metrics,
        ),
    )
    told = f"This is {command.name}'s key. It is shown this once: {path} has its hash only."
    return Answer(NewKey(file=str(path), name=command.name, key=key), (key,), (told, *_not_configured(scene)))


def _end(expires: date | datetime) -> datetime:
    try:
        return end_of(expires)
    except ValueError as error:
        raise OperatorError(f"--expires {expires} {error}.") from None


def remove_client_key(command: RemoveKey, scene: Scene) -> Answer:
    """Raises: ClientKeysFileError."""
    path = scene.places.keys
    remove_key(path, command.name)
    return Answer(
        RemovedKey(file=str(path), removed=command.name),
        (f"{command.name} was taken out of {path}, and is not let in any more.",),
        _not_configured(scene),
    )


def _not_configured(scene: Scene) -> tuple[str, ...]:
    if scene.places.keys_are_configured:
        return ()
    return (f"Gateways read the file only if they are told to: gateway_client_keys: {scene.places.keys}",)
