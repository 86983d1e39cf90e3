"""The alarm of one tag: its condition, its state, and its protobuf messages."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mxaccess_gateway.v1 import mxaccess_gateway_pb2 as pb

from mxgateway.status import AlarmConditionState

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from mxgateway.testing.plant.values import Scalar, Value

__all__ = ["Alarm", "AlarmCondition"]


@dataclass(frozen=True, slots=True, kw_only=True)
class AlarmCondition:
    """The condition that raises an alarm: a value equal to `equal`, at or above `high`, or at or below `low`.

    Raises:
        ValueError: there is not exactly one condition.
    """

    equal: Scalar | None = None
    high: float | None = None
    low: float | None = None

    def __post_init__(self) -> None:
        if [self.equal, self.high, self.low].count(None) != 2:
            raise ValueError("an alarm needs exactly one condition: equal, high or low")

    @property
    def type_name(self) -> str:
        """The type of alarm: `Discrete`, `High` or `Low`."""
        return "Discrete" if self.equal is not None else "High" if self.high is not None else "Low"

    @property
    def limit(self) -> Scalar:
        """The value that the condition compares with."""
        return next(limit for limit in (self.equal, self.high, self.low) if limit is not None)

    def examples(self, *, active: bool) -> Iterator[Scalar]:
        """Yield values that raise the alarm, or that clear it. A tag may be unable to hold some of them."""
        limit = self.limit
        if active:
            yield limit
        elif isinstance(limit, bool):
            yield not limit
        elif isinstance(limit, int | float):
            yield limit - 1 if self.low is None else limit + 1
            yield limit + 1
        elif isinstance(limit, str):
            yield "" if limit else "normal"

    def holds(self, value: Value) -> bool:
        """Return whether this value raises the alarm."""
        if self.equal is not None:
            return value == self.equal
        if not isinstance(value, int | float):
            return False
        return (self.high is not None and value >= self.high) or (self.low is not None and value <= self.low)


class Alarm:
    """The alarm of one tag.

    Args:
        condition: the condition that raises the alarm.
        severity: the severity that the alarm is reported with.
        description: a description for people.
        category: a category such as `Process`.
    """

    def __init__(
        self,
        condition: AlarmCondition,
        *,
        severity: int = 500,
        description: str = "",
        category: str = "Process",
    ) -> None:
        self.condition = condition
        self.tag_name: str = ""
        self.on_transition: Callable[[Alarm, pb.AlarmTransitionKind.ValueType], None] = _ignore
        self._snapshot = pb.ActiveAlarmSnapshot(
            alarm_type_name=condition.type_name,
            current_state=pb.ALARM_CONDITION_STATE_INACTIVE,
            severity=severity,
            description=description,
            category=category,
        )

    @property
    def full_reference(self) -> str:
        """The full reference, `Provider!Group.Tag`."""
        return self._snapshot.alarm_full_reference

    @property
    def state(self) -> AlarmConditionState:
        """Active, active and acknowledged, or inactive."""
        return AlarmConditionState(self._snapshot.current_state)

    @property
    def active(self) -> bool:
        """Whether the alarm is active, acknowledged or not."""
        return self._snapshot.current_state != pb.ALARM_CONDITION_STATE_INACTIVE

    def attach_to_tag(self, tag_name: str, limit_value: pb.MxValue) -> None:
        """Attach the alarm to its tag."""
        self.tag_name = tag_name
        self._snapshot.source_object_reference = tag_name.partition(".")[0]
        self._snapshot.limit_value.CopyFrom(limit_value)

    def attach_to_group(self, provider: str, group: str) -> None:
        """Set the provider and the group of the alarm's full reference."""
        self._snapshot.alarm_full_reference = f"{provider}!{group}.{self.tag_name}"

    def update(self, value: Value, message: pb.MxValue, moment: datetime) -> None:
        """Raise or clear the alarm according to a new value of the tag."""
        holds = self.condition.holds(value)
        self._snapshot.current_value.CopyFrom(message)
        if holds and not self.active:
            self._snapshot.original_raise_timestamp.FromDatetime(moment)
            self._set_operator("", "")
            self._change_state(pb.ALARM_CONDITION_STATE_ACTIVE, pb.ALARM_TRANSITION_KIND_RAISE, moment)
        elif self.active and not holds:
            self._change_state(pb.ALARM_CONDITION_STATE_INACTIVE, pb.ALARM_TRANSITION_KIND_CLEAR, moment)

    def acknowledge(self, user: str, comment: str, moment: datetime) -> bool:
        """Acknowledge the alarm. Return False if it is not active. Acknowledging it again changes nothing."""
        if self._snapshot.current_state == pb.ALARM_CONDITION_STATE_ACTIVE:
            self._set_operator(user, comment)
            self._change_state(pb.ALARM_CONDITION_STATE_ACTIVE_ACKED, pb.ALARM_TRANSITION_KIND_ACKNOWLEDGE, moment)
        return self.active

    def retrigger(self, moment: datetime) -> None:
        """Raise the alarm again while it is active. It must be acknowledged again."""
        if self.active:
            self._set_operator("", "")
            self._change_state(pb.ALARM_CONDITION_STATE_ACTIVE, pb.ALARM_TRANSITION_KIND_RETRIGGER, moment)

    def snapshot(self, provider: pb.AlarmProviderStatus) -> pb.ActiveAlarmSnapshot:
        """Return the present state of the alarm, as this provider reports it."""
        snapshot = pb.ActiveAlarmSnapshot(degraded=provider.degraded, source_provider=provider.mode)
        snapshot.MergeFrom(self._snapshot)
        return snapshot

    def transition(
        self, kind: pb.AlarmTransitionKind.ValueType, provider: pb.AlarmProviderStatus
    ) -> pb.OnAlarmTransitionEvent:
        """Return the transition that has just happened, as this provider reports it."""
        snapshot = self._snapshot
        return pb.OnAlarmTransitionEvent(
            alarm_full_reference=snapshot.alarm_full_reference,
            source_object_reference=snapshot.source_object_reference,
            alarm_type_name=snapshot.alarm_type_name,
            transition_kind=kind,
            severity=snapshot.severity,
            original_raise_timestamp=snapshot.original_raise_timestamp,
            transition_timestamp=snapshot.transition_timestamp,
            operator_user=snapshot.operator_user,
            operator_comment=snapshot.operator_comment,
            category=snapshot.category,
            description=snapshot.description,
            current_value=snapshot.current_value,
            limit_value=snapshot.limit_value,
            degraded=provider.degraded,
            source_provider=provider.mode,
        )

    def _set_operator(self, user: str, comment: str) -> None:
        self._snapshot.operator_user, self._snapshot.operator_comment = user, comment

    def _change_state(
        self, state: pb.AlarmConditionState.ValueType, kind: pb.AlarmTransitionKind.ValueType, moment: datetime
    ) -> None:
        self._snapshot.current_state = state
        self._snapshot.transition_timestamp.FromDatetime(moment)
        self.on_transition(self, kind)


def _ignore(_: Alarm, __: pb.AlarmTransitionKind.ValueType) -> None:
    """Ignore a transition of an alarm whose tag does not belong to a plant."""
