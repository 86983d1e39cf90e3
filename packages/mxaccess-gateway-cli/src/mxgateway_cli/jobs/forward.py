"""Forwarding of tags to a broker, with metrics and a summary at the end."""

from __future__ import annotations

import asyncio
import contextlib
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import click

from mxgateway.forwarding import BrokerUnavailableError, Forwarder, LeaseLostError, Spool, StreamTakenError
from mxgateway_cli.errors import CommandFailure, PartialFailure
from mxgateway_cli.exit_status import ExitStatus
from mxgateway_cli.jobs.metrics.forwarding import ForwardMetrics
from mxgateway_cli.jobs.metrics.server import serve_metrics

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Sequence
    from contextlib import AbstractAsyncContextManager

    from mxgateway import TagClient
    from mxgateway.forwarding import JetStreamLease
    from mxgateway_cli.jobs.brokers import BrokerSettings
    from mxgateway_cli.output.console import Output

__all__ = ["ForwardSettings", "forward_tags"]

# Two jobs with different leases on one stream would otherwise take it from each other without a pause.
_PAUSE_SECONDS: Final = 1.0


class _DurationOverError(Exception):
    """The process has waited for its lease for the whole duration."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ForwardSettings:
    """What is forwarded, and where.

    Attributes:
        broker: Where records go.
        spool: The file of the spool, or None for memory.
        spool_limit: The most bytes of records that wait.
        duration: Seconds after which forwarding ends, or None.
        drain: Seconds to try to deliver what waits at the end.
        metrics: Where metrics are served, as `HOST:PORT`, or None.
        keep_session: Whether to leave the session at the gateway at the end.
        fail_fast: Whether to end if the broker does not take the first records.
    """

    broker: BrokerSettings
    spool: str | None
    spool_limit: float
    duration: float | None
    drain: float
    metrics: str | None
    keep_session: bool
    fail_fast: bool

    def part_of(self, tags: Sequence[str]) -> tuple[str, ...]:
        """Return the tags of the shard.

        Raises:
            click.UsageError: It has none of the tags.
        """
        shard = self.broker.shard
        if shard is None:
            return tuple(tags)
        part = tuple(tag for tag in tags if shard.takes(tag))
        if not part:
            text = f"--shard {shard.index}/{shard.count} has none of the {len(tags)} tags: use fewer parts"
            raise click.UsageError(text)
        return part


async def forward_tags(
    open_tags: Callable[[], AbstractAsyncContextManager[TagClient]],
    tags: Sequence[str],
    output: Output,
    settings: ForwardSettings,
) -> None:
    """Forward tags until the duration or a signal ends it, then print a summary. With a lease, wait for it first.

    Raises:
        MxGatewayError: The watch failed and cannot be restored, or the broker's settings are wrong.
        CommandFailure: The spool cannot be used, the metrics cannot be served, or with `fail_fast` the broker does not
            take the first records.
        PartialFailure: Records that waited in memory are lost.
    """
    began = time.monotonic()
    lease = settings.broker.lease()
    metrics = ForwardMetrics(lease)
    forwarders: list[Forwarder] = []
    try:
        # A signal cancels this task: that is the normal end of forwarding.
        with serve_metrics(settings.metrics, metrics), contextlib.suppress(asyncio.CancelledError, _DurationOverError):
            while True:
                try:
                    async with _held(lease, began, settings), open_tags() as client:
                        forwarder = _new_forwarder(client, tags, settings, lease)
                        forwarders.append(forwarder)
                        metrics.forwarder = forwarder
                        async with forwarder:
                            duration = settings.duration if lease is None else _left(began, settings)
                            await forwarder.run(duration=duration, drain_seconds=settings.drain)
                    break
                except (LeaseLostError, StreamTakenError) as error:
                    if lease is None:
                        raise
                    metrics.forwarder = None
                    output.diagnostics.warning(f"{error}; this process waits again")
                    await asyncio.sleep(_PAUSE_SECONDS)
    except BrokerUnavailableError as error:
        raise CommandFailure(str(error), ExitStatus.TRANSPORT) from error
    except OSError as error:
        text = f"cannot use the spool {settings.spool}: {error.strerror}" if error.strerror else str(error)
        raise CommandFailure(text, ExitStatus.FAILED) from error
    _print_summary(forwarders, output, settings, time.monotonic() - began)


@contextlib.asynccontextmanager
async def _held(lease: JetStreamLease | None, began: float, settings: ForwardSettings) -> AsyncGenerator[None]:
    """Hold the lease, if there is one, during the block.

    Raises:
        _DurationOverError: The duration is over before that.
        BrokerUnavailableError: With `fail_fast`, NATS cannot be used.
    """
    if lease is None:
        yield
        return
    try:
        async with asyncio.timeout(_left(began, settings)):
            await lease.acquire(fail_fast=settings.fail_fast)
    except TimeoutError:
        raise _DurationOverError from None
    try:
        yield
    finally:
        await lease.release()


def _left(began: float, settings: ForwardSettings) -> float | None:
    """Return the rest of the duration since a time by `time.monotonic`, or None if there is no limit."""
    return None if settings.duration is None else max(0.0, began + settings.duration - time.monotonic())


def _new_forwarder(
    client: TagClient, tags: Sequence[str], settings: ForwardSettings, lease: JetStreamLease | None
) -> Forwarder:
    broker = settings.broker
    return Forwarder(
        client,
        broker.sink(),
        *tags,
        spool=Spool(settings.spool, max_bytes=int(settings.spool_limit), job=broker.job),
        lease=lease,
        keep_session=settings.keep_session,
        fail_fast=settings.fail_fast,
    )


def _print_summary(forwarders: Sequence[Forwarder], output: Output, settings: ForwardSettings, seconds: float) -> None:
    """Print what the forwarders have done, one for each time that the process held its lease."""
    done = [forwarder.statistics for forwarder in forwarders]
    spooled = forwarders[-1].spool.records if forwarders else 0
    acknowledged = sum(each.acknowledged for each in done)
    record = {
        "stream": settings.broker.place,
        "received": sum(each.received.written for each in done),
        "acknowledged": acknowledged,
        "spooled": spooled,
        "dropped": sum(each.spool.dropped + each.statistics.received.dropped for each in forwarders),
        "gaps": sum(each.received.gaps for each in done),
        "gatewayLost": sum(each.received.lost for each in done),
        "brokerFailures": sum(each.failures for each in done),
        "seconds": round(seconds, 3),
    }
    rest = f", in {settings.spool} still {_records(spooled)}" if spooled and settings.spool else ""
    text = f"{_records(acknowledged)} acknowledged in {seconds:.1f} s"
    output.result(record, f"{settings.broker.place}: {text}{rest}")
    if spooled and not settings.spool:
        text = f"{_records(spooled)} lost: the broker did not take them; --spool FILE would keep them"
        raise PartialFailure(text, ExitStatus.TRANSPORT)


def _records(count: int) -> str:
    return f"{count} record{'' if count == 1 else 's'}"
