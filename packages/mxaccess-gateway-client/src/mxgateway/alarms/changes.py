"""What a watch of alarms yields: changes of alarms, and what happens to the watch itself."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, TypeAlias

from mxgateway._watching.items import WatchGap, WatchLost, WatchRestored
from mxgateway.alarms.feed import AlarmProviderStatus, AlarmSnapshotComplete, UnrecognizedAlarmMessage

if TYPE_CHECKING:
    from mxgateway.alarms.active import ActiveAlarm
    from mxgateway.events.views import AlarmTransition

__all__ = ["AlarmChange", "AlarmChangeKind", "AlarmWatchItem"]


class AlarmChangeKind(Enum):
    """How an alarm changed."""

    RAISED = "raised"
    """It became active, or was raised again while it was active: it must be acknowledged."""

    ACKNOWLEDGED = "acknowledged"
    """It was acknowledged."""

    CHANGED = "changed"
    """Anything else changed while it was active, such as its severity, its description or its value."""

    CLEARED = "cleared"
    """It is no longer active."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AlarmChange:
    """A change of one alarm.

    Attributes:
        kind: How the alarm changed.
        alarm: The alarm after the change. Its `current_state` is INACTIVE when it was cleared.
        previous: The alarm before the change, which is `alarm` of its last change; None if it was not known as active.
        transition: The transition that the gateway reported, or None with `from_snapshot`.
    """

    kind: AlarmChangeKind
    alarm: ActiveAlarm
    previous: ActiveAlarm | None
    transition: AlarmTransition | None

    @property
    def alarm_full_reference(self) -> str:
        """Full reference of the alarm, `Provider!Group.Tag`."""
        return self.alarm.alarm_full_reference

    @property
    def from_snapshot(self) -> bool:
        """Whether the change was found by comparing the gateway's list of active alarms with the known ones.

        This is so at the start of the watch, when no alarm is known yet, and after a loss. The gateway reported no
        transition for such a change: several changes of an alarm are one, an alarm that was raised and cleared in the
        meantime is missing, and when an alarm was cleared is unknown, so that its `transition_timestamp` is None.
        """
        return self.transition is None


AlarmWatchItem: TypeAlias = (
    AlarmChange
    | AlarmSnapshotComplete
    | AlarmProviderStatus
    | WatchLost
    | WatchRestored
    | WatchGap
    | UnrecognizedAlarmMessage
)
"""The items of a watch of alarms, for `match`."""
