"""The README of the simulated gateway is true."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import mxgateway.testing
from mxgateway.testing import Faults

README = (Path(mxgateway.testing.__file__).parent / "README.md").read_text(encoding="utf-8")


def test_snippet_runs() -> None:
    (snippet,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    finished = subprocess.run(
        [sys.executable, "-W", "error", "-c", snippet], capture_output=True, text=True, check=False
    )
    assert finished.returncode == 0, finished.stderr


def test_readme_names_every_fault() -> None:
    (sentence,) = re.findall(r"`gateway\.faults`: (.*?)\.\n", README, re.DOTALL)
    named = set(re.findall(r"`(\w+)`", sentence))
    assert named == {name for name in vars(Faults) if not name.startswith("_")}
