"""google.rpc.Status, the one shape of every refusal, and the details it may carry."""

from dataclasses import dataclass

from antigravity_addon.wire.base import JsonObject

from .families import Family

NAMES = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    429: "RESOURCE_EXHAUSTED",
    499: "CANCELLED",
    500: "INTERNAL",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}
"""The google.rpc.Code that goes with an HTTP status unless a refusal says otherwise."""


@dataclass(frozen=True, slots=True)
class Status:
    code: int
    """The HTTP status, repeated in the body."""
    message: str
    details: tuple[JsonObject, ...] = ()
    name: str | None = None
    """The google.rpc.Code, if not the one that `NAMES` gives."""
    legacy_reason: str | None = None
    """Adds the older `errors` list with this reason, as some Google front ends do."""

    def to_json(self) -> JsonObject:
        error: JsonObject = {"code": self.code, "message": self.message}
        if self.legacy_reason is not None:
            error["errors"] = [
                {"message": self.message, "domain": "global", "reason": self.legacy_reason},
            ]
        error["status"] = self.name or NAMES.get(self.code, "UNKNOWN")
        if self.details:
            error["details"] = [*self.details]
        return {"error": error}


class Refused(Exception):
    """The request is refused, and `status` is the answer."""

    def __init__(self, status: Status) -> None:
        super().__init__(status.message)
        self.status = status


@dataclass(frozen=True, slots=True)
class Violation:
    """One thing wrong with the request."""

    field: str
    """Where, in proto notation: `contents[0].parts[1].inline_data`; empty for the root."""
    description: str


def invalid(message: str) -> Refused:
    """The plain 400."""
    return Refused(Status(400, message))


def malformed(*violations: Violation) -> Refused:
    """The 400 of the proto parser: every violation in the message and again in the details."""
    message = "\n".join(violation.description for violation in violations)
    return Refused(Status(400, message, (bad_request(*violations),)))


def bad_request(*violations: Violation) -> JsonObject:
    return {
        "@type": "type.googleapis.com/google.rpc.BadRequest",
        "fieldViolations": [
            {"field": violation.field, "description": violation.description}
            if violation.field
            else {"description": violation.description}
            for violation in violations
        ],
    }


def error_info(reason: str, domain: str, **metadata: str) -> JsonObject:
    return {
        "@type": "type.googleapis.com/google.rpc.ErrorInfo",
        "reason": reason,
        "domain": domain,
        "metadata": {**metadata},
    }


def retry_info(delay: str) -> JsonObject:
    """`delay` in protobuf's notation, `34.07s`."""
    return {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": delay}


def help_link(description: str, url: str) -> JsonObject:
    return {
        "@type": "type.googleapis.com/google.rpc.Help",
        "links": [{"description": description, "url": url}],
    }


def localized_message(message: str) -> JsonObject:
    return {
        "@type": "type.googleapis.com/google.rpc.LocalizedMessage",
        "locale": "en-US",
        "message": message,
    }


def quota_failure(*, metric: str, quota_id: str, model: str, value: str) -> JsonObject:
    return {
        "@type": "type.googleapis.com/google.rpc.QuotaFailure",
        "violations": [
            {
                "quotaMetric": metric,
                "quotaId": quota_id,
                "quotaDimensions": {"location": "global", "model": model},
                "quotaValue": value,
            },
        ],
    }


KEY_MISSING = Status(
    403,
    "Method doesn't allow unregistered callers (callers without established identity). "
    "Please use API Key or other form of API consumer identity to call this API.",
)

KEY_INVALID = Status(
    400,
    "API key not valid. Please pass a valid API key.",
    (
        error_info("API_KEY_INVALID", "googleapis.com", service="generativelanguage.googleapis.com"),
        localized_message("API key not valid. Please pass a valid API key."),
    ),
)


def unauthenticated(family: Family, called: str) -> Status:
    """An access token that is unknown, revoked or dead."""
    return Status(
        401,
        "Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie or other valid "
        "authentication credential. See https://developers.google.com/identity/sign-in/web/devconsole-project.",
        (
            error_info(
                "ACCESS_TOKEN_EXPIRED", "googleapis.com", service=family.service, method=family.method(called)
            ),
        ),
    )


def credentials_missing(family: Family, called: str) -> Status:
    """No access token where it takes one."""
    return Status(
        401,
        "API keys are not supported by this API. Expected OAuth2 access token or other authentication credentials "
        "that assert a principal. See https://cloud.google.com/docs/authentication",
        (
            error_info(
                "CREDENTIALS_MISSING", "googleapis.com", service=family.service, method=family.method(called)
            ),
        ),
    )


PRIVATE_API = Status(
    403,
    "Cloud Code Private API has not been used in project 0 before or it is disabled. Enable it by visiting "
    "https://console.developers.google.com/apis/api/cloudcode-pa.googleapis.com/overview?project=0 then retry.",
    (
        error_info(
            "SERVICE_DISABLED",
            "googleapis.com",
            service="cloudcode-pa.googleapis.com",
            consumer="projects/0",
            serviceTitle="Cloud Code Private API",
        ),
    ),
)
"""For a request that has a user's project in its headers: the API is private, and in no project."""

NO_MIXTURE = "Tool call context circulation is not enabled: built-in tools and functions cannot be mixed."
NO_MIXTURE_ON_VERTEX = "Multiple tools are supported only when they are all search tools."
NO_PREFILL = "Please ensure that the last turn is a user turn: this model continues no model turn."


def model_not_found(
    model: str, method: str = "generateContent", family: Family = Family.GEMINI, parent: str = ""
) -> Status:
    """`parent` is what stands before `publishers` in a path of Vertex AI."""
    match family:
        case Family.GEMINI:
            message = (
                f"models/{model} is not found for API version v1beta, or is not supported for {method}. "
                "Call ModelService.ListModels to see the list of available models and their supported methods."
            )
        case Family.VERTEX:
            message = (
                f"Publisher Model `{parent}publishers/google/models/{model}` was not found or your project does not "
                "have access to it. Please ensure you are using a valid model version."
            )
        case Family.CODE_ASSIST:
            message = "Requested entity was not found."
    return Status(404, message)
