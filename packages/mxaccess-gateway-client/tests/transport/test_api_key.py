"""Every call sends the API key to the gateway, and nothing shows it, even if the gateway echoes it."""

from __future__ import annotations

import copy
import dataclasses
import itertools
import logging
import pickle
from pathlib import Path

import grpc
import pytest
from conftest import API_KEY
from mxaccess_gateway.v1 import mxaccess_gateway_pb2 as pb

from mxgateway import (
    ApiKey,
    ClientOptions,
    GatewayClient,
    MxGatewayAuthorizationError,
    MxGatewayError,
    Session,
)
from mxgateway.testing import SimulatedGateway
from support.scripted_gateway import SESSION_ID, ScriptedGateway
from support.secret_search import seen_in_frames, seen_of_error, seen_of_record

PASSWORD = "pass_word-with a marker"

# Texts that must never be shown: the key, its secret part, and each end of it that is longer than its prefix.
MARKERS = [API_KEY, API_KEY.split("_", 2)[2], "marker_secret", "with_both-kinds"]
ECHOES = [
    API_KEY,
    f"unknown key {API_KEY}.",
    f"authorization: Bearer {API_KEY}",
    f"bearer {API_KEY}\n",
    f"'{API_KEY}', \"{API_KEY}\"",
    f"the secret {API_KEY.split('_', 2)[2]} is wrong",
    f"{API_KEY}{API_KEY}",
]


def assert_no_local_shows(error: BaseException, *markers: str) -> None:
    for text in seen_in_frames(error):
        for marker in markers:
            assert marker not in text


def assert_silent(error: BaseException, records: list[logging.LogRecord], *markers: str) -> None:
    for text in itertools.chain(seen_of_error(error), *map(seen_of_record, records)):
        for marker in markers:
            assert marker not in text


@pytest.fixture(autouse=True)
def _log_everything(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)


async def test_every_call_carries_the_key_once_as_bearer_token(
    scripted: ScriptedGateway, scripted_client: GatewayClient
) -> None:
    session = await scripted_client.open_session()
    await session.register("test")
    scripted.events = [pb.MxEvent(family=pb.MX_EVENT_FAMILY_ON_DATA_CHANGE, worker_sequence=1)]
    async with session.stream_events() as stream:
        await anext(stream)
    await session.close()

    assert [call.rpc for call in scripted.received] == [
        "Invoke",
        "OpenSession",
        "Invoke",
        "StreamEvents",
        "CloseSession",
    ]
    assert {call.authorization for call in scripted.received} == {(f"Bearer {API_KEY}",)}


async def test_no_call_carries_a_key_without_api_key(scripted: ScriptedGateway) -> None:
    async with GatewayClient.connect(endpoint=scripted.endpoint, plaintext=True):
        pass

    assert [call.authorization for call in scripted.received] == [()]


async def test_whitespace_around_the_key_is_not_sent(scripted: ScriptedGateway) -> None:
    async with GatewayClient.connect(endpoint=scripted.endpoint, api_key=f"\n {API_KEY}\r\n", plaintext=True):
        pass

    assert [call.authorization for call in scripted.received] == [(f"Bearer {API_KEY}",)]


@pytest.mark.parametrize("echo", ECHOES)
async def test_key_echoed_in_status_text_is_not_shown(
    scripted: ScriptedGateway, scripted_session: Session, caplog: pytest.LogCaptureFixture, echo: str
) -> None:
    scripted.refusal = (grpc.StatusCode.UNAUTHENTICATED, echo)

    with pytest.raises(MxGatewayError) as caught:
        await scripted_session.register("test")

    assert "***" in str(caught.value)
    assert_silent(caught.value, caplog.records, *MARKERS)


@pytest.mark.parametrize("echo", ECHOES)
async def test_key_echoed_on_stream_is_not_shown(
    scripted: ScriptedGateway, scripted_session: Session, caplog: pytest.LogCaptureFixture, echo: str
) -> None:
    scripted.end_of_events = (grpc.StatusCode.PERMISSION_DENIED, echo)

    with pytest.raises(MxGatewayError) as caught:
        await anext(scripted_session.stream_events())

    assert "***" in str(caught.value)
    assert_silent(caught.value, caplog.records, *MARKERS)


@pytest.mark.parametrize("echo", ECHOES)
@pytest.mark.parametrize(
    "code",
    [pb.PROTOCOL_STATUS_CODE_MXACCESS_FAILURE, pb.PROTOCOL_STATUS_CODE_INVALID_REQUEST, pb.PROTOCOL_STATUS_CODE_OK],
)
async def test_key_echoed_in_reply_is_not_shown(
    scripted: ScriptedGateway,
    scripted_session: Session,
    caplog: pytest.LogCaptureFixture,
    code: pb.ProtocolStatusCode.ValueType,
    echo: str,
) -> None:
    def refuse(reply: pb.MxCommandReply) -> None:
        reply.protocol_status.code = code
        reply.protocol_status.message = echo
        reply.diagnostic_message = echo
        reply.hresult = -1
        reply.statuses.add(category=pb.MX_STATUS_CATEGORY_SECURITY_ERROR, diagnostic_text=echo)
        reply.return_value.string_value = echo

    scripted.edit_reply = refuse

    with pytest.raises(MxGatewayError) as caught:
        await scripted_session.register("test")

    assert_silent(caught.value, caplog.records, *MARKERS)


