"""The messages a Gemini request is made of, v1beta: what may be said at all, and nothing more.

On purpose not the gateway's own models: a test of the gateway against itself would prove nothing.
Read by `proto_json`; fields whose content no rule looks into are free JSON.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from antigravity_addon.wire.base import Json, JsonObject

from .models import Level


@dataclass(frozen=True, slots=True)
class Blob:
    mime_type: str = ""
    data: bytes = b""


@dataclass(frozen=True, slots=True)
class FileData:
    mime_type: str = ""
    file_uri: str = ""


@dataclass(frozen=True, slots=True)
class FunctionCall:
    id: str = ""
    name: str = ""
    args: JsonObject | None = None


@dataclass(frozen=True, slots=True)
class FunctionResponsePart:
    inline_data: Blob | None = None
    file_data: FileData | None = None


@dataclass(frozen=True, slots=True)
class FunctionResponse:
    id: str = ""
    name: str = ""
    response: JsonObject | None = None
    parts: tuple[FunctionResponsePart, ...] = ()
    will_continue: bool = False
    scheduling: str = ""


@dataclass(frozen=True, slots=True)
class MediaResolution:
    level: str = ""


@dataclass(frozen=True, slots=True)
class Part:
    text: str | None = None
    inline_data: Blob | None = None
    file_data: FileData | None = None
    function_call: FunctionCall | None = None
    function_response: FunctionResponse | None = None
    executable_code: JsonObject | None = None
    code_execution_result: JsonObject | None = None
    tool_call: JsonObject | None = None
    tool_response: JsonObject | None = None
    thought: bool = False
    thought_signature: bytes | None = None
    video_metadata: JsonObject | None = None
    media_resolution: MediaResolution | None = None
    part_metadata: JsonObject | None = None

    @property
    def payloads(self) -> int:
        """How many of the fields are set of which exactly one must be."""
        return sum(
            payload is not None
            for payload in (
                self.text,
                self.inline_data,
                self.file_data,
                self.function_call,
                self.function_response,
                self.executable_code,
                self.code_execution_result,
                self.tool_call,
                self.tool_response,
            )
        )


@dataclass(frozen=True, slots=True)
class Content:
    parts: tuple[Part, ...] = ()
    role: str = ""

    @property
    def calls(self) -> tuple[Part, ...]:
        return tuple(part for part in self.parts if part.function_call is not None)

    @property
    def responses(self) -> tuple[FunctionResponse, ...]:
        found = (part.function_response for part in self.parts)
        return tuple(response for response in found if response is not None)

    @property
    def is_question(self) -> bool:
        """A user's own words, not the results of functions: here the current turn begins."""
        return self.role != "model" and not self.responses

    @property
    def text(self) -> str:
        return "".join(part.text or "" for part in self.parts if not part.thought)


class Type(StrEnum):
    TYPE_UNSPECIFIED = "TYPE_UNSPECIFIED"
    STRING = "STRING"
    NUMBER = "NUMBER"
    INTEGER = "INTEGER"
    BOOLEAN = "BOOLEAN"
    ARRAY = "ARRAY"
    OBJECT = "OBJECT"
    NULL = "NULL"


@dataclass(frozen=True, slots=True)
class Schema:
    """The typed subset of OpenAPI 3.0. A keyword that is not here is an unknown name."""

    type: Type | None = None
    format: str = ""
    title: str = ""
    description: str = ""
    nullable: bool = False
    enum: tuple[str, ...] = ()
    items: "Schema | None" = None
    max_items: int | None = None
    min_items: int | None = None
    properties: Mapping[str, "Schema"] | None = None
    required: tuple[str, ...] = ()
    min_properties: int | None = None
    max_properties: int | None = None
    minimum: float | None = None
    maximum: float | None = None
    min_length: int | None = None
    max_length: int | None = None
    pattern: str = ""
    example: Json = None
    any_of: tuple["Schema", ...] = ()
    property_ordering: tuple[str, ...] = ()
    default: Json = None


