"""The tested versions are the lower ends of the packages' version ranges."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[2]
PYTHONS = ("3.11", "3.12", "3.13", "3.14")


def lower_end(requirement: Requirement) -> str:
    """Return the version after `>=` or `==`."""
    (version,) = (item.version for item in requirement.specifier if item.operator in {">=", "=="})
    return version


def claimed(python: str) -> Iterator[tuple[str, str]]:
    """Yield name and oldest version of each requirement on this Python, except for our own packages."""
    for path in sorted((ROOT / "packages").glob("*/pyproject.toml")):
        for text in tomllib.loads(path.read_text(encoding="utf-8"))["project"]["dependencies"]:
            requirement = Requirement(text)
            applies = requirement.marker is None or requirement.marker.evaluate({"python_version": python})
            if applies and not requirement.name.startswith("mxaccess-gateway-"):
                yield requirement.name, lower_end(requirement)


def pinned(python: str) -> Iterator[tuple[str, str]]:
    """Yield name and version of each pin of the floor environment on this Python."""
    environments = tomllib.loads((ROOT / "hatch.toml").read_text(encoding="utf-8"))["envs"]
    for entry in environments["compat"]["overrides"]["matrix"]["range"]["extra-dependencies"]:
        requirement = Requirement(entry["value"])
        if "floor" in entry["if"] and (
            requirement.marker is None or requirement.marker.evaluate({"python_version": python})
        ):
            yield requirement.name, lower_end(requirement)


def test_lower_ends_of_the_ranges_are_tested() -> None:
    for python in PYTHONS:
        assert set(pinned(python)) == set(claimed(python)), f"on Python {python}"
