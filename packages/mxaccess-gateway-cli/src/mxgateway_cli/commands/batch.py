"""The command `batch`, which runs command lines from stdin."""

from __future__ import annotations

import sys
from typing import Any

import click

from mxgateway_cli.connecting.gateway_command import build_command
from mxgateway_cli.connecting.target import Target, connection_options
from mxgateway_cli.output.console import Output
from mxgateway_cli.output.settings import output_options

__all__ = ["batch"]


@click.pass_context
def _batch(context: click.Context, /, **parameters: Any) -> None:
    """Run command lines from stdin, one after the other over one connection, until stdin ends.

    A line is a command line without mxgw-py, quoted as in a POSIX shell. A line that is blank or starts with # does
    nothing. Each result is followed by the line __MXGW_BATCH_EOR__. If a line fails, the result is {"error": ...,
    "type": "error"}, and the batch continues. Options of the batch apply to every line that doesn't override them.

    On a terminal there is a prompt instead, with Tab to complete, errors as usual, and no __MXGW_BATCH_EOR__: help
    lists the commands, Ctrl-C stops a command, exit or Ctrl-D ends the batch.
    """
    # Imported late so that --help doesn't load grpc.
    from mxgateway_cli.jobs.batch.batch import explicit_options, run_batch  # noqa: PLC0415

    shared = explicit_options(context)
    output = Output.from_parameters(context, parameters)
    # Report contradictory options once, not for every line.
    Target.from_parameters(context, parameters)
    if sys.stdin.isatty() and sys.stdout.isatty():
        from mxgateway_cli.jobs.batch.prompt import run_prompt  # noqa: PLC0415

        run_prompt(shared, output)
        return
    reconfigure = getattr(sys.stdin, "reconfigure", None)
    if reconfigure is not None:
        reconfigure(encoding="utf-8", errors="backslashreplace")
    run_batch(sys.stdin, shared, output)


batch = build_command("batch", connection_options, output_options, schema="batch-error")(_batch)
