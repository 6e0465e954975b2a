"""Code Assist: its envelope, its errors, and whose licence it is."""

import json
from collections.abc import Callable

import pytest

from antigravity_addon.simulator.families import Family
from antigravity_addon.simulator.licences import CASES
from antigravity_addon.simulator.server import Simulator
from antigravity_addon.wire.base import Json, JsonObject
from tests.simulator.talking import HELLO, Asker, TokenBearer, asking, events, finish, text, usage

MODEL = "gemini-3.5-flash"
type Bearer = Callable[[str], TokenBearer]


def opened(messages: list[JsonObject]) -> list[JsonObject]:
    """What is in the envelopes, all of which have one and the same trace."""
    assert len({str(message["traceId"]) for message in messages}) == 1
    return [response for message in messages if isinstance(response := message.get("response"), dict)]


# --- answers ----------------------------------------------------------------------------------------------


async def test_a_stream(bearer: Bearer, simulator: Simulator, ask: Asker) -> None:
    answer = await bearer("refresh").ask_code_assist(MODEL)
    messages = events(answer.content)
    assert answer.headers["x-cloudaicompanion-trace-id"] == messages[0]["traceId"]
    assert "x-gemini-service-tier" not in answer.headers
    gemini = await ask.stream(MODEL)
    assert text(*opened(messages)) == text(*gemini)
    assert [message.keys() for message in opened(messages)] == [message.keys() for message in gemini]
    request = simulator.requests[0]
    assert (request.family, request.model, request.called) == (
        Family.CODE_ASSIST,
        MODEL,
        "streamGenerateContent",
    )


async def test_a_whole_answer(bearer: Bearer) -> None:
    answer = await bearer("refresh").ask_code_assist(MODEL, method="generateContent")
    (whole,) = opened([answer.json()])
    assert (bool(text(whole)), finish(whole)) == (True, "STOP")
    assert usage(whole)["promptTokenCount"] == 5


async def test_credits_come_between(bearer: Bearer) -> None:
    messages = events((await bearer("fault-credits-event").ask_code_assist(MODEL)).content)
    assert [index for index, message in enumerate(messages) if "response" not in message] == [1]
    assert text(*opened(messages))


async def test_counting(bearer: Bearer) -> None:
    counted: JsonObject = {"request": {"model": f"models/{MODEL}", **HELLO}}
    answer = await bearer("refresh").code_assist("countTokens", counted)
    assert answer.json() == {"totalTokens": 5}


async def test_the_whole_envelope_is_taken(bearer: Bearer) -> None:
    envelope: JsonObject = {
        "model": MODEL,
        "project": "p-1",
        "user_prompt_id": "prompt",
        "request": {**HELLO, "session_id": "session", "labels": {"a": "b"}},
        "enabled_credit_types": ["GOOGLE_ONE_AI"],
    }
    answer = await bearer("refresh").code_assist("streamGenerateContent?alt=sse", envelope)
    assert answer.status_code == 200


# --- refusals ---------------------------------------------------------------------------------------------

ENVELOPE: JsonObject = {"model": MODEL, "project": "p-1", "request": HELLO}
GENERIC = "Request contains an invalid argument."


def inside(**fields: Json) -> JsonObject:
    return {**ENVELOPE, "request": asking("Hi", **fields)}


REFUSED: dict[str, tuple[str, Json, str]] = {
    "another product's envelope": (
        "generateContent",
        {**ENVELOPE, "userAgent": "someone", "requestId": "r"},
        (
            'Unknown name "userAgent": Cannot find field.\n'
            'Invalid JSON payload received. Unknown name "requestId": Cannot find field.'
        ),
    ),
    "the other spelling": (
        "generateContent",
        {**ENVELOPE, "userPromptId": "p"},
        'Unknown name "userPromptId"',
    ),
    "no project": ("generateContent", {"model": MODEL, "request": HELLO}, GENERIC),
    "no request": ("generateContent", {"model": MODEL, "project": "p-1"}, GENERIC),
    "no envelope": ("generateContent", {"model": MODEL, "project": "p-1", "request": []}, "Unknown name"),
    "no model": ("generateContent", {"project": "p-1", "request": HELLO}, GENERIC),
    "a list": ("generateContent", [], GENERIC),
    "a shape of pictures": (
        "generateContent",
        inside(generationConfig={"imageConfig": {"aspectRatio": "1:1"}}),
        "Unknown name \"imageConfig\" at 'request.generation_config'",
    ),
    "the rest of an answer": (
        "generateContent",
        inside(continuationToken="YQ"),
        "Unknown name \"continuationToken\" at 'request'",
    ),
    "a typing error": (
        "generateContent",
        inside(generationConfig={"tempo": 1}),
        "Unknown name \"tempo\" at 'request.generation_config'",
    ),
    "counting without models/": ("countTokens", {"request": {"model": MODEL, **HELLO}}, GENERIC),
    "counting thoughts": (
        "countTokens",
        {
            "request": {
                "model": f"models/{MODEL}",
                "contents": [{"role": "model", "parts": [{"text": "Hm.", "thought": True}]}],
            }
        },
        GENERIC,
    ),
    "counting nothing": ("countTokens", {"request": {}}, GENERIC),
}


