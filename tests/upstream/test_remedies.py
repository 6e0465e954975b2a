"""Refusals in Google's words, and the milder requests that follow."""

import base64
import json
from copy import replace
from typing import Any

import pytest

from antigravity_addon.errors import (
    EmptyAnswer,
    MalformedToolCall,
    MissingThoughtSignature,
    UpstreamFailure,
    UpstreamRefused,
)
from antigravity_addon.simulator.exchange import Exchange
from antigravity_addon.simulator.faults import FAULTS, Refusal, Selective
from antigravity_addon.simulator.models import MODELS, Model
from antigravity_addon.simulator.refusals import refused
from antigravity_addon.simulator.signature import sign
from antigravity_addon.simulator.status import Refused
from antigravity_addon.simulator.validate import read_request
from antigravity_addon.translate.generation import JsonMode
from antigravity_addon.translate.thought_signatures import PLACEHOLDER
from antigravity_addon.upstream.classify import classify
from antigravity_addon.upstream.remedies import MOST_MODELS, REMEDIES, Lessons, Remedy, remedy_for
from antigravity_addon.wire.base import JsonObject
from antigravity_addon.wire.gemini import (
    Content,
    FunctionCall,
    FunctionCallingConfig,
    FunctionDeclaration,
    FunctionResponse,
    GenerateContentRequest,
    GenerationConfig,
    MediaResolution,
    Part,
    ThinkingConfig,
    Tool,
    ToolConfig,
)


def refusal(message: str) -> UpstreamFailure:
    """What the gateway makes of a 400."""
    body = json.dumps({"error": {"code": 400, "message": message, "status": "INVALID_ARGUMENT"}})
    return classify(400, {}, body.encode(), model="m", now=0.0)


def unknown(name: str, at: str) -> str:
    return f"Invalid JSON payload received. Unknown name \"{name}\" at '{at}': Cannot find field."


ASKED = Content(role="user", parts=(Part(text="q"),))


def asking(*contents: Content, **fields: Any) -> GenerateContentRequest:
    return GenerateContentRequest(contents=contents or (ASKED,), **fields)


def configured(instruction: str | None = None, **fields: Any) -> GenerateContentRequest:
    config = replace(GenerationConfig(temperature=1), **fields)
    return asking(generation_config=config, system_instruction=told(instruction) if instruction else None)


def told(*texts: str) -> Content:
    return Content(parts=tuple(Part(text=text) for text in texts))


def signed(signature: str | None) -> GenerateContentRequest:
    call = Part(function_call=FunctionCall(name="f", args={}), thought_signature=signature)
    result = Part(function_response=FunctionResponse(name="f", response={}))
    return asking(ASKED, Content(role="model", parts=(call,)), Content(role="user", parts=(result,)))


SCHEMA: JsonObject = {
    "type": "object",
    "properties": {"a": {"type": ["string", "null"]}, "b": {"$ref": "#/$defs/B"}},
    "required": ["a"],
    "$defs": {"B": {"enum": ["x"]}},
}
TYPED: JsonObject = {
    "type": "OBJECT",
    "properties": {"a": {"type": "STRING", "nullable": True}, "b": {"type": "STRING", "enum": ["x"]}},
    "propertyOrdering": ["a", "b"],
    "required": ["a"],
}
FREE = Tool(
    function_declarations=(
        FunctionDeclaration(name="f", description="d", parameters_json_schema=SCHEMA),
        FunctionDeclaration(name="g", parameters_json_schema={"type": "object"}),
        FunctionDeclaration(name="h"),
    )
)
F = Tool(function_declarations=(FunctionDeclaration(name="f"),))
SEARCH = Tool(google_search={})
CALLING = ToolConfig(function_calling_config=FunctionCallingConfig(mode="NONE"))
JSON = "application/json"
TOO_HARD = "The specified schema produces a constraint that has too many states for serving."


def mode(config: FunctionCallingConfig) -> GenerateContentRequest:
    return asking(tools=(F,), tool_config=ToolConfig(function_calling_config=config))


THINKING = configured(thinking_config=ThinkingConfig(thinking_level="HIGH"))
SIGNED, PLACED = signed("SIGN"), signed(PLACEHOLDER)

