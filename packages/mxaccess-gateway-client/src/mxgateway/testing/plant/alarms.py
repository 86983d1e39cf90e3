"""One alarm: when it is raised, what becomes of it, and how it stands on the wire."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mxaccess_gateway.v1 import mxaccess_gateway_pb2 as pb

from mxgateway.status import AlarmConditionState

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from mxgateway.testing.plant.values import Scalar, Value

__all__ = ["Alarm", "AlarmCondition"]


@dataclass(frozen=True, slots=True, kw_only=True)
class AlarmCondition:
    """What raises an alarm: a value that is `equal` to something, or one at or beyond the limit `high` or `low`.

    Raises:
        ValueError: it has no condition, or several.
    """

    equal: Scalar | None = None
    high: float | None = None
    low: float | None = None

    def __post_init__(self) -> None:
        if [self.equal, self.high, self.low].count(None) != 2:
            raise ValueError("an alarm has one condition: equal, high or low")

    @property
    def type_name(self) -> str:
        """The sort of alarm."""
        return "Discrete" if self.equal is not None else "High" if self.high is not None else "Low"

    @property
    def limit(self) -> Scalar:
        """The value that it is about."""
        return next(limit for limit in (self.equal, self.high, self.low) if limit is not None)

    def holds(self, value: Value) -> bool:
        """Whether this value raises the alarm."""
        if self.equal is not None:
            return value == self.equal
        if not isinstance(value, int | float):
            return False
        return (self.high is not None and value >= self.high) or (self.low is not None and value <= self.low)


class Alarm:
    """The alarm of one tag.

    Args:
        condition: what raises it.
        severity: how grave it is.
        description: what it means, in words.
        category: what it is about, in a word.
        guid: its id, for whoever acknowledges it so; one is made up when it is None.
    """

    def __init__(
        self,
        condition: AlarmCondition,
        *,
        severity: int = 500,
        description: str = "",
        category: str = "Process",
        guid: uuid.UUID | None = None,
    ) -> None:
        self.condition = condition
        self.guid: uuid.UUID = guid or uuid.uuid4()
        self.tag_name: str = ""
        self.noticed: Callable[[Alarm, pb.AlarmTransitionKind.ValueType], None] = _nobody
        self._facts = pb.ActiveAlarmSnapshot(
            alarm_type_name=condition.type_name,
            current_state=pb.ALARM_CONDITION_STATE_INACTIVE,
            severity=severity,
            description=description,
            category=category,
        )

    @property
    def full_reference(self) -> str:
        """`Provider!Group.Tag`."""
        return self._facts.alarm_full_reference

    @property
    def state(self) -> AlarmConditionState:
        """Active, active and acknowledged, or inactive."""
        return AlarmConditionState(self._facts.current_state)

    @property
    def active(self) -> bool:
        """Whether it is raised, acknowledged or not."""
        return self._facts.current_state != pb.ALARM_CONDITION_STATE_INACTIVE

    def belong_to(self, tag_name: str, limit_value: pb.MxValue) -> None:
        """Be the alarm of a tag."""
        self.tag_name = tag_name
        self._facts.source_object_reference = tag_name.partition(".")[0]
        self._facts.limit_value.CopyFrom(limit_value)

    def stand_in(self, provider: str, group: str) -> None:
        """Be found under this provider and group."""
        self._facts.alarm_full_reference = f"{provider}!{group}.{self.tag_name}"

    def follow(self, value: Value, message: pb.MxValue, moment: datetime) -> None:
        """Be raised or cleared by a new value of the tag."""
        holds = self.condition.holds(value)
        self._facts.current_value.CopyFrom(message)
        if holds and not self.active:
            self._facts.original_raise_timestamp.FromDatetime(moment)
            self._signed("", "")
            self._become(pb.ALARM_CONDITION_STATE_ACTIVE, pb.ALARM_TRANSITION_KIND_RAISE, moment)
        elif self.active and not holds:
            self._become(pb.ALARM_CONDITION_STATE_INACTIVE, pb.ALARM_TRANSITION_KIND_CLEAR, moment)

    def acknowledge(self, user: str, comment: str, moment: datetime) -> bool:
        """Be acknowledged; False when it is not active. A second time changes nothing."""
        if self._facts.current_state == pb.ALARM_CONDITION_STATE_ACTIVE:
            self._signed(user, comment)
            self._become(pb.ALARM_CONDITION_STATE_ACTIVE_ACKED, pb.ALARM_TRANSITION_KIND_ACKNOWLEDGE, moment)
        return self.active

    def retrigger(self, moment: datetime) -> None:
        """Be raised once more while active: whoever acknowledged it has to do so again."""
        if self.active:
            self._signed("", "")
            self._become(pb.ALARM_CONDITION_STATE_ACTIVE, pb.ALARM_TRANSITION_KIND_RETRIGGER, moment)

    def snapshot(self, provider: pb.AlarmProviderStatus) -> pb.ActiveAlarmSnapshot:
        """Give it as it is, as this provider tells it."""
        snapshot = pb.ActiveAlarmSnapshot(degraded=provider.degraded, source_provider=provider.mode)
        snapshot.MergeFrom(self._facts)
        return snapshot

    def transition(
        self, kind: pb.AlarmTransitionKind.ValueType, provider: pb.AlarmProviderStatus
    ) -> pb.OnAlarmTransitionEvent:
        """Give what happened to it, as this provider tells it."""
        facts = self._facts
        return pb.OnAlarmTransitionEvent(
            alarm_full_reference=facts.alarm_full_reference,
            source_object_reference=facts.source_object_reference,
            alarm_type_name=facts.alarm_type_name,
            transition_kind=kind,
            severity=facts.severity,
            original_raise_timestamp=facts.original_raise_timestamp,
            transition_timestamp=facts.transition_timestamp,
            operator_user=facts.operator_user,
            operator_comment=facts.operator_comment,
            category=facts.category,
            description=facts.description,
            current_value=facts.current_value,
            limit_value=facts.limit_value,
            degraded=provider.degraded,
            source_provider=provider.mode,
        )

    def _signed(self, user: str, comment: str) -> None:
        self._facts.operator_user, self._facts.operator_comment = user, comment

    def _become(
        self, state: pb.AlarmConditionState.ValueType, kind: pb.AlarmTransitionKind.ValueType, moment: datetime
    ) -> None:
        self._facts.current_state = state
        self._facts.transition_timestamp.FromDatetime(moment)
        self.noticed(self, kind)


def _nobody(_: Alarm, __: pb.AlarmTransitionKind.ValueType) -> None:
    """Tell nobody."""
