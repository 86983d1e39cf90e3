"""The simulated gateway of the integration tests: its address is its first line, and it is stopped at the end."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

import pytest
import simulated_integration

ADDRESS = 'print(\'{"endpoint": "127.0.0.1:4711", "apiKey": "made-up"}\', flush=True)'


def program(source: str) -> Sequence[str]:
    """Return a command that runs Python source."""
    return [sys.executable, "-c", source]


def test_environment_points_to_this_gateway_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MXGATEWAY_CA_FILE", "of another gateway")

    with simulated_integration.simulated_gateway(program(f"import time; {ADDRESS}; time.sleep(60)")) as environment:
        found = {name: value for name, value in environment.items() if name.startswith("MXGATEWAY_")}

    assert found == {
        "MXGATEWAY_INTEGRATION": "1",
        "MXGATEWAY_ENDPOINT": "127.0.0.1:4711",
        "MXGATEWAY_API_KEY": "made-up",
        "MXGATEWAY_PLAINTEXT": "1",
        "MXGATEWAY_ITEM": "TestChildObject.TestInt",
        "MXGATEWAY_WRITE": "1",
    }


@pytest.mark.parametrize("source", ["raise SystemExit(2)", "print('listening')", "print('{}')", "print('7')"])
def test_gateway_without_an_address_is_an_error(source: str) -> None:
    with (
        pytest.raises(simulated_integration.SimulatorError, match="did not print its address"),
        simulated_integration.simulated_gateway(program(source)),
    ):
        pytest.fail("the gateway did not start")


@pytest.mark.skipif(os.name == "nt", reason="on Windows a program cannot refuse to be terminated")
def test_gateway_that_does_not_stop_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(simulated_integration, "SECONDS_TO_STOP", 0.2)
    deaf = f"import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); {ADDRESS}; time.sleep(60)"

    with (
        pytest.raises(simulated_integration.SimulatorError, match=r"did not stop within 0\.2 s"),
        simulated_integration.simulated_gateway(program(deaf)),
    ):
        pass
