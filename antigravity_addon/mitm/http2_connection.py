"""The h2 library's side of a client's connection, with bounds to what it may be kept busy with.

What carries nothing (pings, settings, priorities, empty data, …) costs its sender nine bytes and us as much as any frame:
64 KiB of it, which mitmproxy reads at once, would let everybody else wait for a second.
"""

from collections.abc import Callable
from typing import override

import h2.events
from h2.config import H2Configuration
from h2.errors import ErrorCodes
from h2.exceptions import DenialOfServiceError
from h2.frame_buffer import FrameBuffer
from hyperframe.frame import ContinuationFrame, DataFrame, Frame, GoAwayFrame, HeadersFrame, SettingsFrame
from mitmproxy.proxy.layers.http._http_h2 import BufferedH2Connection

from antigravity_addon.wire.http1_head import HEAD_BYTES

_IDLE_FRAMES = 1000.0
"""That carry nothing, at once; from then on so many in a second:"""
_IDLE_FRAMES_PER_SECOND = 100.0
_SMALL_DATA_BYTES = 64
_SMALL_DATA = 0.1
"""What a frame with less than that counts: somebody writes a body word by word."""
_READ_BYTES = 32
"""A client that is sent so many bytes may say once more that it has room."""
_DATA_FRAMES_AT_ONCE = 64
_OTHER_FRAME = 16
"""In frames of data. It may be a request, of a few bytes, which is a millisecond's work."""
HEADERS_BYTES = 4 * HEAD_BYTES
"""Of one request, as long as they may be read to be refused."""
_SWELL = 4
"""Headers that are longer than they may be must not have come in less than a part of their length: by its table, HPACK lets
70 bytes stand for 200,000, and the h2 library (4.3) looks at each of these for itself.
"""
_TABLE_BYTES = 4096
"""Of our own headers, for the client to have at hand. It may offer more, which need not be used: the hpack library (4.2) looks
at each entry for each header, and each answer adds some.
"""


class _FewFrames(FrameBuffer):
    """State, beside the bytes: how many more frames may be had of them for now."""

    def __init__(self) -> None:
        super().__init__(server=True)
        self.left = _DATA_FRAMES_AT_ONCE

    @override
    def __next__(self) -> Frame:
        if self.left <= 0:
            raise StopIteration
        frame = super().__next__()  # which asks this one again, where headers go on in another frame
        self.left -= 1 if isinstance(frame, DataFrame) else _OTHER_FRAME
        return frame


class BoundedConnection(BufferedH2Connection):
    """State: how many frames that carry nothing may still come, and since when that is known."""

    def __init__(self, config: H2Configuration, *, clock: Callable[[], float]) -> None:
        super().__init__(config)
        self.incoming_buffer = self._frames = _FewFrames()
        self._clock = clock
        self._idle_left = _IDLE_FRAMES
        self._counted_at = clock()

    @property
    def frame_begun(self) -> tuple[int, int] | None:
        """Length and type of a frame of which there is only a part."""
        begun = bytes(self.incoming_buffer._data[:4])  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
        return (int.from_bytes(begun[:3]), begun[3]) if len(begun) == 4 else None

    @property
    def headers_begun(self) -> int | None:
        """Bytes of a request's headers of which there is only a part."""
        pieces = self.incoming_buffer._headers_buffer  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
        is_begun = pieces or (
            (begun := self.frame_begun) and begun[1] in {HeadersFrame.type, ContinuationFrame.type}
        )
        return sum(len(piece.data) for piece in pieces) if is_begun else None

    @override
    def receive_data(self, data: bytes) -> list[h2.events.Event]:
        """Of the first few frames. As long as it `has_more`, nothing is there for the others."""
        self._frames.left = _DATA_FRAMES_AT_ONCE
        return super().receive_data(data)

    @property
    def has_more(self) -> bool:
        """Of what has come, there may be whole frames that were not looked at."""
        return self._frames.left <= 0

    @override
    def _receive_frame(self, frame: Frame) -> list[h2.events.Event]:
        if cost := _cost(frame):
            now = self._clock()
            earned = (now - self._counted_at) * _IDLE_FRAMES_PER_SECOND
            self._counted_at = now
            self._idle_left = min(self._idle_left + earned, _IDLE_FRAMES) - cost
            if self._idle_left < 0:
                raise DenialOfServiceError("Too many frames came that carry nothing.")
        if (
            isinstance(frame, GoAwayFrame)
            and frame.error_code == ErrorCodes.NO_ERROR
            and self.open_inbound_streams
        ):
            # it wants no pushed streams any more, and its own go on (RFC 9113, 6.8); h2 (4.3) would drop them
            return []
        if isinstance(frame, HeadersFrame):
            self.decoder.max_header_list_size = min(max(_SWELL * len(frame.data), HEAD_BYTES), HEADERS_BYTES)
        if isinstance(frame, SettingsFrame) and SettingsFrame.HEADER_TABLE_SIZE in frame.settings:
            table = min(frame.settings[SettingsFrame.HEADER_TABLE_SIZE], _TABLE_BYTES)
            frame.settings[SettingsFrame.HEADER_TABLE_SIZE] = table
        return super()._receive_frame(frame)

    @override
    def _prepare_for_sending(self, frames: list[Frame]) -> None:
        sent = sum(len(frame.data) for frame in frames if isinstance(frame, DataFrame))
        self._idle_left = min(self._idle_left + sent / _READ_BYTES, _IDLE_FRAMES)
        super()._prepare_for_sending(frames)


def _cost(frame: Frame) -> float:
    """In frames that carry nothing."""
    match frame:
        case HeadersFrame():
            return 0.0  # of those, requests have their own bounds
        case DataFrame(data=data):
            if data:
                return _SMALL_DATA if len(data) < _SMALL_DATA_BYTES else 0.0
            return 0.0 if "END_STREAM" in frame.flags else 1.0
        case _:
            return 1.0
