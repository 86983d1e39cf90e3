"""The events of one session: numbered, retained for a resume, and queued for its subscriber."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

import grpc
from mxaccess_gateway.v1 import mxaccess_gateway_pb2 as pb

from mxgateway.testing.plant.values import timestamp
from mxgateway.testing.state.refusals import Refused
from mxgateway.testing.state.subscriptions import Subscription

if TYPE_CHECKING:
    from collections.abc import Callable

    from mxgateway.testing.state.clock import Clock
    from mxgateway.testing.state.limits import Limits

__all__ = ["EventLog"]


class EventLog:
    """The events of one session: numbered, retained, and queued for the subscriber, of which there is at most one.

    Before the first subscriber, events wait in a backlog, which DrainEvents or that subscriber receives. Afterwards
    events go to the current subscriber. Without one they can only be received by a resume.
    """

    def __init__(self, session_id: str, clock: Clock, limits: Limits, on_overflow: Callable[[], None]) -> None:
        self._session_id = session_id
        self._clock = clock
        self._limits = limits
        self._on_overflow = on_overflow
        self._retained: deque[tuple[float, pb.MxEvent]] = deque(maxlen=limits.replay_events)
        self._backlog: deque[pb.MxEvent] | None = deque(maxlen=limits.queued_events)
        self._subscription: Subscription[pb.MxEvent] | None = None
        self.last_sequence: int = 0

    @property
    def subscribed(self) -> bool:
        """Whether there is a subscriber."""
        return self._subscription is not None

    @property
    def waiting(self) -> int:
        """The number of events that are queued for sending."""
        if self._subscription is not None:
            return self._subscription.waiting
        return len(self._backlog or ())

    def append(self, event: pb.MxEvent) -> None:
        """Assign the next sequence to an event, retain it and queue it. The caller must not change it afterwards."""
        self.last_sequence += 1
        event.session_id = self._session_id
        event.worker_sequence = self.last_sequence
        now = timestamp(self._clock.now())
        event.worker_timestamp.CopyFrom(now)
        event.gateway_receive_timestamp.CopyFrom(now)
        self._retained.append((self._clock.monotonic(), event))
        if self._backlog is not None:
            self._backlog.append(event)
        elif self._subscription is not None:
            self._subscription.put(event)
            if self._subscription.waiting > self._limits.queued_events:
                self.overflow()

    def subscribe(self, after: int) -> Subscription[pb.MxEvent]:
        """Start a stream: a new one if `after` is 0, otherwise a resume after the event with that sequence.

        Raises:
            Refused: there already is a subscriber, or `after` is ahead of the session's last event.
        """
        if self._subscription is not None:
            raise Refused(
                grpc.StatusCode.FAILED_PRECONDITION, f"session {self._session_id} already has an event stream"
            )
        if after > self.last_sequence:
            raise Refused(
                grpc.StatusCode.INVALID_ARGUMENT,
                f"after_worker_sequence {after} is ahead of the session's last event, {self.last_sequence}",
            )
        self._subscription = Subscription(self._first_messages(after))
        self._backlog = None
        return self._subscription

    def unsubscribe(self, subscription: Subscription[pb.MxEvent]) -> None:
        """Remove the subscriber. Events that are still queued count as sent."""
        if self._subscription is subscription:
            self._subscription = None

    def drain(self, max_events: int) -> list[pb.MxEvent]:
        """Remove up to `max_events` events from the backlog and return them; all events if it is 0."""
        backlog = self._backlog or deque[pb.MxEvent]()
        return [backlog.popleft() for _ in range(min(max_events or len(backlog), len(backlog)))]

    def overflow(self) -> None:
        """End the stream, as if its queue had overflowed."""
        if self._subscription is not None:
            self._subscription.fail(
                Refused(
                    grpc.StatusCode.RESOURCE_EXHAUSTED,
                    f"the event queue of session {self._session_id} overflowed at {self._limits.queued_events} events: "
                    "the subscriber is too slow",
                )
            )
        self._on_overflow()

    def end(self, failure: Refused | None = None) -> None:
        """End the stream at once with `failure`, or with OK after all queued events if `failure` is None."""
        if self._subscription is not None:
            if failure is None:
                self._subscription.finish()
            else:
                self._subscription.fail(failure)

    def discard_retained(self) -> None:
        """Discard all events that are retained or in the backlog."""
        self._retained.clear()
        if self._backlog is not None:
            self._backlog.clear()

    def _first_messages(self, after: int) -> list[pb.MxEvent]:
        if after == 0:
            return list(self._backlog or ())
        retained = list(self._backlog or ()) or self._unexpired()
        oldest = retained[0].worker_sequence if retained else self.last_sequence + 1
        if after + 1 < oldest:
            return [_gap(self._session_id, after, oldest), *retained]
        return [event for event in retained if event.worker_sequence > after]

    def _unexpired(self) -> list[pb.MxEvent]:
        oldest_time = self._clock.monotonic() - self._limits.replay_seconds
        while self._retained and self._retained[0][0] < oldest_time:
            self._retained.popleft()
        return [event for _, event in self._retained]


def _gap(session_id: str, requested: int, oldest: int) -> pb.MxEvent:
    return pb.MxEvent(
        session_id=session_id,
        replay_gap=pb.ReplayGap(requested_after_sequence=requested, oldest_available_sequence=oldest),
    )
