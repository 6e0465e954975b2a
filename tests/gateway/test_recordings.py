"""What is said of a request that no recording answers."""

import json

import pytest

from antigravity_addon.gateway.recordings import Recording, Recordings
from antigravity_addon.state.sqlite import SqliteMemory
from antigravity_addon.state.sqlite_file import IN_MEMORY, SqliteFile

PATH = "/v1/chat/completions"


def recording(name: str, body: bytes) -> Recording:
    return Recording(name, "POST", PATH, body, 200, b"{}", seed="", created=0, times=(), turns={})


def said(asked: bytes, *recorded: bytes) -> str:
    recordings = Recordings(
        [recording(f"req_{number}", body) for number, body in enumerate(recorded)],
        source="a.mitm",
        memory=SqliteMemory(SqliteFile(IN_MEMORY), clock=lambda: 1e9, max_age=1e6, max_bytes=10**6),
        keeps_rhythm=False,
    )
    return recordings.missing("POST", PATH, asked).message.partition("The nearest is ")[2]


def chat(*texts: str, **fields: object) -> bytes:
    return json.dumps({"messages": [{"content": text} for text in texts], **fields}).encode()


CASES: dict[str, tuple[bytes, tuple[bytes, ...], str]] = {
    "the one that differs least": (
        chat("a", "b", stop=["x"]),
        (chat("c", "d", stop=["x"]), chat("a", "d", stop=["x"]), chat("a")),
        'req_1, which differs: messages[1].content is "b", and was "d".',
    ),
    "what is missing on either side": (
        chat("a", n=None),
        (chat("a", seed=1),),
        "req_0, which differs: n is null, and was absent; seed is absent, and was 1.",
    ),
    "a list of words": (
        chat("a", stop=["x", "y"]),
        (chat("a", stop=["x"]),),
        'req_0, which differs: stop is ["x","y"], and was ["x"].',
    ),
    "who asks": (
        chat("a", user="b", metadata={"session": "b"}),
        (chat("a", user="c", metadata={"session": "c"}),),
        "req_0, which differs: only in what it asks of the model.",
    ),
    "more than anybody reads": (
        chat("a", **{f"f{number}": 1 for number in range(7)}),
        (chat("a"),),
        "req_0, which differs: "
        + "; ".join(f"f{number} is 1, and was absent" for number in range(5))
        + "; and 2 more.",
    ),
    "long texts": (
        chat("a" * 200),
        (b"no JSON",),
        f'req_0, which differs: messages[0].content is "{"a" * 117}…", and was absent; body is absent, and was "no JSON".',
    ),
    "what nobody reads to its end": (
        b"[" * 100_000,
        (b"",),
        f'req_0, which differs: body is "{"[" * 117}…", and was absent.',
    ),
}


@pytest.mark.parametrize(("asked", "recorded", "expected"), CASES.values(), ids=CASES)
def test_the_nearest_recording_is_named_and_how_it_differs(
    asked: bytes, recorded: tuple[bytes, ...], expected: str
) -> None:
    assert said(asked, *recorded) == expected
