"""`read`, `write --tag`, the former spelling of a write, and `watch` access tags by name and leave no session open."""

from __future__ import annotations

import json
from typing import Any, cast

import pytest

from cli_support.command_line import mxgw_py, read_line, start_process, succeed, wait_for_exit
from cli_support.schemas import validate
from mxgateway import TagOptions
from mxgateway.testing import SimulatedGateway
from mxgateway_cli.exit_status import ExitStatus
from mxgateway_cli.input.options import DEFAULT_FAILOVER_SECONDS

INT, READ_ONLY, UNKNOWN = "TestChildObject.TestInt", "TestChildObject.TestReadOnly", "NoSuchObject_999.NoSuchAttr"
WRITE_5 = ["write", "--type", "int32", "--value", "5"]


@pytest.mark.usefixtures("gateway")
async def test_pipe_gets_one_line_per_tag_in_order() -> None:
    result = await succeed("read", "TestChildObject.TestStringArray[]", INT)

    array, integer = result.stdout.splitlines()
    assert array.startswith("TestChildObject.TestStringArray[] ")
    assert array.endswith('good (192) ["one", "two", "three"]')
    assert integer.split()[0] == INT
    assert integer.endswith("Z good (192) 42")


@pytest.mark.usefixtures("gateway")
async def test_json_prints_one_record_per_tag() -> None:
    records = (await succeed("read", INT, "TestChildObject.TestNotConnected", "--json")).records

    for record in records:
        validate(record, "reading")
    assert [record["quality"] for record in records] == [192, 8]


@pytest.mark.usefixtures("gateway")
async def test_unreadable_tag_keeps_other_readings_and_sets_status_6() -> None:
    result = await mxgw_py("read", UNKNOWN, INT)

    assert result.status == ExitStatus.MXACCESS
    assert f"{INT} " in result.stdout
    assert "cannot read 1 of 2 tags" in result.error
    assert UNKNOWN in result.error


async def test_read_needs_no_events_scope(gateway: SimulatedGateway, monkeypatch: pytest.MonkeyPatch) -> None:
    key = gateway.add_key("session:open", "session:close", "invoke:read")
    monkeypatch.setenv("MXGATEWAY_API_KEY", key)

    assert "42" in (await succeed("read", INT)).stdout


async def test_write_by_name_waits_for_outcome(gateway: SimulatedGateway) -> None:
    assert (await succeed(*WRITE_5, "--tag", INT)).stdout == f"written {INT} 5\n"
    assert gateway.plant[INT].value == 5


@pytest.mark.usefixtures("gateway")
async def test_write_by_name_matches_schema() -> None:
    validate((await succeed(*WRITE_5, "--tag", INT, "--json")).record, "write")


@pytest.mark.usefixtures("gateway")
async def test_refused_write_by_name_gives_reason() -> None:
    result = await mxgw_py(*WRITE_5, "--tag", READ_ONLY)

    assert result.status == ExitStatus.MXACCESS
    assert f"{READ_ONLY} is view only" in result.error
    assert result.stdout.startswith(f"REFUSED {READ_ONLY} 5: ")


