"""`gateway_api_key`, taken out of the option that it was given in.

mitmweb shows every option to whoever sees its page, and mitmproxy saves them all to a file if it is asked to. So once the
key is known, the option says no more than that there is one.
"""

import logging
import os
import sys
from pathlib import Path
from weakref import WeakKeyDictionary

from mitmproxy import ctx
from mitmproxy.master import Master
from pydantic import SecretStr

from antigravity_addon.accounts.credential_files import readable_by_others
from antigravity_addon.gateway.settings import SettingsError

logger = logging.getLogger(__name__)

OPTION = "gateway_api_key"
VARIABLE = "GATEWAY_API_KEY"
SHOWN = "[set]"
"""What the option says in place of the key."""

# Not in the addon, which mitmproxy makes anew when addon.py is saved.
_taken: WeakKeyDictionary[Master, SecretStr] = WeakKeyDictionary()


def operators_key() -> str:
    """The key as it is to take effect; empty if there is none.

    Raises: SettingsError: the option says that there is one, and nobody has told which.
    """
    given: str = ctx.options.gateway_api_key
    if given == SHOWN:
        if (taken := _taken.get(ctx.master)) is None:
            raise SettingsError(
                f"{OPTION} cannot be {SHOWN!r}, which is what is shown and saved in place of a key: say the key, or put "
                f"it into the environment variable {VARIABLE}."
            )
        return taken.get_secret_value()
    return given or os.environ.get(VARIABLE, "")


def conceal() -> None:
    """Once the option's value has been found good."""
    given: str = ctx.options.gateway_api_key
    if given == SHOWN:
        return
    if given:
        _taken[ctx.master] = SecretStr(given)
        # past mitmproxy's signal: to everybody who is told of the change, it is one
        ctx.options._options[OPTION].set(SHOWN)  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
    else:
        _taken.pop(ctx.master, None)


def say_where_others_see_it(config_file: Path, *, is_in_file: bool) -> None:
    """At a start, while it can still be seen where the key is from."""
    if any(word.removeprefix("--set=").startswith(f"{OPTION}=") for word in sys.argv):
        logger.warning(
            "%s stands on the command line, which other users of this machine can see: set %s instead.",
            OPTION,
            VARIABLE,
        )
    if is_in_file and readable_by_others(config_file):
        logger.warning(
            "%s holds %s and can be read by other users of this machine: chmod 600 it.", config_file, OPTION
        )
