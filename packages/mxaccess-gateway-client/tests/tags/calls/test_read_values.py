"""Reading one tag, an iterable of tags, and plain values."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from mxgateway import MxAccessError, MxGatewayConfigurationError, TagClient
from mxgateway.testing import SimulatedGateway
from support.tagging import ARRAY, DOUBLE, INT, STRING, UNKNOWN, commands, first_values


async def test_one_tag_has_one_reading(tags: TagClient) -> None:
    reading = await tags.read_one(INT)

    assert (reading.tag, reading.value) == (INT, 42)
    assert (await tags.read_one(UNKNOWN)).error is not None


@pytest.mark.parametrize("tags_given", [[INT, STRING], (INT, STRING), {INT: 1, STRING: 2}, iter((INT, STRING))])
async def test_tags_may_be_one_iterable(tags: TagClient, tags_given: Iterable[str]) -> None:
    assert [reading.tag for reading in await tags.read(tags_given)] == [INT, STRING]


async def test_every_call_for_several_tags_takes_an_iterable(tags: TagClient) -> None:
    assert await tags.read([]) == ()
    assert list(await tags.read_values([INT])) == [INT]
    async with tags.watch([INT, STRING]) as watch:
        assert await first_values(watch, 2) == {INT: 42, STRING: "Hello"}


async def test_iterable_beside_other_tags_is_an_invalid_name(tags: TagClient) -> None:
    with pytest.raises(MxGatewayConfigurationError, match="invalid tag name"):
        await tags.read(INT, [STRING])
    with pytest.raises(MxGatewayConfigurationError, match=r"invalid tag name b'A\.B'"):
        await tags.read(b"A.B")  # type: ignore[arg-type]  # the mistake under test


async def test_values_are_a_dict_by_tag(gateway: SimulatedGateway, tags: TagClient) -> None:
    gateway.plant[DOUBLE].set(2.5, quality=64)

    assert await tags.read_values(INT, f"{ARRAY}[]", DOUBLE) == {INT: 42, f"{ARRAY}[]": [1, 2, 3, 4, 5], DOUBLE: 2.5}
    assert commands(gateway)["READ_BULK"] == 1


async def test_tags_without_a_usable_value_are_named(gateway: SimulatedGateway, tags: TagClient) -> None:
    gateway.plant[STRING].set("stale", quality=8)
    with pytest.raises(ExceptionGroup, match=f"2 of 3 tags have no usable value: {UNKNOWN}, {STRING}") as failed:
        await tags.read_values(UNKNOWN, INT, STRING)

    unknown, bad = failed.value.exceptions
    assert isinstance(unknown, MxAccessError)
    assert [status.detail for status in unknown.statuses] == [6]
    assert isinstance(bad, MxAccessError)
    assert f"the value of {STRING} has quality bad (8, not connected)" in str(bad)


async def test_message_names_ten_tags_and_counts_the_rest(tags: TagClient) -> None:
    unknown = [f"NoSuchObject_{number}.Attribute" for number in range(12)]
    with pytest.raises(ExceptionGroup) as failed:
        await tags.read_values(unknown)

    assert str(failed.value).startswith("12 of 12 tags have no usable value: NoSuchObject_0.Attribute, ")
    assert "NoSuchObject_9.Attribute and 2 more" in str(failed.value)
    assert len(failed.value.exceptions) == 12
