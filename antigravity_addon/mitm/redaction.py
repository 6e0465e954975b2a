"""What is kept out of flows: client keys, accounts' credentials, and links that log their holder in."""

import re
from collections.abc import Collection

from mitmproxy import http

from antigravity_addon.gateway.clients import KEY_HEADERS

REDACTED = "[redacted]"

CREDENTIAL_HEADERS = frozenset({"authorization", "x-goog-api-key"})
"""What pays for an upstream request."""

_KEY_HEADERS = frozenset(name.encode() for name in KEY_HEADERS)
_KEY_PARAMETERS = ("key", "api_key")
_SHORTEST = 8
"""Bytes; what is shorter is no credential of anybody's, and may be a word of the answer."""
_PERSONAL_LINK = re.compile(rb"(https://accounts\.google\.com/[^\s\"'<>\\?]*)\?[^\s\"'<>\\]*")
"""Where Google wants an account's owner to prove who it is; the query does it for them."""


def redact_keys(flow: http.HTTPFlow) -> None:
    """Client keys stay out of screens, saved flows and logs. The scheme stays, to show how a key was sent."""
    request = flow.request
    request.headers.fields = tuple(
        (name, _redacted(value) if name.lower() in _KEY_HEADERS else value)
        for name, value in request.headers.fields
    )
    if "?" in request.path:
        for name in _KEY_PARAMETERS:
            if name in request.query:
                request.query[name] = REDACTED


def redacted_credential(value: str) -> str:
    return _redacted(value.encode("utf-8", "surrogateescape")).decode("utf-8", "surrogateescape")


def redacted_answer(body: bytes, credentials: Collection[str]) -> bytes:
    """An upstream's, which may repeat what it was paid with, or hold a link for the account's owner alone."""
    for credential in credentials:
        secret = credential.rpartition(" ")[2].encode("utf-8", "surrogateescape")
        if len(secret) >= _SHORTEST:
            body = body.replace(secret, REDACTED.encode())
    if b"//accounts.google.com/" in body:
        body = _PERSONAL_LINK.sub(rb"\1?" + REDACTED.encode(), body)
    return body


def _redacted(value: bytes) -> bytes:
    scheme, space, _ = value.strip().partition(b" ")
    return scheme + space + REDACTED.encode() if space else REDACTED.encode()