CASES: dict[str, tuple[str, GenerateContentRequest, GenerateContentRequest]] = {
    # upstream.md 1.7 goes before C47: its placeholder, not calls rendered as text
    "C47 signature missing": (
        "Function call is missing a thought_signature in functionCall parts. This is required for tools to work.",
        signed(None),
        PLACED,
    ),
    "signature missing, as Vertex AI says it": (
        (
            "Unable to submit request because function call `default_api:f` in the 2. content block is missing a "
            "`thought_signature`. Learn more: https://cloud.google.com/"
        ),
        signed(None),
        PLACED,
    ),
    "signature of somebody else": ("Corrupted thought signature.", SIGNED, PLACED),
    "signature that is not valid": ("Invalid thought signature", SIGNED, PLACED),
    "signature that is no base64": (
        "Invalid value at 'contents[1].parts[0].thought_signature' (TYPE_BYTES), \"SIGN\"",
        SIGNED,
        PLACED,
    ),
    "thinking level on 2.5": ("Thinking level is not supported for this model.", THINKING, configured()),
    "this thinking level": (
        "Thinking level HIGH is not supported for this model. Please retry with other thinking level.",
        THINKING,
        configured(),
    ),
    "thinking budget": (
        "The thinking budget 5 is invalid. Please choose a value between 128 and 32768.",
        configured(thinking_config=ThinkingConfig(thinking_budget=5)),
        configured(),
    ),
    "no thinking budget": (
        "Budget 0 is invalid. This model only works in thinking mode.",
        configured(thinking_config=ThinkingConfig(thinking_budget=0)),
        configured(),
    ),
    "thinking at all": ("Thinking is not enabled for this model.", THINKING, configured()),
    "thinking level that the parser does not know": (
        unknown("thinkingLevel", "generation_config.thinking_config"),
        THINKING,
        configured(),
    ),
    "a config of nothing else": (
        "Thinking is not enabled for this model.",
        asking(generation_config=GenerationConfig(thinking_config=ThinkingConfig(include_thoughts=True))),
        asking(),
    ),
    "penalties": (
        "Penalty is not enabled for models/m",
        configured(presence_penalty=1, frequency_penalty=1),
        configured(),
    ),
    "logprobs": (
        "Logprobs is not enabled for models/m",
        configured(response_logprobs=True, logprobs=3),
        configured(),
    ),
    "sampling": (
        "temperature and topP are not supported by this model.",
        configured(temperature=0, top_p=0.5, top_k=3, seed=1),
        asking(generation_config=GenerationConfig(seed=1)),
    ),
    "seed": ("Seed is not supported for this model.", configured(seed=1), configured()),
    "more output than there is": (
        (
            "Unable to submit request because it has a maxOutputTokens value of 99999 but the supported range is from 1 "
            "(inclusive) to 65537 (exclusive). Update the value and try again."
        ),
        configured(max_output_tokens=99_999),
        configured(),
    ),
    "schema of a function that the parser does not know": (
        unknown("parametersJsonSchema", "tools[0].function_declarations[0]")
        + "\n"
        + unknown("parametersJsonSchema", "tools[0].function_declarations[1]"),
        asking(tools=(FREE, SEARCH)),
        asking(
            tools=(
                Tool(
                    function_declarations=(
                        FunctionDeclaration(name="f", description="d", parameters=TYPED),
                        FunctionDeclaration(name="g"),
                        FunctionDeclaration(name="h"),
                    )
                ),
                SEARCH,
            )
        ),
    ),
    "schema of the answer that the parser does not know": (
        unknown("response_json_schema", "generation_config"),
        configured(response_mime_type=JSON, response_json_schema=SCHEMA),
        configured(response_mime_type=JSON, response_schema=TYPED),
    ),
    "schema of the answer has too many states": (
        TOO_HARD,
        configured(response_mime_type=JSON, response_json_schema=SCHEMA),
        configured(JsonMode(SCHEMA).as_instruction, response_mime_type=JSON),
    ),
    "typed schema of the answer has too many states": (
        TOO_HARD,
        configured(response_mime_type=JSON, response_schema=TYPED),
        configured(JsonMode(TYPED).as_instruction, response_mime_type=JSON),
    ),
    "schema of the answer is too deep": (
        (
            "* GenerateContentRequest.generation_config.response_json_schema: A schema in the request exceeds the "
            "maximum allowed nesting depth\n"
        ),
        configured(response_mime_type=JSON, response_json_schema=SCHEMA),
        configured(JsonMode(SCHEMA).as_instruction, response_mime_type=JSON),
    ),
    "the schema follows what was instructed": (
        TOO_HARD,
        asking(
            system_instruction=told("Be brief."),
            generation_config=GenerationConfig(response_mime_type=JSON, response_json_schema=SCHEMA),
        ),
        asking(
            system_instruction=told("Be brief.", JsonMode(SCHEMA).as_instruction),
            generation_config=GenerationConfig(response_mime_type=JSON),
        ),
    ),
    "a forced call has too many states": (
        TOO_HARD,
        mode(FunctionCallingConfig(mode="ANY", allowed_function_names=("f",))),
        mode(FunctionCallingConfig(mode="AUTO")),
    ),
    "a strict call has too many states": (
        TOO_HARD,
        mode(FunctionCallingConfig(mode="VALIDATED")),
        mode(FunctionCallingConfig(mode="AUTO")),
    ),
    "JSON mode beside functions": (
        "Function calling with a response mime type: 'application/json' is unsupported",
        asking(
            tools=(F,),
            generation_config=GenerationConfig(response_mime_type=JSON, response_json_schema=SCHEMA),
        ),
        asking(tools=(F,), system_instruction=told(JsonMode(SCHEMA).as_instruction)),
    ),
    "JSON mode beside a search": (
        "Tool use with a response mime type: 'application/json' is unsupported",
        asking(tools=(SEARCH,), generation_config=GenerationConfig(response_mime_type=JSON)),
        asking(tools=(SEARCH,), system_instruction=told(JsonMode(None).as_instruction)),
    ),
    "search beside functions": (
        "Tool call context circulation is not enabled: built-in tools and functions cannot be mixed.",
        asking(tools=(F, SEARCH), tool_config=ToolConfig(include_server_side_tool_invocations=True)),
        asking(tools=(F,)),
    ),
    "search beside functions, in newer words": (
        "Built-in tools ({google_search}) and Function Calling cannot be combined in the same request.",
        asking(tools=(F, SEARCH)),
        asking(tools=(F,)),
    ),
    "consent to a search beside functions": (
        unknown("includeServerSideToolInvocations", "tool_config"),
        asking(
            tools=(F, SEARCH),
            tool_config=replace(CALLING, include_server_side_tool_invocations=True),
        ),
        asking(tools=(F,), tool_config=CALLING),
    ),
    "resolution of a file": (
        unknown("mediaResolution", "contents[0].parts[1]"),
        asking(
            Content(
                role="user",
                parts=(
                    Part(text="q"),
                    Part(text="x", media_resolution=MediaResolution(level="MEDIA_RESOLUTION_LOW")),
                ),
            )
        ),
        asking(Content(role="user", parts=(Part(text="q"), Part(text="x")))),
    ),
    "the last word is the model's": (
        "Please ensure that the last turn is a user turn: this model continues no model turn.",
        asking(ASKED, Content(role="model", parts=(Part(text="I"),))),
        asking(
            ASKED,
            Content(role="model", parts=(Part(text="I"),)),
            Content(role="user", parts=(Part(text="Continue."),)),
        ),
    ),
}


