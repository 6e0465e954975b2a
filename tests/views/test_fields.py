"""What is found to have become of fields."""

import json
from typing import Any

import pytest

from antigravity_addon.translate.openai_chat.request import to_gemini
from antigravity_addon.views import translations
from antigravity_addon.views.field_rows import Deviation, Fate, FieldRow, Landing, Unreadable
from antigravity_addon.views.fields import fields_of
from antigravity_addon.views.fields_text import to_text
from antigravity_addon.views.pane import WIDTH
from antigravity_addon.views.translations import Translation
from antigravity_addon.wire.openai_chat.request import parse
from tests.conftest import Golden

from .requests import (
    CHAT_WITH_SCHEMA,
    CODEX,
    FLASH_2_5,
    FLASH_3_8,
    HYDROGEN,
    PICTURE_SCHEMA,
    USER,
    Body,
    chat,
    fate,
    found,
    function,
    row,
)

CONFIG = "generationConfig"
THINKING = f"{CONFIG}.thinkingConfig"

ROWS: dict[str, tuple[str, Body, str, FieldRow]] = {
    "kept": (
        FLASH_2_5,
        chat(temperature=0.5),
        "temperature",
        FieldRow("temperature", 0.5, Fate.KEPT, (Landing(f"{CONFIG}.temperature", 0.5),)),
    ),
    "renamed": (
        FLASH_2_5,
        chat(max_tokens=99),
        "max_tokens",
        FieldRow("max_tokens", 99, Fate.RENAMED, (Landing(f"{CONFIG}.maxOutputTokens", 99),)),
    ),
    "clamped": (
        FLASH_2_5,
        chat(max_tokens=1_000_000),
        "max_tokens",
        FieldRow("max_tokens", 1_000_000, Fate.CHANGED, (Landing(f"{CONFIG}.maxOutputTokens", 65_536),)),
    ),
    "a word becomes a number": (
        FLASH_2_5,
        chat(reasoning_effort="low"),
        "reasoning_effort",
        FieldRow("reasoning_effort", "low", Fate.CHANGED, (Landing(f"{THINKING}.thinkingBudget", 1_024),)),
    ),
    "one text becomes a list of one": (
        FLASH_2_5,
        chat(stop="END"),
        "stop",
        FieldRow("stop", "END", Fate.RENAMED, (Landing(f"{CONFIG}.stopSequences", ["END"]),)),
    ),
    "not for this model": (
        FLASH_3_8,
        chat(temperature=0.5),
        "temperature",
        FieldRow("temperature", 0.5, Fate.NOT_SENT, words="gemini-3.8-flash does not take it"),
    ),
    "unknown": (
        FLASH_2_5,
        chat(logit_bias={"1": 2}),
        "logit_bias",
        FieldRow("logit_bias", {"1": 2}, Fate.NOT_SENT, words="unknown to the gateway"),
    ),
    "null": (
        FLASH_2_5,
        chat(seed=None),
        "seed",
        FieldRow("seed", None, Fate.NOT_SENT, words="null counts as absent"),
    ),
    "says what goes without saying": (
        FLASH_2_5,
        chat(presence_penalty=0),
        "presence_penalty",
        FieldRow("presence_penalty", 0, Fate.NOT_SENT, words="asks for nothing in this request"),
    ),
    "overruled": (
        FLASH_2_5,
        chat(max_tokens=99, max_completion_tokens=50),
        "max_tokens",
        FieldRow("max_tokens", 99, Fate.NOT_SENT, words="'max_completion_tokens' counts instead"),
    ),
    "said twice": (
        FLASH_2_5,
        chat(max_tokens=99, max_completion_tokens=99),
        "max_completion_tokens",
        FieldRow(
            "max_completion_tokens",
            99,
            Fate.NOT_SENT,
            (Landing(f"{CONFIG}.maxOutputTokens", 99),),
            "another field says the same",
        ),
    ),
    "what the gateway does": (
        FLASH_2_5,
        chat(user="ana"),
        "user",
        FieldRow("user", "ana", Fate.GATEWAY, words="keeps the conversation with one account"),
    ),
    "refused": (
        FLASH_2_5,
        chat(temperature=3),
        "temperature",
        FieldRow(
            "temperature",
            3,
            Fate.REFUSED,
            words="Invalid value for 'temperature': it must be at most 2.0, and is 3.",
        ),
    ),
    "detail of a part": (
        FLASH_3_8,
        CHAT_WITH_SCHEMA,
        "messages[].content[].image_url.detail",
        FieldRow(
            "messages[].content[].image_url.detail",
            row(found(CHAT_WITH_SCHEMA, FLASH_3_8), "messages[].name").value,
            Fate.BECOMES,
            (Landing("contents[0].parts[1].mediaResolution.level", "MEDIA_RESOLUTION_HIGH"),),
        ),
    ),
    "a schema that was cleaned": (
        FLASH_2_5,
        CHAT_WITH_SCHEMA,
        "response_format.json_schema.schema",
        FieldRow(
            "response_format.json_schema.schema",
            PICTURE_SCHEMA,
            Fate.CHANGED,
            (Landing(f"{CONFIG}.responseJsonSchema", {
                "type": "object",
                "properties": {
                    "title": {"type": "string", "minLength": 1},
                    "link": {"type": "string", "description": "Where it is from. Format: uri."},
                    "kind": {"type": "string", "enum": ["photo"]},
                },
                "required": ["title", "link"],
                "additionalProperties": False,
            }),),
            'without properties.link.format "uri" (the description says it), properties.kind.const "photo", '
            '$schema "https://json-schema.o…"; now with properties.kind.type "string", properties.kind.enum '
            '["photo"]',
        ),
    ),
}  # fmt: skip


