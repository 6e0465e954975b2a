"""Gemini Code Assist, `cloudcode-pa.googleapis.com/v1internal`, paid by a licence that the operator holds.

Off unless the operator asks for it: Google forbids other programs than its own to use it. So we say who we are, send
nothing that is another product's, and take a refusal for what it is.
"""

from collections.abc import Mapping
from copy import replace
from dataclasses import dataclass

from msgspec.structs import asdict, fields

from antigravity_addon.errors import AccountRefused, NotOnThisUpstream, UpstreamFailure
from antigravity_addon.wire.code_assist import (
    CodeAssistEnvelope,
    CodeAssistGenerationConfig,
    CodeAssistRequest,
    CodeAssistToolConfig,
)
from antigravity_addon.wire.gemini import GenerateContentRequest, GenerationConfig, ToolConfig
from antigravity_addon.wire.gemini_response import GenerateContentResponse
from antigravity_addon.wire.sse import ServerSentEvent, StrayJson

from .classify import classify, decode_item
from .elsewhere import model_is_elsewhere, refers_to_gemini_files
from .endpoint import Authorization, UpstreamRequest, headers_of

CODE_ASSIST_ADDRESS = "https://cloudcode-pa.googleapis.com"


@dataclass(frozen=True, slots=True)
class CodeAssist:
    base_url: str
    """Scheme, host and port, without a path and without a slash at the end."""
    user_agent: str

    def prepare(
        self, body: GenerateContentRequest, *, model: str, authorization: Authorization
    ) -> UpstreamRequest:
        """See `Endpoint`.

        Raises:
            NotOnThisUpstream: the request has something in it that Code Assist does not know.
            AccountRefused: nobody said which project the licence is of.
        """
        if not authorization.project:
            raise AccountRefused(
                "No project is known for the account this gateway used. The gateway's operator has to mend that.",
                reason="A Code Assist licence belongs to a Cloud project, and none is known: set the account's "
                "`project`.",
            )
        envelope = CodeAssistEnvelope(
            model=model, project=authorization.project, request=_to_code_assist(body)
        )
        return UpstreamRequest(
            url=f"{self.base_url}/v1internal:streamGenerateContent?alt=sse",
            # with `x-goog-user-project` Google looks for this private API in the project, and refuses
            headers=headers_of(authorization.headers, user_agent=self.user_agent),
            body=envelope.to_json(),
        )

    def unwrap(
        self, item: ServerSentEvent | StrayJson, *, model: str, now: float
    ) -> GenerateContentResponse | None:
        """See `Endpoint`. `None` as well for an envelope without a response, which tells of credits or of life."""
        chunk = decode_item(item, model=model, now=now)
        empty = chunk is not None and not (
            chunk.candidates or chunk.prompt_feedback or chunk.usage_metadata or chunk.response_id
        )
        return None if empty else chunk

    def classify(
        self, *, status: int, headers: Mapping[str, str], body: bytes, model: str, now: float
    ) -> UpstreamFailure:
        failure = classify(status, headers, body, model=model, now=now)
        return model_is_elsewhere(failure, model) or failure


# --- Gemini's request in Code Assist's words --------------------------------------------------------------


def _to_code_assist(body: GenerateContentRequest) -> CodeAssistRequest:
    """Raises: NotOnThisUpstream: it has no words for something that the answer depends on."""
    if body.continuation_token is not None:
        raise _not_here("continuationToken")
    if refers_to_gemini_files(body):
        raise NotOnThisUpstream("Code Assist cannot read files of the Gemini API. Send the file itself.")
    instruction = body.system_instruction
    return CodeAssistRequest(
        contents=body.contents,
        system_instruction=instruction and replace(instruction, role="user"),
        tools=body.tools,
        tool_config=body.tool_config and _tool_config(body.tool_config),
        safety_settings=body.safety_settings,
        generation_config=body.generation_config and _generation_config(body.generation_config),
    )


def _tool_config(config: ToolConfig) -> CodeAssistToolConfig | None:
    calling = config.function_calling_config
    return CodeAssistToolConfig(function_calling_config=calling) if calling else None


def _generation_config(config: GenerationConfig) -> CodeAssistGenerationConfig:
    wanted = {name: value for name, value in asdict(config).items() if value is not None}
    if lacking := wanted.keys() - set(CodeAssistGenerationConfig.__struct_fields__):
        first = next(field.encode_name for field in fields(config) if field.name in lacking)
        raise _not_here(f"generationConfig.{first}")
    return CodeAssistGenerationConfig(**wanted)


def _not_here(field: str) -> NotOnThisUpstream:
    return NotOnThisUpstream(f"Code Assist has no {field}, which this request needs.")
