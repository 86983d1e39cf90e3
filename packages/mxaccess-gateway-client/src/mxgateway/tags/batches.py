"""Requests that are made at the same time travel together, in few calls."""

from __future__ import annotations

import asyncio
import contextvars
import logging
from collections import deque
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from mxgateway.errors import MxGatewayError
from mxgateway.tags.requests import Request, own_copy

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Sequence

__all__ = ["Batches"]

_logger = logging.getLogger("mxgateway.tags")

KindT = TypeVar("KindT")
RequestT = TypeVar("RequestT", bound=Request[Any])


class Batches(Generic[KindT, RequestT]):
    """Collects requests for the rest of the loop's turn, and carries those of one kind together.

    A few calls are under way at a time; what is asked for meanwhile waits for the first one that is back. A request
    that is alone sets out at once: nothing waits for a timer. The calls run in tasks of their own, in the context of
    whoever opened the client: none of them belongs to one of the callers.
    """

    def __init__(
        self,
        carry: Callable[[KindT, Sequence[RequestT]], Coroutine[Any, Any, None]],
        fail: Callable[[RequestT, MxGatewayError], None],
        *,
        calls: int,
        entries: int,
        size: int,
        name: str,
    ) -> None:
        self._carry = carry
        self._fail = fail
        self._most_calls = calls
        self._most_entries = entries
        self._most_bytes = size
        self._name = name
        self._context = contextvars.copy_context()
        self._asked: dict[KindT, deque[RequestT]] = {}
        self._flights: set[asyncio.Task[None]] = set()
        self._setting_out = False
        self._stopped = False

    def ask(self, kind: KindT, request: RequestT) -> None:
        """Let a request travel with others of its kind."""
        asked = self._asked.get(kind)
        if asked is None:
            asked = self._asked[kind] = deque()
        asked.append(request)
        if not self._setting_out:
            self._set_out()

    def stop(self) -> None:
        """Carry nothing any more; what is under way is given up."""
        self._stopped = True
        self._asked.clear()
        for flight in self._flights:
            flight.cancel()

    async def stopped(self) -> None:
        """Wait until nothing is under way any more."""
        if self._flights:
            await asyncio.wait(self._flights)

    def _set_out(self) -> None:
        if len(self._flights) < self._most_calls and not self._stopped:
            # Its first step is the loop's next turn: by then everybody has asked who asks at the same time.
            self._setting_out = True
            flight = asyncio.create_task(self._fly(), name=self._name, context=self._context.copy())
            self._flights.add(flight)
            flight.add_done_callback(self._flights.discard)

    async def _fly(self) -> None:
        self._setting_out = False
        while self._asked:
            kind, batch = self._take()
            if self._asked and not self._setting_out:
                self._set_out()
            if not batch:
                continue
            try:
                await self._carry(kind, batch)
            except MxGatewayError as error:
                self._fail_all(batch, error)
            except Exception as error:
                # A mistake of ours: nobody may wait for ever because of it.
                _logger.exception("%s has failed", self._name)
                self._fail_all(batch, MxGatewayError(f"the TagClient has failed: {error!r}"))

    def _take(self) -> tuple[KindT, list[RequestT]]:
        """Take as many of one kind as one call can carry. The other kinds come before the rest of this one."""
        kind = next(iter(self._asked))
        asked = self._asked.pop(kind)
        batch: list[RequestT] = []
        entries = size = 0
        while asked:
            request = asked[0]
            if not request.done():
                entries += request.entries
                size += request.size
                if batch and (entries > self._most_entries or size > self._most_bytes):
                    self._asked[kind] = asked
                    break
                batch.append(request)
            asked.popleft()
        return kind, batch

    def _fail_all(self, batch: Sequence[RequestT], error: MxGatewayError) -> None:
        for request in batch:
            if not request.done():
                self._fail(request, error if len(batch) == 1 else own_copy(error))
