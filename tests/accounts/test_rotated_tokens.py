"""The file of refresh tokens that replace the operator's: whose word counts, and that no crash harms it."""

# ruff: noqa: ASYNC240  a small file, and nobody else on the loop

import asyncio
import json
import logging
import os
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from antigravity_addon.accounts import rotated_tokens
from antigravity_addon.accounts.rotated_tokens import LOCK_TRIES, RotatedTokens

ROOT = str(Path(__file__).parents[2])
ANA, BO = "ana@x.y", "bo@x.y"
FIRST, SECOND, THIRD = SecretStr("refresh-1"), SecretStr("refresh-2"), SecretStr("refresh-3")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "new" / "tokens.json"


@pytest.fixture
def rotated(path: Path) -> RotatedTokens:
    return RotatedTokens(path)


def kept(path: Path) -> dict[str, str]:
    """The tokens in a file, by account."""
    return {email: entry["refresh_token"] for email, entry in json.loads(path.read_text())["tokens"].items()}


# --- whose word counts ------------------------------------------------------------------------------------


async def test_without_another_the_operator_s_token_is_shown(path: Path, rotated: RotatedTokens) -> None:
    assert await rotated.current(ANA, FIRST) == FIRST
    assert not path.exists()


async def test_a_rotated_token_survives_a_restart(path: Path, rotated: RotatedTokens) -> None:
    await rotated.keep(ANA, origin=FIRST, token=SECOND)
    assert await rotated.current(ANA, FIRST) == SECOND
    again = RotatedTokens(path)
    assert await again.current(ANA, FIRST) == SECOND
    await again.keep(ANA, origin=FIRST, token=THIRD)
    assert await RotatedTokens(path).current(ANA, FIRST) == THIRD


async def test_a_new_token_of_the_operator_s_counts_and_ours_is_dropped(
    path: Path, rotated: RotatedTokens
) -> None:
    await rotated.keep(ANA, origin=FIRST, token=SECOND)
    await rotated.keep(BO, origin=FIRST, token=SECOND)
    assert await rotated.current(ANA, THIRD) == THIRD
    assert kept(path) == {BO: "refresh-2"}
    assert await rotated.current(ANA, FIRST) == FIRST


async def test_accounts_have_their_own(path: Path, rotated: RotatedTokens) -> None:
    await asyncio.gather(
        *(rotated.keep(f"{n}@x.y", origin=FIRST, token=SecretStr(f"r{n}")) for n in range(20))
    )
    assert kept(path) == {f"{n}@x.y": f"r{n}" for n in range(20)}


async def test_gateways_that_share_the_file_lose_nothing(path: Path) -> None:
    gateways = [RotatedTokens(path) for _ in range(10)]
    await asyncio.gather(
        *(
            gateway.keep(f"{n}@x.y", origin=FIRST, token=SecretStr(f"r{n}"))
            for n, gateway in enumerate(gateways)
        )
    )
    assert kept(path) == {f"{n}@x.y": f"r{n}" for n in range(10)}
    assert await gateways[0].current("9@x.y", FIRST) == SecretStr("r9")


async def test_without_a_path_it_is_kept_in_memory() -> None:
    rotated = RotatedTokens(None)
    await rotated.keep(ANA, origin=FIRST, token=SECOND)
    assert [await rotated.current(ANA, token) for token in (FIRST, THIRD, FIRST)] == [SECOND, THIRD, FIRST]


@settings(max_examples=40)  # a loop and a thread each
@given(st.lists(st.tuples(st.sampled_from([ANA, BO]), st.text(min_size=1), st.text(min_size=1)), max_size=8))
def test_the_last_one_kept_is_the_one_shown(kept: list[tuple[str, str, str]]) -> None:
    async def run() -> None:
        rotated = RotatedTokens(None)
        last: dict[str, tuple[str, str]] = {}
        for email, origin, token in kept:
            await rotated.keep(email, origin=SecretStr(origin), token=SecretStr(token))
            last[email] = origin, token
        for email, (origin, token) in last.items():
            assert await rotated.current(email, SecretStr(origin)) == SecretStr(token)

    asyncio.run(run())


# --- the file ---------------------------------------------------------------------------------------------


