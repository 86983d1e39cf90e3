"""If an HTTP/2 server violates the rules of gRPC, every call soon raises a typed error with a one-line message."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeAlias

import grpc
import pytest
from h2.errors import ErrorCodes
from mxaccess_gateway.v1 import mxaccess_gateway_pb2 as pb

from mxgateway import (
    GatewayClient,
    MxGatewayError,
    MxGatewayLimitError,
    MxGatewayProtocolError,
    MxGatewaySessionError,
    MxGatewayStreamEndedError,
    MxGatewayTimeoutError,
    MxGatewayTransportError,
)
from support.hostile_http2 import GRPC, OK, Answer, after_connecting, framed, hostile_http2, refused

Call: TypeAlias = Callable[[GatewayClient], Awaitable[object]]
Errors: TypeAlias = "type[MxGatewayError] | tuple[type[MxGatewayError], ...]"

REPLY = pb.MxCommandReply(
    protocol_status=pb.ProtocolStatus(code=pb.PROTOCOL_STATUS_CODE_OK), register=pb.RegisterReply(server_handle=5)
)
HTML = b"<html><body>hello</body></html>"
SOON_SECONDS = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Misbehaviour:
    """An invalid response, and the errors that it causes.

    Attributes:
        answer: the response of the server.
        single: the error that a call with one reply raises.
        stream: the error that an event stream and an alarm feed raise.
    """

    answer: Answer
    single: Errors
    stream: Errors


def always(error: Errors, answer: Answer) -> Misbehaviour:
    """Return a misbehaviour that causes the same error in all calls."""
    return Misbehaviour(answer=answer, single=error, stream=error)


def html(status: bytes, *fields: tuple[bytes, bytes]) -> Answer:
    """Return the response of a web server or a proxy."""
    return Answer(head=((b":status", status), (b"content-type", b"text/html"), *fields), body=HTML, tail=())


MISBEHAVIOURS = {
    "web page": always(MxGatewayTransportError, html(b"200")),
    # Which error gRPC reports depends on whether it sees the HTTP status or the missing gRPC trailers first.
    "not found": always((MxGatewayProtocolError, MxGatewayTransportError), html(b"404")),
    "bad gateway": always(MxGatewayTransportError, html(b"502")),
    "moved": always(MxGatewayError, html(b"301", (b"location", b"http://elsewhere/"))),
    "missing HTTP status": always(MxGatewayTransportError, Answer(head=GRPC[1:], tail=())),
    "HTTP status not a number": always(MxGatewayTransportError, html(b"abc")),
    "JSON instead of protobuf": always(
        MxGatewayProtocolError,
        Answer(head=((b":status", b"200"), (b"content-type", b"application/grpc+json")), body=framed(b'{"code": 1}')),
    ),
    "invalid protobuf": always(MxGatewayProtocolError, Answer(body=framed(b"\xff" * 50))),
    "truncated message": always(MxGatewayProtocolError, Answer(body=framed(REPLY.SerializeToString()[:-1]))),
    "truncated frame": Misbehaviour(
        answer=Answer(body=framed(REPLY, length=500)), single=MxGatewayProtocolError, stream=MxGatewayStreamEndedError
    ),
    "missing reply": Misbehaviour(answer=Answer(), single=MxGatewayProtocolError, stream=MxGatewayStreamEndedError),
    "unknown encoding": always(
        MxGatewayTransportError, Answer(head=(*GRPC, (b"grpc-encoding", b"zstd")), body=framed(REPLY, compressed=1))
    ),
    "invalid gzip": always(
        MxGatewayTransportError, Answer(head=(*GRPC, (b"grpc-encoding", b"gzip")), body=framed(bytes(50), compressed=1))
    ),
    "message over 16 MiB": always(MxGatewayLimitError, Answer(body=framed(b"x" * (1 << 24) + b"x"))),
    "unknown gRPC status": always(MxGatewayTransportError, refused(99)),
    "gRPC status not a number": always(
        MxGatewayTransportError, Answer(head=(*GRPC, (b"grpc-status", b"abc")), tail=())
    ),
    "negative gRPC status": always(MxGatewayTransportError, refused(-1)),
    "huge gRPC status": always(MxGatewayTransportError, refused(10**20)),
    "status details over the limit": always(MxGatewayLimitError, refused(5, b"x" * 2_000_000)),
    "binary details not in base64": always(
        MxGatewayTransportError, Answer(tail=((b"grpc-status", b"5"), (b"grpc-status-details-bin", b"!!!")))
    ),
    "stream reset": always(MxGatewayTransportError, Answer(tail=None, reset=ErrorCodes.INTERNAL_ERROR)),
    "refused stream": always(MxGatewayTransportError, Answer(tail=None, reset=ErrorCodes.REFUSED_STREAM)),
    "enhance your calm": always(MxGatewayLimitError, Answer(tail=None, reset=ErrorCodes.ENHANCE_YOUR_CALM)),
}


async def first_event(client: GatewayClient) -> object:
    async with client.attach_session("session-1").stream_events() as events:
        return await anext(events)


async def first_alarm(client: GatewayClient) -> object:
    async with client.stream_alarms() as feed:
        return await anext(feed)


async def first_deploy(client: GatewayClient) -> object:
    async with client.galaxy.watch_deploys() as deploys:
        return await anext(deploys)


async def first_object(client: GatewayClient) -> object:
    return await anext(client.galaxy.discover())


async def open_session(client: GatewayClient) -> object:
    return await client.open_session()


SINGLE: dict[str, Call] = {
    "a command": lambda client: client.attach_session("session-1").register("tests"),
    "a bulk command": lambda client: client.attach_session("session-1").read_bulk(1, ["A.B"]),
    "opening a session": open_session,
    "acknowledging": lambda client: client.acknowledge_alarm("Galaxy!Area.Tag"),
    "the Galaxy's deploy time": lambda client: client.galaxy.last_deploy_time(),
    "the Galaxy's objects": first_object,
}
STREAMS: dict[str, Call] = {"events": first_event, "the alarm feed": first_alarm, "deploys": first_deploy}


@pytest.mark.parametrize("misbehaviour", MISBEHAVIOURS.values(), ids=MISBEHAVIOURS)
async def test_every_call_soon_raises_one_line_typed_error(misbehaviour: Misbehaviour) -> None:
    async with (
        hostile_http2(after_connecting(misbehaviour.answer)) as server,
        GatewayClient.connect(endpoint=server.endpoint, plaintext=True) as client,
    ):
        for calls, errors in ((SINGLE, misbehaviour.single), (STREAMS, misbehaviour.stream)):
            for name, call in calls.items():
                began = time.monotonic()
                with pytest.raises(MxGatewayError) as caught:
                    await call(client)

                text = str(caught.value)
                assert isinstance(caught.value, errors), (name, repr(caught.value))
                assert "\n" not in text
                assert server.endpoint in text
                assert len(text) < 3000
                assert time.monotonic() - began < SOON_SECONDS


@pytest.mark.parametrize("misbehaviour", MISBEHAVIOURS.values(), ids=MISBEHAVIOURS)
async def test_connect_soon_succeeds_or_raises_typed_error(misbehaviour: Misbehaviour) -> None:
    began = time.monotonic()
    async with hostile_http2(lambda _path, _request: misbehaviour.answer) as server:
        # A limit error proves that a gateway has answered, so connecting succeeds.
        if misbehaviour.single is MxGatewayLimitError:
            async with GatewayClient.connect(endpoint=server.endpoint, plaintext=True):
                pass
        else:
            with pytest.raises(misbehaviour.single) as caught:
                await GatewayClient.connect(endpoint=server.endpoint, plaintext=True)
            assert "\n" not in str(caught.value)

    assert time.monotonic() - began < SOON_SECONDS


@pytest.mark.parametrize(
    "answer",
    [Answer(tail=None), Answer(body=framed(REPLY), tail=None), Answer(body=framed(REPLY) * 2)],
    ids=["no reply", "reply without trailers", "two replies"],
)
async def test_call_that_never_ends_times_out(answer: Answer) -> None:
    async with (
        hostile_http2(after_connecting(answer)) as server,
        GatewayClient.connect(endpoint=server.endpoint, plaintext=True, timeout=0.2) as client,
    ):
        for call in SINGLE.values():
            with pytest.raises(MxGatewayTimeoutError):
                await call(client)


async def test_reading_silent_stream_can_be_cancelled() -> None:
    async with (
        hostile_http2(after_connecting(Answer(tail=None))) as server,
        GatewayClient.connect(endpoint=server.endpoint, plaintext=True) as client,
    ):
        for call in STREAMS.values():
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.1):
                    await call(client)


@pytest.mark.parametrize(
    ("sent", "read"),
    [
        (b"%zz%f%ff%c3%28%", "%zz%f"),
        (b"\xff\xfe\xc3\x28 caf\xc3\xa9", "caf"),
        (b"first%0d%0asecond", "first second"),
        (b"%1b[31mred", "[31mred"),
        (b"caf%C3%A9", "café"),
        (b"", "the session cannot be used"),
    ],
    ids=["invalid percent-encoding", "invalid UTF-8", "two lines", "terminal color", "UTF-8", "empty"],
)
async def test_status_details_are_shown_in_any_encoding(sent: bytes, read: str) -> None:
    async with (
        hostile_http2(after_connecting(refused(5, sent))) as server,
        GatewayClient.connect(endpoint=server.endpoint, plaintext=True) as client,
    ):
        for call in (SINGLE["a command"], STREAMS["events"]):
            with pytest.raises(MxGatewaySessionError) as caught:
                await call(client)

            assert read in str(caught.value)
            assert "\n" not in str(caught.value)
            assert caught.value.grpc_status is grpc.StatusCode.NOT_FOUND


@pytest.mark.parametrize("sent", [b"x" * 100_000, b"%ff" * 100_000], ids=["ASCII", "invalid UTF-8"])
async def test_100_kb_of_status_details_are_shortened(sent: bytes) -> None:
    async with (
        hostile_http2(after_connecting(refused(5, sent))) as server,
        GatewayClient.connect(endpoint=server.endpoint, plaintext=True) as client,
    ):
        for call in (SINGLE["a command"], STREAMS["events"]):
            with pytest.raises(MxGatewaySessionError, match=r"\(100000 characters\)") as caught:
                await call(client)

            assert len(str(caught.value)) < 3000


async def test_too_large_message_reports_size_limit_and_option() -> None:
    async with (
        hostile_http2(after_connecting(Answer(body=framed(bytes(5000))))) as server,
        GatewayClient.connect(endpoint=server.endpoint, plaintext=True, max_message_bytes=4096) as client,
    ):
        for call in (*SINGLE.values(), *STREAMS.values()):
            with pytest.raises(MxGatewayLimitError, match=r"max_message_bytes|omit the attributes") as caught:
                await call(client)

            assert "5000 vs. 4096" in str(caught.value)


async def test_message_claiming_4_gib_is_rejected_or_times_out() -> None:
    answer = Answer(body=framed(bytes(1000), length=0xFFFF_FFFF), tail=None)
    async with (
        hostile_http2(after_connecting(answer)) as server,
        GatewayClient.connect(endpoint=server.endpoint, plaintext=True, timeout=0.2) as client,
    ):
        for call in SINGLE.values():
            with pytest.raises((MxGatewayLimitError, MxGatewayTimeoutError)):
                await call(client)


async def test_compression_flag_without_encoding_is_rejected_or_ignored() -> None:
    async with (
        hostile_http2(after_connecting(Answer(body=framed(REPLY, compressed=1)))) as server,
        GatewayClient.connect(endpoint=server.endpoint, plaintext=True) as client,
    ):
        (outcome,) = await asyncio.gather(SINGLE["a command"](client), return_exceptions=True)

    assert outcome == 5 or isinstance(outcome, MxGatewayTransportError)


async def test_reply_of_maximum_size_is_received() -> None:
    reply = pb.MxCommandReply()
    reply.CopyFrom(REPLY)
    reply.return_value.raw_value = bytes((1 << 24) - reply.ByteSize() - 14)
    reply.return_value.raw_value += bytes((1 << 24) - reply.ByteSize())
    assert reply.ByteSize() == 1 << 24
    async with (
        hostile_http2(after_connecting(Answer(body=framed(reply)))) as server,
        GatewayClient.connect(endpoint=server.endpoint, plaintext=True) as client,
    ):
        assert await client.attach_session("session-1").register("tests") == 5


async def test_unknown_headers_and_trailers_are_ignored() -> None:
    extra = tuple((f"x-{number}".encode(), b"y" * 100) for number in range(1000))
    answer = Answer(head=(*GRPC, *extra), body=framed(REPLY), tail=(*OK, *extra))
    async with (
        hostile_http2(after_connecting(answer)) as server,
        GatewayClient.connect(endpoint=server.endpoint, plaintext=True) as client,
    ):
        assert await client.attach_session("session-1").register("tests") == 5
