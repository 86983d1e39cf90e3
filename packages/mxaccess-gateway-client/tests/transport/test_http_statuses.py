"""An HTTP status instead of a gRPC reply, as a proxy sends it, becomes a typed error with a hint."""

from __future__ import annotations

import pytest

from mxgateway import (
    GatewayClient,
    MxGatewayAuthenticationError,
    MxGatewayAuthorizationError,
    MxGatewayError,
    MxGatewayLimitError,
    MxGatewayProtocolError,
    MxGatewayTransportError,
)
from support.hostile_http2 import Answer, after_connecting, hostile_http2

STATUSES: dict[int, type[MxGatewayError]] = {
    302: MxGatewayProtocolError,
    400: MxGatewayProtocolError,
    401: MxGatewayAuthenticationError,
    403: MxGatewayAuthorizationError,
    404: MxGatewayProtocolError,
    407: MxGatewayAuthenticationError,
    408: MxGatewayTransportError,
    413: MxGatewayLimitError,
    429: MxGatewayLimitError,
    431: MxGatewayLimitError,
    500: MxGatewayTransportError,
    502: MxGatewayTransportError,
    504: MxGatewayTransportError,
}


@pytest.mark.parametrize(("status", "kind"), STATUSES.items(), ids=map(str, STATUSES))
async def test_http_status_becomes_its_error(status: int, kind: type[MxGatewayError]) -> None:
    head = ((b":status", str(status).encode()), (b"content-type", b"text/html"))
    async with (
        hostile_http2(after_connecting(Answer(head=head, body=b"<html>", tail=()))) as server,
        GatewayClient.connect(endpoint=server.endpoint, plaintext=True) as client,
    ):
        with pytest.raises(MxGatewayError) as caught:
            await client.attach_session("session-1").ping()

    assert type(caught.value) is kind
    assert caught.value.http_status == status
    assert caught.value.hint
