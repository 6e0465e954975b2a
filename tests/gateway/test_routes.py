"""Paths that clients build, by mistake too, and what they mean."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from antigravity_addon.errors import UnknownPath, WrongMethod
from antigravity_addon.gateway.routes import Endpoint, Route, find_route

CHAT = Route(Endpoint.CHAT_COMPLETIONS)
MODELS = Route(Endpoint.MODELS)
RESPONSES = Route(Endpoint.RESPONSES)

MEANT: dict[tuple[str, str], Route] = {
    ("POST", "/v1/chat/completions"): CHAT,
    ("POST", "/v1/chat/completions/"): CHAT,
    ("POST", "/v1/chat/completions?x=1"): CHAT,
    ("POST", "//v1//chat/completions"): CHAT,
    ("POST", "/v1/v1/chat/completions"): CHAT,
    ("POST", "/chat/completions"): CHAT,
    ("POST", "/v1/chat/chat/completions"): CHAT,
    ("POST", "/v1/chat/completions/chat/completions"): CHAT,
    ("POST", "/api/v1/chat/completions"): CHAT,
    ("POST", "/openai/v1/chat/completions"): CHAT,
    ("POST", "/v1beta/openai/chat/completions"): CHAT,
    ("POST", "/openai/deployments/gpt-4o/chat/completions?api-version=2024-10-21"): CHAT,
    ("POST", "/v1/responses/chat/completions"): CHAT,
    # C06 has this be a 404; openai.md 5.4 and row 109: the longest known tail wins
    ("POST", "/v1/chat/completions/responses"): RESPONSES,
    ("POST", "/v1/responses"): RESPONSES,
    ("POST", "/v1/v1/responses"): RESPONSES,
    ("POST", "/v1/responses/responses"): RESPONSES,
    ("POST", "/v1/responses/compact"): Route(Endpoint.COMPACT),
    ("GET", "/v1/responses/resp_1"): Route(Endpoint.RESPONSE, "resp_1"),
    ("DELETE", "/v1/responses/resp_1/"): Route(Endpoint.RESPONSE, "resp_1"),
    ("POST", "/v1/responses/resp_1/cancel"): Route(Endpoint.RESPONSE_CANCEL, "resp_1"),
    ("GET", "/v1/responses/resp_1/input_items?limit=1"): Route(Endpoint.RESPONSE_INPUT_ITEMS, "resp_1"),
    ("POST", "/v1/conversations"): Route(Endpoint.CONVERSATIONS),
    ("POST", "/v1/conversations/conv_1"): Route(Endpoint.CONVERSATION, "conv_1"),
    ("GET", "/v1/conversations/conv_1/items"): Route(Endpoint.CONVERSATION_ITEMS, "conv_1"),
    ("DELETE", "/v1/conversations/conv_1/items/msg_1"): Route(Endpoint.CONVERSATION_ITEM, "conv_1", "msg_1"),
    ("POST", "/v1/completions"): Route(Endpoint.COMPLETIONS),
    ("POST", "/completions"): Route(Endpoint.COMPLETIONS),
    ("POST", "/v1/engines/davinci/completions"): Route(Endpoint.COMPLETIONS),
    ("GET", "/v1/models"): MODELS,
    ("GET", "/models/"): MODELS,
    ("GET", "/v1/chat/completions/models"): MODELS,
    ("HEAD", "/v1/models"): MODELS,
    ("GET", "/v1/models/gpt-4o"): Route(Endpoint.MODEL, "gpt-4o"),
    ("GET", "/v1/models/a%2Fb"): Route(Endpoint.MODEL, "a/b"),
    ("GET", "/v1/models/a/b"): Route(Endpoint.MODEL, "a/b"),
    ("GET", "/healthz"): Route(Endpoint.HEALTH),
    ("GET", "/health"): Route(Endpoint.HEALTH),
    ("GET", "/healthz/"): Route(Endpoint.HEALTH),
    ("GET", "/metrics"): Route(Endpoint.METRICS),
    ("HEAD", "/metrics/"): Route(Endpoint.METRICS),
    ("GET", "/v1/models/metrics"): Route(Endpoint.MODEL, "metrics"),
}


@pytest.mark.parametrize(("asked", "meant"), MEANT.items(), ids=[" ".join(asked) for asked in MEANT])
def test_a_path_means_its_tail(asked: tuple[str, str], meant: Route) -> None:
    assert find_route(*asked) == meant


@pytest.mark.parametrize(
    ("path", "nearest"),
    [
        ("/v1/chat/completion", "POST /v1/chat/completions"),
        ("/v1/modles", "GET /v1/models"),
        ("/", "POST /v1/chat/completions"),
        ("/health/z", "GET /healthz"),
        ("/favicon.ico", "GET /"),
        ("/v1/responses/input_tokens", "GET /v1/responses/{id}/input_items"),
    ],
)
def test_an_unknown_path_is_told_the_nearest_one(path: str, nearest: str) -> None:
    with pytest.raises(UnknownPath, match="Invalid URL") as caught:
        find_route("GET", path)
    assert nearest in caught.value.message


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/v1/chat/completions"), ("POST", "/v1/models"), ("DELETE", "/healthz")]
)
def test_the_wrong_method_is_told_the_right_one(method: str, path: str) -> None:
    with pytest.raises(WrongMethod, match=f"Not allowed to {method}"):
        find_route(method, path)


@given(st.text(max_size=10), st.text(max_size=3000))
def test_any_path_has_an_answer(method: str, path: str) -> None:
    try:
        find_route(method, path)
    except (UnknownPath, WrongMethod) as error:
        assert len(error.message) < 400 + len(method)
