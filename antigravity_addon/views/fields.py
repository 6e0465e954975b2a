"""A client's request beside Gemini's: what became of each field.

A field is tried by leaving it out (see `trials`). What is said, and what a request cannot be without, is explained by
what it became. Rendering is in `fields_text`.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from pydantic.alias_generators import to_camel

from antigravity_addon.translate import json_schema
from antigravity_addon.wire.base import Json, JsonObject

from . import schemas
from .differences import (
    ABSENT,
    FREE_JSON,
    Absent,
    Difference,
    Path,
    Place,
    counted,
    differences,
    is_same,
    leaves,
    pattern_of,
    shown_path,
)
from .field_rows import Deviation, Fate, FieldRow, Fields, Landing, Unreadable
from .translations import Translation
from .trials import (
    Pattern,
    Refusal,
    Trials,
    left_out,
    read_object,
    request_in,
    shown_pattern,
    values_at,
)


def fields_of(
    translation: Translation, body: bytes, model: str, *, sent: bytes | None = None, choice: int = 0
) -> Fields | Unreadable:
    """`model` is Gemini's; `sent` the body that went upstream, for the given choice of the answer."""
    asked = read_object(body)
    if asked is None:
        return Unreadable("The body of the request is no JSON object, so there are no fields to tell of.")
    return _Finder(
        Trials(translation, model, choice), asked, request_in(sent) if sent is not None else None
    ).fields()


_FIRST_NAME = re.compile(r"\w+")
_MOST_REFUSALS = 8
_DEEPEST = 6
_SCHEMAS = frozenset({"parameters", "schema"})
"""Keys of the client's that hold a JSON Schema, of which no part is tried by itself."""
_SAID = frozenset(
    {"text", "name", "description", "parametersJsonSchema", "args", "response", "data", "mimeType", "fileUri"}
    | {"role", "id"}
)
"""Fields of Gemini's that hold what is said and declared. Nobody needs to be told that text became text."""
_OTHER_MODELS = ("gemini-3-flash-preview", "gemini-2.5-pro", "gemini-4-hydrogen", "gemini-3-pro-image")
"""Between them they take everything that is ever sent; the first takes most of it."""
_UNKNOWN = "unknown to the gateway"
_MOST_NAMES = 6
_MOST_PLACES = 3
"""Places of one pattern that are named one by one."""


_DECLARED = ("functionDeclarations",)
_TOOLS = frozenset({"tools", "functions"})
_TOOL_CHOICES = frozenset({"tool_choice", "function_call"})
_EXPLAINED_BY_WHAT_IS_SAID = frozenset({"contents", "systemInstruction", "tools"})
_LARGE = 500_000
"""Bytes of a request."""
_LEAST_SAID: JsonObject = {
    "messages": [{"role": "user", "content": "x"}],
    "input": "x",
    "prompt": "x",
}


@dataclass(frozen=True, slots=True)
class _Scene:
    body: JsonObject
    gemini: JsonObject | None


