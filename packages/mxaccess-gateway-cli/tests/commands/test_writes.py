"""`write` by handles sends a value of exactly the requested type, or nothing."""

from __future__ import annotations

import pytest

from cli_support.command_line import Result, mxgw_py, succeed
from cli_support.gateways import last_command
from mxgateway import MxValue, Session
from mxgateway.testing import SimulatedGateway
from mxgateway_cli.exit_status import ExitStatus


async def _write(value_type: str, text: str, *more: object) -> Result:
    return await mxgw_py("write", "--type", value_type, f"--value={text}", *more)


@pytest.mark.usefixtures("advised_item")
@pytest.mark.parametrize(
    ("value_type", "text", "kind", "value"),
    [
        ("bool", "true", "bool_value", True),
        ("bool", "0", "bool_value", False),
        ("int32", "123", "int32_value", 123),
        ("int32", "-2147483648", "int32_value", -(2**31)),
        ("int64", "123", "int64_value", 123),
        ("int64", "9223372036854775807", "int64_value", 2**63 - 1),
        ("float", "1.5", "float_value", 1.5),
        ("double", "1.5", "double_value", 1.5),
        ("double", "-1e300", "double_value", -1e300),
        ("double", "3", "double_value", 3.0),
        ("string", "", "string_value", ""),
        ("string", " Grüße, 1 ", "string_value", " Grüße, 1 "),
    ],
)
async def test_scalar_is_sent_as_requested_type(
    gateway: SimulatedGateway, value_type: str, text: str, kind: str, value: object
) -> None:
    assert (await _write(value_type, text)).status == ExitStatus.GOOD

    sent: MxValue = last_command(gateway).write.value
    assert sent.WhichOneof("kind") == kind
    assert getattr(sent, kind) == value


@pytest.mark.usefixtures("advised_item")
async def test_timestamp_is_sent_in_utc(gateway: SimulatedGateway) -> None:
    assert (await _write("timestamp", "2026-01-05T09:00:00.25+01:00")).status == ExitStatus.GOOD

    sent: MxValue = last_command(gateway).write.value
    assert sent.timestamp_value.ToJsonString() == "2026-01-05T08:00:00.250Z"


@pytest.mark.usefixtures("advised_item")
@pytest.mark.parametrize(
    ("value_type", "text", "kind", "values", "dimensions"),
    [
        ("int32[]", "1,2, 3", "int32_values", [1, 2, 3], [3]),
        ("int64[]", "[1, 2]", "int64_values", [1, 2], [2]),
        ("int64[]", "", "int64_values", [], [0]),
        ("int32[]", "[[1, 2], [3, 4]]", "int32_values", [1, 2, 3, 4], [2, 2]),
        ("bool[]", "true,0", "bool_values", [True, False], [2]),
        ("bool[]", "[true, false]", "bool_values", [True, False], [2]),
        ("float[]", "0.5,1", "float_values", [0.5, 1.0], [2]),
        ("double[]", "[0.1, 2]", "double_values", [0.1, 2.0], [2]),
        ("string[]", '["a,b", "c"]', "string_values", ["a,b", "c"], [2]),
        ("string[]", "a,b", "string_values", ["a", "b"], [2]),
    ],
)
async def test_array_is_sent_as_requested_type(
    gateway: SimulatedGateway,
    value_type: str,
    text: str,
    kind: str,
    values: list[object],
    dimensions: list[int],
) -> None:
    assert (await _write(value_type, text)).status == ExitStatus.GOOD

    array = last_command(gateway).write.value.array_value
    assert array.WhichOneof("values") == kind
    assert list(getattr(array, kind).values) == values
    assert list(array.dimensions) == dimensions


@pytest.mark.usefixtures("advised_item")
@pytest.mark.parametrize(
    ("value_type", "text"),
    [
        ("bool", "maybe"),
        ("int32", "1.0"),
        ("int32", "2147483648"),
        ("int32", "1_000"),
        ("int32", "٣"),
        ("int32", ""),
        ("int64", "9223372036854775808"),
        ("int64", "9" * 5000),
        ("float", "1e39"),
        ("double", "1e999"),
        ("double", "1,5"),
        ("double", "one"),
        ("timestamp", "yesterday"),
        ("timestamp", "2026-01-05T08:00:00"),
        ("int32[]", "1,,2"),
        ("int32[]", "[1, 2.5]"),
        ("int32[]", "[1, null]"),
        ("int32[]", "[1, true]"),
        ("int32[]", "[[1], [2, 3]]"),
        ("int32[]", "[1"),
        ("string[]", "[1]"),
        ("bool[]", "[1.5]"),
    ],
)
async def test_invalid_value_is_refused_before_anything_is_sent(
    gateway: SimulatedGateway, value_type: str, text: str
) -> None:
    before = len(gateway.calls)

    result = await _write(value_type, text)

    assert result.status == ExitStatus.USAGE
    assert f"invalid {value_type} " in result.error
    assert len(result.error) < 500
    assert len(gateway.calls) == before


