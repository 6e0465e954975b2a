"""docs/metrics.md has every metric that /metrics shows, and no other, with its type and labels."""

import re

from . import metrics
from .pages import ROOT

PAGE = ROOT / "docs" / "metrics.md"
_ROW = re.compile(r"^\| `(\w+)` \| (\w+) \| [^|]+ \|([^|]*)\|$", re.MULTILINE)
_OF_OPERATIONS = frozenset({"gen_ai_operation_name", "gen_ai_provider_name", "gen_ai_request_model"})
"""Said once on the page, of all that begin with `gen_ai_`."""


def test_the_page_has_every_metric_with_its_type() -> None:
    assert {name: kind for name, kind, _ in _ROW.findall(PAGE.read_text())} == metrics.types()


def test_the_page_has_the_labels_of_each() -> None:
    said = {name: set(re.findall(r"`(\w+)`", cell)) for name, _, cell in _ROW.findall(PAGE.read_text())}
    has = {name: metrics.labels(name) for name in metrics.types()}
    assert said == {
        name: labels - _OF_OPERATIONS if name.startswith("gen_ai_") else labels
        for name, labels in has.items()
    }
    assert all(labels >= _OF_OPERATIONS for name, labels in has.items() if name.startswith("gen_ai_"))
