"""A refused write raises with the hresult of MXAccess, wherever the gateway reports it, and says what may allow it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from mxaccess_gateway.v1 import mxaccess_gateway_pb2 as pb

from mxgateway import GatewayClient, MxAccessError, MxStatusCategory, TagClient
from mxgateway.testing import SimulatedGateway
from support.scripted_gateway import ScriptedGateway, serving
from support.tagging import INT

E_ACCESSDENIED = -2147024891
DENIED = pb.MxStatusProxy(category=pb.MX_STATUS_CATEGORY_SECURITY_ERROR, diagnostic_text="locked")


class RefusingGateway(ScriptedGateway):
    """A gateway that accepts every tag and refuses every write: at once, or with the event of its outcome."""

    def __init__(self, *, at_once: bool) -> None:
        super().__init__()
        self._at_once = at_once
        self._events: asyncio.Queue[pb.MxEvent] = asyncio.Queue()
        self.edit_reply = self._edit

    async def StreamEvents(self, request: pb.StreamEventsRequest, context: Any) -> AsyncIterator[pb.MxEvent]:  # noqa: ARG002, N802 - the generated name
        """Send the outcomes of the writes."""
        while True:
            yield await self._events.get()

    def _edit(self, reply: pb.MxCommandReply) -> None:
        received = self.received[-1].request
        assert isinstance(received, pb.MxCommandRequest)
        command = received.command
        for handle, _ in enumerate(command.add_item_bulk.tag_addresses, 1):
            reply.add_item_bulk.results.add(item_handle=handle, was_successful=True)
        for handle in command.advise_item_bulk.item_handles:
            reply.advise_item_bulk.results.add(item_handle=handle, was_successful=True)
        for entry in command.write_bulk.entries:
            result = reply.write_bulk.results.add(item_handle=entry.item_handle, was_successful=not self._at_once)
            if self._at_once:
                result.hresult = E_ACCESSDENIED
                result.statuses.append(DENIED)
        if command.HasField("write") and self._at_once:
            reply.protocol_status.code = pb.PROTOCOL_STATUS_CODE_MXACCESS_FAILURE
            reply.hresult = E_ACCESSDENIED
            reply.statuses.append(DENIED)
        if not self._at_once:
            written = [command.write.item_handle] if command.HasField("write") else []
            for handle in [*written, *(entry.item_handle for entry in command.write_bulk.entries)]:
                self._put_outcome(handle)

    def _put_outcome(self, item_handle: int) -> None:
        outcome = pb.MxEvent(
            family=pb.MX_EVENT_FAMILY_ON_WRITE_COMPLETE,
            server_handle=1,
            item_handle=item_handle,
            worker_sequence=item_handle,
            hresult=E_ACCESSDENIED,
            statuses=[DENIED],
        )
        outcome.on_write_complete.SetInParent()
        self._events.put_nowait(outcome)


@pytest.mark.parametrize("count", [1, 2], ids=["alone", "in bulk"])
@pytest.mark.parametrize("at_once", [True, False], ids=["at once", "by its outcome"])
async def test_a_refused_write_raises_with_its_hresult(at_once: bool, count: int) -> None:
    gateway = RefusingGateway(at_once=at_once)
    async with (
        serving(gateway) as endpoint,
        GatewayClient.connect(endpoint=endpoint, plaintext=True) as client,
        client.tags("test") as tags,
    ):
        writes = [tags.write(f"A.B{number}", number) for number in range(count)]
        errors = await asyncio.gather(*writes, return_exceptions=True)

    assert len(errors) == count
    for number, error in enumerate(errors):
        assert isinstance(error, MxAccessError), error
        assert f"A.B{number}" in str(error) or (at_once and count == 1)
        assert error.hresult == E_ACCESSDENIED
        assert [status.category for status in error.statuses] == [MxStatusCategory.SECURITY_ERROR]
        assert "supervisory=True" in (error.hint or "")
        assert "write_secured" in str(error)


async def test_an_attribute_with_security_is_written_under_a_supervisory_advise(
    gateway: SimulatedGateway, client: GatewayClient
) -> None:
    tag = "TestChildObject.TestSupervisory"
    async with client.tags("plain") as tags, client.tags("supervisory", supervisory=True) as supervisory:
        with pytest.raises(MxAccessError, match="only under a supervisory advise") as refused:
            await tags.write(tag, 5)
        assert "supervisory=True" in (refused.value.hint or "")
        assert gateway.plant[tag].value == 1

        await supervisory.write(tag, 5)
        assert gateway.plant[tag].value == 5
        with pytest.raises(MxAccessError, match="accepts only secured writes") as secured:
            await supervisory.write("TestChildObject.TestSecured", 5)
        assert "supervisory=True" not in str(secured.value)
        assert "write_secured" in (secured.value.hint or "")


async def test_a_refusal_for_another_reason_says_nothing_of_security(
    tags: TagClient, gateway: SimulatedGateway
) -> None:
    with gateway.faults.refused_writes(INT), pytest.raises(MxAccessError) as refused:
        await tags.write(INT, 5)
    assert refused.value.hint is None
