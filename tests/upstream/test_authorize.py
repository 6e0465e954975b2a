"""Every kind of account -> what pays for its requests, down to a token endpoint over a socket."""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

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
from antigravity_addon.accounts.rotated_tokens import RotatedTokens
from antigravity_addon.accounts.tokens import Token
from antigravity_addon.errors import AccountRefused, TokenUnavailable, UpstreamFailure
from antigravity_addon.upstream.authorize import AccountAuthorizer
from antigravity_addon.upstream.endpoint import Authorization, Authorizer
from antigravity_addon.upstream.oauth import RefreshGrants
from antigravity_addon.upstream.token_endpoint import GrantRefused, Patience
from antigravity_addon.upstream.transport import Transport

from .token_server import Reply, TokenServer, error, granted, token_server


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


class ByGoogleAuth:
    """Makes `google-1` and so on."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []

    async def token(self, email: str, grant: GoogleAuthGrant) -> Token:
        self.asked.append((email, grant.content.get_secret_value()))
        return Token(SecretStr(f"google-{len(self.asked)}"), 3600.0)


@dataclass
class Projects:
    """Finds `project-1` and so on; raises `failures` first."""

    asked: list[tuple[str, Mapping[str, str]]] = field(default_factory=list[tuple[str, Mapping[str, str]]])
    failures: list[UpstreamFailure] = field(default_factory=list[UpstreamFailure])

    async def __call__(self, account: Account, headers: Mapping[str, str]) -> str:
        self.asked.append((account.email, headers))
        number = len(self.asked)
        await asyncio.sleep(0)
        if self.failures:
            raise self.failures.pop(0)
        return f"project-{number}"


@dataclass
class Desk:
    """An authorizer with everything it depends on."""

    server: TokenServer
    authorizer: AccountAuthorizer
    clock: Clock
    google_auth: ByGoogleAuth
    projects: Projects

    @property
    def grant(self) -> RefreshGrant:
        return RefreshGrant(
            OAuthClient("client-1", SecretStr("hush-hush")), SecretStr("refresh-1"), f"{self.server.url}token"
        )

    @property
    def vertex(self) -> Account:
        return account(VertexProject("p", self.grant))

    @property
    def licensed(self) -> Account:
        return account(CodeAssistLicence(self.grant))


def account(credential: Credential) -> Account:
    return Account("ana@x.y", credential)


def bearer(token: str, project: str = "") -> Authorization:
    return Authorization({"authorization": f"Bearer {token}"}, project)


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncGenerator[Desk]:
    async with token_server() as server:
        transport = Transport()

        async def sleep(_: float) -> None: ...

        refresh_grants = RefreshGrants(
            transport,
            RotatedTokens(tmp_path / "rotated.json"),
            reread=lambda grant: grant,
            unix_time=lambda: 0.0,
            patience=Patience(sleep, lambda: 0.0),
        )
        clock, google_auth, projects = Clock(), ByGoogleAuth(), Projects()
        authorizer = AccountAuthorizer(refresh_grants, google_auth, find_project=projects, clock=clock)
        is_one: Authorizer = authorizer
        assert is_one is authorizer
        yield Desk(server, authorizer, clock, google_auth, projects)
        await authorizer.aclose()
        await transport.aclose()


# --- kinds ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [ApiKey, ExpressKey])
async def test_a_key_pays_as_it_is_and_stays_so(desk: Desk, kind: type[ApiKey | ExpressKey]) -> None:
    keyed = account(kind(SecretStr("key-1")))
    authorization = await desk.authorizer.authorize(keyed)
    assert authorization == Authorization({"x-goog-api-key": "key-1"})
    assert desk.authorizer.at_hand(keyed) == authorization
    assert desk.authorizer.reject(keyed, authorization) is False
    assert desk.server.asked == []


async def test_a_token_is_at_hand_from_its_making_until_it_is_to_be_renewed(desk: Desk) -> None:
    assert desk.authorizer.at_hand(desk.vertex) is None
    made = await desk.authorizer.authorize(desk.vertex)
    assert desk.authorizer.at_hand(desk.vertex) == made
    desk.clock.now += 3400
    assert desk.authorizer.at_hand(desk.vertex) is None
    assert len(desk.server.asked) == 1, "nobody is asked by looking"


async def test_a_token_that_is_refused_is_at_hand_no_more(desk: Desk) -> None:
    desk.authorizer.reject(desk.vertex, await desk.authorizer.authorize(desk.vertex))
    assert desk.authorizer.at_hand(desk.vertex) is None


async def test_what_a_licence_needs_is_never_at_hand(desk: Desk) -> None:
    await desk.authorizer.authorize(desk.licensed)
    assert desk.authorizer.at_hand(desk.licensed) is None


async def test_a_project_pays_with_a_token(desk: Desk) -> None:
    assert await desk.authorizer.authorize(desk.vertex) == bearer("access-1")
    assert await desk.authorizer.authorize(desk.vertex) == bearer("access-1")


async def test_google_auth_makes_tokens_of_its_own_grants(desk: Desk) -> None:
    machine = account(VertexProject("p", GoogleAuthGrant(SecretStr("{}"))))
    assert await desk.authorizer.authorize(machine) == bearer("google-1")
    assert desk.google_auth.asked == [("ana@x.y", "{}")]
    assert desk.authorizer.reject(machine, bearer("google-1")) is True
    assert await desk.authorizer.authorize(machine) == bearer("google-2")


# --- stampedes --------------------------------------------------------------------------------------------


async def test_a_hundred_requests_make_one_token(desk: Desk) -> None:
    authorizations = await asyncio.gather(*(desk.authorizer.authorize(desk.vertex) for _ in range(100)))
    assert authorizations == [bearer("access-1")] * 100
    assert len(desk.server.asked) == 1


async def test_a_hundred_refused_requests_make_one_token(desk: Desk) -> None:
    await desk.authorizer.authorize(desk.vertex)

    async def refused() -> Authorization:
        assert desk.authorizer.reject(desk.vertex, bearer("access-1")) is True
        return await desk.authorizer.authorize(desk.vertex)

    assert await asyncio.gather(*(refused() for _ in range(100))) == [bearer("access-2")] * 100
    assert desk.authorizer.reject(desk.vertex, bearer("access-1")) is True
    assert await desk.authorizer.authorize(desk.vertex) == bearer("access-2")
    assert len(desk.server.asked) == 2


async def test_a_hundred_requests_share_a_failure_and_the_next_tries_anew(desk: Desk) -> None:
    desk.server.replies = [error("invalid_grant")]
    tries = (desk.authorizer.authorize(desk.vertex) for _ in range(100))
    outcomes = await asyncio.gather(*tries, return_exceptions=True)
    assert {type(outcome) for outcome in outcomes} == {GrantRefused}
    assert await desk.authorizer.authorize(desk.vertex) == bearer("access-2")
    assert len(desk.server.asked) == 2


async def test_a_hundred_requests_look_up_one_project(desk: Desk) -> None:
    authorizations = await asyncio.gather(*(desk.authorizer.authorize(desk.licensed) for _ in range(100)))
    assert authorizations == [bearer("access-1", "project-1")] * 100
    assert desk.projects.asked == [("ana@x.y", {"authorization": "Bearer access-1"})]


async def test_a_token_is_renewed_while_requests_go_on(desk: Desk) -> None:
    await desk.authorizer.authorize(desk.vertex)
    desk.server.open.clear()
    desk.clock.now += 3400
    during = await asyncio.gather(*(desk.authorizer.authorize(desk.vertex) for _ in range(100)))
    assert during == [bearer("access-1")] * 100
    desk.server.open.set()
    desk.clock.now += 200
    assert await desk.authorizer.authorize(desk.vertex) == bearer("access-2")
    assert len(desk.server.asked) == 2


async def test_the_old_token_is_used_while_the_endpoint_is_down(desk: Desk) -> None:
    await desk.authorizer.authorize(desk.vertex)
    desk.server.replies = [Reply(b"", 503)] * 4
    desk.clock.now += 3400
    for _ in range(20):
        assert await desk.authorizer.authorize(desk.vertex) == bearer("access-1")
    desk.clock.now += 199
    with pytest.raises(TokenUnavailable):
        await desk.authorizer.authorize(desk.vertex)
    assert len(desk.server.asked) == 5
    assert await desk.authorizer.authorize(desk.vertex) == bearer("access-6")


@pytest.mark.parametrize("hours", [-3, 3])
async def test_a_clock_that_is_set_changes_nothing(
    desk: Desk, hours: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    await desk.authorizer.authorize(desk.vertex)
    monkeypatch.setattr(desk.authorizer._refresh_grants, "_unix_time", lambda: hours * 3600.0)
    assert await desk.authorizer.authorize(desk.vertex) == bearer("access-1")
    desk.clock.now += 3599
    assert await desk.authorizer.authorize(desk.vertex) == bearer("access-2")
    assert await desk.authorizer.authorize(desk.vertex) == bearer("access-2")


# --- other credentials, and projects that are not found ---------------------------------------------------


async def test_other_credentials_are_other_tokens_and_projects(desk: Desk) -> None:
    assert await desk.authorizer.authorize(desk.licensed) == bearer("access-1", "project-1")
    other = account(CodeAssistLicence(replace(desk.grant, refresh_token=SecretStr("refresh-2"))))
    assert await desk.authorizer.authorize(other) == bearer("access-2", "project-2")
    assert await desk.authorizer.authorize(other) == bearer("access-2", "project-2")


async def test_a_project_that_was_not_found_is_looked_up_again(desk: Desk) -> None:
    desk.projects.failures = [AccountRefused("No licence.")]
    with pytest.raises(AccountRefused):
        await desk.authorizer.authorize(desk.licensed)
    assert await desk.authorizer.authorize(desk.licensed) == bearer("access-1", "project-2")


async def test_a_token_that_the_lookup_is_refused_with_is_made_anew_once(desk: Desk) -> None:
    def unauthorized() -> UpstreamFailure:
        failure = AccountRefused("Unauthorized.")
        failure.upstream_status = 401
        return failure

    desk.projects.failures = [unauthorized()]
    assert await desk.authorizer.authorize(desk.licensed) == bearer("access-2", "project-2")
    desk.projects.failures = [unauthorized(), unauthorized()]
    other = account(CodeAssistLicence(replace(desk.grant, refresh_token=SecretStr("refresh-2"))))
    with pytest.raises(AccountRefused) as caught:
        await desk.authorizer.authorize(other)
    assert caught.value.rest == 600.0
    assert len(desk.server.asked) == 4


async def test_a_project_is_looked_up_anew_each_hour(desk: Desk) -> None:
    async def project() -> str:
        return (await desk.authorizer.authorize(desk.licensed)).project

    assert await project() == "project-1"
    desk.clock.now += 3599
    assert await project() == "project-1"
    desk.clock.now += 1
    assert await project() == "project-2"
    assert await project() == "project-2"


async def test_a_project_is_forgotten_with_a_token_that_is_refused(desk: Desk) -> None:
    before = await desk.authorizer.authorize(desk.licensed)
    for _ in range(2):
        assert desk.authorizer.reject(desk.licensed, before) is True
        assert await desk.authorizer.authorize(desk.licensed) == bearer("access-2", "project-2")


async def test_a_licence_s_token_is_had_without_asking_for_its_project(desk: Desk) -> None:
    assert await desk.authorizer.without_project(desk.licensed) == bearer("access-1")
    assert await desk.authorizer.without_project(desk.vertex) == bearer("access-2")
    keyed = account(ApiKey(SecretStr("key-1")))
    assert await desk.authorizer.without_project(keyed) == Authorization({"x-goog-api-key": "key-1"})
    assert desk.projects.asked == []


async def test_the_end_cancels_what_is_under_way(desk: Desk) -> None:
    desk.server.open.clear()
    waiter = asyncio.ensure_future(desk.authorizer.authorize(desk.vertex))  # noqa: TID251  kept here
    await desk.server.arrived.wait()
    await desk.authorizer.aclose()
    with pytest.raises(asyncio.CancelledError):
        await waiter


async def test_no_token_shows(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    desk.server.replies = [Reply(granted(refresh_token="refresh-2"))]
    authorization = await desk.authorizer.authorize(desk.licensed)
    shown = f"{authorization!r} {desk.licensed!r} {desk.authorizer._tokens._held!r} {caplog.text}"
    secrets = ("access-1", "refresh-1", "refresh-2", "hush-hush")
    assert [secret for secret in secrets if secret in shown] == []
