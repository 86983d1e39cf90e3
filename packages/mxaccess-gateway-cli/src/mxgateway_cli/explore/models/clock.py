"""Clock: where the explorer takes the time from, and how it shows times and ages."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from mxgateway_cli.jobs.watch.rows import age
from mxgateway_cli.output.formatting import in_zone

if TYPE_CHECKING:
    from collections.abc import Callable

    from mxgateway_cli.output.formatting import Zone

__all__ = ["Clock", "short_age"]


def _utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Clock:
    """The time of day and the monotonic time; tests and screenshots have their own.

    Attributes:
        zone: The time zone in which times are shown; None is the local one.
        now: Returns the time of day in UTC.
        monotonic: Returns seconds that never decrease.
    """

    zone: Zone = UTC
    now: Callable[[], datetime] = _utc_now
    monotonic: Callable[[], float] = time.monotonic

    def time_of_day(self, when: datetime) -> str:
        """Return a time of today as hours, minutes and seconds, and of another day as its date."""
        local = in_zone(when, self.zone)
        return local.strftime("%H:%M:%S" if local.date() == in_zone(self.now(), self.zone).date() else "%Y-%m-%d")


def short_age(seconds: float) -> str:
    """Return a duration without a space, such as "12s" and "3min"."""
    return age(max(0.0, seconds)).replace(" ", "")
