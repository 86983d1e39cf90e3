"""The events of one session: numbered, retained for a resume, and queued for its one subscriber."""

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
    """Takes the events of a session from its worker and hands them to whoever subscribes.

    Until the first subscriber comes they wait in a backlog, which that subscriber gets, or DrainEvents. From then on
    they go to the subscriber that there is; what comes while there is none can only be had by a resume.
    """

    def __init__(self, session_id: str, clock: Clock, limits: Limits, overflowed: Callable[[], None]) -> None:
        self._session_id = session_id
        self._clock = clock
        self._limits = limits
        self._overflowed = overflowed
        self._retained: deque[tuple[float, pb.MxEvent]] = deque(maxlen=limits.replay_events)
        self._backlog: deque[pb.MxEvent] | None = deque(maxlen=limits.queued_events)
        self._subscription: Subscription[pb.MxEvent] | None = None
        self.last_sequence: int = 0

    @property
    def subscribed(self) -> bool:
        """Whether somebody streams."""
        return self._subscription is not None

    @property
    def waiting(self) -> int:
        """How many events wait to be sent."""
        if self._subscription is not None:
            return self._subscription.waiting
        return len(self._backlog or ())

    def append(self, event: pb.MxEvent) -> None:
        """Number an event and pass it on. The event is the log's from then on."""
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
        """Begin a stream: afresh, or after the last event that the subscriber has seen.

        Raises:
            Refused: somebody streams already, or `after` is ahead of the session.
        """
        if self._subscription is not None:
            raise Refused(
                grpc.StatusCode.FAILED_PRECONDITION, f"session {self._session_id} has an event stream already"
            )
        if after > self.last_sequence:
            raise Refused(
                grpc.StatusCode.INVALID_ARGUMENT,
                f"after_worker_sequence {after} is ahead of the session, whose last event is {self.last_sequence}",
            )
        self._subscription = Subscription(self._first_messages(after))
        self._backlog = None
        return self._subscription

    def unsubscribe(self, subscription: Subscription[pb.MxEvent]) -> None:
        """Free the place. What was still queued was on its way and counts as sent."""
        if self._subscription is subscription:
            self._subscription = None

    def drain(self, most: int) -> list[pb.MxEvent]:
        """Take up to `most` events from the backlog, all when it is 0."""
        backlog = self._backlog or deque[pb.MxEvent]()
        return [backlog.popleft() for _ in range(min(most or len(backlog), len(backlog)))]

    def overflow(self) -> None:
        """End the stream as one whose subscriber does not keep up."""
        if self._subscription is not None:
            self._subscription.fail(
                Refused(
                    grpc.StatusCode.RESOURCE_EXHAUSTED,
                    f"the event queue of session {self._session_id} overflowed at {self._limits.queued_events} events: "
                    "the subscriber is too slow",
                )
            )
        self._overflowed()

    def end(self, failure: Refused | None = None) -> None:
        """End the stream: with a status, or with OK once everything that is queued has been sent."""
        if self._subscription is not None:
            if failure is None:
                self._subscription.finish()
            else:
                self._subscription.fail(failure)

    def forget_retained(self) -> None:
        """Retain nothing of what came so far."""
        self._retained.clear()
        if self._backlog is not None:
            self._backlog.clear()

    def _first_messages(self, after: int) -> list[pb.MxEvent]:
        if after == 0:
            return list(self._backlog or ())
        retained = list(self._backlog or ()) or self._still_retained()
        oldest = retained[0].worker_sequence if retained else self.last_sequence + 1
        if after + 1 < oldest:
            return [_gap(self._session_id, after, oldest), *retained]
        return [event for event in retained if event.worker_sequence > after]

    def _still_retained(self) -> list[pb.MxEvent]:
        too_old = self._clock.monotonic() - self._limits.replay_seconds
        while self._retained and self._retained[0][0] < too_old:
            self._retained.popleft()
        return [event for _, event in self._retained]


def _gap(session_id: str, requested: int, oldest: int) -> pb.MxEvent:
    return pb.MxEvent(
        session_id=session_id,
        replay_gap=pb.ReplayGap(requested_after_sequence=requested, oldest_available_sequence=oldest),
    )
