"""Long base64 is put into JSON beside everything else, and nobody can tell."""

import pytest

from antigravity_addon.wire.base import GoogleOutbound
from antigravity_addon.wire.code_assist import CodeAssistEnvelope, CodeAssistRequest
from antigravity_addon.wire.gemini import Blob, Content, FunctionCall, GenerateContentRequest, Part

LONG, LONGER = "QUFB" * 20_000, "+/+/" * 30_000


def blob(data: str) -> Part:
    return Part(inline_data=Blob(mime_type="image/png", data=data))


def request(*parts: Part) -> GenerateContentRequest:
    return GenerateContentRequest(contents=(Content(parts=parts, role="user"),))


BODIES: dict[str, GoogleOutbound] = {
    "no file": request(Part(text="Hello.")),
    "a short one": request(blob("QUFB")),
    "a long one": request(Part(text="Look:"), blob(LONG), Part(text='"…"')),
    "several": request(blob(LONG), blob("QUFB"), blob(LONGER), blob(LONG)),
    "a text that looks like its place": request(Part(text='"<base64>"'), blob(LONG)),
    "an argument that looks like its place": request(
        Part(function_call=FunctionCall(name="f", args={"data": "<base64>"})), blob(LONG)
    ),
    "for Code Assist": CodeAssistEnvelope(
        model="m", project="p", request=CodeAssistRequest(contents=request(blob(LONG)).contents)
    ),
}


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
def test_files_are_written_as_any_text_is(body: GoogleOutbound) -> None:
    assert body.to_json() == body.model_dump_json(by_alias=True, exclude_none=True).encode()
