"""The rules of the contract, checked on the generated descriptors."""

from collections.abc import Iterator, Mapping

import pytest
from google.protobuf import descriptor_pb2
from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor
from google.protobuf.message import Message
from mxaccess_gateway.v1 import galaxy_repository_pb2 as galaxy
from mxaccess_gateway.v1 import mxaccess_gateway_pb2 as pb

FILES = (pb.DESCRIPTOR, galaxy.DESCRIPTOR)

# Command kind, the arm with its arguments, the arm with its result; ordered by the number of the kind.
COMMANDS = (
    ("REGISTER", "register", "register"),
    ("UNREGISTER", "unregister", None),
    ("ADD_ITEM", "add_item", "add_item"),
    ("ADD_ITEM2", "add_item2", "add_item2"),
    ("REMOVE_ITEM", "remove_item", None),
    ("ADVISE", "advise", None),
    ("UN_ADVISE", "un_advise", None),
    ("ADVISE_SUPERVISORY", "advise_supervisory", None),
    ("ADD_BUFFERED_ITEM", "add_buffered_item", "add_buffered_item"),
    ("SET_BUFFERED_UPDATE_INTERVAL", "set_buffered_update_interval", None),
    ("SUSPEND", "suspend", "suspend"),
    ("ACTIVATE", "activate", "activate"),
    ("WRITE", "write", None),
    ("WRITE2", "write2", None),
    ("WRITE_SECURED", "write_secured", None),
    ("WRITE_SECURED2", "write_secured2", None),
    ("AUTHENTICATE_USER", "authenticate_user", "authenticate_user"),
    ("ARCHESTRA_USER_TO_ID", "archestra_user_to_id", "archestra_user_to_id"),
    ("ADD_ITEM_BULK", "add_item_bulk", "add_item_bulk"),
    ("ADVISE_ITEM_BULK", "advise_item_bulk", "advise_item_bulk"),
    ("REMOVE_ITEM_BULK", "remove_item_bulk", "remove_item_bulk"),
    ("UN_ADVISE_ITEM_BULK", "un_advise_item_bulk", "un_advise_item_bulk"),
    ("SUBSCRIBE_BULK", "subscribe_bulk", "subscribe_bulk"),
    ("UNSUBSCRIBE_BULK", "unsubscribe_bulk", "unsubscribe_bulk"),
    ("SUBSCRIBE_ALARMS", "subscribe_alarms", None),
    ("UNSUBSCRIBE_ALARMS", "unsubscribe_alarms", None),
    ("ACKNOWLEDGE_ALARM", "acknowledge_alarm_command", "acknowledge_alarm"),
    ("QUERY_ACTIVE_ALARMS", "query_active_alarms_command", "query_active_alarms"),
    ("ACKNOWLEDGE_ALARM_BY_NAME", "acknowledge_alarm_by_name_command", "acknowledge_alarm"),
    ("WRITE_BULK", "write_bulk", "write_bulk"),
    ("WRITE2_BULK", "write2_bulk", "write2_bulk"),
    ("WRITE_SECURED_BULK", "write_secured_bulk", "write_secured_bulk"),
    ("WRITE_SECURED2_BULK", "write_secured2_bulk", "write_secured2_bulk"),
    ("READ_BULK", "read_bulk", "read_bulk"),
)
CONTROL_COMMANDS = (
    ("PING", "ping", None),
    ("GET_SESSION_STATE", "get_session_state", "session_state"),
    ("GET_WORKER_INFO", "get_worker_info", "worker_info"),
    ("DRAIN_EVENTS", "drain_events", "drain_events"),
    ("SHUTDOWN_WORKER", "shutdown_worker", None),
)

