"""Keys and passwords are never shown, wherever a gateway echoes them and in any encoding."""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterable, Iterator
from datetime import UTC, datetime
from functools import partial
from typing import Any, cast

import grpc
import pytest
from mxaccess_gateway.v1 import mxaccess_gateway_pb2 as pb

from mxgateway import (
    ApiKey,
    ErrorFacts,
    GatewayClient,
    MxDataType,
    MxGatewayConfigurationError,
    MxGatewayError,
    MxGatewayProtocolError,
    MxStatus,
    Session,
    Write2BulkEntry,
    WriteBulkEntry,
    WriteSecured2BulkEntry,
    WriteSecuredBulkEntry,
)
from support.echoing_gateway import SESSION_ID, EchoingGateway, Way, echoing_gateway
from support.scripted_gateway import ScriptedGateway, listening
from support.secret_search import SecretSearch
from support.secret_spellings import API_KEY, PASSWORD, SECRET, WRITTEN

WHEN = datetime(2026, 1, 5, tzinfo=UTC)

# Arguments by parameter name; if a parameter is missing here, the test fails and names it.
ARGUMENTS: dict[str, Any] = {
    "alarm_guid": "01234567-89ab-cdef-0123-456789abcdef",
    "alarm_name": "Alarm",
    "client_name": "test",
    "command": pb.MxCommand(kind=pb.MX_COMMAND_KIND_PING, ping=pb.PingCommand()),
    "comment": "",
    "current_user_id": 1,
    "element_data_type": MxDataType.INTEGER,
    "elements": {0: 1},
    "group_name": "Group",
    "item_context": "TestObject",
    "item_definition": "TestObject.TestInt",
    "item_handle": 2,
    "item_handles": [2],
    "provider_name": "Provider",
    "reference": "Provider!Group.Tag",
    "request": pb.MxCommandRequest(session_id=SESSION_ID, command=pb.MxCommand(kind=pb.MX_COMMAND_KIND_PING)),
    "server_handle": 1,
    "subscription_expression": "Provider!Group",
    "tag_addresses": ["TestObject.TestInt"],
    "timestamp": WHEN,
    "total_length": 2,
    "update_interval_milliseconds": 1000,
    "user_id_guid": "01234567-89ab-cdef-0123-456789abcdef",
    "value": 1,
    "verifier_user_id": 0,
    "verify_user": "operator",
    "verify_user_password": PASSWORD,
}
ENTRIES: dict[str, Any] = {
    "write_bulk": [WriteBulkEntry(item_handle=2, value=1)],
    "write2_bulk": [Write2BulkEntry(item_handle=2, value=1, timestamp=WHEN)],
    "write_secured_bulk": [WriteSecuredBulkEntry(item_handle=2, value=1, current_user_id=1, verifier_user_id=0)],
    "write_secured2_bulk": [
        WriteSecured2BulkEntry(item_handle=2, value=1, timestamp=WHEN, current_user_id=1, verifier_user_id=0)
    ],
}
NO_CALLS = {"close"}
ONE_OF_EACH = {
    "open_session",
    "Session.register",
    "close_session",
    "stream_events",
    "GatewayClient.acknowledge_alarm",
}


@pytest.fixture(autouse=True)
def _log_everything(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)


@pytest.fixture
def search() -> SecretSearch:
    """A search for every secret of these tests."""
    return SecretSearch(SECRET, PASSWORD)


@pytest.fixture
async def echoing() -> AsyncIterator[EchoingGateway]:
    """A gateway that echoes the secret wherever it can."""
    async with echoing_gateway() as gateway:
        yield gateway


@pytest.fixture
async def echoing_client(echoing: EchoingGateway) -> AsyncIterator[GatewayClient]:
    """A client of the echoing gateway."""
    async with GatewayClient.connect(endpoint=echoing.endpoint, api_key=API_KEY, plaintext=True) as client:
        yield client


