"""With `--json` every line matches the JSON Schema of its command."""

from __future__ import annotations

from importlib import resources

import grpc
import jsonschema
import pytest

from cli_support.command_line import mxgw_py, succeed
from cli_support.schemas import schema, schema_of, validate
from mxgateway import Session
from mxgateway.testing import SimulatedGateway
from mxgateway_cli.app import COMMANDS

SCHEMAS = sorted(path.name for path in (resources.files("mxgateway_cli") / "schemas").iterdir())
# Commands that print text only.
TEXT_COMMANDS = {"help", "completion", "explore"}
WRITE = ["write", "--type", "int32", "--value", "5"]
# The commands of a session with one advised item, in an order in which each of them can succeed.
SESSION_COMMANDS: list[list[str]] = [
    ["session-state"],
    ["ping"],
    ["worker-info"],
    ["register"],
    ["add-item", "TestChildObject.TestDouble"],
    ["add-buffered-item", "TestChildObject.TestInt"],
    ["set-buffered-update-interval", "--interval", "100ms"],
    ["advise"],
    ["advise-supervisory"],
    WRITE,
    ["authenticate-user", "--user", "operator"],
    ["archestra-user-to-id", "--user-guid", "6f1d6c1e-6a52-4a30-9f2a-0d5b7f3f1a01"],
    ["write-secured", "--current-user-id", "1", "--type", "int32", "--value", "6"],
    ["stream-events", "--count", "2"],
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
def test_every_schema_is_valid(file: str) -> None:
    found = schema(file.removesuffix(".schema.json"))

    jsonschema.Draft202012Validator.check_schema(found)
    assert found["title"]


@pytest.mark.parametrize("name", [name for names in COMMANDS.values() for name in names if name not in TEXT_COMMANDS])
def test_every_command_has_schema(name: str) -> None:
    assert f"{schema_of(name)}.schema.json" in SCHEMAS


@pytest.mark.usefixtures("advised_item")
async def test_session_commands_match_schemas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MXGATEWAY_USER_PASSWORD", "operator-secret")
    for name, *arguments in SESSION_COMMANDS:
        records = (await succeed(name, *arguments, "--json")).records

        assert records or name == "drain-events"
        for record in records:
            validate(record, schema_of(name))


@pytest.mark.usefixtures("gateway")
async def test_opened_and_closed_session_match_schemas() -> None:
    opened = (await succeed("open-session", "--json")).record
    closed = (await succeed("close-session", "--session-id", opened["sessionId"], "--json")).record

    validate(opened, "session")
    validate(closed, "closed-session")


async def test_versions_match_schema() -> None:
    validate((await succeed("version", "--json")).record, "version")


@pytest.mark.usefixtures("gateway")
async def test_steps_of_smoke_test_match_schema() -> None:
    result = await succeed("smoke", "TestChildObject.TestInt", "--write", "1", "--type", "int32", "--json")

    for record in result.records:
        validate(record, "step")


async def test_steps_of_failed_smoke_test_match_schema(gateway: SimulatedGateway) -> None:
    gateway.faults.refuse_next_calls(1, grpc.StatusCode.UNAVAILABLE, rpc="OpenSession")

    result = await mxgw_py("smoke", "TestChildObject.TestInt", "--json")

    for record in result.records:
        validate(record, "step")
    assert [record["ok"] for record in result.records] == [True, False]
    validate(result.error_record, "error")


@pytest.mark.parametrize("item", ITEMS)
async def test_events_of_every_value_type_match_schema(session: Session, item: str) -> None:
    server_handle = await session.register("tests")
    await session.advise(server_handle, await session.add_item(server_handle, f"TestChildObject.{item}"))

    validate((await succeed("stream-events", "--count", "1", "--json")).record, "event")


async def test_buffered_changes_operations_and_gaps_match_schema(
    gateway: SimulatedGateway, session: Session, advised_item: tuple[int, int]
) -> None:
    buffered = await session.add_buffered_item(advised_item[0], "TestChildObject.TestDouble")
    await session.advise(advised_item[0], buffered)
    gateway.faults.complete_operation(session.session_id, *advised_item)
    events = (await succeed("stream-events", "--duration", "1.5", "--json")).records
    gateway.faults.age_out_replay(session.session_id)
    gap = await mxgw_py("stream-events", "--after-sequence", "1", "--count", "1", "--json")

    for record in [*events, gap.record]:
        validate(record, "event")
    families = {record["family"] for record in events}
    assert {"MX_EVENT_FAMILY_OPERATION_COMPLETE", "MX_EVENT_FAMILY_ON_BUFFERED_DATA_CHANGE"} <= families
    validate(gap.error_record, "warning")


@pytest.mark.usefixtures("session")
async def test_mxaccess_error_matches_schema() -> None:
    result = await mxgw_py("advise", "--server-handle", "1", "--item-handle", "1", "--json")

    validate(result.error_record, "error")
    assert result.error_record["sessionId"]


async def test_usage_error_matches_schema() -> None:
    validate((await mxgw_py("smoke", "--nonsense", "--json")).error_record, "error")


@pytest.mark.usefixtures("advised_item")
async def test_json_keeps_64_bit_integers_as_strings_and_includes_quality_0(session: Session) -> None:
    server_handle = await session.register("tests")
    for name in ("TestChildObject.TestLong", "NoSuchObject_999.NoSuchAttr"):
        await session.advise(server_handle, await session.add_item(server_handle, name))

    _, long, unknown = (await succeed("stream-events", "--count", "3", "--json")).records

    assert (long["value"]["int64Value"], long["workerSequence"]) == ("5000000000", "2")
    assert unknown["quality"] == 0


@pytest.mark.parametrize("mode", [[], ["--json"]], ids=["text", "json"])
async def test_value_shaped_like_key_of_another_client_is_redacted(gateway: SimulatedGateway, mode: list[str]) -> None:
    gateway.plant["TestChildObject.TestString"].set("key mxgw_99_of-somebody-else, noted")

    read = await succeed("read", "TestChildObject.TestString", *mode)
    watch = await succeed("watch", "TestChildObject.TestString", "--count", "1", *mode)

    for result in (read, watch):
        assert "mxgw_" not in result.stdout
        assert "somebody" not in result.stdout
        assert "key ***, noted" in result.stdout