ENUM_PREFIXES = {
    "MxCommandKind": "MX_COMMAND_KIND_",
    "ProtocolStatusCode": "PROTOCOL_STATUS_CODE_",
    "MxStatusCategory": "MX_STATUS_CATEGORY_",
    "MxStatusSource": "MX_STATUS_SOURCE_",
    "MxDataType": "MX_DATA_TYPE_",
    "MxEventFamily": "MX_EVENT_FAMILY_",
    "SessionState": "SESSION_STATE_",
    "AlarmProviderMode": "ALARM_PROVIDER_MODE_",
    "AlarmTransitionKind": "ALARM_TRANSITION_KIND_",
    "AlarmConditionState": "ALARM_CONDITION_STATE_",
}

# The names of each enum, in the order of their numbers, which start at 0 without gaps.
ENUM_VALUES = {
    "ProtocolStatusCode": (
        "UNSPECIFIED OK INVALID_REQUEST SESSION_NOT_FOUND SESSION_NOT_READY WORKER_UNAVAILABLE TIMEOUT CANCELED "
        "PROTOCOL_VIOLATION MXACCESS_FAILURE"
    ),
    "MxStatusCategory": (
        "UNSPECIFIED UNKNOWN OK PENDING WARNING COMMUNICATION_ERROR CONFIGURATION_ERROR OPERATIONAL_ERROR "
        "SECURITY_ERROR SOFTWARE_ERROR OTHER_ERROR"
    ),
    "MxStatusSource": (
        "UNSPECIFIED UNKNOWN REQUESTING_LMX RESPONDING_LMX REQUESTING_NMX RESPONDING_NMX "
        "REQUESTING_AUTOMATION_OBJECT RESPONDING_AUTOMATION_OBJECT"
    ),
    "MxDataType": (
        "UNSPECIFIED UNKNOWN NO_DATA BOOLEAN INTEGER FLOAT DOUBLE STRING TIME ELAPSED_TIME REFERENCE_TYPE STATUS_TYPE "
        "DATA_TYPE_ENUM SECURITY_CLASSIFICATION_ENUM DATA_QUALITY_TYPE QUALIFIED_ENUM QUALIFIED_STRUCT "
        "INTERNATIONALIZED_STRING BIG_STRING"
    ),
    "MxEventFamily": (
        "UNSPECIFIED ON_DATA_CHANGE ON_WRITE_COMPLETE OPERATION_COMPLETE ON_BUFFERED_DATA_CHANGE ON_ALARM_TRANSITION "
        "ON_ALARM_PROVIDER_MODE_CHANGED"
    ),
    "SessionState": (
        "UNSPECIFIED CREATING STARTING_WORKER WAITING_FOR_PIPE HANDSHAKING INITIALIZING_WORKER READY CLOSING CLOSED "
        "FAULTED"
    ),
    "AlarmProviderMode": "UNSPECIFIED ALARMMGR SUBTAG",
    "AlarmTransitionKind": "UNSPECIFIED RAISE ACKNOWLEDGE CLEAR RETRIGGER",
    "AlarmConditionState": "UNSPECIFIED ACTIVE ACTIVE_ACKED INACTIVE",
}

UNARY, STREAM = "unary", "stream"
RPCS = {
    "mxaccess_gateway.v1.MxAccessGateway": {
        "OpenSession": ("OpenSessionRequest", UNARY, "OpenSessionReply"),
        "CloseSession": ("CloseSessionRequest", UNARY, "CloseSessionReply"),
        "Invoke": ("MxCommandRequest", UNARY, "MxCommandReply"),
        "StreamEvents": ("StreamEventsRequest", STREAM, "MxEvent"),
        "AcknowledgeAlarm": ("AcknowledgeAlarmRequest", UNARY, "AcknowledgeAlarmReply"),
        "StreamAlarms": ("StreamAlarmsRequest", STREAM, "AlarmFeedMessage"),
        "QueryActiveAlarms": ("QueryActiveAlarmsRequest", STREAM, "ActiveAlarmSnapshot"),
    },
    "galaxy_repository.v1.GalaxyRepository": {
        "TestConnection": ("TestConnectionRequest", UNARY, "TestConnectionReply"),
        "GetLastDeployTime": ("GetLastDeployTimeRequest", UNARY, "GetLastDeployTimeReply"),
        "DiscoverHierarchy": ("DiscoverHierarchyRequest", UNARY, "DiscoverHierarchyReply"),
        "BrowseChildren": ("BrowseChildrenRequest", UNARY, "BrowseChildrenReply"),
        "WatchDeployEvents": ("WatchDeployEventsRequest", STREAM, "DeployEvent"),
    },
}


