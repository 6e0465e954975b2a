"""A memory whose file cannot be used for a while. What it does meanwhile is in test_memory.py, as for every memory."""

import sqlite3
from collections.abc import AsyncGenerator, Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import override

import pytest

from antigravity_addon.state.memory import KeptConversation, KeptResponse, KeptSignature, StateError
from antigravity_addon.state.sqlite import SqliteMemory
from antigravity_addon.state.sqlite_file import IN_MEMORY, SqliteFile
from antigravity_addon.state.steady import AGAIN_SECONDS, BRING_SECONDS, SOUND_SECONDS, SteadyMemory

from .test_memory import ANA, BO, Clock, item, names, response

SIGNATURE = {"call_1": KeptSignature("c2ln", "m", None)}
CONVERSATION = KeptConversation("c1", 7, b"{}")


@dataclass
class Disk:
    """What stands between the memory and its file."""

    path: Path
    clock: Clock
    memory: SteadyMemory
    file: SqliteFile

    async def fill(self) -> None:
        """As a disk with no room: reading goes on."""
        await self.file.run(lambda connection: connection.execute("PRAGMA max_page_count = 1").fetchall())

    async def make_room(self) -> None:
        await self.file.run(
            lambda connection: connection.execute("PRAGMA max_page_count = 100000").fetchall()
        )
        self.clock.now += AGAIN_SECONDS

    def after_a_restart(self) -> SqliteMemory:
        return new_memory(SqliteFile(self.path), self.clock)


def new_memory(file: SqliteFile, clock: Clock) -> SqliteMemory:
    return SqliteMemory(file, clock=clock, max_age=1e9, max_bytes=100_000_000)


BIG = b"x" * 400_000
"""Needs pages that the file does not have."""


def big(name: str, previous: str | None = None) -> KeptResponse:
    return KeptResponse(name, 7, previous, BIG, (item(f"{name}-out"),))


@pytest.fixture
async def disk(tmp_path: Path) -> AsyncGenerator[Disk]:
    path, clock = tmp_path / "state.sqlite", Clock()
    file = SqliteFile(path)
    memory = SteadyMemory(
        new_memory(file, clock), lambda: new_memory(SqliteFile(IN_MEMORY), clock), clock=clock
    )
    yield Disk(path, clock, memory, file)
    await memory.aclose()


async def test_what_the_file_cannot_take_is_there_all_the_same_and_comes_into_it_later(
    disk: Disk, caplog: pytest.LogCaptureFixture
) -> None:
    memory = disk.memory
    await memory.keep_response(ANA, response("r1"))
    await memory.keep_conversation(ANA, CONVERSATION)
    await memory.append_items(ANA, "c1", [item("i1")])
    await disk.fill()
    for name, previous in (("r2", "r1"), ("r3", "r2")):
        await memory.keep_response(ANA, big(name, previous))
    await memory.append_items(ANA, "c1", [item("i2")])
    await memory.delete_item(ANA, "c1", "i1")
    await memory.keep_signatures(BO, SIGNATURE)
    for again in range(2):
        assert names(await memory.history(ANA, "r3")) == ["r1-in", "r1-out", "r2-out", "r3-out"]
        assert await memory.response(ANA, "r1") == response("r1")
        assert names(await memory.conversation_items(ANA, "c1")) == ["i2"]
        assert await memory.signatures(BO, ["call_1"]) == SIGNATURE
        assert await memory.items(ANA, ["r1-out", "r3-out"]) == {
            each.id: each.content for each in (item("r1-out"), item("r3-out"))
        }
        if not again:
            await disk.make_room()
            await memory.keep_response(ANA, big("r4", "r3"))
    after = disk.after_a_restart()
    assert names(await after.history(ANA, "r4")) == ["r1-in", "r1-out", "r2-out", "r3-out", "r4-out"]
    assert names(await after.conversation_items(ANA, "c1")) == ["i2"]
    assert await after.signatures(BO, ["call_1"]) == SIGNATURE
    await after.aclose()
    warnings = [record.getMessage() for record in caplog.records]
    assert len(warnings) == 2
    assert (
        "database or disk is full. Meanwhile responses, conversations and thought signatures are held"
        in warnings[0]
    )
    assert warnings[1] == (
        "The state file can be used again. Objects that it missed and has now: 4; and that are lost: 0."
    )


