"""The metrics of forwarding."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mxgateway.forwarding import Forwarder, JetStreamLease

__all__ = ["ForwardMetrics"]


class ForwardMetrics:
    """What a Forwarder has done, and what waits.

    Args:
        lease: The lease of the job, or None.

    Attributes:
        forwarder: The present Forwarder; None while the job waits for its lease.
    """

    descriptions: Mapping[str, str] = {
        "mxgateway_forward_received_total": "Records received from the gateway and spooled.",
        "mxgateway_forward_acknowledged_total": "Records that the broker has acknowledged.",
        "mxgateway_forward_dropped_total": "Changes dropped because the spool was full.",
        "mxgateway_forward_gaps_total": "Records that report missing changes.",
        "mxgateway_forward_gateway_lost_total": "How often the gateway's connection or session was lost.",
        "mxgateway_forward_broker_failures_total": "How often the broker was lost or could not be reached.",
        "mxgateway_forward_spooled_records": "Records that wait for the broker.",
        "mxgateway_forward_spooled_bytes": "Bytes of the records that wait.",
        "mxgateway_forward_last_acknowledged_age_seconds": "Seconds since the broker last acknowledged records.",
        "mxgateway_forward_broker_connected": "1 while the broker acknowledges, else 0.",
        "mxgateway_forward_waiting": "1 while this process waits for its lease, else 0.",
    }

    def __init__(self, lease: JetStreamLease | None = None) -> None:
        self._lease: Final = lease
        self.forwarder: Forwarder | None = None

    def figures(self) -> Mapping[str, float]:
        """Return the present value of each metric."""
        forwarder = self.forwarder
        if forwarder is None:
            return dict.fromkeys(self.descriptions, 0.0) | {
                "mxgateway_forward_last_acknowledged_age_seconds": float("nan"),
                "mxgateway_forward_waiting": float(self._lease is not None),
            }
        statistics, spool = forwarder.statistics, forwarder.spool
        received, last = statistics.received, statistics.last_acknowledged
        values = (
            received.written,
            statistics.acknowledged,
            spool.dropped + received.dropped,
            received.gaps,
            received.lost,
            statistics.failures,
            spool.records,
            spool.bytes,
            float("nan") if last is None else time.time() - last.timestamp(),
            float(statistics.connected),
            0.0,
        )
        return dict(zip(self.descriptions, values, strict=True))

    def problem(self) -> str | None:
        """Return that the broker is away while records wait, or None."""
        forwarder = self.forwarder
        if forwarder is None or forwarder.statistics.connected or not forwarder.spool.records:
            return None
        return f"the broker is away, records wait: {forwarder.spool.records}"

    def state(self) -> str:
        """Return that all is well, or who holds the lease for which the job waits."""
        if self.forwarder is not None or self._lease is None:
            return "ok"
        return f"waits for the lease {self._lease.name}, holder: {self._lease.holder or 'unknown'}"
