"""The command `record`, which writes the changes of tags or of alarms to files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from mxgateway_cli.connecting.gateway_command import gateway_command
from mxgateway_cli.help import option
from mxgateway_cli.input import options, tag_options
from mxgateway_cli.input.quantities import DURATION, SIZE

if TYPE_CHECKING:
    from mxgateway_cli.connecting.client import Gateway
    from mxgateway_cli.output.console import Output

__all__ = ["record"]


@gateway_command(
    "record",
    tag_options.tags,
    option(
        "--alarms",
        is_flag=True,
        help="Record the gateway's alarms, not tags: what is raised, acknowledged, changed and cleared.",
    ),
    option(
        "--filter-prefix",
        default="",
        metavar="PREFIX",
        help="With --alarms: only alarms whose full reference has this prefix, ignoring case.  [default: all]",
    ),
    option(
        "--to",
        "path",
        required=True,
        example="values.csv",
        metavar="FILE",
        help="The file, by its suffix .csv, .jsonl, .sqlite or .parquet, or a folder with --format. It is continued. "
        "- is InfluxDB line protocol on stdout.",
    ),
    option(
        "--format",
        "file_format",
        type=click.Choice(["csv", "jsonl", "sqlite", "parquet", "influx"]),
        help="The kind of file, if the suffix does not say it.",
    ),
    options.duration("Stop after this time, for example 90s or 8h."),
    options.count("Stop after this number of changes.", "--max-records"),
    option("--rotate-size", type=SIZE, metavar="SIZE", help="Begin a new file at this size, for example 100MB."),
    option("--rotate-every", type=DURATION, metavar="TIME", help="Begin a new file after this time, for example 1h."),
    option(
        "--flush-interval",
        type=DURATION,
        default="1s",
        show_default=True,
        metavar="TIME",
        help="Write to disk at this pace: what is lost at most when the program is killed.",
    ),
    option(
        "--metrics",
        metavar="HOST:PORT",
        help="Serve /metrics for Prometheus and /healthz here, for example on 127.0.0.1:9465.",
    ),
    options.failover_after,
    options.supervisory,
    options.client_name,
    schema="recording",
)
async def record(
    gateway: Gateway,
    output: Output,
    *,
    client_name: str,
    supervisory: bool,
    failover_after: float,
    filter_prefix: str,
    **parameters: Any,
) -> None:
    """Record the changes of tags, or with --alarms of alarms, in a file until --duration, --count, Ctrl-C or SIGTERM.

    Losses are rows as well: "lost", "restored" and "gap" beside each "change". A file that exists is continued, with a
    gap for the time in between. When stopped it writes what has arrived, prints a summary and ends with status 0.
    """
    # Imported late so that --help doesn't load grpc.
    from mxgateway_cli.jobs.record import FileSink, RecordSettings, record_alarms, record_tags  # noqa: PLC0415
    from mxgateway_cli.jobs.tag_search import find_tags  # noqa: PLC0415

    selection = {name: parameters.pop(name) for name in ("tags", "tags_file", "match")}
    settings = RecordSettings(**parameters)
    if settings.alarms and (selection["tags"] or selection["tags_file"]):
        raise click.UsageError("--alarms and TAG... contradict each other: record alarms and tags in a file of each")
    sink = settings.sink()
    if settings.alarms and isinstance(sink, FileSink):
        client = await gateway.client()
        watch = client.watch_alarms(filter_prefix, failover_after=failover_after)
        await record_alarms(watch, sink, output, settings)
        return
    tags = await find_tags(gateway, output, **selection)
    client = await gateway.client()
    async with client.tags(client_name, supervisory=supervisory, failover_after=failover_after) as tag_client:
        await record_tags(tag_client, tags, sink, output, settings)
