"""Arrays are written through their `[]` name, at the length that they have in the plant, or not at all."""

from __future__ import annotations

import asyncio

import pytest
from mxaccess_gateway.v1 import mxaccess_gateway_pb2 as pb

from mxgateway import (
    GatewayClient,
    MxAccessError,
    MxDataType,
    MxGatewayArrayLengthError,
    MxGatewayTimeoutError,
    SparseArray,
    TagClient,
    WriteState,
    to_mx_value,
)
from mxgateway.testing import SimulatedGateway
from support.scripted_gateway import ScriptedGateway
from support.tagging import ARRAY, INT, STRING, UNKNOWN, advised, commands, following_change, until_value, writes

MATRIX = "TestChildObject.TestIntMatrix"
RESIZABLE = "TestChildObject.TestResizableArray"
INTEGER = MxDataType.INTEGER


@pytest.mark.parametrize("name", [ARRAY, f"{ARRAY}[]"], ids=["bare name", "brackets"])
async def test_an_array_is_written_although_the_gateway_appends_no_brackets(
    tags: TagClient, gateway: SimulatedGateway, name: str
) -> None:
    with gateway.faults.galaxy_down(snapshot=False):
        await tags.write(name, [5, 4, 3, 2, 1])
        assert gateway.plant[ARRAY].value == (5, 4, 3, 2, 1)

        (outcome,) = await tags.write_many({name: [6, 7, 8, 9, 10]})
    assert outcome.tag == name
    assert outcome.state is WriteState.CONFIRMED
    assert gateway.plant[ARRAY].value == (6, 7, 8, 9, 10)


async def test_both_names_of_an_array_are_one_tag(tags: TagClient, gateway: SimulatedGateway) -> None:
    await asyncio.gather(tags.write(ARRAY, [1] * 5), tags.write(f"{ARRAY}[]", [2] * 5), tags.write(ARRAY, [3] * 5))

    assert gateway.plant[ARRAY].value == (3, 3, 3, 3, 3)
    assert advised(gateway) == [f"{ARRAY}[]"]


@pytest.mark.parametrize("length", [0, 4, 6])
async def test_another_length_is_refused_before_anything_is_sent(
    tags: TagClient, gateway: SimulatedGateway, length: int
) -> None:
    with pytest.raises(MxGatewayArrayLengthError, match=rf"{ARRAY} was not written: .*{length}.*5") as refused:
        await tags.write(ARRAY, [0] * length, data_type=INTEGER)

    error = refused.value
    assert (error.value_length, error.array_length) == (length, 5)
    assert "resize=True" in str(error)
    assert writes(gateway) == 0
    await tags.write(ARRAY, [0] * 5)
    assert gateway.plant[ARRAY].value == (0, 0, 0, 0, 0)


async def test_the_elements_of_a_matrix_are_counted_in_all_rows(tags: TagClient, gateway: SimulatedGateway) -> None:
    with pytest.raises(MxGatewayArrayLengthError) as refused:
        await tags.write(MATRIX, [[1, 2, 3]])
    assert (refused.value.value_length, refused.value.array_length) == (3, 6)

    await tags.write(MATRIX, [[6, 5, 4], [3, 2, 1]])
    assert gateway.plant[MATRIX].value == (6, 5, 4, 3, 2, 1)


async def test_the_length_is_that_of_the_last_change(tags: TagClient, gateway: SimulatedGateway) -> None:
    async with tags.watch(f"{ARRAY}[]") as watch:
        await following_change(watch)
        await tags.write(ARRAY, [2] * 5)
        gateway.plant[ARRAY].set([0, 0])
        await until_value(watch, [0, 0])
        await tags.write(ARRAY, [3, 3])
    assert commands(gateway)["READ_BULK"] == 0
    assert gateway.plant[ARRAY].value == (3, 3)


async def test_an_array_of_which_no_change_has_arrived_is_read_first(
    scripted: ScriptedGateway, scripted_client: GatewayClient
) -> None:
    def answer(reply: pb.MxCommandReply) -> None:
        request = scripted.received[-1].request
        assert isinstance(request, pb.MxCommandRequest)
        for handle, _ in enumerate(request.command.add_item_bulk.tag_addresses, 1):
            reply.add_item_bulk.results.add(item_handle=handle, was_successful=True)
        for handle in request.command.advise_item_bulk.item_handles:
            reply.advise_item_bulk.results.add(item_handle=handle, was_successful=True)
        for tag in request.command.read_bulk.tag_addresses:
            result = reply.read_bulk.results.add(tag_address=tag, was_successful=True, quality=192)
            result.value.CopyFrom(to_mx_value([1, 2, 3]))

    scripted.edit_reply = answer
    async with scripted_client.tags("test") as tags:
        with pytest.raises(MxGatewayArrayLengthError) as refused:
            await tags.write("A.B", [7, 8])
        assert refused.value.array_length == 3
        await tags.write("A.B", [7, 8, 9], confirm=False)

    sent = [request.command for request in scripted.requests("Invoke") if isinstance(request, pb.MxCommandRequest)]
    written = [command.write.value for command in sent if command.HasField("write")]
    assert [tag for command in sent for tag in command.add_item_bulk.tag_addresses] == ["A.B[]"]
    assert written == [to_mx_value([7, 8, 9])]


