"""Every failure has one error class, a message of one line, and its facts as attributes."""

from __future__ import annotations

import asyncio
import copy
import pickle
import re
from typing import Any

import grpc
import pytest
from mxaccess_gateway.v1 import mxaccess_gateway_pb2 as pb

import mxgateway
from mxgateway import (
    ErrorFacts,
    GatewayClient,
    MxAccessError,
    MxGatewayAuthenticationError,
    MxGatewayAuthorizationError,
    MxGatewayCommandError,
    MxGatewayConfigurationError,
    MxGatewayError,
    MxGatewayLimitError,
    MxGatewayProtocolError,
    MxGatewayServerError,
    MxGatewaySessionError,
    MxGatewayTimeoutError,
    MxGatewayTransportError,
    MxGatewayUsageError,
    MxGatewayWorkerError,
    MxStatusCategory,
    MxStatusSource,
    ProtocolStatusCode,
    Session,
    errors,
)
from mxgateway.errors import GRPC_STATUS_ERRORS, PROTOCOL_STATUS_ERRORS
from support.scripted_gateway import SESSION_ID, ScriptedGateway

CLASSES = [
    each
    for each in (getattr(mxgateway, name) for name in dir(mxgateway))
    if isinstance(each, type) and issubclass(each, MxGatewayError)
]

# A status that the gateway sends. With its own failures it raises a subclass of what GRPC_STATUS_ERRORS has.
OF_GRPC_STATUS = {
    grpc.StatusCode.CANCELLED: MxGatewayTransportError,
    grpc.StatusCode.UNKNOWN: MxGatewayServerError,
    grpc.StatusCode.INVALID_ARGUMENT: MxGatewayCommandError,
    grpc.StatusCode.DEADLINE_EXCEEDED: MxGatewayTimeoutError,
    grpc.StatusCode.NOT_FOUND: MxGatewaySessionError,
    grpc.StatusCode.ALREADY_EXISTS: MxGatewayCommandError,
    grpc.StatusCode.PERMISSION_DENIED: MxGatewayAuthorizationError,
    grpc.StatusCode.RESOURCE_EXHAUSTED: MxGatewayLimitError,
    grpc.StatusCode.FAILED_PRECONDITION: MxGatewaySessionError,
    grpc.StatusCode.ABORTED: MxGatewaySessionError,
    grpc.StatusCode.OUT_OF_RANGE: MxGatewayCommandError,
    grpc.StatusCode.UNIMPLEMENTED: MxGatewayProtocolError,
    grpc.StatusCode.INTERNAL: MxGatewayServerError,
    grpc.StatusCode.UNAVAILABLE: MxGatewayTransportError,
    grpc.StatusCode.DATA_LOSS: MxGatewayServerError,
    grpc.StatusCode.UNAUTHENTICATED: MxGatewayAuthenticationError,
}

OF_PROTOCOL_STATUS = {
    ProtocolStatusCode.UNSPECIFIED: MxGatewayProtocolError,
    ProtocolStatusCode.INVALID_REQUEST: MxGatewayCommandError,
    ProtocolStatusCode.SESSION_NOT_FOUND: MxGatewaySessionError,
    ProtocolStatusCode.SESSION_NOT_READY: MxGatewaySessionError,
    ProtocolStatusCode.WORKER_UNAVAILABLE: MxGatewayWorkerError,
    ProtocolStatusCode.TIMEOUT: MxGatewayTimeoutError,
    ProtocolStatusCode.CANCELED: MxGatewayCommandError,
    ProtocolStatusCode.PROTOCOL_VIOLATION: MxGatewayProtocolError,
    ProtocolStatusCode.MXACCESS_FAILURE: MxAccessError,
}


def test_docstring_of_the_module_shows_the_tree_of_classes() -> None:
    shown: list[tuple[str, str]] = []
    branches = re.findall(r"^    ([ │├└─]*)(Mx\w+)(?: \((\w+)\))?", str(errors.__doc__), re.MULTILINE)
    parents: dict[int, str] = {}
    for indent, name, builtin in branches:
        depth = len(indent) // 4
        parents[depth] = name
        bases = [parents[depth - 1]] if depth else ["Exception"]
        shown.append((name, " ".join(filter(None, [*bases, builtin]))))

    assert len(shown) == len(CLASSES)
    assert dict(shown) == {each.__name__: " ".join(base.__name__ for base in each.__bases__) for each in CLASSES}


def name_of(part: Any) -> str:
    """Return the name of a parameter for the test id."""
    return str(getattr(part, "name", "")) or str(part.__name__)


def status_message(code: ProtocolStatusCode) -> pb.ProtocolStatus:
    """Return a ProtocolStatus with a text."""
    number = pb.ProtocolStatusCode.Value(f"PROTOCOL_STATUS_CODE_{code.name}")
    return pb.ProtocolStatus(code=number, message="as told")