@pytest.mark.usefixtures("advised_item")
async def test_unknown_type_is_refused_with_list_of_types() -> None:
    result = await _write("integr", "1")

    assert result.status == ExitStatus.USAGE
    assert "int32" in result.error


async def test_write_by_handles_is_accepted(advised_item: tuple[int, int], session: Session) -> None:
    server_handle, item_handle = advised_item

    result = await succeed("write", "--type", "int32", "--value", "123", "--json")

    assert result.record == {
        "sessionId": session.session_id,
        "serverHandle": server_handle,
        "itemHandle": item_handle,
        "accepted": True,
    }


@pytest.mark.usefixtures("advised_item")
async def test_timestamp_option_sends_write2(gateway: SimulatedGateway) -> None:
    result = await _write("int32", "1", "--timestamp", "2026-01-05T08:00:00Z", "--user-id", "7")

    assert result.status == ExitStatus.GOOD
    command = last_command(gateway).write2
    assert (command.timestamp_value.timestamp_value.ToJsonString(), command.user_id) == ("2026-01-05T08:00:00Z", 7)


@pytest.mark.usefixtures("advised_item")
@pytest.mark.parametrize("when", ["2026-01-05T08:00:00", "today"])
async def test_timestamp_without_time_zone_is_refused(when: str) -> None:
    result = await _write("int32", "1", "--timestamp", when)

    assert result.status == ExitStatus.USAGE
    assert when in result.error


@pytest.mark.usefixtures("advised_item")
@pytest.mark.parametrize("given", ["--value 5", "--type int32", "--type int32 --value 5 --dry-run"])
async def test_write_by_handles_needs_type_and_value_and_is_never_dry(gateway: SimulatedGateway, given: str) -> None:
    before = len(gateway.calls)

    result = await mxgw_py("write", *given.split())

    assert result.status == ExitStatus.USAGE
    assert len(gateway.calls) == before


async def test_write_to_unadvised_item_is_refused_by_mxaccess(session: Session) -> None:
    server_handle = await session.register("tests")
    item_handle = await session.add_item(server_handle, "TestChildObject.TestInt")

    result = await _write("int32", "1", "--server-handle", server_handle, "--item-handle", item_handle)

    assert result.status == ExitStatus.MXACCESS
    assert "0x80070057" in result.error


async def test_secured_write_sends_both_users(
    gateway: SimulatedGateway, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    server_handle = await session.register("tests")
    item_handle = await session.add_item(server_handle, "TestChildObject.TestVerified")
    await session.advise(server_handle, item_handle)
    handles = ("--server-handle", server_handle, "--item-handle", item_handle)
    users: dict[str, str] = {}
    for user, password in (("operator", "operator-secret"), ("supervisor", "supervisor-secret")):
        monkeypatch.setenv("MXGATEWAY_USER_PASSWORD", password)
        found = await succeed("authenticate-user", "--server-handle", server_handle, "--user", user)
        users[user] = found.stdout.strip()

    ids = ("--current-user-id", users["operator"], "--verifier-user-id", users["supervisor"])
    await succeed("write-secured", *handles, *ids, "--type", "int32", "--value", "5")

    async with session.stream_events() as events:
        async for event in events:
            if event.family.name == "ON_WRITE_COMPLETE":
                break
    assert gateway.plant["TestChildObject.TestVerified"].value == 5
    timed = ("--timestamp", "2026-01-05T08:00:00Z")
    await succeed("write-secured", *handles, *ids, "--type", "int32", "--value", "6", *timed)
    assert last_command(gateway).write_secured2.verifier_user_id == int(users["supervisor"])


async def test_password_is_not_shown(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    server_handle = await session.register("tests")
    monkeypatch.setenv("MXGATEWAY_USER_PASSWORD", "a-wrong-password")

    result = await mxgw_py("authenticate-user", "--server-handle", server_handle, "--user", "operator", "--debug")

    assert result.status == ExitStatus.MXACCESS
    assert "a-wrong-password" not in result.stdout + result.stderr


@pytest.mark.usefixtures("session")
async def test_missing_password_is_usage_error() -> None:
    result = await mxgw_py("authenticate-user", "--server-handle", "1", "--user", "operator")

    assert result.status == ExitStatus.USAGE
    assert "--password-env" in result.error


async def test_archestra_user_guid_gives_user_id(session: Session) -> None:
    server_handle = await session.register("tests")

    result = await succeed(
        "archestra-user-to-id",
        "--server-handle",
        server_handle,
        "--user-guid",
        "6f1d6c1e-6a52-4a30-9f2a-0d5b7f3f1a01",
        "--json",
    )

    assert isinstance(result.record["userId"], int)