async def test_an_array_of_unknown_length_is_written_only_with_resize(
    tags: TagClient, gateway: SimulatedGateway
) -> None:
    gateway.plant[ARRAY].set(None, quality=0)
    with pytest.raises(MxGatewayArrayLengthError, match="length of the array is unknown") as refused:
        await tags.write(ARRAY, [1] * 5)
    assert (refused.value.value_length, refused.value.array_length) == (5, None)
    assert writes(gateway) == 0

    await tags.write(ARRAY, [1] * 5, resize=True)
    assert gateway.plant[ARRAY].value == (1, 1, 1, 1, 1)


async def test_resize_changes_the_length_that_the_next_write_must_have(
    tags: TagClient, gateway: SimulatedGateway
) -> None:
    await tags.write(RESIZABLE, [1, 2, 3, 4], resize=True)
    assert gateway.plant[RESIZABLE].value == (1, 2, 3, 4)
    await tags.write(RESIZABLE, [5, 6, 7, 8])
    (outcome,) = await tags.write_many({RESIZABLE: [9]}, resize=True)
    assert outcome.state is WriteState.CONFIRMED
    with pytest.raises(MxGatewayArrayLengthError) as refused:
        await tags.write(RESIZABLE, [1, 2, 3, 4])

    assert refused.value.array_length == 1
    assert gateway.plant[RESIZABLE].value == (9,)


async def test_a_write_that_blocks_the_worker_costs_the_session_and_not_the_client(
    tags: TagClient, gateway: SimulatedGateway
) -> None:
    with pytest.raises(MxGatewayTimeoutError, match="may have been written"):
        await tags.write(ARRAY, [1, 2], resize=True, timeout=0.3)

    await tags.write(INT, 5)
    assert gateway.plant[INT].value == 5
    assert gateway.plant[ARRAY].value == (1, 2, 3, 4, 5)


async def test_a_sparse_array_gets_its_total_length_from_the_tag(tags: TagClient, gateway: SimulatedGateway) -> None:
    await tags.write(ARRAY, SparseArray(element_data_type=INTEGER, elements={1: 8}))
    assert gateway.plant[ARRAY].value == (0, 8, 0, 0, 0)

    async with tags.watch(f"{ARRAY}[]") as watch:
        await following_change(watch)
        await tags.write(f"{ARRAY}[]", SparseArray(element_data_type=INTEGER, elements={4: 9}), resize=True)
    assert gateway.plant[ARRAY].value == (0, 0, 0, 0, 9)


async def test_a_sparse_array_that_does_not_fit_is_refused(tags: TagClient, gateway: SimulatedGateway) -> None:
    wrong = {
        "the value has length 3": (SparseArray(element_data_type=INTEGER, total_length=3, elements={1: 8}), 3),
        "index 7 is outside": (SparseArray(element_data_type=INTEGER, elements={7: 8}), 8),
    }
    for words, (value, length) in wrong.items():
        with pytest.raises(MxGatewayArrayLengthError, match=words) as refused:
            await tags.write(ARRAY, value)
        assert (refused.value.value_length, refused.value.array_length) == (length, 5)
    assert writes(gateway) == 0


async def test_an_array_for_a_tag_that_is_none_is_not_sent(tags: TagClient, gateway: SimulatedGateway) -> None:
    for tag in (UNKNOWN, STRING):
        with pytest.raises(MxAccessError, match=rf"{tag} was not written.*{tag}\[\]") as refused:
            await tags.write(tag, [1, 2])
        assert refused.value.statuses
    assert writes(gateway) == 0


async def test_an_array_that_does_not_fit_does_not_affect_the_rest_of_a_recipe(
    tags: TagClient, gateway: SimulatedGateway
) -> None:
    short, number, whole = await tags.write_many({ARRAY: [1], INT: 5, RESIZABLE: [7, 8, 9]})

    assert [each.state for each in (short, number, whole)] == [
        WriteState.NOT_SENT,
        WriteState.CONFIRMED,
        WriteState.CONFIRMED,
    ]
    assert isinstance(short.error, MxGatewayArrayLengthError)
    assert gateway.plant[RESIZABLE].value == (7, 8, 9)


async def test_a_length_that_cannot_be_read_in_time_leaves_the_array_unwritten(
    client: GatewayClient, gateway: SimulatedGateway
) -> None:
    async with client.tags("test") as tags:
        with gateway.faults.silent_tag(ARRAY), pytest.raises((MxGatewayTimeoutError, MxAccessError)) as refused:
            await tags.write(ARRAY, [1] * 5, timeout=0.4)

    assert f"{ARRAY} was not written" in str(refused.value)
    assert writes(gateway) == 0
