"""Runs tests-integration against `mxgw-py simulate` in a process of its own: so those tests are never only skipped.

Arguments go to pytest. The exit status is pytest's; 1 when the simulated gateway does not start, or does not stop.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SIMULATE = (sys.executable, "-m", "mxgateway_cli", "simulate", "--json")
ITEM = "TestChildObject.TestInt"
SECONDS_TO_START = 30.0
SECONDS_TO_STOP = 10.0


class SimulatorError(Exception):
    """The simulated gateway did not start, or did not stop when told to."""


@contextmanager
def simulated_gateway(command: Sequence[str] = SIMULATE) -> Iterator[Mapping[str, str]]:
    """Run a simulated gateway; gives the environment that leads the integration tests to it.

    Raises:
        SimulatorError: its first line is no address, or it is still there ten seconds after it was told to stop.
    """
    process = subprocess.Popen(command, cwd=ROOT, env=clean_environment(), stdout=subprocess.PIPE, text=True)
    try:
        yield clean_environment() | address(process)
    finally:
        stop(process)


def clean_environment() -> dict[str, str]:
    """This process's environment without a word about another gateway."""
    return {name: value for name, value in os.environ.items() if not name.startswith("MXGATEWAY_")}


def address(process: subprocess.Popen[str]) -> dict[str, str]:
    """Read where the gateway listens from its first line."""
    if process.stdout is None:
        raise SimulatorError("the simulated gateway has no standard output")
    alarm = threading.Timer(SECONDS_TO_START, process.kill)
    alarm.start()
    line = process.stdout.readline()
    alarm.cancel()
    # Whatever it says later must not fill the pipe and stop it.
    threading.Thread(target=process.stdout.read, name="simulator output", daemon=True).start()
    try:
        said = json.loads(line)
        endpoint, api_key = str(said["endpoint"]), str(said["apiKey"])
    except (ValueError, KeyError, TypeError):
        raise SimulatorError("the simulated gateway did not say where it listens; its own message is above") from None
    return {
        "MXGATEWAY_INTEGRATION": "1",
        "MXGATEWAY_ENDPOINT": endpoint,
        "MXGATEWAY_API_KEY": api_key,
        "MXGATEWAY_PLAINTEXT": "1",
        "MXGATEWAY_ITEM": ITEM,
        "MXGATEWAY_WRITE": "1",
    }


def stop(process: subprocess.Popen[str]) -> None:
    """Tell the gateway to stop, as Ctrl-C does where there is one, and see that it does."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM if os.name == "nt" else signal.SIGINT)
    try:
        process.wait(SECONDS_TO_STOP)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        raise SimulatorError(f"the simulated gateway was still there {SECONDS_TO_STOP:g} s after Ctrl-C") from None


def main(arguments: Sequence[str]) -> int:
    """Run the integration tests; gives the exit status."""
    pytest = [sys.executable, "-m", "pytest", "-c", str(ROOT / "tools" / "pytest.ini"), "--rootdir", str(ROOT)]
    try:
        with simulated_gateway() as environment:
            tests = [*pytest, str(ROOT / "tests-integration"), *arguments]
            return subprocess.run(tests, cwd=ROOT, env=environment, check=False).returncode
    except SimulatorError as error:
        print(f"simulated_integration: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
