"""The search where there is no atheris: Hypothesis varies the seeds, and makes what it finds as small as it can."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

import hypothesis
from hypothesis import HealthCheck, given
from hypothesis import strategies as some
from seeds import SEEDS
from targets import TARGETS

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

__all__ = ["search"]

# So many inputs at once: the time is looked at in between.
_ROUND: Final = 500
_MOST_EDITS: Final = 8
_LONGEST_EDIT: Final = 16


def search(target: str, seconds: float, seed: int, folder: Path) -> None:
    """Look for bytes that make a target raise, until the time is over; the smallest ones found go into a file.

    The same seed begins the same search.
    """
    last = b""

    @hypothesis.settings(
        max_examples=_ROUND,
        deadline=None,
        database=None,
        suppress_health_check=[HealthCheck.too_slow],
        print_blob=False,
    )
    @given(_varied(SEEDS[target]))
    def look(data: bytes) -> None:
        nonlocal last
        last = data
        TARGETS[target](data)

    began = time.monotonic()
    rounds = 0
    while time.monotonic() - began < seconds:
        try:
            hypothesis.seed(seed + rounds)(look)()
        except BaseException:
            # The last input is the smallest one: Hypothesis shows it again before it gives up.
            (folder / f"{target}-{seed + rounds}").write_bytes(last)
            raise
        rounds += 1
    print(f"{rounds * _ROUND} inputs without a finding")


@some.composite
def _varied(draw: some.DrawFn, seeds: Sequence[bytes]) -> bytes:
    """Give one of the seeds with pieces of it replaced."""
    data = bytearray(draw(some.sampled_from(seeds)))
    for _ in range(draw(some.integers(0, _MOST_EDITS))):
        place = draw(some.integers(0, len(data)))
        gone = draw(some.integers(0, _LONGEST_EDIT))
        data[place : place + gone] = draw(some.binary(max_size=_LONGEST_EDIT))
    return bytes(data)
