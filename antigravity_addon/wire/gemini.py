"""Gemini's `generateContent`, version v1beta: request as we send it, response as it comes.

Source: `google-genai` 3.4.0 and recorded responses, November 2026. Request models are a whitelist and
serialise with `by_alias` and `exclude_none`; response models accept whatever else there is.
"""

from typing import Literal

from pydantic import Field

from .base import Base64, GoogleInbound, GoogleOutbound, Json, JsonObject

# --- parts, common to both directions in shape, but strict one way and lenient the other -----------------


class Blob(GoogleOutbound):
    mime_type: str
    data: Base64
    """Standard."""


class FileData(GoogleOutbound):
    file_uri: str
    mime_type: str | None = None


class FunctionCall(GoogleOutbound):
    name: str
    args: JsonObject = Field(default_factory=dict)
    id: str | None = None
    """Only an id that Gemini itself gave out."""


class FunctionResponsePart(GoogleOutbound):
    inline_data: Blob


class FunctionResponse(GoogleOutbound):
    name: str
    response: JsonObject
    """`{"output": …}` or `{"error": …}` unless the tool's result is itself a JSON object."""
    id: str | None = None
    parts: tuple[FunctionResponsePart, ...] | None = None


class MediaResolution(GoogleOutbound):
    level: str
    """`MEDIA_RESOLUTION_LOW`, `_MEDIUM`, `_HIGH`. Gemini 3 and newer."""


class Part(GoogleOutbound):
    """Exactly one of the payload fields, and any of the others."""

    text: str | None = None
    inline_data: Blob | None = None
    file_data: FileData | None = None
    function_call: FunctionCall | None = None
    function_response: FunctionResponse | None = None
    thought: bool | None = None
    thought_signature: str | None = None
    media_resolution: MediaResolution | None = None


class Content(GoogleOutbound):
    parts: tuple[Part, ...]
    role: Literal["user", "model"] | None = None


class FunctionDeclaration(GoogleOutbound):
    name: str
    description: str | None = None
    parameters_json_schema: Json | None = None
    """Free JSON Schema; mutually exclusive with `parameters`."""
    parameters: JsonObject | None = None
    """The typed OpenAPI subset, for upstreams that do not know `parametersJsonSchema`."""


class Tool(GoogleOutbound):
    function_declarations: tuple[FunctionDeclaration, ...] | None = None
    google_search: JsonObject | None = None


class FunctionCallingConfig(GoogleOutbound):
    mode: Literal["AUTO", "ANY", "NONE", "VALIDATED"]
    allowed_function_names: tuple[str, ...] | None = None
    """Only with ANY or VALIDATED."""


class ToolConfig(GoogleOutbound):
    function_calling_config: FunctionCallingConfig | None = None
    include_server_side_tool_invocations: bool | None = None
    """Without it Gemini takes no built-in tool beside functions. Gemini 3 and newer, and not on Vertex AI."""


class ThinkingConfig(GoogleOutbound):
    include_thoughts: bool | None = None
    thinking_budget: int | None = None
    """Tokens; Gemini 2.5. Mutually exclusive with `thinking_level`."""
    thinking_level: Literal["MINIMAL", "LOW", "MEDIUM", "HIGH", "XHIGH"] | None = None


class ImageConfig(GoogleOutbound):
    aspect_ratio: str | None = None
    """`3:2`; the model's own choice if absent."""
    image_size: str | None = None
    """`1K`, `2K`, `4K`. Gemini 3 and newer."""


class GenerationConfig(GoogleOutbound):
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


class SafetySetting(GoogleOutbound):
    category: str
    threshold: str


class GenerateContentRequest(GoogleOutbound):
    """The body of `models/{model}:streamGenerateContent`; the model name goes into the URL."""

    contents: tuple[Content, ...]
    system_instruction: Content | None = None
    tools: tuple[Tool, ...] | None = None
    tool_config: ToolConfig | None = None
    safety_settings: tuple[SafetySetting, ...] | None = None
    generation_config: GenerationConfig | None = None
    continuation_token: str | None = None
    """Of a long answer's earlier hop; everything else is then to be as it was there. Base64."""

    @property
    def size(self) -> int:
        """Characters of its texts and files, which are most of it."""
        parts = (part for content in self.contents for part in content.parts)
        return sum(
            len(part.text or "") + len(part.inline_data.data if part.inline_data else "") for part in parts
        )


