"""The views of fields and of the cache, as mitmproxy shows them."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from mitmproxy import contentviews, http
from mitmproxy.addons.view import View
from mitmproxy.contentviews import Metadata, prettify_message
from mitmproxy.test import taddons, tflow

from antigravity_addon.mitm.contentviews.cache import CacheContentview
from antigravity_addon.mitm.contentviews.fields import FieldsContentview
from antigravity_addon.mitm.contentviews.registry import register_views

FIELDS, CACHE = "gateway: fields", "gateway: cache"
FLASH = "gemini-3.8-flash"
SSE = b'data: {"usageMetadata":{"promptTokenCount":5000,"cachedContentTokenCount":4000}}\n\n'


@pytest.fixture
def view() -> Iterator[View]:
    """mitmweb's list of flows."""
    register_views()
    found = View()
    with taddons.context(found):
        yield found


def asked(**fields: Any) -> dict[str, Any]:
    return {"model": "gpt-4o", "messages": [{"role": "user", "content": "x"}], **fields}


def upstream(text: str = "x", **fields: Any) -> dict[str, Any]:
    config = {"thinkingConfig": {"includeThoughts": True}}
    return {
        "contents": [{"role": "user", "parts": [{"text": text}]}],
        "generationConfig": config | fields,
    }


def client_flow(
    view: View,
    body: object,
    *,
    path: str = "/v1/chat/completions",
    attempts: tuple[http.HTTPFlow, ...] = (),
    conversation: tuple[str, ...] = (),
) -> http.HTTPFlow:
    flow = tflow.tflow(resp=True)
    flow.request = http.Request.make(
        "POST", f"http://gateway{path}", json.dumps(body), {"content-type": "application/json"}
    )
    flow.metadata["gateway"] = {
        "model_asked": "gpt-4o",
        "model": FLASH,
        "conversation": list(conversation),
        "attempts": [{"account": "ana@example.com", "flows": [each.id for each in attempts]}],
    }
    for each in attempts:
        each.metadata["gateway_attempt"]["client_flow"] = flow.id
    view.add([flow])
    return flow


def attempt_flow(
    view: View, body: object, *, account: str = "ana@example.com", started: float = 0, **note: Any
) -> http.HTTPFlow:
    flow = tflow.tflow(resp=True)
    url = f"https://generativelanguage.googleapis.com/v1beta/models/{FLASH}:streamGenerateContent"
    flow.request = http.Request.make("POST", url, json.dumps(body), {"content-type": "application/json"})
    flow.request.timestamp_start = started
    flow.response = http.Response.make(200, SSE, {"content-type": "text/event-stream"})
    flow.metadata["gateway_attempt"] = {
        "account": account,
        "attempt": 1,
        "choice": 0,
        "hop": 1,
        "model": FLASH,
        "outcome": "",
        **note,
    }
    view.add([flow])
    return flow


def shown(flow: http.HTTPFlow, name: str) -> str:
    message = flow.request if name == FIELDS else flow.response
    assert message is not None
    result = prettify_message(message, flow, name)
    assert result.view_name == name.capitalize()
    return result.text


def test_fields_of_a_client_s_request(view: View) -> None:
    text = shown(client_flow(view, asked(seed=7, temperature=0.5)), FIELDS)
    assert text.startswith(f"Chat Completions → {FLASH}\nNot sent: temperature.\nWhat was sent is not known;")
    assert "generationConfig.seed  7" in text


def test_fields_are_shown_as_they_were_sent(view: View) -> None:
    attempt = attempt_flow(view, upstream(seed=8))
    client = client_flow(view, asked(seed=7), attempts=(attempt,))
    text = shown(client, FIELDS)
    assert "in 1 place" in text
    assert "generationConfig.seed  8" in text
    assert shown(attempt, FIELDS) == text


def test_the_attempt_that_was_answered_is_the_one(view: View) -> None:
    failed = attempt_flow(view, upstream(seed=1), outcome="429 rate_limit_exceeded")
    answered, second_choice = attempt_flow(view, upstream(seed=7)), attempt_flow(view, upstream(), choice=1)
    client = client_flow(view, asked(seed=7), attempts=(failed, answered, second_choice))
    assert "not what today's translation gives" not in shown(client, FIELDS)
    assert "seed  1" in shown(failed, FIELDS)


def test_fields_of_what_is_no_request_of_a_client(view: View) -> None:
    other = client_flow(view, {}, path="/v1/models")
    assert "This is none." in shown(other, FIELDS)
    orphan = attempt_flow(view, upstream(), client_flow="gone")
    assert "not in the list any more" in shown(orphan, FIELDS)
    unmapped = client_flow(view, asked())
    unmapped.metadata.clear()
    assert shown(unmapped, FIELDS).startswith("No Gemini model was found for this request")


