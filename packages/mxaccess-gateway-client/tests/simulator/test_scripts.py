"""Scripts change the plant and cause faults at the times that they name, on the gateway's own clock."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import grpc
import pytest
from mxaccess_gateway.v1 import mxaccess_gateway_pb2 as pb

import mxgateway.testing
from mxgateway.testing import Faults, Plant, Script, ScriptError, SimulatedGateway
from mxgateway.testing.scripts.actions import ACTIONS
from mxgateway.testing.scripts.instructions import parameters_of

if TYPE_CHECKING:
    from support.wire import Wire

README = (Path(mxgateway.testing.__file__).parent / "README.md").read_text(encoding="utf-8")
INT = "TestChildObject.TestInt"
ALARMED = "TestMachine_001.TestAlarm"


def example(first_words: str) -> str:
    """Return the example of the README that contains these words."""
    snippets: list[str] = re.findall(r"^```(?:toml|python)\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
    (found,) = [snippet for snippet in snippets if first_words in snippet]
    return found


def script_file(folder: Path, text: str, name: str = "faults.toml") -> Path:
    """Write a script and return its path."""
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_every_fault_has_an_action() -> None:
    faults = {name for name in vars(Faults) if not name.startswith("_")}

    assert faults <= set(ACTIONS)


def test_readme_lists_every_action_with_its_keys() -> None:
    rows = dict(re.findall(r"^\| `(\w+)` \| (.*?) \|", README, re.MULTILINE))
    for action in ACTIONS.values():
        keys = [f"`{each.name}`" for each in parameters_of(action.name)]
        assert re.findall(r"`\w+`", rows[action.name]) == keys, action.name


async def test_example_in_readme_runs_on_the_clock_of_the_gateway(
    tmp_path: Path, wire: Wire, gateway: SimulatedGateway
) -> None:
    script = Script.from_file(script_file(tmp_path, example("# faults.toml")))
    session = await wire.open_session()
    plant = gateway.plant

    async with script.running(gateway):
        assert plant[INT].value == 42
        gateway.clock.advance(5)
        await gateway.wait_for(lambda: plant[INT].value == 7)
        gateway.clock.advance(5)
        await gateway.wait_for(lambda: plant["TestChildObject.TestDouble"].quality == 0)
        gateway.clock.advance(2)
        await gateway.wait_for(lambda: (alarm := plant[ALARMED].alarm) and alarm.active)
        gateway.clock.advance(8)
        await gateway.wait_for(lambda: plant[INT].silent)
        gateway.clock.advance(10)
        await gateway.wait_for(lambda: not plant[INT].silent)

    await session.close()


async def test_python_script_drives_the_gateway(tmp_path: Path, gateway: SimulatedGateway) -> None:
    path = script_file(tmp_path, example("async def script"), "faults.py")

    async with Script.from_file(path).running(gateway):
        # The function starts, and waits.
        await gateway.clock.sleep(0)
        gateway.clock.advance(5)
        await gateway.wait_for(lambda: gateway.plant[INT].value == 7)
        await gateway.wait_for(lambda: gateway.plant[INT].silent)
        gateway.clock.advance(10)
        await gateway.wait_for(lambda: not gateway.plant[INT].silent)


async def test_lasting_fault_ends_after_its_duration_or_with_the_block(
    tmp_path: Path, gateway: SimulatedGateway
) -> None:
    other = gateway.plant["TestChildObject.TestDouble"]
    steps = f"""
        [[steps]]
        at = 0
        do = "silent_tag"
        tag = "{INT}"
        duration = 10

        [[steps]]
        at = 0
        do = "silent_tag"
        tag = "{other.name}"
    """
    tag = gateway.plant[INT]

    async with Script.from_file(script_file(tmp_path, steps)).running(gateway):
        assert [each.silent for each in (tag, other)] == [True, True]
        gateway.clock.advance(10)
        assert [each.silent for each in (tag, other)] == [False, True]
    assert [each.silent for each in (tag, other)] == [False, False]


async def test_faults_for_sessions_reach_those_that_are_named(
    tmp_path: Path, wire: Wire, gateway: SimulatedGateway
) -> None:
    await wire.open_session(client_session_name="press")
    await wire.open_session(client_session_name="oven")
    path = script_file(tmp_path, "[[steps]]\nat = 0\ndo = 'kill_worker'\nsession = 'press'\n")

    await Script.from_file(path).run(gateway)

    states = {session.client_session_name: int(session.state) for session in gateway.sessions}
    assert states == {"press": pb.SESSION_STATE_FAULTED, "oven": pb.SESSION_STATE_READY}


async def test_calls_are_refused_with_the_status_that_is_named(
    tmp_path: Path, wire: Wire, gateway: SimulatedGateway
) -> None:
    path = script_file(
        tmp_path, "[[steps]]\nat = 0\ndo = 'refuse_next_calls'\ncode = 'resource_exhausted'\nrpc = 'OpenSession'\n"
    )

    await Script.from_file(path).run(gateway)

    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await wire.open_session()
    assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    await wire.open_session()


async def test_failed_step_is_raised_with_its_place(tmp_path: Path, gateway: SimulatedGateway) -> None:
    path = script_file(tmp_path, "\n[[steps]]\nat = 1\ndo = 'kill_worker'\n")
    script = Script.from_file(path)

    with pytest.raises(ScriptError) as caught:
        async with script.running(gateway):
            gateway.clock.advance(1)
            await gateway.clock.sleep(0.01)
    assert str(caught.value) == f"{path}: line 2: steps[1]: no session is open"

    path = script_file(tmp_path, "async def script(gateway):\n    gateway.plant['A.B'].set(1)\n", "faults.py")
    with pytest.raises(ScriptError, match=re.escape(f"{path}: line 2: KeyError: ")):
        await Script.from_file(path).run(gateway)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("steps = 1", "steps must be an array, not 1"),
        ("", "it has no steps"),
        ("step = []", "unknown key step: use steps"),
        ("[[steps]\n", "at line 1"),
        ("\n\n[[steps]]\nat = 1\n", "line 3: steps[1]: do is missing"),
        ("[[steps]]\ndo = 'drop_connections'", "line 1: steps[1]: at is missing"),
        ("[[steps]]\nat = -1\ndo = 'drop_connections'", "at must be a number of seconds from 0, not -1"),
        ("[[steps]]\nat = 1\ndo = 'drop_conections'", "did you mean drop_connections?"),
        ("[[steps]]\nat = 1\ndo = 'set'\ntagg = 'A.B'", "unknown key tagg: use tag, value, quality, timestamp"),
        ("[[steps]]\nat = 1\ndo = 'set'", "tag is missing"),
        ("[[steps]]\nat = 1\ndo = 'delay_calls'\nseconds = 'x'", "seconds must be a number of seconds from 0, not 'x'"),
        ("[[steps]]\nat = 1\ndo = 'end'\nfault = 'restart'", "fault: restart does not last"),
        ("[[steps]]\nat = 1\ndo = 'refuse_next_calls'\nrpc = 'Invok'", "rpc must be one of OpenSession, "),
        ("[[steps]]\nat = 1\ndo = 'set'\ntag = 'TestChildObject.TestIn'\nvalue = 1", f"did you mean {INT}?"),
        (f"[[steps]]\nat = 1\ndo = 'set'\ntag = '{INT}'\nvalue = 'x'", "'x' (str) is not a valid integer"),
        (f"[[steps]]\nat = 1\ndo = 'raise_alarm'\ntag = '{INT}'", f"tag: {INT} has no alarm"),
        ("steps = [{at = 1, do = 'restart', x = 1}]", "faults.toml: steps[1]: unknown key x: it takes none"),
    ],
)
def test_mistake_in_a_script_names_file_and_place(tmp_path: Path, text: str, words: str) -> None:
    path = script_file(tmp_path, text)
    with pytest.raises(ScriptError) as caught:
        Script.from_file(path).check(Plant.default())
    assert str(caught.value).startswith(f"{path}: ")
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("faults.py", "x = 1\nasync def script(gateway:\n", "line 2: "),
        ("faults.py", "x = 1\nraise RuntimeError('no')\n", "line 2: RuntimeError: no"),
        ("faults.py", "def script(gateway): pass\n", "it must define `async def script(gateway)`"),
        ("faults.yaml", "", "must end in .toml or .py"),
    ],
)
def test_unusable_file_is_refused(tmp_path: Path, name: str, text: str, words: str) -> None:
    path = script_file(tmp_path, text, name)
    with pytest.raises(ScriptError) as caught:
        Script.from_file(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert words in str(caught.value)
    with pytest.raises(FileNotFoundError):
        Script.from_file(tmp_path / "other.py")


@pytest.mark.parametrize(
    ("tag", "raised", "cleared"),
    [
        ("TestMachine_001.TestAlarm", True, False),
        ("TestChildObject.TestAlarmed", 90.0, 89.0),
        ("TestChildObject.TestLowAlarm", 10, 11),
    ],
)
def test_alarm_of_a_tag_is_raised_and_cleared(tag: str, raised: object, cleared: object) -> None:
    plant = Plant.default()
    alarm = plant[tag].alarm
    assert alarm is not None
    plant[tag].clear_alarm()
    assert (plant[tag].value, alarm.active) == (cleared, False)
    plant[tag].raise_alarm()
    assert (plant[tag].value, alarm.active) == (raised, True)

    with pytest.raises(ValueError, match="does not clear the alarm"):
        plant[tag].clear_alarm(plant[tag].value)
    with pytest.raises(ValueError, match="has no alarm"):
        plant[INT].raise_alarm()
