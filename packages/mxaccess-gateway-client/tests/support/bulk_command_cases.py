"""Cases for the bulk commands of a session: the call, the command sent, the reply and the result."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any

from mxaccess_gateway.v1 import mxaccess_gateway_pb2 as pb

from mxgateway import (
    BulkWriteResult,
    MxDataType,
    SubscribeResult,
    Write2BulkEntry,
    WriteBulkEntry,
    WriteSecured2BulkEntry,
    WriteSecuredBulkEntry,
)
from support.command_cases import FIVE, FIVE_AS_DOUBLE, WHEN, WHEN_VALUE, Case


def subscribed(*handles: int) -> pb.BulkSubscribeReply:
    """Return a result per handle, of which the second failed."""
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


BULK_CASES = {
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
}


async def values_of(read: Awaitable[Any]) -> list[Any]:
    """Return the fields to compare of results that are views."""
    return [(each.tag_address, each.was_successful, each.value, each.quality) for each in await read]
