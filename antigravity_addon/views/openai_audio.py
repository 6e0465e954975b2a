"""Transcriptions and translations of recordings: the form that was sent, and the text that came."""

from antigravity_addon.errors import InvalidRequest
from antigravity_addon.wire.base import Json
from antigravity_addon.wire.openai_audio.multipart import FormPart, read_form

from .answer import Answer, Choice, Failure, figures_in, openai_failure, rest_of
from .conversation import Conversation, Message, Setting
from .foreign import Foreign, Words, read_messages
from .parts import Opaque, Text, digest_of


def read_conversation(body: bytes, content_type: str) -> Conversation:
    try:
        form = read_form(body, content_type)
    except InvalidRequest as error:
        return Conversation(problem=str(error), raw=body.decode(errors="replace"))
    fields = {part.name: part.content.decode(errors="replace") for part in form if part.filename is None}
    recordings = [_recording(part) for part in form if part.filename is not None]
    return Conversation(
        model=fields.pop("model", ""),
        messages=tuple(Message("recording", (recording,)) for recording in recordings),
        settings=tuple(Setting(name, text) for name, text in fields.items()),
    )


def _recording(part: FormPart) -> Opaque:
    digest = digest_of(part.content.hex())
    return Opaque("file", len(part.content), digest, part.mime_type, part.filename or "")


class _Transcript(Foreign):
    """A whole one, or an event of a stream."""

    type: Words = ""
    text: Words = ""
    delta: Words = ""
    usage: Json = None
    error: Json = None


def read_answer(body: bytes) -> Answer:
    messages = read_messages(body)
    if not messages.values and messages.raw:
        # asked for as plain text, or as subtitles
        return Answer(choices=(Choice(parts=(Text(messages.raw),)),))
    pieces: list[str] = []
    failures: list[Failure] = []
    whole, usage, rest = "", None, dict[str, Json]()
    for value in messages.values:
        transcript = _Transcript.of(value)
        pieces.append(transcript.delta)
        whole, usage = transcript.text or whole, transcript.usage or usage
        rest |= transcript.rest if isinstance(value, dict) else {"answer": value}
        if transcript.error is not None:
            failures.append(openai_failure(transcript.error))
    text = whole or "".join(pieces)
    cut_off = messages.streamed and not whole and not failures
    return Answer(
        choices=(Choice(parts=(Text(text),)),) if text else (),
        usage=tuple(figures_in(usage)),
        failures=tuple(failures),
        streamed=messages.streamed,
        cut_off="The stream was cut off: transcript.text.done did not come." if cut_off else "",
        rest=rest_of(rest),
        problem=messages.problem,
        raw=messages.raw,
    )
