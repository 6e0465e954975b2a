"""`antigravity client`: the block that points a client at the gateway."""

import textwrap
from collections.abc import Iterator
from dataclasses import replace
from urllib.parse import urlsplit

from antigravity_addon.errors import ModelNotFound
from antigravity_addon.gateway.catalog import Catalog, parse_rule
from antigravity_addon.gateway.operator import OperatorError
from antigravity_addon.gateway.operator_words import table
from antigravity_addon.simulator.models import MODELS

from .answer import Answer, Scene
from .clients.client import KEY_VARIABLE, Aim, Client
from .clients.registry import CLIENTS, nearest
from .commands import ShowClient
from .documents import BlockEntry, ClientEntry, ClientList, ClientSettings
from .places import Entrance

_WIDTH = 100
_LIMITS = {model.name: (model.input_tokens, model.output_tokens) for model in MODELS}
_USUAL_LIMITS = (1_048_576, 65_536)
"""Of every Gemini model that writes text, since 2.5."""


def list_clients() -> Answer:
    rows = [(client.name, client.title, client.summary) for client in CLIENTS.values()]
    entries = (ClientEntry(name=name, title=title, summary=summary) for name, title, summary in rows)
    return Answer(
        ClientList(clients=tuple(entries)),
        (*table(("NAME", "CLIENT", ""), rows), "", "The block for one of them: antigravity client NAME"),
    )


def show_client(command: ShowClient, scene: Scene) -> Answer:
    """Raises: OperatorError: there is no such client, or no such model."""
    client = CLIENTS.get(command.name)
    if client is None:
        close = nearest(command.name)
        meant = f" Did you mean {close}?" if close else ""
        raise OperatorError(
            f"There is no block for {command.name!r}.{meant} antigravity client lists all; for anything else, the ones of env."
        )
    aim = aim_at(
        scene.places.entrance,
        model=command.model or client.model,
        key_variable=command.key_variable or KEY_VARIABLE,
    )
    document = ClientSettings(
        name=client.name,
        title=client.title,
        base_url=aim.base_url,
        model=aim.model,
        blocks=tuple(
            BlockEntry(place=block.place, language=block.language, block=aim.fill(block.template))
            for block in client.blocks
        ),
        key=client.key_sentence(aim),
        watch=(*client.watch, *_other_machines(scene.places.entrance, aim)),
        tried=client.tried.trial,
        tried_with=client.tried.versions or None,
    )
    return Answer(document, tuple(_lines(client, document)))


def aim_at(entrance: Entrance, *, model: str, key_variable: str) -> Aim:
    """Raises: OperatorError: this gateway does not know the model."""
    aim = Aim(entrance.url, model, key_variable, entrance.asks_for_key, *_USUAL_LIMITS)
    if not aim.is_here:
        # which names it serves only its own configuration says, but it asks other machines for a key
        return replace(aim, asks_for_key=True)
    context_tokens, output_tokens = _LIMITS.get(_served_by(entrance, model), _USUAL_LIMITS)
    return replace(aim, context_tokens=context_tokens, output_tokens=output_tokens)


def _served_by(entrance: Entrance, model: str) -> str:
    try:
        rules = tuple(map(parse_rule, entrance.model_rules))
        return Catalog(rules, default_model=entrance.default_model).resolve(model)
    except ValueError as error:
        raise OperatorError(f"gateway_model_map: {error}") from None
    except ModelNotFound as error:
        raise OperatorError(error.message) from None


def _other_machines(entrance: Entrance, aim: Aim) -> Iterator[str]:
    if aim.is_here and entrance.serves_lan:
        port = urlsplit(aim.url).port
        yield f"On other machines the URL has this machine's address: --url http://ADDRESS:{port}"


def _lines(client: Client, settings: ClientSettings) -> Iterator[str]:
    yield f"{settings.title}: {client.summary}."
    for entry in settings.blocks:
        yield ""
        yield from textwrap.wrap(f"{entry.place}:", _WIDTH, break_long_words=False, break_on_hyphens=False)
        yield ""
        yield from entry.block.splitlines()
    yield ""
    for sentence in (settings.key, *settings.watch, client.tried.sentence()):
        yield from textwrap.wrap(
            sentence,
            _WIDTH,
            initial_indent="- ",
            subsequent_indent="  ",
            break_long_words=False,
            break_on_hyphens=False,
        )