@pytest.mark.parametrize("field", ["session_id", "correlation_id"])
async def test_key_echoed_as_an_id_is_not_shown(
    scripted: ScriptedGateway, scripted_session: Session, caplog: pytest.LogCaptureFixture, field: str
) -> None:
    scripted.edit_reply = lambda reply: setattr(reply, field, API_KEY)

    with pytest.raises(MxGatewayError) as caught:
        await scripted_session.register("test")

    assert_silent(caught.value, caplog.records, *MARKERS)


@pytest.mark.parametrize("rpc", ["OpenSession", "CloseSession"])
async def test_key_echoed_when_opening_and_closing_is_not_shown(
    scripted: ScriptedGateway, scripted_client: GatewayClient, caplog: pytest.LogCaptureFixture, rpc: str
) -> None:
    reply = scripted.open_reply if rpc == "OpenSession" else scripted.close_reply
    reply.protocol_status.code = pb.PROTOCOL_STATUS_CODE_WORKER_UNAVAILABLE
    reply.protocol_status.message = f"not for {API_KEY}"

    session = scripted_client.attach_session(SESSION_ID)

    with pytest.raises(MxGatewayError) as caught:
        await (scripted_client.open_session() if rpc == "OpenSession" else session.close())

    assert_silent(caught.value, caplog.records, *MARKERS)


async def test_session_that_cannot_be_closed_is_logged_without_the_key(
    scripted: ScriptedGateway, caplog: pytest.LogCaptureFixture
) -> None:
    async with GatewayClient.connect(endpoint=scripted.endpoint, api_key=API_KEY, plaintext=True) as client:
        await client.open_session()
        scripted.refusal = (grpc.StatusCode.INTERNAL, f"no {API_KEY}")

    (record,) = [record for record in caplog.records if record.name == "mxgateway.client" and record.levelno >= 30]
    assert SESSION_ID in record.getMessage()
    assert_silent(ValueError(), caplog.records, *MARKERS)


