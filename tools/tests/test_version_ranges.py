"""The versions that the environments test are the ones that the packages claim."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[2]
PYTHONS = ("3.11", "3.12", "3.13", "3.14")


def lower_end(requirement: Requirement) -> str:
    """The version behind `>=` or `==`."""
    (version,) = (item.version for item in requirement.specifier if item.operator in {">=", "=="})
    return version


def claimed(python: str) -> Iterator[tuple[str, str]]:
    """Name and oldest version of everything that the packages require on this Python, but for one another."""
    for path in sorted((ROOT / "packages").glob("*/pyproject.toml")):
        for text in tomllib.loads(path.read_text(encoding="utf-8"))["project"]["dependencies"]:
            requirement = Requirement(text)
            applies = requirement.marker is None or requirement.marker.evaluate({"python_version": python})
            if applies and not requirement.name.startswith("mxaccess-gateway-"):
                yield requirement.name, lower_end(requirement)


def pinned(python: str) -> Iterator[tuple[str, str]]:
    """Name and version of everything that the floor environment pins on this Python."""
    environments = tomllib.loads((ROOT / "hatch.toml").read_text(encoding="utf-8"))["envs"]
    for entry in environments["compat"]["overrides"]["matrix"]["range"]["extra-dependencies"]:
        requirement = Requirement(entry["value"])
        if "floor" in entry["if"] and (
            requirement.marker is None or requirement.marker.evaluate({"python_version": python})
        ):
            yield requirement.name, lower_end(requirement)


def test_the_oldest_claimed_versions_are_the_ones_that_are_tested() -> None:
    for python in PYTHONS:
        assert set(pinned(python)) == set(claimed(python)), f"on Python {python}"
