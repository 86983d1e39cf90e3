"""Deploy times and deploy events, and replies about them that are invalid."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from mxaccess_gateway.v1 import galaxy_repository_pb2 as galaxy_pb

from mxgateway import (
    Galaxy,
    MxGatewayEventLossError,
    MxGatewayProtocolError,
    MxGatewayStreamEndedError,
)
from support.scripted_galaxy import ScriptedGalaxy

WHEN = datetime(2026, 1, 5, 8, 0, tzinfo=UTC)


async def test_reply_without_a_deploy_time_is_none(scripted: ScriptedGalaxy, galaxy: Galaxy) -> None:
    assert await galaxy.last_deploy_time() is None

    scripted.deploy_time_reply.present = True
    scripted.deploy_time_reply.time_of_last_deploy.FromDatetime(WHEN)
    assert await galaxy.last_deploy_time() == WHEN


@pytest.mark.parametrize(
    "reply",
    [
        galaxy_pb.GetLastDeployTimeReply(present=True),
        galaxy_pb.GetLastDeployTimeReply(present=True, time_of_last_deploy=Timestamp(seconds=10**17)),
    ],
)
async def test_invalid_deploy_time_raises(
    scripted: ScriptedGalaxy, galaxy: Galaxy, reply: galaxy_pb.GetLastDeployTimeReply
) -> None:
    scripted.deploy_time_reply = reply

    with pytest.raises(MxGatewayProtocolError):
        await galaxy.last_deploy_time()


async def test_test_connection_returns_false_for_a_database_that_is_down(
    scripted: ScriptedGalaxy, galaxy: Galaxy
) -> None:
    assert await galaxy.test_connection() is True

    scripted.connected = False
    assert await galaxy.test_connection() is False


async def test_deploy_events_have_every_field(scripted: ScriptedGalaxy, galaxy: Galaxy) -> None:
    when = Timestamp()
    when.FromDatetime(WHEN)
    scripted.deploys = [
        galaxy_pb.DeployEvent(
            sequence=7, observed_at=when, time_of_last_deploy=when, object_count=3, attribute_count=9
        ),
        galaxy_pb.DeployEvent(sequence=8, observed_at=Timestamp(seconds=10**17)),
    ]

    async with galaxy.watch_deploys(WHEN) as watch:
        present, later = await anext(watch), await anext(watch)

    assert (present.sequence, present.object_count, present.attribute_count) == (7, 3, 9)
    assert (present.observed_at, present.time_of_last_deploy) == (WHEN, WHEN)
    assert (later.sequence, later.time_of_last_deploy) == (8, None)
    with pytest.raises(ValueError, match="outside the years"):
        _ = later.observed_at
    assert scripted.received == [galaxy_pb.WatchDeployEventsRequest(last_seen_deploy_time=when)]


@pytest.mark.parametrize(
    ("sequences", "problem"),
    [
        ((3, 4, 7), "has a gap (2 missing): 7 follows 4"),
        ((3, 4, 0, 7), "has a gap (2 missing): 7 follows 4"),
        ((3, 4, 4), "runs backwards: 4 follows 4"),
        ((3, 4, 1), "runs backwards: 1 follows 4"),
    ],
)
async def test_missed_deploys_raise(
    scripted: ScriptedGalaxy, galaxy: Galaxy, sequences: tuple[int, ...], problem: str
) -> None:
    scripted.deploys = [galaxy_pb.DeployEvent(sequence=sequence) for sequence in sequences]
    watch = galaxy.watch_deploys()

    assert [(await anext(watch)).sequence for _ in sequences[:-1]] == list(sequences[:-1])
    with pytest.raises(MxGatewayEventLossError, match=re.escape(problem)) as caught:
        await anext(watch)

    assert caught.value.method == "WatchDeployEvents"
    assert caught.value.hint is not None
    assert not watch.is_open


async def test_deploys_without_sequence_are_accepted(scripted: ScriptedGalaxy, galaxy: Galaxy) -> None:
    scripted.deploys = [galaxy_pb.DeployEvent(object_count=count) for count in (1, 2, 3)]

    async with galaxy.watch_deploys() as watch:
        assert [(await anext(watch)).object_count for _ in range(3)] == [1, 2, 3]


async def test_watch_that_the_gateway_ends_raises_even_with_ok(scripted: ScriptedGalaxy, galaxy: Galaxy) -> None:
    scripted.end_of_deploys = True

    with pytest.raises(MxGatewayStreamEndedError):
        await anext(galaxy.watch_deploys())