@dataclass(frozen=True, slots=True)
class FunctionDeclaration:
    name: str = ""
    description: str = ""
    parameters: Schema | None = None
    parameters_json_schema: Json = None
    response: Schema | None = None
    response_json_schema: Json = None
    behavior: str = ""


@dataclass(frozen=True, slots=True)
class Tool:
    function_declarations: tuple[FunctionDeclaration, ...] = ()
    google_search: JsonObject | None = None
    google_search_retrieval: JsonObject | None = None
    code_execution: JsonObject | None = None
    url_context: JsonObject | None = None
    google_maps: JsonObject | None = None
    file_search: JsonObject | None = None
    computer_use: JsonObject | None = None
    enterprise_web_search: JsonObject | None = None
    mcp_servers: tuple[JsonObject, ...] = ()

    @property
    def is_built_in(self) -> bool:
        return not self.function_declarations


class Mode(StrEnum):
    MODE_UNSPECIFIED = "MODE_UNSPECIFIED"
    AUTO = "AUTO"
    ANY = "ANY"
    NONE = "NONE"
    VALIDATED = "VALIDATED"


@dataclass(frozen=True, slots=True)
class FunctionCallingConfig:
    mode: Mode = Mode.MODE_UNSPECIFIED
    allowed_function_names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ToolConfig:
    function_calling_config: FunctionCallingConfig | None = None
    retrieval_config: JsonObject | None = None
    include_server_side_tool_invocations: bool = False


@dataclass(frozen=True, slots=True)
class ThinkingConfig:
    include_thoughts: bool = False
    thinking_budget: int | None = None
    thinking_level: Level | None = None


class Modality(StrEnum):
    MODALITY_UNSPECIFIED = "MODALITY_UNSPECIFIED"
    TEXT = "TEXT"
    IMAGE = "IMAGE"
    AUDIO = "AUDIO"


@dataclass(frozen=True, slots=True)
class ImageConfig:
    aspect_ratio: str = ""
    image_size: str = ""


@dataclass(frozen=True, slots=True)
class GenerationConfig:
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    candidate_count: int | None = None
    max_output_tokens: int | None = None
    stop_sequences: tuple[str, ...] = ()
    seed: int | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    response_logprobs: bool = False
    logprobs: int | None = None
    response_mime_type: str = ""
    response_schema: Schema | None = None
    response_json_schema: Json = None
    response_modalities: tuple[Modality, ...] = ()
    thinking_config: ThinkingConfig | None = None
    media_resolution: str = ""
    speech_config: JsonObject | None = None
    image_config: ImageConfig | None = None
    audio_transcription_config: JsonObject | None = None
    translation_config: JsonObject | None = None
    response_format: JsonObject | None = None
    enable_enhanced_civic_answers: bool = False


class HarmCategory(StrEnum):
    HARM_CATEGORY_UNSPECIFIED = "HARM_CATEGORY_UNSPECIFIED"
    HARM_CATEGORY_HARASSMENT = "HARM_CATEGORY_HARASSMENT"
    HARM_CATEGORY_HATE_SPEECH = "HARM_CATEGORY_HATE_SPEECH"
    HARM_CATEGORY_SEXUALLY_EXPLICIT = "HARM_CATEGORY_SEXUALLY_EXPLICIT"
    HARM_CATEGORY_DANGEROUS_CONTENT = "HARM_CATEGORY_DANGEROUS_CONTENT"
    HARM_CATEGORY_CIVIC_INTEGRITY = "HARM_CATEGORY_CIVIC_INTEGRITY"
    HARM_CATEGORY_JAILBREAK = "HARM_CATEGORY_JAILBREAK"
    HARM_CATEGORY_IMAGE_HARASSMENT = "HARM_CATEGORY_IMAGE_HARASSMENT"
    HARM_CATEGORY_IMAGE_HATE = "HARM_CATEGORY_IMAGE_HATE"
    HARM_CATEGORY_IMAGE_SEXUALLY_EXPLICIT = "HARM_CATEGORY_IMAGE_SEXUALLY_EXPLICIT"
    HARM_CATEGORY_IMAGE_DANGEROUS_CONTENT = "HARM_CATEGORY_IMAGE_DANGEROUS_CONTENT"