async def test_nobody_else_can_read_the_file(path: Path, rotated: RotatedTokens) -> None:
    before = os.umask(0)
    try:
        await rotated.keep(ANA, origin=FIRST, token=SECOND)
    finally:
        os.umask(before)
    assert {stat.S_IMODE(each.stat().st_mode) for each in path.parent.iterdir()} == {0o600}
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert {each.name for each in path.parent.iterdir()} == {"tokens.json", "tokens.json.lock"}


async def test_the_operator_s_token_is_not_written_down(path: Path, rotated: RotatedTokens) -> None:
    await rotated.keep(ANA, origin=FIRST, token=SECOND)
    assert "refresh-1" not in path.read_text()


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "[]",
        '{"version":1,"tokens":{"ana@x.y":{}}}',
        '{"version":2,"tokens":{}}',
        '{"version":1,"tokens":{"ana@x.y":{"replaces":3,"refresh_token":"refresh-9"}}}',
    ],
)
async def test_a_broken_file_is_put_aside(
    path: Path, rotated: RotatedTokens, content: str, caplog: pytest.LogCaptureFixture
) -> None:
    path.parent.mkdir()
    path.write_text(content)
    assert await rotated.current(ANA, FIRST) == FIRST
    await rotated.keep(ANA, origin=FIRST, token=SECOND)
    assert kept(path) == {ANA: "refresh-2"}
    assert path.with_name("tokens.json.broken").read_text() == content
    assert caplog.messages == [
        f"{path} cannot be read (ValidationError).",
        f"{path} is broken and was put aside as tokens.json.broken.",
    ]


async def test_a_file_that_cannot_be_written_costs_no_token(
    path: Path, rotated: RotatedTokens, caplog: pytest.LogCaptureFixture
) -> None:
    path.parent.write_text("no folder")
    await rotated.keep(ANA, origin=FIRST, token=SECOND)
    assert await rotated.current(ANA, FIRST) == SECOND
    assert "Account ana@x.y has a new refresh token, which is lost when the gateway ends" in caplog.text
    path.parent.unlink()
    assert await rotated.current(ANA, FIRST) == SECOND
    assert kept(path) == {ANA: "refresh-2"}


async def test_what_could_not_be_written_gives_way_to_the_operator_s(
    path: Path, rotated: RotatedTokens, caplog: pytest.LogCaptureFixture
) -> None:
    path.parent.write_text("no folder")
    await rotated.keep(ANA, origin=FIRST, token=SECOND)
    assert await rotated.current(ANA, THIRD) == THIRD
    assert await rotated.current(ANA, FIRST) == FIRST


async def test_a_file_that_cannot_be_read_is_not_written_over(
    path: Path, rotated: RotatedTokens, caplog: pytest.LogCaptureFixture
) -> None:
    path.mkdir(parents=True)
    await rotated.keep(ANA, origin=FIRST, token=SECOND)
    assert path.is_dir()
    assert await rotated.current(BO, FIRST) == FIRST
    assert await rotated.current(ANA, FIRST) == SECOND


