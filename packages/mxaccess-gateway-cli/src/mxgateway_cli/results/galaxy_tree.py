"""The Galaxy's object tree, asked for level by level while it is printed: its size never matters."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from mxgateway_cli.output.progress import counting
from mxgateway_cli.results.galaxy import attribute_text, object_record, object_style, object_text

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from mxgateway import Galaxy, GalaxyObject, GalaxyObjects
    from mxgateway_cli.output.console import Output

__all__ = ["GalaxyTree", "print_hierarchy"]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    """Where in the tree an object is printed.

    Attributes:
        names: the tag names from where the browse began to the object.
        guides: the lines of the tree to the left of it.
    """

    names: tuple[str, ...] = ()
    guides: str = ""


class GalaxyTree:
    """Prints the objects under a place: a tree on a terminal, paths in a pipe, records for scripts."""

    def __init__(self, galaxy: Galaxy, output: Output, filters: Mapping[str, Any], *, page_size: int) -> None:
        self._galaxy = galaxy
        self._output = output
        self._filters = dict(filters)
        self._page_size = page_size

    async def print(self, root: str | None, contained_path: str | None, depth: int) -> None:
        """Print `depth` levels below an object, named by its tag name or its contained path; or below the top.

        Raises:
            MxGatewayNotFoundError: the gateway doesn't know the object to begin at.
            MxGatewayGalaxyChangedError: the Galaxy was deployed meanwhile.
            MxGatewayError: as for every call.
        """
        await self._print_level(self._children(root, contained_path), _Place(), depth)
        self._output.flush()

    def _children(self, parent: GalaxyObject | str | None, contained_path: str | None = None) -> GalaxyObjects:
        return self._galaxy.browse_children(
            parent, contained_path=contained_path, page_size=self._page_size, **self._filters
        )

    async def _print_level(self, children: GalaxyObjects, place: _Place, depth: int) -> None:
        async for child, is_last in _with_last(children):
            here = replace(place, names=(*place.names, child.tag_name))
            goes_deeper = depth > 1 and child.has_children is not False
            self._print_object(child, here, is_last=is_last, is_cut=bool(child.has_children) and not goes_deeper)
            below = replace(here, guides=here.guides + ("    " if is_last else "│   "))
            self._print_attributes(child, below, children_follow=goes_deeper)
            if goes_deeper:
                await self._print_level(self._children(child), below, depth - 1)

    def _print_object(self, found: GalaxyObject, place: _Place, *, is_last: bool, is_cut: bool) -> None:
        output = self._output
        if output.as_json:
            output.json(object_record(found), flush=False)
        elif output.terminal:
            more = " ..." if is_cut else ""
            branch = "└── " if is_last else "├── "
            output.line(f"{place.guides}{branch}{object_text(found)}{more}", object_style(found), flush=False)
        else:
            output.line("/".join(place.names), flush=False)

    def _print_attributes(self, found: GalaxyObject, place: _Place, *, children_follow: bool) -> None:
        output = self._output
        if output.as_json:
            return
        for attribute in found.attributes:
            if output.terminal:
                guide = "│ " if children_follow else "  "
                output.line(f"{place.guides}{guide}{attribute_text(attribute)}", "dim", flush=False)
            else:
                output.line(f"{'/'.join(place.names)} {attribute_text(attribute)}", flush=False)


async def print_hierarchy(objects: GalaxyObjects, output: Output) -> None:
    """Print objects as they come, each on a line, its attributes below.

    Raises:
        MxGatewayError: what `GalaxyObjects` says.
    """
    with counting(output, "objects", prints_meanwhile=True) as count:
        async for found in objects:
            if output.as_json:
                output.json(object_record(found), flush=False)
            else:
                output.line(object_text(found), object_style(found), flush=False)
                for attribute in found.attributes:
                    output.line(f"  {attribute_text(attribute)}", "dim", flush=False)
            count(objects.delivered, objects.total)
    output.flush()


async def _with_last(objects: GalaxyObjects) -> AsyncIterator[tuple[GalaxyObject, bool]]:
    """Give each object with whether it is the last one."""
    waiting: GalaxyObject | None = None
    async for found in objects:
        if waiting is not None:
            yield waiting, False
        waiting = found
    if waiting is not None:
        yield waiting, True
