"""What came back for a probe, read as forgivingly as the worst peer needs."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from antigravity_addon.simulator.api import ReceivedRequest
from antigravity_addon.wire.base import Json


def at(value: Json, *path: str | int) -> Json:
    """What stands at a path of keys and positions; `None` where there is nothing."""
    for step in path:
        match value, step:
            case dict(), str():
                value = value.get(step)
            case list(), int() if -len(value) <= step < len(value):
                value = value[step]
            case _:
                return None
    return value


def sent_at(value: Json, *path: str | int) -> Json:
    """As `at`, in what Gemini is sent: it takes `functionCall` and `function_call` for the same."""
    for step in path:
        other = (
            re.sub("[A-Z]", lambda letter: f"_{letter[0].lower()}", step) if isinstance(step, str) else step
        )
        found = at(value, step)
        value = at(value, other) if found is None else found
    return value


def items(value: Json, *path: str | int) -> list[Json]:
    """The array at a path; empty where there is none."""
    found = at(value, *path)
    return found if isinstance(found, list) else []


@dataclass(frozen=True, slots=True)
class Call:
    """A tool call, put together as clients do it."""

    id: str = ""
    name: str = ""
    arguments: str = ""

    def and_then(self, delta: Json) -> "Call":
        return replace(
            self,
            id=self.id + _text(delta, "id"),
            name=self.name + _text(delta, "function", "name"),
            arguments=self.arguments + _text(delta, "function", "arguments"),
        )


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    content: bytes
    received: tuple[ReceivedRequest, ...]
    """What had reached the upstream by then."""
    broken: bool = False
    """The connection broke before the body was over."""

    @property
    def body(self) -> Json:
        return parsed(self.content)

    @property
    def lines(self) -> list[str]:
        """The data of each event of a stream."""
        lines = self.content.decode(errors="replace").split("\n")
        return [line.removeprefix("data:").strip() for line in lines if line.startswith("data:")]

    @property
    def events(self) -> list[Json]:
        """Without the closing `[DONE]`."""
        return [parsed(line) for line in self.lines if line != "[DONE]"]

    @property
    def sent(self) -> Json:
        """The last body that reached the upstream."""
        return self.received[-1].body if self.received else None

    @property
    def calls(self) -> dict[int, Call]:
        """The tool calls of a chat answer, whole or streamed, by their index."""
        whole = items(self.body, "choices", 0, "message", "tool_calls")
        if whole:
            return {index: Call().and_then(call) for index, call in enumerate(whole)}
        calls: dict[int, Call] = {}
        for event in self.events:
            for delta in items(event, "choices", 0, "delta", "tool_calls"):
                index = at(delta, "index")
                place = index if isinstance(index, int) else -1
                calls[place] = calls.get(place, Call()).and_then(delta)
        return calls

    @property
    def finish_reason(self) -> Json:
        """The last one of the first choice."""
        whole = at(self.body, "choices", 0, "finish_reason")
        reasons = (at(event, "choices", 0, "finish_reason") for event in self.events)
        return whole or next((reason for reason in reversed(list(reasons)) if reason), None)

    @property
    def error(self) -> Json:
        """The error object of the body or of the stream, in either API's form."""
        if (error := at(self.body, "error")) is not None:
            return error
        for event in self.events:
            if at(event, "type") == "error":
                return event
            if error := at(event, "error") or at(event, "response", "error"):
                return error
        return None

    @property
    def sent_parts(self) -> list[Json]:
        """Of all turns of the last request that reached the upstream."""
        contents = items(self.sent, "contents")
        return [part for content in contents for part in items(content, "parts")]

    @property
    def system_instruction(self) -> Json:
        """Its first text, as it reached the upstream."""
        parts = sent_at(self.sent, "systemInstruction", "parts")
        return at(parts, 0, "text") or at(parts, "text")

    @property
    def gist(self) -> str:
        """Status and what came with it, in a few words."""
        if self.status < 400:
            ended = f"`{self.finish_reason}`" if self.finish_reason else "no finish reason"
            return f"{self.status}, {ended}" if self.content else f"{self.status} and no byte"
        message = at(self.error, "message") or at(self.body, "message") or at(self.body, "detail")
        words = " ".join(str(message or self.content.decode(errors="replace")).split())
        # some quote the upstream's whole answer
        quoted = re.search(r'"message": "(.+?)(?<!\\)"', words)
        words = quoted[1] if quoted else words
        return f"{self.status}: {words if len(words) <= 80 else words[:80].rstrip() + '…'}"


def _text(value: Json, *path: str | int) -> str:
    found = at(value, *path)
    return found if isinstance(found, str) else ""


def parsed(content: bytes | str) -> Json:
    """JSON; `None` if it is none."""
    try:
        return json.loads(content)
    except ValueError:
        return None