@pytest.mark.parametrize(("method", "body", "said"), REFUSED.values(), ids=REFUSED)
async def test_refused(bearer: Bearer, method: str, body: Json, said: str) -> None:
    answer = await bearer("refresh").code_assist(method, body)
    assert answer.status_code == 400
    assert said in answer.json()["error"]["message"]


async def test_an_unknown_model(bearer: Bearer) -> None:
    answer = await bearer("refresh").ask_code_assist("gemini-none", method="generateContent")
    assert (answer.status_code, answer.json()["error"]["message"]) == (404, "Requested entity was not found.")


@pytest.mark.parametrize(
    ("refresh_token", "status", "reason"),
    [
        ("fault-overloaded", 503, "backendError"),
        ("fault-rate-limited-code-assist", 429, "rateLimitExceeded"),
        ("fault-quota-code-assist", 429, "rateLimitExceeded"),
        ("fault-permission", 403, "forbidden"),
        ("fault-bad-request", 400, "badRequest"),
        ("fault-unauthenticated", 401, "authError"),
    ],
)
async def test_streams_are_refused_in_older_words(
    bearer: Bearer, refresh_token: str, status: int, reason: str
) -> None:
    answer = await bearer(refresh_token).ask_code_assist(MODEL)
    assert answer.status_code == status
    ((wrapped),) = answer.json()
    error = wrapped["error"]
    assert (error["code"], error["errors"]) == (
        status,
        [{"message": error["message"], "domain": "global", "reason": reason}],
    )
    assert (
        "errors"
        not in (await bearer("fault-overloaded").ask_code_assist(MODEL, method="generateContent")).json()
    )


async def test_pages_and_broken_connections_stay_what_they_are(bearer: Bearer) -> None:
    page = await bearer("fault-html-502").ask_code_assist(MODEL)
    assert (page.status_code, page.text.startswith("<!DOCTYPE")) == (502, True)
    relayed = await bearer("fault-gzip").ask_code_assist(MODEL)
    assert text(*opened(events(relayed.content)))


async def test_errors_inside_a_stream_are_in_no_envelope(bearer: Bearer) -> None:
    messages = events((await bearer("fault-error-mid-event").ask_code_assist(MODEL)).content)
    assert messages[-1].keys() == {"error"}


async def test_a_user_project_is_refused(bearer: Bearer) -> None:
    for method in ("loadCodeAssist", "streamGenerateContent"):
        answer = await bearer("refresh").code_assist(method, ENVELOPE, **{"x-goog-user-project": "p-1"})
        assert (answer.status_code, "Cloud Code Private API" in answer.text) == (403, True)


async def test_keys_do_not_pay(ask: Asker) -> None:
    answer = await ask.http.post(
        "/v1internal:streamGenerateContent?alt=sse", json=ENVELOPE, headers={"x-goog-api-key": "key"}
    )
    assert answer.status_code == 401
    assert answer.json()[0]["error"]["details"][0]["metadata"]["method"].startswith(
        "google.internal.cloud.code"
    )


async def test_a_model_of_faults(bearer: Bearer) -> None:
    assert (await bearer("refresh").ask_code_assist("gemini-fault-internal")).status_code == 500


# --- licences ---------------------------------------------------------------------------------------------

STANDARD: JsonObject = {
    "id": "standard-tier",
    "name": "Gemini Code Assist",
    "userDefinedCloudaicompanionProject": True,
}


async def load(of: TokenBearer, project: str | None = None) -> JsonObject:
    body: JsonObject = {"metadata": {"ideType": "IDE_UNSPECIFIED"}}
    if project:
        body["cloudaicompanionProject"] = project
    answer = await of.code_assist("loadCodeAssist", body)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_licensed(bearer: Bearer) -> None:
    licensed = await load(bearer("licensed"))
    assert (licensed["currentTier"], licensed["cloudaicompanionProject"]) == (STANDARD, "simulated-licence")
    assert (await load(bearer("licensed"), "mine"))["cloudaicompanionProject"] == "mine"
    assert "cloudaicompanionProject" not in await load(bearer("no-project"))
    assert (await load(bearer("no-project"), "mine"))["cloudaicompanionProject"] == "mine"


