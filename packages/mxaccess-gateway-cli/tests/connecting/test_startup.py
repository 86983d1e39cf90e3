"""`version`, `--help` and usage errors are fast because they load no large package."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from mxgateway_cli._version import VERSION
from mxgateway_cli.app import COMMANDS

PACKAGE = Path(__file__).resolve().parents[2]
NAMES = [name for names in COMMANDS.values() for name in names]
LOADED = """
import sys
from mxgateway_cli.__main__ import main
status = main(sys.argv[1:])
heavy = [name for name in ("grpc", "asyncio", "importlib.metadata", "google.protobuf", "rich") if name in sys.modules]
print("HEAVY", heavy, "STATUS", int(status))
"""


def _loaded_by(*arguments: str) -> str:
    finished = subprocess.run(
        [sys.executable, "-c", LOADED, *arguments], capture_output=True, text=True, check=True, timeout=30
    )
    assert finished.stderr == ""
    return finished.stdout.splitlines()[-1]


@pytest.mark.parametrize("arguments", [["version"], ["--help"], []])
def test_version_and_help_load_neither_grpc_nor_asyncio(arguments: list[str]) -> None:
    assert _loaded_by(*arguments) == "HEAVY [] STATUS 0"


@pytest.mark.parametrize("name", NAMES)
def test_help_of_command_loads_neither_grpc_nor_asyncio(name: str) -> None:
    assert _loaded_by(name, "--help") == "HEAVY [] STATUS 0"


def test_unknown_option_is_refused_without_loading_grpc() -> None:
    finished = subprocess.run(
        [sys.executable, "-c", LOADED, "write", "--nonsense"], capture_output=True, text=True, check=True, timeout=30
    )

    assert "No such option" in finished.stderr
    assert finished.stdout.splitlines()[-1] == "HEAVY [] STATUS 2"


def test_version_matches_package() -> None:
    project = tomllib.loads((PACKAGE / "pyproject.toml").read_text(encoding="utf-8"))["project"]

    assert project["version"] == VERSION
