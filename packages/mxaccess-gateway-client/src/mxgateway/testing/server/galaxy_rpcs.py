"""The rpcs of GalaxyRepository: the object tree in pages, and deploy events."""

from __future__ import annotations

import base64
import binascii
import hashlib
from typing import TYPE_CHECKING, TypeVar

import grpc
from mxaccess_gateway.v1 import galaxy_repository_pb2 as galaxy_pb

from mxgateway.testing.plant.native_numbers import native_data_type
from mxgateway.testing.plant.users import SecurityClassification
from mxgateway.testing.plant.values import timestamp
from mxgateway.testing.server.admission import Rpc
from mxgateway.testing.server.galaxy_tree import GalaxyFilter, GalaxyTree
from mxgateway.testing.state.keys import Scope
from mxgateway.testing.state.refusals import Refused
from mxgateway.testing.state.subscriptions import Subscription

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mxgateway.testing.plant.galaxy_cache import GalaxyCopy
    from mxgateway.testing.plant.tags import Tag
    from mxgateway.testing.server.admission import Call
    from mxgateway.testing.server.galaxy_tree import Node
    from mxgateway.testing.world import World

__all__ = ["GalaxyRpcs"]

_RequestT = TypeVar("_RequestT", galaxy_pb.DiscoverHierarchyRequest, galaxy_pb.BrowseChildrenRequest)

_DEFAULT_PAGE_SIZE = 500
_MAX_PAGE_SIZE = 5000
_MAX_QUEUED_DEPLOYS = 100


class GalaxyRpcs:
    """The implementation of GalaxyRepository."""

    def __init__(self, world: World) -> None:
        self._plant = world.plant
        self._cache = world.galaxy_cache

    def rpcs(self) -> Mapping[str, Rpc]:
        """Return the methods, each with the scope that it requires."""
        return {
            "TestConnection": Rpc(self._test_connection, Scope.METADATA_READ),
            "GetLastDeployTime": Rpc(self._get_last_deploy_time, Scope.METADATA_READ),
            "DiscoverHierarchy": Rpc(self._discover_hierarchy, Scope.METADATA_READ),
            "BrowseChildren": Rpc(self._browse_children, Scope.METADATA_READ),
            "WatchDeployEvents": Rpc(self._watch_deploy_events, Scope.METADATA_READ),
        }

    async def _test_connection(self, _: galaxy_pb.TestConnectionRequest, __: Call) -> galaxy_pb.TestConnectionReply:
        return galaxy_pb.TestConnectionReply(ok=self._cache.database_reachable)

    async def _get_last_deploy_time(
        self, _: galaxy_pb.GetLastDeployTimeRequest, __: Call
    ) -> galaxy_pb.GetLastDeployTimeReply:
        deployed_at = self._copy().deployed_at
        return galaxy_pb.GetLastDeployTimeReply(
            present=deployed_at is not None, time_of_last_deploy=None if deployed_at is None else timestamp(deployed_at)
        )

    async def _discover_hierarchy(
        self, request: galaxy_pb.DiscoverHierarchyRequest, call: Call
    ) -> galaxy_pb.DiscoverHierarchyReply:
        copy = self._copy()
        tree = GalaxyTree(copy, call.key)
        root = _start(tree, request.WhichOneof("root"), request)
        depth = request.max_depth.value if request.HasField("max_depth") else None
        if depth is not None and depth < 0:
            raise Refused(grpc.StatusCode.INVALID_ARGUMENT, f"max_depth must not be negative: {depth}")
        levels = depth
        if root is not None and depth is not None:
            # The reply includes the root, and the depth counts the levels below it.
            levels = depth + 1
        nodes = tree.walk(tree.top if root is None else (root,), levels)
        galaxy_filter = _filter(request)
        found = [node for node in nodes if galaxy_filter.matches(node)]
        page, next_page_token = _page(request, found, copy.deploys)
        return galaxy_pb.DiscoverHierarchyReply(
            objects=[_object(node, _with_attributes(request)) for node in page],
            next_page_token=next_page_token,
            total_object_count=len(found),
        )

    async def _browse_children(
        self, request: galaxy_pb.BrowseChildrenRequest, call: Call
    ) -> galaxy_pb.BrowseChildrenReply:
        copy = self._copy()
        tree = GalaxyTree(copy, call.key)
        parent = _start(tree, request.WhichOneof("parent"), request)
        galaxy_filter = _filter(request)
        found = [node for node in (tree.top if parent is None else parent.children) if galaxy_filter.matches(node)]
        page, next_page_token = _page(request, found, copy.deploys)
        return galaxy_pb.BrowseChildrenReply(
            children=[_object(node, _with_attributes(request)) for node in page],
            next_page_token=next_page_token,
            total_child_count=len(found),
            child_has_children=[any(galaxy_filter.matches(child) for child in node.children) for node in page],
            cache_sequence=copy.deploys,
        )

    async def _watch_deploy_events(self, _: galaxy_pb.WatchDeployEventsRequest, call: Call) -> None:
        first = self._copy()
        subscription = Subscription([_deploy_event(first)], _MAX_QUEUED_DEPLOYS)
        last_sent = first.deploys

        def look() -> None:
            nonlocal last_sent
            copy = self._cache.copy
            if copy is not None and copy.deploys != last_sent:
                last_sent = copy.deploys
                subscription.put(_deploy_event(copy))

        self._plant.deploy_listeners[look] = None
        self._cache.listeners[look] = None
        try:
            while (event := await subscription.next()) is not None:
                await call.send(event)
        finally:
            del self._plant.deploy_listeners[look], self._cache.listeners[look]

    def _copy(self) -> GalaxyCopy:
        copy = self._cache.copy
        if copy is None:
            raise Refused(grpc.StatusCode.UNAVAILABLE, "the Galaxy has not been loaded yet: its database is down")
        return copy


