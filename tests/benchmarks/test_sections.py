"""The sections' own parts that start nothing: what is asked and answered, what figures are made of it, what is printed."""

import asyncio
import json
import sys
from collections.abc import AsyncGenerator
from dataclasses import replace
from pathlib import Path
from types import FrameType

import pytest
from mitmproxy.test import taddons

from benchmarks import big_bodies, bodies, connections, first_token, paced, start, throughput, upstream
from benchmarks.answers import TOOL, Answer, Kind, events, numbers, whole, wished
from benchmarks.big_bodies import Hold, longest, power
from benchmarks.contenders import DIRECT, GATEWAY, PLAIN
from benchmarks.load import Result, question, session, text_of
from benchmarks.paced import Arrivals, Faults, faults_of
from benchmarks.section import Effort, Report, Target, at_least, at_most, percentile
from benchmarks.watchdog import Watchdog, place

EFFORT = Effort(rounds=1, seconds=2, events=50, clients=(16,), with_peers=True)

# --- what is asked and answered -------------------------------------------------------------------------


@pytest.mark.parametrize("answer", [Answer(), Answer(Kind.IMAGE, 1, 20, 5_000_000)], ids=["text", "image"])
def test_the_double_reads_the_wish_from_a_request(answer: Answer) -> None:
    assert wished(question(answer, is_streamed=True)) == answer
    assert wished(bodies.with_image(100, answer)) == answer
    assert wished(bodies.with_argument(100, answer)) == answer
    assert wished(bodies.with_history(4, answer)) == answer
    assert wished(bodies.asking_for(answer)) == answer


@pytest.mark.parametrize("body", [b"", b"{}", b"[answer kind=text pieces=many]"])
def test_a_request_without_a_wish_has_none(body: bytes) -> None:
    assert wished(body) is None


def test_a_text_is_the_same_whole_and_in_events() -> None:
    answer = Answer(pieces=3)
    streamed = b"".join(b"data: %s\r\n\r\n" % event for event in events(answer))
    assert text_of(streamed) == text_of(whole(answer)) == answer.text
    assert answer.mark in whole(answer)


def test_a_text_is_read_from_chat_completions() -> None:
    streamed = b'data: {"choices":[{"delta":{"content":"a"}}]}\n\ndata: {"choices":[]}\n\ndata: [DONE]\n\n'
    assert text_of(streamed) == "a"
    assert text_of(b'{"choices":[{"message":{"content":"b"}}]}') == "b"


@pytest.mark.parametrize("every", [0, 1], ids=["at once", "paced"])
@pytest.mark.parametrize("method", ["streamGenerateContent?alt=sse", "generateContent"])
async def test_the_double_answers_what_is_wished(unused_tcp_port: int, method: str, every: int) -> None:
    answer = Answer(pieces=3, every=every)
    body = question(answer, is_streamed=True)
    url = f"http://127.0.0.1:{unused_tcp_port}/v1beta/models/m:{method}"
    async with await upstream.listen(unused_tcp_port, Answer(pieces=1)), session({}) as connections:
        for _ in range(2):
            async with connections.post(url, data=body) as response:
                assert text_of(await response.read()) == answer.text


async def test_the_double_asks_for_a_length(unused_tcp_port: int) -> None:
    async def in_chunks() -> AsyncGenerator[bytes]:
        yield b"{}"

    async with (
        await upstream.listen(unused_tcp_port, Answer()),
        session({}) as connections,
        connections.post(f"http://127.0.0.1:{unused_tcp_port}/", data=in_chunks()) as response,
    ):
        assert response.status == 411


def test_a_body_is_as_large_as_it_is_to_be() -> None:
    assert len(bodies.with_image(3000, Answer())) > 4000
    assert len(json.loads(bodies.with_history(50, Answer()))["messages"]) == 52
    argument = json.loads(whole(Answer(Kind.ARGUMENT, size=3000)))
    call = argument["candidates"][0]["content"]["parts"][0]["functionCall"]
    assert (call["name"], len(call["args"]["content"])) == (TOOL, 3000)


def test_pieces_that_chunks_cut_are_read_once() -> None:
    text = Answer(pieces=12).text.encode()
    for size in (1, 7, len(text)):
        found: list[int] = []
        unread = b""
        for begin in range(0, len(text), size):
            unread += text[begin : begin + size]
            new, end = numbers(unread)
            found += new
            unread = unread[end:]
        assert found == list(range(12))


