"""What is fuzzed: how inputs are made, and what must hold of each.

An input is bytes, so that one that was found lies in the corpus as it is.
"""

import asyncio
import json
import tempfile
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from antigravity_addon.accounts.credential_files import CredentialFileError, parse_credentials
from antigravity_addon.accounts.file import AccountsFileError, accounts_of
from antigravity_addon.accounts.importing import ImportFailedError, read_import
from antigravity_addon.accounts.secrets import SecretSources
from antigravity_addon.gateway.client_keys import ClientKeysFileError, parse_client_keys
from antigravity_addon.gateway.prices import PricesFileError, parse_prices
from antigravity_addon.gateway.routes import Endpoint
from antigravity_addon.mitm.cassette import read_recordings
from antigravity_addon.mitm.config_file import ConfigError, _read
from antigravity_addon.mitm.contentviews.fields import TRANSLATIONS
from antigravity_addon.mitm.operator_files import StartError
from antigravity_addon.views.answer_text import answer_text
from antigravity_addon.views.conversation_text import conversation_text
from antigravity_addon.views.fields import fields_of
from antigravity_addon.views.masked_body import masked_body
from antigravity_addon.views.masks import Masks
from antigravity_addon.views.readers import NoDialectError
from antigravity_addon.views.redacted import redacted_body
from antigravity_addon.wire.sse import ServerSentEvent, SseDecoder, StrayJson

from . import encodings, http1, seeds
from .in_process import Asked, InProcess
from .laws import Broken, check_request, check_upstream
from .spoiling import (
    MODELS,
    NAMES,
    TEXTS,
    any_bytes,
    any_value,
    carried,
    schema,
    spoiled,
    spoiled_bytes,
    spoiled_text,
    to_bytes,
)

_JSON = "application/json"
_SECRETS = SecretSources({"KEY": "AI-key"}, keyring=lambda service, user: None)  # noqa: ARG005
_IDS = (
    "resp_known",
    "conv_known",
    "msg_known",
    "",
    "..",
    "%2e%2e",
    "a%2fb",
    "%00",
    "%ff",
    "%ed%a0%80",
    "x" * 3000,
)
_FORM = "multipart/form-data; boundary=X"
_CHAT, _RESPONSES = Endpoint.CHAT_COMPLETIONS, Endpoint.RESPONSES


@dataclass(frozen=True, slots=True)
class Target:
    generate: Callable[[Random], bytes]
    check: Callable[[InProcess, bytes], Coroutine[Any, Any, None]]
    """Raises: Broken."""
    weight: int = 1
    """Its part of a long run."""
    head: bytes = b""
    """What any bytes need in front to be an input."""


# --- requests --------------------------------------------------------------------------------------------


async def _check_request(gateway: InProcess, content: bytes) -> None:
    await check_request(gateway, Asked.from_bytes(content))


def _to_case(random: Random, endpoint: Endpoint, value: Any) -> bytes:
    target = endpoint.value.replace(
        "{id}", random.choice(("conv_known", "conv_known", random.choice(_IDS[:3])))
    )
    body = to_bytes(random, value)
    return Asked("POST", target, _JSON, body).to_bytes()


def _spoiled_request(endpoint: Endpoint) -> Callable[[Random], bytes]:
    def generate(random: Random) -> bytes:
        sound = seeds.bodies()
        own = sound[endpoint]
        body = spoiled(random, random.choice(own), random.choice((own, own, sound[_CHAT], sound[_RESPONSES])))
        if isinstance(body, dict) and random.randrange(3) == 0:
            body["model"] = random.choice(MODELS)
        return _to_case(random, endpoint, body)

    return generate


def _any_body(random: Random) -> bytes:
    endpoint = random.choice(list(seeds.bodies()))
    content = any_bytes(random) if random.randrange(2) else b""
    target = endpoint.value.replace("{id}", "conv_known")
    value = any_value(random, seeds.bodies()[endpoint])
    return Asked("POST", target, _JSON, content or to_bytes(random, value)).to_bytes()


