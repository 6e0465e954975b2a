"""Vertex AI: addresses, what is left out or refused, and recorded answers."""

import json
from pathlib import Path
from typing import Any

import pytest

from antigravity_addon.errors import (
    AccountRefused,
    NotOnThisUpstream,
    QuotaExhausted,
    RateLimited,
    UpstreamFailure,
    UpstreamRefused,
)
from antigravity_addon.simulator.families import Family
from antigravity_addon.simulator.models import find_model
from antigravity_addon.simulator.validate import read_request
from antigravity_addon.upstream.endpoint import Authorization
from antigravity_addon.upstream.vertex import Vertex, vertex_address
from antigravity_addon.wire.base import JsonObject
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
from antigravity_addon.wire.gemini_response import GenerateContentResponse
from antigravity_addon.wire.sse import ServerSentEvent, SseDecoder

NOW = 1_795_000_000.0
TOKEN = Authorization({"authorization": "Bearer token"})
KEY = Authorization({"x-goog-api-key": "key"})
PROJECT = Vertex("https://aiplatform.googleapis.com", "ours/1", project="p-1")
EXPRESS = Vertex("https://aiplatform.googleapis.com", "ours/1")


def asking(*parts: Part, **fields: Any) -> GenerateContentRequest:
    content = Content(role="user", parts=parts or (Part(text="Hi"),))
    return GenerateContentRequest(contents=(content,), **fields)


def sent(body: GenerateContentRequest) -> JsonObject:
    return json.loads(PROJECT.prepare(body, model="m", authorization=TOKEN).body)


# --- the address ------------------------------------------------------------------------------------------


def test_a_project_pays_with_a_token() -> None:
    request = PROJECT.prepare(asking(), model="gemini-3.8-flash", authorization=TOKEN)
    assert (request.method, request.url) == (
        "POST",
        (
            "https://aiplatform.googleapis.com/v1beta1/projects/p-1/locations/global/publishers/google/models/"
            "gemini-3.8-flash:streamGenerateContent?alt=sse"
        ),
    )
    assert request.headers == {
        "content-type": "application/json",
        "accept-encoding": "identity",
        "user-agent": "ours/1",
        "authorization": "Bearer token",
    }
    assert json.loads(request.body) == {"contents": [{"role": "user", "parts": [{"text": "Hi"}]}]}


def test_a_key_says_the_project_itself() -> None:
    request = EXPRESS.prepare(asking(), model="m", authorization=KEY)
    assert request.url == (
        "https://aiplatform.googleapis.com/v1beta1/publishers/google/models/m:streamGenerateContent?alt=sse"
    )
    assert request.headers["x-goog-api-key"] == "key"


def test_names_do_not_leave_their_place_in_the_path() -> None:
    vertex = Vertex("https://host", "ours/1", project="example.com:p/../x", location="us")
    request = vertex.prepare(asking(), model="a/b:countTokens?key=", authorization=TOKEN)
    assert request.url == (
        "https://host/v1beta1/projects/example.com:p%2F..%2Fx/locations/us/publishers/google/models/"
        "a%2Fb%3AcountTokens%3Fkey%3D:streamGenerateContent?alt=sse"
    )


ADDRESSES = {
    "global": "https://aiplatform.googleapis.com",
    "us": "https://aiplatform.us.rep.googleapis.com",
    "eu": "https://aiplatform.eu.rep.googleapis.com",
    "europe-west4": "https://europe-west4-aiplatform.googleapis.com",
}


@pytest.mark.parametrize("location", ADDRESSES)
def test_each_location_has_its_address(location: str) -> None:
    assert vertex_address(location) == ADDRESSES[location]


@pytest.mark.parametrize("location", ["", "evil.example/", "US", "-us", "us@evil", "us\n"])
def test_a_location_is_a_word_of_a_host_name(location: str) -> None:
    with pytest.raises(AccountRefused) as caught:
        vertex_address(location)
    assert repr(location) in caught.value.reason
    assert location not in caught.value.message or not location


# --- the body ---------------------------------------------------------------------------------------------

FUNCTIONS = Tool(function_declarations=(FunctionDeclaration(name="f"),))
CALLING = FunctionCallingConfig(mode="AUTO")


def test_consent_to_tools_of_the_server_is_not_asked_for() -> None:
    tools = (FUNCTIONS, Tool(google_search={}))
    alone = ToolConfig(include_server_side_tool_invocations=True)
    beside = ToolConfig(include_server_side_tool_invocations=True, function_calling_config=CALLING)
    assert "toolConfig" not in sent(asking(tools=tools, tool_config=alone))
    assert sent(asking(tools=tools, tool_config=beside)) == sent(
        asking(tools=tools, tool_config=ToolConfig(function_calling_config=CALLING))
    )


def test_everything_else_is_sent_as_it_is_and_known_there() -> None:
    everything = asking(
        Part(text="Hi"),
        Part(file_data=FileData(file_uri="gs://bucket/a.png", mime_type="image/png")),
        system_instruction=Content(parts=(Part(text="Be brief."),)),
        tools=(FUNCTIONS,),
        tool_config=ToolConfig(function_calling_config=CALLING),
        safety_settings=(SafetySetting(category="HARM_CATEGORY_HARASSMENT", threshold="OFF"),),
        generation_config=GenerationConfig(
            temperature=1,
            seed=7,
            thinking_config=ThinkingConfig(thinking_level="LOW"),
            image_config=ImageConfig(aspect_ratio="1:1"),
        ),
        continuation_token="c2ltdWxhdGVkIGNvbnRpbnVhdGlvbiAx",
    )
    body = PROJECT.prepare(everything, model="m", authorization=TOKEN).body
    assert body == everything.to_json()
    model = find_model("gemini-3.8-flash")
    assert model is not None
    assert read_request(body, model, streamed=True, family=Family.VERTEX).contents


