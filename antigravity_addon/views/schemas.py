"""What the clean-up of `translate/json_schema.py` took out of a client's schema, and what it put in."""

from collections.abc import Mapping
from dataclasses import dataclass

from antigravity_addon.wire.base import Json, JsonObject

from .differences import Absent, Difference, Path, differences, shown, shown_path

_WHOLE = frozenset({"enum", "const", "default", "required", "examples", "example"})
_MOST = 6
"""Places that are named."""


@dataclass(frozen=True, slots=True)
class SchemaChange:
    place: str
    before: str
    """Empty: it was not there."""
    after: str
    """Empty: it is gone."""
    is_told: bool = False
    """The description says it instead."""


def changes_of(schema: Json, cleaned: JsonObject | None) -> tuple[SchemaChange, ...]:
    if not isinstance(schema, dict):
        return ()
    found = tuple(
        each
        for each in differences(_with_defs(schema), cleaned or {}, whole=_WHOLE)
        # a reference that points to the same thing in its new place
        if each.path[-1] != "$ref" or isinstance(each.after, Absent)
    )
    described = {
        each.path[:-1]: each.after
        for each in found
        if each.path[-1] == "description" and isinstance(each.after, str)
    }
    told = [_is_told(each, described) for each in found]
    beside = {each.path[:-1] for each, is_told in zip(found, told, strict=True) if is_told}
    return tuple(
        _change(each, is_told=is_told)
        for each, is_told in zip(found, told, strict=True)
        if not (each.path[-1] == "description" and each.path[:-1] in beside)
    )


def in_words(changes: tuple[SchemaChange, ...]) -> str:
    gone = [_gone(each) for each in changes if not each.after]
    other = [
        f"{each.place} {each.before} → {each.after}" if each.before else f"{each.place} {each.after}"
        for each in changes
        if each.after
    ]
    parts = (("without", gone), ("now with", other))
    return "; ".join(f"{word} {_listed(places)}" for word, places in parts if places)


def _gone(change: SchemaChange) -> str:
    return f"{change.place} {change.before}{' (the description says it)' if change.is_told else ''}"


def _listed(places: list[str]) -> str:
    more = len(places) - _MOST
    return ", ".join(places[:_MOST]) + (f" and {more} more" if more > 0 else "")


def _with_defs(schema: JsonObject) -> JsonObject:
    """`definitions` is what `$defs` was called before 2019."""
    return {"$defs" if key == "definitions" else key: value for key, value in schema.items()}


def _is_told(change: Difference, described: Mapping[Path, str]) -> bool:
    """The description beside it, which is new, says what it said. `described` has them by the schema's path."""
    if not isinstance(change.after, Absent) or change.path[-1] == "description":
        return False
    description = described.get(change.path[:-1])
    values = change.before if isinstance(change.before, list) else [change.before]
    return description is not None and all(
        str(value) in description for value in values if not isinstance(value, bool | dict | None)
    )


def _change(change: Difference, *, is_told: bool) -> SchemaChange:
    return SchemaChange(
        place=shown_path(change.path),
        before="" if isinstance(change.before, Absent) else shown(change.before, 24),
        after="" if isinstance(change.after, Absent) else shown(change.after, 24),
        is_told=is_told,
    )
