"""The MXAccess methods for servers and items: register, add, advise, and their opposites."""

from __future__ import annotations

from mxaccess_gateway.v1 import mxaccess_gateway_pb2 as pb

from mxgateway._commands.invoke import CommandSender, set_handles, set_server_handle
from mxgateway.status import MxStatus

__all__ = ["ItemCommands"]


class ItemCommands(CommandSender):
    """Servers and items. Every method raises what `Session` says of commands."""

    async def register(self, client_name: str, *, timeout: float | None = None) -> int:
        """Register a client with MXAccess (`Register`) and give its server handle.

        The handle belongs to this session. A second call with the same name gives a second handle.
        """
        request = self._request(pb.MX_COMMAND_KIND_REGISTER)
        request.command.register.client_name = client_name
        reply = await self._send(request, timeout)
        if not reply.HasField("register"):
            raise self._missing(request, reply, "register")
        return reply.register.server_handle

    async def unregister(self, server_handle: int, *, timeout: float | None = None) -> None:
        """End a registration (`Unregister`): its items and advises end with it."""
        request = self._request(pb.MX_COMMAND_KIND_UNREGISTER)
        set_server_handle(request.command.unregister, server_handle)
        await self._send(request, timeout)

    async def add_item(self, server_handle: int, item_definition: str, *, timeout: float | None = None) -> int:
        """Add an item by its reference, such as `TestChildObject.TestInt` (`AddItem`), and give its item handle.

        An array attribute is named with `[]`, which the gateway appends itself where the Galaxy knows the attribute as
        an array; `[N]` is its Nth element, counted from 1. MXAccess looks at the reference only when the item is
        advised: a wrong one shows itself in the item's first data change.
        """
        request = self._request(pb.MX_COMMAND_KIND_ADD_ITEM)
        payload = request.command.add_item
        set_server_handle(payload, server_handle)
        payload.item_definition = item_definition
        reply = await self._send(request, timeout)
        if not reply.HasField("add_item"):
            raise self._missing(request, reply, "add_item")
        return reply.add_item.item_handle

    async def add_item2(
        self, server_handle: int, item_definition: str, item_context: str, *, timeout: float | None = None
    ) -> int:
        """Add an item by a reference relative to `item_context`, an object's name (`AddItem2`), and give its handle."""
        request = self._request(pb.MX_COMMAND_KIND_ADD_ITEM2)
        payload = request.command.add_item2
        set_server_handle(payload, server_handle)
        payload.item_definition = item_definition
        payload.item_context = item_context
        reply = await self._send(request, timeout)
        if not reply.HasField("add_item2"):
            raise self._missing(request, reply, "add_item2")
        return reply.add_item2.item_handle

    async def add_buffered_item(
        self, server_handle: int, item_definition: str, item_context: str = "", *, timeout: float | None = None
    ) -> int:
        """Add an item whose changes come in lists (`AddBufferedItem`) and give its item handle.

        Advised, it raises BufferedDataChange events every `set_buffered_update_interval` milliseconds.
        """
        request = self._request(pb.MX_COMMAND_KIND_ADD_BUFFERED_ITEM)
        payload = request.command.add_buffered_item
        set_server_handle(payload, server_handle)
        payload.item_definition = item_definition
        payload.item_context = item_context
        reply = await self._send(request, timeout)
        if not reply.HasField("add_buffered_item"):
            raise self._missing(request, reply, "add_buffered_item")
        return reply.add_buffered_item.item_handle

    async def set_buffered_update_interval(
        self, server_handle: int, update_interval_milliseconds: int, *, timeout: float | None = None
    ) -> None:
        """Set how often the buffered items of a server raise events, in milliseconds (`SetBufferedUpdateInterval`)."""
        request = self._request(pb.MX_COMMAND_KIND_SET_BUFFERED_UPDATE_INTERVAL)
        payload = request.command.set_buffered_update_interval
        set_server_handle(payload, server_handle)
        payload.update_interval_milliseconds = update_interval_milliseconds
        await self._send(request, timeout)

    async def remove_item(self, server_handle: int, item_handle: int, *, timeout: float | None = None) -> None:
        """Remove an item (`RemoveItem`); its handle is worth nothing afterwards."""
        request = self._request(pb.MX_COMMAND_KIND_REMOVE_ITEM)
        set_handles(request.command.remove_item, server_handle, item_handle)
        await self._send(request, timeout)

    async def advise(self, server_handle: int, item_handle: int, *, timeout: float | None = None) -> None:
        """Ask for the data changes of an item (`Advise`); the present value comes at once as the first DataChange.

        Its quality may begin bad or uncertain and be good a moment later.
        """
        request = self._request(pb.MX_COMMAND_KIND_ADVISE)
        set_handles(request.command.advise, server_handle, item_handle)
        await self._send(request, timeout)

    async def advise_supervisory(self, server_handle: int, item_handle: int, *, timeout: float | None = None) -> None:
        """Ask for the data changes of an item as a supervisory client (`AdviseSupervisory`).

        Only under a supervisory advise does the `user_id` of a plain write count.
        """
        request = self._request(pb.MX_COMMAND_KIND_ADVISE_SUPERVISORY)
        set_handles(request.command.advise_supervisory, server_handle, item_handle)
        await self._send(request, timeout)

    async def un_advise(self, server_handle: int, item_handle: int, *, timeout: float | None = None) -> None:
        """End the data changes of an item (`UnAdvise`); the item stays added."""
        request = self._request(pb.MX_COMMAND_KIND_UN_ADVISE)
        set_handles(request.command.un_advise, server_handle, item_handle)
        await self._send(request, timeout)

    async def suspend(self, server_handle: int, item_handle: int, *, timeout: float | None = None) -> MxStatus:
        """Pause the data changes of an advised item (`Suspend`) and give the status that MXAccess returned."""
        request = self._request(pb.MX_COMMAND_KIND_SUSPEND)
        set_handles(request.command.suspend, server_handle, item_handle)
        reply = await self._send(request, timeout)
        if not reply.HasField("suspend"):
            raise self._missing(request, reply, "suspend")
        return MxStatus.from_message(reply.suspend.status)

    async def activate(self, server_handle: int, item_handle: int, *, timeout: float | None = None) -> MxStatus:
        """Let the data changes of a suspended item go on (`Activate`) and give the status that MXAccess returned."""
        request = self._request(pb.MX_COMMAND_KIND_ACTIVATE)
        set_handles(request.command.activate, server_handle, item_handle)
        reply = await self._send(request, timeout)
        if not reply.HasField("activate"):
            raise self._missing(request, reply, "activate")
        return MxStatus.from_message(reply.activate.status)
