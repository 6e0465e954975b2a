"""A word of the command line -> its value.

All raise ArgumentTypeError, which says what the word must be and never shows it: it may be a secret in the wrong place. What
stands elsewhere too, as kinds of accounts do, is written again here, since to import it takes longer than `--help`.
"""

import re
from argparse import ArgumentTypeError
from collections.abc import Callable, Mapping
from datetime import date, datetime

from .commands import FieldValue

KINDS = ("gemini", "vertex", "code_assist")
DIMENSIONS = ("day", "account", "model", "client")
_LONGEST_SPAN = 400
"""Days; a store keeps no more."""
_LEAST_WEIGHT, _MOST_WEIGHT = 0.001, 100
_KEY_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_REFERENCE = re.compile(r"[^/\s][^\s]*/[^\s/]+")
_SECRET_ELSEWHERE = re.compile(rf"env:[A-Za-z_][A-Za-z0-9_]*|keyring:{_REFERENCE.pattern}")
_TARGET = re.compile(r"https?://[^/@?#\s]+/?")
_GATEWAY = re.compile(r"https?://[A-Za-z0-9._\[\]:-]+(?:/[A-Za-z0-9._~/-]*)?")
_MODEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+@:/-]{0,127}")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ArgumentTypeError("must be a date such as 2026-11-01.") from None


def expiry(text: str) -> date | datetime:
    try:
        return date.fromisoformat(text) if "T" not in text else datetime.fromisoformat(text)
    except ValueError:
        raise ArgumentTypeError(
            "must be a date such as 2027-01-31, or a moment such as 2027-01-31T18:00:00Z."
        ) from None


def dimensions(text: str) -> tuple[str, ...]:
    wanted = names(text)
    for name in wanted:
        if name not in DIMENSIONS:
            raise ArgumentTypeError(f"can only name {', '.join(DIMENSIONS)}, with commas between.")
    return tuple(dict.fromkeys(wanted))


def field(text: str) -> tuple[str, FieldValue]:
    name, equals, value = text.partition("=")
    if not equals or name not in FIELDS:
        raise ArgumentTypeError(f"must be FIELD=VALUE, where FIELD is one of {', '.join(FIELDS)}.")
    try:
        return name, FIELDS[name](value) if value else None
    except ArgumentTypeError as error:
        raise ArgumentTypeError(f"{name} {error}") from None


def kind(text: str) -> str:
    if text in KINDS:
        return text
    raise ArgumentTypeError(f"must be one of {', '.join(KINDS)}.")


def reference(text: str) -> str:
    if _SECRET_ELSEWHERE.fullmatch(text):
        return text
    raise ArgumentTypeError(
        "must be env:NAME or keyring:SERVICE/USER. The secret itself is never an argument."
    )


def truth(text: str) -> bool:
    if text in {"true", "false"}:
        return text == "true"
    raise ArgumentTypeError("must be true or false.")


def names(text: str) -> tuple[str, ...]:
    if found := tuple(name for part in text.split(",") if (name := part.strip())):
        return found
    raise ArgumentTypeError("names nothing.")


def weight(text: str) -> float:
    try:
        if _LEAST_WEIGHT <= (number := float(text)) <= _MOST_WEIGHT:
            return number
    except ValueError:
        pass
    raise ArgumentTypeError(f"must be a number from {_LEAST_WEIGHT} to {_MOST_WEIGHT}.")


def limit(text: str) -> int:
    return _whole(text, least=1, most=10**15)


def days(text: str) -> int:
    return _whole(text, least=1, most=_LONGEST_SPAN)


def _whole(text: str, *, least: int, most: int) -> int:
    if text.isascii() and text.isdecimal() and len(text) <= 16 and least <= int(text) <= most:
        return int(text)
    raise ArgumentTypeError(f"must be a whole number from {least} to {most}.")


def seconds(text: str) -> float:
    return float(_whole(text, least=1, most=600))


def key_name(text: str) -> str:
    if _KEY_NAME.fullmatch(text) and text != "default":
        return text
    raise ArgumentTypeError(
        "must be made of a to z, 0 to 9, dots, dashes and underscores, and not be 'default', which is gateway_api_key's."
    )


def keyring_entry(text: str) -> str:
    if text.isprintable() and _REFERENCE.fullmatch(text):
        return text
    raise ArgumentTypeError("must be SERVICE/USER.")


def target(text: str) -> str:
    if _TARGET.fullmatch(text):
        return text.removesuffix("/")
    raise ArgumentTypeError("must be https://HOST or https://HOST:PORT, without a path.")


def gateway(text: str) -> str:
    if _GATEWAY.fullmatch(text):
        return text.rstrip("/").removesuffix("/v1")
    raise ArgumentTypeError("must be http://HOST:PORT, or https.")


def model(text: str) -> str:
    if _MODEL.fullmatch(text):
        return text
    raise ArgumentTypeError("must be the name of a model, such as gemini-3.8-flash.")


def variable(text: str) -> str:
    if _VARIABLE.fullmatch(text):
        return text
    raise ArgumentTypeError(
        "must be the name of an environment variable. The key itself is never an argument."
    )


FIELDS: Mapping[str, Callable[[str], str | float | bool]] = {
    "kind": kind,
    "api_key": reference,
    "credentials": str,
    "refresh_token": reference,
    "oauth_client": str,
    "token_uri": str,
    "project": str,
    "location": str,
    "weight": weight,
    "max_concurrent": limit,
    "base_url": str,
    "disabled": truth,
}
"""Of an account in the accounts file."""
