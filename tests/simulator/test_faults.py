"""Every fault of the table, asked for by an account's key and by a model's name."""

import asyncio
import base64
import gzip
import json
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from antigravity_addon.simulator import faults, licences, tokens
from antigravity_addon.simulator.damage import Answered
from antigravity_addon.simulator.faults import FAULTS, Damage, Selective, planned
from antigravity_addon.simulator.response import Chunk, Framing, Text, Turn
from antigravity_addon.simulator.server import Simulator
from antigravity_addon.simulator.signature import sign
from antigravity_addon.wire.base import Json, JsonObject
from tests.simulator.talking import HELLO, Asker, asking, events, finish, model, parts, text, usage, user

MODEL = "gemini-2.5-flash"

REFUSALS: dict[str, tuple[int, str]] = {
    "rate-limited": (429, '"retryDelay": "56s"'),
    "rate-limited-short": (429, '"retryDelay": "0.3s"'),
    "rate-limited-bare": (429, "Resource has been exhausted (e.g. check quota)."),
    "rate-limited-header": (429, "Resource has been exhausted (e.g. check quota)."),
    "rate-limited-vertex": (429, "Resource exhausted. Please try again later."),
    "rate-limited-code-assist": (429, '"quotaResetDelay": "539.477544ms"'),
    "credits-spent": (429, '"reason": "INSUFFICIENT_G1_CREDITS_BALANCE"'),
    "quota-day": (429, "GenerateRequestsPerDayPerProjectPerModel-FreeTier"),
    "quota-zero": (429, "limit: 0, model: gemini-2.5-flash"),
    "quota-code-assist": (429, '"reason": "QUOTA_EXHAUSTED"'),
    "overloaded": (503, "The model is overloaded."),
    "high-demand": (503, "high demand"),
    "capacity": (429, '"reason": "MODEL_CAPACITY_EXHAUSTED"'),
    "overloaded-529": (529, "Overloaded"),
    "internal": (500, '"status": "INTERNAL"'),
    "deadline": (504, '"status": "DEADLINE_EXCEEDED"'),
    "cancelled": (499, '"status": "CANCELLED"'),
    "html-502": (502, "<!DOCTYPE html>"),
    "html-413": (413, "<!DOCTYPE html>"),
    "dead-key": (400, '"reason": "API_KEY_INVALID"'),
    "dead-key-array": (400, '"reason": "API_KEY_INVALID"'),
    "unauthenticated": (401, '"reason": "ACCESS_TOKEN_EXPIRED"'),
    "leaked-key": (403, "reported as leaked"),
    "validation-required": (403, '"reason": "VALIDATION_REQUIRED"'),
    "tos": (403, '"reason": "TOS_VIOLATION"'),
    "service-disabled": (403, '"reason": "SERVICE_DISABLED"'),
    "service-disabled-code-assist": (403, "cloudaicompanion.googleapis.com"),
    "no-licence": (403, "(#3501)"),
    "iam": (403, '"reason": "IAM_PERMISSION_DENIED"'),
    "scope": (403, '"reason": "ACCESS_TOKEN_SCOPE_INSUFFICIENT"'),
    "permission": (403, "The caller does not have permission"),
    "location": (400, '"status": "FAILED_PRECONDITION"'),
    "bad-request": (400, "Request contains an invalid argument."),
    "bad-schema": (400, "google.rpc.BadRequest"),
    "too-long": (400, "exceeds the maximum number of tokens"),
    "not-found": (404, "models/gemini-2.5-flash is not found"),
}
IN_ARRAY = {
    "rate-limited-code-assist",
    "credits-spent",
    "quota-code-assist",
    "capacity",
    "cancelled",
    "dead-key-array",
}
PAGES = {"html-502", "html-413"}


@pytest.mark.parametrize("name", REFUSALS)
async def test_refusal(ask: Asker, name: str) -> None:
    status, said = REFUSALS[name]
    response = await ask.post(MODEL, key=f"fault-{name}")
    assert response.status_code == status
    assert said in response.text
    if name in PAGES:
        assert response.headers["content-type"].startswith("text/html")
        return
    answer: Json = response.json()
    if name in IN_ARRAY:
        assert isinstance(answer, list)
        (answer,) = answer
    assert isinstance(answer, dict)
    error = answer["error"]
    assert isinstance(error, dict)
    assert error["code"] == status
    assert error["status"]


