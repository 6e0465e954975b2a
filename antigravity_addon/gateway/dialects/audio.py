"""`POST /v1/audio/transcriptions` and `POST /v1/audio/translations`."""

from antigravity_addon.gateway.tasks import beside_the_loop
from antigravity_addon.translate.openai_audio.request import transcription_to_gemini, translation_to_gemini
from antigravity_addon.translate.openai_audio.response import (
    Form,
    TranscriptStream,
    TranscriptWhole,
    as_text,
    as_transcription,
    as_translation,
)
from antigravity_addon.wire.gemini import GenerateContentRequest
from antigravity_addon.wire.openai_audio.request import (
    SpeechRequest,
    parse_transcription,
    parse_translation,
)

from .dialect import Call, Identity, Surroundings

_JSON = "application/json"
_TEXT = "text/plain; charset=utf-8"


class _SpeechPrepared:
    def __init__(self, body: GenerateContentRequest, form: Form, size: int) -> None:
        self.bodies = (body,)
        self.size = size
        self._form = form

    def streamed(self, identity: Identity) -> TranscriptStream:  # noqa: ARG002  the answer has no name
        return TranscriptStream()

    def whole(self, identity: Identity) -> TranscriptWhole:  # noqa: ARG002
        return TranscriptWhole(self._form)

    async def keep(self) -> None:
        """There is nothing that a later request could refer to."""


def read_transcription(body: bytes, content_type: str) -> Call:
    request, recording = parse_transcription(body, content_type)

    async def prepare(model: str, _surroundings: Surroundings) -> _SpeechPrepared:
        form = as_text if _is_text(request) else as_transcription
        translated = await beside_the_loop(
            lambda: transcription_to_gemini(request, recording, model), size=len(body)
        )
        return _SpeechPrepared(translated, form, len(body))

    return Call(request.model, bool(request.stream), prepare, _content_type(request))


def read_translation(body: bytes, content_type: str) -> Call:
    request, recording = parse_translation(body, content_type)

    async def prepare(model: str, _surroundings: Surroundings) -> _SpeechPrepared:
        form = as_text if _is_text(request) else as_translation
        translated = await beside_the_loop(
            lambda: translation_to_gemini(request, recording, model), size=len(body)
        )
        return _SpeechPrepared(translated, form, len(body))

    return Call(request.model, stream=False, prepare=prepare, content_type=_content_type(request))


def _is_text(request: SpeechRequest) -> bool:
    return request.response_format == "text"


def _content_type(request: SpeechRequest) -> str:
    return _TEXT if _is_text(request) else _JSON
