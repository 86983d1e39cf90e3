"""What OpenTelemetry is told of a client, and what it is not."""

from __future__ import annotations

import gc
import json
import weakref
from typing import cast

import pytest
from mxaccess_gateway.v1 import mxaccess_gateway_pb2 as pb
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from mxgateway import GatewayClient, MxAccessError, MxGatewayError, MxGatewayTransportError, Session
from mxgateway.statistics import instrument
from mxgateway.testing import SimulatedGateway
from support.scripted_gateway import ScriptedGateway

INT, STRING = "TestChildObject.TestInt", "TestChildObject.TestString"
INVOKE = "mxaccess_gateway.v1.MxAccessGateway/Invoke"


class Telemetry:
    """Keeps spans and metrics in memory."""

    def __init__(self) -> None:
        self._spans = InMemorySpanExporter()
        self._reader = InMemoryMetricReader()
        self.tracers = TracerProvider()
        self.tracers.add_span_processor(SimpleSpanProcessor(self._spans))
        self.meters = MeterProvider([self._reader])

    def instrument(self, client: GatewayClient) -> None:
        """Report a client."""
        instrument(client, tracer_provider=self.tracers, meter_provider=self.meters)

    @property
    def spans(self) -> tuple[ReadableSpan, ...]:
        """The spans that have ended."""
        return self._spans.get_finished_spans()

    def metrics(self) -> dict[str, object]:
        """The value of each metric."""
        data = self._reader.get_metrics_data()
        if data is None:
            return {}
        metrics = json.loads(data.to_json())["resource_metrics"][0]["scope_metrics"][0]["metrics"]
        return {each["name"]: point["value"] for each in metrics for point in each["data"]["data_points"]}


async def test_each_call_is_a_span_by_the_conventions_for_rpc(gateway: SimulatedGateway, client: GatewayClient) -> None:
    telemetry = Telemetry()
    telemetry.instrument(client)
    host, _, port = gateway.endpoint.rpartition(":")

    async with client.open_session() as session:
        await session.register("canary-client")

    opened, registered, closed = telemetry.spans
    assert [span.name.rpartition("/")[2] for span in telemetry.spans] == ["OpenSession", "Invoke", "CloseSession"]
    assert registered.name == INVOKE
    assert (registered.kind, registered.status.status_code) == (SpanKind.CLIENT, StatusCode.UNSET)
    assert dict(registered.attributes or {}) == {
        "rpc.system.name": "grpc",
        "rpc.method": INVOKE,
        "rpc.response.status_code": "OK",
        "server.address": host,
        "server.port": int(port),
        "mxgateway.command": "REGISTER",
    }
    assert opened.attributes is not None
    assert closed.attributes is not None


async def test_a_refusal_and_a_failure_are_errors(gateway: SimulatedGateway, client: GatewayClient) -> None:
    telemetry = Telemetry()
    async with client.open_session() as session:
        telemetry.instrument(client)
        with pytest.raises(MxAccessError):
            await session.advise(1, 77)
        await gateway.stop()
        with pytest.raises(MxGatewayTransportError):
            await session.ping()
        await gateway.start()

    refused, failed = (dict(span.attributes or {}) for span in telemetry.spans[:2])
    assert [span.status.status_code for span in telemetry.spans[:2]] == [StatusCode.ERROR] * 2
    assert (refused["rpc.response.status_code"], refused["error.type"]) == ("OK", "MXACCESS_FAILURE")
    assert "mxgateway.hresult" in refused
    assert (failed["rpc.response.status_code"], failed["error.type"]) == ("UNAVAILABLE", "MxGatewayTransportError")


async def test_an_ok_with_a_failed_result_and_an_unknown_command_are_told_too(
    scripted: ScriptedGateway, scripted_client: GatewayClient, scripted_session: Session
) -> None:
    telemetry = Telemetry()
    telemetry.instrument(scripted_client)
    scripted.edit_reply = lambda reply: reply.MergeFrom(pb.MxCommandReply(hresult=-1))
    with pytest.raises(MxAccessError):
        await scripted_session.ping()
    request = pb.MxCommandRequest(session_id=scripted_session.session_id)
    request.command.kind = cast("pb.MxCommandKind.ValueType", 9999)
    await scripted_client.invoke(request)

    contradicting, unknown = (dict(span.attributes or {}) for span in telemetry.spans)
    assert contradicting["error.type"] == "MxAccessError"
    assert unknown["mxgateway.command"] == "9999"


async def test_no_span_has_a_value_a_tag_a_key_or_a_password(gateway: SimulatedGateway, client: GatewayClient) -> None:
    telemetry = Telemetry()
    telemetry.instrument(client)
    async with client.tags("test") as tags, client.open_session() as session:
        await tags.write(STRING, "canary-value")
        server = await session.register("canary-name")
        with pytest.raises(MxGatewayError):
            await session.authenticate_user(server, "canary-user", "canary-password")

    shown = "".join(span.to_json() for span in telemetry.spans)
    assert "WRITE" in shown
    for secret in ("canary", STRING, gateway.api_key, gateway.api_key[-12:]):
        assert secret not in shown


async def test_metrics_are_the_statistics_and_keep_no_client_alive(gateway: SimulatedGateway) -> None:
    telemetry = Telemetry()

    async def use_a_client() -> weakref.ref[GatewayClient]:
        client = await GatewayClient.connect(endpoint=gateway.endpoint, api_key=gateway.api_key, plaintext=True)
        telemetry.instrument(client)
        async with client, client.open_session() as session, session.stream_events() as events:
            server = await session.register("test")
            await session.advise(server, await session.add_item(server, INT))
            await anext(events)
        assert telemetry.metrics() == {
            "mxgateway.client.events": 1,
            "mxgateway.client.gaps": 0,
            "mxgateway.client.losses": 0,
            "mxgateway.client.reconnects": 0,
            "mxgateway.client.queued": 0,
        }
        return weakref.ref(client)

    alive = await use_a_client()
    gc.collect()
    assert alive() is None
