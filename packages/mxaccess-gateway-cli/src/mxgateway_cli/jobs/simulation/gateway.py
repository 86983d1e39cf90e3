"""The simulated gateway: runs until a signal, or the end of its prompt, stops it."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import json
import os
import shlex
import socket
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mxgateway.testing import SimulatedGateway
from mxgateway.testing.scripts.control import Control
from mxgateway_cli.connecting.api_key import read_api_key
from mxgateway_cli.connecting.runner import interruptible, run
from mxgateway_cli.connecting.target import DEFAULT_API_KEY_VARIABLE
from mxgateway_cli.errors import CommandFailure
from mxgateway_cli.exit_status import ExitStatus
from mxgateway_cli.jobs.simulation.background import BackgroundLoop
from mxgateway_cli.jobs.simulation.files import read_plant, read_script, read_tls
from mxgateway_cli.jobs.simulation.prompt import run_prompt

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from mxgateway.testing import Script, StepResult
    from mxgateway_cli.output.console import Output

__all__ = ["Simulation", "simulate_gateway"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Simulation:
    """Settings of a simulated gateway.

    Attributes:
        host: The address to listen on.
        port: The port, or 0 for any free port.
        api_key_env: The environment variable that holds the gateway's API key, or None.
        api_key_file: The file that holds the API key, or None. Without both, the key is generated.
        certificate_file: The gateway's certificate (PEM), or None for plaintext.
        key_file: The private key of the certificate (PEM).
        client_ca_file: The CA that client certificates must be issued by (PEM), or None if clients need no certificate.
        plant_file: The Galaxy (TOML), or None for the usual test tags.
        galaxy_only: Whether only the Galaxy is served.
        galaxy_state: The state of the gateway's copy of the Galaxy: current, stale or empty.
        script: What happens to the gateway, and when (TOML or Python), or None.
        interactive: Whether a prompt reads commands from stdin.
    """

    host: str
    port: int
    api_key_env: str | None
    api_key_file: str | None
    certificate_file: str | None
    key_file: str | None
    client_ca_file: str | None
    plant_file: str | None
    galaxy_only: bool
    galaxy_state: str
    script: str | None
    interactive: bool

    @property
    def has_own_key(self) -> bool:
        """Whether the user names the API key, which is then never printed."""
        return self.api_key_env is not None or self.api_key_file is not None


def simulate_gateway(simulation: Simulation, output: Output) -> None:
    """Run a simulated gateway until a signal or its prompt ends it.

    Raises:
        click.UsageError: A file or the API key is missing or invalid, or stdin is not open.
        CommandFailure: The gateway cannot listen on the address.
    """
    # Without a console, and after `<&-`, stdin is None.
    stdin: object = sys.stdin
    if simulation.interactive and stdin is None:
        raise click.UsageError("--interactive reads commands from stdin, which is not open")
    plant = read_plant(simulation.plant_file)
    script = read_script(simulation.script, plant)
    try:
        gateway = SimulatedGateway(
            host=simulation.host,
            port=simulation.port,
            tls=read_tls(simulation.certificate_file, simulation.key_file, simulation.client_ca_file),
            plant=plant,
            api_key=_own_key(simulation, output),
            galaxy_only=simulation.galaxy_only,
            breakable_network=simulation.interactive or (script is not None and script.needs_breakable_network),
        )
    except ValueError as error:
        problem = str(error)
        raise click.UsageError(f"{problem}, such as mxgw_1_secret") from None
    simulated = _Simulated(gateway, simulation, output)
    # A signal is the normal end of the gateway.
    with contextlib.suppress(KeyboardInterrupt):
        if simulation.interactive:
            _interact(simulated, script, output)
        else:
            run(lambda: _serve(simulated, script))


def _own_key(simulation: Simulation, output: Output) -> str | None:
    if not simulation.has_own_key:
        return None
    key = read_api_key(simulation.api_key_env or "", simulation.api_key_file)
    output.diagnostics.protect(key)
    return key.reveal()


async def _serve(simulated: _Simulated, script: Script | None) -> None:
    async with simulated.running(script):
        await asyncio.Event().wait()


def _interact(simulated: _Simulated, script: Script | None, output: Output) -> None:
    """Run the gateway in an event loop in the background, and the prompt in this thread, which reads stdin."""
    with interruptible(), BackgroundLoop() as loop, loop.entered(simulated.running(script)) as control:
        run_prompt(control, loop, output)


class _Simulated:
    """A gateway with its settings."""

    def __init__(self, gateway: SimulatedGateway, simulation: Simulation, output: Output) -> None:
        self._gateway = gateway
        self._simulation = simulation
        self._output = output

    @contextlib.asynccontextmanager
    async def running(self, script: Script | None) -> AsyncGenerator[Control]:
        """Run the gateway and its script within the `async with` block.

        Raises:
            CommandFailure: The gateway cannot listen on the address.
        """
        gateway, simulation = self._gateway, self._simulation
        try:
            await gateway.start()
        except RuntimeError as error:
            problem = await _listening_problem(simulation.host, simulation.port)
            raise CommandFailure(
                f"cannot listen on {simulation.host}:{simulation.port}: {problem or error}", ExitStatus.FAILED
            ) from error
        try:
            with _galaxy_in(simulation.galaxy_state, gateway), Control(gateway) as control:
                async with contextlib.AsyncExitStack() as stack:
                    if script is not None:
                        await stack.enter_async_context(script.played_by(control, self._on_step))
                    self._announce()
                    yield control
        finally:
            await gateway.stop()

    def _on_step(self, result: StepResult) -> None:
        if result.error is not None:
            self._output.diagnostics.warning(f"the script failed: {result.error}")
        else:
            self._output.diagnostics.note(f"script, {result.at:g} s: {result.text}")

    def _announce(self) -> None:
        """Print the address and the API key as commands that can be pasted into a shell.

        This is the only place that prints an API key: it was just generated, and is valid for this gateway only.
        """
        gateway, simulation, output = self._gateway, self._simulation, self._output
        if output.as_json:
            key = {} if simulation.has_own_key else {"apiKey": gateway.api_key}
            click.echo(json.dumps({"endpoint": gateway.endpoint, **key}))
            return
        lines = {"MXGATEWAY_ENDPOINT": gateway.endpoint}
        if simulation.api_key_file is not None:
            lines["MXGATEWAY_API_KEY_FILE"] = _quote(str(Path(simulation.api_key_file).resolve()))
        elif simulation.api_key_env is None:
            lines["MXGATEWAY_API_KEY"] = gateway.api_key
        elif simulation.api_key_env != DEFAULT_API_KEY_VARIABLE:
            lines["MXGATEWAY_API_KEY_ENV"] = simulation.api_key_env
        if simulation.certificate_file is None:
            lines["MXGATEWAY_PLAINTEXT"] = "1"
        set_variable = "set " if os.name == "nt" else "export "
        for name, value in lines.items():
            click.echo(f"{set_variable}{name}={value}")
        end = "Type help for the commands, and quit to stop." if simulation.interactive else "Press Ctrl-C to stop."
        output.diagnostics.note(f"Simulated gateway, not a real one. {end}")


def _quote(path: str) -> str:
    return path if os.name == "nt" else shlex.quote(path)


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
