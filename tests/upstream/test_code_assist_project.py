"""Finding out which project a licence is of, against the simulator."""

import asyncio
import json
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field

import pytest

from antigravity_addon.errors import (
    AccountRefused,
    TermsRefused,
    TokenUnavailable,
    UpstreamBroken,
    UpstreamFailure,
    UpstreamTimeout,
    UpstreamUnreachable,
)
from antigravity_addon.simulator.exchange import JSON_HEADERS, Exchange
from antigravity_addon.simulator.faults import FAULTS, Refusal
from antigravity_addon.simulator.refusals import VALIDATION
from antigravity_addon.simulator.server import Simulator
from antigravity_addon.upstream import code_assist_project
from antigravity_addon.upstream.code_assist_project import MOST_POLLS, find_project, find_validation_link
from antigravity_addon.upstream.endpoint import UpstreamRequest
from antigravity_addon.upstream.transport import Transport
from antigravity_addon.wire.base import Json, JsonObject
from antigravity_addon.wire.oauth import TokenAnswer


@dataclass
class Asker:
    """Finds projects on a simulator of its own, and never sleeps."""

    simulator: Simulator
    transport: Transport
    pauses: list[float] = field(default_factory=list[float])

    async def find(self, refresh_token: str, configured: str = "") -> str:
        headers = {"authorization": f"Bearer {await self.access_token(refresh_token)}"}
        return await find_project(
            configured=configured,
            authorization_headers=headers,
            base_url=self.simulator.base_url,
            user_agent="ours/1",
            transport=self.transport,
            sleep=self.pause,
        )

    async def access_token(self, refresh_token: str) -> str:
        form = f"grant_type=refresh_token&client_id=c&client_secret=s&refresh_token={refresh_token}"
        request = UpstreamRequest(
            f"{self.simulator.base_url}/token",
            {"content-type": "application/x-www-form-urlencoded"},
            form.encode(),
        )
        async with self.transport.open(request) as response:
            body = b"".join([chunk async for chunk in response.chunks()])
        return TokenAnswer.model_validate_json(body).access_token.get_secret_value()

    async def pause(self, seconds: float) -> None:
        self.pauses.append(seconds)

    @property
    def asked(self) -> list[tuple[str, str, Json]]:
        return [(request.method, request.path, request.body) for request in self.simulator.requests]


@pytest.fixture
async def ana() -> AsyncGenerator[Asker]:
    transport = Transport()
    async with Simulator() as simulator:
        yield Asker(simulator, transport)
        await transport.aclose()


METADATA: JsonObject = {"ideType": "IDE_UNSPECIFIED", "platform": "PLATFORM_UNSPECIFIED"}


def answer(body: object, status: int = 200) -> Exchange:
    return Exchange(status, JSON_HEADERS, ((0.0, json.dumps(body).encode()),))


# --- licensed ---------------------------------------------------------------------------------------------


async def test_the_upstream_names_the_project(ana: Asker) -> None:
    assert await ana.find("licensed") == "simulated-licence"
    assert ana.asked == [("POST", "/v1internal:loadCodeAssist", {"metadata": METADATA})]
    headers = ana.simulator.requests[0].headers
    assert (headers["user-agent"], headers["content-type"]) == ("ours/1", "application/json")
    assert "x-goog-user-project" not in headers


async def test_the_operators_word_is_passed_on(ana: Asker) -> None:
    assert await ana.find("licensed", "mine") == "mine"
    assert ana.asked == [
        (
            "POST",
            "/v1internal:loadCodeAssist",
            {"cloudaicompanionProject": "mine", "metadata": {**METADATA, "duetProject": "mine"}},
        )
    ]


async def test_the_operators_word_stands_where_the_upstream_has_none(ana: Asker) -> None:
    ana.simulator.script([answer({"currentTier": {"id": "standard-tier"}})])
    assert await ana.find("licensed", "mine") == "mine"


# --- signing up -------------------------------------------------------------------------------------------


async def test_an_account_is_signed_up_for_its_licence(ana: Asker) -> None:
    assert await ana.find("needs-onboarding", "mine") == "mine"
    assert ana.pauses == [5.0, 5.0]
    assert [(method, path) for method, path, _ in ana.asked] == [
        ("POST", "/v1internal:loadCodeAssist"),
        ("POST", "/v1internal:onboardUser"),
        ("GET", "/v1internal/operations/sign-up.0"),
        ("GET", "/v1internal/operations/sign-up.0"),
    ]
    assert ana.asked[1][2] == {
        "tierId": "standard-tier",
        "cloudaicompanionProject": "mine",
        "metadata": {**METADATA, "duetProject": "mine"},
    }
    assert await ana.find("needs-onboarding", "mine") == "mine"
    assert ana.asked[-1][1] == "/v1internal:loadCodeAssist", "once is enough"