def test_every_grpc_status_has_an_error_class() -> None:
    assert set(GRPC_STATUS_ERRORS) == set(grpc.StatusCode)
    assert set(OF_GRPC_STATUS) | {grpc.StatusCode.OK} == set(grpc.StatusCode)
    assert all(issubclass(kind, GRPC_STATUS_ERRORS[status]) for status, kind in OF_GRPC_STATUS.items())


def test_every_protocol_status_has_an_error_class() -> None:
    assert set(PROTOCOL_STATUS_ERRORS) == set(ProtocolStatusCode)
    assert set(OF_PROTOCOL_STATUS) | {ProtocolStatusCode.OK} == set(ProtocolStatusCode)


@pytest.mark.parametrize(("status", "kind"), OF_GRPC_STATUS.items(), ids=name_of)
async def test_command_raises_the_class_of_its_grpc_status(
    scripted: ScriptedGateway, scripted_session: Session, status: grpc.StatusCode, kind: type[MxGatewayError]
) -> None:
    scripted.refusal = (status, "as told")

    with pytest.raises(MxGatewayError) as caught:
        await scripted_session.register("test")

    error = caught.value
    assert type(error) is kind
    assert (error.grpc_status, error.protocol_status, error.details) == (status, None, "as told")
    assert error.sent_by_gateway
    assert (error.method, error.target, error.session_id) == ("Register", scripted.endpoint, SESSION_ID)
    assert error.correlation_id == scripted.command().client_correlation_id


@pytest.mark.parametrize(("status", "kind"), OF_GRPC_STATUS.items(), ids=name_of)
async def test_stream_raises_the_class_of_its_grpc_status(
    scripted: ScriptedGateway, scripted_session: Session, status: grpc.StatusCode, kind: type[MxGatewayError]
) -> None:
    scripted.end_of_events = (status, "as told")

    with pytest.raises(MxGatewayError) as caught:
        await anext(scripted_session.stream_events())

    error = caught.value
    assert type(error) is kind
    assert (error.grpc_status, error.details) == (status, "as told")
    assert error.sent_by_gateway
    assert (error.method, error.target, error.session_id) == ("StreamEvents", scripted.endpoint, SESSION_ID)


@pytest.mark.parametrize(("code", "kind"), OF_PROTOCOL_STATUS.items(), ids=name_of)
async def test_command_raises_the_class_of_its_protocol_status(
    scripted: ScriptedGateway, scripted_session: Session, code: ProtocolStatusCode, kind: type[MxGatewayError]
) -> None:
    scripted.edit_reply = lambda reply: reply.protocol_status.CopyFrom(status_message(code))

    with pytest.raises(MxGatewayError) as caught:
        await scripted_session.register("test")

    error = caught.value
    assert type(error) is kind
    assert (error.protocol_status, error.grpc_status, error.details) == (code, None, "as told")
    assert error.reply is not None
    assert error.reply.protocol_status.message == "as told"


@pytest.mark.parametrize(("code", "kind"), OF_PROTOCOL_STATUS.items(), ids=name_of)
async def test_opening_a_session_raises_the_class_of_its_protocol_status(
    scripted: ScriptedGateway, scripted_client: GatewayClient, code: ProtocolStatusCode, kind: type[MxGatewayError]
) -> None:
    scripted.open_reply.protocol_status.CopyFrom(status_message(code))

    with pytest.raises(MxGatewayError, match="as told") as caught:
        await scripted_client.open_session()

    assert type(caught.value) is kind
    assert (caught.value.method, caught.value.protocol_status) == ("OpenSession", code)


# A session that is unknown to the gateway counts as closed.
@pytest.mark.parametrize(
    ("code", "kind"),
    [(code, kind) for code, kind in OF_PROTOCOL_STATUS.items() if code is not ProtocolStatusCode.SESSION_NOT_FOUND],
    ids=name_of,
)
async def test_closing_a_session_raises_the_class_of_its_protocol_status(
    scripted: ScriptedGateway, scripted_session: Session, code: ProtocolStatusCode, kind: type[MxGatewayError]
) -> None:
    scripted.close_reply.protocol_status.CopyFrom(status_message(code))

    with pytest.raises(MxGatewayError, match="as told") as caught:
        await scripted_session.close()

    assert type(caught.value) is kind
    assert (caught.value.method, caught.value.protocol_status) == ("CloseSession", code)


async def test_unknown_protocol_status_raises_command_error_with_its_number(
    scripted: ScriptedGateway, scripted_session: Session
) -> None:
    def edit(reply: pb.MxCommandReply) -> None:
        reply.protocol_status.code = 4711  # type: ignore[assignment]  # a newer gateway may have it

    scripted.edit_reply = edit

    with pytest.raises(MxGatewayCommandError) as caught:
        await scripted_session.ping()

    assert caught.value.protocol_status == 4711


