"""Images and recordings, with the real OpenAI SDK in front and the simulator behind."""

import base64
import json
from pathlib import Path
from typing import Any

import openai
import pytest

from antigravity_addon.simulator.server import Simulator
from tests.e2e.test_chat import ANA, BO, gateway_and_simulator, sdk

IMAGES = {"gateway_model_map": ["gpt-image-1=gemini-2.5-flash-image", "dall-e-*=gemini-3-pro-image"]}
SPEECH = {"gateway_model_map": ["whisper-1=gemini-2.5-flash"]}
FILE = ("a.webm", b"\x1aE\xdf\xa3 and so on", "audio/webm")
HEARD = "With it came 1 × audio/webm (14 bytes)."
"""What the simulator says of it."""


def last_parts(simulator: Simulator) -> list[dict[str, Any]]:
    body: dict[str, Any] = json.loads(json.dumps(simulator.requests[-1].body))
    return body["contents"][0]["parts"]


async def test_c97_two_images(tmp_path: Path) -> None:
    async with (
        gateway_and_simulator(tmp_path, **IMAGES) as (gateway, simulator),
        sdk(gateway) as client,
    ):
        answer = await client.images.generate(model="gpt-image-1", prompt="a cat", n=2, size="1536x1024")
        images = [base64.b64decode(image.b64_json or "") for image in answer.data or []]
        assert [image[:4] for image in images] == [b"\x89PNG"] * 2
        assert (answer.output_format, answer.created > 0) == ("png", True)
        assert answer.usage is not None
        assert answer.usage.total_tokens == answer.usage.input_tokens + answer.usage.output_tokens
        sent = [json.loads(json.dumps(request.body)) for request in simulator.requests]
        assert (
            sent
            == [
                {
                    "contents": [{"parts": [{"text": "a cat"}], "role": "user"}],
                    "generationConfig": {
                        "responseModalities": ["IMAGE"],
                        "imageConfig": {"aspectRatio": "3:2"},
                    },
                }
            ]
            * 2
        )


async def test_an_image_as_a_url(tmp_path: Path) -> None:
    async with (
        gateway_and_simulator(tmp_path, **IMAGES) as (gateway, _),
        sdk(gateway) as client,
    ):
        answer = await client.images.generate(model="dall-e-3", prompt="a cat", quality="hd")
        assert [(image.url or "")[:22] for image in answer.data or []] == ["data:image/png;base64,"]


async def test_c97_what_cannot_be_asked_goes_nowhere(tmp_path: Path) -> None:
    async with (
        gateway_and_simulator(tmp_path, **IMAGES) as (gateway, simulator),
        sdk(gateway) as client,
    ):
        for n in (0, 11):
            with pytest.raises(openai.BadRequestError) as caught:
                await client.images.generate(model="gpt-image-1", prompt="a cat", n=n)
            assert caught.value.param == "n"
        with pytest.raises(openai.BadRequestError) as streamed:
            await client.images.generate(model="gpt-image-1", prompt="a cat", stream=True)
        assert streamed.value.param == "stream"
        assert not simulator.requests


async def test_an_image_that_is_withheld(tmp_path: Path) -> None:
    async with (
        gateway_and_simulator(tmp_path, (ANA[0], "fault-safety"), BO, **IMAGES) as (gateway, simulator),
        sdk(gateway) as client,
    ):
        with pytest.raises(openai.BadRequestError) as caught:
            await client.images.generate(model="gpt-image-1", prompt="a cat")
        assert (caught.value.code, caught.value.type) == ("moderation_blocked", "invalid_request_error")
        assert len(simulator.requests) == 1


async def test_a_model_that_makes_no_images(tmp_path: Path) -> None:
    async with gateway_and_simulator(tmp_path) as (gateway, _), sdk(gateway) as client:
        with pytest.raises(openai.BadRequestError):
            await client.images.generate(model="gemini-2.5-flash", prompt="a cat")


async def test_c98_a_transcript_as_text(tmp_path: Path) -> None:
    async with (
        gateway_and_simulator(tmp_path, **SPEECH) as (gateway, simulator),
        sdk(gateway) as client,
    ):
        raw = await client.audio.transcriptions.with_raw_response.create(
            model="whisper-1", file=FILE, prompt="Names: Zoë", language="fr", response_format="text"
        )
        assert raw.headers["content-type"] == "text/plain; charset=utf-8"
        assert HEARD in raw.text
        instruction, language, context, audio = last_parts(simulator)
        assert instruction["text"].startswith("Write down what is said")
        assert (language["text"], '"Names: Zoë"' in context["text"]) == ('The language is "fr".', True)
        assert audio == {"inlineData": {"mimeType": "audio/webm", "data": base64.b64encode(FILE[1]).decode()}}


async def test_a_transcript_with_its_usage(tmp_path: Path) -> None:
    async with gateway_and_simulator(tmp_path, **SPEECH) as (gateway, _), sdk(gateway) as client:
        answer = await client.audio.transcriptions.create(model="whisper-1", file=FILE, temperature=0.2)
        assert HEARD in answer.text
        assert answer.usage is not None
        assert answer.usage.type == "tokens"
        assert answer.usage.total_tokens == answer.usage.input_tokens + answer.usage.output_tokens


async def test_a_transcript_in_a_stream(tmp_path: Path) -> None:
    async with gateway_and_simulator(tmp_path, **SPEECH) as (gateway, _), sdk(gateway) as client:
        stream = await client.audio.transcriptions.create(model="whisper-1", file=FILE, stream=True)
        events = [event async for event in stream]
        deltas = [event.delta for event in events if event.type == "transcript.text.delta"]
        done = events[-1]
        assert done.type == "transcript.text.done"
        assert len(deltas) > 1, "a stream that comes in one piece is none"
        assert "".join(deltas) == done.text
        assert HEARD in done.text


async def test_a_translation(tmp_path: Path) -> None:
    async with (
        gateway_and_simulator(tmp_path, **SPEECH) as (gateway, simulator),
        sdk(gateway) as client,
    ):
        answer = await client.audio.translations.create(  # pyright: ignore[reportDeprecated]  as its users still do
            model="whisper-1", file=FILE
        )
        assert HEARD in answer.text
        assert last_parts(simulator)[0]["text"].startswith("Translate what is said")


async def test_a_recording_that_is_none_goes_nowhere(tmp_path: Path) -> None:
    async with (
        gateway_and_simulator(tmp_path, **SPEECH) as (gateway, simulator),
        sdk(gateway) as client,
        gateway.client() as http,
    ):
        with pytest.raises(openai.BadRequestError) as caught:
            await client.audio.transcriptions.create(model="whisper-1", file=("a.txt", b"x"))
        assert caught.value.param == "file"
        answer = await http.post("/v1/audio/transcriptions", json={"model": "whisper-1"})
        assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid_value")
        assert not simulator.requests
