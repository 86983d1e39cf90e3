"""The Galaxy's object tree, requested level by level while it is printed, so that its size does not matter."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from mxgateway_cli.output.layouts import Printer
from mxgateway_cli.output.progress import show_progress
from mxgateway_cli.output.settings import OutputFormat
from mxgateway_cli.results.galaxy import GALAXY_ROWS, GalaxyRow, attribute_text, object_style, object_text

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from mxgateway import Galaxy, GalaxyObject, GalaxyObjects
    from mxgateway_cli.completion.cache import SeenNames
    from mxgateway_cli.output.console import Output

__all__ = ["GalaxyTree", "print_hierarchy"]

# Formats in which the rows of an object's attributes replace the row of the object.
_ATTRIBUTES_ONLY = frozenset({OutputFormat.CSV, OutputFormat.VALUE})


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
    """Prints the objects below an object: as a tree, as paths, as rows of CSV or as JSON records."""

    def __init__(
        self, galaxy: Galaxy, output: Output, filters: Mapping[str, Any], *, page_size: int, seen: SeenNames
    ) -> None:
        self._galaxy = galaxy
        self._output = output
        self._filters = dict(filters)
        self._page_size = page_size
        self._seen = seen
        self._is_tree = output.format is OutputFormat.TABLE
        self._printer = Printer(output, GALAXY_ROWS)
        self._is_empty = True

    async def print(self, root: str | None, contained_path: str | None, depth: int) -> None:
        """Print `depth` levels below an object, given by its tag name or contained path, or below the top.

        With attributes, those of the object itself are printed first.

        Raises:
            MxGatewayNotFoundError: The gateway does not know the object.
            MxGatewayGalaxyChangedError: The Galaxy was deployed while it was browsed.
            MxGatewayError: A call failed.
        """
        if self._filters["include_attributes"] and (root, contained_path) != (None, None):
            await self._print_root(root, contained_path)
        await self._print_level(self._children(root, contained_path), _Place(), depth)
        self._output.flush()
        if self._is_empty and self._output.terminal:
            self._output.diagnostics.note("No objects. A filter also hides the objects below one that doesn't match.")

    def _children(self, parent: GalaxyObject | str | None, contained_path: str | None = None) -> GalaxyObjects:
        return self._galaxy.browse_children(
            parent, contained_path=contained_path, page_size=self._page_size, **self._filters
        )

    async def _print_root(self, root: str | None, contained_path: str | None) -> None:
        async for itself in self._galaxy.discover(root, contained_path=contained_path, max_depth=0):
            row = GalaxyRow(names=(itself.tag_name,), galaxy_object=itself)
            self._is_empty = False
            _see(self._seen, itself)
            if self._is_tree:
                self._output.line(object_text(itself), object_style(itself), flush=False)
                self._print_tree_attributes(itself, _Place(), children_follow=itself.has_children is not False)
            elif self._output.as_json:
                self._printer.print(row, flush=False)
            else:
                self._print_attribute_rows(row)

    async def _print_level(self, children: GalaxyObjects, place: _Place, depth: int) -> None:
        async for child, is_last in _with_last(children):
            self._is_empty = False
            _see(self._seen, child)
            here = replace(place, names=(*place.names, child.tag_name))
            is_expanded = depth > 1 and child.has_children is not False
            below = replace(here, guides=here.guides + ("    " if is_last else "│   "))
            if self._is_tree:
                more = " ..." if child.has_children and not is_expanded else ""
                branch = "└── " if is_last else "├── "
                line = f"{here.guides}{branch}{object_text(child)}{more}"
                self._output.line(line, object_style(child), flush=False)
                self._print_tree_attributes(child, below, children_follow=is_expanded)
            else:
                self._print_row(GalaxyRow(names=here.names, galaxy_object=child))
            if is_expanded:
                await self._print_level(self._children(child), below, depth - 1)

    def _print_row(self, row: GalaxyRow) -> None:
        if not (row.galaxy_object.attributes and self._output.format in _ATTRIBUTES_ONLY):
            self._printer.print(row, flush=False)
        self._print_attribute_rows(row)

    def _print_attribute_rows(self, row: GalaxyRow) -> None:
        if not self._output.as_json:
            for attribute in row.galaxy_object.attributes:
                self._printer.print(replace(row, attribute=attribute), flush=False)

    def _print_tree_attributes(self, galaxy_object: GalaxyObject, place: _Place, *, children_follow: bool) -> None:
        for attribute in galaxy_object.attributes:
            guide = "│ " if children_follow else "  "
            self._output.line(f"{place.guides}{guide}{attribute_text(attribute)}", "dim", flush=False)


async def print_hierarchy(objects: GalaxyObjects, output: Output, seen: SeenNames) -> None:
    """Print objects as they arrive, one per line, with their attributes below.

    Raises:
        MxGatewayError: See `GalaxyObjects`.
    """
    printer = Printer(output, GALAXY_ROWS)
    with show_progress(output, "objects", prints_results=True) as update:
        async for galaxy_object in objects:
            _see(seen, galaxy_object)
            if output.format in {OutputFormat.TABLE, OutputFormat.LINES}:
                output.line(object_text(galaxy_object), object_style(galaxy_object), flush=False)
                for attribute in galaxy_object.attributes:
                    output.line(f"  {attribute_text(attribute)}", "dim", flush=False)
            else:
                _print_rows(printer, galaxy_object, output)
            update(objects.delivered, objects.total)
    output.flush()


def _print_rows(printer: Printer[GalaxyRow], galaxy_object: GalaxyObject, output: Output) -> None:
    row = GalaxyRow(names=(galaxy_object.tag_name,), galaxy_object=galaxy_object)
    if output.as_json or not galaxy_object.attributes:
        printer.print(row, flush=False)
        return
    for attribute in galaxy_object.attributes:
        printer.print(replace(row, attribute=attribute), flush=False)


def _see(seen: SeenNames, galaxy_object: GalaxyObject) -> None:
    seen.see(galaxy_object.tag_name, (attribute.full_tag_reference for attribute in galaxy_object.attributes))


async def _with_last(objects: GalaxyObjects) -> AsyncIterator[tuple[GalaxyObject, bool]]:
    """Yield each object with whether it is the last one."""
    previous: GalaxyObject | None = None
    async for galaxy_object in objects:
        if previous is not None:
            yield previous, False
        previous = galaxy_object
    if previous is not None:
        yield previous, True
