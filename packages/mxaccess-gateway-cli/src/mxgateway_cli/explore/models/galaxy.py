"""GalaxyReader: the objects of the Galaxy part by part, and the search for them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from mxgateway_cli.jobs.tag_search import glob_expression

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mxgateway import Galaxy, GalaxyAttribute, GalaxyObject, GalaxyObjects

__all__ = ["PART_SIZE", "Found", "GalaxyReader", "ObjectList"]

PART_SIZE: Final = 200
"""How many objects are shown at once. The next ones follow on request."""

_WILDCARDS: Final = ("*", "?")


class ObjectList:
    """Objects that are requested from the gateway part by part."""

    def __init__(self, objects: GalaxyObjects) -> None:
        self._objects = objects

    async def next_part(self) -> list[GalaxyObject]:
        """Return the next objects; an empty list after the last one.

        Raises:
            MxGatewayError: The Galaxy cannot be read.
        """
        part: list[GalaxyObject] = []
        async for each in self._objects:
            part.append(each)
            if len(part) == PART_SIZE:
                break
        return part

    @property
    def remaining(self) -> int:
        """How many objects have not been returned, as counted by the gateway."""
        return max(0, (self._objects.total or 0) - self._objects.delivered)


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What a search has found.

    Attributes:
        objects: The objects, if the names of objects were searched.
        attributes: The attributes, if the search text contained a dot.
        is_cut: Whether there are more attributes than these.
    """

    objects: ObjectList | None = None
    attributes: Sequence[GalaxyAttribute] = ()
    is_cut: bool = False


class GalaxyReader:
    """Reads the Galaxy for a tree: never more than the part that is shown next."""

    def __init__(self, galaxy: Galaxy) -> None:
        self._galaxy = galaxy

    def children(self, parent: GalaxyObject | None) -> ObjectList:
        """Return the children of an object, or the top of the Galaxy for None."""
        return ObjectList(self._galaxy.browse_children(parent, page_size=PART_SIZE, include_attributes=False))

    async def attributes(self, place: GalaxyObject) -> Sequence[GalaxyAttribute]:
        """Return the attributes of an object.

        Raises:
            MxGatewayError: The Galaxy cannot be read.
        """
        async for each in self._galaxy.discover(place, max_depth=0):
            return each.attributes
        return ()

    async def search(self, text: str) -> Found:
        """Search the names of objects, or with a dot those of attributes: `pump`, `pump.speed`, `Pump_0*.Speed`.

        The gateway matches the names of objects. Case is ignored, and a name need only contain the text, unless that
        has a `*` or a `?`.

        Raises:
            MxGatewayError: The Galaxy cannot be read.
        """
        name, dot, attribute = (part.strip() for part in text.partition("."))
        if not dot:
            matches = self._galaxy.discover(tag_name_glob=_glob(name), page_size=PART_SIZE, include_attributes=False)
            return Found(objects=ObjectList(matches))
        is_match = re.compile(glob_expression(_glob(attribute)), re.IGNORECASE).fullmatch
        found: list[GalaxyAttribute] = []
        async for each in self._galaxy.discover(tag_name_glob=_glob(name), page_size=PART_SIZE):
            found += [item for item in each.attributes if is_match(item.attribute_name)]
            if len(found) > PART_SIZE:
                return Found(attributes=found[:PART_SIZE], is_cut=True)
        return Found(attributes=found)


def _glob(text: str) -> str:
    return text if any(wildcard in text for wildcard in _WILDCARDS) else f"*{text}*"
