"""AlarmRecord: one row of a recording of alarms."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Final, TypeVar

from mxgateway._watching.items import WatchGap, WatchLost, WatchRestored
from mxgateway.alarms import AlarmChange, AlarmProviderStatus, AlarmSnapshotComplete
from mxgateway.recording.row import text_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from mxgateway.alarms import AlarmWatchItem
    from mxgateway.status import AlarmConditionState

__all__ = ["AlarmRecord", "AlarmRecordKind"]

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

FieldT = TypeVar("FieldT")


class AlarmRecordKind(StrEnum):
    """What a record of a recording of alarms reports."""

    RAISED = "raised"
    """An alarm became active, or was raised again while it was active."""
    ACKNOWLEDGED = "acknowledged"
    """An alarm was acknowledged."""
    CHANGED = "changed"
    """Anything else of an active alarm changed, such as its severity."""
    CLEARED = "cleared"
    """An alarm is no longer active."""
    COMPLETE = "complete"
    """Every active alarm has been reported, at the start and after each loss. One that was active before, and was not
    reported since the last `gap` or start, was cleared in the meantime."""
    PROVIDER = "provider"
    """The gateway's source of alarms; `degraded` if it may not report every alarm."""
    LOST = "lost"
    """The alarm feed is lost: changes are missing until the next `restored`."""
    RESTORED = "restored"
    """The feed is back: what changed in the meantime follows, with `from_snapshot`."""
    GAP = "gap"
    """Changes are missing; `detail` says how many or from when to when."""
    UNKNOWN = "unknown"
    """A message that this version of the client does not know."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AlarmRecord:
    """One row of a recording of alarms: a change of an alarm, or what happened to the recording itself.

    The fields are the columns of CSV, SQLite and Parquet. Times are aware, in UTC, with microseconds. What does not
    apply to the kind is None, or empty if it is a text.

    Attributes:
        kind: What the record reports.
        alarm: The full reference of the alarm, `Provider!Group.Tag`; empty if the record is about the recording.
        state: The state of the alarm after the change.
        severity: The severity as configured in the Galaxy.
        category: The category of the alarm.
        description: The description of the alarm.
        current_value: The value when the alarm last changed, as text.
        limit_value: The limit that the value crossed, as text.
        operator_user: The user who acknowledged the alarm.
        operator_comment: The comment of that user.
        source_object: The object that the alarm belongs to.
        alarm_type: The type of the alarm, such as a limit alarm.
        raise_time: When the alarm was first raised.
        transition_time: When the alarm last changed; None if that was found by comparison, and is unknown.
        received_time: When the recording program received the change, by the clock of its computer.
        from_snapshot: Whether the change was found in the gateway's list of active alarms, at the start and after a
            loss.
        degraded: Whether the provider of the alarm has less information than the one that the gateway is configured
            for.
        detail: The reason of a loss, and what is missing; empty for most changes.
    """

    kind: AlarmRecordKind
    alarm: str = ""
    state: AlarmConditionState | None = None
    severity: int | None = None
    category: str = ""
    description: str = ""
    current_value: str = ""
    limit_value: str = ""
    operator_user: str = ""
    operator_comment: str = ""
    source_object: str = ""
    alarm_type: str = ""
    raise_time: datetime | None = None
    transition_time: datetime | None = None
    received_time: datetime
    from_snapshot: bool | None = None
    degraded: bool | None = None
    detail: str = ""

    @classmethod
    def of(cls, item: AlarmWatchItem, received_nanoseconds: int) -> AlarmRecord:
        """Return the record of an item of a watch, received at these nanoseconds since 1970."""
        received = _EPOCH + timedelta(microseconds=received_nanoseconds // 1000)
        degraded: bool | None = None
        match item:
            case AlarmChange():
                return cls._of_change(item, received)
            case AlarmSnapshotComplete():
                kind, detail = AlarmRecordKind.COMPLETE, ""
            case AlarmProviderStatus():
                kind, degraded = AlarmRecordKind.PROVIDER, item.degraded
                detail = f"{item.mode.words}: {item.reason}" if item.reason else item.mode.words
            case WatchLost():
                kind, detail = AlarmRecordKind.LOST, " ".join(str(item.error).split())
            case WatchRestored():
                since = "" if item.missed_since is None else f" since {item.missed_since}"
                kind = AlarmRecordKind.RESTORED
                detail = f"at {item.endpoint}: what changed{since} follows, without what was raised and cleared"
            case WatchGap():
                kind = AlarmRecordKind.GAP
                detail = f"{item.dropped} changes were dropped because they arrived faster than they could be written"
            case _:
                kind, detail = AlarmRecordKind.UNKNOWN, f"{item.raw.ByteSize()} bytes of a message of an unknown kind"
        return cls(kind=kind, received_time=received, degraded=degraded, detail=detail)

    @classmethod
    def _of_change(cls, change: AlarmChange, received: datetime) -> AlarmRecord:
        alarm, problems = change.alarm, list[str]()

        def readable(name: str, read: Callable[[], FieldT]) -> FieldT | None:
            # A time outside the years 1 to 9999 must not end a recording.
            try:
                return read()
            except ValueError as error:
                problems.append(f"{name}: {error}")
                return None

        return cls(
            kind=AlarmRecordKind(change.kind.value),
            alarm=alarm.alarm_full_reference,
            state=alarm.current_state,
            severity=alarm.severity,
            category=alarm.category,
            description=alarm.description,
            current_value=text_of(readable("current_value", lambda: alarm.current_value)),
            limit_value=text_of(readable("limit_value", lambda: alarm.limit_value)),
            operator_user=alarm.operator_user,
            operator_comment=alarm.operator_comment,
            source_object=alarm.source_object_reference,
            alarm_type=alarm.alarm_type_name,
            raise_time=readable("raise_time", lambda: alarm.original_raise_timestamp),
            transition_time=readable("transition_time", lambda: alarm.transition_timestamp),
            received_time=received,
            from_snapshot=change.from_snapshot,
            degraded=alarm.degraded,
            detail="; ".join(problems),
        )
