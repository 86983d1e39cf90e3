"""Acknowledge an alarm without a session."""

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
_GUID_HINT: Final = "a gateway cannot acknowledge by GUID: use the alarm_full_reference, Provider!Group.Tag"


async def acknowledge_alarm(
    channel: Channel, reference: str, comment: str, operator_user: str, timeout: float | None
) -> None:
    """Acknowledge an alarm (rpc `AcknowledgeAlarm`); see `GatewayClient.acknowledge_alarm`."""
    if not (is_guid(reference) or _is_full_reference(reference)):
        raise MxGatewayConfigurationError(
            f"invalid alarm {reference!r}: use the alarm_full_reference of an alarm, Provider!Group.Tag"
        )
    request = pb.AcknowledgeAlarmRequest(
        client_correlation_id=channel.new_correlation_id(),
        alarm_full_reference=reference,
        comment=comment,
        operator_user=operator_user,
    )
    # Keep only this copy: error_from_reply redacts it, so a traceback with local variables shows no secret.
    reply = _as_command_reply(
        await channel.call(channel.gateway.AcknowledgeAlarm, "AcknowledgeAlarm", request, timeout=timeout)
    )
    facts = ErrorFacts(
        method="AcknowledgeAlarm", target=channel.options.endpoint, correlation_id=request.client_correlation_id
    )
    if reply.protocol_status.code != pb.PROTOCOL_STATUS_CODE_OK or contradicts_ok(reply):
        failure = channel.counters.failed(error_from_reply(reply, facts))
        raise failure.with_hint(_GUID_HINT) if is_guid(reference) and failure.hint is None else failure
    if reply.correlation_id not in {"", request.client_correlation_id}:
        redact_message(reply)
        raise MxGatewayProtocolError(f"the reply is for another request, correlation id {reply.correlation_id}", facts)


def is_guid(text: str) -> bool:
    """Return whether a string is a GUID, with or without hyphens and brackets."""
    return _GUID.fullmatch(text) is not None


def _is_full_reference(text: str) -> bool:
    provider, _, rest = text.partition("!")
    group, _, tag = rest.partition(".")
    return all(part.strip() for part in (provider, group, tag))


def _as_command_reply(reply: pb.AcknowledgeAlarmReply) -> pb.MxCommandReply:
    """Return the reply as a command reply, so that a refusal raises the same error as one of a command."""
    command_reply = pb.MxCommandReply(
        correlation_id=reply.correlation_id,
        protocol_status=reply.protocol_status,
        statuses=[reply.status] if reply.HasField("status") else [],
        diagnostic_message=reply.diagnostic_message,
    )
    if reply.HasField("hresult"):
        command_reply.hresult = reply.hresult
    return command_reply
