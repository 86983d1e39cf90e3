"""gRPC server reflection: request the descriptors of a server.

Its four messages are described here because every release of the package grpcio-reflection requires grpcio of the same
release, which plants pin to older ones.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Any, Final

import grpc
from google.protobuf import descriptor_pool, message_factory
from google.protobuf.descriptor_pb2 import FieldDescriptorProto, FileDescriptorProto, FileDescriptorSet
from google.protobuf.message import DecodeError

from mxgateway.errors import ErrorFacts, MxGatewayProtocolError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mxgateway._transport.channel import Channel

__all__ = ["fetch_files"]

# The messages of both versions differ only in the name of their package, which is not on the wire.
_PACKAGES: Final = ("grpc.reflection.v1", "grpc.reflection.v1alpha")
_METHOD: Final = "ServerReflectionInfo"
_NO_REFLECTION_HINT: Final = (
    "ask the administrator of the gateway for its FileDescriptorSet or its .proto files, and compare with the file"
)


async def fetch_files(channel: Channel, services: Sequence[str]) -> FileDescriptorSet:
    """Return the files of the services and of everything they import, as far as the server knows them.

    Raises:
        MxGatewayProtocolError: the server has no reflection, or its answer is invalid.
        MxGatewayError: a call failed, as with `Channel.call`.
    """
    package = await _supported_package(channel)
    files: dict[str, FileDescriptorProto] = {}
    for service in services:
        files.update(await _files(channel, package, file_containing_symbol=service))
    asked: set[str] = set()
    while wanted := {name for file in files.values() for name in file.dependency} - files.keys() - asked:
        for name in sorted(wanted):
            files.update(await _files(channel, package, file_by_filename=name))
        asked |= wanted
    return FileDescriptorSet(file=files.values())


async def _supported_package(channel: Channel) -> str:
    """Return the newest version of the reflection protocol that the server supports."""
    for package in _PACKAGES:
        try:
            await _ask(channel, package, list_services="")
        except MxGatewayProtocolError as error:
            if error.grpc_status is not grpc.StatusCode.UNIMPLEMENTED:
                raise
        else:
            return package
    raise _error(channel, "the gateway has no server reflection", _NO_REFLECTION_HINT)


async def _files(channel: Channel, package: str, **request: str) -> dict[str, FileDescriptorProto]:
    """Return the files in a response by name; none if the server does not know the requested name."""
    response = await _ask(channel, package, **request)
    if response.HasField("error_response"):
        if response.error_response.error_code == grpc.StatusCode.NOT_FOUND.value[0]:
            return {}
        raise _error(channel, f"the gateway cannot send its contract: {response.error_response.error_message}")
    try:
        files = [
            FileDescriptorProto.FromString(content)
            for content in response.file_descriptor_response.file_descriptor_proto
        ]
    except DecodeError as error:
        raise _error(channel, "the gateway sent an invalid file descriptor") from error
    return {file.name: file for file in files}


async def _ask(channel: Channel, package: str, **request: str) -> Any:
    """Send one request in a call of its own and return the only response.

    The method streams both ways. A call with one request and one response looks the same on the wire as a unary one.
    """
    messages = _messages()
    request_type, response_type = messages["ServerReflectionRequest"], messages["ServerReflectionResponse"]
    method = channel.unary_method(f"/{package}.ServerReflection/{_METHOD}", request_type, response_type)
    return await channel.call(method, _METHOD, request_type(**request), timeout=None)


def _error(channel: Channel, summary: str, hint: str | None = None) -> MxGatewayProtocolError:
    facts = ErrorFacts(method=_METHOD, target=channel.options.endpoint)
    return MxGatewayProtocolError(summary, facts if hint is None else replace(facts, hint=hint))


@cache
def _messages() -> dict[str, Any]:
    """Return the messages of the protocol with the fields that are used here."""
    file = FileDescriptorProto(name="mxgateway/reflection.proto", package=_PACKAGES[0], syntax="proto3")
    field = FieldDescriptorProto
    request = file.message_type.add(name="ServerReflectionRequest")
    request.oneof_decl.add(name="message_request")
    for number, name in ((3, "file_by_filename"), (4, "file_containing_symbol"), (7, "list_services")):
        request.field.add(name=name, number=number, type=field.TYPE_STRING, label=field.LABEL_OPTIONAL, oneof_index=0)
    response = file.message_type.add(name="ServerReflectionResponse")
    response.oneof_decl.add(name="message_response")
    for number, name, kind in (
        (4, "file_descriptor_response", "FileDescriptorResponse"),
        (7, "error_response", "ErrorResponse"),
    ):
        response.field.add(
            name=name,
            number=number,
            type=field.TYPE_MESSAGE,
            type_name=f".{file.package}.{kind}",
            label=field.LABEL_OPTIONAL,
            oneof_index=0,
        )
    found = file.message_type.add(name="FileDescriptorResponse")
    found.field.add(name="file_descriptor_proto", number=1, type=field.TYPE_BYTES, label=field.LABEL_REPEATED)
    refused = file.message_type.add(name="ErrorResponse")
    refused.field.add(name="error_code", number=1, type=field.TYPE_INT32, label=field.LABEL_OPTIONAL)
    refused.field.add(name="error_message", number=2, type=field.TYPE_STRING, label=field.LABEL_OPTIONAL)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    types = pool.FindFileByName(file.name).message_types_by_name
    return {name: message_factory.GetMessageClass(descriptor) for name, descriptor in types.items()}
