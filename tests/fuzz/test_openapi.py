"""What OpenAI's own description allows and forbids, where it can be had: see `openapi.py`."""

import asyncio

import pytest

pytest.importorskip("schemathesis", reason="schemathesis is in the dependency group `fuzz`")

from .in_process import InProcess
from .openapi import DESCRIPTION, SERVED, requests
from .targets import REQUEST


@pytest.mark.timeout(300)
def test_requests_of_openais_description_are_answered_or_refused_in_words() -> None:
    if not DESCRIPTION.is_file():
        pytest.skip(f"no description of OpenAI's API at {DESCRIPTION}")

    async def all_of_them() -> int:
        async with InProcess() as gateway:
            contents = list(requests(DESCRIPTION, inputs=100, number=0))
            for content in contents:
                await REQUEST.check(gateway, content)
            return len(contents)

    assert asyncio.run(all_of_them()) > len(SERVED)