@pytest.mark.parametrize(
    "uri",
    ["https://generativelanguage.googleapis.com/v1beta/files/abc", "files/abc"],
    ids=["address", "name"],
)
def test_files_of_the_gemini_api_are_not_there(uri: str) -> None:
    with pytest.raises(NotOnThisUpstream, match="cannot read files of the Gemini API"):
        sent(asking(Part(file_data=FileData(file_uri=uri))))


# --- answers ----------------------------------------------------------------------------------------------


def answers(stream: bytes) -> list[GenerateContentResponse]:
    decoder = SseDecoder()
    items = [*decoder.feed(stream), *decoder.finish()]
    chunks = [PROJECT.unwrap(item, model="m", now=NOW) for item in items]
    return [chunk for chunk in chunks if chunk is not None]


def said(chunk: GenerateContentResponse) -> str:
    contents = [candidate.content for candidate in chunk.candidates or ()]
    return "".join(part.text or "" for content in contents if content for part in content.parts or ())


def test_a_recorded_stream(recorded: Path) -> None:
    chunks = answers((recorded / "03-c-vertex-stream-2.5-flash-usage-last-chunk-only.sse").read_bytes())
    assert said(chunks[0]).startswith("In digital realms, where tangled systems weave")
    assert [chunk.usage_metadata and chunk.usage_metadata.prompt_token_count for chunk in chunks] == [
        *([None] * (len(chunks) - 1)),
        8,
    ]
    assert [[each.finish_reason for each in chunk.candidates or ()] for chunk in chunks] == [
        *([[None]] * (len(chunks) - 1)),
        ["STOP"],
    ]
    assert {chunk.response_id for chunk in chunks} == {"zSzpaJb-MPXZnvgPisGa2A0"}


def test_a_recorded_stream_of_one_chunk(recorded: Path) -> None:
    (chunk,) = answers((recorded / "02-c-vertex-stream-flex-3-flash.sse").read_bytes())
    usage = chunk.usage_metadata
    assert usage is not None
    assert (said(chunk), usage.total_token_count, usage.thoughts_token_count) == ("OK", 106, 100)


def test_a_recorded_refusal_of_a_prompt(recorded: Path) -> None:
    message = (recorded / "18-c-model-armor-prompt-blocked.json").read_bytes()
    chunk = PROJECT.unwrap(ServerSentEvent(message), model="m", now=NOW)
    assert chunk is not None
    assert chunk.prompt_feedback is not None
    assert chunk.prompt_feedback.block_reason == "MODEL_ARMOR"


@pytest.mark.parametrize(
    "name",
    [
        "36-c-vertex-streamed-args-nested.jsonl",
        "37-c-vertex-streamed-args-missing-terminal.jsonl",
        "38-c-vertex-no-args-call.jsonl",
    ],
)
def test_every_recorded_message_can_be_read(recorded: Path, name: str) -> None:
    """Pieces of arguments come for requests that want them, which ours do not."""
    lines = (recorded / name).read_bytes().splitlines()
    chunks = [PROJECT.unwrap(ServerSentEvent(line), model="m", now=NOW) for line in lines]
    assert all(chunk is not None and chunk.candidates for chunk in chunks)


# --- errors -----------------------------------------------------------------------------------------------


def failure(status: int, message: str, *, code: str, reason: str | None = None) -> UpstreamFailure:
    details = [{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": reason}] if reason else []
    body = {"error": {"code": status, "message": message, "status": code, "details": details}}
    return PROJECT.classify(status=status, headers={}, body=json.dumps(body).encode(), model="m", now=NOW)


def test_a_model_that_is_not_there_may_be_elsewhere_and_the_project_stays_untold() -> None:
    message = (
        "Publisher Model `projects/secret-1/locations/global/publishers/google/models/m` was not found or ..."
    )
    missing = failure(404, message, code="NOT_FOUND")
    assert isinstance(missing, NotOnThisUpstream)
    assert (missing.status, missing.code, missing.param, missing.upstream_status) == (
        404,
        "model_not_found",
        "model",
        404,
    )
    assert missing.message == "The model 'm' does not exist, or this gateway has no access to it."


def test_a_shared_quota_has_no_details() -> None:
    limited = failure(429, "Resource exhausted. Please try again later.", code="RESOURCE_EXHAUSTED")
    assert (type(limited), limited.retry_after) == (RateLimited, None)
    assert not isinstance(limited, QuotaExhausted)


def test_a_refused_project_is_the_accounts_fault() -> None:
    said = "Permission 'aiplatform.endpoints.predict' denied on resource 'projects/secret-1'."
    denied = failure(403, said, code="PERMISSION_DENIED", reason="IAM_PERMISSION_DENIED")
    assert isinstance(denied, AccountRefused)
    assert "secret-1" not in denied.message
    assert "secret-1" in denied.reason


def test_a_recorded_refusal(recorded: Path) -> None:
    body = (recorded / "21-c-error-400-robots.json").read_bytes()
    refused = PROJECT.classify(status=400, headers={}, body=body, model="m", now=NOW)
    assert (type(refused), refused.status, refused.code) == (UpstreamRefused, 400, "invalid_image_url")
