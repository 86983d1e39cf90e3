"""AlarmTable: the active alarms, and what a snapshot or a transition changes about them."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from mxaccess_gateway.v1 import mxaccess_gateway_pb2 as pb

from mxgateway.alarms.active import ActiveAlarm
from mxgateway.alarms.changes import AlarmChange, AlarmChangeKind
from mxgateway.errors import ErrorFacts, MxGatewayProtocolError
from mxgateway.status import AlarmConditionState, AlarmTransitionKind

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from mxgateway.events.views import AlarmTransition

__all__ = ["MAX_ALARMS", "AlarmTable", "check_alarm_count"]

MAX_ALARMS: Final = 100_000
"""More alarms than a Galaxy has active. It bounds the memory that a defective gateway can take."""

_SHARED_FIELDS: Final = frozenset(pb.OnAlarmTransitionEvent.DESCRIPTOR.fields_by_name) & frozenset(
    pb.ActiveAlarmSnapshot.DESCRIPTOR.fields_by_name
)
_KINDS: Final = MappingProxyType(
    {
        AlarmTransitionKind.RAISE: AlarmChangeKind.RAISED,
        AlarmTransitionKind.RETRIGGER: AlarmChangeKind.RAISED,
        AlarmTransitionKind.ACKNOWLEDGE: AlarmChangeKind.ACKNOWLEDGED,
        AlarmTransitionKind.CLEAR: AlarmChangeKind.CLEARED,
    }
)


class AlarmTable:
    """The active alarms.

    Attributes:
        active: A live view of the active alarms by full reference.
    """

    def __init__(self) -> None:
        self._alarms: dict[str, ActiveAlarm] = {}
        self.active: Final[Mapping[str, ActiveAlarm]] = MappingProxyType(self._alarms)

    def replace(self, snapshot: Iterable[ActiveAlarm]) -> list[AlarmChange]:
        """Replace all alarms by those of a complete snapshot, and return what differs from the known ones."""
        reported = {alarm.alarm_full_reference: alarm for alarm in snapshot}
        gone = [_cleared(known) for reference, known in self._alarms.items() if reference not in reported]
        changes = [self.update(alarm) for alarm in (*gone, *reported.values())]
        return [change for change in changes if change is not None]

    def update(self, alarm: ActiveAlarm) -> AlarmChange | None:
        """Store an alarm of a snapshot, and return how it differs from what was known of it, if it does."""
        reference = alarm.alarm_full_reference
        previous = self._alarms.get(reference)
        kind = _difference(previous, alarm)
        if kind is None:
            return None
        self._store(reference, alarm)
        return AlarmChange(kind=kind, alarm=alarm, previous=previous, transition=None)

    def apply(self, transition: AlarmTransition) -> AlarmChange | None:
        """Apply a transition, and return the change. Return None if the alarm is already known to be like this."""
        reference = transition.alarm_full_reference
        previous = self._alarms.get(reference)
        alarm = _alarm_after(transition, previous)
        if previous is not None and _are_equal(previous, alarm):
            return None
        kind = _KINDS.get(transition.transition_kind, AlarmChangeKind.CHANGED)
        # A transition of an unknown kind does not tell whether the alarm is active.
        if previous is not None or kind is not AlarmChangeKind.CHANGED:
            self._store(reference, alarm)
        return AlarmChange(kind=kind, alarm=alarm, previous=previous, transition=transition)

    def _store(self, reference: str, alarm: ActiveAlarm) -> None:
        if _is_active(alarm):
            if reference not in self._alarms:
                check_alarm_count(len(self._alarms) + 1)
            self._alarms[reference] = alarm
        else:
            self._alarms.pop(reference, None)


def check_alarm_count(count: int) -> None:
    """Check that the gateway does not report an absurd number of alarms.

    Raises:
        MxGatewayProtocolError: It is larger than MAX_ALARMS.
    """
    if count > MAX_ALARMS:
        summary = f"the gateway reports more than {MAX_ALARMS} active alarms"
        raise MxGatewayProtocolError(summary, ErrorFacts(method="StreamAlarms"))


def _is_active(alarm: ActiveAlarm) -> bool:
    """Return whether an alarm is active. A state that is unknown to this version counts as active."""
    return alarm.current_state is not AlarmConditionState.INACTIVE


def _are_equal(one: ActiveAlarm, other: ActiveAlarm) -> bool:
    """Return whether two alarms have equal fields. For messages themselves, NaN would differ from NaN."""
    return one.raw.SerializeToString(deterministic=True) == other.raw.SerializeToString(deterministic=True)


def _difference(known: ActiveAlarm | None, alarm: ActiveAlarm) -> AlarmChangeKind | None:
    """Return how an alarm of a snapshot differs from what was known of it, or None if it does not."""
    if not _is_active(alarm):
        return None if known is None else AlarmChangeKind.CLEARED
    if known is None:
        return AlarmChangeKind.RAISED
    if _are_equal(known, alarm):
        return None
    was_acknowledged, is_acknowledged = (
        each.current_state is AlarmConditionState.ACTIVE_ACKED for each in (known, alarm)
    )
    if _was_raised_again(known.raw, alarm.raw) or (was_acknowledged and not is_acknowledged):
        return AlarmChangeKind.RAISED
    if is_acknowledged and not was_acknowledged:
        return AlarmChangeKind.ACKNOWLEDGED
    return AlarmChangeKind.CHANGED


def _was_raised_again(known: pb.ActiveAlarmSnapshot, alarm: pb.ActiveAlarmSnapshot) -> bool:
    are_given = known.HasField("original_raise_timestamp") and alarm.HasField("original_raise_timestamp")
    return are_given and known.original_raise_timestamp != alarm.original_raise_timestamp


def _alarm_after(transition: AlarmTransition, previous: ActiveAlarm | None) -> ActiveAlarm:
    """Return an alarm as it is after a transition."""
    message = transition.raw.on_alarm_transition
    alarm = pb.ActiveAlarmSnapshot(
        **{field.name: value for field, value in message.ListFields() if field.name in _SHARED_FIELDS}
    )
    match transition.transition_kind:
        case AlarmTransitionKind.RAISE | AlarmTransitionKind.RETRIGGER:
            alarm.current_state = pb.ALARM_CONDITION_STATE_ACTIVE
        case AlarmTransitionKind.ACKNOWLEDGE if previous is not None:
            alarm.current_state = pb.ALARM_CONDITION_STATE_ACTIVE_ACKED
        case AlarmTransitionKind.ACKNOWLEDGE | AlarmTransitionKind.CLEAR:
            # An alarm may be acknowledged after it was cleared.
            alarm.current_state = pb.ALARM_CONDITION_STATE_INACTIVE
        case _ if previous is not None:
            alarm.current_state = previous.raw.current_state
        case _:
            pass
    return ActiveAlarm(alarm)


def _cleared(known: ActiveAlarm) -> ActiveAlarm:
    """Return an alarm that the gateway no longer reports as active. When it was cleared is unknown."""
    alarm = pb.ActiveAlarmSnapshot()
    alarm.CopyFrom(known.raw)
    alarm.current_state = pb.ALARM_CONDITION_STATE_INACTIVE
    alarm.ClearField("transition_timestamp")
    return ActiveAlarm(alarm)
