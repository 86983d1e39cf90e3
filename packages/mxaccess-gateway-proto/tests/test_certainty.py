"""Exactly the guesses in the contract are marked as guesses."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from mxaccess_gateway.v1 import galaxy_repository_pb2 as galaxy
from mxaccess_gateway.v1 import mxaccess_gateway_pb2 as pb

PROTOS = Path(__file__).resolve().parents[1] / "protos"
MARK = "// unconfirmed"
LIKELY = "// likely"

# The fields of alarms that are published with their numbers.
_SURE = ("degraded", "source_provider")

# Fields and values whose name or number is a guess, by message or enum.
GUESSED_MEMBERS = {
    "OpenSessionRequest": "requested_backend command_timeout",
    "OpenSessionReply": "worker_process_id",
    "MxCommand": "ping get_session_state get_worker_info drain_events shutdown_worker",
    "MxCommandKind": (
        "MX_COMMAND_KIND_PING MX_COMMAND_KIND_GET_SESSION_STATE MX_COMMAND_KIND_GET_WORKER_INFO "
        "MX_COMMAND_KIND_DRAIN_EVENTS MX_COMMAND_KIND_SHUTDOWN_WORKER"
    ),
    "SetBufferedUpdateIntervalCommand": "update_interval_milliseconds",
    "AuthenticateUserCommand": "verify_user verify_user_password",
    "ArchestrAUserToIdCommand": "user_id_guid",
    "PingCommand": "message",
    "ShutdownWorkerCommand": "grace_period",
    "MxCommandReply": "session_state worker_info drain_events",
    "WorkerInfoReply": "worker_process_id worker_protocol_version",
    "OnBufferedDataChangeEvent": "data_type raw_data_type quality_values timestamp_values",
    "ActiveAlarmSnapshot": " ".join(
        name for name in pb.ActiveAlarmSnapshot.DESCRIPTOR.fields_by_name if name not in _SURE
    ),
    "AlarmConditionState": (
        "ALARM_CONDITION_STATE_ACTIVE ALARM_CONDITION_STATE_ACTIVE_ACKED ALARM_CONDITION_STATE_INACTIVE"
    ),
    "GetLastDeployTimeReply": "present time_of_last_deploy",
    "WatchDeployEventsRequest": "last_seen_deploy_time",
    "DeployEvent": "sequence observed_at time_of_last_deploy object_count attribute_count",
    "GalaxyObject": " ".join(galaxy.GalaxyObject.DESCRIPTOR.fields_by_name),
    "GalaxyAttribute": (
        "attribute_name full_tag_reference mx_data_type data_type_name is_array array_dimension mx_attribute_category "
        "security_classification is_writable"
    ),
}

# Fields and values of which only the number is uncertain, in messages and enums that have certain members too.
LIKELY_MEMBERS = {
    "MxCommand": "write_bulk write2_bulk write_secured_bulk write_secured2_bulk read_bulk",
    "MxCommandKind": (
        "MX_COMMAND_KIND_WRITE_BULK MX_COMMAND_KIND_WRITE2_BULK MX_COMMAND_KIND_WRITE_SECURED_BULK "
        "MX_COMMAND_KIND_WRITE_SECURED2_BULK MX_COMMAND_KIND_READ_BULK"
    ),
    "MxCommandReply": (
        "session_id correlation_id kind protocol_status hresult return_value statuses diagnostic_message "
        "write_bulk write2_bulk write_secured_bulk write_secured2_bulk read_bulk"
    ),
    "MxValue": "data_type variant_type is_null raw_diagnostic raw_data_type",
    "MxDataType": " ".join(name for name, value in pb.MxDataType.items() if value > pb.MX_DATA_TYPE_TIME),
    "MxEvent": (
        "family session_id server_handle item_handle value quality source_timestamp statuses worker_sequence "
        "worker_timestamp"
    ),
    "AlarmFeedMessage": "active_alarm snapshot_complete transition",
    "OnAlarmTransitionEvent": " ".join(
        name for name in pb.OnAlarmTransitionEvent.DESCRIPTOR.fields_by_name if name not in _SURE
    ),
    "BrowseChildrenReply": "next_page_token total_child_count child_has_children cache_sequence",
}

# Messages whose fields are unknown.
GUESSED_SHAPES = {
    "AlarmSubtagTarget",
    "AlarmFailoverConfig",
    "GetSessionStateCommand",
    "GetWorkerInfoCommand",
    "WorkerInfoReply",
    "OnDataChangeEvent",
    "OnWriteCompleteEvent",
    "OperationCompleteEvent",
    "OnAlarmProviderModeChangedEvent",
}


def marked(mark: str) -> Iterator[str]:
    """Yield what the .proto files mark: `Message` for a shape, `Message.field` for a member."""
    for path in PROTOS.rglob("*.proto"):
        parent, comment_is_marked = "", False
        for line in path.read_text(encoding="utf-8").splitlines():
            declared = re.match(r"(?:message|enum) (\w+) \{", line)
            member = re.match(r"\s+(?:[\w.]+ )*(\w+) = \d+;", line)
            if declared is not None:
                parent = declared[1]
                if comment_is_marked:
                    yield parent
            elif member is not None and mark in line:
                yield f"{parent}.{member[1]}"
            comment_is_marked = line.startswith(mark) or (comment_is_marked and line.startswith("//"))


def test_exactly_the_guesses_are_marked() -> None:
    members = {f"{parent}.{name}" for parent, names in GUESSED_MEMBERS.items() for name in names.split()}

    assert set(marked(MARK)) == members | GUESSED_SHAPES


def test_exactly_the_likely_numbers_are_marked() -> None:
    members = {f"{parent}.{name}" for parent, names in LIKELY_MEMBERS.items() for name in names.split()}

    assert set(marked(LIKELY)) == members


def test_messages_with_certain_numbers_do_not_call_all_their_numbers_likely() -> None:
    for path in PROTOS.rglob("*.proto"):
        text = path.read_text(encoding="utf-8")
        blocks = re.findall(r"Numbers likely\.\n(?:message|enum) (\w+) \{(.*?)^\}", text, re.DOTALL | re.MULTILINE)

        assert blocks
        assert [name for name, body in blocks if LIKELY in body] == []


@pytest.mark.parametrize("path", sorted(PROTOS.rglob("*.proto")), ids=lambda path: path.name)
def test_only_marks_follow_a_number(path: Path) -> None:
    behind_numbers = re.findall(r"= \d+;[ \t]*(\S.*)$", path.read_text(encoding="utf-8"), flags=re.MULTILINE)

    assert set(behind_numbers) == {LIKELY, MARK}


def test_marks_are_explained_at_the_top() -> None:
    explained, _, _ = next(PROTOS.rglob("mxaccess_gateway.proto")).read_text(encoding="utf-8").partition("syntax =")
    referring, _, _ = next(PROTOS.rglob("galaxy_repository.proto")).read_text(encoding="utf-8").partition("syntax =")

    assert all(f"{mark}  " in explained for mark in ("(no mark)", "likely", MARK))
    assert "are those of mxaccess_gateway.proto" in referring


def test_docstrings_of_the_stubs_contain_the_marks() -> None:
    stub = Path(pb.__file__ or "").with_suffix(".pyi").read_text(encoding="utf-8")

    assert "The backend to run the session on; empty for the gateway's own choice.\n    unconfirmed" in stub
