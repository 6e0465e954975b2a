"""What clients may send that nobody means well with: it never breaks the gateway, nor shows them what is another's."""

import asyncio
import json
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from antigravity_addon.simulator.faults import FAULTS, Refusal
from tests.e2e.test_chat import gateway_and_simulator
from tests.running import RunningGateway

CHAT: dict[str, Any] = {"model": "gpt-4o", "messages": [{"role": "user", "content": "x"}]}
TOOL: dict[str, Any] = {"type": "function", "name": "f", "parameters": {"type": "object"}}
BEYOND_A_DOUBLE = 10**309


async def raw(gateway: RunningGateway, method: bytes, path: bytes) -> tuple[int, Any]:
    """Status and body for a request line that no client library would send."""
    reader, writer = await asyncio.open_connection("127.0.0.1", int(gateway.url.rpartition(":")[2]))
    writer.write(method + b" " + path + b" HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
    head, _, body = (await reader.read()).partition(b"\r\n\r\n")
    writer.close()
    return int(head.split(b" ")[1]), json.loads(body)


LINES: dict[str, tuple[bytes, bytes, int, str]] = {
    "a path nobody serves": (b"GET", b"/v1/\xff\xfe", 404, "Invalid URL (GET /v1/??)"),
    "an id": (b"GET", b"/v1/responses/\xff", 404, "Response with id '?' not found."),
    "an escaped surrogate in an id": (b"GET", b"/v1/conversations/%ed%a0%80", 404, "Conversation with id"),
    "a method": (b"G\xff", b"/v1/responses", 405, "Not allowed to G? on /v1/responses"),
    "a query": (b"GET", b"/v1/responses/x?\xff=\xfe", 404, "Response with id 'x' not found."),
}


async def test_bytes_that_are_no_utf_8_in_a_request_line(tmp_path: Path) -> None:
    async with gateway_and_simulator(tmp_path) as (gateway, _):
        for case, (method, path, status, message) in LINES.items():
            answered, body = await raw(gateway, method, path)
            assert answered == status, case
            assert body["error"]["message"].startswith(message), case


REFUSED_AT_ONCE = ("rate-limited", "quota-day", "dead-key", "tos", "unauthenticated", "overloaded")


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
async def test_choices_of_which_each_fails_at_once_fail_as_one_would(tmp_path: Path, *, stream: bool) -> None:
    for fault in REFUSED_AT_ONCE:
        account = ("a@example.com", f"fault-{fault}")
        async with (
            gateway_and_simulator(
                tmp_path, account, gateway_max_attempts=1, gateway_longest_wait=0, gateway_state="memory"
            ) as (gateway, _),
            gateway.client() as http,
        ):
            several_asked = CHAT | {"n": 3, "stream": stream}
            first = await http.post("/v1/chat/completions", json=several_asked)
            assert first.status_code in {429, 503}, fault
            # from now on the account is cooling down
            several = await http.post("/v1/chat/completions", json=several_asked)
            one = await http.post("/v1/chat/completions", json=CHAT | {"stream": stream})
            assert (several.status_code, several.json()["error"]["code"]) == (
                one.status_code,
                one.json()["error"]["code"],
            ), fault


async def test_of_several_urls_each_refused_at_once_the_first_is_named(tmp_path: Path) -> None:
    urls = [f"http://user:password@host{number}.example/" for number in range(3)]
    content = [{"type": "input_image", "image_url": url} for url in urls]
    async with gateway_and_simulator(tmp_path) as (gateway, simulator), gateway.client() as http:
        body = {"model": "gpt-4o", "input": [{"role": "user", "content": content}]}
        answer = await http.post("/v1/responses", json=body)
        assert answer.status_code == 400
        assert answer.json()["error"]["param"] == "input[0].content[0].image_url"
        assert not simulator.requests


def called(arguments: object, output: str) -> dict[str, Any]:
    call = {"type": "function_call", "call_id": "c", "name": "f", "arguments": arguments}
    result = {"type": "function_call_output", "call_id": "c", "output": output}
    return {"input": [{"role": "user", "content": "x"}, call, result], "tools": [TOOL]}


def with_schema(schema: dict[str, Any]) -> dict[str, Any]:
    parameters = {"type": "object", "properties": {"a": schema}}
    return {"input": "x", "tools": [TOOL | {"parameters": parameters}]}


DEEP = '{"a":' * 150 + "1" + "}" * 150
ANSWERED: dict[str, dict[str, Any]] = {
    "arguments of 150 levels": called(DEEP, "done"),
    "an object of 150 levels as arguments": called(json.loads(DEEP), "done"),
    "a result of 150 levels": called("{}", DEEP),
    "a number beyond a double in arguments": called({"a": BEYOND_A_DOUBLE}, "done"),
    "a number beyond a double in a result": called("{}", json.dumps({"a": BEYOND_A_DOUBLE})),
    "a bound beyond a double": with_schema({"type": "integer", "minimum": BEYOND_A_DOUBLE}),
    "an exclusive bound beyond a double": with_schema(
        {"type": "integer", "exclusiveMaximum": BEYOND_A_DOUBLE}
    ),
    "a length beyond a double": with_schema({"type": "string", "maxLength": BEYOND_A_DOUBLE}),
    "an enum beyond a double": with_schema({"enum": [1, BEYOND_A_DOUBLE]}),
    "a default of 150 levels": with_schema({"default": json.loads(DEEP)}),
    "a model's name of 70,000 characters": {"model": "gemini-" + "x" * 70_000, "input": "x"},
}


async def test_what_gemini_could_not_read_does_not_reach_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "antigravity_addon")
    async with (
        gateway_and_simulator(tmp_path, gateway_default_model="gemini-2.5-flash") as (gateway, _),
        gateway.client() as http,
    ):
        for case, fields in ANSWERED.items():
            answer = await http.post("/v1/responses", json={"model": "gemini-3.8-flash"} | fields)
            assert answer.status_code == 200, (case, answer.text)
        flow = await gateway.recorder.wait(len(ANSWERED))
    assert max(map(len, (*caplog.messages, flow.comment))) < 500


