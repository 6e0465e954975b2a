"""Which conversation is with which account, whose cache of prompts knows it."""

from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace

from antigravity_addon.state.pool_store import KeptBinding

BINDING_SECONDS = 3600.0
"""After its last answer a conversation is bound for as long. Gemini's cache of prompts forgets sooner."""
MOST_BINDINGS = 20_000
_NOTED_SECONDS = 600.0
"""A binding that is used again is kept again after so long, and not each time."""


@dataclass(slots=True)
class Bindings:
    """State: the bindings, and which of them changed since they were last taken to be kept."""

    clock: Callable[[], float]
    _bindings: OrderedDict[str, KeptBinding] = field(default_factory=OrderedDict[str, KeptBinding])
    """By a conversation's name, longest unused first; times by `clock`."""
    _changed: set[str] = field(default_factory=set[str])

    def account_of(self, conversation: Iterable[str]) -> str | None:
        """E-mail. The names of the conversation, the one to trust most first."""
        now = self.clock()
        for name in conversation:
            binding = self._bindings.get(name)
            if binding is not None and now - binding.used < BINDING_SECONDS:
                return binding.account
        return None

    def counted(self) -> Counter[str]:
        """How many each account has, by e-mail."""
        return Counter(binding.account for binding in self._bindings.values())

    def bind(self, name: str, account: str) -> None:
        """From now on."""
        now = self.clock()
        known = self._bindings.pop(name, None)
        if known is not None and known.account == account and now - known.used < _NOTED_SECONDS:
            # as it was kept; the time is only approximately that of the last use
            self._bindings[name] = known
            return
        self._bindings[name] = KeptBinding(account, now)
        self._changed.add(name)
        while len(self._bindings) > MOST_BINDINGS:
            self._bindings.popitem(last=False)

    # --- keeping ----------------------------------------------------------------------------------------

    def restore(self, kept: Mapping[str, KeptBinding], *, unix_now: float) -> None:
        """What is known already counts."""
        now = self.clock()
        earlier = OrderedDict(
            (name, replace(binding, used=now - max(unix_now - binding.used, 0.0)))
            for name, binding in sorted(kept.items(), key=lambda item: item[1].used)
        )
        self._bindings = earlier | self._bindings

    def take_changes(self, *, unix_now: float) -> Mapping[str, KeptBinding]:
        to_unix = unix_now - self.clock()
        changed, self._changed = self._changed, set()
        return {
            name: replace(binding, used=binding.used + to_unix)
            for name in changed
            if (binding := self._bindings.get(name)) is not None
        }

    def mark_changed(self, names: Iterable[str]) -> None:
        """They were taken, but could not be kept."""
        self._changed.update(names)
