"""Applications that take events through faults, written as a user would, and that check each one as it comes."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final

from mxgateway import (
    DataChange,
    GatewayClient,
    MxEvent,
    MxGatewayError,
    MxGatewayLimitError,
    MxGatewaySessionError,
    MxGatewayTimeoutError,
    MxGatewayTransportError,
    MxGatewayWorkerError,
    ReplayGap,
    Session,
    SessionState,
    TagChange,
    TagClient,
    WatchGap,
    WatchItem,
    WatchLost,
    WatchRestored,
)
from support.faults.gateway_process import GatewayProcess
from support.faults.gateway_program import COUNTER

# The gateway is never more changes ahead than it retains for a resume: then only what is aged out on purpose is lost.
AHEAD: Final = 900
_GRANT: Final = 100
_PAUSE: Final = 0.005
_PATIENCE: Final = 30.0

# What another attempt may mend.
PASSING: Final = (
    MxGatewayTransportError,
    MxGatewayTimeoutError,
    MxGatewaySessionError,
    MxGatewayWorkerError,
    MxGatewayLimitError,
)


class Consumer(ABC):
    """Takes the changes of the counter, lets the gateway go on with it, and says how far it has come."""

    def __init__(self, gateway: GatewayProcess) -> None:
        self._gateway: Final = gateway
        self._moved = asyncio.Event()
        self._wake_at = 0
        self._waiting: asyncio.Timeout | None = None
        self._pause = 0.0
        self._leaving = False
        self._granting = True
        self._lost = False
        self._stopped = False
        self.taken = 0
        self.breaks = 0
        self.value = 0
        self.granted = 0

    async def stop(self) -> None:
        """Take all that the gateway still sends, then stop."""
        self._granting = False
        last = max(await self._gateway.do("burst", changes=1), self.granted)
        await self._until(lambda: self.value >= last)
        assert self.value == last
        self._stopped = True
        self.interrupt()

    async def progress(self, changes: int) -> None:
        """Wait until so many changes more are taken."""
        goal = self.taken + changes
        self._wake_at = goal
        await self._until(lambda: self.taken >= goal)

    async def break_noticed(self) -> None:
        """Wait until it has noticed once more that nothing comes, unless it knows that already."""
        breaks = self.breaks
        await self._until(lambda: self.breaks > breaks or self._lost)

    def interrupt(self) -> None:
        """Let the wait for the next change time out."""
        if self._waiting is not None:
            self._waiting.reschedule(0)

    def pause(self, seconds: float) -> None:
        """Take nothing for a while: the application is busy."""
        self._pause = seconds

    def leave(self) -> None:
        """Leave off with the next change, and go on where that was."""
        self._leaving = True

    @abstractmethod
    async def run(self) -> None:
        """Take changes until told to stop."""

    def _took(self, value: int) -> None:
        self.taken += 1
        self._at(value)

    def _at(self, value: int) -> None:
        """Have come to a value, and let the gateway go on from there."""
        self.value = value
        if self._granting and value + AHEAD >= self.granted + _GRANT:
            self.granted = value + AHEAD
            self._gateway.count_until(self.granted)
        if self.taken >= self._wake_at:
            self._moved.set()

    def _broke(self) -> None:
        self.breaks += 1
        self._moved.set()

    async def _busy(self) -> None:
        if self._pause:
            pause, self._pause = self._pause, 0.0
            await asyncio.sleep(pause)

    @asynccontextmanager
    async def _interruptible(self) -> AsyncGenerator[None]:
        """Wait with a timeout, as applications do: one that runs out must neither lose nor end anything."""
        try:
            async with asyncio.timeout(None) as self._waiting:
                yield
        except TimeoutError as error:
            if isinstance(error, MxGatewayError):
                raise
        finally:
            self._waiting = None

    async def _until(self, condition: Callable[[], bool]) -> None:
        try:
            async with asyncio.timeout(_PATIENCE):
                while not condition():
                    self._moved.clear()
                    await self._moved.wait()
        except TimeoutError:
            raise AssertionError(f"nothing goes on at value {self.value}, {await self._gateway.status()}") from None


@dataclass(slots=True, kw_only=True)
class Ledger:
    """What came of one session: every sequence once and in order, or in a gap that was reported.

    Attributes:
        session_id: the session.
        last: the last sequence that came.
        gaps: after which sequence events were lost, and the first that was there again.
    """

    session_id: str
    last: int = 0
    gaps: list[tuple[int, int]] = field(default_factory=list[tuple[int, int]])
    _follows: int = 1
    _ahead: int | None = None

    def take(self, event: MxEvent) -> int:
        """Check an event, and give the value of the counter that it stands for."""
        assert event.session_id == self.session_id
        if isinstance(event, ReplayGap):
            assert event.requested_after_sequence == self.last
            assert event.oldest_available_sequence > self.last + 1
            assert self._ahead is not None
            self.gaps.append((self.last, event.oldest_available_sequence))
            self._follows = event.oldest_available_sequence
            return self._follows - 1 + self._ahead
        assert event.sequence == self._follows, f"{event} came after {self.last}"
        assert isinstance(event, DataChange)
        assert isinstance(event.value, int)
        # One event for each change: so a value belongs to its sequence, and a gap hides as many values as sequences.
        self._ahead = event.value - event.sequence if self._ahead is None else self._ahead
        assert event.value == event.sequence + self._ahead
        self.last = event.sequence
        self._follows = event.sequence + 1
        return event.value


class EventConsumer(Consumer):
    """Streams the events of a session: what breaks it resumes after the last one, a lost session it replaces."""

    def __init__(self, gateway: GatewayProcess, client: GatewayClient) -> None:
        super().__init__(gateway)
        self._client = client
        self.ledgers: dict[str, Ledger] = {}
        self.reported_lost: list[MxGatewayError] = []
        self.without_reply = 0

    async def run(self) -> None:
        while not self._stopped:
            try:
                session = await self._client.open_session()
            except PASSING:
                self.without_reply += 1
                self._broke()
                await asyncio.sleep(_PAUSE)
                continue
            ledger = self.ledgers[session.session_id] = Ledger(session_id=session.session_id)
            try:
                async with session:
                    await self._follow(session, ledger)
            except PASSING as error:
                # What the session has not delivered by now is lost with it, and this is the error that says so.
                self.reported_lost.append(error)
                self._broke()
                await asyncio.sleep(_PAUSE)

    async def _follow(self, session: Session, ledger: Ledger) -> None:
        server = await session.register("faults")
        await session.advise(server, await session.add_item(server, COUNTER))
        while not self._stopped:
            try:
                await self._stream(session, ledger)
            except (MxGatewayTransportError, MxGatewaySessionError) as error:
                self._broke()
                if ledger.last == 0:
                    # There is nothing to resume after.
                    raise
                await asyncio.sleep(_PAUSE)
                if isinstance(error, MxGatewaySessionError) and not await self._is_ready(session):
                    raise

    async def _is_ready(self, session: Session) -> bool:
        """Whether it was only the place that was still taken by the stream that broke."""
        while True:
            try:
                return await session.get_state() is SessionState.READY
            except (MxGatewayTransportError, MxGatewayTimeoutError):
                await asyncio.sleep(_PAUSE)

    async def _stream(self, session: Session, ledger: Ledger) -> None:
        async with session.stream_events(after_sequence=ledger.last) as stream:
            while self._stays():
                async with self._interruptible():
                    async for event in stream:
                        self._take(ledger, event)
                        assert stream.last_sequence == ledger.last
                        await self._busy()
                        if not self._stays():
                            break
        self._leaving = False

    def _stays(self) -> bool:
        return not (self._stopped or self._leaving)

    def _take(self, ledger: Ledger, event: MxEvent) -> None:
        value = ledger.take(event)
        if isinstance(event, ReplayGap):
            self._at(value)
        else:
            self._took(value)


class WatchConsumer(Consumer):
    """Watches the counter: each value comes once, or lies in a stretch of which the watch says that it has a hole."""

    def __init__(self, gateway: GatewayProcess, tags: TagClient) -> None:
        super().__init__(gateway)
        self._tags = tags
        self._hole = False
        self.holes: list[tuple[int, int]] = []
        self.restored = Counter[bool]()
        self.value = -1

    async def run(self) -> None:
        async with self._tags.watch(COUNTER) as watch:
            while not self._stopped:
                async with self._interruptible():
                    async for item in watch:
                        self._take(item)
                        await self._busy()

    def _take(self, item: WatchItem) -> None:
        match item:
            case TagChange():
                self._took(self._checked(item))
            case WatchLost():
                assert not self._lost
                self._lost = True
                self._broke()
            case WatchRestored(resumed=resumed):
                assert self._lost
                self._lost = False
                self._hole = self._hole or not resumed
                self.restored[resumed] += 1
            case WatchGap(dropped=dropped):
                # This reader is fast enough: only the gateway loses something.
                assert dropped == 0
                self._hole = True
            case _:
                raise AssertionError(f"nobody expected {item}")

    def _checked(self, change: TagChange) -> int:
        """Check a change, and give its value."""
        value = change.value
        assert isinstance(value, int)
        assert not self._lost, f"{change} came while the connection was away"
        if change.repeated:
            # The present value, which may have come before: with it the stretch ends that has a hole.
            assert self._hole, change
            assert value >= self.value, change
            self._hole = False
        else:
            assert value == self.value + 1 or (self._hole and value > self.value), f"{change} came after {self.value}"
        if value > self.value + 1:
            self.holes.append((self.value, value))
        return value
