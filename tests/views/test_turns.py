"""What changed since the turn before, and what two answers have in common."""

from dataclasses import dataclass

import pytest
from pydantic import JsonValue

from antigravity_addon.views.compare import compare_text
from antigravity_addon.views.turns import changes_text, outline_of
from tests.conftest import Golden
from tests.views import answers
from tests.views.conversations import CHAT, GEMINI, PIXEL, RESPONSES, body
from tests.views.test_conversations import file_of

_LONG = "\n".join(f"Rule {number}: be brief." for number in range(20))


def says(role: str, content: JsonValue) -> JsonValue:
    return {"role": role, "content": content}


def tool(name: str, description: str) -> JsonValue:
    return {"type": "function", "function": {"name": name, "description": description}}


@dataclass(frozen=True, slots=True)
class Pair:
    path: str
    first: bytes
    second: bytes


_HELLO: list[JsonValue] = [says("system", _LONG), says("user", "Hello."), says("assistant", "Hi.")]

CHANGES: dict[str, Pair] = {
    "messages were added": Pair(
        CHAT,
        body(model="m", messages=_HELLO),
        body(model="m", messages=[*_HELLO, says("user", "Two\nlines."), says("assistant", "")]),
    ),
    "nothing": Pair(CHAT, body(model="m", messages=_HELLO), body(model="m", messages=_HELLO)),
    "the system prompt, a tool, a setting and the model": Pair(
        CHAT,
        body(
            model="m",
            temperature=0.2,
            messages=_HELLO,
            tools=[tool("read", "Reads."), tool("write", "Writes to a file."), tool("list", "")],
        ),
        body(
            model="n",
            temperature=0.3,
            messages=[says("system", _LONG.replace("7: be", "7: never be")), *_HELLO[1:], says("user", "And?")],
            tools=[tool("write", "Writes to the file."), tool("read", "Reads."), tool("run", "Runs.")],
        ),
    ),
    "a message in the middle was taken away": Pair(
        CHAT, body(messages=_HELLO), body(messages=[_HELLO[0], _HELLO[2]])
    ),
    "a message reads the same": Pair(
        RESPONSES,
        body(input=[{"type": "function_call", "name": "f", "call_id": "c", "arguments": '{"a":1}'}]),
        body(input=[{"type": "function_call", "name": "f", "call_id": "c", "arguments": '{"a": 1}'}]),
    ),
    "a picture": Pair(
        CHAT,
        body(messages=[says("user", [{"type": "image_url", "image_url": f"data:image/png;base64,{PIXEL}"}])]),
        body(messages=[says("user", [{"type": "image_url", "image_url": f"data:image/png;base64,{PIXEL}BBBB"}])]),
    ),
    "it goes on from a response": Pair(
        RESPONSES,
        body(instructions="Be brief.", input="Hello."),
        body(instructions="Be brief.", input="And?", previous_response_id="resp_1"),
    ),
    "gemini": Pair(
        GEMINI,
        body(contents=[{"role": "user", "parts": [{"text": "Hello."}]}]),
        body(
            contents=[{"role": "user", "parts": [{"text": "Hello."}]}, {"role": "model", "parts": [{"text": "Hi."}]}],
            generationConfig={"seed": 1},
        ),
    ),
    "one of them is no JSON": Pair(CHAT, b"a\nb", body(messages=_HELLO[1:])),
}  # fmt: skip


@pytest.mark.parametrize("name", CHANGES)
def test_what_changed(name: str, golden: Golden) -> None:
    pair = CHANGES[name]
    golden(f"changes-{file_of(name)}", changes_text(pair.path, pair.first, pair.second) + "\n")


def _answer(content: str, **usage: JsonValue) -> bytes:
    choice: JsonValue = {
        "index": 0,
        "finish_reason": "stop",
        "message": {"role": "assistant", "content": content},
    }
    return body(model="m", choices=[choice], usage=usage)


_STREAMED = answers.CASES["chat, streamed"][1]

ANSWERS: dict[str, Pair] = {
    "the same": Pair(CHAT, _answer("Hello."), _answer("Hello.")),
    "a word": Pair(
        CHAT,
        _answer("The sky is blue today.\nThat is all.", completion_tokens=9),
        _answer("The sky is grey today.\nThat is all.", completion_tokens=10),
    ),
    "another text": Pair(CHAT, _answer("Yes."), _answer("I cannot\nsay that.")),
    "the arguments of a call": Pair(CHAT, _STREAMED, _STREAMED.replace(b"n2", b"n3")),
    "one was cut off": Pair(CHAT, _STREAMED, _STREAMED[: len(_STREAMED) // 2]),
    "one is an error": Pair(CHAT, _answer("Hello."), answers.CASES["an error"][1]),
    "one has more choices": Pair(CHAT, _answer("A"), answers.CASES["chat, three choices"][1]),
    "one is no JSON": Pair(CHAT, b"<html>", _answer("A")),
}  # fmt: skip


@pytest.mark.parametrize("name", ANSWERS)
def test_two_answers(name: str, golden: Golden) -> None:
    pair = ANSWERS[name]
    golden(f"compare-{file_of(name)}", compare_text(pair.path, pair.first, pair.second) + "\n")


class TestOutlines:
    def test_a_turn_shares_all_messages_of_the_turn_before(self) -> None:
        before = outline_of(CHAT, body(messages=_HELLO))
        after = outline_of(CHAT, body(messages=[*_HELLO, says("user", "And?")]))
        assert before.shared_with(after) == len(before.messages) == 2

    def test_a_system_prompt_makes_no_conversation(self) -> None:
        one = outline_of(CHAT, body(messages=[_HELLO[0], says("user", "Hello.")]))
        other = outline_of(CHAT, body(messages=[_HELLO[0], says("user", "Bye.")]))
        assert one.shared_with(other) == 0

    def test_nothing_is_shared_with_nothing(self) -> None:
        assert outline_of(CHAT, b"").shared_with(outline_of(CHAT, b"")) == 0
