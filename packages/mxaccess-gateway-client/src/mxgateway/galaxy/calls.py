"""Calls of the Galaxy's service, and the error for a gateway that has no copy of the Galaxy yet."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from mxaccess_gateway.v1 import galaxy_repository_pb2 as galaxy_pb

from mxgateway.errors import MxGatewayError, MxGatewayGalaxyUnavailableError, MxGatewayTransportError

if TYPE_CHECKING:
    from mxgateway._transport.channel import Channel, ReplyT, RequestT, UnaryMethod

__all__ = ["call_galaxy", "explained", "request_version"]

_UNAVAILABLE_HINT: Final = (
    "the gateway loads the Galaxy when it reaches the Galaxy's database: try again later, and check that "
    "test_connection succeeds"
)


async def call_galaxy(
    channel: Channel,
    method: UnaryMethod[RequestT, ReplyT],
    name: str,
    request: RequestT,
    timeout: float | None,
    *,
    counted: bool = True,
) -> ReplyT:
    """Make a call of the Galaxy's service and return the reply.

    Raises:
        MxGatewayGalaxyUnavailableError: the gateway's cache of the Galaxy was never filled.
        MxGatewayError: the call failed, as with `Channel.call`.
    """
    try:
        return await channel.call(method, name, request, timeout=timeout, counted=counted)
    except MxGatewayTransportError as error:
        failure = explained(error)
    raise failure


async def request_version(channel: Channel, name: str, timeout: float | None, *, counted: bool = True) -> int:
    """Request the version of the gateway's copy of the Galaxy, in a reply as small as possible.

    The gateway answers from its cache, without the Galaxy's database. `name` is the method that errors show.
    """
    request = galaxy_pb.BrowseChildrenRequest(page_size=1, include_attributes=False)
    reply = await call_galaxy(channel, channel.galaxy.BrowseChildren, name, request, timeout, counted=counted)
    return reply.cache_sequence


def explained(error: MxGatewayError) -> MxGatewayError:
    """Return the error for an empty cache if the gateway itself has answered UNAVAILABLE, or the same error.

    UNAVAILABLE from a gateway has no other meaning in this service.
    """
    if not error.sent_by_gateway or error.grpc_status is None or error.grpc_status.name != "UNAVAILABLE":
        return error
    facts = replace(error.facts, hint=_UNAVAILABLE_HINT)
    return MxGatewayGalaxyUnavailableError("the gateway has no copy of the Galaxy yet", facts)
