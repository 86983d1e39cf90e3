"""The README of the simulated gateway is true."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

import mxgateway.testing
from mxgateway.testing import Faults, Plant, PlantFileError

README = (Path(mxgateway.testing.__file__).parent / "README.md").read_text(encoding="utf-8")


def test_snippets_run() -> None:
    snippets = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    assert len(snippets) > 1
    for snippet in snippets:
        run(snippet)


def run(snippet: str) -> None:
    """Run a snippet in a separate process, with warnings as errors."""
    finished = subprocess.run(
        [sys.executable, "-W", "error", "-c", snippet], capture_output=True, text=True, check=False
    )
    assert finished.returncode == 0, finished.stderr


def test_readme_names_every_fault() -> None:
    (sentence,) = re.findall(r"`gateway\.faults`: (.*?)\.\n", README, re.DOTALL)
    named = set(re.findall(r"`(\w+)`", sentence))
    assert named == {name for name in vars(Faults) if not name.startswith("_")}


def test_plant_file_in_readme_is_valid(tmp_path: Path) -> None:
    (plant,) = re.findall(r"```toml\n(\[objects.*?)```", README, re.DOTALL)
    path = tmp_path / "plant.toml"
    path.write_text(plant, encoding="utf-8")

    assert Plant.from_toml(path)["Boiler1.Level"].value == 0.5


@pytest.mark.parametrize(
    "table",
    [
        "galaxy",
        "users.me",
        "objects.A",
        "objects.A.attributes.B",
        "objects.A.attributes.B.alarm",
        "objects.A.attributes.B.ramp",
        "objects.A.attributes.B.sine",
    ],
)
def test_readme_explains_every_key_of_a_plant_file(table: str, tmp_path: Path) -> None:
    path = tmp_path / "plant.toml"
    path.write_text(f"[{table}]\nno_such_key = 1\n", encoding="utf-8")
    with pytest.raises(PlantFileError, match="unknown key") as caught:
        Plant.from_toml(path)
    section = README.partition("## Plant files")[2].partition("## Scripts")[0]
    for key in str(caught.value).partition(": use ")[2].split(", "):
        assert f"`{key}`" in section
