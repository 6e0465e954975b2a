"""The metrics that the program shows, as a golden has them."""

import re
from collections.abc import Mapping

from .pages import ROOT

GOLDEN = ROOT / "tests" / "gateway" / "golden" / "metrics.txt"
_TYPE = re.compile(r"^# TYPE (\w+) (\w+)$", re.MULTILINE)
_LABEL = re.compile(r'(\w+)="')


def types() -> Mapping[str, str]:
    return dict(_TYPE.findall(GOLDEN.read_text()))


def labels(name: str) -> frozenset[str]:
    samples = re.findall(rf"^{name}(?:_count|_sum)?(\{{.*\}}) ", GOLDEN.read_text(), re.MULTILINE)
    return frozenset(label for sample in samples for label in _LABEL.findall(sample))
