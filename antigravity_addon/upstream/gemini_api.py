"""The Gemini API, paid with an API key: `generativelanguage.googleapis.com` and whatever speaks like it.

Pinned to v1beta: on v1 the preview models, the `-latest` aliases and function calling on 2.5 do not exist.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote

from antigravity_addon.errors import UpstreamFailure
from antigravity_addon.wire.gemini import GenerateContentRequest

from .classify import classify, decode_item
from .endpoint import Authorization, UpstreamRequest, headers_of


@dataclass(frozen=True, slots=True)
class GeminiApi:
    base_url: str
    """Scheme, host and port, without a path and without a slash at the end."""
    user_agent: str

    def prepare(
        self, body: GenerateContentRequest, *, model: str, authorization: Authorization
    ) -> UpstreamRequest:
        return UpstreamRequest(
            # the answer to a client that does not stream is a folded stream, so this is the only call we make
            url=f"{self.base_url}/v1beta/models/{quote(model, safe='')}:streamGenerateContent?alt=sse",
            headers=headers_of(authorization.headers, user_agent=self.user_agent),
            body=body.to_json(),
        )

    unwrap = staticmethod(decode_item)

    def classify(
        self, *, status: int, headers: Mapping[str, str], body: bytes, model: str, now: float
    ) -> UpstreamFailure:
        return classify(status, headers, body, model=model, now=now)
