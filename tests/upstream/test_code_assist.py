"""Code Assist: the envelope both ways."""

import json
from pathlib import Path
from typing import Any

import pytest

from antigravity_addon.errors import (
    AccountRefused,
    NotOnThisUpstream,
    Overloaded,
    QuotaExhausted,
    RateLimited,
    TermsRefused,
    UpstreamFailure,
)
from antigravity_addon.simulator.families import Family
from antigravity_addon.simulator.faults import FAULTS, Refusal
from antigravity_addon.simulator.models import find_model
from antigravity_addon.simulator.validate import read_request
from antigravity_addon.upstream.code_assist import CodeAssist
from antigravity_addon.upstream.endpoint import Authorization
from antigravity_addon.wire.base import GoogleOutbound
from antigravity_addon.wire.code_assist import CodeAssistGenerationConfig, CodeAssistRequest
from antigravity_addon.wire.gemini import (
    Content,
    FileData,
    FunctionCallingConfig,
    FunctionDeclaration,
    GenerateContentRequest,
    GenerationConfig,
    ImageConfig,
    Part,
    SafetySetting,
    ThinkingConfig,
    Tool,
    ToolConfig,
)
from antigravity_addon.wire.gemini_response import GenerateContentResponse, read_message
from antigravity_addon.wire.sse import ServerSentEvent, SseDecoder, StrayJson

NOW = 1_795_000_000.0
LICENCE = Authorization({"authorization": "Bearer token"}, project="p-1")
ENDPOINT = CodeAssist("https://cloudcode-pa.googleapis.com", "ours/1")
ASKED = Content(role="user", parts=(Part(text="Hi"),))


def asking(**fields: Any) -> GenerateContentRequest:
    return GenerateContentRequest(contents=(ASKED,), **fields)


def sent(body: GenerateContentRequest) -> dict[str, Any]:
    return json.loads(ENDPOINT.prepare(body, model="m", authorization=LICENCE).body)


# --- requests ---------------------------------------------------------------------------------------------


def test_the_envelope_has_what_is_ours_to_say_and_nothing_else() -> None:
    request = ENDPOINT.prepare(asking(), model="gemini-3.8-flash", authorization=LICENCE)
    assert (request.method, request.url) == (
        "POST",
        "https://cloudcode-pa.googleapis.com/v1internal:streamGenerateContent?alt=sse",
    )
    assert request.headers == {
        "content-type": "application/json",
        "accept-encoding": "identity",
        "user-agent": "ours/1",
        "authorization": "Bearer token",
    }
    assert json.loads(request.body) == {
        "model": "gemini-3.8-flash",
        "project": "p-1",
        "request": {"contents": [{"role": "user", "parts": [{"text": "Hi"}]}]},
    }


EVERYTHING = asking(
    system_instruction=Content(parts=(Part(text="Be brief."),)),
    tools=(
        Tool(
            function_declarations=(FunctionDeclaration(name="f", parameters_json_schema={"type": "object"}),)
        ),
    ),
    tool_config=ToolConfig(function_calling_config=FunctionCallingConfig(mode="AUTO")),
    safety_settings=(SafetySetting(category="HARM_CATEGORY_HARASSMENT", threshold="OFF"),),
    generation_config=GenerationConfig(
        temperature=0.5,
        top_p=0.9,
        top_k=4,
        max_output_tokens=100,
        stop_sequences=("x",),
        seed=7,
        thinking_config=ThinkingConfig(thinking_level="LOW", include_thoughts=True),
        response_mime_type="application/json",
        response_json_schema={"type": "object", "$defs": {"a": {}}},
    ),
)


def test_what_is_inside_is_geminis_own_request() -> None:
    inside = sent(EVERYTHING)["request"]
    expected = json.loads(EVERYTHING.to_json())
    assert inside == {**expected, "systemInstruction": {"role": "user", "parts": [{"text": "Be brief."}]}}


def test_the_upstream_knows_every_field() -> None:
    model = find_model("gemini-3.8-flash")
    assert model is not None
    body = ENDPOINT.prepare(EVERYTHING, model="m", authorization=LICENCE).body
    assert read_request(body, model, streamed=True, family=Family.CODE_ASSIST).generation.top_k == 4


def names(kind: type[GoogleOutbound]) -> set[str]:
    return set(kind.__struct_fields__)


def test_each_field_of_a_request_has_been_thought_about() -> None:
    """A new one is refused here until it is in one of these lists."""
    of_gemini, of_code_assist = names(GenerationConfig), names(CodeAssistGenerationConfig)
    assert of_gemini - of_code_assist == {"image_config"}
    assert of_code_assist < of_gemini
    outside = names(GenerateContentRequest) - names(CodeAssistRequest)
    assert outside == {"continuation_token"}


REFUSED = {
    "the rest of an answer": (asking(continuation_token="YQ=="), "Code Assist has no continuationToken"),
    "the shape of a picture": (
        asking(generation_config=GenerationConfig(seed=1, image_config=ImageConfig(aspect_ratio="1:1"))),
        "Code Assist has no generationConfig.imageConfig",
    ),
    "a file of the Gemini API": (
        GenerateContentRequest(
            contents=(Content(role="user", parts=(Part(file_data=FileData(file_uri="files/abc")),)),)
        ),
        "Code Assist cannot read files of the Gemini API",
    ),
}


