"""What Google's front ends and APIs refuse requests with, word for word as far as it is known.

Source: issue threads and Google's pages, up to November 2026.
"""

from collections.abc import Callable, Mapping

from antigravity_addon.wire.base import Json

from .exchange import JSON_HEADERS, Exchange
from .response import pretty
from .status import Status, Violation, bad_request, error_info, help_link, quota_failure, retry_info


def says(status: Status, *, in_array: bool = False, **headers: str) -> Callable[[str], Exchange]:
    """The same status for every model; an underscore in a header's name stands for a hyphen."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda _model: refused(status, in_array=in_array, headers=named)


def refused(status: Status, *, in_array: bool = False, headers: Mapping[str, str] | None = None) -> Exchange:
    body: Json = [status.to_json()] if in_array else status.to_json()
    return Exchange(status.code, {**JSON_HEADERS, **(headers or {})}, ((0.0, pretty(body) + b"\n"),))


def page(status: int, title: str) -> Callable[[str], Exchange]:
    """A page of HTML, as a front end sends it that never got as far as the API."""
    body = (
        f"<!DOCTYPE html>\n<html lang=en>\n<title>Error {status} ({title})!!1</title>\n<p>That’s an error.\n"
    )
    return lambda _model: html_page(status, body)


def html_page(status: int, body: str) -> Exchange:
    return Exchange(status, {"Content-Type": "text/html; charset=UTF-8"}, ((0.0, body.encode()),))


QUOTA_METRIC = "generativelanguage.googleapis.com/generate_content_free_tier_requests"
PER_MINUTE = "GenerateRequestsPerMinutePerProjectPerModel-FreeTier"
PER_DAY = "GenerateRequestsPerDayPerProjectPerModel-FreeTier"
RATE_LIMITS = "https://ai.google.dev/gemini-api/docs/rate-limits"
CODE_ASSIST = "cloudcode-pa.googleapis.com"
OVERLOADED = Status(503, "The model is overloaded. Please try again later.")
HIGH_DEMAND = Status(
    503,
    "This model is currently experiencing high demand. Spikes in demand are usually temporary. "
    "Please try again later.",
)


def over_quota(quota_id: str, *, limit: str, seconds: str) -> Callable[[str], Exchange]:
    """Gemini's 429, which reads the same for every kind of quota but for its details."""

    def respond(model: str) -> Exchange:
        message = (
            "You exceeded your current quota, please check your plan and billing details. "
            f"For more information on this error, head to: {RATE_LIMITS}. \n"
            f"* Quota exceeded for metric: {QUOTA_METRIC}, limit: {limit}, model: {model}\n"
            f"Please retry in {seconds}s."
        )
        details = (
            quota_failure(metric=QUOTA_METRIC, quota_id=quota_id, model=model, value=limit),
            help_link("Learn more about Gemini API quotas", RATE_LIMITS),
            retry_info(f"{seconds}s"),
        )
        return refused(Status(429, message, details))

    return respond


def no_capacity(model: str) -> Exchange:
    info = error_info("MODEL_CAPACITY_EXHAUSTED", CODE_ASSIST, model=model)
    message = f"No capacity available for model {model} on the server"
    return refused(Status(429, message, (info,), legacy_reason="rateLimitExceeded"), in_array=True)


def too_fast(model: str) -> Exchange:
    message = "You have exhausted your capacity on this model. Your quota will reset after 0s."
    info = error_info(
        "RATE_LIMIT_EXCEEDED",
        CODE_ASSIST,
        uiMessage="true",
        model=model,
        quotaResetDelay="539.477544ms",
        quotaResetTimeStamp="2026-11-22T19:14:08Z",
    )
    status = Status(429, message, (info, retry_info("0.539477544s")), legacy_reason="rateLimitExceeded")
    return refused(status, in_array=True)


def plan_exhausted(model: str) -> Exchange:
    info = error_info(
        "QUOTA_EXHAUSTED",
        CODE_ASSIST,
        uiMessage="true",
        model=model,
        quotaResetDelay="108h48m20.795762633s",
        quotaResetTimeStamp="2026-11-27T04:24:12Z",
    )
    message = "Individual quota reached. Contact your administrator to enable overages. Resets in 108h48m29s."
    return refused(Status(429, message, (info, retry_info("391609.795772632s"))), in_array=True)


