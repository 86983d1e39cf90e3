"""The Galaxy's objects, page by page."""

from __future__ import annotations

import asyncio
import logging
import time
from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar, Final, NoReturn

from mxaccess_gateway.v1 import galaxy_repository_pb2 as galaxy_pb

from mxgateway._transport.failures import TOO_LARGE
from mxgateway.errors import (
    ErrorFacts,
    MxGatewayCommandError,
    MxGatewayError,
    MxGatewayGalaxyChangedError,
    MxGatewayLimitError,
    MxGatewayProtocolError,
    MxGatewayUsageError,
)
from mxgateway.galaxy.objects import GalaxyObject

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from typing import Self

    from mxgateway._transport.channel import Channel

_logger = logging.getLogger("mxgateway.galaxy")

__all__ = ["ChildPages", "GalaxyObjects", "HierarchyPages"]

# A page is delivered without waiting: after so many seconds of that, others get a turn of the event loop.
_LONGEST_RUN: Final = 0.001


@dataclass(frozen=True, slots=True, kw_only=True)
class _Page:
    """One page.

    Attributes:
        objects: its objects, made while they are taken.
        next_token: what asks for the next page; empty on the last one.
        total: how many objects all pages have, as the gateway counts.
        state: the state of the Galaxy that the pages are from, where it was looked at for this page.
    """

    objects: Iterator[GalaxyObject]
    next_token: str
    total: int
    state: int | None


class GalaxyObjects(ABC):
    """Objects of the Galaxy, asked for while they are iterated: an async iterator that holds one page at a time.

    Nothing is open between two pages: it can be dropped at any time. Cancelling a task that waits for an object loses
    nothing. After an error that may pass, iterating goes on where it stood: the same page is asked for again.

    Iterating raises

    - MxGatewayNotFoundError when the gateway doesn't know the object to begin at,
    - MxGatewayGalaxyChangedError when the Galaxy was deployed meanwhile: what came by then is of another state than
      what would follow. Begin again; this iterator raises it from then on,
    - MxGatewayCommandError when the gateway finds a filter wrong,
    - MxGatewayAuthorizationError when the key lacks the scope `metadata:read`,
    - MxGatewayLimitError when a single object is larger than `max_message_bytes`,
    - MxGatewayTimeoutError when a page doesn't come in time,
    - MxGatewayTransportError when the connection fails,
    - MxGatewayUsageError when another task waits on this iterator already, or the client can't be used here.
    """

    _method: ClassVar[str]

    def __init__(self, channel: Channel, page_size: int, timeout: float | None) -> None:
        self._channel = channel
        self._page_size = page_size
        self._timeout = timeout
        self._objects: Iterator[GalaxyObject] = iter(())
        self._token: str = ""
        self._landmark: str = ""
        self._next_landmark_at = 1
        self._pages = 0
        self._complete = False
        self._state: int | None = None
        self._total: int | None = None
        self._failure: MxGatewayError | None = None
        self._waiting = False
        self._next_turn = 0.0
        self._delivered = 0

    @property
    def delivered(self) -> int:
        """How many objects were delivered."""
        return self._delivered

    @property
    def total(self) -> int | None:
        """How many objects there are in all, as the gateway counts them; None before the first one has come."""
        return self._total

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> GalaxyObject:
        """Give the next object; see the class for what is raised."""
        if time.monotonic() > self._next_turn:
            await asyncio.sleep(0)
            self._next_turn = time.monotonic() + _LONGEST_RUN
        while (galaxy_object := next(self._objects, None)) is None:
            if self._waiting:
                raise MxGatewayUsageError("another task already waits on this iterator", self._facts())
            if self._failure is not None:
                raise self._failure
            if self._complete:
                raise StopAsyncIteration
            self._waiting = True
            try:
                await self._turn_page()
            finally:
                self._waiting = False
        self._delivered += 1
        return galaxy_object

    @abstractmethod
    async def _page(self) -> _Page:
        """Ask for the page of the present token."""

    async def _turn_page(self) -> None:
        page = await self._fitting_page()
        if page.next_token and page.next_token in {self._token, self._landmark}:
            self._fail(MxGatewayProtocolError("the gateway's pages go round in a circle", self._facts()))
        if _differ(self._state, page.state) or _differ(self._total or None, page.total or None):
            self._fail(self._changed(self._facts()))
        self._objects = page.objects
        self._token = page.next_token
        self._pages += 1
        if self._pages == self._next_landmark_at:
            # Each landmark stands twice as far on as the one before: a circle of any size comes to one again.
            self._landmark, self._next_landmark_at = page.next_token, 2 * self._pages
        self._complete = not page.next_token
        self._state = self._state if page.state is None else page.state
        self._total = page.total or self._total or 0

    async def _fitting_page(self) -> _Page:
        """Ask for a page, and for a smaller one as long as it is too large for a message."""
        too_large: MxGatewayLimitError | None = None
        while True:
            try:
                return await self._page()
            except MxGatewayLimitError as error:
                if not TOO_LARGE.search(error.details or ""):
                    raise
                too_large = error.with_hint("raise max_message_bytes, or leave the attributes out")
            except MxGatewayCommandError as error:
                if too_large is not None:
                    raise too_large.with_hint("give a smaller page_size from the start") from None
                if not self._token:
                    raise
                # The first page was answered to the same question, so only the token can have become wrong.
                self._fail(self._changed(error.facts))
            if self._page_size == 1:
                raise too_large
            self._page_size //= 2
            _logger.debug("a page was too large: going on with %d objects a page", self._page_size)

    def _fail(self, failure: MxGatewayError) -> NoReturn:
        self._failure = failure
        raise failure

    def _changed(self, facts: ErrorFacts) -> MxGatewayGalaxyChangedError:
        return MxGatewayGalaxyChangedError(
            f"the Galaxy changed after {self._delivered} objects: the next ones would be of another state",
            replace(facts, hint="read the objects again from the first one"),
        )

    def _facts(self) -> ErrorFacts:
        return ErrorFacts(method=self._method, target=self._channel.options.endpoint)