def test_the_cache_beside_the_attempt_before(view: View) -> None:
    first = attempt_flow(view, upstream("a"), started=100)
    client_flow(view, asked(), attempts=(first,), conversation=("k",))
    second = attempt_flow(view, upstream("b"), account="bob@example.com", started=130)
    client = client_flow(view, asked(), attempts=(second,), conversation=("later", "k"))
    stranger = attempt_flow(view, upstream("b"), started=120)
    client_flow(view, asked(), attempts=(stranger,), conversation=("other",))
    text = shown(second, CACHE)
    assert text.startswith(f"cached 4,000 of 5,000 prompt tokens (80%), {FLASH}, 30 s after the one before\n")
    assert "Another account paid: ana@example.com before, bob@example.com now." in text
    assert "as far as content 1 of 1 (user)" in text
    assert text.endswith(f"\n \nThe request before: #/flows/{first.id}/request")
    assert shown(client, CACHE) == text
    assert "No earlier request" in shown(first, CACHE)


def test_a_conversation_without_a_name_is_known_by_its_beginning(view: View) -> None:
    first = attempt_flow(view, upstream("a"), started=100)
    attempt_flow(view, upstream("z"), started=110)
    attempt_flow(view, upstream("a"), started=120, outcome="503 server_is_overloaded")
    assert "60 s after the one before" in shown(attempt_flow(view, upstream("a"), started=160), CACHE)
    assert "No earlier request" in shown(first, CACHE)


def test_the_cache_of_several_choices(view: View) -> None:
    attempts = tuple(attempt_flow(view, upstream(), started=100 + n, choice=n) for n in range(2))
    text = shown(client_flow(view, asked(n=2), attempts=attempts), CACHE)
    assert [line for line in text.splitlines() if line.startswith("Choice")] == [
        "Choice 1, request 1:",
        "Choice 2, request 1:",
    ]


def test_no_cache_was_asked(view: View) -> None:
    failed = attempt_flow(view, upstream(), outcome="429 rate_limit_exceeded")
    client = client_flow(view, asked(), attempts=(failed,))
    assert shown(failed, CACHE) == shown(client, CACHE)
    assert shown(client, CACHE).startswith("No answered request to Gemini")


@pytest.mark.parametrize(
    "metadata", [{}, {"gateway": 7, "gateway_attempt": "x"}, {"gateway": {"attempts": 7}}]
)
def test_metadata_of_somebody_else_s_is_no_obstacle(view: View, metadata: dict[str, Any]) -> None:
    flow = client_flow(view, asked())
    flow.metadata = metadata
    assert shown(flow, FIELDS)
    assert shown(flow, CACHE)


@pytest.mark.parametrize("content", [b"", None, b"{", b"\xff"])
def test_bodies_that_cannot_be_read(view: View, content: bytes | None) -> None:
    attempt = attempt_flow(view, upstream())
    client = client_flow(view, asked(), attempts=(attempt,))
    assert attempt.response is not None
    client.request.raw_content = attempt.request.raw_content = attempt.response.raw_content = content
    for flow, message in ((client, client.request), (attempt, attempt.request)):
        assert "no JSON object" in FieldsContentview().prettify(b"", Metadata(flow, http_message=message))
    assert CacheContentview().prettify(b"", Metadata(attempt, http_message=attempt.response))


def test_without_a_list_there_is_only_the_flow_itself() -> None:
    """In mitmdump."""
    register_views()
    flow = tflow.tflow(resp=True)
    with taddons.context():
        assert flow.response is not None
        flow.metadata["gateway_attempt"] = {"client_flow": "x", "model": FLASH}
        assert "not in the list any more" in shown(flow, FIELDS)
        assert "did not say how many tokens" in shown(flow, CACHE)


def test_they_are_chosen_by_hand(view: View) -> None:
    attempt = attempt_flow(view, upstream())
    client = client_flow(view, asked(), attempts=(attempt,))
    for flow in (client, attempt):
        for message in (flow.request, flow.response):
            assert message is not None
            name = prettify_message(message, flow).view_name or ""
            assert name not in {"Gateway: fields", "Gateway: cache"}


def test_they_offer_themselves_where_they_apply(view: View) -> None:
    attempt = attempt_flow(view, upstream())
    client, other = client_flow(view, asked(), attempts=(attempt,)), tflow.tflow(resp=True)
    models = client_flow(view, {}, path="/v1/models")

    def applies(one: contentviews.Contentview, flow: http.HTTPFlow, message: http.Message | None) -> bool:
        return one.render_priority(b"", Metadata(flow, http_message=message)) >= 0

    fields, cache = FieldsContentview(), CacheContentview()
    assert applies(fields, client, client.request)
    assert applies(fields, attempt, attempt.request)
    assert applies(cache, client, client.response)
    assert applies(cache, attempt, attempt.response)
    assert not applies(fields, client, client.response)
    assert not applies(cache, attempt, attempt.request)
    assert not applies(fields, models, models.request)
    assert not applies(fields, other, other.request)
    assert not applies(cache, other, other.response)
    assert not applies(fields, other, None)


def test_they_are_there_once_however_often_they_are_registered() -> None:
    register_views()
    register_views()
    names = contentviews.registry.available_views()
    assert names.count(FIELDS) == names.count(CACHE) == 1
