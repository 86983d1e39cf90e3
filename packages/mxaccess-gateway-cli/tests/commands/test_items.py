"""A command for each MXAccess method of servers and items, on a session that is open already."""

from __future__ import annotations

import pytest

from cli_support.command_line import good, mxgw_py
from mxgateway import Session
from mxgateway.testing import ItemView, SimulatedGateway
from mxgateway_cli.exit_status import ExitStatus


def _items(gateway: SimulatedGateway) -> list[ItemView]:
    (session,) = gateway.sessions
    return list(session.items)


@pytest.mark.usefixtures("session")
async def test_handles_go_from_command_to_command(gateway: SimulatedGateway) -> None:
    server_handle = (await good("register", "--client-name", "script")).stdout.strip()
    item_handle = (
        await good("add-item", "--server-handle", server_handle, "--item", "TestChildObject.TestInt")
    ).stdout.strip()
    handles = ("--server-handle", server_handle, "--item-handle", item_handle)

    await good("advise", *handles)
    (item,) = _items(gateway)
    assert (str(item.server_handle), str(item.item_handle), item.advised) == (server_handle, item_handle, True)

    await good("un-advise", *handles)
    (item,) = _items(gateway)
    assert not item.advised

    await good("remove-item", *handles)
    assert not _items(gateway)
    await good("unregister", "--server-handle", server_handle)
    result = await mxgw_py("add-item", "--server-handle", server_handle, "--item", "TestChildObject.TestInt")
    assert result.status == ExitStatus.MXACCESS


async def test_the_commands_print_their_handles_in_protobuf_json_names(session: Session) -> None:
    server = (await good("register", "--json")).record
    item = (await good("add-item", "--server-handle", server["serverHandle"], "--item", "X.Y", "--json")).record

    assert server == {"sessionId": session.session_id, "serverHandle": server["serverHandle"]}
    assert item == {**server, "itemHandle": item["itemHandle"]}


async def test_add_item_takes_a_context(gateway: SimulatedGateway, session: Session) -> None:
    server_handle = await session.register("tests")

    await good("add-item", "--server-handle", server_handle, "--item", "TestInt", "--context", "TestChildObject")

    assert [item.definition for item in _items(gateway)] == ["TestChildObject.TestInt"]
    assert gateway.calls[-1].rpc == "Invoke"


async def test_a_supervisory_advise_is_one(gateway: SimulatedGateway, session: Session) -> None:
    server_handle = await session.register("tests")
    item_handle = await session.add_item(server_handle, "TestChildObject.TestInt")

    await good("advise-supervisory", "--server-handle", server_handle, "--item-handle", item_handle)

    assert [item.supervisory for item in _items(gateway)] == [True]


@pytest.mark.usefixtures("advised_item", "session")
async def test_suspend_and_activate_print_the_status_of_mxaccess(
    gateway: SimulatedGateway,
) -> None:
    suspended = (await good("suspend", "--json")).record
    assert [item.suspended for item in _items(gateway)] == [True]
    activated = (await good("activate")).stdout

    assert suspended["status"]["category"] == "MX_STATUS_CATEGORY_OK"
    assert activated.startswith("activated item")
    assert [item.suspended for item in _items(gateway)] == [False]


async def test_buffered_items_are_added_and_get_their_interval(gateway: SimulatedGateway, session: Session) -> None:
    server_handle = await session.register("tests")

    item = (
        await good("add-buffered-item", "--server-handle", server_handle, "--item", "TestChildObject.TestInt", "--json")
    ).record
    interval = await good(
        "set-buffered-update-interval", "--server-handle", server_handle, "--interval-ms", 250, "--json"
    )

    assert [view.item_handle for view in _items(gateway)] == [item["itemHandle"]]
    assert interval.record["updateIntervalMilliseconds"] == 250


@pytest.mark.parametrize("name", ["advise", "advise-supervisory", "un-advise", "remove-item", "suspend", "activate"])
async def test_a_handle_that_mxaccess_never_gave_is_refused_with_its_hresult(session: Session, name: str) -> None:
    server_handle = await session.register("tests")

    result = await mxgw_py(name, "--server-handle", server_handle, "--item-handle", 4711, "--json")

    assert result.status == ExitStatus.MXACCESS
    assert (result.error_record["type"], result.error_record["hresult"]) == ("MxAccessError", -2147024809)


@pytest.mark.usefixtures("session")
@pytest.mark.parametrize("handle", ["one", "1.5", 2**40])
async def test_what_is_no_handle_is_refused(handle: object) -> None:
    result = await mxgw_py("unregister", "--server-handle", handle)

    assert result.status == ExitStatus.USAGE
    assert str(handle) in result.error
