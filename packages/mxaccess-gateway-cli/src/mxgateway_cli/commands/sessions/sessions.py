"""Commands that open, close and inspect sessions."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from mxgateway_cli.connecting.gateway_command import gateway_command
from mxgateway_cli.help import option
from mxgateway_cli.input import options
from mxgateway_cli.input.quantities import DURATION

if TYPE_CHECKING:
    from mxgateway_cli.connecting.client import Gateway
    from mxgateway_cli.output.console import Output

__all__ = ["close_session", "open_session", "ping", "session_state", "shutdown_worker", "worker_info"]


@gateway_command(
    "open-session",
    option(
        "--client-session-name",
        default="mxgw-py",
        show_default=True,
        metavar="NAME",
        help="The name of the session in the gateway.",
    ),
    option(
        "--command-timeout",
        type=DURATION,
        metavar="TIME",
        help="Maximum duration of a command in the gateway.  [default: set by the gateway]",
    ),
    option(
        "--requested-backend",
        default="",
        metavar="NAME",
        help="The gateway's backend.  [default: chosen by the gateway]",
    ),
    schema="session",
)
async def open_session(
    gateway: Gateway,
    output: Output,
    *,
    client_session_name: str,
    command_timeout: float | None,
    requested_backend: str,
) -> None:
    """Open a session, leave it open and print its id.

    Close it with close-session. The gateway closes it when it has not been used for its lease, by default 30 minutes.
    """
    client = await gateway.client()
    session = await client.open_session(
        client_session_name=client_session_name, command_timeout=command_timeout, requested_backend=requested_backend
    )
    client.detach_session(session)
    info = session.info
    output.result(
        {
            "sessionId": info.session_id,
            "backendName": info.backend_name,
            "workerProcessId": info.worker_process_id,
            "workerProtocolVersion": info.worker_protocol_version,
            "gatewayProtocolVersion": info.gateway_protocol_version,
            "capabilities": list(info.capabilities),
            "defaultCommandTimeout": f"{info.default_command_timeout:g}s",
        },
        info.session_id,
    )


@gateway_command("close-session", options.session_id, schema="closed-session")
async def close_session(gateway: Gateway, output: Output, *, session_id: str) -> None:
    """Close a session, which also ends its items, its event stream and its pending commands."""
    await gateway.close_session(session_id)
    output.result({"sessionId": session_id, "closed": True}, f"closed {session_id}")


@gateway_command("session-state", options.session_id, schema="session-state")
async def session_state(gateway: Gateway, output: Output, *, session_id: str) -> None:
    """Print the state of a session. Only a READY session accepts commands and event streams."""
    state = await (await gateway.attach(session_id)).get_state()
    # Imported late so that --help doesn't load grpc.
    from mxgateway_cli.output.records import enum_record  # noqa: PLC0415

    output.result({"sessionId": session_id, "state": enum_record("SESSION_STATE", state, shown=state.name)}, state.name)


@gateway_command("ping", options.session_id, schema="ping")
async def ping(gateway: Gateway, output: Output, *, session_id: str) -> None:
    """Check that a session's worker responds and print how long it took. This renews the session's lease."""
    session = await gateway.attach(session_id)
    start = time.perf_counter()
    await session.ping()
    milliseconds = round((time.perf_counter() - start) * 1000, 3)
    output.result({"sessionId": session_id, "elapsedMs": milliseconds}, f"{milliseconds:g} ms", value="elapsedMs")


@gateway_command("worker-info", options.session_id, schema="worker-info")
async def worker_info(gateway: Gateway, output: Output, *, session_id: str) -> None:
    """Print information about a session's worker process."""
    info = await (await gateway.attach(session_id)).get_worker_info()
    output.result(
        {
            "sessionId": session_id,
            "workerProcessId": info.worker_process_id,
            "workerProtocolVersion": info.worker_protocol_version,
        },
        f"process {info.worker_process_id}, protocol version {info.worker_protocol_version}",
        value="workerProcessId",
    )


@gateway_command(
    "shutdown-worker",
    options.session_id,
    option(
        "--grace-period",
        type=DURATION,
        metavar="TIME",
        help="How long the worker may take to exit on its own.  [default: set by the gateway]",
    ),
    schema="worker-shutdown",
)
async def shutdown_worker(gateway: Gateway, output: Output, *, session_id: str, grace_period: float | None) -> None:
    """Shut down a session's worker process. Afterwards the session can only be closed."""
    await (await gateway.attach(session_id)).shutdown_worker(grace_period)
    output.result({"sessionId": session_id, "shutdown": True}, f"the worker of {session_id} is shutting down")
