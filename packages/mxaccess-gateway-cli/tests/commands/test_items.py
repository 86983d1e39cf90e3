"""Commands for servers and items, in an open session."""

from __future__ import annotations

import pytest

from cli_support.command_line import mxgw_py, succeed
from mxgateway import Session
from mxgateway.testing import ItemView, SimulatedGateway
from mxgateway_cli.exit_status import ExitStatus


def _items(gateway: SimulatedGateway) -> list[ItemView]:
    (session,) = gateway.sessions
    return list(session.items)


@pytest.mark.usefixtures("session")
async def test_commands_share_handles(gateway: SimulatedGateway) -> None:
    server_handle = (await succeed("register", "--client-name", "script")).stdout.strip()
    item_handle = (
        await succeed("add-item", "--server-handle", server_handle, "TestChildObject.TestInt")
    ).stdout.strip()
    handles = ("--server-handle", server_handle, "--item-handle", item_handle)

    await succeed("advise", *handles)
    (item,) = _items(gateway)
    assert (str(item.server_handle), str(item.item_handle), item.advised) == (server_handle, item_handle, True)

    await succeed("un-advise", *handles)
    (item,) = _items(gateway)
    assert not item.advised

    await succeed("remove-item", *handles)
    assert not _items(gateway)
    await succeed("unregister", "--server-handle", server_handle)
    result = await mxgw_py("add-item", "--server-handle", server_handle, "TestChildObject.TestInt")
    assert result.status == ExitStatus.MXACCESS


async def test_handles_have_protobuf_json_names(session: Session) -> None:
    server = (await succeed("register", "--json")).record
    item = (await succeed("add-item", "--server-handle", server["serverHandle"], "X.Y", "--json")).record

    assert server == {"sessionId": session.session_id, "serverHandle": server["serverHandle"]}
    assert item == {**server, "itemHandle": item["itemHandle"]}


async def test_add_item_sends_context(gateway: SimulatedGateway, session: Session) -> None:
    server_handle = await session.register("tests")

    await succeed("add-item", "--server-handle", server_handle, "TestInt", "--context", "TestChildObject")

    assert [item.definition for item in _items(gateway)] == ["TestChildObject.TestInt"]
    assert gateway.calls[-1].rpc == "Invoke"


async def test_advise_supervisory_advises_as_supervisory_client(gateway: SimulatedGateway, session: Session) -> None:
    server_handle = await session.register("tests")
    item_handle = await session.add_item(server_handle, "TestChildObject.TestInt")

    await succeed("advise-supervisory", "--server-handle", server_handle, "--item-handle", item_handle)

    assert [item.supervisory for item in _items(gateway)] == [True]


@pytest.mark.usefixtures("advised_item", "session")
async def test_suspend_and_activate_print_mxaccess_status(
    gateway: SimulatedGateway,
) -> None:
    suspended = (await succeed("suspend", "--json")).record
    assert [item.suspended for item in _items(gateway)] == [True]
    activated = (await succeed("activate")).stdout

    assert suspended["status"]["category"] == "MX_STATUS_CATEGORY_OK"
    assert activated.startswith("activated item")
    assert [item.suspended for item in _items(gateway)] == [False]


async def test_buffered_item_is_added_with_update_interval(gateway: SimulatedGateway, session: Session) -> None:
    server_handle = await session.register("tests")

    item = (
        await succeed("add-buffered-item", "--server-handle", server_handle, "TestChildObject.TestInt", "--json")
    ).record
    interval = await succeed(
        "set-buffered-update-interval", "--server-handle", server_handle, "--interval", "250ms", "--json"
    )

    assert [view.item_handle for view in _items(gateway)] == [item["itemHandle"]]
    assert interval.record["updateIntervalMilliseconds"] == 250


@pytest.mark.parametrize("name", ["advise", "advise-supervisory", "un-advise", "remove-item", "suspend", "activate"])
async def test_unknown_handle_is_refused_with_hresult(session: Session, name: str) -> None:
    server_handle = await session.register("tests")

    result = await mxgw_py(name, "--server-handle", server_handle, "--item-handle", 4711, "--json")

    assert result.status == ExitStatus.MXACCESS
    assert (result.error_record["type"], result.error_record["hresult"]) == ("MxAccessError", -2147024809)


@pytest.mark.usefixtures("session")
@pytest.mark.parametrize("handle", ["one", "1.5", 2**40])
async def test_invalid_handle_is_refused(handle: object) -> None:
    result = await mxgw_py("unregister", "--server-handle", handle)

    assert result.status == ExitStatus.USAGE
    assert str(handle) in result.error
