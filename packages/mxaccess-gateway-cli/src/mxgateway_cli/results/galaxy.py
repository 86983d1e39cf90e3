"""Objects, attributes and deploys of the Galaxy as lines, rows and JSON records."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from mxgateway_cli.output.columns import Column
from mxgateway_cli.output.formatting import format_time
from mxgateway_cli.output.layouts import Layout
from mxgateway_cli.output.records import message_record, time_record

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from mxgateway import DeployEvent, GalaxyAttribute, GalaxyObject
    from mxgateway_cli.output.formatting import Zone

__all__ = [
    "DEPLOYS",
    "GALAXY_ROWS",
    "GalaxyRow",
    "attribute_text",
    "last_deploy_record",
    "object_record",
    "object_style",
    "object_text",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class GalaxyRow:
    """An object, or one of its attributes, as a row.

    Attributes:
        names: The tag names on the path to the object.
        galaxy_object: The object.
        attribute: The attribute, or None for the object itself.
    """

    names: tuple[str, ...]
    galaxy_object: GalaxyObject
    attribute: GalaxyAttribute | None = None


def object_record(galaxy_object: GalaxyObject) -> dict[str, Any]:
    """Return an object as protobuf JSON, with `hasChildren` if the gateway reported it."""
    record: dict[str, Any] = {
        "gobjectId": galaxy_object.gobject_id,
        "tagName": galaxy_object.tag_name,
        "containedName": galaxy_object.contained_name,
        "browseName": galaxy_object.browse_name,
        "parentGobjectId": galaxy_object.parent_gobject_id,
        "isArea": galaxy_object.is_area,
        "categoryId": galaxy_object.category_id,
        "hostedByGobjectId": galaxy_object.hosted_by_gobject_id,
        "templateChain": list(galaxy_object.template_chain),
        "attributes": [_attribute_record(attribute) for attribute in galaxy_object.attributes],
    }
    if galaxy_object.has_children is not None:
        record["hasChildren"] = galaxy_object.has_children
    return record


def object_text(galaxy_object: GalaxyObject) -> str:
    """Return an object's tag name, followed by its name within its parent if that is different."""
    local_name = _local_name(galaxy_object)
    return f"{galaxy_object.tag_name} ({local_name})" if local_name else galaxy_object.tag_name


def object_style(galaxy_object: GalaxyObject) -> str:
    """Return the colour of an object on a terminal."""
    return "bold" if galaxy_object.is_area else ""


def attribute_text(attribute: GalaxyAttribute) -> str:
    """Return an attribute's reference, type and capabilities."""
    capabilities = (
        ("writable", attribute.is_writable),
        ("historized", attribute.is_historized),
        ("alarm", attribute.is_alarm),
    )
    return " ".join(
        [attribute.full_tag_reference, _type(attribute), *(word for word, has_it in capabilities if has_it)]
    )


def last_deploy_record(when: datetime | None) -> dict[str, Any]:
    """Return the time of the last deploy as protobuf JSON."""
    return {"present": False} if when is None else {"present": True, "timeOfLastDeploy": time_record(when)}


def _local_name(galaxy_object: GalaxyObject) -> str:
    name = galaxy_object.browse_name or galaxy_object.contained_name
    return "" if name == galaxy_object.tag_name else name


def _type(attribute: GalaxyAttribute) -> str:
    return attribute.data_type_name + (f"[{attribute.array_dimension}]" if attribute.is_array else "")


def _attribute_record(attribute: GalaxyAttribute) -> dict[str, Any]:
    return {
        "attributeName": attribute.attribute_name,
        "fullTagReference": attribute.full_tag_reference,
        "mxDataType": attribute.mx_data_type,
        "dataTypeName": attribute.data_type_name,
        "isArray": attribute.is_array,
        "arrayDimension": attribute.array_dimension,
        "mxAttributeCategory": attribute.mx_attribute_category,
        "securityClassification": attribute.security_classification,
        "isWritable": attribute.is_writable,
        "isHistorized": attribute.is_historized,
        "isAlarm": attribute.is_alarm,
    }


def _row_cells(row: GalaxyRow) -> Sequence[object]:
    galaxy_object, attribute = row.galaxy_object, row.attribute
    place = ("/".join(row.names), galaxy_object.tag_name, _local_name(galaxy_object), galaxy_object.is_area)
    if attribute is None:
        return (*place, None, None, None, None, None)
    capabilities = attribute.is_writable, attribute.is_historized, attribute.is_alarm
    return (*place, attribute.full_tag_reference, _type(attribute), *capabilities)


def _row_line(row: GalaxyRow, _: Zone) -> str:
    path = "/".join(row.names)
    return path if row.attribute is None else f"{path} {attribute_text(row.attribute)}"


def _row_values(row: GalaxyRow) -> Iterable[object]:
    return (row.galaxy_object.tag_name if row.attribute is None else row.attribute.full_tag_reference,)


def _deploy_time(deploy: DeployEvent) -> datetime | None:
    try:
        return deploy.time_of_last_deploy
    except ValueError:
        return None


def _deploy_line(deploy: DeployEvent, zone: Zone) -> str:
    counts = f"{deploy.object_count} objects, {deploy.attribute_count} attributes"
    return f"{deploy.sequence} deployed {format_time(_deploy_time(deploy), zone)} {counts}"


GALAXY_ROWS: Final[Layout[GalaxyRow]] = Layout(
    columns=tuple(
        Column(name=name)
        for name in ("path", "object", "name", "area", "attribute", "type", "writable", "historized", "alarm")
    ),
    cells=_row_cells,
    line=_row_line,
    values=_row_values,
    record=lambda row: object_record(row.galaxy_object),
    style=lambda row: object_style(row.galaxy_object) if row.attribute is None else "dim",
)
"""The layout of objects and their attributes, except as a tree."""

DEPLOYS: Final[Layout[DeployEvent]] = Layout(
    columns=tuple(Column(name=name) for name in ("sequence", "time", "objects", "attributes")),
    cells=lambda deploy: (deploy.sequence, _deploy_time(deploy), deploy.object_count, deploy.attribute_count),
    line=_deploy_line,
    values=lambda deploy: (_deploy_time(deploy),),
    record=lambda deploy: message_record(deploy.raw, f"the deploy with sequence {deploy.sequence}"),
)
"""The layout of deploys."""
