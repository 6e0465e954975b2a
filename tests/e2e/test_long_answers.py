"""Answers that Gemini gives in several requests."""

from pathlib import Path

import pytest

from tests.e2e.test_chat import gateway_and_simulator, sdk

CONTINUED = ("a@example.com", "fault-continuation")


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
async def test_an_answer_that_goes_on_in_another_request_is_one_answer(
    tmp_path: Path, *, stream: bool
) -> None:
    text = "one two three four five six seven eight"
    async with gateway_and_simulator(tmp_path, CONTINUED) as (gateway, simulator), sdk(gateway) as client:
        if stream:
            async with client.chat.completions.stream(
                model="gemini-4-argon",
                messages=[{"role": "user", "content": f"echo:{text}"}],
                stream_options={"include_usage": True},
            ) as events:
                completion = await events.get_final_completion()
        else:
            completion = await client.chat.completions.create(
                model="gemini-4-argon", messages=[{"role": "user", "content": f"echo:{text}"}]
            )
        (choice,) = completion.choices
        assert (choice.message.content, choice.finish_reason) == (text, "stop")
        assert len(simulator.requests) > 1
        flow = await gateway.recorder.wait()
        assert "attempts" not in flow.comment