# --- figures --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("share", "value"), [(0.0, 1), (0.5, 50), (0.99, 99), (1.0, 100)], ids=["least", "middle", "99th", "most"]
)
def test_a_percentile_is_one_of_the_values(share: float, value: int) -> None:
    assert percentile(share, range(100, 0, -1)) == value


TARGETS: dict[str, tuple[Target, str]] = {
    "at least": (at_least(0.9, "rate", 0.9), "- met: rate: 0.90 (at least 0.9)"),
    "less": (at_least(0.9, "rate", 0.89), "- missed: rate: 0.89 (at least 0.9)"),
    "at most": (at_most(3, "time", 3.0, " ms"), "- met: time: 3.00 ms (at most 3 ms)"),
    "more": (at_most(3, "time", 3.01, " ms"), "- missed: time: 3.01 ms (at most 3 ms)"),
    "nothing": (at_least(4, "rate", None), "- not measured: rate: - (at least 4)"),
}


@pytest.mark.parametrize(("target", "line"), TARGETS.values(), ids=TARGETS)
def test_a_target_says_whether_it_is_met(target: Target, line: str) -> None:
    assert str(target) == line
    assert Report("Title", (), (target,)).is_missed is ("missed" in line)


FAULTS: dict[str, tuple[list[int], Faults]] = {
    "all in order": ([0, 1, 2, 3], Faults()),
    "none": ([], Faults(lost=4)),
    "the end is missing": ([0, 1], Faults(lost=2)),
    "one is missing": ([0, 1, 3], Faults(lost=1)),
    "one came twice": ([0, 1, 1, 2, 3], Faults(repeated=1)),
    "two changed places": ([0, 2, 1, 3], Faults(out_of_order=1)),
    "one for another": ([0, 1, 1, 3], Faults(lost=1, repeated=1)),
}


@pytest.mark.parametrize(("arrived", "faults"), FAULTS.values(), ids=FAULTS)
def test_faults_of_a_stream_are_counted(arrived: list[int], faults: Faults) -> None:
    assert faults_of(arrived, 4) == faults


@pytest.mark.parametrize("exponent", [1.0, 2.0], ids=["linear", "quadratic"])
def test_growth_is_a_power_of_the_size(exponent: float) -> None:
    assert power([measured(size, milliseconds=size**exponent) for size in (1, 10, 20)]) == pytest.approx(
        exponent
    )


def measured(size: float, *, milliseconds: float, hold: Hold | None = None) -> big_bodies.Measured:
    return big_bodies.Measured("image", "MB", size, GATEWAY, milliseconds, milliseconds, hold)


# --- the watchdog ---------------------------------------------------------------------------------------


async def test_the_watchdog_tells_of_a_loop_that_was_held(tmp_path: Path) -> None:
    watchdog, file = Watchdog(), tmp_path / "holds.jsonl"
    with taddons.context(watchdog, options=None) as context:
        context.configure(watchdog, watchdog_file=str(file))
        assert longest([]) is None
        watchdog.begin(at=asyncio.get_running_loop().time() - 60)
        watchdog.tick()
    hold = longest(file.read_bytes().splitlines())
    assert hold is not None
    assert hold.held > 50_000


def test_a_place_names_the_innermost_function_and_the_gateways() -> None:
    def innermost() -> FrameType:
        return sys._getframe()

    namespace: dict[str, object] = {"innermost": innermost}
    source = "def serve(): return innermost()\nframe = serve()"
    exec(compile(source, "/x/antigravity_addon/mitm/answer.py", "exec"), namespace)
    frame = namespace["frame"]
    assert isinstance(frame, FrameType)
    named = f"{Path(__file__).name}:{frame.f_lineno} {innermost.__qualname__}"
    assert place(frame) == f"{named}, called by antigravity_addon/mitm/answer.py:1 serve"


# --- what is printed ------------------------------------------------------------------------------------


def test_the_report_of_throughput_compares_with_each() -> None:
    rates = {PLAIN: 100, GATEWAY: 90, "LiteLLM": 20}
    results = {name: [Result(rate, 1000 / rate, ())] for name, rate in rates.items()}
    report = throughput.report({("streams", 16): results}, EFFORT, ["Portkey 1 is left out: no npm"])
    assert str(report).splitlines()[4:] == [
        "| clients |  |  | a second | of plain mitmproxy | gateway to it | least to most | processor ms |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
        "| 16 | streams | plain mitmproxy | 100.0 | 1.00 | 0.90 | 100.0 to 100.0 | 10.00 |",
        "| 16 | streams | gateway | 90.0 | 0.90 | 1.00 | 90.0 to 90.0 | 11.11 |",
        "| 16 | streams | LiteLLM | 20.0 | 0.20 | 4.50 | 20.0 to 20.0 | 50.00 |",
        "",
        "Portkey 1 is left out: no npm.",
        "",
        "- met: streams, 16 clients, gateway to plain mitmproxy: 0.90 (at least 0.9)",
        "- met: streams, 16 clients, gateway to LiteLLM: 4.50 (at least 4)",
        "- not measured: streams, 16 clients, gateway to Portkey: - (at least 1.5)",
    ]