@pytest.mark.parametrize(("message", "before", "after"), CASES.values(), ids=CASES)
def test_a_milder_request(
    message: str, before: GenerateContentRequest, after: GenerateContentRequest
) -> None:
    failure = refusal(message)
    remedy = remedy_for(failure, before)
    assert remedy is not None
    assert remedy.soften(before) == after
    assert remedy_for(failure, after) is None, "the same remedy must not be tried twice"


def test_json_mode_stays_where_there_are_no_tools() -> None:
    """A model that has refused both together is asked without the one only where there is the other."""
    json_mode = GenerationConfig(response_mime_type=JSON)
    message = "Tool use with a response mime type: 'application/json' is unsupported"
    remedy = remedy_for(refusal(message), asking(tools=(SEARCH,), generation_config=json_mode))
    assert remedy is not None
    assert remedy.soften(asking(generation_config=json_mode)) == asking(generation_config=json_mode)


def test_the_schema_of_the_answer_goes_before_the_constraint_on_calls() -> None:
    forced = ToolConfig(function_calling_config=FunctionCallingConfig(mode="ANY"))
    json_mode = GenerationConfig(response_mime_type=JSON, response_json_schema=SCHEMA)
    body = asking(tools=(F,), tool_config=forced, generation_config=json_mode)
    softened: list[GenerateContentRequest] = []
    while remedy := remedy_for(refusal(TOO_HARD), body):
        body = remedy.soften(body)
        softened.append(body)
    plain = asking(
        tools=(F,),
        tool_config=forced,
        generation_config=GenerationConfig(response_mime_type=JSON),
        system_instruction=told(JsonMode(SCHEMA).as_instruction),
    )
    free = ToolConfig(function_calling_config=FunctionCallingConfig(mode="AUTO"))
    assert softened == [plain, replace(plain, tool_config=free)]


