"""Credentials that google-auth knows, on endpoints of this machine, and what its failures mean."""

import asyncio
import json
import logging
import sys
import traceback
from collections.abc import AsyncGenerator, Callable, Coroutine, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from threading import Event
from typing import Any

import brotli
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from google.auth import iam, jwt
from google.oauth2 import credentials
from pydantic import SecretStr

from antigravity_addon.accounts.account import GoogleAuthGrant
from antigravity_addon.accounts.rotated_tokens import RotatedTokens
from antigravity_addon.accounts.tokens import Token
from antigravity_addon.errors import AccountRefused, TokenUnavailable, UpstreamFailure
from antigravity_addon.upstream import token_endpoint
from antigravity_addon.upstream.google_auth import GoogleAuth
from antigravity_addon.upstream.token_endpoint import REREAD_SECONDS, Answer, Patience
from antigravity_addon.upstream.transport import SMALL_BYTES, Transport
from antigravity_addon.wire.base import Json

from .token_server import CUT_OFF, Reply, TokenServer, error, granted, token_server

NOON = 1_795_608_000.0
"""2026-11-25 12:00 UTC."""
CLOUD_PLATFORM = "https://www.googleapis.com/auth/cloud-platform"
WORKER = "worker@p.iam.gserviceaccount.com"
JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"


@cache
def key() -> tuple[str, bytes]:
    """A private key as files have it, and the public one."""
    # a short one: google-auth looks at its primes whenever it is read, 30 ms with 2048 bits
    private = rsa.generate_private_key(65537, 1024)
    return (
        private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ).decode(),
        private.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        ),
    )


@dataclass
class Desk:
    """google-auth with everything it depends on."""

    server: TokenServer
    google_auth: GoogleAuth
    waits: list[float]
    folder: Path

    async def token(self, content: Mapping[str, Json] | str) -> Token:
        text = content if isinstance(content, str) else json.dumps(content)
        return await self.google_auth.token("ana@x.y", GoogleAuthGrant(SecretStr(text), Path("/a/key.json")))

    async def failure(self, content: Mapping[str, Json] | str) -> UpstreamFailure:
        with pytest.raises(UpstreamFailure) as caught:
            await self.token(content)
        return caught.value

    async def reason(self, content: Mapping[str, Json] | str) -> str:
        failure = await self.failure(content)
        assert isinstance(failure, AccountRefused)
        return failure.reason

    def service_account(self, **fields: Json) -> dict[str, Json]:
        return {
            "type": "service_account",
            "project_id": "p",
            "private_key_id": "key-1",
            "private_key": key()[0],
            "client_email": WORKER,
            "token_uri": f"{self.server.url}token",
            **fields,
        }

    def authorized_user(self, **fields: Json) -> dict[str, Json]:
        return {
            "type": "authorized_user",
            "client_id": "client-1",
            "client_secret": "hush-hush",
            "refresh_token": "refresh-1",
            **fields,
        }

    def impersonated(self, source: Json) -> dict[str, Json]:
        return {
            "type": "impersonated_service_account",
            "service_account_impersonation_url": f"https://iamcredentials.googleapis.com/v1/x/{WORKER}:generateAccessToken",
            "source_credentials": source,
        }

    def workload(self, source: Json, **fields: Json) -> dict[str, Json]:
        return {
            "type": "external_account",
            "audience": "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/pool/providers/p",
            "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
            "token_url": f"{self.server.url}sts",
            "credential_source": source,
            **fields,
        }

    def workload_here(self) -> dict[str, Json]:
        """Its proof is in its own file."""
        proof = self.folder / "proof"
        proof.write_text("proof-1")
        return self.workload({"file": str(proof)})

    def impersonated_here(self) -> dict[str, Json]:
        return self.impersonated(self.service_account())

    def workforce(self) -> dict[str, Json]:
        return {
            "type": "external_account_authorized_user",
            "audience": "//iam.googleapis.com/locations/global/workforcePools/pool/providers/p",
            "client_id": "client-1",
            "client_secret": "hush-hush",
            "refresh_token": "refresh-1",
            "token_url": f"{self.server.url}sts",
        }