async def test_retry_after_is_a_header(ask: Asker) -> None:
    assert (await ask.post(MODEL, key="fault-rate-limited-header")).headers["retry-after"] == "2"


async def test_minute_quota_as_its_authors_trimmed_it(ask: Asker, recorded: Path) -> None:
    real = json.loads((recorded / "39-error-429-retryinfo-TRIMMED.json").read_bytes())["error"]
    ours = (await ask.post(MODEL, key="fault-rate-limited")).json()["error"]
    assert (ours["code"], ours["status"]) == (real["code"], real["status"])
    kinds = {detail["@type"] for detail in ours["details"]}
    assert {detail["@type"] for detail in real["details"]} <= kinds


# --- the connection --------------------------------------------------------------------------------------


async def read_until_it_breaks(ask: Asker, name: str) -> tuple[int | None, bytes]:
    """Status, if any came, and the bytes before the reset."""
    status, body = None, b""
    request = ask.http.build_request(
        "POST",
        f"/v1beta/models/{MODEL}:streamGenerateContent?alt=sse",
        json=HELLO,
        headers={"x-goog-api-key": f"fault-{name}"},
    )
    try:
        response = await ask.http.send(request, stream=True)
        status = response.status_code
        async for chunk in response.aiter_raw():
            body += chunk
    except httpx.ReadError:
        return status, body
    pytest.fail("it did not break")


async def test_resets(ask: Asker) -> None:
    whole = (await ask.post(MODEL)).content
    first = whole[: whole.index(b"\r\n\r\n") + 4]
    assert await read_until_it_breaks(ask, "reset") == (None, b"")
    assert await read_until_it_breaks(ask, "reset-after-head") == (200, b"")
    assert await read_until_it_breaks(ask, "reset-after-first") == (200, first)
    status, body = await read_until_it_breaks(ask, "reset-mid")
    assert status == 200
    assert len(first) < len(body) < len(whole)
    assert whole.startswith(body)
    assert len(events(body)) == len(events(whole)) // 2


@pytest.mark.parametrize(
    ("name", "comes"),
    [("silence", None), ("silence-after-head", 0), ("silence-after-first", 1)],
)
async def test_silence_lasts_until_the_client_goes(
    ask: Asker, simulator: Simulator, name: str, comes: int | None
) -> None:
    arrived = asyncio.Event()
    received: list[bytes] = []

    async def listen() -> None:
        address = f"/v1beta/models/{MODEL}:streamGenerateContent?alt=sse"
        headers = {"x-goog-api-key": f"fault-{name}"}
        async with ask.http.stream("POST", address, json=HELLO, headers=headers) as response:
            if comes == 0:
                arrived.set()
            async for chunk in response.aiter_raw():
                received.append(chunk)
                arrived.set()

    async with asyncio.timeout(60), asyncio.TaskGroup() as group:
        listening = group.create_task(listen())
        await simulator.wait_for(lambda requests: len(requests) == 1)
        if comes is not None:
            await arrived.wait()
        assert not simulator.requests[0].disconnected
        listening.cancel()
        await simulator.wait_for(lambda requests: requests[0].disconnected)
    assert len(events(b"".join(received))) == comes if comes else not received


def pieces_of(name: str) -> tuple[tuple[float, bytes], ...]:
    """What a fault makes of a turn of three chunks."""
    fault = FAULTS[name]
    assert isinstance(fault, Damage)
    turn = Turn("m", "id", tuple(Chunk((Text(word),)) for word in "abc"))
    return fault.damage(Answered(turn, Framing.SSE)).pieces


def test_slow_first_delays_one_event_only() -> None:
    assert [pause for pause, _ in pieces_of("slow-first")] == [1.0, 0.0, 0.0]


