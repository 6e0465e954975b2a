"""Refresh grants on a token endpoint over a socket: what it is asked, what its answers mean, and what is kept of them."""

# ruff: noqa: ASYNC240  small files, and nobody else on the loop

import asyncio
import json
import logging
import traceback
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from antigravity_addon.accounts.account import OAuthClient, RefreshGrant
from antigravity_addon.accounts.credential_files import read_credentials, reread
from antigravity_addon.accounts.rotated_tokens import RotatedTokens
from antigravity_addon.accounts.tokens import Token
from antigravity_addon.errors import AccountRefused, TokenUnavailable, UpstreamFailure
from antigravity_addon.simulator.server import Simulator
from antigravity_addon.simulator.tokens import TOKEN_PATH
from antigravity_addon.upstream import token_endpoint
from antigravity_addon.upstream.oauth import RefreshGrants
from antigravity_addon.upstream.token_endpoint import (
    REREAD_SECONDS,
    Answer,
    GrantRefused,
    Origin,
    Patience,
    check_url,
    refusal,
    said,
)
from antigravity_addon.upstream.transport import SMALL_BYTES, Transport
from antigravity_addon.wire.base import Json
from antigravity_addon.wire.oauth import TokenAnswer

from .token_server import CUT_OFF, GRANTED, Reply, TokenServer, error, granted, token_server

NOON = 1_795_608_000.0
"""2026-11-25 12:00 UTC."""
ORIGIN = Origin("client-1", "It is dead.", "Mend it.")


@dataclass
class Desk:
    """Refresh grants with everything they depend on."""

    server: TokenServer
    grants: RefreshGrants
    grant: RefreshGrant
    waits: list[float]
    file: dict[Path, RefreshGrant] = field(default_factory=dict[Path, RefreshGrant])
    """What stands in other programs' files."""

    async def token(self, grant: RefreshGrant | None = None) -> Token:
        return await self.grants.token("ana@x.y", grant or self.grant)

    async def failure(self, grant: RefreshGrant | None = None) -> UpstreamFailure:
        with pytest.raises(UpstreamFailure) as caught:
            await self.token(grant)
        return caught.value

    @property
    def shown(self) -> list[str]:
        """The refresh tokens that the endpoint was shown."""
        return [asked.form["refresh_token"] for asked in self.server.asked]


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncGenerator[Desk]:
    async with token_server() as server:
        transport = Transport()
        files: dict[Path, RefreshGrant] = {}
        waits: list[float] = []

        async def sleep(seconds: float) -> None:
            waits.append(seconds)

        grants = RefreshGrants(
            transport,
            RotatedTokens(tmp_path / "rotated.json"),
            reread=lambda grant: files.get(grant.file, grant) if grant.file else grant,
            unix_time=lambda: NOON,
            patience=Patience(sleep, lambda: 0.0),
        )
        client = OAuthClient("client-1", SecretStr("hush-hush"))
        grant = RefreshGrant(client, SecretStr("refresh-1"), f"{server.url}token")
        yield Desk(server, grants, grant, waits, files)
        await transport.aclose()


# --- a token ----------------------------------------------------------------------------------------------


async def test_what_the_endpoint_is_asked_and_what_it_gives(desk: Desk) -> None:
    assert await desk.token() == Token(SecretStr("access-1"), 3599.0)
    (asked,) = desk.server.asked
    assert (asked.method, asked.path) == ("POST", "/token")
    assert asked.headers["content-type"] == "application/x-www-form-urlencoded"
    assert asked.form == {
        "grant_type": "refresh_token",
        "client_id": "client-1",
        "client_secret": "hush-hush",
        "refresh_token": "refresh-1",
    }


async def test_a_token_with_odd_characters_is_asked_with_as_it_is(desk: Desk) -> None:
    await desk.token(replace(desk.grant, refresh_token=SecretStr("1//0 a&b=c+ü%")))
    assert desk.shown == ["1//0 a&b=c+ü%"]


