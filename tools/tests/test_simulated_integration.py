"""The integration tests' simulated gateway: found by its first line, and gone in the end."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

import pytest
import simulated_integration

ADDRESS = 'print(\'{"endpoint": "127.0.0.1:4711", "apiKey": "made-up"}\', flush=True)'


def program(source: str) -> Sequence[str]:
    """A command that runs this Python source."""
    return [sys.executable, "-c", source]


def test_the_tests_are_led_to_the_gateway_and_to_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MXGATEWAY_CA_FILE", "of another gateway")

    with simulated_integration.simulated_gateway(program(f"import time; {ADDRESS}; time.sleep(60)")) as environment:
        told = {name: value for name, value in environment.items() if name.startswith("MXGATEWAY_")}

    assert told == {
        "MXGATEWAY_INTEGRATION": "1",
        "MXGATEWAY_ENDPOINT": "127.0.0.1:4711",
        "MXGATEWAY_API_KEY": "made-up",
        "MXGATEWAY_PLAINTEXT": "1",
        "MXGATEWAY_ITEM": "TestChildObject.TestInt",
        "MXGATEWAY_WRITE": "1",
    }


@pytest.mark.parametrize("source", ["raise SystemExit(2)", "print('listening')", "print('{}')", "print('7')"])
def test_a_gateway_that_does_not_say_where_it_listens_is_an_error(source: str) -> None:
    with (
        pytest.raises(simulated_integration.SimulatorError, match="did not say where it listens"),
        simulated_integration.simulated_gateway(program(source)),
    ):
        pytest.fail("there is no gateway to talk to")


@pytest.mark.skipif(os.name == "nt", reason="nothing on Windows can refuse to be terminated")
def test_a_gateway_that_does_not_stop_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(simulated_integration, "SECONDS_TO_STOP", 0.2)
    deaf = f"import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); {ADDRESS}; time.sleep(60)"

    with (
        pytest.raises(simulated_integration.SimulatorError, match=r"still there 0\.2 s after"),
        simulated_integration.simulated_gateway(program(deaf)),
    ):
        pass
