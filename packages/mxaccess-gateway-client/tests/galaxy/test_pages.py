"""Paging is transparent and never mixes two versions of the Galaxy, whatever happens between two pages."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TypeAlias

import grpc
import pytest
from google.protobuf.wrappers_pb2 import Int32Value
from mxaccess_gateway.v1 import galaxy_repository_pb2 as galaxy_pb

from mxgateway import (
    Galaxy,
    GalaxyObject,
    GalaxyObjects,
    GatewayClient,
    MxGatewayAuthorizationError,
    MxGatewayCommandError,
    MxGatewayConfigurationError,
    MxGatewayError,
    MxGatewayGalaxyChangedError,
    MxGatewayLimitError,
    MxGatewayNotFoundError,
    MxGatewayProtocolError,
    MxGatewayTimeoutError,
    MxGatewayTransportError,
    MxGatewayUsageError,
)
from support.scripted_galaxy import Page, ScriptedGalaxy

WHEN = datetime(2026, 1, 5, 8, 0, tzinfo=UTC)

Ask: TypeAlias = Callable[..., GalaxyObjects]


@pytest.fixture(params=["browse_children", "discover"])
def ask(galaxy: Galaxy, request: pytest.FixtureRequest) -> Ask:
    """Request objects with one of the two methods."""
    method: Ask = getattr(galaxy, request.param)
    return method


def numbers(objects: list[GalaxyObject]) -> list[int]:
    """Return the numbers of the objects."""
    return [each.gobject_id for each in objects]


@pytest.mark.parametrize("count", [0, 1, 10, 11, 95])
async def test_every_object_arrives_once_and_in_order(scripted: ScriptedGalaxy, ask: Ask, count: int) -> None:
    scripted.objects = count
    objects = ask(page_size=10)

    assert numbers([each async for each in objects]) == list(range(1, count + 1))
    assert [each async for each in objects] == [], "it ended and stays so"
    assert (objects.delivered, objects.total) == (count, count)


async def test_page_is_requested_only_after_the_previous_one_is_consumed(scripted: ScriptedGalaxy, ask: Ask) -> None:
    scripted.objects = 100_000
    objects = ask(page_size=100)
    assert scripted.received == [], "nothing is sent before the iteration"
    assert objects.total is None

    requested: list[int] = []
    for _ in range(301):
        await anext(objects)
        requested.append(len(scripted.pages))

    assert requested == [1] * 100 + [2] * 100 + [3] * 100 + [4]
    assert objects.total == 100_000


async def test_long_page_does_not_block_the_event_loop(scripted: ScriptedGalaxy, ask: Ask) -> None:
    scripted.objects, scripted.attributes_each = 2_000, 20
    objects = ask(page_size=5_000)
    await anext(objects)
    turns = 0

    async def take_turns() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    other = asyncio.create_task(take_turns())
    async for _ in objects:
        pass
    other.cancel()

    assert turns > 5
    assert objects.delivered == 2_000


async def test_version_that_changes_between_two_pages_raises(scripted: ScriptedGalaxy, ask: Ask) -> None:
    scripted.objects = 30
    objects = ask(page_size=10)
    taken = [await anext(objects) for _ in range(10)]
    scripted.state = 2

    with pytest.raises(MxGatewayGalaxyChangedError, match="from the start") as caught:
        taken += [each async for each in objects]

    assert numbers(taken) == list(range(1, len(taken) + 1))
    assert len(taken) < 30, "it never looks complete"
    assert caught.value.target == scripted.endpoint
    scripted.state = 1
    with pytest.raises(MxGatewayGalaxyChangedError):
        await anext(objects)


async def test_total_that_changes_between_two_pages_raises(scripted: ScriptedGalaxy, ask: Ask) -> None:
    scripted.objects = 30
    objects = ask(page_size=10)
    await anext(objects)
    scripted.objects = 29

    with pytest.raises(MxGatewayGalaxyChangedError):
        _ = [each async for each in objects]

    assert objects.delivered == 10


@pytest.mark.parametrize("status", [grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.NOT_FOUND])
async def test_expired_page_token_means_that_the_galaxy_changed(
    scripted: ScriptedGalaxy, ask: Ask, status: grpc.StatusCode
) -> None:
    scripted.objects = 30
    objects = ask(page_size=10)
    await anext(objects)
    scripted.refusal = (status, "no such page")

    with pytest.raises(MxGatewayGalaxyChangedError, match="no such page") as caught:
        _ = [each async for each in objects]

    assert caught.value.grpc_status is status


async def test_total_may_be_missing_after_the_first_page(scripted: ScriptedGalaxy, ask: Ask) -> None:
    def forget_the_total(page: Page) -> None:
        if isinstance(page, galaxy_pb.BrowseChildrenReply):
            page.total_child_count = 0
        else:
            page.total_object_count = 0

    scripted.objects = 30
    objects = ask(page_size=10)
    await anext(objects)
    scripted.edit_page = forget_the_total

    assert len([each async for each in objects]) == 29
    assert objects.total == 30


async def test_cycle_of_page_tokens_raises(scripted: ScriptedGalaxy, ask: Ask) -> None:
    scripted.objects = 30
    scripted.edit_page = lambda page: setattr(page, "next_page_token", "10")
    objects = ask(page_size=10)

    with pytest.raises(MxGatewayProtocolError, match="form a cycle"):
        _ = [each async for each in objects]

    assert objects.delivered == 10


async def test_page_too_large_for_a_message_is_requested_in_smaller_ones(scripted: ScriptedGalaxy) -> None:
    scripted.objects, scripted.attributes_each = 300, 50
    async with GatewayClient.connect(endpoint=scripted.endpoint, plaintext=True, max_message_bytes=64 * 1024) as client:
        objects = client.galaxy.discover(page_size=300)

        assert numbers([each async for each in objects]) == list(range(1, 301))

    assert len(scripted.pages) > 300 * 50 * 20 // (64 * 1024)


async def test_object_too_large_for_a_message_raises(scripted: ScriptedGalaxy) -> None:
    scripted.objects, scripted.attributes_each = 3, 200
    async with GatewayClient.connect(endpoint=scripted.endpoint, plaintext=True, max_message_bytes=2048) as client:
        with pytest.raises(MxGatewayLimitError, match="raise max_message_bytes"):
            await anext(client.galaxy.browse_children(page_size=2))


async def test_other_limit_errors_are_not_retried(scripted: ScriptedGalaxy, ask: Ask) -> None:
    scripted.refusal = (grpc.StatusCode.RESOURCE_EXHAUSTED, "too many calls")

    with pytest.raises(MxGatewayLimitError, match="too many calls"):
        await anext(ask())

    assert len(scripted.received) == 1


async def test_iteration_continues_with_the_same_page_after_a_lost_connection(
    scripted: ScriptedGalaxy, ask: Ask
) -> None:
    scripted.objects = 30
    objects = ask(page_size=10)
    taken = [await anext(objects) for _ in range(10)]
    scripted.refusal = (grpc.StatusCode.UNAVAILABLE, "restarting")

    with pytest.raises(MxGatewayTransportError, match="restarting"):
        await anext(objects)
    scripted.refusal = None
    taken += [each async for each in objects]

    assert numbers(taken) == list(range(1, 31))


async def test_cancelling_a_wait_for_a_page_loses_nothing(scripted: ScriptedGalaxy, ask: Ask) -> None:
    scripted.objects = 30
    objects = ask(page_size=10)
    taken = [await anext(objects) for _ in range(10)]
    scripted.held = asyncio.Event()

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.02):
            await anext(objects)
    scripted.held.set()
    taken += [each async for each in objects]

    assert numbers(taken) == list(range(1, 31))


async def test_page_that_arrives_late_raises_a_timeout(scripted: ScriptedGalaxy, ask: Ask) -> None:
    scripted.held = asyncio.Event()

    with pytest.raises(MxGatewayTimeoutError, match=r"\(0\.02 s\)"):
        await anext(ask(timeout=0.02))


async def test_two_tasks_cannot_wait_on_one_iterator(scripted: ScriptedGalaxy, ask: Ask) -> None:
    scripted.objects = 1
    objects = ask()

    first, second = await asyncio.gather(anext(objects), anext(objects), return_exceptions=True)

    assert isinstance(first, GalaxyObject)
    assert isinstance(second, MxGatewayUsageError)
    assert "another task" in str(second)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (grpc.StatusCode.NOT_FOUND, MxGatewayNotFoundError),
        (grpc.StatusCode.INVALID_ARGUMENT, MxGatewayCommandError),
        (grpc.StatusCode.FAILED_PRECONDITION, MxGatewayCommandError),
        (grpc.StatusCode.ABORTED, MxGatewayCommandError),
        (grpc.StatusCode.PERMISSION_DENIED, MxGatewayAuthorizationError),
    ],
)
async def test_galaxy_calls_never_raise_session_errors(
    scripted: ScriptedGalaxy, galaxy: Galaxy, ask: Ask, status: grpc.StatusCode, kind: type[MxGatewayError]
) -> None:
    scripted.refusal = (status, "as told")

    for question in (anext(ask("NoSuchObject")), galaxy.test_connection(), anext(galaxy.watch_deploys())):
        with pytest.raises(MxGatewayError, match="as told") as caught:
            await question
        assert type(caught.value) is kind
        assert caught.value.session_id is None


async def test_has_children_is_known_only_when_browsing(scripted: ScriptedGalaxy, galaxy: Galaxy) -> None:
    scripted.objects = 2

    assert [each.has_children async for each in galaxy.browse_children()] == [True, False]
    assert [each.has_children async for each in galaxy.discover()] == [None, None]

    def forget(page: Page) -> None:
        assert isinstance(page, galaxy_pb.BrowseChildrenReply)
        del page.child_has_children[1:]

    scripted.edit_page = forget
    assert [each.has_children async for each in galaxy.browse_children()] == [True, None]


async def test_every_argument_reaches_the_gateway(scripted: ScriptedGalaxy, galaxy: Galaxy) -> None:
    parent = GalaxyObject(gobject_id=7, tag_name="TestPlant")
    _ = [
        each
        async for each in galaxy.browse_children(
            parent,
            page_size=20,
            category_ids=[10, 13],
            template_chain_contains=("$Pump",),
            tag_name_glob="Test*",
            include_attributes=False,
            alarm_bearing_only=True,
            historized_only=True,
        )
    ]
    _ = [each async for each in galaxy.discover("TestPlant", max_depth=0)]
    _ = [each async for each in galaxy.discover(contained_path="TestPlant/Pump")]
    _ = [each async for each in galaxy.discover(7)]
    _ = [each async for each in galaxy.discover()]

    assert scripted.pages == [
        galaxy_pb.BrowseChildrenRequest(
            parent_gobject_id=7,
            page_size=20,
            category_ids=[10, 13],
            template_chain_contains=["$Pump"],
            tag_name_glob="Test*",
            include_attributes=False,
            alarm_bearing_only=True,
            historized_only=True,
        ),
        galaxy_pb.DiscoverHierarchyRequest(
            root_tag_name="TestPlant", max_depth=Int32Value(value=0), page_size=500, include_attributes=True
        ),
        galaxy_pb.DiscoverHierarchyRequest(
            root_contained_path="TestPlant/Pump", page_size=500, include_attributes=True
        ),
        galaxy_pb.DiscoverHierarchyRequest(root_gobject_id=7, page_size=500, include_attributes=True),
        galaxy_pb.DiscoverHierarchyRequest(page_size=500, include_attributes=True),
    ]


@pytest.mark.parametrize("place", ["", " ", 2**31, -(2**31) - 1, 1.5])
async def test_invalid_place_raises_before_anything_is_sent(ask: Ask, place: object) -> None:
    with pytest.raises(MxGatewayConfigurationError):
        ask(place)


async def test_invalid_arguments_raise_before_anything_is_sent(scripted: ScriptedGalaxy, galaxy: Galaxy) -> None:
    with pytest.raises(TypeError, match="parent or contained_path, not both"):
        galaxy.browse_children("TestPlant", contained_path="TestPlant")
    with pytest.raises(MxGatewayConfigurationError, match="root is empty"):
        galaxy.discover(contained_path="")
    with pytest.raises(TypeError, match=r"must be a list of str, such as \['\$Pump'\]"):
        galaxy.discover(template_chain_contains="$Pump")
    for page_size in (0, -1, 5001):
        with pytest.raises(MxGatewayConfigurationError, match="page_size"):
            galaxy.discover(page_size=page_size)
    for max_depth in (-1, 2**31):
        with pytest.raises(MxGatewayConfigurationError, match="max_depth"):
            galaxy.discover(max_depth=max_depth)
    with pytest.raises(MxGatewayConfigurationError, match="timeout"):
        galaxy.browse_children(timeout=0)
    with pytest.raises(ValueError, match="no time zone"):
        galaxy.watch_deploys(datetime(2026, 1, 1))  # noqa: DTZ001 - that is the mistake

    assert scripted.received == []
