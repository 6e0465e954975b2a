"""What must hold of every answer, whatever was asked."""

import json
import re
import zlib
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any, Literal

from openai.types import Completion, ImagesResponse
from openai.types.audio import Transcription, TranscriptionStreamEvent
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from openai.types.conversations import Conversation, ConversationDeletedResource
from openai.types.responses import CompactedResponse, Response, ResponseStreamEvent
from pydantic import BaseModel, JsonValue, TypeAdapter, ValidationError

from antigravity_addon.gateway.routes import Endpoint, find_route
from antigravity_addon.wire.openai_error import read_error

from .in_process import Answered, Asked, InProcess, scripted

LONGEST_MESSAGE = 3000
"""Characters of an error's text. Google's own are cut at 2,000."""
_OF_A_FILE = "Unsupported MIME type"
"""Google has the last word on types of files, and does not say which one it means."""
_INSIDES = re.compile(
    r"Traceback|antigravity_addon|site-packages|\bpydantic|\.py\b|object at 0x|\w+Error\b|NoneType|__\w+__|<class"
)


class Broken(AssertionError):
    """A law does not hold."""

    def __init__(self, law: str, details: object) -> None:
        super().__init__(f"{law}: {details!s:.600}")
        self.law = law


async def check_request(gateway: InProcess, asked: Asked) -> Answered:
    """Ask, and look at the answer.

    Raises: Broken.
    """
    answered = await _asked(gateway, asked)
    if answered.status >= 500:
        raise Broken("never a 5xx of our own making", answered.body)
    _check_form(asked, answered)
    if answered.status >= 400:
        _check_blame(asked, answered)
    elif zlib.crc32(asked.body) % 4 == 0:
        await _check_both_ways(gateway, asked, answered)
    return answered


async def check_upstream(gateway: InProcess, asked: Asked, status: int, stream: bytes) -> None:
    """The upstream says whatever it says: the client has an answer or an error, and never half of one as a whole.

    Raises: Broken.
    """
    headers = {"content-type": "text/event-stream" if status == 200 else "application/json"}
    try:
        answered = await gateway.ask(asked, instead=scripted(status, headers, stream))
    except Exception as error:
        raise Broken(f"no exception that nobody foresaw ({type(error).__name__})", error) from error
    _check_form(asked, answered, said=stream)


async def _asked(gateway: InProcess, asked: Asked) -> Answered:
    try:
        return await gateway.ask(asked)
    except Exception as error:
        raise Broken(f"no exception that nobody foresaw ({type(error).__name__})", error) from error


def _check_form(asked: Asked, answered: Answered, said: bytes = b"") -> None:
    """`said` is the upstream's own, which may be repeated."""
    if not answered.ended:
        raise Broken("every answer ends", answered)
    for name, value in answered.headers.items():
        if not re.fullmatch(r"[\x20-\x7e\x80-\U0010ffff]*", value):
            raise Broken("a header is one line", (name, value))
    if answered.status >= 400:
        _check_error(asked.to_bytes() + said, answered.body)
    elif answered.streamed:
        _check_stream(asked, answered.body)
    elif answered.headers.get("content-type") == "application/json":
        _check_whole(asked, answered.body)


# --- errors ----------------------------------------------------------------------------------------------


def _check_error(told: bytes, body: bytes) -> None:
    """`told` is all that others have said, and so may be repeated."""
    try:
        error = read_error(body)
    except ValueError as problem:
        raise Broken("an error is OpenAI's error object", body) from problem
    if len(error.message) > LONGEST_MESSAGE:
        raise Broken("an error has a length that somebody reads", len(error.message))
    shown = told.decode("utf-8", "replace")
    for inside in _INSIDES.findall(error.message):
        if inside not in shown:
            raise Broken("an error shows nothing of our insides", error.message)


def _check_blame(asked: Asked, answered: Answered) -> None:
    """Whose fault it is: the client's, which is told where, and nothing has been sent."""
    error = json.loads(answered.body)["error"]
    if error.get("upstream_status") is not None:
        if error["param"] is not None or error["message"].startswith(_OF_A_FILE):
            return
        raise Broken(
            f"the upstream refuses nothing for its form ({_kind(error['message'])})", error["message"]
        )
    if answered.sent:
        raise Broken("a request that is refused is not sent", answered.sent[0].body)
    if error["param"] is not None and not _names_something(error["param"], asked):
        raise Broken("`param` names something of the request", error)


