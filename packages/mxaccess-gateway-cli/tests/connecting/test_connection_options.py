"""Which gateway is meant: the command line goes before the environment, and contradictions are refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from cli_support.command_line import Result, good, mxgw_py
from mxgateway.testing import SimulatedGateway
from mxgateway_cli.exit_status import ExitStatus
from support.certificates import Certificates

ITEM = "TestChildObject.TestInt"


async def _smoke(*arguments: object) -> Result:
    return await mxgw_py("smoke", "--item", ITEM, *arguments)


async def test_everything_can_stand_on_the_command_line(
    gateway: SimulatedGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("MXGATEWAY_ENDPOINT", "MXGATEWAY_API_KEY", "MXGATEWAY_PLAINTEXT"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("PLANT_7_KEY", gateway.api_key)

    await good("smoke", "--endpoint", gateway.endpoint, "--api-key-env", "PLANT_7_KEY", "--plaintext", "--item", ITEM)


@pytest.mark.usefixtures("gateway")
async def test_everything_can_stand_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MXGATEWAY_ITEM", ITEM)
    monkeypatch.setenv("MXGATEWAY_JSON", "1")

    assert (await good("smoke")).records[-1]["step"] == "close-session"


async def test_the_command_line_goes_before_the_environment(
    gateway: SimulatedGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MXGATEWAY_ENDPOINT", "nobody.invalid:5000")

    assert (await _smoke("--endpoint", gateway.endpoint)).status == ExitStatus.GOOD


async def test_a_key_comes_from_a_file(
    gateway: SimulatedGateway, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("MXGATEWAY_API_KEY")
    file = tmp_path / "key"
    file.write_text(f"{gateway.api_key}\n", encoding="utf-8")

    assert (await _smoke("--api-key-file", file)).status == ExitStatus.GOOD


@pytest.mark.usefixtures("gateway")
async def test_a_variable_named_on_the_command_line_goes_before_a_file_in_the_environment(
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
async def test_contradictions_are_refused_before_anything_is_sent(
    gateway: SimulatedGateway, monkeypatch: pytest.MonkeyPatch, arguments: list[str], environment: dict[str, str]
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    result = await _smoke(*arguments)

    assert result.status == ExitStatus.USAGE
    assert "give only one of them" in result.error
    assert not gateway.calls


@pytest.mark.usefixtures("gateway")
async def test_plaintext_on_the_command_line_goes_before_tls_in_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MXGATEWAY_TLS", "1")
    monkeypatch.setenv("MXGATEWAY_CA_FILE", "/nowhere/at/all")

    assert (await _smoke("--plaintext")).status == ExitStatus.GOOD


@pytest.mark.usefixtures("gateway")
async def test_tls_on_the_command_line_goes_before_plaintext_in_the_environment(certificates: Certificates) -> None:
    result = await _smoke("--tls", "--ca-file", certificates.ca)

    assert result.status == ExitStatus.TRANSPORT
    assert "doesn't speak TLS" in result.error


async def test_tls_works_with_each_way_to_trust(certificates: Certificates, monkeypatch: pytest.MonkeyPatch) -> None:
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
async def test_a_timeout_that_is_none_is_refused(gateway: SimulatedGateway, timeout: str) -> None:
    result = await _smoke("--timeout", timeout)

    assert result.status == ExitStatus.USAGE
    assert "timeout" in result.error
    assert not gateway.calls


async def test_a_key_in_plaintext_to_another_machine_gets_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MXGATEWAY_API_KEY", "mxgw_1_secret")

    result = await _smoke("--endpoint", "nobody.invalid:5000", "--plaintext")

    warning, error = result.stderr.splitlines()
    assert warning.startswith("mxgw-py: warning: the API key goes to nobody.invalid:5000 in plaintext")
    assert error.startswith("mxgw-py: error: ")
    assert result.status == ExitStatus.TRANSPORT
