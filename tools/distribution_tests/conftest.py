"""The built wheels, and a constraint that selects them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("proto", "client", "cli")


@pytest.fixture(scope="session")
def wheels() -> Mapping[str, Path]:
    """The three wheels in dist/, by the short name of their package."""
    found = {name: list((ROOT / "dist").glob(f"mxaccess_gateway_{name}-*.whl")) for name in PACKAGES}
    missing = [name for name, paths in found.items() if len(paths) != 1]
    if missing:
        pytest.fail(f"dist/ has no wheel of {', '.join(missing)}: build with `hatch run dist:build`", pytrace=False)
    return {name: paths[0] for name, paths in found.items()}


@pytest.fixture(scope="session")
def these_wheels(wheels: Mapping[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A constraints file that selects these wheels instead of releases in a package index."""
    constraints = tmp_path_factory.mktemp("constraints") / "these-wheels.txt"
    lines = [f"mxaccess-gateway-{name} @ {path.as_uri()}\n" for name, path in wheels.items()]
    constraints.write_text("".join(lines), encoding="utf-8")
    return constraints
