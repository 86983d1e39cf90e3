"""compare_contract with a FileDescriptorSet."""

import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import compare_contract
import pytest
from google.protobuf import descriptor_pb2

GATEWAY = "mxaccess_gateway/v1/mxaccess_gateway.proto"
GALAXY = "mxaccess_gateway/v1/galaxy_repository.proto"
FIELD = descriptor_pb2.FieldDescriptorProto

Published = Mapping[str, descriptor_pb2.FileDescriptorProto]
Change = Callable[[Published], None]


def published() -> Published:
    """Return the files of a gateway with exactly our contract, by name."""
    files = {file.name: descriptor_pb2.FileDescriptorProto() for file in compare_contract.OUR_FILES}
    for file in compare_contract.OUR_FILES:
        file.CopyToProto(files[file.name])
    return files


def write(files: Sequence[descriptor_pb2.FileDescriptorProto], directory: Path) -> Path:
    path = directory / "gateway.binpb"
    path.write_bytes(descriptor_pb2.FileDescriptorSet(file=files).SerializeToString())
    return path


def message(files: Published, name: str) -> descriptor_pb2.DescriptorProto:
    return next(found for file in files.values() for found in file.message_type if found.name == name)


def field(files: Published, name: str) -> descriptor_pb2.FieldDescriptorProto:
    parent, _, child = name.partition(".")
    return next(found for found in message(files, parent).field if found.name == child)


def enum(files: Published, name: str) -> descriptor_pb2.EnumDescriptorProto:
    return next(found for found in files[GATEWAY].enum_type if found.name == name)


def rpc(files: Published, name: str) -> descriptor_pb2.MethodDescriptorProto:
    return next(found for file in files.values() for found in file.service[0].method if found.name == name)


def field_missing_there(files: Published) -> None:
    message(files, "MxEvent").field.remove(field(files, "MxEvent.quality"))


def field_missing_here(files: Published) -> None:
    message(files, "MxEvent").field.add(name="plant", number=30, type=FIELD.TYPE_STRING, label=FIELD.LABEL_OPTIONAL)


def field_renamed(files: Published) -> None:
    renamed = field(files, "MxEvent.quality")
    renamed.name, renamed.json_name = "opc_quality", "opcQuality"


def field_renamed_with_other_type(files: Published) -> None:
    field_renamed(files)
    field(files, "MxEvent.opc_quality").type = FIELD.TYPE_UINT32


def field_number(files: Published) -> None:
    field(files, "MxEvent.quality").number = 60


def fields_swapped(files: Published) -> None:
    message(files, "ProtocolStatus").field[0].number = 2
    message(files, "ProtocolStatus").field[1].number = 1


def field_type(files: Published) -> None:
    field(files, "MxEvent.quality").type = FIELD.TYPE_INT64


def field_message_type(files: Published) -> None:
    field(files, "SuspendReply.status").type_name = ".mxaccess_gateway.v1.ProtocolStatus"


def field_enum_becomes_number(files: Published) -> None:
    changed = field(files, "MxEvent.family")
    changed.type = FIELD.TYPE_INT32
    changed.ClearField("type_name")


def field_label(files: Published) -> None:
    field(files, "OpenSessionReply.capabilities").label = FIELD.LABEL_OPTIONAL


def field_loses_presence(files: Published) -> None:
    parent = message(files, "BulkWriteResult")
    field(files, "BulkWriteResult.hresult").ClearField("proto3_optional")
    field(files, "BulkWriteResult.hresult").ClearField("oneof_index")
    del parent.oneof_decl[:]


def field_gains_presence(files: Published) -> None:
    changed = field(files, "BulkWriteResult.error_message")
    changed.proto3_optional = True
    changed.oneof_index = 1
    message(files, "BulkWriteResult").oneof_decl.add(name="_error_message")


def field_leaves_oneof(files: Published) -> None:
    field(files, "AlarmFeedMessage.provider_status").ClearField("oneof_index")


def field_enters_oneof(files: Published) -> None:
    field(files, "MxCommand.kind").oneof_index = 0


def oneof_renamed(files: Published) -> None:
    message(files, "BrowseChildrenRequest").oneof_decl[0].name = "under"


def json_name(files: Published) -> None:
    field(files, "MxEvent.session_id").json_name = "session_id"


def value_missing_there(files: Published) -> None:
    del enum(files, "SessionState").value[9]


def value_missing_here(files: Published) -> None:
    enum(files, "SessionState").value.add(name="SESSION_STATE_SLEEPING", number=10)


