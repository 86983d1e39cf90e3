"""Completion knows commands, options and, from a cache that other commands fill, the tags of the Galaxy."""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeAlias

import pytest

from cli_support.command_line import mxgw_py, succeed
from cli_support.files import save_file
from cli_support.schemas import validate
from mxgateway.testing import SimulatedGateway
from mxgateway_cli.exit_status import ExitStatus

INT = "TestChildObject.TestInt"
MACHINES = [f"TestMachine_00{number}" for number in range(1, 7)]
Complete: TypeAlias = Callable[..., Awaitable[list[str]]]


def files_of(folder: Path) -> list[Path]:
    """Return the files of a folder."""
    return list(folder.iterdir())


@pytest.fixture(autouse=True)
def _own_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """An empty cache for each test."""
    for name in ("XDG_CACHE_HOME", "HOME", "LOCALAPPDATA"):
        monkeypatch.setenv(name, str(tmp_path))


@pytest.fixture
def complete(monkeypatch: pytest.MonkeyPatch) -> Complete:
    """A function that completes the last word of a command line, as the script for bash asks for it."""

    async def function(*words: str) -> list[str]:
        with monkeypatch.context() as environment:
            environment.setenv("_MXGW_PY_COMPLETE", "bash_complete")
            environment.setenv("COMP_WORDS", " ".join(("mxgw-py", *words)))
            environment.setenv("COMP_CWORD", str(len(words)))
            lines = (await succeed()).stdout.splitlines()
        return [line.partition(",")[2] for line in lines if line]

    return function


async def test_commands_and_options_are_completed(complete: Complete) -> None:
    assert await complete("rea") == ["read", "read-bulk"]
    assert await complete("--ver") == ["--version"]
    assert {"--count", "--changes-only"} <= set(await complete("watch", "--c"))
    assert await complete("read", "A.B", "--output", "j") == ["jsonl"]
    assert await complete("help", "acknowledge-alarm-by-") == ["acknowledge-alarm-by-guid", "acknowledge-alarm-by-name"]
    assert await complete("completion", "") == ["bash", "zsh", "fish", "powershell"]


async def test_former_names_are_not_completed(complete: Complete) -> None:
    assert await complete("watch", "--max-") == []
    assert await complete("read", "--items") == []


@pytest.mark.usefixtures("gateway")
async def test_nothing_is_known_before_a_command_has_seen_the_galaxy(complete: Complete) -> None:
    assert await complete("read", "Test") == []


@pytest.mark.usefixtures("gateway")
async def test_tags_that_a_pattern_has_found_are_completed(complete: Complete) -> None:
    await mxgw_py("read", "--match", "TestMachine_*.TestSine")

    assert await complete("read", "testmachine_001") == ["TestMachine_001.TestSine"]
    assert await complete("watch", INT, "TestM") == [f"{name}.TestSine" for name in MACHINES]


@pytest.mark.usefixtures("gateway")
@pytest.mark.parametrize("command", ["browse", "galaxy-discover"])
async def test_browsed_objects_and_attributes_are_completed(complete: Complete, command: str) -> None:
    await succeed(command, "--depth", "1")
    assert await complete("browse", "TestP") == ["TestPlant"]

    await succeed(command, "TestPlant", "--depth", "4", "--attributes")

    assert INT in await complete("read", "TestChildObject.TestI")
    assert "TestChildObject.TestIntArray[]" in await complete("read", "TestChildObject.TestI")
    assert await complete("browse", "TestMachine") == MACHINES


@pytest.mark.usefixtures("gateway")
async def test_objects_are_listed_while_many_tags_match(complete: Complete) -> None:
    await succeed("cache-tags")

    objects = await complete("read", "Test")
    assert [f"{name}." for name in MACHINES] == [name for name in objects if name.startswith("TestMachine")]
    # A single object is not in the way.
    assert INT in await complete("read", "TestChildObj")


@pytest.mark.usefixtures("gateway")
async def test_only_tags_of_pairs_are_completed_not_values(complete: Complete) -> None:
    await mxgw_py("read", "--match", "TestMachine_001.TestSin*")

    tag = ["TestMachine_001.TestSine"]
    assert await complete("write", "TestM") == tag
    assert await complete("write", *tag, "T") == []
    assert await complete("write", *tag, "5", "T") == tag