EVERYTHING = replace(
    SIGNED,
    contents=(*SIGNED.contents, Content(role="model", parts=(Part(text="I"),))),
    tools=(FREE, SEARCH),
    tool_config=ToolConfig(
        function_calling_config=FunctionCallingConfig(mode="ANY"),
        include_server_side_tool_invocations=True,
    ),
    generation_config=GenerationConfig(
        temperature=1,
        seed=1,
        max_output_tokens=5,
        presence_penalty=1,
        response_logprobs=True,
        response_mime_type=JSON,
        response_json_schema=SCHEMA,
        thinking_config=ThinkingConfig(thinking_level="HIGH"),
    ),
)


@pytest.mark.parametrize("remedy", REMEDIES, ids=lambda remedy: remedy.name)
def test_twice_is_as_good_as_once(remedy: Remedy) -> None:
    once = remedy.soften(EVERYTHING)
    assert remedy.soften(once) == once
    assert remedy.soften(asking()) == asking()


def test_no_remedies_undo_each_other() -> None:
    body = EVERYTHING
    for _ in range(2):
        for remedy in REMEDIES:
            body = remedy.soften(body)
    assert [remedy.name for remedy in REMEDIES if remedy.soften(body) != body] == []


def _not_found(message: str) -> UpstreamFailure:
    failure = UpstreamRefused(message)
    failure.status = 404
    return failure


NOTHING_TO_DO: dict[str, tuple[UpstreamFailure, GenerateContentRequest]] = {
    "a refusal nobody knows": (refusal("Request contains an invalid argument."), EVERYTHING),
    "nothing to give up": (refusal("Thinking is not enabled for this model."), asking()),
    "a search that is all there is": (
        refusal("Tool call context circulation is not enabled"),
        asking(tools=(SEARCH,)),
    ),
    "what the client wrote, quoted": (
        refusal("Invalid value at 'contents[0].parts[0]', \"Thinking level is not supported\""),
        EVERYTHING,
    ),
    "a picture that the model does not make": (
        refusal("Model does not support the requested response modalities: image"),
        configured(response_modalities=("TEXT", "IMAGE")),
    ),
    "another status": (_not_found("Thinking is not enabled for this model."), THINKING),
    "a failure of another kind": (EmptyAnswer("Thinking is not enabled for this model."), THINKING),
    "a broken call": (MalformedToolCall("Function call is missing a thought_signature"), SIGNED),
    "placeholders that are refused": (refusal("Corrupted thought signature."), PLACED),
}


@pytest.mark.parametrize(("failure", "body"), NOTHING_TO_DO.values(), ids=NOTHING_TO_DO)
def test_no_remedy(failure: UpstreamFailure, body: GenerateContentRequest) -> None:
    assert remedy_for(failure, body) is None


def test_a_turn_that_ends_over_a_signature_is_asked_for_again_without() -> None:
    failure = MissingThoughtSignature("The model missed a thought signature.")
    remedy = remedy_for(failure, SIGNED)
    assert remedy is not None
    assert remedy.soften(SIGNED) == PLACED
    assert remedy_for(failure, PLACED) is None


# --- against the simulator --------------------------------------------------------------------------------


