"""Iterate over objects of the Galaxy page by page."""

from __future__ import annotations

import asyncio
import logging
import time
from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar, Final, NoReturn

from mxgateway._transport.failures import is_message_too_large
from mxgateway.errors import (
    ErrorFacts,
    MxGatewayCommandError,
    MxGatewayError,
    MxGatewayGalaxyChangedError,
    MxGatewayLimitError,
    MxGatewayProtocolError,
    MxGatewayUsageError,
)
from mxgateway.galaxy.calls import call_galaxy, request_version
from mxgateway.galaxy.objects import GalaxyObject

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from typing import Self

    from mxaccess_gateway.v1 import galaxy_repository_pb2 as galaxy_pb

    from mxgateway._transport.channel import Channel

_logger = logging.getLogger("mxgateway.galaxy")

__all__ = ["ChildPages", "GalaxyObjects", "HierarchyPages"]

# Objects of a page are delivered without waiting. After this time other tasks get a turn of the event loop.
_MAX_RUN_SECONDS: Final = 0.001


@dataclass(frozen=True, slots=True, kw_only=True)
class _Page:
    """One page of objects.

    Attributes:
        objects: objects of the page, converted during iteration.
        next_token: token of the next page; empty for the last page.
        total: number of objects of all pages, as counted by the gateway.
        version: version of the Galaxy that the page is from, or None if it was not requested.
    """

    objects: Iterator[GalaxyObject]
    next_token: str
    total: int
    version: int | None


