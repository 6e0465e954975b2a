"""`antigravity usage` and `antigravity keys`."""

import json
import stat

from antigravity_addon.gateway.client_keys import hash_key, read_client_keys
from antigravity_addon.state.pool_store import UsageSum
from tests.cli.commanding import NOW, Shell, run_gateway
from tests.conftest import Golden

ANA, BO = "ana@example.com", "bo@example.com"
DAY = 86_400.0


async def used(shell: Shell) -> None:
    """On two days."""
    shell.write(
        "accounts.yaml",
        f"accounts:\n- {{email: {ANA}, api_key: a-s3cret}}\n- {{email: {BO}, api_key: b-s3cret}}\n",
    )
    async with run_gateway(shell, now=NOW - DAY) as gateway:
        gateway.use(ANA, UsageSum(3, 1, 4, 12_000, 8_000, 900, 400, 6.0, 1.5, 2), client="ide")
    async with run_gateway(shell) as gateway:
        gateway.use(ANA, UsageSum(10, 0, 10, 1_234_567, 1_000_000, 20_000, 0, 25.0, 8.0, 10), client="ide")
        gateway.use(BO, UsageSum(1, 0, 1, 10, 0, 5, 0, 0.5, 0.2, 1), model="gemini-3.1-pro-preview")
        gateway.use("", UsageSum(1, 1))


async def test_usage_in_words(shell: Shell, golden: Golden) -> None:
    await used(shell)
    said = await shell.run_beside("usage")
    assert (said.code, said.err) == (0, "")
    golden("usage.txt", said.out)
    golden("usage-by-all.txt", (await shell.run_beside("usage --by day,account,model,client")).out)


async def test_usage_as_json(shell: Shell, golden: Golden) -> None:
    await used(shell)
    said = await shell.run_beside("usage --by client,day --days 2 --json")
    assert (said.code, said.err) == (0, "")
    golden("usage.json", said.out)


async def test_days_are_chosen(shell: Shell) -> None:
    await used(shell)

    async def requests(options: str) -> dict[str, int]:
        said = await shell.run_beside(f"usage --by day --json {options}")
        return {row["day"]: row["requests"] for row in json.loads(said.out)["rows"]}

    yesterday, today = {"2026-11-17": 3}, {"2026-11-18": 12}
    assert await requests("--days 1") == today
    assert await requests("--from 2026-11-17") == yesterday | today
    assert await requests("--from 2026-11-01 --to 2026-11-17") == yesterday
    assert await requests("--to 2026-11-17 --days 1") == yesterday
    assert await requests("--to 2026-11-24 --days 7") == today
    assert await requests("--from 2026-11-01 --to 2026-11-30") == yesterday | today
    assert (await shell.run_beside("usage --from 2020-01-01 --to 2020-01-02")).out == (
        "Nothing was used: 2020-01-01 to 2020-01-02.\n"
    )


def test_without_a_gateway_nothing_was_used(shell: Shell) -> None:
    said = shell.run("usage --json")
    assert said.code == 0
    assert json.loads(said.out)["total"]["requests"] == 0
    assert said.err.startswith("No gateway has used state.sqlite yet")
    assert shell.run("usage --to 0001-01-01").out == "Nothing was used: 0001-01-01.\n"
    said = shell.run("usage --from 2026-11-02 --to 2026-11-01")
    assert (said.code, said.out, said.err) == (
        2,
        "",
        "The first day, 2026-11-02, comes after the last one, 2026-11-01.\n",
    )


# --- client keys -------------------------------------------------------------------------------------------

OPTIONS = (
    "--expires 2027-01-31 --models gemini-2.5-flash,gpt-4* --requests-per-minute 60 --requests-per-day 1000 "
    "--tokens-per-day 5000000 --metrics"
)


def test_a_key_is_shown_once_and_kept_as_a_hash(shell: Shell, golden: Golden) -> None:
    shell.write("mitm-config.yaml", "gateway_client_keys: keys/clients.yaml\n")
    (shell.folder / "keys").mkdir()
    said = shell.run(f"keys add ana {OPTIONS}")
    assert said.code == 0
    assert said.err == "This is ana's key. It is shown this once: keys/clients.yaml has its hash only.\n"
    key = said.out.removesuffix("\n")
    path = shell.folder / "keys" / "clients.yaml"
    assert [(each.name, each.hash) for each in read_client_keys(path)] == [("ana", hash_key(key))]
    assert key not in path.read_text()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert shell.run("keys add ci --expires 2026-11-18T12:00:00Z").code == 0
    shell.now += DAY
    said = shell.run("keys list")
    assert (said.code, said.err) == (0, "")
    golden("keys.txt", said.out)
    golden("keys.json", shell.run("keys list --json").out)


def test_a_key_as_json(shell: Shell) -> None:
    said = shell.run("keys add ana --json")
    document = json.loads(said.out)
    assert document == {"file": "client-keys.yaml", "name": "ana", "key": document["key"]}
    assert read_client_keys(shell.folder / "client-keys.yaml")[0].hash == hash_key(document["key"])
    assert said.err.splitlines()[1] == (
        "Gateways read the file only if they are told to: gateway_client_keys: client-keys.yaml"
    )


def test_a_key_is_taken_out_and_comments_stay(shell: Shell) -> None:
    before = f"# mine\nclient_keys:\n  # the bot's\n  - name: ci\n    hash: {hash_key('k')}\n"
    shell.write("client-keys.yaml", before)
    shell.run("keys add ana")
    said = shell.run("keys remove ana --json")
    assert (said.code, json.loads(said.out)) == (0, {"file": "client-keys.yaml", "removed": "ana"})
    assert shell.read("client-keys.yaml") == before
    assert shell.run("keys remove ci --keys client-keys.yaml").out == (
        "ci was taken out of client-keys.yaml, and is not let in any more.\n"
    )
    assert shell.run("keys list").out == "There are no client keys in client-keys.yaml.\n"


def test_what_cannot_be_done_with_keys(shell: Shell) -> None:
    shell.run("keys add ana")
    for line, sentence in (
        ("keys add ana", "client-keys.yaml: there is a key with the name 'ana' already.\n"),
        ("keys remove bo", "client-keys.yaml: there is no key with the name 'bo'.\n"),
        ("keys list --keys nowhere.yaml", "nowhere.yaml: there is no such file.\n"),
        ("keys add bo --expires 2026-11-17", "--expires 2026-11-17 is over already.\n"),
        (
            "keys add bo --expires 9999-12-31T23:59:59-14:00",
            "--expires 9999-12-31 23:59:59-14:00 must be from the year 1 to the year 9999 in UTC.\n",
        ),
    ):
        said = shell.run(line)
        assert (said.code, said.out, said.err) == (2, "", sentence)
