"""What happened in one exchange, for people: the flow's comment, the log line, the flow's metadata."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from antigravity_addon.translate.events import Usage


@dataclass(frozen=True, slots=True)
class AttemptRecord:
    account: str
    """E-mail."""
    upstream: str
    """Its kind."""
    seconds: float
    """From leasing the account to the attempt's end."""
    failure: str = ""
    """Empty if it served the client."""
    first_token_seconds: float | None = None
    """From leasing the account to the first event of the turn."""
    usage: Usage | None = None


@dataclass(slots=True)
class Trace:
    """Filled by the exchange as it goes; read by the shell when it is over."""

    clock: Callable[[], float] = time.monotonic
    started: float = 0.0
    """Time by `clock` at which the request arrived; now, unless given."""
    model_asked: str = ""
    model: str = ""
    """The Gemini model."""
    attempts: list[AttemptRecord] = field(default_factory=list[AttemptRecord])
    account: str = ""
    """E-mail of the account that serves, or tried last."""
    usage: Usage | None = None
    status: int = 0
    """HTTP status given to the client; 0 before that."""
    error: str = ""
    """Why the client did not get a whole answer."""
    first_token_seconds: float | None = None
    waited_seconds: float = 0.0
    """For an account, and between attempts."""
    remedies: list[str] = field(default_factory=list[str])
    """What was left out of the request for a second try, since the upstream refused it."""

    def __post_init__(self) -> None:
        self.started = self.started or self.clock()

    @property
    def seconds(self) -> float:
        """Since the request's arrival."""
        return self.clock() - self.started

    def heard_from_model(self) -> None:
        if self.first_token_seconds is None:
            self.first_token_seconds = self.seconds

    def add_usage(self, usage: Usage) -> None:
        """Of one turn; an answer with several choices has several."""
        self.usage = (self.usage or Usage()) + usage

    def summary(self) -> str:
        """`gemini-2.5-flash · ana@… · 2 attempts · 0.8 s · 812/94 tok`."""
        return " · ".join(part for part in self._parts() if part)

    def _parts(self) -> Sequence[str]:
        count = len(self.attempts)
        usage = self.usage
        return (
            self.model or self.model_asked,
            f"{self.account.partition('@')[0]}@…" if self.account else "",
            f"{count} attempt{'' if count == 1 else 's'}" if count else "",
            f"{self.seconds:.1f} s",
            f"waited {self.waited_seconds:.1f} s" if self.waited_seconds >= 0.05 else "",
            f"{usage.input_tokens}/{usage.output_tokens} tok" if usage else "",
            self.error,
        )

    def to_metadata(self) -> dict[str, object]:
        """Plain data: mitmproxy saves a flow's metadata only if it is."""
        return {
            "model_asked": self.model_asked,
            "model": self.model,
            "account": self.account,
            "attempts": [
                {
                    "account": a.account,
                    "upstream": a.upstream,
                    "seconds": round(a.seconds, 3),
                    "failure": a.failure,
                }
                for a in self.attempts
            ],
            "remedies": list(self.remedies),
            "status": self.status,
            "error": self.error,
            "seconds": round(self.seconds, 3),
            "waited_seconds": round(self.waited_seconds, 3),
            "first_token_seconds": None
            if self.first_token_seconds is None
            else round(self.first_token_seconds, 3),
            "input_tokens": self.usage.input_tokens if self.usage else None,
            "cached_tokens": self.usage.cached_tokens if self.usage else None,
            "output_tokens": self.usage.output_tokens if self.usage else None,
            "reasoning_tokens": self.usage.reasoning_tokens if self.usage else None,
        }
