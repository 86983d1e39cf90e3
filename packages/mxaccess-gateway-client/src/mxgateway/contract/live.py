"""The contract of a running gateway, over gRPC server reflection."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mxgateway._connecting.probe import open_channel, warn_about_plaintext
from mxgateway._transport.reflection import fetch_files
from mxgateway.contract.descriptors import SERVICES
from mxgateway.diagnosis import diagnose
from mxgateway.errors import MxGatewayError, MxGatewayTimeoutError, MxGatewayTransportError

if TYPE_CHECKING:
    from google.protobuf.descriptor_pb2 import FileDescriptorSet

    from mxgateway.options import ClientOptions

__all__ = ["fetch_descriptors"]


async def fetch_descriptors(options: ClientOptions) -> FileDescriptorSet:
    """Return the descriptors of a gateway's services and of all files that they import, over server reflection.

    Version 1 of the reflection protocol is used, or v1alpha if the gateway has only that. The options have one
    `endpoint`; their `timeout` is for each of the few requests.

    Raises:
        MxGatewayProtocolError: the gateway has no server reflection, or its answer is invalid.
        MxGatewayAuthenticationError: the gateway does not accept the key.
        MxGatewayAuthorizationError: the key may not use server reflection.
        MxGatewayTransportError: cannot connect; the hint says why and what to change.
        MxGatewayError: any other error of `GatewayClient.connect`.
    """
    warn_about_plaintext(options)
    channel = await open_channel(options)
    try:
        return await fetch_files(channel, SERVICES)
    except MxGatewayError as error:
        failure = error
    finally:
        await channel.close()
    if failure.hint is None and isinstance(failure, (MxGatewayTransportError, MxGatewayTimeoutError)):
        hint = await diagnose(options, failure.details or "")
        failure = failure.with_hint(hint) if hint else failure
    raise failure