def _path(random: Random) -> bytes:
    endpoint = random.choice(list(Endpoint))
    target = endpoint.value
    for name in ("{id}", "{item}"):
        target = target.replace(name, random.choice(_IDS))
    if not random.randrange(3):
        target = spoiled_text(random, target)
    names = ("limit", "order", "after", "stream", "include", "x")
    values = (
        "1",
        "0",
        "100",
        "101",
        "-1",
        "٣",
        "asc",
        "desc",
        "msg_known",
        "true",
        "",
        "%00",
        "%ff",
        "&",
        "=",
    )
    query = "&".join(f"{random.choice(names)}={random.choice(values)}" for _ in range(random.randrange(4)))
    target = "".join(char for char in f"{target}?{query}" if char > " ").encode(errors="replace").decode()
    method = random.choice(("GET", "GET", "DELETE", "POST", "HEAD", "PUT", "OPTIONS", "G\udcff", "get"))
    return Asked(method, target, "", b"" if method != "POST" else b"{}").to_bytes()


def _schemas(random: Random) -> bytes:
    parameters = (
        schema(random) if random.randrange(2) else {"type": "object", "properties": {"a": schema(random)}}
    )
    shape, name = schema(random), random.choice(("f", "f g", "é", "x" * 99, "1", "a.b:c-d"))
    model = random.choice(MODELS)
    if random.randrange(2):
        function = {"name": name, "parameters": parameters, "strict": random.choice((True, False, None))}
        form: Any = {"type": "json_schema", "json_schema": {"name": "s", "schema": shape}}
        body: Any = {"messages": [{"role": "user", "content": "x"}]}
        endpoint, fields = (
            _CHAT,
            {"tools": [{"type": "function", "function": function}], "response_format": form},
        )
    else:
        form = {"format": {"type": "json_schema", "name": "s", "schema": shape}}
        tools = [{"type": "function", "name": name, "parameters": parameters}]
        endpoint, body, fields = _RESPONSES, {"input": "x"}, {"tools": tools, "text": form}
    kept = {key: value for key, value in fields.items() if random.randrange(4)}
    return _to_case(random, endpoint, {"model": model, **body, **kept})


