"""Applications that receive changes despite faults, written as a user would write them, and check every change."""

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

# The gateway is never more than this many changes ahead. It retains more than that for a resume, so that only changes
# that a test ages out are lost.
CHANGES_AHEAD: Final = 900
_GRANT_SIZE: Final = 100
_RETRY_SECONDS: Final = 0.005
_TIMEOUT_SECONDS: Final = 30.0

# Errors after which a retry can succeed.
RETRYABLE: Final = (
    MxGatewayTransportError,
    MxGatewayTimeoutError,
    MxGatewaySessionError,
    MxGatewayWorkerError,
    MxGatewayLimitError,
)


class ChangeChecker(ABC):
    """Receives and checks the changes of the counter, and allows the gateway to change it further.

    Attributes:
        received: how many changes were received.
        breaks: how often the connection, the stream or the session was lost.
        value: the last known value of the counter.
        granted: the value up to which the gateway may change the counter.
    """

    def __init__(self, gateway: GatewayProcess) -> None:
        self._gateway: Final = gateway
        self._advanced = asyncio.Event()
        self._wake_at = 0
        self._read_timeout: asyncio.Timeout | None = None
        self._pause_seconds = 0.0
        self._reopening = False
        self._granting = True
        self._lost = False
        self._stopped = False
        self.received = 0
        self.breaks = 0
        self.value = 0
        self.granted = 0

    async def stop(self) -> None:
        """Receive every change that the gateway still sends, then end `run`."""
        self._granting = False
        last = max(await self._gateway.run("burst", changes=1), self.granted)
        await self._wait_until(lambda: self.value >= last)
        assert self.value == last
        self._stopped = True
        self.time_out_read()

    async def wait_for_changes(self, count: int) -> None:
        """Wait until `count` more changes are received."""
        goal = self.received + count
        self._wake_at = goal
        await self._wait_until(lambda: self.received >= goal)

    async def wait_for_break(self) -> None:
        """Wait until the connection is reported lost once more, or return at once if it is lost already."""
        breaks = self.breaks
        await self._wait_until(lambda: self.breaks > breaks or self._lost)

    def time_out_read(self) -> None:
        """Let the wait for the next change time out."""
        if self._read_timeout is not None:
            self._read_timeout.reschedule(0)

    def pause_reading(self, seconds: float) -> None:
        """Stop reading for a while, as a busy application does."""
        self._pause_seconds = seconds

    def reopen_stream(self) -> None:
        """Close the stream after the next change, and resume it after the last sequence."""
        self._reopening = True

    @abstractmethod
    async def run(self) -> None:
        """Receive changes until `stop` is called."""

    def _count_change(self, value: int) -> None:
        self.received += 1
        self._advance(value)

    def _advance(self, value: int) -> None:
        """Record the counter's value, and allow the gateway to change it further."""
        self.value = value
        if self._granting and value + CHANGES_AHEAD >= self.granted + _GRANT_SIZE:
            self.granted = value + CHANGES_AHEAD
            self._gateway.count_until(self.granted)
        if self.received >= self._wake_at:
            self._advanced.set()

    def _count_break(self) -> None:
        self.breaks += 1
        self._advanced.set()

    async def _pause(self) -> None:
        if self._pause_seconds:
            seconds, self._pause_seconds = self._pause_seconds, 0.0
            await asyncio.sleep(seconds)

    @asynccontextmanager
    async def _read_may_time_out(self) -> AsyncGenerator[None]:
        """Read with a timeout, as applications do. An expired timeout must neither lose an event nor end the stream."""
        try:
            async with asyncio.timeout(None) as self._read_timeout:
                yield
        except TimeoutError as error:
            if isinstance(error, MxGatewayError):
                raise
        finally:
            self._read_timeout = None

    async def _wait_until(self, condition: Callable[[], bool]) -> None:
        try:
            async with asyncio.timeout(_TIMEOUT_SECONDS):
                while not condition():
                    self._advanced.clear()
                    await self._advanced.wait()
        except TimeoutError:
            raise AssertionError(f"no progress after value {self.value}, {await self._gateway.status()}") from None


@dataclass(slots=True, kw_only=True)
class SequenceChecker:
    """Checks that each sequence of a session arrives exactly once and in order, or lies in a reported gap.

    Attributes:
        session_id: the session.
        last: the last sequence received.
        gaps: for each reported gap, the last sequence before it and the first sequence after it.
    """

    session_id: str
    last: int = 0
    gaps: list[tuple[int, int]] = field(default_factory=list[tuple[int, int]])
    _expected: int = 1
    _offset: int | None = None

    def check(self, event: MxEvent) -> int:
        """Check an event, and return the counter's value after it."""
        assert event.session_id == self.session_id
        if isinstance(event, ReplayGap):
            assert event.requested_after_sequence == self.last
            assert event.oldest_available_sequence > self.last + 1
            assert self._offset is not None
            self.gaps.append((self.last, event.oldest_available_sequence))
            self._expected = event.oldest_available_sequence
            return self._expected - 1 + self._offset
        assert event.sequence == self._expected, f"{event} follows sequence {self.last}"
        assert isinstance(event, DataChange)
        assert isinstance(event.value, int)
        # Each change makes one event. Values and sequences therefore differ by a constant, also after a gap.
        self._offset = event.value - event.sequence if self._offset is None else self._offset
        assert event.value == event.sequence + self._offset
        self.last = event.sequence
        self._expected = event.sequence + 1
        return event.value


