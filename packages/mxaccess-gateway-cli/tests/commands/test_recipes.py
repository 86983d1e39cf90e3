"""`write --file` shows what it will do, asks, and writes a recipe; a mistake is found before anything is written."""

from __future__ import annotations

import asyncio
import contextlib
import io
import sys
from functools import partial
from pathlib import Path

import pytest

from cli_support.command_line import mxgw_py, succeed
from cli_support.files import Save, save_file
from cli_support.schemas import validate
from cli_support.terminal import Terminal, without_escape_sequences
from mxgateway.testing import SimulatedGateway
from mxgateway_cli.app import run
from mxgateway_cli.exit_status import ExitStatus
from support.tagging import commands

INT, DOUBLE, STRING = "TestChildObject.TestInt", "TestChildObject.TestDouble", "TestChildObject.TestString"
READ_ONLY, UNKNOWN = "TestChildObject.TestReadOnly", "NoSuchObject_999.NoSuchAttr"
# What Excel saves as "Unicode text" or "CSV" on a German Windows.
GERMAN_EXCEL = f"tag;value\r\n{INT};5\r\n\r\n# a comment\r\n{DOUBLE};1,5\r\n".encode("utf-16")
# A tag that comes twice, and an unknown tag.
WITH_MISTAKES = f"tag,value\n{INT},5\n{INT},6\n\n{UNKNOWN},1\n".encode("utf-8-sig")


RECIPE = f"tag,value\n{INT},5\n{STRING},recipe 7\n"


@pytest.fixture
def save(tmp_path: Path) -> Save:
    """Save a recipe and return its path."""
    return partial(save_file, tmp_path / "recipe.csv")


@pytest.fixture
def recipe(save: Save) -> Path:
    """A recipe for two tags."""
    return save(RECIPE)


def _values(gateway: SimulatedGateway) -> list[object]:
    return [gateway.plant[tag].value for tag in (INT, DOUBLE, STRING)]


async def test_recipe_is_written_with_a_row_per_tag(gateway: SimulatedGateway, recipe: Path) -> None:
    result = await succeed("write", "--file", recipe, "--yes")

    assert result.stdout.splitlines() == [f"written {INT} 42 -> 5", f"written {STRING} Hello -> recipe 7"]
    assert _values(gateway) == [5, 3.141592653589793, "recipe 7"]


async def test_dry_run_shows_what_would_be_written(gateway: SimulatedGateway, recipe: Path) -> None:
    text = await succeed("write", "--file", recipe, "--dry-run")
    records = (await succeed("write", "--file", recipe, "--dry-run", "--json")).records

    assert text.stdout.splitlines() == [f"{INT} 42 -> 5", f"{STRING} Hello -> recipe 7"]
    for record in records:
        validate(record, "write")
    assert {(record["state"], record["written"]) for record in records} == {("planned", False)}
    assert _values(gateway) == [42, 3.141592653589793, "Hello"]
    assert not commands(gateway)["WRITE"] + commands(gateway)["WRITE_BULK"]


async def test_recipe_of_german_excel_is_read_with_decimal_comma(gateway: SimulatedGateway, save: Save) -> None:
    recipe = save(GERMAN_EXCEL)

    refused = await mxgw_py("write", "--file", recipe, "--yes")
    before = _values(gateway)
    await succeed("write", "--file", recipe, "--yes", "--decimal-comma")

    assert refused.status == ExitStatus.USAGE
    assert f"{recipe}, line 5: {DOUBLE}: invalid double '1,5'" in refused.error
    assert "--decimal-comma" in refused.error
    assert before == [42, 3.141592653589793, "Hello"]
    assert _values(gateway) == [5, 1.5, "Hello"]


async def test_type_column_overrules_the_tag_and_may_be_empty(gateway: SimulatedGateway, save: Save) -> None:
    recipe = save(f"type;unit;Value;TAG\nint64;l;5;{INT}\n;l;1e3;{DOUBLE}\n")

    records = (await succeed("write", "--file", recipe, "--yes", "--json")).records

    assert [record["type"] for record in records] == ["int64", "double"]
    assert _values(gateway)[:2] == [5, 1000.0]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (WITH_MISTAKES, f"line 3 names {INT} again, which line 2 names already"),
        (b"TestChildObject.TestInt;5\n", "its first row must name the columns tag and value"),
        (b"tag;note\nA.B;5\n", "its first row must name the columns tag and value"),
        (b"", "its first row must name the columns tag and value"),
        (b"tag;value\n", "it names no tag"),
        (b"tag;value\nA.B\n", "line 2 has no value for A.B"),
        (b"tag;value\n;5\n", "line 2 has no tag name"),
        (b"tag,value\nA.B,1,5\n", "line 2 has 3 cells for 2 columns"),
        (b"tag,value,type\n\nA.B,1,intt\n", "line 3 has the unknown type 'intt'"),
        (f"tag,value,type\n{INT},x,int\n".encode(), f"line 2: {INT}: invalid int 'x'"),
        ("tag;value\nStraße.Öl;5\n".encode("cp1252"), "line 2 is not valid UTF-8; save it as UTF-8 or UTF-16 (in"),
    ],
)
async def test_mistake_in_recipe_is_named_with_its_line(
    gateway: SimulatedGateway, save: Save, content: bytes, words: str
) -> None:
    recipe = save(content)

    result = await mxgw_py("write", "--file", recipe, "--yes")

    assert result.status == ExitStatus.USAGE
    assert str(recipe) in result.error
    assert words in result.error
    assert not gateway.calls