def _media(random: Random) -> bytes:
    url = spoiled_text(random, random.choice(TEXTS)) if random.randrange(2) else random.choice(TEXTS)
    parts: Sequence[Any] = (
        {"type": "image_url", "image_url": {"url": url, "detail": random.choice(("low", "", "auto"))}},
        {"type": "input_image", "image_url": url},
        {
            "type": "input_audio",
            "input_audio": {"data": url, "format": random.choice(("wav", "mp3", "", "x"))},
        },
        {"type": "file", "file": {"file_data": url, "filename": random.choice(TEXTS)}},
        {"type": "input_file", "file_url": url},
        {"type": "input_file", "file_data": url, "filename": random.choice(("a.pdf", "a.docx", "", "a"))},
        {"type": "text", "text": f"![a]({url}) {random.choice(TEXTS)}"},
    )
    role = random.choice(("user", "user", "assistant", "system", "tool"))
    content = [random.choice(parts) for _ in range(random.randrange(1, 3))]
    message: Any = {"role": role, "content": content, "tool_call_id": "c"}
    model = random.choice(MODELS)
    if random.randrange(2):
        return _to_case(random, _CHAT, {"model": model, "messages": [message]})
    output = {"type": "function_call_output", "call_id": "c", "output": content}
    call = {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"}
    items = [message] if random.randrange(2) else [call, output]
    return _to_case(random, _RESPONSES, {"model": model, "input": items})


def _what_clients_carry(random: Random) -> bytes:
    signature = spoiled_text(random, random.choice(("RSIEIwoh", "skip_thought_signature_validator", "QQ==")))
    opaque = carried(
        random,
        {
            "of": random.choice(("call", "text", "summary")),
            "content": signature,
            "model": random.choice(MODELS),
        },
    )
    model, an_id = random.choice(MODELS), random.choice((*TEXTS, "call_1", "resp_known", "msg_known"))
    if random.randrange(3) == 0:
        extra = {"google": {"thought_signature": signature, "id": an_id}}
        call = {
            "id": an_id,
            "type": "function",
            "extra_content": extra,
            "function": {"name": "f", "arguments": "{}"},
        }
        messages: list[Any] = [
            {"role": "user", "content": "x"},
            {"role": "assistant", "tool_calls": [call] * random.randrange(1, 3), "extra_content": extra},
            {"role": "tool", "tool_call_id": random.choice((an_id, "c")), "content": "y"},
        ]
        return _to_case(random, _CHAT, {"model": model, "messages": messages})
    items: Sequence[Any] = (
        {"role": "user", "content": "x"},
        {"type": "reasoning", "id": an_id, "summary": [], "encrypted_content": opaque},
        {"type": "compaction", "encrypted_content": opaque},
        {"type": "function_call", "call_id": an_id, "name": "f", "arguments": "{}"},
        {"type": "function_call_output", "call_id": an_id, "output": "y"},
        {"type": "item_reference", "id": an_id},
        {"id": an_id},
        {
            "type": "message",
            "role": "assistant",
            "id": an_id,
            "content": [{"type": "output_text", "text": "z"}],
        },
    )
    fields: Mapping[str, Any] = {
        "previous_response_id": an_id,
        "conversation": random.choice((an_id, {"id": an_id})),
        "prompt_cache_key": an_id,
        "include": ["reasoning.encrypted_content"],
        "store": False,
    }
    kept = {key: value for key, value in fields.items() if not random.randrange(3)}
    chosen = [random.choice(items) for _ in range(random.randrange(1, 6))]
    return _to_case(random, _RESPONSES, {"model": model, "input": chosen, **kept})


def _form(random: Random) -> bytes:
    fields: Mapping[str, Sequence[str]] = {
        "model": ("whisper-1", "gpt-4o-transcribe", *TEXTS[:6], *MODELS),
        "language": ("fr", "x", *TEXTS[:6]),
        "languages[]": ("fr", *TEXTS[:6]),
        "keywords[]": TEXTS,
        "prompt": TEXTS,
        "response_format": ("json", "text", "srt", "verbose_json", "x"),
        "temperature": ("0", "1", "2", "nan", "1e999", "x"),
        "stream": ("true", "false", "1", "maybe"),
        "include[]": ("logprobs",),
        "timestamp_granularities[]": ("word",),
    }
    parts = [b'name="model"\r\n\r\nwhisper-1']
    for _ in range(random.randrange(5)):
        name = random.choice((*fields, *NAMES[:4]))
        value = random.choice(fields.get(name, TEXTS)).encode("utf-8", "surrogatepass")
        parts.append(f'name="{name}"\r\n\r\n'.encode() + value)
    kind = random.choice(("audio/wav", "audio/mpeg", "", "x", "video/mp4", "text/plain"))
    filename = random.choice(("a.wav", "a", "", "a.mp3", "é.ogg"))
    octets = random.choice((b"RIFF1234WAVE", b"", b"ID3x", b"\0" * 9, b"--X"))
    parts.append(f'name="file"; filename="{filename}"\r\nContent-Type: {kind}\r\n\r\n'.encode() + octets)
    body = (
        b"".join(b"--X\r\nContent-Disposition: form-data; " + part + b"\r\n" for part in parts) + b"--X--\r\n"
    )
    if random.randrange(2):
        body = spoiled_bytes(random, body)
    content_type = spoiled_text(random, _FORM) if not random.randrange(8) else _FORM
    content_type = content_type.replace("\n", "").encode("utf-8", "replace").decode()
    endpoint = random.choice((Endpoint.TRANSCRIPTIONS, Endpoint.TRANSLATIONS))
    return Asked("POST", endpoint.value, content_type, body).to_bytes()


# --- what the upstream says ------------------------------------------------------------------------------

_ASKED_BOTH_WAYS = tuple(
    (endpoint.value, body | {"model": "gemini-3.8-flash", "stream": stream})
    for stream in (True, False)
    for endpoint, body in (
        (Endpoint.CHAT_COMPLETIONS, {"messages": [{"role": "user", "content": "x"}]}),
        (Endpoint.RESPONSES, {"input": "x"}),
        (Endpoint.COMPLETIONS, {"prompt": "x"}),
        (
            Endpoint.CHAT_COMPLETIONS,
            {
                "messages": [{"role": "user", "content": "x"}],
                "tools": [{"type": "function", "function": {"name": "f"}}],
                "logprobs": True,
            },
        ),
        (
            Endpoint.RESPONSES,
            {
                "input": "x",
                "tools": [{"type": "shell"}, {"type": "web_search"}, {"type": "custom", "name": "f"}],
                "include": ["reasoning.encrypted_content", "message.output_text.logprobs"],
                "reasoning": {"summary": "auto"},
            },
        ),
    )
)
_QUESTIONS: Sequence[tuple[str, Any]] = (
    *_ASKED_BOTH_WAYS,
    (Endpoint.IMAGES.value, {"model": "gpt-image-1", "prompt": "x"}),
)


async def _check_upstream(gateway: InProcess, content: bytes) -> None:
    head, _, body = content.partition(b"\n")
    question, status = map(int, head.split())
    target, asked = _QUESTIONS[question]
    request = Asked("POST", target, _JSON, json.dumps(asked).encode())
    await check_upstream(gateway, request, status, body)


def _to_answer(random: Random, status: int, body: bytes) -> bytes:
    return b"%d %d\n%b" % (random.randrange(len(_QUESTIONS)), status, body)


def _answer(random: Random) -> bytes:
    stream = random.choice(seeds.streams())
    if not random.randrange(3):
        return _to_answer(random, 200, spoiled_bytes(random, stream))
    lines = stream.split(b"\n")
    for _ in range(random.randrange(1, 4)):
        index = random.randrange(len(lines))
        lines[index] = _spoiled_line(random, lines[index])
    return _to_answer(random, 200, b"\n".join(lines))


def _spoiled_line(random: Random, line: bytes) -> bytes:
    """Something in the message is another thing."""
    try:
        message = json.loads(line.removeprefix(b"data: "))
    except ValueError:
        return spoiled_bytes(random, line)
    return b"data: " + json.dumps(spoiled(random, message, (message,))).encode()


def _error(random: Random) -> bytes:
    status, body = random.choice(seeds.errors())
    if random.randrange(2):
        status = random.choice((400, 401, 403, 404, 408, 413, 429, 499, 500, 503, 504, 301, 204, 599, 200))
    try:
        document = json.loads(body)
    except ValueError:
        return _to_answer(random, status, spoiled_bytes(random, body))
    return _to_answer(random, status, to_bytes(random, spoiled(random, document, (document,))))


async def _check_sse(gateway: InProcess, content: bytes) -> None:
    """Where the pieces begin makes no difference."""
    whole = _decoded(content)
    for size in (1, 3, 64):
        pieces = (content[start : start + size] for start in range(0, len(content), size))
        if (found := _decoded(*pieces)) != whole:
            raise Broken("boundaries carry no meaning", (size, found, whole))


def _decoded(*pieces: bytes) -> list[ServerSentEvent | StrayJson]:
    decoder = SseDecoder()
    found = [item for piece in pieces for item in decoder.feed(piece)]
    return [*found, *decoder.finish()]


def _stream(random: Random) -> bytes:
    if random.randrange(3):
        return spoiled_bytes(random, random.choice(seeds.streams())[: random.randrange(4000)])
    return any_bytes(random)


# --- files -----------------------------------------------------------------------------------------------


def _reads(
    read: Callable[[str], object], *foreseen: type[Exception]
) -> Callable[[InProcess, bytes], Coroutine[Any, Any, None]]:
    """The file is understood or refused in words."""

    async def check(gateway: InProcess, content: bytes) -> None:
        try:
            # it blocks
            await asyncio.to_thread(read, content.decode("utf-8", "surrogateescape"))
        except foreseen as error:
            if "Traceback" in str(error) or not str(error):
                raise Broken("a refusal is a sentence", error) from error
        except Exception as error:
            raise Broken(f"no exception that nobody foresaw ({type(error).__name__})", error) from error

    return check


def _spoiled_text(texts: Callable[[], Sequence[str]]) -> Callable[[Random], bytes]:
    def generate(random: Random) -> bytes:
        text = random.choice(texts()).encode()
        return spoiled_bytes(random, text).decode("utf-8", "replace").encode()

    return generate


def _credentials(random: Random) -> bytes:
    own: Any = random.choice(seeds.credential_files())
    tools = {"id": "1", "email": "a@b.c", "token": {"refresh_token": "1//x", "project_id": "p"}}
    whole = random.choice((own, tools, [tools, tools]))
    return to_bytes(random, spoiled(random, whole, (own, tools)))


def _config(text: str) -> object:
    return _from_file(text.encode("utf-8", "surrogateescape"), _read)


def _from_file(content: bytes, read: Callable[[Path], object]) -> object:
    with tempfile.NamedTemporaryFile(suffix=".mitm") as file:
        file.write(content)
        file.flush()
        return read(Path(file.name))


_CONFIG = (
    "gateway_upstream: simulator\ngateway_model_map:\n  - gpt-4o=gemini-2.5-pro\nlisten_port: 8045\n",
    "a: &x [1]\nb: *x\n? [c]\n: d\n",
)


def _recording(random: Random) -> bytes:
    content = random.choice(seeds.flow_files())
    start = random.randrange(len(content))
    window = content[start : start + 4000]
    return content[:start] + spoiled_bytes(random, window) + content[start + 4000 :]


# --- views -----------------------------------------------------------------------------------------------

_MASKS = Masks({"ana": "user-1"}, secrets=("sk-secret",))


async def _check_views(gateway: InProcess, content: bytes) -> None:
    """There is a text, whatever the bytes."""
    asked = Asked.from_bytes(content)
    try:
        redacted_body(asked.body, asked.content_type)
        masked_body(asked.body, asked.content_type, _MASKS)
        for endpoint, translation in TRANSLATIONS.items():
            if endpoint.value == asked.path:
                fields_of(translation, asked.body, "gemini-2.5-flash", sent=None, choice=0)
        conversation_text(asked.path, asked.body, asked.content_type).encode()
        answer_text(asked.path, asked.body).encode()
    except NoDialectError:
        pass
    except Exception as error:
        raise Broken(f"no exception that nobody foresaw ({type(error).__name__})", error) from error


def _viewed(random: Random) -> bytes:
    if random.randrange(3):
        return _spoiled_request(random.choice((_CHAT, _RESPONSES, Endpoint.COMPLETIONS)))(random)
    stream = spoiled_bytes(random, random.choice(seeds.streams()))
    return Asked(
        "POST", "/v1beta/models/gemini-3.8-flash:streamGenerateContent", "text/event-stream", stream
    ).to_bytes()


def _of_requests(endpoint: Endpoint, weight: int = 1) -> Target:
    target = endpoint.value.replace("{id}", "conv_known")
    head = Asked("POST", target, _JSON, b"").to_bytes()
    return Target(_spoiled_request(endpoint), _check_request, weight, head)


REQUEST = Target(_any_body, _check_request)
"""A request, wherever it is from."""
TARGETS: Mapping[str, Target] = {
    "chat": _of_requests(_CHAT, 20),
    "responses": _of_requests(_RESPONSES, 20),
    "compact": _of_requests(Endpoint.COMPACT, 3),
    "completions": _of_requests(Endpoint.COMPLETIONS, 3),
    "images": _of_requests(Endpoint.IMAGES, 3),
    "conversations": _of_requests(Endpoint.CONVERSATIONS, 2),
    "conversation": _of_requests(Endpoint.CONVERSATION),
    "conversation-items": _of_requests(Endpoint.CONVERSATION_ITEMS, 2),
    "audio": Target(
        _form, _check_request, 5, Asked("POST", Endpoint.TRANSCRIPTIONS.value, _FORM, b"").to_bytes()
    ),
    "paths": Target(_path, _check_request, 5),
    "bodies": Target(_any_body, _check_request, 5),
    "schemas": Target(_schemas, _check_request, 10),
    "media": Target(_media, _check_request, 5),
    "carried": Target(_what_clients_carry, _check_request, 5),
    "answers": Target(_answer, _check_upstream, 10, b"4 200\n"),
    "errors": Target(_error, _check_upstream, 5, b"0 429\n"),
    "sse": Target(_stream, _check_sse, 3),
    "http1": Target(http1.generate, http1.check, 5, b"GET / HTTP/1.1\r\nhost: x\r\n"),
    "encodings": Target(encodings.generate, encodings.check, 3, b"gzip\n"),
    "views": Target(_viewed, _check_views, 5),
    "accounts": Target(
        _spoiled_text(seeds.account_files),
        _reads(
            lambda text: accounts_of(text, path=Path("accounts.yaml"), sources=_SECRETS), AccountsFileError
        ),
        2,
    ),
    "keys": Target(
        _spoiled_text(seeds.key_files),
        _reads(lambda text: parse_client_keys(text, source="keys.yaml"), ClientKeysFileError),
        2,
    ),
    "prices": Target(
        _spoiled_text(seeds.price_files),
        _reads(lambda text: parse_prices(text, source="prices.yaml"), PricesFileError),
        2,
    ),
    "config": Target(_spoiled_text(lambda: _CONFIG), _reads(_config, ConfigError)),
    "credentials": Target(
        _credentials,
        _reads(lambda text: parse_credentials(text, path=Path("adc.json")), CredentialFileError),
    ),
    "import": Target(_credentials, _reads(lambda text: read_import(text, environ={}), ImportFailedError)),
    "recordings": Target(
        _recording,
        _reads(lambda text: _from_file(text.encode("utf-8", "surrogateescape"), read_recordings), StartError),
    ),
}