def value_renamed(files: Published) -> None:
    enum(files, "SessionState").value[9].name = "SESSION_STATE_BROKEN"


def value_number(files: Published) -> None:
    enum(files, "SessionState").value[9].number = 90


def value_reserved(files: Published) -> None:
    enum(files, "SessionState").reserved_range.add(start=20, end=22)


def reserved_number_given_out(files: Published) -> None:
    del message(files, "AcknowledgeAlarmRequest").reserved_range[:]


def reserved_name(files: Published) -> None:
    message(files, "AcknowledgeAlarmRequest").reserved_name.append("session_id")


def message_missing_there(files: Published) -> None:
    files[GATEWAY].message_type.remove(message(files, "AlarmFailoverConfig"))
    message(files, "SubscribeAlarmsCommand").field.remove(field(files, "SubscribeAlarmsCommand.failover"))


def messages_missing_here(files: Published) -> None:
    added = files[GATEWAY].message_type.add(name="Worker")
    added.nested_type.add(name="Memory")
    added.enum_type.add(name="Mood").value.add(name="MOOD_UNSPECIFIED", number=0)


def enum_missing_here(files: Published) -> None:
    files[GALAXY].enum_type.add(name="Category").value.add(name="CATEGORY_UNSPECIFIED", number=0)


def message_is_enum_there(files: Published) -> None:
    message_missing_there(files)
    added = files[GATEWAY].enum_type.add(name="AlarmFailoverConfig")
    added.value.add(name="ALARM_FAILOVER_CONFIG_UNSPECIFIED", number=0)


def service_missing_there(files: Published) -> None:
    del files[GALAXY].service[:]


def service_missing_here(files: Published) -> None:
    files[GALAXY].service.add(name="GalaxyEditor")


def rpc_missing_there(files: Published) -> None:
    files[GALAXY].service[0].method.remove(rpc(files, "BrowseChildren"))


def rpc_missing_here(files: Published) -> None:
    types = ".mxaccess_gateway.v1.PingCommand"
    files[GATEWAY].service[0].method.add(name="Ping", input_type=types, output_type=types)


def rpc_types(files: Published) -> None:
    rpc(files, "Invoke").input_type = ".mxaccess_gateway.v1.MxCommand"
    rpc(files, "Invoke").output_type = ".mxaccess_gateway.v1.MxEvent"


def rpc_streams(files: Published) -> None:
    rpc(files, "Invoke").client_streaming = True
    rpc(files, "StreamEvents").server_streaming = False


