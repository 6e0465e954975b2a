"""What other people's programs leave behind."""

import gc
import warnings
from collections.abc import Generator

import pytest


@pytest.fixture(autouse=True, scope="module")
def nothing_is_left_to_others() -> Generator[None]:
    """Sockets and loops that a framework forgets to close would warn whenever they are collected, and fail the test that
    runs then.
    """
    yield
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        gc.collect()
