"""Fields shared by active alarms and alarm transitions."""

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
    """Fields of an alarm: a view of its message that converts a field on access.

    Timestamps and values raise ValueError if a timestamp is outside the years 1 to 9999.
    """

    __slots__ = ()

    @property
    def _alarm(self) -> pb.OnAlarmTransitionEvent | pb.ActiveAlarmSnapshot:
        """Part of the message that describes the alarm."""
        # Not an ABC, because that would slow down isinstance, which `match` uses for events.
        raise NotImplementedError

    @property
    def alarm_full_reference(self) -> str:
        """Full reference of the alarm, `Provider!Group.Tag`."""
        return self._alarm.alarm_full_reference

    @property
    def source_object_reference(self) -> str:
        """Reference of the object that the alarm belongs to."""
        return self._alarm.source_object_reference

    @property
    def alarm_type_name(self) -> str:
        """Type of the alarm, such as a limit alarm."""
        return self._alarm.alarm_type_name

    @property
    def severity(self) -> int:
        """Severity as configured in the Galaxy."""
        return self._alarm.severity

    @property
    def original_raise_timestamp(self) -> datetime | None:
        """Time when the alarm was first raised, in UTC."""
        return datetime_field(self._alarm, "original_raise_timestamp")

    @property
    def transition_timestamp(self) -> datetime | None:
        """Time when the alarm last changed, in UTC."""
        return datetime_field(self._alarm, "transition_timestamp")

    @property
    def operator_user(self) -> str:
        """User who acknowledged the alarm."""
        return self._alarm.operator_user

    @property
    def operator_comment(self) -> str:
        """Comment of the user who acknowledged the alarm."""
        return self._alarm.operator_comment

    @property
    def category(self) -> str:
        """Category of the alarm."""
        return self._alarm.category

    @property
    def description(self) -> str:
        """Description of the alarm."""
        return self._alarm.description

    @property
    def current_value(self) -> MxValueOutput:
        """Value when the alarm last changed."""
        return from_mx_value(self._alarm.current_value)

    @property
    def limit_value(self) -> MxValueOutput:
        """Limit that the value crossed."""
        return from_mx_value(self._alarm.limit_value)

    @property
    def degraded(self) -> bool:
        """Whether the alarm comes from a provider with reduced information."""
        return self._alarm.degraded

    @property
    def source_provider(self) -> AlarmProviderMode:
        """Provider that the gateway received the alarm from."""
        return AlarmProviderMode(self._alarm.source_provider)