LIVES: dict[str, tuple[Json, float]] = {
    "a number": (3599, 3599.0),
    "a fraction": (0.5, 0.5),
    "a string": ("3599", 3599.0),
    "words": ("an hour", 0.0),
    "not a number": ("nan", 0.0),
    "without end": ("inf", float("inf")),
    "too many digits for a float": ("1" + "0" * 400, float("inf")),
    "an integer of those": (10**400, 0.0),
    "negative": (-1, -1.0),
    "nothing": (None, 0.0),
    "a bool": (True, 0.0),
    "a list": ([3599], 0.0),
}


@pytest.mark.parametrize(("expires_in", "seconds"), LIVES.values(), ids=LIVES)
def test_a_life_may_be_written_in_any_way(expires_in: Json, seconds: float) -> None:
    assert TokenAnswer(access_token=SecretStr("a"), expires_in=expires_in).seconds == seconds


# --- refusals ---------------------------------------------------------------------------------------------

DEAD = (
    "No access token: The refresh token is dead: revoked, ended by a new password or by newer sign-ins, unused for six "
    "months, or older than the seven days that it has while the OAuth consent screen is in testing. "
)
OWN = "Sign in again with this OAuth client, and put the new refresh token into the accounts file."
CLIENT = (
    "No access token: OAuth client 'client-1' is refused: its id or secret is wrong, or the credentials were issued to "
    "another client. "
)
REASONS: dict[str, tuple[Reply, str]] = {
    "14 revoked": (
        error("invalid_grant", "Token has been expired or revoked."),
        f"{DEAD}The token endpoint says 'invalid_grant: Token has been expired or revoked.'. {OWN}",
    ),
    "14 no description": (error("invalid_grant"), f"{DEAD}The token endpoint says 'invalid_grant'. {OWN}"),
    "14 signed in too long ago": (
        error("invalid_grant", "reauth related error (invalid_rapt)", error_subtype="invalid_rapt"),
        (
            "No access token: The organisation asks its people to sign in anew from time to time. The token endpoint says "
            f"'invalid_grant: reauth related error (invalid_rapt) invalid_rapt'. {OWN}"
        ),
    ),
    "15 wrong client": (
        error("invalid_client", "The OAuth client was not found.", status=401),
        f"{CLIENT}The token endpoint says 'invalid_client: The OAuth client was not found.'. {OWN}",
    ),
    "15 another client's token": (
        error("unauthorized_client", "Unauthorized", status=401),
        f"{CLIENT}The token endpoint says 'unauthorized_client: Unauthorized'. {OWN}",
    ),
    "scope": (
        error("invalid_scope", "Bad Request"),
        (
            "No access token: The credentials do not cover the scope cloud-platform. The token endpoint says "
            f"'invalid_scope: Bad Request'. {OWN}"
        ),
    ),
    "denied": (
        error("access_denied", "Account restricted", status=403),
        (
            "No access token: The account's owner or organisation denies access to OAuth client 'client-1'. The token "
            f"endpoint says 'access_denied: Account restricted'. {OWN}"
        ),
    ),
    "policy": (
        error("admin_policy_enforced", status=403),
        (
            "No access token: The organisation's administrators have to allow OAuth client 'client-1' first. The token "
            f"endpoint says 'admin_policy_enforced'. {OWN}"
        ),
    ),
    "internal": (
        error("org_internal", status=403),
        (
            "No access token: OAuth client 'client-1' is only for people of its own organisation. The token endpoint says "
            f"'org_internal'. {OWN}"
        ),
    ),
    "with status 200": (
        error("invalid_grant", status=200),
        f"{DEAD}The token endpoint says 'invalid_grant'. {OWN}",
    ),
}


@pytest.mark.parametrize(("reply", "reason"), REASONS.values(), ids=REASONS)
async def test_a_refusal_says_how_to_mend_the_account(desk: Desk, reply: Reply, reason: str) -> None:
    desk.server.replies = [reply]
    failure = await desk.failure()
    assert isinstance(failure, AccountRefused)
    assert (failure.reason, failure.rest, failure.retryable) == (reason, None, True)
    assert failure.message == (
        "The account this gateway used gets no access token. The gateway's operator has to mend that."
    )
    looked = list(REREAD_SECONDS) if "invalid_grant" in reason else []
    assert (len(desk.server.asked), desk.waits) == (1, looked)


