"""The token endpoint, and what access tokens are good for."""

import asyncio
from collections.abc import Callable

import httpx
import pytest

from antigravity_addon.simulator.exchange import Exchange
from antigravity_addon.simulator.server import Simulator
from antigravity_addon.simulator.tokens import (
    JWT_BEARER,
    TOKEN_FAULTS,
    TokenRequest,
    Tokens,
    read_assertion,
    read_token_request,
)
from tests.simulator.talking import HELLO, Asker, TokenBearer, assertion, segment

MODEL = "gemini-2.5-flash"
type Bearer = Callable[[str], TokenBearer]


async def test_a_refresh(simulator: Simulator, bearer: Bearer) -> None:
    answer = await bearer("refresh").ask_for_token(scope="one two")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json; charset=UTF-8")
    assert "no-store" in answer.headers["cache-control"]
    assert answer.json() == {
        "access_token": "simulated-access-token-0",
        "expires_in": 3599,
        "scope": "one two",
        "token_type": "Bearer",
    }
    (asked,) = simulator.token_requests
    assert asked == TokenRequest(
        number=0,
        grant_type="refresh_token",
        client_id="client",
        scope="one two",
        issuer="",
        client_secret="hush",
        refresh_token="refresh",
        assertion="",
    )
    assert "hush" not in repr(asked)
    assert not simulator.requests, "requests for tokens are kept apart"


REFUSED: dict[str, tuple[dict[str, str], int, str]] = {
    "no grant type": ({"grant_type": ""}, 400, "invalid_request"),
    "another grant type": ({"grant_type": "password"}, 400, "unsupported_grant_type"),
    "no refresh token": ({"refresh_token": ""}, 400, "invalid_request"),
    "no client": ({"client_id": ""}, 400, "invalid_request"),
    "no secret": ({"client_secret": ""}, 400, "invalid_request"),
    "an unknown client": ({"client_id": "invalid-client"}, 401, "invalid_client"),
    "a fault nobody knows": ({"refresh_token": "fault-nothing"}, 400, "invalid_request"),
    "an assertion that is none": ({"grant_type": JWT_BEARER, "assertion": "a.b"}, 400, "invalid_grant"),
    "no assertion": ({"grant_type": JWT_BEARER}, 400, "invalid_grant"),
    "an assertion of nobody": ({"grant_type": JWT_BEARER, "assertion": assertion("")}, 400, "invalid_grant"),
    "an assertion signed otherwise": (
        {"grant_type": JWT_BEARER, "assertion": assertion("a@b", alg="HS256")},
        400,
        "invalid_grant",
    ),
    "an assertion that lives too long": (
        {"grant_type": JWT_BEARER, "assertion": assertion("a@b", seconds=3601)},
        400,
        "invalid_grant",
    ),
}


@pytest.mark.parametrize(("fields", "status", "error"), REFUSED.values(), ids=REFUSED)
async def test_what_is_refused(bearer: Bearer, fields: dict[str, str], status: int, error: str) -> None:
    answer = await bearer("refresh").ask_for_token(**fields)
    assert (answer.status_code, answer.json()["error"]) == (status, error)


async def test_only_forms_are_read(ask: Asker) -> None:
    answer = await ask.http.post("/token", json={"grant_type": "refresh_token"})
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")


FAULTS: dict[str, tuple[int, str]] = {
    "token-invalid-grant": (400, '"invalid_grant"'),
    "token-reauth": (400, '"invalid_rapt"'),
    "token-clock": (400, "Invalid JWT"),
    "token-invalid-client": (401, '"invalid_client"'),
    "token-unauthorized-client": (401, '"unauthorized_client"'),
    "token-invalid-scope": (400, '"invalid_scope"'),
    "token-access-denied": (403, '"access_denied"'),
    "token-admin-policy": (400, '"admin_policy_enforced"'),
    "token-server-error": (500, '"internal_failure"'),
    "token-unavailable": (503, '"temporarily_unavailable"'),
    "token-rate-limited": (429, '"rate_limit_exceeded"'),
    "token-html": (502, "<!DOCTYPE html>"),
    "token-empty": (200, '{\n  "token_type": "Bearer"\n}'),
}
BREAK = {"token-reset", "token-silence"}


@pytest.mark.parametrize("name", FAULTS)
async def test_fault(bearer: Bearer, name: str) -> None:
    status, said = FAULTS[name]
    answer = await bearer(f"fault-{name}").ask_for_token()
    assert answer.status_code == status
    assert said in answer.text


def test_every_fault_of_the_token_endpoint_is_tested() -> None:
    assert TOKEN_FAULTS.keys() == FAULTS.keys() | BREAK


async def test_a_reset(bearer: Bearer) -> None:
    with pytest.raises(httpx.ReadError):
        await bearer("fault-token-reset").ask_for_token()


async def test_silence(simulator: Simulator, bearer: Bearer) -> None:
    async with asyncio.timeout(60), asyncio.TaskGroup() as group:
        asking = group.create_task(bearer("fault-token-silence").ask_for_token())
        await simulator.wait_for(lambda _: bool(simulator.token_requests))
        assert not asking.done()
        asking.cancel()


async def test_a_fault_strikes_as_often_as_it_says(bearer: Bearer) -> None:
    ana = bearer("fault-token-server-error-x2")
    assert [(await ana.ask_for_token()).status_code for _ in range(3)] == [500, 500, 200]


async def test_assertions_meet_faults_by_their_issuer(bearer: Bearer) -> None:
    failing = assertion("fault-token-unavailable@p.iam.gserviceaccount.com")
    answer = await bearer("").ask_for_token(grant_type=JWT_BEARER, assertion=failing)
    assert answer.status_code == 503


