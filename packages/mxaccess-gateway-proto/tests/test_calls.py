"""Generated stubs call generated servicers over a real socket, from synchronous and asyncio code."""

from collections.abc import AsyncIterator, Callable, Iterator
from concurrent import futures
from types import ModuleType

import grpc
import grpc.aio
import pytest
from google.protobuf import message_factory
from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor
from google.protobuf.message import Message
from mxaccess_gateway.v1 import (
    galaxy_repository_pb2,
    galaxy_repository_pb2_grpc,
    mxaccess_gateway_pb2,
    mxaccess_gateway_pb2_grpc,
)

SERVICES: tuple[tuple[ServiceDescriptor, ModuleType], ...] = (
    (mxaccess_gateway_pb2.DESCRIPTOR.services_by_name["MxAccessGateway"], mxaccess_gateway_pb2_grpc),
    (galaxy_repository_pb2.DESCRIPTOR.services_by_name["GalaxyRepository"], galaxy_repository_pb2_grpc),
)
METHODS = [(service, module, method) for service, module in SERVICES for method in service.methods]
METHOD_IDS = [method.name for _, _, method in METHODS]

each_rpc = pytest.mark.parametrize(("service", "module", "method"), METHODS, ids=METHOD_IDS)


def request_of(method: MethodDescriptor) -> Message:
    return message_factory.GetMessageClass(method.input_type)()


def reply_of(method: MethodDescriptor) -> Message:
    return message_factory.GetMessageClass(method.output_type)()


def answer(method: MethodDescriptor) -> Callable[..., object]:
    """Return a handler that answers with the reply type of the rpc: once, or twice for a stream."""

    def unary(_servicer: object, _request: Message, _context: object) -> Message:
        return reply_of(method)

    def stream(_servicer: object, _request: Message, _context: object) -> Iterator[Message]:
        yield reply_of(method)
        yield reply_of(method)

    return stream if method.server_streaming else unary


def add_servicer(service: ServiceDescriptor, module: ModuleType, server: object, *, implemented: bool = True) -> None:
    """Add the generated servicer to a server, with every rpc implemented or none."""
    base = getattr(module, f"{service.name}Servicer")
    behaviour = {method.name: answer(method) for method in service.methods} if implemented else {}
    servicer = type("Servicer", (base,), behaviour)()
    getattr(module, f"add_{service.name}Servicer_to_server")(servicer, server)


@pytest.fixture
def endpoint() -> Iterator[str]:
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=2))
    for service, module in SERVICES:
        add_servicer(service, module, server)
    port = server.add_insecure_port("localhost:0")
    server.start()
    yield f"localhost:{port}"
    server.stop(grace=None).wait()


@pytest.fixture
async def aio_endpoint() -> AsyncIterator[str]:
    server = grpc.aio.server(migration_thread_pool=futures.ThreadPoolExecutor(max_workers=2))
    for service, module in SERVICES:
        add_servicer(service, module, server)
    port = server.add_insecure_port("localhost:0")
    await server.start()
    yield f"localhost:{port}"
    await server.stop(grace=None)


@each_rpc
def test_each_rpc_is_served_and_called(
    service: ServiceDescriptor, module: ModuleType, method: MethodDescriptor, endpoint: str
) -> None:
    with grpc.insecure_channel(endpoint) as channel:
        call = getattr(getattr(module, f"{service.name}Stub")(channel), method.name)

        answered = call(request_of(method), timeout=10)

        replies = list(answered) if method.server_streaming else [answered]
    assert replies == [reply_of(method)] * (2 if method.server_streaming else 1)


@each_rpc
async def test_each_rpc_is_served_and_called_with_asyncio(
    service: ServiceDescriptor, module: ModuleType, method: MethodDescriptor, aio_endpoint: str
) -> None:
    async with grpc.aio.insecure_channel(aio_endpoint) as channel:
        call = getattr(getattr(module, f"{service.name}Stub")(channel), method.name)

        answered = call(request_of(method), timeout=10)

        replies = [reply async for reply in answered] if method.server_streaming else [await answered]
    assert replies == [reply_of(method)] * (2 if method.server_streaming else 1)


@each_rpc
def test_unimplemented_rpc_raises(service: ServiceDescriptor, module: ModuleType, method: MethodDescriptor) -> None:
    servicer = getattr(module, f"{service.name}Servicer")()

    with pytest.raises(NotImplementedError):
        getattr(servicer, method.name)(request_of(method), Unimplemented())


class Unimplemented:
    """The part of a context that a generated servicer uses."""

    def set_code(self, code: grpc.StatusCode) -> None:
        assert code is grpc.StatusCode.UNIMPLEMENTED

    def set_details(self, details: str) -> None:
        assert details == "Method not implemented!"
