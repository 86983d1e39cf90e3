"""The Galaxy's objects as a tree, and which of them somebody asked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mxgateway.testing.state.globs import matches_glob

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mxgateway.testing.plant.objects import PlantObject
    from mxgateway.testing.plant.plant import Plant
    from mxgateway.testing.plant.tags import Tag
    from mxgateway.testing.state.keys import Key

__all__ = ["GalaxyFilter", "GalaxyTree", "Node"]


@dataclass(frozen=True, slots=True)
class Node:
    """An object of the tree, with the attributes that somebody may see."""

    object: PlantObject
    parent_id: int
    attributes: tuple[Tag, ...]
    children: tuple[Node, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class GalaxyFilter:
    """Which objects somebody asked for; all conditions must hold.

    Attributes:
        category_ids: one of these categories; any when empty.
        templates: all of these among the templates, in any case.
        glob: a pattern for the whole tag name; any when empty.
        alarm_bearing_only: has an attribute with an alarm.
        historized_only: has a historized attribute.
    """

    category_ids: tuple[int, ...] = ()
    templates: tuple[str, ...] = ()
    glob: str = ""
    alarm_bearing_only: bool = False
    historized_only: bool = False

    def lets_through(self, node: Node) -> bool:
        """Whether this object is one of them."""
        templates = {template.casefold() for template in node.object.templates}
        return (
            (not self.category_ids or node.object.category_id in self.category_ids)
            and all(template.casefold() in templates for template in self.templates)
            and (not self.glob or matches_glob(self.glob, node.object.tag_name))
            and (not self.alarm_bearing_only or any(tag.alarm is not None for tag in node.attributes))
            and (not self.historized_only or any(tag.historized for tag in node.attributes))
        )


class GalaxyTree:
    """The tree as one key sees it: areas, the objects that it reaches, and those on the way to them."""

    def __init__(self, plant: Plant, key: Key) -> None:
        self._reaches_object = key.reaches_object
        self._attributes: dict[str, list[Tag]] = {}
        for tag in plant:
            if key.reaches_tag(tag.name):
                self._attributes.setdefault(tag.object_name.casefold(), []).append(tag)
        self._children: dict[str, list[PlantObject]] = {}
        for each in plant.objects:
            self._children.setdefault(each.parent.casefold(), []).append(each)
        self.top: tuple[Node, ...] = self._nodes_under("", 0)

    def __iter__(self) -> Iterator[Node]:
        """Give every object, each before what is under it."""
        return self.walk(self.top)

    def walk(self, nodes: tuple[Node, ...], levels: int | None = None) -> Iterator[Node]:
        """Give these objects and what is under them, so many levels altogether, all when it is None."""
        if levels is not None and levels < 1:
            return
        for node in nodes:
            yield node
            yield from self.walk(node.children, None if levels is None else levels - 1)

    def by_id(self, gobject_id: int) -> Node | None:
        """Find an object by number."""
        return next((node for node in self if node.object.gobject_id == gobject_id), None)

    def by_tag_name(self, tag_name: str) -> Node | None:
        """Find an object by name, in any case."""
        return next((node for node in self if node.object.tag_name.casefold() == tag_name.casefold()), None)

    def by_path(self, path: str) -> Node | None:
        """Find an object by its path from the top, contained names joined by `/` or `.`, in any case."""
        nodes, found = self.top, None
        for name in path.replace(".", "/").split("/"):
            found = next((node for node in nodes if _browse_name(node.object).casefold() == name.casefold()), None)
            if found is None:
                return None
            nodes = found.children
        return found

    def _nodes_under(self, parent: str, parent_id: int) -> tuple[Node, ...]:
        children = sorted(
            self._children.get(parent.casefold(), ()), key=lambda each: (not each.is_area, each.tag_name.casefold())
        )
        nodes = (
            Node(
                each,
                parent_id,
                tuple(self._attributes.get(each.tag_name.casefold(), ())),
                self._nodes_under(each.tag_name, each.gobject_id),
            )
            for each in children
        )
        return tuple(
            node for node in nodes if node.object.is_area or node.children or self._reaches_object(node.object.tag_name)
        )


def _browse_name(each: PlantObject) -> str:
    return each.contained_name or each.tag_name
