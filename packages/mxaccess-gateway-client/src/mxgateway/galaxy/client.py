"""Browse the object tree of the Galaxy, as cached by the gateway."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, TypeAlias, TypedDict, Unpack

from mxaccess_gateway.v1 import galaxy_repository_pb2 as galaxy_pb

from mxgateway._support.public_names import PublicNames
from mxgateway._support.validation import check_seconds
from mxgateway.errors import (
    ErrorFacts,
    MxGatewayConfigurationError,
    MxGatewayGalaxyUnavailableError,
    MxGatewayProtocolError,
)
from mxgateway.galaxy.calls import call_galaxy, request_version
from mxgateway.galaxy.deploys import DeployWatch
from mxgateway.galaxy.objects import GalaxyObject
from mxgateway.galaxy.pages import ChildPages, GalaxyObjects, HierarchyPages
from mxgateway.galaxy.status import GalaxyStatus, request_status
from mxgateway.values.timestamps import datetime_field, fill_timestamp

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from mxgateway._transport.channel import Channel

__all__ = ["Galaxy", "GalaxyFilters", "GalaxyPlace"]

_DEFAULT_PAGE_SIZE: Final = 500
_MAX_PAGE_SIZE: Final = 5000
_FIRST_PAUSE_SECONDS: Final = 0.25
_MAX_PAUSE_SECONDS: Final = 5.0

GalaxyPlace: TypeAlias = int | str | GalaxyObject
"""An object of the Galaxy to start at: its gobject id, its tag name, or a GalaxyObject."""


class GalaxyFilters(TypedDict, total=False):
    """Filters for objects. An object must match all of them.

    Keys:
        category_ids: only objects of one of these categories.
        template_chain_contains: only objects with all of these templates in their template chain.
        tag_name_glob: only objects whose whole tag name matches, with `*` and `?`, ignoring case.
        include_attributes: whether the objects include their attributes. The default is True.
        alarm_bearing_only: only objects that have an alarm.
        historized_only: only objects that have a historized attribute.
    """

    category_ids: Iterable[int]
    template_chain_contains: Iterable[str]
    tag_name_glob: str
    include_attributes: bool
    alarm_bearing_only: bool
    historized_only: bool


class Galaxy(PublicNames):
    """Read-only access to the object tree of the Galaxy, available as `GatewayClient.galaxy`.

    No session is needed, but a key with the scope `metadata:read`. `timeout` in seconds applies to each request; in
    `browse_children` and `discover` each page is a request.

    Every method raises:

    - MxGatewayAuthorizationError if the key lacks the scope
    - MxGatewayTimeoutError if no reply arrives before the deadline
    - MxGatewayGalaxyUnavailableError if the gateway has no copy of the Galaxy yet, except in `test_connection` and
      `status`
    - MxGatewayServerError if the gateway itself failed
    - MxGatewayTransportError if the connection fails
    - MxGatewayProtocolError if the reply violates the contract, or if the gateway does not serve a Galaxy
    - MxGatewayUsageError if the client is closed, or belongs to another event loop or process
    - MxGatewayConfigurationError, a ValueError, if an argument is invalid; raised before anything is sent
    """

    def __init__(self, channel: Channel) -> None:
        self._channel = channel

    def __repr__(self) -> str:
        return f"<Galaxy at {self._channel.options.endpoint}>"

    async def test_connection(self, *, timeout: float | None = None) -> bool:
        """Return whether the gateway can reach the database of the Galaxy (rpc `TestConnection`)."""
        request = galaxy_pb.TestConnectionRequest()
        reply = await call_galaxy(
            self._channel, self._channel.galaxy.TestConnection, "TestConnection", request, timeout
        )
        return reply.ok

    async def last_deploy_time(self, *, timeout: float | None = None) -> datetime | None:
        """Return the time of the last deploy in UTC, or None if there was none (rpc `GetLastDeployTime`)."""
        request = galaxy_pb.GetLastDeployTimeRequest()
        reply = await call_galaxy(
            self._channel, self._channel.galaxy.GetLastDeployTime, "GetLastDeployTime", request, timeout
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
            problem = "the reply reports a deploy but has no deploy time"
        facts = ErrorFacts(method="GetLastDeployTime", target=self._channel.options.endpoint)
        raise MxGatewayProtocolError(problem, facts)

    async def status(self, *, timeout: float | None = None) -> GalaxyStatus:
        """Return how current the gateway's copy of the Galaxy is, as far as the gateway reports it.

        Sends `TestConnection`, `BrowseChildren` for one object, and `WatchDeployEvents` for its first event. `timeout`
        in seconds applies to each. An empty cache is not an error here.
        """
        return await request_status(self._channel, _checked_timeout(timeout))

    async def wait_until_loaded(self, *, timeout: float = 60.0) -> None:
        """Wait until the gateway has a copy of the Galaxy, for example after its first start.

        Asks the gateway repeatedly, with pauses of up to 5 seconds. Only an empty cache is waited for: if the gateway
        cannot be reached or fails, its error is raised at once.

        Raises:
            MxGatewayGalaxyUnavailableError: the cache was still empty after `timeout` seconds.
        """
        loop = asyncio.get_running_loop()
        end = loop.time() + check_seconds("timeout", timeout)
        pause = _FIRST_PAUSE_SECONDS
        while True:
            try:
                await request_version(self._channel, "BrowseChildren", None)
            except MxGatewayGalaxyUnavailableError:
                if loop.time() + pause > end:
                    raise
            else:
                return
            await asyncio.sleep(pause)
            pause = min(2 * pause, _MAX_PAUSE_SECONDS)

    def browse_children(
        self,
        parent: GalaxyPlace | None = None,
        *,
        contained_path: str | None = None,
        page_size: int = _DEFAULT_PAGE_SIZE,
        timeout: float | None = None,
        **filters: Unpack[GalaxyFilters],
    ) -> GalaxyObjects:
        """Iterate over the direct children of an object (rpc `BrowseChildren`), areas first, then by name.

        Nothing is sent before the result is iterated. `parent` is a gobject id, a tag name or a GalaxyObject.
        Alternatively, `contained_path` is the path of contained names, such as `TestPlant/Line1/Pump`. Without both,
        the iteration yields the objects at the top of the Galaxy. `page_size` is the number of objects per request, 1
        to 5000.

        Each page includes the version of the Galaxy that it is from: a deploy between two pages raises
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
        page_size: int = _DEFAULT_PAGE_SIZE,
        timeout: float | None = None,
        **filters: Unpack[GalaxyFilters],
    ) -> GalaxyObjects:
        """Iterate over all objects below a root, or of the whole Galaxy (rpc `DiscoverHierarchy`).

        Nothing is sent before the result is iterated. `root` and `contained_path` work as `parent` and `contained_path`
        of `browse_children`. `max_depth` limits the number of levels; None is unlimited. `page_size` is the number of
        objects per request, 1 to 5000.

        These pages do not include the version of the Galaxy. The client therefore requests it before the first page and
        after the last of several pages, by a `BrowseChildren` for one object. If the version or the total number of
        objects changes, or if the gateway refuses a page, the iteration raises MxGatewayGalaxyChangedError.
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
        """Return a watch of the deploys of the Galaxy, beginning with the current state (rpc `WatchDeployEvents`).

        Nothing is sent before the watch is entered or iterated. `last_seen`, an aware datetime, is the time of the last
        deploy that the caller knows.

        Raises:
            ValueError: `last_seen` is a naive datetime.
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
        raise TypeError(f"use {role} or contained_path, not both")
    field, value = _named_place(place, contained_path)
    if value is None:
        return
    # An empty name would select the whole Galaxy, although it is more likely a mistake.
    if isinstance(value, str) and not value.strip():
        raise MxGatewayConfigurationError(f"{role} is empty: omit it to start at the top of the Galaxy")
    try:
        setattr(request, f"{role}_{field}", value)
    except (TypeError, ValueError):
        problem = f"invalid {role} {value!r}: use a gobject id, a tag name or a GalaxyObject"
    else:
        return
    raise MxGatewayConfigurationError(problem)


def _named_place(place: GalaxyPlace | None, contained_path: str | None) -> tuple[str, int | str | None]:
    """Return the suffix of the request field for a place, and its value."""
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
        raise TypeError(f"template_chain_contains must be a list of str, such as [{template_chain_contains!r}]")
    request.category_ids.extend(category_ids)
    request.template_chain_contains.extend(template_chain_contains)
    request.tag_name_glob = tag_name_glob
    request.include_attributes = include_attributes
    request.alarm_bearing_only = alarm_bearing_only
    request.historized_only = historized_only


def _checked_page_size(page_size: int) -> int:
    if not 1 <= page_size <= _MAX_PAGE_SIZE:
        raise MxGatewayConfigurationError(f"page_size {page_size} is not between 1 and {_MAX_PAGE_SIZE}")
    return page_size


def _checked_timeout(timeout: float | None) -> float | None:
    return None if timeout is None else check_seconds("timeout", timeout)
