"""Forwarder: from a watch through a spool to a broker, with every loss as a record."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from mxgateway._support.cancellation import Cancellation
from mxgateway.forwarding.delivery import Delivery
from mxgateway.forwarding.errors import LeaseLostError
from mxgateway.forwarding.intake import Intake
from mxgateway.forwarding.spool import Spool
from mxgateway.recording import Recorder, RecorderOptions

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

    from mxgateway.forwarding.jetstream import JetStreamLease
    from mxgateway.forwarding.spool import SpooledBatch
    from mxgateway.recording import RecorderStatistics, Sink
    from mxgateway.tags import TagClient

__all__ = ["Forwarder", "ForwarderStatistics"]

_logger = logging.getLogger("mxgateway.forwarding")

_FIRST_DELAY_SECONDS: Final = 0.1
_LONGEST_DELAY_SECONDS: Final = 10.0


@dataclass(slots=True, kw_only=True)
class ForwarderStatistics:
    """What a Forwarder has done so far.

    Attributes:
        received: What was received from the gateway and spooled.
        acknowledged: Records that the broker has acknowledged.
        last_acknowledged: When the broker last acknowledged records, in UTC.
        failures: How often the broker was lost or could not be reached.
        connected: Whether the broker acknowledges at present.
    """

    received: RecorderStatistics
    acknowledged: int = 0
    last_acknowledged: datetime | None = None
    failures: int = 0
    connected: bool = False


class Forwarder:
    """Hands the changes of tags, and every loss among them, to a broker.

    What the broker has not acknowledged waits in the spool, in order, and the watch is never held back. A program that
    was killed continues the same session when it is started again while the gateway still has it, usually within 30
    seconds, and so misses nothing. That needs a spool with a file, or a broker that keeps the session, see Lane. Later
    a gap record says what is missing.

    An async context manager: entering opens the spool and begins the watch, leaving closes all. The TagClient must have
    no other use, or its session cannot be continued.

    Args:
        client: The TagClient that watches the tags.
        sink: The broker.
        tags: The names of the tags.
        spool: Where records wait; by default in memory.
        options: How records are collected into batches, see RecorderOptions.
        lease: A lease that is held when the Forwarder is entered. Without it nothing is delivered, so that of several
            processes one works. It implies `keep_session`.
        keep_session: Leave the session to the next start: `run` ends with `client.detach()`.
        fail_fast: Let `run` raise if the broker does not take the first records; by default it waits.
    """

    def __init__(
        self,
        client: TagClient,
        sink: Sink,
        *tags: str,
        spool: Spool | None = None,
        options: RecorderOptions | None = None,
        lease: JetStreamLease | None = None,
        keep_session: bool = False,
        fail_fast: bool = False,
    ) -> None:
        self.spool: Final = spool or Spool()
        self._client = client
        self._lease = lease
        self._keep_session = keep_session or lease is not None
        self._delivery = Delivery(sink, self.spool, lease)
        intake = Intake(self.spool, self._delivery)
        self._recorder = Recorder(client, intake, *tags, options=options or RecorderOptions(flush_interval=0.01))
        self.statistics: Final = ForwarderStatistics(received=self._recorder.statistics)
        self._fail_fast = fail_fast

    async def __aenter__(self) -> Self:
        """Open the spool, continue the session of the last start if that is possible, and begin the watch.

        Raises:
            OSError: The spool cannot be opened.
            MxGatewayConfigurationError: The spool is that of another job, or the broker's options are wrong.
            MxGatewayError: See TagWatch.
        """
        try:
            await self._recorder.__aenter__()
        except BaseException:
            await self._delivery.close()
            await self.spool.close()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._delivery.close()
        await self._recorder.__aexit__(kind, error, traceback)

    async def run(self, *, duration: float | None = None, drain_seconds: float = 10.0) -> ForwarderStatistics:
        """Forward until `stop` is called or `duration` seconds have passed.

        Then, and also when this call is cancelled, it tries to deliver what waits for up to `drain_seconds`. What is
        not delivered stays in the spool's file for the next start.

        Raises:
            MxGatewayError: The watch has ended with this error, or the broker's options are wrong.
            LeaseLostError: Another process has acquired the lease. What waits is not delivered.
            StreamTakenError: Another program writes to the stream.
            BrokerUnavailableError: With `fail_fast`, the broker does not take the first records.
            OSError: The spool cannot be written.
        """
        delivering = asyncio.create_task(self._deliver(), name="mxgateway forwarder delivery")
        receiving = asyncio.create_task(self._recorder.run(duration=duration), name="mxgateway forwarder receipt")
        losing = asyncio.create_task(self._lose_lease(), name="mxgateway forwarder lease")
        try:
            await asyncio.wait([delivering, receiving, losing], return_when=asyncio.FIRST_COMPLETED)
        finally:
            if losing.done():
                delivering.cancel()
            self._recorder.stop()
            await asyncio.wait([receiving])
            if self._keep_session:
                # Before the rest is delivered: the gateway keeps what changes meanwhile for the next start.
                await self._client.detach()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(drain_seconds):
                    await self._drained(delivering, losing)
            delivering.cancel()
            losing.cancel()
            await asyncio.gather(delivering, losing, return_exceptions=True)
        if not losing.cancelled():
            losing.result()
        if not delivering.cancelled():
            delivering.result()
        receiving.result()
        return self.statistics

    def stop(self) -> None:
        """End `run` once what waits is delivered, or after its `drain_seconds`."""
        self._recorder.stop()

    async def _drained(self, delivering: asyncio.Task[None], losing: asyncio.Task[None]) -> None:
        while self.spool.records and not delivering.done() and not losing.done():
            acknowledged = asyncio.create_task(self.spool.wait_for_removal())
            try:
                await asyncio.wait([acknowledged, delivering, losing], return_when=asyncio.FIRST_COMPLETED)
            finally:
                acknowledged.cancel()

    async def _lose_lease(self) -> None:
        """Raise once another process has the lease.

        Raises:
            LeaseLostError: Another process has acquired it.
        """
        if self._lease is None:
            await asyncio.get_running_loop().create_future()
            return
        await self._lease.wait_until_lost()
        raise LeaseLostError(f"the lease {self._lease.name} is lost: {self._lease.holder} holds it")

    async def _deliver(self) -> None:
        delay = 0.0
        batch: SpooledBatch | None = None
        cancellation = Cancellation()
        while True:
            cancellation.check()
            batch = batch or await self.spool.next()
            if batch is None and not self._delivery.is_lane_outdated:
                await self.spool.wait()
                continue
            try:
                await self._delivery.write(() if batch is None else batch.records)
            except OSError as error:
                if self._fail_fast and not self.statistics.acknowledged:
                    raise
                self._note_failure(error)
                await self._delivery.close()
                delay = min(_LONGEST_DELAY_SECONDS, max(_FIRST_DELAY_SECONDS, 2 * delay))
                await asyncio.sleep(delay)
                continue
            delay = 0.0
            if not self.statistics.connected and self.statistics.failures:
                _logger.info("the broker is back, records wait in the spool (%d)", self.spool.records)
            self.statistics.connected = True
            if batch is not None:
                await self.spool.acknowledge(batch)
                self.statistics.acknowledged += len(batch.records)
                self.statistics.last_acknowledged = datetime.now(UTC)
                batch = None

    def _note_failure(self, error: OSError) -> None:
        # Once for each time the broker is lost, not for each attempt.
        level = logging.WARNING if self.statistics.connected or not self.statistics.failures else logging.DEBUG
        _logger.log(level, "cannot deliver, records wait in the spool (%d): %s", self.spool.records, error)
        self.statistics.connected = False
        self.statistics.failures += 1
