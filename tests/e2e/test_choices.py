"""Answers with several choices: each is an upstream request of its own, with attempts of its own."""

from pathlib import Path

import openai
import pytest

from tests.e2e.test_chat import ANA, BO, gateway_and_simulator, sdk

pytestmark = pytest.mark.time_lapse


async def test_c50_n_gives_as_many_choices(tmp_path: Path) -> None:
    async with gateway_and_simulator(tmp_path) as (gateway, simulator), sdk(gateway) as client:
        completion = await client.chat.completions.create(
            model="gpt-4o", n=3, messages=[{"role": "user", "content": "echo:hi"}]
        )
        assert [(c.index, c.message.content) for c in completion.choices] == [(0, "hi"), (1, "hi"), (2, "hi")]
        assert len(simulator.requests) == 3
        assert completion.usage is not None
        assert (
            completion.usage.total_tokens
            == completion.usage.prompt_tokens + completion.usage.completion_tokens
        )


async def test_choices_are_streamed_side_by_side(tmp_path: Path) -> None:
    async with gateway_and_simulator(tmp_path) as (gateway, _), sdk(gateway) as client:
        async with client.chat.completions.stream(
            model="gpt-4o",
            n=2,
            messages=[{"role": "user", "content": "echo:one two three"}],
            stream_options={"include_usage": True},
        ) as stream:
            completion = await stream.get_final_completion()
        assert [c.message.content for c in completion.choices] == ["one two three"] * 2
        assert [c.finish_reason for c in completion.choices] == ["stop"] * 2
        assert completion.usage is not None


async def test_c85_every_prompt_is_answered(tmp_path: Path) -> None:
    async with gateway_and_simulator(tmp_path) as (gateway, _), sdk(gateway) as client:
        completion = await client.completions.create(
            model="gpt-4o", prompt=["echo:one", "echo:two"], echo=True, max_tokens=50
        )
        assert [(c.index, c.text) for c in completion.choices] == [(0, "echo:oneone"), (1, "echo:twotwo")]


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
async def test_a_choice_that_fails_is_tried_again_by_itself(tmp_path: Path, *, stream: bool) -> None:
    broken = ("broken@example.com", "fault-overloaded-x1")
    async with gateway_and_simulator(tmp_path, broken, BO) as (gateway, simulator):
        async with gateway.client() as http:
            answer = await http.post(
                "/v1/chat/completions",
                json={
                    "model": "gpt-4o",
                    "n": 2,
                    "stream": stream,
                    "messages": [{"role": "user", "content": "echo:hi"}],
                },
            )
        assert answer.status_code == 200
        assert answer.text.count('"stop"') == 2
        assert len(simulator.requests) == 3


async def test_choices_that_nobody_can_give_are_one_error(tmp_path: Path) -> None:
    async with (
        gateway_and_simulator(tmp_path, (ANA[0], "fault-bad-request")) as (gateway, _),
        sdk(gateway) as client,
    ):
        with pytest.raises(openai.BadRequestError) as caught:
            await client.chat.completions.create(
                model="gpt-4o", n=4, messages=[{"role": "user", "content": "hi"}]
            )
        assert caught.value.code == "invalid_argument"
