"""`doctor`: what stands between here and a working session."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mxgateway_cli.connecting.gateway_command import gateway_command

if TYPE_CHECKING:
    from mxgateway_cli.connecting.client import Gateway
    from mxgateway_cli.output.console import Output

__all__ = ["doctor"]


@gateway_command("doctor", schema="check")
async def doctor(gateway: Gateway, output: Output) -> None:
    """Check everything between here and a working session: what is wrong, and what to do about it.

    Name, TCP, TLS with the certificate's names, dates and fingerprint, key, scopes, session, protocol version, worker.
    The status is that of the first check that failed. The session is closed however it ends.
    """
    # Imported here: --help must not have to wait for grpc.
    from mxgateway_cli.jobs.doctor import Doctor  # noqa: PLC0415

    await Doctor(gateway.options, output).examine()
