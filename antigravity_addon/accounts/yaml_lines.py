"""Where something stands in a YAML file, for messages to the operator."""

import yaml


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


def _child(node: yaml.Node | None, step: int | str) -> yaml.Node | None:
    if isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
        return node.value[step]
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if key.value == step:
                return value
    return None
