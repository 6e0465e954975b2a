"""Checks of single accounts against the simulator: what each failure means, in words."""

from collections.abc import AsyncGenerator
from dataclasses import dataclass, replace

import pytest
from pydantic import SecretStr

from antigravity_addon.accounts.account import (
    Account,
    ApiKey,
    CodeAssistLicence,
    Credential,
    ExpressKey,
    GoogleAuthGrant,
    OAuthClient,
    RefreshGrant,
    VertexProject,
)
from antigravity_addon.gateway.account_check import AccountCheck
from antigravity_addon.gateway.connections import Connections
from antigravity_addon.gateway.operator import CHECK_MODEL, CheckResult, Verdict
from antigravity_addon.gateway.tasks import all_of
from antigravity_addon.simulator.exchange import JSON_HEADERS, Exchange
from antigravity_addon.simulator.faults import FAULTS
from antigravity_addon.simulator.licences import CASES
from antigravity_addon.simulator.server import Simulator
from antigravity_addon.simulator.tokens import TOKEN_FAULTS
from antigravity_addon.upstream import token_endpoint

UNIX = 1_795_000_000.0


@dataclass
class Checking:
    simulator: Simulator
    connections: Connections

    async def check(
        self,
        credential: Credential,
        *,
        model: str = CHECK_MODEL,
        seconds: float = 10.0,
        finds_links: bool = False,
        email: str = "ana@x.y",
    ) -> CheckResult:
        """Without the time it took."""
        check = AccountCheck(
            self.connections, unix_time=lambda: UNIX, seconds=seconds, finds_links=finds_links
        )
        result = await check(Account(email, credential), model)
        assert result.milliseconds is not None
        return replace(result, milliseconds=None)

    def grant(self, token: str) -> RefreshGrant:
        client = OAuthClient("own.apps", SecretStr("client-s3cret"))
        return RefreshGrant(client, SecretStr(token), f"{self.simulator.base_url}/token")


@pytest.fixture(autouse=True)
def looks_for_no_other_gateway(monkeypatch: pytest.MonkeyPatch) -> None:
    """That takes seconds."""
    monkeypatch.setattr(token_endpoint, "REREAD_SECONDS", (0.0,))


@pytest.fixture
async def checking() -> AsyncGenerator[Checking]:
    async with Simulator(seconds_of_slow_first=0.0) as simulator:
        connections = Connections(target=simulator.base_url, token_file=None)
        yield Checking(simulator, connections)
        await connections.aclose()


OK = CheckResult("ana@x.y", Verdict.OK)


async def test_every_kind_of_account_is_asked_its_own_way(checking: Checking) -> None:
    grant = checking.grant("refresh-s3cret")
    for credential in (
        ApiKey(SecretStr("key")),
        ExpressKey(SecretStr("key")),
        VertexProject("p-1", grant),
        CodeAssistLicence(grant),
    ):
        assert await checking.check(credential) == OK
    assert [request.path for request in checking.simulator.requests] == [
        "/v1beta/models/gemini-2.5-flash:streamGenerateContent",
        "/v1beta1/publishers/google/models/gemini-2.5-flash:streamGenerateContent",
        "/v1beta1/projects/p-1/locations/global/publishers/google/models/gemini-2.5-flash:streamGenerateContent",
        "/v1internal:loadCodeAssist",
        "/v1internal:streamGenerateContent",
    ]


async def test_a_token_that_was_revoked_meanwhile_is_made_anew(checking: Checking) -> None:
    credential = VertexProject("p-1", checking.grant("refresh-s3cret"))
    assert await checking.check(credential) == OK
    checking.simulator.revoke_tokens()
    assert await checking.check(credential) == OK
    assert len(checking.simulator.token_requests) == 2


