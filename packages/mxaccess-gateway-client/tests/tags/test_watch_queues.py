"""A watch with a slow reader: it loses only its own changes, and reports the loss."""

from __future__ import annotations

import pytest

from mxgateway import (
    GatewayClient,
    MxGatewayConfigurationError,
    MxGatewayLimitError,
    OverflowPolicy,
    TagChange,
    TagClient,
    TagOptions,
    TagWatch,
    WatchGap,
    WatchItem,
)
from mxgateway.testing import SimulatedGateway
from support.tagging import (
    INT,
    STRING,
    first_values,
    following,
    following_change,
    until_value,
)


def last_of(changes: list[WatchItem]) -> object:
    change = changes[-1]
    assert isinstance(change, TagChange)
    return change.value


async def overrun(gateway: SimulatedGateway, watch: TagWatch, other: TagWatch) -> None:
    """Cause more changes than a watch can queue, while another watch receives all of them."""
    for number in range(10):
        gateway.plant[INT].set(number)
    assert last_of(await until_value(other, 9)) == 9
    assert watch.pending


@pytest.mark.parametrize("policy", OverflowPolicy)
async def test_a_slow_reader_does_not_affect_other_watches(
    gateway: SimulatedGateway, tags: TagClient, policy: OverflowPolicy
) -> None:
    async with tags.watch(INT, queue_size=1, overflow=policy), tags.watch(INT) as quick:
        for number in range(1000):
            gateway.plant[INT].set(number)
        values = [item.value for item in await until_value(quick, 999) if isinstance(item, TagChange)]

    assert values[-1000:] == list(range(1000))
    assert quick.dropped == 0


async def test_drop_oldest_leaves_a_gap_that_counts_the_dropped_changes(
    gateway: SimulatedGateway, tags: TagClient
) -> None:
    async with tags.watch(INT, queue_size=3) as slow, tags.watch(INT) as quick:
        await overrun(gateway, slow, quick)

        assert slow.dropped == 8  # the first value and 0 to 6
        assert await following(slow) == WatchGap(dropped=8)
        assert [(await following_change(slow)).value for _ in range(3)] == [7, 8, 9]
        assert slow.pending == 0

        await overrun(gateway, slow, quick)
        assert await following(slow) == WatchGap(dropped=7)
        assert slow.dropped == 15


async def test_latest_keeps_the_newest_change_of_each_tag(gateway: SimulatedGateway, tags: TagClient) -> None:
    async with tags.watch(INT, STRING, overflow=OverflowPolicy.LATEST) as slow, tags.watch(INT, STRING) as quick:
        await first_values(slow, 2)
        gateway.plant[STRING].set("a")
        gateway.plant[INT].set(1)
        gateway.plant[STRING].set("b")
        await until_value(quick, "b")

        assert slow.pending == 2
        assert slow.dropped == 1
        assert [(await following_change(slow)).value for _ in range(2)] == ["b", 1]


async def test_raise_ends_the_watch_after_its_queued_items(gateway: SimulatedGateway, tags: TagClient) -> None:
    async with tags.watch(INT, queue_size=3, overflow=OverflowPolicy.RAISE) as slow, tags.watch(INT) as quick:
        await overrun(gateway, slow, quick)

        assert [(await following_change(slow)).value for _ in range(2)] == [42, 0]
        gateway.plant[INT].set(100)
        await until_value(quick, 100)
        assert (await following_change(slow)).value == 1
        for _ in range(2):
            with pytest.raises(MxGatewayLimitError, match="is 3 changes behind"):
                await anext(slow)


async def test_watches_use_the_policy_and_the_size_of_the_client(
    gateway: SimulatedGateway, client: GatewayClient
) -> None:
    options = TagOptions(client_name="test", queue_size=2, overflow=OverflowPolicy.RAISE)
    async with client.tags(options) as tags, tags.watch(INT) as slow, tags.watch(INT, queue_size=100) as quick:
        assert tags.options is options
        await overrun(gateway, slow, quick)
        await first_values(slow, 2)
        with pytest.raises(MxGatewayLimitError, match="is 2 changes behind"):
            await anext(slow)


@pytest.mark.parametrize("text", ["raise", "latest", "drop-oldest"])
async def test_text_that_names_an_overflow_policy_is_that_policy(tags: TagClient, text: str) -> None:
    options = TagOptions(client_name="test", overflow=text)  # type: ignore[arg-type]  # accepted without a type checker

    assert options.overflow is OverflowPolicy(text)
    tags.watch(INT, overflow=text).close()  # type: ignore[arg-type]  # as above


async def test_other_text_is_refused_as_an_overflow_policy(tags: TagClient) -> None:
    with pytest.raises(MxGatewayConfigurationError, match="invalid overflow policy 'newest'"):
        TagOptions(client_name="test", overflow="newest")  # type: ignore[arg-type]  # the mistake under test
    with pytest.raises(MxGatewayConfigurationError, match="invalid overflow policy 'newest'"):
        tags.watch(INT, overflow="newest")  # type: ignore[arg-type]  # the mistake under test