def test_writes_end_inside_of_line_ends() -> None:
    *others, last = [piece for _, piece in pieces_of("crlf-split")]
    assert all(piece.endswith(b"\r") for piece in others)
    assert last == b"\n"


def test_bytes_come_one_by_one() -> None:
    assert {len(piece) for _, piece in pieces_of("byte-by-byte")} == {1}


# --- answers that came out wrong -------------------------------------------------------------------------

type Check = Callable[[bytes, bytes], object]
"""Looks at the faulty body and at the sound one, and says whether the fault is there."""


def is_error(line: bytes, status: int = 503) -> bool:
    error = json.loads(line)
    return (error[0] if isinstance(error, list) else error)["error"]["code"] == status


def finishes(body: bytes) -> list[Json]:
    return [finish(message) for message in events(body)]


def candidate(message: JsonObject) -> JsonObject:
    match message["candidates"]:
        case [{**found}]:
            return found
        case _:
            raise AssertionError(message)


def head_and_tail(faulty: bytes) -> tuple[list[JsonObject], bytes]:
    """The events, and what stands behind the last of them."""
    end = faulty.rindex(b"\r\n\r\n") + 4
    return events(faulty[:end]), faulty[end:]


def ends_in_raw_error(faulty: bytes, *, in_array: bool = False) -> bool:
    messages, tail = head_and_tail(faulty)
    unfinished = all(finish(message) is None for message in messages)
    return unfinished and tail.startswith(b"[" if in_array else b"{") and b"\n  " in tail and is_error(tail)


SEPARATORS = str.maketrans("", "", "\u2028\u2029\x85")

DAMAGED: dict[str, Check] = {
    "slow-first": lambda faulty, sound: faulty == sound,
    "error-first": lambda faulty, _: is_error(faulty.removeprefix(b"data: ")),
    "error-first-raw": lambda faulty, _: faulty.count(b"\n") > 3 and is_error(faulty),
    "error-mid-event": lambda faulty, _: (
        finishes(faulty)[:-1] == [None] * (len(finishes(faulty)) - 1) and "error" in events(faulty)[-1]
    ),
    "error-mid-raw": lambda faulty, _: ends_in_raw_error(faulty),
    "error-array-mid": lambda faulty, _: ends_in_raw_error(faulty, in_array=True),
    "truncated": lambda faulty, sound: sound.startswith(faulty) and set(finishes(faulty)) == {None},
    "truncated-json": lambda faulty, sound: sound.startswith(faulty) and not faulty.endswith(b"\n"),
    "empty-body": lambda faulty, _: faulty == b"",
    "empty-answer": lambda faulty, _: (
        parts(*events(faulty)) == [{"text": ""}] and finishes(faulty) == ["STOP"]
    ),
    "no-candidates": lambda faulty, _: (
        set(events(faulty)[0]) == {"usageMetadata", "modelVersion", "responseId"}
    ),
    "safety": lambda faulty, _: (
        candidate(events(faulty)[0])["content"] == {}
        and finishes(faulty) == ["SAFETY"]
        and "safetyRatings" in candidate(events(faulty)[0])
    ),
    "safety-mid": lambda faulty, sound: (
        finishes(faulty)[-1] == "SAFETY"
        and 0 < len(text(*events(faulty))) < len(text(*events(sound)))
        and candidate(events(faulty)[-1])["content"] == {}
    ),
    "prompt-blocked": lambda faulty, _: (
        events(faulty)[0]["promptFeedback"] == {"blockReason": "PROHIBITED_CONTENT"}
        and "candidates" not in events(faulty)[0]
    ),
    "max-tokens-thinking": lambda faulty, _: (
        candidate(events(faulty)[0])
        == {"content": {"role": "model"}, "finishReason": "MAX_TOKENS", "index": 0}
    ),
    "malformed-call": lambda faulty, _: (
        finishes(faulty) == ["MALFORMED_FUNCTION_CALL"]
        and candidate(events(faulty)[0])["content"] == {}
        and str(candidate(events(faulty)[0])["finishMessage"]).startswith("Malformed function call: ")
    ),
    "unexpected-call": lambda faulty, _: (
        finishes(faulty) == ["UNEXPECTED_TOOL_CALL"] and "functionCall" in parts(*events(faulty))[0]
    ),
    "continuation": lambda faulty, sound: (
        finishes(faulty)[-1] == "CONTINUATION"
        and "continuationToken" in candidate(events(faulty)[-1])
        and text(*events(sound)).startswith(text(*events(faulty)))
    ),
    "crlf-split": lambda faulty, sound: faulty == sound,
    "byte-by-byte": lambda faulty, sound: faulty == sound,
    "one-write": lambda faulty, sound: faulty == sound,
    "lf-only": lambda faulty, sound: faulty == sound.replace(b"\r\n", b"\n"),
    "no-final-blank": lambda faulty, sound: faulty == sound.removesuffix(b"\r\n\r\n"),
    "unicode-separators": lambda faulty, sound: (
        all(mark.encode() in faulty for mark in "\u2028\u2029\x85")
        and text(*events(faulty)).translate(SEPARATORS) == text(*events(sound))
    ),
    "big-line": lambda faulty, _: len(faulty) > 2_000_000 and len(events(faulty)) == 1,
    "gzip": lambda faulty, sound: faulty == sound,
    "wrong-content-type": lambda faulty, sound: faulty == sound,
    "garbage": lambda faulty, _: len(faulty) == 4096 and b"data:" not in faulty,
    "usage-last-only": lambda faulty, sound: (
        [usage(message) for message in events(faulty)[:-1]]
        == [{"trafficType": "ON_DEMAND"}] * (len(events(sound)) - 1)
        and usage(events(faulty)[-1]) == usage(events(sound)[-1])
    ),
    "credits-event": lambda faulty, sound: (
        "remainingCredits" in events(faulty)[1] and text(*events(faulty)) == text(*events(sound))
    ),
    "duplicate-finish": lambda faulty, sound: (
        finishes(faulty)[-2:] == ["STOP", "STOP"] and text(*events(faulty)) == text(*events(sound))
    ),
}


