"""Commands for the Galaxy: its object tree and its deploys. They need no session."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from mxgateway_cli.completion.names import complete_object
from mxgateway_cli.connecting.gateway_command import gateway_command
from mxgateway_cli.errors import CommandFailure
from mxgateway_cli.exit_status import ExitStatus
from mxgateway_cli.help import argument, option
from mxgateway_cli.input import options
from mxgateway_cli.input.values import parse_timestamp
from mxgateway_cli.output.formatting import format_time

if TYPE_CHECKING:
    from collections.abc import Callable

    from mxgateway_cli.connecting.client import Gateway
    from mxgateway_cli.output.console import Output

__all__ = [
    "browse",
    "galaxy_discover",
    "galaxy_last_deploy",
    "galaxy_status",
    "galaxy_test_connection",
    "galaxy_watch",
]

_root = argument("tag_name", metavar="[OBJECT]", required=False, shell_complete=complete_object)
_contained_path = option(
    "--contained-path", metavar="PATH", help="Start at this path of contained names instead: TestPlant/Line1/Pump."
)
_attributes = option("--attributes", is_flag=True, help="Print the objects' attributes as well.")
_FILTERS = (
    option(
        "--tag-name-glob",
        default="",
        metavar="GLOB",
        help="Only objects whose whole tag name matches this pattern with * and ?, ignoring case.",
    ),
    option(
        "--category-id",
        "category_ids",
        type=int,
        multiple=True,
        metavar="ID",
        help="Only objects of this category; may be repeated.",
    ),
    option(
        "--template",
        "template_chain_contains",
        multiple=True,
        metavar="NAME",
        help="Only objects derived from this template; if repeated, from all of them.",
    ),
    option("--alarm-bearing-only", is_flag=True, help="Only objects with an alarm."),
    option("--historized-only", is_flag=True, help="Only objects with a historized attribute."),
    option(
        "--page-size",
        type=click.IntRange(1, 5000),
        default=500,
        show_default=True,
        metavar="COUNT",
        help="Number of objects per request.",
    ),
)


def _filters(function: Callable[..., Any]) -> Callable[..., Any]:
    for declare in reversed(_FILTERS):
        function = declare(function)
    return function


@gateway_command("galaxy-test-connection", schema="galaxy-connection")
async def galaxy_test_connection(gateway: Gateway, output: Output) -> None:
    """Check that the gateway can reach the Galaxy's database; the status is 1 if it cannot."""
    ok = await (await gateway.client()).galaxy.test_connection()
    plain = "the Galaxy's database is reachable" if ok else "the Galaxy's database is not reachable"
    output.result({"ok": ok}, plain, value="ok")
    if not ok:
        raise CommandFailure("the gateway cannot reach the Galaxy's database: see the gateway's log", ExitStatus.FAILED)


@gateway_command("galaxy-last-deploy", schema="galaxy-last-deploy")
async def galaxy_last_deploy(gateway: Gateway, output: Output) -> None:
    """Print when the Galaxy was last deployed."""
    # Imported late so that --help doesn't load grpc.
    from mxgateway_cli.results.galaxy import last_deploy_record  # noqa: PLC0415

    when = await (await gateway.client()).galaxy.last_deploy_time()
    output.result(last_deploy_record(when), "never" if when is None else format_time(when, output.zone))


@gateway_command("galaxy-status", schema="galaxy-status")
async def galaxy_status(gateway: Gateway, output: Output) -> None:
    """Print how current the gateway's copy of the Galaxy is, as far as the gateway reports it."""
    # Imported late so that --help doesn't load grpc.
    from mxgateway_cli.results.galaxy_status import galaxy_status_record, galaxy_status_text  # noqa: PLC0415

    status = await (await gateway.client()).galaxy.status()
    output.result(galaxy_status_record(status), galaxy_status_text(status, output.zone))


