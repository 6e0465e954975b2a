"""Plays what was recorded against a gateway that answers from it, and compares: `python -m antigravity_addon.testing.verify
FILE TIMES`, which prints the document of `antigravity verify`.

Every request goes over loopback HTTP as the client sent it, in the order of the recording. Compared are the status and
the body, byte for byte, and what would be asked of the model today.
"""

import asyncio
import re
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx
from mitmproxy import http
from pydantic import TypeAdapter, ValidationError

from antigravity_addon.cli.documents import ExchangeEntry, Verification
from antigravity_addon.gateway.recordings import Recording
from antigravity_addon.mitm.annotate import ATTEMPT_KEY, METADATA_KEY
from antigravity_addon.mitm.attempts import is_attempt
from antigravity_addon.mitm.cassette import read_flows, to_recordings
from antigravity_addon.mitm.operator_files import StartError
from antigravity_addon.mitm.redaction import REDACTED
from antigravity_addon.views.differences import Difference, differences, shown, shown_path
from antigravity_addon.wire.base import Json
from antigravity_addon.wire.sse import KEEP_ALIVE

from .running import GatewayFailed, run_gateway

_JSON: TypeAdapter[Json] = TypeAdapter(Json)
_OF_THE_CONNECTION = frozenset(
    {"host", "content-length", "connection", "transfer-encoding", "keep-alive", "expect"}
)
_SETTINGS = ("gateway_auth_mode=off", "gateway_state=memory", "gateway_keepalive_seconds=0")
_STARTED_ANEW = re.compile(rb"^event: response\.in_progress\r?$", re.MULTILINE)
_PATIENCE = 60.0
"""Seconds for one answer: nothing is waited for but this machine."""
_SHOWN = 60
"""Bytes around a difference."""
_WIDTH = 120


@dataclass(frozen=True, slots=True)
class _Exchange:
    """A recorded one, as it is played."""

    recording: Recording
    flow: http.HTTPFlow
    asked: Mapping[int, http.HTTPFlow]
    """The upstream request whose attempt served, by the number of the choice."""
    skipped: str
    """Why it is not compared; empty if it is."""

    @property
    def endpoint(self) -> str:
        return f"{self.recording.method} {self.recording.path.partition('?')[0]}"


@dataclass(frozen=True, slots=True)
class _Heard:
    """What the client got, and what was asked of the model on the way, by the number of the choice."""

    status: int
    body: bytes
    asked: Mapping[int, http.HTTPFlow]


async def verify(path: Path, folder: Path, *, times: int = 1) -> Verification:
    """`folder` is for what a gateway needs. Raises: StartError, GatewayFailed: the file cannot be answered from."""
    exchanges = await asyncio.to_thread(_read, path)
    found: dict[int, ExchangeEntry] = {}
    for _ in range(times):
        heard = await _play(path, exchanges, folder)
        for number, (exchange, answer) in enumerate(zip(exchanges, heard, strict=True)):
            # the first difference stays
            if number not in found or found[number].result == "identical":
                found[number] = _compared(exchange, answer)
    entries = tuple(found.values())
    results = [entry.result for entry in entries]
    return Verification(
        file=str(path),
        times=times,
        identical=results.count("identical"),
        differing=results.count("differs"),
        skipped=results.count("skipped"),
        exchanges=entries,
    )


# --- reading -----------------------------------------------------------------------------------------------


def _read(path: Path) -> Sequence[_Exchange]:
    """Raises: StartError."""
    flows = tuple(read_flows(path))
    clients = {
        flow.metadata[METADATA_KEY].get("exchange"): flow for flow in flows if METADATA_KEY in flow.metadata
    }
    shown: dict[str, http.HTTPFlow] = {flow.id: flow for flow in flows if is_attempt(flow)}
    exchanges: list[_Exchange] = []
    for recording in to_recordings(flows):
        flow = clients[recording.name]
        ids = [id_ for each in flow.metadata[METADATA_KEY].get("attempts", ()) for id_ in each["flows"]]
        attempts = [shown[id_] for id_ in ids if id_ in shown]
        exchanges.append(_Exchange(recording, flow, _by_choice(attempts), _why_skipped(flow, attempts)))
    if not exchanges:
        raise StartError(f"{path}: there is no recorded exchange in it.")
    return exchanges


def _by_choice(attempts: Iterable[http.HTTPFlow]) -> Mapping[int, http.HTTPFlow]:
    """The first request of the last attempt, for each."""
    found: dict[int, http.HTTPFlow] = {}
    for attempt in attempts:
        facts = attempt.metadata[ATTEMPT_KEY]
        if facts["hop"] == 1:
            found[facts["choice"]] = attempt
    return found


def _why_skipped(flow: http.HTTPFlow, attempts: Iterable[http.HTTPFlow]) -> str:
    if flow.error is not None:
        return "The client left before the end."
    bodies = (flow.request, *(attempt.response for attempt in attempts))
    if any(body is not None and REDACTED.encode() in _content(body) for body in bodies):
        return f"Part of it is {REDACTED}, so the whole of it is not known."
    answer = _content(flow.response)
    if len(_STARTED_ANEW.findall(answer)) > 1:
        return "It has keep-alives, which come by the clock, and count as events."
    return ""


