"""Recorded exchanges, answered again with no network: the upstream's bytes as they came, through today's translation.

A request finds its recording by what the client sent, or else by what would be asked of the model, which is the same for
clients that put new ids and dates around the same question; or else by what it is but for parts that are to be ignored.
What was recorded more than once is answered in turn, round and round. Ids and times of the answer are those of the
recording, so that it is the same to the last byte.
"""

import asyncio
import hashlib
import json
import re
from base64 import b64decode
from collections import defaultdict
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from itertools import cycle

from pydantic import SecretStr
from pydantic_core import from_json

from antigravity_addon.accounts.account import (
    Account,
    ApiKey,
    CodeAssistLicence,
    ExpressKey,
    GoogleAuthGrant,
)
from antigravity_addon.accounts.account import (
    Upstream as Kind,
)
from antigravity_addon.accounts.policy import Strategy
from antigravity_addon.accounts.pool import AccountPool
from antigravity_addon.errors import (
    GatewayError,
    NotRecorded,
    StreamTruncated,
    UpstreamTimeout,
    UpstreamUnreachable,
)
from antigravity_addon.state.memory import Memory
from antigravity_addon.upstream.endpoint import Authorization, UpstreamRequest
from antigravity_addon.upstream.endpoints import Endpoints
from antigravity_addon.upstream.remedies import Lessons
from antigravity_addon.upstream.transport import UpstreamResponse
from antigravity_addon.upstream.web_media import Fetched, Kinds
from antigravity_addon.views.differences import Absent, Difference, differences, shown, shown_path
from antigravity_addon.wire.base import Json
from antigravity_addon.wire.gemini import GenerateContentRequest

from .attempt import Upstream
from .identity import Naming, recorded_clock
from .legs import Leg, fingerprint
from .routes import find_route
from .settings import Settings

_PIXEL = b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNkYAAAAAYAAjCB0C8AAAAASUVORK5CYII="
)
_NOBODYS = "recorded"
"""Stands where a credential or an id would, and is none."""


# --- what was recorded -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class RecordedHop:
    """One upstream request and what came of it."""

    status: int | None
    """`None` if no answer came."""
    headers: Mapping[str, str] = field(repr=False)
    pieces: tuple[tuple[float, bytes], ...] = field(repr=False)
    """Seconds since the request, and what came then."""
    failure: str = ""
    """Why there was no answer, or not all of it."""
    is_timeout: bool = False


@dataclass(frozen=True, slots=True)
class RecordedTurn:
    """The attempt that served a turn, or the last one."""

    fingerprint: str
    account: str
    """E-mail."""
    kind: Kind
    hops: tuple[RecordedHop, ...]


@dataclass(frozen=True, slots=True)
class Recording:
    """One exchange."""

    name: str
    """The request id that the client was given."""
    method: str
    path: str
    """As the client wrote it."""
    request: bytes = field(repr=False)
    """The client's body."""
    status: int
    """That the client was given."""
    answer: bytes = field(repr=False)
    seed: str
    created: int
    """Unix time in seconds."""
    times: tuple[int, ...]
    turns: Mapping[int, RecordedTurn]
    """By the number of the choice. None, if no attempt was made."""


# --- finding one -------------------------------------------------------------------------------------------

_WHOSE = frozenset({"prompt_cache_key", "user", "safety_identifier", "metadata", "client_metadata"})
"""Fields that say who asks, and change nothing about the answer."""
_MOST_DIFFERENCES = 5
_LONGEST_SHOWN = 120