async def test_a_lock_that_is_not_given_up_is_not_waited_for_without_end(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path.parent.mkdir()
    holder = os.open(path.with_name("tokens.json.lock"), os.O_RDWR | os.O_CREAT)
    rotated_tokens._lock(holder)
    pauses: list[float] = []
    rotated = RotatedTokens(path, pause=pauses.append)
    await rotated.keep(ANA, origin=FIRST, token=SECOND)
    assert (len(pauses), path.exists()) == (LOCK_TRIES, False)
    os.close(holder)
    assert await rotated.current(ANA, FIRST) == SECOND
    assert (len(pauses), kept(path)) == (LOCK_TRIES, {ANA: "refresh-2"})


async def test_no_token_shows(path: Path, rotated: RotatedTokens, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    await rotated.keep(ANA, origin=FIRST, token=SECOND)
    path.write_text(path.read_text().replace('"version"', '"edition"'))
    await rotated.current(ANA, FIRST)
    path.unlink()
    path.mkdir()
    await rotated.keep(BO, origin=FIRST, token=THIRD)
    shown = f"{caplog.text}{rotated._unwritten!r}"
    assert [token for token in ("refresh-1", "refresh-2", "refresh-3") if token in shown] == []


# --- crashes ----------------------------------------------------------------------------------------------

STEPS = ("open", "write", "fsync", "replace", "close", "unlink")
"""Everything by which the file is written."""


def fail_at(patch: pytest.MonkeyPatch, number: int) -> Callable[[], int]:
    """From the step `number` on, each one fails. Gives how many there were."""
    count = 0

    def failing(name: str) -> Callable[..., object]:
        real = getattr(os, name)

        def step(*arguments: object, **options: object) -> object:
            nonlocal count
            count += 1
            if count >= number and name != "close":
                raise OSError(28, "No space left on device")
            if name == "write":
                return real(arguments[0], bytes(arguments[1])[:40])  # pyright: ignore[reportArgumentType]  a buffer
            return real(*arguments, **options)

        return step

    for name in STEPS:
        patch.setattr(os, name, failing(name))
    return lambda: count


@pytest.mark.parametrize("number", range(1, 16))
def test_a_step_that_fails_leaves_the_old_file_or_the_new_one(path: Path, number: int) -> None:
    asyncio.run(RotatedTokens(path).keep(BO, origin=FIRST, token=SecretStr("refresh-bo")))
    asyncio.run(RotatedTokens(path).keep(ANA, origin=FIRST, token=SECOND))
    rotated = RotatedTokens(path)
    with pytest.MonkeyPatch.context() as patch:
        steps = fail_at(patch, number)
        rotated._keep(ANA, rotated_tokens._Kept(replaces=rotated_tokens._digest(FIRST), refresh_token=THIRD))
        assert steps() >= min(number, 12)
    assert kept(path) in (
        {BO: "refresh-bo", ANA: "refresh-2"},
        {BO: "refresh-bo", ANA: "refresh-3"},
    )
    assert rotated._current(ANA, FIRST) == THIRD
    assert kept(path) == {BO: "refresh-bo", ANA: "refresh-3"}, "made up for by the next use"
    assert rotated._unwritten == {}


KILLED_AT_EACH_STEP = """
import os, sys
from pathlib import Path
from pydantic import SecretStr
from antigravity_addon.accounts.rotated_tokens import RotatedTokens, _digest, _Kept

path, steps = Path(sys.argv[1]), sys.argv[2].split(",")

def keep(token):
    RotatedTokens(path)._keep("ana@x.y", _Kept(replaces=_digest(SecretStr("refresh-1")), refresh_token=SecretStr(token)))

def killed_at(number):
    count = 0
    def deadly(name, real):
        def step(*arguments, **options):
            nonlocal count
            count += 1
            if count == number:
                os._exit(9)
            if name == "write":
                return real(arguments[0], bytes(arguments[1])[:40])
            return real(*arguments, **options)
        return step
    for name in steps:
        setattr(os, name, deadly(name, getattr(os, name)))
    keep("refresh-new")
    os._exit(0)

number = 0
while True:
    number += 1
    keep("refresh-old")
    if (child := os.fork()) == 0:
        killed_at(number)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    print(number, code, path.read_text().replace("\\n", ""), flush=True)
    if code == 0:
        break
"""


@pytest.mark.skipif(sys.platform == "win32", reason="forks")
async def test_a_process_that_is_killed_leaves_the_old_file_or_the_new_one_and_no_lock(path: Path) -> None:
    await RotatedTokens(path).keep(BO, origin=FIRST, token=SecretStr("refresh-bo"))
    arguments = (sys.executable, "-c", KILLED_AT_EACH_STEP, str(path), ",".join(STEPS))
    done = await asyncio.to_thread(
        subprocess.run, arguments, cwd=ROOT, capture_output=True, text=True, check=True
    )
    lines = [line.split(maxsplit=2) for line in done.stdout.splitlines()]
    assert [int(code) for _, code, _ in lines] == [9] * (len(lines) - 1) + [0]
    assert len(lines) > 12
    found = [json.loads(content)["tokens"] for _, _, content in lines]
    assert {entry[BO]["refresh_token"] for entry in found} == {"refresh-bo"}
    ours = [entry[ANA]["refresh_token"] for entry in found]
    turned = ours.index("refresh-new")
    assert ours == ["refresh-old"] * turned + ["refresh-new"] * (len(ours) - turned)
    assert await RotatedTokens(path).current(ANA, FIRST) == SecretStr("refresh-new")
