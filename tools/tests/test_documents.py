"""The documents name existing tasks, and their links and snippets work."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from mxgateway.testing import SimulatedGateway

ROOT = Path(__file__).resolve().parents[2]
README = ROOT / "README.md"
CONTRIBUTING = ROOT / ".github" / "CONTRIBUTING.md"
PAGES = sorted(ROOT.glob("packages/*/docs/**/*.md"))
DOCUMENTS = [README, *sorted(ROOT.glob(".github/*.md")), *sorted(ROOT.glob("packages/*/README.md")), *PAGES]
NAMING_TASKS = [*DOCUMENTS, ROOT / ".ci" / "run", *sorted((ROOT / ".github" / "workflows").glob("*.yml"))]

ENVIRONMENTS = tomllib.loads((ROOT / "hatch.toml").read_text(encoding="utf-8"))["envs"]
SCRIPTS = ENVIRONMENTS["default"]["scripts"]


def named_tasks(path: Path) -> Iterator[str]:
    """Yield the tasks that a document or a workflow runs."""
    text = path.read_text(encoding="utf-8")
    yield from re.findall(r"(?:tools/run\.py|hatch run) +([a-z][\w.:-]*)", text)


def snippets(path: Path) -> list[str]:
    """Return the Python snippets of a document."""
    return re.findall(r"^```python\n(.*?)^```$", path.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("path", NAMING_TASKS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_named_task_exists(path: Path) -> None:
    for name in named_tasks(path):
        environment, _, script = name.rpartition(":")
        known = ENVIRONMENTS[environment.partition(".")[0] or "default"].get("scripts", {}) | SCRIPTS
        assert script in known or script == "python", name


def test_contributing_explains_every_task() -> None:
    table = CONTRIBUTING.read_text(encoding="utf-8").partition("| task | does |")[2].partition("\n\n")[0]
    explained = set(re.findall(r"`([\w-]+)`(?=[^|]*\|[^|]*\|$)", table, re.MULTILINE))

    assert set(SCRIPTS) <= explained


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_linked_file_exists(path: Path) -> None:
    targets = re.findall(r"\]\((?!https?:|#)([^)#]+)", path.read_text(encoding="utf-8"))

    assert [target for target in targets if not (path.parent / target).exists()] == []


def test_smoke_prints_the_steps_in_the_readme() -> None:
    told = README.read_text(encoding="utf-8").partition("$ python tools/run.py smoke\n")[2].partition("```")[0]
    smoke = [sys.executable, "-m", "mxgateway_cli", "smoke", "--simulate"]
    shown = subprocess.run(smoke, capture_output=True, text=True, check=True).stdout

    assert [line.split()[:2] for line in shown.splitlines()] == [line.split()[:2] for line in told.splitlines()]


def test_snippet_is_the_first_one_of_the_client() -> None:
    assert snippets(README) == snippets(ROOT / "packages" / "mxaccess-gateway-client" / "README.md")[:1]


async def test_snippet_runs_unchanged(tmp_path: Path) -> None:
    (tmp_path / "snippet.py").write_text(snippets(README)[0], encoding="utf-8")
    async with SimulatedGateway() as gateway:
        told = {"MXGATEWAY_ENDPOINT": gateway.endpoint, "MXGATEWAY_API_KEY": gateway.api_key}
        program = await asyncio.create_subprocess_exec(
            sys.executable,
            tmp_path / "snippet.py",
            env=os.environ | told,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        output, errors = await program.communicate()

    assert (program.returncode, errors.decode()) == (0, "")
    assert output.decode().startswith("TestChildObject.TestInt is ")
