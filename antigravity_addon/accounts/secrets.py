"""Where a secret of the accounts file is: in the file, in an environment variable, or in the system's keyring.

`env:NAME` and `keyring:SERVICE/USER` stand for one; anything else is the secret itself.
"""

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from pydantic import SecretStr

_ENVIRONMENT = "env:"
_KEYRING = "keyring:"
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class SecretError(ValueError):
    """A secret cannot be had; the message says where it was looked for."""


type Keyring = Callable[[str, str], str | None]
"""(service, user) -> the secret; `None` if there is no such entry. Raises: SecretError."""


def system_keyring(service: str, user: str) -> str | None:
    """Blocks, for as long as the system asks somebody to unlock it. See `Keyring`."""
    # a quarter of a second that most need not wait
    import keyring  # noqa: PLC0415
    from keyring.errors import KeyringError, NoKeyringError  # noqa: PLC0415

    try:
        return keyring.get_password(service, user)
    except NoKeyringError:
        raise SecretError(
            f"{_KEYRING}{service}/{user}: this machine has no keyring. Use env:NAME instead."
        ) from None
    except KeyringError as error:
        raise SecretError(
            f"{_KEYRING}{service}/{user}: the keyring cannot be read ({type(error).__name__})."
        ) from None


@dataclass(frozen=True, slots=True)
class SecretSources:
    """What references are looked up in."""

    environ: Mapping[str, str] = field(repr=False)
    keyring: Keyring = system_keyring

    def reveal(self, secret: SecretStr) -> SecretStr:
        """The secret that `secret` is or refers to. `malformed` has nothing against it.

        Raises: SecretError: it is not where it should be, or has characters that no secret of Google's has.
        """
        text = secret.get_secret_value()
        if text.startswith(_ENVIRONMENT):
            found = self.environ.get(text.removeprefix(_ENVIRONMENT))
            missing = f"{text}: the environment variable is not set."
        elif text.startswith(_KEYRING):
            service, _, user = text.removeprefix(_KEYRING).rpartition("/")
            found = self.keyring(service, user)
            missing = f"{text}: the keyring has no such entry. Make it: keyring set {service} {user}"
        else:
            return secret
        if not found:
            raise SecretError(missing)
        if not _can_be_sent(found):
            raise SecretError(f"{text}: what is there has spaces or odd characters.")
        return SecretStr(found)


def operator_secrets() -> SecretSources:
    """What the operator's own environment and keyring hold."""
    return SecretSources(os.environ)


def is_reference(secret: SecretStr) -> bool:
    """True if the secret itself is elsewhere."""
    return secret.get_secret_value().startswith((_ENVIRONMENT, _KEYRING))


def malformed(secret: SecretStr) -> str | None:
    """What speaks against a secret as it is written, wherever it is; ends without a full stop."""
    text = secret.get_secret_value()
    if text.startswith(_ENVIRONMENT):
        if not _VARIABLE.fullmatch(text.removeprefix(_ENVIRONMENT)):
            return "must be env:NAME, where NAME has letters, digits and underscores"
    elif text.startswith(_KEYRING):
        service, _, user = text.removeprefix(_KEYRING).rpartition("/")
        if not (service and user and text.isprintable()):
            return "must be keyring:SERVICE/USER"
    elif not _can_be_sent(text):
        return "has spaces or odd characters"
    return None


def _can_be_sent(secret: str) -> bool:
    return secret.isascii() and secret.isprintable() and " " not in secret