async def test_a_refusal_that_is_not_known_is_checked_again_later(desk: Desk) -> None:
    desk.server.replies = [error("unsupported_grant_type", "Invalid grant_type")]
    failure = await desk.failure()
    assert isinstance(failure, AccountRefused)
    assert (failure.rest, failure.reason) == (
        600.0,
        (
            "No access token: The token endpoint refuses. The token endpoint says 'unsupported_grant_type: Invalid "
            f"grant_type'. {OWN}"
        ),
    )


MENDS: dict[str, tuple[str, str]] = {
    "gcloud's": (
        "/home/ana/.config/gcloud/application_default_credentials.json",
        (
            "Sign in again: `gcloud auth application-default login` writes "
            "/home/ana/.config/gcloud/application_default_credentials.json anew."
        ),
    ),
    "gemini-cli's": (
        "/home/ana/.gemini/oauth_creds.json",
        "Sign in again with gemini-cli, by its command /auth: it writes /home/ana/.gemini/oauth_creds.json anew.",
    ),
    "somebody's": ("/a/token.json", "Sign in again with the program that writes /a/token.json."),
}


@pytest.mark.parametrize(("file", "mend"), MENDS.values(), ids=MENDS)
async def test_how_to_mend_it_depends_on_where_it_came_from(desk: Desk, file: str, mend: str) -> None:
    desk.server.replies = [error("invalid_grant")]
    failure = await desk.failure(replace(desk.grant, file=Path(file)))
    assert isinstance(failure, AccountRefused)
    assert failure.reason == f"{DEAD}The token endpoint says 'invalid_grant'. {mend}"


BAD_JWT = (
    "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe. Check your iat and exp "
    "values in the JWT claim."
)
UNTIL_SET = "so that no access token can be had: set the clock. No account is to blame."
CLOCKS: dict[str, tuple[str, str]] = {
    "ahead": (
        "Wed, 25 Nov 2026 09:55:00 GMT",
        f"2:05:00 (h:mm:ss) ahead of the token endpoint's, {UNTIL_SET}",
    ),
    "behind": (
        "Thu, 26 Nov 2026 15:00:00 GMT",
        f"1 day, 3:00:00 (h:mm:ss) behind the token endpoint's, {UNTIL_SET}",
    ),
    "of no zone": (
        "Wed, 25 Nov 2026 11:00:00 -0000",
        f"1:00:00 (h:mm:ss) ahead of the token endpoint's, {UNTIL_SET}",
    ),
    "right": (
        "Wed, 25 Nov 2026 12:00:00 GMT",
        f"wrong by the token endpoint's, which does not say by how much, {UNTIL_SET}",
    ),
    "no date": ("soon", f"wrong by the token endpoint's, which does not say by how much, {UNTIL_SET}"),
}


@pytest.mark.parametrize(("date", "how"), CLOCKS.values(), ids=CLOCKS)
async def test_a_wrong_clock_is_no_fault_of_the_account_s(desk: Desk, date: str, how: str) -> None:
    desk.server.replies = [
        Reply({"error": "invalid_grant", "error_description": BAD_JWT}, 400, {"date": date})
    ]
    failure = await desk.failure()
    assert isinstance(failure, TokenUnavailable)
    assert failure.message == f"This machine's clock is {how}"
    assert (len(desk.server.asked), desk.waits) == (1, [])


# --- what may pass ----------------------------------------------------------------------------------------