KEYS: dict[str, tuple[str, str]] = {
    "dead-key": (
        "no_account_available",
        (
            "HTTP 400 API_KEY_INVALID: API key not valid. Please pass a valid API key. Look at the key and its project on "
            "https://aistudio.google.com/apikey; a new key goes where the old one is."
        ),
    ),
    "tos": (
        "no_account_available",
        (
            "This service has been disabled in this account for violation of Terms of Service. Please submit an appeal to "
            "continue using this product. That is between Google and the account's owner: leave it alone until they have "
            "settled it."
        ),
    ),
    "location": (
        "unsupported_country_region_territory",
        "It goes by where this machine is: the account itself may be in order.",
    ),
    "rate-limited": (
        "rate_limit_exceeded",
        "The account is in order, but too much was asked of it lately, for 56 s more.",
    ),
    "rate-limited-bare": (
        "rate_limit_exceeded",
        "The account is in order, but too much was asked of it lately.",
    ),
    "quota-zero": (
        "insufficient_quota",
        "The account is in order, but its quota is used up, for 24 h more.",
    ),
    "overloaded": ("server_is_overloaded", "That says nothing of the account."),
    "internal": ("upstream_error", "not of the account: try again later."),
    "reset": ("upstream_unreachable", "not of the account: try again later."),
    "truncated": ("upstream_interrupted", "not of the account: try again later."),
    "error-first": ("server_is_overloaded", "That says nothing of the account."),
    "not-found": (
        "model_not_found",
        "The account was accepted, but not the question to gemini-2.5-flash: name another with --model.",
    ),
}


@pytest.mark.parametrize(
    ("fault", "code", "ending"), [(name, *case) for name, case in KEYS.items()], ids=KEYS.keys()
)
async def test_what_can_be_wrong_with_a_key(checking: Checking, fault: str, code: str, ending: str) -> None:
    result = await checking.check(ApiKey(SecretStr(f"fault-{fault}")))
    assert (result.verdict, result.code) == (Verdict.FAILED, code)
    assert result.message.endswith(ending)


async def test_silence_has_an_end(checking: Checking) -> None:
    for fault in ("silence", "silence-after-head", "silence-after-first"):
        assert await checking.check(ApiKey(SecretStr(f"fault-{fault}")), seconds=0.05) == CheckResult(
            "ana@x.y",
            Verdict.FAILED,
            "There was no whole answer after 0.05 seconds. That is the fault of the upstream, or the way there, not of the "
            "account: try again later.",
            code="timeout",
        )


TOKENS: dict[str, str] = {
    "token-invalid-grant": "The refresh token is dead",
    "token-invalid-client": "OAuth client 'own.apps' is refused",
    "token-admin-policy": "administrators have to allow OAuth client 'own.apps' first",
    "token-clock": "This machine's clock is",
}


MENDS: dict[str, tuple[str, str]] = {
    "express": (
        "leaked-key",
        "Look at the key in the Google Cloud console; a new one goes where the old one is.",
    ),
    "vertex": (
        "iam",
        (
            "Look at the project p-1 in the Google Cloud console: the API aiplatform.googleapis.com, billing, the location global, "
            "and whether who pays has the role Vertex AI User."
        ),
    ),
    "code_assist": (
        "no-licence",
        (
            "Look at the licence in the Google Cloud console, at the account's `project`, and whether the API "
            "cloudaicompanion.googleapis.com is on there."
        ),
    ),
}


@pytest.mark.parametrize("kind", MENDS)
async def test_where_to_look_depends_on_the_kind(checking: Checking, kind: str) -> None:
    fault, ending = MENDS[kind]
    name = f"fault-{fault}"
    credentials: dict[str, Credential] = {
        "express": ExpressKey(SecretStr(name)),
        "vertex": VertexProject("p-1", checking.grant(name)),
        "code_assist": CodeAssistLicence(checking.grant(name)),
    }
    result = await checking.check(credentials[kind])
    assert (result.verdict, result.code) == (Verdict.FAILED, "no_account_available")
    assert result.message.startswith("HTTP 403 ")
    assert result.message.endswith(f" {ending}")


async def test_a_login_that_google_auth_makes(checking: Checking) -> None:
    result = await checking.check(VertexProject("p-1", GoogleAuthGrant(SecretStr('{"type": "nonsense"}'))))
    assert (result.verdict, result.code) == (Verdict.FAILED, "no_account_available")
    assert "No access token" in result.message


