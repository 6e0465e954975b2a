"""Code Assist's own questions: whose licence it is, how an account is signed up, what is left of its quota.

Which case an account is stands in the name of its refresh token. Source: gemini-cli 5411f11 and its issue threads.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from antigravity_addon.wire.base import Json, JsonObject

from .models import MODELS
from .proto_json import load, parse
from .refusals import NO_LICENCE, VALIDATION, VALIDATION_REQUIRED
from .status import Refused, Status, invalid

PROJECT = "simulated-licence"
"""Of every licence, unless the request names another."""
POLLS_UNTIL_DONE = 2
"""How often signing up is asked about until it is done."""
STANDARD: JsonObject = {
    "id": "standard-tier",
    "name": "Gemini Code Assist",
    "userDefinedCloudaicompanionProject": True,
}
FREE: JsonObject = {"id": "free-tier", "name": "Gemini Code Assist for individuals"}


@dataclass(frozen=True, slots=True)
class Case:
    """What an account is to Code Assist."""

    description: str
    licensed: bool = False
    names_project: bool = True
    """The licence's project is known, even if the request names none."""
    allowed: JsonObject | None = None
    """The tier that it may be signed up for."""
    reason_code: str = ""
    reason_message: str = ""
    refusal: Status | None = None
    """Of what else it asks for, as long as it has no licence."""

    def ineligible(self) -> JsonObject:
        tier: JsonObject = {
            "reasonCode": self.reason_code,
            "reasonMessage": self.reason_message,
            "tierId": "free-tier",
            "tierName": "Gemini Code Assist for individuals",
        }
        if self.reason_code == "VALIDATION_REQUIRED":
            tier["validationUrl"] = VALIDATION
        return tier


LICENSED = Case("it has a licence", licensed=True)
CASES: Mapping[str, Case] = {
    "no-project": Case(
        "it has a licence, whose project only the request can say", licensed=True, names_project=False
    ),
    "needs-onboarding": Case("it has to be signed up for its licence first", allowed=STANDARD),
    "individual": Case("it has no licence, and could be signed up for the free tier", allowed=FREE),
    "unsupported-client": Case(
        "it is served to Google's own programs only",
        reason_code="UNSUPPORTED_CLIENT",
        reason_message="This client is no longer supported for Gemini Code Assist for individuals.",
    ),
    "validation-required": Case(
        "its owner has to prove who they are",
        reason_code="VALIDATION_REQUIRED",
        reason_message="Verify your account to continue.",
        refusal=VALIDATION_REQUIRED,
    ),
    "ineligible": Case(
        "its owner is too young",
        reason_code="RESTRICTED_AGE",
        reason_message="Your account is not eligible for Gemini Code Assist for individuals.",
    ),
}
"""By what the refresh token begins with; every other account is `LICENSED`."""


def case_of(holder: str) -> Case:
    return next((case for name, case in CASES.items() if holder.startswith(name)), LICENSED)


# --- the questions ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ClientMetadata:
    ide_type: str = ""
    ide_version: str = ""
    ide_name: str = ""
    platform: str = ""
    plugin_type: str = ""
    plugin_version: str = ""
    update_channel: str = ""
    duet_project: str = ""


@dataclass(frozen=True, slots=True)
class LoadRequest:
    cloudaicompanion_project: str = ""
    metadata: ClientMetadata | None = None


@dataclass(frozen=True, slots=True)
class OnboardRequest:
    tier_id: str = ""
    cloudaicompanion_project: str = ""
    metadata: ClientMetadata | None = None


@dataclass(frozen=True, slots=True)
class QuotaRequest:
    project: str = ""


@dataclass(frozen=True, slots=True)
class _SigningUp:
    holder: str
    project: str
    polls: int = 0


class Licences:
    """State: who was signed up, for which project, and whose signing up is under way."""

    def __init__(self) -> None:
        self._signed_up: dict[str, str] = {}
        self._under_way: dict[str, _SigningUp] = {}

    def check(self, holder: str) -> None:
        """
        Raises:
            Refused: the account has no licence.
        """
        case = case_of(holder)
        if not (case.licensed or holder in self._signed_up):
            raise Refused(case.refusal or NO_LICENCE)

    def load(self, holder: str, body: bytes) -> JsonObject:
        """
        Raises:
            Refused: the question is malformed.
        """
        asked = parse(LoadRequest, load(body))
        case = case_of(holder)
        if holder in self._signed_up:
            return {"currentTier": STANDARD, "cloudaicompanionProject": self._signed_up[holder]}
        if case.licensed:
            project = asked.cloudaicompanion_project or (PROJECT if case.names_project else "")
            answer: JsonObject = {"currentTier": STANDARD, "allowedTiers": [{**STANDARD, "isDefault": True}]}
            return answer | ({"cloudaicompanionProject": project} if project else {})
        if case.reason_code:
            return {"ineligibleTiers": [case.ineligible()]}
        return {"allowedTiers": [{**(case.allowed or {}), "isDefault": True}]}

    def onboard(self, holder: str, body: bytes) -> JsonObject:
        """
        Raises:
            Refused: the account may not have the tier, or not for this project.
        """
        asked = parse(OnboardRequest, load(body))
        allowed = case_of(holder).allowed
        if allowed is None or asked.tier_id != allowed["id"]:
            raise Refused(Status(403, "The caller does not have permission", legacy_reason="forbidden"))
        if asked.cloudaicompanion_project.isdecimal():
            raise invalid("Request contains an invalid argument.")
        if bool(asked.cloudaicompanion_project) is (allowed is FREE):
            raise Refused(Status(400, "Precondition check failed.", name="FAILED_PRECONDITION"))
        name = f"operations/sign-up.{len(self._under_way)}"
        self._under_way[name] = _SigningUp(holder, asked.cloudaicompanion_project or PROJECT)
        return {"name": name, "done": False}

    def operation(self, holder: str, name: str) -> JsonObject:
        """
        Raises:
            Refused: this account has no such operation.
        """
        found = self._under_way.get(name)
        if found is None or found.holder != holder:
            raise Refused(Status(404, "Requested entity was not found."))
        found = self._under_way[name] = replace(found, polls=found.polls + 1)
        if found.polls < POLLS_UNTIL_DONE:
            return {"name": name, "done": False}
        self._signed_up[holder] = found.project
        project: JsonObject = {"id": found.project, "name": found.project}
        return {"name": name, "done": True, "response": {"cloudaicompanionProject": project}}

    def quota(self, holder: str, body: bytes) -> JsonObject:
        """
        Raises:
            Refused: the account has no licence.
        """
        parse(QuotaRequest, load(body))
        self.check(holder)
        buckets: list[Json] = [
            {
                "modelId": model.name,
                "tokenType": "REQUESTS",
                "remainingFraction": 0.93,
                "remainingAmount": "1395",
                "resetTime": "2026-11-27T08:00:00Z",
            }
            for model in MODELS
        ]
        return {"buckets": buckets}


def listing() -> str:
    """The cases as Markdown, for the documentation."""
    rows = [f"| `{name}…` | {case.description} |" for name, case in CASES.items()]
    return "\n".join(("| Refresh token | The account |", "|---|---|", *rows)) + "\n"
