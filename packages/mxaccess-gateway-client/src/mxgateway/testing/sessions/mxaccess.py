"""The MXAccess object of a worker, with the methods of the COM library."""

from __future__ import annotations

import asyncio
import itertools
from collections import defaultdict
from typing import TYPE_CHECKING

from mxaccess_gateway.v1 import mxaccess_gateway_pb2 as pb

from mxgateway.testing.plant.plant import Target
from mxgateway.testing.plant.statuses import (
    E_ACCESSDENIED,
    E_INVALIDARG,
    S_OK,
    good,
    security_error,
    write_done,
)
from mxgateway.testing.plant.users import Identities
from mxgateway.testing.sessions.items import Advise, BufferedItem, Item, ItemOptions, LastChange
from mxgateway.testing.sessions.writes import Signature, Write, WriteDenied
from mxgateway.testing.state.refusals import MxAccessRefused

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from mxgateway.testing.state.clock import Clock, Timer
    from mxgateway.testing.world import World

__all__ = ["MxAccess"]

_DEFAULT_UPDATE_INTERVAL_SECONDS = 1.0


class MxAccess:
    """An MXAccess object, with its server handles, items and advises, which raises their events.

    Every method that is named after a method of MXAccess raises MxAccessRefused for the same reasons: an unknown
    handle, an item in the wrong state, an unknown user.
    """

    def __init__(self, world: World, raise_event: Callable[[pb.MxEvent], None]) -> None:
        self._plant = world.plant
        self._clock = world.clock
        self._limits = world.limits
        self._settle_time = world.settle_time
        self._write_time = world.write_time
        self._raise = raise_event
        self._servers: dict[int, _Server] = {}
        self._server_handles = itertools.count(1)
        # Item handles are unique across server handles and never reused, so that a client that mixes them up fails.
        self._item_handles = itertools.count(1)
        self._identities = Identities(world.plant.users)
        self._released = False

    def items(self) -> Iterator[Item]:
        """Return the items of all server handles."""
        for server in self._servers.values():
            yield from server.items.values()

    def item(self, server_handle: int, item_handle: int) -> Item:
        """Return the item with these handles."""
        server = self._servers.get(server_handle)
        item = server.items.get(item_handle) if server is not None else None
        if item is None:
            raise _invalid_argument()
        return item

    def release(self) -> None:
        """Release all handles, as the end of the worker process does. No more events are raised."""
        self._released = True
        for server_handle in list(self._servers):
            self.unregister(server_handle)

    def register(self, client_name: str) -> int:
        """Register: return a new server handle."""
        server_handle = next(self._server_handles)
        self._servers[server_handle] = _Server(client_name, self._clock)
        return server_handle

    def unregister(self, server_handle: int) -> None:
        """Unregister: release the server handle and all its items."""
        server = self._server(server_handle)
        for item in server.items.values():
            item.un_advise()
        server.stop()
        del self._servers[server_handle]

    def add_item(self, server_handle: int, definition: str, *, buffered: bool = False) -> int:
        """AddItem, AddItem2, AddBufferedItem: return a new item handle, even for an unknown name."""
        server = self._server(server_handle)
        options = self._item_options(server_handle, next(self._item_handles), definition, self._raise_event)
        target = options["target"]
        if buffered and target.tag is not None and target.tag.is_array and target.index is None:
            # Only scalars are buffered: the event cannot hold an array of arrays.
            options["target"] = Target(target.problem)
        item = (
            BufferedItem(max_samples=self._limits.buffered_samples, deliver_later=server.flush_later, **options)
            if buffered
            else Item(**options)
        )
        server.add(item)
        return item.item_handle

    def remove_item(self, server_handle: int, item_handle: int) -> None:
        """RemoveItem: release the item handle, and un-advise the item."""
        item = self.item(server_handle, item_handle)
        item.un_advise()
        self._server(server_handle).remove(item)

    def advise(self, server_handle: int, item_handle: int, how: Advise = Advise.PLAIN) -> None:
        """Advise, AdviseSupervisory: start the item's data changes."""
        self.item(server_handle, item_handle).advise(how)

    def un_advise(self, server_handle: int, item_handle: int) -> None:
        """UnAdvise: stop the item's data changes."""
        self._advised_item(server_handle, item_handle).un_advise()

    def suspend(self, server_handle: int, item_handle: int) -> pb.MxStatusProxy:
        """Suspend: stop the item's data changes, but keep its advise."""
        self._advised_item(server_handle, item_handle).suspend()
        return good()

    def activate(self, server_handle: int, item_handle: int) -> pb.MxStatusProxy:
        """Activate: resume the item's data changes, beginning with the present value."""
        self._advised_item(server_handle, item_handle).activate()
        return good()

    def set_buffered_update_interval(self, server_handle: int, seconds: float) -> None:
        """SetBufferedUpdateInterval: set how long buffered items of this server handle collect samples."""
        server = self._server(server_handle)
        if seconds <= 0:
            raise _invalid_argument()
        server.update_interval = seconds

    async def write(
        self,
        server_handle: int,
        item_handle: int,
        value: pb.MxValue,
        *,
        user_id: int,
        timestamp: pb.MxValue | None = None,
    ) -> None:
        """Write, Write2: accept a value. ON_WRITE_COMPLETE reports the outcome.

        The call never returns if the value has fewer elements than a fixed-size array.
        """
        item = self._advised_item(server_handle, item_handle)
        signature = Signature(user_id, supervisory=item.advised is Advise.SUPERVISORY)
        await self._accept(item, Write(item.target, value, timestamp, signature))

    async def write_secured(
        self,
        server_handle: int,
        item_handle: int,
        value: pb.MxValue,
        *,
        current_user_id: int,
        verifier_user_id: int,
        timestamp: pb.MxValue | None = None,
    ) -> None:
        """WriteSecured, WriteSecured2: like `write`, on behalf of one or two users."""
        item = self._advised_item(server_handle, item_handle)
        signature = Signature(user_id=current_user_id, verifier_id=verifier_user_id, secured=True)
        await self._accept(item, Write(item.target, value, timestamp, signature))

    def authenticate_user(self, server_handle: int, name: str, password: str) -> int:
        """AuthenticateUser: return the id of the user with this name and password."""
        self._server(server_handle)
        user = self._identities.authenticate(name, password)
        if user is None:
            text = "The user name or the password is wrong."
            raise MxAccessRefused(E_ACCESSDENIED, text, [security_error(text)])
        return user.user_id

    def archestra_user_to_id(self, server_handle: int, guid: str) -> int:
        """ArchestrAUserToId: return the id of the user with this GUID."""
        self._server(server_handle)
        user = self._identities.by_guid(guid)
        if user is None:
            raise _invalid_argument()
        return user.user_id

    async def read(self, server_handle: int, definitions: Iterable[str], seconds: float) -> dict[str, LastChange]:
        """Return the last data change of each advised tag, and the first one of the others, advised just for this.

        Tags without a data change within `seconds` are left out.
        """
        server = self._server(server_handle)
        found: dict[str, LastChange] = {}
        temporary: list[Item] = []
        all_found = asyncio.Event()

        def collect(definition: str) -> Callable[[pb.MxEvent], None]:
            def on_event(event: pb.MxEvent) -> None:
                found.setdefault(definition, LastChange(event, was_cached=False))
                if len(found) == len(wanted):
                    all_found.set()

            return on_event

        wanted = tuple(dict.fromkeys(definitions))
        for definition in wanted:
            last_change = server.last_change(definition)
            if last_change is not None:
                found[definition] = last_change
            else:
                options = self._item_options(server_handle, 0, definition, collect(definition))
                temporary.append(Item(**options))
        timer = self._clock.call_later(seconds, all_found.set)
        try:
            for item in temporary:
                item.advise(Advise.PLAIN)
            if len(found) < len(wanted):
                await all_found.wait()
        finally:
            timer.cancel()
            for item in temporary:
                item.un_advise()
        return found

    def complete_operation(self, server_handle: int, item_handle: int) -> None:
        """Raise OperationComplete, which MXAccess rarely does."""
        self._raise_event(
            pb.MxEvent(
                family=pb.MX_EVENT_FAMILY_OPERATION_COMPLETE,
                server_handle=server_handle,
                item_handle=item_handle,
                statuses=[good()],
                operation_complete=pb.OperationCompleteEvent(),
            )
        )

    def _item_options(
        self, server_handle: int, item_handle: int, definition: str, raise_event: Callable[[pb.MxEvent], None]
    ) -> ItemOptions:
        return ItemOptions(
            server_handle=server_handle,
            item_handle=item_handle,
            definition=definition,
            target=self._plant.resolve(definition),
            clock=self._clock,
            raise_event=raise_event,
            settle_time=self._settle_time,
        )

    def _server(self, server_handle: int) -> _Server:
        server = self._servers.get(server_handle)
        if server is None:
            raise _invalid_argument()
        return server

    def _advised_item(self, server_handle: int, item_handle: int) -> Item:
        item = self.item(server_handle, item_handle)
        if item.advised is None:
            raise _invalid_argument()
        return item

    async def _accept(self, item: Item, write: Write) -> None:
        if write.blocks:
            # Nothing ends a call that COM has blocked, except the end of the worker process.
            await asyncio.get_running_loop().create_future()

        def complete() -> None:
            if self._released:
                return
            try:
                execute = write.prepare(self._identities)
            except WriteDenied as denied:
                self._write_complete(item, denied.reasons)
            else:
                self._write_complete(item, [write_done()])
                execute()

        self._clock.call_later(self._write_time, complete)

    def _write_complete(self, item: Item, outcome: Iterable[pb.MxStatusProxy]) -> None:
        self._raise_event(
            pb.MxEvent(
                family=pb.MX_EVENT_FAMILY_ON_WRITE_COMPLETE,
                server_handle=item.server_handle,
                item_handle=item.item_handle,
                statuses=outcome,
                hresult=S_OK,
                on_write_complete=pb.OnWriteCompleteEvent(),
            )
        )

    def _raise_event(self, event: pb.MxEvent) -> None:
        if not self._released:
            self._raise(event)