async def test_what_was_deleted_meanwhile_stays_deleted(disk: Disk) -> None:
    memory = disk.memory
    await memory.keep_response(ANA, response("r1"))
    await memory.keep_conversation(ANA, CONVERSATION)
    await disk.fill()
    await memory.keep_response(ANA, big("r2"))
    assert await memory.delete_response(ANA, "r1")
    assert await memory.delete_conversation(ANA, "c1")
    assert not await memory.delete_conversation(ANA, "c1")
    assert await memory.response(ANA, "r1") is None
    assert await memory.conversation(ANA, "c1") is None
    await disk.make_room()
    await memory.keep_signatures(ANA, SIGNATURE)
    after = disk.after_a_restart()
    assert await after.response(ANA, "r1") is None
    assert await after.conversation(ANA, "c1") is None
    assert await after.response(ANA, "r2") == big("r2")
    await after.aclose()


async def test_the_end_brings_what_it_can_and_says_what_is_lost(
    disk: Disk, caplog: pytest.LogCaptureFixture
) -> None:
    await disk.memory.keep_response(ANA, response("r1"))
    await disk.fill()
    await disk.memory.keep_response(ANA, big("r2"))
    await disk.memory.aclose()
    assert caplog.messages[-1] == "Objects of clients' that the state file never had are lost: 1."


def folder_in_its_place(path: Path) -> None:
    path.mkdir()


def file_in_its_folder_s_place(path: Path) -> None:
    path.parent.rmdir()
    path.parent.write_text("")


