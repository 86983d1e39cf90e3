"""The commands `completion`, which prints the script for a shell, and `cache-tags`, which fills the cache of tags."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import click

from mxgateway_cli.app import app
from mxgateway_cli.connecting.gateway_command import build_command, gateway_command
from mxgateway_cli.help import argument

if TYPE_CHECKING:
    from mxgateway_cli.connecting.client import Gateway
    from mxgateway_cli.output.console import Output

__all__ = ["cache_tags", "completion"]

_SHELLS: Final = ("bash", "zsh", "fish", "powershell")


def _completion(shell: str) -> None:
    """Print the script that completes commands, options and tags in a shell: bash, zsh, fish or powershell.

    Put a line into the start file of the shell. In bash and zsh: eval "$(mxgw-py completion bash)". In fish: mxgw-py
    completion fish | source. In PowerShell: mxgw-py completion powershell | Out-String | Invoke-Expression.

    Tags are completed for the gateway of --endpoint, MXGATEWAY_ENDPOINT or the profile, from the names that browse,
    galaxy-discover, --match and cache-tags have seen.
    """
    from mxgateway_cli.completion.shells import script  # noqa: PLC0415 - only here

    # As bytes, so that no line ends in CR LF.
    click.echo(script(app, shell).encode(), nl=False)


completion = build_command(
    "completion",
    argument("shell", type=click.Choice(_SHELLS), metavar="SHELL", example="bash"),
    schema=None,
)(_completion)


@gateway_command("cache-tags", schema="galaxy-cache")
async def cache_tags(gateway: Gateway, output: Output) -> None:
    """Store the names of all tags of the Galaxy on this computer, for completion.

    Replaces the names stored before. Needs no session. Without this command, completion knows the names that browse,
    galaxy-discover and --match have seen.
    """
    # Imported late so that --help doesn't load grpc.
    from mxgateway_cli.jobs.tag_cache import cache_all_tags  # noqa: PLC0415

    await cache_all_tags((await gateway.client()).galaxy, gateway.galaxy_cache, output)