@pytest.mark.parametrize(("model", "body", "name", "expected"), ROWS.values(), ids=ROWS)
def test_what_became_of_a_field(model: str, body: Body, name: str, expected: FieldRow) -> None:
    assert row(found(body, model), name) == expected


FATES: dict[str, tuple[Translation, str, Body, dict[str, Fate]]] = {
    "tools of Codex": (
        translations.RESPONSES,
        HYDROGEN,
        CODEX,
        {
            "tools[0] shell": Fate.CHANGED,
            "tools[1] apply_patch": Fate.BECOMES,
            "tools[2] web_search": Fate.NOT_SENT,
            "tools[3] local_shell": Fate.BECOMES,
            "tools[] (40×)": Fate.KEPT,
            "tools[44] mcp__files__tool_3": Fate.NOT_SENT,
            "tools[45] view image": Fate.BECOMES,
            "tools[46] git": Fate.BECOMES,
            "tools[].strict (43×)": Fate.NOT_SENT,
            "input[].status (2×)": Fate.NOT_SENT,
            "instructions": Fate.RENAMED,
            "reasoning.effort": Fate.RENAMED,
            "reasoning.summary": Fate.CHANGED,
            "include": Fate.GATEWAY,
            "client_metadata": Fate.NOT_SENT,
        },
    ),
    "a tool that is chosen cannot be left out": (
        translations.CHAT,
        FLASH_2_5,
        chat(
            tools=[{"type": "function", "function": {"name": "f"}}],
            tool_choice={"type": "function", "function": {"name": "f"}},
        ),
        {"tools": Fate.BECOMES, "tools[] (1×)": Fate.KEPT, "tool_choice": Fate.BECOMES},
    ),
    "completions": (
        translations.COMPLETIONS,
        FLASH_2_5,
        {"model": "m", "prompt": ["a", "b"], "echo": True, "suffix": "z", "logprobs": 3, "max_tokens": 9},
        {
            "prompt": Fate.BECOMES,
            "echo": Fate.GATEWAY,
            "suffix": Fate.BECOMES,
            "logprobs": Fate.NOT_SENT,
            "max_tokens": Fate.RENAMED,
        },
    ),
    "images": (
        translations.IMAGES,
        "gemini-3-pro-image",
        {"prompt": "a cat", "size": "1536x1024", "quality": "hd", "n": 2, "style": "vivid"},
        {
            "prompt": Fate.BECOMES,
            "size": Fate.CHANGED,
            "quality": Fate.CHANGED,
            "n": Fate.GATEWAY,
            "style": Fate.NOT_SENT,
        },
    ),
    "a request that goes on from what is kept": (
        translations.RESPONSES,
        HYDROGEN,
        {
            "model": "m",
            "previous_response_id": "resp_1",
            "input": [
                {"type": "function_call_output", "call_id": "c1", "output": "a"},
                {"type": "custom_tool_call_output", "call_id": "c2", "output": "b"},
                {"type": "local_shell_call_output", "id": "c3", "output": "c"},
                {"type": "shell_call_output", "call_id": "c4", "output": "d"},
                {"type": "apply_patch_call_output", "call_id": "c5", "status": "completed"},
                {"type": "item_reference", "id": "msg_1"},
            ],
            "max_output_tokens": 9,
        },
        {
            "previous_response_id": Fate.GATEWAY,
            "input": Fate.BECOMES,
            "max_output_tokens": Fate.KEPT,
        },
    ),
    "compaction": (
        translations.COMPACT,
        HYDROGEN,
        {"model": "m", "input": "x", "store": True, "text": {"format": {"type": "json_object"}}},
        {"input": Fate.BECOMES, "store": Fate.GATEWAY, "text": Fate.NOT_SENT},
    ),
    "a request that nothing can be made of": (
        translations.CHAT,
        FLASH_2_5,
        {"model": "m", "messages": [], "user": "ana", "seed": 7},
        {"messages": Fate.REFUSED, "user": Fate.GATEWAY, "seed": Fate.UNTOLD},
    ),
    "what is at fault is left aside": (
        translations.CHAT,
        FLASH_2_5,
        chat(temperature=3, n=1000, seed=7),
        {"temperature": Fate.REFUSED, "n": Fate.REFUSED, "seed": Fate.KEPT},
    ),
}


