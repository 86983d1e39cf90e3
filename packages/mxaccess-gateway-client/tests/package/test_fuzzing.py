"""The fuzzer can be relied on: its seeds hold, what it finds it keeps, and what it kept can be looked at again."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import unguided
from seeds import SEEDS
from targets import TARGETS

FUZZ = Path(unguided.__file__).parent


@pytest.mark.parametrize("target", TARGETS)
def test_every_seed_passes(target: str) -> None:
    for data in SEEDS[target]:
        TARGETS[target](data)


@pytest.mark.parametrize("target", TARGETS)
def test_a_short_search_finds_nothing(target: str, tmp_path: Path) -> None:
    unguided.search(target, 0.5, 1, tmp_path)

    assert not list(tmp_path.iterdir())


def test_finding_is_minimized_and_saved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def breaks(data: bytes) -> None:
        if b"!" in data:
            raise ZeroDivisionError

    monkeypatch.setattr(unguided, "SEEDS", {"events": (b"", b"seed")})
    monkeypatch.setattr(unguided, "TARGETS", {"events": breaks})

    with pytest.raises(ZeroDivisionError):
        unguided.search("events", 60, 1, tmp_path)

    (finding,) = tmp_path.iterdir()
    assert finding.name.startswith("events-")
    assert finding.read_bytes() == b"!"


def test_saved_finding_can_be_replayed(tmp_path: Path) -> None:
    finding = tmp_path / "events-crash-1"
    finding.write_bytes(SEEDS["events"][0])
    stranger = tmp_path / "something-else"
    stranger.write_bytes(b"")

    results = [
        subprocess.run([sys.executable, FUZZ, file], capture_output=True, text=True, check=False)
        for file in (finding, stranger)
    ]

    assert [result.returncode for result in results] == [0, 2]
    assert results[0].stdout.endswith("as promised\n")
    assert "begins with its target" in results[1].stderr
