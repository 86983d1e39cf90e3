"""Writing tags by name: each write has its own outcome, and is never repeated."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import grpc
import pytest
from mxaccess_gateway.v1 import mxaccess_gateway_pb2 as pb

from mxgateway import (
    GatewayClient,
    MxAccessError,
    MxDataType,
    MxGatewayAuthorizationError,
    MxGatewayCommandError,
    MxStatusCategory,
    TagChange,
    TagClient,
    to_mx_value,
)
from mxgateway.testing import SimulatedGateway, Tag
from support.tagging import (
    DOUBLE,
    INT,
    STRING,
    UNKNOWN,
    advised,
    commands,
    following_change,
    outcomes,
    running_timers,
    until_value,
    writes,
)

WHEN = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
SECURED = "TestChildObject.TestSecured"


async def test_write_returns_when_the_outcome_has_arrived(tags: TagClient, gateway: SimulatedGateway) -> None:
    await tags.write(INT, 123)

    assert gateway.plant[INT].value == 123
    assert (await tags.read(INT))[0].value == 123


async def test_write_takes_a_timestamp_and_a_type(tags: TagClient, gateway: SimulatedGateway) -> None:
    await tags.write(DOUBLE, 2, timestamp=WHEN, data_type=MxDataType.DOUBLE)
    assert (gateway.plant[DOUBLE].value, gateway.plant[DOUBLE].timestamp) == (2.0, WHEN)
    assert (commands(gateway)["WRITE"], commands(gateway)["WRITE2"]) == (0, 1)


async def test_a_refused_outcome_raises_with_every_status(tags: TagClient, gateway: SimulatedGateway) -> None:
    reasons = [
        pb.MxStatusProxy(category=pb.MX_STATUS_CATEGORY_SECURITY_ERROR, detail=5, diagnostic_text="locked"),
        pb.MxStatusProxy(category=pb.MX_STATUS_CATEGORY_OPERATIONAL_ERROR, detail=6, diagnostic_text="tripped"),
    ]
    with (
        gateway.faults.refused_writes(INT, *reasons),
        pytest.raises(MxAccessError, match=f"{INT} was not written") as refused,
    ):
        await tags.write(INT, 1)

    error = refused.value
    assert [(status.category, status.diagnostic_text) for status in error.statuses] == [
        (MxStatusCategory.SECURITY_ERROR, "locked"),
        (MxStatusCategory.OPERATIONAL_ERROR, "tripped"),
    ]
    assert (error.method, error.session_id) == ("Write", gateway.sessions[0].session_id)
    assert "locked" in str(error)
    await tags.write(INT, 2)
    assert gateway.plant[INT].value == 2


async def test_a_refusal_by_the_plant_is_raised_with_the_outcome(tags: TagClient) -> None:
    for tag, value in ((SECURED, 1), (UNKNOWN, 1), (INT, to_mx_value("text"))):
        with pytest.raises(MxAccessError, match=f"{tag} was not written") as refused:
            await tags.write(tag, value)
        assert refused.value.statuses


async def test_a_tag_refused_by_the_gateway_is_named(gateway: SimulatedGateway) -> None:
    key = gateway.add_key("session:open", "session:close", "invoke:read", "invoke:write", "events:read", galaxy=(INT,))
    async with (
        GatewayClient.connect(endpoint=gateway.endpoint, api_key=key, plaintext=True) as client,
        client.tags("test") as tags,
    ):
        for _ in range(2):
            with pytest.raises(MxGatewayCommandError, match=f"{STRING} was refused"):
                await tags.write(STRING, "x")
        assert not writes(gateway)
        await tags.write(INT, 1)


async def test_a_key_without_the_write_scope_is_refused(gateway: SimulatedGateway) -> None:
    key = gateway.add_key("session:open", "session:close", "invoke:read", "events:read")
    async with (
        GatewayClient.connect(endpoint=gateway.endpoint, api_key=key, plaintext=True) as client,
        client.tags("test") as tags,
    ):
        with pytest.raises(MxGatewayAuthorizationError, match="invoke:write"):
            await tags.write(INT, 1)
        assert (await tags.read(INT))[0].value == 42


async def test_writes_whose_tags_cannot_be_added_raise_the_reason(gateway: SimulatedGateway, tags: TagClient) -> None:
    gateway.faults.refuse_next_calls(1, grpc.StatusCode.PERMISSION_DENIED, "not you", rpc="Invoke")
    errors = await outcomes(tags.write(INT, 1), tags.write(STRING, "x"))

    for error in errors:
        assert isinstance(error, MxGatewayAuthorizationError)
        assert "not you" in str(error)
    assert errors[0] is not errors[1]
    assert not writes(gateway)


async def test_an_invalid_value_is_refused_before_anything_is_sent(gateway: SimulatedGateway, tags: TagClient) -> None:
    asked = commands(gateway)
    with pytest.raises(ValueError, match="64 bit"):
        await tags.write(INT, 2**64)
    with pytest.raises(TypeError):
        await tags.write(INT, [1, "two"])
    with pytest.raises(ValueError, match="time zone"):
        await tags.write(INT, 1, timestamp=WHEN.replace(tzinfo=None))
    assert commands(gateway) == asked


async def test_a_written_tag_is_added_once_and_removed_after_the_linger_time(
    gateway: SimulatedGateway, client: GatewayClient
) -> None:
    async with client.tags("test", linger=0.2) as tags:
        for value in range(5):
            await tags.write(INT, value)
        assert commands(gateway)["ADD_ITEM_BULK"] == 1
        assert advised(gateway) == [INT]
        await gateway.wait_for(lambda: not gateway.sessions[0].items)
        await tags.write(INT, 9)
        assert gateway.plant[INT].value == 9


async def test_the_user_of_a_write_counts_for_a_supervisory_client(
    gateway: SimulatedGateway, client: GatewayClient
) -> None:
    async with client.tags("test", supervisory=True) as tags, client.open_session() as session:
        await tags.write(INT, 1)
        server = await session.register("users")
        user = await session.archestra_user_to_id(server, "6f1d6c1e-6a52-4a30-9f2a-0d5b7f3f1a01")
        with pytest.raises(MxAccessError, match="was not written"):
            await tags.write(INT, 2, user_id=user)

        assert [item.supervisory for item in gateway.sessions[0].items] == [True]


async def test_writes_to_one_tag_keep_the_order_of_the_calls(gateway: SimulatedGateway, tags: TagClient) -> None:
    async with tags.watch(INT) as watch:
        await following_change(watch)
        await asyncio.gather(*(tags.write(INT, value) for value in range(100, 150)))
        items = await until_value(watch, 149)

    assert [item.value for item in items if isinstance(item, TagChange)] == list(range(100, 150))
    assert writes(gateway) == 50


async def test_concurrent_writes_to_many_tags_are_batched_and_leave_no_timers(
    gateway: SimulatedGateway, tags: TagClient
) -> None:
    names = [gateway.plant.add(Tag(f"Many.Tag{number}", "integer", 0)).name for number in range(400)]
    before = running_timers()
    await asyncio.gather(*(tags.write(name, number) for number, name in enumerate(names)))

    assert [gateway.plant[name].value for name in names] == list(range(400))
    assert writes(gateway) == 400
    assert running_timers() <= before + 10
    assert commands(gateway)["ADD_ITEM_BULK"] <= 3