@pytest.mark.parametrize(("translation", "model", "body", "fates"), FATES.values(), ids=FATES)
def test_fates(translation: Translation, model: str, body: Body, fates: dict[str, Fate]) -> None:
    fields = found(body, model, translation=translation)
    every = {each.name: each.fate for top in fields.rows for each in top.walk()}
    assert fates.items() <= every.items()


def test_what_nobody_asked_for_is_added() -> None:
    assert found(chat()).added == (Landing(f"{THINKING}.includeThoughts", value=True),)
    completion = {"model": "m", "prompt": "x"}
    assert found(completion, translation=translations.COMPLETIONS).added == (
        Landing(f"{CONFIG}.maxOutputTokens", 16),
        Landing(f"{THINKING}.thinkingBudget", 0),
    )
    assert found({**completion, "max_tokens": 16}, translation=translations.COMPLETIONS).added == (
        Landing(f"{CONFIG}.maxOutputTokens", 16),
        Landing(f"{THINKING}.thinkingBudget", 0),
    )


# --- beside what was sent ---------------------------------------------------------------------------------


def upstream(body: Body, model: str = FLASH_2_5) -> Body:
    return json.loads(to_gemini(parse(json.dumps(body).encode()), model).body.to_json())


def test_what_was_sent_and_what_would_be_sent_are_the_same() -> None:
    body = chat(temperature=0.5)
    assert found(body, sent=upstream(body)).deviations == ()
    assert found(body).deviations is None


def test_what_was_sent_is_what_is_shown() -> None:
    body = chat(presence_penalty=0.5, temperature=0.5)
    sent = upstream(chat(temperature=0.7))
    fields = found(body, sent=sent)
    assert fields.deviations == (
        Deviation(f"{CONFIG}.temperature", 0.5, 0.7, 1),
        Deviation(f"{CONFIG}.presencePenalty", 0.5, row(fields, "presence_penalty").landings[0].value, 1),
    )
    assert row(fields, "temperature").landings == (Landing(f"{CONFIG}.temperature", 0.7, differs=True),)


def test_an_envelope_is_opened() -> None:
    body = chat(temperature=0.5)
    envelope = {"model": FLASH_2_5, "project": "p", "request": upstream(body)}
    assert found(body, sent=envelope).deviations == ()


