"""`batch`: command lines from stdin."""

from __future__ import annotations

import sys
from typing import Any

import click

from mxgateway_cli.connecting.gateway_command import declared
from mxgateway_cli.connecting.target import Target, connection_options
from mxgateway_cli.output.console import Output, output_options

__all__ = ["batch"]


@click.pass_context
def _batch(context: click.Context, /, **parameters: Any) -> None:
    """Read command lines from stdin and carry them out, one after the other over one connection, until stdin ends.

    A line is what would follow mxgw-py, quoted as in a POSIX shell. After its result comes the line
    __MXGW_BATCH_EOR__. A line that fails prints {"error": ..., "type": "error"} instead, and the next one follows.
    Options of the batch count for every line that doesn't say otherwise.
    """
    # Imported here: --help must not have to wait for grpc.
    from mxgateway_cli.jobs.batch import run_batch, spoken_options  # noqa: PLC0415

    shared = spoken_options(context)
    output = Output.taken_from(context, parameters)
    # What contradicts itself is said at once, not by each line.
    Target.taken_from(context, parameters)
    reconfigure = getattr(sys.stdin, "reconfigure", None)
    if reconfigure is not None:
        reconfigure(encoding="utf-8", errors="backslashreplace")
    run_batch(sys.stdin, shared, output)


batch = declared("batch", connection_options, output_options, schema="batch-error")(_batch)
