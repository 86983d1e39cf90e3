"""The Galaxy's objects as a tree, and the filters of a request."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mxgateway.testing.state.keys import matches_glob

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mxgateway.testing.plant.galaxy_cache import GalaxyCopy
    from mxgateway.testing.plant.objects import PlantObject
    from mxgateway.testing.plant.tags import Tag
    from mxgateway.testing.state.keys import Key

__all__ = ["GalaxyFilter", "GalaxyTree", "Node"]


@dataclass(frozen=True, slots=True)
class Node:
    """An object of the tree, with the attributes that the key gives access to."""

    object: PlantObject
    parent_id: int
    attributes: tuple[Tag, ...]
    children: tuple[Node, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class GalaxyFilter:
    """The filters of a request. An object must match all of them.

    Attributes:
        category_ids: the permitted categories; empty for all.
        templates: templates that the object must have, ignoring case.
        glob: a pattern that must match the whole tag name; empty for any name.
        alarm_bearing_only: whether the object must have an attribute with an alarm.
        historized_only: whether the object must have a historized attribute.
    """

    category_ids: tuple[int, ...] = ()
    templates: tuple[str, ...] = ()
    glob: str = ""
    alarm_bearing_only: bool = False
    historized_only: bool = False

    def matches(self, node: Node) -> bool:
        """Return whether this object matches all filters."""
        templates = {template.casefold() for template in node.object.templates}
        return (
            (not self.category_ids or node.object.category_id in self.category_ids)
            and all(template.casefold() in templates for template in self.templates)
            and (not self.glob or matches_glob(self.glob, node.object.tag_name))
            and (not self.alarm_bearing_only or any(tag.alarm is not None for tag in node.attributes))
            and (not self.historized_only or any(tag.historized for tag in node.attributes))
        )


class GalaxyTree:
    """The tree as one key sees it: all areas, the objects that it gives access to, and the parents of these."""

    def __init__(self, galaxy: GalaxyCopy, key: Key) -> None:
        self._can_access_object = key.can_access_object
        self._attributes: dict[str, list[Tag]] = {}
        for tag in galaxy:
            if key.can_access_tag(tag.name):
                self._attributes.setdefault(tag.object_name.casefold(), []).append(tag)
        self._children: dict[str, list[PlantObject]] = {}
        for each in galaxy.objects:
            self._children.setdefault(each.parent.casefold(), []).append(each)
        self.top: tuple[Node, ...] = self._nodes_under("", 0)

    def __iter__(self) -> Iterator[Node]:
        """Iterate over all objects, parents before their children."""
        return self.walk(self.top)

    def walk(self, nodes: tuple[Node, ...], levels: int | None = None) -> Iterator[Node]:
        """Iterate over these nodes and their descendants, `levels` levels in total, or all levels if None."""
        if levels is not None and levels < 1:
            return
        for node in nodes:
            yield node
            yield from self.walk(node.children, None if levels is None else levels - 1)

    def by_id(self, gobject_id: int) -> Node | None:
        """Return the object with this number, or None."""
        return next((node for node in self if node.object.gobject_id == gobject_id), None)

    def by_tag_name(self, tag_name: str) -> Node | None:
        """Return the object with this name, ignoring case, or None."""
        return next((node for node in self if node.object.tag_name.casefold() == tag_name.casefold()), None)

    def by_path(self, path: str) -> Node | None:
        """Return the object with this path, or None. A path joins contained names by `/` or `.`, ignoring case."""
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
            node
            for node in nodes
            if node.object.is_area or node.children or self._can_access_object(node.object.tag_name)
        )


def _browse_name(each: PlantObject) -> str:
    return each.contained_name or each.tag_name