def test_what_the_gateway_kept_stands_ahead() -> None:
    body = {"model": "m", "input": "more", "previous_response_id": "resp_1"}
    turns = [{"role": "user", "parts": [{"text": "a"}]}, {"role": "model", "parts": [{"text": "b"}]}]
    ours = {"role": "user", "parts": [{"text": "more"}]}
    fields = found(
        body, "gemini-2.0-flash", translation=translations.RESPONSES, sent={"contents": [*turns, ours]}
    )
    assert fields.turns_ahead == 2
    assert fields.deviations == ()


def test_each_choice_has_a_request_of_its_own() -> None:
    body = {"model": "m", "prompt": ["a", "b"], "n": 1}
    sent = {
        "contents": [{"role": "user", "parts": [{"text": "b"}]}],
        "generationConfig": {"maxOutputTokens": 16},
    }
    second = found(body, "gemini-2.0-flash", translation=translations.COMPLETIONS, sent=sent, choice=1)
    assert second.deviations == ()


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b'"x"', b"\xff\xfe", b'{"a": "\\ud800"}'])
def test_what_cannot_be_read_is_said(body: bytes) -> None:
    fields = fields_of(translations.CHAT, body, FLASH_2_5)
    assert fields == Unreadable(
        "The body of the request is no JSON object, so there are no fields to tell of."
    )
    assert to_text(fields).endswith("no fields to tell of.\n")


def test_a_large_request_is_not_tried_to_the_end() -> None:
    fields = found(chat(messages=[{**USER, "content": "x" * 9_000_000, "name": "ana"}], seed=7))
    assert not fields.is_complete
    assert [each.name for each in fields.rows] == ["model", "messages", "seed"]


def test_fields_without_end_are_not_all_tried() -> None:
    fields = found(chat(seed=7) | {f"x{number}": number for number in range(2_000)} | {"user": "ana"})
    assert not fields.is_complete
    assert len(fields.rows) == 2_004
    assert fate(fields, "x1999") is Fate.NOT_SENT
    assert fate(fields, "user") is Fate.GATEWAY


# --- as text ----------------------------------------------------------------------------------------------

TEXTS: dict[str, tuple[Translation, str, Body, Body | None]] = {
    "chat-with-schema-2.5": (translations.CHAT, FLASH_2_5, CHAT_WITH_SCHEMA, None),
    "chat-with-schema-3.8": (translations.CHAT, FLASH_3_8, CHAT_WITH_SCHEMA, None),
    "codex": (translations.RESPONSES, HYDROGEN, CODEX, None),
    "refused": (translations.CHAT, FLASH_2_5, chat(temperature=3, seed=7, user="ana"), None),
    "nothing-can-be-made-of-it": (
        translations.CHAT,
        FLASH_2_5,
        {"model": "m", "messages": [], "seed": 7},
        None,
    ),
    "sent-otherwise": (
        translations.CHAT,
        FLASH_2_5,
        chat(presence_penalty=0.5, temperature=0.5, seed=7),
        upstream(chat(temperature=0.7, seed=7)),
    ),
    "completion": (
        translations.COMPLETIONS,
        FLASH_2_5,
        {"model": "davinci-002", "prompt": "Once", "max_tokens": 100_000, "logprobs": 3, "echo": True},
        None,
    ),
}


@pytest.mark.parametrize("name", TEXTS)
def test_text(golden: Golden, name: str) -> None:
    translation, model, body, sent = TEXTS[name]
    golden(f"fields-{name}.txt", to_text(found(body, model, translation=translation, sent=sent)))


@pytest.mark.parametrize("name", TEXTS)
def test_no_line_is_too_long(name: str) -> None:
    translation, model, body, sent = TEXTS[name]
    text = to_text(found(body, model, translation=translation, sent=sent))
    assert max(map(len, text.splitlines())) <= WIDTH


def test_the_schemas_that_are_told_of_are_those_that_are_sent() -> None:
    tools: list[Any] = [function("a"), {**function("b"), "parameters": PICTURE_SCHEMA}]
    fields = found({"model": "m", "input": "x", "tools": tools}, translation=translations.RESPONSES)
    assert fate(fields, "tools[] (1×)") is Fate.KEPT
    assert row(fields, "tools[1] b").words.startswith("without properties.link.format")
