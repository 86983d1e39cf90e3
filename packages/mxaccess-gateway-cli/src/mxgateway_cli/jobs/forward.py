"""Forwarding of tags to a broker, with metrics and a summary at the end."""

from __future__ import annotations

import asyncio
import contextlib
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from mxgateway.forwarding import BrokerUnavailableError, Forwarder, Spool
from mxgateway_cli.errors import CommandFailure, PartialFailure
from mxgateway_cli.exit_status import ExitStatus
from mxgateway_cli.jobs.metrics.forwarding import ForwardMetrics
from mxgateway_cli.jobs.metrics.server import serve_metrics

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mxgateway import TagClient
    from mxgateway.recording import Sink
    from mxgateway_cli.jobs.brokers import BrokerSettings
    from mxgateway_cli.output.console import Output

__all__ = ["ForwardSettings", "forward_tags"]


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
    client: TagClient, tags: Sequence[str], sink: Sink, output: Output, settings: ForwardSettings
) -> None:
    """Forward tags until the duration or a signal ends it, then print a summary.

    Raises:
        MxGatewayError: The watch failed and cannot be restored, or the broker's settings are wrong.
        CommandFailure: The spool cannot be used, the metrics cannot be served, or with `fail_fast` the broker does not
            take the first records.
        PartialFailure: Records that waited in memory are lost.
    """
    began = time.monotonic()
    spool = Spool(settings.spool, max_bytes=int(settings.spool_limit), job=settings.broker.job)
    forwarder = Forwarder(client, sink, *tags, spool=spool, fail_fast=settings.fail_fast)
    try:
        # A signal cancels this task: that is the normal end of forwarding.
        with serve_metrics(settings.metrics, ForwardMetrics(forwarder)), contextlib.suppress(asyncio.CancelledError):
            async with forwarder:
                await forwarder.run(duration=settings.duration, drain_seconds=settings.drain)
    except BrokerUnavailableError as error:
        raise CommandFailure(str(error), ExitStatus.TRANSPORT) from error
    except OSError as error:
        text = f"cannot use the spool {settings.spool}: {error.strerror}" if error.strerror else str(error)
        raise CommandFailure(text, ExitStatus.FAILED) from error
    if settings.keep_session:
        await client.detach()
    _print_summary(forwarder, output, settings, time.monotonic() - began)


def _print_summary(forwarder: Forwarder, output: Output, settings: ForwardSettings, seconds: float) -> None:
    statistics, spool = forwarder.statistics, forwarder.spool
    record = {
        "stream": settings.broker.place,
        "received": statistics.received.written,
        "acknowledged": statistics.acknowledged,
        "spooled": spool.records,
        "dropped": spool.dropped + statistics.received.dropped,
        "gaps": statistics.received.gaps,
        "gatewayLost": statistics.received.lost,
        "brokerFailures": statistics.failures,
        "seconds": round(seconds, 3),
    }
    rest = f", in {settings.spool} still {_records(spool.records)}" if spool.records and settings.spool else ""
    done = f"{_records(statistics.acknowledged)} acknowledged in {seconds:.1f} s"
    output.result(record, f"{settings.broker.place}: {done}{rest}")
    if spool.records and not settings.spool:
        text = f"{_records(spool.records)} lost: the broker did not take them; --spool FILE would keep them"
        raise PartialFailure(text, ExitStatus.TRANSPORT)


def _records(count: int) -> str:
    return f"{count} record{'' if count == 1 else 's'}"
