"""Where the events of an answer go: to the client as they come, or nowhere if it wants the answer whole."""

from typing import Protocol

from antigravity_addon.wire.openai_responses.events import Event, Lifecycle


class Events(Protocol):
    def write(self, event: Event) -> None: ...

    def take(self) -> bytes:
        """What was written since this was asked last."""
        ...


class Unheard:
    """For an answer of which only the whole is wanted."""

    def write(self, event: Event) -> None:
        pass

    def take(self) -> bytes:
        return b""


class EventFrames:
    """Events as server-sent events. Numbers them, and opens the stream ahead of the first."""

    def __init__(self, in_progress: bytes, begin_at: int = 0) -> None:
        """`in_progress`: the response as it is at first, JSON. `begin_at`: how many events the client has got."""
        self._in_progress = in_progress
        self._frames: list[bytes] = []
        self.count = begin_at

    def open(self) -> None:
        """Once; a second time it does nothing."""
        if not self.count:
            self._number(Lifecycle("response.created", self._in_progress))
            self._number(Lifecycle("response.in_progress", self._in_progress))

    def repeat(self) -> None:
        """The first events, or the second once more: a sign of life that every client knows the type of."""
        if self.count:
            self._number(Lifecycle("response.in_progress", self._in_progress))
        else:
            self.open()

    def write(self, event: Event) -> None:
        self.open()
        self._number(event)

    def take(self) -> bytes:
        taken = b"".join(self._frames)
        self._frames.clear()
        return taken

    def _number(self, event: Event) -> None:
        self._frames.append(event.to_frame(self.count))
        self.count += 1
