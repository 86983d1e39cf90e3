"""The metrics of a job for Prometheus, and a health check, over HTTP."""

from __future__ import annotations

import contextlib
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import import_module
from typing import TYPE_CHECKING, Any, Protocol

import click

from mxgateway_cli.errors import CommandFailure
from mxgateway_cli.exit_status import ExitStatus

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Mapping

__all__ = ["Metrics", "serve_metrics"]


class Metrics(Protocol):
    """What a job reports.

    Attributes:
        descriptions: The help of each metric, by its name.
    """

    descriptions: Mapping[str, str]

    def figures(self) -> Mapping[str, float]:
        """Return the present value of each metric."""
        ...

    def problem(self) -> str | None:
        """Return why the job is not healthy, or None."""
        ...

    def state(self) -> str:
        """Return what the job does while it is healthy, in a line."""
        ...


@contextlib.contextmanager
def serve_metrics(address: str | None, metrics: Metrics) -> Generator[None]:
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
    registry.register(_Collector(metrics))
    handler = _handler(metrics, lambda: bytes(prometheus.generate_latest(registry)), prometheus.CONTENT_TYPE_LATEST)
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

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._families: Any = import_module("prometheus_client.core")

    def collect(self) -> Iterator[Any]:
        """Yield every metric."""
        for name, value in self._metrics.figures().items():
            description = self._metrics.descriptions[name]
            if name.endswith("_total"):
                yield self._families.CounterMetricFamily(name.removesuffix("_total"), description, value=value)
            else:
                yield self._families.GaugeMetricFamily(name, description, value=value)


def _handler(metrics: Metrics, page: Callable[[], bytes], content_type: str) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path == "/metrics":
                self._answer(200, content_type, page())
            elif self.path == "/healthz":
                problem = metrics.problem()
                status = 200 if problem is None else 503
                self._answer(status, "text/plain; charset=utf-8", f"{problem or metrics.state()}\n".encode())
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
