"""Invalid input and wrong settings give one helpful line, the right exit status, and show no key."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from cli_support.command_line import Result, mxgw_py
from cli_support.gateways import API_KEY
from mxgateway.testing import SimulatedGateway
from mxgateway_cli.exit_status import ExitStatus
from support.certificates import Certificates

ITEM = "TestChildObject.TestInt"
SECRETS = (API_KEY, "marker_secret", "both-kinds")


async def _refused(status: ExitStatus, hint: str, *arguments: object) -> Result:
    """Run a command line that must fail with this status and hint: as text, as JSON, and with a traceback."""
    result = await mxgw_py(*arguments)
    assert result.status == status, result
    assert hint in result.error
    assert result.error.startswith("mxgw-py: error: ")
    as_json = await mxgw_py(*arguments, "--json")
    assert as_json.status == status
    assert hint in as_json.error_record["error"]
    assert as_json.error_record["exitStatus"] == status
    debugged = await mxgw_py(*arguments, "--debug")
    assert debugged.status == status
    assert "Traceback" in debugged.stderr
    for each in (result, as_json, debugged):
        assert not [secret for secret in SECRETS if secret in each.stdout + each.stderr]
    assert "Traceback" not in result.stderr + as_json.stderr
    return result


@pytest.fixture
async def tls_gateway(certificates: Certificates, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[SimulatedGateway]:
    """A gateway with TLS and a valid certificate; tests must leave no session open."""
    monkeypatch.setenv("MXGATEWAY_API_KEY", API_KEY)
    async with SimulatedGateway(tls=certificates.gateway.server(), api_key=API_KEY) as gateway:
        yield gateway
        assert not gateway.sessions


@pytest.fixture
async def closed_port() -> int:
    """A port without a listener."""
    server = await asyncio.start_server(lambda _reader, _writer: None, "127.0.0.1", 0)
    port: int = server.sockets[0].getsockname()[1]
    server.close()
    await server.wait_closed()
    return port


@pytest.mark.parametrize(
    ("endpoint", "hint"),
    [
        ("localhost", "is not host:port"),
        ("http://localhost:5000", "is a URL: use 'localhost:5000' and --plaintext"),
        ("localhost:port", "must end with a port from 1 to 65535"),
        ("local host:5000", "cannot be part of a host name"),
    ],
)
async def test_invalid_endpoint_is_usage_error(monkeypatch: pytest.MonkeyPatch, endpoint: str, hint: str) -> None:
    monkeypatch.setenv("MXGATEWAY_API_KEY", API_KEY)

    await _refused(ExitStatus.USAGE, hint, "smoke", ITEM, "--endpoint", endpoint)


async def test_missing_endpoint_is_usage_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MXGATEWAY_API_KEY", API_KEY)

    await _refused(ExitStatus.USAGE, "--endpoint", "ping", "--session-id", "session-1")


async def test_unknown_host_is_transport_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MXGATEWAY_API_KEY", API_KEY)

    await _refused(ExitStatus.TRANSPORT, "is unknown", "open-session", "--endpoint", "nobody.invalid:5001")


async def test_closed_port_is_transport_error(monkeypatch: pytest.MonkeyPatch, closed_port: int) -> None:
    monkeypatch.setenv("MXGATEWAY_API_KEY", API_KEY)
    endpoint = f"127.0.0.1:{closed_port}"

    await _refused(ExitStatus.TRANSPORT, "nothing listens", "open-session", "--endpoint", endpoint, "--plaintext")


async def test_plaintext_to_tls_port_is_transport_error(tls_gateway: SimulatedGateway) -> None:
    arguments = ("open-session", "--endpoint", tls_gateway.endpoint, "--plaintext")

    await _refused(ExitStatus.TRANSPORT, "remove --plaintext", *arguments)


@pytest.mark.usefixtures("gateway")
async def test_tls_to_plaintext_port_is_transport_error() -> None:
    await _refused(ExitStatus.TRANSPORT, "--plaintext", "open-session", "--tls")


async def test_missing_ca_file_is_usage_error(tls_gateway: SimulatedGateway, tmp_path: Path) -> None:
    missing = tmp_path / "ca_file" / "ca.crt"
    arguments = ("open-session", "--endpoint", tls_gateway.endpoint, "--ca-file", missing)

    await _refused(ExitStatus.USAGE, f"--ca-file {missing} does not exist", *arguments)


async def test_ca_file_must_be_pem(tls_gateway: SimulatedGateway, tmp_path: Path) -> None:
    file = tmp_path / "ca.der"
    file.write_bytes(b"\x30\x82\x01\x00")
    arguments = ("open-session", "--endpoint", tls_gateway.endpoint, "--ca-file", file)

    await _refused(ExitStatus.USAGE, "is not a PEM file", *arguments)


async def test_expired_certificate_is_transport_error(
    certificates: Certificates, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MXGATEWAY_API_KEY", API_KEY)
    async with SimulatedGateway(tls=certificates.expired.server(), api_key=API_KEY) as gateway:
        arguments = ("open-session", "--endpoint", gateway.endpoint, "--ca-file", certificates.ca)
        await _refused(ExitStatus.TRANSPORT, "has expired", *arguments)
        assert not gateway.sessions


async def test_certificate_of_untrusted_ca_is_refused(
    tls_gateway: SimulatedGateway, certificates: Certificates
) -> None:
    endpoint = ("open-session", "--endpoint", tls_gateway.endpoint)

    await _refused(ExitStatus.TRANSPORT, "--ca-file", *endpoint)
    await _refused(ExitStatus.TRANSPORT, "was not issued by the CA in", *endpoint, "--ca-file", certificates.foreign_ca)


@pytest.mark.usefixtures("gateway")
async def test_wrong_key_is_authentication_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MXGATEWAY_API_KEY", API_KEY + "x")

    await _refused(ExitStatus.AUTHENTICATION, "API key", "smoke", ITEM)


@pytest.mark.parametrize(
    ("scopes", "missing"),
    [
        ((), "session:open"),
        (("session:open", "session:close"), "invoke:read"),
        (("session:open", "session:close", "invoke:read"), "events:read"),
        (("session:open", "session:close", "invoke:read", "events:read"), "invoke:write"),
    ],
)
async def test_missing_scope_is_authentication_error(
    gateway: SimulatedGateway, monkeypatch: pytest.MonkeyPatch, scopes: tuple[str, ...], missing: str
) -> None:
    monkeypatch.setenv("MXGATEWAY_API_KEY", gateway.add_key(*scopes))

    await _refused(ExitStatus.AUTHENTICATION, missing, "smoke", ITEM, "--write", "1", "--type", "int32")
    assert not gateway.sessions


@pytest.mark.usefixtures("gateway")
@pytest.mark.parametrize(
    "name", ["ping", "session-state", "close-session", "register", "stream-events", "drain-events"]
)
async def test_unknown_session_is_session_error(name: str) -> None:
    await _refused(ExitStatus.SESSION, "session-0", name, "--session-id", "session-0")


@pytest.mark.usefixtures("gateway")
@pytest.mark.parametrize("session_id", ["", "  "])
async def test_empty_session_id_is_usage_error(session_id: str) -> None:
    await _refused(ExitStatus.USAGE, "--session-id", "ping", "--session-id", session_id)


@pytest.mark.usefixtures("gateway")
async def test_value_that_does_not_fit_type_is_usage_error() -> None:
    arguments = ("write", "--session-id", "session-0", "--server-handle", "1", "--item-handle", "1")

    await _refused(ExitStatus.USAGE, "invalid int32 '12.5'", *arguments, "--type", "int32", "--value", "12.5")


@pytest.mark.usefixtures("gateway")
async def test_tls_contradicts_plaintext() -> None:
    await _refused(ExitStatus.USAGE, "--plaintext and --tls", "open-session", "--tls", "--plaintext")


@pytest.mark.parametrize("value", [None, "", "  "])
async def test_missing_key_is_usage_error(
    gateway: SimulatedGateway, monkeypatch: pytest.MonkeyPatch, value: str | None
) -> None:
    monkeypatch.delenv("MXGATEWAY_API_KEY")
    if value is not None:
        monkeypatch.setenv("MXGATEWAY_API_KEY", value)

    await _refused(ExitStatus.USAGE, "MXGATEWAY_API_KEY", "open-session")
    assert not gateway.calls


@pytest.mark.usefixtures("gateway")
async def test_invalid_key_in_variable_is_usage_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLANT_KEY", f"{API_KEY} and more")

    await _refused(
        ExitStatus.USAGE,
        "invalid API key in the environment variable PLANT_KEY",
        "open-session",
        "--api-key-env",
        "PLANT_KEY",
    )


@pytest.mark.usefixtures("gateway")
@pytest.mark.parametrize("content", [None, b"", b"\xff\xfe\x00", f"{API_KEY}\n{API_KEY}\n".encode()])
async def test_invalid_key_file_is_usage_error(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "key"
    if content is not None:
        file.write_bytes(content)

    await _refused(ExitStatus.USAGE, str(file), "open-session", "--api-key-file", file)


@pytest.mark.parametrize(
    ("content", "hint"),
    [
        (f'"{API_KEY}"\n', "in quotes: remove the quotes"),
        (f"Bearer {API_KEY}\n", "starts with 'Bearer '"),
    ],
)
async def test_key_with_something_around_it_is_refused_before_it_is_sent(
    gateway: SimulatedGateway, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: str, hint: str
) -> None:
    file = tmp_path / "key"
    file.write_text(content, encoding="utf-8")
    monkeypatch.setenv("PLANT_KEY", content)

    await _refused(ExitStatus.USAGE, hint, "open-session", "--api-key-file", file)
    await _refused(ExitStatus.USAGE, hint, "open-session", "--api-key-env", "PLANT_KEY")
    assert not gateway.calls


@pytest.mark.usefixtures("gateway")
async def test_key_as_variable_name_is_not_shown() -> None:
    await _refused(ExitStatus.USAGE, "--api-key-env", "open-session", "--api-key-env", API_KEY)


@pytest.mark.usefixtures("gateway")
async def test_key_as_option_is_not_shown() -> None:
    await _refused(ExitStatus.USAGE, "--api-key-env", "open-session", "--api-key", API_KEY)
    await _refused(ExitStatus.USAGE, "--api-key-env", "open-session", f"--api-key={API_KEY}")


@pytest.mark.usefixtures("gateway")
async def test_key_as_argument_is_not_shown() -> None:
    await _refused(ExitStatus.USAGE, "Got unexpected extra argument (see", "open-session", API_KEY)


async def test_other_server_is_transport_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MXGATEWAY_API_KEY", API_KEY)

    async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()
        await writer.wait_closed()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        endpoint = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
        arguments = ("open-session", "--plaintext", "--endpoint", endpoint, "--timeout", "3")
        result = await mxgw_py(*arguments)

    assert result.status in {ExitStatus.TRANSPORT, ExitStatus.TIMED_OUT}
    assert endpoint in result.error


@pytest.mark.parametrize("arguments", [["no-such-command"], ["smoke", "--no-such-option"], ["smoke", "--type", "int7"]])
async def test_unknown_command_or_option_is_usage_error(arguments: list[str]) -> None:
    result = await _refused(ExitStatus.USAGE, arguments[-1], *arguments)

    assert "--help" in result.error


@pytest.mark.usefixtures("gateway")
@pytest.mark.parametrize("flag", ["0", "off"])
async def test_environment_can_turn_flag_off(monkeypatch: pytest.MonkeyPatch, flag: str) -> None:
    monkeypatch.setenv("MXGATEWAY_JSON", flag)

    result = await mxgw_py("ping", "--session-id", "session-0")

    with pytest.raises(json.JSONDecodeError):
        _: Any = json.loads(result.error)


@pytest.mark.usefixtures("gateway")
async def test_secret_part_of_key_as_session_id_is_not_shown() -> None:
    secret = API_KEY.removeprefix("mxgw_").partition("_")[2]

    for more in ([], ["--json"], ["--debug"]):
        result = await mxgw_py("ping", "--session-id", secret, *more)
        assert result.status == ExitStatus.USAGE
        assert secret not in result.stdout + result.stderr
