"""A gateway whose alarm replies are set by the test, including invalid ones."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import TypeAlias

import grpc
from mxaccess_gateway.v1 import mxaccess_gateway_pb2 as pb

from support.scripted_gateway import Context, ScriptedGateway, serving

Edit: TypeAlias = "Callable[[pb.AcknowledgeAlarmReply], object]"
End: TypeAlias = "tuple[grpc.StatusCode, str] | None"


class ScriptedAlarms(ScriptedGateway):
    """A gateway on a real socket, controlled by its attributes. An end of None keeps the stream open."""

    def __init__(self) -> None:
        super().__init__()
        self.feed: Sequence[pb.AlarmFeedMessage] = ()
        self.end_of_feed: End = None
        self.active: Sequence[pb.ActiveAlarmSnapshot] = ()
        self.end_of_active: End = (grpc.StatusCode.OK, "")
        self.edit_acknowledgement: Edit | None = None

    async def StreamAlarms(  # noqa: N802 - the generated name
        self, request: pb.StreamAlarmsRequest, context: Context
    ) -> AsyncIterator[pb.AlarmFeedMessage]:
        """Send `feed`, then end with `end_of_feed` or stay open."""
        await self._receive("StreamAlarms", request, context)
        for message in self.feed:
            yield message
        await _end(context, self.end_of_feed)

    async def QueryActiveAlarms(  # noqa: N802 - the generated name
        self, request: pb.QueryActiveAlarmsRequest, context: Context
    ) -> AsyncIterator[pb.ActiveAlarmSnapshot]:
        """Send `active`, then end with `end_of_active`."""
        await self._receive("QueryActiveAlarms", request, context)
        for alarm in self.active:
            yield alarm
        await _end(context, self.end_of_active)

    async def AcknowledgeAlarm(  # noqa: N802 - the generated name
        self, request: pb.AcknowledgeAlarmRequest, context: Context
    ) -> pb.AcknowledgeAlarmReply:
        """Succeed, unless `edit_acknowledgement` changes the reply."""
        await self._receive("AcknowledgeAlarm", request, context)
        reply = pb.AcknowledgeAlarmReply(
            correlation_id=request.client_correlation_id,
            protocol_status=pb.ProtocolStatus(code=pb.PROTOCOL_STATUS_CODE_OK),
            hresult=0,
        )
        if self.edit_acknowledgement is not None:
            self.edit_acknowledgement(reply)
        return reply


@asynccontextmanager
async def scripted_alarms() -> AsyncGenerator[ScriptedAlarms]:
    """Serve scripted alarms in plaintext on a free port."""
    gateway = ScriptedAlarms()
    async with serving(gateway) as gateway.endpoint:
        yield gateway


async def _end(context: Context, end: End) -> None:
    if end is None:
        await asyncio.Event().wait()
    elif end[0] is not grpc.StatusCode.OK:
        await context.abort(*end)