async def test_a_token_that_rotates_is_good_once(bearer: Bearer) -> None:
    first = (await bearer("rotating-ana").ask_for_token()).json()
    second = (await bearer("rotating-ana-2").ask_for_token()).json()
    assert (first["refresh_token"], second["refresh_token"]) == ("rotating-ana-2", "rotating-ana-3")
    for dead in ("rotating-ana", "rotating-ana-2", "rotating-ana-4"):
        answer = await bearer(dead).ask_for_token()
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")
    assert (await bearer("rotating-ben").ask_for_token()).status_code == 200
    assert (await bearer("rotating-ana-3").ask_for_token()).status_code == 200


async def test_the_script_leaves_the_token_endpoint_alone(simulator: Simulator, bearer: Bearer) -> None:
    simulator.script([Exchange(418)])
    assert (await bearer("refresh").vertex(MODEL)).status_code == 418


class TestBearers:
    async def test_a_token_pays(self, simulator: Simulator, bearer: Bearer) -> None:
        assert (await bearer("refresh").vertex(MODEL)).status_code == 200
        (request,) = simulator.requests
        assert (request.bearer, request.api_key) == ("simulated-access-token-0", None)
        assert "simulated-access-token-0" not in repr(request)

    async def test_revoked_tokens(self, simulator: Simulator, bearer: Bearer, ask: Asker) -> None:
        headers = await bearer("refresh").headers()
        simulator.revoke_tokens()
        path = (
            "/v1beta1/projects/p-1/locations/global/publishers/google/models/m:streamGenerateContent?alt=sse"
        )
        refused = await ask.http.post(path, headers=headers)
        assert refused.status_code == 401
        error = refused.json()["error"]
        assert error["status"] == "UNAUTHENTICATED"
        assert error["message"].startswith("Request had invalid authentication credentials. Expected OAuth 2")
        assert error["details"] == [
            {
                "@type": "type.googleapis.com/google.rpc.ErrorInfo",
                "reason": "ACCESS_TOKEN_EXPIRED",
                "domain": "googleapis.com",
                "metadata": {
                    "service": "aiplatform.googleapis.com",
                    "method": "google.cloud.aiplatform.v1beta1.PredictionService.StreamGenerateContent",
                },
            }
        ]
        assert (await bearer("refresh").vertex(MODEL)).status_code == 200

    async def test_tokens_die(self) -> None:
        async with (
            Simulator(seconds_tokens_live=0) as simulator,
            httpx.AsyncClient(base_url=simulator.base_url, timeout=60, verify=False) as http,
        ):
            dead = TokenBearer(http)
            assert (await dead.ask_for_token()).json()["expires_in"] == 0
            assert (await dead.vertex(MODEL)).status_code == 401

    async def test_an_assertion_pays(self, bearer: Bearer, ask: Asker) -> None:
        signed = assertion("svc@p.iam.gserviceaccount.com")
        issued = (await bearer("").ask_for_token(grant_type=JWT_BEARER, assertion=signed)).json()
        headers = {"authorization": f"Bearer {issued['access_token']}"}
        path = "/v1beta1/projects/p/locations/us/publishers/google/models/gemini-2.5-flash:generateContent"
        assert (await ask.http.post(path, json=HELLO, headers=headers)).status_code == 200
        elsewhere = path.partition("/gemini")[0]
        assert (await ask.http.get(elsewhere, headers=headers)).status_code == 404

    async def test_vertex_takes_a_token_that_an_account_signed_for_itself(self, ask: Asker) -> None:
        headers = {"authorization": f"Bearer {assertion('svc@p.iam.gserviceaccount.com')}"}
        path = "/v1beta1/publishers/google/models"
        assert (await ask.http.get(path, headers=headers)).status_code == 200
        code_assist = await ask.http.post("/v1internal:loadCodeAssist", json={}, headers=headers)
        assert code_assist.status_code == 401

    async def test_every_fault_can_be_had_with_a_token(self, bearer: Bearer) -> None:
        ana = bearer("fault-overloaded-x2")
        assert [(await ana.vertex(MODEL)).status_code for _ in range(3)] == [503, 503, 200]
        assert (await bearer("fault-tos").vertex(MODEL)).status_code == 403
        assert (await bearer("fault-token-server-error-x0").vertex(MODEL)).status_code == 200


def test_dead_tokens_are_not_kept() -> None:
    now = [0.0]
    tokens = Tokens(seconds_live=10, clock=lambda: now[0])
    form = b"grant_type=refresh_token&client_id=c&client_secret=s&refresh_token=r"
    asked = read_token_request(0, "application/x-www-form-urlencoded", form)
    for now[0] in range(0, 100, 5):
        tokens.answer(asked)
    assert len(tokens._issued) == 2
    assert (tokens.holder("simulated-access-token-19"), tokens.holder("simulated-access-token-0")) == (
        "r",
        None,
    )


NO_ASSERTIONS = {
    "no dots": "abc",
    "two parts": "abc.def",
    "not base64": "a?c.def.ghi",
    "not JSON": "YWJj.YWJj.YWJj",
    "no object": f"{segment({'alg': 'RS256'})}.{segment([])}.x",
    "half a character": "a.b.c",
}


@pytest.mark.parametrize("text", NO_ASSERTIONS.values(), ids=NO_ASSERTIONS)
def test_what_is_no_assertion(text: str) -> None:
    assert read_assertion(text) is None
