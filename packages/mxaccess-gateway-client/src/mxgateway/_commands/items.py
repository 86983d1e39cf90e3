"""Commands for servers and items: register, add, advise, and their opposites."""

from __future__ import annotations

from mxaccess_gateway.v1 import mxaccess_gateway_pb2 as pb

from mxgateway._commands.invoke import CommandSender, set_handles
from mxgateway.status import MxStatus

__all__ = ["ItemCommands"]


class ItemCommands(CommandSender):
    """Commands for servers and items. Every method raises the errors that `Session` lists."""

    async def register(self, client_name: str, *, timeout: float | None = None) -> int:
        """Register a client with MXAccess (`Register`), and return its server handle.

        The handle belongs to this session. A second call with the same name returns a second handle.
        """
        request = self._request(pb.MX_COMMAND_KIND_REGISTER)
        request.command.register.client_name = client_name
        reply = await self._send(request, timeout)
        if not reply.HasField("register"):
            raise self._missing_payload(request, reply, "register")
        return reply.register.server_handle

    async def unregister(self, server_handle: int, *, timeout: float | None = None) -> None:
        """End a registration (`Unregister`), together with its items and advises."""
        request = self._request(pb.MX_COMMAND_KIND_UNREGISTER)
        set_handles(request.command.unregister, server_handle=server_handle)
        await self._send(request, timeout)

    async def add_item(self, server_handle: int, item_definition: str, *, timeout: float | None = None) -> int:
        """Add an item by its reference, such as `TestChildObject.TestInt` (`AddItem`), and return its item handle.

        The name of an array attribute ends with `[]`. The gateway appends it if the Galaxy defines the attribute as an
        array. `[N]` selects the Nth element, starting at 1. MXAccess checks the reference only when the item is
        advised: the first data change of an item with an invalid reference reports the error.
        """
        request = self._request(pb.MX_COMMAND_KIND_ADD_ITEM)
        payload = request.command.add_item
        set_handles(payload, server_handle=server_handle)
        payload.item_definition = item_definition
        reply = await self._send(request, timeout)
        if not reply.HasField("add_item"):
            raise self._missing_payload(request, reply, "add_item")
        return reply.add_item.item_handle

    async def add_item2(
        self, server_handle: int, item_definition: str, item_context: str, *, timeout: float | None = None
    ) -> int:
        """Add an item by a reference relative to the object `item_context` (`AddItem2`), and return its item handle."""
        request = self._request(pb.MX_COMMAND_KIND_ADD_ITEM2)
        payload = request.command.add_item2
        set_handles(payload, server_handle=server_handle)
        payload.item_definition = item_definition
        payload.item_context = item_context
        reply = await self._send(request, timeout)
        if not reply.HasField("add_item2"):
            raise self._missing_payload(request, reply, "add_item2")
        return reply.add_item2.item_handle

    async def add_buffered_item(
        self, server_handle: int, item_definition: str, item_context: str = "", *, timeout: float | None = None
    ) -> int:
        """Add an item whose changes are delivered in lists (`AddBufferedItem`), and return its item handle.

        Once advised, the item raises a BufferedDataChange event per `set_buffered_update_interval`.
        """
        request = self._request(pb.MX_COMMAND_KIND_ADD_BUFFERED_ITEM)
        payload = request.command.add_buffered_item
        set_handles(payload, server_handle=server_handle)
        payload.item_definition = item_definition
        payload.item_context = item_context
        reply = await self._send(request, timeout)
        if not reply.HasField("add_buffered_item"):
            raise self._missing_payload(request, reply, "add_buffered_item")
        return reply.add_buffered_item.item_handle

    async def set_buffered_update_interval(
        self, server_handle: int, update_interval_milliseconds: int, *, timeout: float | None = None
    ) -> None:
        """Set the interval of the events of buffered items, in milliseconds (`SetBufferedUpdateInterval`)."""
        request = self._request(pb.MX_COMMAND_KIND_SET_BUFFERED_UPDATE_INTERVAL)
        payload = request.command.set_buffered_update_interval
        set_handles(payload, server_handle=server_handle)
        payload.update_interval_milliseconds = update_interval_milliseconds
        await self._send(request, timeout)

    async def remove_item(self, server_handle: int, item_handle: int, *, timeout: float | None = None) -> None:
        """Remove an item (`RemoveItem`). Its handle becomes invalid."""
        request = self._request(pb.MX_COMMAND_KIND_REMOVE_ITEM)
        set_handles(request.command.remove_item, server_handle=server_handle, item_handle=item_handle)
        await self._send(request, timeout)

    async def advise(self, server_handle: int, item_handle: int, *, timeout: float | None = None) -> None:
        """Subscribe to the data changes of an item (`Advise`). The first DataChange has the current value.

        At first its quality may be bad or uncertain, followed shortly by a change with good quality.
        """
        request = self._request(pb.MX_COMMAND_KIND_ADVISE)
        set_handles(request.command.advise, server_handle=server_handle, item_handle=item_handle)
        await self._send(request, timeout)

    async def advise_supervisory(self, server_handle: int, item_handle: int, *, timeout: float | None = None) -> None:
        """Subscribe to the data changes of an item as a supervisory client (`AdviseSupervisory`).

        The `user_id` of `write` and `write2` is used only for items with a supervisory advise.
        """
        request = self._request(pb.MX_COMMAND_KIND_ADVISE_SUPERVISORY)
        set_handles(request.command.advise_supervisory, server_handle=server_handle, item_handle=item_handle)
        await self._send(request, timeout)

    async def un_advise(self, server_handle: int, item_handle: int, *, timeout: float | None = None) -> None:
        """Unsubscribe from the data changes of an item (`UnAdvise`). The item stays added."""
        request = self._request(pb.MX_COMMAND_KIND_UN_ADVISE)
        set_handles(request.command.un_advise, server_handle=server_handle, item_handle=item_handle)
        await self._send(request, timeout)

    async def suspend(self, server_handle: int, item_handle: int, *, timeout: float | None = None) -> MxStatus:
        """Pause the data changes of an advised item (`Suspend`), and return the status from MXAccess."""
        request = self._request(pb.MX_COMMAND_KIND_SUSPEND)
        set_handles(request.command.suspend, server_handle=server_handle, item_handle=item_handle)
        reply = await self._send(request, timeout)
        if not reply.HasField("suspend"):
            raise self._missing_payload(request, reply, "suspend")
        return MxStatus.from_message(reply.suspend.status)

    async def activate(self, server_handle: int, item_handle: int, *, timeout: float | None = None) -> MxStatus:
        """Resume the data changes of a suspended item (`Activate`), and return the status from MXAccess."""
        request = self._request(pb.MX_COMMAND_KIND_ACTIVATE)
        set_handles(request.command.activate, server_handle=server_handle, item_handle=item_handle)
        reply = await self._send(request, timeout)
        if not reply.HasField("activate"):
            raise self._missing_payload(request, reply, "activate")
        return MxStatus.from_message(reply.activate.status)
