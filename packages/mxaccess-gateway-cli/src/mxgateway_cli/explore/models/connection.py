"""Connection: whether values and alarms arrive, and what happened last."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Final

from mxgateway import MxGatewayAuthenticationError, MxGatewayAuthorizationError
from mxgateway_cli.explore.models.clock import short_age
from mxgateway_cli.failures.gateway import name_options
from mxgateway_cli.output.texts import printable

if TYPE_CHECKING:
    from datetime import datetime

    from mxgateway import MxGatewayError, WatchRestored
    from mxgateway_cli.explore.models.clock import Clock

__all__ = ["ALARMS", "TAGS", "Condition", "Connection", "State", "explain"]

TAGS: Final = "tags"
ALARMS: Final = "alarms"

# How long a note about the past stays on the screen.
_NOTE_SECONDS: Final = 120.0


class Condition(Enum):
    """How the connection is."""

    IDLE = "idle"
    CONNECTED = "connected"
    LOST = "lost"
    ENDED = "ended"


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """The state of the connection in words.

    Attributes:
        condition: How it is.
        text: The state.
        detail: Why it is lost, or what happened last; may be empty.
        since: When `detail` became known, in seconds of the monotonic clock.
    """

    condition: Condition
    text: str
    detail: str = ""
    since: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Note:
    short: str
    text: str
    monotonic: float


@dataclass(frozen=True, slots=True, kw_only=True)
class _Loss:
    subject: str
    error: MxGatewayError
    when: datetime
    monotonic: float


class Connection:
    """The state of the connection, as the watches report it.

    Each watch is a source of its own: the connection counts as lost until each of them is restored.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._sources: dict[object, str] = {}
        self._losses: dict[object, _Loss] = {}
        self._note: _Note | None = None
        self.failure: MxGatewayError | None = None

    def join(self, source: object, subject: str) -> None:
        """Take note of a watch of TAGS or ALARMS."""
        self._sources[source] = subject

    def leave(self, source: object) -> None:
        """Forget a watch."""
        self._sources.pop(source, None)
        self._losses.pop(source, None)

    def lose(self, source: object, error: MxGatewayError) -> None:
        """Take note that nothing arrives at a watch."""
        if source not in self._losses:
            # The other watches that lose the same connection show its time.
            first = next((each for each in self._losses.values() if each.subject == self._sources[source]), None)
            self._losses[source] = _Loss(
                subject=self._sources[source],
                error=error,
                when=first.when if first else self._clock.now(),
                monotonic=first.monotonic if first else self._clock.monotonic(),
            )

    def restore(self, source: object, item: WatchRestored) -> None:
        """Take note that changes arrive again at a watch."""
        loss = self._losses.pop(source, None)
        if loss is None:
            return
        seconds = self._clock.monotonic() - loss.monotonic
        has_gap = loss.subject == TAGS and not item.resumed
        if loss.subject == ALARMS:
            missed = "the alarms are those of now"
        else:
            missed = "GAP: changes in the meantime were missed" if has_gap else "no changes were missed"
        text = f"restored at {self._now()} after {short_age(seconds)}; {missed}"
        self._say("GAP" if has_gap else "restored", text)

    def report_gap(self) -> None:
        """Take note that changes are missing although the connection was not lost."""
        self._say("GAP", f"GAP at {self._now()}: the gateway no longer had some changes; the present values follow")

    def end(self, error: MxGatewayError) -> None:
        """Take note that nothing will arrive any more."""
        self.failure = self.failure or error

    @property
    def state(self) -> State:
        """The present state."""
        if self.failure is not None:
            text = "ENDED: nothing is updated any more, q quits"
            return State(condition=Condition.ENDED, text=text, detail=explain(self.failure))
        if self._losses:
            return self._lost()
        is_idle = not self._sources
        condition = Condition.IDLE if is_idle else Condition.CONNECTED
        text = "session open, nothing is watched" if is_idle else "connected"
        note = self._note
        if note is None or self._clock.monotonic() - note.monotonic > _NOTE_SECONDS:
            return State(condition=condition, text=text)
        return State(condition=condition, text=f"{text}, {note.short}", detail=note.text, since=note.monotonic)

    def _lost(self) -> State:
        losses = list(self._losses.values())
        loss = next((each for each in losses if each.subject == TAGS), losses[0])
        subject = "ALARMS" if loss.subject == ALARMS and TAGS in self._sources.values() else "CONNECTION"
        ago = short_age(self._clock.monotonic() - loss.monotonic)
        text = f"{subject} LOST at {self._clock.time_of_day(loss.when)}, {ago} ago"
        return State(condition=Condition.LOST, text=text, detail=f"reconnecting: {explain(loss.error)}")

    def _say(self, short: str, text: str) -> None:
        now = self._clock.monotonic()
        before = self._note
        if before is not None and before.short == "GAP" != short and now - before.monotonic < _NOTE_SECONDS:
            # The alarms are restored at about the same time. That must not hide the gap.
            return
        self._note = _Note(short=short, text=text, monotonic=now)

    def _now(self) -> str:
        return self._clock.time_of_day(self._clock.now())


def explain(error: MxGatewayError) -> str:
    """Return why something failed, and what to change, on one line and in the words of the command line."""
    statuses = [str(status) for status in error.statuses if status.failed]
    # The details of a refused key name the missing scope. Those of a lost connection are for a log.
    details = error.details if isinstance(error, (MxGatewayAuthenticationError, MxGatewayAuthorizationError)) else ""
    reasons = [error.diagnostic_message or "", details or "", name_options(error.hint or "")]
    parts = [error.summary, *statuses, *reasons]
    return printable(" ".join("; ".join(part for part in parts if part).split()))
