"""Connecting to the first of several gateways that answers."""

from __future__ import annotations

import logging
import pickle
from collections.abc import AsyncIterator

import pytest

from mxgateway import (
    ClientOptions,
    GatewayClient,
    GatewayEndpoint,
    MxGatewayAuthenticationError,
    MxGatewayCertificateError,
    MxGatewayConfigurationError,
    MxGatewayTransportError,
)
from mxgateway.testing import SimulatedGateway
from support.certificates import Certificates
from support.pairs import KEY, GatewayPair

WRONG_KEY = "mxgw_0a1b2c3d_marker_other-than-that_"


@pytest.fixture
async def pair() -> AsyncIterator[GatewayPair]:
    """A redundant pair of gateways."""
    async with GatewayPair() as pair:
        yield pair


async def test_first_gateway_is_used_if_it_answers(pair: GatewayPair, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    options = pair.options()

    async with GatewayClient.connect(options) as client, client.open_session():
        assert client.endpoint == pair.first.endpoint
        assert pair.first.endpoint in repr(client)
        assert client.options is options
        assert len(pair.first.sessions) == 1

    assert not pair.second.calls
    assert f"connected to {pair.first.endpoint}" in caplog.messages


async def test_next_gateway_is_used_if_first_is_away(pair: GatewayPair, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    await pair.first.stop()

    async with GatewayClient.connect(pair.options()) as client, client.open_session():
        assert client.endpoint == pair.second.endpoint
        assert len(pair.second.sessions) == 1

    (skipped,) = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert skipped.name == "mxgateway.client"
    assert f"{pair.second.endpoint} is used, because {pair.first.endpoint} cannot be" in skipped.getMessage()
    assert "nothing listens on port" in skipped.getMessage()
    assert f"connected to {pair.second.endpoint}" in caplog.messages


async def test_final_error_of_one_gateway_does_not_end_others(pair: GatewayPair) -> None:
    unaccepted = GatewayEndpoint(endpoint=pair.first.endpoint, api_key=WRONG_KEY)

    async with GatewayClient.connect(pair.options(endpoints=[unaccepted, pair.second.endpoint])) as client:
        assert client.endpoint == pair.second.endpoint


async def test_keys_and_certificates_can_differ_by_endpoint(certificates: Certificates) -> None:
    tls = certificates.gateway.server()
    async with SimulatedGateway() as first, SimulatedGateway(tls=tls) as second:
        options = ClientOptions(
            endpoints=[
                first.endpoint,
                GatewayEndpoint(
                    endpoint=second.endpoint, api_key=second.api_key, plaintext=False, ca_file=certificates.ca
                ),
            ],
            api_key=first.api_key,
            plaintext=True,
        )
        for gateway in (first, second):
            async with GatewayClient.connect(options) as client, client.open_session():
                assert client.endpoint == gateway.endpoint
            await gateway.stop()


async def test_order_is_random_on_request(pair: GatewayPair) -> None:
    used: set[str] = set()
    for _ in range(50):
        async with GatewayClient.connect(pair.options(shuffle_endpoints=True)) as client:
            used.add(client.endpoint)
        if len(used) == 2:
            break

    assert used == set(pair.endpoints)


async def test_failure_of_all_gateways_names_each_with_its_reason(
    pair: GatewayPair, foreign_gateway: SimulatedGateway
) -> None:
    await pair.first.stop()
    pinned = GatewayEndpoint(endpoint=foreign_gateway.endpoint, plaintext=False, certificate_fingerprint="ab" * 32)
    unaccepted = GatewayEndpoint(endpoint=pair.second.endpoint, api_key=WRONG_KEY)

    with pytest.raises(MxGatewayTransportError) as caught:
        await GatewayClient.connect(pair.options(endpoints=[pair.first.endpoint, pinned, unaccepted]))

    text = str(caught.value)
    assert "\n" not in text
    assert f"{pair.first.endpoint}: " in text
    assert "nothing listens on port" in text
    assert f"{foreign_gateway.endpoint}: the gateway's certificate is not the trusted one" in text
    assert f"{pair.second.endpoint}: " in text
    assert "check that the API key is complete" in text
    assert KEY not in text
    assert WRONG_KEY not in text
    assert [type(error) for error in caught.value.endpoint_errors] == [
        MxGatewayTransportError,
        MxGatewayCertificateError,
        MxGatewayAuthenticationError,
    ]
    assert [error.target for error in caught.value.endpoint_errors] == [
        pair.first.endpoint,
        foreign_gateway.endpoint,
        pair.second.endpoint,
    ]
    assert str(pickle.loads(pickle.dumps(caught.value))) == text  # noqa: S301 - our own pickle


async def test_same_error_of_all_gateways_keeps_its_class(pair: GatewayPair) -> None:
    with pytest.raises(MxGatewayAuthenticationError, match="none of the 2 gateways can be used"):
        await GatewayClient.connect(pair.options(api_key=WRONG_KEY))


async def test_final_errors_of_all_gateways_are_of_class_of_first(pair: GatewayPair) -> None:
    missing = GatewayEndpoint(endpoint=pair.first.endpoint, plaintext=False, ca_file="/nowhere/ca.pem")

    with pytest.raises(MxGatewayConfigurationError, match=r"/nowhere/ca\.pem"):
        await GatewayClient.connect(
            pair.options(endpoints=[missing, GatewayEndpoint(endpoint=pair.second.endpoint, api_key=WRONG_KEY)])
        )