def _deploy_event(copy: GalaxyCopy) -> galaxy_pb.DeployEvent:
    return galaxy_pb.DeployEvent(
        sequence=copy.deploys,
        observed_at=timestamp(copy.observed_at),
        time_of_last_deploy=None if copy.deployed_at is None else timestamp(copy.deployed_at),
        object_count=len(copy.objects),
        attribute_count=len(copy.tags),
    )


def _page(request: _RequestT, found: Sequence[Node], deploys: int) -> tuple[Sequence[Node], str]:
    """Return the nodes of the requested page, and the token of the next page (empty on the last one)."""
    if request.page_size < 0:
        raise Refused(grpc.StatusCode.INVALID_ARGUMENT, f"page_size must not be negative: {request.page_size}")
    size = min(request.page_size or _DEFAULT_PAGE_SIZE, _MAX_PAGE_SIZE)
    digest = _digest(request, deploys)
    first = 0
    if request.page_token:
        first, token_digest = _read_token(request.page_token)
        if token_digest != digest:
            raise Refused(
                grpc.StatusCode.INVALID_ARGUMENT, "the page_token is for other filters or for an earlier deploy"
            )
    end = first + size
    return found[first:end], _token(end, digest) if end < len(found) else ""


def _start(tree: GalaxyTree, arm: str | None, request: _RequestT) -> Node | None:
    """Return the object at which to start; None for the Galaxy itself."""
    if arm is None:
        return None
    value = getattr(request, arm)
    if arm.endswith("_gobject_id"):
        if value == 0:
            return None
        node = tree.by_id(value)
    elif arm.endswith("_tag_name"):
        node = tree.by_tag_name(value)
    else:
        node = tree.by_path(value)
    if node is None:
        raise Refused(grpc.StatusCode.NOT_FOUND, f"the Galaxy has no object with {arm} {value!r}")
    return node


def _filter(request: _RequestT) -> GalaxyFilter:
    return GalaxyFilter(
        category_ids=tuple(request.category_ids),
        templates=tuple(request.template_chain_contains),
        glob=request.tag_name_glob,
        alarm_bearing_only=request.alarm_bearing_only,
        historized_only=request.historized_only,
    )


def _with_attributes(request: _RequestT) -> bool:
    return request.include_attributes if request.HasField("include_attributes") else True


def _digest(request: _RequestT, deploys: int) -> str:
    """Return a digest of the filters of a request and of the deploy that it concerns."""
    filters = type(request)()
    filters.CopyFrom(request)
    filters.ClearField("page_token")
    filters.ClearField("page_size")
    serialized = filters.SerializeToString(deterministic=True)
    return hashlib.sha256(b"%d " % deploys + serialized).hexdigest()[:16]


def _token(first: int, digest: str) -> str:
    return base64.urlsafe_b64encode(f"{first} {digest}".encode()).decode()


def _read_token(token: str) -> tuple[int, str]:
    try:
        first, digest = base64.urlsafe_b64decode(token.encode()).decode().split(" ")
        return int(first), digest
    except (binascii.Error, ValueError) as error:
        raise Refused(grpc.StatusCode.INVALID_ARGUMENT, "the page_token is invalid") from error


def _object(node: Node, with_attributes: bool) -> galaxy_pb.GalaxyObject:  # noqa: FBT001 - it is the only flag
    each = node.object
    return galaxy_pb.GalaxyObject(
        gobject_id=each.gobject_id,
        tag_name=each.tag_name,
        contained_name=each.contained_name,
        browse_name=each.contained_name or each.tag_name,
        parent_gobject_id=node.parent_id,
        is_area=each.is_area,
        category_id=each.category_id,
        template_chain=each.templates,
        attributes=[_attribute(tag) for tag in node.attributes] if with_attributes else (),
    )


def _attribute(tag: Tag) -> galaxy_pb.GalaxyAttribute:
    return galaxy_pb.GalaxyAttribute(
        attribute_name=tag.attribute_name,
        full_tag_reference=tag.reference,
        mx_data_type=native_data_type(tag.type.traits.data_type),
        data_type_name=tag.type.traits.data_type_name,
        is_array=tag.is_array,
        array_dimension=tag.dimensions[0] if tag.is_array else 0,
        security_classification=tag.security,
        is_writable=tag.security is not SecurityClassification.VIEW_ONLY,
        is_historized=tag.historized,
        is_alarm=tag.alarm is not None,
    )
