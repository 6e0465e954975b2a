"""Client keys, from the file that lists them to the answers, the metrics and the usage that is kept."""

import asyncio
import time
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest
import yaml
from prometheus_client.openmetrics.parser import (
    text_string_to_metric_families as openmetrics_families,  # pyright: ignore[reportUnknownVariableType]  untyped
)
from prometheus_client.parser import (
    text_string_to_metric_families as families,  # pyright: ignore[reportUnknownVariableType]  untyped
)

from antigravity_addon.gateway.client_keys import hash_key
from antigravity_addon.mitm.compose import STATE_FILE
from antigravity_addon.simulator.server import Simulator
from antigravity_addon.state.pool_store import UsageKey, UsageSum
from antigravity_addon.state.sqlite_file import SqliteFile
from antigravity_addon.state.sqlite_pool_store import SqlitePoolStore
from tests.running import RunningGateway, run_gateway

from .operating import listening, write_accounts_file, write_private

CHAT = "/v1/chat/completions"
BODY: dict[str, Any] = {"model": "gpt-4o", "messages": [{"role": "user", "content": "echo:hello there"}]}


def write_keys(folder: Path, **keys: Mapping[str, object]) -> str:
    """By name, each with its limits; the key of `ana` is `sk-ana`."""
    entries = [{"name": name, "hash": hash_key(f"sk-{name}"), **limits} for name, limits in keys.items()]
    return str(write_private(folder / "client-keys.yaml", yaml.safe_dump({"client_keys": entries})))


@asynccontextmanager
async def kept_by(
    folder: Path, simulator: Simulator, /, **keys: Mapping[str, object]
) -> AsyncGenerator[RunningGateway]:
    """With `gateway_api_key`, too."""
    accounts = write_accounts_file(folder, {"email": "ana@example.com", "api_key": "a"})
    async with run_gateway(
        simulator.base_url,
        folder,
        gateway_accounts=accounts,
        gateway_client_keys=write_keys(folder, **keys),
        gateway_api_key="sk-operator",
        gateway_auth_mode="all_except_health",
    ) as gateway:
        yield gateway


async def ask(
    gateway: RunningGateway, key: str | None, path: str = CHAT, /, **more: object
) -> httpx.Response:
    headers = {"authorization": f"Bearer {key}"} if key is not None else None
    async with gateway.client(headers) as http:
        return await (http.post(path, json=BODY | more) if path == CHAT else http.get(path))


