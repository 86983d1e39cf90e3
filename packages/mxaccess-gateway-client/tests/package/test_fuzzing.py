"""The fuzzer works: its seeds pass, and its findings are saved and can be replayed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import hypothesis_search
import pytest
from seeds import SEEDS
from targets import TARGETS

FUZZ = Path(hypothesis_search.__file__).parent


@pytest.mark.parametrize("target", TARGETS)
def test_every_seed_passes(target: str) -> None:
    for data in SEEDS[target]:
        TARGETS[target](data)


@pytest.mark.parametrize("target", TARGETS)
def test_a_short_search_finds_nothing(target: str, tmp_path: Path) -> None:
    hypothesis_search.search(target, 0.2, 1, tmp_path)

    assert not list(tmp_path.iterdir())


def test_finding_is_minimized_and_saved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail_on_exclamation_mark(data: bytes) -> None:
        if b"!" in data:
            raise ZeroDivisionError

    monkeypatch.setattr(hypothesis_search, "SEEDS", {"events": (b"", b"seed")})
    monkeypatch.setattr(hypothesis_search, "TARGETS", {"events": fail_on_exclamation_mark})

    with pytest.raises(ZeroDivisionError):
        hypothesis_search.search("events", 60, 1, tmp_path)

    (finding,) = tmp_path.iterdir()
    assert finding.name.startswith("events-")
    assert finding.read_bytes() == b"!"


def test_saved_finding_can_be_replayed(tmp_path: Path) -> None:
    finding = tmp_path / "events-crash-1"
    finding.write_bytes(SEEDS["events"][0])
    unrelated = tmp_path / "something-else"
    unrelated.write_bytes(b"")

    results = [
        subprocess.run([sys.executable, FUZZ, file], capture_output=True, text=True, check=False)
        for file in (finding, unrelated)
    ]

    assert [result.returncode for result in results] == [0, 2]
    assert results[0].stdout.endswith("passes\n")
    assert "must begin with a target" in results[1].stderr
