"""Plant: all that the explorer watches, opened and closed together."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mxgateway_cli.explore.models.alarms import AlarmList
from mxgateway_cli.explore.models.connection import Connection
from mxgateway_cli.explore.models.galaxy import GalaxyReader
from mxgateway_cli.explore.models.tags import WatchedTags
from mxgateway_cli.explore.models.writing import TagWriter

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Self

    from mxgateway import GatewayClient, TagClient
    from mxgateway_cli.explore.models.clock import Clock

__all__ = ["Plant"]


class Plant:
    """The plant behind the gateway, as far as it is shown.

    Args:
        client: The connected client.
        tag_client: Its session.
        clock: The time.
        operator: The user who acknowledges alarms.
        user_id: The user who writes.

    Attributes:
        clock: The time.
        connection: Whether values and alarms arrive.
        tags: The watched tags.
        alarms: The active alarms.
        galaxy: The objects.
        writer: Writes tags.
    """

    def __init__(
        self, client: GatewayClient, tag_client: TagClient, clock: Clock, *, operator: str = "", user_id: int = 0
    ) -> None:
        self._tag_client = tag_client
        self.clock = clock
        self.connection = Connection(clock)
        self.tags = WatchedTags(tag_client, self.connection, clock)
        failover_after = tag_client.options.failover_after
        self.alarms = AlarmList(client, self.connection, clock, operator=operator, failover_after=failover_after)
        self.galaxy = GalaxyReader(client.galaxy)
        self.writer = TagWriter(tag_client, client.galaxy, user_id=user_id, zone=clock.zone)

    @property
    def endpoint(self) -> str:
        """The gateway of the session."""
        return self._tag_client.endpoint

    def start(self, tags: Sequence[str]) -> None:
        """Begin to watch the alarms and these tags."""
        self.alarms.start()
        self.tags.add(tags)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *failure: object) -> None:
        await self.writer.close()
        await self.alarms.close()
        await self.tags.close()