async def test_failed_connect_shows_no_key(caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(MxGatewayError) as caught:
        await GatewayClient.connect(endpoint="127.0.0.1:1", api_key=API_KEY, plaintext=True)

    assert_silent(caught.value, caplog.records, *MARKERS)


async def test_local_variables_in_traceback_show_no_key(scripted: ScriptedGateway, scripted_session: Session) -> None:
    scripted.refusal = (grpc.StatusCode.UNAUTHENTICATED, f"unknown key {API_KEY}")

    with pytest.raises(MxGatewayError) as of_a_command:
        await scripted_session.register("test")
    with pytest.raises(MxGatewayError) as of_a_stream:
        await anext(scripted_session.stream_events())

    assert_no_local_shows(of_a_command.value, *MARKERS)
    assert_no_local_shows(of_a_stream.value, *MARKERS)


async def test_local_variables_in_traceback_show_no_key_from_reply(
    scripted: ScriptedGateway, scripted_client: GatewayClient, scripted_session: Session
) -> None:
    def echo(reply: pb.MxCommandReply) -> None:
        reply.protocol_status.code = pb.PROTOCOL_STATUS_CODE_INVALID_REQUEST
        reply.diagnostic_message = API_KEY

    scripted.edit_reply = echo
    for reply in (scripted.open_reply, scripted.close_reply):
        reply.protocol_status.code = pb.PROTOCOL_STATUS_CODE_WORKER_UNAVAILABLE
        reply.protocol_status.message = API_KEY

    for awaitable in (scripted_session.register("test"), scripted_session.close(), scripted_client.open_session()):
        with pytest.raises(MxGatewayError) as caught:
            await awaitable
        assert_no_local_shows(caught.value, *MARKERS)


async def test_local_variables_in_traceback_show_no_password(
    scripted: ScriptedGateway, scripted_session: Session
) -> None:
    scripted.refusal = (grpc.StatusCode.PERMISSION_DENIED, f"not with {PASSWORD}")

    with pytest.raises(MxGatewayError) as caught:
        await scripted_session.authenticate_user(1, "bob", PASSWORD)

    assert_no_local_shows(caught.value, PASSWORD)


@pytest.mark.parametrize("echo", [PASSWORD, f"user bob with {PASSWORD!r} is unknown"])
@pytest.mark.parametrize("way", ["status", "reply"])
async def test_echoed_password_is_not_shown(
    scripted: ScriptedGateway, scripted_session: Session, caplog: pytest.LogCaptureFixture, way: str, echo: str
) -> None:
    def refuse(reply: pb.MxCommandReply) -> None:
        reply.protocol_status.code = pb.PROTOCOL_STATUS_CODE_MXACCESS_FAILURE
        reply.diagnostic_message = echo
        reply.statuses.add(category=pb.MX_STATUS_CATEGORY_SECURITY_ERROR, diagnostic_text=echo)

    if way == "status":
        scripted.refusal = (grpc.StatusCode.INVALID_ARGUMENT, echo)
    else:
        scripted.edit_reply = refuse

    with pytest.raises(MxGatewayError) as caught:
        await scripted_session.authenticate_user(1, "bob", PASSWORD)

    assert_silent(caught.value, caplog.records, PASSWORD)


async def test_password_is_sent_to_the_gateway(scripted: ScriptedGateway, scripted_session: Session) -> None:
    assert await scripted_session.authenticate_user(1, "bob", PASSWORD) == 7

    assert scripted.command().command.authenticate_user.verify_user_password == PASSWORD


def test_options_do_not_show_the_key() -> None:
    options = ClientOptions(endpoint="gateway:5001", api_key=API_KEY)

    for text in (repr(options), str(options), repr(dataclasses.asdict(options)), repr(dataclasses.astuple(options))):
        for marker in MARKERS:
            assert marker not in text


def test_options_with_a_key_cannot_be_pickled() -> None:
    with pytest.raises(TypeError, match="cannot be pickled"):
        pickle.dumps(ClientOptions(endpoint="gateway:5001", api_key=API_KEY))


def test_key_does_not_show_itself() -> None:
    key = ApiKey(API_KEY)

    for text in (repr(key), str(key), f"{key}", f"{key!s:>50}", repr([key]), repr(key.__slots__)):
        for marker in MARKERS:
            assert marker not in text


def test_key_can_be_revealed_compared_and_copied() -> None:
    key = ApiKey(API_KEY)

    assert key.reveal() == API_KEY
    assert key == ApiKey(API_KEY)
    assert key != ApiKey(f"{API_KEY}x")
    assert key != API_KEY
    assert len({key, ApiKey(API_KEY)}) == 1
    assert copy.copy(key) is key
    assert copy.deepcopy(key) is key


def test_key_cannot_be_pickled() -> None:
    with pytest.raises(TypeError, match="cannot be pickled"):
        pickle.dumps(ApiKey(API_KEY))


@pytest.mark.parametrize("content", [API_KEY, f"{API_KEY}\n", f"\ufeff{API_KEY}\r\n", f"\n\n  {API_KEY}  \n"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16-le", "utf-16-be"])
def test_key_is_read_from_file(tmp_path: Path, content: str, encoding: str) -> None:
    path = tmp_path / "key.txt"
    path.write_bytes(content.encode(encoding))

    assert ApiKey.from_file(path) == ApiKey(API_KEY)
    assert ApiKey.from_file(str(path)) == ApiKey(API_KEY)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "empty"),
        (b" \n", "empty"),
        ("\ufeff\r\n".encode("utf-16-le"), "empty"),
        (f'"{API_KEY}"\n'.encode(), "in quotes: remove the quotes"),
        (f"\u201e{API_KEY}\u201c".encode("utf-16"), "in quotes: remove the quotes"),
        (f"Bearer {API_KEY}".encode(), "starts with 'Bearer '"),
        (f"authorization: bearer\t{API_KEY}".encode(), "starts with 'Bearer '"),
        (f"export MXGATEWAY_API_KEY={API_KEY}".encode(), "starts with the name of a variable"),
        (f"$env:MXGATEWAY_API_KEY = '{API_KEY}".encode(), "starts with the name of a variable"),
        (f"{API_KEY}\n{API_KEY}".encode(), "position 44"),
        (b"\xff\xfe\x00", "is not a text file"),
        (b"\n" + API_KEY.encode("cp1252") + b"\xfc", "line 2 is not valid UTF-8"),
        (API_KEY.encode() + b"\0", "is not a text file"),
        ("mxgw_a_sécret".encode(), r"position 8 \(U\+00E9\)"),
    ],
)
def test_file_without_a_key_is_refused_and_not_shown(tmp_path: Path, content: bytes, words: str) -> None:
    path = tmp_path / "key.txt"
    path.write_bytes(content)

    with pytest.raises(ValueError, match=words) as caught:
        ApiKey.from_file(path)

    assert_silent(caught.value, [], *MARKERS, "sécret")


def test_key_file_written_by_powershell_is_read(tmp_path: Path) -> None:
    # The bytes of `"mxgw_..." > key.txt` in Windows PowerShell 5.
    path = tmp_path / "key.txt"
    path.write_bytes(b"\xff\xfe" + b"".join(bytes([byte, 0]) for byte in b"mxgw_ops_secret-0123\r\n"))

    assert ApiKey.from_file(path).reveal() == "mxgw_ops_secret-0123"


def test_missing_key_file_raises_os_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        ApiKey.from_file(tmp_path / "missing")


async def test_missing_scope_has_a_hint(gateway: SimulatedGateway) -> None:
    key = gateway.add_key("session:open", "session:close")
    async with (
        GatewayClient.connect(endpoint=gateway.endpoint, api_key=key, plaintext=True) as client,
        client.open_session() as session,
    ):
        with pytest.raises(MxGatewayAuthorizationError) as caught:
            await session.register("test")

    assert caught.value.hint == "use a key with this scope, or add the scope to the key on the gateway"
