"""With `--json` every line fits the schema that the package has for it."""

from __future__ import annotations

from importlib import resources

import grpc
import jsonschema
import pytest

from cli_support.command_line import good, mxgw_py
from cli_support.schemas import fits, schema, schema_of
from mxgateway import Session
from mxgateway.testing import SimulatedGateway
from mxgateway_cli.app import COMMANDS

SCHEMAS = sorted(path.name for path in (resources.files("mxgateway_cli") / "schemas").iterdir())
WRITE = ["write", "--type", "int32", "--value", "5"]
# Every command that talks about a session with one advised item, in an order in which each of them can succeed.
CONVERSATION: list[list[str]] = [
    ["session-state"],
    ["ping"],
    ["worker-info"],
    ["register"],
    ["add-item", "--item", "TestChildObject.TestDouble"],
    ["add-buffered-item", "--item", "TestChildObject.TestInt"],
    ["set-buffered-update-interval", "--interval-ms", "100"],
    ["advise"],
    ["advise-supervisory"],
    WRITE,
    ["authenticate-user", "--user", "operator"],
    ["archestra-user-to-id", "--user-guid", "6f1d6c1e-6a52-4a30-9f2a-0d5b7f3f1a01"],
    ["write-secured", "--current-user-id", "1", "--type", "int32", "--value", "6"],
    ["stream-events", "--max-events", "2"],
    ["drain-events"],
    ["suspend"],
    ["activate"],
    ["un-advise"],
    ["remove-item"],
    ["unregister"],
]
ITEMS = [
    "TestBool",
    "TestByte",
    "TestLong",
    "TestFloat",
    "TestString",
    "TestTime",
    "TestUnconvertible",
    "TestIntArray[]",
    "TestLongArray[]",
    "TestDoubleArray[]",
    "TestStringArray[]",
    "TestTimeArray[]",
    "TestIntMatrix[]",
    "TestNotConnected",
    "NoSuchAttribute",
]


@pytest.mark.parametrize("file", SCHEMAS)
def test_every_schema_is_one(file: str) -> None:
    found = schema(file.removesuffix(".schema.json"))

    jsonschema.Draft202012Validator.check_schema(found)
    assert found["title"]


@pytest.mark.parametrize("name", [name for names in COMMANDS.values() for name in names])
def test_every_command_has_a_schema(name: str) -> None:
    assert f"{schema_of(name)}.schema.json" in SCHEMAS


@pytest.mark.usefixtures("advised_item")
async def test_a_whole_conversation_fits_its_schemas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MXGATEWAY_USER_PASSWORD", "operator-secret")
    for name, *arguments in CONVERSATION:
        records = (await good(name, *arguments, "--json")).records

        assert records or name == "drain-events"
        for record in records:
            fits(record, schema_of(name))


@pytest.mark.usefixtures("gateway")
async def test_a_session_s_life_fits_its_schemas() -> None:
    opened = (await good("open-session", "--json")).record
    closed = (await good("close-session", "--session-id", opened["sessionId"], "--json")).record

    fits(opened, "session")
    fits(closed, "closed-session")


async def test_the_versions_fit_their_schema() -> None:
    fits((await good("version", "--json")).record, "version")


@pytest.mark.usefixtures("gateway")
async def test_the_steps_of_the_smoke_test_fit_their_schema() -> None:
    result = await good("smoke", "--item", "TestChildObject.TestInt", "--write", "1", "--type", "int32", "--json")

    for record in result.records:
        fits(record, "step")


async def test_the_steps_of_a_failed_smoke_test_fit_it_too(gateway: SimulatedGateway) -> None:
    gateway.faults.refuse_next_calls(1, grpc.StatusCode.UNAVAILABLE, rpc="OpenSession")

    result = await mxgw_py("smoke", "--item", "TestChildObject.TestInt", "--json")

    for record in result.records:
        fits(record, "step")
    assert [record["ok"] for record in result.records] == [True, False]
    fits(result.error_record, "error")


@pytest.mark.parametrize("item", ITEMS)
async def test_the_event_of_every_sort_of_value_fits_its_schema(session: Session, item: str) -> None:
    server_handle = await session.register("tests")
    await session.advise(server_handle, await session.add_item(server_handle, f"TestChildObject.{item}"))

    fits((await good("stream-events", "--max-events", "1", "--json")).record, "event")


async def test_buffered_changes_operations_and_gaps_fit_it_too(
    gateway: SimulatedGateway, session: Session, advised_item: tuple[int, int]
) -> None:
    buffered = await session.add_buffered_item(advised_item[0], "TestChildObject.TestDouble")
    await session.advise(advised_item[0], buffered)
    gateway.faults.complete_operation(session.session_id, *advised_item)
    events = (await good("stream-events", "--duration", "1.5", "--json")).records
    gateway.faults.age_out_replay(session.session_id)
    gap = await mxgw_py("stream-events", "--after-sequence", "1", "--max-events", "1", "--json")

    for record in [*events, gap.record]:
        fits(record, "event")
    families = {record["family"] for record in events}
    assert {"MX_EVENT_FAMILY_OPERATION_COMPLETE", "MX_EVENT_FAMILY_ON_BUFFERED_DATA_CHANGE"} <= families
    fits(gap.error_record, "warning")


@pytest.mark.usefixtures("session")
async def test_an_error_of_mxaccess_fits_its_schema() -> None:
    result = await mxgw_py("advise", "--server-handle", "1", "--item-handle", "1", "--json")

    fits(result.error_record, "error")
    assert result.error_record["sessionId"]


async def test_a_wrong_command_line_fits_it_too() -> None:
    fits((await mxgw_py("smoke", "--nonsense", "--json")).error_record, "error")


@pytest.mark.usefixtures("advised_item")
async def test_64_bit_numbers_are_texts_and_a_quality_of_0_is_there(session: Session) -> None:
    server_handle = await session.register("tests")
    for name in ("TestChildObject.TestLong", "NoSuchObject_999.NoSuchAttr"):
        await session.advise(server_handle, await session.add_item(server_handle, name))

    _, long, unknown = (await good("stream-events", "--max-events", "3", "--json")).records

    assert (long["value"]["int64Value"], long["workerSequence"]) == ("5000000000", "2")
    assert unknown["quality"] == 0
