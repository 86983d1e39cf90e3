"""Options are frozen and checked on creation, and every error names the field to change."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from mxgateway import ApiKey, ClientOptions, MxGatewayConfigurationError, OpenSessionOptions

KEY = "mxgw_0a1b2c3d_secret"
FINGERPRINT = "ab" * 32


def test_only_the_endpoint_is_required_and_tls_is_the_default() -> None:
    options = ClientOptions(endpoint="gateway.plant:5001")

    assert not options.plaintext
    assert options.api_key is None
    assert (options.timeout, options.connect_timeout) == (30.0, 10.0)
    assert options.max_message_bytes == 16 * 1024 * 1024
    assert not options.use_http_proxy


@pytest.mark.parametrize("options", [ClientOptions(endpoint="gateway:5001"), OpenSessionOptions()])
def test_options_are_frozen_and_slotted(options: ClientOptions | OpenSessionOptions) -> None:
    field = dataclasses.fields(options)[0].name

    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(options, field, "other")
    assert not hasattr(options, "__dict__")


@pytest.mark.parametrize("kind", [ClientOptions, OpenSessionOptions])
def test_options_are_keyword_only(kind: type) -> None:
    with pytest.raises(TypeError, match="positional"):
        kind("gateway:5001")


@pytest.mark.parametrize(
    "endpoint", ["localhost:5000", "10.1.2.3:5001", "gateway.plant:1", "[::1]:5001", "[fe80::1%eth0]:65535"]
)
def test_endpoint_is_host_and_port(endpoint: str) -> None:
    assert ClientOptions(endpoint=endpoint).endpoint == endpoint


@pytest.mark.parametrize(
    ("endpoint", "words"),
    [
        ("", "is not host:port"),
        ("gateway.plant", "is not host:port"),
        (":5001", "is not host:port"),
        ("::1:5001", "is not host:port"),
        ("gateway:", "must end with a port from 1 to 65535"),
        ("gateway:https", "must end with a port from 1 to 65535"),
        ("gateway:0", "must end with a port from 1 to 65535"),
        ("gateway:65536", "must end with a port from 1 to 65535"),
        ("gateway:-1", "must end with a port from 1 to 65535"),
        ("gateway:\u0665\u0660", "must end with a port from 1 to 65535"),
        ("https://gateway:5001", "is a URL: use 'gateway:5001'$"),
        ("https://gateway:5001/", "is a URL: use 'gateway:5001'$"),
        ("http://gateway:5000", "is a URL: use 'gateway:5000' and plaintext=True"),
        ("gate way:5001", "cannot be part of a host name"),
        ("user@gateway:5001", "cannot be part of a host name"),
        ("a,b:5001", "cannot be part of a host name"),
        ("gateway/path:5001", "cannot be part of a host name"),
    ],
)
def test_invalid_endpoint_is_refused_with_the_expected_form(endpoint: str, words: str) -> None:
    with pytest.raises(MxGatewayConfigurationError, match=words) as caught:
        ClientOptions(endpoint=endpoint)

    assert repr(endpoint) in str(caught.value)


@pytest.mark.parametrize("name", ["timeout", "connect_timeout", "close_timeout", "keepalive_time", "keepalive_timeout"])
@pytest.mark.parametrize("seconds", [0, -1, float("nan"), float("inf"), 1e9])
def test_timeouts_must_be_positive_seconds(name: str, seconds: float) -> None:
    fields: dict[str, Any] = {name: seconds}

    with pytest.raises(MxGatewayConfigurationError, match=rf"^{name} .* is not a positive number of seconds"):
        ClientOptions(endpoint="gateway:5001", **fields)


@pytest.mark.parametrize("size", [0, -1, 1023, 2**31])
def test_message_size_must_be_in_range(size: int) -> None:
    with pytest.raises(MxGatewayConfigurationError, match=f"max_message_bytes {size} "):
        ClientOptions(endpoint="gateway:5001", max_message_bytes=size)


@pytest.mark.parametrize("seconds", [0, -1, float("nan")])
def test_command_timeout_must_be_positive_seconds(seconds: float) -> None:
    with pytest.raises(MxGatewayConfigurationError, match=r"^command_timeout"):
        OpenSessionOptions(command_timeout=seconds)


@pytest.mark.parametrize(
    "field",
    [
        {"ca_file": "ca.pem"},
        {"server_name_override": "gateway"},
        {"client_certificate_file": "c.pem", "client_key_file": "k.pem"},
        {"certificate_fingerprint": FINGERPRINT},
        {"known_gateways_file": "known"},
        {"trust_on_first_use": True},
    ],
)
def test_plaintext_with_a_tls_option_is_refused(field: dict[str, Any]) -> None:
    words = rf"^plaintext=True cannot be combined with {next(iter(field))}"

    with pytest.raises(MxGatewayConfigurationError, match=words):
        ClientOptions(endpoint="gateway:5000", plaintext=True, **field)


@pytest.mark.parametrize("field", ["client_certificate_file", "client_key_file"])
def test_client_certificate_and_its_key_need_each_other(field: str) -> None:
    fields: dict[str, Any] = {field: "file.pem"}

    with pytest.raises(MxGatewayConfigurationError, match="and client_key_file belong together"):
        ClientOptions(endpoint="gateway:5001", **fields)


@pytest.mark.parametrize("fingerprint", [FINGERPRINT, FINGERPRINT.upper(), ":".join(["AB"] * 32)])
def test_fingerprint_is_64_hex_digits_with_or_without_colons(fingerprint: str) -> None:
    assert ClientOptions(endpoint="g:1", certificate_fingerprint=fingerprint).certificate_fingerprint == fingerprint


@pytest.mark.parametrize("fingerprint", ["", "ab", "AB:" * 20, FINGERPRINT + "ab", "zz" * 32])
def test_invalid_fingerprint_is_refused(fingerprint: str) -> None:
    with pytest.raises(MxGatewayConfigurationError, match="certificate_fingerprint is not a SHA-256"):
        ClientOptions(endpoint="g:1", certificate_fingerprint=fingerprint)


@pytest.mark.parametrize("first_use", [False, True])
@pytest.mark.parametrize(
    "fields",
    [
        {"certificate_fingerprint": FINGERPRINT, "ca_file": "ca.pem"},
        {"known_gateways_file": "known", "ca_file": "ca.pem"},
        {"known_gateways_file": "known", "certificate_fingerprint": FINGERPRINT},
    ],
    ids=" and ".join,
)
def test_two_ways_to_trust_are_refused(fields: dict[str, Any], first_use: bool) -> None:
    with pytest.raises(MxGatewayConfigurationError, match="two ways to trust") as caught:
        ClientOptions(endpoint="g:1", trust_on_first_use=first_use, **fields)

    assert all(name in str(caught.value) for name in fields)


@pytest.mark.parametrize("fields", [{}, {"ca_file": "ca.pem"}, {"certificate_fingerprint": FINGERPRINT}])
def test_trust_on_first_use_needs_a_known_gateways_file(fields: dict[str, Any]) -> None:
    with pytest.raises(MxGatewayConfigurationError, match="trust_on_first_use needs a known_gateways_file"):
        ClientOptions(endpoint="g:1", trust_on_first_use=True, **fields)


# Not with ApiKey objects as parameters: they would live, and hide their secret from all texts, until the tests end.
@pytest.mark.parametrize("kind", [str, ApiKey])
def test_key_is_stored_as_an_api_key(kind: type[str | ApiKey]) -> None:
    assert ClientOptions(endpoint="g:1", api_key=kind(KEY)).api_key == ApiKey(KEY)


@pytest.mark.parametrize("key", [KEY.encode(), 5, [KEY]])
def test_key_of_another_type_is_refused_and_not_shown(key: Any) -> None:
    with pytest.raises(MxGatewayConfigurationError, match="api_key") as caught:
        ClientOptions(endpoint="g:1", api_key=key)

    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("key", ["", "  ", "mxgw_a_sécret", "mxgw_a_sec ret"])
def test_key_that_cannot_be_sent_is_refused_and_not_shown(key: str) -> None:
    with pytest.raises(MxGatewayConfigurationError, match="API key") as caught:
        ClientOptions(endpoint="g:1", api_key=key)

    assert "cret" not in str(caught.value)


def test_environment_variables_set_fields() -> None:
    options = ClientOptions.from_env(
        {
            "MXGATEWAY_ENDPOINT": "gateway:5001",
            "MXGATEWAY_API_KEY": f" {KEY}\n",
            "MXGATEWAY_CA_FILE": "ca.pem",
            "MXGATEWAY_SERVER_NAME_OVERRIDE": "gateway.plant",
            "MXGATEWAY_TIMEOUT": "5.5",
            "MXGATEWAY_MAX_MESSAGE_BYTES": "4096",
            "MXGATEWAY_USE_HTTP_PROXY": "yes",
            "MXGATEWAY_PLAINTEXT": "",
            "OTHER": "ignored",
        }
    )

    assert options == ClientOptions(
        endpoint="gateway:5001",
        api_key=KEY,
        ca_file="ca.pem",
        server_name_override="gateway.plant",
        timeout=5.5,
        max_message_bytes=4096,
        use_http_proxy=True,
    )


@pytest.mark.parametrize("name", [field.name for field in dataclasses.fields(ClientOptions)])
def test_every_field_has_a_variable(name: str) -> None:
    texts = {
        "endpoint": "other:1",
        "endpoints": "other:1,another:1",
        "shuffle_endpoints": "1",
        "plaintext": "1",
        "use_http_proxy": "1",
        "max_message_bytes": "2048",
        "certificate_fingerprint": FINGERPRINT,
        "trust_on_first_use": "1",
        "services": "galaxy",
    }
    environment = {f"MXGATEWAY_{name.upper()}": texts.get(name, "7")}
    if name != "endpoints":
        environment.setdefault("MXGATEWAY_ENDPOINT", "gateway:5001")
    partner = {
        "client_certificate_file": "client_key_file",
        "client_key_file": "client_certificate_file",
        "trust_on_first_use": "known_gateways_file",
    }
    if name in partner:
        environment[f"MXGATEWAY_{partner[name].upper()}"] = "7"

    options = ClientOptions.from_env(environment)

    assert getattr(options, name) != getattr(ClientOptions(endpoint="gateway:5001"), name)


def test_process_environment_is_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MXGATEWAY_ENDPOINT", "gateway:5000")
    monkeypatch.setenv("MXGATEWAY_PLAINTEXT", "true")

    assert ClientOptions.from_env() == ClientOptions(endpoint="gateway:5000", plaintext=True)


def test_keywords_override_the_environment() -> None:
    environment = {"MXGATEWAY_ENDPOINT": "gateway:5000", "MXGATEWAY_TIMEOUT": "invalid"}

    assert ClientOptions.from_env(environment, timeout=7.0).timeout == 7.0


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("MXGATEWAY_PLAINTEXT", "maybe", "invalid MXGATEWAY_PLAINTEXT 'maybe': use 1 or 0"),
        ("MXGATEWAY_TIMEOUT", "soon", "invalid MXGATEWAY_TIMEOUT 'soon': expected a number of seconds"),
        ("MXGATEWAY_MAX_MESSAGE_BYTES", "1.5", "invalid MXGATEWAY_MAX_MESSAGE_BYTES '1.5': expected a whole number"),
        ("MXGATEWAY_TIMEOUT", "-1", "timeout -1.0 is not a positive number"),
    ],
)
def test_invalid_variable_is_named(name: str, text: str, words: str) -> None:
    with pytest.raises(MxGatewayConfigurationError, match=words):
        ClientOptions.from_env({"MXGATEWAY_ENDPOINT": "gateway:5000", name: text})


@pytest.mark.parametrize("environment", [{}, {"MXGATEWAY_ENDPOINT": " "}])
def test_missing_endpoint_names_its_variable(environment: dict[str, str]) -> None:
    with pytest.raises(MxGatewayConfigurationError, match="set MXGATEWAY_ENDPOINT to host:port"):
        ClientOptions.from_env(environment)


def test_unknown_keyword_raises_type_error() -> None:
    fields: dict[str, Any] = {"tls": True}

    with pytest.raises(TypeError, match="tls"):
        ClientOptions.from_env({"MXGATEWAY_ENDPOINT": "gateway:5000"}, **fields)


def test_options_can_be_replaced() -> None:
    options = ClientOptions(endpoint="gateway:5001", api_key=KEY, ca_file=Path("ca.pem"))

    changed = dataclasses.replace(options, timeout=5.0)

    assert (changed.api_key, changed.ca_file, changed.timeout) == (ApiKey(KEY), Path("ca.pem"), 5.0)