def code(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


# --- who is let in -----------------------------------------------------------------------------------------


async def test_a_key_is_asked_for_and_known_by_any_of_its_headers(tmp_path: Path) -> None:
    async with Simulator() as simulator, kept_by(tmp_path, simulator, ana={}) as gateway:
        assert code(await ask(gateway, None)) == (401, "invalid_api_key")
        assert code(await ask(gateway, "sk-anna")) == (401, "invalid_api_key")
        assert code(await ask(gateway, hash_key("sk-ana"))) == (401, "invalid_api_key")
        assert not simulator.requests
        assert (await ask(gateway, None, "/healthz")).status_code == 200
        for key in ("sk-ana", "sk-operator"):
            for headers in ({"authorization": f"Bearer {key}"}, {"x-api-key": key}, {"api-key": key}):
                async with gateway.client(headers) as http:
                    assert (await http.post(CHAT, json=BODY)).status_code == 200


ENDED: dict[str, tuple[dict[str, object], str]] = {
    "expired": (
        {"expires": datetime.now(UTC) - timedelta(seconds=1)},
        "The API key 'ana' expired on ",
    ),
    "expired by its last day": (
        {"expires": (datetime.now(UTC) - timedelta(days=2)).date()},
        "The API key 'ana' expired on ",
    ),
    "switched off": ({"disabled": True}, "The API key 'ana' was switched off"),
}


@pytest.mark.parametrize(("limits", "sentence"), ENDED.values(), ids=ENDED.keys())
async def test_a_key_that_has_ended_is_refused_by_its_name(
    tmp_path: Path, limits: dict[str, object], sentence: str
) -> None:
    lasting = {"expires": datetime.now(UTC) + timedelta(days=1)}
    async with Simulator() as simulator, kept_by(tmp_path, simulator, ana=limits, bo=lasting) as gateway:
        answer = await ask(gateway, "sk-ana")
        assert code(answer) == (401, "invalid_api_key")
        assert answer.json()["error"]["message"].startswith(sentence)
        assert (await ask(gateway, "sk-ana", "/v1/models")).status_code == 401
        assert not simulator.requests
        assert (await ask(gateway, "sk-bo")).status_code == 200


async def test_a_key_uses_and_sees_its_own_models_only(tmp_path: Path) -> None:
    allowed = {"models": ["gemini-2.5-pro", "gpt-4o*"]}
    async with Simulator() as simulator, kept_by(tmp_path, simulator, ana=allowed, bo={}) as gateway:
        assert (await ask(gateway, "sk-ana", model="gpt-4o-mini")).status_code == 200
        assert (await ask(gateway, "sk-ana", model="gemini-2.5-pro")).status_code == 200
        asked = len(simulator.requests)
        assert code(await ask(gateway, "sk-ana", model="gemini-2.5-flash-lite")) == (404, "model_not_found")
        assert (await ask(gateway, "sk-bo", model="gemini-2.5-flash-lite")).status_code == 200
        assert len(simulator.requests) == asked + 1
        async with openai.AsyncOpenAI(api_key="sk-ana", base_url=f"{gateway.url}/v1") as client:
            names = {model.id async for model in client.models.list()}
            assert {"gemini-2.5-pro", "gpt-4o"} <= names
            assert "gemini-2.5-flash-lite" not in names
            with pytest.raises(openai.NotFoundError):
                await client.models.retrieve("gemini-2.5-flash-lite")
        async with openai.AsyncOpenAI(api_key="sk-bo", base_url=f"{gateway.url}/v1") as client:
            assert "gemini-2.5-flash-lite" in {model.id async for model in client.models.list()}


# --- how much ----------------------------------------------------------------------------------------------


async def test_a_rate_is_held_to_and_told(tmp_path: Path) -> None:
    limits = {"requests_per_minute": 2}
    async with Simulator() as simulator, kept_by(tmp_path, simulator, ana=limits, bo={}) as gateway:
        answers = [await ask(gateway, "sk-ana") for _ in range(3)]
        assert [answer.status_code for answer in answers] == [200, 200, 429]
        assert [answer.headers["x-ratelimit-limit-requests"] for answer in answers] == ["2"] * 3
        assert [answer.headers["x-ratelimit-remaining-requests"] for answer in answers] == ["1", "0", "0"]
        refused = answers[-1]
        assert code(refused) == (429, "rate_limit_exceeded")
        assert 1 <= int(refused.headers["retry-after"]) <= 30
        assert "'ana'" in refused.json()["error"]["message"]
        assert len(simulator.requests) == 2, "nothing of it goes upstream"
        free = await ask(gateway, "sk-bo")
        assert free.status_code == 200
        assert not [name for name in free.headers if name.startswith("x-ratelimit")]


async def test_a_rate_lets_a_burst_through_to_its_last_request(tmp_path: Path) -> None:
    limits = {"requests_per_minute": 5}
    async with Simulator() as simulator, kept_by(tmp_path, simulator, ana=limits) as gateway:
        answers = await asyncio.gather(*(ask(gateway, "sk-ana", stream=True) for _ in range(12)))
        assert sorted(answer.status_code for answer in answers) == [200] * 5 + [429] * 7
        assert len(simulator.requests) == 5


async def test_a_days_budget_outlives_the_gateway(tmp_path: Path) -> None:
    limits = {"requests_per_day": 3}
    async with Simulator() as simulator:
        async with kept_by(tmp_path, simulator, ana=limits) as gateway:
            assert [(await ask(gateway, "sk-ana")).status_code for _ in range(2)] == [200] * 2
        async with kept_by(tmp_path, simulator, ana=limits) as gateway:
            last = await ask(gateway, "sk-ana")
            assert (last.status_code, last.headers["x-ratelimit-remaining-requests"]) == (200, "0")
            refused = await ask(gateway, "sk-ana")
            assert code(refused) == (429, "insufficient_quota")
            assert refused.headers["x-should-retry"] == "false"
            assert 0 < int(refused.headers["retry-after"]) <= 86_400
        assert len(simulator.requests) == 3


async def test_a_budget_of_tokens_counts_what_models_said(tmp_path: Path) -> None:
    limits = {"tokens_per_day": 80}
    async with Simulator() as simulator:
        async with kept_by(tmp_path, simulator, ana=limits) as gateway:
            first = await ask(gateway, "sk-ana")
            used = first.json()["usage"]["total_tokens"]
            assert 0 < used < 80
            assert first.headers["x-ratelimit-remaining-tokens"] == "80"
            assert (await ask(gateway, "sk-ana")).headers["x-ratelimit-remaining-tokens"] == str(80 - used)
        async with kept_by(tmp_path, simulator, ana=limits) as gateway:
            refused = await ask(gateway, "sk-ana")
            assert code(refused) == (429, "insufficient_quota")
            assert refused.headers["x-ratelimit-remaining-tokens"] == "0"
        assert len(simulator.requests) == 2


async def test_new_limits_take_effect_at_once(tmp_path: Path) -> None:
    async with Simulator() as simulator:
        with listening() as log:
            async with kept_by(tmp_path, simulator, ana={"requests_per_minute": 1}) as gateway:
                assert [(await ask(gateway, "sk-ana")).status_code for _ in range(2)] == [200, 429]
                write_keys(tmp_path, ana={"requests_per_day": 2})
                await log.until("was read again")
                assert [(await ask(gateway, "sk-ana")).status_code for _ in range(2)] == [200, 429]


# --- what is seen of it ------------------------------------------------------------------------------------


async def test_metrics_tell_of_clients_and_are_not_for_all_of_them(tmp_path: Path) -> None:
    keys: dict[str, Mapping[str, object]] = {"ana": {"requests_per_minute": 1}, "scraper": {"metrics": True}}
    async with Simulator() as simulator, kept_by(tmp_path, simulator, **keys) as gateway:
        assert [(await ask(gateway, "sk-ana")).status_code for _ in range(2)] == [200, 429]
        await ask(gateway, "sk-operator")
        assert code(await ask(gateway, None, "/metrics")) == (401, "invalid_api_key")
        assert code(await ask(gateway, "sk-ana", "/metrics")) == (401, "invalid_api_key")
        assert (await ask(gateway, "sk-operator", "/metrics")).status_code == 200
        scraped = await ask(gateway, "sk-scraper", "/metrics")
        samples = {
            (sample.name, tuple(sorted(sample.labels.items()))): sample.value
            for family in families(scraped.text)
            for sample in family.samples
        }

        def requests(client: str, status: str) -> float:
            labels = (("client", client), ("endpoint", CHAT), ("status", status))
            return samples["gateway_requests_total", labels]

        assert requests("ana", "200") == 1
        assert requests("ana", "429") == 1
        assert requests("default", "200") == 1
        attempts = (("account", "ana@example.com"), ("outcome", "ok"), ("upstream", "gemini"))
        assert samples["gateway_attempts_total", attempts] == 2
        for secret in ("sk-ana", "sk-operator", "sk-scraper", hash_key("sk-ana")):
            assert secret not in scraped.text


async def test_prometheus_gets_the_format_that_it_asks_for(tmp_path: Path) -> None:
    async with Simulator() as simulator, kept_by(tmp_path, simulator, ana={"metrics": True}) as gateway:
        await ask(gateway, "sk-ana")
        accepted = {"authorization": "Bearer sk-ana", "accept": "application/openmetrics-text; version=1.0.0"}
        async with gateway.client(accepted) as http:
            scraped = await http.get("/metrics")
        assert scraped.headers["content-type"].startswith("application/openmetrics-text")
        assert "gateway_requests" in {family.name for family in openmetrics_families(scraped.text)}


async def test_usage_is_kept_by_client(tmp_path: Path) -> None:
    before = datetime.now(UTC).date().isoformat()
    async with Simulator() as simulator, kept_by(tmp_path, simulator, ana={}, bo={}) as gateway:
        for key in ("sk-ana", "sk-ana", "sk-bo", "sk-operator"):
            assert (await ask(gateway, key)).status_code == 200
        tokens = (await ask(gateway, "sk-bo")).json()["usage"]
    store = SqlitePoolStore(SqliteFile(tmp_path / "confdir" / STATE_FILE), unix_time=time.time)  # noqa: TID251  composition
    try:
        kept = await store.usage(first_day=before, last_day="9999-12-31")
    finally:
        await store.aclose()
    assert {key.client: used.requests for key, used in kept.items()} == {"ana": 2, "bo": 2, "default": 1}
    [(key, used)] = [(key, used) for key, used in kept.items() if key.client == "bo"]
    assert key == UsageKey(key.day, "ana@example.com", "gemini-2.5-flash", "bo")
    assert used == UsageSum(
        requests=2,
        attempts=2,
        input_tokens=2 * tokens["prompt_tokens"],
        output_tokens=2 * tokens["completion_tokens"],
        reasoning_tokens=2 * tokens["completion_tokens_details"]["reasoning_tokens"],
        seconds=used.seconds,
        first_token_seconds=used.first_token_seconds,
        first_tokens=2,
    )


async def test_what_one_client_keeps_no_other_finds(tmp_path: Path) -> None:
    async with Simulator() as simulator, kept_by(tmp_path, simulator, ana={}, bo={}) as gateway:

        async def respond(key: str, **more: object) -> httpx.Response:
            async with gateway.client({"authorization": f"Bearer {key}"}) as http:
                return await http.post("/v1/responses", json={"model": "gpt-4o", "input": "Hi.", **more})

        first = (await respond("sk-ana")).json()["id"]
        assert (await respond("sk-ana", previous_response_id=first)).status_code == 200
        assert code(await respond("sk-bo", previous_response_id=first)) == (
            400,
            "previous_response_not_found",
        )
        assert (await ask(gateway, "sk-ana", f"/v1/responses/{first}")).status_code == 200
        assert (await ask(gateway, "sk-bo", f"/v1/responses/{first}")).status_code == 404
