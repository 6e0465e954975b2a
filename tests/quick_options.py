"""Options of mitmproxy (12.2.3) that cost a gateway's start in a test half as much.

Mitmproxy configures every addon anew for each of some two hundred options that are declared, none of which they know
yet, and copies all of them before each change, their help unfolded again.
"""

from collections.abc import Sequence
from typing import Any

from mitmproxy import options
from mitmproxy.optmanager import _Option


class QuickOptions(options.Options):
    def add_option(
        self,
        name: str,
        typespec: type | object,
        default: Any,
        help: str,  # noqa: A002  mitmproxy's name
        choices: Sequence[str] | None = None,
    ) -> None:
        self._options[name] = _QuickOption(name, typespec, default, help, choices)


class _QuickOption(_Option):
    """What it holds is not changed but replaced, and nobody gets more than a copy: a copy may share it."""

    __slots__ = ()

    def __deepcopy__(self, _: object) -> "_QuickOption":
        copy = object.__new__(_QuickOption)
        for name in _Option.__slots__:
            setattr(copy, name, getattr(self, name))
        return copy
