"""Streams of server-sent events, changed line by line: every event stays, with its name, its comments and its line ends."""

from collections.abc import Callable, Iterable, Iterator

_MARK = b"\xef\xbb\xbf"

type Change = Callable[[bytes], bytes]


def changed_stream(body: bytes, *, data: Change, line: Change) -> bytes:
    """`data` is given what the `data:` lines of one event say together, which becomes one line; `line` is given every
    other line that is not empty. What they make of it must hold no line break.
    """
    return b"".join(_changed(body, data, line))


def _changed(body: bytes, data: Change, line: Change) -> Iterator[bytes]:
    if body.startswith(_MARK):
        yield _MARK
    event: list[tuple[bytes, bytes]] = []
    for each in body.removeprefix(_MARK).splitlines(keepends=True):
        text = each.rstrip(b"\r\n")
        event.append((text, each[len(text) :]))
        if not text:
            yield from _event(event, data, line)
            event.clear()
    yield from _event(event, data, line)


def _event(lines: Iterable[tuple[bytes, bytes]], data: Change, line: Change) -> Iterator[bytes]:
    lines = tuple(lines)
    said = [text.partition(b":")[2].removeprefix(b" ") for text, _ in lines if _is_data(text)]
    for text, ending in lines:
        if not _is_data(text):
            yield (line(text) if text else text) + ending
        elif said:
            yield b"data: " + data(b"\n".join(said)) + ending
            said.clear()


def _is_data(line: bytes) -> bool:
    return line.partition(b":")[0] == b"data"
