"""The baseline: mitmproxy as a plain reverse proxy that passes a stream on as it comes."""

from mitmproxy import http


def responseheaders(flow: http.HTTPFlow) -> None:
    if flow.response is not None:
        flow.response.stream = True
