"""A recording, as it was uploaded -> a part of Gemini."""

from antigravity_addon.errors import UnsupportedInput
from antigravity_addon.translate.media import upload_part
from antigravity_addon.wire import gemini
from antigravity_addon.wire.inbound import shown
from antigravity_addon.wire.openai_audio.request import FILE, Recording

_FORMATS = {
    "aac": "audio/aac",
    "aiff": "audio/aiff",
    "flac": "audio/flac",
    "m4a": "audio/m4a",
    "mp3": "audio/mp3",
    "mp4": "audio/mp4",
    "mpeg": "audio/mp3",
    "mpga": "audio/mp3",
    "oga": "audio/ogg",
    "ogg": "audio/ogg",
    "opus": "audio/ogg",
    "wav": "audio/wav",
    "wave": "audio/wav",
    "webm": "audio/webm",
}
"""By extension, and by what stands in a media type behind the slash: browsers say `video/webm` of recordings, too."""
_UNKNOWN = "application/x-unknown"
"""Unless the bytes tell."""


def recording_part(recording: Recording) -> gemini.Part:
    """The bytes decide what it is, then the name of the file, then the media type.

    Raises: UnsupportedInput: no audio, as far as one can see. InvalidRequest: nothing at all.
    """
    part = upload_part(recording.content, mime_type=_stated_type(recording), param=FILE)
    if part.inline_data is None or part.inline_data.mime_type not in _FORMATS.values():
        raise _no_audio(recording)
    return part


def _stated_type(recording: Recording) -> str:
    extension = recording.filename.rpartition(".")[2].lower()
    subtype = recording.mime_type.rpartition("/")[2].removeprefix("x-")
    return _FORMATS.get(extension) or _FORMATS.get(subtype) or _UNKNOWN


def _no_audio(recording: Recording) -> UnsupportedInput:
    return UnsupportedInput(
        f"The file {shown(recording.filename)} is no recording that Gemini takes. The formats are "
        f"{', '.join(_FORMATS)}.",
        param=FILE,
    )
