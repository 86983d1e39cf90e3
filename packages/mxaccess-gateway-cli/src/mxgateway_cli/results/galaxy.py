"""The Galaxy's objects and deploys as records for scripts and as lines for people."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mxgateway_cli.output.readings import shown_moment
from mxgateway_cli.output.records import message_record, time_record

if TYPE_CHECKING:
    from datetime import datetime

    from mxgateway import DeployEvent, GalaxyAttribute, GalaxyObject
    from mxgateway_cli.output.console import Output

__all__ = ["attribute_text", "last_deploy_record", "object_record", "object_style", "object_text", "print_deploy"]


def object_record(found: GalaxyObject) -> dict[str, Any]:
    """Give an object as protobuf JSON has it, with `hasChildren` where the gateway tells."""
    record: dict[str, Any] = {
        "gobjectId": found.gobject_id,
        "tagName": found.tag_name,
        "containedName": found.contained_name,
        "browseName": found.browse_name,
        "parentGobjectId": found.parent_gobject_id,
        "isArea": found.is_area,
        "categoryId": found.category_id,
        "hostedByGobjectId": found.hosted_by_gobject_id,
        "templateChain": list(found.template_chain),
        "attributes": [_attribute_record(attribute) for attribute in found.attributes],
    }
    if found.has_children is not None:
        record["hasChildren"] = found.has_children
    return record


def object_text(found: GalaxyObject) -> str:
    """Give an object's name, and how it is called within its parent where that is another name."""
    shown = found.browse_name or found.contained_name
    return found.tag_name if shown in {"", found.tag_name} else f"{found.tag_name} ({shown})"


def object_style(found: GalaxyObject) -> str:
    """Give the colour of an object on a terminal."""
    return "bold" if found.is_area else ""


def attribute_text(attribute: GalaxyAttribute) -> str:
    """Give an attribute's reference, its type, and what it can."""
    dimension = f"[{attribute.array_dimension}]" if attribute.is_array else ""
    able = (
        ("writable", attribute.is_writable),
        ("historized", attribute.is_historized),
        ("alarm", attribute.is_alarm),
    )
    return " ".join(
        [
            attribute.full_tag_reference,
            f"{attribute.data_type_name}{dimension}",
            *(word for word, is_so in able if is_so),
        ]
    )


def last_deploy_record(when: datetime | None) -> dict[str, Any]:
    """Give the time of the last deploy as protobuf JSON has it."""
    return {"present": False} if when is None else {"present": True, "timeOfLastDeploy": time_record(when)}


def print_deploy(output: Output, deploy: DeployEvent) -> None:
    """Print a deploy."""
    if output.as_json:
        output.json(message_record(deploy.raw, f"the deploy with sequence {deploy.sequence}"))
        return
    try:
        when = shown_moment(deploy.time_of_last_deploy)
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
