"""Bulk commands that are larger than a message may be."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import pytest

from mxgateway import (
    BulkReadResult,
    BulkWriteResult,
    GatewayClient,
    MxGatewayLimitError,
    Session,
    SubscribeResult,
    WriteBulkEntry,
)
from mxgateway.testing import SimulatedGateway, Tag
from support.tagging import INT, UNKNOWN, commands

Ask = Callable[[Session], Awaitable[Sequence[SubscribeResult] | Sequence[BulkReadResult] | Sequence[BulkWriteResult]]]
LIMIT = 4096


@pytest.fixture
async def small_session(gateway: SimulatedGateway) -> Any:
    """Return a session whose client sends and receives messages of up to 4 KiB."""
    async with (
        GatewayClient.connect(
            endpoint=gateway.endpoint, api_key=gateway.api_key, plaintext=True, max_message_bytes=LIMIT
        ) as client,
        client.open_session() as session,
    ):
        yield session


TOO_LARGE: dict[str, Ask] = {
    "AddItemBulk": lambda session: session.add_item_bulk(1, [INT] * 1000),
    "SubscribeBulk": lambda session: session.subscribe_bulk(1, [INT] * 1000),
    "AdviseItemBulk": lambda session: session.advise_item_bulk(1, [1000] * 4000),
    "UnsubscribeBulk": lambda session: session.unsubscribe_bulk(1, [1] * 1000),
    "WriteBulk": lambda session: session.write_bulk(1, [WriteBulkEntry(item_handle=2, value="x" * LIMIT)]),
}


@pytest.mark.parametrize("method", TOO_LARGE)
async def test_command_over_max_message_bytes_raises_before_it_is_sent(
    gateway: SimulatedGateway, small_session: Session, method: str
) -> None:
    with pytest.raises(
        MxGatewayLimitError, match=r"exceeds? max_message_bytes \(4096\) and (was|were) not sent"
    ) as refused:
        await TOO_LARGE[method](small_session)

    assert refused.value.method == method
    assert "split" in str(refused.value.hint)
    assert not commands(gateway)


async def test_read_bulk_is_split_into_messages_that_fit(gateway: SimulatedGateway, small_session: Session) -> None:
    names = [gateway.plant.add(Tag(f"Many.Tag{number}", "integer", number)).name for number in range(300)]
    server = await small_session.register("test")
    readings = await small_session.read_bulk(server, [*names, UNKNOWN, *reversed(names)])

    assert [reading.tag_address for reading in readings] == [*names, UNKNOWN, *reversed(names)]
    assert [reading.value for reading in readings if reading.was_successful] == [*range(300), *reversed(range(300))]
    assert commands(gateway)["READ_BULK"] > 1


async def test_tag_that_fits_into_no_message_raises_before_it_is_sent(
    gateway: SimulatedGateway, small_session: Session
) -> None:
    with pytest.raises(MxGatewayLimitError, match="not sent"):
        await small_session.read_bulk(1, ["x" * LIMIT])
    assert not commands(gateway)
