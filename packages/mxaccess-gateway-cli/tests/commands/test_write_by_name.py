"""`write TAG VALUE` finds out the type, waits for each outcome, and prints a row per tag."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from cli_support.command_line import mxgw_py, succeed
from cli_support.schemas import validate
from mxgateway.testing import SimulatedGateway
from mxgateway_cli.exit_status import ExitStatus
from support.tagging import add_tags, commands

OBJECT = "TestChildObject"
INT, DOUBLE, STRING = f"{OBJECT}.TestInt", f"{OBJECT}.TestDouble", f"{OBJECT}.TestString"
READ_ONLY, UNKNOWN = f"{OBJECT}.TestReadOnly", "NoSuchObject_999.NoSuchAttr"


@pytest.mark.parametrize(
    ("attribute", "text", "value"),
    [
        ("TestBool", "false", False),
        ("TestInt", "-5", -5),
        ("TestLong", "7", 7),
        ("TestFloat", "-.5", -0.5),
        ("TestDouble", "3", 3.0),
        ("TestString", "5", "5"),
        ("TestTime", "2026-01-05T09:00:00+01:00", datetime(2026, 1, 5, 8, tzinfo=UTC)),
        ("TestIntArray[]", "5,4,3,2,1", (5, 4, 3, 2, 1)),
        ("TestStringArray[]", '["a,b", "c", "d"]', ("a,b", "c", "d")),
    ],
)
async def test_tag_decides_the_type(gateway: SimulatedGateway, attribute: str, text: str, value: object) -> None:
    await succeed("write", f"{OBJECT}.{attribute}", text)

    assert gateway.plant[f"{OBJECT}.{attribute}"].value == value


async def test_several_tags_give_a_row_each_in_order(gateway: SimulatedGateway) -> None:
    result = await succeed("write", STRING, "recipe 7", INT, "-5")

    assert result.stdout.splitlines() == [f"written {STRING} Hello -> recipe 7", f"written {INT} 42 -> -5"]
    assert [gateway.plant[tag].value for tag in (STRING, INT)] == ["recipe 7", -5]


async def test_former_spelling_needs_no_type_either(gateway: SimulatedGateway) -> None:
    assert (await succeed("write", "--tag", INT, "--value", "5")).stdout == f"written {INT} 42 -> 5\n"
    assert gateway.plant[INT].value == 5


async def test_type_of_tag_without_value_comes_from_galaxy(gateway: SimulatedGateway) -> None:
    array = f"{OBJECT}.TestStringArray[]"
    for tag in (INT, array):
        gateway.plant[tag].set(None)

    result = await succeed("write", INT, "5", array, "a,b,c", "--resize")

    assert result.stdout.splitlines()[0] == f"written {INT} null -> 5"
    assert [gateway.plant[tag].value for tag in (INT, array)] == [5, ("a", "b", "c")]


async def test_type_on_command_line_overrules_the_tag(gateway: SimulatedGateway) -> None:
    result = await mxgw_py("write", STRING, "5", "--type", "int")

    assert result.status == ExitStatus.MXACCESS
    assert gateway.plant[STRING].value == "Hello"
    assert commands(gateway)["READ_BULK"] == 0


@pytest.mark.parametrize(
    ("alias", "text", "kind"),
    [
        ("int", "5", "int32Value"),
        ("Integer", "5000000000", "int64Value"),
        ("number", "5", "int32Value"),
        ("number", "5.5", "doubleValue"),
        ("str", "5", "stringValue"),
        ("boolean", "1", "boolValue"),
        ("time", "2026-01-05T08:00:00Z", "timestampValue"),
    ],
)
@pytest.mark.usefixtures("gateway")
async def test_types_have_natural_names(alias: str, text: str, kind: str) -> None:
    assert kind in (await succeed("write", INT, text, "--type", alias, "--dry-run", "--json")).record["value"]


@pytest.mark.usefixtures("gateway")
async def test_array_of_whole_numbers_gets_the_width_it_needs() -> None:
    arguments = ("write", f"{OBJECT}.TestLongArray", "[1, 5000000000]", "--type", "int[]", "--dry-run", "--json")

    assert (await succeed(*arguments)).record["type"] == "int64[]"


async def test_refused_tag_has_its_own_row_and_sets_status_6(gateway: SimulatedGateway) -> None:
    result = await mxgw_py("write", READ_ONLY, "5", INT, "5")

    refused, written = result.stdout.splitlines()
    assert refused.startswith(f"REFUSED {READ_ONLY} 7 -> 5: ")
    assert refused.endswith(f"{READ_ONLY} is view only")
    assert written == f"written {INT} 42 -> 5"
    assert result.status == ExitStatus.MXACCESS
    assert result.error.startswith("mxgw-py: error: of 2 tags 1 refused; ")
    assert gateway.plant[INT].value == 5


@pytest.mark.usefixtures("gateway")
async def test_json_has_a_record_per_tag() -> None:
    result = await mxgw_py("write", READ_ONLY, "5", INT, "5", "--json")

    for record in result.records:
        validate(record, "write")
    refused, written = result.records
    assert (refused["state"], refused["written"], written["state"], written["written"]) == (
        "refused",
        False,
        "confirmed",
        True,
    )
    assert (written["type"], written["value"]["int32Value"], written["oldValue"]["int32Value"]) == ("int32", 5, 42)
    assert refused["statuses"][0]["category"] == "MX_STATUS_CATEGORY_SECURITY_ERROR"


async def test_missing_outcome_is_unknown_and_sets_status_124(monkeypatch: pytest.MonkeyPatch) -> None:
    async with SimulatedGateway(write_time=60, ramp_interval=None) as gateway:
        monkeypatch.setenv("MXGATEWAY_API_KEY", gateway.api_key)
        target = ["--endpoint", gateway.endpoint, "--plaintext", "--timeout", "0.5"]
        result = await mxgw_py("write", INT, "5", DOUBLE, "1", *target)

        assert result.status == ExitStatus.TIMED_OUT
        assert [line.split(" -> ")[0] for line in result.stdout.splitlines()] == [
            f"UNKNOWN {INT} 42",
            f"UNKNOWN {DOUBLE} 3.141592653589793",
        ]
        assert "of 2 tags 2 may have been written" in result.error
        assert not gateway.sessions


async def test_many_tags_are_written_in_parts(gateway: SimulatedGateway) -> None:
    names = add_tags(gateway, 250)

    result = await succeed("write", *(word for name in names for word in (name, "-1")))

    assert [line.split()[1] for line in result.stdout.splitlines()] == names
    assert {gateway.plant[name].value for name in names} == {-1}


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        ([], "nothing to write: give TAG VALUE"),
        ([INT], f"{INT} has no value: give TAG VALUE"),
        ([f"{INT}=5"], "put a space instead of the ="),
        ([INT, "5", INT.upper(), "6"], "is given twice"),
        (["", "5"], "a tag is empty"),
        ([INT, "5", "--yess"], "did you mean --yes?"),
        ([INT, "--typ", "int32"], "--type"),
        (["-x", "5"], "unknown option -x"),
        ([INT, "5", "--item-handle", "1"], "TAG VALUE and --item-handle contradict each other"),
        ([INT, "5", "--value", "6"], "TAG VALUE and --value contradict each other"),
        ([INT, "5", "--tag", INT, "--value", "6"], "--tag and TAG VALUE contradict each other"),
        (["--tag", INT], f"{INT} has no value"),
        ([INT, "5", "--type", "strin"], "did you mean string?"),
        ([INT, "5.5", "--type", "int"], "invalid int '5.5'"),
    ],
)
async def test_unclear_command_line_is_refused_before_anything_is_sent(
    gateway: SimulatedGateway, words: list[str], hint: str
) -> None:
    result = await mxgw_py("write", *words)

    assert result.status == ExitStatus.USAGE
    assert hint in result.error
    assert not gateway.calls


async def test_text_that_starts_with_dash_goes_behind_two_dashes(gateway: SimulatedGateway) -> None:
    await succeed("write", "--timeout", "20", "--", STRING, "--yes", INT, "-3")

    assert [gateway.plant[tag].value for tag in (STRING, INT)] == ["--yes", -3]


async def test_value_that_does_not_fit_the_tag_is_refused_and_nothing_is_written(gateway: SimulatedGateway) -> None:
    result = await mxgw_py("write", INT, "6", DOUBLE, "1,5")

    assert result.status == ExitStatus.USAGE
    assert f"{DOUBLE}: invalid double '1,5': use a number with a decimal point, or --decimal-comma" in result.error
    assert gateway.plant[INT].value == 42
    assert not gateway.sessions


async def test_decimal_comma_is_understood_on_request(gateway: SimulatedGateway) -> None:
    array = f"{OBJECT}.TestDoubleArray[]"

    await succeed("write", DOUBLE, "-1,5", array, "[0.5, 1.5, 2]", INT, "3", "--decimal-comma")

    assert [gateway.plant[tag].value for tag in (DOUBLE, array, INT)] == [-1.5, (0.5, 1.5, 2.0), 3]


@pytest.mark.parametrize("text", ["1.5", "1.000,5"])
async def test_point_beside_decimal_comma_is_refused(gateway: SimulatedGateway, text: str) -> None:
    result = await mxgw_py("write", DOUBLE, text, "--decimal-comma")

    assert result.status == ExitStatus.USAGE
    assert "no separator of thousands" in result.error
    assert gateway.plant[DOUBLE].value == 3.141592653589793


async def test_unknown_tag_is_refused_with_its_reason_and_nothing_is_written(gateway: SimulatedGateway) -> None:
    result = await mxgw_py("write", INT, "6", UNKNOWN, "1")

    assert result.status == ExitStatus.MXACCESS
    assert f"the type of {UNKNOWN} is unknown; check its name: Invalid reference" in result.error
    assert gateway.plant[INT].value == 42


async def test_tag_of_unknown_type_asks_for_a_type(gateway: SimulatedGateway) -> None:
    result = await mxgw_py("write", f"{OBJECT}.TestUnconvertible", "1")

    assert result.status == ExitStatus.FAILED
    assert "give --type" in result.error
    assert result.stdout == ""
    assert not gateway.sessions


async def test_galaxy_out_of_reach_asks_for_a_type(gateway: SimulatedGateway, monkeypatch: pytest.MonkeyPatch) -> None:
    scopes = "session:open", "session:close", "invoke:read", "invoke:write", "events:read"
    monkeypatch.setenv("MXGATEWAY_API_KEY", gateway.add_key(*scopes))
    gateway.plant[INT].set(None)

    result = await mxgw_py("write", INT, "1")

    assert result.status == ExitStatus.AUTHENTICATION
    assert "give --type, because the Galaxy cannot be read" in result.error
    assert "metadata:read" in result.error
