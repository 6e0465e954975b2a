"""`antigravity doctor`: all checks, from the nearest to the farthest, and what to do about what they find.

A check that fails stops those alone that stand on it.
"""

import asyncio
import os
import sys
import textwrap
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from pydantic import SecretStr

from antigravity_addon.accounts.file import AccountsFileError
from antigravity_addon.cli.accounts import ask_accounts, read_accounts
from antigravity_addon.cli.answer import Answer, ReadAccounts, Scene
from antigravity_addon.cli.clients.client import KEY_VARIABLE
from antigravity_addon.cli.commands import Arguments, CheckAccounts, Examine
from antigravity_addon.cli.documents import Diagnosis, FindingEntry
from antigravity_addon.cli.places import (
    CONFIG,
    Places,
    PlacesError,
    find_places,
    places_without_configuration,
)
from antigravity_addon.errors import printable
from antigravity_addon.gateway.operator import CHECK_MODEL, OperatorError
from antigravity_addon.state.memory import StateError
from antigravity_addon.upstream.transport import Transport

from .files import check_accounts_file, check_client_keys, check_configuration, check_disk, check_state
from .finding import Finding, Standing, problem, skipped
from .probe import ClientKey, GatewayProbe
from .surroundings import check_base_urls, check_mitmproxy, check_proxies, check_python
from .upstream import accounts_findings, check_clock

OPERATORS_KEY = "GATEWAY_API_KEY"
"""What a gateway that was started like this asks for."""
_WIDTH = 100


@dataclass(frozen=True, slots=True)
class _Patient:
    command: Examine
    scene: Scene
    environ: Mapping[str, str]
    read: ReadAccounts | AccountsFileError | OperatorError | None
    """The accounts file; `None` where none is needed."""

    @property
    def places(self) -> Places:
        return self.scene.places


def examine(
    command: Examine, arguments: Arguments, *, folder: Path, unix_time: Callable[[], float]
) -> Answer:
    """Raises: PlacesError: what was named can be nowhere."""
    environ = dict(os.environ)
    findings = [
        check_python(sys.version_info[:3]),
        check_mitmproxy(_version("mitmproxy")),
        *check_configuration(folder / CONFIG, operators_key=environ.get(OPERATORS_KEY, "")),
    ]
    try:
        places = find_places(arguments.places, folder=folder)
    except PlacesError as error:
        places = places_without_configuration(arguments.places, folder=folder)
        if not any(finding.standing is Standing.PROBLEM for finding in findings):
            findings.append(problem("configuration", str(error)))
    scene = Scene(places, arguments.json, unix_time)
    patient = _Patient(command, scene, environ, None if places.target is None else _read(scene))
    findings += _near(patient)
    findings += asyncio.run(_far(patient))
    findings += _accounts(patient)
    return _answer(findings, places.entrance.url)


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _read(scene: Scene) -> ReadAccounts | AccountsFileError | OperatorError:
    try:
        return read_accounts(scene)
    except (AccountsFileError, OperatorError) as error:
        return error


def _near(patient: _Patient) -> Iterator[Finding]:
    """On this machine alone."""
    places, url = patient.places, patient.places.entrance.url
    if patient.read is None:
        yield skipped("accounts", "The simulator answers, which needs none.")
    else:
        yield from check_accounts_file(
            places.accounts, patient.read, is_configured=places.accounts_are_configured
        )
    yield from check_client_keys(
        places.keys, is_configured=places.keys_are_configured, now=patient.scene.unix_time()
    )
    yield check_state(places.state)
    yield check_disk(places.state, wanted_bytes=places.state_megabytes * 1_000_000)
    yield check_proxies(url, patient.environ)
    yield from check_base_urls(url, patient.environ)


async def _far(patient: _Patient) -> list[Finding]:
    """The gateway, and the clock of what is behind it."""
    command, places = patient.command, patient.places
    transport = Transport()
    try:
        probe = GatewayProbe(transport, places.entrance.url, _client_key(patient), seconds=command.seconds)
        findings = [
            finding
            async for finding in probe.findings(
                command.model or CHECK_MODEL,
                has_default_model=bool(places.entrance.default_model),
                requests=command.asks_models,
            )
        ]
        findings.append(await _clock(patient, transport))
    finally:
        await transport.aclose()
    return findings


async def _clock(patient: _Patient, transport: Transport) -> Finding:
    target = patient.places.target
    if target is None:
        return skipped("clock", "The simulator answers, which has this machine's clock.")
    if patient.command.is_offline:
        return skipped("clock", "Nobody but the gateway was to be asked.")
    return await check_clock(transport, target, unix_time=patient.scene.unix_time)


def _client_key(patient: _Patient) -> ClientKey:
    """From the environment; nobody else can be shown it by mistake there."""
    named = patient.command.key_variable
    for variable in (named,) if named else (KEY_VARIABLE, OPERATORS_KEY):
        if found := patient.environ.get(variable):
            return ClientKey(variable, SecretStr(found))
    return ClientKey(named or KEY_VARIABLE)


def _accounts(patient: _Patient) -> Iterator[Finding]:
    """Each of those that can be used, at its own upstream."""
    if patient.read is None:
        yield skipped("account", "The simulator answers, which needs none.")
        return
    if not patient.command.asks_models:
        yield skipped("account", "No model was to be asked.")
        return
    if not isinstance(patient.read, ReadAccounts):
        yield skipped("account", "It needs the accounts first.")
        return
    question = CheckAccounts((), None, patient.command.seconds, shows_links=False)
    try:
        results = ask_accounts(question, patient.scene, patient.read, model=CHECK_MODEL, finds_links=False)
    except StateError:
        yield skipped("account", "It needs the state first.")
        return
    # what the file says of others was said before
    unusable = {account.email for account in patient.read.unusable}
    yield from accounts_findings([result for result in results if result.email not in unusable])


# --- what is printed ---------------------------------------------------------------------------------------


def _answer(findings: Iterable[Finding], url: str) -> Answer:
    findings = tuple(findings)
    problems = sum(finding.standing is Standing.PROBLEM for finding in findings)
    warnings = sum(finding.standing is Standing.WARNING for finding in findings)
    document = Diagnosis(
        url=url, problems=problems, warnings=warnings, findings=tuple(map(FindingEntry.of, findings))
    )
    lines = (*(line for finding in findings for line in _lines(finding)), "", _sum(problems, warnings))
    return Answer(document, lines, exit_code=int(problems > 0))


def _lines(finding: Finding) -> Iterator[str]:
    yield from textwrap.wrap(
        f"{finding.standing:<8} {finding.check}: {printable(finding.sentence)}",
        _WIDTH,
        subsequent_indent=" " * 9,
        break_long_words=False,
        break_on_hyphens=False,
    )
    if finding.remedy:
        # in one line, since there may be a command in it
        yield f"{' ' * 9}> {printable(finding.remedy)}"


def _sum(problems: int, warnings: int) -> str:
    if not problems and not warnings:
        return "Nothing is wrong."
    counts = ((problems, "problem"), (warnings, "warning"))
    said = " and ".join(f"{count} {what}{'' if count == 1 else 's'}" for count, what in counts if count)
    return f"{said}."
