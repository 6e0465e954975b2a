"""Parts, messages and JSON -> text for people. Nothing is cut; what is base64 is told by its size and digest."""

import re
from collections.abc import Iterable, Mapping

from pydantic_core import from_json, to_json

from antigravity_addon.wire.base import Json

from .parts import Call, Citation, Opaque, Other, Part, Reasoning, Reference, Refusal, Result, Text, opaque

_INDENT = "  "
_SHORT = 80
"""Characters of JSON that may stand in one line."""
_LONG_BASE64 = 200
_BASE64 = re.compile(r"(?:data:[^,]{0,100},)?[A-Za-z0-9+/_=-]+")
_DATA_URL_IN_TEXT = re.compile(rf"data:[\w.+/;=-]{{0,100}};base64,[A-Za-z0-9+/_=%-]{{{_LONG_BASE64},}}")
_UNIT = 1000


def size_in_words(size: int) -> str:
    if size < _UNIT:
        return f"{size} B"
    if size < _UNIT**2:
        return f"{size / _UNIT:.1f} kB"
    return f"{size / _UNIT**2:.1f} MB"


def rule(title: str) -> str:
    return f"── {title} " + "─" * max(3, _SHORT - 4 - len(title))


def indented(text: str) -> str:
    return "\n".join(_INDENT + line if line else "" for line in text.split("\n"))


# --- parts ------------------------------------------------------------------------------------------------


def part_in_words(part: Part, names: Mapping[str, str]) -> str:
    match part:
        case Text(text=text):
            return without_base64(text)
        case Reasoning(text=text):
            return f"[reasoning]\n{indented(without_base64(text).rstrip())}"
        case Refusal(text=text):
            return f"[refusal]\n{indented(text)}"
        case Call():
            return _call(part)
        case Result():
            return _result(part, names)
        case Opaque():
            return _in_brackets(
                part.label, part.name, part.mime_type, size_in_words(part.size), f"#{part.digest}"
            )
        case Reference():
            return _in_brackets(part.label, part.name, part.mime_type, part.place)
        case Citation():
            quote = f"\n{indented(f'“{part.quote}”')}" if part.quote else ""
            return _in_brackets("source", part.title, part.url) + quote
        case Other(label=label, value=value):
            return labelled(label, value)


def _call(call: Call) -> str:
    arguments = _object_in(call.arguments) if isinstance(call.arguments, str) else call.arguments
    broken = (
        "arguments that are no JSON" if arguments and isinstance(arguments, str) and not call.kind else ""
    )
    about = " · ".join(filter(None, (call.id, call.kind, broken)))
    head = f"[call] {call.name or '(without a name)'}" + (f" ({about})" if about else "")
    return f"{head}\n{indented(json_text(arguments) or '{}')}"


def _result(result: Result, names: Mapping[str, str]) -> str:
    name = result.name or names.get(result.id, "")
    of = f"{name} ({result.id})" if name and result.id else name or result.id
    paragraphs = [
        json_text(_object_in(part.text)) if isinstance(part, Text) else part_in_words(part, names)
        for part in result.content
    ]
    return "\n".join([f"[result of {of or 'an unnamed call'}]", *map(indented, paragraphs)])


def _in_brackets(*words: str) -> str:
    return f"[{' · '.join(filter(None, words))}]"


def labelled(label: str, value: Json) -> str:
    text = json_text(value) or "null"
    return f"[{label}]\n{indented(text)}" if "\n" in text else f"[{label}] {text}"


def without_base64(text: str) -> str:
    """Pictures in the middle of a text."""
    if ";base64," not in text:
        return text
    return _DATA_URL_IN_TEXT.sub(lambda match: part_in_words(opaque("data", match[0]), {}), text)


# --- JSON -------------------------------------------------------------------------------------------------


def _object_in(text: str) -> Json:
    """JSON that comes as a string; what is no object or list stays a text."""
    if text[:1] not in {"{", "["} and text.lstrip()[:1] not in {"{", "["}:
        return text
    try:
        return from_json(text)
    except ValueError:
        return text


def json_text(value: Json) -> str:
    """JSON as people would write it down: by lines, and texts of several lines as they are. A bare text is itself."""
    match value:
        case str():
            return without_base64(value)
        case None:
            return ""
        case _:
            lines: list[str] = []
            _write(value, "", "", lines)
            return "\n".join(lines)


def _write(value: Json, lead: str, indent: str, lines: list[str]) -> None:
    """`lead`: what stands ahead of the value in its line, the indent included."""
    match value:
        case dict() if value and not _is_short(value.values()):
            if lead:
                lines.append(lead.rstrip())
            for name, each in value.items():
                _write(each, f"{indent}{_key(name)}: ", f"{indent}{_INDENT}", lines)
        case list() if value and not _is_short(value):
            if lead:
                lines.append(lead.rstrip())
            for each in value:
                _write_element(each, indent, lines)
        case str() if "\n" in value and not _is_base64(value):
            lines.append(f"{lead}|")
            lines.extend(f"{indent}{line}" if line else "" for line in without_base64(value).split("\n"))
        case _:
            lines.append(f"{lead}{_in_one_line(value)}")


def _write_element(value: Json, indent: str, lines: list[str]) -> None:
    begin = len(lines)
    _write(value, f"{indent}- " if not _has_lines(value) else "", f"{indent}{_INDENT}", lines)
    if _has_lines(value):
        lines[begin] = f"{indent}- {lines[begin][len(indent) + 2 :]}"


def _has_lines(value: Json) -> bool:
    match value:
        case dict():
            return bool(value) and not _is_short(value.values())
        case list():
            return bool(value) and not _is_short(value)
        case _:
            return False


def _is_short(values: Iterable[Json]) -> bool:
    """Few, and none of them of more than a word or two."""
    room = _SHORT - 20
    for value in values:
        match value:
            case dict() | list() if value:
                return False
            case str():
                room -= len(value) + 6
                if "\n" in value:
                    return False
            case _:
                room -= 8
        if room < 0:
            return False
    return True


def _in_one_line(value: Json) -> str:
    if isinstance(value, str):
        if _is_base64(value):
            return part_in_words(opaque("base64", value), {})
        value = without_base64(value)
    return to_json(value).decode()


def _is_base64(text: str) -> bool:
    return len(text) >= _LONG_BASE64 and _BASE64.fullmatch(text) is not None


def _key(name: str) -> str:
    return name if name.isidentifier() or name.replace("-", "_").isidentifier() else to_json(name).decode()
