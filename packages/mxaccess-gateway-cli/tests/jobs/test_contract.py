"""`contract` compares our contract with that of a gateway, and names the commands that a difference affects."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
from google.protobuf.descriptor_pb2 import FieldDescriptorProto, FileDescriptorProto, FileDescriptorSet
from mxaccess_gateway.v1 import mxaccess_gateway_pb2 as pb

from cli_support.command_line import mxgw_py, succeed
from cli_support.gateways import API_KEY
from cli_support.schemas import validate
from mxgateway.contract import elements_used, our_descriptors
from mxgateway.testing import SimulatedGateway
from mxgateway_cli.app import COMMANDS
from mxgateway_cli.exit_status import ExitStatus
from mxgateway_cli.jobs.contract.uses import uses_of
from support.reflecting_server import reflecting, reflecting_server

GATEWAY = "mxaccess_gateway/v1/mxaccess_gateway.proto"
INTERVAL = pb.SetBufferedUpdateIntervalCommand.DESCRIPTOR.fields_by_name["update_interval_milliseconds"].number


def changed(files: Mapping[str, FileDescriptorProto]) -> None:
    """Remove an rpc, change the number of a field, and add a field."""
    methods = files[GATEWAY].service[0].method
    methods.remove(next(method for method in methods if method.name == "QueryActiveAlarms"))
    messages = {message.name: message for message in files[GATEWAY].message_type}
    interval = messages["SetBufferedUpdateIntervalCommand"].field
    next(field for field in interval if field.name == "update_interval_milliseconds").number = 900
    messages["WorkerInfoReply"].field.add(
        name="plant", number=901, type=FieldDescriptorProto.TYPE_STRING, label=FieldDescriptorProto.LABEL_OPTIONAL
    )


DIFFERENCES = [
    "rpc mxaccess_gateway.v1.MxAccessGateway.QueryActiveAlarms: missing there; affects query-active-alarms",
    (
        "field mxaccess_gateway.v1.SetBufferedUpdateIntervalCommand.update_interval_milliseconds: "
        f"number {INTERVAL} here, 900 there; affects set-buffered-update-interval"
    ),
    "field mxaccess_gateway.v1.WorkerInfoReply.plant = 901: missing here; affects doctor, worker-info",
]


@pytest.fixture
def their_file(tmp_path: Path) -> Path:
    """The descriptor set of a gateway with another contract."""
    files = {file.name: file for file in our_descriptors().file}
    changed(files)
    path = tmp_path / "gateway.binpb"
    path.write_bytes(FileDescriptorSet(file=files.values()).SerializeToString())
    return path


async def test_each_difference_is_printed_with_the_commands_that_it_affects(their_file: Path) -> None:
    result = await mxgw_py("contract", their_file)

    assert result.stdout.splitlines() == DIFFERENCES
    assert result.error == f"mxgw-py: error: 3 differences between the contract of mxgw-py and {their_file}"
    assert result.status == ExitStatus.FAILED


async def test_differences_match_schema(their_file: Path) -> None:
    result = await mxgw_py("contract", their_file, "--json")

    for record in result.records:
        validate(record, "contract")
    assert [record["commands"] for record in result.records] == [
        ["query-active-alarms"],
        ["set-buffered-update-interval"],
        ["doctor", "worker-info"],
    ]
    assert [result.records[1][key] for key in ("fact", "here", "there")] == ["number", str(INTERVAL), "900"]
    validate(result.error_record, "error")


async def test_exported_contract_has_no_difference(tmp_path: Path) -> None:
    path = tmp_path / "ours.binpb"

    exported = await succeed("contract", "--export", path, "--json")
    result = await mxgw_py("contract", path)

    validate(exported.record, "contract")
    assert (result.status, result.stdout) == (ExitStatus.GOOD, "")
    assert result.error == f"no difference between the contract of mxgw-py and {path}"


async def test_contract_of_running_gateway_is_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MXGATEWAY_API_KEY", API_KEY)
    async with reflecting_server(reflecting(changed)) as endpoint:
        result = await mxgw_py("contract", "--live", "--endpoint", endpoint, "--plaintext")

    assert result.stdout.splitlines() == DIFFERENCES
    assert result.status == ExitStatus.FAILED


@pytest.mark.usefixtures("gateway")
async def test_gateway_without_reflection_is_one_line_with_a_way_out() -> None:
    result = await mxgw_py("contract", "--live")

    assert result.status == ExitStatus.TRANSPORT
    assert "has no server reflection" in result.error
    assert "compare with the file" in result.error


@pytest.mark.parametrize("arguments", [[], ["a.binpb", "--live"], ["--live", "--export", "a.binpb"]])
async def test_exactly_one_source_must_be_given(arguments: list[str]) -> None:
    result = await mxgw_py("contract", *arguments)

    assert result.status == ExitStatus.USAGE
    assert "only one of them" in result.error


async def test_unusable_files_are_usage_errors(tmp_path: Path) -> None:
    read = await mxgw_py("contract", tmp_path / "nowhere.binpb")
    written = await mxgw_py("contract", "--export", tmp_path / "nowhere" / "ours.binpb")

    assert (read.status, written.status) == (ExitStatus.USAGE, ExitStatus.USAGE)
    assert "cannot read" in read.error
    assert "cannot write" in written.error


# Command lines of a session with one advised item, in an order in which each of them can succeed.
COMMAND_LINES = (
    "smoke TestChildObject.TestInt --write 1 --type int32",
    "doctor",
    "read TestChildObject.TestInt",
    "read --match TestChildObject.TestI*",
    "watch TestChildObject.TestInt --count 1",
    "write TestChildObject.TestInt 3",
    "write --tag TestChildObject.TestInt --type int32 --value 1",
    "write --type int32 --value 2",
    "write --type int32 --value 2 --timestamp 2026-01-01T00:00:00Z",
    "session-state",
    "ping",
    "worker-info",
    "register",
    "add-item TestChildObject.TestDouble",
    "add-item TestInt --context TestChildObject",
    "stream-events --count 1",
    "drain-events",
    "subscribe-bulk TestChildObject.TestInt",
    "read-bulk TestChildObject.TestInt",
    "write-bulk --item-handles 1 --type int32 --values 1",
    "suspend",
    "activate",
    "stream-alarms --count 1",
    "query-active-alarms",
    "session-active-alarms",
    "browse",
    "galaxy-discover",
    "cache-tags",
    "galaxy-last-deploy",
    "galaxy-status",
    "galaxy-test-connection",
    "bench-read-bulk --duration 0.1",
    "bench-events --duration 0.1",
)


@pytest.mark.usefixtures("advised_item")
async def test_commands_send_what_the_contract_check_says(gateway: SimulatedGateway) -> None:
    for line in COMMAND_LINES:
        name, *arguments = line.split()
        before = len(gateway.calls)
        assert (await mxgw_py(name, *arguments)).status == ExitStatus.GOOD, line

        sent = gateway.calls[before:]
        kinds = {kind_of(call.request) for call in sent if isinstance(call.request, pb.MxCommandRequest)}
        uses = uses_of(name)
        assert {call.rpc for call in sent} <= uses.rpcs, line
        assert kinds <= uses.kinds, line


WITHOUT_GATEWAY = {
    *("help", "version", "simulate", "contract", "completion", "batch"),
    *("profile add", "profile list", "profile show", "profile use", "profile remove"),
}


@pytest.mark.parametrize("name", [name for commands in COMMANDS.values() for name in commands])
def test_every_command_says_what_it_sends(name: str) -> None:
    uses = uses_of(name)

    assert {f"MX_COMMAND_KIND_{kind}" for kind in uses.kinds} <= set(pb.MxCommandKind.keys())
    assert elements_used(uses.rpcs) or name in WITHOUT_GATEWAY


def kind_of(request: pb.MxCommandRequest) -> str:
    return pb.MxCommandKind.Name(request.command.kind).removeprefix("MX_COMMAND_KIND_")
