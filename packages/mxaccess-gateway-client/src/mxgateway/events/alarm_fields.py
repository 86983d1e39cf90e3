"""What the gateway tells of an alarm, whether the alarm is active or changes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mxgateway.status import AlarmProviderMode
from mxgateway.values import from_mx_value
from mxgateway.values.timestamps import datetime_field

if TYPE_CHECKING:
    from datetime import datetime

    from mxaccess_gateway.v1 import mxaccess_gateway_pb2 as pb

    from mxgateway.values import MxValueOutput

__all__ = ["AlarmFields"]


class AlarmFields:
    """An alarm: a view over its message that converts a field when it is asked for.

    The times raise ValueError when they lie outside the years 1 to 9999, and so do the values.
    """

    __slots__ = ()

    @property
    def _alarm(self) -> pb.OnAlarmTransitionEvent | pb.ActiveAlarmSnapshot:
        """The part of the message that tells of the alarm; a subclass knows."""
        # No ABC: events are told apart by isinstance, which that would slow down.
        raise NotImplementedError

    @property
    def alarm_full_reference(self) -> str:
        """The alarm, as `Provider!Group.Tag`."""
        return self._alarm.alarm_full_reference

    @property
    def source_object_reference(self) -> str:
        """The object that the alarm belongs to."""
        return self._alarm.source_object_reference

    @property
    def alarm_type_name(self) -> str:
        """The kind of alarm, such as a limit alarm."""
        return self._alarm.alarm_type_name

    @property
    def severity(self) -> int:
        """The severity as configured in the Galaxy."""
        return self._alarm.severity

    @property
    def original_raise_timestamp(self) -> datetime | None:
        """When the alarm was raised first, in UTC."""
        return datetime_field(self._alarm, "original_raise_timestamp")

    @property
    def transition_timestamp(self) -> datetime | None:
        """When the alarm last changed, in UTC."""
        return datetime_field(self._alarm, "transition_timestamp")

    @property
    def operator_user(self) -> str:
        """Who acknowledged it."""
        return self._alarm.operator_user

    @property
    def operator_comment(self) -> str:
        """What that person wrote."""
        return self._alarm.operator_comment

    @property
    def category(self) -> str:
        """The alarm's category."""
        return self._alarm.category

    @property
    def description(self) -> str:
        """The alarm's description."""
        return self._alarm.description

    @property
    def current_value(self) -> MxValueOutput:
        """The value when the alarm last changed."""
        return from_mx_value(self._alarm.current_value)

    @property
    def limit_value(self) -> MxValueOutput:
        """The limit that the value crossed."""
        return from_mx_value(self._alarm.limit_value)

    @property
    def degraded(self) -> bool:
        """Whether the alarm comes from a provider that knows less than it should."""
        return self._alarm.degraded

    @property
    def source_provider(self) -> AlarmProviderMode:
        """Where the gateway has it from."""
        return AlarmProviderMode(self._alarm.source_provider)
