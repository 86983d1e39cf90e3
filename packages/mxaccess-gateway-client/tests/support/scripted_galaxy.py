"""A Galaxy service whose replies are set by the test, including invalid ones."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import TypeAlias

import grpc
from google.protobuf.message import Message
from mxaccess_gateway.v1 import galaxy_repository_pb2 as galaxy_pb
from mxaccess_gateway.v1 import galaxy_repository_pb2_grpc as galaxy_pb_grpc

from support.scripted_gateway import Context, ScriptedGateway, serving

PageRequest: TypeAlias = "galaxy_pb.BrowseChildrenRequest | galaxy_pb.DiscoverHierarchyRequest"
Page: TypeAlias = "galaxy_pb.BrowseChildrenReply | galaxy_pb.DiscoverHierarchyReply"


class ScriptedGalaxy(galaxy_pb_grpc.GalaxyRepositoryServicer):
    """A Galaxy service on a real socket, controlled by its attributes, which makes objects on request."""

    def __init__(self) -> None:
        self.endpoint = ""
        self.received: list[Message] = []
        self.refusal: tuple[grpc.StatusCode, str] | None = None
        self.objects = 0
        self.attributes_each = 0
        self.ignore_tokens = False
        self.state = 1
        self.edit_page: Callable[[Page], object] | None = None
        self.held: asyncio.Event | None = None
        self.connected = True
        self.deploy_time_reply = galaxy_pb.GetLastDeployTimeReply()
        self.deploys: Sequence[galaxy_pb.DeployEvent] = ()
        self.end_of_deploys = False

    @property
    def pages(self) -> list[PageRequest]:
        """Received requests for pages, without those that only request the version of the Galaxy."""
        return [
            request
            for request in self.received
            if isinstance(request, galaxy_pb.DiscoverHierarchyRequest)
            or (isinstance(request, galaxy_pb.BrowseChildrenRequest) and request.page_size > 1)
        ]

    async def TestConnection(  # noqa: N802 - the generated name
        self, request: galaxy_pb.TestConnectionRequest, context: Context
    ) -> galaxy_pb.TestConnectionReply:
        """Return `connected`."""
        await self._receive(request, context)
        return galaxy_pb.TestConnectionReply(ok=self.connected)

    async def GetLastDeployTime(  # noqa: N802 - the generated name
        self, request: galaxy_pb.GetLastDeployTimeRequest, context: Context
    ) -> galaxy_pb.GetLastDeployTimeReply:
        """Return `deploy_time_reply`."""
        await self._receive(request, context)
        return self.deploy_time_reply

    async def BrowseChildren(  # noqa: N802 - the generated name
        self, request: galaxy_pb.BrowseChildrenRequest, context: Context
    ) -> galaxy_pb.BrowseChildrenReply:
        """Return a page of the objects, ignoring the parent."""
        await self._receive(request, context)
        objects, token = self._slice(request.page_token, request.page_size)
        reply = galaxy_pb.BrowseChildrenReply(
            children=objects,
            next_page_token=token,
            total_child_count=self.objects,
            child_has_children=[each.is_area for each in objects],
            cache_sequence=self.state,
        )
        if self.edit_page is not None:
            self.edit_page(reply)
        return reply

    async def DiscoverHierarchy(  # noqa: N802 - the generated name
        self, request: galaxy_pb.DiscoverHierarchyRequest, context: Context
    ) -> galaxy_pb.DiscoverHierarchyReply:
        """Return a page of the objects, ignoring the root."""
        await self._receive(request, context)
        objects, token = self._slice(request.page_token, request.page_size)
        reply = galaxy_pb.DiscoverHierarchyReply(
            objects=objects, next_page_token=token, total_object_count=self.objects
        )
        if self.edit_page is not None:
            self.edit_page(reply)
        return reply

    async def WatchDeployEvents(  # noqa: N802 - the generated name
        self, request: galaxy_pb.WatchDeployEventsRequest, context: Context
    ) -> AsyncIterator[galaxy_pb.DeployEvent]:
        """Send `deploys`, then stay open or end."""
        await self._receive(request, context)
        for deploy in self.deploys:
            yield deploy
        if not self.end_of_deploys:
            await asyncio.Event().wait()

    def _slice(self, token: str, size: int) -> tuple[list[galaxy_pb.GalaxyObject], str]:
        first = 0 if self.ignore_tokens else int(token or 0)
        last = min(first + size, self.objects)
        return [self._object(number) for number in range(first, last)], str(last) if last < self.objects else ""

    def _object(self, number: int) -> galaxy_pb.GalaxyObject:
        name = f"Object_{number:06}"
        return galaxy_pb.GalaxyObject(
            gobject_id=number + 1,
            tag_name=name,
            is_area=number == 0,
            attributes=[
                galaxy_pb.GalaxyAttribute(attribute_name=f"A{index}", full_tag_reference=f"{name}.A{index}")
                for index in range(self.attributes_each)
            ],
        )

    async def _receive(self, request: Message, context: Context) -> None:
        copy = type(request)()
        copy.CopyFrom(request)
        self.received.append(copy)
        if self.held is not None:
            await self.held.wait()
        if self.refusal is not None:
            await context.abort(*self.refusal)


@asynccontextmanager
async def scripted_galaxy() -> AsyncGenerator[ScriptedGalaxy]:
    """Serve a scripted Galaxy next to a scripted gateway, in plaintext on a free port."""
    galaxy = ScriptedGalaxy()
    async with serving(ScriptedGateway(), galaxy) as galaxy.endpoint:
        yield galaxy
