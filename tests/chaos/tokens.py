"""What an endpoint can do that access tokens come from, and the one that names a licence's project."""

import gzip
import json
import math
from collections.abc import Mapping

from .faults import End, Step, event, head, measured

_JSON = "application/json"
_LONG = 2_000_000

SOUND = "a token"
DEAD = "invalid_grant"
"""The refresh token is good no more."""


def _answer(body: object, *lines: str, status: str = "200 OK") -> tuple[Step, ...]:
    content = body if isinstance(body, bytes) else json.dumps(body).replace("Infinity", "1e999").encode()
    return (measured(content, *lines, status=status, kind=_JSON),)


def _refusal(code: str, status: str = "400 x") -> tuple[Step, ...]:
    return _answer({"error": code, "error_description": "because of chaos"}, status=status)


def steps(name: str, granted: Mapping[str, object]) -> tuple[Step, ...]:
    """`granted` is the sound answer."""
    return _STEPS[name] if name in _STEPS else _answer({**granted, **_CHANGES[name]})


_CHANGES: Mapping[str, Mapping[str, object]] = {
    SOUND: {},
    "a life of no time": {"expires_in": 0},
    "a life below zero": {"expires_in": -5},
    "a life beyond all bounds": {"expires_in": math.inf},
    "a life in words": {"expires_in": "for ever"},
    "a life that is a list": {"expires_in": [3600]},
    "a token that no header takes": {"access_token": "a\r\nb"},
    "a token of a megabyte": {"access_token": "x" * 1_000_000},
    "an empty token": {"access_token": ""},
    "a token that is a number": {"access_token": 7},
    "another refresh token": {"refresh_token": "key-rotated"},
    "a refresh token that is null": {"refresh_token": None},
}
_STEPS: Mapping[str, tuple[Step, ...]] = {
    DEAD: _refusal(DEAD),
    "invalid_client": _refusal("invalid_client", "401 x"),
    "server_error": _refusal("server_error"),
    "a refusal that comes with 200": _refusal(DEAD, "200 OK"),
    "500": _answer(b"", status="500 x"),
    "503 with a page": _answer(b"<html>busy</html>", status="503 x"),
    "403 with a page": _answer(b"<html>no</html>", status="403 x"),
    "302": _answer(b"", "Location: /elsewhere", status="302 Found"),
    "204": (b"HTTP/1.1 204 No Content\r\n\r\n",),
    "an empty body": _answer(b""),
    "null": _answer(b"null"),
    "a list": _answer(b"[]"),
    "deep JSON": _answer(b"[" * 50_000),
    "an event": _answer(event(b'{"access_token": "a"}')),
    "noise": (bytes(range(256)) * 16, End.CLOSE),
    "much": _answer(b" " * _LONG),
    "much, packed": _answer(gzip.compress(bytes(100 * _LONG), 1), "Content-Encoding: gzip"),
    "a coding that nobody knows": _answer(b"{}", "Content-Encoding: rot13"),
    "cut off": (measured(b"{", kind=_JSON, length=99), End.CLOSE),
    "reset": (End.RESET,),
    "reset behind the head": (head(kind=_JSON), End.RESET),
    "silence": (End.SILENCE,),
    "silence in the head": (b"HTTP/1.1 200 OK\r\nX: ", End.SILENCE),
}

FAULTS = (*_CHANGES, *_STEPS)