class Recordings:
    """Those of one file.

    State: which of several equal ones is next.
    """

    def __init__(
        self,
        recordings: Iterable[Recording],
        *,
        source: str,
        memory: Memory,
        keeps_rhythm: bool,
        ignored: Sequence[re.Pattern[str]] = (),
    ) -> None:
        """`source` names them to people; `memory` is for what is kept while they are answered. Texts may differ in what is
        `ignored`.
        """
        self._all = tuple(recordings)
        self._source = source
        self.memory = memory
        self.keeps_rhythm = keeps_rhythm
        self._ignored = tuple(ignored)
        by_likeness: defaultdict[str, list[Recording]] = defaultdict(list)
        by_request: defaultdict[str, list[Recording]] = defaultdict(list)
        by_turns: defaultdict[tuple[str, ...], list[Recording]] = defaultdict(list)
        for recording in self._all:
            by_request[_request_key(recording.method, recording.path, recording.request)].append(recording)
            if self._ignored:
                likeness = self._likeness(recording.method, recording.path, recording.request)
                by_likeness[likeness].append(recording)
            turns = tuple(recording.turns[index].fingerprint for index in sorted(recording.turns))
            by_turns[turns].append(recording)
        self._by_request = {key: cycle(found) for key, found in by_request.items()}
        self._by_likeness = {key: cycle(found) for key, found in by_likeness.items()}
        self._by_turns = {key: cycle(found) for key, found in by_turns.items()}

    def of_request(self, method: str, path: str, body: bytes) -> Recording | None:
        """One of the very same request."""
        found = self._by_request.get(_request_key(method, path, body))
        return None if found is None else next(found)

    def of_turns(self, model: str, bodies: Sequence[GenerateContentRequest]) -> Recording | None:
        """One that asked the same of the model."""
        turns = tuple(fingerprint(model, body.to_json()) for body in bodies)
        found = self._by_turns.get(turns)
        return None if found is None else next(found)

    def of_likeness(self, method: str, path: str, body: bytes) -> Recording | None:
        """One of a request that differs in nothing but what is ignored, and in ids of messages."""
        if not self._ignored:
            return None
        found = self._by_likeness.get(self._likeness(method, path, body))
        return None if found is None else next(found)

    def _likeness(self, method: str, path: str, body: bytes) -> str:
        try:
            alike = json.dumps(_alike(json.loads(body), self._ignored)).encode()
        except (ValueError, RecursionError):
            alike = body
        return _request_key(method, path, alike)

    def missing(self, method: str, path: str, body: bytes) -> NotRecorded:
        """Why there is none: the nearest, and how it differs."""
        asked, place = _content(body), _place(method, path)
        candidates = [
            (recording, _differences(_content(recording.request), asked))
            for recording in self._all
            if _place(recording.method, recording.path) == place
        ]
        if not candidates:
            return NotRecorded(f"{self._source} has no recording of {place}.")
        nearest, found = min(candidates, key=lambda candidate: len(candidate[1]))
        told = "; ".join(map(_told, found[:_MOST_DIFFERENCES])) or "only in what it asks of the model"
        more = f"; and {len(found) - _MOST_DIFFERENCES} more" if len(found) > _MOST_DIFFERENCES else ""
        return NotRecorded(
            f"{self._source} has no recording of this request. The nearest is {nearest.name}, which differs: "
            f"{told}{more}."
        )


def _place(method: str, path: str) -> str:
    """Alike for all ways to write a path that mean the same: base URLs of clients end in `/v1`, or do not."""
    bare = path.partition("?")[0]
    try:
        route = find_route(method, path)
    except GatewayError:
        return f"{method} {bare}"
    # an id stands in the path as it was written
    return f"{method} {bare if route.id else route.endpoint}"


def _request_key(method: str, path: str, body: bytes) -> str:
    try:
        content: object = json.loads(body)
    except (ValueError, RecursionError):
        content = None
    if isinstance(content, dict):
        content = {name: value for name, value in content.items() if name not in _WHOSE}  # pyright: ignore[reportUnknownVariableType]
        body = json.dumps(content, sort_keys=True).encode()
    return hashlib.sha256(f"{_place(method, path)}\0".encode() + body).hexdigest()


def _alike(value: object, ignored: Sequence[re.Pattern[str]]) -> object:
    """Any JSON without what is ignored, and without ids that name the very thing they stand in."""
    match value:
        case {"type": "item_reference"}:
            return value
        case dict():
            return {
                str(name): _alike(inner, ignored)  # pyright: ignore[reportUnknownArgumentType]  any JSON
                for name, inner in value.items()  # pyright: ignore[reportUnknownVariableType]
                if name != "id"
            }
        case list():
            return [_alike(inner, ignored) for inner in value]  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
        case str():
            for pattern in ignored:
                value = pattern.sub("", value)
            return value
        case _:
            return value


def _content(body: bytes) -> Json:
    try:
        return from_json(body)
    except ValueError:
        return {"body": body[:4096].decode("utf-8", "replace")} if body else {}


