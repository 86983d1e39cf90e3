"""A value is converted to the type of the tag that it is written to, exactly or not at all."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta, timezone

import pytest
from mxaccess_gateway.v1 import mxaccess_gateway_pb2 as pb

from mxgateway import (
    GatewayClient,
    MxDataType,
    MxGatewayConfigurationError,
    MxScalar,
    MxValueInput,
    TagClient,
    WriteState,
    to_mx_value,
)
from mxgateway.testing import SimulatedGateway, Tag
from support.tagging import INT, STRING, commands, first_values, writes

WHEN = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
STARTS: dict[str, MxScalar] = {
    "boolean": False,
    "integer": 0,
    "long": 0,
    "float": 0.0,
    "double": 0.0,
    "string": "",
    "time": datetime(1970, 1, 1, tzinfo=UTC),
}


@pytest.fixture
async def typed(gateway: SimulatedGateway) -> AsyncIterator[TagClient]:
    """A client of a gateway with a tag of each type: `Typed.boolean`, `Typed.integer` and so on."""
    for name, start in STARTS.items():
        gateway.plant.add(Tag(f"Typed.{name}", name, start))
    async with (
        GatewayClient.connect(gateway.endpoint, api_key=gateway.api_key, plaintext=True) as client,
        client.tags("test") as tags,
    ):
        yield tags


CONVERTED: list[tuple[str, MxValueInput, MxScalar]] = [
    ("boolean", 1, True),
    ("boolean", 1.0, True),
    ("boolean", "true", True),
    ("boolean", "True", True),
    ("boolean", "1", True),
    ("integer", True, 1),
    ("integer", 5.0, 5),
    ("integer", -0.0, 0),
    ("integer", "5", 5),
    ("integer", "-17", -17),
    ("long", 2.0**40, 2**40),
    ("long", "9223372036854775807", 2**63 - 1),
    ("float", 5, 5.0),
    ("float", "0.5", 0.5),
    ("double", 2**53, 2.0**53),
    ("double", "0.1", 0.1),
    ("double", "-1.50e-3", -0.0015),
    ("double", "7", 7.0),
    ("string", 5, "5"),
    ("string", -17, "-17"),
    ("time", "2026-01-02T03:04:05.678901+00:00", WHEN),
    ("time", "2026-01-02T06:04:05.678901000+03:00", WHEN),
    ("time", WHEN.astimezone(timezone(timedelta(hours=3))), WHEN),
]


@pytest.mark.parametrize(("name", "value", "stored"), CONVERTED)
async def test_value_of_another_type_is_converted_exactly(
    gateway: SimulatedGateway, typed: TagClient, name: str, value: MxValueInput, stored: MxScalar
) -> None:
    await typed.write(f"Typed.{name}", value)

    assert gateway.plant[f"Typed.{name}"].value == stored
    assert type(gateway.plant[f"Typed.{name}"].value) is type(stored)


REFUSED: list[tuple[str, MxValueInput, str]] = [
    ("boolean", 2, "its type is BOOLEAN, and 2 is neither true nor false"),
    ("boolean", 0.5, "0.5 is neither true nor false"),
    ("boolean", "on", "'on' is neither true nor false"),
    ("boolean", WHEN, "is neither true nor false"),
    ("integer", 5.5, "its type is INTEGER, and 5.5 is not a whole number"),
    ("integer", float("nan"), "nan is not a whole number"),
    ("integer", float("inf"), "inf is not a whole number"),
    ("integer", 1e300, "does not fit in 64 bits"),
    ("integer", "5.0", "'5.0' is not a whole number"),
    ("integer", "007", "'007' is not a whole number"),
    ("integer", " 5", "' 5' is not a whole number"),
    ("integer", "1_000", "'1_000' is not a whole number"),
    ("integer", "\N{ARABIC-INDIC DIGIT FIVE}", "is not a whole number"),
    ("integer", "", "'' is not a whole number"),
    ("long", "9999999999999999999", "does not fit in 64 bits"),
    ("float", 2**24 + 1, "its type is FLOAT, and 16777217 cannot be represented exactly as a 32-bit float"),
    ("float", 1e39, "too large for a 32-bit float"),
    ("double", True, "True is not a number"),
    ("double", 2**53 + 1, "its type is DOUBLE, and 9007199254740993 cannot be represented exactly as a double"),
    ("double", "1,5", "'1,5' is not a number"),
    ("double", "nan", "'nan' is not a number"),
    ("double", "0.12345678901234567890", "more digits than a double can hold"),
    ("double", "1e999", "more digits than a double can hold"),
    ("string", 0.1, "its type is STRING, and 0.1 has no single form as text"),
    ("string", True, "True has no single form as text"),
    ("string", WHEN, "has no single form as text"),
    ("time", 0, "its type is TIME, and 0 is not a time"),
    ("time", "2026-01-02T03:04:05", "has no time zone"),
    ("time", "2026-01-02T03:04:05.6789012+00:00", "is not a time in ISO 8601 up to microseconds"),
    ("time", "yesterday", "'yesterday' is not a time"),
]


@pytest.mark.parametrize(("name", "value", "words"), REFUSED)
async def test_value_that_is_not_exactly_of_the_type_is_refused(
    gateway: SimulatedGateway, typed: TagClient, name: str, value: MxValueInput, words: str
) -> None:
    tag = f"Typed.{name}"
    with pytest.raises(MxGatewayConfigurationError, match=f"{tag} was not written") as refused:
        await typed.write(tag, value)

    assert words in str(refused.value)
    assert "pass data_type" in str(refused.value.hint)
    assert not writes(gateway)
    assert gateway.plant[tag].value == STARTS[name]
    # The tag is free for the next write.
    await typed.write(tag, STARTS[name])


async def test_data_type_and_mx_value_are_sent_unconverted(gateway: SimulatedGateway, typed: TagClient) -> None:
    await typed.write("Typed.double", 3, data_type=MxDataType.INTEGER)
    await typed.write("Typed.double", to_mx_value(4))

    requests = [call.request for call in gateway.calls if isinstance(call.request, pb.MxCommandRequest)]
    sent = [request.command.write.value for request in requests if request.command.HasField("write")]
    assert [value.int32_value for value in sent] == [3, 4]


async def test_elements_of_an_array_are_converted(gateway: SimulatedGateway, tags: TagClient) -> None:
    gateway.plant.add(Tag("Typed.Flags", "boolean", (False, False)))
    gateway.plant.add(Tag("Typed.Numbers", "double", (0.0, 0.0)))
    await tags.write("Typed.Flags[]", [1, 0])
    await tags.write("Typed.Numbers[]", [1, 2])
    with pytest.raises(MxGatewayConfigurationError, match="its type is BOOLEAN, and element 1: 2 is neither"):
        await tags.write("Typed.Flags[]", [1, 2])

    assert gateway.plant["Typed.Flags"].value == (True, False)
    assert gateway.plant["Typed.Numbers"].value == (1.0, 2.0)


async def test_refused_conversion_of_a_recipe_is_an_outcome(gateway: SimulatedGateway, tags: TagClient) -> None:
    refused, written = await tags.write_many({INT: "five", STRING: 5})

    assert (refused.state, written.state) == (WriteState.NOT_SENT, WriteState.CONFIRMED)
    assert isinstance(refused.error, MxGatewayConfigurationError)
    assert (gateway.plant[INT].value, gateway.plant[STRING].value) == (42, "5")
    assert writes(gateway) == 1


async def test_watched_tag_is_converted_without_further_commands(gateway: SimulatedGateway, tags: TagClient) -> None:
    async with tags.watch(INT) as watch:
        await first_values(watch)
        before = commands(gateway)
        await tags.write(INT, "7")

    assert gateway.plant[INT].value == 7
    assert (commands(gateway) - before).total() == 1


async def test_tag_without_a_value_is_written_unconverted_after_a_moment(
    gateway: SimulatedGateway, tags: TagClient
) -> None:
    with gateway.faults.silent_tag(INT):
        await tags.write(INT, 7)
        await tags.write(INT, 8, timeout=0.5)

    assert gateway.plant[INT].value == 8
