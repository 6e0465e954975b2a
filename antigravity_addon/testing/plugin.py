"""The pytest plugin: the fixture `gateway`, which answers from what was recorded.

It is loaded by every run of pytest in which the package is installed: what costs time is imported when a test asks for
a gateway. Tests' gateways run in one process of their own for each session (and each worker of pytest-xdist), which
takes a second to start; each test has a new gateway in it.
"""

import os
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from .cassettes import Cassette, CassetteError, Mode, find_cassette, usual_path

if TYPE_CHECKING:
    from .messages import Seen
    from .process import GatewayProcess, RecordedGateway

NOT_RECORDED = "gateway: not recorded"
NEVER_ASKED = "gateway: recorded, and never asked for"
ERRORS = "gateway: errors"


@dataclass(slots=True)
class _Play:
    """One test and its gateway.

    State: what is to be said of the test, and whether it has passed.
    """

    cassette: Cassette
    process: "GatewayProcess"
    told: tuple[tuple[str, str], ...] = ()
    """Titles and texts."""
    has_passed: bool = False


_PLAY = pytest.StashKey[_Play]()


# --- what can be said --------------------------------------------------------------------------------------


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("gateway", "recorded answers for tests of agents")
    group.addoption(
        "--gateway-record-mode",
        choices=[mode.value for mode in Mode],
        help="none: only answer from recordings. once: record what is not there. all: record anew. Wins over the marker; "
        "if neither says anything it is once, and none where CI is set.",
    )
    parser.addini(
        "gateway_options",
        "Options of the gateway, name=value, one a line: who pays for recordings (gateway_accounts=accounts.yaml, or "
        "gateway_upstream=simulator), and whatever else is to be as in operation. Paths count from the root folder.",
        type="linelist",
        default=[],
    )


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers",
        "cassette(path=None, mode=None, strict=False): the recording that the fixture gateway answers from. The path counts "
        "from the test file; strict fails a test that leaves something of it unasked.",
    )


def _cassette(item: pytest.Item) -> Cassette:
    """Raises: CassetteError."""
    marker = item.get_closest_marker("cassette")
    path, mode, is_strict = _marked(*marker.args, **marker.kwargs) if marker is not None else _marked()
    chosen = item.config.getoption("--gateway-record-mode") or mode or Mode.default(is_ci=_is_ci())
    if chosen not in list(Mode):
        raise CassetteError(f"cassette: {chosen!r} is no mode. There are {', '.join(Mode)}.")
    if path is None:
        name = f"{item.cls.__name__}.{item.name}" if isinstance(item, pytest.Function) and item.cls else item.name  # fmt: skip
        where = usual_path(item.path, name)
    else:
        where = item.path.parent / path
    return find_cassette(where, Mode(chosen), is_strict=is_strict)


def _marked(
    path: str | None = None, *, mode: str | None = None, strict: bool = False
) -> tuple[str | None, str | None, bool]:
    return path, mode, strict


def _is_ci() -> bool:
    return os.environ.get("CI", "").lower() not in {"", "0", "false"}


# --- the gateway -------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def _gateway_process(pytestconfig: pytest.Config) -> Iterator["GatewayProcess"]:  # pyright: ignore[reportUnusedFunction]  pytest calls it
    """Runs the gateways of this session's tests."""
    from .process import GatewayProcess  # noqa: PLC0415  see the head of this file

    process = GatewayProcess(pytestconfig.rootpath)
    yield process
    process.close()


@pytest.fixture
def gateway(
    request: pytest.FixtureRequest, _gateway_process: "GatewayProcess"
) -> Iterator["RecordedGateway"]:
    """An OpenAI-compatible gateway that answers from the test's recording, or makes it: `base_url`, `api_key`,
    `environment` for programs, and `requests`, what was asked up to now."""
    from .process import GatewayProcessError, RecordedGateway  # noqa: PLC0415  see the head of this file

    item = request.node
    try:
        cassette = _cassette(item)
        settings = cassette.settings(request.config.getini("gateway_options"))
        url = _gateway_process.start(settings, replayed=None if cassette.records else cassette.path)
    except (CassetteError, GatewayProcessError) as error:
        pytest.fail(str(error), pytrace=False)
    play = item.stash[_PLAY] = _Play(cassette, _gateway_process)
    try:
        yield RecordedGateway(url, _gateway_process)
        _gateway_process.stop()
        if play.has_passed and cassette.records:
            cassette.keep()
    finally:
        del item.stash[_PLAY]
        cassette.clear()


# --- what is said of a test --------------------------------------------------------------------------------


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    play = item.stash.get(_PLAY, None)
    if play is None:
        return (yield)
    try:
        outcome = yield
    finally:
        seen = play.process.look()
        play.told = tuple(_sections(seen))
    if play.cassette.is_strict and seen.unasked:
        pytest.fail(
            f"{play.cassette.path} holds what was never asked for:\n" + "\n".join(seen.unasked),
            pytrace=False,
        )
    play.has_passed = True
    return outcome


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    play = item.stash.get(_PLAY, None)
    if play is not None and call.when == "call":
        # not by `add_report_section`, which calls everything captured
        report.sections.extend(play.told)
    return report


def _sections(seen: "Seen") -> Iterator[tuple[str, str]]:
    """An agent may swallow an error that it was told; the report of its test does not."""
    if missing := [each for each in seen.requests if each.code == "not_recorded"]:
        yield NOT_RECORDED, "\n".join(f"{each.method} {each.path}: {each.message}" for each in missing)
    if seen.unasked:
        yield NEVER_ASKED, "\n".join(seen.unasked)
    if seen.errors:
        yield ERRORS, "\n".join(seen.errors)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """With -v. The sections come from the workers of pytest-xdist, too."""
    if terminalreporter.verbosity < 1:
        return
    told = [
        (report.nodeid, text)
        for report in terminalreporter.getreports("passed")
        for title, text in report.sections
        if title == NEVER_ASKED
    ]
    if told:
        terminalreporter.section(NEVER_ASKED)
    for nodeid, text in told:
        terminalreporter.line(nodeid)
        for line in text.splitlines():
            terminalreporter.line(f"  {line}")
