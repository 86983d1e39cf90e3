"""Metrics of forwarding for Prometheus, and a health check, over HTTP."""

from __future__ import annotations

import contextlib
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

import click

from mxgateway_cli.errors import CommandFailure
from mxgateway_cli.exit_status import ExitStatus

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from mxgateway.forwarding import Forwarder

__all__ = ["METRICS", "serve_metrics"]

METRICS: Final = {
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
"""Name -> help of every metric."""


@contextlib.contextmanager
def serve_metrics(address: str | None, forwarder: Forwarder) -> Generator[None]:
    """Serve `/metrics` and `/healthz` in a thread while the block runs; do nothing without an address.

    Raises:
        click.UsageError: The address is not `HOST:PORT`, or prometheus-client is missing.
        CommandFailure: The address cannot be used.
    """
    if address is None:
        yield
        return
    host, _, port = address.rpartition(":")
    if not host or not port.isdecimal():
        raise click.UsageError(f"--metrics {address}: use HOST:PORT, for example 127.0.0.1:9464")
    try:
        prometheus: Any = import_module("prometheus_client")
    except ImportError:
        text = "--metrics needs prometheus-client: pipx inject mxaccess-gateway-cli prometheus-client"
        raise click.UsageError(text) from None
    registry = prometheus.CollectorRegistry()
    registry.register(_Collector(forwarder))
    handler = _handler(forwarder, lambda: bytes(prometheus.generate_latest(registry)), prometheus.CONTENT_TYPE_LATEST)
    try:
        server = ThreadingHTTPServer((host.strip("[]"), int(port)), handler)
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise CommandFailure(f"cannot serve metrics on {address}: {reason}", ExitStatus.FAILED) from error
    thread = threading.Thread(target=server.serve_forever, name="mxgw-py metrics", daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Collector:
    """Reads the figures when they are asked for."""

    def __init__(self, forwarder: Forwarder) -> None:
        self._forwarder = forwarder
        self._metrics: Any = import_module("prometheus_client.core")

    def collect(self) -> Iterator[Any]:
        """Yield every metric."""
        for name, value in _figures(self._forwarder).items():
            if name.endswith("_total"):
                yield self._metrics.CounterMetricFamily(name.removesuffix("_total"), METRICS[name], value=value)
            else:
                yield self._metrics.GaugeMetricFamily(name, METRICS[name], value=value)


def _figures(forwarder: Forwarder) -> dict[str, float]:
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
    )
    return dict(zip(METRICS, values, strict=True))


def _handler(forwarder: Forwarder, metrics: Any, content_type: str) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path == "/metrics":
                self._answer(200, content_type, metrics())
            elif self.path == "/healthz":
                healthy = forwarder.statistics.connected or not forwarder.spool.records
                text = "ok" if healthy else f"the broker is away, records wait: {forwarder.spool.records}"
                self._answer(200 if healthy else 503, "text/plain; charset=utf-8", f"{text}\n".encode())
            else:
                self._answer(404, "text/plain; charset=utf-8", b"there are /metrics and /healthz\n")

        def _answer(self, status: int, kind: str, content: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the signature of http.server
            """Write nothing: each request would be a line on stderr."""

    return Handler