def kinds() -> Mapping[str, int]:
    return {
        name.removeprefix("MX_COMMAND_KIND_"): value.number
        for name, value in pb.DESCRIPTOR.enum_types_by_name["MxCommandKind"].values_by_name.items()
    }


def arms(message: Descriptor, oneof: str = "payload") -> Mapping[str, FieldDescriptor]:
    return {field.name: field for field in message.oneofs_by_name[oneof].fields}


def enums() -> Iterator[EnumDescriptor]:
    for file in FILES:
        yield from file.enum_types_by_name.values()


def test_table_contains_exactly_the_kinds() -> None:
    named = [kind for kind, _, _ in COMMANDS + CONTROL_COMMANDS]

    assert list(kinds()) == ["UNSPECIFIED", *named]


def test_kinds_start_at_1_and_control_kinds_at_100() -> None:
    assert [kinds()[kind] for kind, _, _ in COMMANDS] == list(range(1, len(COMMANDS) + 1))
    assert [kinds()[kind] for kind, _, _ in CONTROL_COMMANDS] == list(range(100, 105))


@pytest.mark.parametrize(("kind", "arm", "_reply"), COMMANDS)
def test_number_of_an_arm_is_its_kind_plus_9(kind: str, arm: str, _reply: str | None) -> None:
    assert arms(pb.MxCommand.DESCRIPTOR)[arm].number == kinds()[kind] + 9


@pytest.mark.parametrize(("kind", "arm", "_reply"), CONTROL_COMMANDS)
def test_arm_of_a_control_kind_has_the_number_of_the_kind(kind: str, arm: str, _reply: str | None) -> None:
    assert arms(pb.MxCommand.DESCRIPTOR)[arm].number == kinds()[kind]


def test_every_arm_of_a_command_has_a_kind() -> None:
    assert list(arms(pb.MxCommand.DESCRIPTOR)) == [arm for _, arm, _ in COMMANDS + CONTROL_COMMANDS]


@pytest.mark.parametrize(("kind", "arm", "_reply"), COMMANDS + CONTROL_COMMANDS)
def test_arm_has_the_message_of_its_kind(kind: str, arm: str, _reply: str | None) -> None:
    expected = f"{kind.replace('_', '')}COMMAND"

    message = arms(pb.MxCommand.DESCRIPTOR)[arm].message_type

    assert message is not None
    assert message.name.upper() == expected


def test_arms_of_a_reply_are_numbered_from_20_and_100() -> None:
    # In the order of the kinds; ACKNOWLEDGE_ALARM and ACKNOWLEDGE_ALARM_BY_NAME share an arm.
    promised = dict.fromkeys(reply for _, _, reply in COMMANDS if reply is not None)
    control = dict.fromkeys(reply for _, _, reply in CONTROL_COMMANDS if reply is not None)

    numbers = {name: field.number for name, field in arms(pb.MxCommandReply.DESCRIPTOR).items()}

    assert numbers == {name: 20 + place for place, name in enumerate(promised)} | {
        name: 100 + place for place, name in enumerate(control)
    }


@pytest.mark.parametrize("enum", list(enums()), ids=lambda enum: enum.name)
def test_enum_values_carry_the_name_of_the_enum_and_0_is_unspecified(enum: EnumDescriptor) -> None:
    prefix = ENUM_PREFIXES[enum.name]

    assert [name for name in enum.values_by_name if not name.startswith(prefix)] == []
    assert enum.values_by_number[0].name == f"{prefix}UNSPECIFIED"


@pytest.mark.parametrize("name", ENUM_VALUES)
def test_values_of_an_enum_are_in_order(name: str) -> None:
    values = pb.DESCRIPTOR.enum_types_by_name[name].values

    assert [value.name.removeprefix(ENUM_PREFIXES[name]) for value in values] == ENUM_VALUES[name].split()
    assert [value.number for value in values] == list(range(len(values)))


