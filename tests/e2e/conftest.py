"""The clock that end-to-end tests run by."""

import asyncio
from collections.abc import Callable

import pytest

from tests.time_lapse import TimeLapse


def pytest_asyncio_loop_factories(item: pytest.Item) -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    if item.get_closest_marker("time_lapse"):
        return {"time lapse": TimeLapse}
    return {"real time": asyncio.new_event_loop}
