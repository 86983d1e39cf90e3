"""The connection options: the command line overrides the environment, and contradictions are refused."""

from __future__ import annotations

import asyncio
from dataclasses import fields
from pathlib import Path

import click
import pytest

from cli_support.command_line import Result, mxgw_py, succeed
from cli_support.gateways import API_KEY
from mxgateway import ClientOptions
from mxgateway.testing import SimulatedGateway
from mxgateway_cli.app import app
from mxgateway_cli.connecting.target import TLS_FIELDS
from mxgateway_cli.exit_status import ExitStatus
from support.certificates import Certificates
from support.scripted_gateway import listening

ITEM = "TestChildObject.TestInt"
# Fields of ClientOptions without an option: the environment sets them. The key has options of its own, and --endpoint
# takes several endpoints.
ENVIRONMENT_ONLY = {
    "api_key",
    "endpoints",
    "shuffle_endpoints",
    "connect_timeout",
    "close_timeout",
    "max_message_bytes",
    "keepalive_time",
    "keepalive_timeout",
    "services",
    "use_http_proxy",
}


async def _smoke(*arguments: object) -> Result:
    return await mxgw_py("smoke", ITEM, *arguments)


def test_every_field_of_client_options_is_an_option_or_set_by_environment() -> None:
    command = app.get_command(click.Context(app), "ping")
    assert command is not None
    options = {str(parameter.name) for parameter in command.params}
    names = {field.name for field in fields(ClientOptions)}

    assert names - options == ENVIRONMENT_ONLY
    assert set(TLS_FIELDS) <= names


