"""Paths: what the client typed -> the endpoint it meant."""

import difflib
import re
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from urllib.parse import unquote

from antigravity_addon.errors import UnknownPath, WrongMethod


class Endpoint(StrEnum):
    """Everything that is served, by its one true path."""

    HEALTH = "/healthz"
    METRICS = "/metrics"
    MODELS = "/v1/models"
    MODEL = "/v1/models/{id}"
    CHAT_COMPLETIONS = "/v1/chat/completions"
    COMPLETIONS = "/v1/completions"
    RESPONSES = "/v1/responses"
    COMPACT = "/v1/responses/compact"
    RESPONSE = "/v1/responses/{id}"
    RESPONSE_CANCEL = "/v1/responses/{id}/cancel"
    RESPONSE_INPUT_ITEMS = "/v1/responses/{id}/input_items"
    IMAGES = "/v1/images/generations"
    TRANSCRIPTIONS = "/v1/audio/transcriptions"
    TRANSLATIONS = "/v1/audio/translations"
    CONVERSATIONS = "/v1/conversations"
    CONVERSATION = "/v1/conversations/{id}"
    CONVERSATION_ITEMS = "/v1/conversations/{id}/items"
    CONVERSATION_ITEM = "/v1/conversations/{id}/items/{item}"


_GET = frozenset({"GET", "HEAD"})
_POST = frozenset({"POST"})

METHODS: dict[Endpoint, frozenset[str]] = {
    Endpoint.HEALTH: _GET,
    Endpoint.METRICS: _GET,
    Endpoint.MODELS: _GET,
    Endpoint.MODEL: _GET,
    Endpoint.CHAT_COMPLETIONS: _POST,
    Endpoint.COMPLETIONS: _POST,
    Endpoint.RESPONSES: _POST,
    Endpoint.COMPACT: _POST,
    Endpoint.RESPONSE: _GET | {"DELETE"},
    Endpoint.RESPONSE_CANCEL: _POST,
    Endpoint.RESPONSE_INPUT_ITEMS: _GET,
    Endpoint.IMAGES: _POST,
    Endpoint.TRANSCRIPTIONS: _POST,
    Endpoint.TRANSLATIONS: _POST,
    Endpoint.CONVERSATIONS: _POST,
    Endpoint.CONVERSATION: _GET | {"POST", "DELETE"},
    Endpoint.CONVERSATION_ITEMS: _GET | {"POST"},
    Endpoint.CONVERSATION_ITEM: _GET | {"DELETE"},
}

_TAILS: tuple[tuple[re.Pattern[str], Endpoint | None], ...] = tuple(
    (re.compile(pattern), endpoint)
    for pattern, endpoint in (
        # matched from the end of the path: bases that are doubled, missing or foreign then do not matter
        (r"/chat/completions$", Endpoint.CHAT_COMPLETIONS),
        (r"/completions$", Endpoint.COMPLETIONS),
        (r"/responses$", Endpoint.RESPONSES),
        (r"/responses/compact$", Endpoint.COMPACT),
        # OpenAI's, not served, and no id of a response
        (r"/responses/input_tokens$", None),
        (r"/responses/(?P<id>[^/]+)/cancel$", Endpoint.RESPONSE_CANCEL),
        (r"/responses/(?P<id>[^/]+)/input_items$", Endpoint.RESPONSE_INPUT_ITEMS),
        (r"/conversations$", Endpoint.CONVERSATIONS),
        (r"/conversations/(?P<id>[^/]+)/items$", Endpoint.CONVERSATION_ITEMS),
        (r"/conversations/(?P<id>[^/]+)/items/(?P<item>[^/]+)$", Endpoint.CONVERSATION_ITEM),
        (r"/images/generations$", Endpoint.IMAGES),
        (r"/audio/transcriptions$", Endpoint.TRANSCRIPTIONS),
        (r"/audio/translations$", Endpoint.TRANSLATIONS),
        (r"/models$", Endpoint.MODELS),
        (r"/models/(?P<id>.+)$", Endpoint.MODEL),
        # ids hold no slash; what does is a path that nobody serves
        (r"/responses/(?P<id>[^/]+)$", Endpoint.RESPONSE),
        (r"/conversations/(?P<id>[^/]+)$", Endpoint.CONVERSATION),
        (r"^/health(?:z)?$|/v1/health(?:z)?$", Endpoint.HEALTH),
        (r"^/metrics$", Endpoint.METRICS),
    )
)

_MAX_PATH = 2048


@dataclass(frozen=True, slots=True)
class Route:
    endpoint: Endpoint
    id: str = ""
    """In the path, percent-decoded. Both OpenAI SDKs send `a/b` as `a%2Fb`."""
    item: str = ""
    """The id of an item of a conversation, likewise."""


def find_route(method: str, target: str) -> Route:
    """The endpoint that a request's method and target (path and query) mean.

    Raises: UnknownPath: none; names the nearest valid path. WrongMethod: right path, wrong method.
    """
    # what is kept of it for the next request has no query, which may hold a key
    return _route(method, target.partition("?")[0])


@lru_cache(maxsize=128)
def _route(method: str, path: str) -> Route:
    method, path = _readable(method), _readable(path)
    tidy = re.sub(r"/{2,}", "/", path[:_MAX_PATH]).rstrip("/")
    for pattern, endpoint in _TAILS:
        if found := pattern.search(tidy):
            if endpoint is None:
                break
            if method not in METHODS[endpoint]:
                allowed = " or ".join(sorted(METHODS[endpoint]))
                raise WrongMethod(
                    f"Not allowed to {method} on {endpoint.value}: use {allowed}.", allowed=METHODS[endpoint]
                )
            ids = found.groupdict()
            return Route(endpoint, _decoded(ids.get("id")), _decoded(ids.get("item")))
    raise UnknownPath(f"Invalid URL ({method} {_shown(path)}). The nearest valid path is {_nearest(tidy)}.")


def _decoded(name: str | None) -> str:
    return _readable(unquote(name or ""))


def _readable(text: str) -> str:
    """Bytes that are no UTF-8 are no part of any name, and could not be shown to the client."""
    return text.encode(errors="replace").decode()


def _nearest(path: str) -> str:
    names = {endpoint.value: endpoint for endpoint in Endpoint}
    # of paths that are equally far, the one that most clients mean
    close = difflib.get_close_matches(path, names, n=1, cutoff=0.0)
    endpoint = names[close[0]] if path.strip("/") else Endpoint.CHAT_COMPLETIONS
    return f"{min(METHODS[endpoint] - {'HEAD'})} {endpoint.value}"


def _shown(path: str) -> str:
    return path if len(path) <= 100 else f"{path[:100]}…"