# --- responses ------------------------------------------------------------------------------------------


class InboundBlob(GoogleInbound):
    mime_type: str = "application/octet-stream"
    data: str = ""


class InboundFunctionCall(GoogleInbound):
    name: str | None = None
    """Absent in the parts that continue a streamed call, which we never ask for."""
    args: JsonObject | None = None
    id: str | None = None
    will_continue: bool = False
    """The arguments follow piece by piece."""


class InboundPart(GoogleInbound):
    """Everything else a part can hold (executed code, server-side tools) is not ours to show."""

    text: str | None = None
    thought: bool = False
    thought_signature: str | None = None
    inline_data: InboundBlob | None = None
    function_call: InboundFunctionCall | None = None


class InboundContent(GoogleInbound):
    """May be `{}`, may lack parts."""

    role: str | None = None
    parts: tuple[InboundPart, ...] | None = None


class WebPage(GoogleInbound):
    uri: str | None = None
    title: str | None = None
    domain: str | None = None


class GroundingChunk(GoogleInbound):
    """A source. Those that are no page of the web are not ours to show."""

    web: WebPage | None = None


class Segment(GoogleInbound):
    """A piece of the answer, by UTF-8 bytes of its text.

    `partIndex` is not read: recorded answers lack it even where another part stands before the text.
    """

    start_index: int | None = None
    """Absent for 0."""
    end_index: int | None = None


class GroundingSupport(GoogleInbound):
    segment: Segment | None = None
    grounding_chunk_indices: tuple[int, ...] | None = None


class GroundingMetadata(GoogleInbound):
    """May be `{}`, on every chunk or on the last one only."""

    web_search_queries: tuple[str, ...] | None = None
    grounding_chunks: tuple[GroundingChunk, ...] | None = None
    grounding_supports: tuple[GroundingSupport, ...] | None = None


class LikelyToken(GoogleInbound):
    token: str | None = None
    log_probability: float | None = None
    """May be `"-Infinity"`."""


class LikelyTokens(GoogleInbound):
    candidates: tuple[LikelyToken, ...] | None = None


class LogprobsResult(GoogleInbound):
    """Two lists side by side, one entry for each token of the text."""

    chosen_candidates: tuple[LikelyToken, ...] | None = None
    top_candidates: tuple[LikelyTokens, ...] | None = None


class Candidate(GoogleInbound):
    content: InboundContent | None = None
    finish_reason: str | None = None
    """Open enum: 24 values in November 2026, and growing."""
    finish_message: str | None = None
    continuation_token: str | None = None
    """To go on behind this chunk with, in a request of its own: because this one is at its end, or in case the
    connection drops. Gemini 4."""
    grounding_metadata: GroundingMetadata | None = None
    logprobs_result: LogprobsResult | None = None
    index: int = 0
    """Absent on Vertex and on old models."""


class PromptFeedback(GoogleInbound):
    block_reason: str | None = None
    block_reason_message: str | None = None


class ModalityTokenCount(GoogleInbound):
    modality: str | None = None
    token_count: int | None = None


class UsageMetadata(GoogleInbound):
    """Running totals of one request, neither monotone nor complete: keep the last value of each field."""

    prompt_token_count: int | None = None
    """Includes the cached ones."""
    candidates_token_count: int | None = None
    """Excludes thoughts."""
    thoughts_token_count: int | None = None
    cached_content_token_count: int | None = None
    tool_use_prompt_token_count: int | None = None
    total_token_count: int | None = None


class GenerateContentResponse(GoogleInbound):
    """One whole answer, or one chunk of a stream."""

    candidates: tuple[Candidate, ...] | None = None
    prompt_feedback: PromptFeedback | None = None
    usage_metadata: UsageMetadata | None = None
    model_version: str | None = None
    response_id: str | None = None


class ModelInfo(GoogleInbound):
    """One entry of `GET /v1beta/models`."""

    name: str
    """`models/gemini-…`."""
    supported_generation_methods: tuple[str, ...] = ()
    input_token_limit: int | None = None
    output_token_limit: int | None = None


class ListModelsResponse(GoogleInbound):
    models: tuple[ModelInfo, ...] = Field(default=())
    next_page_token: str | None = None
