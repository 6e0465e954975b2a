"""What a YAML file says, and where, for messages to the operator."""

from collections.abc import Iterable, Iterator, Sequence

import yaml
from pydantic_core import ErrorDetails

NOT_YAML = (
    yaml.YAMLError,
    ValueError,
    RecursionError,
    LookupError,
    AttributeError,
    TypeError,
    ArithmeticError,
)
"""What PyYAML raises of text that is none; all but the first for the likes of `!!bool 5`."""

_SHOWN = 20
"""Sentences; who has more to mend begins with these."""


class YamlError(ValueError):
    """A text that cannot be used; the message is for the operator."""


def composed(text: str, source: str) -> tuple[yaml.Node | None, object]:
    """What a text says, and its nodes, which know their lines. `source` is the file's name in messages.

    Raises: YamlError: it is no YAML, or says something twice.
    """
    try:
        root, document = yaml.compose(text, Loader=yaml.SafeLoader), yaml.safe_load(text)
    except yaml.MarkedYAMLError as error:
        line = f":{error.problem_mark.line + 1}" if error.problem_mark else ""
        raise YamlError(f"{source}{line}: not valid YAML: {error.problem}.") from None
    except NOT_YAML as error:
        raise YamlError(f"{source}: not valid YAML ({type(error).__name__}).") from None
    if twice := tuple(said_twice(root, source)):
        raise YamlError(told(twice))
    return root, document


def path_of(location: tuple[int | str, ...]) -> str:
    """`("client_keys", 0, "name")` -> `client_keys[0].name`."""
    text = ""
    for step in location:
        text += f"[{step}]" if isinstance(step, int) else f".{step}"
    return text.removeprefix(".")


def place_of(root: yaml.Node | None, location: tuple[int | str, ...], source: str) -> str:
    """`client-keys.yaml:4`: the line of the deepest node on the way to `location` that exists."""
    node = root
    for step in location:
        child = _child(node, step)
        if child is None:
            break
        node = child
    return source if node is None else f"{source}:{node.start_mark.line + 1}"


def told_at(root: yaml.Node | None, location: tuple[int | str, ...], source: str, sentence: str) -> str:
    """`client-keys.yaml:4: client_keys[0].name: is missing.`"""
    return f"{place_of(root, location, source)}: {path_of(location) or 'the file'}: {sentence}"


def fault_in_words(detail: ErrorDetails, *, fields: Iterable[str]) -> str:
    """What is wrong with a field, whatever it is for; `fields` are those that could stand beside it."""
    match detail["type"]:
        case "missing":
            return "is missing."
        case "extra_forbidden":
            return f"is not a field that is known here ({', '.join(fields)})."
        case _:
            return f"{detail['msg']}."


def said_twice(root: yaml.Node | None, source: str) -> Iterator[str]:
    """A sentence for each key that its mapping has already: YAML forbids that, and PyYAML takes the last in silence.

    `root` is of text that PyYAML has read, so its keys are plain.
    """
    # what anchors name is there several times, and may hold itself
    seen: set[int] = set()
    waiting: list[tuple[yaml.Node, tuple[int | str, ...]]] = [] if root is None else [(root, ())]
    while waiting:
        node, location = waiting.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        match node:
            case yaml.MappingNode():
                yield from _twice_in(node, location, source)
                waiting.extend((value, (*location, key.value)) for key, value in reversed(node.value))
            case yaml.SequenceNode():
                waiting.extend(
                    reversed([(each, (*location, index)) for index, each in enumerate(node.value)])
                )
            case _:
                pass


def _twice_in(node: yaml.MappingNode, location: tuple[int | str, ...], source: str) -> Iterator[str]:
    lines: dict[tuple[str, str], int] = {}
    for key, _ in node.value:
        name, line = (key.tag, key.value), key.start_mark.line + 1
        if name in lines:
            where = path_of((*location, key.value))
            yield f"{source}:{line}: {where}: is in line {lines[name]} already, and only one of the two can count."
        else:
            lines[name] = line


def told(problems: Sequence[str]) -> str:
    """A line each, and of very many only the first."""
    each = tuple(dict.fromkeys(problems))
    more = (f"And {len(each) - _SHOWN:,} more.",) if len(each) > _SHOWN else ()
    return "\n".join((*each[:_SHOWN], *more))


def _child(node: yaml.Node | None, step: int | str) -> yaml.Node | None:
    if isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
        return node.value[step]
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if key.value == step:
                return value
    return None
