"""Each method of a session sends exactly its command, in MXAccess's order of arguments, and gives what came back."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp
from mxaccess_gateway.v1 import mxaccess_gateway_pb2 as pb
from scripted_gateway import SESSION_ID, ScriptedGateway

from mxgateway import (
    ActiveAlarm,
    AlarmProviderMode,
    BulkWriteResult,
    DataChange,
    GatewayClient,
    MxDataType,
    MxGatewayConfigurationError,
    MxGatewayProtocolError,
    MxStatus,
    MxStatusCategory,
    Session,
    SessionInfo,
    SessionState,
    SubscribeResult,
    WorkerInfo,
    Write2BulkEntry,
    WriteBulkEntry,
    WriteSecured2BulkEntry,
    WriteSecuredBulkEntry,
)

WHEN = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
WHEN_VALUE = pb.MxValue(data_type=pb.MX_DATA_TYPE_TIME, timestamp_value=Timestamp(seconds=int(WHEN.timestamp())))
FIVE = pb.MxValue(data_type=pb.MX_DATA_TYPE_INTEGER, int32_value=5)
FIVE_AS_DOUBLE = pb.MxValue(data_type=pb.MX_DATA_TYPE_DOUBLE, double_value=5)
GUID = "6f1d6c1e-6a52-4a30-9f2a-0d5b7f3f1a01"


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A call, the command that it must send, and what it must give for this reply."""

    call: Callable[[Session], Awaitable[Any]]
    command: pb.MxCommand
    reply: pb.MxCommandReply | None = None
    result: Any = None


def subscribed(*handles: int) -> pb.BulkSubscribeReply:
    """A result for each handle; the second one failed."""
    return pb.BulkSubscribeReply(
        results=[
            pb.SubscribeResult(
                server_handle=1,
                tag_address=f"Tag{handle}",
                item_handle=handle,
                was_successful=index != 1,
                error_message="no such tag" if index == 1 else "",
            )
            for index, handle in enumerate(handles)
        ]
    )


SUBSCRIBED = (
    SubscribeResult(server_handle=1, tag_address="Tag7", item_handle=7, was_successful=True, error_message=""),
    SubscribeResult(
        server_handle=1, tag_address="Tag8", item_handle=8, was_successful=False, error_message="no such tag"
    ),
)
WRITTEN_REPLY = pb.BulkWriteReply(results=[pb.BulkWriteResult(server_handle=1, item_handle=7, was_successful=True)])
WRITTEN = (BulkWriteResult.from_message(WRITTEN_REPLY.results[0]),)

