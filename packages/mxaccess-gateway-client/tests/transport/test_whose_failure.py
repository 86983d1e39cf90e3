"""An error says whether the gateway itself failed or the connection to it, for calls and for every kind of stream."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TypeAlias

import grpc
import pytest
from h2.errors import ErrorCodes

from mxgateway import (
    GatewayClient,
    MxGatewayCommandError,
    MxGatewayError,
    MxGatewayServerError,
    MxGatewaySessionError,
    MxGatewayTransportError,
    Session,
)
from mxgateway.testing import SimulatedGateway
from support.faults.fault_proxy import FaultProxy
from support.hostile_http2 import GRPC, Answer, after_connecting, hostile_http2, refused
from support.scripted_gateway import ScriptedGateway

Use: TypeAlias = Callable[[GatewayClient], Awaitable[object]]

STACK_TRACE = (
    "System.NullReferenceException: Object reference not set to an instance of an object.\r\n"
    "   at MxGateway.Sessions.SessionRegistry.Find(String sessionId) in C:\\src\\SessionRegistry.cs:line 118\r\n"
    + "   at Grpc.Shared.Server.UnaryServerMethodInvoker`3.Invoke(HttpContext httpContext)\r\n"
    * 60
)
CONNECTION_FAILED = "the connection to the gateway failed"


async def ping(client: GatewayClient) -> None:
    await client.attach_session("session-1").ping()


async def first_event(client: GatewayClient) -> object:
    async with client.attach_session("session-1").stream_events() as events:
        return await anext(events)


async def first_alarm(client: GatewayClient) -> object:
    async with client.stream_alarms() as feed:
        return await anext(feed)


USES: dict[str, Use] = {
    "command": ping,
    "event stream": first_event,
    "alarm feed": first_alarm,
    "Galaxy": lambda client: client.galaxy.last_deploy_time(),
}


async def error_of(use: Awaitable[object]) -> MxGatewayError:
    """Return the error that is raised."""
    with pytest.raises(MxGatewayError) as caught:
        await use
    return caught.value


@asynccontextmanager
async def answering(answer: Answer) -> AsyncGenerator[GatewayClient]:
    """Connect to a server that gives this answer to every call after connecting."""
    async with (
        hostile_http2(after_connecting(answer)) as server,
        GatewayClient.connect(endpoint=server.endpoint, plaintext=True) as client,
    ):
        yield client


@pytest.mark.parametrize("status", [grpc.StatusCode.UNKNOWN, grpc.StatusCode.INTERNAL, grpc.StatusCode.DATA_LOSS])
@pytest.mark.parametrize("use", USES.values(), ids=USES)
async def test_failed_gateway_is_named_with_its_status_and_its_first_line(use: Use, status: grpc.StatusCode) -> None:
    text = STACK_TRACE.replace("%", "%25").replace("\r\n", "%0D%0A").encode()
    async with answering(refused(status.value[0], text)) as client:
        error = await error_of(use(client))

    assert isinstance(error, MxGatewayServerError)
    assert isinstance(error, MxGatewayTransportError), "programs that catch this class still do"
    assert error.sent_by_gateway
    assert error.grpc_status is status
    assert f": the gateway failed with {status.name} | System.NullReferenceException: Object reference" in str(error)
    assert "-> the gateway's log has more about this failure" in str(error)
    assert CONNECTION_FAILED not in str(error)
    assert "UnaryServerMethodInvoker" not in str(error)
    assert "\n" not in str(error)
    assert error.details == STACK_TRACE


async def test_hint_names_the_correlation_id_of_the_call(scripted: ScriptedGateway, scripted_session: Session) -> None:
    scripted.refusal = (grpc.StatusCode.INTERNAL, "the database is read-only")

    error = await error_of(scripted_session.register("test"))

    assert str(error).endswith(f"search for {scripted.command().client_correlation_id}")


async def test_aborted_call_keeps_its_class_and_says_that_the_gateway_failed(
    scripted: ScriptedGateway, scripted_client: GatewayClient, scripted_session: Session
) -> None:
    scripted.refusal = (grpc.StatusCode.ABORTED, "two writers")

    in_session = await error_of(scripted_session.ping())
    without_session = await error_of(scripted_client.open_session())

    assert type(in_session) is MxGatewaySessionError
    assert type(without_session) is MxGatewayCommandError
    for error in (in_session, without_session):
        assert "the gateway failed with ABORTED | two writers" in str(error)
        assert "the gateway's log" in (error.hint or "")


@pytest.mark.parametrize("use", USES.values(), ids=USES)
async def test_gateway_that_refuses_for_now_is_not_a_failed_connection(use: Use) -> None:
    async with answering(refused(14, b"the worker is restarting")) as client:
        error = await error_of(use(client))

    assert isinstance(error, MxGatewayTransportError)
    assert error.sent_by_gateway
    assert "the worker is restarting" in str(error)
    assert CONNECTION_FAILED not in str(error)


@pytest.mark.parametrize(
    "answer",
    [
        Answer(tail=None, reset=ErrorCodes.INTERNAL_ERROR),
        Answer(tail=None, reset=ErrorCodes.CANCEL),
        Answer(tail=None, reset=ErrorCodes.REFUSED_STREAM),
        Answer(tail=None, reset=ErrorCodes.PROTOCOL_ERROR),
        Answer(head=GRPC[1:], tail=()),
        Answer(head=(*GRPC, (b"grpc-encoding", b"gzip")), body=b"\x01\x00\x00\x00\x04junk"),
        Answer(tail=((b"grpc-status", b"13"), (b"grpc-status-details-bin", b"!!!"))),
        Answer(head=((b":status", b"200"), (b"content-type", b"text/html")), body=b"<html>", tail=()),
    ],
    ids=["internal", "cancel", "refused", "protocol", "no HTTP status", "invalid gzip", "invalid base64", "page"],
)
@pytest.mark.parametrize("use", USES.values(), ids=USES)
async def test_failure_of_http2_is_one_of_the_connection(use: Use, answer: Answer) -> None:
    async with answering(answer) as client:
        error = await error_of(use(client))

    assert not isinstance(error, MxGatewayServerError), str(error)
    assert not error.sent_by_gateway
    assert CONNECTION_FAILED in str(error)


BREAKS: dict[str, Callable[[FaultProxy], Awaitable[object]]] = {
    "reset": lambda proxy: proxy.reset_connections(),
    "closed": lambda proxy: proxy.close_connections(),
}


@pytest.mark.parametrize("break_connections", BREAKS.values(), ids=BREAKS)
@pytest.mark.parametrize("use", [first_event, first_alarm, ping], ids=["event stream", "alarm feed", "command"])
async def test_broken_connection_is_not_a_failure_of_the_gateway(
    use: Use, break_connections: Callable[[FaultProxy], Awaitable[object]]
) -> None:
    async with (
        hostile_http2(after_connecting(Answer(tail=None))) as server,
        FaultProxy(int(server.endpoint.rpartition(":")[2])) as proxy,
        GatewayClient.connect(endpoint=proxy.endpoint, plaintext=True) as client,
    ):
        waiting = asyncio.ensure_future(error_of(use(client)))
        await proxy.wait_until(lambda: proxy.connections > (use is first_event))
        await asyncio.sleep(0.05)
        await break_connections(proxy)
        error = await waiting

    assert type(error) is MxGatewayTransportError
    assert not error.sent_by_gateway
    assert CONNECTION_FAILED in str(error)


async def test_stopped_gateway_is_not_one_that_failed(gateway: SimulatedGateway, client: GatewayClient) -> None:
    await gateway.stop()

    error = await error_of(client.open_session())

    assert type(error) is MxGatewayTransportError
    assert not error.sent_by_gateway
    await gateway.start()


async def test_connect_to_failing_gateway_says_that_it_failed(gateway: SimulatedGateway) -> None:
    gateway.faults.refuse_next_calls(1, grpc.StatusCode.INTERNAL, "no license")

    with pytest.raises(MxGatewayServerError, match=r"failed with INTERNAL \| no license -> the gateway's log"):
        await GatewayClient.connect(endpoint=gateway.endpoint, api_key=gateway.api_key, plaintext=True)
