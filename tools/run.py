"""Run a script of hatch.toml from a fresh clone, with only Python and pip on the machine.

    python tools/run.py smoke     a whole session with a simulated gateway, step by step
    python tools/run.py tests     all tests; those for a real gateway run against a simulated one
    python tools/run.py NAME ...  any other script of hatch.toml, with its arguments

It may be called from any folder. The first run installs hatch into .hatch/ in the clone, where hatch also puts its
environments: delete the folder to start over. The exit status is that of the script, or 130 after Ctrl-C.
"""
# An older Python must be able to report that it is too old: nothing here is newer than Python 3.6.

import os
import shutil
import subprocess
import sys
from pathlib import Path

OLDEST_PYTHON = (3, 11)
HATCH = "hatch>=1.18.2,<1.19"
ROOT = Path(__file__).resolve().parent.parent
HOME = ROOT / ".hatch"
PROGRAMS, EXE = (HOME / "Scripts", ".exe") if os.name == "nt" else (HOME / "bin", "")
# Written last, so that an interrupted set-up is repeated, as is the set-up of another Python or another hatch.
STAMP = HOME / "made-from"
MADE_FROM = f"{HATCH}\n{sys.version}\n{sys.base_prefix}\n"
# Variables that lead hatch to another project or another Python.
MISLEADING = ("HATCH_ENV", "HATCH_ENV_ACTIVE", "HATCH_PROJECT", "PYTHONHOME", "PYTHONPATH", "VIRTUAL_ENV")
# Without bytecode, every process of the tests compiles all that it imports. It is kept in .hatch instead.
WITHOUT_BYTECODE = "PYTHONDONTWRITEBYTECODE"


def main(arguments: "list[str]") -> "int | str":
    """Set hatch up if needed, and run the script. Return the exit status, or a text that says what to do."""
    if sys.version_info < OLDEST_PYTHON:
        return f"run.py: Python 3.11 or newer is required, and this is {sys.version.split()[0]} ({sys.executable})"
    if not arguments or arguments[0] in ("-h", "--help"):
        print(__doc__)
        return 0 if arguments else 2
    others = [parent / name for parent in ROOT.parents for name in ("pyproject.toml", "setup.py")]
    for other in filter(Path.is_file, others):
        return f"run.py: hatch would take {other} for this project's own: move the clone to another folder"
    try:
        if not STAMP.is_file() or STAMP.read_text(encoding="utf-8") != MADE_FROM:
            set_up()
        return run([str(PROGRAMS / f"hatch{EXE}"), "run", *arguments])
    except subprocess.CalledProcessError as error:
        return f"run.py: could not set up hatch in {HOME}: {' '.join(error.cmd)} failed:\n{error.output}"
    except KeyboardInterrupt:
        return 130


def set_up() -> None:
    """Install hatch into an environment of its own."""
    print(f"Setting up hatch in {HOME} (once)", file=sys.stderr, flush=True)
    shutil.rmtree(str(HOME), ignore_errors=True)
    pip = [str(PROGRAMS / f"python{EXE}"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    for command in ([sys.executable, "-m", "venv", str(HOME)], [*pip, HATCH]):
        subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=True)
    (HOME / "config.toml").touch()
    STAMP.write_text(MADE_FROM, encoding="utf-8")


def run(command: "list[str]") -> int:
    """Run a command at the root with the environment of this hatch, and return its exit status.

    Ctrl-C reaches the command as well: wait until it has cleaned up.
    """
    environment = {name: value for name, value in os.environ.items() if name not in MISLEADING}
    environment["HATCH_CONFIG"], environment["HATCH_DATA_DIR"] = str(HOME / "config.toml"), str(HOME / "data")
    environment["PATH"] = os.pathsep.join((str(PROGRAMS), os.environ.get("PATH", os.defpath)))
    if environment.pop(WITHOUT_BYTECODE, None):
        environment["PYTHONPYCACHEPREFIX"] = str(HOME / "bytecode")
    process = subprocess.Popen(command, cwd=str(ROOT), env=environment)
    interrupted = False
    while True:
        try:
            status = process.wait()
        except KeyboardInterrupt:
            interrupted = True
        else:
            return 130 if interrupted else status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