@pytest.mark.parametrize(("fault", "words"), TOKENS.items(), ids=TOKENS.keys())
async def test_what_can_be_wrong_with_a_login(checking: Checking, fault: str, words: str) -> None:
    result = await checking.check(VertexProject("p-1", checking.grant(f"fault-{fault}")))
    assert (result.verdict, result.code) == (Verdict.FAILED, "no_account_available")
    assert words in result.message
    assert "Look at the project" not in result.message


async def test_the_owners_page_is_asked_for_only_if_it_is_wanted(checking: Checking) -> None:
    licence = CodeAssistLicence(checking.grant("validation-required-s3cret"))
    plain = await checking.check(licence)
    assert plain.link is None
    assert [request.path for request in checking.simulator.requests] == ["/v1internal:loadCodeAssist"]
    shown = await checking.check(licence, finds_links=True)
    assert shown.link is not None
    assert shown.link.get_secret_value() == (
        "https://accounts.google.com/signin/continue?plt=simulated-personal-token"
    )
    assert replace(shown, link=None) == plain
    assert "plt=" not in repr(shown) + plain.message


async def test_nobody_is_signed_up_by_a_check(checking: Checking) -> None:
    licence = CodeAssistLicence(checking.grant("needs-onboarding-s3cret"), "p-1")
    assert await checking.check(licence) == CheckResult(
        "ana@x.y",
        Verdict.SKIPPED,
        "It is not signed up for Code Assist yet, which a check does not do: the first request that a gateway pays with it "
        "will.",
    )
    assert [request.path for request in checking.simulator.requests] == ["/v1internal:loadCodeAssist"]


async def test_a_token_that_a_licence_is_not_told_for_is_made_anew(checking: Checking) -> None:
    licence = CodeAssistLicence(checking.grant("licensed-s3cret"))
    assert await checking.check(licence) == OK
    checking.simulator.revoke_tokens()
    assert await checking.check(licence) == OK
    assert len(checking.simulator.token_requests) == 2


async def test_a_page_that_is_not_to_be_had_is_left_out(checking: Checking) -> None:
    asked = Exchange(
        200, JSON_HEADERS, ((0.0, b'{"ineligibleTiers": [{"reasonCode": "VALIDATION_REQUIRED"}]}'),)
    )
    checking.simulator.script([asked, Exchange(500)])
    licence = CodeAssistLicence(checking.grant("licensed-s3cret"))
    result = await checking.check(licence, finds_links=True)
    assert (result.verdict, result.link) == (Verdict.FAILED, None)
    result = await checking.check(ApiKey(SecretStr("fault-tos")), finds_links=True)
    assert (result.verdict, result.link) == (Verdict.FAILED, None)


async def test_whatever_happens_there_is_an_answer_without_a_secret(checking: Checking) -> None:
    """All that the simulator can do, and an echo of the key."""
    credentials = [
        *(ApiKey(SecretStr(f"fault-{name}")) for name in FAULTS),
        *(VertexProject("p-1", checking.grant(f"fault-{name}")) for name in FAULTS),
        *(VertexProject("p-1", checking.grant(f"fault-{name}")) for name in TOKEN_FAULTS),
        *(CodeAssistLicence(checking.grant(f"{name}-s3cret")) for name in CASES),
        # the simulator says which fault it does not know
        ApiKey(SecretStr("fault-unheard-of")),
    ]
    accounts = [(f"{number}@x.y", credential) for number, credential in enumerate(credentials)]
    results = await all_of(lambda each: checking.check(each[1], seconds=1.0, email=each[0]), accounts)
    for credential, result in zip(credentials, results, strict=True):
        assert bool(result.message) is (result.verdict is not Verdict.OK)
        secret = (
            credential.key if isinstance(credential, ApiKey) else credential.grant.refresh_token  # pyright: ignore[reportAttributeAccessIssue]  all of the grants are of that kind
        ).get_secret_value()
        assert secret not in result.message
        assert "s3cret" not in result.message
