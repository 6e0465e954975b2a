"""Ids from a seed: the same again for a recording, and nobody's guess."""

from hypothesis import given
from hypothesis import strategies as st

from antigravity_addon.gateway.identity import Naming, new_seed, recorded_clock

PREFIXES = st.lists(st.sampled_from(("call", "msg", "rs", "fc")), max_size=20)


@given(PREFIXES)
def test_the_same_seed_gives_the_same_ids(prefixes: list[str]) -> None:
    seed = new_seed()
    first, again, other = (Naming(each, lambda: 0.0) for each in (seed, seed, new_seed()))
    made = [first.new_id(prefix) for prefix in prefixes]
    assert [again.new_id(prefix) for prefix in prefixes] == made
    assert len({each.partition("_")[2] for each in made}) == len(made), "no two are alike"
    assert first.response_id() == again.response_id() != other.response_id()
    assert set(made).isdisjoint(other.new_id(prefix) for prefix in prefixes)


def test_times_are_told_again_and_then_it_is_now() -> None:
    clock = iter((5.9, 7.2)).__next__
    naming = Naming("seed", clock)
    assert [naming.unix_time(), naming.unix_time()] == [5, 7]
    assert naming.times == [5, 7]
    again = Naming("seed", recorded_clock(tuple(naming.times), otherwise=lambda: 99.0))
    assert [again.unix_time() for _ in range(3)] == [5, 7, 99]