def _differences(recorded: Json, asked: Json) -> list[Difference]:
    return [each for each in differences(recorded, asked) if not (each.path and each.path[0] in _WHOSE)]


def _told(difference: Difference) -> str:
    ours, theirs = (
        "absent" if isinstance(place, Absent) else shown(place, _LONGEST_SHOWN)
        for place in (difference.after, difference.before)
    )
    return f"{shown_path(difference.path)} is {ours}, and was {theirs}"


# --- answering from one ------------------------------------------------------------------------------------


class StandIns:
    """In the place of what is behind URLs: the answer is known whatever that was."""

    async def fetch(self, url: str, *, param: str, kinds: Kinds) -> Fetched:  # noqa: ARG002
        if kinds is Kinds.IMAGE:
            return Fetched(_PIXEL, "image/png")
        return Fetched(b"(not in the recording)", "text/plain")


def naming_of(recording: Recording, otherwise: Naming) -> Naming:
    return Naming(recording.seed, recorded_clock(recording.times, otherwise=otherwise.clock))


def settings_of(settings: Settings) -> Settings:
    """Nothing is tried twice: what was tried is in the recording."""
    return replace(
        settings,
        max_attempts=1,
        longest_wait=0.0,
        hedge_seconds=0.0,
        strategy=Strategy.BALANCE,
        fixed_account="",
    )


def upstream_of(recording: Recording, upstream: Upstream, *, keeps_rhythm: bool) -> Upstream:
    """One that has this recording to give, and nothing else."""
    accounts = {turn.account: _account(turn) for turn in recording.turns.values()}
    loop = asyncio.get_running_loop()
    return Upstream(
        Endpoints(target=f"http://{_NOBODYS}.invalid", user_agent=_NOBODYS),
        _PaidAlready(),
        AccountPool(tuple(accounts.values()), clock=loop.time, unix_time=loop.time, chance=upstream.chance),
        _Tape(recording, keeps_rhythm=keeps_rhythm),
        Lessons(),
        chance=upstream.chance,
    )


def _account(turn: RecordedTurn) -> Account:
    match turn.kind:
        case Kind.GEMINI:
            credential = ApiKey(SecretStr(_NOBODYS))
        case Kind.VERTEX:
            credential = ExpressKey(SecretStr(_NOBODYS))
        case Kind.CODE_ASSIST:
            credential = CodeAssistLicence(GoogleAuthGrant(SecretStr("")), project=_NOBODYS)
    return Account(turn.account, credential)


class _PaidAlready:
    def at_hand(self, account: Account) -> Authorization | None:  # noqa: ARG002
        return None

    async def authorize(self, account: Account) -> Authorization:  # noqa: ARG002
        return Authorization({}, project=_NOBODYS)

    def reject(self, account: Account, authorization: Authorization) -> bool:  # noqa: ARG002
        """A second request with another token is on the tape, if there was one."""
        return True


@dataclass(frozen=True, slots=True)
class _Tape:
    """Carries requests nowhere: each gets what the recording has in its place."""

    recording: Recording
    keeps_rhythm: bool

    @asynccontextmanager
    async def carry(
        self,
        request: UpstreamRequest,  # noqa: ARG002  it was found by then
        leg: Leg,
    ) -> AsyncGenerator[UpstreamResponse]:
        turn = self.recording.turns.get(leg.choice)
        if turn is None or leg.hop > len(turn.hops):
            raise NotRecorded(
                f"The recording {self.recording.name} ends before upstream request {leg.hop} of choice {leg.choice}."
            )
        hop = turn.hops[leg.hop - 1]
        if hop.status is None:
            raise (UpstreamTimeout if hop.is_timeout else UpstreamUnreachable)(hop.failure)
        yield UpstreamResponse(hop.status, hop.headers, self._pieces(hop), is_recorded=True)

    async def _pieces(self, hop: RecordedHop) -> AsyncIterator[bytes]:
        clock = asyncio.get_running_loop().time
        began = clock()
        for at, piece in hop.pieces:
            if self.keeps_rhythm and (wait := at - (clock() - began)) > 0:
                await asyncio.sleep(wait)
            yield piece
        if hop.failure:
            raise UpstreamTimeout(hop.failure) if hop.is_timeout else StreamTruncated(hop.failure)
