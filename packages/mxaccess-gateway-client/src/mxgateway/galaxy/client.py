"""The Galaxy of the plant: its object tree, read-only, as the gateway's copy of it stands."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final, TypeAlias, TypedDict, Unpack

from mxaccess_gateway.v1 import galaxy_repository_pb2 as galaxy_pb

from mxgateway._support.validation import check_seconds
from mxgateway._transport.streams.stream import Stream
from mxgateway.errors import (
    ErrorFacts,
    MxGatewayConfigurationError,
    MxGatewayEventLossError,
    MxGatewayLimitError,
    MxGatewayProtocolError,
    MxGatewayStreamEndedError,
)
from mxgateway.galaxy.objects import GalaxyObject
from mxgateway.galaxy.pages import ChildPages, GalaxyObjects, HierarchyPages
from mxgateway.values.timestamps import datetime_field, fill_timestamp

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from mxgateway._transport.channel import Channel
    from mxgateway._transport.streams.reader import Reader

__all__ = ["DeployEvent", "DeployWatch", "Galaxy", "GalaxyFilters", "GalaxyPlace"]

_PAGE_SIZE: Final = 500
_LARGEST_PAGE: Final = 5000
_WATCH_AGAIN: Final = "open a new watch: it begins with the present state"

GalaxyPlace: TypeAlias = int | str | GalaxyObject
"""An object of the Galaxy to begin at: its gobject id, its tag name, or itself."""


class GalaxyFilters(TypedDict, total=False):
    """Which objects are wanted, and with what. An object must pass all filters.

    Keys:
        category_ids: only objects of one of these categories.
        template_chain_contains: only objects with all of these in their template chain.
        tag_name_glob: only objects whose whole tag name matches, with `*` and `?`, whatever the case.
        include_attributes: whether the objects come with their attributes; True unless told.
        alarm_bearing_only: only objects that have an alarm.
        historized_only: only objects that have a historized attribute.
    """

    category_ids: Iterable[int]
    template_chain_contains: Iterable[str]
    tag_name_glob: str
    include_attributes: bool
    alarm_bearing_only: bool
    historized_only: bool


class DeployEvent:
    """A deploy of the Galaxy, or at the start of a watch its present state.

    Attributes:
        raw: the message as it came.
    """

    __slots__ = ("raw",)

    def __init__(self, raw: galaxy_pb.DeployEvent) -> None:
        self.raw: galaxy_pb.DeployEvent = raw

    @property
    def sequence(self) -> int:
        """The number of this event: it rises by one from event to event."""
        return self.raw.sequence

    @property
    def observed_at(self) -> datetime | None:
        """When the gateway saw it, in UTC.

        Raises:
            ValueError: it lies outside the years 1 to 9999.
        """
        return datetime_field(self.raw, "observed_at")

    @property
    def time_of_last_deploy(self) -> datetime | None:
        """When the Galaxy was deployed, in UTC; None when it never was. It can be given as `last_seen` later.

        Raises:
            ValueError: it lies outside the years 1 to 9999.
        """
        return datetime_field(self.raw, "time_of_last_deploy")

    @property
    def object_count(self) -> int:
        """How many objects the Galaxy has now."""
        return self.raw.object_count

    @property
    def attribute_count(self) -> int:
        """How many attributes the Galaxy has now."""
        return self.raw.attribute_count

    def __repr__(self) -> str:
        return f"DeployEvent(sequence={self.sequence}, object_count={self.object_count})"


class DeployWatch(Stream[galaxy_pb.DeployEvent, DeployEvent]):
    """The deploys of the Galaxy as they happen: an async iterator and an async context manager.

    The present state comes first, at once. It asks the gateway when it is entered or first iterated, and ends normally
    only when it is closed; every loss raises. After one open a new watch: it begins with the present state again.

    Iterating raises

    - MxGatewayEventLossError when `sequence` jumps or runs backwards: deploys happened that were not told,
    - MxGatewayAuthorizationError when the key lacks the scope `metadata:read`,
    - MxGatewayStreamEndedError when the gateway ended the watch, even with OK,
    - MxGatewayTransportError when the connection broke,
    - MxGatewayUsageError when another task waits on this watch already, or the client can't be used here.
    """

    _method = "WatchDeployEvents"
    _hints = MappingProxyType({MxGatewayStreamEndedError: _WATCH_AGAIN, MxGatewayLimitError: _WATCH_AGAIN})

    def __init__(self, channel: Channel, request: galaxy_pb.WatchDeployEventsRequest) -> None:
        super().__init__(channel)
        self._request = request
        self._last_sequence = 0

    def _open_reader(self) -> Reader[galaxy_pb.DeployEvent]:
        return self._read_in_task(self._channel.galaxy.WatchDeployEvents, self._request)

    def _item(self, message: galaxy_pb.DeployEvent) -> DeployEvent:
        sequence, last = message.sequence, self._last_sequence
        if last and sequence and sequence != last + 1:
            problem = f"jumps over {sequence - last - 1} deploys" if sequence > last else "runs backwards"
            self._fail(
                MxGatewayEventLossError(
                    f"sequence {problem}: {sequence} came after {last}",
                    self._facts(_WATCH_AGAIN),
                )
            )
        self._last_sequence = sequence or last
        return DeployEvent(message)


class Galaxy:
    """The Galaxy's object tree, read-only; `GatewayClient.galaxy` is it.

    It needs no session, and a key with the scope `metadata:read`. `timeout`, in seconds, is for one question to the
    gateway: of a browse or a discovery each page has that long.

    Every method raises

    - MxGatewayAuthorizationError when the key lacks the scope,
    - MxGatewayTimeoutError when no answer comes in time,
    - MxGatewayTransportError when the connection fails,
    - MxGatewayProtocolError when the reply is not what the contract says, or the gateway serves no Galaxy,
    - MxGatewayUsageError when the client is closed, or used from another event loop or process,
    - MxGatewayConfigurationError, a ValueError, when an argument can't work; before anything is sent.
    """

    def __init__(self, channel: Channel) -> None:
        self._channel = channel

    async def test_connection(self, *, timeout: float | None = None) -> bool:
        """Give whether the Galaxy's database answers the gateway (rpc `TestConnection`)."""
        request = galaxy_pb.TestConnectionRequest()
        reply = await self._channel.call(
            self._channel.galaxy.TestConnection, "TestConnection", request, timeout=timeout
        )
        return reply.ok

    async def last_deploy_time(self, *, timeout: float | None = None) -> datetime | None:
        """Give when the Galaxy was last deployed, in UTC, or None when it never was (rpc `GetLastDeployTime`)."""
        request = galaxy_pb.GetLastDeployTimeRequest()
        reply = await self._channel.call(
            self._channel.galaxy.GetLastDeployTime, "GetLastDeployTime", request, timeout=timeout
        )
        if not reply.present:
            return None
        try:
            deployed = datetime_field(reply, "time_of_last_deploy")
        except ValueError as error:
            problem = str(error)
        else:
            if deployed is not None:
                return deployed
            problem = "the reply says that the Galaxy was deployed but not when"
        facts = ErrorFacts(method="GetLastDeployTime", target=self._channel.options.endpoint)
        raise MxGatewayProtocolError(problem, facts)

    def browse_children(
        self,
        parent: GalaxyPlace | None = None,
        *,
        contained_path: str | None = None,
        page_size: int = _PAGE_SIZE,
        timeout: float | None = None,
        **filters: Unpack[GalaxyFilters],
    ) -> GalaxyObjects:
        """Give the direct children of an object (rpc `BrowseChildren`): areas first, then by name.

        Nothing is asked before it is iterated. Without a parent they are the objects at the top of the Galaxy. The
        parent is its gobject id, its tag name, or a GalaxyObject; or it is named by `contained_path`, its path of
        contained names such as `TestPlant/Line1/Pump`. `page_size` is how many objects come at once, 1 to 5000.

        Each page tells which state of the Galaxy it is from: a deploy between two pages raises
        MxGatewayGalaxyChangedError.
        """
        request = galaxy_pb.BrowseChildrenRequest()
        _fill_place(request, "parent", parent, contained_path)
        _fill_filters(request, **filters)
        return ChildPages(self._channel, request, _checked_page_size(page_size), _checked_timeout(timeout))

    def discover(
        self,
        root: GalaxyPlace | None = None,
        *,
        contained_path: str | None = None,
        max_depth: int | None = None,
        page_size: int = _PAGE_SIZE,
        timeout: float | None = None,
        **filters: Unpack[GalaxyFilters],
    ) -> GalaxyObjects:
        """Give the objects under a root (rpc `DiscoverHierarchy`), of the whole Galaxy without one.

        Nothing is asked before it is iterated. The root is named as the parent in `browse_children`. `max_depth` is how
        many levels to go down; None goes to the ground. `page_size` is how many objects come at once, 1 to 5000.

        These pages don't tell which state of the Galaxy they are from. So the gateway is asked for it before the first
        page and after the last one of several, by a `BrowseChildren` for one object; a difference, another number of
        objects, or a page that the gateway no longer gives raise MxGatewayGalaxyChangedError.
        """
        request = galaxy_pb.DiscoverHierarchyRequest()
        _fill_place(request, "root", root, contained_path)
        if max_depth is not None:
            if not 0 <= max_depth < 2**31:
                raise MxGatewayConfigurationError(f"max_depth {max_depth} is not between 0 and 2147483647")
            request.max_depth.value = max_depth
        _fill_filters(request, **filters)
        return HierarchyPages(self._channel, request, _checked_page_size(page_size), _checked_timeout(timeout))

    def watch_deploys(self, last_seen: datetime | None = None) -> DeployWatch:
        """Give the deploys of the Galaxy as they happen (rpc `WatchDeployEvents`), the present state first.

        Nothing is asked before the watch is entered or iterated. `last_seen`, an aware datetime, tells the gateway
        which deploy is known already.

        Raises:
            ValueError: `last_seen` has no time zone.
        """
        request = galaxy_pb.WatchDeployEventsRequest()
        if last_seen is not None:
            fill_timestamp(request.last_seen_deploy_time, last_seen)
        return DeployWatch(self._channel, request)