def _content(message: http.Message | None) -> bytes:
    return b"" if message is None else message.get_content(strict=False) or b""


# --- playing -----------------------------------------------------------------------------------------------


class _Asked:
    """Collects the upstream requests of clients' requests.

    State: those that were seen.
    """

    name = "asked"

    def __init__(self) -> None:
        self.flows: defaultdict[str, list[http.HTTPFlow]] = defaultdict(list)
        """By the id of the exchange."""

    def requestheaders(self, flow: http.HTTPFlow) -> None:
        if is_attempt(flow):
            self.flows[flow.metadata[ATTEMPT_KEY]["exchange"]].append(flow)


async def _play(path: Path, exchanges: Sequence[_Exchange], folder: Path) -> Sequence[_Heard]:
    """All in turn, of a gateway that knows of no other time."""
    asked = _Asked()
    settings = (*_SETTINGS, f"gateway_replay={path}")
    async with (
        run_gateway(folder, settings, asked) as url,
        httpx.AsyncClient(base_url=url, timeout=_PATIENCE, trust_env=False) as client,
    ):
        return [await _ask(client, exchange, asked) for exchange in exchanges]


async def _ask(client: httpx.AsyncClient, exchange: _Exchange, asked: _Asked) -> _Heard:
    request = exchange.flow.request
    headers = [
        (name, value)
        for name, value in request.headers.fields
        if name.decode("latin-1").lower() not in _OF_THE_CONNECTION
    ]
    answer = await client.request(
        request.method, request.path, headers=headers, content=request.raw_content or b""
    )
    flows = asked.flows[answer.headers.get("x-request-id", "")]
    return _Heard(answer.status_code, answer.content, _by_choice(flows))


# --- comparing ---------------------------------------------------------------------------------------------


def _compared(exchange: _Exchange, heard: _Heard) -> ExchangeEntry:
    recording = exchange.recording
    entry = ExchangeEntry(request=recording.name, endpoint=exchange.endpoint, result="identical")
    if exchange.skipped:
        return entry.model_copy(update={"result": "skipped", "message": exchange.skipped})
    difference = next(_differences(exchange, heard), None)
    if difference is None:
        return entry
    message, was, today = difference
    return entry.model_copy(update={"result": "differs", "message": message, "recorded": was, "today": today})


def _differences(exchange: _Exchange, heard: _Heard) -> Iterator[tuple[str, str, str]]:
    """What differs, as it was, and as it is."""
    recording = exchange.recording
    if heard.status != recording.status:
        yield "The status differs.", str(recording.status), f"{heard.status}: {_part(heard.body, 0)}"
    # comments that come by the clock
    was, today = recording.answer.replace(KEEP_ALIVE, b""), heard.body.replace(KEEP_ALIVE, b"")
    if was != today:
        at = _first_difference(was, today)
        yield f"The answer differs at byte {at}.", _part(was, at), _part(today, at)
    for choice in sorted(exchange.asked.keys() | heard.asked.keys()):
        yield from _asked_otherwise(choice, exchange.asked.get(choice), heard.asked.get(choice))


def _asked_otherwise(
    choice: int, was: http.HTTPFlow | None, today: http.HTTPFlow | None
) -> Iterator[tuple[str, str, str]]:
    if was is None or today is None:
        return
    then, now = (each.metadata[ATTEMPT_KEY] for each in (was, today))
    if then["fingerprint"] == now["fingerprint"]:
        return
    said = "The model would be asked otherwise today" + (f", for choice {choice}" if choice else "")
    if then["model"] != now["model"]:
        yield f"{said}: another model.", then["model"], now["model"]
    for each in _in_words(_content(was.request), _content(today.request)):
        yield (
            f"{said}: {shown_path(each.path)} differs.",
            shown(each.before, _WIDTH),
            shown(each.after, _WIDTH),
        )
    yield f"{said}.", then["fingerprint"], now["fingerprint"]


def _in_words(was: bytes, today: bytes) -> Iterable[Difference]:
    try:
        before, after = (_JSON.validate_json(body) for body in (was, today))
    except ValidationError:
        return ()
    return differences(before, after)


def _first_difference(one: bytes, other: bytes) -> int:
    both = zip(one, other, strict=False)
    return next((at for at, (a, b) in enumerate(both) if a != b), min(len(one), len(other)))


def _part(body: bytes, at: int) -> str:
    """Some of it, from a little before."""
    start, end = max(0, at - _SHOWN // 3), at + _SHOWN
    part = body[start:end].decode("utf-8", "replace")
    return f"{'…' if start else ''}{part!r}{'…' if end < len(body) else ''}"


def main() -> int:
    path, times = Path(sys.argv[1]), int(sys.argv[2])
    try:
        with TemporaryDirectory(prefix="gateway-") as folder:
            verification = asyncio.run(verify(path, Path(folder), times=times))
    except (StartError, GatewayFailed) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    sys.stdout.write(verification.text())
    return 0


if __name__ == "__main__":
    sys.exit(main())
