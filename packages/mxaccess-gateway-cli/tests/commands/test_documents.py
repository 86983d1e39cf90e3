"""The README and the reference are complete, and their examples work."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import sys
from pathlib import Path

import pytest

from mxgateway_cli.app import COMMANDS
from mxgateway_cli.exit_status import ExitStatus
from mxgateway_cli.reference import reference

PACKAGE = Path(__file__).resolve().parents[2]
README = (PACKAGE / "README.md").read_text(encoding="utf-8")
SNIPPETS = re.findall(r"^```sh\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
NAMES = [name for names in COMMANDS.values() for name in names]


def test_reference_is_up_to_date() -> None:
    """Update it with `python -m mxgateway_cli.reference > REFERENCE.md`."""
    assert (PACKAGE / "REFERENCE.md").read_text(encoding="utf-8") == reference()


@pytest.mark.parametrize("name", NAMES)
def test_every_command_is_in_readme_table(name: str) -> None:
    assert re.search(rf"^\|.*`{re.escape(name)}`.*\|", README, re.MULTILINE)


@pytest.mark.parametrize("status", ExitStatus)
def test_every_exit_status_is_in_readme_table(status: ExitStatus) -> None:
    assert f"\n| {int(status)} |" in README


@pytest.mark.skipif(shutil.which("bash") is None or sys.platform == "win32", reason="the snippets are for a Unix shell")
@pytest.mark.parametrize("snippet", SNIPPETS, ids=lambda snippet: snippet.split(" --")[0].strip().replace("\n", " "))
@pytest.mark.usefixtures("gateway")
async def test_readme_snippet_works(snippet: str, tmp_path: Path) -> None:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    shell = await asyncio.create_subprocess_exec(
        "bash",
        "-euo",
        "pipefail",
        "-c",
        snippet,
        cwd=tmp_path,
        env=os.environ | {"PATH": path},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    stdout, stderr = await shell.communicate()

    assert shell.returncode == 0, stderr.decode()
    assert stdout
