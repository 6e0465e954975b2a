"""mitmproxy's commands that ask again: `gateway.replay @focus --model gemini-2.5-pro`."""

import logging
from collections.abc import Callable, Iterator, Sequence

from mitmproxy import command, flow, http, types
from mitmproxy.exceptions import CommandError

from antigravity_addon.errors import GatewayError
from antigravity_addon.gateway.edited_request import EditError
from antigravity_addon.gateway.tasks import spawn

from . import listener
from .attempts import is_attempt
from .compose import Runtime
from .replay import AS_IT_WAS, Changes, Replays, is_askable

logger = logging.getLogger(__name__)

_MOST_TIMES = 20
"""A slip of the finger should not cost a day's quota."""
_FLAGS = ("--model", "--account", "--prompt", "--times")


class ReplayCommands:
    """An addon of its own, beside the hooks."""

    name = "gateway_replay_commands"

    def __init__(self, runtime: Callable[[], Runtime | None], replays: Replays) -> None:
        """`runtime` gives that of the day; `None` while there is none."""
        self._runtime_of_the_day = runtime
        self._replays = replays

    @command.command("gateway.replay")
    def replay(self, flows: Sequence[flow.Flow], *words: str) -> None:
        """Ask again what these flows have asked, each as a new flow beside the first. For a client's request: --model
        NAME on another model, --account EMAIL paid by this account and no other, --prompt TEXT with another text in
        its last user message. --times N: so often, one after the other. An attempt is sent as it is, with a new token."""
        changes, times = parse_words(words)
        self._begin(flows, changes, times)

    @command.command("gateway.replay.model")
    @command.argument("model", type=types.Choice("gateway.replay.models"))
    def replay_on_model(self, flows: Sequence[flow.Flow], model: str) -> None:
        """gateway.replay --model, which completes the names that are known."""
        self._begin(flows, Changes(model=model), 1)

    @command.command("gateway.replay.account")
    @command.argument("account", type=types.Choice("gateway.accounts.emails"))
    def replay_on_account(self, flows: Sequence[flow.Flow], account: str) -> None:
        """gateway.replay --account, which completes the accounts' e-mail addresses."""
        self._begin(flows, Changes(account=account), 1)

    @command.command("gateway.replay.models")
    def models(self) -> Sequence[str]:
        """Names of models that clients may ask for; none while no gateway runs, since completion asks as people type."""
        runtime = self._runtime_of_the_day()
        return [] if runtime is None else list(runtime.gateway_for(listener.main_mode()).model_names)

    def _begin(self, flows: Sequence[flow.Flow], changes: Changes, times: int) -> None:
        """All or none. Raises: CommandError."""
        if self._runtime_of_the_day() is None:
            raise CommandError("The gateway does not run; the log says why.")
        if not flows:
            raise CommandError("There is no such flow.")
        if changes.account:
            self._check_account(changes.account)
        firsts = [_askable(each, changes) for each in flows]
        try:
            again = [self._replays.beside(first, changes) for first in firsts for _ in range(times)]
        except (GatewayError, EditError) as error:
            raise CommandError(str(error)) from None
        spawn(self._play(again), name="replay flows")

    def _check_account(self, email: str) -> None:
        runtime = self._runtime_of_the_day()
        assert runtime is not None  # noqa: S101  the caller has looked
        emails = runtime.operator.emails
        if email not in emails:
            raise CommandError(f"{email!r} is none of the accounts: {', '.join(emails)}.")

    async def _play(self, flows: Sequence[http.HTTPFlow]) -> None:
        """One after the other: asked at once, they would stand in each other's way."""
        for each in flows:
            await self._replays.play(each)


def _askable(first: flow.Flow, changes: Changes) -> http.HTTPFlow:
    """Raises: CommandError."""
    if not is_askable(first) or not isinstance(first, http.HTTPFlow):
        raise CommandError(
            "Only requests of the gateway's clients, and its own upstream requests, can be replayed."
        )
    if is_attempt(first) and changes != AS_IT_WAS:
        raise CommandError(
            "An upstream request is sent as it is, by its account. Edit the flow and press Replay, or replay the "
            "client's flow with --model, --account or --prompt."
        )
    return first


def parse_words(words: Sequence[str]) -> tuple[Changes, int]:
    """What is to change, and how often to ask. Raises: CommandError: a word has no meaning, or no value."""
    values: dict[str, str] = {}
    for flag, value in _pairs(iter(words)):
        if flag in values:
            raise CommandError(f"{flag} stands there twice.")
        values[flag] = value
    changes = Changes(values.get("--model", ""), values.get("--account", ""), values.get("--prompt"))
    return changes, _times(values.get("--times", "1"))


def _pairs(words: Iterator[str]) -> Iterator[tuple[str, str]]:
    for flag in words:
        if flag not in _FLAGS:
            known = "--model NAME, --account EMAIL, --prompt TEXT and --times N"
            raise CommandError(f"{flag!r} means nothing here: behind the flows there can be {known}.")
        value = next(words, "")
        if not value or value in _FLAGS:
            raise CommandError(f"{flag} needs a value behind it; quote one of several words.")
        yield flag, value


def _times(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= _MOST_TIMES:
        raise CommandError(f"--times takes a number from 1 to {_MOST_TIMES}, not {text!r}.")
    return int(text)
