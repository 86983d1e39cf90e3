"""Asks a live gRPC server for the descriptors of its services, over server reflection v1 or v1alpha."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

# grpc's core reads this once, when it is imported. It writes about failed connections by itself; what it knows is in
# our one line.
os.environ.setdefault("GRPC_VERBOSITY", "NONE")

import grpc
from google.protobuf import descriptor_pb2, message
from grpc_reflection.v1alpha import reflection_pb2

# Both versions have the same messages under another name, so one set of generated classes speaks both.
REFLECTION_PACKAGES = ("grpc.reflection.v1", "grpc.reflection.v1alpha")
MAX_MESSAGE_BYTES = 16 * 1024 * 1024


class ReflectionError(Exception):
    """The server did not tell its descriptors; the message is one line that says what to change."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """Where a live server is, and how to reach it. `timeout` is in seconds, for each question."""

    endpoint: str
    plaintext: bool
    ca_file: Path | None
    server_name_override: str | None
    api_key: str | None
    timeout: float


def open_channel(server: Server) -> grpc.Channel:
    """A channel to the server; nothing is sent yet."""
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
    """Checked here, because grpc tells of a bad file only as a failed connection."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ReflectionError(f"can't read the CA file {path}: {error.strerror}") from error
    if b"-----BEGIN CERTIFICATE-----" not in content:
        raise ReflectionError(f"the CA file {path} holds no PEM certificate")
    return content


def files_of_server(server: Server, services: Sequence[str]) -> Sequence[descriptor_pb2.FileDescriptorProto]:
    """The files of the services and of everything that they import, as far as the server knows them.

    Raises ReflectionError when the server cannot be reached, refuses, or offers no reflection.
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
    """The newest version of the reflection protocol that the server speaks."""
    request = reflection_pb2.ServerReflectionRequest(list_services="")
    for package in REFLECTION_PACKAGES:
        try:
            ask(channel, package, request, server)
        except grpc.RpcError as error:
            if status_of(error)[0] is not grpc.StatusCode.UNIMPLEMENTED:
                raise ReflectionError(explain(error, server)) from error
        else:
            return package
    raise ReflectionError(f"{server.endpoint} offers no server reflection; compare with --descriptor-set")


def ask_for_files(
    channel: grpc.Channel, package: str, request: reflection_pb2.ServerReflectionRequest, server: Server
) -> dict[str, descriptor_pb2.FileDescriptorProto]:
    """The files of the answer by name; none when the server does not know what was asked for."""
    try:
        response = ask(channel, package, request, server)
    except grpc.RpcError as error:
        raise ReflectionError(explain(error, server)) from error
    if response.HasField("error_response"):
        if response.error_response.error_code == grpc.StatusCode.NOT_FOUND.value[0]:
            return {}
        raise ReflectionError(f"{server.endpoint} can't tell its contract: {response.error_response.error_message}")
    try:
        files = [
            descriptor_pb2.FileDescriptorProto.FromString(content)
            for content in response.file_descriptor_response.file_descriptor_proto
        ]
    except message.DecodeError as error:
        raise ReflectionError(f"{server.endpoint} answers with what is no file descriptor") from error
    return {file.name: file for file in files}


def ask(
    channel: grpc.Channel, package: str, request: reflection_pb2.ServerReflectionRequest, server: Server
) -> reflection_pb2.ServerReflectionResponse:
    """One question in a call of its own, so that no call stays open."""
    method = channel.stream_stream(
        f"/{package}.ServerReflection/ServerReflectionInfo",
        request_serializer=reflection_pb2.ServerReflectionRequest.SerializeToString,
        response_deserializer=reflection_pb2.ServerReflectionResponse.FromString,
    )
    metadata = None if server.api_key is None else (("authorization", f"Bearer {server.api_key}"),)
    responses = list(method(iter([request]), timeout=server.timeout, metadata=metadata))
    if len(responses) != 1:
        raise ReflectionError(f"{server.endpoint} gives {len(responses)} answers to one reflection request")
    return responses[0]


def status_of(error: grpc.RpcError) -> tuple[grpc.StatusCode, str]:
    """The status code, and grpc's own words in one line."""
    # What a call raises is the call itself, which the types do not say.
    call = cast("grpc.Call", error)
    return call.code(), " ".join((call.details() or "").split())


def explain(error: grpc.RpcError, server: Server) -> str:
    """One line that says what failed and what to look at. grpc's own words never hold the key."""
    code, details = status_of(error)
    match code:
        case grpc.StatusCode.UNAUTHENTICATED if server.api_key is None:
            advice = "put a key into the environment and name the variable with --api-key-env"
        case grpc.StatusCode.UNAUTHENTICATED:
            advice = "the key is not known there"
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
