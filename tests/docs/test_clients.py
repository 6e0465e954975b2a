"""The pages of docs/clients/ are what `antigravity client` knows, for a gateway with nothing configured."""

import pytest

from antigravity_addon.cli.client import aim_at
from antigravity_addon.cli.clients.client import KEY_VARIABLE, Client
from antigravity_addon.cli.clients.registry import CLIENTS
from antigravity_addon.cli.places import Entrance

from .conftest import WrittenPart
from .pages import ROOT, name_of, table

FOLDER = ROOT / "docs" / "clients"


def page_of(client: Client) -> str:
    aim = aim_at(Entrance(), model=client.model, key_variable=KEY_VARIABLE)
    parts = [f"# {client.title}", f"{client.summary[0].upper()}{client.summary[1:]}."]
    for block in client.blocks:
        parts += [f"{_escaped(block.place)}:", f"```{block.language}\n{aim.fill(block.template)}```"]
    sentences = (client.key_sentence(aim), *client.watch, client.tried.sentence())
    parts += [
        "\n".join(f"- {_escaped(sentence)}" for sentence in sentences),
        (
            f"`uv run antigravity client {client.name}` prints this with your gateway's own URL and models. [Other "
            "clients](../clients.md)"
        ),
    ]
    return "\n\n".join(parts) + "\n"


def _escaped(text: str) -> str:
    return text.replace("_", r"\_").replace("*", r"\*").replace("%\\", "%\\\\")


@pytest.mark.parametrize("client", CLIENTS.values(), ids=CLIENTS)
def test_a_page_is_what_the_command_prints(request: pytest.FixtureRequest, client: Client) -> None:
    page, expected = FOLDER / f"{client.name}.md", page_of(client)
    if request.config.getoption("--update-golden"):
        page.parent.mkdir(exist_ok=True)
        page.write_text(expected)
    assert page.read_text() == expected, f"{name_of(page)} is stale: run pytest --update-golden"


def test_there_is_no_other_page() -> None:
    assert {page.stem for page in FOLDER.iterdir()} == set(CLIENTS)


def test_the_index_names_every_client(written_part: WrittenPart) -> None:
    rows = (
        (
            f"[{client.title}](clients/{client.name}.md)",
            client.summary,
            f"`{client.name}`",
            {"tests": "in the tests", "hand": "by hand", "none": "no"}[client.tried.trial],
        )
        for client in CLIENTS.values()
    )
    written_part(ROOT / "docs" / "clients.md", table(("Client", "", "Name", "Run"), rows))
