"""docs/errors.md: every failure there is, and what each error of the upstream is read as."""

import ast
import math
import re
from collections.abc import Iterator
from pathlib import Path

from pydantic import SecretStr

from antigravity_addon import errors
from antigravity_addon.accounts.account import Account, ApiKey
from antigravity_addon.accounts.policy import Wish
from antigravity_addon.accounts.pool import AccountPool, RestReport
from antigravity_addon.errors import GatewayError, RateLimited, UpstreamFailure
from antigravity_addon.simulator.faults import FAULTS, Refusal
from antigravity_addon.upstream.classify import classify

from .conftest import WrittenPart
from .pages import ROOT, table

PAGE = ROOT / "docs" / "errors.md"
_ROW = re.compile(r"^\| (\d{3}) \| `(\w+)` \| `(\w+)` \|", re.MULTILINE)
_ABSTRACT = {errors.UpstreamFailure}
"""Raised by nobody as it is."""


def rows() -> set[tuple[int, str, str | None]]:
    """(status, type, code) of the hand-written tables."""
    return {
        (int(status), kind, None if code == "null" else code)
        for status, kind, code in _ROW.findall(PAGE.read_text())
    }


def kinds_of(base: type[GatewayError]) -> Iterator[type[GatewayError]]:
    yield base
    for kind in base.__subclasses__():
        yield from kinds_of(kind)


def test_every_failure_stands_on_the_page() -> None:
    known = {(kind.status, kind.kind, kind.code) for kind in kinds_of(GatewayError) if kind not in _ABSTRACT}
    assert known - rows() == set()


def test_the_page_has_no_row_that_nobody_raises() -> None:
    assert {code for _, _, code in rows() if code} - codes_in_the_program() == set()


def test_every_code_in_the_program_stands_on_the_page() -> None:
    text = PAGE.read_text()
    assert {code for code in codes_in_the_program() if f"`{code}`" not in text} == set()


def codes_in_the_program() -> set[str]:
    """Values of class attributes and keyword arguments that are called `code` in what makes errors for clients."""
    package = ROOT / "antigravity_addon"
    files = [path for path in package.rglob("*.py") if "simulator" not in path.parts]
    return {code for path in files for code in _codes(path)}


def _codes(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        match node:
            case (
                ast.Assign(targets=[ast.Name(id="code")], value=value)
                | ast.AnnAssign(target=ast.Name(id="code"), value=value)
                | ast.keyword(arg="code", value=value)
            ):
                yield from _strings(value)
            case _:
                pass


def _strings(value: ast.expr | None) -> Iterator[str]:
    match value:
        case ast.Constant(value=str(text)):
            yield text
        case ast.IfExp(body=body, orelse=orelse):
            yield from (*_strings(body), *_strings(orelse))
        case _:
            pass


def test_every_error_of_the_upstream_is_read_as_the_page_says(written_part: WrittenPart) -> None:
    answers = ((name, fault) for name, fault in FAULTS.items() if isinstance(fault, Refusal))
    read = (_row(name, fault) for name, fault in answers if fault.respond("").status != 200)
    head = (
        "Fault", "The upstream's answer", "Status", "`type`", "`code`", "Headers", "The account, the request",
        "SDKs", "Codex",
    )  # fmt: skip
    written_part(PAGE, table(head, read))


def _row(name: str, fault: Refusal) -> tuple[str, ...]:
    answer = fault.respond("gemini-2.5-flash")
    body = b"".join(piece for _, piece in answer.pieces)
    failure = classify(answer.status, answer.headers, body, model="gemini-2.5-flash", now=0.0)
    return (
        f"`{name}`",
        fault.description,
        str(failure.status),
        f"`{failure.kind}`",
        f"`{failure.code}`",
        ", ".join(_headers(failure)),
        _consequence(failure),
        "again" if _sdk_asks_again(failure) else "",
        "" if failure.status in {400, 404} or failure.code in _FINAL_FOR_CODEX else "again",
    )


_FINAL_FOR_CODEX = {"context_length_exceeded", "insufficient_quota"}
"""Seen in Codex CLI 0.169, November 2026. `server_is_overloaded` is, too, after five requests."""


def _sdk_asks_again(failure: UpstreamFailure) -> bool:
    """As OpenAI's SDKs decide, and, but for the header, the AI SDK: the last of them obeys no `x-should-retry`."""
    if failure.should_retry is not None:
        return failure.should_retry
    return failure.status in {408, 409, 429} or failure.status >= 500


def _headers(failure: UpstreamFailure) -> Iterator[str]:
    if failure.retry_after is not None:
        yield f"`retry-after: {math.ceil(failure.retry_after)}`"
    if failure.should_retry is not None:
        yield f"`x-should-retry: {str(failure.should_retry).lower()}`"


def _consequence(failure: UpstreamFailure) -> str:
    """What a pool makes of it that has never seen a failure before."""
    pool = AccountPool([_ANA], clock=lambda: 0.0, unix_time=lambda: 0.0, chance=lambda: 0.5)
    lease = pool.lease_at_once(Wish("gemini-2.5-flash"))
    assert lease is not None
    pool.take_back(lease, failure)
    (report,) = pool.reports()
    ends = () if failure.retryable else ("ends",)
    if report.disabled_because is not None:
        return ", and ".join(("out of use", *ends))
    rests = (_rest(rest, failure) for rest in report.rests)
    return ", and ".join((*rests, *ends)) or "again"


_ANA = Account("ana@example.com", ApiKey(SecretStr("k")))


def _rest(rest: RestReport, failure: UpstreamFailure) -> str:
    is_stated = failure.retry_after is not None or failure.rest is not None
    longer = "" if is_stated or not isinstance(failure, RateLimited) else " at first"
    return f"rests {_span(rest.seconds)}{longer}{'' if rest.model else ', every model'}"


def _span(seconds: float) -> str:
    if seconds >= 7200:
        return f"{seconds / 3600:.0f} h"
    return f"{seconds / 60:.0f} min" if seconds >= 120 else f"{seconds:g} s"
