"""Runs a script of hatch.toml from a fresh clone, with nothing but Python and pip on the machine.

    python tools/run.py smoke     a conversation with a simulated gateway, step by step
    python tools/run.py tests     all tests, those for a real gateway against a simulated one
    python tools/run.py NAME ...  any other script of hatch.toml, with its arguments

The first run puts hatch into .hatch/ in the clone, and hatch puts its environments there too: delete the folder to
start afresh. It may be called from any folder. The exit status is that of what ran; 130 after Ctrl-C.
"""
# Parsed by whatever Python is at hand, even one that is too old: so that it can say so, nothing here is newer than 3.6.

import os
import shutil
import subprocess
import sys
from pathlib import Path

OLDEST_PYTHON = (3, 11)
HATCH = "hatch>=1.18.2,<1.19"
ROOT = Path(__file__).resolve().parent.parent
HOME = ROOT / ".hatch"
PROGRAMS = HOME / ("Scripts" if os.name == "nt" else "bin")
INTERRUPTED = 130


class SetupError(Exception):
    """The machine lacks something; the message is one line that says what to change."""


def main(arguments: "list[str]") -> int:
    """Set up what is missing, then run the script; gives the exit status."""
    if not arguments or arguments[0] in ("-h", "--help"):
        print(__doc__)
        return 0 if arguments else 2
    try:
        check_python(sys.version_info[:2])
        check_parents(ROOT)
        if not is_set_up():
            set_up()
        return run([program("hatch"), "run", *arguments], environment=hatch_environment())
    except SetupError as error:
        print("run.py: {}".format(error), file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return INTERRUPTED


def check_python(version: "tuple[int, ...]") -> None:
    """Refuse a Python that the packages do not support."""
    if version < OLDEST_PYTHON:
        message = "Python {}.{} or newer is needed, and this is {}.{} ({}). Call this file with a newer one."
        raise SetupError(message.format(*OLDEST_PYTHON, *version, sys.executable))


def check_parents(root: Path) -> None:
    """Refuse a place where hatch would take another project for this one: it looks upward for these two files."""
    for parent in root.parents:
        for name in ("pyproject.toml", "setup.py"):
            if (parent / name).is_file():
                message = "hatch would take {} for this project's own. Move the clone out of {}."
                raise SetupError(message.format(parent / name, parent))


def program(name: str) -> str:
    """Where the set-up has one of its programs."""
    return str(PROGRAMS / (name + ".exe" if os.name == "nt" else name))


def stamp() -> str:
    """What the present set-up was made from; another Python or hatch needs another one."""
    return "{}\n{}\n{}\n".format(HATCH, sys.version, sys.base_prefix)


def is_set_up() -> bool:
    """Whether an earlier run finished setting up, with this Python and this hatch."""
    made_from = HOME / "made-from"
    return made_from.is_file() and made_from.read_text(encoding="utf-8") == stamp()


def set_up() -> None:
    """Put hatch into an environment of its own; the stamp comes last, so that a broken set-up is made again."""
    print("Setting up hatch in {} (once)".format(HOME), file=sys.stderr, flush=True)
    shutil.rmtree(str(HOME), ignore_errors=True)
    finish(
        [sys.executable, "-m", "venv", str(HOME)],
        "Python's venv module could not make {}. On Debian and Ubuntu: apt install python3-venv.".format(HOME),
    )
    finish(
        [program("python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", HATCH],
        "pip could not install {}. Check the network, HTTPS_PROXY, and pip's settings (pip config list).".format(HATCH),
    )
    (HOME / "config.toml").touch()
    (HOME / "made-from").write_text(stamp(), encoding="utf-8")


def finish(command: "list[str]", complaint: str) -> None:
    """Run one step of the set-up in silence; its last words go behind the complaint."""
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, universal_newlines=True)
    output, _ = process.communicate()
    if process.returncode != 0:
        lines = [line.strip() for line in output.splitlines() if line.strip()] or ["no output"]
        raise SetupError("{} It said: {}".format(complaint, lines[-1]))


def hatch_environment() -> "dict[str, str]":
    """This process's environment, without what would lead hatch astray, and with this hatch found by nested calls."""
    environment = dict(os.environ)
    for name in ("HATCH_ENV", "HATCH_ENV_ACTIVE", "HATCH_PROJECT", "PYTHONHOME", "PYTHONPATH", "VIRTUAL_ENV"):
        environment.pop(name, None)
    environment["HATCH_CONFIG"] = str(HOME / "config.toml")
    environment["HATCH_DATA_DIR"] = str(HOME / "data")
    environment["PATH"] = os.pathsep.join([str(PROGRAMS), os.environ.get("PATH", os.defpath)])
    return environment


def run(command: "list[str]", environment: "dict[str, str]") -> int:
    """Run at the root and wait, even after Ctrl-C: it reaches the program too, which may have to clean up."""
    process = subprocess.Popen(command, cwd=str(ROOT), env=environment)
    interrupted = False
    while True:
        try:
            status = process.wait()
        except KeyboardInterrupt:
            interrupted = True
        else:
            return INTERRUPTED if interrupted else status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
