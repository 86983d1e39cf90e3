"""tools/run.py: says in one line what a machine lacks, and otherwise is out of the way."""

from __future__ import annotations

import ast
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import run

TOOLS = Path(run.__file__).parent

# A program that needs a moment to clean up after Ctrl-C, as one that closes a session does.
SLOW_TO_STOP = """
import time
try:
    print("running", flush=True)
    time.sleep(60)
except KeyboardInterrupt:
    time.sleep(0.5)
    print("cleaned up", flush=True)
"""

# Hears Ctrl-C even where the shell that runs the tests does not: one in the background, for example.
STARTER = f"""
import os, run, signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
sys.exit(run.run([sys.executable, "-c", {SLOW_TO_STOP!r}], dict(os.environ)))
"""


def test_a_python_too_old_reads_the_file_and_is_told_so() -> None:
    ast.parse((TOOLS / "run.py").read_text(encoding="utf-8"), feature_version=(3, 6))

    with pytest.raises(run.SetupError, match=r"Python 3\.11 or newer is needed, and this is 3\.9"):
        run.check_python((3, 9))


def test_a_clone_below_another_project_is_told_to_move(tmp_path: Path) -> None:
    run.check_parents(tmp_path / "clone")
    (tmp_path / "pyproject.toml").touch()

    with pytest.raises(run.SetupError, match=r"Move the clone out of"):
        run.check_parents(tmp_path / "clone")


def test_a_failed_set_up_is_one_line_with_the_last_words_of_what_failed() -> None:
    failing = [sys.executable, "-c", "print('a lot'); raise SystemExit('no route to the index')"]

    with pytest.raises(run.SetupError) as caught:
        run.finish(failing, "pip could not install hatch.")

    assert str(caught.value) == "pip could not install hatch. It said: no route to the index"


def test_the_program_runs_at_the_root_and_its_exit_status_is_passed_on(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    at_the_root = f"import os, sys; sys.exit(7 if os.path.samefile(os.getcwd(), {str(run.ROOT)!r}) else 1)"

    assert run.run([sys.executable, "-c", at_the_root], dict(os.environ)) == 7


def test_nothing_of_an_active_environment_reaches_hatch(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HATCH_ENV_ACTIVE", "PYTHONPATH", "VIRTUAL_ENV"):
        monkeypatch.setenv(name, "elsewhere")

    environment = run.hatch_environment()

    assert "elsewhere" not in environment.values()
    assert environment["PATH"].split(os.pathsep)[0] == str(run.PROGRAMS)
    assert Path(environment["HATCH_DATA_DIR"]).is_relative_to(run.ROOT)


def test_without_a_script_it_says_how_to_use_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert run.main([]) == 2
    assert "python tools/run.py smoke" in capsys.readouterr().out


@pytest.mark.skipif(os.name == "nt", reason="a console's Ctrl-C cannot be sent to one program on Windows")
def test_ctrl_c_waits_for_the_program_and_ends_with_130() -> None:
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
