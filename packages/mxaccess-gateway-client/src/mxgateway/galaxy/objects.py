"""Objects of the Galaxy and their attributes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mxaccess_gateway.v1 import galaxy_repository_pb2 as galaxy_pb

__all__ = ["GalaxyAttribute", "GalaxyObject"]


@dataclass(frozen=True, slots=True, kw_only=True)
class GalaxyAttribute:
    """An attribute of an object of the Galaxy.

    Attributes:
        attribute_name: name of the attribute within its object.
        full_tag_reference: reference to pass to `Session.add_item`, or tag name for TagClient.
        mx_data_type: native MXAccess number of the data type in the Galaxy. It is not an MxDataType.
        data_type_name: name of the data type.
        is_array: whether the attribute is an array.
        array_dimension: number of elements of the array.
        mx_attribute_category: native MXAccess number of the attribute category.
        security_classification: native MXAccess number of the security classification.
        is_writable: whether the attribute can be written.
        is_historized: whether the attribute is historized.
        is_alarm: whether the attribute is an alarm.
    """

    attribute_name: str
    full_tag_reference: str
    mx_data_type: int = 0
    data_type_name: str = ""
    is_array: bool = False
    array_dimension: int = 0
    mx_attribute_category: int = 0
    security_classification: int = 0
    is_writable: bool = False
    is_historized: bool = False
    is_alarm: bool = False

    @classmethod
    def from_message(cls, message: galaxy_pb.GalaxyAttribute) -> GalaxyAttribute:
        """Return the attribute of a generated `GalaxyAttribute`."""
        return cls(
            attribute_name=message.attribute_name,
            full_tag_reference=message.full_tag_reference,
            mx_data_type=message.mx_data_type,
            data_type_name=message.data_type_name,
            is_array=message.is_array,
            array_dimension=message.array_dimension,
            mx_attribute_category=message.mx_attribute_category,
            security_classification=message.security_classification,
            is_writable=message.is_writable,
            is_historized=message.is_historized,
            is_alarm=message.is_alarm,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class GalaxyObject:
    """An object of the Galaxy, for example an area.

    Attributes:
        gobject_id: id of the object in the Galaxy.
        tag_name: name of the object, unique in the Galaxy.
        contained_name: name within the containing object, or an empty string if there is none.
        browse_name: name to show in a tree.
        parent_gobject_id: id of the parent object; 0 at the top.
        is_area: whether the object is an area.
        category_id: number of its category.
        hosted_by_gobject_id: id of the object that hosts it.
        template_chain: templates that it was derived from, the nearest first.
        attributes: attributes of the object; empty if the request excluded them.
        has_children: whether it has children that match the filters; None if unknown, as in `discover`.
    """

    gobject_id: int
    tag_name: str
    contained_name: str = ""
    browse_name: str = ""
    parent_gobject_id: int = 0
    is_area: bool = False
    category_id: int = 0
    hosted_by_gobject_id: int = 0
    template_chain: tuple[str, ...] = ()
    attributes: tuple[GalaxyAttribute, ...] = ()
    has_children: bool | None = None

    @classmethod
    def from_message(cls, message: galaxy_pb.GalaxyObject, *, has_children: bool | None = None) -> GalaxyObject:
        """Return the object of a generated `GalaxyObject`."""
        return cls(
            gobject_id=message.gobject_id,
            tag_name=message.tag_name,
            contained_name=message.contained_name,
            browse_name=message.browse_name,
            parent_gobject_id=message.parent_gobject_id,
            is_area=message.is_area,
            category_id=message.category_id,
            hosted_by_gobject_id=message.hosted_by_gobject_id,
            template_chain=tuple(message.template_chain),
            attributes=tuple(GalaxyAttribute.from_message(attribute) for attribute in message.attributes),
            has_children=has_children,
        )
