"""Output on a terminal: trees, tables, live values and progress."""

from __future__ import annotations

import asyncio
import contextlib
import re
import sys

import pytest

from cli_support.terminal import Terminal, without_escape_sequences
from mxgateway import Session
from mxgateway_cli.app import run
from mxgateway_cli.exit_status import ExitStatus

INT, UNKNOWN = "TestChildObject.TestInt", "NoSuchObject_999.NoSuchAttr"


def _type_password(_: str) -> str:
    return "operator-secret"


@pytest.fixture(autouse=True)
def _wide_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "160")
    monkeypatch.setenv("TERM", "xterm")


async def _run_on_terminal(*arguments: str) -> tuple[int, str, str]:
    """Run a command line on a terminal and return its status, stdout and stderr."""

    def work() -> tuple[int, str, str]:
        with (
            contextlib.redirect_stdout(Terminal()) as stdout,
            contextlib.redirect_stderr(Terminal()) as stderr,
        ):
            status = run(arguments)
        return int(status), without_escape_sequences(stdout), without_escape_sequences(stderr)

    return await asyncio.to_thread(work)


@pytest.mark.usefixtures("gateway")
async def test_browse_draws_tree_and_marks_hidden_levels() -> None:
    _, tree, _ = await _run_on_terminal("browse", "--depth", "3")

    assert tree.splitlines()[:4] == [
        "└── TestPlant",
        "    ├── TestArea",
        "    │   └── TestChildObject ...",
        "    └── TestArea2",
    ]
    assert tree.splitlines()[-1] == "        └── TestMachine_006"


@pytest.mark.usefixtures("gateway")
async def test_readings_are_a_table() -> None:
    status, table, _ = await _run_on_terminal("read", INT, UNKNOWN)

    heading, good, failed = (line.split() for line in table.splitlines())
    assert heading == ["tag", "value", "quality", "time"]
    assert good[:4] == [INT, "42", "good", "(192)"]
    assert failed[:3] == [UNKNOWN, "Invalid", "reference:"]
    assert status == ExitStatus.MXACCESS


async def test_bulk_results_are_a_table(session: Session) -> None:
    server_handle = await session.register("tests")

    _, table, _ = await _run_on_terminal("subscribe-bulk", "--server-handle", str(server_handle), INT)

    assert table.splitlines()[1].split() == ["ok", "1", INT]


@pytest.mark.usefixtures("gateway")
async def test_watch_leaves_last_value_of_each_tag() -> None:
    status, shown, _ = await _run_on_terminal("watch", INT, "TestChildObject.TestDouble", "--count", "2")

    last = [line.split() for line in shown.splitlines()[-3:]]
    assert last[0] == ["tag", "value", "quality", "time", "changes", "rate", "trend", "reason"]
    assert [(row[0], row[1], row[5]) for row in last[1:]] == [
        (INT, "42", "1"),
        ("TestChildObject.TestDouble", "3.141593", "1"),
    ]
    assert status == ExitStatus.GOOD


async def test_terminal_is_prompted_for_missing_password(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    server_handle = await session.register("tests")
    monkeypatch.setattr(sys, "stdin", Terminal())
    monkeypatch.setattr("click.termui.hidden_prompt_func", _type_password)

    arguments = ["--server-handle", str(server_handle), "--user", "operator"]
    status, table, diagnostics = await _run_on_terminal("authenticate-user", *arguments)

    assert status == ExitStatus.GOOD
    assert "user id" in table
    assert "operator-secret" not in table + diagnostics


@pytest.mark.usefixtures("gateway")
async def test_figures_are_a_table_and_progress_is_on_stderr() -> None:
    _, table, progress = await _run_on_terminal("bench-read-bulk", "--duration", "0.3")

    assert re.search(r"^latency ms +p50 ", table, re.MULTILINE)
    assert "seconds" in progress