def test_exactly_the_removed_numbers_are_reserved() -> None:
    reserved: dict[str, list[tuple[int, int]]] = {}
    for file in FILES:
        proto = descriptor_pb2.FileDescriptorProto()
        file.CopyToProto(proto)
        for message in proto.message_type:
            for numbers in message.reserved_range:
                reserved.setdefault(message.name, []).append((numbers.start, numbers.end))

    assert reserved == {"AcknowledgeAlarmRequest": [(1, 2)], "AcknowledgeAlarmReply": [(1, 2)]}


def test_reply_of_acknowledge_alarm_starts_after_the_removed_session_id() -> None:
    numbers = {field.name: field.number for field in pb.AcknowledgeAlarmReply.DESCRIPTOR.fields}

    assert numbers == {
        "correlation_id": 2,
        "protocol_status": 3,
        "hresult": 4,
        "status": 5,
        "diagnostic_message": 6,
    }


def test_both_services_have_their_rpcs_and_no_request_streams() -> None:
    found: dict[str, dict[str, tuple[str, str, str]]] = {}
    for file in FILES:
        for service in file.services_by_name.values():
            proto = descriptor_pb2.ServiceDescriptorProto()
            service.CopyToProto(proto)
            assert not any(method.client_streaming for method in proto.method)
            found[service.full_name] = {
                method.name: (
                    method.input_type.removeprefix(f".{file.package}."),
                    STREAM if method.server_streaming else UNARY,
                    method.output_type.removeprefix(f".{file.package}."),
                )
                for method in proto.method
            }

    assert found == RPCS


@pytest.mark.parametrize(
    ("single", "entry"),
    [
        (pb.WriteCommand, pb.WriteBulkEntry),
        (pb.Write2Command, pb.Write2BulkEntry),
        (pb.WriteSecuredCommand, pb.WriteSecuredBulkEntry),
        (pb.WriteSecured2Command, pb.WriteSecured2BulkEntry),
    ],
)
def test_bulk_entry_is_the_single_command_without_server_handle(single: type[Message], entry: type[Message]) -> None:
    fields = [field.name for field in single.DESCRIPTOR.fields]

    assert fields[0] == "server_handle"
    assert [field.name for field in entry.DESCRIPTOR.fields] == fields[1:]
    assert [field.number for field in entry.DESCRIPTOR.fields] == list(range(1, len(fields)))


def test_alarm_snapshot_has_the_fields_of_a_transition_but_the_state() -> None:
    def names(message: Descriptor) -> list[str]:
        return [field.name for field in message.fields]

    expected = names(pb.OnAlarmTransitionEvent.DESCRIPTOR)
    expected[expected.index("transition_kind")] = "current_state"

    assert names(pb.ActiveAlarmSnapshot.DESCRIPTOR) == expected


def test_every_body_of_an_event_has_a_family() -> None:
    families = pb.DESCRIPTOR.enum_types_by_name["MxEventFamily"].values_by_name

    bodies = arms(pb.MxEvent.DESCRIPTOR, "body")

    assert [f"MX_EVENT_FAMILY_{name.upper()}" for name in bodies] == list(families)[1:]


@pytest.mark.parametrize(
    ("message", "field"),
    [
        (pb.MxCommandReply, "hresult"),
        (pb.BulkWriteResult, "hresult"),
        (pb.MxEvent, "hresult"),
        (pb.MxEvent, "replay_gap"),
        (pb.AcknowledgeAlarmReply, "hresult"),
        (galaxy.DiscoverHierarchyRequest, "max_depth"),
        (galaxy.DiscoverHierarchyRequest, "include_attributes"),
        (galaxy.BrowseChildrenRequest, "include_attributes"),
    ],
)
def test_absent_differs_from_zero(message: type[Message], field: str) -> None:
    assert message.DESCRIPTOR.fields_by_name[field].has_presence
