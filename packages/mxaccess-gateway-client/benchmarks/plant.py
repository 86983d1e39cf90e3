"""The tags that the gateways of the benchmarks have, and their contestants ask for."""

from __future__ import annotations

from typing import Final

from mxgateway.testing import Plant, Tag

TAG: Final = "Benchmark.Tag00001"


def tag_names(count: int) -> list[str]:
    """The names of so many tags; TAG is the first one."""
    return [f"Benchmark.Tag{number:05d}" for number in range(1, count + 1)]


def plant(tags: int) -> Plant:
    """A plant with so many integers."""
    return Plant(tags=[Tag(name, "integer", 0) for name in tag_names(tags)])
