"""New requests, responses and servers of mitmproxy's, made as copies of empty ones.

mitmproxy (12.2.3) compares each field of a message that it makes with the field's type, and raises and catches an
exception for most that are `None`: 20 microseconds a message, four times in an exchange, and cycles that only the garbage
collector can free. A copy takes less than one. It looks as closely at the fields of a server, and makes one for each layer.
"""

import time
import uuid
from collections.abc import Iterable

from mitmproxy import http
from mitmproxy.connection import Server
from mitmproxy.net.http import status_codes
from mitmproxy.proxy.context import Context

_REQUEST = http.Request(
    host="",
    port=0,
    method=b"",
    scheme=b"",
    authority=b"",
    path=b"",
    http_version=b"HTTP/1.1",
    headers=http.Headers(),
    content=None,
    trailers=None,
    timestamp_start=0.0,
    timestamp_end=None,
)
_RESPONSE = http.Response(
    http_version=b"HTTP/1.1",
    status_code=0,
    reason=b"",
    headers=http.Headers(),
    content=None,
    trailers=None,
    timestamp_start=0.0,
    timestamp_end=None,
)
_SERVER = Server(address=None)


def new_request(
    method: bytes,
    path: bytes,
    headers: http.Headers,
    *,
    version: bytes = b"HTTP/1.1",
    scheme: bytes = b"",
    host: str = "",
    port: int = 0,
    content: bytes | None = None,
) -> http.Request:
    """One that begins now."""
    return _begun(
        _REQUEST,
        method=method,
        path=path,
        headers=headers,
        http_version=version,
        scheme=scheme,
        host=host,
        port=port,
        content=content,
    )


def new_response(
    status: int,
    headers: Iterable[tuple[str, str]],
    *,
    version: bytes = b"HTTP/1.1",
    content: bytes | None = None,
) -> http.Response:
    """One that begins now."""
    return _begun(
        _RESPONSE,
        status_code=status,
        # which HTTP/2 has no place for
        reason=b"" if version == b"HTTP/2.0" else status_codes.RESPONSES.get(status, "").encode(),
        headers=http.Headers([(name.encode(), value.encode("utf-8", "replace")) for name, value in headers]),
        http_version=version,
        content=content,
    )


def _begun[M: http.Message](empty: M, **fields: object) -> M:
    message = object.__new__(type(empty))
    message.data = object.__new__(type(empty.data))
    vars(message.data).update(vars(empty.data), timestamp_start=now(), **fields)
    return message


def new_server(host: str, port: int, **fields: object) -> Server:
    server = object.__new__(Server)
    vars(server).update(vars(_SERVER), id=str(uuid.uuid4()), address=(host, port), **fields)
    return server


def forked(context: Context) -> Context:
    """As `Context.fork` gives it, which first makes a server that it throws away."""
    fork = object.__new__(Context)
    vars(fork).update(vars(context), layers=context.layers.copy())
    return fork


def now() -> float:
    """By mitmproxy's own clock for flows: Unix time in seconds."""
    return time.time()  # noqa: TID251