class StreamChecker(ChangeChecker):
    """Streams the events of a session. It resumes a broken stream and replaces a lost session.

    Attributes:
        sequences: the sequence checker of each session, by session id.
        session_errors: the errors that reported a lost session.
        opens_without_reply: how often opening a session failed.
    """

    def __init__(self, gateway: GatewayProcess, client: GatewayClient) -> None:
        super().__init__(gateway)
        self._client = client
        self.sequences: dict[str, SequenceChecker] = {}
        self.session_errors: list[MxGatewayError] = []
        self.opens_without_reply = 0

    async def run(self) -> None:
        while not self._stopped:
            try:
                session = await self._client.open_session()
            except RETRYABLE:
                self.opens_without_reply += 1
                self._count_break()
                await asyncio.sleep(_RETRY_SECONDS)
                continue
            sequences = SequenceChecker(session_id=session.session_id)
            self.sequences[session.session_id] = sequences
            try:
                async with session:
                    await self._use_session(session, sequences)
            except RETRYABLE as error:
                # Events that the session has not delivered are lost; this error reports the loss.
                self.session_errors.append(error)
                self._count_break()
                await asyncio.sleep(_RETRY_SECONDS)

    async def _use_session(self, session: Session, sequences: SequenceChecker) -> None:
        server = await session.register("faults")
        await session.advise(server, await session.add_item(server, COUNTER))
        while not self._stopped:
            try:
                await self._stream(session, sequences)
            except (MxGatewayTransportError, MxGatewaySessionError) as error:
                self._count_break()
                if sequences.last == 0:
                    # Without a received event there is no sequence to resume after.
                    raise
                await asyncio.sleep(_RETRY_SECONDS)
                if isinstance(error, MxGatewaySessionError) and not await self._is_ready(session):
                    raise

    async def _is_ready(self, session: Session) -> bool:
        """Return whether the session is usable: a stream is also refused while the gateway counts the old one."""
        while True:
            try:
                return await session.get_state() is SessionState.READY
            except (MxGatewayTransportError, MxGatewayTimeoutError):
                await asyncio.sleep(_RETRY_SECONDS)

    async def _stream(self, session: Session, sequences: SequenceChecker) -> None:
        async with session.stream_events(after_sequence=sequences.last) as stream:
            while self._keeps_streaming():
                async with self._read_may_time_out():
                    async for event in stream:
                        self._receive(sequences, event)
                        assert stream.last_sequence == sequences.last
                        await self._pause()
                        if not self._keeps_streaming():
                            break
        self._reopening = False

    def _keeps_streaming(self) -> bool:
        return not (self._stopped or self._reopening)

    def _receive(self, sequences: SequenceChecker, event: MxEvent) -> None:
        value = sequences.check(event)
        if isinstance(event, ReplayGap):
            self._advance(value)
        else:
            self._count_change(value)


class WatchChecker(ChangeChecker):
    """Watches the counter, and checks that each value arrives exactly once or lies in a reported gap.

    Attributes:
        gaps: for each gap, the last value before it and the first value after it.
        restored: how often the watch was restored, by whether the stream was resumed.
    """

    def __init__(self, gateway: GatewayProcess, tags: TagClient) -> None:
        super().__init__(gateway)
        self._tags = tags
        self._gap_reported = False
        self.gaps: list[tuple[int, int]] = []
        self.restored = Counter[bool]()
        self.value = -1

    async def run(self) -> None:
        async with self._tags.watch(COUNTER) as watch:
            while not self._stopped:
                async with self._read_may_time_out():
                    async for item in watch:
                        self._receive(item)
                        await self._pause()

    def _receive(self, item: WatchItem) -> None:
        match item:
            case TagChange():
                self._count_change(self._check(item))
            case WatchLost():
                assert not self._lost
                self._lost = True
                self._count_break()
            case WatchRestored(resumed=resumed):
                assert self._lost
                self._lost = False
                self._gap_reported = self._gap_reported or not resumed
                self.restored[resumed] += 1
            case WatchGap(dropped=dropped):
                # This reader is fast enough, so the client drops no change; only the gateway can lose some.
                assert dropped == 0
                self._gap_reported = True
            case _:
                raise AssertionError(f"unexpected item: {item}")

    def _check(self, change: TagChange) -> int:
        """Check a change, and return its value."""
        value = change.value
        assert isinstance(value, int)
        assert not self._lost, f"{change} was delivered while the watch was lost"
        if change.repeated:
            # The current value, which may have been delivered before, ends the reported gap.
            assert self._gap_reported, change
            assert value >= self.value, change
            self._gap_reported = False
        else:
            expected = value > self.value if self._gap_reported else value == self.value + 1
            assert expected, f"{change} follows value {self.value}"
        if value > self.value + 1:
            self.gaps.append((self.value, value))
        return value
