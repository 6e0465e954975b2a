"""The file of `gateway_record`."""

import asyncio
import os
import sys
from collections.abc import Generator
from contextlib import contextmanager, suppress
from io import BytesIO
from pathlib import Path

import pytest
from mitmproxy import http, io
from mitmproxy.addonmanager import Loader
from mitmproxy.test import taddons, tflow

from antigravity_addon.gateway.tasks import LARGE, spawn
from antigravity_addon.mitm.annotate import ATTEMPT_KEY, METADATA_KEY
from antigravity_addon.mitm.cassette import Recorder, read_flows, read_recordings
from antigravity_addon.mitm.operator_files import StartError


def attempt_of(client: http.HTTPFlow) -> http.HTTPFlow:
    flow = tflow.tflow(resp=True)
    flow.metadata[ATTEMPT_KEY] = {"client_flow": client.id}
    return flow


def exchange(name: str) -> http.HTTPFlow:
    flow = tflow.tflow(resp=True)
    flow.metadata[METADATA_KEY] = {}
    flow.comment = name
    return flow


@contextmanager
def recording(path: Path) -> Generator[Recorder]:
    with taddons.context(loadcore=False) as context:
        context.options.add_option("gateway_record", str, str(path), "")
        recorder = Recorder()
        recorder.load(Loader(context.master))
        yield recorder
        recorder.done()


@contextmanager
def no_file_grows_beyond(size: int) -> Generator[None]:
    import resource  # noqa: PLC0415  not everywhere

    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    # Python ignores the signal that goes with it
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.skipif(sys.platform == "win32", reason="has no limits of files")
async def test_exchanges_that_do_not_fit_are_left_out_and_the_file_stays_whole(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "recorded.mitm"
    with recording(path) as recorder:
        await recorder.response(exchange("first"))
        size = path.stat().st_size
        with no_file_grows_beyond(size + size // 2):
            await recorder.response(exchange("second"))
            await recorder.response(exchange("third"))
        assert path.stat().st_size == size
        await recorder.response(exchange("fourth"))
        with no_file_grows_beyond(path.stat().st_size + size // 2):
            await recorder.response(exchange("fifth"))
        await recorder.response(exchange("sixth"))
    assert [flow.comment for flow in read_flows(path)] == ["first", "fourth", "sixth"]
    failed, again, _, once_more = caplog.messages
    assert failed.startswith(
        f"gateway_record: {path} cannot be written (File too large). Exchanges are served"
    )
    assert again == f"gateway_record: {path} can be written again. Exchanges that it lacks: 2."
    assert once_more == f"gateway_record: {path} can be written again. Exchanges that it lacks: 1."


async def test_an_exchange_keeps_its_upstream_requests_over_a_reload(tmp_path: Path) -> None:
    path = tmp_path / "recorded.mitm"
    client = exchange("over the reload")
    attempts = [attempt_of(client), attempt_of(client)]
    for each in attempts:
        with recording(path) as recorder:
            await recorder.response(each)
    with recording(path) as recorder:
        await recorder.response(client)
    assert [flow.id for flow in read_flows(path)] == [each.id for each in (*attempts, client)]


@pytest.mark.skipif(sys.platform == "win32", reason="has no pipes of this kind")
@pytest.mark.timeout(60)
async def test_others_have_their_turn_while_a_large_exchange_is_written(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    end = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    large = exchange("large")
    large.request.content = b"x" * 10 * LARGE
    received = BytesIO()
    with recording(pipe) as recorder:
        writing = spawn(recorder.response(large), name="write")
        while not writing.done():
            with suppress(BlockingIOError):
                received.write(os.read(end, LARGE))
            await asyncio.sleep(0)
        with suppress(BlockingIOError):
            received.write(os.read(end, LARGE))
    os.close(end)
    received.seek(0)
    (flow,) = io.FlowReader(received).stream()
    assert flow.comment == "large"


def test_a_name_that_is_too_long_is_told() -> None:
    with pytest.raises(StartError, match=r"cannot be read \(File name too long\)"):
        read_recordings(Path("x" * 5000))
