"""The registry of client dialects: endpoint -> how its requests are read and its answers written.

Another dialect costs a module beside this one and an entry here; nothing else in the gateway knows their names.
"""

from collections.abc import Mapping

from antigravity_addon.gateway.routes import Endpoint

from .audio import read_transcription, read_translation
from .chat import read_chat
from .completions import read_completion
from .dialect import Dialect
from .images import read_image
from .responses import read_compact, read_response

DIALECTS: Mapping[Endpoint, Dialect] = {
    Endpoint.CHAT_COMPLETIONS: read_chat,
    Endpoint.COMPLETIONS: read_completion,
    Endpoint.RESPONSES: read_response,
    Endpoint.COMPACT: read_compact,
    Endpoint.IMAGES: read_image,
    Endpoint.TRANSCRIPTIONS: read_transcription,
    Endpoint.TRANSLATIONS: read_translation,
}
