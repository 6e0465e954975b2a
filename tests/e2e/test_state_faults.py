"""The state file cannot be used: clients are served as if it could."""

import logging
from collections.abc import Callable
from pathlib import Path

import pytest

from antigravity_addon.simulator.server import Simulator
from tests.running import run_gateway, write_accounts

ANA = ("ana@example.com", "k")
ASKED = {"model": "gpt-4o", "input": "echo:hello"}


def folder_in_its_place(folder: Path) -> Path:
    (folder / "state.sqlite").mkdir()
    return folder / "state.sqlite"


def file_in_its_folder_s_place(folder: Path) -> Path:
    (folder / "state").write_text("")
    return folder / "state" / "state.sqlite"


def where_nobody_may_write(_: Path) -> Path:
    return Path("/proc/gateway/state.sqlite")


def rubbish(folder: Path) -> Path:
    (folder / "state.sqlite").write_bytes(b"rubbish" * 1000)
    return folder / "state.sqlite"


SPOILED: tuple[Callable[[Path], Path], ...] = (
    folder_in_its_place,
    file_in_its_folder_s_place,
    where_nobody_may_write,
    rubbish,
)


@pytest.mark.parametrize("spoiled", SPOILED)
async def test_no_client_is_refused_for_it_and_it_is_said_once(
    tmp_path: Path, spoiled: Callable[[Path], Path], caplog: pytest.LogCaptureFixture
) -> None:
    path = spoiled(tmp_path)
    async with (
        Simulator() as simulator,
        run_gateway(
            simulator.base_url,
            tmp_path,
            gateway_accounts=write_accounts(tmp_path, ANA),
            gateway_state=str(path),
        ) as gateway,
        gateway.client() as http,
    ):
        assert (
            await http.post("/v1/responses", json={**ASKED, "previous_response_id": "r"})
        ).status_code == 400
        first = (await http.post("/v1/responses", json=ASKED)).json()
        again = await http.post("/v1/responses", json={**ASKED, "previous_response_id": first["id"]})
        assert again.json()["previous_response_id"] == first["id"]
        assert (await http.get(f"/v1/responses/{again.json()['id']}/input_items")).status_code == 200
        conversation = (await http.post("/v1/conversations", json={})).json()
        told = await http.post("/v1/responses", json={**ASKED, "conversation": conversation["id"]})
        assert told.status_code == 200
        items = await http.get(f"/v1/conversations/{conversation['id']}/items")
        assert len(items.json()["data"]) == 2
        assert (await http.delete(f"/v1/responses/{first['id']}")).json()["deleted"] is True
    warnings = [each for each in caplog.records if str(path) in each.getMessage()]
    assert [each.levelno for each in warnings] == [logging.WARNING] * 2, "of accounts, and of clients"
    assert not any(each.exc_info for each in caplog.records)
