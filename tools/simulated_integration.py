"""Run tests-integration against `mxgw-py simulate` in its own process, so that these tests are not only skipped.

The arguments are passed to pytest. The exit status is pytest's, or 1 if the simulated gateway does not start or stop.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SIMULATE = (sys.executable, "-m", "mxgateway_cli", "simulate", "--json")
ITEM = "TestChildObject.TestInt"
SECONDS_TO_START = 30.0
SECONDS_TO_STOP = 10.0


class SimulatorError(Exception):
    """The simulated gateway did not start or did not stop."""


@contextmanager
def simulated_gateway(command: Sequence[str] = SIMULATE) -> Generator[Mapping[str, str]]:
    """Run a simulated gateway, and yield the environment that points the integration tests to it.

    Raises:
        SimulatorError: The first line of its output is not an address, or it does not stop within ten seconds.
    """
    with tempfile.TemporaryDirectory(prefix="simulated-gateway-") as directory:
        said = Path(directory, "said")
        with said.open("wb") as output:
            process = subprocess.Popen(command, cwd=ROOT, env=clean_environment(), stdout=output)
        try:
            yield clean_environment() | address(process, said)
        finally:
            stop(process)


def clean_environment() -> dict[str, str]:
    """Return the environment of this process without the variables of another gateway."""
    return {name: value for name, value in os.environ.items() if not name.startswith("MXGATEWAY_")}


def address(process: subprocess.Popen[bytes], said: Path) -> dict[str, str]:
    """Wait for the first line of the gateway's output, and return the environment with its address and key."""
    deadline = time.monotonic() + SECONDS_TO_START
    while b"\n" not in said.read_bytes() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.05)
    try:
        first = json.loads(said.read_bytes().partition(b"\n")[0])
        endpoint, api_key = str(first["endpoint"]), str(first["apiKey"])
    except (ValueError, KeyError, TypeError):
        raise SimulatorError("the simulated gateway did not print its address; its own message is above") from None
    return {
        "MXGATEWAY_INTEGRATION": "1",
        "MXGATEWAY_ENDPOINT": endpoint,
        "MXGATEWAY_API_KEY": api_key,
        "MXGATEWAY_PLAINTEXT": "1",
        "MXGATEWAY_ITEM": ITEM,
        "MXGATEWAY_WRITE": "1",
    }


def stop(process: subprocess.Popen[bytes]) -> None:
    """Stop the gateway as a service manager does, and wait for its end."""
    process.terminate()
    try:
        process.wait(SECONDS_TO_STOP)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        raise SimulatorError(f"the simulated gateway did not stop within {SECONDS_TO_STOP:g} s") from None


def main(arguments: Sequence[str]) -> int:
    """Run the integration tests and return the exit status."""
    pytest = [sys.executable, "-m", "pytest", "-c", str(ROOT / "packages" / "pytest.ini"), "--rootdir", str(ROOT)]
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