@pytest.fixture
async def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncGenerator[Desk]:
    async with token_server() as server:
        transport = Transport()
        waits: list[float] = []

        async def sleep(seconds: float) -> None:
            waits.append(seconds)

        google_auth = GoogleAuth(
            transport,
            RotatedTokens(tmp_path / "rotated.json"),
            unix_time=lambda: NOON,
            patience=Patience(sleep, lambda: 0.0),
            metadata_host=server.host,
        )
        # google-auth takes these from no file
        monkeypatch.setattr(iam, "_IAM_ENDPOINT", f"{server.url}iam/{{}}:generateAccessToken")
        monkeypatch.setattr(credentials, "_GOOGLE_OAUTH2_TOKEN_ENDPOINT", f"{server.url}token")
        monkeypatch.delenv("GOOGLE_EXTERNAL_ACCOUNT_ALLOW_EXECUTABLES", raising=False)
        yield Desk(server, google_auth, waits, tmp_path)
        await transport.aclose()


# --- every kind of credentials ----------------------------------------------------------------------------


async def test_a_service_account(desk: Desk) -> None:
    assert await desk.token(desk.service_account()) == Token(SecretStr("access-1"), 3599.0)
    (asked,) = desk.server.asked
    assert (asked.method, asked.path, asked.form["grant_type"]) == ("POST", "/token", JWT_BEARER)
    claims = jwt.decode(asked.form["assertion"], verify=False)
    assert (claims["iss"], claims["scope"]) == (WORKER, CLOUD_PLATFORM)


async def test_a_user(desk: Desk) -> None:
    assert await desk.token(desk.authorized_user()) == Token(SecretStr("access-1"), 3599.0)
    (asked,) = desk.server.asked
    assert asked.form == {
        "grant_type": "refresh_token",
        "client_id": "client-1",
        "client_secret": "hush-hush",
        "refresh_token": "refresh-1",
    }


IAM_GRANTED: Json = {"accessToken": "impersonated-1", "expireTime": "2026-11-25T10:30:00Z"}
IAM_DATE = {"date": "Wed, 25 Nov 2026 10:00:00 GMT"}
"""Two hours before what this machine takes for now: a life is told by the API's own clock."""


@pytest.mark.parametrize("source", ["authorized_user", "service_account"])
async def test_an_impersonated_service_account(desk: Desk, source: str) -> None:
    desk.server.replies = [Reply(granted()), Reply(IAM_GRANTED, headers=IAM_DATE)]
    token = await desk.token(desk.impersonated(getattr(desk, source)()))
    assert token == Token(SecretStr("impersonated-1"), 1800.0)
    _, asked = desk.server.asked
    assert (asked.path, asked.headers["authorization"]) == (
        f"/iam/{WORKER}:generateAccessToken",
        "Bearer access-1",
    )
    assert json.loads(asked.body)["scope"] == [CLOUD_PLATFORM]


async def test_a_workload(desk: Desk) -> None:
    proof = desk.folder / "proof"
    proof.write_text("proof-1")
    assert await desk.token(desk.workload({"file": str(proof)})) == Token(SecretStr("access-1"), 3599.0)
    (asked,) = desk.server.asked
    assert (asked.path, asked.form["grant_type"], asked.form["subject_token"], asked.form["scope"]) == (
        "/sts",
        EXCHANGE,
        "proof-1",
        CLOUD_PLATFORM,
    )


async def test_a_workload_whose_proof_is_at_an_address(desk: Desk) -> None:
    desk.server.replies = [Reply(b"proof-1"), Reply(granted())]
    token = await desk.token(
        desk.workload({"url": f"{desk.server.url}proof", "headers": {"metadata": "true"}})
    )
    assert token == Token(SecretStr("access-1"), 3599.0)
    first, second = desk.server.asked
    assert (first.method, first.path, first.headers["metadata"]) == ("GET", "/proof", "true")
    assert second.form["subject_token"] == "proof-1"


async def test_a_workload_that_impersonates(desk: Desk) -> None:
    desk.server.replies = [Reply(b"proof-1"), Reply(granted()), Reply(IAM_GRANTED, headers=IAM_DATE)]
    url = f"{desk.server.url}iam/{WORKER}:generateAccessToken"
    content = desk.workload({"url": f"{desk.server.url}proof"}, service_account_impersonation_url=url)
    assert await desk.token(content) == Token(SecretStr("impersonated-1"), 1800.0)


