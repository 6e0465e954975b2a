"""The bytes of a request -> a checked request, or Gemini's refusal."""

from .contents_rules import check_contents
from .generation_rules import check_generation
from .models import Model
from .proto_json import load, parse
from .request import CountTokensRequest, GenerateContentRequest
from .response import chunks_behind
from .status import Refused, Status, invalid
from .tools_rules import check_tools


def read_request(body: bytes, model: Model, *, streamed: bool) -> GenerateContentRequest:
    """
    Raises:
        Refused: with the status Gemini gives.
    """
    request = parse(GenerateContentRequest, load(body))
    _check_root(request)
    check_tools(request, model)
    check_contents(request, model)
    check_generation(request, model, streamed=streamed)
    return request


def read_count_request(body: bytes, model: Model) -> GenerateContentRequest:
    """What is to be counted, in either of its two shapes.

    Raises:
        Refused: with the status Gemini gives.
    """
    request = parse(CountTokensRequest, load(body))
    counted = request.generate_content_request
    if counted is None:
        counted = GenerateContentRequest(contents=request.contents)
    elif request.contents:
        raise invalid("Only one of contents and generate_content_request may be set.")
    check_contents(counted, model)
    return counted


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