def test_whole_answers_are_compared_with_the_same_bytes_of_the_upstream_as_well() -> None:
    rounds = {
        ("streams", 1): {PLAIN: [Result(50, 20, ())], GATEWAY: [Result(50, 20, ())]},
        ("whole answers", 1): {PLAIN: [Result(100, 10, ())], GATEWAY: [Result(80, 12.5, ())]},
    }
    alone = replace(EFFORT, with_peers=False)
    same_bytes = "gateway to plain mitmproxy that passes on the same bytes of the upstream"
    assert [str(target) for target in throughput.report(rounds, alone).targets] == [
        "- met: streams, 1 client, gateway to plain mitmproxy: 1.00 (at least 0.9)",
        "- missed: whole answers, 1 client, gateway to plain mitmproxy: 0.80 (at least 0.9)",
        f"- met: whole answers, 1 client, {same_bytes}: 1.60 (at least 0.9)",
    ]


def test_the_report_of_first_tokens_says_what_is_added() -> None:
    times = {1: {DIRECT: [1.0, 1.0, 2.0], GATEWAY: [3.0, 3.5, 9.0]}}
    lines = str(first_token.report(times, EFFORT)).splitlines()
    assert lines[-3:] == [
        "| 1 | gateway | 3 | 3.5 | 9.0 | +2.5 | +7.0 |",
        "",
        "- met: first token at one client, median over direct: 2.50 ms (at most 3 ms)",
    ]


def test_the_report_of_paced_streams_has_gaps_and_faults() -> None:
    arrivals = [Arrivals([0, 1, 2], [10.0, 10.05, 10.15]), Arrivals([0, 1], [10.2, 10.25], failure="cut off")]
    row = paced.Measured(GATEWAY, 2, 0.5, arrivals, 0.4, 100.0, 101.0)
    lines = str(paced.report([row], pieces=3)).splitlines()
    assert lines[-5:] == [
        "| 2 | gateway | 10 | 1 | 0 | 0 | 200 | 50 | 100 | 100 | 40% | 100 to 101 | 500 |",
        "",
        "- gateway: 1 of 2 failed, cut off",
        "",
        "- missed: 2 streams, events lost, repeated or out of order: 1 (at most 0)",
    ]


def test_the_report_of_big_bodies_names_the_place_that_held_the_loop() -> None:
    hold = Hold(held=51.0, processor=40.0, collecting=0.0, places={"a.py:1 f": 30.0, "b.py:2 g": 20.0})
    curve = [measured(1, milliseconds=10), measured(2, milliseconds=40, hold=hold)]
    lines = str(big_bodies.report(curve, EFFORT)).splitlines()
    assert lines[-8:] == [
        "| image | 2 MB | gateway | 40.0 | 20.00 | 40 | 51 | 40 | 0 |",
        "",
        "Where the loop was held longest:",
        "",
        "- image, 2 MB: 51 ms, 30 ms in `a.py:1 f`; 20 ms in `b.py:2 g`",
        "",
        "- missed: image, time grows with size to the power of: 2.00 (at most 1.2)",
        "- missed: image, longest hold of the event loop: 51.00 ms (at most 50 ms)",
    ]


def test_the_report_of_starts_has_the_spread() -> None:
    took = [start.Took(1.0, 0.5), start.Took(3.0, 0.7), start.Took(1.5, 0.6)]
    lines = str(start.report({start.FIRST: took, start.AGAIN: took})).splitlines()
    assert lines[-4] == "| mitmdump | 3 | 1.50 | 1.00 to 3.00 | 0.60 |"
    assert lines[-1] == "- met: start to first answer, mitmdump: 1.50 s (at most 2 s)"


def test_the_memory_of_a_connection_is_what_many_add() -> None:
    alone, many = connections.Measured(0, 100.0, (2.0,)), connections.Measured(1000, 130.0, (3.0,))
    said = connections.report([alone, many])
    assert "| 1,000 | 130 | 30 | 3.0 |" in said.lines
    assert [(target.figure, target.is_met) for target in said.targets] == [
        ("30.00 kB", True),
        ("1.50 times what it is alone", True),
    ]