class ChildPages(GalaxyObjects):
    """The children of an object; each page says which state of the Galaxy it is from."""

    _method = "BrowseChildren"

    def __init__(
        self, channel: Channel, request: galaxy_pb.BrowseChildrenRequest, page_size: int, timeout: float | None
    ) -> None:
        super().__init__(channel, page_size, timeout)
        self._request = request

    async def _page(self) -> _Page:
        self._request.page_size = self._page_size
        self._request.page_token = self._token
        reply = await self._channel.call(
            self._channel.galaxy.BrowseChildren, self._method, self._request, timeout=self._timeout
        )
        return _Page(
            objects=_objects(reply.children, reply.child_has_children),
            next_token=reply.next_page_token,
            total=reply.total_child_count,
            state=reply.cache_sequence,
        )


class HierarchyPages(GalaxyObjects):
    """The objects under a root; a page doesn't say which state of the Galaxy it is from, so that is asked for."""

    _method = "DiscoverHierarchy"

    def __init__(
        self, channel: Channel, request: galaxy_pb.DiscoverHierarchyRequest, page_size: int, timeout: float | None
    ) -> None:
        super().__init__(channel, page_size, timeout)
        self._request = request

    async def _page(self) -> _Page:
        self._request.page_size = self._page_size
        self._request.page_token = self._token
        state = None if self._token else await self._galaxy_state()
        reply = await self._channel.call(
            self._channel.galaxy.DiscoverHierarchy, self._method, self._request, timeout=self._timeout
        )
        if self._token and not reply.next_page_token:
            state = await self._galaxy_state()
        return _Page(
            objects=_objects(reply.objects),
            next_token=reply.next_page_token,
            total=reply.total_object_count,
            state=state,
        )

    async def _galaxy_state(self) -> int:
        """Ask for the state of the gateway's copy of the Galaxy, with as little else as possible."""
        request = galaxy_pb.BrowseChildrenRequest(page_size=1, include_attributes=False)
        reply = await self._channel.call(
            self._channel.galaxy.BrowseChildren, "BrowseChildren", request, timeout=self._timeout
        )
        return reply.cache_sequence


def _objects(messages: Iterable[galaxy_pb.GalaxyObject], has_children: Sequence[bool] = ()) -> Iterator[GalaxyObject]:
    for index, message in enumerate(messages):
        yield GalaxyObject.from_message(
            message, has_children=has_children[index] if index < len(has_children) else None
        )


def _differ(known: int | None, now: int | None) -> bool:
    return known is not None and now is not None and known != now