VALIDATION = "https://accounts.google.com/signin/continue?plt=simulated-personal-token"
"""A page for one person: whoever has the address can go there in their name."""
VALIDATION_REQUIRED = Status(
    403,
    "Verify your account to continue.",
    (
        error_info(
            "VALIDATION_REQUIRED",
            CODE_ASSIST,
            validation_error_message="Verify your account to continue.",
            validation_url_link_text="Verify your account",
            validation_url=VALIDATION,
        ),
        help_link("Verify your account", VALIDATION),
    ),
)
TERMS_VIOLATED = Status(
    403,
    "This service has been disabled in this account for violation of Terms of Service. "
    "Please submit an appeal to continue using this product.",
    (
        error_info(
            "TOS_VIOLATION",
            CODE_ASSIST,
            uiMessage="true",
            appeal_url_link_text="Appeal",
            appeal_url="https://support.google.com/accounts",
        ),
    ),
)
NO_LICENCE = Status(
    403,
    "You do not have a valid license of this product. Please contact your administrator to request a license. (#3501)",
)
ACTIVATION = (
    "https://console.developers.google.com/apis/api/generativelanguage.googleapis.com/overview?project=0"
)
SERVICE_DISABLED = Status(
    403,
    "Generative Language API has not been used in project 0 before or it is disabled. Enable it by visiting "
    f"{ACTIVATION} then retry. If you enabled this API recently, wait a few minutes for the action to "
    "propagate to our systems and retry.",
    (
        error_info(
            "SERVICE_DISABLED",
            "googleapis.com",
            serviceTitle="Generative Language API",
            service="generativelanguage.googleapis.com",
            consumer="projects/0",
            activationUrl=ACTIVATION,
        ),
    ),
)
COMPANION = "cloudaicompanion.googleapis.com"
COMPANION_ACTIVATION = f"https://console.developers.google.com/apis/api/{COMPANION}/overview?project=0"
COMPANION_DISABLED = Status(
    403,
    "Gemini for Google Cloud API has not been used in project 0 before or it is disabled. Enable it by visiting "
    f"{COMPANION_ACTIVATION} then retry. If you enabled this API recently, wait a few minutes for the action to "
    "propagate to our systems and retry.",
    (
        error_info(
            "SERVICE_DISABLED",
            "googleapis.com",
            serviceTitle="Gemini for Google Cloud API",
            service=COMPANION,
            consumer="projects/0",
            containerInfo="0",
            activationUrl=COMPANION_ACTIVATION,
        ),
    ),
)
IAM_DENIED = Status(
    403,
    "Permission 'aiplatform.endpoints.predict' denied on resource '//aiplatform.googleapis.com/projects/simulated' "
    "(or it may not exist).",
    (
        error_info(
            "IAM_PERMISSION_DENIED",
            "aiplatform.googleapis.com",
            permission="aiplatform.endpoints.predict",
            resource="projects/simulated",
        ),
    ),
)
SCOPE_MISSING = Status(
    403,
    "Request had insufficient authentication scopes.",
    (error_info("ACCESS_TOKEN_SCOPE_INSUFFICIENT", "googleapis.com", service="aiplatform.googleapis.com"),),
)
SHARED_QUOTA = Status(
    429,
    "Resource exhausted. Please try again later. Please refer to "
    "https://cloud.google.com/vertex-ai/generative-ai/docs/error-code-429 for more details.",
)
CREDITS_SPENT = Status(
    429,
    "You do not have enough credits for this request.",
    (error_info("INSUFFICIENT_G1_CREDITS_BALANCE", ""),),
)


def unknown_names(*fields: tuple[str, str]) -> Status:
    """What Google's parser says of fields it does not know, each a name and its place."""
    violations = [
        Violation(
            place, f"Invalid JSON payload received. Unknown name \"{name}\" at '{place}': Cannot find field."
        )
        for name, place in fields
    ]
    message = "\n".join(violation.description for violation in violations)
    return Status(400, message, (bad_request(*violations),))


UNKNOWN_KEYWORD = unknown_names(("const", "tools[0].function_declarations[0].parameters.properties[0].value"))
TOO_MANY_STATES = Status(
    400, "The specified schema produces a constraint that has too many states for serving."
)
