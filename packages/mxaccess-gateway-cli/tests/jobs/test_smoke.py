"""`smoke` tests a gateway step by step, prints the steps, and cleans up."""

from __future__ import annotations

import grpc
import pytest
from mxaccess_gateway.v1 import mxaccess_gateway_pb2 as pb

from cli_support.command_line import mxgw_py, succeed
from mxgateway.testing import SimulatedGateway
from mxgateway_cli.exit_status import ExitStatus

ITEM = "TestChildObject.TestInt"
STEPS = [
    "connect",
    "open-session",
    "register",
    "add-item",
    "advise",
    "data-change",
    "un-advise",
    "remove-item",
    "unregister",
    "close-session",
]


@pytest.mark.usefixtures("gateway")
async def test_smoke_prints_every_step_and_value() -> None:
    result = await succeed("smoke", ITEM)

    lines = [line.split() for line in result.stdout.splitlines()]
    assert [(verdict, step) for verdict, step, *_ in lines] == [("ok", step) for step in STEPS]
    assert all(unit == "ms" and float(took) >= 0 for _, _, took, unit, *_ in lines)
    assert f"{ITEM}: good (192) 42" in result.stdout


@pytest.mark.usefixtures("gateway")
async def test_json_prints_one_record_per_step() -> None:
    records = (await succeed("smoke", ITEM, "--json")).records

    assert [record["step"] for record in records] == STEPS
    assert all(record["ok"] for record in records)
    event = records[STEPS.index("data-change")]["event"]
    assert (event["value"]["int32Value"], event["quality"], event["workerSequence"]) == (42, 192, "1")


async def test_smoke_simulate_starts_own_gateway(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MXGATEWAY_ENDPOINT", "nobody.invalid:5000")

    assert f"{ITEM}: good (192) 42" in (await succeed("smoke", "--simulate")).stdout


async def test_smoke_write_waits_for_outcome(gateway: SimulatedGateway) -> None:
    result = await succeed("smoke", ITEM, "--write", "123", "--type", "int32", "--json")

    by_step = {record["step"]: record for record in result.records}
    assert list(by_step) == [*STEPS[:6], "write", "write-complete", *STEPS[6:]]
    assert by_step["write-complete"]["event"]["family"] == "MX_EVENT_FAMILY_ON_WRITE_COMPLETE"
    assert gateway.plant[ITEM].value == 123


async def test_environment_never_triggers_smoke_write(
    gateway: SimulatedGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MXGATEWAY_WRITE", "1")
    monkeypatch.setenv("MXGATEWAY_TYPE", "int32")

    await succeed("smoke", ITEM)

    assert gateway.plant[ITEM].value == 42


@pytest.mark.usefixtures("gateway")
async def test_smoke_waits_until_uncertain_value_becomes_good() -> None:
    result = await succeed("smoke", "TestChildObject.TestSettling")

    assert "TestChildObject.TestSettling: good (192) 9" in result.stdout


@pytest.mark.usefixtures("gateway")
async def test_value_without_good_quality_fails_with_last_quality() -> None:
    result = await mxgw_py("smoke", "TestChildObject.TestUncertain", "--timeout", "0.3")

    assert result.status == ExitStatus.FAILED
    assert "no value of good quality within 0.3 s; the last quality was uncertain (64)" in result.error
    assert "FAILED  data-change" in result.stdout


@pytest.mark.usefixtures("gateway")
async def test_unknown_item_fails_at_once_with_mxaccess_reason() -> None:
    result = await mxgw_py("smoke", "NoSuchObject_999.NoSuchAttr", "--json")

    assert result.status == ExitStatus.MXACCESS
    assert result.records[-1]["step"] == "close-session"
    assert result.error_record["type"] == "MxAccessError"
    assert "invalid reference" in result.error_record["error"]
    assert [status["detail"] for status in result.error_record["statuses"]] == [6]


@pytest.mark.usefixtures("gateway")
async def test_refused_write_is_mxaccess_error() -> None:
    result = await mxgw_py("smoke", "TestChildObject.TestReadOnly", "--write", "1", "--type", "int32")

    assert result.status == ExitStatus.MXACCESS
    assert "TestChildObject.TestReadOnly is view only" in result.error
    assert "--supervisory" in result.error


@pytest.mark.parametrize("rpc", ["Invoke", "StreamEvents"])
async def test_smoke_closes_session_when_step_fails(gateway: SimulatedGateway, rpc: str) -> None:
    # The first Invoke is the probe of `connect`, which accepts any reply of a gateway.
    count = 2 if rpc == "Invoke" else 1
    gateway.faults.refuse_next_calls(count, grpc.StatusCode.RESOURCE_EXHAUSTED, "too much", rpc=rpc)

    result = await mxgw_py("smoke", ITEM)

    assert result.status == ExitStatus.SESSION
    assert "too much" in result.error
    assert result.stdout.splitlines()[-1].split()[:2] == ["ok", "close-session"]


async def test_timeout_leaves_no_session(gateway: SimulatedGateway) -> None:
    gateway.faults.delay_commands(30)

    result = await mxgw_py("smoke", ITEM, "--timeout", "0.3")

    assert result.status == ExitStatus.TIMED_OUT
    assert "Register" in result.error


async def test_write_without_outcome_may_still_happen() -> None:
    async with SimulatedGateway(write_time=60) as gateway:
        arguments = ["--endpoint", gateway.endpoint, "--plaintext", ITEM, "--timeout", "0.5"]
        with pytest.MonkeyPatch.context() as environment:
            environment.setenv("MXGATEWAY_API_KEY", gateway.api_key)
            result = await mxgw_py("smoke", *arguments, "--write", "5", "--type", "int32")

        assert result.status == ExitStatus.TIMED_OUT
        assert "the value may still be written" in result.error
        assert not gateway.sessions


async def test_failure_to_close_session_is_reported(gateway: SimulatedGateway) -> None:
    gateway.faults.refuse_next_calls(1, grpc.StatusCode.PERMISSION_DENIED, "not now", rpc="CloseSession")

    result = await mxgw_py("smoke", ITEM)

    assert result.status == ExitStatus.AUTHENTICATION
    assert "CloseSession" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        ([], "give TAG, for example mxgw-py smoke TestChildObject.TestInt"),
        ([ITEM, "--write", "1"], "--type"),
        ([ITEM, "--write", "one", "--type", "int32"], "invalid int32 'one'"),
        (["--simulate", "--endpoint", "localhost:5000"], "--simulate"),
    ],
)
async def test_invalid_options_are_refused_before_anything_is_sent(
    gateway: SimulatedGateway, arguments: list[str], hint: str
) -> None:
    result = await mxgw_py("smoke", *arguments)

    assert result.status == ExitStatus.USAGE
    assert hint in result.error
    assert result.stdout == ""
    assert not gateway.calls


async def test_smoke_ends_its_advise(gateway: SimulatedGateway) -> None:
    await succeed("smoke", ITEM)

    sent = [call.request for call in gateway.calls if isinstance(call.request, pb.MxCommandRequest)]
    kinds = [request.command.WhichOneof("payload") or "" for request in sent]
    assert [kind for kind in kinds if "advise" in kind] == ["advise", "un_advise"]
