"""What a replay goes on from: what is there, and as if the rest had been."""

from antigravity_addon.state.forgiving import ForgivingMemory
from antigravity_addon.state.memory import KeptConversation, KeptItem
from antigravity_addon.state.sqlite_file import IN_MEMORY, SqliteFile

ITEM = KeptItem("msg_1", is_input=True, content=b"{}")


async def test_a_conversation_has_what_was_put_into_it_and_an_unknown_one_nothing() -> None:
    memory = ForgivingMemory(SqliteFile(IN_MEMORY), clock=lambda: 0.0, max_age=1e6, max_bytes=10**6)
    kept = KeptConversation("conv_1", 7, b'{"a":"b"}')
    await memory.keep_conversation("ana", kept)
    await memory.append_items("ana", kept.id, (ITEM,))
    assert await memory.conversation("ana", kept.id) == kept
    assert await memory.conversation_items("ana", kept.id) == (ITEM,)
    assert await memory.conversation("ana", "conv_2") == KeptConversation("conv_2", 0, b"{}")
    assert await memory.conversation_items("ana", "conv_2") == ()
    await memory.aclose()
