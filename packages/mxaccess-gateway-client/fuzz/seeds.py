"""Valid replies and events as seeds, so that the fuzzer need not discover the format of messages."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp
from mxaccess_gateway.v1 import galaxy_repository_pb2 as galaxy_pb
from mxaccess_gateway.v1 import mxaccess_gateway_pb2 as pb
from scripted_channel import STATUS, Script
from targets import CALLS, STREAMS

from mxgateway import MxDataType, MxValueInput, SparseArray, to_mx_value

__all__ = ["SEEDS"]

_OK: Final = pb.ProtocolStatus(code=pb.PROTOCOL_STATUS_CODE_OK)
_TIME: Final = Timestamp(seconds=1_767_600_000, nanos=123_000_000)
_STATUS: Final = pb.MxStatusProxy(
    success=0, category=pb.MX_STATUS_CATEGORY_CONFIGURATION_ERROR, detail=6, diagnostic_text="invalid reference"
)
_VALUES: Final[Sequence[MxValueInput]] = (
    None,
    True,
    5,
    2**40,
    2.5,
    "text",
    b"raw",
    [1, 2, 3],
    [[1.5, 2.5], [3.5, 4.5]],
    ["a", "b"],
    SparseArray(element_data_type=MxDataType.INTEGER, total_length=5, elements={1: 2, 3: None}),
)


def _event(sequence: int, family: pb.MxEventFamily.ValueType, value: MxValueInput = None) -> pb.MxEvent:
    event = pb.MxEvent(
        family=family,
        session_id="session-1",
        server_handle=1,
        item_handle=2,
        value=to_mx_value(value),
        quality=192,
        source_timestamp=_TIME,
        worker_timestamp=_TIME,
        gateway_receive_timestamp=_TIME,
        statuses=[_STATUS],
        worker_sequence=sequence,
        hresult=-1,
    )
    if family == pb.MX_EVENT_FAMILY_ON_BUFFERED_DATA_CHANGE:
        event.on_buffered_data_change.quality_values.int32_values.values.extend([192, 0])
        event.on_buffered_data_change.timestamp_values.timestamp_values.values.append(_TIME)
    if family == pb.MX_EVENT_FAMILY_ON_ALARM_TRANSITION:
        event.on_alarm_transition.CopyFrom(_transition())
    return event


def _transition() -> pb.OnAlarmTransitionEvent:
    return pb.OnAlarmTransitionEvent(
        alarm_full_reference="Galaxy!Area.Tag",
        transition_kind=pb.ALARM_TRANSITION_KIND_RAISE,
        severity=500,
        original_raise_timestamp=_TIME,
        current_value=to_mx_value(5),
        limit_value=to_mx_value(2.5),
        source_provider=pb.ALARM_PROVIDER_MODE_ALARMMGR,
    )


def _events() -> list[pb.MxEvent]:
    families = pb.MxEventFamily.values()
    changes = [_event(index, pb.MX_EVENT_FAMILY_ON_DATA_CHANGE, value) for index, value in enumerate(_VALUES, 1)]
    others = [_event(index, family, [1, 2]) for index, family in enumerate(families, len(changes) + 1)]
    return [*changes, *others]


def _replies() -> list[Message]:
    """Return one reply for each payload of MxCommandReply, and one for each rpc with another reply type."""
    subscribed = pb.SubscribeResult(server_handle=1, tag_address="A.B", item_handle=2, was_successful=True)
    written = pb.BulkWriteResult(server_handle=1, item_handle=2, hresult=-1, statuses=[_STATUS], error_message="no")
    read = pb.BulkReadResult(tag_address="A.B", was_successful=True, value=to_mx_value(5), source_timestamp=_TIME)
    payloads: dict[str, Message] = {
        "register": pb.RegisterReply(server_handle=1),
        "add_item": pb.AddItemReply(item_handle=2),
        "suspend": pb.SuspendReply(status=_STATUS),
        "authenticate_user": pb.AuthenticateUserReply(user_id=3),
        "subscribe_bulk": pb.BulkSubscribeReply(results=[subscribed, subscribed]),
        "write_bulk": pb.BulkWriteReply(results=[written, written]),
        "read_bulk": pb.BulkReadReply(results=[read, read]),
        "query_active_alarms": pb.QueryActiveAlarmsReplyPayload(snapshots=_snapshots()),
        "session_state": pb.SessionStateReply(state=pb.SESSION_STATE_READY),
        "drain_events": pb.DrainEventsReply(events=_events()),
    }
    replies: list[Message] = []
    for arm, payload in payloads.items():
        reply = pb.MxCommandReply(session_id="session-1", correlation_id="fuzz-1", protocol_status=_OK)
        getattr(reply, arm).CopyFrom(payload)
        replies.append(reply)
    refused = pb.MxCommandReply(
        protocol_status=pb.ProtocolStatus(code=pb.PROTOCOL_STATUS_CODE_MXACCESS_FAILURE, message="refused"),
        hresult=-2147024809,
        statuses=[_STATUS],
        diagnostic_message="Value does not fall within the expected range.",
    )
    opened = pb.OpenSessionReply(session_id="session-1", gateway_protocol_version=3, protocol_status=_OK)
    deployed = galaxy_pb.GetLastDeployTimeReply(present=True, time_of_last_deploy=_TIME)
    return [*replies, refused, opened, deployed, pb.AcknowledgeAlarmReply(protocol_status=_OK)]


def _snapshots() -> list[pb.ActiveAlarmSnapshot]:
    return [
        pb.ActiveAlarmSnapshot(
            alarm_full_reference="Galaxy!Area.Tag",
            current_state=pb.ALARM_CONDITION_STATE_ACTIVE,
            transition_timestamp=_TIME,
            current_value=to_mx_value(5),
        )
    ]


def _stream_messages() -> list[Sequence[Message]]:
    """Return valid messages for each of STREAMS."""
    (snapshot,) = _snapshots()
    gap = pb.MxEvent(replay_gap=pb.ReplayGap(requested_after_sequence=7, oldest_available_sequence=9))
    feed = [
        pb.AlarmFeedMessage(active_alarm=snapshot),
        pb.AlarmFeedMessage(snapshot_complete=True),
        pb.AlarmFeedMessage(provider_status=pb.AlarmProviderStatus(mode=pb.ALARM_PROVIDER_MODE_SUBTAG, since=_TIME)),
        pb.AlarmFeedMessage(transition=_transition()),
    ]
    deploys = [galaxy_pb.DeployEvent(sequence=index, observed_at=_TIME, object_count=5) for index in (1, 2, 4)]
    attribute = galaxy_pb.GalaxyAttribute(attribute_name="B", full_tag_reference="A.B", mx_data_type=2)
    device = galaxy_pb.GalaxyObject(gobject_id=1, tag_name="A", template_chain=["$A"], attributes=[attribute])
    children = [
        galaxy_pb.BrowseChildrenReply(children=[device], next_page_token=token, cache_sequence=1, total_child_count=2)
        for token in ("next", "")
    ]
    state = galaxy_pb.BrowseChildrenReply(cache_sequence=1)
    objects = [
        galaxy_pb.DiscoverHierarchyReply(objects=[device], next_page_token=token, total_object_count=2)
        for token in ("next", "")
    ]
    return [_events(), [gap, *_events()], feed, [snapshot], deploys, children, [state, *objects, state]]


def _seeds() -> Iterator[tuple[str, bytes]]:
    status = bytes([STATUS, 0, 9, 8]) + b"refused."
    for index in range(len(CALLS)):
        yield "replies", bytes([index]) + status
        for reply in _replies():
            yield "replies", bytes([index]) + Script.of(reply)
    for index, messages in enumerate(_stream_messages()):
        yield "streams", bytes([index % len(STREAMS)]) + Script.of(*messages)
        yield "streams", bytes([index % len(STREAMS)]) + Script.of(*messages) + status
    for event in _events():
        yield "events", pb.DrainEventsReply(events=[event]).SerializeToString()


SEEDS: Final[Mapping[str, Sequence[bytes]]] = {
    target: tuple(data for name, data in _seeds() if name == target) for target in ("replies", "streams", "events")
}
