"""A bulk reply with results out of order never assigns a handle or a value to the wrong entry."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeAlias

import pytest
from mxaccess_gateway.v1 import mxaccess_gateway_pb2 as pb

from mxgateway import MxGatewayProtocolError, Session, WriteBulkEntry
from support.scripted_gateway import ScriptedGateway

Command: TypeAlias = Callable[[Session], Awaitable[tuple[object, ...]]]

TAGS = ("A.B", "C.D", "E.F")
HANDLES = (2, 3, 4)
BY_TAG: dict[str, Command] = {
    "add_item_bulk": lambda session: session.add_item_bulk(1, TAGS),
    "subscribe_bulk": lambda session: session.subscribe_bulk(1, TAGS),
    "read_bulk": lambda session: session.read_bulk(1, TAGS),
}
BY_HANDLE: dict[str, Command] = {
    "advise_item_bulk": lambda session: session.advise_item_bulk(1, HANDLES),
    "unsubscribe_bulk": lambda session: session.unsubscribe_bulk(1, HANDLES),
    "write_bulk": lambda session: session.write_bulk(
        1, [WriteBulkEntry(item_handle=handle, value=5) for handle in HANDLES]
    ),
}


def script_results(scripted: ScriptedGateway, arm: str, field: str, values: tuple[str | int, ...]) -> None:
    """Let the gateway reply with one successful result for each value of the field."""

    def edit(reply: pb.MxCommandReply) -> None:
        for value in values:
            getattr(reply, arm).results.add(was_successful=True, **{field: value})

    scripted.edit_reply = edit


@pytest.mark.parametrize("addresses", [("C.D", "A.B", "E.F"), ("A.B", "A.B", "E.F")], ids=["reordered", "duplicated"])
@pytest.mark.parametrize("name", BY_TAG)
async def test_bulk_results_for_other_tags_are_rejected(
    scripted: ScriptedGateway, scripted_session: Session, name: str, addresses: tuple[str, ...]
) -> None:
    script_results(scripted, name, "tag_address", addresses)

    with pytest.raises(MxGatewayProtocolError, match=r"result \d is for '.\..', but entry \d is '.\..'"):
        await BY_TAG[name](scripted_session)


@pytest.mark.parametrize("handles", [(3, 2, 4), (2, 2, 4)], ids=["reordered", "duplicated"])
@pytest.mark.parametrize("name", BY_HANDLE)
async def test_bulk_results_for_other_handles_are_rejected(
    scripted: ScriptedGateway, scripted_session: Session, name: str, handles: tuple[int, ...]
) -> None:
    script_results(scripted, name, "item_handle", handles)

    with pytest.raises(MxGatewayProtocolError, match=r"result \d is for \d, but entry \d is \d"):
        await BY_HANDLE[name](scripted_session)


@pytest.mark.parametrize("addresses", [("A.B[]", "c.d", "Object.E.F"), ("",) * 3], ids=["other spellings", "empty"])
@pytest.mark.parametrize("name", BY_TAG)
async def test_gateway_may_spell_tags_differently(
    scripted: ScriptedGateway, scripted_session: Session, name: str, addresses: tuple[str, ...]
) -> None:
    script_results(scripted, name, "tag_address", addresses)

    assert len(await BY_TAG[name](scripted_session)) == 3


@pytest.mark.parametrize("handle", [0, -1, -(2**31), 2**31 - 1])
@pytest.mark.parametrize("name", BY_HANDLE)
async def test_unrequested_handle_is_returned_unchanged(
    scripted: ScriptedGateway, scripted_session: Session, name: str, handle: int
) -> None:
    script_results(scripted, name, "item_handle", (handle,) * 3)

    assert [getattr(result, "item_handle", None) for result in await BY_HANDLE[name](scripted_session)] == [handle] * 3


async def test_duplicate_tag_gets_two_results(scripted: ScriptedGateway, scripted_session: Session) -> None:
    script_results(scripted, "add_item_bulk", "tag_address", ("A.B", "A.B"))

    assert len(await scripted_session.add_item_bulk(1, ["A.B", "A.B"])) == 2


BOTH_SPELLINGS: dict[str, Command] = {
    "add_item_bulk": lambda session: session.add_item_bulk(1, ("A.B", "A.B[]")),
    "subscribe_bulk": lambda session: session.subscribe_bulk(1, ("A.B", "A.B[]")),
    "read_bulk": lambda session: session.read_bulk(1, ("A.B", "A.B[]")),
}


@pytest.mark.parametrize("name", BOTH_SPELLINGS)
async def test_gateway_may_append_brackets_to_a_tag_requested_in_both_spellings(
    scripted: ScriptedGateway, scripted_session: Session, name: str
) -> None:
    script_results(scripted, name, "tag_address", ("A.B[]", "A.B[]"))

    assert len(await BOTH_SPELLINGS[name](scripted_session)) == 2


@pytest.mark.parametrize("name", BOTH_SPELLINGS)
async def test_swapped_results_of_both_spellings_are_rejected(
    scripted: ScriptedGateway, scripted_session: Session, name: str
) -> None:
    script_results(scripted, name, "tag_address", ("A.B[]", "A.B"))

    with pytest.raises(MxGatewayProtocolError, match=r"result 1 is for 'A\.B', but entry 1 is 'A\.B\[\]'"):
        await BOTH_SPELLINGS[name](scripted_session)
