"""Gemini's `generateContent`, version v1beta: the request as we send it.

Source: `google-genai` 3.4.0, November 2026. What is answered: `gemini_response.py`.
"""

from typing import Literal

from .base import GoogleOutbound, Json, JsonObject

# --- parts, common to both directions in shape, but strict one way and lenient the other -----------------


class Blob(GoogleOutbound, frozen=True):
    mime_type: str
    data: str
    """Base64, the standard one."""


class FileData(GoogleOutbound, frozen=True):
    file_uri: str
    mime_type: str | None = None


class FunctionCall(GoogleOutbound, frozen=True):
    name: str
    args: JsonObject
    id: str | None = None
    """Only an id that Gemini itself gave out."""


class FunctionResponsePart(GoogleOutbound, frozen=True):
    inline_data: Blob


class FunctionResponse(GoogleOutbound, frozen=True):
    name: str
    response: JsonObject
    """`{"output": …}` or `{"error": …}` unless the tool's result is itself a JSON object."""
    id: str | None = None
    parts: tuple[FunctionResponsePart, ...] | None = None


class MediaResolution(GoogleOutbound, frozen=True):
    level: str
    """`MEDIA_RESOLUTION_LOW`, `_MEDIUM`, `_HIGH`. Gemini 3 and newer."""


class Part(GoogleOutbound, frozen=True):
    """Exactly one of the payload fields, and any of the others."""

    text: str | None = None
    inline_data: Blob | None = None
    file_data: FileData | None = None
    function_call: FunctionCall | None = None
    function_response: FunctionResponse | None = None
    thought: bool | None = None
    thought_signature: str | None = None
    media_resolution: MediaResolution | None = None


class Content(GoogleOutbound, frozen=True):
    parts: tuple[Part, ...]
    role: Literal["user", "model"] | None = None


class FunctionDeclaration(GoogleOutbound, frozen=True):
    name: str
    description: str | None = None
    parameters_json_schema: Json | None = None
    """Free JSON Schema; mutually exclusive with `parameters`."""
    parameters: JsonObject | None = None
    """The typed OpenAPI subset, for upstreams that do not know `parametersJsonSchema`."""


class Tool(GoogleOutbound, frozen=True):
    function_declarations: tuple[FunctionDeclaration, ...] | None = None
    google_search: JsonObject | None = None


class FunctionCallingConfig(GoogleOutbound, frozen=True):
    mode: Literal["AUTO", "ANY", "NONE", "VALIDATED"]
    allowed_function_names: tuple[str, ...] | None = None
    """Only with ANY or VALIDATED."""


class ToolConfig(GoogleOutbound, frozen=True):
    function_calling_config: FunctionCallingConfig | None = None
    include_server_side_tool_invocations: bool | None = None
    """Without it Gemini takes no built-in tool beside functions. Gemini 3 and newer, and not on Vertex AI."""


class ThinkingConfig(GoogleOutbound, frozen=True):
    include_thoughts: bool | None = None
    thinking_budget: int | None = None
    """Tokens; Gemini 2.5. Mutually exclusive with `thinking_level`."""
    thinking_level: Literal["MINIMAL", "LOW", "MEDIUM", "HIGH", "XHIGH"] | None = None


class ImageConfig(GoogleOutbound, frozen=True):
    aspect_ratio: str | None = None
    """`3:2`; the model's own choice if absent."""
    image_size: str | None = None
    """`1K`, `2K`, `4K`. Gemini 3 and newer."""


class GenerationConfig(GoogleOutbound, frozen=True):
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    max_output_tokens: int | None = None
    """Includes thinking tokens."""
    stop_sequences: tuple[str, ...] | None = None
    seed: int | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    response_logprobs: bool | None = None
    logprobs: int | None = None
    """How many likely tokens to name for each place, the chosen one included; up to 20."""
    response_mime_type: str | None = None
    response_json_schema: Json | None = None
    """Free JSON Schema; mutually exclusive with `response_schema`."""
    response_schema: JsonObject | None = None
    """The typed OpenAPI subset, for upstreams that do not know `responseJsonSchema`."""
    response_modalities: tuple[str, ...] | None = None
    thinking_config: ThinkingConfig | None = None
    image_config: ImageConfig | None = None


class SafetySetting(GoogleOutbound, frozen=True):
    category: str
    threshold: str


class GenerateContentRequest(GoogleOutbound, frozen=True):
    """The body of `models/{model}:streamGenerateContent`; the model name goes into the URL."""

    contents: tuple[Content, ...]
    system_instruction: Content | None = None
    tools: tuple[Tool, ...] | None = None
    tool_config: ToolConfig | None = None
    safety_settings: tuple[SafetySetting, ...] | None = None
    generation_config: GenerationConfig | None = None
    continuation_token: str | None = None
    """Of a long answer's earlier hop; everything else is then to be as it was there. Base64."""
