"""How a command of a session goes to the gateway, and what of its reply is believed."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from mxaccess_gateway.v1 import mxaccess_gateway_pb2 as pb

from mxgateway._transport.failures import error_from_reply
from mxgateway._transport.replies import contradicts_ok
from mxgateway.errors import ErrorFacts, MxGatewayConfigurationError, MxGatewayLimitError, MxGatewayProtocolError
from mxgateway.redaction import redact_message

if TYPE_CHECKING:
    from mxgateway._transport.channel import Channel

__all__ = ["CommandSender", "set_handle", "set_handles", "set_server_handle"]


class _ServerPayload(Protocol):
    server_handle: int


class _ItemPayload(Protocol):
    item_handle: int


class _ServerItemPayload(_ServerPayload, _ItemPayload, Protocol): ...


class CommandSender:
    """Sends the commands of one session, one request and one reply each."""

    def __init__(self, channel: Channel, session_id: str) -> None:
        self._channel = channel
        self._session_id = session_id

    def _request(self, kind: pb.MxCommandKind.ValueType) -> pb.MxCommandRequest:
        request = pb.MxCommandRequest()
        request.session_id = self._session_id
        request.client_correlation_id = self._channel.new_correlation_id()
        request.command.kind = kind
        return request

    async def _send(
        self,
        request: pb.MxCommandRequest,
        timeout: float | None,
    ) -> pb.MxCommandReply:
        """Send a command and give its reply, which is OK and the one to this request."""
        channel = self._channel
        size = request.ByteSize()
        if size > channel.options.max_message_bytes:
            limit = channel.options.max_message_bytes
            hint = "give it in parts, or raise max_message_bytes here and at the gateway"
            raise MxGatewayLimitError(
                f"the request has {size} bytes, more than the {limit} of max_message_bytes, and was not sent",
                replace(self._facts(request), hint=hint),
            )
        reply = await channel.invoke(request, method_name(request.command.kind), timeout=timeout)
        if reply.protocol_status.code != pb.PROTOCOL_STATUS_CODE_OK or contradicts_ok(reply):
            raise error_from_reply(reply, self._facts(request))
        stranger = _stranger(request, reply)
        if stranger:
            # A traceback that shows local variables must not show what the error itself hides.
            redact_message(reply)
            stranger = _stranger(request, reply)
            raise self._violation(request, f"the reply is for {stranger}, which was not asked for here")
        return reply

    def _missing(self, request: pb.MxCommandRequest, reply: pb.MxCommandReply, arm: str) -> MxGatewayProtocolError:
        """The error for an OK reply without the payload that its kind promises."""
        redact_message(reply)
        return self._violation(request, f"the reply is OK but lacks its {arm} payload")

    def _violation(self, request: pb.MxCommandRequest, summary: str) -> MxGatewayProtocolError:
        return MxGatewayProtocolError(summary, self._facts(request))

    def _facts(self, request: pb.MxCommandRequest) -> ErrorFacts:
        return ErrorFacts(
            method=method_name(request.command.kind),
            target=self._channel.options.endpoint,
            session_id=self._session_id,
            correlation_id=request.client_correlation_id,
        )


def set_server_handle(payload: _ServerPayload, server_handle: int) -> None:
    """Put a server handle into a payload.

    Raises:
        MxGatewayConfigurationError: it is no handle that MXAccess can give.
    """
    try:
        payload.server_handle = server_handle
    except (TypeError, ValueError):
        problem = f"server_handle {server_handle!r} is not a handle: give the int that register returned"
    else:
        return
    raise MxGatewayConfigurationError(problem)


def set_handle(payload: _ItemPayload, item_handle: int) -> None:
    """Put an item handle into a payload.

    Raises:
        MxGatewayConfigurationError: it is no handle that MXAccess can give.
    """
    try:
        payload.item_handle = item_handle
    except (TypeError, ValueError):
        problem = f"item_handle {item_handle!r} is not a handle: give the int that add_item returned"
    else:
        return
    raise MxGatewayConfigurationError(problem)


def set_handles(payload: _ServerItemPayload, server_handle: int, item_handle: int) -> None:
    """Put a server handle and an item handle into a payload, as `set_server_handle` and `set_handle` do."""
    set_server_handle(payload, server_handle)
    set_handle(payload, item_handle)


def method_name(kind: int) -> str:
    """Give the MXAccess method that a command kind stands for, for people."""
    if kind == pb.MX_COMMAND_KIND_ARCHESTRA_USER_TO_ID:
        return "ArchestrAUserToId"
    try:
        name = pb.MxCommandKind.Name(kind)  # type: ignore[arg-type]  # any number may come in a raw command
    except ValueError:
        return f"command kind {kind}"
    return "".join(word.capitalize() for word in name.removeprefix("MX_COMMAND_KIND_").split("_"))


def _stranger(request: pb.MxCommandRequest, reply: pb.MxCommandReply) -> str | None:
    """What a reply says that it is for, when that is something else than the request. Unset fields say nothing."""
    if reply.kind and reply.kind != request.command.kind:
        return method_name(reply.kind)
    if reply.session_id and reply.session_id != request.session_id:
        return f"session {reply.session_id}"
    if reply.correlation_id and reply.correlation_id != request.client_correlation_id:
        return f"correlation id {reply.correlation_id}"
    return None
