"""The command `doctor`, which diagnoses the way to a working session."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mxgateway_cli.connecting.gateway_command import gateway_command

if TYPE_CHECKING:
    from mxgateway_cli.connecting.client import Gateway
    from mxgateway_cli.output.console import Output

__all__ = ["doctor"]


@gateway_command("doctor", schema="check")
async def doctor(gateway: Gateway, output: Output) -> None:
    """Check every step from here to a working session, and print what is wrong and what to do about it.

    Prints the settings of the connection, and where each is from: an option, the environment, a profile or the default.
    Checks the host name, TCP, TLS with the certificate's names, dates and fingerprint, the API key and its scopes, the
    Galaxy, the session, the protocol version, the worker, and whether the gateway's answers fit the contract of
    mxgw-py. With several gateways each is checked. The status is that of the first check that failed. The session is
    always closed. With MXGATEWAY_SERVICES=galaxy, for a server with only the Galaxy, the checks end before the session.
    """
    # Imported late so that --help doesn't load grpc.
    from mxgateway_cli.jobs.doctor import check_gateways  # noqa: PLC0415

    await check_gateways(gateway.options, gateway.settings, output)
