"""Saying things to a simulator, and reading what it says."""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass

import httpx

from antigravity_addon.wire.base import Json, JsonObject

HELLO: JsonObject = {"contents": [{"role": "user", "parts": [{"text": "Hello there."}]}]}


@dataclass(frozen=True, slots=True)
class Asker:
    """A client of one simulator."""

    http: httpx.AsyncClient

    async def post(
        self,
        model: str,
        body: Json = None,
        *,
        method: str = "streamGenerateContent?alt=sse",
        key: str = "key",
        content: bytes | None = None,
    ) -> httpx.Response:
        return await self.http.post(
            f"/v1beta/models/{model}:{method}",
            content=json.dumps(HELLO if body is None else body).encode() if content is None else content,
            headers={"x-goog-api-key": key},
        )

    async def stream(self, model: str, body: Json = None, *, key: str = "key") -> list[JsonObject]:
        response = await self.post(model, body, key=key)
        assert response.status_code == 200, response.text
        return events(response.content)

    async def whole(self, model: str, body: Json = None, *, key: str = "key") -> JsonObject:
        response = await self.post(model, body, method="generateContent", key=key)
        assert response.status_code == 200, response.text
        return response.json()


def events(body: bytes) -> list[JsonObject]:
    """The messages of a stream framed exactly as Gemini frames it."""
    assert body.endswith(b"\r\n\r\n")
    lines = body.removesuffix(b"\r\n\r\n").split(b"\r\n\r\n")
    assert all(line.startswith(b"data: ") and b"\n" not in line for line in lines)
    return [json.loads(line.removeprefix(b"data: ")) for line in lines]


def parts(*messages: JsonObject) -> list[Mapping[str, Json]]:
    """All parts of all messages."""
    found: list[Mapping[str, Json]] = []
    for message in messages:
        match message:
            case {"candidates": [{"content": {"parts": [*here]}}]}:
                found += (part for part in here if isinstance(part, dict))
            case _:
                pass
    return found


def text(*messages: JsonObject) -> str:
    return "".join(str(part["text"]) for part in parts(*messages) if "text" in part and "thought" not in part)


def calls(*messages: JsonObject) -> list[Json]:
    return [part["functionCall"] for part in parts(*messages) if "functionCall" in part]


def finish(message: JsonObject) -> Json:
    match message:
        case {"candidates": [{"finishReason": reason}]}:
            return reason
        case _:
            return None


def usage(message: JsonObject) -> JsonObject:
    found = message["usageMetadata"]
    assert isinstance(found, dict)
    return found


def user(*said: Json) -> JsonObject:
    """A user's turn of texts and of parts given as they are."""
    return {"role": "user", "parts": [{"text": item} if isinstance(item, str) else item for item in said]}


def model(*said: Json) -> JsonObject:
    return {**user(*said), "role": "model"}


def asking(*contents: Json, **fields: Json) -> JsonObject:
    """A request; a bare text is a user's turn."""
    turns: list[Json] = [user(content) if isinstance(content, str) else content for content in contents]
    return {"contents": turns, **fields}


# --- with access tokens ----------------------------------------------------------------------------------

VERTEX = "/v1beta1/projects/p-1/locations/global/publishers/google/models"
CODE_ASSIST = "/v1internal"


def segment(content: Json) -> str:
    """A part of a JWT."""
    return base64.urlsafe_b64encode(json.dumps(content).encode()).decode().rstrip("=")


def assertion(issuer: str, *, alg: str = "RS256", seconds: int = 3600) -> str:
    """A JWT that nobody signed."""
    claims: JsonObject = {"iss": issuer, "iat": 1_000, "exp": 1_000 + seconds}
    return f"{segment({'alg': alg, 'typ': 'JWT'})}.{segment(claims)}.{segment('unsigned')}"


@dataclass(frozen=True, slots=True)
class TokenBearer:
    """A client of one simulator that pays with access tokens."""

    http: httpx.AsyncClient
    refresh_token: str = "refresh"

    async def ask_for_token(self, **fields: str) -> httpx.Response:
        """A refresh as Google's libraries ask for it, with some fields exchanged. An empty one is left out."""
        form = {
            "grant_type": "refresh_token",
            "client_id": "client",
            "client_secret": "hush",
            "refresh_token": self.refresh_token,
            **fields,
        }
        return await self.http.post("/token", data={name: value for name, value in form.items() if value})

    async def headers(self) -> dict[str, str]:
        """Another access token each time."""
        answer = await self.ask_for_token()
        assert answer.status_code == 200, answer.text
        return {"authorization": f"Bearer {answer.json()['access_token']}"}

    async def vertex(
        self, model: str, body: Json = None, *, method: str = "streamGenerateContent?alt=sse"
    ) -> httpx.Response:
        sent = HELLO if body is None else body
        return await self.http.post(f"{VERTEX}/{model}:{method}", json=sent, headers=await self.headers())

    async def code_assist(self, method: str, body: Json, **headers: str) -> httpx.Response:
        return await self.http.post(
            f"{CODE_ASSIST}:{method}", json=body, headers={**await self.headers(), **headers}
        )

    async def ask_code_assist(
        self, model: str, body: Json = None, *, method: str = "streamGenerateContent?alt=sse"
    ) -> httpx.Response:
        """The request in its envelope."""
        envelope: JsonObject = {"model": model, "project": "p-1", "request": HELLO if body is None else body}
        return await self.code_assist(method, envelope)
