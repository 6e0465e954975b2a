"""How the calls of each tool are written for a client of the Responses API.

To Gemini every tool is a function. The client offered it as one of several kinds, and takes a call of it only as an
item of that kind, under the name and namespace that it gave.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType


class Kind(StrEnum):
    """The type of tool, as the client offered it."""

    FUNCTION = "function"
    CUSTOM = "custom"
    """Takes text as it is, no JSON."""
    LOCAL_SHELL = "local_shell"
    SHELL = "shell"
    APPLY_PATCH = "apply_patch"


@dataclass(frozen=True, slots=True)
class CallForm:
    kind: Kind
    name: str
    """The client's."""
    namespace: str | None = None


@dataclass(frozen=True, slots=True)
class CallForms:
    """The forms of one request's tools, by the names that Gemini knows them by."""

    _forms: Mapping[str, CallForm] = field(default_factory=lambda: MappingProxyType({}))

    def of(self, name: str) -> CallForm:
        """A tool that nobody offered is a function."""
        return self._forms.get(name) or CallForm(Kind.FUNCTION, name)
