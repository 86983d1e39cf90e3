"""TagEngine: the parts behind a TagClient, started and closed together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from mxgateway._watching.recovery import Backoff
from mxgateway.errors import MxGatewayUsageError
from mxgateway.tags.reads import TagReads
from mxgateway.tags.subscriptions.subscriptions import Subscriptions
from mxgateway.tags.subscriptions.sweeper import Sweeper
from mxgateway.tags.supervisor import Supervisor
from mxgateway.tags.writes.writes import TagWrites

if TYPE_CHECKING:
    from collections.abc import Callable

    from mxgateway._support.awaitable import AwaitableContextManager
    from mxgateway.session import Session
    from mxgateway.tags.options import TagOptions

__all__ = ["TagEngine"]


class TagEngine:
    """The parts behind a TagClient. None of them refers to it, so that a dropped TagClient can be collected."""

    def __init__(
        self, open_session: Callable[[], AwaitableContextManager[Session]], options: TagOptions, target: str
    ) -> None:
        self.subscriptions: Final = Subscriptions(supervisory=options.supervisory)
        self.target: Final = target
        self.supervisor: Final = Supervisor(
            self.subscriptions,
            open_session,
            options.client_name,
            backoff=Backoff(options.reconnect_delay, options.longest_reconnect_delay),
        )
        self.sweeper: Final = Sweeper(self.supervisor, self.subscriptions, options.linger)
        self.reads: Final = TagReads(self.supervisor, target)
        self.writes: Final = TagWrites(self.supervisor, self.subscriptions, self.sweeper, self.reads, target)

    def describe(self) -> str:
        """Return the session and the state, for a repr."""
        supervisor = self.supervisor
        if supervisor.failed:
            return "ended"
        return f"{supervisor.session_id or 'no session'}, {'open' if supervisor.ready else 'connection lost'}"

    async def close(self) -> None:
        """Fail everything that waits, end the watches, and close the session."""
        failure = MxGatewayUsageError("the TagClient is closed")
        self.sweeper.stop()
        self.supervisor.end(failure)
        try:
            await self.reads.close(failure)
            await self.writes.close(failure)
        finally:
            await self.supervisor.stop()