def asked_until_answered(
    body: GenerateContentRequest, model: Model, fault: Selective | None = None
) -> list[str]:
    """The remedies it takes. Raises: UpstreamFailure: none was left."""
    taken: list[str] = []
    while refused := refused_by(body, model, fault):
        answer = b"".join(piece for _, piece in refused.pieces)
        failure = classify(refused.status, refused.headers, answer, model=model.name, now=0.0)
        remedy = remedy_for(failure, body)
        if remedy is None:
            raise failure
        taken.append(remedy.name)
        body = remedy.soften(body)
    return taken


def refused_by(body: GenerateContentRequest, model: Model, fault: Selective | None) -> Exchange | None:
    try:
        request = read_request(body.to_json(), model, streamed=True)
    except Refused as refusal:
        return refused(refusal.status)
    if fault is None or not isinstance(fault.fault, Refusal) or not fault.strikes(request):
        return None
    return fault.fault.respond(model.name)


@pytest.mark.parametrize("model", [model for model in MODELS if not model.makes_images], ids=lambda m: m.name)
def test_every_model_answers_in_the_end(model: Model) -> None:
    taken = asked_until_answered(EVERYTHING, model)
    assert taken
    lessons = Lessons()
    for remedy in REMEDIES:
        if remedy.name in taken:
            lessons.learn(model.name, remedy)
    again = asked_until_answered(lessons.softened(EVERYTHING, model.name), model)
    assert again == [remedy.name for remedy in REMEDIES if remedy.name in taken and not remedy.is_of_model]


SIGNED_REALLY = signed(base64.b64encode(sign(b"seed")).decode())
REFUSALS = {
    name: fault
    for name, fault in FAULTS.items()
    if isinstance(fault, Selective) and isinstance(fault.fault, Refusal)
}


@pytest.mark.parametrize("fault", REFUSALS.values(), ids=REFUSALS)
def test_every_refusal_of_the_simulator_has_its_remedy(fault: Selective) -> None:
    (model,) = (model for model in MODELS if model.name == "gemini-3.5-flash")
    body = replace(
        EVERYTHING,
        contents=(
            *SIGNED_REALLY.contents,
            Content(
                role="user",
                parts=(Part(text="q", media_resolution=MediaResolution(level="MEDIA_RESOLUTION_LOW")),),
            ),
        ),
    )
    if fault is FAULTS["refuses-prefill"]:
        prefilled = asking(ASKED, Content(role="model", parts=(Part(text="I"),)))
        (model,) = (model for model in MODELS if model.name == "gemini-2.5-flash")
        body = prefilled
    assert set(asked_until_answered(body, model, fault)) - set(asked_until_answered(body, model))


# --- lessons ----------------------------------------------------------------------------------------------


def named(message: str, body: GenerateContentRequest) -> Remedy:
    remedy = remedy_for(refusal(message), body)
    assert remedy is not None
    return remedy


NO_THINKING = named("Thinking is not enabled for this model.", THINKING)
NO_SEED = named("Seed is not supported.", configured(seed=1))
NO_SIGNATURES = named("Corrupted thought signature.", SIGNED)


def test_what_a_model_refused_it_is_not_asked_again() -> None:
    lessons = Lessons()
    lessons.learn("m", NO_THINKING)
    lessons.learn("m", NO_SEED)
    asked = replace(THINKING, generation_config=GenerationConfig(seed=1, thinking_config=ThinkingConfig()))
    assert lessons.softened(asked, "m") == asking()
    assert lessons.softened(asked, "another") == asked


def test_what_is_wrong_with_requests_and_not_with_models() -> None:
    assert {remedy.name for remedy in REMEDIES if not remedy.is_of_model} == {
        NO_SIGNATURES.name,
        "the answer is as long as the model makes it",
        "the schema of the answer as an instruction",
        "calls are not held to their schemas",
    }


def test_what_was_wrong_with_one_request_is_not_remembered() -> None:
    lessons = Lessons()
    lessons.learn("m", NO_SIGNATURES)
    assert lessons.softened(SIGNED, "m") == SIGNED


def test_lessons_have_a_bound_and_those_in_use_stay() -> None:
    lessons = Lessons()
    lessons.learn("first", NO_THINKING)
    lessons.learn("second", NO_THINKING)
    for index in range(MOST_MODELS - 1):
        lessons.softened(THINKING, "first")
        lessons.learn(f"m{index}", NO_THINKING)
    assert lessons.softened(THINKING, "first") == configured()
    assert lessons.softened(THINKING, "second") == THINKING
