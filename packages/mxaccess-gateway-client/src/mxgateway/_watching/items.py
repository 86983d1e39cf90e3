"""Status items: what happens to a watch itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from mxgateway.errors import MxGatewayError

__all__ = ["WatchGap", "WatchLost", "WatchRestored"]


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchLost:
    """The connection, the session or the alarm feed is lost: what is known is stale until WatchRestored arrives.

    Attributes:
        error: Why it is lost.
    """

    error: MxGatewayError


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchRestored:
    """Changes arrive again.

    Attributes:
        resumed: Whether nothing was missed since WatchLost. If not, changes were missed. For tags, a new session has
            replaced the lost one, and the next change of each tag is its present value, marked `repeated`. For alarms,
            whose feed cannot be resumed, it is always False: what differs from the alarms that were known follows as
            changes with `from_snapshot`.
        endpoint: The gateway that the changes come from now, `host:port`. It differs from the one before if the client
            has several `endpoints` and the watch went to another one.
        missed_since: When the last event before the loss arrived: changes after that event may have been missed. In
            UTC, by the clock of this machine. None if `resumed`.
    """

    resumed: bool
    endpoint: str = ""
    missed_since: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchGap:
    """Changes were lost: what the reader of the watch knows may be wrong.

    Attributes:
        dropped: How many changes this watch dropped because its reader was slow. 0 means that the gateway no longer
            had the missed events, so that their number is unknown; the present value of each tag follows.
    """

    dropped: int