@pytest.mark.parametrize(("body", "said"), REFUSED.values(), ids=REFUSED)
def test_what_it_cannot_express(body: GenerateContentRequest, said: str) -> None:
    with pytest.raises(NotOnThisUpstream, match=said):
        sent(body)


def test_consent_to_tools_of_the_server_is_not_asked_for() -> None:
    tools = (Tool(google_search={}), Tool(function_declarations=(FunctionDeclaration(name="f"),)))
    alone = ToolConfig(include_server_side_tool_invocations=True)
    assert "toolConfig" not in sent(asking(tools=tools, tool_config=alone))["request"]


def test_without_a_project_nothing_is_sent() -> None:
    with pytest.raises(AccountRefused) as caught:
        ENDPOINT.prepare(asking(), model="m", authorization=Authorization({"authorization": "Bearer t"}))
    assert "`project`" in caught.value.reason


# --- answers ----------------------------------------------------------------------------------------------


def unwrapped(message: object) -> GenerateContentResponse | None:
    return ENDPOINT.unwrap(ServerSentEvent(json.dumps(message).encode()), model="m", now=NOW)


def test_recorded_chunks_come_out_of_the_envelope_as_they_went_in(recorded: Path) -> None:
    lines = (recorded / "40-a-level-sdk-record.responses").read_bytes().splitlines()
    chunks = [chunk for line in lines for chunk in json.loads(line)["response"]]
    assert len(chunks) > 3
    for chunk in chunks:
        unwrapped_chunk = unwrapped({"response": chunk, "traceId": "1c8e5a0b9d2f4e77"})
        assert unwrapped_chunk is not None
        bare = read_message(json.dumps(chunk).encode())
        fields = GenerateContentResponse.__struct_fields__
        assert [getattr(unwrapped_chunk, each) for each in fields] == [getattr(bare, each) for each in fields]


SKIPPED: dict[str, object] = {
    "credits alone": {
        "traceId": "t",
        "remainingCredits": [{"creditType": "GOOGLE_ONE_AI", "creditAmount": "997"}],
    },
    "a sign of life": {"traceId": "t"},
    "an empty response": {"response": {}, "traceId": "t"},
    "nothing": {},
    "a list": [],
}


@pytest.mark.parametrize("message", SKIPPED.values(), ids=SKIPPED)
def test_envelopes_with_nothing_in_them_are_skipped(message: object) -> None:
    assert unwrapped(message) is None


KEPT: dict[str, object] = {
    "usage": {"usageMetadata": {"promptTokenCount": 5}},
    "feedback": {"promptFeedback": {"blockReason": "OTHER"}},
    "an id": {"responseId": "r"},
    "no candidates": {"candidates": [], "modelVersion": "m", "responseId": "r"},
}


@pytest.mark.parametrize("message", KEPT.values(), ids=KEPT)
def test_whatever_says_something_is_kept(message: object) -> None:
    assert unwrapped({"response": message}) is not None


# --- errors -----------------------------------------------------------------------------------------------

EXHAUSTED = {"error": {"code": 429, "message": "No.", "status": "RESOURCE_EXHAUSTED"}}
IN_A_STREAM: dict[str, bytes] = {
    "bare": json.dumps(EXHAUSTED, indent=2).encode(),
    "in an array": json.dumps([EXHAUSTED], indent=2).encode(),
    "as an event": b"data: " + json.dumps(EXHAUSTED).encode() + b"\r\n\r\n",
    "as an event, in an array": b"data: " + json.dumps([EXHAUSTED]).encode() + b"\r\n\r\n",
    "in an envelope": b"data: " + json.dumps({"response": EXHAUSTED}).encode() + b"\r\n\r\n",
}


@pytest.mark.parametrize("stream", IN_A_STREAM.values(), ids=IN_A_STREAM)
def test_errors_inside_a_stream(stream: bytes) -> None:
    decoder = SseDecoder()
    items: list[ServerSentEvent | StrayJson] = [*decoder.feed(stream), *decoder.finish()]
    with pytest.raises(RateLimited):
        _ = [ENDPOINT.unwrap(item, model="m", now=NOW) for item in items]


CLASSIFIED: dict[str, type[UpstreamFailure]] = {
    "rate-limited-code-assist": RateLimited,
    "quota-code-assist": QuotaExhausted,
    "credits-spent": QuotaExhausted,
    "capacity": Overloaded,
    "cancelled": Overloaded,
    "tos": TermsRefused,
    "validation-required": TermsRefused,
    "service-disabled-code-assist": AccountRefused,
    "no-licence": AccountRefused,
    "permission": AccountRefused,
    "unauthenticated": AccountRefused,
    "not-found": NotOnThisUpstream,
}


@pytest.mark.parametrize("name", CLASSIFIED)
def test_refusals(name: str) -> None:
    fault = FAULTS[name]
    assert isinstance(fault, Refusal)
    answer = fault.respond("m")
    body = b"".join(piece for _, piece in answer.pieces)
    failure = ENDPOINT.classify(status=answer.status, headers=answer.headers, body=body, model="m", now=NOW)
    assert type(failure) is CLASSIFIED[name]
    if isinstance(failure, AccountRefused):
        assert "plt=" not in failure.reason + failure.message
