"""Acknowledge an alarm."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from mxaccess_gateway.v1 import mxaccess_gateway_pb2 as pb

from mxgateway._transport.failures import error_from_reply
from mxgateway._transport.replies import contradicts_ok
from mxgateway.errors import ErrorFacts, MxGatewayConfigurationError, MxGatewayProtocolError
from mxgateway.redaction import redact_message

if TYPE_CHECKING:
    from mxgateway._transport.channel import Channel

__all__ = ["acknowledge_alarm", "is_guid"]

_GUID: Final = re.compile(r"[{(]?[0-9A-Fa-f]{8}(?:-?[0-9A-Fa-f]{4}){3}-?[0-9A-Fa-f]{12}[)}]?")


async def acknowledge_alarm(
    channel: Channel, reference: str, comment: str, operator_user: str, timeout: float | None
) -> None:
    """Acknowledge an alarm by rpc `AcknowledgeAlarm`, as `GatewayClient.acknowledge_alarm` says."""
    if not (is_guid(reference) or _is_full_reference(reference)):
        raise MxGatewayConfigurationError(
            f"alarm {reference!r} is neither a GUID nor Provider!Group.Tag: give the alarm_full_reference of an alarm"
        )
    request = pb.AcknowledgeAlarmRequest(
        client_correlation_id=channel.new_correlation_id(),
        alarm_full_reference=reference,
        comment=comment,
        operator_user=operator_user,
    )
    # Kept in this form alone: what error_from_reply redacts is all that a traceback with local variables can show.
    answer = _as_command_reply(
        await channel.call(channel.gateway.AcknowledgeAlarm, "AcknowledgeAlarm", request, timeout=timeout)
    )
    facts = ErrorFacts(
        method="AcknowledgeAlarm", target=channel.options.endpoint, correlation_id=request.client_correlation_id
    )
    if answer.protocol_status.code != pb.PROTOCOL_STATUS_CODE_OK or contradicts_ok(answer):
        raise error_from_reply(answer, facts)
    if answer.correlation_id not in {"", request.client_correlation_id}:
        redact_message(answer)
        stranger = answer.correlation_id
        raise MxGatewayProtocolError(f"the reply is for correlation id {stranger}, which was not asked for here", facts)


def is_guid(text: str) -> bool:
    """Whether a text is a GUID, with or without hyphens and brackets."""
    return _GUID.fullmatch(text) is not None


def _is_full_reference(text: str) -> bool:
    provider, _, rest = text.partition("!")
    group, _, tag = rest.partition(".")
    return all(part.strip() for part in (provider, group, tag))


def _as_command_reply(reply: pb.AcknowledgeAlarmReply) -> pb.MxCommandReply:
    """The same answer in the form that a command has, so that a refusal of MXAccess looks the same everywhere."""
    answer = pb.MxCommandReply(
        correlation_id=reply.correlation_id,
        protocol_status=reply.protocol_status,
        statuses=[reply.status] if reply.HasField("status") else [],
        diagnostic_message=reply.diagnostic_message,
    )
    if reply.HasField("hresult"):
        answer.hresult = reply.hresult
    return answer
