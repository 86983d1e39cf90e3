"""Bulk commands print one result per entry, in the order of the entries."""

from __future__ import annotations

from typing import Any

import pytest

from cli_support.command_line import Result, mxgw_py, succeed
from cli_support.gateways import last_command
from cli_support.schemas import schema_of, validate
from mxgateway import Session
from mxgateway.testing import SimulatedGateway
from mxgateway_cli.exit_status import ExitStatus

INT, DOUBLE, UNKNOWN = "TestChildObject.TestInt", "TestChildObject.TestDouble", "NoSuchObject_999.NoSuchAttr"
SECURED, VERIFIED = "TestChildObject.TestSecured", "TestChildObject.TestVerified"
TIME = "2026-01-05T09:00:00+01:00"


@pytest.fixture
async def server(session: Session, monkeypatch: pytest.MonkeyPatch) -> int:
    """The server handle of a registration in the session; the environment holds it."""
    server_handle = await session.register("tests")
    monkeypatch.setenv("MXGATEWAY_SERVER_HANDLE", str(server_handle))
    return server_handle


async def _subscribed(session: Session, server: int, *items: str) -> str:
    results = await session.subscribe_bulk(server, items)
    return ",".join(str(result.item_handle) for result in results)


def _results(result: Result, command: str) -> list[dict[str, Any]]:
    validate(result.record, schema_of(command))
    results: list[dict[str, Any]] = result.record["results"]
    return results


@pytest.mark.usefixtures("server")
async def test_items_are_subscribed_and_unsubscribed_in_one_round_trip(gateway: SimulatedGateway) -> None:
    subscribed = _results(await succeed("subscribe-bulk", INT, DOUBLE, "--json"), "subscribe-bulk")
    handles = ",".join(str(entry["itemHandle"]) for entry in subscribed)
    unsubscribed = _results(await succeed("unsubscribe-bulk", "--item-handles", handles, "--json"), "unsubscribe-bulk")

    assert [entry["tagAddress"] for entry in subscribed] == [INT, DOUBLE]
    assert [entry["itemHandle"] for entry in unsubscribed] == [entry["itemHandle"] for entry in subscribed]
    assert all(entry["wasSuccessful"] for entry in [*subscribed, *unsubscribed])
    assert list(last_command(gateway).unsubscribe_bulk.item_handles) == [entry["itemHandle"] for entry in subscribed]


@pytest.mark.usefixtures("server")
async def test_items_are_added_advised_and_removed_in_bulk() -> None:
    added = _results(await succeed("add-item-bulk", INT, DOUBLE, "--json"), "add-item-bulk")
    handles = ",".join(str(entry["itemHandle"]) for entry in added)

    for command in ("advise-item-bulk", "un-advise-item-bulk", "remove-item-bulk"):
        results = _results(await succeed(command, "--item-handles", handles, "--json"), command)
        assert [entry["itemHandle"] for entry in results] == [entry["itemHandle"] for entry in added]


@pytest.mark.usefixtures("server")
async def test_failed_entry_keeps_its_position_and_sets_status_6() -> None:
    added = (await succeed("add-item-bulk", INT, "--json")).record["results"][0]["itemHandle"]

    result = await mxgw_py("advise-item-bulk", "--item-handles", f"{added},4711", "--json")

    assert [entry["wasSuccessful"] for entry in _results(result, "advise-item-bulk")] == [True, False]
    assert result.status == ExitStatus.MXACCESS
    assert result.error_record["error"] == "1 of 2 entries failed; see their results"
    validate(result.error_record, "error")


@pytest.mark.usefixtures("server")
async def test_pipe_gets_one_line_per_entry() -> None:
    result = await mxgw_py("advise-item-bulk", "--item-handles", "4711")

    (line,) = result.stdout.splitlines()
    assert line.split()[:2] == ["FAILED", "4711"]


async def test_advised_tag_is_read_from_cache(session: Session, server: int) -> None:
    await _subscribed(session, server, INT)

    result = await succeed("read-bulk", INT, DOUBLE, "--worker-timeout", "500ms", "--json")

    integer, double = _results(result, "read-bulk")
    assert (integer["wasCached"], integer["value"]["int32Value"]) == (True, 42)
    assert (double["wasCached"], double["value"]["doubleValue"]) == (False, pytest.approx(3.14159, rel=1e-4))


@pytest.mark.usefixtures("server")
async def test_read_bulk_sends_worker_timeout(gateway: SimulatedGateway) -> None:
    await succeed("read-bulk", INT, "--worker-timeout", "1500ms")

    assert last_command(gateway).read_bulk.timeout_ms == 1500


@pytest.mark.usefixtures("server")
async def test_unreadable_tag_is_failed_entry() -> None:
    result = await mxgw_py("read-bulk", INT, UNKNOWN)

    assert result.status == ExitStatus.MXACCESS
    assert [line.split()[:2] for line in result.stdout.splitlines()] == [["ok", INT], ["FAILED", UNKNOWN]]


