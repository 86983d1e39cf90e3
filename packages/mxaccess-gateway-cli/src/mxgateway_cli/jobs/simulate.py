"""The simulated gateway: runs until a signal stops it."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import json
import os
import socket
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mxgateway.testing import Plant, PlantFileError, ServerTls, SimulatedGateway
from mxgateway_cli.connecting.runner import run
from mxgateway_cli.errors import CommandFailure
from mxgateway_cli.exit_status import ExitStatus

if TYPE_CHECKING:
    from mxgateway_cli.output.console import Output

__all__ = ["Simulation", "simulate_gateway"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Simulation:
    """Settings of a simulated gateway.

    Attributes:
        host: The address to listen on.
        port: The port, or 0 for any free port.
        certificate_file: The gateway's certificate (PEM), or None for plaintext.
        key_file: The private key of the certificate (PEM).
        client_ca_file: The CA that client certificates must be issued by (PEM), or None if clients need no certificate.
        plant_file: The Galaxy (TOML), or None for the usual test tags.
        galaxy_only: Whether only the Galaxy is served.
        galaxy_state: The state of the gateway's copy of the Galaxy: current, stale or empty.
    """

    host: str
    port: int
    certificate_file: str | None
    key_file: str | None
    client_ca_file: str | None
    plant_file: str | None
    galaxy_only: bool
    galaxy_state: str


def simulate_gateway(simulation: Simulation, output: Output) -> None:
    """Run a simulated gateway until a signal ends it.

    Raises:
        click.UsageError: A file is missing or invalid.
        CommandFailure: The gateway cannot listen on the address.
    """
    gateway = SimulatedGateway(
        host=simulation.host,
        port=simulation.port,
        tls=_tls(simulation),
        plant=_plant(simulation.plant_file),
        galaxy_only=simulation.galaxy_only,
    )
    # A signal is the normal end of the gateway.
    with contextlib.suppress(KeyboardInterrupt):
        run(lambda: _serve(gateway, simulation, output))


async def _serve(gateway: SimulatedGateway, simulation: Simulation, output: Output) -> None:
    try:
        await gateway.start()
    except RuntimeError as error:
        problem = await _listening_problem(simulation.host, simulation.port)
        raise CommandFailure(
            f"cannot listen on {simulation.host}:{simulation.port}: {problem or error}", ExitStatus.FAILED
        ) from error
    try:
        with _galaxy_in(simulation.galaxy_state, gateway):
            _announce(gateway, simulation, output)
            await asyncio.Event().wait()
    finally:
        await gateway.stop()


async def _listening_problem(host: str, port: int) -> str | None:
    """Return why a program cannot listen on an address and what to change, or None if it can. gRPC doesn't say it."""
    try:
        server = await asyncio.start_server(lambda _reader, writer: writer.close(), host, port)
    except socket.gaierror:
        return f"the name {host} is unknown"
    except OSError as error:
        problems = {
            errno.EADDRINUSE: f"port {port} is in use; give another --port, or none for any free port",
            errno.EADDRNOTAVAIL: f"{host} is not an address of this machine; give another --host",
            errno.EACCES: f"this user may not listen on port {port}; give a --port above 1023",
        }
        return problems.get(error.errno or 0, error.strerror or str(error))
    server.close()
    await server.wait_closed()
    return None


def _galaxy_in(state: str, gateway: SimulatedGateway) -> contextlib.AbstractContextManager[None]:
    if state == "current":
        return contextlib.nullcontext()
    return gateway.faults.galaxy_down(snapshot=state == "stale")


def _announce(gateway: SimulatedGateway, simulation: Simulation, output: Output) -> None:
    """Print the address and the API key as commands that can be pasted into a shell.

    This is the only place that prints an API key: it was just generated, and is valid for this gateway only.
    """
    if output.as_json:
        click.echo(json.dumps({"endpoint": gateway.endpoint, "apiKey": gateway.api_key}))
        return
    lines = {"MXGATEWAY_ENDPOINT": gateway.endpoint, "MXGATEWAY_API_KEY": gateway.api_key}
    if simulation.certificate_file is None:
        lines["MXGATEWAY_PLAINTEXT"] = "1"
    set_variable = "set " if os.name == "nt" else "export "
    for name, value in lines.items():
        click.echo(f"{set_variable}{name}={value}")
    output.diagnostics.note("Simulated gateway, not a real one. Press Ctrl-C to stop.")


def _tls(simulation: Simulation) -> ServerTls | None:
    certificate, key = simulation.certificate_file, simulation.key_file
    if certificate is None or key is None:
        if certificate or key or simulation.client_ca_file:
            raise click.UsageError("TLS needs both --certificate-file and --key-file")
        return None
    for path in (certificate, key, simulation.client_ca_file):
        _check_pem(path)
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key)
    except ssl.SSLError as error:
        problem = error.reason or str(error)
    else:
        return ServerTls(
            certificate_chain=Path(certificate),
            private_key=Path(key),
            client_ca=None if simulation.client_ca_file is None else Path(simulation.client_ca_file),
        )
    raise click.UsageError(f"{certificate} and {key} are not a certificate and its private key: {problem}")


def _check_pem(path: str | None) -> None:
    if path is None:
        return
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        problem = f"cannot read {path}: {error.strerror or type(error).__name__}"
    else:
        if b"-----BEGIN " in content:
            return
        problem = f"{path} is not a PEM file: PEM is text and begins with -----BEGIN"
    raise click.UsageError(problem)


def _plant(path: str | None) -> Plant | None:
    if path is None:
        return None
    try:
        return Plant.from_toml(path)
    except OSError as error:
        problem = f"cannot read the plant file {path}: {error.strerror or type(error).__name__}"
    except PlantFileError as error:
        problem = f"invalid plant file {error}"
    raise click.UsageError(problem)
