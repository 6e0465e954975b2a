"""`gateway.replay`, as somebody types it."""

from pathlib import Path

import pytest
from mitmproxy import command_lexer, types
from mitmproxy.exceptions import CommandError
from mitmproxy.test import tflow

from antigravity_addon.mitm.replay import AS_IT_WAS, Changes
from antigravity_addon.mitm.replay_commands import parse_words
from tests.running import RunningGateway, run_gateway

UNDERSTOOD: dict[str, tuple[str, tuple[Changes, int]]] = {
    "nothing": ("", (AS_IT_WAS, 1)),
    "all": (
        '--times 3 --model gemini-2.5-pro --account ana@x.y --prompt "in two words"',
        (Changes("gemini-2.5-pro", "ana@x.y", "in two words"), 3),
    ),
    "a prompt that looks like a flag": ("--prompt --verbose", (Changes(prompt="--verbose"), 1)),
}


def words(line: str) -> list[str]:
    parts = command_lexer.expr.parse_string(line, parse_all=True)
    return [command_lexer.unquote(part) for part in parts if not part.isspace()]


@pytest.mark.parametrize(("line", "meant"), UNDERSTOOD.values(), ids=UNDERSTOOD)
def test_words_are_understood(line: str, meant: tuple[Changes, int]) -> None:
    assert parse_words(words(line)) == meant


REFUSED: dict[str, tuple[str, str]] = {
    "no flag": ("gemini-2.5-pro", "'gemini-2.5-pro' means nothing here: behind the flows there can be --model NAME, "),
    "an unknown flag": ("--modle x", "'--modle' means nothing here"),
    "a prompt without quotes": ("--prompt in two words", "'two' means nothing here"),
    "no value": ("--model", "--model needs a value behind it"),
    "a flag as a value": ("--model --times 3", "--model needs a value behind it"),
    "an empty value": ('--prompt ""', "--prompt needs a value behind it"),
    "twice": ("--times 2 --times 3", "--times stands there twice."),
    "never": ("--times 0", "--times takes a number from 1 to 20, not '0'."),
    "too often": ("--times 21", "--times takes a number from 1 to 20, not '21'."),
    "no number": ("--times ²", "--times takes a number from 1 to 20, not '²'."),
}  # fmt: skip


@pytest.mark.parametrize(("line", "message"), REFUSED.values(), ids=REFUSED)
def test_words_that_mean_nothing_are_refused(line: str, message: str) -> None:
    with pytest.raises(CommandError) as error:
        parse_words(words(line))
    assert str(error.value).startswith(message)


async def test_what_cannot_be_replayed_is_refused(tmp_path: Path) -> None:
    async with run_gateway(None, tmp_path, gateway_upstream="simulator") as gateway:
        ours = tflow.tflow()
        ours.metadata["gateway"] = {}
        attempt = tflow.tflow()
        attempt.metadata["gateway_attempt"] = {}

        def refusal(*arguments: object) -> str:
            with pytest.raises(CommandError) as error:
                gateway.master.commands.call("gateway.replay", *arguments)
            return str(error.value)

        assert refusal([]) == "There is no such flow."
        assert refusal([ours, tflow.tflow()]).startswith("Only requests of the gateway's clients")
        assert refusal([tflow.ttcpflow()]).startswith("Only requests of the gateway's clients")
        assert refusal([attempt], "--model", "x").startswith("An upstream request is sent as it is")
        assert (
            refusal([ours], "--account", "no@x.y") == "'no@x.y' is none of the accounts: simulator@localhost."
        )
        assert refusal([ours], "--prompt", "x").startswith("Invalid URL (GET /path).")
        ours.request.raw_content = None
        assert refusal([ours]).startswith("The body of this request was not kept")


async def test_names_are_completed(tmp_path: Path) -> None:
    async with run_gateway(None, tmp_path, gateway_upstream="simulator") as gateway:
        assert "gemini-2.5-pro" in completed(gateway, "gateway.replay.model")
        assert completed(gateway, "gateway.replay.account") == ["simulator@localhost"]


def completed(gateway: RunningGateway, name: str) -> list[str]:
    """As mitmproxy's console has it for the last word."""
    manager = gateway.master.commands
    kind = manager.commands[name].parameters[1].type
    assert isinstance(kind, types.Choice)
    return list(types.CommandTypes.get(kind).completion(manager, kind, ""))  # type: ignore[union-attr]