@gateway_command(
    "browse",
    _root,
    _contained_path,
    option(
        "--depth", type=click.IntRange(min=1), default=1, show_default=True, metavar="LEVELS", help="Number of levels."
    ),
    _attributes,
    _filters,
    schema="galaxy-object",
)
async def browse(
    gateway: Gateway,
    output: Output,
    *,
    tag_name: str | None,
    contained_path: str | None,
    depth: int,
    attributes: bool,
    page_size: int,
    **filters: Any,
) -> None:
    """Print the objects below an object of the Galaxy, by default from the top: a tree on a terminal, paths in a pipe.

    A level is requested only when it is printed. Filters apply to every level: an object that doesn't match hides the
    objects below it.

    The objects are from the gateway's copy of the Galaxy. On a terminal a last line says when the copy was confirmed.
    If the gateway does not reach the Galaxy's database, a warning says that the copy may be outdated.
    """
    # Imported late so that --help doesn't load grpc.
    from mxgateway_cli.completion.cache import SeenNames  # noqa: PLC0415
    from mxgateway_cli.results.galaxy_status import report_currency  # noqa: PLC0415
    from mxgateway_cli.results.galaxy_tree import GalaxyTree  # noqa: PLC0415

    _check_root(tag_name, contained_path)
    filters["include_attributes"] = attributes
    galaxy = (await gateway.client()).galaxy
    seen = SeenNames()
    await GalaxyTree(galaxy, output, filters, page_size=page_size, seen=seen).print(tag_name, contained_path, depth)
    seen.add_to(gateway.galaxy_cache)
    await report_currency(galaxy, output)


@gateway_command(
    "galaxy-discover",
    _root,
    _contained_path,
    option(
        "--depth",
        former=["--max-depth"],
        type=click.IntRange(min=0),
        metavar="LEVELS",
        help="Number of levels below the object.  [default: unlimited]",
    ),
    _attributes,
    _filters,
    schema="galaxy-object",
)
async def galaxy_discover(
    gateway: Gateway,
    output: Output,
    *,
    tag_name: str | None,
    contained_path: str | None,
    depth: int | None,
    attributes: bool,
    page_size: int,
    **filters: Any,
) -> None:
    """Print all objects below an object of the Galaxy, by default the whole Galaxy, as they arrive."""
    # Imported late so that --help doesn't load grpc.
    from mxgateway_cli.completion.cache import SeenNames  # noqa: PLC0415
    from mxgateway_cli.results.galaxy_status import report_currency  # noqa: PLC0415
    from mxgateway_cli.results.galaxy_tree import print_hierarchy  # noqa: PLC0415

    _check_root(tag_name, contained_path)
    galaxy = (await gateway.client()).galaxy
    seen = SeenNames()
    objects = galaxy.discover(
        tag_name,
        contained_path=contained_path,
        max_depth=depth,
        page_size=page_size,
        include_attributes=attributes,
        **filters,
    )
    await print_hierarchy(objects, output, seen)
    seen.add_to(gateway.galaxy_cache)
    await report_currency(galaxy, output)


@gateway_command(
    "galaxy-watch",
    option(
        "--last-seen",
        metavar="TIME",
        help="Time of the last known deploy, ISO 8601 with a time zone: 2026-01-05T08:00:00Z.",
    ),
    options.count("Stop after this number of deploys.", "--max-events"),
    options.duration("Stop after this time, for example 8h, even if no deploys happened."),
    schema="deploy-event",
)
async def galaxy_watch(
    gateway: Gateway, output: Output, *, last_seen: str | None, count: int | None, duration: float | None
) -> None:
    """Print the deploys of the Galaxy as they happen, starting with the last one, until an option or Ctrl-C ends it."""
    # Imported late so that --help doesn't load grpc.
    from mxgateway_cli.jobs.consume import consume  # noqa: PLC0415
    from mxgateway_cli.output.layouts import Printer  # noqa: PLC0415
    from mxgateway_cli.results.galaxy import DEPLOYS  # noqa: PLC0415

    last_known = None if last_seen is None else parse_timestamp(last_seen)
    client = await gateway.client()
    printer = Printer(output, DEPLOYS)
    async with client.galaxy.watch_deploys(last_known) as deploys:
        await consume(deploys, printer.print, limit=count, seconds=duration)


def _check_root(tag_name: str | None, contained_path: str | None) -> None:
    if tag_name is not None and contained_path is not None:
        raise click.UsageError("give either an object or --contained-path, not both")
