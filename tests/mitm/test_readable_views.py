"""Our content views, as mitmproxy asks them."""

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mitmproxy import contentviews, http
from mitmproxy.addons.view import View
from mitmproxy.test import taddons, tflow
from pydantic import JsonValue

from antigravity_addon.mitm.contentviews import other_flows
from antigravity_addon.mitm.contentviews.lines import legible
from antigravity_addon.mitm.contentviews.registry import register_views
from tests.views.answers import CASES
from tests.views.conversations import CHAT, GEMINI, RESPONSES, body

_HELLO: JsonValue = {"role": "user", "content": "Hello."}
_HI: JsonValue = {"role": "assistant", "content": "Hi."}
_AND: JsonValue = {"role": "user", "content": "And?"}
_STREAM = CASES["chat, streamed"][1]


@pytest.fixture(autouse=True)
def view() -> Iterator[View]:
    """mitmweb's list of flows."""
    register_views()
    listed = View()
    with taddons.context(listed):
        yield listed


def flow_of(request: bytes, response: bytes = _STREAM, *, path: str = CHAT) -> http.HTTPFlow:
    flow = tflow.tflow(
        req=http.Request.make("POST", f"http://gateway{path}", request, {"content-type": "application/json"}),
        resp=http.Response.make(200, response, {"content-type": "text/event-stream"}),
    )
    assert isinstance(flow, http.HTTPFlow)
    return flow


def chat(*messages: JsonValue, **fields: JsonValue) -> bytes:
    return body(model="m", messages=list(messages), **fields)


def shown(flow: http.HTTPFlow, name: str = "auto", *, response: bool = False) -> tuple[str | None, str]:
    message = flow.response if response else flow.request
    assert message is not None
    result = contentviews.prettify_message(message, flow, name)
    return result.view_name, result.text


class TestByDefault:
    def test_a_request_is_a_conversation(self) -> None:
        name, text = shown(flow_of(chat(_HELLO)))
        assert name == "Gateway: conversation"
        assert text.startswith("m · 1 message\n")

    def test_a_response_is_an_answer(self) -> None:
        name, text = shown(flow_of(chat(_HELLO)), response=True)
        assert name == "Gateway: answer"
        assert "Hello, world." in text

    def test_so_it_is_for_an_attempt(self) -> None:
        flow = flow_of(b'{"contents":[{"role":"user","parts":[{"text":"Hello."}]}]}', b"{}", path=GEMINI)
        assert shown(flow)[0] == "Gateway: conversation"
        assert shown(flow, response=True)[0] == "Gateway: answer"

    def test_compressed_bodies_are_read(self) -> None:
        flow = flow_of(chat(_HELLO))
        flow.request.encode("gzip")
        assert "Hello." in shown(flow)[1]

    def test_other_flows_look_as_they_always_did(self) -> None:
        flow = flow_of(b'{"a": 1}', path="/v1/models")
        assert shown(flow)[0] == "JSON"
        assert not str(shown(flow, response=True)[0]).startswith("Gateway")

    def test_no_body_is_no_conversation(self) -> None:
        assert not str(shown(flow_of(b"", path=f"{RESPONSES}/resp_1"))[0]).startswith("Gateway")


@pytest.mark.parametrize("name", ["conversation", "answer", "changes", "compare"])
@pytest.mark.parametrize("path", [CHAT, "/v1/models"])
def test_a_view_that_does_not_apply_says_so(name: str, path: str) -> None:
    for response in (False, True):
        text = shown(flow_of(chat(_HELLO), path=path), f"Gateway: {name}", response=response)[1]
        assert text
        assert "Couldn't parse" not in text


def test_views_that_are_registered_again_are_there_once() -> None:
    names = contentviews.registry.available_views()
    register_views()
    assert contentviews.registry.available_views() == names
    assert len([name for name in names if name.startswith("gateway: ")]) >= 6