@dataclass(slots=True)
class _Finder:
    """Goes through one request. State: the request without what it is refused for, and what is explained by now."""

    trials: Trials
    body: JsonObject
    sent: JsonObject | None
    refusals: dict[str, Refusal] = field(default_factory=dict[str, Refusal])
    usable: JsonObject = field(default_factory=dict[str, Json])
    gemini: JsonObject | None = None
    """`None`: what is left of the request is refused as well."""
    deviations: dict[Path, Difference] = field(default_factory=dict[Path, Difference])
    explained: set[Path] = field(default_factory=set[Path])
    scenes: dict[str, "_Scene"] = field(default_factory=dict[str, "_Scene"])
    """Requests that are smaller, with the same place for what is tried."""

    @property
    def is_large(self) -> bool:
        return self.trials.allowance.largest > _LARGE

    def fields(self) -> Fields:
        refusal = self._find_what_is_usable()
        ahead = self._compare_with_sent()
        rows = tuple(self._row(name, value) for name, value in self.body.items())
        return Fields(
            endpoint=self.trials.translation.name,
            model=self.trials.model,
            rows=rows,
            added=tuple(self._added()),
            refusal=refusal,
            deviations=None if self.sent is None else tuple(_grouped(self.deviations.values())),
            turns_ahead=ahead,
            is_complete=not self.trials.allowance.is_spent,
        )

    def _find_what_is_usable(self) -> str:
        """Why the request is refused, and what is left of it without the fields at fault."""
        self.usable, first = self.body, ""
        while isinstance(outcome := self.trials.ask(self.usable), Refusal):
            first = first or outcome.message
            found = _FIRST_NAME.match(outcome.param)
            name = found[0] if found else ""
            if (
                name not in self.usable
                or name in self.trials.translation.said
                or len(self.refusals) == _MOST_REFUSALS
            ):
                self.refusals.setdefault(name, outcome)
                return first
            self.refusals[name] = outcome
            self.usable = left_out(self.usable, (name,))
        self.gemini = outcome
        return first

    # --- what was sent ----------------------------------------------------------------------------------

    def _compare_with_sent(self) -> int:
        """How many turns were sent that stand in no request."""
        if self.sent is None or self.gemini is None:
            return 0
        ours, sent, ahead = self.gemini, self.sent, 0
        if self.trials.translation.kept & self.body.keys():
            ours, sent, ahead = _aligned(ours, sent)
        self.deviations = {each.path: each for each in differences(ours, sent, whole=FREE_JSON)}
        return ahead

    def _landing(self, difference: Difference) -> Landing:
        found = self.deviations.get(difference.path)
        value = found.after if found else difference.after
        return Landing(shown_path(difference.path), value, differs=found is not None)

    def _landings(self, found: Iterable[Difference]) -> tuple[Landing, ...]:
        """Places of one pattern are named together if they are many."""
        groups: dict[str, list[Difference]] = {}
        for each in found:
            groups.setdefault(pattern_of(each.path), []).append(each)
        landings: list[Landing] = []
        for pattern, group in groups.items():
            if len(group) <= _MOST_PLACES:
                landings += map(self._landing, group)
            else:
                differs = any(each.path in self.deviations for each in group)
                landings.append(
                    Landing(pattern, self._landing(group[0]).value, times=len(group), differs=differs)
                )
        return tuple(landings)

    # --- one field --------------------------------------------------------------------------------------

    def _row(self, name: str, value: Json) -> FieldRow:
        translation = self.trials.translation
        if name in self.refusals:
            return FieldRow(name, value, Fate.REFUSED, words=self.refusals[name].message)
        if self.gemini is None:
            words = translation.gateway.get(name, "")
            return FieldRow(name, value, Fate.GATEWAY if words else Fate.UNTOLD, words=words)
        if name in translation.said:
            return self._said_row(name, value, self.gemini)
        if name == "model" or name in translation.kept:
            model = f"{self.trials.model}, " if name == "model" else ""
            return FieldRow(name, value, Fate.GATEWAY, words=f"{model}{translation.gateway[name]}")
        if self.trials.allowance.is_spent and name not in translation.request.model_fields:
            return FieldRow(name, value, Fate.NOT_SENT, words=_UNKNOWN)
        effect = self._effect((name,))
        if isinstance(effect, Refusal):
            effect = self._alone(name)
        if isinstance(effect, Refusal):
            return FieldRow(
                name, value, Fate.BECOMES, words=f"The request cannot be without it: {effect.message}"
            )
        words = translation.gateway.get(name, "")
        if not effect:
            return self._without_effect(name, value, words)
        if name in _TOOLS and isinstance(value, list):
            return self._tools_row(name, value, effect)
        return self._row_of((name,), value, effect, words)

    def _effect(self, pattern: Pattern) -> tuple[Difference, ...] | Refusal:
        scene = self._scene(pattern)
        found = self.trials.effect(scene.body, pattern, scene.gemini)
        if not isinstance(found, Refusal):
            self.explained.update(each.path for each in found)
        return found

    def _scene(self, pattern: Pattern) -> "_Scene":
        is_within = len(pattern) > 1
        if is_within and pattern[0] in self.trials.translation.said:
            kind = "said"
        elif (is_within and pattern[0] in _TOOLS) or self.is_large:
            kind = "asked"
        else:
            return _Scene(self.usable, self.gemini)
        if kind not in self.scenes:
            self.scenes[kind] = self._small_scene(kind)
        return self.scenes[kind]

    def _small_scene(self, kind: Literal["said", "asked"]) -> "_Scene":
        """What is said without the tools, or everything else with next to nothing said."""
        if kind == "said":
            body = {key: value for key, value in self.usable.items() if key not in _TOOLS | _TOOL_CHOICES}
        else:
            body = self._with_little_said(self.usable)
        outcome = self.trials.ask(body)
        if isinstance(outcome, Refusal):
            return _Scene(self.usable, self.gemini)
        return _Scene(body, outcome)

    def _with_little_said(self, body: JsonObject) -> JsonObject:
        said = self.trials.translation.said
        return {key: _LEAST_SAID[key] if key in said else value for key, value in body.items()}

    def _alone(self, name: str) -> tuple[Difference, ...] | Refusal:
        """What the field does in a request that has nothing beside what every request has."""
        found = self.trials.effect(self._least_with(name), (name,))
        if not isinstance(found, Refusal):
            self.explained.update(each.path for each in found)
        return found

    def _least_with(self, name: str) -> JsonObject:
        model = self.trials.translation.request
        needed = {key for key, info in model.model_fields.items() if info.is_required()}
        needed |= {name, *self.trials.translation.said}
        return self._with_little_said({key: value for key, value in self.usable.items() if key in needed})

    def _without_effect(self, name: str, value: Json, words: str) -> FieldRow:
        parts = tuple(self._parts((name,), value)) if words == "" and self._is_acted_on(name) else ()
        if parts or words:
            return FieldRow(name, value, Fate.GATEWAY, words=words, parts=parts)
        if value is None:
            return FieldRow(name, value, Fate.NOT_SENT, words="null counts as absent")
        if name not in self.trials.translation.request.model_fields:
            return FieldRow(name, value, Fate.NOT_SENT, words=_UNKNOWN)
        return self._overruled(name, value) or FieldRow(
            name,
            value,
            Fate.NOT_SENT,
            words=self._why_not_sent((name,)) or "asks for nothing in this request",
        )

    def _is_acted_on(self, name: str) -> bool:
        return any(key.startswith(f"{name}.") for key in self.trials.translation.gateway)

    def _overruled(self, name: str, value: Json) -> FieldRow | None:
        """It would do something if another field did not say the same, or something else."""
        found = self.trials.effect(self._least_with(name), (name,))
        if isinstance(found, Refusal) or not found or self.gemini is None:
            return None
        there = leaves(self.gemini, whole=FREE_JSON)
        if all(is_same(there.get(each.path, ABSENT), each.after) for each in found):
            self.explained.update(each.path for each in found)
            row = self._row_of((name,), value, found, "")
            return replace(row, fate=Fate.NOT_SENT, words="another field says the same")
        return FieldRow(name, value, Fate.NOT_SENT, words=self._overruled_by(name))

    def _overruled_by(self, name: str) -> str:
        body = self._scene((name,)).body
        for other in body:
            if other == name or other in self.trials.translation.said:
                continue
            if self.trials.allowance.is_spent:
                break
            found = self.trials.effect(left_out(body, (other,)), (name,))
            if found and not isinstance(found, Refusal):
                return f"'{other}' counts instead"
        return "other fields count instead"

    def _why_not_sent(self, pattern: Pattern, models: tuple[str, ...] = _OTHER_MODELS) -> str:
        for model in models:
            found = self.trials.of_model(model).effect(self._scene(pattern).body, pattern)
            if found and not isinstance(found, Refusal):
                return f"{self.trials.model} does not take it"
        return ""

    def _row_of(self, pattern: Pattern, value: Place, effect: tuple[Difference, ...], words: str) -> FieldRow:
        """Of a field that has an effect."""
        parts: tuple[FieldRow, ...] = ()
        if isinstance(value, dict) and pattern[-1] not in _SCHEMAS:
            before, self.explained = self.explained, set()
            parts = tuple(self._parts(pattern, value))
            effect = tuple(each for each in effect if each.path not in self.explained)
            self.explained |= before
        fate = _fate(_last_name(pattern), value, effect)
        if _last_name(pattern) == "schema" and (gone := self._schema_words(value, effect)):
            fate, words = Fate.CHANGED, gone
        return FieldRow(shown_pattern(pattern), value, fate, self._landings(effect), words, parts)

    def _schema_words(self, schema: Place, effect: tuple[Difference, ...]) -> str:
        if isinstance(schema, Absent) or not any(each.path[-1] == "responseJsonSchema" for each in effect):
            return ""
        return schemas.in_words(schemas.changes_of(schema, json_schema.for_response(schema)))

    # --- what stands in a field -------------------------------------------------------------------------

    def _parts(self, pattern: Pattern, node: Json) -> Iterator[FieldRow]:
        """Of an object all, of lists those whose fate is worth a word."""
        if len(pattern) > _DEEPEST:
            return
        match node:
            case dict():
                yield from self._parts_of_object(pattern, tuple(node))
            case list():
                keys = dict.fromkeys(key for item in node if isinstance(item, dict) for key in item)
                yield from self._parts_of_object((*pattern, None), tuple(keys))
            case _:
                pass

    def _parts_of_object(self, pattern: Pattern, keys: tuple[str, ...]) -> Iterator[FieldRow]:
        for key in keys:
            if self.trials.allowance.is_spent:
                return
            yield from self._part((*pattern, key))

    def _part(self, pattern: Pattern) -> Iterator[FieldRow]:
        found = [value for value in values_at(self.usable, pattern) if value is not None]
        if not found:
            return
        is_single = None not in pattern
        value: Place = found[0] if is_single else ABSENT
        effect = self._effect(pattern)
        words = self.trials.translation.gateway.get(shown_pattern(pattern), "")
        if isinstance(effect, Refusal):
            yield from self._within(pattern, found)
        elif not effect and words:
            yield FieldRow(shown_pattern(pattern), value, Fate.GATEWAY, words=words)
        elif not effect and pattern[-1] != "type":
            why = self._why_not_sent(pattern, _OTHER_MODELS[:1])
            yield FieldRow(_times(pattern, found), value, Fate.NOT_SENT, words=why)
        elif is_single:
            yield self._row_of(pattern, value, tuple(effect), words)
        elif any(each.path[-1] in _SAID for each in effect):
            yield from self._within(pattern, found)
        elif effect:
            yield FieldRow(_times(pattern, found), value, Fate.BECOMES, self._landings(effect))

    def _within(self, pattern: Pattern, found: Sequence[Json]) -> Iterator[FieldRow]:
        if pattern[-1] in _SCHEMAS:
            return
        objects = [value for value in found if isinstance(value, dict)]
        items = [item for value in found if isinstance(value, list) for item in value]
        if objects:
            keys = dict.fromkeys(key for each in objects for key in each)
            yield from self._parts_of_object(pattern, tuple(keys))
        if items:
            yield from self._parts(pattern, items)

    # --- what is said -----------------------------------------------------------------------------------

    def _said_row(self, name: str, value: Json, gemini: JsonObject) -> FieldRow:
        system = list(values_at(gemini, ("systemInstruction", "parts", None)))
        roles = list(values_at(gemini, ("contents", None, "role")))
        turns = ", ".join(f"{roles.count(role)} {role}" for role in ("user", "model") if role in roles)
        words = f"systemInstruction ({counted(len(system), 'part')}), " if system else ""
        words += f"contents ({turns})"
        parts = tuple(self._parts((name,), value))
        return FieldRow(name, value, Fate.BECOMES, words=words, parts=parts)

    # --- tools ------------------------------------------------------------------------------------------

    def _tools_row(self, name: str, tools: list[Json], effect: tuple[Difference, ...]) -> FieldRow:
        declared = [each.path[1] for each in effect if each.path[0] == "tools" and each.path[-1] == "name"]
        others = {
            each.path[2]: None
            for each in effect
            if each.path[0] == "tools" and each.path[2] != "functionDeclarations"
        }
        words = ", ".join([counted(len(declared), "function declaration"), *map(str, others)])
        aside = tuple(each for each in effect if each.path[0] != "tools")
        parts = (*self._tool_rows(name, tools), *self._parts((name,), tools))
        return FieldRow(name, tools, Fate.BECOMES, self._landings(aside), f"tools: {words}", parts)

    def _tool_rows(self, name: str, tools: list[Json]) -> Iterator[FieldRow]:
        """Those that were changed or not declared one by one, all others together."""
        declared = set(values_at(self.gemini, ("tools", None, "functionDeclarations", None, "name")))
        kept: list[str] = []
        for index, tool in enumerate(tools):
            functions = tuple(_functions(tool))
            path = f"{name}[{index}]"
            if len(functions) == 1 and not functions[0].is_custom and functions[0].name in declared:
                function = functions[0]
                declared.discard(function.name)
                changed = schemas.changes_of(function.schema, json_schema.for_parameters(function.schema))
                if changed:
                    yield FieldRow(
                        f"{path} {function.name}", ABSENT, Fate.CHANGED, words=schemas.in_words(changed)
                    )
                else:
                    kept.append(function.name)
            elif not self.trials.allowance.is_spent:
                yield self._odd_tool(path, tool, (name, index))
        if kept:
            more = f" and {len(kept) - _MOST_NAMES} more" if len(kept) > _MOST_NAMES else ""
            words = ", ".join(kept[:_MOST_NAMES]) + more
            yield FieldRow(f"{name}[] ({len(kept)}×)", ABSENT, Fate.KEPT, words=words)

    def _odd_tool(self, path: str, tool: Json, pattern: Pattern) -> FieldRow:
        label = f"{path} {_label(tool)}"
        effect = self._effect(pattern)
        match effect:
            case Refusal():
                return FieldRow(
                    label, ABSENT, Fate.BECOMES, words=f"needed by another field: {effect.message}"
                )
            case ():
                return FieldRow(label, ABSENT, Fate.NOT_SENT, words="nothing is declared for it")
            case _:
                pass
        declared = [each.after for each in effect if each.path[2:3] == _DECLARED and each.path[-1] == "name"]
        aside = tuple(each for each in effect if each.path[2:3] != _DECLARED)
        words = f"declared as {', '.join(map(str, declared))}" if declared else ""
        return FieldRow(label, ABSENT, Fate.BECOMES, self._landings(aside), words)

    # --- what nobody asked for --------------------------------------------------------------------------

    def _added(self) -> Iterator[Landing]:
        there = self.sent if self.sent is not None else self.gemini
        if there is None or self.gemini is None:
            return
        for path, value in leaves(there, whole=FREE_JSON).items():
            if not _EXPLAINED_BY_WHAT_IS_SAID & {*path[:1]} and path not in self.explained:
                yield Landing(shown_path(path), value, differs=path in self.deviations)