async def test_mx_access_error_has_hresult_statuses_and_diagnostic_message(
    scripted: ScriptedGateway, scripted_session: Session
) -> None:
    def refuse(reply: pb.MxCommandReply) -> None:
        reply.protocol_status.code = pb.PROTOCOL_STATUS_CODE_MXACCESS_FAILURE
        reply.protocol_status.message = "MXAccess refused the command"
        reply.hresult = 0x80070057 - 2**32
        reply.diagnostic_message = "Value does not fall within the expected range."
        reply.statuses.add(
            success=0,
            category=pb.MX_STATUS_CATEGORY_CONFIGURATION_ERROR,
            detected_by=pb.MX_STATUS_SOURCE_REQUESTING_LMX,
            detail=6,
        )
        reply.statuses.add(success=-1, category=pb.MX_STATUS_CATEGORY_OK)
        reply.statuses.add(category=pb.MX_STATUS_CATEGORY_SECURITY_ERROR, diagnostic_text="not you")

    scripted.edit_reply = refuse

    with pytest.raises(MxAccessError) as caught:
        await scripted_session.write(1, 2, 5)

    error = caught.value
    assert error.hresult == -2147024809
    assert [status.category for status in error.statuses] == [
        MxStatusCategory.CONFIGURATION_ERROR,
        MxStatusCategory.OK,
        MxStatusCategory.SECURITY_ERROR,
    ]
    assert error.statuses[0].detected_by is MxStatusSource.REQUESTING_LMX
    assert error.diagnostic_message == "Value does not fall within the expected range."
    text = str(error)
    assert text.startswith(f"Write on {scripted.endpoint}: MXAccess refused")
    for part in (
        "0x80070057",
        "Value does not fall within",
        "invalid reference",
        "security error: not you",
        SESSION_ID,
    ):
        assert part in text
    assert "\n" not in text


async def test_timeout_error_names_method_target_and_seconds(
    scripted: ScriptedGateway, scripted_session: Session
) -> None:
    scripted.held = asyncio.Event()

    with pytest.raises(TimeoutError) as caught:
        await scripted_session.advise(1, 2, timeout=0.05)

    scripted.held.set()
    error = caught.value
    assert isinstance(error, MxGatewayTimeoutError)
    assert error.timeout == 0.05
    assert str(error).startswith(f"Advise on {scripted.endpoint}: the gateway did not answer in time (0.05 s)")


async def test_long_status_text_is_cut_and_keeps_its_status(
    scripted: ScriptedGateway, scripted_session: Session
) -> None:
    scripted.refusal = (grpc.StatusCode.NOT_FOUND, "x" * 100_000)

    with pytest.raises(MxGatewaySessionError) as caught:
        await scripted_session.ping()

    assert caught.value.grpc_status is grpc.StatusCode.NOT_FOUND
    assert len(str(caught.value)) < 3000
    assert "(100000 characters)" in str(caught.value)


async def test_multiline_status_text_becomes_one_line(scripted: ScriptedGateway, scripted_session: Session) -> None:
    scripted.refusal = (grpc.StatusCode.NOT_FOUND, "first\r\n  second\n\tthird")

    with pytest.raises(MxGatewaySessionError, match="first second third"):
        await scripted_session.ping()


@pytest.mark.parametrize(
    ("kind", "builtin"),
    [
        (MxGatewayTimeoutError, TimeoutError),
        (MxGatewayConfigurationError, ValueError),
        (MxGatewayUsageError, RuntimeError),
        (MxAccessError, MxGatewayCommandError),
    ],
)
def test_errors_are_also_builtin_errors(kind: type[Exception], builtin: type[Exception]) -> None:
    assert issubclass(kind, builtin)


@pytest.mark.parametrize("kind", CLASSES)
def test_every_error_survives_pickle_and_copy_with_its_facts(kind: type[MxGatewayError]) -> None:
    facts = ErrorFacts(
        method="Write",
        target="gateway:5001",
        session_id=SESSION_ID,
        grpc_status=grpc.StatusCode.UNAVAILABLE,
        protocol_status=ProtocolStatusCode.TIMEOUT,
        hresult=-1,
        reply=pb.MxCommandReply(session_id=SESSION_ID),
        hint="try again",
    )
    error = kind("it failed", facts)

    for other in (pickle.loads(pickle.dumps(error)), copy.copy(error), copy.deepcopy(error)):  # noqa: S301 - our own bytes
        assert type(other) is kind
        assert str(other) == str(error)
        assert other.facts == facts


@pytest.mark.parametrize("kind", CLASSES)
def test_error_needs_no_facts(kind: type[MxGatewayError]) -> None:
    error = kind("it failed")

    assert str(error) == "it failed"
    assert error.args == ("it failed",)
    assert (error.method, error.statuses, error.reply) == (None, (), None)


def test_each_fact_is_an_attribute_of_the_error() -> None:
    facts = ErrorFacts(method="Write", hint="try again")
    error = MxGatewayError("it failed", facts)

    for name in ErrorFacts.__dataclass_fields__:
        assert getattr(error, name) == getattr(facts, name)


def test_with_hint_returns_the_same_error_with_a_hint() -> None:
    error = MxGatewayTransportError("it failed", ErrorFacts(method="connect", target="gateway:5001"))

    assert str(error.with_hint("check the cable")) == "connect on gateway:5001: it failed -> check the cable"
