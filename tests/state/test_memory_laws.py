"""Any sequence of calls has the answers of a model made of dicts."""

import asyncio
from collections.abc import Coroutine

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

from antigravity_addon.state.memory import KeptConversation, KeptItem, KeptResponse, KeptSignature
from antigravity_addon.state.sqlite import SqliteMemory
from antigravity_addon.state.sqlite_file import IN_MEMORY, SqliteFile

OWNERS = st.sampled_from(["ana", "bo"])
IDS = st.sampled_from(["1", "2", "3", "4"])
ITEMS = st.lists(
    st.builds(
        KeptItem, st.sampled_from(["a", "b", "c"]), is_input=st.booleans(), content=st.binary(max_size=3)
    ),
    max_size=3,
).map(tuple)
type Key = tuple[str, str]


class MemoryMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.memory = SqliteMemory(SqliteFile(IN_MEMORY), clock=lambda: 1e9, max_age=1e6, max_bytes=10**9)
        self.signatures: dict[Key, KeptSignature] = {}
        self.responses: dict[Key, KeptResponse] = {}
        self.histories: dict[Key, tuple[KeptItem, ...] | None] = {}
        self.conversations: dict[Key, KeptConversation] = {}
        self.items: dict[Key, tuple[KeptItem, ...]] = {}

    def run_in_loop[T](self, call: Coroutine[object, object, T]) -> T:
        return self.runner.run(call)

    def teardown(self) -> None:
        self.run_in_loop(self.memory.aclose())
        self.runner.close()

    @rule(owner=OWNERS, ids=st.sets(IDS), value=st.text(max_size=3))
    def keep_signatures(self, owner: str, ids: set[str], value: str) -> None:
        kept = KeptSignature(value, "m", None)
        self.run_in_loop(self.memory.keep_signatures(owner, dict.fromkeys(ids, kept)))
        self.signatures |= {(owner, each): kept for each in ids}

    @rule(owner=OWNERS, ids=st.lists(IDS))
    def read_signatures(self, owner: str, ids: list[str]) -> None:
        known = {each: self.signatures[owner, each] for each in ids if (owner, each) in self.signatures}
        assert self.run_in_loop(self.memory.signatures(owner, ids)) == known

    @rule(owner=OWNERS, name=IDS, previous=st.none() | IDS, items=ITEMS)
    def keep_response(self, owner: str, name: str, previous: str | None, items: tuple[KeptItem, ...]) -> None:
        kept = KeptResponse(name, 7, previous, name.encode(), items)
        self.run_in_loop(self.memory.keep_response(owner, kept))
        self.histories.pop((owner, name), None)
        before = () if previous is None else self.histories.get((owner, previous))
        self.responses[owner, name] = kept
        self.histories[owner, name] = None if before is None else before + items

    @rule(owner=OWNERS, name=IDS)
    def delete_response(self, owner: str, name: str) -> None:
        known = self.responses.pop((owner, name), None)
        self.histories.pop((owner, name), None)
        assert self.run_in_loop(self.memory.delete_response(owner, name)) == (known is not None)

    @rule(owner=OWNERS, name=IDS)
    def read_response(self, owner: str, name: str) -> None:
        assert self.run_in_loop(self.memory.response(owner, name)) == self.responses.get((owner, name))
        assert self.run_in_loop(self.memory.history(owner, name)) == self.histories.get((owner, name))

    @rule(owner=OWNERS, name=IDS, metadata=st.binary(max_size=3))
    def keep_conversation(self, owner: str, name: str, metadata: bytes) -> None:
        kept = KeptConversation(name, 7, metadata)
        self.run_in_loop(self.memory.keep_conversation(owner, kept))
        self.conversations[owner, name] = kept
        self.items.setdefault((owner, name), ())

    @rule(owner=OWNERS, name=IDS, metadata=st.binary(max_size=3))
    def change_metadata(self, owner: str, name: str, metadata: bytes) -> None:
        known = (owner, name) in self.conversations
        assert self.run_in_loop(self.memory.change_metadata(owner, name, metadata)) == known
        if known:
            self.conversations[owner, name] = KeptConversation(name, 7, metadata)

    @rule(owner=OWNERS, name=IDS)
    def delete_conversation(self, owner: str, name: str) -> None:
        known = self.conversations.pop((owner, name), None)
        self.items.pop((owner, name), None)
        assert self.run_in_loop(self.memory.delete_conversation(owner, name)) == (known is not None)

    @rule(owner=OWNERS, name=IDS, items=ITEMS)
    def append_items(self, owner: str, name: str, items: tuple[KeptItem, ...]) -> None:
        known = (owner, name) in self.items
        assert self.run_in_loop(self.memory.append_items(owner, name, items)) == known
        if known:
            self.items[owner, name] += items

    @rule(owner=OWNERS, name=IDS, gone=st.sampled_from(["a", "b", "c"]))
    def delete_item(self, owner: str, name: str, gone: str) -> None:
        before = self.items.get((owner, name), ())
        after = tuple(item for item in before if item.id != gone)
        assert self.run_in_loop(self.memory.delete_item(owner, name, gone)) == (after != before)
        if before:
            self.items[owner, name] = after

    @rule(owner=OWNERS, name=IDS)
    def read_conversation(self, owner: str, name: str) -> None:
        key = (owner, name)
        assert self.run_in_loop(self.memory.conversation(owner, name)) == self.conversations.get(key)
        assert self.run_in_loop(self.memory.conversation_items(owner, name)) == self.items.get(key)


TestMemory = MemoryMachine.TestCase
TestMemory.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)
