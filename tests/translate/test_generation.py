"""How likely the text was: what is asked of which model. The rest of the config is tested from each dialect."""

import pytest

from antigravity_addon.translate.gemini_models import traits_of
from antigravity_addon.translate.generation import GenerationWish, generation_config
from antigravity_addon.wire.gemini import GenerationConfig

MODEL = "gemini-2.0-flash"

LOGPROBS: dict[str, tuple[str, int | None, GenerationConfig | None]] = {
    "unwanted": (MODEL, None, None),
    "of the chosen tokens alone": (MODEL, 0, GenerationConfig(response_logprobs=True)),
    "with others": (MODEL, 5, GenerationConfig(response_logprobs=True, logprobs=5)),
    "with more than Gemini names": (MODEL, 99, GenerationConfig(response_logprobs=True, logprobs=20)),
    "of a picture": ("gemini-2.5-flash-image", 5, None),
    "of a model that is not Gemini's": ("gemma-4", 5, None),
}


@pytest.mark.parametrize(("model", "wanted", "config"), LOGPROBS.values(), ids=LOGPROBS)
def test_logprobs(model: str, wanted: int | None, config: GenerationConfig | None) -> None:
    assert generation_config(GenerationWish(logprobs=wanted), traits_of(model)) == config