@pytest.mark.parametrize("name", DAMAGED)
async def test_damage(ask: Asker, name: str) -> None:
    sound = await ask.post(MODEL)
    faulty = await ask.post(MODEL, key=f"fault-{name}")
    assert faulty.status_code == 200
    assert DAMAGED[name](faulty.content, sound.content)


async def test_labels(ask: Asker) -> None:
    assert (await ask.post(MODEL, key="fault-gzip")).headers["content-encoding"] == "gzip"
    mislabelled = await ask.post(MODEL, key="fault-wrong-content-type")
    assert mislabelled.headers["content-type"].startswith("text/html")


async def test_gzip_is_flushed_at_every_event(ask: Asker) -> None:
    """The bytes on the wire, before the client unpacks them."""
    address = f"/v1beta/models/{MODEL}:streamGenerateContent?alt=sse"
    async with ask.http.stream(
        "POST", address, json=HELLO, headers={"x-goog-api-key": "fault-gzip"}
    ) as response:
        raw = b"".join([chunk async for chunk in response.aiter_raw()])
    assert gzip.decompress(raw) == (await ask.post(MODEL)).content


def counted(message: JsonObject, name: str) -> int:
    return int(str(usage(message).get(name, 0)))


async def test_the_hops_together_are_the_whole_answer(ask: Asker) -> None:
    model = "gemini-3.8-flash"
    sound = await ask.stream(model)
    hops = [await ask.stream(model, key="fault-continuation")]
    while finish(hops[-1][-1]) == "CONTINUATION":
        token = candidate(hops[-1][-1])["continuationToken"]
        hops.append(await ask.stream(model, {**HELLO, "continuationToken": token}, key="fault-continuation"))
    assert len(hops) == 4
    assert text(*(message for hop in hops for message in hop)) == text(*sound)
    assert finish(hops[-1][-1]) == "STOP"
    for name in ("candidatesTokenCount", "thoughtsTokenCount"):
        assert sum(counted(hop[-1], name) for hop in hops) == counted(sound[-1], name)
    prompts = [counted(hop[-1], "promptTokenCount") for hop in hops]
    assert prompts[0] == counted(sound[-1], "promptTokenCount")
    assert prompts == sorted(set(prompts)), "each hop has the answer so far in its prompt"


