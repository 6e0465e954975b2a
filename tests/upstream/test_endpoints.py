"""Which address each account's requests go to."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from antigravity_addon.accounts.account import (
    Account,
    ApiKey,
    CodeAssistLicence,
    Credential,
    ExpressKey,
    GoogleAuthGrant,
    VertexProject,
)
from antigravity_addon.errors import AccountRefused
from antigravity_addon.simulator.server import Simulator
from antigravity_addon.upstream.code_assist import CodeAssist
from antigravity_addon.upstream.endpoint import Authorization, Endpoint, UpstreamRequest
from antigravity_addon.upstream.endpoints import Endpoints, is_googles
from antigravity_addon.upstream.gemini_api import GeminiApi
from antigravity_addon.upstream.transport import Transport
from antigravity_addon.upstream.vertex import Vertex
from antigravity_addon.wire.gemini import Content, GenerateContentRequest, Part
from antigravity_addon.wire.oauth import TokenAnswer
from antigravity_addon.wire.sse import SseDecoder

SECRET = SecretStr("secret")
GRANT = GoogleAuthGrant(SECRET)
KEY = ApiKey(SECRET)
EXPRESS = ExpressKey(SECRET)
GLOBAL = VertexProject("p-1", GRANT)
REGIONAL = VertexProject("p-1", GRANT, "europe-west4")
LICENCE = CodeAssistLicence(GRANT)
EVERYBODY: tuple[Credential, ...] = (KEY, EXPRESS, GLOBAL, REGIONAL, LICENCE)

GEMINI = "https://generativelanguage.googleapis.com"
VERTEX = "https://aiplatform.googleapis.com"
REGION = "https://europe-west4-aiplatform.googleapis.com"
CODE_ASSIST = "https://cloudcode-pa.googleapis.com"
RELAY = "http://127.0.0.1:8090"


def addresses(target: str, *, base_url: str = "") -> list[str]:
    """Of each kind of account behind the target."""
    endpoints = Endpoints(target=target, user_agent="ours/1")
    accounts = (Account("ana@example.com", each, base_url=base_url) for each in EVERYBODY)
    return [endpoints.of(account).base_url for account in accounts]


GOOGLES = [GEMINI, VERTEX, VERTEX, REGION, CODE_ASSIST]
CASES: dict[str, list[str]] = {
    GEMINI: GOOGLES,
    VERTEX: GOOGLES,
    "https://us-east1-aiplatform.googleapis.com": GOOGLES,
    "https://aiplatform.eu.rep.googleapis.com": GOOGLES,
    CODE_ASSIST: GOOGLES,
    "https://GenerativeLanguage.googleapis.com:443": GOOGLES,
    RELAY: [RELAY] * 5,
    "https://relay.example": ["https://relay.example"] * 5,
    "https://generativelanguage.googleapis.com.example": ["https://generativelanguage.googleapis.com.example"]
    * 5,
}


@pytest.mark.parametrize("target", CASES)
def test_address(target: str) -> None:
    assert addresses(target) == CASES[target]


@pytest.mark.parametrize("target", CASES)
def test_an_accounts_own_address_comes_first(target: str) -> None:
    assert addresses(target, base_url="https://own.example") == ["https://own.example"] * 5


@given(host=st.from_regex(r"[a-z0-9.-]{1,40}", fullmatch=True))
def test_nothing_goes_past_a_relay(host: str) -> None:
    target = f"https://{host}.relay"
    assert addresses(target) == [target] * 5


KINDS: dict[str, bool] = {
    GEMINI: True,
    VERTEX: True,
    REGION: True,
    "https://aiplatform.us.rep.googleapis.com": True,
    CODE_ASSIST: True,
    "https://daily-cloudcode-pa.googleapis.com": False,
    "https://aiplatform.rep.googleapis.com": False,
    "https://example.com/aiplatform.googleapis.com": False,
    "https://user@aiplatform.googleapis.com@example.com": False,
    "": False,
}


@pytest.mark.parametrize("address", KINDS)
def test_whose_an_address_is(address: str) -> None:
    assert is_googles(address) is KINDS[address]


ENDPOINTS: tuple[tuple[Credential, Endpoint], ...] = (
    (KEY, GeminiApi(RELAY, "ours/1")),
    (EXPRESS, Vertex(RELAY, "ours/1")),
    (REGIONAL, Vertex(RELAY, "ours/1", project="p-1", location="europe-west4")),
    (LICENCE, CodeAssist(RELAY, "ours/1")),
)


@pytest.mark.parametrize(
    ("credential", "endpoint"), ENDPOINTS, ids=[type(each).__name__ for each, _ in ENDPOINTS]
)
def test_each_kind_has_its_endpoint(credential: Credential, endpoint: Endpoint) -> None:
    endpoints = Endpoints(target=RELAY, user_agent="ours/1")
    account = Account("ana@example.com", credential)
    assert endpoints.of(account) == endpoint
    assert endpoints.of(account) is endpoints.of(account)


@pytest.mark.parametrize("base_url", ["", "https://own.example"])
def test_no_location_leads_to_a_host_of_somebody_else(base_url: str) -> None:
    endpoints = Endpoints(target=GEMINI, user_agent="ours/1")
    account = Account("ana@example.com", VertexProject("p", GRANT, "evil.example/"), base_url=base_url)
    with pytest.raises(AccountRefused):
        endpoints.of(account)


def test_what_is_kept_has_a_bound() -> None:
    endpoints = Endpoints(target=RELAY, user_agent="ours/1")
    for index in range(2000):
        endpoints.of(Account(f"{index}@example.com", KEY))
    assert endpoints._made.cache_info().currsize == 1024


# --- all the way ------------------------------------------------------------------------------------------

HELLO = GenerateContentRequest(contents=(Content(role="user", parts=(Part(text="echo:Hello there."),)),))
FORM = b"grant_type=refresh_token&client_id=c&client_secret=s&refresh_token=r"


async def ask(transport: Transport, request: UpstreamRequest) -> bytes:
    async with transport.open(request) as response:
        body = b"".join([chunk async for chunk in response.chunks()])
        assert response.status == 200, body
        return body


@pytest.mark.parametrize("credential", EVERYBODY, ids=lambda each: type(each).__name__)
async def test_each_kind_is_served_by_the_simulator(credential: Credential) -> None:
    transport = Transport()
    async with Simulator() as simulator:
        headers = {"content-type": "application/x-www-form-urlencoded"}
        answer = await ask(transport, UpstreamRequest(f"{simulator.base_url}/token", headers, FORM))
        token = TokenAnswer.model_validate_json(answer).access_token.get_secret_value()
        paid = (
            {"x-goog-api-key": "k"}
            if isinstance(credential, ApiKey | ExpressKey)
            else {"authorization": f"Bearer {token}"}
        )
        account = Account("ana@example.com", credential)
        endpoint = Endpoints(target=simulator.base_url, user_agent="ours/1").of(account)
        request = endpoint.prepare(HELLO, model="gemini-3.8-flash", authorization=Authorization(paid, "p-1"))
        decoder = SseDecoder()
        items = [*decoder.feed(await ask(transport, request)), *decoder.finish()]
        await transport.aclose()
    chunks = [endpoint.unwrap(item, model="m", now=0.0) for item in items]
    candidates = [candidate for chunk in chunks if chunk for candidate in chunk.candidates or ()]
    parts = [part for each in candidates if each.content for part in each.content.parts or ()]
    assert "".join(part.text or "" for part in parts) == "Hello there."
    assert candidates[-1].finish_reason == "STOP"
    assert [received.headers["user-agent"] for received in simulator.requests] == ["ours/1"]
    assert simulator.requests[0].family == account.upstream
