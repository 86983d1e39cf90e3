"""Send a command of a session, and validate its reply."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final, TypedDict, Unpack

from mxaccess_gateway.v1 import mxaccess_gateway_pb2 as pb

from mxgateway._transport.failures import error_from_reply
from mxgateway._transport.replies import contradicts_ok
from mxgateway.errors import ErrorFacts, MxGatewayConfigurationError, MxGatewayLimitError, MxGatewayProtocolError
from mxgateway.redaction import redact_message

if TYPE_CHECKING:
    from mxgateway._transport.channel import Channel

__all__ = ["CommandSender", "set_handles"]


_RETURNED_BY: Final = {"server_handle": "register", "item_handle": "add_item"}


class Handles(TypedDict, total=False):
    """The handle fields of payloads."""

    server_handle: int
    item_handle: int


class CommandSender:
    """Base class of the commands of a session: one request and one reply each."""

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
        """Send a command, and return the reply once it is known to be OK and to belong to the request."""
        channel = self._channel
        size = request.ByteSize()
        if size > channel.options.max_message_bytes:
            limit = channel.options.max_message_bytes
            hint = "split the request, or raise max_message_bytes here and at the gateway"
            raise MxGatewayLimitError(
                f"the request of {size} bytes exceeds max_message_bytes ({limit}) and was not sent",
                replace(self._facts(request), hint=hint),
            )
        reply = await channel.invoke(request, method_name(request.command.kind), timeout=timeout)
        if reply.protocol_status.code != pb.PROTOCOL_STATUS_CODE_OK or contradicts_ok(reply):
            raise channel.counters.failed(error_from_reply(reply, self._facts(request)))
        if _mismatch(request, reply):
            # Redact before the text is built: a traceback with local variables must not show secrets either.
            redact_message(reply)
            violation = self._violation(request, f"the reply is for another request, {_mismatch(request, reply)}")
            raise channel.counters.failed(violation)
        return reply

    def _missing_payload(
        self, request: pb.MxCommandRequest, reply: pb.MxCommandReply, arm: str
    ) -> MxGatewayProtocolError:
        """Return the error for an OK reply without the payload of its command."""
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


def set_handles(payload: object, **handles: Unpack[Handles]) -> None:
    """Set handle fields of a payload.

    Raises:
        MxGatewayConfigurationError: a handle is not a 32-bit int.
    """
    for field, handle in handles.items():
        try:
            setattr(payload, field, handle)
        except (TypeError, ValueError):
            problem = f"invalid {field} {handle!r}: use the int that {_RETURNED_BY[field]} returned"
            break
    else:
        return
    raise MxGatewayConfigurationError(problem)


def method_name(kind: int) -> str:
    """Return the name of the MXAccess method or gateway command of a command kind."""
    if kind == pb.MX_COMMAND_KIND_ARCHESTRA_USER_TO_ID:
        return "ArchestrAUserToId"
    try:
        name = pb.MxCommandKind.Name(kind)  # type: ignore[arg-type]  # any number may come in a raw command
    except ValueError:
        return f"command kind {kind}"
    return "".join(word.capitalize() for word in name.removeprefix("MX_COMMAND_KIND_").split("_"))


def _mismatch(request: pb.MxCommandRequest, reply: pb.MxCommandReply) -> str | None:
    """Return what shows that a reply belongs to another request, or None. Unset fields are ignored."""
    if reply.kind and reply.kind != request.command.kind:
        return method_name(reply.kind)
    if reply.session_id and reply.session_id != request.session_id:
        return f"session {reply.session_id}"
    if reply.correlation_id and reply.correlation_id != request.client_correlation_id:
        return f"correlation id {reply.correlation_id}"
    return None