DIFFERENCES: Mapping[Change, Sequence[str]] = {
    field_missing_there: ["field mxaccess_gateway.v1.MxEvent.quality = 6: missing there"],
    field_missing_here: ["field mxaccess_gateway.v1.MxEvent.plant = 30: missing here"],
    field_renamed: ["field mxaccess_gateway.v1.MxEvent.quality: name quality here, opc_quality there"],
    field_renamed_with_other_type: [
        "field mxaccess_gateway.v1.MxEvent.quality: name quality here, opc_quality there",
        "field mxaccess_gateway.v1.MxEvent.quality: type int32 here, uint32 there",
    ],
    field_number: ["field mxaccess_gateway.v1.MxEvent.quality: number 6 here, 60 there"],
    fields_swapped: [
        "field mxaccess_gateway.v1.ProtocolStatus.code: number 1 here, 2 there",
        "field mxaccess_gateway.v1.ProtocolStatus.message: number 2 here, 1 there",
    ],
    field_type: ["field mxaccess_gateway.v1.MxEvent.quality: type int32 here, int64 there"],
    field_message_type: [
        (
            "field mxaccess_gateway.v1.SuspendReply.status: type message mxaccess_gateway.v1.MxStatusProxy here, "
            "message mxaccess_gateway.v1.ProtocolStatus there"
        )
    ],
    field_enum_becomes_number: [
        "field mxaccess_gateway.v1.MxEvent.family: type enum mxaccess_gateway.v1.MxEventFamily here, int32 there"
    ],
    field_label: ["field mxaccess_gateway.v1.OpenSessionReply.capabilities: label repeated here, singular there"],
    field_loses_presence: [
        "field mxaccess_gateway.v1.BulkWriteResult.hresult: presence tracked here, not tracked there"
    ],
    field_gains_presence: [
        "field mxaccess_gateway.v1.BulkWriteResult.error_message: presence not tracked here, tracked there"
    ],
    field_leaves_oneof: ["field mxaccess_gateway.v1.AlarmFeedMessage.provider_status: oneof payload here, none there"],
    field_enters_oneof: ["field mxaccess_gateway.v1.MxCommand.kind: oneof none here, payload there"],
    oneof_renamed: [
        "field galaxy_repository.v1.BrowseChildrenRequest.parent_gobject_id: oneof parent here, under there",
        "field galaxy_repository.v1.BrowseChildrenRequest.parent_tag_name: oneof parent here, under there",
        "field galaxy_repository.v1.BrowseChildrenRequest.parent_contained_path: oneof parent here, under there",
    ],
    json_name: ["field mxaccess_gateway.v1.MxEvent.session_id: JSON name sessionId here, session_id there"],
    value_missing_there: ["value mxaccess_gateway.v1.SessionState.SESSION_STATE_FAULTED = 9: missing there"],
    value_missing_here: ["value mxaccess_gateway.v1.SessionState.SESSION_STATE_SLEEPING = 10: missing here"],
    value_renamed: [
        (
            "value mxaccess_gateway.v1.SessionState.SESSION_STATE_FAULTED: name SESSION_STATE_FAULTED here, "
            "SESSION_STATE_BROKEN there"
        )
    ],
    value_number: ["value mxaccess_gateway.v1.SessionState.SESSION_STATE_FAULTED: number 9 here, 90 there"],
    value_reserved: ["enum mxaccess_gateway.v1.SessionState: reserved numbers none here, 20 to 22 there"],
    reserved_number_given_out: [
        "message mxaccess_gateway.v1.AcknowledgeAlarmRequest: reserved numbers 1 here, none there"
    ],
    reserved_name: ["message mxaccess_gateway.v1.AcknowledgeAlarmRequest: reserved names none here, session_id there"],
    message_missing_there: [
        "message mxaccess_gateway.v1.AlarmFailoverConfig: missing there",
        "field mxaccess_gateway.v1.SubscribeAlarmsCommand.failover = 4: missing there",
    ],
    messages_missing_here: [
        "message mxaccess_gateway.v1.Worker: missing here",
        "message mxaccess_gateway.v1.Worker.Memory: missing here",
        "enum mxaccess_gateway.v1.Worker.Mood: missing here",
    ],
    enum_missing_here: ["enum galaxy_repository.v1.Category: missing here"],
    message_is_enum_there: [
        "mxaccess_gateway.v1.AlarmFailoverConfig: message here, enum there",
        "field mxaccess_gateway.v1.SubscribeAlarmsCommand.failover = 4: missing there",
    ],
    service_missing_there: ["service galaxy_repository.v1.GalaxyRepository: missing there"],
    service_missing_here: ["service galaxy_repository.v1.GalaxyEditor: missing here"],
    rpc_missing_there: ["rpc galaxy_repository.v1.GalaxyRepository.BrowseChildren: missing there"],
    rpc_missing_here: ["rpc mxaccess_gateway.v1.MxAccessGateway.Ping: missing here"],
    rpc_types: [
        (
            "rpc mxaccess_gateway.v1.MxAccessGateway.Invoke: request mxaccess_gateway.v1.MxCommandRequest here, "
            "mxaccess_gateway.v1.MxCommand there"
        ),
        (
            "rpc mxaccess_gateway.v1.MxAccessGateway.Invoke: reply mxaccess_gateway.v1.MxCommandReply here, "
            "mxaccess_gateway.v1.MxEvent there"
        ),
    ],
    rpc_streams: [
        "rpc mxaccess_gateway.v1.MxAccessGateway.Invoke: request stream no here, yes there",
        "rpc mxaccess_gateway.v1.MxAccessGateway.StreamEvents: reply stream yes here, no there",
    ],
}