async def test_any_account_can_go_on_with_an_answer(ask: Asker) -> None:
    sound = await ask.stream(MODEL)
    first = await ask.stream(MODEL, key="fault-continuation")
    token = candidate(first[-1])["continuationToken"]
    rest = await ask.stream(MODEL, {**HELLO, "continuationToken": token})
    assert text(*first, *rest) == text(*sound)


async def test_a_checkpoint_outlives_its_connection(ask: Asker) -> None:
    sound = await ask.stream(MODEL)
    status, body = await read_until_it_breaks(ask, "checkpoint-cut")
    kept = events(body)
    assert (status, finishes(body)) == (200, [None] * len(kept))
    for index, message in enumerate(kept, start=1):
        resumed = {**HELLO, "continuationToken": candidate(message)["continuationToken"]}
        rest = await ask.stream(MODEL, resumed, key="fault-checkpoint-cut")
        assert text(*kept[:index], *rest) == text(*sound)


async def test_a_checkpoint_may_be_older_than_what_came(ask: Asker) -> None:
    status, body = await read_until_it_breaks(ask, "checkpoint-stale")
    first, *others = events(body)
    assert (status, finishes(body)) == (200, [None] * len(events(body)))
    assert "continuationToken" in candidate(first)
    assert text(*others)
    assert not any("continuationToken" in candidate(message) for message in others)


async def test_a_short_answer_continues_with_nothing(ask: Asker) -> None:
    body = asking("echo:one")
    first = await ask.stream(MODEL, body, key="fault-continuation")
    token = candidate(first[-1])["continuationToken"]
    second = await ask.stream(MODEL, {**body, "continuationToken": token}, key="fault-continuation")
    assert (text(*first), text(*second), finish(second[-1])) == ("one", "", "STOP")


@pytest.mark.parametrize("name", [name for name in DAMAGED if name != "garbage"])
@pytest.mark.parametrize("method", ["generateContent", "streamGenerateContent"])
async def test_damage_makes_sense_in_every_framing(ask: Asker, name: str, method: str) -> None:
    response = await ask.post(MODEL, method=method, key=f"fault-{name}")
    assert response.status_code == 200
    broken = {"error-mid-event", "error-mid-raw", "error-array-mid", "truncated-json", "empty-body"}
    if name not in broken:
        assert response.json()


# --- faults for some requests only -----------------------------------------------------------------------

SIGNED = base64.b64encode(sign(b"seed")).decode()
FUNCTION: JsonObject = {"functionDeclarations": [{"name": "f", "parametersJsonSchema": {"type": "object"}}]}
SEARCH: JsonObject = {"googleSearch": {}}
NEW = "gemini-3.5-flash"


def config(**fields: Json) -> JsonObject:
    return asking("Hi", generationConfig=fields)


def called(signature: str) -> JsonObject:
    call: JsonObject = {"functionCall": {"name": "f", "args": {}}, "thoughtSignature": signature}
    result: JsonObject = {"functionResponse": {"name": "f", "response": {}}}
    return asking("Hi", model(call), user(result), tools=[FUNCTION])


def calling(mode: str) -> JsonObject:
    return asking("Hi", tools=[FUNCTION], toolConfig={"functionCallingConfig": {"mode": mode}})


