"""tools/run.py sets up hatch, says in one line what is missing, and passes on the exit status."""

from __future__ import annotations

import ast
import os
import signal
import subprocess
import sys
from pathlib import Path
from unittest.mock import Mock

import pytest
import run

TOOLS = Path(run.__file__).parent

# A program that cleans up after Ctrl-C, as one that closes a session does.
SLOW_TO_STOP = """
import time
try:
    print("running", flush=True)
    time.sleep(60)
except KeyboardInterrupt:
    time.sleep(0.5)
    print("cleaned up", flush=True)
"""

# Receives Ctrl-C even if the shell that runs the tests ignores it, as it does in the background.
STARTER = f"""
import run, signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
sys.exit(run.run([sys.executable, "-c", {SLOW_TO_STOP!r}]))
"""


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder for the set-up."""
    monkeypatch.setattr(run, "HOME", tmp_path)
    monkeypatch.setattr(run, "STAMP", tmp_path / "made-from")
    return tmp_path


def test_old_python_can_parse_the_file() -> None:
    ast.parse((TOOLS / "run.py").read_text(encoding="utf-8"), feature_version=(3, 6))


def test_old_python_is_refused_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "version_info", (3, 9, 1))

    assert str(run.main(["smoke"])).startswith("run.py: Python 3.11 or newer is required, and this is ")


def test_set_up_happens_once(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    commands: list[list[str]] = []

    def carry_out(command: list[str], **_: object) -> None:
        home.mkdir(exist_ok=True)
        commands.append(command)

    monkeypatch.setattr(subprocess, "run", carry_out)
    monkeypatch.setattr(run, "run", Mock(return_value=0))

    assert [run.main(["tests"]), run.main(["tests"])] == [0, 0]
    assert [command[2] for command in commands] == ["venv", "pip"]
    assert run.HATCH in commands[1]


@pytest.mark.parametrize("stamp", [None, "another hatch"])
def test_incomplete_or_older_set_up_is_replaced(home: Path, monkeypatch: pytest.MonkeyPatch, stamp: str | None) -> None:
    leftover = home / "leftover"
    leftover.touch()

    def make_home(*_: object, **__: object) -> None:
        home.mkdir(exist_ok=True)

    if stamp is not None:
        run.STAMP.write_text(stamp, encoding="utf-8")
    monkeypatch.setattr(subprocess, "run", Mock(side_effect=make_home))
    monkeypatch.setattr(run, "run", Mock(return_value=0))

    assert run.main(["tests"]) == 0
    assert not leftover.exists()
    assert run.STAMP.read_text(encoding="utf-8") == run.MADE_FROM


def test_failed_set_up_shows_the_output_and_is_repeated(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    failure = subprocess.CalledProcessError(1, ["python", "-m", "venv"], output="apt install python3-venv")
    monkeypatch.setattr(subprocess, "run", Mock(side_effect=failure))

    message = run.main(["tests"])

    assert message == f"run.py: could not set up hatch in {home}: python -m venv failed:\napt install python3-venv"
    assert not run.STAMP.exists()


def test_clone_below_another_project_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "ROOT", tmp_path / "folder" / "clone")
    (tmp_path / "pyproject.toml").touch()

    assert str(run.main(["tests"])).startswith(f"run.py: hatch would take {tmp_path / 'pyproject.toml'} for this ")


def test_command_runs_at_the_root_and_its_status_is_returned(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    at_the_root = f"import os, sys; sys.exit(7 if os.path.samefile(os.getcwd(), {str(run.ROOT)!r}) else 1)"

    assert run.run([sys.executable, "-c", at_the_root]) == 7


def test_active_environment_does_not_reach_hatch(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in run.MISLEADING:
        monkeypatch.setenv(name, "elsewhere")
    check = (
        f"import os, sys; home = {str(run.HOME)!r}; sys.exit('elsewhere' in os.environ.values() or not all("
        "os.environ[name].startswith(home) for name in ('HATCH_CONFIG', 'HATCH_DATA_DIR', 'PATH')))"
    )

    assert run.run([sys.executable, "-c", check]) == 0


def test_bytecode_is_kept_in_hatch_even_if_python_is_told_to_write_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    check = f"import sys; sys.exit(sys.dont_write_bytecode or not sys.pycache_prefix.startswith({str(run.HOME)!r}))"

    assert run.run([sys.executable, "-c", check]) == 0


def test_usage_is_printed_without_a_script(capsys: pytest.CaptureFixture[str]) -> None:
    assert run.main([]) == 2
    assert "python tools/run.py smoke" in capsys.readouterr().out


@pytest.mark.skipif(os.name == "nt", reason="a console's Ctrl-C cannot be sent to one program on Windows")
def test_ctrl_c_waits_for_the_command_and_returns_130() -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", STARTER],
        cwd=TOOLS,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == "running\n"
        os.killpg(process.pid, signal.SIGINT)
        output, errors = process.communicate(timeout=30)

    assert process.returncode == 130
    assert output == "cleaned up\n"
    assert errors == ""
