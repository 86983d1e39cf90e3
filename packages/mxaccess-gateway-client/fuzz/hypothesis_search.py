"""Search without atheris: Hypothesis varies the seeds, and minimizes each finding."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

import hypothesis
from hypothesis import HealthCheck, given
from hypothesis import strategies as st
from seeds import SEEDS
from targets import TARGETS

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

__all__ = ["search"]

# The elapsed time is checked after this many inputs.
_INPUTS_PER_ROUND: Final = 500
_MAX_EDITS: Final = 8
_MAX_EDIT_BYTES: Final = 16


def search(target: str, seconds: float, seed: int, folder: Path) -> None:
    """Search for `seconds` for bytes that make a target raise, and write the smallest ones found into a file.

    The same seed starts the same search.
    """
    last = b""

    @hypothesis.settings(
        max_examples=_INPUTS_PER_ROUND,
        deadline=None,
        database=None,
        suppress_health_check=[HealthCheck.too_slow],
        print_blob=False,
    )
    @given(_varied(SEEDS[target]))
    def run_target(data: bytes) -> None:
        nonlocal last
        last = data
        TARGETS[target](data)

    began = time.monotonic()
    rounds = 0
    while time.monotonic() - began < seconds:
        try:
            hypothesis.seed(seed + rounds)(run_target)()
        except BaseException:
            # Hypothesis replays the smallest input last, before it raises.
            (folder / f"{target}-{seed + rounds}").write_bytes(last)
            raise
        rounds += 1
    print(f"{rounds * _INPUTS_PER_ROUND} inputs without a finding")


@st.composite
def _varied(draw: st.DrawFn, seeds: Sequence[bytes]) -> bytes:
    """Return one of the seeds with random pieces replaced."""
    data = bytearray(draw(st.sampled_from(seeds)))
    for _ in range(draw(st.integers(0, _MAX_EDITS))):
        start = draw(st.integers(0, len(data)))
        length = draw(st.integers(0, _MAX_EDIT_BYTES))
        data[start : start + length] = draw(st.binary(max_size=_MAX_EDIT_BYTES))
    return bytes(data)