class TestChanges:
    def test_the_turn_before_has_the_most_messages_in_common(self, view: View) -> None:
        first, second = flow_of(chat(_HELLO)), flow_of(chat(_HELLO, _HI, _AND))
        elsewhere, now = flow_of(chat(_AND)), flow_of(chat(_HELLO, _HI, _AND, _HI, _HELLO))
        later = flow_of(chat(_HELLO, _HI, _AND, _HI, _HELLO, _HI))
        attempt = flow_of(chat(_HELLO, _HI, _AND, _HI))
        attempt.metadata["gateway_attempt"] = {}
        view.add([first, second, elsewhere, attempt, now, later])
        assert other_flows.turn_before(now) is second
        assert shown(now, "Gateway: changes")[1].splitlines()[:2] == [
            f"Since the request #/flows/{second.id}/request:",
            "Of 5 messages, the first 3 are as in the turn before.",
        ]

    def test_a_request_names_the_answer_that_it_goes_on_from(self, view: View) -> None:
        first = flow_of(body(input="Hello."), CASES["responses, streamed"][1], path=RESPONSES)
        now = flow_of(body(input="And?", previous_response_id="resp_1"), path=RESPONSES)
        view.add([flow_of(body(input="Bye."), path=RESPONSES), first, now])
        assert other_flows.turn_before(now) is first

    def test_the_same_request_sent_again_is_no_turn(self, view: View) -> None:
        first, again, now = flow_of(chat(_HELLO)), flow_of(chat(_HELLO, _HI)), flow_of(chat(_HELLO, _HI))
        view.add([first, again, now])
        assert other_flows.turn_before(now) is first

    def test_an_edited_flow_is_read_again(self, view: View) -> None:
        first, now = flow_of(chat(_AND)), flow_of(chat(_HELLO, _HI))
        view.add([first, now])
        assert other_flows.turn_before(now) is None
        first.request.content = chat(_HELLO)
        assert other_flows.turn_before(now) is first

    def test_old_flows_are_not_searched_for(self, view: View) -> None:
        first, now = flow_of(chat(_HELLO)), flow_of(chat(_HELLO, _HI))
        view.add([first, *(flow_of(chat(_AND)) for _ in range(300)), now])
        assert other_flows.turn_before(now) is None

    def test_there_may_be_no_turn_before(self, view: View) -> None:
        now = flow_of(chat(_HELLO))
        view.add([now])
        assert shown(now, "Gateway: changes")[1].startswith("None of the flows")


class TestCompare:
    def test_a_replay_stands_beside_the_first_answer(self, view: View) -> None:
        first = flow_of(chat(_HELLO))
        replay = flow_of(chat(_HELLO), _STREAM.replace(b"world", b"moon"))
        replay.metadata["gateway_replay"] = {"of": first.id}
        view.add([first, replay])
        text = shown(replay, "Gateway: compare", response=True)[1]
        assert f"1: flow {first.id}" in text
        assert "1 Hello, ⟦world⟧.\n2 Hello, ⟦moon⟧.\n" in text

    def test_what_was_replayed_may_be_gone(self) -> None:
        replay = flow_of(chat(_HELLO))
        replay.metadata["gateway_replay"] = {"of": "gone"}
        assert "replays none" in shown(replay, "Gateway: compare", response=True)[1]

    def test_what_was_replayed_may_have_no_answer(self, view: View) -> None:
        first, replay = flow_of(chat(_HELLO)), flow_of(chat(_HELLO))
        first.response = None
        replay.metadata["gateway_replay"] = {"of": first.id}
        view.add([first, replay])
        assert "got no answer" in shown(replay, "Gateway: compare", response=True)[1]


LINES: dict[str, tuple[str, str]] = {
    "short": ("one\n two", "one\n two"),
    "empty": ("a\n\nb\n", "a\n \nb"),
    "long": (
        f"  {'word ' * 34}ending",
        f"  {' '.join(['word'] * 17)}\n  {' '.join(['word'] * 17)}\n  ending",
    ),
    "marked": (f"+ {'word ' * 17}word", f"+ {' '.join(['word'] * 17)}\n  word"),
    "without a blank": (f"{'x' * 300} and on", f"{'x' * 300}\nand on"),
    "Chinese": ("点" * 120, "\n".join(["点" * 44, "点" * 76])),
}


@pytest.mark.parametrize(("text", "expected"), LINES.values(), ids=LINES.keys())
def test_lines_are_as_long_as_people_read(text: str, expected: str) -> None:
    assert legible(text) == expected


@given(text=st.text(alphabet="ab \t点\n", max_size=400) | st.text(max_size=300))
def test_breaking_lines_costs_blanks_only(text: str) -> None:
    assert "".join(legible(text).split()) == "".join(text.split())


def test_without_a_list_no_other_flow_is_found() -> None:
    """As in mitmdump."""
    with taddons.context():
        assert other_flows.turn_before(flow_of(chat(_HELLO))) is None
        assert other_flows.flow_by_id("any") is None
