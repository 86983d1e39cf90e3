"""Objects, attributes and deploys of the Galaxy as JSON records and as lines."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mxgateway_cli.output.formatting import format_time
from mxgateway_cli.output.records import message_record, time_record

if TYPE_CHECKING:
    from datetime import datetime

    from mxgateway import DeployEvent, GalaxyAttribute, GalaxyObject
    from mxgateway_cli.output.console import Output

__all__ = ["attribute_text", "last_deploy_record", "object_record", "object_style", "object_text", "print_deploy"]


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
    local_name = galaxy_object.browse_name or galaxy_object.contained_name
    if local_name in {"", galaxy_object.tag_name}:
        return galaxy_object.tag_name
    return f"{galaxy_object.tag_name} ({local_name})"


def object_style(galaxy_object: GalaxyObject) -> str:
    """Return the colour of an object on a terminal."""
    return "bold" if galaxy_object.is_area else ""


def attribute_text(attribute: GalaxyAttribute) -> str:
    """Return an attribute's reference, type and capabilities."""
    dimension = f"[{attribute.array_dimension}]" if attribute.is_array else ""
    capabilities = (
        ("writable", attribute.is_writable),
        ("historized", attribute.is_historized),
        ("alarm", attribute.is_alarm),
    )
    return " ".join(
        [
            attribute.full_tag_reference,
            f"{attribute.data_type_name}{dimension}",
            *(word for word, has_it in capabilities if has_it),
        ]
    )


def last_deploy_record(when: datetime | None) -> dict[str, Any]:
    """Return the time of the last deploy as protobuf JSON."""
    return {"present": False} if when is None else {"present": True, "timeOfLastDeploy": time_record(when)}


def print_deploy(output: Output, deploy: DeployEvent) -> None:
    """Print a deploy."""
    if output.as_json:
        output.json(message_record(deploy.raw, f"the deploy with sequence {deploy.sequence}"))
        return
    try:
        when = format_time(deploy.time_of_last_deploy)
    except ValueError:
        when = "-"
    counts = f"{deploy.object_count} objects, {deploy.attribute_count} attributes"
    output.line(f"{deploy.sequence} deployed {when} {counts}")


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