PASSING: dict[str, tuple[Reply, str]] = {
    "408": (Reply(b"", 408), "The token endpoint gave an answer that cannot be read (status 408)."),
    "429": (
        error("rate_limit_exceeded", status=429),
        "The token endpoint cannot answer now (429 rate_limit_exceeded).",
    ),
    "16 500": (
        error("internal_failure", status=500),
        "The token endpoint cannot answer now (500 internal_failure).",
    ),
    "16 502, HTML": (
        Reply(b"<html>", 502),
        "The token endpoint gave an answer that cannot be read (status 502).",
    ),
    "500, of no name": (
        error("error", status=500),
        "The token endpoint cannot answer now (500 error).",
    ),
    "503": (
        error({"code": 503, "status": "UNAVAILABLE"}, status=503),
        "The token endpoint cannot answer now (503 UNAVAILABLE).",
    ),
    "400 server_error": (error("server_error"), "The token endpoint cannot answer now (400 server_error)."),
    "400 temporarily_unavailable": (
        error("temporarily_unavailable"),
        "The token endpoint cannot answer now (400 temporarily_unavailable).",
    ),
    "400, told by the description": (
        error("error", "internal_failure"),
        "The token endpoint cannot answer now (400 error).",
    ),
    "cut off": (CUT_OFF, "The token endpoint did not answer (ServerDisconnectedError)."),
    "200 without a token": (Reply({}), "The token endpoint gave an answer that cannot be read (status 200)."),
    "200 and no JSON": (
        Reply(b"hello"),
        "The token endpoint gave an answer that cannot be read (status 200).",
    ),
    "200 and a token that no header takes": (
        Reply(granted(access_token="a\r\nb")),
        "The token endpoint gave an answer that cannot be read (status 200).",
    ),
    "200 and an empty token": (
        Reply(granted(access_token="")),
        "The token endpoint gave an answer that cannot be read (status 200).",
    ),
    "too much": (Reply(b" " * (SMALL_BYTES + 1)), "The token endpoint did not answer (UpstreamBroken)."),
}


@pytest.mark.parametrize(("reply", "message"), PASSING.values(), ids=PASSING)
async def test_what_may_pass_is_tried_four_times(desk: Desk, reply: Reply, message: str) -> None:
    desk.server.replies = [reply] * 4
    failure = await desk.failure()
    assert isinstance(failure, TokenUnavailable)
    assert failure.message == message
    assert (len(desk.server.asked), desk.waits) == (4, [1.0, 2.0, 4.0])


@pytest.mark.parametrize("reply", [reply for reply, _ in PASSING.values()], ids=PASSING)
async def test_what_has_passed_leaves_no_trace(desk: Desk, reply: Reply) -> None:
    desk.server.replies = [reply, reply]
    assert await desk.token() == Token(SecretStr("access-3"), 3599.0)
    assert desk.waits == [1.0, 2.0]


async def test_waits_differ_by_chance() -> None:
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    async def question() -> None:
        raise token_endpoint.TryAgain("Not now.")

    with pytest.raises(TokenUnavailable, match=r"Not now\."):
        await Patience(sleep, lambda: 1.0).ask(question)
    assert waits == [1.25, 2.5, 5.0]


async def test_nobody_at_the_address(desk: Desk) -> None:
    failure = await desk.failure(replace(desk.grant, token_uri="http://127.0.0.1:1/token"))
    assert isinstance(failure, TokenUnavailable)
    assert failure.message == "The token endpoint did not answer (ConnectionRefusedError)."


