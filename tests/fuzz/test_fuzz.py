"""A few inputs for every target, the same in each run, and what long runs have found."""

import asyncio
from collections.abc import Generator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from .growth import REQUESTS, STREAMS, WORST_OF_CALLS, calls, growths
from .in_process import InProcess
from .spoiling import Drawn
from .targets import TARGETS

CORPUS = Path(__file__).parent / "corpus"
FOUND = sorted(CORPUS.glob("*/*"))


class Running:
    """A gateway, and the loop that it lives in."""

    def __init__(self) -> None:
        self._runner = asyncio.Runner()
        self._gateway = InProcess()

    def check(self, target: str, content: bytes) -> None:
        self._runner.run(TARGETS[target].check(self._gateway, content))

    def calls(self, target: str, content: bytes) -> int:
        return self._runner.run(calls(self._gateway, target, content))

    def close(self) -> None:
        self._runner.run(self._gateway.__aexit__(None, None, None))
        self._runner.close()


@pytest.fixture(scope="module")
def running() -> Generator[Running]:
    running = Running()
    yield running
    running.close()


@pytest.mark.parametrize("path", FOUND, ids=lambda path: f"{path.parent.name}-{path.name}")
def test_what_was_found_stays_mended(running: Running, path: Path) -> None:
    running.check(path.parent.name, path.read_bytes())


# what mitmproxy's reader of options says of an anchor that comes twice
@pytest.mark.filterwarnings("ignore::ruamel.yaml.error.ReusedAnchorWarning")
@pytest.mark.parametrize("target", TARGETS)
@settings(max_examples=50, derandomize=True, database=None, suppress_health_check=[HealthCheck.too_slow])
@given(choices=st.binary(max_size=200))
def test_the_laws_hold(running: Running, target: str, choices: bytes) -> None:
    running.check(target, TARGETS[target].generate(Drawn(choices)))


GROWTHS = {
    name: growth
    for name, growth in (growths(REQUESTS, part=10) | growths(STREAMS, part=40, most=1000)).items()
    if not name.startswith("answers") or name.endswith(", 4")
}


@pytest.mark.parametrize("name", GROWTHS)
def test_work_grows_as_the_input_does(running: Running, name: str) -> None:
    growth = GROWTHS[name]
    # what is looked up once is no part of it
    running.check(growth.target, growth.small)
    small, large = running.calls(growth.target, growth.small), running.calls(growth.target, growth.large)
    assert large < WORST_OF_CALLS[growth.target] * max(small, 500)


def test_every_finding_is_of_a_target() -> None:
    assert {path.parent.name for path in FOUND} <= set(TARGETS)
    assert FOUND


@pytest.mark.parametrize("target", TARGETS)
def test_the_same_choices_make_the_same_input(target: str) -> None:
    generate = TARGETS[target].generate
    assert generate(Drawn(b"choices" * 9)) == generate(Drawn(b"choices" * 9))