ALLOWED = {"allowedTiers": [{"id": "standard-tier", "userDefinedCloudaicompanionProject": True}]}


async def test_a_default_tier_comes_first(ana: Asker) -> None:
    tiers = [
        {"id": "free-tier", "isDefault": True},
        {"id": "other-tier", "userDefinedCloudaicompanionProject": True},
        {"id": "standard-tier", "isDefault": True, "userDefinedCloudaicompanionProject": True},
    ]
    done = {"done": True, "response": {"cloudaicompanionProject": {"id": "theirs"}}}
    ana.simulator.script([answer({"allowedTiers": tiers}), answer(done)])
    assert await ana.find("licensed", "mine") == "theirs"
    match ana.asked[1][2]:
        case {"tierId": tier}:
            assert tier == "standard-tier"
        case other:
            pytest.fail(str(other))


async def test_an_end_without_a_project_leaves_the_operators(ana: Asker) -> None:
    ana.simulator.script([answer(ALLOWED), answer({"done": True, "response": {}})])
    assert await ana.find("licensed", "mine") == "mine"


async def test_it_does_not_ask_for_ever(ana: Asker) -> None:
    under_way = answer({"name": "operations/x", "done": False})
    ana.simulator.script([answer(ALLOWED), *([under_way] * (MOST_POLLS + 1))])
    with pytest.raises(TokenUnavailable, match="takes long"):
        await ana.find("licensed", "mine")
    assert len(ana.pauses) == MOST_POLLS


# --- refusals ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Refused:
    refresh_token: str
    kind: type[AccountRefused]
    reason: tuple[str, ...]
    """Words that the operator gets to read."""
    configured: str = ""


REFUSED = {
    "served to Google's own programs": Refused(
        "unsupported-client",
        TermsRefused,
        ("UNSUPPORTED_CLIENT", "no longer supported", "API key or Vertex AI"),
    ),
    "to be verified": Refused(
        "validation-required",
        TermsRefused,
        ("VALIDATION_REQUIRED", "Verify your account", "antigravity accounts check"),
        configured="mine",
    ),
    "not eligible": Refused("ineligible", AccountRefused, ("RESTRICTED_AGE", "free-tier", "not eligible")),
    "no licence": Refused("individual", AccountRefused, ("no Code Assist", "free-tier"), configured="mine"),
    "no project": Refused("no-project", AccountRefused, ("`project`",)),
    "to be signed up, no project": Refused(
        "needs-onboarding", AccountRefused, ("standard-tier", "`project`")
    ),
}


@pytest.mark.parametrize("case", REFUSED.values(), ids=REFUSED)
async def test_refused(ana: Asker, case: Refused) -> None:
    with pytest.raises(AccountRefused) as caught:
        await ana.find(case.refresh_token, case.configured)
    failure = caught.value
    assert type(failure) is case.kind
    assert [words for words in case.reason if words not in failure.reason] == []
    assert failure.message == (
        "The upstream refused the account this gateway used. The gateway's operator has to mend that."
    )
    assert "accounts.google.com" not in failure.reason
    assert [path for _, path, _ in ana.asked] == ["/v1internal:loadCodeAssist"], (
        "nothing is tried in its place"
    )


async def test_links_in_googles_words_are_not_passed_on(ana: Asker) -> None:
    tier = {
        "reasonCode": "VALIDATION_REQUIRED",
        "reasonMessage": "See https://accounts.google.com/x?plt=t now.",
    }
    ana.simulator.script([answer({"ineligibleTiers": [tier]})])
    with pytest.raises(TermsRefused) as caught:
        await ana.find("licensed")
    assert caught.value.reason.startswith("VALIDATION_REQUIRED: See [link removed] now. ")


@pytest.mark.parametrize("refresh_token", ["validation-required", "unsupported-client", "licensed"])
async def test_the_operator_can_have_the_link(ana: Asker, refresh_token: str) -> None:
    link = await find_validation_link(
        authorization_headers={"authorization": f"Bearer {await ana.access_token(refresh_token)}"},
        base_url=ana.simulator.base_url,
        user_agent="ours/1",
        transport=ana.transport,
    )
    if refresh_token != "validation-required":
        assert link is None
        return
    assert link is not None
    assert "plt" not in repr(link)
    assert link.get_secret_value() == VALIDATION


