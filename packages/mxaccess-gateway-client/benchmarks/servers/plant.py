"""The tags of the benchmarked gateways."""

from __future__ import annotations

from typing import Final

from mxgateway.testing import Plant, Tag

TAG: Final = "Benchmark.Tag00001"


def tag_names(count: int) -> list[str]:
    """Return the names of `count` tags, beginning with TAG."""
    return [f"Benchmark.Tag{number:05d}" for number in range(1, count + 1)]


def plant(tags: int) -> Plant:
    """Return a plant with `tags` integer tags."""
    return Plant(tags=[Tag(name, "integer", 0) for name in tag_names(tags)])
