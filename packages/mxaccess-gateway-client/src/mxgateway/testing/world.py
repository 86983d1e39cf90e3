"""The state that all sessions and rpcs of one gateway share."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mxgateway.testing.plant.alarm_board import AlarmBoard
from mxgateway.testing.plant.galaxy_cache import GalaxyCache
from mxgateway.testing.state.active_faults import ActiveFaults
from mxgateway.testing.state.clock import Clock
from mxgateway.testing.state.condition import Condition
from mxgateway.testing.state.keys import KeyRing
from mxgateway.testing.state.limits import Limits

if TYPE_CHECKING:
    from mxgateway.testing.plant.plant import Plant

__all__ = ["World"]


@dataclass(slots=True, kw_only=True)
class World:
    """The state that all sessions and rpcs of one gateway share.

    Attributes:
        plant: the Galaxy behind the gateway.
        limits: the limits and timeouts of the gateway.
        settle_time: how many seconds after an advise the first good value follows an uncertain one.
        write_time: how many seconds after a write its outcome is raised.
        clock: the time of the gateway.
        keys: the API keys that the gateway accepts.
        active_faults: the faults that a test has switched on.
        changed: notified whenever anything changes that a test can observe.
        alarms: the alarms of the plant.
        galaxy_cache: the gateway's copy of the Galaxy.
    """

    plant: Plant
    limits: Limits = field(default_factory=Limits)
    settle_time: float = 0.0
    write_time: float = 0.0
    clock: Clock = field(default_factory=Clock)
    keys: KeyRing = field(default_factory=KeyRing)
    active_faults: ActiveFaults = field(default_factory=ActiveFaults)
    changed: Condition = field(default_factory=Condition)
    alarms: AlarmBoard = field(init=False)
    galaxy_cache: GalaxyCache = field(init=False)

    def __post_init__(self) -> None:
        self.alarms = AlarmBoard(self.plant, self.clock, self.limits.queued_events)
        self.galaxy_cache = GalaxyCache(self.plant, self.clock.now)