class GalaxyObjects(ABC):
    """Objects of the Galaxy: an async iterator that requests pages as needed and holds one page at a time.

    Between two pages nothing is open at the gateway, so the iterator can be dropped at any time. Cancelling a task that
    waits for an object loses no object. After a temporary error the iteration can continue: the same page is requested
    again.

    Iterating raises:

    - MxGatewayNotFoundError if the object to start at is unknown to the gateway
    - MxGatewayGalaxyChangedError if the Galaxy was deployed during the iteration, so that further objects would be from
      another version. Start again with a new iterator; this one keeps raising the error
    - MxGatewayCommandError if the gateway refuses a filter as invalid
    - MxGatewayAuthorizationError if the key lacks the scope `metadata:read`
    - MxGatewayLimitError if a single object exceeds `max_message_bytes`
    - MxGatewayTimeoutError if a page does not arrive before the deadline
    - MxGatewayGalaxyUnavailableError if the gateway has no copy of the Galaxy yet
    - MxGatewayTransportError if the connection fails
    - MxGatewayUsageError if another task already waits on the iterator, or if the client belongs to another event loop
      or process
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
        self._version: int | None = None
        self._total: int | None = None
        self._failure: MxGatewayError | None = None
        self._waiting = False
        self._next_turn = 0.0
        self._delivered = 0

    @property
    def delivered(self) -> int:
        """Number of objects delivered so far."""
        return self._delivered

    @property
    def total(self) -> int | None:
        """Total number of objects, as counted by the gateway; None before the first object has arrived."""
        return self._total

    @property
    def version(self) -> int | None:
        """Number of the gateway's copy of the Galaxy that the objects are from; None before the first one has arrived.

        `Galaxy.status` returns how current this copy is.
        """
        return self._version

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> GalaxyObject:
        """Return the next object. The class lists the errors."""
        if time.monotonic() > self._next_turn:
            await asyncio.sleep(0)
            self._next_turn = time.monotonic() + _MAX_RUN_SECONDS
        while (galaxy_object := next(self._objects, None)) is None:
            if self._waiting:
                raise MxGatewayUsageError("another task already waits on this iterator", self._facts())
            if self._failure is not None:
                raise self._failure
            if self._complete:
                raise StopAsyncIteration
            self._waiting = True
            try:
                await self._load_next_page()
            finally:
                self._waiting = False
        self._delivered += 1
        return galaxy_object

    @abstractmethod
    async def _page(self) -> _Page:
        """Request the page of the current token."""

    async def _load_next_page(self) -> None:
        page = await self._fitting_page()
        if page.next_token and page.next_token in {self._token, self._landmark}:
            self._fail(MxGatewayProtocolError("the page tokens of the gateway form a cycle", self._facts()))
        if _differ(self._version, page.version) or _differ(self._total or None, page.total or None):
            self._fail(self._changed(self._facts()))
        self._objects = page.objects
        self._token = page.next_token
        self._pages += 1
        if self._pages == self._next_landmark_at:
            # Brent's algorithm: remember the page token at powers of two, so that a cycle of any length is detected.
            self._landmark, self._next_landmark_at = page.next_token, 2 * self._pages
        self._complete = not page.next_token
        self._version = self._version if page.version is None else page.version
        self._total = page.total or self._total or 0

    async def _fitting_page(self) -> _Page:
        """Request a page, halving the page size until it fits into a message."""
        too_large: MxGatewayLimitError | None = None
        while True:
            try:
                return await self._page()
            except MxGatewayLimitError as error:
                if not is_message_too_large(error):
                    raise
                too_large = error.with_hint("raise max_message_bytes, or omit the attributes")
            except MxGatewayCommandError as error:
                self._raise_refusal(error, too_large)
            if self._page_size == 1:
                raise too_large
            self._page_size //= 2
            _logger.debug("a page was too large: continuing with %d objects per page", self._page_size)

    def _raise_refusal(self, error: MxGatewayCommandError, too_large: MxGatewayLimitError | None) -> NoReturn:
        """Raise the error for a page that the gateway refused, after a larger page was too large or not."""
        if too_large is not None:
            # The gateway does not accept another page size together with a page token.
            raise too_large.with_hint("use a smaller page_size from the start") from None
        if not self._token:
            raise error
        # The gateway accepted the first page of the same request, so the token has become invalid.
        self._fail(self._changed(error.facts))

    def _fail(self, failure: MxGatewayError) -> NoReturn:
        self._failure = failure
        raise failure

    def _changed(self, facts: ErrorFacts) -> MxGatewayGalaxyChangedError:
        return MxGatewayGalaxyChangedError(
            f"the Galaxy changed after {self._delivered} objects: further ones would be from another version",
            replace(facts, hint="read the objects again from the start"),
        )

    def _facts(self) -> ErrorFacts:
        return ErrorFacts(method=self._method, target=self._channel.options.endpoint)


class ChildPages(GalaxyObjects):
    """The children of an object. Each page includes the version of the Galaxy."""

    _method = "BrowseChildren"

    def __init__(
        self, channel: Channel, request: galaxy_pb.BrowseChildrenRequest, page_size: int, timeout: float | None
    ) -> None:
        super().__init__(channel, page_size, timeout)
        self._request = request

    async def _page(self) -> _Page:
        self._request.page_size = self._page_size
        self._request.page_token = self._token
        channel = self._channel
        reply = await call_galaxy(channel, channel.galaxy.BrowseChildren, self._method, self._request, self._timeout)
        return _Page(
            objects=_objects(reply.children, reply.child_has_children),
            next_token=reply.next_page_token,
            total=reply.total_child_count,
            version=reply.cache_sequence,
        )


class HierarchyPages(GalaxyObjects):
    """The objects below a root. The pages lack the version of the Galaxy, so it is requested separately."""

    _method = "DiscoverHierarchy"

    def __init__(
        self, channel: Channel, request: galaxy_pb.DiscoverHierarchyRequest, page_size: int, timeout: float | None
    ) -> None:
        super().__init__(channel, page_size, timeout)
        self._request = request

    async def _page(self) -> _Page:
        self._request.page_size = self._page_size
        self._request.page_token = self._token
        channel = self._channel
        version = None if self._token else await request_version(channel, "BrowseChildren", self._timeout)
        reply = await call_galaxy(channel, channel.galaxy.DiscoverHierarchy, self._method, self._request, self._timeout)
        if self._token and not reply.next_page_token:
            version = await request_version(channel, "BrowseChildren", self._timeout)
        return _Page(
            objects=_objects(reply.objects),
            next_token=reply.next_page_token,
            total=reply.total_object_count,
            version=version,
        )


def _objects(messages: Iterable[galaxy_pb.GalaxyObject], has_children: Sequence[bool] = ()) -> Iterator[GalaxyObject]:
    for index, message in enumerate(messages):
        yield GalaxyObject.from_message(
            message, has_children=has_children[index] if index < len(has_children) else None
        )


def _differ(known: int | None, now: int | None) -> bool:
    return known is not None and now is not None and known != now
