"""The pages of the endpoints name every field, and what they say of each is what happens to it.

A field that is *mapped* changes what is sent upstream, what is answered or which account pays; one that is *ignored*
changes nothing; one that is *refused* is a 400 that names it.
"""

import json
from collections.abc import Iterator

import pytest

from antigravity_addon.errors import InvalidRequest

from .endpoints import ENDPOINTS, Endpoint, rows


@pytest.mark.parametrize("endpoint", ENDPOINTS.values(), ids=ENDPOINTS)
def test_every_field_has_one_row_and_one_probe(endpoint: Endpoint) -> None:
    fields = [name for name, _ in rows(endpoint)]
    assert len(fields) == len(set(fields))
    assert set(fields) == endpoint.openai | endpoint.read
    assert set(fields) == set(endpoint.probes)


@pytest.mark.parametrize("endpoint", ENDPOINTS.values(), ids=ENDPOINTS)
def test_what_nothing_is_done_with_is_not_read(endpoint: Endpoint) -> None:
    assert {name for name, fate in rows(endpoint) if fate == "ignored"} & endpoint.read == set()


def _fates() -> Iterator[tuple[Endpoint, str, str]]:
    for endpoint in ENDPOINTS.values():
        for name, fate in rows(endpoint):
            yield endpoint, name, fate


@pytest.mark.parametrize(
    ("endpoint", "name", "fate"), list(_fates()), ids=[f"{each.page}-{name}" for each, name, _ in _fates()]
)
def test_a_field_meets_the_fate_that_the_page_says(endpoint: Endpoint, name: str, fate: str) -> None:
    base = endpoint.base | endpoint.beside.get(name, {})
    without = endpoint.send(json.dumps(base).encode())
    body = json.dumps(base | {name: endpoint.probes[name]}).encode()
    if fate == "refused":
        with pytest.raises(InvalidRequest) as caught:
            endpoint.send(body)
        assert (caught.value.param or "").startswith(name)
    elif fate == "ignored" or name in endpoint.answered:
        assert endpoint.send(body) == without
    else:
        assert endpoint.send(body) != without
    null = json.dumps(base | {name: None}).encode()
    if name not in endpoint.base and name not in endpoint.beside.get(name, {}):
        assert endpoint.send(null) == without, "null is absent"
