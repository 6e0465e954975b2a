"""The least that any answer costs behind mitmproxy: it reads the request, runs its hooks and writes an answer that was there before.

No upstream is asked, nothing is translated and nothing is sent in pieces, so whatever answers real requests takes longer.
"""

from functools import cache

from mitmproxy import http

from benchmarks.answers import Answer, frames, whole, wished


def request(flow: http.HTTPFlow) -> None:
    answer = wished(flow.request.raw_content or b"")
    if answer is not None:
        is_streamed = "streamGenerateContent" in flow.request.path
        content_type = "text/event-stream" if is_streamed else "application/json"
        flow.response = http.Response.make(
            200, _made(answer, is_streamed=is_streamed), {"content-type": content_type}
        )


@cache
def _made(answer: Answer, *, is_streamed: bool) -> bytes:
    return b"".join(frames(answer)) if is_streamed else whole(answer)