async def test_each_gateway_has_its_own_tags(
    complete: Complete, gateway: SimulatedGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    await mxgw_py("read", "--match", "TestMachine_001.TestSin*")
    monkeypatch.setenv("MXGATEWAY_ENDPOINT", "plant:5000")

    assert await complete("read", "TestM") == []
    assert await complete("read", "--endpoint", gateway.endpoint, "TestM") == ["TestMachine_001.TestSine"]


async def test_tags_of_the_gateway_of_a_profile_are_completed(
    complete: Complete, gateway: SimulatedGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    await mxgw_py("read", "--match", "TestMachine_001.TestSin*")
    monkeypatch.delenv("MXGATEWAY_ENDPOINT")
    await succeed("profile", "add", "plant", "--endpoint", gateway.endpoint, "--plaintext")

    assert await complete("read", "TestM") == []
    assert await complete("read", "--profile", "plant", "TestM") == ["TestMachine_001.TestSine"]
    assert await complete("read", "--profile", "pl") == ["plant"]


async def test_cache_tags_replaces_the_names_of_an_older_galaxy(complete: Complete, gateway: SimulatedGateway) -> None:
    record = (await succeed("cache-tags", "--json")).record
    validate(record, "galaxy-cache")
    path = Path(record["path"])
    save_file(path, "Removed.Tag\n")
    assert await complete("read", "Rem") == ["Removed.Tag"]

    line = (await succeed("cache-tags")).stdout

    assert line == f"stored {record['tags']} tags of {gateway.endpoint} in {path}\n"
    assert await complete("read", "Rem") == []
    assert files_of(path.parent) == [path]


@pytest.mark.usefixtures("gateway")
async def test_unusable_cache_does_not_disturb_commands(complete: Complete, tmp_path: Path) -> None:
    # A file in place of the folder.
    for name in ("mxgw-py", "Library", "Caches"):
        (tmp_path / name).write_text("", encoding="utf-8")

    assert "TestPlant" in (await succeed("browse")).stdout
    assert await complete("browse", "Test") == []
    assert (await mxgw_py("cache-tags")).status == ExitStatus.FAILED


async def test_option_for_a_file_asks_the_shell_for_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("_MXGW_PY_COMPLETE", "bash_complete")
    monkeypatch.setenv("COMP_WORDS", "mxgw-py read A.B --ca-file pla")
    monkeypatch.setenv("COMP_CWORD", "4")

    assert (await succeed()).stdout == "file,pla\n"


async def test_powershell_gets_kind_text_and_tooltip(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("_MXGW_PY_COMPLETE", "powershell_complete")
    monkeypatch.setenv("COMP_WORDS", "mxgw-py\nread\n'TestMachine_001.Test Sine'")
    monkeypatch.setenv("COMP_CWORD", "--ut")

    assert (await succeed()).stdout == "plain\t--utc\tPrint times in UTC; the default in a pipe.\n"


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish", "powershell"])
async def test_script_of_each_shell_asks_the_program(shell: str) -> None:
    text = (await succeed("completion", shell)).stdout

    assert f"{shell}_complete" in text
    assert "mxgw-py" in text
    assert "%(" not in text


async def test_unknown_shell_is_usage_error() -> None:
    result = await mxgw_py("completion", "tcsh")

    assert result.status == ExitStatus.USAGE
    assert "bash" in result.error
    assert "for example: mxgw-py completion bash" in (await mxgw_py("completion")).error


@pytest.mark.skipif(shutil.which("bash") is None or sys.platform == "win32", reason="needs a Unix with bash")
@pytest.mark.usefixtures("gateway")
async def test_bash_completes_tags() -> None:
    await mxgw_py("read", "--match", "TestMachine_001.TestSin*")
    script = """
        eval "$(mxgw-py completion bash)"
        COMP_WORDS=(mxgw-py read TestMach); COMP_CWORD=2
        _mxgw_py_completion mxgw-py
        printf '%s\\n' "${COMPREPLY[@]}"
    """
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    shell = await asyncio.create_subprocess_exec(
        "bash", "-euc", script, env=os.environ | {"PATH": path}, stdout=asyncio.subprocess.PIPE
    )
    stdout, _ = await shell.communicate()

    assert stdout.decode() == "TestMachine_001.TestSine\n"
