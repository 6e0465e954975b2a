"""Tasks that nobody may be waiting for."""

import asyncio
import sys
from collections.abc import Awaitable, Callable

import pytest

from antigravity_addon.gateway.tasks import others_first, spawn


async def _fail() -> None:
    raise ZeroDivisionError("nobody foresaw it")


async def _fail_later() -> None:
    await asyncio.sleep(0)
    await _fail()


@pytest.mark.parametrize("is_eager", [False, True], ids=["lazy", "eager, as in mitmproxy"])
@pytest.mark.parametrize("work", [_fail, _fail_later], ids=["at once", "later"])
async def test_a_task_that_fails_is_logged_with_its_name_and_its_traceback(
    work: Callable[[], Awaitable[None]], caplog: pytest.LogCaptureFixture, *, is_eager: bool
) -> None:
    async def working() -> None:
        await work()

    if is_eager:
        asyncio.get_running_loop().set_task_factory(asyncio.eager_task_factory)
    task = spawn(working(), name="count")
    await asyncio.wait([task])
    await asyncio.sleep(0)
    assert [
        (record.getMessage(), str(record.exc_info and record.exc_info[1])) for record in caplog.records
    ] == [("The task 'count' ended with an error.", "nobody foresaw it")]


async def test_a_task_that_is_cancelled_is_no_news(caplog: pytest.LogCaptureFixture) -> None:
    task = spawn(_wait(), name="wait")
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait([task])
    await asyncio.sleep(0)
    assert caplog.records == []


async def _wait() -> None:
    await asyncio.Event().wait()


def test_the_end_of_the_process_is_no_task_s_error(caplog: pytest.LogCaptureFixture) -> None:
    async def end() -> None:
        sys.exit(1)

    async def main() -> None:
        spawn(end(), name="end")
        await asyncio.Event().wait()

    with pytest.raises(SystemExit):
        asyncio.run(main())
    assert not caplog.records


async def test_those_who_come_together_go_through_each_stage_in_a_row() -> None:
    done: list[tuple[int, str]] = []

    async def work(name: str) -> None:
        for stage in range(3):
            done.append((stage, name))
            await others_first()

    await asyncio.gather(*(work(name) for name in "abc"))
    assert done == [(stage, name) for stage in range(3) for name in "abc"]


async def test_whoever_is_alone_waits_for_nobody() -> None:
    others_turn: list[str] = []
    await others_first()
    asyncio.get_running_loop().call_soon(others_turn.append, "had it")
    await others_first()
    assert others_turn == ["had it"]
    with pytest.raises(StopIteration):
        others_first().send(None)
