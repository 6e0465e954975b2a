"""Whatever is sent, the simulator answers or refuses; it never breaks."""

import itertools
import json
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from antigravity_addon.simulator.answer import answer, prompt_usage
from antigravity_addon.simulator.damage import Answered
from antigravity_addon.simulator.families import Family
from antigravity_addon.simulator.faults import FAULTS, Damage, Selective
from antigravity_addon.simulator.models import MODELS, Model
from antigravity_addon.simulator.response import Framing, pieces
from antigravity_addon.simulator.status import Refused
from antigravity_addon.simulator.validate import read_request
from antigravity_addon.wire.base import Json
from tests.simulator.test_refusals import ACCEPTED, REFUSED

SEEDS = [*(body for _, body in ACCEPTED.values()), *(body for _, body, _ in REFUSED.values())]
LEAVES: st.SearchStrategy[Json] = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(max_size=8)
)


def nested(inner: st.SearchStrategy[Json]) -> st.SearchStrategy[Json]:
    lists: st.SearchStrategy[Json] = st.lists(inner, max_size=3)
    mappings: st.SearchStrategy[Json] = st.dictionaries(st.text(max_size=4), inner, max_size=3)
    return lists | mappings


ANY_JSON: st.SearchStrategy[Json] = st.recursive(LEAVES, nested, max_leaves=6)


def exchanged(value: Json, place: int, other: Json) -> Json:
    """The value with what stands at its n-th place, counted depth first, exchanged."""
    counted = itertools.count()

    def walk(here: Json) -> Json:
        if next(counted) == place:
            return other
        match here:
            case dict():
                return {key: walk(item) for key, item in here.items()}
            case list():
                return [walk(item) for item in here]
            case _:
                return here

    return walk(value)


@st.composite
def requests(draw: st.DrawFn) -> Json:
    """A request of the tables with up to two things in it exchanged."""
    body: Json = draw(st.sampled_from(SEEDS))
    for _ in range(draw(st.integers(0, 2))):
        body = exchanged(body, draw(st.integers(0, 30)), draw(ANY_JSON | st.sampled_from(SEEDS)))
    return body


@given(
    requests(),
    st.sampled_from(MODELS),
    st.sampled_from(Framing),
    st.sampled_from([fault for fault in FAULTS.values() if isinstance(fault, Damage)]),
    st.sampled_from(Family),
)
def test_it_answers_or_refuses(
    body: Json, model: Model, framing: Framing, fault: Damage, family: Family
) -> None:
    sent = {"model": model.name, "project": "p", "request": body} if family is Family.CODE_ASSIST else body
    try:
        request = read_request(
            json.dumps(sent).encode(), model, streamed=framing is Framing.SSE, family=family
        )
    except Refused as refused:
        assert refused.status.code in {400, 403}
        assert json.dumps(refused.status.to_json())
        return
    turn = replace(answer(request, model, bytes(range(32))), family=family)
    assert b"".join(pieces(turn, framing))
    assert turn == replace(answer(request, model, bytes(range(32))), family=family)
    assert fault.damage(Answered(turn, framing)).status == 200
    assert turn.chunks[-1].finish_reason in {"STOP", "MAX_TOKENS"}
    assert prompt_usage(request).prompt > 0
    assert {type(each.strikes(request)) for each in FAULTS.values() if isinstance(each, Selective)} == {bool}


@settings(deadline=None)
@given(st.binary(max_size=60))
def test_no_bytes_break_it(content: bytes) -> None:
    try:
        read_request(content, MODELS[0], streamed=True)
    except Refused as refused:
        assert refused.status.code == 400
