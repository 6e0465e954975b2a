"""The three APIs that lead to Gemini, and which of them a path belongs to."""

import re
from dataclasses import dataclass
from enum import StrEnum


class Family(StrEnum):
    GEMINI = "gemini"
    VERTEX = "vertex"
    CODE_ASSIST = "code_assist"

    @property
    def service(self) -> str:
        """As Google's errors call it."""
        return _SERVICES[self][0]

    def method(self, called: str) -> str:
        """`google.…StreamGenerateContent`, as Google's errors call what was called."""
        return f"{_SERVICES[self][1]}.{called[:1].upper()}{called[1:]}"


_SERVICES = {
    Family.GEMINI: (
        "generativelanguage.googleapis.com",
        "google.ai.generativelanguage.v1beta.GenerativeService",
    ),
    Family.VERTEX: ("aiplatform.googleapis.com", "google.cloud.aiplatform.v1beta1.PredictionService"),
    Family.CODE_ASSIST: (
        "cloudcode-pa.googleapis.com",
        "google.internal.cloud.code.v1internal.PredictionService",
    ),
}

_MODELS = r"models(?P<models>)(?:/(?P<model>[^/:]+)(?::(?P<method>\w+))?)?"
_PATHS = {
    Family.GEMINI: re.compile(rf"/v1beta/{_MODELS}"),
    Family.VERTEX: re.compile(
        r"/v1beta1/(?:projects/(?P<project>[^/]+)/locations/(?P<location>[^/]+)/)?"
        rf"publishers/google/{_MODELS}"
    ),
    Family.CODE_ASSIST: re.compile(r"/v1internal(?::(?P<method>\w+)|/(?P<operation>operations/[\w.-]+))"),
}


@dataclass(frozen=True, slots=True)
class Address:
    """What a path says. Code Assist says the model and the project in the body."""

    family: Family = Family.GEMINI
    models: bool = False
    """It begins as the paths of models do."""
    model: str | None = None
    method: str | None = None
    """What the model, or Code Assist, is asked to do: `generateContent`, …"""
    project: str = ""
    location: str = ""
    operation: str = ""


def address_of(path: str) -> Address:
    """A path of none of them counts as the Gemini API's."""
    for family, pattern in _PATHS.items():
        if found := pattern.fullmatch(path):
            named = found.groupdict()
            return Address(
                family,
                models=named.get("models") is not None,
                model=named.get("model"),
                method=named.get("method"),
                project=named.get("project") or "",
                location=named.get("location") or "",
                operation=named.get("operation") or "",
            )
    return Address()
