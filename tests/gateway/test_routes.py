"""Paths that clients build, by mistake too, and what they mean."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from antigravity_addon.errors import UnknownPath, WrongMethod
from antigravity_addon.gateway.routes import Endpoint, Route, find_route

CHAT = Route(Endpoint.CHAT_COMPLETIONS)
MODELS = Route(Endpoint.MODELS)

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
    ],
)
def test_an_unknown_path_is_told_the_nearest_one(path: str, nearest: str) -> None:
    with pytest.raises(UnknownPath, match="Invalid URL") as caught:
        find_route("GET", path)
    assert nearest in caught.value.message


@pytest.mark.parametrize("path", ["/v1/responses", "/v1/chat/completions/responses"])
def test_endpoints_to_come_say_so(path: str) -> None:
    with pytest.raises(UnknownPath, match="not served yet"):
        find_route("POST", path)


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
