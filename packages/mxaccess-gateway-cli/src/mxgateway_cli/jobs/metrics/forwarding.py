"""The metrics of forwarding."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mxgateway.forwarding import Forwarder

__all__ = ["ForwardMetrics"]


class ForwardMetrics:
    """What a Forwarder has done, and what waits."""

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
    }

    def __init__(self, forwarder: Forwarder) -> None:
        self._forwarder: Final = forwarder

    def figures(self) -> Mapping[str, float]:
        """Return the present value of each metric."""
        statistics, spool = self._forwarder.statistics, self._forwarder.spool
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
        )
        return dict(zip(self.descriptions, values, strict=True))

    def problem(self) -> str | None:
        """Return that the broker is away while records wait, or None."""
        if self._forwarder.statistics.connected or not self._forwarder.spool.records:
            return None
        return f"the broker is away, records wait: {self._forwarder.spool.records}"