async def test_faults_leave_the_questions_alone(bearer: Bearer) -> None:
    assert "currentTier" in await load(bearer("fault-overloaded-x1"))
    assert (await bearer("fault-overloaded-x1").ask_code_assist(MODEL)).status_code == 503


@pytest.mark.parametrize(
    ("refresh_token", "reason", "keys"),
    [
        ("unsupported-client-ana", "UNSUPPORTED_CLIENT", set[str]()),
        ("validation-required", "VALIDATION_REQUIRED", {"validationUrl"}),
        ("ineligible", "RESTRICTED_AGE", set[str]()),
    ],
)
async def test_ineligible(bearer: Bearer, refresh_token: str, reason: str, keys: set[str]) -> None:
    answer = await load(bearer(refresh_token))
    assert answer.keys() == {"ineligibleTiers"}
    match answer["ineligibleTiers"]:
        case [{"reasonCode": code, **rest}]:
            assert code == reason
            assert rest.keys() == {"reasonMessage", "tierId", "tierName"} | keys
        case _:
            pytest.fail("no reason")


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if not case.licensed])
async def test_nothing_is_served_without_a_licence(bearer: Bearer, name: str) -> None:
    refused = await bearer(name).ask_code_assist(MODEL, method="generateContent")
    assert refused.status_code == 403
    said = "Verify your account" if name == "validation-required" else "#3501"
    assert said in refused.text
    assert (await bearer(name).code_assist("retrieveUserQuota", {"project": "p-1"})).status_code == 403


async def test_signing_up(bearer: Bearer, ask: Asker) -> None:
    ana = bearer("needs-onboarding-ana")
    assert await load(ana) == {"allowedTiers": [{**STANDARD, "isDefault": True}]}
    asked: JsonObject = {"tierId": "standard-tier", "cloudaicompanionProject": "p-7", "metadata": {}}
    started = (await ana.code_assist("onboardUser", asked)).json()
    assert started == {"name": "operations/sign-up.0", "done": False}
    path = f"/v1internal/{started['name']}"
    polled = [(await ask.http.get(path, headers=await ana.headers())).json() for _ in range(2)]
    assert polled == [
        started,
        {
            "name": "operations/sign-up.0",
            "done": True,
            "response": {"cloudaicompanionProject": {"id": "p-7", "name": "p-7"}},
        },
    ]
    assert await load(ana) == {"currentTier": STANDARD, "cloudaicompanionProject": "p-7"}
    assert (await ana.ask_code_assist(MODEL)).status_code == 200
    strange = await ask.http.get(path, headers=await bearer("needs-onboarding-ben").headers())
    assert strange.status_code == 404


@pytest.mark.parametrize(
    ("refresh_token", "body", "status", "name"),
    [
        ("licensed", {"tierId": "standard-tier"}, 403, "PERMISSION_DENIED"),
        ("needs-onboarding", {"tierId": "free-tier"}, 403, "PERMISSION_DENIED"),
        ("needs-onboarding", {"tierId": "standard-tier"}, 400, "FAILED_PRECONDITION"),
        (
            "needs-onboarding",
            {"tierId": "standard-tier", "cloudaicompanionProject": "123"},
            400,
            "INVALID_ARGUMENT",
        ),
        ("individual", {"tierId": "free-tier", "cloudaicompanionProject": "p"}, 400, "FAILED_PRECONDITION"),
        ("individual", {"tierId": "free-tier", "plugin": 1}, 400, "INVALID_ARGUMENT"),
    ],
)
async def test_who_is_not_signed_up(
    bearer: Bearer, refresh_token: str, body: JsonObject, status: int, name: str
) -> None:
    answer = await bearer(refresh_token).code_assist("onboardUser", body)
    assert (answer.status_code, answer.json()["error"]["status"]) == (status, name)


async def test_the_free_tier_has_a_project_of_its_own(bearer: Bearer) -> None:
    answer = await bearer("individual").code_assist("onboardUser", {"tierId": "free-tier"})
    assert answer.json()["done"] is False


async def test_quota(bearer: Bearer) -> None:
    answer = await bearer("refresh").code_assist("retrieveUserQuota", {"project": "p-1"})
    buckets = answer.json()["buckets"]
    assert MODEL in {bucket["modelId"] for bucket in buckets}
    assert json.dumps(buckets[0]).count('"remainingAmount": "1395"') == 1


async def test_what_it_does_not_serve(bearer: Bearer, ask: Asker) -> None:
    assert (await bearer("refresh").code_assist("listExperiments", {})).status_code == 404
    headers = await bearer("refresh").headers()
    assert (await ask.http.get("/v1internal:loadCodeAssist", headers=headers)).status_code == 404
