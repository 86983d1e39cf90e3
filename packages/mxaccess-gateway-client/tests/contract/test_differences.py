"""Each difference between our contract and the descriptors of a gateway is found."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest
from google.protobuf import descriptor_pb2
from mxaccess_gateway.v1 import mxaccess_gateway_pb2 as pb

from mxgateway import MxGatewayConfigurationError
from mxgateway.contract import compare, contract_of, our_contract, our_descriptors, read_descriptors

GATEWAY = "mxaccess_gateway/v1/mxaccess_gateway.proto"
GALAXY = "mxaccess_gateway/v1/galaxy_repository.proto"
FIELD = descriptor_pb2.FieldDescriptorProto
QUALITY = pb.MxEvent.DESCRIPTOR.fields_by_name["quality"].number
CODE, MESSAGE = (pb.ProtocolStatus.DESCRIPTOR.fields_by_name[name].number for name in ("code", "message"))
FAILOVER = pb.SubscribeAlarmsCommand.DESCRIPTOR.fields_by_name["failover"].number
FAULTED = int(pb.SESSION_STATE_FAULTED)
# Numbers from here on are free in every message and enum.
FREE = 900

Published = Mapping[str, descriptor_pb2.FileDescriptorProto]
Change = Callable[[Published], None]


def published() -> Published:
    """Return the files of a gateway with exactly our contract, by name."""
    return {file.name: file for file in our_descriptors().file if not file.name.startswith("google/")}


def differences(*files: descriptor_pb2.FileDescriptorProto) -> list[str]:
    """Return the differences between our contract and that of a gateway with these files."""
    descriptors = descriptor_pb2.FileDescriptorSet(file=files)
    return [str(difference) for difference in compare(our_contract(), contract_of(descriptors, "gateway.binpb"))]


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
    message(files, "MxEvent").field.add(name="plant", number=FREE, type=FIELD.TYPE_STRING, label=FIELD.LABEL_OPTIONAL)


def field_renamed(files: Published) -> None:
    renamed = field(files, "MxEvent.quality")
    renamed.name, renamed.json_name = "opc_quality", "opcQuality"


def field_renamed_with_other_type(files: Published) -> None:
    field_renamed(files)
    field(files, "MxEvent.opc_quality").type = FIELD.TYPE_UINT32


def field_number(files: Published) -> None:
    field(files, "MxEvent.quality").number = FREE


def fields_swapped(files: Published) -> None:
    field(files, "ProtocolStatus.code").number, field(files, "ProtocolStatus.message").number = MESSAGE, CODE


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
    enum(files, "SessionState").value.add(name="SESSION_STATE_SLEEPING", number=FREE)


def value_renamed(files: Published) -> None:
    enum(files, "SessionState").value[9].name = "SESSION_STATE_BROKEN"


def value_number(files: Published) -> None:
    enum(files, "SessionState").value[9].number = FREE


def value_reserved(files: Published) -> None:
    enum(files, "SessionState").reserved_range.add(start=FREE, end=FREE + 2)


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
    field_missing_there: [f"field mxaccess_gateway.v1.MxEvent.quality = {QUALITY}: missing there"],
    field_missing_here: [f"field mxaccess_gateway.v1.MxEvent.plant = {FREE}: missing here"],
    field_renamed: ["field mxaccess_gateway.v1.MxEvent.quality: name quality here, opc_quality there"],
    field_renamed_with_other_type: [
        "field mxaccess_gateway.v1.MxEvent.quality: name quality here, opc_quality there",
        "field mxaccess_gateway.v1.MxEvent.quality: type int32 here, uint32 there",
    ],
    field_number: [f"field mxaccess_gateway.v1.MxEvent.quality: number {QUALITY} here, {FREE} there"],
    fields_swapped: [
        f"field mxaccess_gateway.v1.ProtocolStatus.code: number {CODE} here, {MESSAGE} there",
        f"field mxaccess_gateway.v1.ProtocolStatus.message: number {MESSAGE} here, {CODE} there",
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
    value_missing_there: [f"value mxaccess_gateway.v1.SessionState.SESSION_STATE_FAULTED = {FAULTED}: missing there"],
    value_missing_here: [f"value mxaccess_gateway.v1.SessionState.SESSION_STATE_SLEEPING = {FREE}: missing here"],
    value_renamed: [
        (
            "value mxaccess_gateway.v1.SessionState.SESSION_STATE_FAULTED: name SESSION_STATE_FAULTED here, "
            "SESSION_STATE_BROKEN there"
        )
    ],
    value_number: [
        f"value mxaccess_gateway.v1.SessionState.SESSION_STATE_FAULTED: number {FAULTED} here, {FREE} there"
    ],
    value_reserved: [f"enum mxaccess_gateway.v1.SessionState: reserved numbers none here, {FREE} to {FREE + 2} there"],
    reserved_number_given_out: [
        "message mxaccess_gateway.v1.AcknowledgeAlarmRequest: reserved numbers 1 here, none there"
    ],
    reserved_name: ["message mxaccess_gateway.v1.AcknowledgeAlarmRequest: reserved names none here, session_id there"],
    message_missing_there: [
        "message mxaccess_gateway.v1.AlarmFailoverConfig: missing there",
        f"field mxaccess_gateway.v1.SubscribeAlarmsCommand.failover = {FAILOVER}: missing there",
    ],
    messages_missing_here: [
        "message mxaccess_gateway.v1.Worker: missing here",
        "message mxaccess_gateway.v1.Worker.Memory: missing here",
        "enum mxaccess_gateway.v1.Worker.Mood: missing here",
    ],
    enum_missing_here: ["enum galaxy_repository.v1.Category: missing here"],
    message_is_enum_there: [
        "mxaccess_gateway.v1.AlarmFailoverConfig: message here, enum there",
        f"field mxaccess_gateway.v1.SubscribeAlarmsCommand.failover = {FAILOVER}: missing there",
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
def test_each_kind_of_difference_is_one_line(change: Change) -> None:
    files = published()
    change(files)

    assert differences(*files.values()) == DIFFERENCES[change]


def test_same_contract_has_no_difference() -> None:
    assert differences(*published().values()) == []


def test_file_names_and_order_of_declarations_are_ignored() -> None:
    files = published()
    files[GATEWAY].name, files[GALAXY].name = "Protos/gateway.proto", "Protos/galaxy.proto"
    files[GATEWAY].options.csharp_namespace = "Plant.Contracts"
    message(files, "MxEvent").field.sort(key=lambda declared: -declared.number)
    other = descriptor_pb2.FileDescriptorProto(name="worker.proto", package="worker.v1", syntax="proto3")
    other.message_type.add(name="Frame")

    assert differences(other, *files.values()) == []


def test_same_contract_in_an_edition_has_no_difference() -> None:
    files = published()
    for file in files.values():
        as_edition_2023(file)

    assert differences(*files.values()) == []


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


def test_missing_package_is_one_line() -> None:
    assert differences(published()[GATEWAY]) == ["package galaxy_repository.v1: missing there"]


def test_exported_contract_is_complete_and_reads_back(tmp_path: Path) -> None:
    path = write(our_descriptors().file, tmp_path)

    assert contract_of(read_descriptors(path), str(path)) == our_contract()


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
    a_set_that_contradicts_itself: "the descriptors in {path} contradict themselves: ",
}


@pytest.mark.parametrize("make", UNUSABLE, ids=lambda make: make.__name__)
def test_unusable_file_is_an_error_that_says_why(make: Callable[[Path], Path], tmp_path: Path) -> None:
    path = make(tmp_path)

    with pytest.raises(MxGatewayConfigurationError) as caught:
        contract_of(read_descriptors(path), str(path))

    assert str(caught.value).startswith(UNUSABLE[make].format(path=path))
