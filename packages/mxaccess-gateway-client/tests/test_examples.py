"""Every example runs as it stands against a simulated gateway, prints what it promises and leaves no session."""

from __future__ import annotations

from pathlib import Path

import pytest
from programs import run_python

from mxgateway.testing import SimulatedGateway

EXAMPLES = Path(__file__).parents[1] / "examples"

# pytest-asyncio warns without it.
SCOPE = ("-o", "asyncio_default_fixture_loop_scope=function")

# The arguments of each, and what it must print.
RUNS = {
    "bulk_subscribe.py": (["300"], "300 tags in"),
    "log_to_csv.py": (["changes.csv", "6", "TestMachine_001.TestChangingInt"], "changes.csv is written"),
    "read_tags.py": (["TestChildObject.TestInt", "NoSuchObject_999.NoSuchAttr"], "TestChildObject.TestInt = 42 (good"),
    "watch_tags.py": (["4", "TestMachine_002.TestChangingInt"], "TestMachine_002.TestChangingInt = 1"),
    "write_and_confirm.py": (["TestChildObject.TestInt", "5"], "TestChildObject.TestInt = 5"),
}


def test_every_example_is_run_here() -> None:
    assert {path.name for path in EXAMPLES.glob("*.py")} == {*RUNS, "test_automation.py"}


@pytest.mark.parametrize("name", RUNS)
async def test_an_example_runs_and_prints_what_it_promises(name: str, tmp_path: Path) -> None:
    arguments, expected = RUNS[name]
    async with SimulatedGateway(ramp_interval=0.05) as gateway:
        output, errors = await run_python(gateway, tmp_path, EXAMPLES / name, *arguments)

        assert expected in output
        assert errors == ""
        assert not gateway.sessions


async def test_the_example_of_a_test_passes(tmp_path: Path) -> None:
    async with SimulatedGateway() as gateway:
        output, _ = await run_python(
            gateway, tmp_path, "-m", "pytest", "-q", "-p", "no:cacheprovider", *SCOPE, EXAMPLES / "test_automation.py"
        )

    assert "3 passed" in output
