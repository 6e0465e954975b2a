"""The file of `gateway_record`, where the system lets it grow no further."""

import resource
import signal
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest
from mitmproxy import http
from mitmproxy.test import taddons, tflow

from antigravity_addon.mitm.annotate import METADATA_KEY
from antigravity_addon.mitm.cassette import Recorder, read_flows

pytestmark = pytest.mark.skipif(not hasattr(signal, "SIGXFSZ"), reason="needs limits of files")


def exchange(name: str) -> http.HTTPFlow:
    flow = tflow.tflow(resp=True)
    flow.metadata[METADATA_KEY] = {}
    flow.comment = name
    return flow


@contextmanager
def no_file_grows_beyond(size: int) -> Generator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    # Python ignores the signal that goes with it
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_exchanges_that_do_not_fit_are_left_out_and_the_file_stays_whole(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "recorded.mitm"
    recorder = Recorder()
    with taddons.context(loadcore=False) as context:
        context.options.add_option("gateway_record", str, str(path), "")
        recorder._switch_to(str(path))
        recorder.response(exchange("first"))
        size = path.stat().st_size
        with no_file_grows_beyond(size + size // 2):
            recorder.response(exchange("second"))
            recorder.response(exchange("third"))
        assert path.stat().st_size == size
        recorder.response(exchange("fourth"))
        recorder.done()
    assert [flow.comment for flow in read_flows(path)] == ["first", "fourth"]
    failed, again = caplog.messages
    assert failed.startswith(
        f"gateway_record: {path} cannot be written (File too large). Exchanges are served"
    )
    assert again == f"gateway_record: {path} can be written again. Exchanges that it lacks: 2."
