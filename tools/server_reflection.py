"""Request the descriptors of a running gRPC server, over server reflection v1 or v1alpha."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

# grpc's core reads this when it is imported. It prints failed connections itself, but our error has the same details.
os.environ.setdefault("GRPC_VERBOSITY", "NONE")

import grpc
from google.protobuf import descriptor_pb2, message
from grpc_reflection.v1alpha import reflection_pb2

# The messages of both versions differ only in their names: the same generated classes serve both.
REFLECTION_PACKAGES = ("grpc.reflection.v1", "grpc.reflection.v1alpha")
MAX_MESSAGE_BYTES = 16 * 1024 * 1024


class ReflectionError(Exception):
    """The server did not send its descriptors; the message is one line that says what to change."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """The address of a server and how to connect to it. `timeout` is in seconds, for each request."""

    endpoint: str
    plaintext: bool
    ca_file: Path | None
    server_name_override: str | None
    api_key: str | None
    timeout: float


def open_channel(server: Server) -> grpc.Channel:
    """Return a channel to the server. Nothing is sent yet."""
    options: list[tuple[str, int | str]] = [
        ("grpc.enable_http_proxy", 0),
        ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
    ]
    if server.plaintext:
        return grpc.insecure_channel(server.endpoint, options)
    if server.server_name_override is not None:
        options.append(("grpc.ssl_target_name_override", server.server_name_override))
    roots = None if server.ca_file is None else read_certificates(server.ca_file)
    return grpc.secure_channel(server.endpoint, grpc.ssl_channel_credentials(roots), options)


def read_certificates(path: Path) -> bytes:
    """Return the contents of a CA file. It is checked here, because grpc reports a bad file as a failed connection."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ReflectionError(f"cannot read the CA file {path}: {error.strerror}") from error
    if b"-----BEGIN CERTIFICATE-----" not in content:
        raise ReflectionError(f"the CA file {path} contains no PEM certificate")
    return content


def files_of_server(server: Server, services: Sequence[str]) -> Sequence[descriptor_pb2.FileDescriptorProto]:
    """Return the files of the services and of everything they import, as far as the server knows them.

    Raises:
        ReflectionError: The server cannot be reached, refuses, or does not support reflection.
    """
    with open_channel(server) as channel:
        package = reflection_package(channel, server)
        files: dict[str, descriptor_pb2.FileDescriptorProto] = {}
        for service in services:
            request = reflection_pb2.ServerReflectionRequest(file_containing_symbol=service)
            files.update(ask_for_files(channel, package, request, server))
        asked: set[str] = set()
        while wanted := {name for file in files.values() for name in file.dependency} - files.keys() - asked:
            for name in wanted:
                request = reflection_pb2.ServerReflectionRequest(file_by_filename=name)
                files.update(ask_for_files(channel, package, request, server))
            asked |= wanted
    return list(files.values())


def reflection_package(channel: grpc.Channel, server: Server) -> str:
    """Return the newest version of the reflection protocol that the server supports."""
    request = reflection_pb2.ServerReflectionRequest(list_services="")
    for package in REFLECTION_PACKAGES:
        try:
            ask(channel, package, request, server)
        except grpc.RpcError as error:
            if status_of(error)[0] is not grpc.StatusCode.UNIMPLEMENTED:
                raise ReflectionError(explain(error, server)) from error
        else:
            return package
    raise ReflectionError(f"{server.endpoint} does not support server reflection: compare with --descriptor-set")


def ask_for_files(
    channel: grpc.Channel, package: str, request: reflection_pb2.ServerReflectionRequest, server: Server
) -> dict[str, descriptor_pb2.FileDescriptorProto]:
    """Return the files in the response by name; none if the server does not know the requested name."""
    try:
        response = ask(channel, package, request, server)
    except grpc.RpcError as error:
        raise ReflectionError(explain(error, server)) from error
    if response.HasField("error_response"):
        if response.error_response.error_code == grpc.StatusCode.NOT_FOUND.value[0]:
            return {}
        raise ReflectionError(f"{server.endpoint} cannot send its contract: {response.error_response.error_message}")
    try:
        files = [
            descriptor_pb2.FileDescriptorProto.FromString(content)
            for content in response.file_descriptor_response.file_descriptor_proto
        ]
    except message.DecodeError as error:
        raise ReflectionError(f"{server.endpoint} sent an invalid file descriptor") from error
    return {file.name: file for file in files}


def ask(
    channel: grpc.Channel, package: str, request: reflection_pb2.ServerReflectionRequest, server: Server
) -> reflection_pb2.ServerReflectionResponse:
    """Send one request in its own call, so that no call stays open, and return the response."""
    method = channel.stream_stream(
        f"/{package}.ServerReflection/ServerReflectionInfo",
        request_serializer=reflection_pb2.ServerReflectionRequest.SerializeToString,
        response_deserializer=reflection_pb2.ServerReflectionResponse.FromString,
    )
    metadata = None if server.api_key is None else (("authorization", f"Bearer {server.api_key}"),)
    responses = list(method(iter([request]), timeout=server.timeout, metadata=metadata))
    if len(responses) != 1:
        raise ReflectionError(f"{server.endpoint} sent {len(responses)} responses to one reflection request")
    return responses[0]


def status_of(error: grpc.RpcError) -> tuple[grpc.StatusCode, str]:
    """Return the status code and grpc's details in one line."""
    # The error is the call itself, which the types do not express.
    call = cast("grpc.Call", error)
    return call.code(), " ".join((call.details() or "").split())


def explain(error: grpc.RpcError, server: Server) -> str:
    """Return one line that says what failed and what to check. grpc's details never contain the key."""
    code, details = status_of(error)
    match code:
        case grpc.StatusCode.UNAUTHENTICATED if server.api_key is None:
            advice = "set a key in the environment and name the variable with --api-key-env"
        case grpc.StatusCode.UNAUTHENTICATED:
            advice = "the server does not accept the key"
        case grpc.StatusCode.PERMISSION_DENIED:
            advice = "the key may not use server reflection"
        case grpc.StatusCode.UNAVAILABLE if server.plaintext:
            advice = "is the address right, and does it serve without TLS?"
        case grpc.StatusCode.UNAVAILABLE:
            advice = "is the address right, does it serve TLS, and is its certificate one of --ca-file?"
        case grpc.StatusCode.DEADLINE_EXCEEDED:
            advice = f"no answer within {server.timeout:g} s"
        case _:
            advice = "server reflection failed"
    return f"{server.endpoint}: {code.name}: {advice} ({details})"
