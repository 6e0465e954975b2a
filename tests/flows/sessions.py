"""What was asked in the recorded sessions that are made here, against the simulator."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from antigravity_addon.simulator.server import Simulator
from tests.running import run_gateway, write_accounts

GOOD = ("ana@example.com", "upstream-key-a")

type Talk = Callable[[httpx.AsyncClient], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Session:
    talk: Talk
    accounts: tuple[tuple[str, str], ...] = (GOOD,)


def _message(text: str) -> list[dict[str, Any]]:
    return [{"role": "user", "content": text}]


_WEATHER: dict[str, Any] = {
    "name": "get_weather",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}


async def _ask(client: httpx.AsyncClient, path: str, **body: Any) -> httpx.Response:
    return await client.post(f"/v1/{path}", json={"model": "gpt-4o", **body})


async def _chat(client: httpx.AsyncClient) -> None:
    await _ask(client, "chat/completions", messages=_message("echo:hello there"), temperature=0.5)
    await _ask(client, "chat/completions", messages=_message("echo:three times"), n=3)


async def _chat_with_a_call(client: httpx.AsyncClient) -> None:
    tools = [{"type": "function", "function": _WEATHER}]
    asked = _message("get_weather in Paris")
    first = await _ask(client, "chat/completions", messages=asked, tools=tools)
    said = first.json()["choices"][0]["message"]
    answer = {"role": "tool", "tool_call_id": said["tool_calls"][0]["id"], "content": "sunny"}
    usage = {"include_usage": True}
    then = [*asked, said, answer]
    await _ask(client, "chat/completions", messages=asked, tools=tools, stream=True, stream_options=usage)
    await _ask(client, "chat/completions", messages=then, tools=tools, stream=True)


async def _responses(client: httpx.AsyncClient) -> None:
    tools = [{"type": "function", **_WEATHER}]
    first = await _ask(client, "responses", input="get_weather in Paris", tools=tools)
    call = next(item for item in first.json()["output"] if item["type"] == "function_call")
    answer = {"type": "function_call_output", "call_id": call["call_id"], "output": "sunny"}
    before = {"previous_response_id": first.json()["id"]}
    then = await _ask(client, "responses", input=[answer], tools=tools, **before)
    await _ask(client, "responses", input="echo:bye", stream=True, previous_response_id=then.json()["id"])
    await client.get(f"/v1/responses/{then.json()['id']}")


async def _twice(client: httpx.AsyncClient) -> None:
    text = "echo:one two three four five six"
    await _ask(client, "chat/completions", messages=_message(text))
    await _ask(client, "responses", input=text, stream=True)


async def _transcription(client: httpx.AsyncClient) -> None:
    files = {
        "file": (
            "hello.wav",
            b"RIFF\x24\0\0\0WAVEfmt \x10\0\0\0\1\0\1\0\x40\x1f\0\0\x80\x3e\0\0\2\0\x10\0data\0\0\0\0",
        )
    }
    await client.post("/v1/audio/transcriptions", files=files, data={"model": "whisper-1"})


SESSIONS = {
    "chat": Session(_chat),
    "chat-with-a-call": Session(_chat_with_a_call),
    "responses": Session(_responses),
    "rotation": Session(_twice, (("limited@example.com", "fault-rate-limited"), GOOD)),
    "broken-stream": Session(_twice, (("ana@example.com", "fault-error-mid-event"),)),
    "transcription": Session(_transcription),
}


async def record(session: Session, path: Path, folder: Path) -> None:
    """Into `path`, which is not there; `folder` is for what is needed on the way."""
    options = {"gateway_accounts": write_accounts(folder, *session.accounts), "gateway_record": str(path)}
    async with (
        Simulator() as simulator,
        run_gateway(simulator.base_url, folder, gateway_max_attempts=1, **options) as gateway,
        gateway.client() as client,
    ):
        await session.talk(client)