async def test_signing_up_may_fail(ana: Asker) -> None:
    failed = {"done": True, "error": {"code": 7, "message": "Not allowed, see https://example.com/x."}}
    ana.simulator.script([answer(ALLOWED), answer(failed)])
    with pytest.raises(AccountRefused) as caught:
        await ana.find("licensed", "mine")
    assert caught.value.reason == "Google did not sign the account up: Not allowed, see [link removed]"


STATUSES: dict[str, tuple[type[UpstreamFailure], int]] = {
    "tos": (TermsRefused, 403),
    "service-disabled-code-assist": (AccountRefused, 403),
    "permission": (AccountRefused, 403),
    "unauthenticated": (AccountRefused, 401),
    "overloaded": (TokenUnavailable, 503),
    "rate-limited": (TokenUnavailable, 429),
    "bad-request": (AccountRefused, 400),
    "html-502": (TokenUnavailable, 502),
}


@pytest.mark.parametrize("name", STATUSES)
async def test_errors_of_the_upstream(ana: Asker, name: str) -> None:
    fault = FAULTS[name]
    assert isinstance(fault, Refusal)
    ana.simulator.script([fault.respond("")])
    kind, status = STATUSES[name]
    with pytest.raises(UpstreamFailure) as caught:
        await ana.find("licensed")
    assert (type(caught.value), caught.value.upstream_status) == (kind, status)


async def test_a_token_that_died_is_told_from_a_refusal(ana: Asker) -> None:
    original = ana.access_token

    async def access_token(refresh_token: str) -> str:
        token = await original(refresh_token)
        ana.simulator.revoke_tokens()
        return token

    ana.access_token = access_token  # the token dies on its way
    with pytest.raises(AccountRefused) as caught:
        await ana.find("licensed")
    assert caught.value.upstream_status == 401


# --- answers that are none --------------------------------------------------------------------------------

UNREADABLE: dict[str, bytes] = {
    "a page": b"<html>",
    "nothing": b"",
    "another type": b'{"currentTier": 1}',
    "too long": b'{"a": "' + b"a" * 1_100_000 + b'"}',
}


@pytest.mark.parametrize("body", UNREADABLE.values(), ids=UNREADABLE)
async def test_unreadable(ana: Asker, body: bytes) -> None:
    ana.simulator.script([Exchange(200, JSON_HEADERS, ((0.0, body),))])
    with pytest.raises(UpstreamBroken, match="about a licence"):
        await ana.find("licensed")


async def test_an_operation_cannot_lead_elsewhere(ana: Asker) -> None:
    ana.simulator.script([answer(ALLOWED), answer({"name": "operations/../../x?y", "done": False})])
    with pytest.raises(UpstreamBroken):
        await ana.find("licensed", "mine")
    assert len(ana.asked) == 2


async def test_a_broken_connection(ana: Asker) -> None:
    ana.simulator.script([Exchange(headless=True, reset=True)])
    with pytest.raises(UpstreamFailure) as caught:
        await ana.find("licensed")
    assert isinstance(caught.value, UpstreamUnreachable | UpstreamBroken)


async def test_silence(ana: Asker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(code_assist_project, "SECONDS_FOR_AN_ANSWER", 0.05)
    ana.simulator.script([Exchange(silent=True)])
    with pytest.raises(UpstreamTimeout):
        await ana.find("licensed")


async def test_a_project_by_number_is_refused_by_the_upstream(ana: Asker) -> None:
    """It wants the id."""
    with pytest.raises(AccountRefused) as caught:
        await ana.find("needs-onboarding", "123")
    assert (caught.value.upstream_status, caught.value.rest) == (400, 3600.0)
    assert caught.value.reason == (
        "HTTP 400: Request contains an invalid argument. Look at the account's `project`: it must be the id of a "
        "project, not its number."
    )


async def test_whoever_asked_may_go(ana: Asker) -> None:
    ana.simulator.script([Exchange(silent=True)])
    async with asyncio.timeout(60), asyncio.TaskGroup() as group:
        asking = group.create_task(ana.find("licensed"))
        await ana.simulator.wait_for(lambda requests: len(requests) == 1)
        asking.cancel()
        await ana.simulator.wait_for(lambda requests: requests[0].disconnected)