ASKED: dict[str, dict[str, Any]] = {
    "chat/completions": {"messages": CHAT["messages"]},
    "completions": {"prompt": "x"},
    "responses": {"input": "x"},
    "images/generations": {"prompt": "x"},
}


@pytest.mark.parametrize("sign", ["\n", "\x1b[2J", "\x9b2J", "\u2028", "\u202e"], ids=ascii)
async def test_no_models_name_writes_into_the_operators_terminal(
    tmp_path: Path, sign: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with gateway_and_simulator(tmp_path) as (gateway, simulator), gateway.client() as http:
        for endpoint, fields in ASKED.items():
            answer = await http.post(f"/v1/{endpoint}", json={"model": f"gpt-4{sign}forged"} | fields)
            error = answer.json()["error"]
            assert (answer.status_code, error["code"], error["param"]) == (400, "invalid_value", "model")
        assert not simulator.requests
    assert "forged" not in caplog.text


# --- streams ----------------------------------------------------------------------------------------------

ENDINGS = (["response.completed"], ["response.incomplete"], ["error", "response.failed"])
ENDS = {kind for ending in ENDINGS for kind in ending}
SLOW = {"silence", "silence-after-head", "silence-after-first", "slow-first"}
BROKEN = sorted(name for name, fault in FAULTS.items() if not isinstance(fault, Refusal) and name not in SLOW)
"""Faults that spoil an answer, where the others refuse one and may cost the account."""


async def test_a_stream_of_events_ends_once_whatever_the_upstream_does(tmp_path: Path) -> None:
    seen: list[list[str]] = []
    async with (
        gateway_and_simulator(tmp_path, gateway_max_attempts=1) as (gateway, _),
        gateway.client() as http,
    ):
        for fault in BROKEN:
            body = {"model": f"gemini-fault-{fault}", "input": "echo:one two three four", "stream": True}
            answer = await http.post("/v1/responses", json=body)
            if answer.headers["content-type"] == "application/json":
                assert answer.json()["error"]["code"] != "server_error", fault
                continue
            lines = answer.text.split("\n")
            events = [json.loads(line[6:]) for line in lines if line.startswith("data: ")]
            assert [event["sequence_number"] for event in events] == list(range(len(events))), fault
            kinds = [event["type"] for event in events]
            seen.append([kind for kind in kinds if kind in ENDS])
            assert seen[-1] in ENDINGS, fault
            assert kinds[-1] == seen[-1][-1], fault
    assert all(ending in seen for ending in ENDINGS)


# --- other clients ----------------------------------------------------------------------------------------


async def test_nothing_of_another_client_can_be_seen_changed_or_used(tmp_path: Path) -> None:
    async with (
        gateway_and_simulator(tmp_path) as (gateway, simulator),
        gateway.client({"authorization": "Bearer ana"}) as ana,
        gateway.client({"authorization": "Bearer bo"}) as bo,
    ):
        conversation = (await ana.post("/v1/conversations", json={"items": ["a secret"]})).json()["id"]
        response = (
            await ana.post(
                "/v1/responses", json={"model": "gpt-4o", "input": "x", "conversation": conversation}
            )
        ).json()["id"]
        items = (await ana.get(f"/v1/conversations/{conversation}/items")).json()
        secret = items["data"][-1]["id"]
        paths = (
            f"/v1/responses/{response}",
            f"/v1/conversations/{conversation}",
            f"/v1/conversations/{conversation}/items/{secret}",
        )
        for method, path in (
            *product(("GET", "DELETE"), paths),
            ("GET", f"{paths[0]}/input_items"),
            ("POST", f"{paths[0]}/cancel"),
            ("GET", f"{paths[1]}/items"),
        ):
            assert (await bo.request(method, path)).status_code == 404, (method, path)
        changes = {paths[1]: {"metadata": {}}, f"{paths[1]}/items": {"items": ["x"]}}
        for path, change in changes.items():
            assert (await bo.post(path, json=change)).status_code == 404, path
        # an item of the same id is another one
        await bo.post("/v1/conversations", json={"items": [{"id": secret, "role": "user", "content": "x"}]})
        asked = len(simulator.requests)
        for use in (
            {"previous_response_id": response, "input": "x"},
            {"conversation": conversation, "input": "x"},
            {"input": [{"type": "item_reference", "id": items["data"][0]["id"]}]},
        ):
            assert (await bo.post("/v1/responses", json={"model": "gpt-4o"} | use)).status_code in {400, 404}
        assert len(simulator.requests) == asked
        assert (await ana.get(f"/v1/conversations/{conversation}/items")).json() == items


async def test_a_conversation_takes_many_responses_at_once_each_in_one_piece(tmp_path: Path) -> None:
    async with gateway_and_simulator(tmp_path) as (gateway, _), gateway.client() as http:
        conversation = (await http.post("/v1/conversations", json={})).json()["id"]
        body = {"model": "gpt-4o", "conversation": conversation}
        answers = await asyncio.gather(
            *(http.post("/v1/responses", json=body | {"input": f"echo:{word}"}) for word in "abcdefghij")
        )
        assert {answer.status_code for answer in answers} == {200}
        page = (await http.get(f"/v1/conversations/{conversation}/items?order=asc")).json()
        texts = [item["content"][0]["text"] for item in page["data"]]
        assert sorted(texts[1::2]) == list("abcdefghij")
        assert texts[::2] == [f"echo:{text}" for text in texts[1::2]]
