"""Every way in which the upstream can fail, in one table.

An account whose key or refresh token is `fault-NAME` or a model called `gemini-fault-NAME` fails that way; with `-xN` at the
end only the first N times. `docs/simulator.md` lists what this table holds.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from . import conditions, damage, refusals
from .damage import Answered
from .exchange import Exchange
from .families import Family
from .request import GenerateContentRequest
from .response import Call, Chunk, pretty
from .status import KEY_INVALID, NO_MIXTURE, NO_PREFILL, Status, model_not_found, unauthenticated


@dataclass(frozen=True, slots=True)
class Refusal:
    """Instead of an answer, whatever was asked."""

    description: str
    respond: Callable[[str], Exchange]
    """From the name of the model."""


@dataclass(frozen=True, slots=True)
class Damage:
    """Something done to a sound answer."""

    description: str
    damage: Callable[[Answered], Exchange]


@dataclass(frozen=True, slots=True)
class Selective:
    """A fault for some requests; the others are answered."""

    strikes: Callable[[GenerateContentRequest], bool]
    fault: Refusal | Damage

    @property
    def description(self) -> str:
        return self.fault.description


type Fault = Refusal | Damage | Selective

# --- the table -------------------------------------------------------------------------------------------

FAULTS: Mapping[str, Fault] = {
    # quota
    "rate-limited": Refusal(
        "429 for this minute: quota details, wait 56 s",
        refusals.over_quota(refusals.PER_MINUTE, limit="2", seconds="56"),
    ),
    "rate-limited-short": Refusal(
        "429 for this minute, wait 0.3 s", refusals.over_quota(refusals.PER_MINUTE, limit="2", seconds="0.3")
    ),
    "rate-limited-bare": Refusal(
        "429 without any detail",
        refusals.says(Status(429, "Resource has been exhausted (e.g. check quota).")),
    ),
    "rate-limited-header": Refusal(
        "429 without detail, `Retry-After: 2` in the headers",
        refusals.says(Status(429, "Resource has been exhausted (e.g. check quota)."), Retry_After="2"),
    ),
    "quota-day": Refusal(
        "429 for this day, with a misleading delay of seconds",
        refusals.over_quota(refusals.PER_DAY, limit="50", seconds="31"),
    ),
    "quota-zero": Refusal(
        "429 with `limit: 0`: not in this plan at all",
        refusals.over_quota(refusals.PER_DAY, limit="0", seconds="12"),
    ),
    "rate-limited-vertex": Refusal(
        "429 without any detail, in Vertex AI's words", refusals.says(refusals.SHARED_QUOTA)
    ),
    "rate-limited-code-assist": Refusal("429 in an array: too fast, wait 0.54 s", refusals.too_fast),
    "credits-spent": Refusal(
        "429 in an array: no credits left", refusals.says(refusals.CREDITS_SPENT, in_array=True)
    ),
    "quota-code-assist": Refusal("429 in an array: plan quota gone for 108 hours", refusals.plan_exhausted),
    # load
    "overloaded": Refusal("503, the model is overloaded", refusals.says(refusals.OVERLOADED)),
    "high-demand": Refusal("503 in the newer wording", refusals.says(refusals.HIGH_DEMAND)),
    "capacity": Refusal("429 in an array: no capacity for the model", refusals.no_capacity),
    "overloaded-529": Refusal(
        "529, as relays say overloaded", refusals.says(Status(529, "Overloaded", name="UNAVAILABLE"))
    ),
    "internal": Refusal("500", refusals.says(Status(500, "An internal error has occurred. Please retry."))),
    "deadline": Refusal(
        "504", refusals.says(Status(504, "Deadline expired before operation could complete."))
    ),
    "cancelled": Refusal(
        "499 in an array, cancelled by the server",
        refusals.says(
            Status(499, "The operation was cancelled.", legacy_reason="backendError"), in_array=True
        ),
    ),
    "html-502": Refusal("502 with a page of HTML", refusals.page(502, "Server Error")),
    "html-413": Refusal("413 with a page of HTML", refusals.page(413, "Request Entity Too Large")),
    # the account
    "dead-key": Refusal("400, the key is not valid", refusals.says(KEY_INVALID)),
    "dead-key-array": Refusal(
        "400 in an array, the key is not valid", refusals.says(KEY_INVALID, in_array=True)
    ),
    "unauthenticated": Refusal(
        "401, the token has expired", refusals.says(unauthenticated(Family.GEMINI, "streamGenerateContent"))
    ),
    "leaked-key": Refusal(
        "403, the key was reported as leaked",
        refusals.says(Status(403, "Your API key was reported as leaked. Please use another API key.")),
    ),
    "validation-required": Refusal(
        "403, the account is to be verified", refusals.says(refusals.VALIDATION_REQUIRED)
    ),
    "tos": Refusal("403, the terms were violated", refusals.says(refusals.TERMS_VIOLATED)),
    "service-disabled": Refusal(
        "403, the API is switched off in the project", refusals.says(refusals.SERVICE_DISABLED)
    ),
    "service-disabled-code-assist": Refusal(
        "403, Code Assist's API is switched off in the project", refusals.says(refusals.COMPANION_DISABLED)
    ),
    "no-licence": Refusal("403, no Code Assist licence (#3501)", refusals.says(refusals.NO_LICENCE)),
    "iam": Refusal("403, the project does not permit it", refusals.says(refusals.IAM_DENIED)),
    "scope": Refusal("403, the token is not for this API", refusals.says(refusals.SCOPE_MISSING)),
    "permission": Refusal(
        "403 without a reason", refusals.says(Status(403, "The caller does not have permission"))
    ),
    "location": Refusal(
        "400 FAILED_PRECONDITION, not in this country",
        refusals.says(
            Status(400, "User location is not supported for the API use.", name="FAILED_PRECONDITION")
        ),
    ),
    # the request
    "bad-request": Refusal(
        "400 without a reason", refusals.says(Status(400, "Request contains an invalid argument."))
    ),
    "bad-schema": Refusal(
        "400 for an unknown keyword in a schema",
        refusals.says(refusals.UNKNOWN_KEYWORD),
    ),
    "too-long": Refusal(
        "400, more tokens than the model takes",
        refusals.says(
            Status(
                400,
                "The input token count (1048577) exceeds the maximum number of tokens allowed (1048576).",
            )
        ),
    ),
    "not-found": Refusal("404, no such model", lambda model: refusals.refused(model_not_found(model))),
    # something in the request, and no other request
    "too-many-states": Selective(
        conditions.is_constrained,
        Refusal(
            "400 if the answer has a schema, or calls are forced or strict: too complex",
            refusals.says(refusals.TOO_MANY_STATES),
        ),
    ),
    "refuses-thinking": Selective(
        conditions.thinks,
        Refusal(
            "400 if there is a `thinkingConfig`",
            refusals.says(Status(400, "Thinking is not enabled for this model.")),
        ),
    ),
    "refuses-penalties": Selective(
        conditions.is_penalised,
        Refusal(
            "400 if there is a penalty",
            lambda model: refusals.refused(Status(400, f"Penalty is not enabled for models/{model}")),
        ),
    ),
    "refuses-logprobs": Selective(
        conditions.wants_logprobs,
        Refusal(
            "400 if logprobs are wanted",
            lambda model: refusals.refused(Status(400, f"Logprobs is not enabled for models/{model}")),
        ),
    ),
    "refuses-parameters-json-schema": Selective(
        conditions.declares_freely,
        Refusal(
            "400 if a function has `parametersJsonSchema`: unknown name",
            refusals.says(
                refusals.unknown_names(("parametersJsonSchema", "tools[0].function_declarations[0]"))
            ),
        ),
    ),
    "refuses-response-json-schema": Selective(
        conditions.answers_freely,
        Refusal(
            "400 if there is a `responseJsonSchema`: unknown name",
            refusals.says(refusals.unknown_names(("responseJsonSchema", "generation_config"))),
        ),
    ),
    "refuses-json-with-tools": Selective(
        conditions.is_json_beside_tools,
        Refusal(
            "400 if there are tools beside JSON mode",
            refusals.says(
                Status(400, "Tool use with a response mime type: 'application/json' is unsupported")
            ),
        ),
    ),
    "refuses-search-with-functions": Selective(
        conditions.searches_beside_functions,
        Refusal("400 if there is a search beside functions", refusals.says(Status(400, NO_MIXTURE))),
    ),
    "refuses-server-side-tools": Selective(
        conditions.agrees_to_both,
        Refusal(
            "400 if there is `includeServerSideToolInvocations`: unknown name",
            refusals.says(refusals.unknown_names(("includeServerSideToolInvocations", "tool_config"))),
        ),
    ),
    "refuses-part-resolution": Selective(
        conditions.resolves_parts,
        Refusal(
            "400 if a part has a `mediaResolution`: unknown name",
            refusals.says(refusals.unknown_names(("mediaResolution", "contents[0].parts[0]"))),
        ),
    ),
    "refuses-prefill": Selective(
        conditions.ends_with_model,
        Refusal("400 if the last turn is the model's", refusals.says(Status(400, NO_PREFILL))),
    ),
    "refuses-signatures": Selective(
        conditions.is_signed,
        Refusal(
            "400 if a part has a signature that is no placeholder",
            refusals.says(Status(400, "Corrupted thought signature.")),
        ),
    ),
    "missing-signature": Selective(
        conditions.is_signed,
        Damage(
            "MISSING_THOUGHT_SIGNATURE if a part has a signature that is no placeholder",
            damage.one_chunk(Chunk(withheld=True, finish_reason="MISSING_THOUGHT_SIGNATURE")),
        ),
    ),
    # the connection
    "reset": Refusal("reset before any byte", lambda _model: Exchange(headless=True, reset=True)),
    "reset-after-head": Refusal("200 and headers, then reset", lambda _model: Exchange(reset=True)),
    "reset-after-first": Damage(
        "reset after the first event", lambda answer: replace(answer.sending(answer.body[:1]), reset=True)
    ),
    "reset-mid": Damage(
        "reset after half of the events", lambda answer: replace(answer.sending(answer.half()), reset=True)
    ),
    "silence": Refusal(
        "no byte until the client goes away", lambda _model: Exchange(headless=True, silent=True)
    ),
    "silence-after-head": Refusal("200 and headers, then silence", lambda _model: Exchange(silent=True)),
    "silence-after-first": Damage(
        "silence after the first event", lambda answer: replace(answer.sending(answer.body[:1]), silent=True)
    ),
    "slow-first": Damage("the first event comes late", damage.slow_first),
    # errors inside a 200
    "error-first": Damage(
        "200, and the first event is an error",
        lambda answer: answer.sending((damage.framed_error(answer, refusals.HIGH_DEMAND),)),
    ),
    "error-first-raw": Damage(
        "200, then a bare error over several lines",
        lambda answer: answer.sending((pretty(refusals.HIGH_DEMAND.to_json()),)),
    ),
    "error-mid-event": Damage(
        "half of the answer, then an error as an event",
        damage.error_after_half(lambda answer: damage.framed_error(answer, refusals.HIGH_DEMAND)),
    ),
    "error-mid-raw": Damage(
        "half of the answer, then a bare error over several lines",
        damage.error_after_half(lambda _answer: pretty(refusals.HIGH_DEMAND.to_json()) + b"\n"),
    ),
    "error-array-mid": Damage(
        "half of the answer, then a bare error in an array",
        damage.error_after_half(lambda _answer: pretty([refusals.OVERLOADED.to_json()]) + b"\n"),
    ),
    # answers that are none
    "truncated": Damage("ends without a finish reason", damage.truncated),
    "truncated-json": Damage("ends in the middle of a message", damage.truncated_json),
    "empty-body": Refusal("200 with no byte in it", lambda _model: Exchange()),
    "empty-answer": Damage("one empty text and STOP", damage.with_text("")),
    "no-candidates": Damage("no candidates at all", damage.one_chunk(Chunk(no_candidates=True))),
    "safety": Damage(
        "SAFETY instead of an answer", damage.one_chunk(Chunk(finish_reason="SAFETY", withheld=True))
    ),
    "safety-mid": Damage("half of the answer, then SAFETY", damage.blocked_half_way),
    "prompt-blocked": Damage(
        "the prompt is blocked", damage.one_chunk(Chunk(block_reason="PROHIBITED_CONTENT"))
    ),
    "max-tokens-thinking": Damage("MAX_TOKENS before the first word", damage.starved),
    "malformed-call": Damage(
        "MALFORMED_FUNCTION_CALL",
        damage.one_chunk(
            Chunk(
                withheld=True,
                finish_reason="MALFORMED_FUNCTION_CALL",
                finish_message='Malformed function call: print(default_api.get_weather(location="Oslo")',
            )
        ),
    ),
    "unexpected-call": Damage(
        "UNEXPECTED_TOOL_CALL with a call of a function nobody declared",
        damage.one_chunk(
            Chunk(
                (Call("undeclared_function", {}),),
                finish_reason="UNEXPECTED_TOOL_CALL",
                finish_message=(
                    "Unexpected tool call: Model tried to call an undeclared function: undeclared_function"
                ),
            )
        ),
    ),
    "continuation": Damage(
        "half of what is left, then CONTINUATION and a token for the rest", damage.continued
    ),
    "checkpoint-cut": Damage(
        "half of the answer with tokens to go on behind each event, then reset; whole when gone on with",
        damage.cut_behind_checkpoint,
    ),
    "checkpoint-stale": Damage(
        "a token in the first event, then text without one, then reset", damage.cut_past_checkpoint
    ),
    # odd but sound
    "crlf-split": Damage("every write ends between CR and LF", damage.split_line_ends),
    "byte-by-byte": Damage("every byte is a write of its own", damage.byte_by_byte),
    "one-write": Damage(
        "all events in one write", lambda answer: answer.sending(damage.all_in_first(answer.body))
    ),
    "lf-only": Damage(
        "lines end in LF",
        lambda answer: answer.sending(tuple(piece.replace(b"\r\n", b"\n") for piece in answer.body)),
    ),
    "no-final-blank": Damage("the last event lacks its blank line", damage.without_final_blank),
    "unicode-separators": Damage("U+2028, U+2029 and U+0085 unescaped in the text", damage.with_separators),
    "big-line": Damage("one event of 2 MB", damage.with_text("Two megabytes of text. " * 91_000)),
    "gzip": Damage("compressed, as relays do it", damage.compressed),
    "wrong-content-type": Damage("a sound answer labelled text/html", damage.mislabelled),
    "garbage": Damage("200 and noise", damage.garbage),
    "usage-last-only": Damage("token counts in the last chunk only, as on Vertex AI", damage.usage_last),
    "credits-event": Damage(
        "an event that tells of credits only, as Code Assist has it", damage.with_credits
    ),
    "duplicate-finish": Damage("the finish reason comes twice", damage.finished_twice),
}

# --- choosing one ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Plan:
    """A fault as a key or a model's name asks for it."""

    fault: Fault
    times: int | None
    """How often, from the first request on; `None`: always."""


def planned(name: str, prefix: str) -> Plan | None:
    """What `prefix` + NAME or `prefix` + NAME-xN asks for; `None` if no fault is called so."""
    found = named_in(name, prefix, FAULTS)
    return Plan(*found) if found else None


def named_in[F](name: str, prefix: str, table: Mapping[str, F]) -> tuple[F, int | None] | None:
    """The entry of the table, and how often it is meant."""
    if not name.startswith(prefix):
        return None
    wanted = name.removeprefix(prefix)
    if wanted in table:
        return table[wanted], None
    counted = re.fullmatch(r"(?P<fault>.+)-x(?P<times>\d{1,9})", wanted)
    if counted is None or counted["fault"] not in table:
        return None
    return table[counted["fault"]], int(counted["times"])


def listing() -> str:
    """The table as Markdown, for the documentation."""
    rows = [f"| `{name}` | {fault.description} |" for name, fault in FAULTS.items()]
    return "\n".join(("| Fault | What it does |", "|---|---|", *rows)) + "\n"
