"""A JetStream stream keeps the session of its forwarder, however many tags that has, and however little it keeps."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from mxgateway import SavedSession
from mxgateway.forwarding import JetStreamOptions, JetStreamSink, LaneState
from support.nats import NatsServer
from support.recording import LOST, WHEN, change

MANY = {f"Area_{number:06}.Pump_Ä.Speed": number + 1 for number in range(100_000)}


def session(handles: dict[str, int], **fields: Any) -> SavedSession:
    """Return a session with these tags."""
    return SavedSession(
        endpoint="gateway:5001",
        session_id="session-1",
        server_handle=7,
        supervisory=False,
        item_handles=handles,
        sequence=fields.pop("sequence", 0),
        heard=fields.pop("heard", datetime.now(UTC)),
    )


def sink(server: NatsServer) -> JetStreamSink:
    """Return a sink for the stream PLANT."""
    return JetStreamSink(JetStreamOptions(servers=[server.url], stream="PLANT", subject_prefix="plant"))


async def state(server: NatsServer) -> tuple[LaneState | None, datetime | None]:
    """Return what a successor finds, and when the last record was received."""
    successor = sink(server)
    try:
        when = await successor.open()
        return successor.lane_state, when
    finally:
        await successor.close()


async def create(server: NatsServer, **limits: Any) -> None:
    """Create the stream PLANT with limits."""
    async with server.client() as client:
        await client.jetstream().add_stream(name="PLANT", subjects=["plant.>"], **limits)


@pytest.mark.parametrize("limits", [{}, {"max_msgs_per_subject": 1}], ids=["all messages", "the last of each subject"])
async def test_the_handles_of_many_tags_are_kept_in_several_messages(
    nats_server: NatsServer, limits: dict[str, Any]
) -> None:
    await create(nats_server, **limits)
    first = sink(nats_server)
    await first.open()
    for _ in range(2):
        await first.save_lane("me", session(MANY))
    await first.write([change(1, 5)])
    await first.close()

    found, when = await state(nats_server)
    assert found == LaneState(owner="me", session=session(MANY, sequence=5, heard=WHEN))
    assert when == WHEN


async def test_a_server_that_accepts_small_messages_only_gets_small_ones(tmp_path: Path) -> None:
    settings = tmp_path / "nats.conf"
    await asyncio.to_thread(settings.write_text, "max_payload: 20000\n")
    server = NatsServer(tmp_path / "nats", arguments=("-c", str(settings)))
    await server.start()
    handles = dict(list(MANY.items())[:2_000])
    first = sink(server)
    await first.open()
    await first.save_lane("me", session(handles))
    await first.write([change(1, 5)])
    await first.close()

    found, _ = await state(server)
    assert found is not None
    assert found.session is not None
    assert found.session.item_handles == handles
    await server.kill()


async def test_the_session_is_stored_again_before_the_stream_drops_it(nats_server: NatsServer) -> None:
    await create(nats_server, max_msgs=20)
    first = sink(nats_server)
    await first.open()
    await first.save_lane("me", session({"A.B": 1}))
    for number in range(1, 100):
        await first.write([change(number, number)])
    await first.close()

    found, _ = await state(nats_server)
    assert found is not None
    assert found.session is not None
    assert (found.session.sequence, found.session.item_handles) == (99, {"A.B": 1})


async def test_a_session_of_which_messages_are_missing_is_not_continued(nats_server: NatsServer) -> None:
    first = sink(nats_server)
    await first.open()
    await first.save_lane("me", session(MANY))
    await first.write([change(1, 5)])
    await first.close()
    async with nats_server.client() as client:
        await client.jetstream().delete_msg("PLANT", 1)

    found, when = await state(nats_server)
    assert found == LaneState(owner="me", session=None)
    assert when == WHEN


async def test_the_position_is_known_after_a_record_that_is_no_change(nats_server: NatsServer) -> None:
    first = sink(nats_server)
    await first.open()
    await first.save_lane("me", session({"A.B": 1}))
    await first.write([change(1, 5), LOST])
    await first.save_lane("me", session({"A.B": 1, "A.C": 2}))
    await first.close()

    found, when = await state(nats_server)
    assert found == LaneState(owner="me", session=session({"A.B": 1, "A.C": 2}, sequence=5, heard=WHEN))
    assert when == WHEN
