"""Content of OpenAI's messages -> parts. Clients mix the names that its dialects have for the same thing."""

from collections.abc import Iterator

from antigravity_addon.wire.base import Json, JsonObject

from .conversation import Tool
from .foreign import Foreign, Words, each_in, words_in
from .parts import Citation, Opaque, Other, Part, Reasoning, Reference, Refusal, Text, media, opaque


def content_parts(content: Json) -> Iterator[Part]:
    """Of a message, or of a tool's result: a text, a list of parts, or a part."""
    for part in each_in(content):
        if isinstance(part, dict):
            yield from _parts_of(part)
        elif part is not None:
            yield Text(words_in(part))


def _parts_of(part: JsonObject) -> Iterator[Part]:
    match part:
        case {"type": "text" | "input_text" | "output_text" | "summary_text", "text": str(text), **rest}:
            yield Text(text)
            for annotation in annotation_parts(rest.pop("annotations", None)):
                yield annotation.quoting(text) if isinstance(annotation, Citation) else annotation
        case {"type": "reasoning_text" | "thinking", "text": str(text), **rest}:
            yield Reasoning(text)
        case {"type": "refusal", "refusal": str(text), **rest}:
            yield Refusal(text)
        case {"type": "image_url" | "input_image", "image_url": {"url": str(url), **rest}}:
            yield media("image", url)
        case {"type": "image_url" | "input_image", "image_url": str(url), **rest}:
            yield media("image", url)
        case {"type": "input_audio", "input_audio": {"data": str(data), **rest}}:
            yield opaque("audio", data, mime_type=words_in(rest.pop("format", None)))
        case {"type": "file", "file": dict(file)}:
            yield _file_part(file)
            return
        case {"type": "input_file" | "input_image"}:
            yield _file_part(part)
            return
        case _:
            yield Other(words_in(part.get("type")) or "part", part)
            return
    rest.pop("type", None)
    yield from extra_parts(rest)


class _File(Foreign):
    type: Words = ""
    filename: Words = ""
    file_data: Words = ""
    file_id: Words = ""
    file_url: Words = ""


def _file_part(value: JsonObject) -> Opaque | Reference:
    file = _File.of(value)
    label = "image" if file.type == "input_image" else "file"
    if file.file_data:
        return opaque(label, file.file_data, name=file.filename)
    return Reference(label, file.file_url or file.file_id, name=file.filename)


class _UrlCitation(Foreign):
    url: Words = ""
    title: Words = ""
    start_index: Json = None
    end_index: Json = None


def annotation_parts(annotations: Json) -> Iterator[Citation | Other]:
    for annotation in each_in(annotations):
        match annotation:
            # Chat Completions nests the fields, the Responses API does not
            case {"type": "url_citation", "url_citation": dict(fields)} | (
                {"type": "url_citation"} as fields
            ):
                citation = _UrlCitation.of(fields)
                yield Citation(citation.url, citation.title, span=_span(citation))
            case _:
                yield Other("annotation", annotation)


def _span(citation: _UrlCitation) -> tuple[int, int] | None:
    match citation.start_index, citation.end_index:
        case (int(start), int(end)):
            return start, end
        case _:
            return None


def extra_parts(fields: JsonObject) -> Iterator[Part]:
    """Fields that nothing else was made of, beside those that say nothing."""
    for name, value in fields.items():
        if value not in (None, [], {}):
            yield Other(name, value)


class _Tool(Foreign):
    type: Words = ""
    name: Words = ""
    description: Words = ""
    function: Json = None
    custom: Json = None
    tools: Json = None


def tools_in(tools: Json, roof: str = "") -> Iterator[Tool]:
    """Tools of both dialects; those of a namespace as `namespace.tool`."""
    for value in each_in(tools):
        tool = _Tool.of(value)
        if tool.type == "namespace" and tool.tools is not None:
            yield Tool(tool.name, "namespace", tool.description)
            yield from tools_in(tool.tools, f"{roof}{tool.name}.")
            continue
        nested = tool.function if isinstance(tool.function, dict) else tool.custom
        definition = _Tool.of(nested) if isinstance(nested, dict) else tool
        name = definition.name or tool.type or words_in(value)
        kind = "" if tool.type in {"function", name} else tool.type
        yield Tool(roof + name, kind, definition.description, _details(definition))


def _details(tool: _Tool) -> Json:
    """The schema alone, where there is nothing beside it."""
    match tool.rest:
        case {"parameters": parameters, **rest} if not rest:
            return parameters
        case rest:
            return rest or None