def another_program_s(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE theirs (x)")


def rubbish(path: Path) -> None:
    path.write_bytes(b"rubbish" * 1000)


@pytest.mark.parametrize(
    "spoil", [folder_in_its_place, file_in_its_folder_s_place, another_program_s, rubbish]
)
async def test_without_a_file_it_serves_from_the_process(
    tmp_path: Path, spoil: Callable[[Path], None], caplog: pytest.LogCaptureFixture
) -> None:
    folder, clock = tmp_path / "state", Clock()
    folder.mkdir()
    spoil(folder / "state.sqlite")
    file = SqliteFile(folder / "state.sqlite")
    memory = SteadyMemory(
        new_memory(file, clock), lambda: new_memory(SqliteFile(IN_MEMORY), clock), clock=clock
    )
    assert await memory.history(ANA, "r0") is None
    await memory.keep_response(ANA, response("r1"))
    await memory.keep_response(ANA, response("r2", "r1"))
    assert names(await memory.history(ANA, "r2")) == ["r1-in", "r1-out", "r2-in", "r2-out"]
    assert await memory.response(BO, "r2") is None
    assert len(caplog.records) == 1
    await memory.aclose()


class Unsteady(SqliteMemory):
    """Fails when it is told to, and takes its time."""

    is_broken = False
    seconds = 0.0

    @override
    async def response(self, owner: str, response_id: str) -> KeptResponse | None:
        if self.is_broken:
            raise StateError("It cannot be used.")
        return await super().response(owner, response_id)

    @override
    async def keep_response(self, owner: str, response: KeptResponse) -> None:
        if self.is_broken:
            raise StateError("It cannot be used.")
        if isinstance(self._clock, Clock):
            self._clock.now += self.seconds
        await super().keep_response(owner, response)


@dataclass
class Trouble:
    clock: Clock
    file: Unsteady
    memory: SteadyMemory


@pytest.fixture
async def trouble(tmp_path: Path) -> AsyncGenerator[Trouble]:
    """A memory of three objects at most that its file does not have."""
    clock = Clock()
    file = Unsteady(SqliteFile(tmp_path / "state.sqlite"), clock=clock, max_age=1e9, max_bytes=100_000_000)
    memory = SteadyMemory(file, lambda: new_memory(SqliteFile(IN_MEMORY), clock), clock=clock, most_pending=3)
    yield Trouble(clock, file, memory)
    await memory.aclose()


async def test_each_trouble_is_told_of_also_if_nothing_was_written_meanwhile(
    trouble: Trouble, caplog: pytest.LogCaptureFixture
) -> None:
    file, memory = trouble.file, trouble.memory
    await memory.keep_response(ANA, response("r1"))
    for _ in range(2):
        file.is_broken = True
        assert await memory.response(ANA, "r1") is None
        assert await memory.response(ANA, "r1") is None
        file.is_broken = False
        for seconds in (1, SOUND_SECONDS):
            trouble.clock.now += seconds
            assert await memory.response(ANA, "r1") == response("r1")
    assert [message.partition(".")[0] for message in caplog.messages] == [
        "It cannot be used",
        "The state file can be used again",
    ] * 2


async def test_what_the_file_does_not_have_is_bounded(
    trouble: Trouble, caplog: pytest.LogCaptureFixture
) -> None:
    file, memory = trouble.file, trouble.memory
    file.is_broken = True
    for number in range(5):
        await memory.keep_response(ANA, response(f"r{number}"))
    file.is_broken = False
    trouble.clock.now += AGAIN_SECONDS
    await memory.keep_response(ANA, response("r5"))
    found = [await file.response(ANA, f"r{number}") for number in range(6)]
    assert found == [None, None, *(response(f"r{number}") for number in range(2, 6))]
    assert caplog.messages[-1].endswith("Objects that it missed and has now: 3; and that are lost: 2.")


async def test_a_file_that_failed_is_left_alone_for_a_while(trouble: Trouble) -> None:
    file, memory = trouble.file, trouble.memory
    file.is_broken = True
    await memory.keep_response(ANA, response("r0"))
    file.is_broken = False
    trouble.clock.now += AGAIN_SECONDS - 1
    await memory.keep_response(ANA, response("r1"))
    assert await file.response(ANA, "r1") is None
    trouble.clock.now += 1
    await memory.keep_response(ANA, response("r2"))
    assert [await file.response(ANA, f"r{number}") for number in range(3)] == [
        response(f"r{number}") for number in range(3)
    ]


async def test_nobody_waits_long_for_what_others_bring_back(trouble: Trouble) -> None:
    file, memory = trouble.file, trouble.memory
    file.is_broken = True
    for number in range(3):
        await memory.keep_response(ANA, response(f"r{number}"))
    file.is_broken, file.seconds = False, BRING_SECONDS * 0.7
    trouble.clock.now += AGAIN_SECONDS
    await memory.keep_response(ANA, response("r3"))
    assert [await file.response(ANA, f"r{number}") for number in range(4)] == [
        response("r0"),
        response("r1"),
        None,
        None,
    ]
    assert [await memory.response(ANA, f"r{number}") for number in range(4)] == [
        response(f"r{number}") for number in range(4)
    ]
    await memory.keep_response(ANA, response("r4"))
    assert [await file.response(ANA, f"r{number}") for number in range(5)] == [
        response(f"r{number}") for number in range(5)
    ]


async def test_what_no_memory_can_hold_is_refused_and_costs_nothing_else(disk: Disk) -> None:
    with pytest.raises(StateError, match="not Unicode"):
        await disk.memory.keep_response(ANA, KeptResponse("resp_\udcff", 7, None, b"{}", ()))
    await disk.memory.keep_response(ANA, response("r1"))
    after = disk.after_a_restart()
    assert await after.response(ANA, "r1") == response("r1")
    await after.aclose()
