"""A gateway that is killed at any moment: what was saved is there, each save as a whole or not at all."""

import json
import sqlite3
import subprocess
import sys
from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest

from antigravity_addon.state.pool_rules import Bounds
from antigravity_addon.state.pool_store import UsageKey, UsageSum
from antigravity_addon.state.sqlite_file import SqliteFile
from antigravity_addon.state.sqlite_pool_store import SqlitePoolStore

KILLS, FILES = 100, 10
"""On each file ten gateways are killed, one after the other: in turn while they open it and while they save."""

KILLER = """
import asyncio, json, os, random, select, signal, sys, time
sys.path[:0] = sys.argv[1:2]
from antigravity_addon.state.pool_rules import Bounds
from antigravity_addon.state.pool_store import Changes, CooldownKey, KeptBinding, KeptCooldown, UsageKey, UsageSum
from antigravity_addon.state.sqlite_file import SqliteFile
from antigravity_addon.state.sqlite_pool_store import SqlitePoolStore

NOW = 1e9
DAY = "2001-09-09"

def changes(number: int) -> Changes:
    name = str(number)
    return Changes(
        cooldowns={CooldownKey(name, "m"): KeptCooldown(NOW + 1, 1, "x" * 500)},
        bindings={f"{name}-{part}": KeptBinding("a", NOW) for part in range(5)},
        usage={
            UsageKey(DAY, "a", "m", name): UsageSum(requests=number),
            UsageKey(DAY, "a", "m", "all"): UsageSum(requests=1),
        },
    )

async def save(path: str, first: int, saved: int) -> None:
    bounds = Bounds(bindings=10**9)
    store = SqlitePoolStore(SqliteFile(path), unix_time=lambda: NOW, bounds=bounds)
    for number in range(first, first + 10_000):
        await store.sync(changes(number), orders_after=0)
        os.write(saved, b"%d\\n" % number)

def killed(path: str, first: int, seconds: float, *, saving: bool) -> list[int]:
    # numbers of the saves that had returned
    reading, writing = os.pipe()
    pid = os.fork()
    if not pid:
        os.close(reading)
        try:
            asyncio.run(save(path, first, writing))
        finally:
            os._exit(1)
    os.close(writing)
    if saving:
        select.select([reading], [], [])
    time.sleep(seconds)
    os.kill(pid, signal.SIGKILL)
    _, status = os.waitpid(pid, 0)
    assert os.WTERMSIG(status) == signal.SIGKILL, status
    with open(reading, "rb") as saved:
        # a line that was cut off is a number nobody was told
        return [int(line) for line in saved.read().splitlines(keepends=True) if line.endswith(b"\\n")]

chance = random.Random(sys.argv[3])
paths = sys.argv[4:]
kills = range(int(sys.argv[2]) // len(paths))
result = {
    path: [killed(path, kill * 10_000, chance.uniform(0, 0.02), saving=kill % 2 == 1) for kill in kills]
    for path in paths
}
print(json.dumps(result))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no fork and no SIGKILL")
async def test_a_hundred_kills_lose_nothing_that_was_saved_and_leave_nothing_half_saved(
    tmp_path: Path,
) -> None:
    paths = [tmp_path / f"{number}.sqlite" for number in range(FILES)]
    killer = subprocess.run(  # noqa: ASYNC221  its end is what the test waits for
        [
            sys.executable,
            "-S",
            "-c",
            KILLER,
            str(Path(__file__).parents[2]),
            str(KILLS),
            "1",
            *map(str, paths),
        ],
        stdout=subprocess.PIPE,
        check=True,
    )
    saved: dict[str, list[list[int]]] = json.loads(killer.stdout)
    assert sum(len(kills) for kills in saved.values()) == KILLS
    assert sum(bool(kill) for kills in saved.values() for kill in kills) >= KILLS // 2
    for path, kills in saved.items():
        told = {number for kill in kills for number in kill}
        found = await whole_saves(Path(path))
        assert told <= found
        # beyond what it told, a gateway had one save under way at most
        assert len(found - told) <= len(kills)
    assert files_in(tmp_path) == {path.name for path in paths}


def files_in(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


async def whole_saves(path: Path) -> set[int]:
    """Their numbers. Fails if there is a part of another one."""
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    store = SqlitePoolStore(SqliteFile(path), unix_time=lambda: 1e9, bounds=Bounds(bindings=10**9))
    pool = await store.load()
    usage = dict(await store.usage(first_day="2001-09-09", last_day="2001-09-09"))
    await store.aclose()
    total = usage.pop(UsageKey("2001-09-09", "a", "m", "all"), UsageSum())
    bindings = Counter(int(name.partition("-")[0]) for name in pool.bindings)
    numbers = {int(key.scope) for key in pool.cooldowns}
    assert bindings == dict.fromkeys(numbers, 5)
    assert {int(key.client): used.requests for key, used in usage.items()} == {each: each for each in numbers}
    assert total.requests == len(numbers)
    return numbers
