"""Gemini on Vertex AI: paid by a Cloud project, or in express mode by a key that stands for one.

Pinned to v1beta1, the only version that can continue a long answer. It speaks Gemini's own language but for a few
words; source: the converters of `google-genai` 3.4.0.
"""

import re
from collections.abc import Mapping
from copy import replace
from dataclasses import dataclass
from urllib.parse import quote

from antigravity_addon.errors import AccountRefused, NotOnThisUpstream, UpstreamFailure
from antigravity_addon.wire.gemini import GenerateContentRequest, ToolConfig

from .classify import classify, decode_item
from .elsewhere import model_is_elsewhere, refers_to_gemini_files
from .endpoint import Authorization, UpstreamRequest, headers_of

_MULTI_REGIONS = ("us", "eu")
_LOCATION = re.compile(r"[a-z][a-z0-9-]{0,40}")


@dataclass(frozen=True, slots=True)
class Vertex:
    base_url: str
    """Scheme, host and port, without a path and without a slash at the end."""
    user_agent: str
    project: str = ""
    """Empty in express mode, where the key says it."""
    location: str = "global"

    def prepare(
        self, body: GenerateContentRequest, *, model: str, authorization: Authorization
    ) -> UpstreamRequest:
        """See `Endpoint`.

        Raises: NotOnThisUpstream: the request refers to what only the Gemini API has.
        """
        return UpstreamRequest(
            url=(
                f"{self.base_url}/v1beta1/{self._parent}publishers/google/models/"
                f"{quote(model, safe='')}:streamGenerateContent?alt=sse"
            ),
            # the project in the path pays; `x-goog-user-project` would ask for a permission more
            headers=headers_of(authorization.headers, user_agent=self.user_agent),
            body=_expressed(body).to_json(),
        )

    unwrap = staticmethod(decode_item)

    def classify(
        self, *, status: int, headers: Mapping[str, str], body: bytes, model: str, now: float
    ) -> UpstreamFailure:
        failure = classify(status, headers, body, model=model, now=now)
        return model_is_elsewhere(failure, model) or failure

    @property
    def _parent(self) -> str:
        if not self.project:
            return ""
        return f"projects/{quote(self.project, safe=':')}/locations/{self.location}/"


def vertex_address(location: str) -> str:
    """Google's own, for a location.

    Raises: AccountRefused: there cannot be a location of this name. It becomes part of a host's name.
    """
    if not _LOCATION.fullmatch(location):
        raise AccountRefused(
            "An account's location on Vertex AI is none. The gateway's operator has to mend that.",
            reason=f"{location!r} is no location of Vertex AI: write `global`, `us`, `eu` or a region such as "
            "`europe-west4`.",
        )
    if location == "global":
        return "https://aiplatform.googleapis.com"
    if location in _MULTI_REGIONS:
        return f"https://aiplatform.{location}.rep.googleapis.com"
    return f"https://{location}-aiplatform.googleapis.com"


# --- what Vertex AI has other words for -------------------------------------------------------------------


def _expressed(body: GenerateContentRequest) -> GenerateContentRequest:
    """The request in Vertex AI's words.

    Raises: NotOnThisUpstream: it has none for something that the answer depends on.
    """
    if refers_to_gemini_files(body):
        raise NotOnThisUpstream(
            "Vertex AI cannot read files of the Gemini API. Send the file itself, or a gs:// or https:// address."
        )
    config = body.tool_config
    if config is None or config.include_server_side_tool_invocations is None:
        return body
    # search beside functions needs no consent here
    calling = config.function_calling_config
    kept = ToolConfig(function_calling_config=calling) if calling else None
    return replace(body, tool_config=kept)