@pytest.mark.parametrize("change", DIFFERENCES, ids=lambda change: change.__name__)
def test_each_kind_of_difference_is_one_line(
    change: Change, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = published()
    change(files)

    status = compare_contract.main(["--descriptor-set", str(write(list(files.values()), tmp_path))])

    printed = capsys.readouterr()
    assert printed.out.splitlines() == DIFFERENCES[change]
    count = len(DIFFERENCES[change])
    assert printed.err == f"compare_contract: {count} difference{'s' if count > 1 else ''}\n"
    assert status == 1


def test_same_contract_has_no_difference(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status = compare_contract.main(["--descriptor-set", str(write(list(published().values()), tmp_path))])

    assert capsys.readouterr() == ("", "compare_contract: no differences\n")
    assert status == 0


def test_file_names_and_order_of_declarations_are_ignored(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = published()
    files[GATEWAY].name, files[GALAXY].name = "Protos/gateway.proto", "Protos/galaxy.proto"
    files[GATEWAY].options.csharp_namespace = "Plant.Contracts"
    message(files, "MxEvent").field.sort(key=lambda declared: -declared.number)
    other = descriptor_pb2.FileDescriptorProto(name="worker.proto", package="worker.v1", syntax="proto3")
    other.message_type.add(name="Frame")

    status = compare_contract.main(["--descriptor-set", str(write([other, *files.values()], tmp_path))])

    assert capsys.readouterr().out == ""
    assert status == 0


def test_same_contract_in_an_edition_has_no_difference(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = published()
    for file in files.values():
        as_edition_2023(file)

    status = compare_contract.main(["--descriptor-set", str(write(list(files.values()), tmp_path))])

    assert capsys.readouterr().out == ""
    assert status == 0


def as_edition_2023(file: descriptor_pb2.FileDescriptorProto) -> None:
    file.syntax, file.edition = "editions", descriptor_pb2.EDITION_2023
    file.options.features.field_presence = descriptor_pb2.FeatureSet.IMPLICIT
    for parent in file.message_type:
        for declared in (declared for declared in parent.field if declared.proto3_optional):
            declared.ClearField("proto3_optional")
            declared.ClearField("oneof_index")
            declared.options.features.field_presence = descriptor_pb2.FeatureSet.EXPLICIT
        real = [oneof for oneof in parent.oneof_decl if not oneof.name.startswith("_")]
        del parent.oneof_decl[:]
        parent.oneof_decl.extend(real)


def test_missing_package_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status = compare_contract.main(["--descriptor-set", str(write([published()[GATEWAY]], tmp_path))])

    assert capsys.readouterr().out == "package galaxy_repository.v1: missing there\n"
    assert status == 1


def a_missing_file(directory: Path) -> Path:
    return directory / "nowhere.binpb"


def a_folder(directory: Path) -> Path:
    return directory


def no_descriptors(directory: Path) -> Path:
    path = directory / "gateway.proto"
    path.write_text('syntax = "proto3";\n', encoding="utf-8")
    return path


def an_empty_file(directory: Path) -> Path:
    path = directory / "empty.binpb"
    path.touch()
    return path


def another_products_descriptors(directory: Path) -> Path:
    return write([descriptor_pb2.FileDescriptorProto(name="a.proto", package="other.v1")], directory)


def a_set_without_its_imports(directory: Path) -> Path:
    files = published()
    files[GATEWAY].dependency.append("common/types.proto")
    return write(list(files.values()), directory)


def a_set_that_contradicts_itself(directory: Path) -> Path:
    files = published()
    field(files, "MxEvent.value").type_name = ".mxaccess_gateway.v1.Nothing"
    return write(list(files.values()), directory)


UNUSABLE: Mapping[Callable[[Path], Path], str] = {
    a_missing_file: "cannot read {path}: No such file or directory",
    a_folder: "cannot read {path}: ",
    no_descriptors: "{path} is not a FileDescriptorSet: make one with protoc --descriptor_set_out",
    an_empty_file: "{path} contains neither mxaccess_gateway.v1 nor galaxy_repository.v1: is it",
    another_products_descriptors: "{path} contains neither mxaccess_gateway.v1 nor galaxy_repository.v1",
    a_set_without_its_imports: f"{GATEWAY} imports common/types.proto, which is missing: run protoc with --include",
    a_set_that_contradicts_itself: "the gateway's descriptors contradict themselves: ",
}


@pytest.mark.parametrize("make", UNUSABLE, ids=lambda make: make.__name__)
def test_unusable_file_is_one_line_and_status_2(
    make: Callable[[Path], Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = make(tmp_path)

    status = compare_contract.main(["--descriptor-set", str(path)])

    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith(f"compare_contract: {UNUSABLE[make].format(path=path)}")
    assert len(printed.err.splitlines()) == 1
    assert status == 2


def test_tool_runs_as_a_program(tmp_path: Path) -> None:
    program = [sys.executable, compare_contract.__file__ or ""]
    files = write(list(published().values()), tmp_path)

    finished = subprocess.run([*program, "--descriptor-set", str(files)], capture_output=True, text=True, check=False)

    assert (finished.returncode, finished.stdout, finished.stderr) == (0, "", "compare_contract: no differences\n")