def _aligned(ours: JsonObject, sent: JsonObject) -> tuple[JsonObject, JsonObject, int]:
    """Both with only those last turns that both have, and how many more were sent."""
    match ours, sent:
        case {"contents": list(our_turns)}, {"contents": list(sent_turns)}:
            common = min(len(our_turns), len(sent_turns))
            return (
                {**ours, "contents": our_turns[len(our_turns) - common :]},
                {**sent, "contents": sent_turns[len(sent_turns) - common :]},
                len(sent_turns) - common,
            )
        case _:
            return ours, sent, 0


def _grouped(found: Iterable[Difference]) -> Iterator[Deviation]:
    groups: dict[str, list[Difference]] = {}
    for each in found:
        groups.setdefault(pattern_of(each.path), []).append(each)
    for pattern, group in groups.items():
        first = group[0]
        path = shown_path(first.path) if len(group) == 1 else pattern
        yield Deviation(path, first.before, first.after, len(group))


def _last_name(pattern: Pattern) -> str:
    return next((step for step in reversed(pattern) if isinstance(step, str)), "")


def _times(pattern: Pattern, found: Sequence[Json]) -> str:
    name = shown_pattern(pattern)
    return f"{name} ({len(found)}×)" if len(found) > 1 else name


def _fate(name: str, value: Place, effect: tuple[Difference, ...]) -> Fate:
    for each in effect:
        if _says_the_same(value, each.after):
            return Fate.KEPT if each.path[-1] == to_camel(name) else Fate.RENAMED
    is_part = isinstance(value, str) and any(
        isinstance(each.after, str) and value in each.after for each in effect
    )
    return Fate.BECOMES if is_part or isinstance(value, dict | list) else Fate.CHANGED


def _says_the_same(value: Place, there: Place) -> bool:
    match value, there:
        case str(), str():
            return value.lower() == there.lower()
        case str(), [one]:
            return value == one
        case _:
            return is_same(value, there)


@dataclass(frozen=True, slots=True)
class _Function:
    name: str
    schema: Json
    is_custom: bool
    """Text goes in, no JSON."""


def _functions(tool: Json) -> Iterator[_Function]:
    """What a client's tool declares: itself, or the tools of a namespace."""
    match tool:
        case {"tools": list(inner)}:
            for each in inner:
                yield from _functions(each)
        case {"function": dict(function)}:
            yield from _functions(function)
        case {"custom": {"name": str(name)}} | {"type": "custom", "name": str(name)}:
            yield _Function(name, None, is_custom=True)
        case {"name": str(name), "parameters": schema}:
            yield _Function(name, schema, is_custom=False)
        case {"name": str(name)}:
            yield _Function(name, None, is_custom=False)
        case _:
            pass


def _label(tool: Json) -> str:
    match tool:
        case {"name": str(name)} | {"function": {"name": str(name)}} | {"custom": {"name": str(name)}}:
            return name
        case {"type": str(kind)}:
            return kind
        case _:
            return ""
