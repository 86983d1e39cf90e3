"""What a person sees who tries the library in a terminal or a notebook."""

from __future__ import annotations

import pytest

import mxgateway
from mxgateway import GatewayClient, MxGatewayConfigurationError, TagClient
from mxgateway.testing import SimulatedGateway
from support.tagging import DOUBLE, INT, STRING, UNKNOWN, following_change, lost


async def test_endpoint_may_be_the_first_argument(gateway: SimulatedGateway) -> None:
    async with GatewayClient.connect(gateway.endpoint, api_key=gateway.api_key, plaintext=True) as client:
        assert client.endpoint == gateway.endpoint
    with pytest.raises(TypeError, match="one endpoint"):
        GatewayClient.connect("localhost:5000", endpoint="localhost:5001")
    with pytest.raises(MxGatewayConfigurationError, match="is not host:port"):
        GatewayClient.connect("localhost")


def test_key_in_place_of_the_endpoint_is_not_shown() -> None:
    with pytest.raises(MxGatewayConfigurationError) as wrong:
        GatewayClient.connect("mxgw_0a1b2c3d_secret-of-the-key")

    assert "secret-of-the-key" not in str(wrong.value)


async def test_forgotten_await_says_what_to_do(client: GatewayClient) -> None:
    unopened = (
        (GatewayClient.connect("localhost:5000"), "tags", "GatewayClient.connect(...)"),
        (client.tags("test"), "read", "client.tags(...)"),
        (client.open_session(), "register", "client.open_session(...)"),
    )
    for opening, name, call in unopened:
        with pytest.raises(AttributeError) as forgotten:
            getattr(opening, name)
        assert str(forgotten.value) == (
            f"{call} is not open yet and has no {name!r}: await it, or use async with {call} as ..."
        )
        assert repr(opening) == f"<{call}, not open yet: await it, or use async with>"
        assert not hasattr(opening, "_repr_html_")


async def test_reprs_say_what_the_objects_are(gateway: SimulatedGateway) -> None:
    endpoint = gateway.endpoint
    client = await GatewayClient.connect(endpoint, api_key=gateway.api_key, plaintext=True)
    session = await client.open_session()
    stream = session.stream_events()
    shown = [repr(client), repr(session), repr(stream), repr(client.galaxy)]
    async with stream:
        shown.append(repr(stream))
    shown.append(repr(stream))
    await session.close()
    await client.close()
    shown += [repr(session), repr(client)]

    id_ = session.session_id
    assert shown == [
        f"<GatewayClient {endpoint}, plaintext, open>",
        f"<Session {id_} at {endpoint}, open>",
        f"<EventStream of {id_} at {endpoint}, not begun, 0 pending>",
        f"<Galaxy at {endpoint}>",
        f"<EventStream of {id_} at {endpoint}, open, 0 pending>",
        f"<EventStream of {id_} at {endpoint}, closed, 0 pending>",
        f"<Session {id_} at {endpoint}, closed>",
        f"<GatewayClient {endpoint}, plaintext, closed>",
    ]
    assert gateway.api_key not in "".join(shown)


async def test_reprs_of_tags_and_watches_say_their_state(gateway: SimulatedGateway, client: GatewayClient) -> None:
    async with client.tags("test", reconnect_delay=60, longest_reconnect_delay=60) as tags:
        id_ = gateway.sessions[0].session_id
        assert repr(tags) == f"<TagClient 'test' at {gateway.endpoint}, {id_}, open>"
        watch = tags.watch(INT, STRING, DOUBLE, UNKNOWN)
        assert repr(watch) == f"<TagWatch of {INT}, {STRING}, {DOUBLE} and 1 more, not begun, 0 pending, 0 dropped>"
        async with watch:
            await following_change(watch)
            assert ", open, " in repr(watch)
        assert repr(watch).endswith(", closed, 0 pending, 0 dropped>")
        async with tags.watch(INT) as watch:
            await following_change(watch)
            await gateway.faults.drop_connections()
            await lost(watch)
            assert repr(tags).endswith(", connection lost>")
    assert repr(tags) == f"<TagClient 'test' at {gateway.endpoint}, closed>"


async def test_repr_of_an_alarm_watch_says_its_state(client: GatewayClient) -> None:
    watch = client.watch_alarms()
    assert repr(watch) == "<AlarmWatch, not complete, 0 active, 0 pending, 0 dropped>"
    async with watch:
        assert repr(watch).startswith("<AlarmWatch, complete, ")
    assert repr(watch).startswith("<AlarmWatch, ended, ")


async def test_client_name_in_a_repr_hides_a_key(client: GatewayClient) -> None:
    async with client.tags("mxgw_0a1b2c3d_secret-of-the-key") as tags:
        assert "secret-of-the-key" not in repr(tags)


async def test_dir_lists_public_names_only(gateway: SimulatedGateway, client: GatewayClient, tags: TagClient) -> None:
    async with client.open_session() as session:
        objects = [mxgateway, client, session, session.stream_events(), client.galaxy, client.open_session()]
        objects += [gateway, tags, tags.watch(INT), tags.poll(INT), client.stream_alarms(), client.watch_alarms()]
        for each in objects:
            assert not [name for name in dir(each) if name.startswith("_")], each

    assert {"read", "write", "watch", "wait_for", "poll"} <= set(dir(tags))
    assert {"connect", "tags", "endpoint", "close"} <= set(dir(client))
    assert "GatewayClient" in dir(mxgateway)


async def test_change_of_an_unknown_tag_says_why(tags: TagClient) -> None:
    async with tags.watch(UNKNOWN, INT) as watch:
        changes = {change.tag: change for change in (await following_change(watch), await following_change(watch))}

    error = changes[UNKNOWN].error
    assert error is not None
    assert f"{UNKNOWN} has no valid value" in str(error)
    assert "invalid reference" in str(error)
    assert [status.detail for status in error.statuses] == [6]
    assert "invalid reference" in repr(changes[UNKNOWN])
    assert changes[INT].error is None
