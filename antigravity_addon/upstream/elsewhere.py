"""What one kind of upstream has and another has not."""

import re

from antigravity_addon.errors import NotOnThisUpstream, UpstreamFailure
from antigravity_addon.wire.gemini import GenerateContentRequest

_GEMINI_FILE = re.compile(r"(?:https?://generativelanguage\.googleapis\.com/|files/)", re.IGNORECASE)


def refers_to_gemini_files(body: GenerateContentRequest) -> bool:
    """It has a file in it that was uploaded to the Gemini API, and can be read from nowhere else."""
    files = (part.file_data for content in body.contents for part in content.parts)
    return any(file is not None and _GEMINI_FILE.match(file.file_uri) for file in files)


def model_is_elsewhere(failure: UpstreamFailure, model: str) -> NotOnThisUpstream | None:
    """A 404 for the model, where each account has models of its own: of its location, or of its licence.

    Without the upstream's words, which name the operator's project.
    """
    if failure.code != "model_not_found":
        return None
    elsewhere = NotOnThisUpstream(
        f"The model {model!r} does not exist, or this gateway has no access to it.",
        param="model",
        code=failure.code,
    )
    elsewhere.status = failure.status
    elsewhere.upstream_status = failure.upstream_status
    return elsewhere
