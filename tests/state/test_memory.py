"""What every implementation of the memory must do. Another one is one more parameter of the fixture."""

import asyncio
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from antigravity_addon.state.memory import KeptConversation, KeptItem, KeptResponse, KeptSignature, Memory
from antigravity_addon.state.sqlite import SqliteMemory
from antigravity_addon.state.sqlite_file import IN_MEMORY, SqliteFile
from antigravity_addon.state.steady import SteadyMemory

ANA, BO = "owner-ana", "owner-bo"
DAY = 86_400.0


class Clock:
    """Unix time, as far as it has been turned."""

    def __init__(self) -> None:
        self.now = 1_795_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def at(path: Path | str, clock: Clock) -> SqliteMemory:
    return SqliteMemory(SqliteFile(path), clock=clock, max_age=30 * DAY, max_bytes=10_000_000)


@pytest.fixture(params=["file", "memory", "steady", "steady without a file"])
async def memory(request: pytest.FixtureRequest, tmp_path: Path, clock: Clock) -> AsyncGenerator[Memory]:
    made: Memory
    match request.param:
        case "file":
            made = at(tmp_path / "state.sqlite", clock)
        case "memory":
            made = at(IN_MEMORY, clock)
        case "steady":
            made = SteadyMemory(
                at(tmp_path / "state.sqlite", clock), lambda: at(IN_MEMORY, clock), clock=clock
            )
        case _:
            # a folder stands where the file should be
            made = SteadyMemory(at(tmp_path, clock), lambda: at(IN_MEMORY, clock), clock=clock)
    yield made
    await made.aclose()


def item(name: str, *, is_input: bool = False) -> KeptItem:
    return KeptItem(name, is_input=is_input, content=f'{{"id":"{name}"}}'.encode())


def response(name: str, previous: str | None = None) -> KeptResponse:
    items = (item(f"{name}-in", is_input=True), item(f"{name}-out"))
    return KeptResponse(name, 7, previous, f'{{"id":"{name}"}}'.encode(), items)


def names(items: tuple[KeptItem, ...] | None) -> list[str] | None:
    return None if items is None else [each.id for each in items]


# --- signatures -------------------------------------------------------------------------------------------


async def test_signatures_are_found_by_id(memory: Memory) -> None:
    kept = {"call_1": KeptSignature("c2ln", "m", "u1"), "call_2": KeptSignature("b" * 140_000, "m", None)}
    await memory.keep_signatures(ANA, kept)
    assert await memory.signatures(ANA, ["call_1", "call_2", "call_3"]) == kept
    assert await memory.signatures(ANA, []) == {}
    assert await memory.signatures(BO, ["call_1"]) == {}


async def test_a_signature_kept_again_replaces_the_first(memory: Memory) -> None:
    await memory.keep_signatures(ANA, {"call_1": KeptSignature("old", "m", None)})
    await memory.keep_signatures(ANA, {"call_1": KeptSignature("new", "n", "u")})
    assert await memory.signatures(ANA, ["call_1"]) == {"call_1": KeptSignature("new", "n", "u")}


async def test_any_number_of_ids_can_be_asked_for(memory: Memory) -> None:
    ids = [f"call_{number}" for number in range(2_000)]
    await memory.keep_signatures(ANA, dict.fromkeys(ids, KeptSignature("s", "m", None)))
    assert len(await memory.signatures(ANA, ids)) == 2_000


async def test_what_is_kept_is_seen_by_a_call_made_before_keeping_returned(memory: Memory) -> None:
    _, history = await asyncio.gather(memory.keep_response(ANA, response("r1")), memory.history(ANA, "r1"))
    assert names(history) == ["r1-in", "r1-out"]


# --- responses --------------------------------------------------------------------------------------------


async def test_a_response_comes_back_as_it_was_kept(memory: Memory) -> None:
    await memory.keep_response(ANA, response("r1"))
    assert await memory.response(ANA, "r1") == response("r1")
    assert await memory.response(ANA, "r2") is None
    assert await memory.response(BO, "r1") is None


async def test_a_history_is_the_whole_chain_oldest_first(memory: Memory) -> None:
    await memory.keep_response(ANA, response("r1"))
    await memory.keep_response(ANA, response("r2", "r1"))
    await memory.keep_response(ANA, response("r3", "r2"))
    await memory.keep_response(ANA, response("fork", "r1"))
    assert names(await memory.history(ANA, "r3")) == ["r1-in", "r1-out", "r2-in", "r2-out", "r3-in", "r3-out"]
    assert names(await memory.history(ANA, "fork")) == ["r1-in", "r1-out", "fork-in", "fork-out"]
    assert await memory.history(BO, "r3") is None


async def test_a_history_with_a_hole_is_none(memory: Memory) -> None:
    await memory.keep_response(ANA, response("r2", "gone"))
    await memory.keep_response(ANA, response("r3", "r2"))
    assert await memory.history(ANA, "r3") is None