@pytest.fixture
async def silent() -> AsyncIterator[str]:
    """A server that accepts connections and sends nothing."""

    async def listen(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        while await reader.read(1024):
            pass

    async with listening(listen) as endpoint:
        yield endpoint


def conversation(client: GatewayClient) -> Iterator[tuple[str, Callable[[], Awaitable[object]]]]:
    """Return a call of each method and each stream of the client, a session and the Galaxy."""
    session = client.attach_session(SESSION_ID)
    for thing in (client, session, client.galaxy):
        for name, method in inspect.getmembers(thing, inspect.iscoroutinefunction):
            if not name.startswith("_") and name not in NO_CALLS:
                yield f"{type(thing).__name__}.{name}", partial(_called, name, method)
    yield "open_session", lambda: client.open_session().__aenter__()
    streams: tuple[tuple[str, Callable[[], AsyncIterator[object]]], ...] = (
        ("stream_events", session.stream_events),
        ("stream_alarms", client.stream_alarms),
        ("query_active_alarms", client.query_active_alarms),
        ("browse_children", client.galaxy.browse_children),
        ("discover", client.galaxy.discover),
        ("watch_deploys", client.galaxy.watch_deploys),
    )
    for name, stream in streams:
        yield name, partial(_first, stream)
    yield "close_session", client.attach_session(SESSION_ID).close


def _given(name: str, method: Callable[..., object]) -> list[object]:
    parameters = inspect.signature(method).parameters.values()
    required = [parameter.name for parameter in parameters if parameter.default is parameter.empty]
    return [ENTRIES[name] if parameter == "entries" else ARGUMENTS[parameter] for parameter in required]


async def _called(name: str, method: Callable[..., Awaitable[object]]) -> object:
    return await method(*_given(name, method))


async def _first(opened: Callable[[], AsyncIterator[object]]) -> object:
    stream: Any = opened()
    try:
        return await anext(stream)
    finally:
        if hasattr(stream, "close"):
            await stream.close()


def _all_of(result: object) -> Iterable[object]:
    return cast("tuple[object, ...]", result) if isinstance(result, tuple) else (result,)


async def outcomes(client: GatewayClient, only: Collection[str] = ()) -> list[tuple[str, object]]:
    """Call every method, or only this one, and return the results and errors."""
    seen: list[tuple[str, object]] = []
    for name, ask in conversation(client):
        if only and name not in only:
            continue
        try:
            seen.append((name, await ask()))
        except MxGatewayError as error:
            seen.append((name, error))
        except ValueError as error:
            seen.append((name, error))
    return seen


@pytest.mark.parametrize("way", [Way.STATUS, Way.REFUSAL, Way.STRANGER])
async def test_no_method_shows_the_key(
    echoing: EchoingGateway,
    echoing_client: GatewayClient,
    search: SecretSearch,
    caplog: pytest.LogCaptureFixture,
    way: Way,
) -> None:
    echoing.way, echoing.echo = way, API_KEY

    seen = await outcomes(echoing_client)

    errors = [outcome for _, outcome in seen if isinstance(outcome, MxGatewayError)]
    assert len(errors) > (10 if way is Way.STRANGER else 40)
    assert not search.in_errors(*errors)
    assert not search.in_records(caplog.records)


# test_redaction.py has the other encodings, as properties of `redact`.
@pytest.mark.parametrize(
    ("way", "written"),
    [(Way.STATUS, "in base64"), (Way.REFUSAL, "in hexadecimal"), (Way.STRANGER, "its last characters")],
)
async def test_no_error_or_log_shows_the_key_in_any_encoding(
    echoing: EchoingGateway,
    echoing_client: GatewayClient,
    search: SecretSearch,
    caplog: pytest.LogCaptureFixture,
    way: Way,
    written: str,
) -> None:
    echoing.way, echoing.echo = way, WRITTEN[written](API_KEY)

    seen = await outcomes(echoing_client, ONE_OF_EACH)

    assert not search.in_errors(*(outcome for _, outcome in seen if isinstance(outcome, MxGatewayError)))
    assert not search.in_records(caplog.records)


async def test_no_result_contains_the_key(
    echoing: EchoingGateway, echoing_client: GatewayClient, search: SecretSearch
) -> None:
    echoing.way, echoing.echo = Way.SUCCESS, f"{API_KEY} or {SECRET}"

    seen = await outcomes(echoing_client)

    results = {name: result for name, result in seen if not isinstance(result, Exception)}
    raw = [getattr(each, "raw", each) for result in results.values() for each in _all_of(result)]
    shown = [text for each in (*results.values(), *raw) for text in (repr(each), str(each), f"{each}")]
    assert len(results) > 30
    assert len([text for text in shown if "***" in text]) > 10
    assert not search.find(shown)


async def test_long_text_is_not_cut_inside_a_key(
    echoing: EchoingGateway, echoing_client: GatewayClient, search: SecretSearch
) -> None:
    session = echoing_client.attach_session(SESSION_ID)

    for before in range(1900, 2040, 3):
        echoing.echo = f"{'.' * before} {API_KEY} and so on"
        with pytest.raises(MxGatewayError) as caught:
            await session.register("test")
        assert not search.find([str(caught.value), repr(caught.value.facts)])


async def test_every_rpc_is_called(echoing: EchoingGateway, echoing_client: GatewayClient) -> None:
    for echoing.way in Way:
        await outcomes(echoing_client)

    assert echoing.called == {
        "AcknowledgeAlarm",
        "BrowseChildren",
        "CloseSession",
        "DiscoverHierarchy",
        "GetLastDeployTime",
        "Invoke",
        "OpenSession",
        "QueryActiveAlarms",
        "StreamAlarms",
        "StreamEvents",
        "TestConnection",
        "WatchDeployEvents",
    }


@pytest.mark.parametrize("code", [code for code in grpc.StatusCode if code is not grpc.StatusCode.OK])
async def test_no_status_shows_the_key_when_connecting(
    echoing: EchoingGateway, search: SecretSearch, caplog: pytest.LogCaptureFixture, code: grpc.StatusCode
) -> None:
    echoing.echo, echoing.code = API_KEY, code

    async with GatewayClient.connect(endpoint=echoing.endpoint, api_key=API_KEY, plaintext=True) as client:
        with pytest.raises(MxGatewayError) as caught:
            await client.attach_session(SESSION_ID).register("test")

    assert not search.in_errors(caught.value)
    assert not search.in_records(caplog.records)


@pytest.mark.parametrize(
    "written", ["as it is", "the secret part", "in base64", "in hexadecimal", "its last characters"]
)
async def test_key_as_session_id_is_refused(
    echoing: EchoingGateway, echoing_client: GatewayClient, search: SecretSearch, written: str
) -> None:
    echoing.way, echoing.echo = Way.STRANGER, WRITTEN[written](API_KEY)

    with pytest.raises(MxGatewayProtocolError, match="contains the API key") as opened:
        await echoing_client.open_session()
    with pytest.raises(MxGatewayConfigurationError, match="session_id contains an API key") as attached:
        echoing_client.attach_session(WRITTEN[written](API_KEY))

    assert opened.value.session_id is None or "***" in opened.value.session_id
    assert not search.in_errors(opened.value)
    assert not search.in_errors(attached.value)


@pytest.mark.parametrize("written", WRITTEN)
async def test_reply_without_payload_shows_no_key(
    scripted: ScriptedGateway, scripted_session: Session, search: SecretSearch, written: str
) -> None:
    key = ApiKey(API_KEY)

    def say_nothing(reply: pb.MxCommandReply) -> None:
        reply.ClearField("register")
        reply.diagnostic_message = WRITTEN[written](key.reveal())

    scripted.edit_reply = say_nothing

    with pytest.raises(MxGatewayProtocolError, match="lacks its register payload") as caught:
        await scripted_session.register("test")

    assert not search.in_errors(caught.value)


@pytest.mark.parametrize("written", WRITTEN)
def test_no_part_of_an_error_shows_the_key(search: SecretSearch, written: str) -> None:
    key = ApiKey(API_KEY)
    said = WRITTEN[written](key.reveal())
    status = MxStatus(diagnostic_text=said)

    error = MxGatewayError(f"the tag was refused: {said}", ErrorFacts(hint=said, statuses=(status,))).with_hint(said)

    assert "***" in str(error)
    assert not search.in_errors(error)


async def test_refused_tag_write_shows_no_key(
    echoing: EchoingGateway, echoing_client: GatewayClient, search: SecretSearch, caplog: pytest.LogCaptureFixture
) -> None:
    for way in (Way.STATUS, Way.REFUSAL, Way.STRANGER):
        echoing.way, echoing.echo = way, API_KEY
        with pytest.raises(MxGatewayError) as caught:
            await echoing_client.tags("test", reconnect_delay=0.01)
        assert not search.in_errors(caught.value)

    assert not search.in_records(caplog.records)


@pytest.mark.parametrize("way", [Way.STATUS, Way.REFUSAL, Way.STRANGER, Way.SUCCESS])
@pytest.mark.parametrize(
    "written", ["as it is", "in a sentence", "for a URL", "in JSON", "in hexadecimal", "in base64"]
)
async def test_no_error_or_log_shows_the_password(
    echoing: EchoingGateway,
    echoing_client: GatewayClient,
    search: SecretSearch,
    caplog: pytest.LogCaptureFixture,
    way: Way,
    written: str,
) -> None:
    echoing.way, echoing.echo = way, WRITTEN[written](PASSWORD)
    session = echoing_client.attach_session(SESSION_ID)

    outcome = await asyncio.gather(session.authenticate_user(1, "operator", PASSWORD), return_exceptions=True)

    for error in outcome:
        assert error == 0 if way is Way.SUCCESS else isinstance(error, MxGatewayError)
        assert not isinstance(error, BaseException) or not search.in_errors(error)
    assert not search.in_records(caplog.records)


@pytest.mark.parametrize(
    ("arguments", "kind"),
    [
        (("no handle", "operator", PASSWORD), MxGatewayConfigurationError),
        ((1, "operator", f"{PASSWORD}\udcff"), MxGatewayConfigurationError),
        ((1, "operator", PASSWORD.encode()), MxGatewayConfigurationError),
        ((1, 17, PASSWORD), TypeError),
    ],
)
async def test_invalid_arguments_show_no_password(
    echoing_client: GatewayClient, search: SecretSearch, arguments: tuple[Any, ...], kind: type[Exception]
) -> None:
    session = echoing_client.attach_session(SESSION_ID)

    with pytest.raises(kind) as caught:
        await session.authenticate_user(*arguments)

    assert not search.in_errors(caught.value)


@pytest.mark.parametrize("what", ["connect", "register", "authenticate_user", "open_session", "stream_events"])
async def test_interrupted_calls_show_no_secret(
    echoing: EchoingGateway, echoing_client: GatewayClient, silent: str, search: SecretSearch, what: str
) -> None:
    echoing.held = asyncio.Event()
    session: Session = echoing_client.attach_session(SESSION_ID)
    work: dict[str, Callable[[], Awaitable[object]]] = {
        "connect": lambda: GatewayClient.connect(endpoint=silent, api_key=API_KEY, plaintext=True).__aenter__(),
        "register": lambda: session.register("test"),
        "authenticate_user": lambda: session.authenticate_user(1, "operator", PASSWORD),
        "open_session": lambda: echoing_client.open_session().__aenter__(),
        "stream_events": lambda: _first(session.stream_events),
    }

    with pytest.raises(TimeoutError) as caught:
        async with asyncio.timeout(0.2):
            await work[what]()

    assert not search.in_errors(caught.value)
    echoing.held.set()
