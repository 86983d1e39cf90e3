"""Several endpoints in ClientOptions: what each inherits, and how contradictions are refused."""

from __future__ import annotations

from typing import Any

import pytest

from mxgateway import ApiKey, ClientOptions, GatewayEndpoint, MxGatewayConfigurationError

FINGERPRINT = "ab" * 32


def test_each_endpoint_inherits_what_it_does_not_set() -> None:
    second = GatewayEndpoint(endpoint="b:5001", api_key="mxgw_2_second", server_name_override="b.plant")
    options = ClientOptions(endpoints=["a:5001", second], api_key="mxgw_1_first", ca_file="ca.pem", timeout=5)

    assert options.by_endpoint() == (
        ClientOptions(endpoint="a:5001", api_key="mxgw_1_first", ca_file="ca.pem", timeout=5),
        ClientOptions(
            endpoint="b:5001", api_key="mxgw_2_second", ca_file="ca.pem", server_name_override="b.plant", timeout=5
        ),
    )
    assert options.endpoint == ""


def test_options_with_one_endpoint_are_their_own() -> None:
    options = ClientOptions(endpoint="a:5001")

    assert options.by_endpoint() == (options,)


@pytest.mark.parametrize(
    ("common", "own", "expected"),
    [
        ({"ca_file": "ca.pem"}, {"certificate_fingerprint": FINGERPRINT}, {"certificate_fingerprint": FINGERPRINT}),
        ({"known_gateways_file": "known", "trust_on_first_use": True}, {"ca_file": "b.pem"}, {"ca_file": "b.pem"}),
        ({"known_gateways_file": "known", "trust_on_first_use": True}, {"plaintext": True}, {"plaintext": True}),
        ({"plaintext": True}, {"plaintext": False, "ca_file": "b.pem"}, {"ca_file": "b.pem"}),
        (
            {"client_certificate_file": "a.crt", "client_key_file": "a.key"},
            {"client_certificate_file": "b.crt", "client_key_file": "b.key"},
            {"client_certificate_file": "b.crt", "client_key_file": "b.key"},
        ),
        (
            {"known_gateways_file": "known", "trust_on_first_use": True},
            {"trust_on_first_use": False},
            {"known_gateways_file": "known"},
        ),
    ],
)
def test_way_to_trust_of_endpoint_replaces_that_of_client(
    common: dict[str, Any], own: dict[str, Any], expected: dict[str, Any]
) -> None:
    options = ClientOptions(endpoints=[GatewayEndpoint(endpoint="b:5001", **own)], **common)

    assert options.by_endpoint() == (ClientOptions(endpoint="b:5001", **expected),)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"endpoint": "a:1", "endpoints": ["b:2"]}, "endpoint and endpoints are both set: set only one of them"),
        ({"endpoints": ["a:1", "A:1"]}, "endpoints has A:1 twice"),
        ({"endpoints": ["a:1", "b"]}, "endpoint 'b' is not host:port"),
        ({"endpoints": "a:1,b:2"}, "endpoints must be a list of endpoints, not a str"),
        ({"endpoints": []}, "endpoint '' is not host:port"),
        (
            {"endpoints": ["a:1", GatewayEndpoint(endpoint="b:2", ca_file="ca.pem")], "plaintext": True},
            "endpoint b:2: plaintext=True cannot be combined with ca_file",
        ),
        (
            {"endpoints": [GatewayEndpoint(endpoint="b:2", client_key_file="b.key")]},
            "endpoint b:2: client_certificate_file and client_key_file belong together",
        ),
    ],
)
def test_contradictory_endpoints_are_refused(fields: dict[str, Any], words: str) -> None:
    with pytest.raises(MxGatewayConfigurationError, match=words):
        ClientOptions(**fields)


def test_key_of_endpoint_is_stored_as_api_key_and_not_shown() -> None:
    endpoint = GatewayEndpoint(endpoint="b:1", api_key="mxgw_2_marker-of-b")

    assert endpoint.api_key == ApiKey("mxgw_2_marker-of-b")
    assert "marker" not in repr(ClientOptions(endpoints=[endpoint]))


@pytest.mark.parametrize("name", ["MXGATEWAY_ENDPOINTS", "MXGATEWAY_ENDPOINT"])
def test_environment_lists_endpoints_separated_by_commas(name: str) -> None:
    environment = {name: "a:5000, b:5000", "MXGATEWAY_SHUFFLE_ENDPOINTS": "1"}

    assert ClientOptions.from_env(environment) == ClientOptions(endpoints=["a:5000", "b:5000"], shuffle_endpoints=True)


def test_endpoint_given_as_keyword_overrides_either_variable() -> None:
    for name in ("MXGATEWAY_ENDPOINT", "MXGATEWAY_ENDPOINTS"):
        assert ClientOptions.from_env({name: "a:5000"}, endpoint="b:1") == ClientOptions(endpoint="b:1")
        assert ClientOptions.from_env({name: "a:5000"}, endpoints=["b:1"]) == ClientOptions(endpoints=["b:1"])


def test_both_variables_are_refused() -> None:
    environment = {"MXGATEWAY_ENDPOINT": "a:5000", "MXGATEWAY_ENDPOINTS": "a:5000,b:5000"}

    with pytest.raises(MxGatewayConfigurationError, match="MXGATEWAY_ENDPOINT and MXGATEWAY_ENDPOINTS are both set"):
        ClientOptions.from_env(environment)