async def test_a_deleted_response_is_unknown_but_to_those_that_go_on_from_it(memory: Memory) -> None:
    await memory.keep_response(ANA, response("r1"))
    await memory.keep_response(ANA, response("r2", "r1"))
    assert not await memory.delete_response(BO, "r1")
    assert await memory.delete_response(ANA, "r1")
    assert not await memory.delete_response(ANA, "r1")
    assert await memory.response(ANA, "r1") is None
    assert await memory.history(ANA, "r1") is None
    assert await memory.items(ANA, ["r1-out"]) == {}
    assert names(await memory.history(ANA, "r2")) == ["r1-in", "r1-out", "r2-in", "r2-out"]


async def test_items_are_found_by_id(memory: Memory) -> None:
    await memory.keep_response(ANA, response("r1"))
    await memory.keep_conversation(ANA, KeptConversation("c1", 7, b"{}"))
    await memory.append_items(ANA, "c1", [item("c1-item")])
    assert await memory.items(ANA, ["r1-out", "c1-item", "x"]) == {
        "r1-out": b'{"id":"r1-out"}',
        "c1-item": b'{"id":"c1-item"}',
    }
    assert await memory.items(BO, ["r1-out"]) == {}


async def test_of_equal_ids_the_last_kept_item_counts(memory: Memory) -> None:
    for number in (1, 2):
        same = KeptItem("same", is_input=True, content=str(number).encode())
        await memory.keep_response(ANA, KeptResponse(f"r{number}", 7, None, b"{}", (same,)))
    assert await memory.items(ANA, ["same"]) == {"same": b"2"}


# --- conversations ----------------------------------------------------------------------------------------


async def test_a_conversation_grows(memory: Memory) -> None:
    await memory.keep_conversation(ANA, KeptConversation("c1", 7, b'{"a":1}'))
    assert await memory.append_items(ANA, "c1", [item("one"), item("two")])
    assert await memory.append_items(ANA, "c1", [item("three")])
    assert names(await memory.conversation_items(ANA, "c1")) == ["one", "two", "three"]
    await memory.keep_conversation(ANA, KeptConversation("c1", 7, b'{"a":2}'))
    assert await memory.conversation(ANA, "c1") == KeptConversation("c1", 7, b'{"a":2}')
    assert names(await memory.conversation_items(ANA, "c1")) == ["one", "two", "three"]
    assert await memory.delete_item(ANA, "c1", "two")
    assert not await memory.delete_item(ANA, "c1", "two")
    assert names(await memory.conversation_items(ANA, "c1")) == ["one", "three"]


async def test_an_unknown_conversation_takes_nothing(memory: Memory) -> None:
    await memory.keep_conversation(ANA, KeptConversation("c1", 7, b"{}"))
    for owner, name in ((ANA, "c2"), (BO, "c1")):
        assert not await memory.append_items(owner, name, [item("x")])
        assert await memory.conversation_items(owner, name) is None
        assert await memory.conversation(owner, name) is None
        assert not await memory.delete_item(owner, name, "x")
        assert not await memory.delete_conversation(owner, name)
    assert await memory.delete_conversation(ANA, "c1")
    assert await memory.conversation(ANA, "c1") is None


# --- forgetting -------------------------------------------------------------------------------------------


async def many_writes(memory: Memory) -> None:
    """More than may pass without a look at what is to be forgotten."""
    for number in range(70):
        await memory.keep_signatures(BO, {f"call_{number}": KeptSignature("s", "m", None)})


async def test_what_is_not_used_is_forgotten(memory: Memory, clock: Clock) -> None:
    await memory.keep_signatures(ANA, {"call_1": KeptSignature("s", "m", None)})
    await memory.keep_response(ANA, response("r1"))
    await memory.keep_conversation(ANA, KeptConversation("c1", 7, b"{}"))
    clock.now += 31 * DAY
    await many_writes(memory)
    assert await memory.signatures(ANA, ["call_1"]) == {}
    assert await memory.response(ANA, "r1") is None
    assert await memory.conversation(ANA, "c1") is None


async def test_a_living_conversation_keeps_its_beginning(memory: Memory, clock: Clock) -> None:
    await memory.keep_response(ANA, response("r1"))
    for number in range(2, 6):
        clock.now += 20 * DAY
        await many_writes(memory)
        await memory.keep_response(ANA, response(f"r{number}", f"r{number - 1}"))
    assert len(await memory.history(ANA, "r5") or ()) == 10


async def test_what_was_used_longest_ago_goes_first(tmp_path: Path, clock: Clock) -> None:
    memory = SqliteMemory(
        SqliteFile(tmp_path / "small.sqlite"), clock=clock, max_age=30 * DAY, max_bytes=400_000
    )
    for number in range(200):
        clock.now += 1
        big = KeptItem("big", is_input=True, content=b"x" * 10_000)
        await memory.keep_response(ANA, KeptResponse(f"r{number}", 7, None, b"{}", (big,)))
    assert await memory.response(ANA, "r0") is None
    assert await memory.response(ANA, "r199") is not None
    await memory.aclose()
    assert (tmp_path / "small.sqlite").stat().st_size < 2_000_000