async def test_write_by_name_without_outcome_may_have_happened(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with SimulatedGateway(write_time=60) as gateway:
        monkeypatch.setenv("MXGATEWAY_API_KEY", gateway.api_key)
        target = ["--endpoint", gateway.endpoint, "--plaintext", "--timeout", "0.5"]
        result = await mxgw_py(*WRITE_5, "--tag", INT, *target)

        assert result.status == ExitStatus.TIMED_OUT
        assert "may" in result.error
        assert not gateway.sessions


async def test_supervisory_write_by_name_sends_user(gateway: SimulatedGateway) -> None:
    # User 2 is not authenticated in the command's own session, so MXAccess refuses it.
    when = "2026-01-05T08:00:00Z"
    result = await mxgw_py(*WRITE_5, "--tag", INT, "--supervisory", "--user-id", "2", "--timestamp", when)

    assert "user 2 is unknown" in result.error
    commands = [cast("Any", call.request).command for call in gateway.calls if call.rpc == "Invoke"]
    assert any(command.WhichOneof("payload") == "advise_supervisory" for command in commands)
    (write,) = [command.write2 for command in commands if command.WhichOneof("payload") == "write2"]
    assert write.user_id == 2


async def test_array_of_another_length_is_written_only_with_resize(gateway: SimulatedGateway) -> None:
    array = ["write", "--tag", "TestChildObject.TestResizableArray", "--type", "int32[]", "--value", "1,2"]
    result = await mxgw_py(*array, "--json")

    assert result.status == ExitStatus.USAGE
    validate(result.error_record, "error")
    assert (result.error_record["arrayLength"], result.error_record["valueLength"]) == (3, 2)
    assert "--resize" in result.error
    await succeed(*array, "--resize")
    assert gateway.plant["TestChildObject.TestResizableArray"].value == (1, 2)


@pytest.mark.usefixtures("advised_item")
async def test_resize_is_for_writes_by_name() -> None:
    result = await mxgw_py(*WRITE_5, "--resize")

    assert result.status == ExitStatus.USAGE
    assert "--resize works only by name" in result.error


async def test_refusal_for_security_names_option_that_allows_write(gateway: SimulatedGateway) -> None:
    tag = ["--tag", "TestChildObject.TestSupervisory"]
    result = await mxgw_py(*WRITE_5, *tag)

    assert result.status == ExitStatus.MXACCESS
    assert "use --supervisory, or write-secured" in result.error
    await succeed(*WRITE_5, *tag, "--supervisory")
    assert gateway.plant["TestChildObject.TestSupervisory"].value == 5


async def test_environment_never_names_tag_to_write(gateway: SimulatedGateway, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MXGATEWAY_TAG", INT)

    result = await mxgw_py(*WRITE_5)

    assert result.status == ExitStatus.USAGE
    assert "nothing to write: give TAG VALUE" in result.error
    assert gateway.plant[INT].value == 42


@pytest.mark.usefixtures("advised_item")
async def test_write_by_name_ignores_handles_in_environment(gateway: SimulatedGateway) -> None:
    await succeed(*WRITE_5, "--tag", "TestChildObject.TestFreeAccess")

    assert gateway.plant["TestChildObject.TestFreeAccess"].value == 5
    assert gateway.plant[INT].value == 42


@pytest.mark.usefixtures("gateway")
async def test_tag_and_handle_contradict_each_other() -> None:
    result = await mxgw_py(*WRITE_5, "--tag", INT, "--item-handle", "1")

    assert result.status == ExitStatus.USAGE
    assert "--tag and --item-handle contradict each other" in result.error


@pytest.mark.usefixtures("gateway")
async def test_watch_starts_with_current_values() -> None:
    lines = (await succeed("watch", INT, READ_ONLY, "--count", "2")).stdout.splitlines()

    assert sorted(line.split(" ", 1)[1] for line in lines) == [f"{INT} good (192) 42", f"{READ_ONLY} good (192) 7"]


@pytest.mark.usefixtures("gateway")
async def test_watch_ends_after_duration() -> None:
    assert INT in (await succeed("watch", INT, "--duration", "0.3")).stdout


async def test_watch_prints_status_items_between_changes(gateway: SimulatedGateway) -> None:
    async with start_process("watch", INT, "--json") as process:
        kinds = [json.loads(await read_line(process))]
        await gateway.faults.restart()
        while kinds[-1]["kind"] != "change" or len(kinds) == 1:
            kinds.append(json.loads(await read_line(process)))
        process.terminate()
        result = await wait_for_exit(process)

    for record in kinds:
        validate(record, "watch")
    assert [record["kind"] for record in kinds] == ["change", "lost", "restored", "change"]
    assert kinds[2]["resumed"] is False
    assert kinds[3]["repeated"] is True
    assert result.status == ExitStatus.INTERRUPTED
    assert "Traceback" not in result.stderr


async def test_watch_goes_to_next_gateway_when_its_own_stays_away(gateway: SimulatedGateway) -> None:
    async with SimulatedGateway(ramp_interval=None, api_key=gateway.api_key) as preferred:
        endpoints = f"{preferred.endpoint},{gateway.endpoint}"
        async with start_process("watch", INT, "--json", "--endpoint", endpoints, "--failover-after", "0.3") as process:
            records = [json.loads(await read_line(process))]
            await preferred.stop()
            while records[-1]["kind"] != "change" or len(records) == 1:
                records.append(json.loads(await read_line(process)))
            process.terminate()
            await wait_for_exit(process)

    for record in records:
        validate(record, "watch")
    assert [record["kind"] for record in records] == ["change", "lost", "restored", "change"]
    assert records[2]["endpoint"] == gateway.endpoint
    assert "missedSince" in records[2]
    assert records[3]["repeated"] is True


def test_failover_after_has_default_of_library() -> None:
    assert TagOptions(client_name="test").failover_after == DEFAULT_FAILOVER_SECONDS


async def test_watch_ends_when_all_tags_are_refused(gateway: SimulatedGateway, monkeypatch: pytest.MonkeyPatch) -> None:
    scopes = "session:open", "session:close", "invoke:read", "events:read"
    monkeypatch.setenv("MXGATEWAY_API_KEY", gateway.add_key(*scopes, galaxy=("TestMachine_001.*",)))

    result = await mxgw_py("watch", INT, READ_ONLY, "--json")

    for record in result.records:
        validate(record, "watch")
    assert {record["kind"] for record in result.records} == {"refused"}
    assert result.status == ExitStatus.MXACCESS
    assert "cannot watch any of the tags" in result.error_record["error"]


@pytest.mark.parametrize("command", ["read", "watch"])
async def test_missing_tag_is_usage_error(gateway: SimulatedGateway, command: str) -> None:
    result = await mxgw_py(command)

    assert result.status == ExitStatus.USAGE
    assert "TAG..." in result.error
    assert not gateway.calls


@pytest.mark.parametrize(("option", "kind"), [((), "advise_item_bulk"), (("--supervisory",), "advise_supervisory")])
async def test_watch_advises_as_supervisory_client_on_request(
    gateway: SimulatedGateway, option: tuple[str, ...], kind: str
) -> None:
    await succeed("watch", INT, "--count", "1", *option)

    commands = [cast("Any", call.request).command for call in gateway.calls if call.rpc == "Invoke"]
    sent = [command.WhichOneof("payload") for command in commands]
    assert [payload for payload in sent if payload and "advise" in payload] == [kind]