@pytest.mark.parametrize(
    ("command", "more", "arm"),
    [
        ("write-bulk", ["--user-id", "3"], "write_bulk"),
        ("write2-bulk", ["--timestamp", TIME], "write2_bulk"),
        ("write-secured-bulk", ["--current-user-id", "1", "--verifier-user-id", "2"], "write_secured_bulk"),
        ("write-secured2-bulk", ["--current-user-id", "1", "--timestamp", TIME], "write_secured2_bulk"),
    ],
)
async def test_every_value_is_written_to_its_item(
    gateway: SimulatedGateway, session: Session, server: int, command: str, more: list[str], arm: str
) -> None:
    handles = await _subscribed(session, server, SECURED, VERIFIED)

    result = await mxgw_py(command, "--item-handles", handles, "--type", "int32", "--values", "7,-8", *more, "--json")

    entries = getattr(last_command(gateway), arm).entries
    assert [entry.value.int32_value for entry in entries] == [7, -8]
    assert [str(entry.item_handle) for entry in entries] == handles.split(",")
    assert len(_results(result, command)) == 2
    if "--timestamp" in more:
        assert {entry.timestamp_value.timestamp_value.ToJsonString() for entry in entries} == {"2026-01-05T08:00:00Z"}
    if "--current-user-id" in more:
        assert {entry.current_user_id for entry in entries} == {1}
    if "--user-id" in more:
        assert {entry.user_id for entry in entries} == {3}


async def test_accepted_bulk_write_is_executed(gateway: SimulatedGateway, session: Session, server: int) -> None:
    handles = await _subscribed(session, server, INT, DOUBLE)

    await succeed("write-bulk", "--item-handles", handles, "--type", "double", "--values", "7,0.5")

    await gateway.wait_for(lambda: gateway.plant[DOUBLE].value == 0.5)


async def test_refused_entry_has_reason_and_sets_status_6(session: Session, server: int) -> None:
    item_handle = await session.add_item(server, INT)

    result = await mxgw_py("write-bulk", "--item-handles", item_handle, "--type", "int32", "--values", "1", "--json")

    (entry,) = _results(result, "write-bulk")
    assert result.status == ExitStatus.MXACCESS
    assert (entry["wasSuccessful"], entry["hresult"]) == (False, -2147024809)


@pytest.mark.parametrize(
    ("value_type", "values", "kind", "sent"),
    [
        ("string", '["a,b", "c"]', "string_value", ["a,b", "c"]),
        ("bool", "[true, false]", "bool_value", [True, False]),
        ("int64", "[9007199254740993, 1]", "int64_value", [9007199254740993, 1]),
    ],
)
async def test_values_are_read_from_json_array(
    gateway: SimulatedGateway,
    session: Session,
    server: int,
    value_type: str,
    values: str,
    kind: str,
    sent: list[object],
) -> None:
    handles = await _subscribed(session, server, INT, DOUBLE)

    await mxgw_py("write-bulk", "--item-handles", handles, "--type", value_type, "--values", values)

    assert [getattr(entry.value, kind) for entry in last_command(gateway).write_bulk.entries] == sent


async def test_bulk_write_reads_arrays_from_json_array(
    gateway: SimulatedGateway, session: Session, server: int
) -> None:
    handles = await _subscribed(session, server, "TestChildObject.TestIntArray[]", "TestChildObject.TestLongArray[]")

    await succeed("write-bulk", "--item-handles", handles, "--type", "int32[]", "--values", "[[1, 2, 3, 4, 5], [3, 4]]")

    entries = last_command(gateway).write_bulk.entries
    assert [list(entry.value.array_value.int32_values.values) for entry in entries] == [[1, 2, 3, 4, 5], [3, 4]]


@pytest.mark.usefixtures("server")
@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (["subscribe-bulk", "--items", "A.B,,C.D"], "contains an empty reference"),
        (["advise-item-bulk", "--item-handles", "1,two"], "is not a list of handles"),
        (["advise-item-bulk", "--item-handles", "2147483648"], "is not a list of handles"),
        (["write-bulk", "--item-handles", "1,2", "--type", "int32", "--values", "1"], "1 values for 2 item handles"),
        (["write-bulk", "--item-handles", "1,2", "--type", "int32", "--values", "1,x"], "invalid int32 'x'"),
        (["write-bulk", "--item-handles", "1", "--type", "int32", "--values", "[true]"], "invalid int32"),
        (["write-bulk", "--item-handles", "1", "--type", "string", "--values", "[1]"], "invalid string"),
        (["write-bulk", "--item-handles", "1", "--type", "int32[]", "--values", "1,2"], "JSON array of arrays"),
        (
            ["write-bulk", "--item-handles", "1", "--type", "int32", "--values", "[1"],
            "JSON array, but is not valid JSON",
        ),
        (["write2-bulk", "--item-handles", "1", "--type", "int32", "--values", "1"], "--timestamp"),
        (["write-secured-bulk", "--item-handles", "1", "--type", "int32", "--values", "1"], "--current-user-id"),
    ],
)
async def test_invalid_list_is_refused_before_anything_is_sent(
    gateway: SimulatedGateway, arguments: list[str], hint: str
) -> None:
    before = len(gateway.calls)

    result = await mxgw_py(*arguments)

    assert result.status == ExitStatus.USAGE
    assert hint in result.error
    assert len(gateway.calls) == before
