"""Lane: a place at a broker with a single writer, which can tell a successor how to continue."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from mxgateway.tags import SavedSession

__all__ = ["Lane", "LaneState"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneState:
    """What the last writer of a lane has left.

    Attributes:
        owner: The id of its spool.
        session: Its session and the last stored change of it; None if the session cannot be continued.
    """

    owner: str
    session: SavedSession | None


@runtime_checkable
class Lane(Protocol):
    """A sink that keeps the session at the broker, so that a forwarder on another computer can continue it."""

    @property
    def lane_state(self) -> LaneState | None:
        """What was stored last when the sink was opened; None if nothing was."""
        ...

    async def save_lane(self, owner: str, session: SavedSession | None) -> None:
        """Store the owner and the session that the following records come from.

        Raises:
            BrokerUnavailableError: It was not acknowledged.
        """
        ...
