"""Code Assist's `v1internal`: what it has around Gemini's requests and answers, and how a licence is asked about.

Source: gemini-cli 5411f11 (August 2026) and its issue threads; nothing of it is documented. Only what is ours to say
is here: no identity of another product, no session and no prompt id that we do not have.
"""

from typing import Literal

from pydantic import Field, SecretStr

from .base import GoogleInbound, GoogleOutbound, Json, JsonObject
from .gemini import Content, FunctionCallingConfig, SafetySetting, ThinkingConfig, Tool

# --- what the model is asked ------------------------------------------------------------------------------


class CodeAssistGenerationConfig(GoogleOutbound, frozen=True):
    """A whitelist narrower than Gemini's: no `imageConfig`. Each field as in `GenerationConfig`."""

    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    max_output_tokens: int | None = None
    stop_sequences: tuple[str, ...] | None = None
    seed: int | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    response_logprobs: bool | None = None
    logprobs: int | None = None
    response_mime_type: str | None = None
    response_json_schema: Json | None = None
    response_schema: JsonObject | None = None
    response_modalities: tuple[str, ...] | None = None
    thinking_config: ThinkingConfig | None = None


class CodeAssistToolConfig(GoogleOutbound, frozen=True):
    function_calling_config: FunctionCallingConfig | None = None


class CodeAssistRequest(GoogleOutbound, frozen=True):
    """Gemini's request, without what this API does not know."""

    contents: tuple[Content, ...]
    system_instruction: Content | None = None
    tools: tuple[Tool, ...] | None = None
    tool_config: CodeAssistToolConfig | None = None
    safety_settings: tuple[SafetySetting, ...] | None = None
    generation_config: CodeAssistGenerationConfig | None = None


class CodeAssistEnvelope(GoogleOutbound, frozen=True):
    """The body of `:streamGenerateContent`."""

    model: str
    """Bare: `gemini-3.8-flash`."""
    project: str
    """The licence's; an id, not a number."""
    request: CodeAssistRequest


# --- whose licence it is ----------------------------------------------------------------------------------


class ClientMetadata(GoogleOutbound, frozen=True):
    """`pluginType` is left out, which leaves it unspecified: none of its values is us. The User-Agent says who we are."""

    ide_type: Literal["IDE_UNSPECIFIED"]
    platform: Literal["PLATFORM_UNSPECIFIED"]
    duet_project: str | None = None


class LoadCodeAssistRequest(GoogleOutbound, frozen=True):
    metadata: ClientMetadata
    cloudaicompanion_project: str | None = None


class OnboardUserRequest(LoadCodeAssistRequest, frozen=True, kw_only=True):
    tier_id: str


class Tier(GoogleInbound):
    id: str = ""
    """`standard-tier`, `free-tier`, `legacy-tier`, `g1-pro-tier`, `g1-ultra-tier`."""
    name: str = ""
    is_default: bool = False
    user_defined_cloudaicompanion_project: bool = False
    """It is paid by a project of the user's own, as a licence is."""


class IneligibleTier(GoogleInbound):
    reason_code: str = ""
    """`UNSUPPORTED_CLIENT`, `VALIDATION_REQUIRED`, `RESTRICTED_AGE`, …"""
    reason_message: str = ""
    tier_id: str = ""
    validation_url: SecretStr | None = None
    """Where the account's owner proves who they are. Whoever has it can go there in their name."""


class LoadCodeAssistResponse(GoogleInbound):
    current_tier: Tier | None = None
    """Absent: the account was never signed up, or may not be."""
    allowed_tiers: tuple[Tier, ...] | None = None
    ineligible_tiers: tuple[IneligibleTier, ...] | None = None
    cloudaicompanion_project: str | None = None


class OnboardedProject(GoogleInbound):
    id: str = ""


class OnboardedUser(GoogleInbound):
    cloudaicompanion_project: OnboardedProject | None = None


class OperationError(GoogleInbound):
    """`google.rpc.Status`; its `code` is none of HTTP's."""

    message: str = ""


class OnboardOperation(GoogleInbound):
    """`google.longrunning.Operation`, of signing an account up."""

    name: str = Field(default="", pattern=r"^(?:operations/[\w.-]+)?$")
    """Where it is asked about again; goes into a path, hence the pattern."""
    done: bool = False
    response: OnboardedUser | None = None
    error: OperationError | None = None
