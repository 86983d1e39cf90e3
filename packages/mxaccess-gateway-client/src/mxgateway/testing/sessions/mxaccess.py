"""One MXAccess object: what the COM library behind a worker does, method by method."""

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

    from mxgateway.testing.plant.plant import Plant
    from mxgateway.testing.state.clock import Clock, Timer
    from mxgateway.testing.state.limits import Limits

__all__ = ["MxAccess"]

_FIRST_UPDATE_INTERVAL = 1.0


class MxAccess:
    """Server handles, items and their advises; raises the events of all of them.

    Every method that is named after one of MXAccess's raises MxAccessRefused for what MXAccess refuses: an unknown
    handle, an item in a state that doesn't allow it, a user who is none.
    """

    def __init__(
        self,
        *,
        plant: Plant,
        clock: Clock,
        limits: Limits,
        settle_time: float,
        write_time: float,
        raise_event: Callable[[pb.MxEvent], None],
    ) -> None:
        self._plant = plant
        self._clock = clock
        self._limits = limits
        self._settle_time = settle_time
        self._write_time = write_time
        self._raise = raise_event
        self._servers: dict[int, _Server] = {}
        self._server_handles = itertools.count(1)
        # Handles are unique over all server handles, and none is given twice: a mix-up never passes unseen.
        self._item_handles = itertools.count(1)
        self._identities = Identities(plant.users)
        self._released = False

    def items(self) -> Iterator[Item]:
        """Give every item of every server handle."""
        for server in self._servers.values():
            yield from server.items.values()

    def item(self, server_handle: int, item_handle: int) -> Item:
        """Give the item of these handles."""
        server = self._servers.get(server_handle)
        item = server.items.get(item_handle) if server is not None else None
        if item is None:
            raise _invalid_argument()
        return item

    def release(self) -> None:
        """Let go of everything, as the end of the worker process does. No event comes any more."""
        self._released = True
        for server_handle in list(self._servers):
            self.unregister(server_handle)

    def register(self, client_name: str) -> int:
        """Register: give a new server handle."""
        server_handle = next(self._server_handles)
        self._servers[server_handle] = _Server(client_name, self._clock)
        return server_handle

    def unregister(self, server_handle: int) -> None:
        """Unregister: give the server handle and all its items back."""
        server = self._server(server_handle)
        for item in server.items.values():
            item.un_advise()
        server.stop()
        del self._servers[server_handle]

    def add_item(self, server_handle: int, definition: str, context: str = "", *, buffered: bool = False) -> int:
        """AddItem, AddItem2, AddBufferedItem: give a new item handle, even for a name that nothing has."""
        server = self._server(server_handle)
        definition = f"{context}.{definition}" if context else definition
        options = self._item_options(server_handle, next(self._item_handles), definition, self._raise_event)
        target = options["target"]
        if buffered and target.tag is not None and target.tag.is_array and target.index is None:
            # An array of arrays has no place in the event: only single values are buffered.
            options["target"] = Target(target.problem)
        item = (
            BufferedItem(most_samples=self._limits.buffered_samples, deliver_later=server.flush_later, **options)
            if buffered
            else Item(**options)
        )
        server.add(item)
        return item.item_handle

    def remove_item(self, server_handle: int, item_handle: int) -> None:
        """RemoveItem: give the item handle back. That ends its advise as well."""
        item = self.item(server_handle, item_handle)
        item.un_advise()
        self._server(server_handle).remove(item)

    def advise(self, server_handle: int, item_handle: int, how: Advise = Advise.PLAIN) -> None:
        """Advise, AdviseSupervisory: ask for the item's data changes."""
        self.item(server_handle, item_handle).advise(how)

    def un_advise(self, server_handle: int, item_handle: int) -> None:
        """UnAdvise: end the item's data changes."""
        self._advised_item(server_handle, item_handle).un_advise()

    def suspend(self, server_handle: int, item_handle: int) -> pb.MxStatusProxy:
        """Suspend: halt the item's data changes and keep its advise."""
        self._advised_item(server_handle, item_handle).suspend()
        return good()

    def activate(self, server_handle: int, item_handle: int) -> pb.MxStatusProxy:
        """Activate: end a suspend, with the present value at once."""
        self._advised_item(server_handle, item_handle).activate()
        return good()

    def set_buffered_update_interval(self, server_handle: int, seconds: float) -> None:
        """SetBufferedUpdateInterval: how long buffered items of this server handle collect before they deliver."""
        server = self._server(server_handle)
        if seconds <= 0:
            raise _invalid_argument()
        server.update_interval = seconds

    def write(
        self,
        server_handle: int,
        item_handle: int,
        value: pb.MxValue,
        *,
        user_id: int,
        timestamp: pb.MxValue | None = None,
    ) -> None:
        """Write, Write2: accept a value; what became of it is told by ON_WRITE_COMPLETE."""
        item = self._advised_item(server_handle, item_handle)
        signature = Signature(user_id, supervisory=item.advised is Advise.SUPERVISORY)
        self._accept(item, Write(item.target, value, timestamp, signature))

    def write_secured(
        self,
        server_handle: int,
        item_handle: int,
        value: pb.MxValue,
        *,
        current_user_id: int,
        verifier_user_id: int,
        timestamp: pb.MxValue | None = None,
    ) -> None:
        """WriteSecured, WriteSecured2: as `write`, in the name of one or two users."""
        item = self._advised_item(server_handle, item_handle)
        signature = Signature(user_id=current_user_id, verifier_id=verifier_user_id, secured=True)
        self._accept(item, Write(item.target, value, timestamp, signature))

    def authenticate_user(self, server_handle: int, name: str, password: str) -> int:
        """AuthenticateUser: give the id of a user who has this password."""
        self._server(server_handle)
        user = self._identities.authenticate(name, password)
        if user is None:
            text = "The user name or the password is wrong."
            raise MxAccessRefused(E_ACCESSDENIED, text, [security_error(text)])
        return user.user_id

    def archestra_user_to_id(self, server_handle: int, guid: str) -> int:
        """ArchestrAUserToId: give the id of the user with this GUID."""
        self._server(server_handle)
        user = self._identities.by_guid(guid)
        if user is None:
            raise _invalid_argument()
        return user.user_id

    async def read(self, server_handle: int, definitions: Iterable[str], seconds: float) -> dict[str, LastChange]:
        """Give the last data change of what is advised already, and the first one of what is advised just for this.

        Whatever tells nothing for `seconds` is left out.
        """
        server = self._server(server_handle)
        found: dict[str, LastChange] = {}
        borrowed: list[Item] = []
        all_found = asyncio.Event()

        def first_change_of(definition: str) -> Callable[[pb.MxEvent], None]:
            def found_it(event: pb.MxEvent) -> None:
                found.setdefault(definition, LastChange(event, was_cached=False))
                if len(found) == len(wanted):
                    all_found.set()

            return found_it

        wanted = tuple(dict.fromkeys(definitions))
        for definition in wanted:
            last_change = server.last_change(definition)
            if last_change is not None:
                found[definition] = last_change
            else:
                options = self._item_options(server_handle, 0, definition, first_change_of(definition))
                borrowed.append(Item(**options))
        timer = self._clock.call_later(seconds, all_found.set)
        try:
            for item in borrowed:
                item.advise(Advise.PLAIN)
            if len(found) < len(wanted):
                await all_found.wait()
        finally:
            timer.cancel()
            for item in borrowed:
                item.un_advise()
        return found

    def complete_operation(self, server_handle: int, item_handle: int) -> None:
        """Raise OperationComplete, as MXAccess does of its own accord and rarely."""
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

    def _accept(self, item: Item, write: Write) -> None:
        def complete() -> None:
            if self._released:
                return
            try:
                carry_out = write.prepare(self._identities)
            except WriteDenied as denied:
                self._write_complete(item, denied.reasons)
            else:
                self._write_complete(item, [write_done()])
                carry_out()

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
    """One server handle: a client's name, its items, and how often the buffered ones deliver."""

    def __init__(self, client_name: str, clock: Clock) -> None:
        self.client_name = client_name
        self.items: dict[int, Item] = {}
        # By names that don't tell upper case from lower case, as those of the Galaxy.
        self._named: defaultdict[str, dict[int, Item]] = defaultdict(dict)
        self.update_interval = _FIRST_UPDATE_INTERVAL
        self._clock = clock
        self._flush: Timer | None = None

    def add(self, item: Item) -> None:
        """Have one item more."""
        self.items[item.item_handle] = item
        self._named[item.definition.casefold()][item.item_handle] = item

    def remove(self, item: Item) -> None:
        """Have it no more."""
        del self.items[item.item_handle]
        name = item.definition.casefold()
        del self._named[name][item.item_handle]
        if not self._named[name]:
            del self._named[name]

    def last_change(self, definition: str) -> LastChange | None:
        """Give what an advised item of this name has told last."""
        for item in self._named.get(definition.casefold(), {}).values():
            if item.delivers and item.last_change is not None:
                return item.last_change
        return None

    def flush_later(self) -> None:
        """Deliver what the buffered items have collected when the interval is over."""
        if self._flush is None:
            self._flush = self._clock.call_later(self.update_interval, self._flush_now)

    def stop(self) -> None:
        """Deliver nothing any more."""
        if self._flush is not None:
            self._flush.cancel()

    def _flush_now(self) -> None:
        self._flush = None
        for item in self.items.values():
            if isinstance(item, BufferedItem):
                item.flush()


def _invalid_argument() -> MxAccessRefused:
    return MxAccessRefused(E_INVALIDARG, "Value does not fall within the expected range.")
