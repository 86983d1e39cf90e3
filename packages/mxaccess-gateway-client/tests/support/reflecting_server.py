"""A server with gRPC server reflection, in plaintext, as another gateway or another product."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeAlias, cast

import grpc
import grpc.aio
from google.protobuf import descriptor_pb2, descriptor_pool
from grpc_reflection.v1alpha import reflection, reflection_pb2

from mxgateway.contract import our_descriptors
from mxgateway.contract.descriptors import SERVICES

VERSIONS = ("grpc.reflection.v1", "grpc.reflection.v1alpha")

Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"
Behaviour: TypeAlias = "Callable[[Any, Context], Awaitable[Sequence[object]]]"
Change: TypeAlias = "Callable[[Mapping[str, descriptor_pb2.FileDescriptorProto]], None]"


def reflecting(change: Change | None = None) -> Behaviour:
    """Return server reflection of our contract after a change of its files, which are given by name."""
    files = {file.name: file for file in our_descriptors().file}
    if change is not None:
        change(files)
    return reflecting_files(*files.values())


def reflecting_files(*files: descriptor_pb2.FileDescriptorProto) -> Behaviour:
    """Return server reflection of these files, each after those that it imports, as grpc's own package serves it."""
    pool = descriptor_pool.DescriptorPool()
    for file in files:
        pool.Add(file)
    servicer = reflection.ReflectionServicer(SERVICES, pool=pool)
    # The stub has no types.
    serve = cast("Callable[[Iterator[Any], object], Iterator[object]]", servicer.ServerReflectionInfo)  # pyright: ignore[reportUnknownMemberType]

    async def answer(request: Any, context: Context) -> Sequence[object]:
        return list(serve(iter([request]), context))

    return answer


@asynccontextmanager
async def reflecting_server(behaviour: Behaviour, version: str = VERSIONS[0]) -> AsyncGenerator[str]:
    """Serve reflection on a free port and yield `host:port`."""

    async def answer(requests: AsyncIterator[Any], context: Context) -> AsyncIterator[object]:
        async for request in requests:
            for response in await behaviour(request, context):
                yield response

    handler = grpc.stream_stream_rpc_method_handler(
        cast("Any", answer),
        request_deserializer=reflection_pb2.ServerReflectionRequest.FromString,
        response_serializer=reflection_pb2.ServerReflectionResponse.SerializeToString,
    )
    server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
    server.add_generic_rpc_handlers(
        [grpc.method_handlers_generic_handler(f"{version}.ServerReflection", {"ServerReflectionInfo": handler})]
    )
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        await server.stop(None)