CASES = {
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
    "add_item_bulk": Case(
        call=lambda session: session.add_item_bulk(12, ["A", "B"]),
        command=pb.MxCommand(
            kind=pb.MX_COMMAND_KIND_ADD_ITEM_BULK,
            add_item_bulk=pb.AddItemBulkCommand(server_handle=12, tag_addresses=["A", "B"]),
        ),
        reply=pb.MxCommandReply(add_item_bulk=subscribed(7, 8)),
        result=SUBSCRIBED,
    ),
    "advise_item_bulk": Case(
        call=lambda session: session.advise_item_bulk(12, [7, 8]),
        command=pb.MxCommand(
            kind=pb.MX_COMMAND_KIND_ADVISE_ITEM_BULK,
            advise_item_bulk=pb.AdviseItemBulkCommand(server_handle=12, item_handles=[7, 8]),
        ),
        reply=pb.MxCommandReply(advise_item_bulk=subscribed(7, 8)),
        result=SUBSCRIBED,
    ),
    "remove_item_bulk": Case(
        call=lambda session: session.remove_item_bulk(12, [7, 8]),
        command=pb.MxCommand(
            kind=pb.MX_COMMAND_KIND_REMOVE_ITEM_BULK,
            remove_item_bulk=pb.RemoveItemBulkCommand(server_handle=12, item_handles=[7, 8]),
        ),
        reply=pb.MxCommandReply(remove_item_bulk=subscribed(7, 8)),
        result=SUBSCRIBED,
    ),
    "un_advise_item_bulk": Case(
        call=lambda session: session.un_advise_item_bulk(12, [7, 8]),
        command=pb.MxCommand(
            kind=pb.MX_COMMAND_KIND_UN_ADVISE_ITEM_BULK,
            un_advise_item_bulk=pb.UnAdviseItemBulkCommand(server_handle=12, item_handles=[7, 8]),
        ),
        reply=pb.MxCommandReply(un_advise_item_bulk=subscribed(7, 8)),
        result=SUBSCRIBED,
    ),
    "subscribe_bulk": Case(
        call=lambda session: session.subscribe_bulk(12, ["A", "B"]),
        command=pb.MxCommand(
            kind=pb.MX_COMMAND_KIND_SUBSCRIBE_BULK,
            subscribe_bulk=pb.SubscribeBulkCommand(server_handle=12, tag_addresses=["A", "B"]),
        ),
        reply=pb.MxCommandReply(subscribe_bulk=subscribed(7, 8)),
        result=SUBSCRIBED,
    ),
    "unsubscribe_bulk": Case(
        call=lambda session: session.unsubscribe_bulk(12, [7, 8]),
        command=pb.MxCommand(
            kind=pb.MX_COMMAND_KIND_UNSUBSCRIBE_BULK,
            unsubscribe_bulk=pb.UnsubscribeBulkCommand(server_handle=12, item_handles=[7, 8]),
        ),
        reply=pb.MxCommandReply(unsubscribe_bulk=subscribed(7, 8)),
        result=SUBSCRIBED,
    ),
    "read_bulk": Case(
        call=lambda session: values_of(session.read_bulk(12, ["A"], worker_timeout=1.5)),
        command=pb.MxCommand(
            kind=pb.MX_COMMAND_KIND_READ_BULK,
            read_bulk=pb.ReadBulkCommand(server_handle=12, tag_addresses=["A"], timeout_ms=1500),
        ),
        reply=pb.MxCommandReply(
            read_bulk=pb.BulkReadReply(
                results=[pb.BulkReadResult(tag_address="A", was_successful=True, value=FIVE, quality=192)]
            )
        ),
        result=[("A", True, 5, 192)],
    ),
    "write_bulk": Case(
        call=lambda session: session.write_bulk(
            12, [WriteBulkEntry(item_handle=7, value=5, user_id=56, data_type=MxDataType.DOUBLE)]
        ),
        command=pb.MxCommand(
            kind=pb.MX_COMMAND_KIND_WRITE_BULK,
            write_bulk=pb.WriteBulkCommand(
                server_handle=12, entries=[pb.WriteBulkEntry(item_handle=7, value=FIVE_AS_DOUBLE, user_id=56)]
            ),
        ),
        reply=pb.MxCommandReply(write_bulk=WRITTEN_REPLY),
        result=WRITTEN,
    ),
    "write2_bulk": Case(
        call=lambda session: session.write2_bulk(
            12, [Write2BulkEntry(item_handle=7, value=5, timestamp=WHEN, user_id=56)]
        ),
        command=pb.MxCommand(
            kind=pb.MX_COMMAND_KIND_WRITE2_BULK,
            write2_bulk=pb.Write2BulkCommand(
                server_handle=12,
                entries=[pb.Write2BulkEntry(item_handle=7, value=FIVE, timestamp_value=WHEN_VALUE, user_id=56)],
            ),
        ),
        reply=pb.MxCommandReply(write2_bulk=WRITTEN_REPLY),
        result=WRITTEN,
    ),
    "write_secured_bulk": Case(
        call=lambda session: session.write_secured_bulk(
            12, [WriteSecuredBulkEntry(item_handle=7, current_user_id=56, verifier_user_id=78, value=5)]
        ),
        command=pb.MxCommand(
            kind=pb.MX_COMMAND_KIND_WRITE_SECURED_BULK,
            write_secured_bulk=pb.WriteSecuredBulkCommand(
                server_handle=12,
                entries=[pb.WriteSecuredBulkEntry(item_handle=7, current_user_id=56, verifier_user_id=78, value=FIVE)],
            ),
        ),
        reply=pb.MxCommandReply(write_secured_bulk=WRITTEN_REPLY),
        result=WRITTEN,
    ),
    "write_secured2_bulk": Case(
        call=lambda session: session.write_secured2_bulk(
            12,
            [WriteSecured2BulkEntry(item_handle=7, current_user_id=56, verifier_user_id=78, value=5, timestamp=WHEN)],
        ),
        command=pb.MxCommand(
            kind=pb.MX_COMMAND_KIND_WRITE_SECURED2_BULK,
            write_secured2_bulk=pb.WriteSecured2BulkCommand(
                server_handle=12,
                entries=[
                    pb.WriteSecured2BulkEntry(
                        item_handle=7,
                        current_user_id=56,
                        verifier_user_id=78,
                        value=FIVE,
                        timestamp_value=WHEN_VALUE,
                    )
                ],
            ),
        ),
        reply=pb.MxCommandReply(write_secured2_bulk=WRITTEN_REPLY),
        result=WRITTEN,
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
PROMISING = {name: case for name, case in CASES.items() if case.reply is not None}


async def values_of(read: Awaitable[Any]) -> list[Any]:
    """What is of interest in results that are views."""
    return [(each.tag_address, each.was_successful, each.value, each.quality) for each in await read]


async def references_of(query: Awaitable[tuple[ActiveAlarm, ...]]) -> list[str]:
    """The alarms' references."""
    return [alarm.alarm_full_reference for alarm in await query]


async def sequences_of(drain: Awaitable[Any]) -> list[Any]:
    """The events' classes and sequences."""
    return [(type(event), event.sequence) for event in await drain]


def filled(payload: pb.MxCommandReply | None) -> Callable[[pb.MxCommandReply], None]:
    """Let a reply have this payload, or none."""

    def edit(reply: pb.MxCommandReply) -> None:
        arm = reply.WhichOneof("payload")
        if arm is not None:
            reply.ClearField(arm)
        if payload is not None:
            reply.MergeFrom(payload)

    return edit


def test_every_command_of_a_session_is_tested_here() -> None:
    methods = {
        name
        for name, _ in inspect.getmembers(Session, inspect.iscoroutinefunction)
        if not name.startswith("_") and name not in {"close", "invoke"}
    }

    assert methods == set(CASES)


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
async def test_a_method_sends_its_command_and_gives_what_came_back(
    scripted: ScriptedGateway, scripted_session: Session, case: Case
) -> None:
    scripted.edit_reply = filled(case.reply)

    result = await case.call(scripted_session)

    request = scripted.command()
    assert request.session_id == SESSION_ID
    assert request.command == case.command
    assert result == case.result


@pytest.mark.parametrize("case", PROMISING.values(), ids=PROMISING)
async def test_an_ok_reply_without_the_promised_payload_is_no_zero(
    scripted: ScriptedGateway, scripted_session: Session, case: Case
) -> None:
    scripted.edit_reply = filled(None)

    with pytest.raises(MxGatewayProtocolError, match=r"is OK but lacks its .* payload"):
        await case.call(scripted_session)


@pytest.mark.parametrize("case", PROMISING.values(), ids=PROMISING)
async def test_an_ok_reply_with_the_payload_of_another_command_is_no_answer(
    scripted: ScriptedGateway, scripted_session: Session, case: Case
) -> None:
    other = "register" if case is not CASES["register"] else "add_item"
    scripted.edit_reply = filled(CASES[other].reply)

    with pytest.raises(MxGatewayProtocolError, match=r"is OK but lacks its .* payload"):
        await case.call(scripted_session)


async def test_a_session_is_opened_with_what_it_is_told(
    scripted: ScriptedGateway, scripted_client: GatewayClient
) -> None:
    await scripted_client.open_session(client_session_name="name", command_timeout=1.5, requested_backend="backend")

    (request,) = scripted.requests("OpenSession")
    assert isinstance(request, pb.OpenSessionRequest)
    assert request.client_session_name == "name"
    assert request.command_timeout == Duration(seconds=1, nanos=500_000_000)
    assert request.requested_backend == "backend"


async def test_a_session_is_opened_with_the_gateways_own_choice_when_nothing_is_said(
    scripted: ScriptedGateway, scripted_client: GatewayClient
) -> None:
    await scripted_client.open_session()

    (request,) = scripted.requests("OpenSession")
    assert isinstance(request, pb.OpenSessionRequest)
    assert not request.HasField("command_timeout")
    assert (request.client_session_name, request.requested_backend) == ("", "")


async def test_a_session_knows_what_the_gateway_said_of_it(
    scripted: ScriptedGateway, scripted_client: GatewayClient
) -> None:
    scripted.open_reply.MergeFrom(
        pb.OpenSessionReply(
            worker_process_id=4711,
            worker_protocol_version=2,
            capabilities=["unary-acknowledge-alarm"],
            default_command_timeout=Duration(seconds=30),
        )
    )

    session = await scripted_client.open_session()

    assert session.session_id == SESSION_ID
    assert session.info == SessionInfo(
        session_id=SESSION_ID,
        backend_name="scripted",
        worker_process_id=4711,
        worker_protocol_version=2,
        gateway_protocol_version=3,
        capabilities=("unary-acknowledge-alarm",),
        default_command_timeout=30.0,
    )


async def test_no_correlation_id_is_empty_or_comes_twice(
    scripted: ScriptedGateway, scripted_client: GatewayClient
) -> None:
    async with GatewayClient.connect(scripted_client.options) as other_client:
        sessions = [await client.open_session() for client in (scripted_client, other_client)]
        await asyncio.gather(*(session.ping() for session in sessions for _ in range(20)))
        await scripted_client.invoke(pb.MxCommandRequest(session_id=SESSION_ID))

    requests: list[Any] = [call.request for call in scripted.received]
    ids = [request.client_correlation_id for request in requests]
    assert len(ids) == 46
    assert all(ids)
    assert len(set(ids)) == len(ids)


@pytest.mark.parametrize(("timeout", "expected"), [(None, 30.0), (7.0, 7.0)])
async def test_every_command_carries_its_deadline(
    scripted: ScriptedGateway, scripted_session: Session, timeout: float | None, expected: float
) -> None:
    await scripted_session.ping(timeout=timeout)

    left = scripted.received[-1].seconds_left
    assert left is not None
    assert abs(left - expected) < 2


async def test_the_clients_own_timeout_is_the_deadline_unless_a_call_says_otherwise(scripted: ScriptedGateway) -> None:
    async with GatewayClient.connect(
        endpoint=scripted.endpoint, plaintext=True, timeout=100, connect_timeout=50, close_timeout=20
    ) as client:
        session = await client.open_session()
        await session.ping()
        await session.close()

    expected = {"connect": 50.0, "OpenSession": 100.0, "Invoke": 100.0, "CloseSession": 20.0}
    for name, call in zip(expected, scripted.received, strict=True):
        assert call.seconds_left is not None
        assert abs(call.seconds_left - expected[name]) < 2


async def test_a_stream_has_no_deadline(scripted: ScriptedGateway, scripted_session: Session) -> None:
    scripted.events = [pb.MxEvent(worker_sequence=1)]
    async with scripted_session.stream_events() as stream:
        await anext(stream)

    assert scripted.received[-1].rpc == "StreamEvents"
    seconds_left = scripted.received[-1].seconds_left
    assert seconds_left is None or seconds_left > 1e6


@pytest.mark.parametrize("timeout", [0, -1, float("nan"), float("inf")])
async def test_a_timeout_that_is_none_is_refused_before_anything_is_sent(
    scripted: ScriptedGateway, scripted_session: Session, timeout: float
) -> None:
    with pytest.raises(MxGatewayConfigurationError, match=r"^timeout .* is not a positive number of seconds"):
        await scripted_session.ping(timeout=timeout)

    assert not scripted.requests("Invoke")


@pytest.mark.parametrize("handle", [None, "1", 1.5, 2**31, -(2**31) - 1, object()])
@pytest.mark.parametrize("position", ["server_handle", "item_handle"])
async def test_what_is_no_handle_is_refused_by_name_before_anything_is_sent(
    scripted: ScriptedGateway, scripted_session: Session, position: str, handle: Any
) -> None:
    handles = {"server_handle": 1, "item_handle": 2, position: handle}

    with pytest.raises(MxGatewayConfigurationError, match=rf"{position} .* is not a handle"):
        await scripted_session.advise(**handles)

    assert not scripted.requests("Invoke")


async def test_a_raw_command_gets_its_session_and_correlation_id(
    scripted: ScriptedGateway, scripted_session: Session
) -> None:
    reply = await scripted_session.invoke(CASES["register"].command)

    request = scripted.command()
    assert request.session_id == SESSION_ID
    assert request.client_correlation_id
    assert request.command == CASES["register"].command
    assert reply.register.server_handle == 1


async def test_a_raw_request_of_the_client_is_sent_as_it_is_and_its_reply_is_not_judged(
    scripted: ScriptedGateway, scripted_client: GatewayClient
) -> None:
    def refuse(reply: pb.MxCommandReply) -> None:
        reply.protocol_status.code = pb.PROTOCOL_STATUS_CODE_MXACCESS_FAILURE

    scripted.edit_reply = refuse
    request = pb.MxCommandRequest(
        session_id=SESSION_ID, client_correlation_id="mine", command=CASES["register"].command
    )

    reply = await scripted_client.invoke(request)

    assert scripted.command() == request
    assert reply.protocol_status.code == pb.PROTOCOL_STATUS_CODE_MXACCESS_FAILURE


async def test_a_raw_request_without_a_correlation_id_gets_one_and_stays_unchanged(
    scripted: ScriptedGateway, scripted_client: GatewayClient
) -> None:
    request = pb.MxCommandRequest(session_id=SESSION_ID)

    await scripted_client.invoke(request)

    assert scripted.command().client_correlation_id
    assert request == pb.MxCommandRequest(session_id=SESSION_ID)


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("kind", pb.MX_COMMAND_KIND_ADVISE, "the reply is for Advise"),
        ("session_id", "session-other", "the reply is for session session-other"),
        ("correlation_id", "other", "the reply is for correlation id other"),
    ],
)
async def test_a_reply_to_another_request_is_not_believed(
    scripted: ScriptedGateway, scripted_session: Session, field: str, value: Any, words: str
) -> None:
    scripted.edit_reply = lambda reply: setattr(reply, field, value)

    with pytest.raises(MxGatewayProtocolError, match=words):
        await scripted_session.register("test")


async def test_a_reply_that_leaves_out_what_it_is_for_is_believed(
    scripted: ScriptedGateway, scripted_session: Session
) -> None:
    def forget(reply: pb.MxCommandReply) -> None:
        for field in ("kind", "session_id", "correlation_id"):
            reply.ClearField(field)

    scripted.edit_reply = forget

    assert await scripted_session.register("test") == 1


def unlike(message: Message, name: str, value: object) -> None:
    """Set a field to a number that its enum doesn't have."""
    setattr(message, name, value)


async def test_unknown_numbers_in_a_reply_break_nothing(scripted: ScriptedGateway, scripted_session: Session) -> None:
    def from_the_future(reply: pb.MxCommandReply) -> None:
        unlike(reply.suspend.status, "category", 77)
        unlike(reply.suspend.status, "detected_by", 78)

    scripted.edit_reply = from_the_future

    status = await scripted_session.suspend(1, 2)

    assert (status.category.name, status.detected_by.name) == ("UNRECOGNIZED_77", "UNRECOGNIZED_78")
    assert not status.failed
