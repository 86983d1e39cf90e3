"""Cases for the commands of a session: the call, the command sent, the reply and the result."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp
from mxaccess_gateway.v1 import mxaccess_gateway_pb2 as pb

from mxgateway import (
    ActiveAlarm,
    AlarmProviderMode,
    DataChange,
    MxDataType,
    MxStatus,
    MxStatusCategory,
    Session,
    SessionState,
    WorkerInfo,
)

WHEN = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
WHEN_VALUE = pb.MxValue(data_type=pb.MX_DATA_TYPE_TIME, timestamp_value=Timestamp(seconds=int(WHEN.timestamp())))
FIVE = pb.MxValue(data_type=pb.MX_DATA_TYPE_INTEGER, int32_value=5)
FIVE_AS_DOUBLE = pb.MxValue(data_type=pb.MX_DATA_TYPE_DOUBLE, double_value=5)
GUID = "6f1d6c1e-6a52-4a30-9f2a-0d5b7f3f1a01"


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A call, the command that it must send, and the result that it must return for a reply."""

    call: Callable[[Session], Awaitable[Any]]
    command: pb.MxCommand
    reply: pb.MxCommandReply | None = None
    result: Any = None


ITEM_CASES = {
    "register": Case(
        call=lambda session: session.register("test"),
        command=pb.MxCommand(kind=pb.MX_COMMAND_KIND_REGISTER, register=pb.RegisterCommand(client_name="test")),
        reply=pb.MxCommandReply(register=pb.RegisterReply(server_handle=12)),
        result=12,
    ),
    "unregister": Case(
        call=lambda session: session.unregister(12),
        command=pb.MxCommand(kind=pb.MX_COMMAND_KIND_UNREGISTER, unregister=pb.UnregisterCommand(server_handle=12)),
    ),
    "add_item": Case(
        call=lambda session: session.add_item(12, "A.B"),
        command=pb.MxCommand(
            kind=pb.MX_COMMAND_KIND_ADD_ITEM, add_item=pb.AddItemCommand(server_handle=12, item_definition="A.B")
        ),
        reply=pb.MxCommandReply(add_item=pb.AddItemReply(item_handle=34)),
        result=34,
    ),
    "add_item2": Case(
        call=lambda session: session.add_item2(12, "B", "A"),
        command=pb.MxCommand(
            kind=pb.MX_COMMAND_KIND_ADD_ITEM2,
            add_item2=pb.AddItem2Command(server_handle=12, item_definition="B", item_context="A"),
        ),
        reply=pb.MxCommandReply(add_item2=pb.AddItem2Reply(item_handle=34)),
        result=34,
    ),
    "add_buffered_item": Case(
        call=lambda session: session.add_buffered_item(12, "B", "A"),
        command=pb.MxCommand(
            kind=pb.MX_COMMAND_KIND_ADD_BUFFERED_ITEM,
            add_buffered_item=pb.AddBufferedItemCommand(server_handle=12, item_definition="B", item_context="A"),
        ),
        reply=pb.MxCommandReply(add_buffered_item=pb.AddBufferedItemReply(item_handle=34)),
        result=34,
    ),
    "set_buffered_update_interval": Case(
        call=lambda session: session.set_buffered_update_interval(12, 250),
        command=pb.MxCommand(
            kind=pb.MX_COMMAND_KIND_SET_BUFFERED_UPDATE_INTERVAL,
            set_buffered_update_interval=pb.SetBufferedUpdateIntervalCommand(
                server_handle=12, update_interval_milliseconds=250
            ),
        ),
    ),
    "remove_item": Case(
        call=lambda session: session.remove_item(12, 34),
        command=pb.MxCommand(
            kind=pb.MX_COMMAND_KIND_REMOVE_ITEM, remove_item=pb.RemoveItemCommand(server_handle=12, item_handle=34)
        ),
    ),
    "advise": Case(
        call=lambda session: session.advise(12, 34),
        command=pb.MxCommand(kind=pb.MX_COMMAND_KIND_ADVISE, advise=pb.AdviseCommand(server_handle=12, item_handle=34)),
    ),
    "un_advise": Case(
        call=lambda session: session.un_advise(12, 34),
        command=pb.MxCommand(
            kind=pb.MX_COMMAND_KIND_UN_ADVISE, un_advise=pb.UnAdviseCommand(server_handle=12, item_handle=34)
        ),
    ),
    "advise_supervisory": Case(
        call=lambda session: session.advise_supervisory(12, 34),
        command=pb.MxCommand(
            kind=pb.MX_COMMAND_KIND_ADVISE_SUPERVISORY,
            advise_supervisory=pb.AdviseSupervisoryCommand(server_handle=12, item_handle=34),
        ),
    ),
    "suspend": Case(
        call=lambda session: session.suspend(12, 34),
        command=pb.MxCommand(
            kind=pb.MX_COMMAND_KIND_SUSPEND, suspend=pb.SuspendCommand(server_handle=12, item_handle=34)
        ),
        reply=pb.MxCommandReply(
            suspend=pb.SuspendReply(status=pb.MxStatusProxy(category=pb.MX_STATUS_CATEGORY_PENDING))
        ),
        result=MxStatus(category=MxStatusCategory.PENDING),
    ),
    "activate": Case(
        call=lambda session: session.activate(12, 34),
        command=pb.MxCommand(
            kind=pb.MX_COMMAND_KIND_ACTIVATE, activate=pb.ActivateCommand(server_handle=12, item_handle=34)
        ),
        reply=pb.MxCommandReply(activate=pb.ActivateReply(status=pb.MxStatusProxy(success=-1))),
        result=MxStatus(success=-1),
    ),
    "write": Case(
        call=lambda session: session.write(12, 34, 5, 56),
        command=pb.MxCommand(
            kind=pb.MX_COMMAND_KIND_WRITE,
            write=pb.WriteCommand(server_handle=12, item_handle=34, value=FIVE, user_id=56),
        ),
    ),
    "write2": Case(
        call=lambda session: session.write2(12, 34, 5, WHEN, 56),
        command=pb.MxCommand(
            kind=pb.MX_COMMAND_KIND_WRITE2,
            write2=pb.Write2Command(
                server_handle=12, item_handle=34, value=FIVE, timestamp_value=WHEN_VALUE, user_id=56
            ),
        ),
    ),
    "write_secured": Case(
        call=lambda session: session.write_secured(12, 34, 56, 78, 5),
        command=pb.MxCommand(
            kind=pb.MX_COMMAND_KIND_WRITE_SECURED,
            write_secured=pb.WriteSecuredCommand(
                server_handle=12, item_handle=34, current_user_id=56, verifier_user_id=78, value=FIVE
            ),
        ),
    ),
    "write_secured2": Case(
        call=lambda session: session.write_secured2(12, 34, 56, 78, 5, WHEN),
        command=pb.MxCommand(
            kind=pb.MX_COMMAND_KIND_WRITE_SECURED2,
            write_secured2=pb.WriteSecured2Command(
                server_handle=12,
                item_handle=34,
                current_user_id=56,
                verifier_user_id=78,
                value=FIVE,
                timestamp_value=WHEN_VALUE,
            ),
        ),
    ),
    "write_array_elements": Case(
        call=lambda session: session.write_array_elements(12, 34, MxDataType.INTEGER, 9, {7: 5}, 56),
        command=pb.MxCommand(
            kind=pb.MX_COMMAND_KIND_WRITE,
            write=pb.WriteCommand(
                server_handle=12,
                item_handle=34,
                value=pb.MxValue(
                    data_type=pb.MX_DATA_TYPE_INTEGER,
                    sparse_array_value=pb.MxSparseArray(
                        element_data_type=pb.MX_DATA_TYPE_INTEGER,
                        total_length=9,
                        elements=[pb.MxSparseElement(index=7, value=FIVE)],
                    ),
                ),
                user_id=56,
            ),
        ),
    ),
    "authenticate_user": Case(
        call=lambda session: session.authenticate_user(12, "bob", "secret"),
        command=pb.MxCommand(
            kind=pb.MX_COMMAND_KIND_AUTHENTICATE_USER,
            authenticate_user=pb.AuthenticateUserCommand(
                server_handle=12, verify_user="bob", verify_user_password="secret"
            ),
        ),
        reply=pb.MxCommandReply(authenticate_user=pb.AuthenticateUserReply(user_id=56)),
        result=56,
    ),
    "archestra_user_to_id": Case(
        call=lambda session: session.archestra_user_to_id(12, GUID),
        command=pb.MxCommand(
            kind=pb.MX_COMMAND_KIND_ARCHESTRA_USER_TO_ID,
            archestra_user_to_id=pb.ArchestrAUserToIdCommand(server_handle=12, user_id_guid=GUID),
        ),
        reply=pb.MxCommandReply(archestra_user_to_id=pb.ArchestrAUserToIdReply(user_id=56)),
        result=56,
    ),
    "subscribe_alarms": Case(
        call=lambda session: session.subscribe_alarms(r"\\Node\Galaxy!Area", AlarmProviderMode.SUBTAG),
        command=pb.MxCommand(
            kind=pb.MX_COMMAND_KIND_SUBSCRIBE_ALARMS,
            subscribe_alarms=pb.SubscribeAlarmsCommand(
                subscription_expression=r"\\Node\Galaxy!Area", forced_mode=pb.ALARM_PROVIDER_MODE_SUBTAG
            ),
        ),
    ),
    "unsubscribe_alarms": Case(
        call=lambda session: session.unsubscribe_alarms(),
        command=pb.MxCommand(
            kind=pb.MX_COMMAND_KIND_UNSUBSCRIBE_ALARMS, unsubscribe_alarms=pb.UnsubscribeAlarmsCommand()
        ),
    ),
    "acknowledge_alarm": Case(
        call=lambda session: session.acknowledge_alarm(GUID, "seen", "bob", "node", "domain", "Bob B."),
        command=pb.MxCommand(
            kind=pb.MX_COMMAND_KIND_ACKNOWLEDGE_ALARM,
            acknowledge_alarm_command=pb.AcknowledgeAlarmCommand(
                alarm_guid=GUID,
                comment="seen",
                operator_user="bob",
                operator_node="node",
                operator_domain="domain",
                operator_full_name="Bob B.",
            ),
        ),
        reply=pb.MxCommandReply(acknowledge_alarm=pb.AcknowledgeAlarmReplyPayload(native_status=9)),
        result=9,
    ),
    "acknowledge_alarm_by_name": Case(
        call=lambda session: session.acknowledge_alarm_by_name(
            "Tag", "Provider", "Group", "seen", "bob", "node", "domain", "Bob B."
        ),
        command=pb.MxCommand(
            kind=pb.MX_COMMAND_KIND_ACKNOWLEDGE_ALARM_BY_NAME,
            acknowledge_alarm_by_name_command=pb.AcknowledgeAlarmByNameCommand(
                alarm_name="Tag",
                provider_name="Provider",
                group_name="Group",
                comment="seen",
                operator_user="bob",
                operator_node="node",
                operator_domain="domain",
                operator_full_name="Bob B.",
            ),
        ),
        reply=pb.MxCommandReply(acknowledge_alarm=pb.AcknowledgeAlarmReplyPayload(native_status=9)),
        result=9,
    ),
    "query_active_alarms": Case(
        call=lambda session: references_of(session.query_active_alarms("Galaxy!")),
        command=pb.MxCommand(
            kind=pb.MX_COMMAND_KIND_QUERY_ACTIVE_ALARMS,
            query_active_alarms_command=pb.QueryActiveAlarmsCommand(alarm_filter_prefix="Galaxy!"),
        ),
        reply=pb.MxCommandReply(
            query_active_alarms=pb.QueryActiveAlarmsReplyPayload(
                snapshots=[pb.ActiveAlarmSnapshot(alarm_full_reference="Galaxy!Area.Tag")]
            )
        ),
        result=["Galaxy!Area.Tag"],
    ),
    "ping": Case(
        call=lambda session: session.ping("hello"),
        command=pb.MxCommand(kind=pb.MX_COMMAND_KIND_PING, ping=pb.PingCommand(message="hello")),
    ),
    "get_state": Case(
        call=lambda session: session.get_state(),
        command=pb.MxCommand(kind=pb.MX_COMMAND_KIND_GET_SESSION_STATE, get_session_state=pb.GetSessionStateCommand()),
        reply=pb.MxCommandReply(session_state=pb.SessionStateReply(state=pb.SESSION_STATE_FAULTED)),
        result=SessionState.FAULTED,
    ),
    "get_worker_info": Case(
        call=lambda session: session.get_worker_info(),
        command=pb.MxCommand(kind=pb.MX_COMMAND_KIND_GET_WORKER_INFO, get_worker_info=pb.GetWorkerInfoCommand()),
        reply=pb.MxCommandReply(worker_info=pb.WorkerInfoReply(worker_process_id=4711, worker_protocol_version=2)),
        result=WorkerInfo(worker_process_id=4711, worker_protocol_version=2),
    ),
    "drain_events": Case(
        call=lambda session: sequences_of(session.drain_events(10)),
        command=pb.MxCommand(kind=pb.MX_COMMAND_KIND_DRAIN_EVENTS, drain_events=pb.DrainEventsCommand(max_events=10)),
        reply=pb.MxCommandReply(
            drain_events=pb.DrainEventsReply(
                events=[pb.MxEvent(family=pb.MX_EVENT_FAMILY_ON_DATA_CHANGE, worker_sequence=3)]
            )
        ),
        result=[(DataChange, 3)],
    ),
    "shutdown_worker": Case(
        call=lambda session: session.shutdown_worker(2.5),
        command=pb.MxCommand(
            kind=pb.MX_COMMAND_KIND_SHUTDOWN_WORKER,
            shutdown_worker=pb.ShutdownWorkerCommand(grace_period=Duration(seconds=2, nanos=500_000_000)),
        ),
    ),
}


async def references_of(query: Awaitable[tuple[ActiveAlarm, ...]]) -> list[str]:
    """Return the references of alarms."""
    return [alarm.alarm_full_reference for alarm in await query]


async def sequences_of(drain: Awaitable[Any]) -> list[Any]:
    """Return the classes and sequences of events."""
    return [(type(event), event.sequence) for event in await drain]
