"""No field can be added to a request without the view knowing what becomes of it."""

import json
from typing import Any

import pytest

from antigravity_addon.gateway.dialects.registry import DIALECTS as READ_BY_THE_GATEWAY
from antigravity_addon.gateway.routes import Endpoint
from antigravity_addon.mitm.contentviews.fields import TRANSLATIONS
from antigravity_addon.views import translations
from antigravity_addon.views.field_rows import Fate, FieldRow, Fields
from antigravity_addon.views.fields import fields_of
from antigravity_addon.views.translations import Translation
from tests.docs import endpoints
from tests.docs.endpoints import rows

MODELS = ("gemini-2.5-flash", "gemini-2.0-flash", "gemini-3-pro-image")
"""Between them they take whatever is probed."""
PAGES = {
    "chat": (translations.CHAT, endpoints.CHAT),
    "completions": (translations.COMPLETIONS, endpoints.COMPLETIONS),
    "responses": (translations.RESPONSES, endpoints.RESPONSES),
    "images": (translations.IMAGES, endpoints.IMAGES),
}
PROBES = [
    (translation, page, name)
    for translation, page in PAGES.values()
    for name in sorted(page.openai | page.read | translation.request.model_fields.keys())
]


def probed(translation: Translation, page: endpoints.Endpoint, name: str, model: str) -> FieldRow:
    body: dict[str, Any] = {**page.base, **page.beside.get(name, {}), name: page.probes[name]}
    fields = fields_of(translation, json.dumps(body).encode(), model)
    assert isinstance(fields, Fields)
    (row,) = [row for row in fields.rows if row.name == name]
    return row


@pytest.mark.parametrize(
    ("translation", "page", "name"), PROBES, ids=[f"{page.page}-{name}" for _, page, name in PROBES]
)
def test_what_the_view_says_of_a_field_is_what_its_page_says(
    translation: Translation, page: endpoints.Endpoint, name: str
) -> None:
    fate = dict(rows(page))[name]
    found = [probed(translation, page, name, model) for model in MODELS]
    match fate:
        case "ignored":
            assert {(row.fate, row.words) for row in found} == {(Fate.NOT_SENT, "unknown to the gateway")}
        case "refused":
            assert {row.fate for row in found} == {Fate.REFUSED}
        case _:
            assert any(row.fate not in {Fate.NOT_SENT, Fate.REFUSED} for row in found)


@pytest.mark.parametrize(
    "translation", TRANSLATIONS.values(), ids=[translation.name for translation in TRANSLATIONS.values()]
)
def test_words_are_for_fields_that_there_are(translation: Translation) -> None:
    fields = translation.request.model_fields.keys()
    assert {name.partition(".")[0] for name in translation.gateway} <= fields
    assert translation.kept <= translation.gateway.keys()


def test_every_endpoint_that_asks_gemini_has_the_view() -> None:
    """But for recordings, whose requests are forms."""
    forms = {Endpoint.TRANSCRIPTIONS, Endpoint.TRANSLATIONS}
    assert TRANSLATIONS.keys() == READ_BY_THE_GATEWAY.keys() - forms