class _Server:
    """A server handle, with its items and the update interval of the buffered ones."""

    def __init__(self, client_name: str, clock: Clock) -> None:
        self.client_name = client_name
        self.items: dict[int, Item] = {}
        # Keyed by case-folded names, because names in the Galaxy ignore case.
        self._named: defaultdict[str, dict[int, Item]] = defaultdict(dict)
        self.update_interval = _DEFAULT_UPDATE_INTERVAL_SECONDS
        self._clock = clock
        self._flush: Timer | None = None

    def add(self, item: Item) -> None:
        """Add an item."""
        self.items[item.item_handle] = item
        self._named[item.definition.casefold()][item.item_handle] = item

    def remove(self, item: Item) -> None:
        """Remove an item."""
        del self.items[item.item_handle]
        name = item.definition.casefold()
        del self._named[name][item.item_handle]
        if not self._named[name]:
            del self._named[name]

    def last_change(self, definition: str) -> LastChange | None:
        """Return the last data change of an advised item with this name, or None."""
        for item in self._named.get(definition.casefold(), {}).values():
            if item.delivers and item.last_change is not None:
                return item.last_change
        return None

    def flush_later(self) -> None:
        """Schedule the delivery of buffered samples at the end of the update interval."""
        if self._flush is None:
            self._flush = self._clock.call_later(self.update_interval, self._flush_now)

    def stop(self) -> None:
        """Cancel the scheduled delivery."""
        if self._flush is not None:
            self._flush.cancel()

    def _flush_now(self) -> None:
        self._flush = None
        for item in self.items.values():
            if isinstance(item, BufferedItem):
                item.flush()


def _invalid_argument() -> MxAccessRefused:
    return MxAccessRefused(E_INVALIDARG, "Value does not fall within the expected range.")
