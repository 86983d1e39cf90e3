"""All alarms of the plant, their provider, and their subscribers."""

from __future__ import annotations

import re
import uuid
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import grpc
from mxaccess_gateway.v1 import mxaccess_gateway_pb2 as pb

from mxgateway.testing.plant.statuses import E_NOTIMPL
from mxgateway.testing.plant.values import timestamp
from mxgateway.testing.state.refusals import MxAccessRefused, Refused
from mxgateway.testing.state.subscriptions import Subscription

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from mxgateway.testing.plant.alarms import Alarm
    from mxgateway.testing.plant.plant import Plant
    from mxgateway.testing.state.clock import Clock

__all__ = ["AlarmBoard", "AlarmFilter", "acknowledging_by_guid", "is_guid"]

_FULL_REFERENCE = re.compile(r"[^!]+![^!.]+\.[^!]+")


@dataclass(frozen=True, slots=True)
class AlarmFilter:
    """A filter for the alarms that a subscriber asks for and has access to.

    Attributes:
        prefix: a prefix of the full reference; case is ignored.
        can_access_tag: returns whether the subscriber has access to a tag.
    """

    prefix: str
    can_access_tag: Callable[[str], bool]

    def matches(self, alarm: Alarm) -> bool:
        """Return whether the filter selects this alarm."""
        return alarm.full_reference.casefold().startswith(self.prefix.casefold()) and self.can_access_tag(
            alarm.tag_name
        )


class AlarmBoard:
    """The alarms of the plant, as the gateway reports them."""

    def __init__(self, plant: Plant, clock: Clock, max_queued: int) -> None:
        self._plant = plant
        self._clock = clock
        self._max_queued = max_queued
        self._provider = pb.AlarmProviderStatus(mode=pb.ALARM_PROVIDER_MODE_ALARMMGR, since=timestamp(clock.now()))
        self._provider_listeners: dict[Callable[[], None], None] = {}
        self._feeds: dict[Subscription[pb.AlarmFeedMessage], None] = {}

    def change_provider(self, mode: pb.AlarmProviderMode.ValueType, reason: str) -> None:
        """Switch to another alarm provider, and notify all listeners."""
        self._provider = pb.AlarmProviderStatus(
            mode=mode,
            degraded=mode != pb.ALARM_PROVIDER_MODE_ALARMMGR,
            reason=reason,
            since=timestamp(self._clock.now()),
        )
        for listener in tuple(self._provider_listeners):
            listener()

    def end_feeds(self, end: Refused) -> None:
        """End all open feeds with a status, which may be OK. Messages that are still queued are sent only before OK."""
        for feed in tuple(self._feeds):
            if end.code is grpc.StatusCode.OK:
                feed.finish()
            else:
                feed.fail(end)

    def active(self, alarm_filter: AlarmFilter) -> list[pb.ActiveAlarmSnapshot]:
        """Return the alarms that are active, acknowledged or not."""
        return [
            alarm.snapshot(self._provider)
            for alarm in self._plant.alarms
            if alarm.active and alarm_filter.matches(alarm)
        ]

    def find(self, reference: str) -> Alarm | None:
        """Return the alarm with this full reference, ignoring case. Return None if it is unknown.

        Raises:
            Refused: the reference is neither a GUID nor of the form `Provider!Group.Tag`.
            MxAccessRefused: the reference is a GUID.
        """
        if is_guid(reference):
            raise acknowledging_by_guid()
        if not _FULL_REFERENCE.fullmatch(reference):
            raise Refused(
                grpc.StatusCode.INVALID_ARGUMENT, f"{reference!r} is neither a GUID nor of the form Provider!Group.Tag"
            )
        for alarm in self._plant.alarms:
            if alarm.full_reference.casefold() == reference.casefold():
                return alarm
        return None

    def acknowledge(self, alarm: Alarm, user: str, comment: str) -> bool:
        """Acknowledge an alarm. Return False if it is not active."""
        return alarm.acknowledge(user, comment, self._clock.now())

    @contextmanager
    def listening(
        self,
        alarm_filter: AlarmFilter,
        on_transition: Callable[[pb.OnAlarmTransitionEvent], None],
        on_provider_change: Callable[[], None],
    ) -> Generator[None]:
        """Call back for every transition and every change of the provider within the `with` block."""

        def on_change(alarm: Alarm, kind: pb.AlarmTransitionKind.ValueType) -> None:
            if alarm_filter.matches(alarm):
                on_transition(alarm.transition(kind, self._provider))

        self._plant.alarm_listeners[on_change] = None
        self._provider_listeners[on_provider_change] = None
        try:
            yield
        finally:
            del self._plant.alarm_listeners[on_change]
            del self._provider_listeners[on_provider_change]

    @contextmanager
    def feed(self, alarm_filter: AlarmFilter) -> Generator[Subscription[pb.AlarmFeedMessage]]:
        """Stream the active alarms, the end of that snapshot, the provider status, and then every change."""
        subscription = Subscription(
            [
                *(pb.AlarmFeedMessage(active_alarm=alarm) for alarm in self.active(alarm_filter)),
                pb.AlarmFeedMessage(snapshot_complete=True),
                pb.AlarmFeedMessage(provider_status=self._provider),
            ]
        )

        def send(message: pb.AlarmFeedMessage) -> None:
            subscription.put(message)
            if subscription.waiting > self._max_queued:
                subscription.fail(
                    Refused(
                        grpc.StatusCode.RESOURCE_EXHAUSTED, "the alarm queue overflowed: the subscriber is too slow"
                    )
                )

        self._feeds[subscription] = None
        with self.listening(
            alarm_filter,
            lambda transition: send(pb.AlarmFeedMessage(transition=transition)),
            lambda: send(pb.AlarmFeedMessage(provider_status=self._provider)),
        ):
            try:
                yield subscription
            finally:
                del self._feeds[subscription]


def acknowledging_by_guid() -> MxAccessRefused:
    """Return the refusal of an acknowledgement by GUID: AVEVA has not implemented the call behind it."""
    return MxAccessRefused(E_NOTIMPL, "acknowledging an alarm by its GUID is not implemented: use Provider!Group.Tag")


def is_guid(text: str) -> bool:
    """Return whether a text is a GUID, with or without braces."""
    try:
        uuid.UUID(text)
    except ValueError:
        return False
    return True
