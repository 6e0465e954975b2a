"""What every test may ask for: text goldens with one update switch, and the recorded Gemini responses."""

import asyncio
import gc
import os
import sys
from collections.abc import Callable, Generator
from pathlib import Path

import pytest
from blockbuster import BlockBuster
from hypothesis import settings

from tests.authority import settle_authority
from tests.cpu_seconds import CpuSeconds
from tests.few_reports import FewReports
from tests.time_lapse import TimeLapse

# what is not kept is compiled by each worker, and by each of the programs that tests start
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

# a busy machine is no counter-example; each run has examples of its own
settings.register_profile("default", deadline=None, max_examples=40)
settings.register_profile("thorough", deadline=None, max_examples=2000)
settings.load_profile("default")

RECORDED = Path(__file__).parents[2] / "shared" / "recorded"
"""Real recorded Gemini responses. They belong to others: read where they lie, never copied."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--update-golden", action="store_true", help="Write what the code gives into the goldens."
    )


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "time_lapse: the test's event loop is tests.time_lapse.TimeLapse.")
    for unused in "benchmark", "vcr":
        config.addinivalue_line(
            "markers", f"{unused}: LangChain's own tests have it, for a plugin that is off."
        )
    config.pluginmanager.register(CpuSeconds(config))
    # a report in XML is closed by a test's end, and durations are of all three
    if hasattr(config, "workerinput") and not (config.option.xmlpath or config.option.durations):
        config.pluginmanager.register(FewReports())


def pytest_asyncio_loop_factories(item: pytest.Item) -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    if item.get_closest_marker("time_lapse"):
        return {"time lapse": TimeLapse}
    return {"real time": asyncio.new_event_loop}


def pytest_collection() -> None:
    """Modules and tests are made by the hundred thousand, and hardly any is garbage."""
    gc.disable()


def pytest_collection_finish() -> None:
    """What was imported and collected stays to the end: the garbage collector need not look at it again."""
    gc.freeze()
    gc.enable()


type Golden = Callable[[str, str], None]
"""`golden(name, text)`: asserts that `text` is what the file `name`, beside the test, holds."""


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Golden:
    """Text goldens live in the folder `golden/` beside the test. `pytest --update-golden` writes them; the
    diff is then reviewed like code."""

    def check(name: str, text: str) -> None:
        path = request.path.parent / "golden" / name
        if request.config.getoption("--update-golden"):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(text.encode())
        assert path.exists(), f"no golden {path.name}: run pytest --update-golden and read what it writes"
        assert text == path.read_bytes().decode()

    return check


@pytest.fixture(scope="session")
def recorded() -> Path:
    """The folder of recorded Gemini responses, with its INDEX.md; the test skips where it is absent."""
    if not RECORDED.is_dir():
        pytest.skip(f"no recorded responses at {RECORDED}")
    return RECORDED


@pytest.fixture(autouse=True)
def no_answers_left() -> Generator[None]:
    """An answer that a test leaves under way is that test's fault, and no later one's."""
    yield
    if gateway := sys.modules.get("antigravity_addon.mitm.gateway"):
        left = list(gateway._answers)
        gateway._answers.clear()
        assert not left


@pytest.fixture(scope="session", autouse=True)
def one_authority(tmp_path_factory: pytest.TempPathFactory) -> Generator[None]:
    """Clients trust no authority but the tests' own: each reads its list anew, and the public one is long."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SSL_CERT_FILE", str(settle_authority(tmp_path_factory.mktemp("authority"))))
        yield


@pytest.fixture(scope="session", autouse=True)
def no_blocking_calls() -> Generator[None]:
    """A call of ours that would hold the event loop raises, but for the start, which reads a few small files."""
    buster = BlockBuster("antigravity_addon")
    for function in buster.functions.values():
        function.can_block_in("config_file.py", "_read")
        function.can_block_in("operators_key.py", "say_where_others_see_it")
        function.can_block_in("cassette.py", {"read_recordings", "read_flows", "_switch_to", "_take", "done"})
        function.can_block_in("operator_files.py", {"read_accounts", "read_client_keys", "read_prices"})
        function.can_block_in("compose.py", "_bind_loopback")
        # mitmproxy reads its certificates
        function.can_block_in("running.py", "run_gateway")
        # mitmproxy's own hooks run below ours, and saving is one of them
        function.can_block_in("mitmproxy/addons/save.py", {"save_flow", "done"})
    buster.activate()
    yield
    buster.deactivate()