async def test_all_options_can_come_from_command_line(
    gateway: SimulatedGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("MXGATEWAY_ENDPOINT", "MXGATEWAY_API_KEY", "MXGATEWAY_PLAINTEXT"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("PLANT_7_KEY", gateway.api_key)

    await succeed("smoke", "--endpoint", gateway.endpoint, "--api-key-env", "PLANT_7_KEY", "--plaintext", ITEM)


@pytest.mark.usefixtures("gateway")
async def test_all_options_can_come_from_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MXGATEWAY_ITEM", ITEM)
    monkeypatch.setenv("MXGATEWAY_JSON", "1")

    assert (await succeed("smoke")).records[-1]["step"] == "close-session"


async def test_command_line_overrides_environment(gateway: SimulatedGateway, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MXGATEWAY_ENDPOINT", "nobody.invalid:5000")

    assert (await _smoke("--endpoint", gateway.endpoint)).status == ExitStatus.GOOD


@pytest.mark.parametrize("variable", ["MXGATEWAY_ENDPOINT", "MXGATEWAY_ENDPOINTS", None])
async def test_first_of_several_gateways_that_answers_is_used(
    gateway: SimulatedGateway, monkeypatch: pytest.MonkeyPatch, variable: str | None
) -> None:
    endpoints = f"127.0.0.1:1,{gateway.endpoint}"
    monkeypatch.delenv("MXGATEWAY_ENDPOINT")
    if variable is not None:
        monkeypatch.setenv(variable, endpoints)

    result = await _smoke("--json", *(() if variable else ("--endpoint", endpoints)))

    assert result.status == ExitStatus.GOOD
    assert result.records[0]["endpoint"] == gateway.endpoint
    assert f"{gateway.endpoint} is used, because 127.0.0.1:1 cannot be" in result.stderr


@pytest.mark.usefixtures("gateway")
async def test_failure_of_all_gateways_names_each() -> None:
    result = await _smoke("--endpoint", "127.0.0.1:1,127.0.0.1:2")

    assert result.status == ExitStatus.TRANSPORT
    assert "127.0.0.1:1: " in result.error
    assert "127.0.0.1:2: " in result.error


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
async def test_key_is_read_from_file(
    gateway: SimulatedGateway, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, encoding: str
) -> None:
    monkeypatch.delenv("MXGATEWAY_API_KEY")
    file = tmp_path / "key"
    file.write_text(f"{gateway.api_key}\n", encoding=encoding)

    assert (await _smoke("--api-key-file", file)).status == ExitStatus.GOOD


@pytest.mark.usefixtures("gateway")
async def test_key_variable_on_command_line_overrides_key_file_in_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MXGATEWAY_API_KEY_FILE", "/nowhere/at/all")

    assert (await _smoke("--api-key-env", "MXGATEWAY_API_KEY")).status == ExitStatus.GOOD


@pytest.mark.parametrize(
    ("arguments", "environment"),
    [
        (["--plaintext", "--tls"], {}),
        ([], {"MXGATEWAY_TLS": "1"}),
        (["--ca-file", "ca.crt"], {}),
        (["--plaintext", "--certificate-fingerprint", "ab" * 32], {}),
        ([], {"MXGATEWAY_SERVER_NAME_OVERRIDE": "gateway"}),
        (["--api-key-env", "A", "--api-key-file", "b"], {}),
    ],
)
async def test_contradictory_options_are_refused_before_anything_is_sent(
    gateway: SimulatedGateway, monkeypatch: pytest.MonkeyPatch, arguments: list[str], environment: dict[str, str]
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    result = await _smoke(*arguments)

    assert result.status == ExitStatus.USAGE
    assert "give only one of them" in result.error
    assert not gateway.calls


@pytest.mark.usefixtures("gateway")
async def test_plaintext_on_command_line_overrides_tls_in_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MXGATEWAY_TLS", "1")
    monkeypatch.setenv("MXGATEWAY_CA_FILE", "/nowhere/at/all")

    assert (await _smoke("--plaintext")).status == ExitStatus.GOOD


@pytest.mark.usefixtures("gateway")
async def test_tls_on_command_line_overrides_plaintext_in_environment(certificates: Certificates) -> None:
    result = await _smoke("--tls", "--ca-file", certificates.ca)

    assert result.status == ExitStatus.TRANSPORT
    assert "does not speak TLS" in result.error


async def test_tls_works_with_every_way_to_trust(certificates: Certificates, monkeypatch: pytest.MonkeyPatch) -> None:
    tls = certificates.named_otherwise.server(client_ca=certificates.ca)
    async with SimulatedGateway(tls=tls) as gateway:
        monkeypatch.setenv("MXGATEWAY_API_KEY", gateway.api_key)
        client = ["--client-certificate-file", certificates.client.certificate]
        client += ["--client-key-file", certificates.client.key]
        named = ["--ca-file", certificates.ca, "--server-name-override", "gateway.plant"]
        pinned = ["--certificate-fingerprint", certificates.named_otherwise.fingerprint]

        for trust in (named, pinned):
            result = await _smoke("--endpoint", gateway.endpoint, *trust, *client)
            assert (result.status, result.stderr) == (ExitStatus.GOOD, "")


@pytest.mark.parametrize("timeout", ["0", "-1", "nan", "soon"])
async def test_invalid_timeout_is_usage_error(gateway: SimulatedGateway, timeout: str) -> None:
    result = await _smoke("--timeout", timeout)

    assert result.status == ExitStatus.USAGE
    assert "timeout" in result.error
    assert not gateway.calls


async def test_key_sent_in_plaintext_to_remote_host_gives_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MXGATEWAY_API_KEY", "mxgw_1_secret")

    result = await _smoke("--endpoint", "nobody.invalid:5000", "--plaintext")

    warning, error = result.stderr.splitlines()
    assert warning.startswith("mxgw-py: warning: the API key is sent to nobody.invalid:5000 in plaintext")
    assert error.startswith("mxgw-py: error: ")
    assert result.status == ExitStatus.TRANSPORT


@pytest.mark.parametrize(("variable", "seconds"), [(None, "0.3"), ("0.4", "0.4")], ids=["alone", "with variable"])
async def test_timeout_limits_connecting_unless_variable_does(
    monkeypatch: pytest.MonkeyPatch, variable: str | None, seconds: str
) -> None:
    monkeypatch.setenv("MXGATEWAY_API_KEY", API_KEY)
    if variable is not None:
        monkeypatch.setenv("MXGATEWAY_CONNECT_TIMEOUT", variable)

    async def stay_silent(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await reader.read()

    async with listening(stay_silent) as endpoint:
        target = ["--endpoint", endpoint, "--plaintext", "--timeout", "0.3"]
        result = await mxgw_py("ping", "--session-id", "session-1", *target)

    assert result.status == ExitStatus.TIMED_OUT
    assert f"({seconds} s)" in result.error
