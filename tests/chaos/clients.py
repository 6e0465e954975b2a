"""Ways to ask with the OpenAI SDK, and what its caller gets to see."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

import openai
from openai.types.responses import Response

type Hear = Callable[[], None]
"""Called at the first word of an answer."""
type Way = Callable[["openai.AsyncOpenAI", str, str, "Seen"], Awaitable[None]]
"""Asks a model something, and notes what it sees."""


@dataclass(slots=True)
class Seen:
    """What has reached the caller."""

    hear: Hear
    text: str = ""
    finish: str | None = None
    """As Chat Completions call it."""
    error: openai.APIError | None = None
    failed: object = None
    """The error in a failed response."""
    others: list[str] = field(default_factory=list[str])
    """Exceptions that no caller should meet."""

    def add(self, text: str) -> None:
        if text and not self.text:
            self.hear()
        self.text += text

    @property
    def is_error(self) -> bool:
        return self.error is not None or self.failed is not None

    @property
    def body(self) -> object:
        """Of the error."""
        return self.failed if self.error is None else self.error.body


async def ask(way: Way, client: openai.AsyncOpenAI, model: str, prompt: str, seen: Seen) -> None:
    try:
        await way(client, model, prompt, seen)
    except openai.APIConnectionError as error:
        seen.others.append(f"{type(error).__name__}: {error.__cause__!r}")
    except openai.APIError as error:
        seen.error = error
    except Exception as error:  # noqa: BLE001  whatever it is, the report is to name it
        seen.others.append(repr(error))


async def _chat(client: openai.AsyncOpenAI, model: str, prompt: str, seen: Seen) -> None:
    completion = await client.chat.completions.create(
        model=model, messages=[{"role": "user", "content": prompt}]
    )
    seen.add(completion.choices[0].message.content or "")
    seen.finish = completion.choices[0].finish_reason


async def _chat_stream(client: openai.AsyncOpenAI, model: str, prompt: str, seen: Seen) -> None:
    async with await client.chat.completions.create(
        model=model, messages=[{"role": "user", "content": prompt}], stream=True
    ) as stream:
        async for chunk in stream:
            for choice in chunk.choices:
                seen.add(choice.delta.content or "")
                seen.finish = choice.finish_reason or seen.finish


async def _completion(client: openai.AsyncOpenAI, model: str, prompt: str, seen: Seen) -> None:
    completion = await client.completions.create(model=model, prompt=prompt, max_tokens=1000)
    seen.add(completion.choices[0].text)
    seen.finish = completion.choices[0].finish_reason


async def _completion_stream(client: openai.AsyncOpenAI, model: str, prompt: str, seen: Seen) -> None:
    async with await client.completions.create(
        model=model, prompt=prompt, max_tokens=1000, stream=True
    ) as stream:
        async for chunk in stream:
            for choice in chunk.choices:
                seen.add(choice.text)
                seen.finish = choice.finish_reason or seen.finish  # pyright: ignore[reportUnnecessaryComparison]  it is null until the end


async def _response(client: openai.AsyncOpenAI, model: str, prompt: str, seen: Seen) -> None:
    response = await client.responses.create(model=model, input=prompt)
    seen.add(response.output_text)
    _end(response, seen)


async def _response_stream(client: openai.AsyncOpenAI, model: str, prompt: str, seen: Seen) -> None:
    async with await client.responses.create(model=model, input=prompt, stream=True) as stream:
        async for event in stream:
            match event.type:
                case "response.output_text.delta":
                    seen.add(event.delta)
                case "response.completed" | "response.incomplete" | "response.failed":
                    _end(event.response, seen)
                case _:
                    pass


def _end(response: Response, seen: Seen) -> None:
    match response.status:
        case "completed":
            seen.finish = "content_filter" if _refuses(response) else "stop"
        case "incomplete":
            reason = response.incomplete_details.reason if response.incomplete_details else None
            seen.finish = "length" if reason == "max_output_tokens" else reason
        case _:
            seen.failed = response.error and response.error.model_dump()


WHOLE: Mapping[str, Way] = {"chat": _chat, "completion": _completion, "response": _response}
STREAMED: Mapping[str, Way] = {
    "chat stream": _chat_stream,
    "completion stream": _completion_stream,
    "response stream": _response_stream,
}


def _refuses(response: Response) -> bool:
    messages = [item for item in response.output if item.type == "message"]
    return any(part.type == "refusal" for message in messages for part in message.content)
