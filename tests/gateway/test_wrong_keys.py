"""Wrong keys in, waits out."""

from antigravity_addon.gateway import wrong_keys
from antigravity_addon.gateway.wrong_keys import WrongKeys


class World:
    def __init__(self) -> None:
        self.now = 100.0
        self.keys = WrongKeys(lambda: self.now)

    def delays(self, count: int, address: str = "192.168.1.7") -> list[float | None]:
        return [self.keys.judge(address).delay for _ in range(count)]


def test_each_wait_is_twice_as_long_as_the_one_before() -> None:
    assert World().delays(11) == [0.0, 0.0, 0.0, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 8.0, 8.0]


def test_an_address_waits_for_itself_alone() -> None:
    world = World()
    world.delays(8)
    assert world.delays(1, "192.168.1.8") == [0.0]


def test_a_line_of_ipv6_is_one_address() -> None:
    world = World()
    world.delays(3, "2001:db8::1")
    assert world.delays(1, "2001:db8::2") == [0.25]
    assert world.delays(1, "2001:db8:0:1::1") == [0.0]


def test_it_is_forgotten_after_a_while() -> None:
    world = World()
    world.delays(8)
    world.now += 900
    assert world.delays(1) == [8.0]
    world.now += 901
    assert world.delays(1) == [0.0]


def test_only_so_many_answers_wait_at_once() -> None:
    world = World()
    delays = world.delays(200)
    assert (delays.count(None), delays.count(0.0)) == (97, 3)
    world.now += 8.1
    assert world.delays(1) == [8.0]
    delays = [world.delays(4, f"10.0.{each // 250}.{each % 250}")[-1] for each in range(500)]
    assert delays.count(None) == 101
    assert world.delays(3, "192.168.1.8") == [0.0] * 3, (
        "who has guessed nothing yet has nothing to do with it"
    )


def test_of_many_guesses_at_once_nobody_learns_which_was_right() -> None:
    world, guesses_from, elsewhere = World(), "192.168.1.7", "192.168.1.8"
    assert world.keys.lets_in(guesses_from, "known")
    assert world.delays(200, guesses_from)[-1] is None
    assert world.keys.lets_in(guesses_from, "known"), "whoever shares the address goes on"
    assert not world.keys.lets_in(guesses_from, "new")
    assert world.keys.lets_in(elsewhere, "new")
    assert not world.keys.lets_in(guesses_from, "new"), "it is known elsewhere alone"
    world.now += 8.1
    assert world.keys.lets_in(guesses_from, "new")


def test_no_number_of_keys_takes_more_than_so_much() -> None:
    world = World()
    for each in range(wrong_keys._MOST_GOOD + 1):
        assert world.keys.lets_in("192.168.1.7", f"owner {each}")
    assert len(world.keys._good) == wrong_keys._MOST_GOOD


def test_keys_in_use_are_remembered_longest() -> None:
    world, address = World(), "192.168.1.7"
    for each in ("used", *map(str, range(wrong_keys._MOST_GOOD - 1)), "used", "one more"):
        assert world.keys.lets_in(address, each)
    assert world.delays(200, address)[-1] is None
    assert world.keys.lets_in(address, "used")
    assert not world.keys.lets_in(address, "0")


def test_no_number_of_addresses_takes_more_than_so_much() -> None:
    world = World()
    world.delays(4, "first")
    for each in range(wrong_keys._MOST_ADDRESSES):
        world.keys.judge(f"address {each}")
    assert len(world.keys._guesses) == wrong_keys._MOST_ADDRESSES
    assert world.delays(1, "first") == [0.0]


def test_nobody_can_flood_the_log() -> None:
    world = World()
    verdicts = [world.keys.judge("192.168.1.7") for _ in range(1000)]
    assert [each.count for each in verdicts if each.is_worth_a_line] == [2**power for power in range(10)]
