"""Keys in, bits out."""

import random
import string
from collections.abc import Callable

import pytest

from antigravity_addon.gateway.client_keys import hash_key, new_key
from antigravity_addon.gateway.key_strength import is_weak, is_well_known

WEAK = [
    "",
    "k",
    "test",
    "choose-one",
    "sk-123456",
    "sk-secret-key-for-my-gateway",
    "MY-VERY-LONG-GATEWAY-KEY-PLEASE",
    "a" * 40,
    "sk-" + "0" * 40,
    "abcdefghijklmnopqrstuvwxyz0123456789",
    "password1234" * 4,
    "Tr0ub4dor&3",
    "12345678901234567890123",
    "qwertyuiopasdfghjklzxcvbnm",
    "39a1415e19d58d01",
    "ab" * 30,
    "aX3kP9zQ" * 2,
]


@pytest.mark.parametrize("key", WEAK)
def test_what_people_think_up_is_weak(key: str) -> None:
    assert is_weak(key)


MADE: dict[str, Callable[[random.Random], str]] = {
    "ours": lambda chance: new_key(chance.randbytes),
    "openssl rand -hex 16": lambda chance: chance.randbytes(16).hex(),
    "the same in capitals": lambda chance: chance.randbytes(16).hex().upper(),
    "20 letters and digits": lambda chance: "".join(
        chance.choices(string.ascii_letters + string.digits, k=20)
    ),
}


@pytest.mark.parametrize("make", MADE.values(), ids=MADE)
def test_what_a_program_made_is_not(make: Callable[[random.Random], str]) -> None:
    chance = random.Random(1)
    assert not any(is_weak(make(chance)) for _ in range(300))


def test_of_a_hash_only_the_best_known_keys_are_known() -> None:
    assert is_well_known(hash_key("sk-123456"))
    assert not is_well_known(hash_key(new_key()))
