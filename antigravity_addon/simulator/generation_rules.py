"""What Gemini demands of `generationConfig`, model by model."""

from .models import Budget, Level, Levels, Model
from .request import GenerateContentRequest, GenerationConfig, Modality, ThinkingConfig
from .schema_rules import check_json_schema, check_typed_schema
from .status import invalid

MOST_STOP_SEQUENCES = 5
MOST_LOGPROBS = 20
MIME_TYPES = ("", "text/plain", "application/json", "text/x.enum")
LONG_DECODE_TOKENS = 1_048_576
"""Over all hops, on Gemini 4."""


def check_generation(request: GenerateContentRequest, model: Model, *, streamed: bool) -> None:
    """
    Raises:
        Refused: for the first rule broken.
    """
    config = request.generation
    _check_sampling(config, model)
    _check_length(config, model, streamed=streamed)
    _check_output(request, model)
    if config.thinking_config is not None:
        _check_thinking(config.thinking_config, model)


def _check_sampling(config: GenerationConfig, model: Model) -> None:
    if config.temperature is not None and not 0 <= config.temperature <= 2:
        raise invalid(
            f"* GenerateContentRequest.generation_config.temperature: {config.temperature} "
            "is not in the range [0.0, 2.0]\n"
        )
    if config.top_p is not None and not 0 <= config.top_p <= 1:
        raise invalid("* GenerateContentRequest.generation_config.top_p: must be in the range [0.0, 1.0]\n")
    if config.top_k is not None and config.top_k < 0:
        raise invalid("* GenerateContentRequest.generation_config.top_k: must be positive\n")
    if config.candidate_count not in (None, 1):
        raise invalid("Multiple candidates is not enabled for this model")
    penalties = (config.presence_penalty, config.frequency_penalty)
    if model.newest_rules and any(penalty is not None for penalty in penalties):
        raise invalid(f"Penalty is not enabled for models/{model.name}")
    _check_logprobs(config, model)


def _check_logprobs(config: GenerationConfig, model: Model) -> None:
    place = "GenerateContentRequest.generation_config.logprobs"
    if config.response_logprobs and not model.gives_logprobs:
        raise invalid(f"Logprobs is not enabled for models/{model.name}")
    if config.logprobs is not None and not config.response_logprobs:
        raise invalid(f"* {place}: response_logprobs must be set to true\n")
    if config.logprobs is not None and not 0 <= config.logprobs <= MOST_LOGPROBS:
        raise invalid(f"* {place}: must be in the range [0, {MOST_LOGPROBS}]\n")


def _check_length(config: GenerationConfig, model: Model, *, streamed: bool) -> None:
    place = "GenerateContentRequest.generation_config"
    if len(config.stop_sequences) > MOST_STOP_SEQUENCES:
        raise invalid(f"* {place}.stop_sequences: at most {MOST_STOP_SEQUENCES} stop sequences are allowed\n")
    if "" in config.stop_sequences:
        raise invalid(f"* {place}.stop_sequences: a stop sequence must not be empty\n")
    most = model.output_tokens
    if model.version >= (4, 0):
        most = LONG_DECODE_TOKENS if streamed else model.unary_output_tokens or LONG_DECODE_TOKENS
    if config.max_output_tokens is not None and not 1 <= config.max_output_tokens <= most:
        raise invalid(
            f"Unable to submit request because it has a maxOutputTokens value of {config.max_output_tokens} "
            f"but the supported range is from 1 (inclusive) to {most + 1} (exclusive). Update the value and try again."
        )


def _check_output(request: GenerateContentRequest, model: Model) -> None:
    config = request.generation
    place = "GenerateContentRequest.generation_config"
    structured = config.response_mime_type in ("application/json", "text/x.enum")
    if config.response_mime_type not in MIME_TYPES:
        raise invalid(
            f"* {place}.response_mime_type: allowed mimetypes are `text/plain`, `application/json`, `text/x.enum`.\n"
        )
    if config.response_schema is not None and config.response_json_schema is not None:
        raise invalid(f"* {place}: only one of response_schema and response_json_schema may be set\n")
    if (config.response_schema is not None or config.response_json_schema is not None) and not structured:
        raise invalid("Schema is only supported with response mime type: 'application/json'")
    if config.response_schema is not None:
        check_typed_schema(config.response_schema, f"{place}.response_schema", model)
    if config.response_json_schema is not None:
        check_json_schema(config.response_json_schema, f"{place}.response_json_schema")
    if structured and request.tools and not model.signs_calls:
        raise invalid(
            f"Function calling with a response mime type: '{config.response_mime_type}' is unsupported"
        )
    if structured and model.makes_images:
        raise invalid(f"JSON mode is not enabled for models/{model.name}")
    unable = {Modality.AUDIO} if model.makes_images else {Modality.AUDIO, Modality.IMAGE}
    for modality in config.response_modalities:
        if modality in unable:
            raise invalid(f"Model does not support the requested response modalities: {modality.lower()}")


def _check_thinking(config: ThinkingConfig, model: Model) -> None:
    budget = config.thinking_budget
    level = config.thinking_level
    if level is Level.THINKING_LEVEL_UNSPECIFIED:
        level = None
    if budget is not None and level is not None:
        raise invalid("You can only set only one of thinking budget and thinking level.")
    if budget == 0 and config.include_thoughts:
        raise invalid(
            "Thoughts can only be included when thinking is enabled: include_thoughts with budget 0."
        )
    match model.thinking:
        case None if config.include_thoughts or budget or level is not None:
            raise invalid("Thinking is not enabled for this model.")
        case Budget() if level is not None:
            raise invalid("Thinking level is not supported for this model.")
        case Budget() as limits if budget is not None:
            _check_budget(budget, limits)
        case Levels() if budget is not None and model.version >= (4, 0):
            raise invalid("Thinking budget is not supported for this model. Use thinking level instead.")
        case Levels(allowed=allowed) if level is not None and level not in allowed:
            raise invalid(
                f"Thinking level {level} is not supported for this model. Please retry with other thinking level."
            )
        case _:
            pass


def _check_budget(budget: int, limits: Budget) -> None:
    if budget == -1 or (budget == 0 and limits.can_be_off):
        return
    if budget == 0:
        raise invalid("Budget 0 is invalid. This model only works in thinking mode.")
    if not limits.lowest <= budget <= limits.highest:
        raise invalid(
            f"The thinking budget {budget} is invalid. Please choose a value between {limits.lowest} and "
            f"{limits.highest}."
        )
