"""Probes of what goes wrong: upstream, or in the request."""

from antigravity_addon.wire.base import JsonObject

from .answer import Answer, at, items
from .probe import ANY, FAILED, MODEL, Check, Probe, Request, chat, chunk, stream_of

TEXT = "echo:one two three four five six"
CHAT_PATH = "/v1/chat/completions"


def _fault(name: str, *, stream: bool = False) -> Request:
    """To a model that fails in this way, whatever account pays."""
    fields: JsonObject = {"stream": True} if stream else {}
    return chat(TEXT, f"gemini-fault-{name}", **fields)


# --- checks ---------------------------------------------------------------------------------------------


def _breaks_off(answer: Answer) -> str | None:
    """An error in the stream, or a connection that breaks: nothing that reads as a whole answer."""
    if answer.finish_reason is not None:
        return f"`{answer.finish_reason}`"
    # an HTTP error is as good: whether something of the answer came first is a matter of time
    if answer.error is not None or answer.broken or answer.status != 200:
        return None
    return "a clean end" if answer.content else "an empty 200"


def _complains(answer: Answer) -> str | None:
    return None if at(answer.error, "message") else f"{answer.status} without an error object"


def _asks_to_wait(answer: Answer) -> str | None:
    stated = answer.headers.get("retry-after")
    return None if stated in {"56", "57"} else f"429, `Retry-After` {stated or 'absent'}"


def _finished(reason: str) -> Check:
    def check(answer: Answer) -> str | None:
        choices = len(items(answer.body, "choices"))
        if choices != 1:
            return f"{choices} choices"
        return None if answer.finish_reason == reason else f"`{answer.finish_reason}`"

    return check


def _names_model(answer: Answer) -> str | None:
    code = at(answer.error, "code")
    return None if code == "model_not_found" else f"404, code `{code}`"


def _cancelled(answer: Answer) -> str | None:
    return None if any(received.disconnected for received in answer.received) else "goes on"


FAILURES: tuple[Probe, ...] = (
    Probe(
        "upstream is cut off in mid-stream",
        "an error, no finish reason",
        "C61: SDKs take a clean end for a whole answer",
        _fault("reset-mid", stream=True),
        _breaks_off,
        status=ANY,
    ),
    Probe(
        "upstream ends without a finish reason",
        "an error, no finish reason",
        "C63, as OpenAI's clients need it",
        _fault("truncated", stream=True),
        _breaks_off,
        status=ANY,
    ),
    Probe(
        "an error inside a 200 stream",
        "an error, no finish reason",
        "C61",
        _fault("error-mid-event", stream=True),
        _breaks_off,
        status=ANY,
    ),
    Probe(
        "an error as the first event of a 200 stream",
        "an HTTP error",
        "C60: SDKs repeat requests by status only",
        _fault("error-first", stream=True),
        _complains,
        status=FAILED,
    ),
    Probe(
        "a 200 stream without a byte",
        "an HTTP error",
        "agents stop in silence on an empty answer",
        _fault("empty-body", stream=True),
        _complains,
        status=FAILED,
    ),
    Probe(
        "429 with a delay of 56 s in its details",
        "429, `Retry-After: 56`",
        "C87: clients guess otherwise",
        _fault("rate-limited"),
        _asks_to_wait,
        status=frozenset({429}),
    ),
    Probe(
        "a blocked prompt",
        "one choice, `content_filter`",
        "C49: clients index `choices[0]`",
        _fault("prompt-blocked"),
        _finished("content_filter"),
    ),
    Probe(
        "MAX_TOKENS before the first word",
        "one choice, `length`",
        "C48: content without parts",
        _fault("max-tokens-thinking"),
        _finished("length"),
    ),
    Probe(
        "a client that leaves",
        "the upstream request is cancelled",
        "C65: paid for and read by nobody",
        chat("x", stream=True),
        _cancelled,
        upstream=(stream_of(*(chunk({"text": word}) for word in ("one ", "two ", "three ")), silent=True),),
        leaves=True,
    ),
    Probe(
        "a model that nobody has",
        "404 `model_not_found`",
        "C03",
        chat("x", "gemini-none-of-it"),
        _names_model,
        status=frozenset({404}),
    ),
    Probe(
        "a path that is none",
        "404 with an error object",
        "C06: SDKs show its message",
        Request("/v1/nothing", {}),
        _complains,
        status=frozenset({404}),
    ),
    Probe(
        "`GET` where only `POST` is",
        "405 with an error object",
        "C06",
        Request(CHAT_PATH, method="GET"),
        _complains,
        status=frozenset({404, 405}),
    ),
    Probe(
        "messages that are none",
        "400 with an error object",
        "C14",
        Request(CHAT_PATH, {"model": MODEL, "messages": []}),
        _complains,
        status=frozenset({400, 422}),
    ),
)
