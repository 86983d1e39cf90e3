"""Spans and metrics of a client for OpenTelemetry."""

from __future__ import annotations

import threading
import weakref
from typing import TYPE_CHECKING, Any, Final, Protocol

from mxaccess_gateway.v1 import galaxy_repository_pb2 as galaxy_pb
from mxaccess_gateway.v1 import mxaccess_gateway_pb2 as pb

from mxgateway._support.extras import import_extra
from mxgateway.status import MxStatus

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from google.protobuf.message import Message

    from mxgateway.statistics.figures import CallEnded, CallObserver, ClientStatistics

__all__ = ["instrument"]

_NAME: Final = "mxgateway"
_FIGURES: Final[Mapping[str, tuple[str, str, Callable[[ClientStatistics], float]]]] = {
    "mxgateway.client.events": ("{event}", "Events that were received.", lambda each: each.events.messages),
    "mxgateway.client.gaps": ("{gap}", "How often events were found to be missing.", lambda each: each.events.gaps),
    "mxgateway.client.losses": ("{loss}", "How often a session or feed was lost.", lambda each: each.losses),
    "mxgateway.client.reconnects": (
        "{reconnect}",
        "How often a session or feed was had again after a loss.",
        lambda each: each.reconnects,
    ),
}


class _Client(Protocol):
    """What of a GatewayClient is observed."""

    @property
    def endpoint(self) -> str: ...

    def observe_calls(self, observer: CallObserver | None) -> None: ...

    def statistics(self) -> ClientStatistics: ...


def instrument(client: _Client, *, tracer_provider: object = None, meter_provider: object = None) -> None:
    """Report a client to OpenTelemetry: a span for each call with one reply, and metrics of its statistics.

    The spans follow the stable semantic conventions for RPC (version 1.45 of the conventions): their name and
    `rpc.method` are the gateway's rpc, such as `mxaccess_gateway.v1.MxAccessGateway/Invoke`, and
    `rpc.response.status_code` is the gRPC status. `mxgateway.command` is the kind of a command, such as `WRITE`; an
    error that the gateway or MXAccess has answered is in `mxgateway.protocol_status` and `mxgateway.hresult`. No span
    has a value, a tag, a user or a key. Nothing is added to the requests: the gateway does not continue a trace.

    The metrics are counters `mxgateway.client.events`, `.gaps`, `.losses` and `.reconnects`, and the gauge
    `mxgateway.client.queued`, by `server.address` and `server.port`. A client that is no longer used is not kept alive
    by them.

    Args:
        client: A GatewayClient, also one of `mxgateway.sync`.
        tracer_provider: The provider of the tracer, or None for the global one.
        meter_provider: The provider of the meter, or None for the global one.

    Raises:
        MxGatewayConfigurationError: opentelemetry-api is missing: `pip install 'mxaccess-gateway-client[otel]'`.
    """
    trace: Any = import_extra("opentelemetry.trace", extra="otel", purpose="instrument()")
    client.observe_calls(_Tracing(trace, trace.get_tracer(_NAME, tracer_provider=tracer_provider)).begin)
    metrics: Any = import_extra("opentelemetry.metrics", extra="otel", purpose="instrument()")
    provider: Any = meter_provider or metrics.get_meter_provider()
    with _lock:
        meters = _meters.setdefault(provider, _Meters(metrics, provider))
    meters.clients.add(client)


class _Tracing:
    """Begins and ends spans."""

    def __init__(self, trace: Any, tracer: Any) -> None:
        self._trace = trace
        self._tracer = tracer

    def begin(self, request: Message, endpoint: str) -> CallEnded:
        """Begin the span of a call, and return the function that ends it."""
        method = _METHODS.get(request.DESCRIPTOR.full_name, "_OTHER")
        attributes = {"rpc.system.name": "grpc", "rpc.method": method, **_server(endpoint)}
        if isinstance(request, pb.MxCommandRequest):
            kind = request.command.kind
            # A raw command may have a number that this version does not know.
            name = pb.MxCommandKind.Name(kind) if kind in pb.MxCommandKind.values() else str(kind)
            attributes["mxgateway.command"] = name.removeprefix("MX_COMMAND_KIND_")
        span = self._tracer.start_span(method, kind=self._trace.SpanKind.CLIENT, attributes=attributes)

        def end(reply: Message | None, error: BaseException | None) -> None:
            status = "OK" if error is None else _status_of(error)
            span.set_attribute("rpc.response.status_code", status)
            problem = type(error).__name__ if error is not None else _refusal(span, reply)
            if problem:
                span.set_attribute("error.type", problem)
                # No description: a gateway's text may repeat a value.
                span.set_status(self._trace.Status(self._trace.StatusCode.ERROR))
            span.end()

        return end


def _refusal(span: Any, reply: Message | None) -> str | None:
    """Note what the gateway or MXAccess has answered instead of OK, and return it."""
    status = getattr(reply, "protocol_status", None)
    if status is None:
        return None
    if status.code in {pb.PROTOCOL_STATUS_CODE_UNSPECIFIED, pb.PROTOCOL_STATUS_CODE_OK}:
        # The client takes an OK with a failed result for a refusal.
        statuses = [MxStatus.from_message(each) for each in getattr(reply, "statuses", ())]
        failed = getattr(reply, "hresult", 0) < 0 or any(each.failed for each in statuses)
        return "MxAccessError" if failed else None
    name = pb.ProtocolStatusCode.Name(status.code) if status.code in pb.ProtocolStatusCode.values() else status.code
    text = str(name).removeprefix("PROTOCOL_STATUS_CODE_")
    span.set_attribute("mxgateway.protocol_status", text)
    hresult = getattr(reply, "hresult", 0)
    if hresult:
        span.set_attribute("mxgateway.hresult", hresult)
    return text


def _status_of(error: BaseException) -> str:
    status = getattr(error, "grpc_status", None)
    return "CANCELLED" if status is None else str(status.name)


def _server(endpoint: str) -> dict[str, str | int]:
    host, _, port = endpoint.rpartition(":")
    return {"server.address": host.strip("[]"), "server.port": int(port)}


# The full name of each unary rpc, by that of its request.
_METHODS: Final = {
    method.input_type.full_name: f"{service.full_name}/{method.name}"
    for file in (pb.DESCRIPTOR, galaxy_pb.DESCRIPTOR)
    for service in file.services_by_name.values()
    for method in service.methods
    if not method.server_streaming
}


class _Meters:
    """The instruments of a meter provider, and the clients that they add up."""

    def __init__(self, metrics: Any, provider: Any) -> None:
        self.clients: weakref.WeakSet[_Client] = weakref.WeakSet()
        self._observation = metrics.Observation
        meter = provider.get_meter(_NAME)
        for name, (unit, description, figure) in _FIGURES.items():
            meter.create_observable_counter(name, [self._callback(figure)], unit=unit, description=description)
        meter.create_observable_gauge(
            "mxgateway.client.queued",
            [self._callback(lambda each: each.events.queued)],
            unit="{event}",
            description="Events that have arrived and wait for the program.",
        )

    def _callback(self, figure: Callable[[ClientStatistics], float]) -> Callable[[Any], Iterable[Any]]:
        def observe(_: Any) -> Iterator[Any]:
            sums: dict[str, float] = {}
            for client in list(self.clients):
                sums[client.endpoint] = sums.get(client.endpoint, 0) + figure(client.statistics())
            for endpoint, value in sums.items():
                yield self._observation(value, _server(endpoint))

        return observe


_meters: Final[weakref.WeakKeyDictionary[Any, _Meters]] = weakref.WeakKeyDictionary()
_lock: Final = threading.Lock()
