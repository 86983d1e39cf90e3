"""The contract of a running gateway is read over server reflection."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import grpc
import pytest
from google.protobuf import descriptor_pb2
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from grpc_reflection.v1alpha import reflection_pb2

from mxgateway import (
    ClientOptions,
    MxGatewayAuthenticationError,
    MxGatewayAuthorizationError,
    MxGatewayConfigurationError,
    MxGatewayError,
    MxGatewayProtocolError,
    MxGatewayTimeoutError,
    MxGatewayTransportError,
)
from mxgateway.contract import compare, contract_of, fetch_descriptors, our_contract, our_descriptors
from mxgateway.testing import SimulatedGateway
from support.reflecting_server import VERSIONS, Behaviour, Context, reflecting, reflecting_files, reflecting_server

KEY = "mxgw_test_made-up_secret"


async def differences(endpoint: str, **options: Any) -> list[str]:
    """Return the differences between our contract and that of a running gateway."""
    descriptors = await fetch_descriptors(ClientOptions(endpoint=endpoint, plaintext=True, **options))
    return [str(difference) for difference in compare(our_contract(), contract_of(descriptors, endpoint))]


def with_another_type(files: Mapping[str, FileDescriptorProto]) -> None:
    """Change the type of `MxEvent.quality`."""
    gateway = files["mxaccess_gateway/v1/mxaccess_gateway.proto"]
    event = next(each for each in gateway.message_type if each.name == "MxEvent")
    quality = next(each for each in event.field if each.name == "quality")
    quality.type = descriptor_pb2.FieldDescriptorProto.TYPE_INT64


@pytest.mark.parametrize("version", VERSIONS)
async def test_gateway_with_another_contract_has_differences(version: str) -> None:
    async with reflecting_server(reflecting(), version) as ours:
        assert await differences(ours) == []
    async with reflecting_server(reflecting(with_another_type), version) as theirs:
        assert await differences(theirs) == ["field mxaccess_gateway.v1.MxEvent.quality: type int32 here, int64 there"]


async def test_gateway_without_the_galaxy_service_lacks_its_package() -> None:
    files = [file for file in our_descriptors().file if not file.name.endswith("galaxy_repository.proto")]
    async with reflecting_server(reflecting_files(*files)) as endpoint:
        assert await differences(endpoint) == ["package galaxy_repository.v1: missing there"]


async def test_server_of_another_product_is_not_taken_for_a_gateway() -> None:
    async with reflecting_server(reflecting_files()) as endpoint:
        with pytest.raises(MxGatewayConfigurationError, match="contains neither mxaccess_gateway"):
            await differences(endpoint)


def for_key(key: str | None, behaviour: Behaviour) -> Behaviour:
    """Refuse calls as a gateway does: UNAUTHENTICATED without the key, PERMISSION_DENIED without a scope."""

    async def answer(request: Any, context: Context) -> Sequence[object]:
        if dict(context.invocation_metadata() or ()).get("authorization") != f"Bearer {KEY}":
            await context.abort(grpc.StatusCode.UNAUTHENTICATED, "invalid API key")
        if key is None:
            await context.abort(grpc.StatusCode.PERMISSION_DENIED, "scope metadata:read is missing")
        return await behaviour(request, context)

    return answer


async def test_key_is_sent() -> None:
    async with reflecting_server(for_key(KEY, reflecting())) as endpoint:
        assert await differences(endpoint, api_key=KEY) == []
        with pytest.raises(MxGatewayAuthenticationError, match="does not accept the API key"):
            await differences(endpoint, api_key="mxgw_test_another_secret")


async def test_key_without_the_scope_is_refused() -> None:
    async with reflecting_server(for_key(None, reflecting())) as endpoint:
        with pytest.raises(MxGatewayAuthorizationError, match="metadata:read"):
            await differences(endpoint, api_key=KEY)


async def test_gateway_without_reflection_is_an_error_with_a_way_out() -> None:
    async with SimulatedGateway() as gateway:
        with pytest.raises(MxGatewayProtocolError, match="has no server reflection") as caught:
            await differences(gateway.endpoint, api_key=gateway.api_key)

    assert "FileDescriptorSet" in (caught.value.hint or "")


async def silent(_request: Any, _context: Context) -> Sequence[object]:
    await asyncio.Event().wait()
    return ()


async def without_a_response(_request: Any, _context: Context) -> Sequence[object]:
    return ()


async def with_an_invalid_descriptor(_request: Any, _context: Context) -> Sequence[object]:
    files = reflection_pb2.FileDescriptorResponse(file_descriptor_proto=[b"\xff"])
    return [reflection_pb2.ServerReflectionResponse(file_descriptor_response=files)]


async def with_an_error(_request: Any, _context: Context) -> Sequence[object]:
    error = reflection_pb2.ErrorResponse(error_code=13, error_message="no descriptors loaded")
    return [reflection_pb2.ServerReflectionResponse(error_response=error)]


@pytest.mark.parametrize(
    ("behaviour", "error", "text"),
    [
        (silent, MxGatewayTimeoutError, "did not answer in time"),
        (without_a_response, MxGatewayProtocolError, "missing or cannot be decoded"),
        (with_an_invalid_descriptor, MxGatewayProtocolError, "invalid file descriptor"),
        (with_an_error, MxGatewayProtocolError, "cannot send its contract: no descriptors loaded"),
    ],
)
async def test_unusable_answer_is_a_typed_error(behaviour: Behaviour, error: type[MxGatewayError], text: str) -> None:
    async with reflecting_server(behaviour) as endpoint:
        with pytest.raises(error, match=text):
            await differences(endpoint, timeout=0.3)


async def test_closed_port_has_the_hint_of_connect() -> None:
    # Nothing listens on port 1 (tcpmux) of loopback, and it is never assigned to a test.
    with pytest.raises(MxGatewayTransportError) as caught:
        await differences("127.0.0.1:1")

    assert "nothing listens on port 1" in (caught.value.hint or "")
