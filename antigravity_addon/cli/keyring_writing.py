"""Secrets that are put into the system's keyring."""

from pydantic import SecretStr

from antigravity_addon.gateway.operator import OperatorError


def put_into_keyring(service: str, user: str, secret: SecretStr) -> None:
    """In place of what was there. Blocks, for as long as the system asks somebody to unlock it.

    Raises: OperatorError: there is no keyring, or it does not take it.
    """
    # a quarter of a second that most need not wait
    import keyring  # noqa: PLC0415
    from keyring.errors import KeyringError, NoKeyringError  # noqa: PLC0415

    try:
        keyring.set_password(service, user, secret.get_secret_value())
    except NoKeyringError:
        raise OperatorError(
            "This machine has no keyring: use --api-key-env or --refresh-token-env instead."
        ) from None
    except KeyringError as error:
        raise OperatorError(f"The keyring does not take it ({type(error).__name__}).") from None