def _fill_place(
    request: galaxy_pb.BrowseChildrenRequest | galaxy_pb.DiscoverHierarchyRequest,
    role: str,
    place: GalaxyPlace | None,
    contained_path: str | None,
) -> None:
    if place is not None and contained_path is not None:
        raise TypeError(f"give {role} or contained_path, not both")
    field, value = _named_place(place, contained_path)
    if value is None:
        return
    # An empty name would be the whole Galaxy, which nobody asks for by a name that got lost.
    if isinstance(value, str) and not value.strip():
        raise MxGatewayConfigurationError(f"{role} is empty: leave it out to begin at the top of the Galaxy")
    try:
        setattr(request, f"{role}_{field}", value)
    except (TypeError, ValueError):
        problem = f"{role} {value!r} is no gobject id, tag name or GalaxyObject"
    else:
        return
    raise MxGatewayConfigurationError(problem)


def _named_place(place: GalaxyPlace | None, contained_path: str | None) -> tuple[str, int | str | None]:
    """How a request names a place, and its name."""
    if contained_path is not None:
        return "contained_path", contained_path
    if isinstance(place, str):
        return "tag_name", place
    return "gobject_id", place.gobject_id if isinstance(place, GalaxyObject) else place


def _fill_filters(
    request: galaxy_pb.BrowseChildrenRequest | galaxy_pb.DiscoverHierarchyRequest,
    *,
    category_ids: Iterable[int] = (),
    template_chain_contains: Iterable[str] = (),
    tag_name_glob: str = "",
    include_attributes: bool = True,
    alarm_bearing_only: bool = False,
    historized_only: bool = False,
) -> None:
    if isinstance(template_chain_contains, str):
        raise TypeError(f"template_chain_contains is a text: give a list, such as [{template_chain_contains!r}]")
    request.category_ids.extend(category_ids)
    request.template_chain_contains.extend(template_chain_contains)
    request.tag_name_glob = tag_name_glob
    request.include_attributes = include_attributes
    request.alarm_bearing_only = alarm_bearing_only
    request.historized_only = historized_only


def _checked_page_size(page_size: int) -> int:
    if not 1 <= page_size <= _LARGEST_PAGE:
        raise MxGatewayConfigurationError(f"page_size {page_size} is not between 1 and {_LARGEST_PAGE}")
    return page_size


def _checked_timeout(timeout: float | None) -> float | None:
    return None if timeout is None else check_seconds("timeout", timeout)
