"""Paths: what the client typed -> the endpoint it meant."""

import difflib
import re
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import unquote

from antigravity_addon.errors import UnknownPath, WrongMethod


class Endpoint(StrEnum):
    """Everything that is served, by its one true path."""

    HEALTH = "/healthz"
    MODELS = "/v1/models"
    MODEL = "/v1/models/{id}"
    CHAT_COMPLETIONS = "/v1/chat/completions"
    COMPLETIONS = "/v1/completions"


METHODS: dict[Endpoint, frozenset[str]] = {
    Endpoint.HEALTH: frozenset({"GET", "HEAD"}),
    Endpoint.MODELS: frozenset({"GET", "HEAD"}),
    Endpoint.MODEL: frozenset({"GET", "HEAD"}),
    Endpoint.CHAT_COMPLETIONS: frozenset({"POST"}),
    Endpoint.COMPLETIONS: frozenset({"POST"}),
}

_NOT_YET = {"/responses": "/v1/responses"}
"""Tails of OpenAI endpoints that are not served yet. They are known here so that no other tail claims them."""

_TAILS: tuple[tuple[re.Pattern[str], Endpoint | None], ...] = (
    # matched from the end of the path: bases that are doubled, missing or foreign then do not matter
    (re.compile(r"/chat/completions$"), Endpoint.CHAT_COMPLETIONS),
    (re.compile(r"/completions$"), Endpoint.COMPLETIONS),
    (re.compile(r"/responses$"), None),
    (re.compile(r"/models$"), Endpoint.MODELS),
    (re.compile(r"/models/(?P<id>.+)$"), Endpoint.MODEL),
    (re.compile(r"^/health(?:z)?$|/v1/health(?:z)?$"), Endpoint.HEALTH),
)

_MAX_PATH = 2048


@dataclass(frozen=True, slots=True)
class Route:
    endpoint: Endpoint
    model_id: str = ""
    """For `Endpoint.MODEL`: the id, percent-decoded. Both OpenAI SDKs send `a/b` as `a%2Fb`."""


def find_route(method: str, target: str) -> Route:
    """The endpoint that a request's method and target (path and query) mean.

    Raises: UnknownPath: none; names the nearest valid path. WrongMethod: right path, wrong method.
    """
    path = target.partition("?")[0]
    tidy = re.sub(r"/{2,}", "/", path[:_MAX_PATH]).rstrip("/")
    for pattern, endpoint in _TAILS:
        if found := pattern.search(tidy):
            if endpoint is None:
                raise UnknownPath(
                    f"Invalid URL ({method} {_shown(path)}): {_NOT_YET[found.group()]} is not served yet. "
                    f"The nearest valid path is POST {Endpoint.CHAT_COMPLETIONS.value}."
                )
            if method not in METHODS[endpoint]:
                allowed = " or ".join(sorted(METHODS[endpoint]))
                raise WrongMethod(
                    f"Not allowed to {method} on {endpoint.value}: use {allowed}.", allowed=METHODS[endpoint]
                )
            model_id = found.groupdict().get("id") or ""
            return Route(endpoint, unquote(model_id))
    raise UnknownPath(f"Invalid URL ({method} {_shown(path)}). The nearest valid path is {_nearest(tidy)}.")


def _nearest(path: str) -> str:
    names = {endpoint.value: endpoint for endpoint in Endpoint}
    # of paths that are equally far, the one that most clients mean
    close = difflib.get_close_matches(path, names, n=1, cutoff=0.0)
    endpoint = names[close[0]] if path.strip("/") else Endpoint.CHAT_COMPLETIONS
    return f"{min(METHODS[endpoint] - {'HEAD'})} {endpoint.value}"


def _shown(path: str) -> str:
    return path if len(path) <= 100 else f"{path[:100]}…"