def _kind(message: str) -> str:
    """The beginning of Google's words, without what it quotes."""
    return re.sub(r"[\d'\"\[].*", "", message)[:60].strip()


def _names_something(param: str, asked: Asked) -> bool:
    query = asked.target.partition("?")[2]
    if param in query:
        return True
    try:
        body = json.loads(asked.body.decode("utf-8-sig"))
    except ValueError:
        # a form, or what our reader takes and Python's does not
        shown = asked.body.decode("utf-8", "replace")  # as the names of its fields are
        return re.split(r"[.\[]", param)[0] in shown or param in {"file", "model"}
    if not isinstance(body, dict):
        return False
    return _leads_somewhere(_steps(param), body)


def _steps(param: str) -> list[str | int]:
    return [int(index) if index else name for name, index in re.findall(r"([^.\[\]]+)|\[(\d+)\]", param)]


def _leads_somewhere(steps: Iterable[str | int], value: Any) -> bool:
    """To the end, or to where the last step is missing."""
    *way, last = steps
    for step in way:
        match value:
            case dict() if step in value:
                value = value[step]
            case list() if isinstance(step, int) and step < len(value):
                value = value[step]
            case _:
                return False
    return not isinstance(last, int) or (isinstance(value, list) and last < len(value))


# --- answers ---------------------------------------------------------------------------------------------

_WHOLE: Mapping[Endpoint, Any] = {
    Endpoint.CHAT_COMPLETIONS: ChatCompletion,
    Endpoint.COMPLETIONS: Completion,
    Endpoint.RESPONSES: Response,
    Endpoint.COMPACT: CompactedResponse,
    Endpoint.IMAGES: ImagesResponse,
    Endpoint.TRANSCRIPTIONS: Transcription,
    Endpoint.CONVERSATIONS: Conversation,
}
_STREAMED: Mapping[Endpoint, Any] = {
    Endpoint.CHAT_COMPLETIONS: ChatCompletionChunk,
    Endpoint.COMPLETIONS: Completion,
    Endpoint.RESPONSES: ResponseStreamEvent,
    Endpoint.TRANSCRIPTIONS: TranscriptionStreamEvent,
}


class _ItemList(BaseModel, extra="forbid", strict=True):
    """The items are the client's own, and need not be any that the SDK knows."""

    object: Literal["list"]
    data: list[dict[str, JsonValue]]
    first_id: str | None
    last_id: str | None
    has_more: bool


_KEPT: Mapping[tuple[Endpoint, str], Any] = {
    (Endpoint.CONVERSATION, "GET"): Conversation,
    (Endpoint.CONVERSATION, "POST"): Conversation,
    (Endpoint.CONVERSATION, "DELETE"): ConversationDeletedResource,
    (Endpoint.CONVERSATION_ITEMS, "GET"): _ItemList,
    (Endpoint.CONVERSATION_ITEMS, "POST"): _ItemList,
    (Endpoint.RESPONSE_INPUT_ITEMS, "GET"): _ItemList,
}
_REPEATED = {
    "tools": [],
    "tool_choice": "auto",
    "text": {},
    "reasoning": {},
    "metadata": {},
    "instructions": None,
}
"""What a response repeats of its request, word for word; so this is put in its place before the SDK looks at it."""


@cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)


def _endpoint(asked: Asked) -> Endpoint:
    return find_route(asked.method, asked.target).endpoint


def _check_whole(asked: Asked, body: bytes) -> None:
    endpoint = _endpoint(asked)
    kind = _WHOLE.get(endpoint) or _KEPT.get((endpoint, asked.method))
    if kind is not None:
        _check_sdk(kind, body)


