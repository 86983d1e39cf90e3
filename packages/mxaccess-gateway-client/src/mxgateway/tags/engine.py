"""TagEngine: the parts behind a TagClient, started and closed together."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from mxgateway._connecting.failover import Failover
from mxgateway._watching.recovery import Backoff
from mxgateway.errors import MxGatewayUsageError
from mxgateway.statistics import TagStatistics
from mxgateway.tags.reads import TagReads
from mxgateway.tags.subscriptions.subscriptions import Subscriptions
from mxgateway.tags.subscriptions.sweeper import Sweeper
from mxgateway.tags.supervisor import Supervisor
from mxgateway.tags.writes.writes import TagWrites

if TYPE_CHECKING:
    from mxgateway._connecting.gateways import Gateways
    from mxgateway._connecting.sessions import OpenSessions
    from mxgateway.tags.options import TagOptions

__all__ = ["TagEngine"]


class TagEngine:
    """The parts behind a TagClient. None of them refers to it, so that a dropped TagClient can be collected."""

    def __init__(self, gateways: Gateways, sessions: OpenSessions, options: TagOptions) -> None:
        self.subscriptions: Final = Subscriptions(supervisory=options.supervisory)
        self.supervisor: Final = Supervisor(
            self.subscriptions,
            Failover(gateways, options.failover_after),
            sessions,
            options.client_name,
            backoff=Backoff(options.reconnect_delay, options.longest_reconnect_delay),
        )
        self.sweeper: Final = Sweeper(self.supervisor, self.subscriptions, options.linger)
        self.reads: Final = TagReads(self.supervisor)
        self.writes: Final = TagWrites(self.supervisor, self.subscriptions, self.sweeper, self.reads)

    def describe(self) -> str:
        """Return the session and the state, for a repr."""
        supervisor = self.supervisor
        if supervisor.failed:
            return "ended"
        return f"{supervisor.session_id or 'no session'}, {'open' if supervisor.ready else 'connection lost'}"

    def statistics(self) -> TagStatistics:
        """Return what the TagClient has done; see `TagClient.statistics`."""
        supervisor, subscriptions = self.supervisor, self.subscriptions
        queues = subscriptions.queues()
        return TagStatistics(
            events=subscriptions.events_seen,
            losses=supervisor.losses,
            reconnects=supervisor.reconnects,
            gaps=subscriptions.gaps,
            tags=subscriptions.added,
            watches=len(queues),
            queued=sum(len(queue) for queue in queues),
            last_event_age=max(0.0, time.time() - supervisor.heard),
        )

    async def close(self, *, keep_session: bool = False) -> None:
        """Fail everything that waits, end the watches, and close the session unless it is kept."""
        failure = MxGatewayUsageError("the TagClient is closed")
        self.sweeper.stop()
        self.supervisor.end(failure)
        try:
            await self.reads.close(failure)
            await self.writes.close(failure)
        finally:
            await self.supervisor.stop(keep_session=keep_session)