class HarmBlockThreshold(StrEnum):
    HARM_BLOCK_THRESHOLD_UNSPECIFIED = "HARM_BLOCK_THRESHOLD_UNSPECIFIED"
    BLOCK_LOW_AND_ABOVE = "BLOCK_LOW_AND_ABOVE"
    BLOCK_MEDIUM_AND_ABOVE = "BLOCK_MEDIUM_AND_ABOVE"
    BLOCK_ONLY_HIGH = "BLOCK_ONLY_HIGH"
    BLOCK_NONE = "BLOCK_NONE"
    OFF = "OFF"


@dataclass(frozen=True, slots=True)
class SafetySetting:
    category: HarmCategory = HarmCategory.HARM_CATEGORY_UNSPECIFIED
    threshold: HarmBlockThreshold = HarmBlockThreshold.HARM_BLOCK_THRESHOLD_UNSPECIFIED


@dataclass(frozen=True, slots=True)
class GenerateContentRequest:
    model: str = ""
    contents: tuple[Content, ...] = ()
    system_instruction: Content | None = None
    tools: tuple[Tool, ...] = ()
    tool_config: ToolConfig | None = None
    safety_settings: tuple[SafetySetting, ...] = ()
    generation_config: GenerationConfig | None = None
    cached_content: str = ""
    service_tier: str = ""
    store: bool | None = None
    continuation_token: bytes | None = None

    @property
    def generation(self) -> GenerationConfig:
        return self.generation_config or GenerationConfig()

    @property
    def declarations(self) -> tuple[FunctionDeclaration, ...]:
        return tuple(item for tool in self.tools for item in tool.function_declarations)

    @property
    def function_calling(self) -> FunctionCallingConfig:
        config = self.tool_config.function_calling_config if self.tool_config else None
        return config or FunctionCallingConfig()

    @property
    def question(self) -> Content | None:
        """The user's last words."""
        return next((content for content in reversed(self.contents) if content.is_question), None)


@dataclass(frozen=True, slots=True)
class VertexRequest(GenerateContentRequest):
    """Vertex AI's: what the Gemini API alone has is refused by a rule of its own."""

    labels: JsonObject | None = None
    model_armor_config: JsonObject | None = None


@dataclass(frozen=True, slots=True)
class CodeAssistRequest(GenerateContentRequest):
    """What stands in Code Assist's envelope; what the Gemini API alone has is refused by a rule of its own."""

    labels: JsonObject | None = None
    session_id: str = ""


@dataclass(frozen=True, slots=True)
class CodeAssistEnvelope:
    model: str = ""
    project: str = ""
    user_prompt_id: str = ""
    request: CodeAssistRequest | None = None
    enabled_credit_types: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CountTokensRequest:
    model: str = ""
    contents: tuple[Content, ...] = ()
    generate_content_request: GenerateContentRequest | None = None


@dataclass(frozen=True, slots=True)
class VertexCountTokensRequest:
    model: str = ""
    contents: tuple[Content, ...] = ()
    system_instruction: Content | None = None
    tools: tuple[Tool, ...] = ()
    generation_config: GenerationConfig | None = None


@dataclass(frozen=True, slots=True)
class CountedByCodeAssist:
    model: str = ""
    """With `models/` in front, as nowhere else in this API."""
    contents: tuple[Content, ...] = ()


@dataclass(frozen=True, slots=True)
class CodeAssistCountTokensRequest:
    request: CountedByCodeAssist | None = None