SELECTIVE: dict[str, tuple[str, str, JsonObject, str, JsonObject]] = {
    "schema of the answer": (
        "too-many-states",
        MODEL,
        config(responseMimeType="application/json", responseJsonSchema={}),
        "too many states",
        config(responseMimeType="application/json"),
    ),
    "typed schema of the answer": (
        "too-many-states",
        MODEL,
        config(responseMimeType="application/json", responseSchema={"type": "STRING"}),
        "too many states",
        config(responseMimeType="application/json"),
    ),
    "forced call": ("too-many-states", MODEL, calling("ANY"), "too many states", calling("AUTO")),
    "strict call": ("too-many-states", MODEL, calling("VALIDATED"), "too many states", calling("NONE")),
    "thinking": (
        "refuses-thinking",
        NEW,
        config(thinkingConfig={"thinkingLevel": "LOW"}),
        "Thinking is not enabled for this model.",
        config(temperature=1),
    ),
    "penalty": (
        "refuses-penalties",
        MODEL,
        config(presencePenalty=1),
        "Penalty is not enabled for models/gemini-2.5-flash",
        config(),
    ),
    "other penalty": (
        "refuses-penalties",
        MODEL,
        config(frequencyPenalty=1),
        "Penalty is not enabled",
        config(),
    ),
    "logprobs": (
        "refuses-logprobs",
        MODEL,
        config(responseLogprobs=True),
        "Logprobs is not enabled for models/gemini-2.5-flash",
        config(),
    ),
    "free schema of a function": (
        "refuses-parameters-json-schema",
        MODEL,
        asking("Hi", tools=[FUNCTION]),
        'Unknown name "parametersJsonSchema"',
        asking("Hi", tools=[{"functionDeclarations": [{"name": "f", "parameters": {"type": "OBJECT"}}]}]),
    ),
    "free schema of the answer": (
        "refuses-response-json-schema",
        MODEL,
        config(responseMimeType="application/json", responseJsonSchema={}),
        'Unknown name "responseJsonSchema"',
        config(responseMimeType="application/json", responseSchema={"type": "STRING"}),
    ),
    "JSON beside tools": (
        "refuses-json-with-tools",
        NEW,
        asking("Hi", tools=[SEARCH], generationConfig={"responseMimeType": "application/json"}),
        "Tool use with a response mime type",
        asking("Hi", tools=[SEARCH]),
    ),
    "search beside functions": (
        "refuses-search-with-functions",
        NEW,
        asking("Hi", tools=[FUNCTION, SEARCH], toolConfig={"includeServerSideToolInvocations": True}),
        "circulation is not enabled",
        asking("Hi", tools=[SEARCH]),
    ),
    "consent to both": (
        "refuses-server-side-tools",
        NEW,
        asking("Hi", tools=[FUNCTION, SEARCH], toolConfig={"includeServerSideToolInvocations": True}),
        'Unknown name "includeServerSideToolInvocations"',
        asking("Hi", tools=[FUNCTION]),
    ),
    "resolution of a part": (
        "refuses-part-resolution",
        NEW,
        asking(user({"text": "Hi", "mediaResolution": {"level": "MEDIA_RESOLUTION_LOW"}})),
        'Unknown name "mediaResolution"',
        asking("Hi"),
    ),
    "last turn of the model": (
        "refuses-prefill",
        MODEL,
        asking("Hi", model("I")),
        "last turn is a user turn",
        asking("Hi", model("I"), "Continue."),
    ),
    "signature": (
        "refuses-signatures",
        NEW,
        called(SIGNED),
        "Corrupted thought signature.",
        called("skip_thought_signature_validator"),
    ),
}


@pytest.mark.parametrize(
    ("name", "model_name", "struck", "said", "spared"), SELECTIVE.values(), ids=SELECTIVE
)
async def test_what_is_refused_and_what_is_not(
    ask: Asker, name: str, model_name: str, struck: JsonObject, said: str, spared: JsonObject
) -> None:
    refused = await ask.post(model_name, struck, key=f"fault-{name}")
    assert refused.status_code == 400
    assert said in refused.json()["error"]["message"]
    assert (await ask.post(model_name, struck)).status_code == 200
    assert (await ask.post(model_name, spared, key=f"fault-{name}")).status_code == 200


async def test_a_turn_may_end_over_a_signature(ask: Asker) -> None:
    key = "fault-missing-signature"
    assert finishes((await ask.post(NEW, called(SIGNED), key=key)).content) == ["MISSING_THOUGHT_SIGNATURE"]
    placed = await ask.post(NEW, called("skip_thought_signature_validator"), key=key)
    assert finishes(placed.content)[-1] == "STOP"