async def test_value_that_does_not_fit_the_tag_stops_the_whole_recipe(gateway: SimulatedGateway, save: Save) -> None:
    recipe = save(f"tag,value\n{STRING},a\n{INT},5.5\n")

    result = await mxgw_py("write", "--file", recipe, "--yes")

    assert result.status == ExitStatus.USAGE
    assert f"{recipe}, line 3: {INT}: invalid int32 '5.5'" in result.error
    assert _values(gateway)[2] == "Hello"


@pytest.mark.usefixtures("gateway")
async def test_refused_tag_does_not_stop_the_others(save: Save) -> None:
    recipe = save(f"tag,value,type\n{READ_ONLY},1,\n{UNKNOWN},1,int\n{INT},5,\n")

    result = await mxgw_py("write", "--file", recipe, "--yes")

    lines = result.stdout.splitlines()
    assert lines[0].startswith(f"REFUSED {READ_ONLY} 7 -> 1: ")
    assert lines[1].startswith(f"REFUSED {UNKNOWN} ? -> 1: ")
    assert lines[2] == f"written {INT} 42 -> 5"
    assert result.status == ExitStatus.MXACCESS
    assert "of 3 tags 2 refused" in result.error


@pytest.mark.parametrize("more", [[], ["--json"]])
async def test_pipe_without_yes_is_refused(gateway: SimulatedGateway, recipe: Path, more: list[str]) -> None:
    result = await mxgw_py("write", "--file", recipe, *more)

    assert result.status == ExitStatus.USAGE
    assert "give --yes to write without it" in result.stderr
    assert not gateway.calls


async def test_recipe_is_read_from_stdin(gateway: SimulatedGateway, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(RECIPE.encode())))

    await succeed("write", "--file", "-", "--yes")

    assert _values(gateway)[0] == 5


async def test_environment_never_names_recipe_or_answers_the_question(
    gateway: SimulatedGateway, monkeypatch: pytest.MonkeyPatch, recipe: Path
) -> None:
    monkeypatch.setenv("MXGATEWAY_FILE", str(recipe))
    monkeypatch.setenv("MXGATEWAY_YES", "1")

    nothing = await mxgw_py("write")
    unanswered = await mxgw_py("write", "--file", recipe)

    assert "nothing to write" in nothing.error
    assert "give --yes" in unanswered.error
    assert not gateway.calls


async def test_tags_and_recipe_contradict_each_other(gateway: SimulatedGateway, recipe: Path) -> None:
    result = await mxgw_py("write", INT, "5", "--file", recipe)

    assert result.status == ExitStatus.USAGE
    assert "TAG VALUE and --file contradict each other" in result.error
    assert not gateway.calls


async def _answer(answer: str, recipe: Path, stdout: io.StringIO) -> tuple[int, str]:
    """Run a recipe on a terminal, answer the question, and return the status and what is on stderr."""

    def reply(question: str) -> str:
        sys.stderr.write(f"{question}\n")
        return answer

    def work() -> tuple[int, str]:
        with pytest.MonkeyPatch.context() as terminal, contextlib.redirect_stderr(Terminal()) as stderr:
            terminal.setattr(sys, "stdin", Terminal())
            terminal.setattr("click.termui.visible_prompt_func", reply)
            with contextlib.redirect_stdout(stdout):
                status = run(["write", "--file", str(recipe)])
        return int(status), without_escape_sequences(stderr)

    return await asyncio.to_thread(work)


async def test_terminal_shows_changes_and_asks(
    gateway: SimulatedGateway, monkeypatch: pytest.MonkeyPatch, recipe: Path
) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    stdout = Terminal()

    status, stderr = await _answer("y", recipe, stdout)

    lines = [line.split() for line in without_escape_sequences(stdout).splitlines()]
    assert lines == [
        ["tag", "type", "old", "new"],
        [INT, "int32", "42", "5"],
        [STRING, "string", "Hello", "recipe", "7"],
        ["result", "tag", "old", "new"],
        ["written", INT, "42", "5"],
        ["written", STRING, "Hello", "recipe", "7"],
    ]
    assert f"Write 2 tags to {gateway.endpoint}? [y/N]" in stderr
    assert status == ExitStatus.GOOD
    assert _values(gateway)[0] == 5


async def test_answer_no_writes_nothing(gateway: SimulatedGateway, recipe: Path) -> None:
    stdout = io.StringIO()

    status, stderr = await _answer("n", recipe, stdout)

    # The changes are shown on the terminal although stdout is redirected.
    assert stderr.splitlines()[:2] == [f"{INT} 42 -> 5", f"{STRING} Hello -> recipe 7"]
    assert stderr.splitlines()[-1] == "mxgw-py: error: nothing was written, because the answer was no"
    assert (status, stdout.getvalue()) == (ExitStatus.FAILED, "")
    assert _values(gateway) == [42, 3.141592653589793, "Hello"]
