"""Objects of the Galaxy: areas, devices, and the parts of devices."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["PlantObject"]

_AREA_CATEGORY = 13
_DEVICE_CATEGORY = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class PlantObject:
    """An area of the Galaxy, or an object in an area or in another object.

    Attributes:
        gobject_id: the number of the object in the Galaxy, at least 1.
        tag_name: the name of the object, unique in the Galaxy.
        parent: the tag name of the area or object that contains it; empty at the top.
        contained_name: the name within the containing object; empty if only areas contain it.
        is_area: whether it is an area.
        category: the number of its category; 0 for the default one of an area or a device.
        templates: the templates from which it is derived, the nearest first.
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
        """The number of the category: by default 13 for an area and 10 for any other object."""
        return self.category or (_AREA_CATEGORY if self.is_area else _DEVICE_CATEGORY)
