"""What some models take and others refuse: is it in a request? For faults that strike only then."""

from .request import GenerateContentRequest, Mode
from .signature import PLACEHOLDERS


def thinks(request: GenerateContentRequest) -> bool:
    return request.generation.thinking_config is not None


def is_penalised(request: GenerateContentRequest) -> bool:
    config = request.generation
    return config.presence_penalty is not None or config.frequency_penalty is not None


def wants_logprobs(request: GenerateContentRequest) -> bool:
    return request.generation.response_logprobs


def declares_freely(request: GenerateContentRequest) -> bool:
    return any(declaration.parameters_json_schema is not None for declaration in request.declarations)


def answers_freely(request: GenerateContentRequest) -> bool:
    return request.generation.response_json_schema is not None


def is_constrained(request: GenerateContentRequest) -> bool:
    config = request.generation
    has_schema = config.response_schema is not None or config.response_json_schema is not None
    return has_schema or request.function_calling.mode in (Mode.ANY, Mode.VALIDATED)


def is_json_beside_tools(request: GenerateContentRequest) -> bool:
    return bool(request.tools) and request.generation.response_mime_type == "application/json"


def searches_beside_functions(request: GenerateContentRequest) -> bool:
    return bool(request.declarations) and any(tool.google_search is not None for tool in request.tools)


def agrees_to_both(request: GenerateContentRequest) -> bool:
    return request.tool_config is not None and request.tool_config.include_server_side_tool_invocations


def ends_with_model(request: GenerateContentRequest) -> bool:
    return request.contents[-1].role == "model"


def resolves_parts(request: GenerateContentRequest) -> bool:
    return any(part.media_resolution for content in request.contents for part in content.parts)


def is_signed(request: GenerateContentRequest) -> bool:
    """By a model, not by a placeholder."""
    signatures = (part.thought_signature for content in request.contents for part in content.parts)
    return any(signature and signature not in PLACEHOLDERS for signature in signatures)
