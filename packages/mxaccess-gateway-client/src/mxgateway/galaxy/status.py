"""GalaxyStatus: how current the gateway's copy of the Galaxy is, as far as the gateway reports it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mxaccess_gateway.v1 import galaxy_repository_pb2 as galaxy_pb

from mxgateway.errors import (
    ErrorFacts,
    MxGatewayGalaxyUnavailableError,
    MxGatewayProtocolError,
    MxGatewayTimeoutError,
)
from mxgateway.galaxy.calls import call_galaxy, request_version
from mxgateway.galaxy.deploys import DeployWatch
from mxgateway.values.timestamps import datetime_field

if TYPE_CHECKING:
    from datetime import datetime

    from mxgateway._transport.channel import Channel

__all__ = ["GalaxyStatus", "request_status"]


@dataclass(frozen=True, slots=True, kw_only=True)
class GalaxyStatus:
    """How current the gateway's copy of the Galaxy is, which every browse reads.

    The gateway does not report when it last compared its copy with the Galaxy's database. While it reaches the
    database, it notices every deploy. While it does not, it serves the copy that it has, after a restart one from its
    disk, and the Galaxy may have been deployed since.

    Attributes:
        loaded: whether the gateway has a copy. If not, browsing raises MxGatewayGalaxyUnavailableError.
        database_reachable: whether the gateway reaches the Galaxy's database at present. None if it did not answer this
            question in time.
        version: number of the copy, as in `GalaxyObjects.version`; 0 if not loaded.
        deployed_at: time of the last deploy in the copy, in UTC; None if there was none, or if not loaded.
        observed_at: time when the gateway noticed this deploy, in UTC, or None if it does not report it. The database
            confirmed the copy at this time; whether it did so later is not reported.
        object_count: number of objects in the copy.
        attribute_count: number of attributes in the copy.
    """

    loaded: bool
    database_reachable: bool | None
    version: int = 0
    deployed_at: datetime | None = None
    observed_at: datetime | None = None
    object_count: int = 0
    attribute_count: int = 0

    @property
    def may_be_outdated(self) -> bool:
        """Whether the Galaxy may be newer than the copy, because the gateway does not reach the database."""
        return self.loaded and not self.database_reachable


async def request_status(channel: Channel, timeout: float | None) -> GalaxyStatus:
    """Ask the gateway for everything that it reports about its copy of the Galaxy; see `Galaxy.status`."""
    # In parallel, because a database that is down may delay the first answer.
    database = asyncio.create_task(_is_database_reachable(channel, timeout), name="mxgateway galaxy status")
    try:
        version, state = await _loaded_copy(channel, timeout)
        reachable = await database
    except MxGatewayGalaxyUnavailableError:
        return GalaxyStatus(loaded=False, database_reachable=await database)
    finally:
        database.cancel()
        await asyncio.wait([database])
        if not database.cancelled():
            # Retrieve the exception so that asyncio does not log it: the caller gets the first one.
            database.exception()
    return GalaxyStatus(
        loaded=True,
        database_reachable=reachable,
        version=version,
        deployed_at=_time(channel, state, "time_of_last_deploy"),
        observed_at=_time(channel, state, "observed_at"),
        object_count=state.object_count,
        attribute_count=state.attribute_count,
    )


async def _is_database_reachable(channel: Channel, timeout: float | None) -> bool | None:
    request = galaxy_pb.TestConnectionRequest()
    try:
        return (await call_galaxy(channel, channel.galaxy.TestConnection, "TestConnection", request, timeout)).ok
    except MxGatewayTimeoutError:
        return None


async def _loaded_copy(channel: Channel, timeout: float | None) -> tuple[int, galaxy_pb.DeployEvent]:
    """Return the version of the gateway's copy, and the last deploy in it, with which a watch of deploys begins."""
    version = await request_version(channel, "BrowseChildren", timeout)
    seconds = channel.options.timeout if timeout is None else timeout
    async with DeployWatch(channel, galaxy_pb.WatchDeployEventsRequest(), timeout=seconds) as deploys:
        return version, (await anext(deploys)).raw


def _time(channel: Channel, state: galaxy_pb.DeployEvent, field: str) -> datetime | None:
    try:
        return datetime_field(state, field)
    except ValueError as error:
        problem = str(error)
    raise MxGatewayProtocolError(problem, ErrorFacts(method="WatchDeployEvents", target=channel.options.endpoint))