async def test_an_endpoint_that_is_silent_is_given_up(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(token_endpoint, "WHOLE_SECONDS", 0.01)
    desk.server.open.clear()
    failure = await desk.failure()
    assert isinstance(failure, TokenUnavailable)
    assert failure.message == "The token endpoint gave no answer within 0 seconds."


@pytest.mark.parametrize("status", [301, 403, 404, 407])
async def test_an_answer_of_something_in_between_is_not_held_against_the_account(
    desk: Desk, status: int
) -> None:
    desk.server.replies = [Reply(b"<html>Sign in to this hotel</html>", status)]
    failure = await desk.failure()
    assert isinstance(failure, TokenUnavailable)
    assert failure.message == f"The token endpoint gave an answer that cannot be read (status {status})."
    assert desk.waits == []


@given(
    st.integers(100, 599), st.binary(max_size=50) | st.sampled_from([b'{"error":1}', b'{"error":{}}', b"[]"])
)
def test_every_answer_means_something(status: int, body: bytes) -> None:
    meaning = refusal(Answer(status, {}, body), ORIGIN, now=NOON)
    assert isinstance(meaning, AccountRefused | TokenUnavailable | token_endpoint.TryAgain)


# --- files and rotation -----------------------------------------------------------------------------------


async def test_the_file_is_read_anew_each_time(desk: Desk) -> None:
    path = Path("oauth_creds.json")
    grant = replace(desk.grant, file=path)
    await desk.token(grant)
    desk.file[path] = replace(grant, refresh_token=SecretStr("refresh-2"))
    await desk.token(grant)
    assert desk.shown == ["refresh-1", "refresh-2"]


async def test_a_new_refresh_token_is_shown_from_then_on(desk: Desk, tmp_path: Path) -> None:
    desk.server.replies = [
        Reply(granted(refresh_token="refresh-2")),
        Reply(granted(refresh_token="refresh-3")),
    ]
    for _ in range(3):
        await desk.token()
    again = RefreshGrants(
        desk.grants._transport,
        RotatedTokens(tmp_path / "rotated.json"),
        reread=lambda grant: grant,
        unix_time=lambda: NOON,
    )
    await again.token("ana@x.y", desk.grant)
    await again.token("bo@x.y", desk.grant)
    await again.token("ana@x.y", replace(desk.grant, refresh_token=SecretStr("refresh-9")))
    assert desk.shown == ["refresh-1", "refresh-2", "refresh-3", "refresh-3", "refresh-1", "refresh-9"]


@pytest.mark.parametrize("refresh_token", ["", None, "refresh-1"])
async def test_the_same_refresh_token_is_not_kept(desk: Desk, tmp_path: Path, refresh_token: Json) -> None:
    desk.server.replies = [Reply(granted(refresh_token=refresh_token))]
    await desk.token()
    assert list(tmp_path.iterdir()) == []


async def test_a_token_that_was_replaced_while_it_was_refused_is_tried(desk: Desk) -> None:
    path = Path("oauth_creds.json")
    grant = replace(desk.grant, file=path)
    read: list[Path] = []
    newer = replace(grant, refresh_token=SecretStr("refresh-2"))

    def reread(_: RefreshGrant) -> RefreshGrant:
        read.append(path)
        return grant if len(read) == 1 else newer

    desk.grants._reread = reread
    desk.server.replies = [error("invalid_grant")]
    assert await desk.token(grant) == Token(SecretStr("access-2"), 3599.0)
    assert desk.shown == ["refresh-1", "refresh-2"]


async def test_of_two_gateways_that_renew_at_once_none_loses_its_account(desk: Desk, tmp_path: Path) -> None:
    """The other one was first: its new token is written while ours is refused."""
    other = RotatedTokens(tmp_path / "rotated.json")
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == 4:
            await other.keep("ana@x.y", origin=desk.grant.refresh_token, token=SecretStr("refresh-2"))

    desk.grants._patience = Patience(sleep, lambda: 0.0)
    desk.server.replies = [error("invalid_grant")]
    assert await desk.token() == Token(SecretStr("access-2"), 3599.0)
    assert (desk.shown, waits) == (["refresh-1", "refresh-2"], list(REREAD_SECONDS[:4]))


# --- the simulator ----------------------------------------------------------------------------------------

SIMULATED: dict[str, type[UpstreamFailure]] = {
    "token-invalid-grant": GrantRefused,
    "token-reauth": GrantRefused,
    "token-invalid-client": AccountRefused,
    "token-unauthorized-client": AccountRefused,
    "token-invalid-scope": AccountRefused,
    "token-access-denied": AccountRefused,
    "token-admin-policy": AccountRefused,
    "token-clock": TokenUnavailable,
    "token-server-error": TokenUnavailable,
    "token-unavailable": TokenUnavailable,
    "token-rate-limited": TokenUnavailable,
    "token-html": TokenUnavailable,
    "token-empty": TokenUnavailable,
    "token-reset": TokenUnavailable,
}


async def test_what_the_simulator_s_faults_are_read_as(desk: Desk) -> None:
    async with Simulator() as simulator:
        for fault, kind in SIMULATED.items():
            refresh_token = SecretStr(f"fault-{fault}")
            grant = replace(
                desk.grant, refresh_token=refresh_token, token_uri=f"{simulator.base_url}{TOKEN_PATH}"
            )
            assert (fault, type(await desk.failure(grant))) == (fault, kind)


async def test_a_gcloud_login_that_rotates_survives_restarts_and_new_logins(
    desk: Desk, tmp_path: Path
) -> None:
    path = tmp_path / "application_default_credentials.json"

    def log_in(refresh_token: str) -> None:
        login = {"type": "authorized_user", "client_id": "client-1", "client_secret": "hush-hush"}
        path.write_text(json.dumps({**login, "refresh_token": refresh_token}))

    log_in("rotating-a")
    async with Simulator() as simulator:
        login = await asyncio.to_thread(read_credentials, path)
        grant = login.grant(token_uri=f"{simulator.base_url}{TOKEN_PATH}")
        assert isinstance(grant, RefreshGrant)

        def restarted() -> RefreshGrants:
            rotated = RotatedTokens(tmp_path / "rotated.json")
            return RefreshGrants(desk.grants._transport, rotated, reread=reread, unix_time=lambda: NOON)

        for _ in range(3):
            await restarted().token("ana@x.y", grant)
        log_in("rotating-b")
        for _ in range(2):
            await restarted().token("ana@x.y", grant)
        shown = [asked.refresh_token for asked in simulator.token_requests]
    assert shown == ["rotating-a", "rotating-a-2", "rotating-a-3", "rotating-b", "rotating-b-2"]
    assert json.loads(path.read_text())["refresh_token"] == "rotating-b"


# --- secrets ----------------------------------------------------------------------------------------------

SAFE = (
    "https://oauth2.example/token",
    "https://h:8443/",
    "http://127.0.0.1:8080/token",
    "http://127.9.9.9/x?y=z",
    "http://[::1]/t",
    "http://localhost:80/token",
)
UNSAFE = (
    "http://oauth2.example/token",
    "http://127.0.0.1@evil.example/",
    "http://127.0.0.1.evil.example/",
    "http://localhost.evil.example/",
    "http://[::1",
    "ftp://127.0.0.1/",
    "https://me:pass@h/",
    "https://",
    "https://a b/",
    "https://h/ ü",
    "https://h/\n",
    "https://h:99999/",
    "",
)


@pytest.mark.parametrize("url", SAFE)
def test_secrets_go_out_encrypted_or_not_at_all(url: str) -> None:
    check_url(url, ORIGIN)


@pytest.mark.parametrize("url", UNSAFE)
async def test_secrets_are_not_sent_in_the_open(desk: Desk, url: str) -> None:
    failure = await desk.failure(replace(desk.grant, token_uri=url))
    assert isinstance(failure, AccountRefused)
    assert failure.reason == (
        f"No access token: its token endpoint's address must begin with https://, or be on this machine. {OWN}"
    )
    assert desk.server.asked == []


SAID: dict[str, tuple[str, str]] = {
    "links go": ("see https://x.y/a?plt=personal now", "see (link) now"),
    "known secrets go": ("bad hush", "bad …"),
    "what looks like a secret goes": ("bad " + "Ab1-" * 12, "bad …"),
    "one line": ("a\r\nb\tc", "a b c"),
    "not too much": ("a b " * 1000, "a b " * 75),
}


@pytest.mark.parametrize(("words", "shown"), SAID.values(), ids=SAID)
def test_what_the_endpoint_says_is_shown_with_care(words: str, shown: str) -> None:
    assert said(words, replace(ORIGIN, secrets=(SecretStr("hush"), SecretStr("")))) == shown


ECHOES: dict[str, Callable[[str], Reply]] = {
    "refused": lambda secrets: error("invalid_grant", secrets),
    "in the code": error,
    "no JSON": lambda secrets: Reply(secrets.encode(), 400),
    "passing": lambda secrets: error(secrets, status=503),
    "a token that cannot be read": lambda secrets: Reply(granted(access_token=f"{secrets}\n")),
}


@pytest.mark.parametrize("echo", ECHOES.values(), ids=ECHOES)
async def test_no_secret_shows(
    desk: Desk, echo: Callable[[str], Reply], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    desk.server.replies = [echo("refresh-1 hush-hush")] * 4
    failure = await desk.failure()
    reason = failure.reason if isinstance(failure, AccountRefused) else ""
    whole = "".join(traceback.format_exception(failure))
    shown = f"{failure!r} {failure} {reason} {whole} {caplog.text} {desk.grant!r}"
    assert [secret for secret in ("refresh-1", "hush-hush") if secret in shown] == []


def test_an_answer_shows_no_token() -> None:
    answer = TokenAnswer.model_validate({**granted(), "refresh_token": "refresh-2"})
    assert repr(answer) == (
        "TokenAnswer(access_token=SecretStr('**********'), expires_in=3599, refresh_token=SecretStr('**********'))"
    )
    assert granted() == GRANTED
