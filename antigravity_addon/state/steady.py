"""A memory that goes on while its file cannot be used: a disk that is full, a folder that is read-only, a broken file.

What is written meanwhile is held in the process, and brought into the file as soon as that can be written again.
Nobody's request fails for the file: what cannot be read counts as unknown.
"""

import asyncio
import logging
import math
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto

from .memory import KeptConversation, KeptItem, KeptResponse, KeptSignature, Memory, StateError

logger = logging.getLogger(__name__)

AGAIN_SECONDS = 5.0
"""After a failure the file is left alone for so long: where another process has locked it, each try takes time."""
MOST_PENDING = 100_000
"""Of more that the file does not have, the oldest are lost: a disk may be full for weeks."""
SOUND_SECONDS = 60.0
"""Without a failure, after which a file that is only read counts as one that can be used again."""
BRING_SECONDS = 0.2
"""For which a request brings back what the file missed, while others wait. What is left is the next one's."""


class _Kind(Enum):
    SIGNATURE = auto()
    RESPONSE = auto()
    CONVERSATION = auto()


type _Key = tuple[_Kind, str, str]
"""Kind, owner and id of something that is kept."""


@dataclass(frozen=True, slots=True)
class _Found[T]:
    value: T


class SteadyMemory:
    """State: what the file does not have yet, by key, oldest first, and the spare memory that has it; of deleted things
    too, which the spare does not have. Of those keys the spare knows best, and the file of all others.
    """

    def __init__(
        self,
        file: Memory,
        new_spare: Callable[[], Memory],
        *,
        clock: Callable[[], float],
        most_pending: int = MOST_PENDING,
    ) -> None:
        """`clock` is in seconds and never goes back."""
        self._file = file
        self._new_spare = new_spare
        self._spare = new_spare()
        self._clock = clock
        self._most_pending = most_pending
        self._pending: dict[_Key, None] = {}
        self._brought = 0
        self._lost = 0
        """Of the same trouble."""
        self._again_at = 0.0
        self._is_failing = False
        self._failed_at = 0.0
        self._one_at_a_time = asyncio.Lock()
        """Held by whoever uses the spare."""

    # --- the port ---------------------------------------------------------------------------------------

    async def keep_signatures(self, owner: str, signatures: Mapping[str, KeptSignature]) -> None:
        keys = [(_Kind.SIGNATURE, owner, each) for each in signatures]
        await self._write(keys, lambda memory: memory.keep_signatures(owner, signatures))

    async def signatures(self, owner: str, ids: Collection[str]) -> Mapping[str, KeptSignature]:
        return await self._read_all(lambda memory: memory.signatures(owner, ids))

    async def keep_response(self, owner: str, response: KeptResponse) -> None:
        key = (_Kind.RESPONSE, owner, response.id)
        await self._write(
            [key], lambda memory: memory.keep_response(owner, response), after=response.previous
        )

    async def response(self, owner: str, response_id: str) -> KeptResponse | None:
        key = (_Kind.RESPONSE, owner, response_id)
        return await self._read(key, lambda memory: memory.response(owner, response_id))

    async def delete_response(self, owner: str, response_id: str) -> bool:
        key = (_Kind.RESPONSE, owner, response_id)
        return await self._write(
            [key], lambda memory: memory.delete_response(owner, response_id), after=response_id
        )

    async def history(self, owner: str, response_id: str) -> tuple[KeptItem, ...] | None:
        key = (_Kind.RESPONSE, owner, response_id)
        return await self._read(key, lambda memory: memory.history(owner, response_id))

    async def items(self, owner: str, ids: Collection[str]) -> Mapping[str, bytes]:
        return await self._read_all(lambda memory: memory.items(owner, ids))

    async def keep_conversation(self, owner: str, conversation: KeptConversation) -> None:
        key = (_Kind.CONVERSATION, owner, conversation.id)
        await self._write([key], lambda memory: memory.keep_conversation(owner, conversation))

    async def conversation(self, owner: str, conversation_id: str) -> KeptConversation | None:
        key = (_Kind.CONVERSATION, owner, conversation_id)
        return await self._read(key, lambda memory: memory.conversation(owner, conversation_id))

    async def change_metadata(self, owner: str, conversation_id: str, metadata: bytes) -> bool:
        key = (_Kind.CONVERSATION, owner, conversation_id)
        return await self._write(
            [key], lambda memory: memory.change_metadata(owner, conversation_id, metadata)
        )

    async def delete_conversation(self, owner: str, conversation_id: str) -> bool:
        key = (_Kind.CONVERSATION, owner, conversation_id)
        return await self._write([key], lambda memory: memory.delete_conversation(owner, conversation_id))

    async def append_items(self, owner: str, conversation_id: str, items: Sequence[KeptItem]) -> bool:
        key = (_Kind.CONVERSATION, owner, conversation_id)
        return await self._write([key], lambda memory: memory.append_items(owner, conversation_id, items))

    async def conversation_items(self, owner: str, conversation_id: str) -> tuple[KeptItem, ...] | None:
        key = (_Kind.CONVERSATION, owner, conversation_id)
        return await self._read(key, lambda memory: memory.conversation_items(owner, conversation_id))

    async def delete_item(self, owner: str, conversation_id: str, item_id: str) -> bool:
        key = (_Kind.CONVERSATION, owner, conversation_id)
        return await self._write([key], lambda memory: memory.delete_item(owner, conversation_id, item_id))

    async def aclose(self) -> None:
        async with self._one_at_a_time:
            if self._pending and not await self._bring_back(seconds=math.inf):
                logger.warning(
                    "Objects of clients' that the state file never had are lost: %d.",
                    len(self._pending) + self._lost,
                )
            self._pending.clear()
            await self._spare.aclose()
            await self._file.aclose()

    # --- reading ----------------------------------------------------------------------------------------

    async def _read[T](self, key: _Key, read: Callable[[Memory], Awaitable[T]]) -> T:
        if (found := await self._read_at_once(read)) is not None:
            return found.value
        async with self._one_at_a_time:
            if key in self._pending:
                return await read(self._spare)
            return await self._read_file(read)

    async def _read_all[T](self, read: Callable[[Memory], Awaitable[Mapping[str, T]]]) -> Mapping[str, T]:
        """Of several things, each from where it is known best."""
        if (found := await self._read_at_once(read)) is not None:
            return found.value
        async with self._one_at_a_time:
            filed = await self._read_file(read)
            return {**filed, **await read(self._spare)} if self._pending else filed

    async def _read_at_once[T](self, read: Callable[[Memory], Awaitable[T]]) -> "_Found[T] | None":
        """From the file, if that has everything. Otherwise it is for those to say who use the spare, in their order."""
        if self._pending:
            return None
        try:
            found = await read(self._file)
        except StateError:
            return None
        # a write that was made before this call may have failed meanwhile
        if self._pending or self._one_at_a_time.locked():
            return None
        if self._is_failing and self._clock() - self._failed_at > SOUND_SECONDS:
            self._tell_of_the_end()
        return _Found(found)

    async def _read_file[T](self, read: Callable[[Memory], Awaitable[T]]) -> T:
        """Or nothing, in the way of a memory that is empty. Raises: StateError: what is asked for is no text."""
        try:
            return await read(self._file)
        except StateError as error:
            found = await read(self._spare)
            self._tell(error)
            return found

    # --- writing ----------------------------------------------------------------------------------------

    async def _write[T](
        self, keys: Sequence[_Key], write: Callable[[Memory], Awaitable[T]], *, after: str | None = None
    ) -> T:
        """`after` is the response that has to be known for it. Raises: StateError: no memory can hold it."""
        if not self._pending:
            try:
                return await write(self._file)
            except StateError as error:
                failure = error
            async with self._one_at_a_time:
                return await self._write_spare(keys, write, after, failure)
        async with self._one_at_a_time:
            is_left_alone = self._clock() < self._again_at
            if self._pending and (is_left_alone or not await self._bring_back(seconds=BRING_SECONDS)):
                return await self._write_spare(keys, write, after, None)
            try:
                return await write(self._file)
            except StateError as error:
                return await self._write_spare(keys, write, after, error)

    async def _write_spare[T](
        self,
        keys: Sequence[_Key],
        write: Callable[[Memory], Awaitable[T]],
        after: str | None,
        failure: StateError | None,
    ) -> T:
        for kind, owner, kept_id in keys:
            if kind is _Kind.CONVERSATION:
                await self._copy_conversation(owner, kept_id)
            elif kind is _Kind.RESPONSE:
                await self._copy_chain(owner, after)
        done = await write(self._spare)
        # those that are new come last
        self._pending |= dict.fromkeys(keys)
        while len(self._pending) > self._most_pending:
            del self._pending[next(iter(self._pending))]
            self._lost += 1
        if failure is not None:
            self._again_at = self._clock() + AGAIN_SECONDS
            self._tell(failure)
        return done

    async def _copy_conversation(self, owner: str, conversation_id: str) -> None:
        if (_Kind.CONVERSATION, owner, conversation_id) in self._pending:
            return
        try:
            found = await self._file.conversation(owner, conversation_id)
            items = await self._file.conversation_items(owner, conversation_id)
        except StateError:
            return
        if found is not None:
            await self._spare.delete_conversation(owner, conversation_id)
            await self._spare.keep_conversation(owner, found)
            await self._spare.append_items(owner, conversation_id, items or ())

    async def _copy_chain(self, owner: str, response_id: str | None) -> None:
        """A response and all that it goes on from, as far as the spare does not have them."""
        missing: list[KeptResponse] = []
        while response_id is not None and (_Kind.RESPONSE, owner, response_id) not in self._pending:
            if await self._spare.response(owner, response_id) is not None:
                break
            try:
                found = await self._file.response(owner, response_id)
            except StateError:
                break
            if found is None:
                break
            missing.append(found)
            response_id = found.previous
        for each in reversed(missing):
            await self._spare.keep_response(owner, each)

    # --- back to the file -------------------------------------------------------------------------------

    async def _bring_back(self, *, seconds: float) -> bool:
        """What the file does not have, oldest first. False if it still cannot be written, or not all of it in time."""
        end = self._clock() + seconds
        try:
            # to read what is brought is a use of it, so that is not done in vain
            await self._file.keep_signatures("", {})
            for key in tuple(self._pending):
                if self._clock() > end:
                    return False
                await self._bring(key)
                del self._pending[key]
                self._brought += 1
        except StateError as error:
            self._again_at = self._clock() + AGAIN_SECONDS
            self._tell(error)
            return False
        await self._spare.aclose()
        self._spare = self._new_spare()
        self._tell_of_the_end()
        return True

    async def _bring(self, key: _Key) -> None:
        """Raises: StateError."""
        kind, owner, kept_id = key
        match kind:
            case _Kind.SIGNATURE:
                await self._file.keep_signatures(owner, await self._spare.signatures(owner, [kept_id]))
            case _Kind.RESPONSE:
                response = await self._spare.response(owner, kept_id)
                if response is None:
                    await self._file.delete_response(owner, kept_id)
                else:
                    await self._file.keep_response(owner, response)
            case _Kind.CONVERSATION:
                await self._file.delete_conversation(owner, kept_id)
                conversation = await self._spare.conversation(owner, kept_id)
                if conversation is not None:
                    items = await self._spare.conversation_items(owner, kept_id)
                    await self._file.keep_conversation(owner, conversation)
                    await self._file.append_items(owner, kept_id, items or ())

    def _tell(self, error: StateError) -> None:
        """Once, until it works again."""
        self._failed_at = self._clock()
        if not self._is_failing:
            self._is_failing = True
            logger.warning(
                "%s Meanwhile responses, conversations and thought signatures are held in memory, and lost if the "
                "gateway ends; those of before may be unknown. It is tried again and again: make room, or see that the "
                "file can be read and written.",
                error,
            )

    def _tell_of_the_end(self) -> None:
        if self._is_failing:
            logger.warning(
                "The state file can be used again. Objects that it missed and has now: %d; and that are lost: %d.",
                self._brought,
                self._lost,
            )
            self._is_failing = False
            self._brought = self._lost = 0
