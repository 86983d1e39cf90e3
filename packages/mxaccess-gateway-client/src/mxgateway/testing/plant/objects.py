"""The objects of the Galaxy: areas, and the devices and parts in them."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["PlantObject"]

_AREA_CATEGORY = 13
_DEVICE_CATEGORY = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class PlantObject:
    """An area of the Galaxy, or an object in one.

    Attributes:
        gobject_id: its number in the Galaxy, from 1 on.
        tag_name: its name, unique in the Galaxy.
        parent: the tag name of the area or object that it is in; empty at the top.
        contained_name: its name within the object that contains it; empty when only areas are above it.
        is_area: whether it is an area.
        category: the number of its category; the usual one when it is 0.
        templates: the templates that it was derived from, the nearest first.
    """

    gobject_id: int
    tag_name: str
    parent: str = ""
    contained_name: str = ""
    is_area: bool = False
    category: int = 0
    templates: tuple[str, ...] = ()

    @property
    def category_id(self) -> int:
        """The number of its category: 13 is an area, 10 an object that somebody derived."""
        return self.category or (_AREA_CATEGORY if self.is_area else _DEVICE_CATEGORY)