# --- who is struck, and how often ------------------------------------------------------------------------


async def test_a_key_is_struck_as_often_as_it_says(ask: Asker) -> None:
    statuses = [(await ask.post(MODEL, key="fault-overloaded-x2")).status_code for _ in range(4)]
    assert statuses == [503, 503, 200, 200]
    other = await ask.post(MODEL, key="fault-overloaded-x1")
    assert other.status_code == 503


async def test_a_model_is_struck_as_often_as_it_says_whoever_asks(ask: Asker) -> None:
    statuses = [(await ask.post("gemini-fault-internal-x2", key=key)).status_code for key in "abc"]
    assert statuses == [500, 500, 200]
    assert {(await ask.post("gemini-fault-internal", key=key)).status_code for key in "abc"} == {500}


async def test_a_faulty_model_is_a_flash_otherwise(ask: Asker) -> None:
    (message, *_) = await ask.stream("gemini-fault-slow-first")
    assert message["modelVersion"] == MODEL
    assert (await ask.post("gemini-fault-internal", method="countTokens")).status_code == 200
    assert (await ask.http.get("/v1beta/models/gemini-fault-internal?key=k")).status_code == 200


async def test_a_refused_account_is_refused_everywhere(ask: Asker) -> None:
    for path in ("/v1beta/models", f"/v1beta/models/{MODEL}"):
        response = await ask.http.get(path, headers={"x-goog-api-key": "fault-dead-key"})
        assert response.status_code == 400
    counted = await ask.post(MODEL, method="countTokens", key="fault-dead-key")
    assert counted.status_code == 400


async def test_damage_waits_for_an_answer(ask: Asker) -> None:
    """Neither a list of models nor a refused request uses it up."""
    key = "fault-truncated-x1"
    assert (await ask.http.get("/v1beta/models", headers={"x-goog-api-key": key})).status_code == 200
    assert set(finishes((await ask.post(MODEL, key=key)).content)) == {None}
    assert finishes((await ask.post(MODEL, key=key)).content)[-1] == "STOP"


async def test_unknown_faults_are_unknown_models(ask: Asker) -> None:
    for name in ("gemini-fault-nothing", "gemini-fault-", "gemini-fault-internal-x", "gemini-fault-x1"):
        assert (await ask.post(name)).status_code == 404


def test_a_name_that_ends_like_a_count_stays_a_name() -> None:
    plan = planned("fault-overloaded-529-x3", "fault-")
    assert plan is not None
    assert (plan.fault, plan.times) == (FAULTS["overloaded-529"], 3)


# --- completeness ----------------------------------------------------------------------------------------

CONNECTION = {
    "reset",
    "reset-after-head",
    "reset-after-first",
    "reset-mid",
    "silence",
    "silence-after-head",
    "silence-after-first",
    "checkpoint-cut",
    "checkpoint-stale",
}


def test_every_fault_is_tested() -> None:
    selective = {name for name, *_ in SELECTIVE.values()} | {"missing-signature"}
    assert FAULTS.keys() == REFUSALS.keys() | DAMAGED.keys() | CONNECTION | selective
    assert {name for name, fault in FAULTS.items() if isinstance(fault, Selective)} == selective


PAGE = Path(__file__).parents[2] / "docs" / "simulator.md"


TABLES = {"faults": faults.listing, "token faults": tokens.listing, "licences": licences.listing}


def test_the_page_has_the_tables(request: pytest.FixtureRequest) -> None:
    """`pytest --update-golden` writes them there."""
    expected = PAGE.read_text(encoding="utf-8")
    for name, listing in TABLES.items():
        begin = f"<!-- begin: {name}, written by tests/simulator/test_faults.py -->\n"
        before, marker, rest = expected.partition(begin)
        expected = f"{before}{marker}\n{listing()}\n{rest[rest.index('<!-- end -->') :]}"
    if request.config.getoption("--update-golden"):
        PAGE.write_text(expected, encoding="utf-8")
    assert PAGE.read_text(encoding="utf-8") == expected
