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
HEAVY = ("grpc", "asyncio", "importlib.metadata", "google.protobuf", "rich")
LOADED = f"""
import sys
from mxgateway_cli.__main__ import main
status = main(sys.argv[1:])
print("HEAVY", [name for name in {HEAVY} if name in sys.modules], "STATUS", int(status))
"""
# The help of many commands, one after the other in one process.
LOADED_BY_HELP = f"""
import sys
from mxgateway_cli.__main__ import main
for command in sys.argv[1:]:
    status = main([command, "--help"])
    print("HEAVY", command, [name for name in {HEAVY} if name in sys.modules], "STATUS", int(status))
"""


def _loaded_by(*arguments: str) -> str:
    finished = subprocess.run(
        [sys.executable, "-c", LOADED, *arguments], capture_output=True, text=True, check=True, timeout=30
    )
    assert finished.stderr == ""
    return finished.stdout.splitlines()[-1]


@pytest.mark.parametrize("arguments", [["version"], ["--version"], ["--help"], [], ["help"], ["help", "read"]])
def test_version_and_help_load_neither_grpc_nor_asyncio(arguments: list[str]) -> None:
    assert _loaded_by(*arguments) == "HEAVY [] STATUS 0"


def test_help_of_commands_loads_neither_grpc_nor_asyncio() -> None:
    finished = subprocess.run(
        [sys.executable, "-c", LOADED_BY_HELP, *NAMES], capture_output=True, text=True, check=True, timeout=30
    )

    loaded = [line for line in finished.stdout.splitlines() if line.startswith("HEAVY ")]
    assert loaded == [f"HEAVY {name} [] STATUS 0" for name in NAMES]
    assert finished.stderr == ""


@pytest.mark.parametrize("words", [["rea"], ["read", "--ut"], ["read", "Test"], ["write", "A.B", "5", "Test"]])
def test_completion_loads_neither_grpc_nor_asyncio(monkeypatch: pytest.MonkeyPatch, words: list[str]) -> None:
    monkeypatch.setenv("MXGATEWAY_ENDPOINT", "localhost:5000")
    monkeypatch.setenv("_MXGW_PY_COMPLETE", "zsh_complete")
    monkeypatch.setenv("COMP_WORDS", " ".join(["mxgw-py", *words]))
    monkeypatch.setenv("COMP_CWORD", str(len(words)))

    assert _loaded_by() == "HEAVY [] STATUS 0"


def test_unknown_option_is_refused_without_loading_grpc() -> None:
    finished = subprocess.run(
        [sys.executable, "-c", LOADED, "write", "--nonsense"], capture_output=True, text=True, check=True, timeout=30
    )

    assert "unknown option" in finished.stderr
    assert finished.stdout.splitlines()[-1] == "HEAVY [] STATUS 2"


def test_version_matches_package() -> None:
    project = tomllib.loads((PACKAGE / "pyproject.toml").read_text(encoding="utf-8"))["project"]

    assert project["version"] == VERSION
