"""Every alarm of the plant, where the gateway has them from, and everybody who wants to hear of them."""

from __future__ import annotations

import re
import uuid
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import grpc
from mxaccess_gateway.v1 import mxaccess_gateway_pb2 as pb

from mxgateway.testing.plant.values import timestamp
from mxgateway.testing.state.refusals import Refused
from mxgateway.testing.state.subscriptions import Subscription

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from mxgateway.testing.plant.alarms import Alarm
    from mxgateway.testing.plant.plant import Plant
    from mxgateway.testing.state.clock import Clock

__all__ = ["AlarmBoard", "AlarmFilter"]

_FULL_REFERENCE = re.compile(r"[^!]+![^!.]+\.[^!]+")


@dataclass(frozen=True, slots=True)
class AlarmFilter:
    """Which alarms somebody wants and may see.

    Attributes:
        prefix: how the full reference begins, in any case.
        reaches_tag: whether a tag may be seen.
    """

    prefix: str
    reaches_tag: Callable[[str], bool]

    def lets_through(self, alarm: Alarm) -> bool:
        """Whether this alarm is one of them."""
        return alarm.full_reference.casefold().startswith(self.prefix.casefold()) and self.reaches_tag(alarm.tag_name)


class AlarmBoard:
    """The alarms as the gateway knows them."""

    def __init__(self, plant: Plant, clock: Clock, most_queued: int) -> None:
        self._plant = plant
        self._clock = clock
        self._most_queued = most_queued
        self._provider = pb.AlarmProviderStatus(mode=pb.ALARM_PROVIDER_MODE_ALARMMGR, since=timestamp(clock.now()))
        self._provider_listeners: dict[Callable[[], None], None] = {}

    def change_provider(self, mode: pb.AlarmProviderMode.ValueType, reason: str) -> None:
        """Have the alarms from another provider, and tell everybody who listens."""
        self._provider = pb.AlarmProviderStatus(
            mode=mode,
            degraded=mode != pb.ALARM_PROVIDER_MODE_ALARMMGR,
            reason=reason,
            since=timestamp(self._clock.now()),
        )
        for listener in tuple(self._provider_listeners):
            listener()

    def active(self, wanted: AlarmFilter) -> list[pb.ActiveAlarmSnapshot]:
        """Give the alarms that are active, acknowledged or not."""
        return [
            alarm.snapshot(self._provider)
            for alarm in self._plant.alarms
            if alarm.active and wanted.lets_through(alarm)
        ]

    def find(self, reference: str) -> Alarm | None:
        """Give the alarm with this GUID or full reference, in any case.

        Raises:
            Refused: it is neither a GUID nor `Provider!Group.Tag`.
        """
        guid = _guid(reference)
        if guid is None and not _FULL_REFERENCE.fullmatch(reference):
            raise Refused(
                grpc.StatusCode.INVALID_ARGUMENT, f"{reference!r} is neither a GUID nor of the form Provider!Group.Tag"
            )
        for alarm in self._plant.alarms:
            if alarm.guid == guid or alarm.full_reference.casefold() == reference.casefold():
                return alarm
        return None

    def acknowledge(self, alarm: Alarm, user: str, comment: str) -> bool:
        """Acknowledge an alarm; False when it is not active."""
        return alarm.acknowledge(user, comment, self._clock.now())

    @contextmanager
    def listening(
        self,
        wanted: AlarmFilter,
        transition: Callable[[pb.OnAlarmTransitionEvent], None],
        provider_changed: Callable[[], None],
    ) -> Generator[None]:
        """Be told every transition and every change of the provider within the `with` block."""

        def changed(alarm: Alarm, kind: pb.AlarmTransitionKind.ValueType) -> None:
            if wanted.lets_through(alarm):
                transition(alarm.transition(kind, self._provider))

        self._plant.alarm_listeners[changed] = None
        self._provider_listeners[provider_changed] = None
        try:
            yield
        finally:
            del self._plant.alarm_listeners[changed]
            del self._provider_listeners[provider_changed]

    @contextmanager
    def feed(self, wanted: AlarmFilter) -> Generator[Subscription[pb.AlarmFeedMessage]]:
        """Stream the active alarms, that these were all, the provider, and from then on what changes."""
        subscription = Subscription(
            [
                *(pb.AlarmFeedMessage(active_alarm=alarm) for alarm in self.active(wanted)),
                pb.AlarmFeedMessage(snapshot_complete=True),
                pb.AlarmFeedMessage(provider_status=self._provider),
            ]
        )

        def send(message: pb.AlarmFeedMessage) -> None:
            subscription.put(message)
            if subscription.waiting > self._most_queued:
                subscription.fail(
                    Refused(
                        grpc.StatusCode.RESOURCE_EXHAUSTED, "the alarm queue overflowed: the subscriber is too slow"
                    )
                )

        with self.listening(
            wanted,
            lambda transition: send(pb.AlarmFeedMessage(transition=transition)),
            lambda: send(pb.AlarmFeedMessage(provider_status=self._provider)),
        ):
            yield subscription


def _guid(text: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(text)
    except ValueError:
        return None
