"""Saved flows -> recordings that the gateway answers from; and the file that such flows are written to."""

import logging
import os
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from io import BytesIO
from pathlib import Path
from threading import Lock
from typing import Any

from mitmproxy import ctx, http, io
from mitmproxy.addonmanager import Loader
from mitmproxy.exceptions import FlowReadException, OptionsError
from mitmproxy.io import tnetstring
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from antigravity_addon.accounts.account import Upstream
from antigravity_addon.gateway.recordings import RecordedHop, RecordedTurn, Recording
from antigravity_addon.gateway.tasks import beside_the_loop

from .annotate import ATTEMPT_KEY, METADATA_KEY, REPLAY_KEY
from .body_redaction import is_redacted
from .operator_files import StartError, named_path

logger = logging.getLogger(__name__)

_SUFFIX = ".mitm"


class _Saved(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class _SavedAttempt(_Saved):
    number: int
    choice: int
    failure: str
    flows: tuple[str, ...] = ()


class _SavedTrace(_Saved):
    """As `to_document` has written it; of an exchange without a model, the names alone."""

    exchange: str
    seed: str
    created: int
    times: tuple[int, ...] = ()
    attempts: tuple[_SavedAttempt, ...] = ()


class _SavedLeg(_Saved):
    client_flow: str
    attempt: int
    hop: int
    account: str
    upstream: Upstream
    fingerprint: str
    outcome: str
    rhythm: tuple[tuple[int, int], ...] = ()


_TRACE: TypeAdapter[_SavedTrace] = TypeAdapter(_SavedTrace)
_LEG: TypeAdapter[_SavedLeg] = TypeAdapter(_SavedLeg)


# --- reading -----------------------------------------------------------------------------------------------


def read_recordings(path: Path) -> tuple[Recording, ...]:
    """Every exchange in a file, or in the `.mitm` files of a folder.

    Raises: StartError: there is no such file, it holds no flows, or none that can be answered from.
    """
    recordings = to_recordings(flow for file in _files_in(path) for flow in read_flows(file))
    if not recordings:
        raise StartError(
            f"{path}: there is no recorded exchange in it. Record some with -w FILE or gateway_record=FILE, and leave "
            "gateway_attempt_flows on."
        )
    return recordings


def _files_in(path: Path) -> list[Path]:
    """Raises: StartError."""
    try:
        return sorted(path.glob(f"*{_SUFFIX}")) if path.is_dir() else [path]
    except OSError as error:
        raise StartError(f"{path}: cannot be read ({error.strerror}).") from None


def read_flows(path: Path) -> Iterator[http.HTTPFlow]:
    """In the order of the file. Raises: StartError."""
    try:
        with path.open("rb") as file:
            for flow in io.FlowReader(file).stream():
                if isinstance(flow, http.HTTPFlow):
                    yield flow
    except OSError as error:
        raise StartError(f"{path}: cannot be read ({error.strerror}).") from None
    except (
        FlowReadException,
        LookupError,
        AttributeError,
        ArithmeticError,
        AssertionError,
        TypeError,
        ValueError,
    ):
        # mitmproxy (12.2.3) lets most of what a damaged flow leads to through
        raise StartError(f"{path}: holds something else than flows of mitmproxy.") from None


def to_recordings(flows: Iterable[http.HTTPFlow]) -> tuple[Recording, ...]:
    """Those that are complete, in the order in which they began."""
    clients: list[tuple[http.HTTPFlow, _SavedTrace]] = []
    legs: defaultdict[str, list[tuple[http.HTTPFlow, _SavedLeg]]] = defaultdict(list)
    for flow in flows:
        if is_redacted(flow):
            logger.warning(
                "The flow %s holds no prompt and no answer, since gateway_redact_bodies was on, and is left out.",
                flow.id,
            )
            continue
        try:
            if _is_repeated_attempt(flow):
                continue
            if ATTEMPT_KEY in flow.metadata:
                leg = _LEG.validate_python(flow.metadata[ATTEMPT_KEY])
                legs[leg.client_flow].append((flow, leg))
            elif METADATA_KEY in flow.metadata:
                clients.append((flow, _TRACE.validate_python(flow.metadata[METADATA_KEY])))
        except ValidationError:
            logger.warning(
                "The flow %s was written by another version of the gateway, and is left out.", flow.id
            )
    clients.sort(key=lambda client: client[0].timestamp_created)
    return tuple(
        _recording(flow, trace, legs[flow.id]) for flow, trace in clients if flow.response is not None
    )


def _is_repeated_attempt(flow: http.HTTPFlow) -> bool:
    """An operator sent it once more: no client had its answer, and the exchange is whole without."""
    return ATTEMPT_KEY in flow.metadata and REPLAY_KEY in flow.metadata


def _recording(
    flow: http.HTTPFlow, trace: _SavedTrace, legs: list[tuple[http.HTTPFlow, _SavedLeg]]
) -> Recording:
    assert flow.response is not None  # noqa: S101  the caller has looked
    return Recording(
        name=trace.exchange,
        method=flow.request.method,
        path=flow.request.path,
        request=flow.request.get_content(strict=False) or b"",
        status=flow.response.status_code,
        answer=flow.response.get_content(strict=False) or b"",
        seed=trace.seed,
        created=trace.created,
        times=trace.times,
        turns=_turns(trace, legs),
    )


def _turns(trace: _SavedTrace, legs: list[tuple[http.HTTPFlow, _SavedLeg]]) -> Mapping[int, RecordedTurn]:
    """For each choice the attempt that served, or else the last one of which there is a flow."""
    hops: defaultdict[int, list[tuple[http.HTTPFlow, _SavedLeg]]] = defaultdict(list)
    for flow, leg in legs:
        hops[leg.attempt].append((flow, leg))
    turns: dict[int, RecordedTurn] = {}
    for attempt in sorted(trace.attempts, key=lambda each: (not each.failure, each.number)):
        if shown := sorted(hops[attempt.number], key=lambda hop: hop[1].hop):
            first = shown[0][1]
            turns[attempt.choice] = RecordedTurn(
                first.fingerprint, first.account, first.upstream, tuple(_hop(*hop) for hop in shown)
            )
    return turns


def _hop(flow: http.HTTPFlow, leg: _SavedLeg) -> RecordedHop:
    failure = flow.error.msg if flow.error is not None else ""
    is_timeout = leg.outcome.endswith("timeout")
    if flow.response is None:
        return RecordedHop(None, {}, (), failure or "No answer was recorded.", is_timeout)
    headers = {name.lower(): value for name, value in flow.response.headers.items()}
    body = flow.response.get_content(strict=False) or b""
    return RecordedHop(flow.response.status_code, headers, _pieces(body, leg), failure, is_timeout)


def _pieces(body: bytes, leg: _SavedLeg) -> tuple[tuple[float, bytes], ...]:
    """As they came. A body that was edited since, or redacted, comes at once."""
    if sum(size for _, size in leg.rhythm) != len(body):
        return ((0.0, body),)
    pieces: list[tuple[float, bytes]] = []
    start = 0
    for milliseconds, size in leg.rhythm:
        pieces.append((milliseconds / 1000, body[start : start + size]))
        start += size
    return tuple(pieces)


# --- writing -----------------------------------------------------------------------------------------------


_attempts: defaultdict[str, list[http.HTTPFlow]] = defaultdict(list)
"""Upstream requests, by the client's flow, whose exchange goes on. Here, since addon.py may be saved meanwhile."""


class Recorder:
    """Writes exchanges to `gateway_record` as they end, each with its upstream requests in front of it.

    State: the file, and how many exchanges it lacks since it could last be written.
    """

    name = "gateway_recorder"

    def __init__(self) -> None:
        self._named = ""
        self._path: Path | None = None
        self._file: int | None = None
        self._missing = 0

    def load(self, loader: Loader) -> None:  # noqa: ARG002  the options are declared by then
        try:
            self._switch_to(ctx.options.gateway_record)
        except StartError as error:
            logger.error("%s", error)  # noqa: TRY400  a sentence for the operator; it stops the start

    def configure(self, updated: set[str]) -> None:
        if "gateway_record" in updated and ctx.options.gateway_record != self._named:
            try:
                self._switch_to(ctx.options.gateway_record)
            except StartError as error:
                raise OptionsError(str(error)) from None

    def _switch_to(self, named: str) -> None:
        """Raises: StartError: the file cannot be written."""
        self.done()
        self._named = named
        if not named:
            _attempts.clear()
            return
        path = named_path("gateway_record", named)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        except OSError as error:
            raise StartError(f"gateway_record: {path} cannot be written ({error.strerror}).") from None
        self._path = path

    async def response(self, flow: http.HTTPFlow) -> None:
        await self._take(flow)

    async def error(self, flow: http.HTTPFlow) -> None:
        await self._take(flow)

    async def _take(self, flow: http.HTTPFlow) -> None:
        if self._file is None or _is_repeated_attempt(flow):
            return
        if ATTEMPT_KEY in flow.metadata:
            _attempts[flow.metadata[ATTEMPT_KEY]["client_flow"]].append(flow)
        elif METADATA_KEY in flow.metadata:
            await self._write(self._file, (*_attempts.pop(flow.id, ()), flow))

    async def _write(self, file: int, flows: Sequence[http.HTTPFlow]) -> None:
        exchange = [each.get_state() for each in flows]
        try:
            # of its own to close: the other may be gone before a thread has its turn
            file = os.dup(file)
            await beside_the_loop(lambda: _append(file, exchange), size=sum(map(_size_of_bodies, flows)))
        except OSError as error:
            self._miss(error)
            return
        if self._missing:
            logger.warning(
                "gateway_record: %s can be written again. Exchanges that it lacks: %d.",
                self._path,
                self._missing,
            )
            self._missing = 0

    def _miss(self, error: OSError) -> None:
        if not self._missing:
            logger.warning(
                "gateway_record: %s cannot be written (%s). Exchanges are served and left out of it until it can: "
                "make room.",
                self._path,
                error.strerror,
            )
        self._missing += 1

    def done(self) -> None:
        file, self._file = self._file, None
        self._missing = 0
        if file is not None:
            with suppress(OSError):  # some systems tell only now of what they could not write
                os.close(file)


def _size_of_bodies(flow: http.HTTPFlow) -> int:
    return sum(len(each.raw_content or b"") for each in (flow.request, flow.response) if each is not None)


_one_at_a_time = Lock()


def _append(file: int, exchange: Iterable[dict[str, Any]]) -> None:
    """All or nothing: half a flow at its end would spoil the whole file. Closes `file`.

    Raises: OSError: the file is as it was, where it can be made so.
    """
    written = BytesIO()
    try:
        for state in exchange:
            tnetstring.dump(state, written)
        with _one_at_a_time:
            _write_whole(file, written.getbuffer())
    finally:
        with suppress(OSError):  # some systems tell only now of what they could not write
            os.close(file)


def _write_whole(file: int, left: memoryview) -> None:
    """Raises: OSError: see `_append`."""
    before = os.fstat(file).st_size
    try:
        while left:
            left = left[os.write(file, left) :]
    except OSError:
        with suppress(OSError):
            os.ftruncate(file, before)
        raise
