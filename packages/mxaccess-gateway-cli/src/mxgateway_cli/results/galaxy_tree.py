"""The Galaxy's object tree, requested level by level while it is printed, so that its size does not matter."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from mxgateway_cli.output.progress import show_progress
from mxgateway_cli.results.galaxy import attribute_text, object_record, object_style, object_text

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from mxgateway import Galaxy, GalaxyObject, GalaxyObjects
    from mxgateway_cli.output.console import Output

__all__ = ["GalaxyTree", "print_hierarchy"]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    """The position of an object in the printed tree.

    Attributes:
        names: The tag names on the path from the start of the browse to the object.
        guides: The lines of the tree to the left of the object.
    """

    names: tuple[str, ...] = ()
    guides: str = ""


class GalaxyTree:
    """Prints the objects below an object: a tree on a terminal, paths in a pipe, JSON records with `--json`."""

    def __init__(self, galaxy: Galaxy, output: Output, filters: Mapping[str, Any], *, page_size: int) -> None:
        self._galaxy = galaxy
        self._output = output
        self._filters = dict(filters)
        self._page_size = page_size

    async def print(self, root: str | None, contained_path: str | None, depth: int) -> None:
        """Print `depth` levels below an object, given by its tag name or contained path, or below the top.

        Raises:
            MxGatewayNotFoundError: The gateway does not know the object.
            MxGatewayGalaxyChangedError: The Galaxy was deployed while it was browsed.
            MxGatewayError: A call failed.
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
            is_expanded = depth > 1 and child.has_children is not False
            self._print_object(child, here, is_last=is_last, is_cut=bool(child.has_children) and not is_expanded)
            below = replace(here, guides=here.guides + ("    " if is_last else "│   "))
            self._print_attributes(child, below, children_follow=is_expanded)
            if is_expanded:
                await self._print_level(self._children(child), below, depth - 1)

    def _print_object(self, galaxy_object: GalaxyObject, place: _Place, *, is_last: bool, is_cut: bool) -> None:
        output = self._output
        if output.as_json:
            output.json(object_record(galaxy_object), flush=False)
        elif output.terminal:
            more = " ..." if is_cut else ""
            branch = "└── " if is_last else "├── "
            line = f"{place.guides}{branch}{object_text(galaxy_object)}{more}"
            output.line(line, object_style(galaxy_object), flush=False)
        else:
            output.line("/".join(place.names), flush=False)

    def _print_attributes(self, galaxy_object: GalaxyObject, place: _Place, *, children_follow: bool) -> None:
        output = self._output
        if output.as_json:
            return
        for attribute in galaxy_object.attributes:
            if output.terminal:
                guide = "│ " if children_follow else "  "
                output.line(f"{place.guides}{guide}{attribute_text(attribute)}", "dim", flush=False)
            else:
                output.line(f"{'/'.join(place.names)} {attribute_text(attribute)}", flush=False)


async def print_hierarchy(objects: GalaxyObjects, output: Output) -> None:
    """Print objects as they arrive, one per line, with their attributes below.

    Raises:
        MxGatewayError: See `GalaxyObjects`.
    """
    with show_progress(output, "objects", prints_results=True) as update:
        async for galaxy_object in objects:
            if output.as_json:
                output.json(object_record(galaxy_object), flush=False)
            else:
                output.line(object_text(galaxy_object), object_style(galaxy_object), flush=False)
                for attribute in galaxy_object.attributes:
                    output.line(f"  {attribute_text(attribute)}", "dim", flush=False)
            update(objects.delivered, objects.total)
    output.flush()


async def _with_last(objects: GalaxyObjects) -> AsyncIterator[tuple[GalaxyObject, bool]]:
    """Yield each object with whether it is the last one."""
    previous: GalaxyObject | None = None
    async for galaxy_object in objects:
        if previous is not None:
            yield previous, False
        previous = galaxy_object
    if previous is not None:
        yield previous, True
