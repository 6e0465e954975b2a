"""Gemini allows a schema to contain itself only inside a property that is not required: other circles are cut open."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from antigravity_addon.wire.base import JsonObject

from .schema_keywords import DEFS_PREFIX, MAX_DEPTH, names_in


def without_required_cycles(
    root: JsonObject, defs: Mapping[str, JsonObject]
) -> tuple[JsonObject, dict[str, JsonObject]]:
    """Gemini allows a schema to contain itself only inside a property that is not required."""
    if not defs:
        return root, {}
    cutter = _CycleCutter(defs)
    result = cutter.cut(root, 0)
    for name in defs:
        cutter.visit(name, 0)
    reachable: dict[str, JsonObject] = {}
    pending = [result]
    while pending:
        for name in _referenced(pending.pop()):
            if name not in reachable:
                reachable[name] = cutter.finished[name]
                pending.append(cutter.finished[name])
    return result, {name: reachable[name] for name in defs if name in reachable}


def _referenced(schema: JsonObject) -> Iterable[str]:
    if isinstance(pointer := schema.get("$ref"), str):
        yield pointer.removeprefix(DEFS_PREFIX)
    for subschema in _subschemas(schema):
        yield from _referenced(subschema)


def _subschemas(schema: JsonObject) -> Iterable[JsonObject]:
    """Those of a cleaned schema."""
    properties = schema.get("properties")
    if isinstance(properties, dict):
        yield from (value for value in properties.values() if isinstance(value, dict))
    for keyword in ("items", "additionalProperties"):
        if isinstance(value := schema.get(keyword), dict):
            yield value
    for keyword in ("prefixItems", "anyOf", "oneOf"):
        if isinstance(value := schema.get(keyword), list):
            yield from (branch for branch in value if isinstance(branch, dict))


@dataclass(slots=True)
class _CycleCutter:
    """Walks definitions depth first along what is required; a reference to one that is open closes a cycle."""

    defs: Mapping[str, JsonObject]
    opened: set[str] = field(default_factory=set[str])
    finished: dict[str, JsonObject] = field(default_factory=dict[str, JsonObject])

    def visit(self, name: str, depth: int) -> None:
        if name in self.opened:
            return
        self.opened.add(name)
        self.finished[name] = self.cut(self.defs[name], depth)

    def cut(self, schema: JsonObject, depth: int) -> JsonObject:
        pointer = schema.get("$ref")
        if isinstance(pointer, str):
            name = pointer.removeprefix(DEFS_PREFIX)
            if depth < MAX_DEPTH:
                self.visit(name, depth + 1)
            if name not in self.finished:
                return {"type": "object", "description": f"Of the same shape as {name}."}
            return schema
        result = dict(schema)
        properties, required = schema.get("properties"), schema.get("required")
        if isinstance(properties, dict):
            names = frozenset(names_in(required))
            result["properties"] = {
                name: self.cut(value, depth) if name in names and isinstance(value, dict) else value
                for name, value in properties.items()
            }
        for keyword in ("items", "additionalProperties"):
            if isinstance(value := schema.get(keyword), dict):
                result[keyword] = self.cut(value, depth)
        for keyword in ("prefixItems", "anyOf", "oneOf"):
            if isinstance(value := schema.get(keyword), list):
                result[keyword] = [self.cut(b, depth) if isinstance(b, dict) else b for b in value]
        return result
