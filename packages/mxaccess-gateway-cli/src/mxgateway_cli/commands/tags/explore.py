"""The command `explore`, which shows a plant on the terminal."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from mxgateway_cli.connecting.gateway_command import gateway_command
from mxgateway_cli.help import option
from mxgateway_cli.input import options, tag_options

if TYPE_CHECKING:
    from mxgateway_cli.connecting.client import Gateway
    from mxgateway_cli.output.console import Output

__all__ = ["explore"]


@gateway_command(
    "explore",
    tag_options.optional_tags,
    option("--operator", default="", metavar="USER", help="The user who acknowledges alarms."),
    options.user_id,
    options.failover_after,
    options.supervisory,
    options.client_name,
    schema=None,
)
async def explore(
    gateway: Gateway,
    output: Output,
    *,
    operator: str,
    user_id: int,
    failover_after: float,
    supervisory: bool,
    client_name: str,
    **selection: Any,
) -> None:
    """Explore the plant on a terminal: the Galaxy, watched tags with a trend, writes and alarms.

    Enter on an attribute of the Galaxy watches it, w writes the selected tag after a question, and Enter on an alarm
    acknowledges it. ? shows all keys; the mouse works too. After a lost connection it reconnects, and marks the values
    as stale until they arrive again. Needs the extra "tui": pipx install 'mxaccess-gateway-cli[tui]'.
    """
    # Imported late so that --help doesn't load grpc.
    from mxgateway_cli.jobs.tag_search import find_tags  # noqa: PLC0415

    client = await gateway.client()
    tags = await find_tags(gateway, output, **selection) if selection["tags"] or selection["tags_file"] else ()
    _check_terminal(output)
    try:
        from mxgateway_cli.explore.job import ExploreSettings, explore_plant  # noqa: PLC0415
    except ModuleNotFoundError as error:
        if not (error.name or "").startswith("textual"):
            raise
        text = f"explore needs {error.name}: pipx install --force 'mxaccess-gateway-cli[tui]'"
        raise click.UsageError(text) from None
    settings = ExploreSettings(
        client_name=client_name,
        supervisory=supervisory,
        failover_after=failover_after,
        user_id=user_id,
        operator=operator,
    )
    await explore_plant(client, output, tags, settings)


def _check_terminal(output: Output) -> None:
    """Check that there is a terminal to draw on and to read keys from.

    Raises:
        click.UsageError: There is none.
    """
    streams = (sys.stdin, sys.stdout, sys.stderr, sys.__stdin__, sys.__stdout__, sys.__stderr__)
    if not output.can_be_live or not all(stream is not None and stream.isatty() for stream in streams):
        raise click.UsageError("explore needs a terminal; in a pipe or a script use browse, watch and watch-alarms")
