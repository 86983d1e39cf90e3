"""The command `plot`, which draws trends of recorded files or of live tags."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from mxgateway_cli.completion.names import complete_tag
from mxgateway_cli.connecting.gateway_command import RUNNER_KEY, build_command
from mxgateway_cli.connecting.target import Target, connection_options
from mxgateway_cli.help import argument, option
from mxgateway_cli.input import options
from mxgateway_cli.input.quantities import DURATION
from mxgateway_cli.output.console import Output
from mxgateway_cli.output.settings import output_options

if TYPE_CHECKING:
    from mxgateway_cli.connecting.client import Gateway

__all__ = ["plot"]


@click.pass_context
def _plot(
    context: click.Context,
    /,
    sources: tuple[str, ...],
    *,
    path: str | None,
    duration: float,
    only: tuple[str, ...],
    since: str | None,
    until: str | None,
    **parameters: Any,
) -> None:
    """Draw trends of recorded files (.csv, .jsonl, .sqlite, .parquet, a folder) or of live tags.

    Without --to, a line with the trend, the least, greatest and last value of each tag. Times of which changes are
    missing are grey, or dots on a line; values of uncertain or bad quality are marked. Files need no gateway.
    """
    tag_options = {name: parameters.pop(name) for name in ("client_name", "supervisory", "failover_after")}
    output = Output.from_parameters(context, parameters)
    target = Target.from_parameters(context, parameters)
    # Imported late so that --help doesn't load grpc.
    from mxgateway_cli.connecting.client import run_with_gateway  # noqa: PLC0415
    from mxgateway_cli.input.values import parse_timestamp  # noqa: PLC0415
    from mxgateway_cli.jobs.plot.job import PlotSettings, is_recording, plot_files, plot_tags  # noqa: PLC0415
    from mxgateway_cli.output.log import show_log_records  # noqa: PLC0415

    begin, end = (None if text is None else parse_timestamp(text) for text in (since, until))
    settings = PlotSettings(path=path, only=only, since=begin, until=end)
    settings.check()
    files = [source for source in sources if is_recording(source)]
    if files and len(files) < len(sources):
        raise click.UsageError("give either recorded files or tags, not both")
    if files and context.get_parameter_source("duration") is ParameterSource.COMMANDLINE:
        raise click.UsageError("--duration is for live tags; --since and --until choose a part of recorded files")
    if files:
        with show_log_records(output.diagnostics):
            plot_files(files, output, settings)
        return
    if only or since or until:
        raise click.UsageError("--only, --since and --until are for recorded files")

    async def plot_live(gateway: Gateway) -> None:
        client = await gateway.client()
        async with client.tags(tag_options.pop("client_name"), **tag_options) as tag_client:
            await plot_tags(tag_client, list(dict.fromkeys(sources)), output, settings, duration)

    context.meta.get(RUNNER_KEY, run_with_gateway)(target, output, plot_live)


plot = build_command(
    "plot",
    argument(
        "sources", nargs=-1, required=True, example="values.csv", metavar="FILE|TAG...", shell_complete=complete_tag
    ),
    option(
        "--to",
        "path",
        metavar="FILE",
        # The variable of --to names the file of `record`.
        environment=False,
        help="Draw a picture into this file, .png, .svg or .html, instead of lines on the terminal.",
    ),
    option(
        "--duration",
        type=DURATION,
        default="30s",
        show_default=True,
        metavar="TIME",
        help="Live tags: watch them for this time, for example 5m.",
    ),
    option("--only", multiple=True, metavar="TAG", help="Files: only this tag; may be repeated."),
    option(
        "--since",
        metavar="TIME",
        help="Files: begin at this time, ISO 8601 with a time zone: 2026-01-05T08:00:00Z. Earlier values still hold.",
    ),
    option("--until", metavar="TIME", help="Files: end at this time."),
    options.failover_after,
    options.supervisory,
    options.client_name,
    connection_options,
    output_options,
    schema="trend",
)(_plot)
