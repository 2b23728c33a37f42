"""A few hundred bent inputs for every target, the same each time; needs no fuzzer."""

import random

import pytest

from tests.fuzz.registry import TARGETS, runs_of
from tests.fuzz.target import Target

_ROUNDS = 300
_WORDS = (b"?", b"=", b"/", b"..", b"\\", b'"', b"{", b"[", b"\0", b"\xff", b"%", b"@", b"s3://")


def bent(target: Target, seed: int) -> list[bytes]:
    """Inputs made of the seeds: cut, spliced, repeated, with odd bytes in odd places."""
    choose = random.Random(seed)
    found = [*target.seeds, b"", b"\0", b"\xff" * 64]
    for _ in range(_ROUNDS):
        data = bytearray(choose.choice(found))
        for _ in range(choose.randint(1, 4)):
            at = choose.randint(0, len(data))
            match choose.randint(0, 5):
                case 0:
                    del data[at : at + choose.randint(1, 20)]
                case 1:
                    data[at:at] = choose.randbytes(choose.randint(1, 8))
                case 2:
                    data[at:at] = choose.choice(_WORDS) * choose.choice((1, 2, 40))
                case 3:
                    other = choose.choice(target.seeds)
                    data[at:] = other[choose.randint(0, len(other)) :]
                case 4 if at < len(data):
                    data[at] ^= 1 << choose.randint(0, 7)
                case _:
                    data[at:at] = data[:at][-30:]
        found.append(bytes(data[: target.max_bytes]))
    return found


@pytest.mark.parametrize("name", TARGETS)
def test_bent_inputs_break_no_promise(name: str) -> None:
    target = TARGETS[name]
    for data in bent(target, seed=1):
        try:
            target.check(data)
        except Exception as error:
            raise AssertionError(f"{name} fails for {data!r}") from error


def test_the_executions_are_shared_out_completely() -> None:
    shares = runs_of(1_000_000, list(TARGETS))
    assert sum(shares.values()) >= 1_000_000
    assert min(shares.values()) >= 900
    assert runs_of(7, ["poll"]) == {"poll": 7}
