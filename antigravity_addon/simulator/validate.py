"""The bytes of a request -> a checked request, or Gemini's refusal."""

from antigravity_addon.wire.base import Json

from .contents_rules import check_contents
from .families import Family
from .family_rules import check_family
from .generation_rules import check_generation
from .models import Model
from .proto_json import load, parse
from .request import (
    CodeAssistCountTokensRequest,
    CodeAssistEnvelope,
    CountTokensRequest,
    GenerateContentRequest,
    VertexCountTokensRequest,
    VertexRequest,
)
from .response import chunks_behind
from .status import Refused, Status, Violation, invalid, malformed
from .tools_rules import check_tools

_ENVELOPE = ("model", "project", "user_prompt_id", "request", "enabled_credit_types")
"""Code Assist's own fields have one spelling each."""
_MODELS = "models/"


def read_request(
    body: bytes, model: Model, *, streamed: bool, family: Family = Family.GEMINI
) -> GenerateContentRequest:
    """
    Raises:
        Refused: with the status Gemini gives.
    """
    request = _parse(load(body), family)
    check_family(request, family)
    _check_root(request)
    check_tools(request, model, family)
    check_contents(request, model, family)
    check_generation(request, model, streamed=streamed)
    return request


def _parse(value: Json, family: Family) -> GenerateContentRequest:
    match family:
        case Family.GEMINI:
            return parse(GenerateContentRequest, value)
        case Family.VERTEX:
            return parse(VertexRequest, value)
        case Family.CODE_ASSIST:
            return _opened(value)


def _opened(value: Json) -> GenerateContentRequest:
    """What is in Code Assist's envelope.

    Raises:
        Refused: it is none of its envelopes, or names no project.
    """
    if isinstance(value, dict):
        strange = [name for name in value if name not in _ENVELOPE]
        if strange:
            raise malformed(*(_unknown(name) for name in strange))
    envelope = parse(CodeAssistEnvelope, value)
    if envelope.request is None or not envelope.project:
        # this API gives no reasons
        raise invalid("Request contains an invalid argument.")
    return envelope.request


def _unknown(name: str) -> Violation:
    return Violation("", f'Invalid JSON payload received. Unknown name "{name}": Cannot find field.')


def read_count_request(body: bytes, model: Model, family: Family = Family.GEMINI) -> GenerateContentRequest:
    """What is to be counted, in whichever shape the API takes it.

    Raises:
        Refused: with the status Gemini gives.
    """
    counted = _parse_count(load(body), family)
    check_contents(counted, model, family)
    return counted


def _parse_count(value: Json, family: Family) -> GenerateContentRequest:
    match family:
        case Family.GEMINI:
            request = parse(CountTokensRequest, value)
            if request.generate_content_request is None:
                return GenerateContentRequest(contents=request.contents)
            if request.contents:
                raise invalid("Only one of contents and generate_content_request may be set.")
            return request.generate_content_request
        case Family.VERTEX:
            counted = parse(VertexCountTokensRequest, value)
            return GenerateContentRequest(
                contents=counted.contents, system_instruction=counted.system_instruction, tools=counted.tools
            )
        case Family.CODE_ASSIST:
            asked = parse(CodeAssistCountTokensRequest, value).request
            if asked is None or not asked.model.startswith(_MODELS):
                raise invalid("Request contains an invalid argument.")
            if any(part.thought for content in asked.contents for part in content.parts):
                raise invalid("Request contains an invalid argument.")
            return GenerateContentRequest(contents=asked.contents)


def _check_root(request: GenerateContentRequest) -> None:
    if request.cached_content:
        if request.system_instruction or request.tools or request.tool_config:
            raise invalid(
                "CachedContent can not be used with GenerateContent request setting system_instruction, "
                "tools or tool_config."
            )
        raise Refused(Status(403, "CachedContent not found (or permission denied)"))
    if request.service_tier.lower() not in ("", "standard", "flex", "priority"):
        raise invalid(f"Invalid service tier: {request.service_tier}")
    if request.continuation_token is not None and chunks_behind(request.continuation_token) is None:
        raise invalid("Invalid continuation token.")