async def test_a_workload_with_an_executable(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    answer = {
        "version": 1,
        "success": True,
        "token_type": "urn:ietf:params:oauth:token-type:jwt",
        "id_token": "proof-1",
    }
    program = desk.folder / "prove.py"
    program.write_text(f"print({json.dumps(json.dumps(answer))})")
    content = desk.workload(
        {"executable": {"command": f"{sys.executable} -S {program}", "timeout_millis": 20000}}
    )
    failure = await desk.failure(content)
    assert isinstance(failure, AccountRefused)
    assert "GOOGLE_EXTERNAL_ACCOUNT_ALLOW_EXECUTABLES" in failure.reason
    monkeypatch.setenv("GOOGLE_EXTERNAL_ACCOUNT_ALLOW_EXECUTABLES", "1")
    assert await desk.token(content) == Token(SecretStr("access-1"), 3599.0)
    (asked,) = desk.server.asked
    assert asked.form["subject_token"] == "proof-1"


async def test_a_new_refresh_token_of_a_workforce_is_kept(desk: Desk) -> None:
    desk.server.replies = [Reply(granted(refresh_token="refresh-2")), Reply(granted()), Reply(granted())]
    for _ in range(2):
        await desk.token(desk.workforce())
    await desk.token({**desk.workforce(), "refresh_token": "refresh-9"})
    assert [asked.form["refresh_token"] for asked in desk.server.asked] == [
        "refresh-1",
        "refresh-2",
        "refresh-9",
    ]


async def test_of_two_gateways_that_renew_at_once_none_loses_its_account(desk: Desk) -> None:
    other = RotatedTokens(desk.folder / "rotated.json")

    async def sleep(seconds: float) -> None:
        desk.waits.append(seconds)
        if len(desk.waits) == 4:
            await other.keep("ana@x.y", origin=SecretStr("refresh-1"), token=SecretStr("refresh-2"))

    desk.google_auth._patience = Patience(sleep, lambda: 0.0)
    desk.server.replies = [error("invalid_grant"), Reply(granted(refresh_token="refresh-3"))]
    for _ in range(2):
        await desk.token(desk.workforce())
    shown = [asked.form["refresh_token"] for asked in desk.server.asked]
    assert (shown, desk.waits) == (["refresh-1", "refresh-2", "refresh-3"], list(REREAD_SECONDS[:4]))


@pytest.mark.parametrize("content", ["", " \n"])
async def test_the_machine_itself(desk: Desk, content: str) -> None:
    assert await desk.token(content) == Token(SecretStr("access-1"), 3599.0)
    (asked,) = desk.server.asked
    assert (asked.method, asked.path, asked.headers["metadata-flavor"]) == (
        "GET",
        f"/computeMetadata/v1/instance/service-accounts/default/token?scopes={CLOUD_PLATFORM}",
        "Google",
    )


async def test_a_token_that_is_signed_here_has_no_known_life(desk: Desk) -> None:
    token = await desk.token(desk.service_account(universe_domain="other.example"))
    assert (token.seconds, desk.server.asked) == (0.0, [])
    assert jwt.decode(token.value.get_secret_value(), verify=False)["scope"] == CLOUD_PLATFORM


# --- refusals ---------------------------------------------------------------------------------------------

REASONS: dict[str, tuple[Callable[[Desk], Mapping[str, Json] | str], Reply, str]] = {
    "a key that was deleted": (
        Desk.service_account,
        error("invalid_grant", "Invalid JWT Signature."),
        (
            f"No access token: The service account '{WORKER}' does not exist any more, is disabled, or has another key. The "
            "token endpoint says 'invalid_grant: Invalid JWT Signature.'. Make a new key for it, and put it into /a/key.json."
        ),
    ),
    "a user who is gone": (
        Desk.authorized_user,
        error("invalid_grant", "Account has been deleted"),
        (
            "No access token: The refresh token is dead: revoked, ended by a new password, or unused for six months. The "
            "token endpoint says 'invalid_grant: Account has been deleted'. Sign in again, and let gcloud write /a/key.json "
            "anew."
        ),
    ),
    "a user who has to sign in anew": (
        Desk.authorized_user,
        error("invalid_grant", "reauth related error (invalid_rapt)", error_subtype="invalid_rapt"),
        (
            "No access token: The organisation asks its people to sign in anew from time to time. The token endpoint says "
            "'invalid_grant: reauth related error (invalid_rapt) invalid_rapt'. Sign in again, and let gcloud write "
            "/a/key.json anew."
        ),
    ),
    "a wrong client": (
        Desk.workforce,
        error("invalid_client", status=401),
        (
            "No access token: OAuth client 'client-1' is refused: its id or secret is wrong, or the credentials were issued "
            "to another client. The token endpoint says 'invalid_client'. Sign in again, and let gcloud write /a/key.json "
            "anew."
        ),
    ),
    "no service account on the machine": (
        lambda _: "",
        Reply(b"not found", 404),
        (
            "No access token: this machine has no service account, or not with this scope. Attach a service account to this "
            "machine that may use Vertex AI, with the scope cloud-platform."
        ),
    ),
}


@pytest.mark.parametrize(("content", "reply", "reason"), REASONS.values(), ids=REASONS)
async def test_a_refusal_says_how_to_mend_the_account(
    desk: Desk, content: Callable[[Desk], Mapping[str, Json] | str], reply: Reply, reason: str
) -> None:
    desk.server.replies = [reply]
    assert await desk.reason(content(desk)) == reason
    looked = list(REREAD_SECONDS) if "The refresh token is dead" in reason or "sign in anew" in reason else []
    assert (len(desk.server.asked), desk.waits) == (1, looked)


async def test_an_account_that_may_not_be_impersonated(desk: Desk) -> None:
    message = "Permission 'iam.serviceAccounts.getAccessToken' denied on resource (or it may not exist)."
    refused: Json = {"error": {"code": 403, "message": message, "status": "PERMISSION_DENIED"}}
    desk.server.replies = [Reply(granted()), Reply(refused, 403)]
    failure = await desk.failure(desk.impersonated(desk.authorized_user()))
    assert isinstance(failure, AccountRefused)
    assert (failure.rest, failure.reason) == (
        600.0,
        (
            "No access token: It takes the role Service Account Token Creator on the account that is impersonated. The "
            f'token endpoint says "PERMISSION_DENIED: {message}". Sign in again, and let gcloud write /a/key.json anew.'
        ),
    )


async def test_a_wrong_clock_is_no_fault_of_the_account_s(desk: Desk) -> None:
    words = "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe."
    refused: Json = {"error": "invalid_grant", "error_description": words}
    desk.server.replies = [Reply(refused, 400, {"date": "Wed, 25 Nov 2026 15:00:00 GMT"})]
    failure = await desk.failure(desk.service_account())
    assert isinstance(failure, TokenUnavailable)
    assert failure.message == (
        "This machine's clock is 3:00:00 (h:mm:ss) behind the token endpoint's, so that no access token can be had: set "
        "the clock. No account is to blame."
    )


PASSING: dict[str, tuple[Reply, str]] = {
    "503": (Reply(b"", 503), "The token endpoint gave an answer that cannot be read (status 503)."),
    "429": (
        error("rate_limit_exceeded", status=429),
        "The token endpoint cannot answer now (429 rate_limit_exceeded).",
    ),
    "400 server_error": (error("server_error"), "The token endpoint cannot answer now (400 server_error)."),
    "cut off": (CUT_OFF, "The token endpoint did not answer (ServerDisconnectedError)."),
    "too much": (Reply(b" " * (SMALL_BYTES + 1)), "The token endpoint did not answer (UpstreamBroken)."),
}


@pytest.mark.parametrize(("reply", "message"), PASSING.values(), ids=PASSING)
async def test_what_may_pass_is_tried_four_times(desk: Desk, reply: Reply, message: str) -> None:
    desk.server.replies = [reply] * 4
    failure = await desk.failure(desk.authorized_user())
    assert isinstance(failure, TokenUnavailable)
    assert (failure.message, len(desk.server.asked), desk.waits) == (message, 4, [1.0, 2.0, 4.0])
    assert await desk.token(desk.authorized_user()) == Token(SecretStr("access-5"), 3599.0)


@pytest.mark.parametrize(
    ("reply", "message"),
    [
        (Reply(b"", 503), "The token endpoint gave an answer that cannot be read (status 503)."),
        (Reply(b"hello"), "The metadata server gave an answer that cannot be read."),
        (
            CUT_OFF,
            (
                "The metadata server, which only machines of Google Cloud have, did not answer "
                "(ServerDisconnectedError)."
            ),
        ),
    ],
)
async def test_a_metadata_server_that_fails_is_asked_four_times(
    desk: Desk, reply: Reply, message: str
) -> None:
    # aiohttp repeats a GET by itself that met a connection's end
    desk.server.replies = [reply] * 8
    failure = await desk.failure("")
    assert isinstance(failure, TokenUnavailable)
    assert (failure.message, desk.waits) == (message, [1.0, 2.0, 4.0])


@pytest.mark.parametrize(
    "says", [b"HTTP/1.1 200 OK\r\nX: ", b"HTTP/1.1 200 OK\r\n\r\n"], ids=["a head", "a body"]
)
async def test_an_answer_that_drips_is_given_up(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, says: bytes
) -> None:
    monkeypatch.setattr(token_endpoint, "WHOLE_SECONDS", 0.05)

    async def drip(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(says)
        with suppress(ConnectionError):
            while True:
                writer.write(b"x")
                await writer.drain()
                await asyncio.sleep(0.001)  # its pace

    async with await asyncio.start_server(drip, "127.0.0.1", 0) as server:
        address = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
        failure = await desk.failure(desk.service_account(token_uri=address))
        server.close()
    assert failure.message == "The token endpoint gave no answer within 0 seconds."


async def test_an_answer_is_not_unpacked_without_bounds(desk: Desk) -> None:
    packed = Reply(brotli.compress(b" " * 10_000_000 + b"{}"), 200, {"content-encoding": "br"})
    desk.server.replies = [packed] * 4
    failure = await desk.failure(desk.service_account())
    assert failure.message == "The token endpoint did not answer (StreamTruncated)."
    assert {asked.headers["accept-encoding"] for asked in desk.server.asked} == {"identity"}


async def test_endpoints_that_are_silent_hold_up_no_other_work(desk: Desk) -> None:
    loop = asyncio.get_running_loop()
    loop.set_default_executor(ThreadPoolExecutor(1))
    desk.server.open.clear()
    waiting = loop.create_task(desk.token(desk.service_account()))
    await desk.server.arrived.wait()
    async with asyncio.timeout(60):
        assert await asyncio.to_thread(lambda: "done") == "done"
    assert not waiting.done()
    desk.server.open.set()
    assert await waiting == Token(SecretStr("access-1"), 3599.0)


async def test_a_token_that_nobody_waits_for_is_not_waited_for(desk: Desk) -> None:
    desk.server.open.clear()
    waiting = asyncio.get_running_loop().create_task(desk.token(desk.service_account()))
    await desk.server.arrived.wait()
    waiting.cancel()
    await asyncio.wait([waiting])
    # or the thread would wait until the endpoint speaks
    async with asyncio.timeout(60):
        await asyncio.to_thread(desk.google_auth._threads.shutdown)
    desk.server.open.set()


async def test_nor_if_it_is_given_up_as_its_request_leaves(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The endpoint may have the request before the thread that sent it has its turn again."""
    given_up, sent = Event(), asyncio.run_coroutine_threadsafe
    under_way: list[Future[Answer]] = []

    def slowly(asked: Coroutine[Any, Any, Answer], loop: asyncio.AbstractEventLoop) -> Future[Answer]:
        under_way.append(sent(asked, loop))
        given_up.wait()
        return under_way[-1]

    monkeypatch.setattr(asyncio, "run_coroutine_threadsafe", slowly)
    desk.server.open.clear()
    waiting = asyncio.get_running_loop().create_task(desk.token(desk.service_account()))
    await desk.server.arrived.wait()
    waiting.cancel()
    await asyncio.wait([waiting])
    given_up.set()
    await asyncio.to_thread(desk.google_auth._threads.shutdown)
    assert [each.cancelled() for each in under_way] == [True]
    desk.server.open.set()


UNREADABLE: dict[str, tuple[str, Reply]] = {
    "no JSON": ("service_account", Reply(b"hello")),
    "no token": ("service_account", Reply({})),
    "a token that no header takes": ("authorized_user", Reply(granted(access_token="a\r\nb"))),
    "null": ("workforce", Reply(granted(access_token=None))),
    "no life, which a workforce's must have": ("workforce", Reply({"access_token": "a"})),
    **{
        f"{body.decode()} for a {kind}": (kind, Reply(body))
        for kind in ("service_account", "authorized_user", "workforce", "workload_here", "impersonated_here")
        for body in (b"[]", b"null", b"5", b'"x"', b"")
    },
    **{
        f"a life without end for a {kind}": (
            kind,
            Reply(b'{"access_token":"a","expires_in":1e400,"accessToken":"a","expireTime":"x"}'),
        )
        for kind in ("service_account", "authorized_user", "workforce", "workload_here", "impersonated_here")
    },
}


@pytest.mark.parametrize(("kind", "reply"), UNREADABLE.values(), ids=UNREADABLE)
async def test_an_answer_that_is_no_token_is_a_failure(desk: Desk, kind: str, reply: Reply) -> None:
    desk.server.replies = [reply] * 4
    failure = await desk.failure(getattr(desk, kind)())
    assert isinstance(failure, TokenUnavailable)
    assert (len(desk.server.asked), desk.waits) == (4, [1.0, 2.0, 4.0])
    assert failure.message.startswith("The token endpoint")


# --- files ------------------------------------------------------------------------------------------------

NO_FILE = "No access token: /a/key.json: this is no file of Google credentials. Give one that is."
OPEN = "No access token: its token endpoint's address must begin with https://, or be on this machine. "
NEW_KEY = "Make a new key for it, and put it into /a/key.json."
SIGN_IN = "Sign in again, and let gcloud write /a/key.json anew."
POOL = "Check the workload identity pool that /a/key.json names."
REMOTE = "http://evil.example/token"
FILES: dict[str, tuple[Callable[[Desk], Mapping[str, Json] | str], str]] = {
    "no JSON": (lambda _: "{", NO_FILE),
    "no object": (lambda _: "[]", NO_FILE),
    "fields of other types": (lambda _: {"type": ["service_account"]}, NO_FILE),
    "no type": (lambda _: {}, f"No access token: credentials of the type '' are not known here. {SIGN_IN}"),
    "another type": (
        lambda _: {"type": "gdch_service_account"},
        f"No access token: credentials of the type 'gdch_service_account' are not known here. {SIGN_IN}",
    ),
    "a token endpoint in the open": (lambda desk: desk.service_account(token_uri=REMOTE), OPEN + NEW_KEY),
    "one of a workload": (lambda desk: desk.workload({"file": "x"}, token_url=REMOTE), OPEN + POOL),
    "one to start from": (
        lambda desk: desk.impersonated(desk.service_account(token_uri=REMOTE)),
        OPEN + NEW_KEY,
    ),
    "impersonation in the open": (
        lambda desk: desk.workload({"file": "x"}, service_account_impersonation_url=REMOTE),
        OPEN + POOL,
    ),
}


@pytest.mark.parametrize(("content", "reason"), FILES.values(), ids=FILES)
async def test_a_file_that_will_not_do(
    desk: Desk, content: Callable[[Desk], Mapping[str, Json] | str], reason: str
) -> None:
    assert await desk.reason(content(desk)) == reason
    assert (desk.server.asked, desk.waits) == ([], [])


@pytest.mark.parametrize(
    "content",
    [
        {"type": "service_account"},
        {
            "type": "service_account",
            "client_email": "a",
            "token_uri": "https://h/",
            "private_key": "hush-hush",
        },
        {"type": "authorized_user", "refresh_token": "refresh-1"},
        {"type": "impersonated_service_account"},
        {"type": "external_account"},
        {"type": "external_account_authorized_user", "refresh_token": "refresh-1"},
    ],
    ids=json.dumps,
)
async def test_a_file_that_google_auth_cannot_use(desk: Desk, content: Mapping[str, Json]) -> None:
    reason = await desk.reason(content)
    assert reason.startswith("No access token: google-auth ")
    assert "hush-hush" not in reason
    assert "refresh-1" not in reason


async def test_a_proof_that_is_not_there_may_come(desk: Desk) -> None:
    failure = await desk.failure(desk.workload({"file": "/nowhere/proof"}))
    assert isinstance(failure, AccountRefused)
    assert (failure.rest, failure.reason) == (
        600.0,
        f"No access token: google-auth says \"RefreshError: File '/nowhere/proof' was not found.\". {POOL}",
    )


# --- secrets ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "reply",
    [
        error("invalid_grant", "refresh-1 hush-hush"),
        Reply(b"refresh-1 hush-hush", 400),
        Reply(b"refresh-1", 503),
    ],
)
@pytest.mark.parametrize("kind", ["authorized_user", "workforce", "service_account"])
async def test_no_secret_shows(desk: Desk, kind: str, reply: Reply, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    desk.server.replies = [reply] * 4
    content = (
        getattr(desk, kind)(refresh_token="refresh-1", client_secret="hush-hush")
        if kind != "workforce"
        else (desk.workforce())
    )
    failure = await desk.failure(content)
    reason = failure.reason if isinstance(failure, AccountRefused) else ""
    whole = "".join(traceback.format_exception(failure))
    shown = f"{failure!r} {failure} {reason} {whole} {caplog.text}"
    secrets = ("refresh-1", "hush-hush", key()[0].splitlines()[1])
    assert [secret for secret in secrets if secret in shown] == []


async def test_no_token_shows(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    for content in (desk.service_account(), desk.authorized_user(), desk.workforce(), ""):
        token = await desk.token(content)
        assert token.value.get_secret_value().startswith("access-")
    assert "access-" not in caplog.text