def _check_sdk(kind: Any, data: bytes | str) -> None:
    document = json.loads(data)
    if kind is Response:
        document |= _REPEATED
    elif kind is Completion:
        for choice in document["choices"]:
            # null while there is more to come; the SDK's type forgets that, its client does not mind
            choice["finish_reason"] = choice["finish_reason"] or "stop"
    elif isinstance(document.get("response"), dict):
        document["response"] |= _REPEATED
    try:
        _adapter(kind).validate_python(document)
    except ValidationError as problem:
        first = problem.errors(include_url=False, include_input=False)[0]
        raise Broken(f"the SDK takes every answer ({kind!r:.60} {first['loc']})", (first, data)) from problem


def events(body: bytes) -> list[str]:
    """The data of each event of a stream."""
    text = body.decode()
    if not text.endswith("\n\n"):
        raise Broken("a stream ends with a whole event", text[-100:])
    blocks = text.removesuffix("\n\n").split("\n\n")
    return [
        line.removeprefix("data: ")
        for block in blocks
        for line in block.split("\n")
        if line.startswith("data: ")
    ]


def _check_stream(asked: Asked, body: bytes) -> None:
    endpoint = _endpoint(asked)
    found = events(body)
    for data in found:
        if data == "[DONE]":
            continue
        if "error" in json.loads(data) and endpoint is not Endpoint.RESPONSES:
            read_error(data.encode())
            continue
        _check_sdk(_STREAMED[endpoint], data)
    if not found:
        raise Broken("a stream says something", body)


# --- both ways -------------------------------------------------------------------------------------------

_IDS = re.compile(r"\b([a-z]{2,10})_[0-9a-f]{24,28}\b|\b(chatcmpl|cmpl)-[0-9a-f]{24,28}\b")


async def _check_both_ways(gateway: InProcess, asked: Asked, answered: Answered) -> None:
    """A streamed answer and a whole one say the same."""
    if _endpoint(asked) not in (Endpoint.CHAT_COMPLETIONS, Endpoint.RESPONSES):
        return
    try:
        body = json.loads(asked.body)
    except ValueError:
        return
    if json.dumps(body).count("_known"):
        return
    other = Asked(
        asked.method,
        asked.target,
        asked.content_type,
        json.dumps(body | {"stream": not answered.streamed}).encode(),
    )
    again = await _asked(gateway, other)
    _check_form(other, again)
    streamed, whole = (answered, again) if answered.streamed else (again, answered)
    if again.status != 200:
        raise Broken("what is answered in one way is answered in the other", again.body)
    said = {
        Endpoint.CHAT_COMPLETIONS: (_of_chunks, _of_chat),
        Endpoint.RESPONSES: (_of_events, _of_response),
    }[_endpoint(asked)]
    first, second = said[0](events(streamed.body)), said[1](whole.body)
    if first != second:
        raise Broken("a streamed answer says what a whole one says", (first, second))


def _nameless(text: str) -> str:
    return _IDS.sub(r"\1\2", text)


def _of_chat(body: bytes) -> Any:
    choices = json.loads(_nameless(body.decode()))["choices"]
    return [
        (
            choice["message"].get("content") or "",
            [
                call["function" if "function" in call else "custom"]
                for call in choice["message"].get("tool_calls") or ()
            ],
            choice["finish_reason"],
        )
        for choice in choices
    ]


def _of_chunks(found: list[str]) -> Any:
    choices: dict[int, list[Any]] = {}
    for data in found:
        if data == "[DONE]":
            continue
        for choice in json.loads(_nameless(data))["choices"]:
            said = choices.setdefault(choice["index"], ["", [], None])
            said[0] += choice["delta"].get("content") or ""
            for piece in choice["delta"].get("tool_calls") or ():
                _add(said[1], piece)
            said[2] = choice["finish_reason"] or said[2]
    return [tuple(choices[index]) for index in sorted(choices)]


def _add(calls: list[dict[str, Any]], piece: dict[str, Any]) -> None:
    kind = "function" if "function" in piece else "custom"
    if piece["index"] == len(calls):
        calls.append({})
    call = calls[piece["index"]]
    for name, value in piece[kind].items():
        call[name] = call.get(name, "") + value


def _of_events(found: list[str]) -> Any:
    last = json.loads(_nameless(found[-1]))
    return last["response"]["output"], last["response"]["status"]


def _of_response(body: bytes) -> Any:
    response = json.loads(_nameless(body.decode()))
    return response["output"], response["status"]
