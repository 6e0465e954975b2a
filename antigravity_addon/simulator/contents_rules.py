"""What Gemini demands of a conversation: who speaks when, and that calls and results match."""

import re

from .families import Family
from .models import Model
from .request import Blob, Content, FileData, FunctionResponse, GenerateContentRequest, Part
from .signature import is_known
from .status import NO_PREFILL, invalid

ROLES = ("user", "model", "function", "")
ACCEPTED_MEDIA = re.compile(
    r"image/(png|jpeg|webp|heic|heif)"
    r"|audio/(wav|mp3|mpeg|aiff|aac|ogg|flac|mp4|m4a|webm|pcm|l16).*"
    r"|video/(mp4|mpeg|mov|quicktime|avi|x-flv|mpg|webm|wmv|3gpp)"
    r"|application/(pdf|json)"
    r"|text/.+"
)
OFFICE_MEDIA = re.compile(r"application/(msword|vnd\.(openxmlformats-officedocument|ms-)\S+)")
"""Gemini 4 reads these, too."""

PLACE = "GenerateContentRequest.contents"


def check_contents(request: GenerateContentRequest, model: Model, family: Family = Family.GEMINI) -> None:
    """
    Raises:
        Refused: for the first rule broken.
    """
    if family is Family.VERTEX and not all(content.role for content in request.contents):
        raise invalid("Please use a valid role: user, model.")
    if not request.contents:
        raise invalid(f"* {PLACE}: contents is not specified\n")
    for index, content in enumerate(request.contents):
        _check_content(content, f"{PLACE}[{index}]", model)
    if request.system_instruction is not None:
        _check_system(request.system_instruction)
    _check_order(request.contents)
    if model.refuses_prefill and request.contents[-1].role == "model":
        raise invalid(NO_PREFILL)
    if model.signs_calls:
        _check_signatures(request.contents)


def _check_system(content: Content) -> None:
    place = "GenerateContentRequest.system_instruction.parts"
    if not content.parts:
        raise invalid(f"* {place}: contents.parts must not be empty.\n")
    if any(part.text is None for part in content.parts):
        raise invalid(f"* {place}: system instruction may hold text only\n")


def _check_content(content: Content, place: str, model: Model) -> None:
    if content.role not in ROLES:
        raise invalid("Please use a valid role: user, model.")
    said = any(part.text != "" or part.thought_signature for part in content.parts)
    if not said:
        raise invalid(f"* {place}.parts: contents.parts must not be empty.\n")
    for index, part in enumerate(content.parts):
        _check_part(part, f"{place}.parts[{index}]", model)
    if content.calls and content.role != "model":
        raise invalid("Please ensure that function call parts belong to a model turn.")
    if content.responses:
        if content.role == "model":
            raise invalid("Please ensure that function response parts belong to a user turn.")
        kinds = [part.function_response is not None for part in content.parts]
        if kinds != sorted(kinds, reverse=True):
            raise invalid("Please ensure that function response parts come before all other parts of a turn.")


def _check_part(part: Part, place: str, model: Model) -> None:
    if part.payloads == 0:
        raise invalid(f"* {place}.data: required oneof field 'data' must have one initialized field\n")
    if part.payloads > 1:
        raise invalid(f"Invalid value at '{place}' (oneof), oneof field 'data' is already set.")
    if part.inline_data is not None:
        _check_blob(part.inline_data, f"{place}.inline_data", model)
    if part.file_data is not None:
        _check_file(part.file_data, f"{place}.file_data")
    if part.function_call is not None and not part.function_call.name:
        raise invalid(f"* {place}.function_call.name: Name cannot be empty.\n")
    if part.function_response is not None:
        _check_response(part.function_response, f"{place}.function_response", model)
    if part.media_resolution is not None and not model.signs_calls:
        raise invalid("Media resolution of a part is not supported by this model.")


def _check_response(response: FunctionResponse, place: str, model: Model) -> None:
    if not response.name:
        raise invalid(f"* {place}.name: Name cannot be empty.\n")
    if response.response is None:
        raise invalid(f"* {place}.response: required field is missing\n")
    if response.parts and not model.signs_calls:
        raise invalid("Multimodal function responses are not supported by this model.")
    for index, part in enumerate(response.parts):
        if part.inline_data is not None:
            _check_blob(part.inline_data, f"{place}.parts[{index}].inline_data", model)


def _check_blob(blob: Blob, place: str, model: Model) -> None:
    office = model.version >= (4, 0) and OFFICE_MEDIA.fullmatch(blob.mime_type)
    if not office and not ACCEPTED_MEDIA.fullmatch(blob.mime_type):
        raise invalid(f"Unsupported MIME type: {blob.mime_type}")
    if not blob.data:
        raise invalid(f"* {place}: inline_data.data: required field is missing\n")


def _check_file(file: FileData, place: str) -> None:
    if not file.file_uri:
        raise invalid(f"* {place}.file_uri: required field is missing\n")
    if re.match(r"https?://[^/]*\.invalid(/|$)", file.file_uri):
        raise invalid(
            "Cannot fetch content from the provided URL. Please ensure the URL is valid and accessible. "
            "Status: URL_ERROR-ERROR_NOT_FOUND"
        )


def _check_order(contents: tuple[Content, ...]) -> None:
    """Calls follow a user's turn, and exactly their results follow them."""
    for index, content in enumerate(contents):
        before = contents[index - 1] if index else None
        after = contents[index + 1] if index + 1 < len(contents) else None
        if content.calls:
            if before is None or before.role == "model":
                raise invalid(
                    "Please ensure that function call turn comes immediately after a user turn "
                    "or after a function response turn."
                )
            if after is None or len(after.responses) != len(content.calls):
                raise invalid(
                    "Please ensure that the number of function response parts is equal to the number of "
                    "function call parts of the function call turn."
                )
        if content.responses and (before is None or not before.calls):
            raise invalid(
                "Please ensure that function response turn comes immediately after a function call turn."
            )


def _check_signatures(contents: tuple[Content, ...]) -> None:
    """In the current turn each step's first call brings the signature it was given."""
    questions = [index for index, content in enumerate(contents) if content.is_question]
    start = questions[-1] if questions else 0
    for index, content in enumerate(contents[start:], start):
        if not content.calls:
            continue
        first = content.calls[0]
        if not first.thought_signature:
            name = first.function_call.name if first.function_call else ""
            raise invalid(
                "Function call is missing a thought_signature in functionCall parts. This is required for "
                "tools to work correctly, and missing thought_signature may lead to degraded model "
                f"performance. Additional data, function call `default_api:{name}`, position {index}."
            )
        if not all(is_known(part.thought_signature) for part in content.calls if part.thought_signature):
            raise invalid("Corrupted thought signature.")
