"""Poll tags: snapshots at regular times of the clock."""

from __future__ import annotations

import asyncio
import math
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from mxgateway._support.public_names import PublicNames
from mxgateway._support.validation import check_seconds
from mxgateway.errors import MxGatewayConfigurationError, MxGatewayTimeoutError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Sequence
    from typing import Self

    from mxgateway.tags.reading import TagReading

__all__ = ["TagPoll", "TagSnapshot"]

_MIN_SECONDS: Final = 0.01


@dataclass(frozen=True, slots=True, kw_only=True)
class TagSnapshot:
    """The readings of all tags of a poll at one beat: iterate over them, or take one by its tag.

    Attributes:
        time: The time of the beat, in UTC: a multiple of the period since 1970.
        readings: One reading per tag, in the order of the tags; empty if the beat was missed.
        missed: How many beats before this one were skipped because the caller, or an earlier read, took too long.
        error: Why this beat was missed: no reply arrived within one period. None if there are readings.
    """

    time: datetime
    readings: tuple[TagReading, ...] = ()
    missed: int = 0
    error: MxGatewayTimeoutError | None = None

    def __iter__(self) -> Iterator[TagReading]:
        return iter(self.readings)

    def __len__(self) -> int:
        return len(self.readings)

    def __getitem__(self, tag: str) -> TagReading:
        """Return the reading of a tag.

        Raises:
            KeyError: The poll does not have this tag, or the beat was missed.
        """
        for reading in self.readings:
            if reading.tag == tag:
                return reading
        raise KeyError(tag)


class TagPoll(PublicNames):
    """Snapshots of tags at regular times: an async iterator, which `TagClient.poll` returns.

    Cancelling a wait, for example by `asyncio.timeout`, does not end the poll. It holds nothing open, so that it needs
    no closing.
    """

    def __init__(
        self,
        tags: tuple[str, ...],
        every: float,
        read: Callable[[Sequence[str], float], Awaitable[tuple[TagReading, ...]]],
    ) -> None:
        self._tags = tags
        self._every = _check_period(every)
        self._read = read
        # The clock of the machine is read once, so that setting it never moves or repeats a beat.
        self._offset = time.time() - time.monotonic()
        self._next_beat = math.floor(self._now() / self._every) + 1

    @property
    def tags(self) -> tuple[str, ...]:
        """The polled tags."""
        return self._tags

    @property
    def every(self) -> float:
        """The period in seconds."""
        return self._every

    def __repr__(self) -> str:
        return f"<TagPoll of {len(self._tags)} tags every {self._every:g} s>"

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> TagSnapshot:
        """Wait for the next beat and return its snapshot."""
        # A beat counts as missed when the next one is due.
        skipped = max(math.floor(self._now() / self._every) - self._next_beat, 0)
        beat = self._next_beat + skipped
        await asyncio.sleep(beat * self._every - self._now())
        moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=beat * self._every)
        try:
            readings = await self._read(self._tags, self._every)
        except MxGatewayTimeoutError as error:
            snapshot = TagSnapshot(time=moment, missed=skipped, error=error)
        else:
            snapshot = TagSnapshot(time=moment, readings=readings, missed=skipped)
        # Not before: if this call is cancelled, the beat still counts, as read or as missed.
        self._next_beat = beat + 1
        return snapshot

    def _now(self) -> float:
        """Return the seconds since 1970, by a clock that never jumps."""
        return self._offset + time.monotonic()


def _check_period(every: float) -> float:
    if check_seconds("every", every) < _MIN_SECONDS:
        raise MxGatewayConfigurationError(f"every {every!r} is less than {_MIN_SECONDS:g} s: use watch for each change")
    return every
