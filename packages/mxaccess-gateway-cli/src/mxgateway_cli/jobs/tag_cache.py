"""Filling of the cache from which tags are completed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mxgateway_cli.errors import CommandFailure
from mxgateway_cli.exit_status import ExitStatus
from mxgateway_cli.output.progress import show_progress

if TYPE_CHECKING:
    from mxgateway import Galaxy
    from mxgateway_cli.completion.cache import GalaxyCache
    from mxgateway_cli.output.console import Output

__all__ = ["cache_all_tags"]


async def cache_all_tags(galaxy: Galaxy, cache: GalaxyCache, output: Output) -> None:
    """Store the names of all objects and tags of a Galaxy, in place of those stored before.

    Raises:
        MxGatewayError: The Galaxy cannot be read.
        CommandFailure: The file cannot be written.
    """
    names: list[str] = []
    objects = galaxy.discover(include_attributes=True)
    with show_progress(output, "objects", prints_results=False) as update:
        async for each in objects:
            names.append(each.tag_name)
            names += [attribute.full_tag_reference for attribute in each.attributes]
            update(objects.delivered, objects.total)
    try:
        cache.replace(names)
    except OSError as error:
        raise CommandFailure(f"cannot write {cache.path}: {error.strerror}", ExitStatus.FAILED) from error
    tags = len(names) - objects.delivered
    record = {"endpoint": cache.endpoint, "path": str(cache.path), "objects": objects.delivered, "tags": tags}
    output.result(record, f"stored {tags} tags of {cache.endpoint} in {cache.path}", value="tags")
