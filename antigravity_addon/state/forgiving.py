"""A memory for recordings, which may begin in the middle of a conversation: what is not known is taken to be empty."""

from collections.abc import Collection, Mapping
from typing import override

from .memory import KeptConversation, KeptItem
from .sqlite import SqliteMemory

_UNKNOWN_ITEM = b'{"type":"message","role":"user","content":"(not in the recording)"}'


class ForgivingMemory(SqliteMemory):
    """The answer is known whatever came before, so a request need not be refused for it."""

    @override
    async def history(self, owner: str, response_id: str) -> tuple[KeptItem, ...] | None:
        return await super().history(owner, response_id) or ()

    @override
    async def items(self, owner: str, ids: Collection[str]) -> Mapping[str, bytes]:
        return dict.fromkeys(ids, _UNKNOWN_ITEM) | dict(await super().items(owner, ids))

    @override
    async def conversation(self, owner: str, conversation_id: str) -> KeptConversation | None:
        known = await super().conversation(owner, conversation_id)
        return known or KeptConversation(conversation_id, 0, b"{}")

    @override
    async def change_metadata(self, owner: str, conversation_id: str, metadata: bytes) -> bool:
        if not await super().change_metadata(owner, conversation_id, metadata):
            await self.keep_conversation(owner, KeptConversation(conversation_id, 0, metadata))
        return True

    @override
    async def conversation_items(self, owner: str, conversation_id: str) -> tuple[KeptItem, ...] | None:
        return await super().conversation_items(owner, conversation_id) or ()
