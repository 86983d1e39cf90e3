"""The types of tags: of their present values, or else of their attributes in the Galaxy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from mxgateway import MxGatewayError
from mxgateway_cli.errors import CommandFailure
from mxgateway_cli.exit_status import ExitStatus
from mxgateway_cli.failures.gateway import describe_gateway_error
from mxgateway_cli.input.value_types import ARRAY_SUFFIX

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mxgateway import Galaxy, GalaxyAttribute, MxValue, TagClient, TagReading

__all__ = ["read_present", "type_from_galaxy", "type_of_value"]

# Field of MxValue, or of MxArray in the plural -> type on the command line.
_TYPES_OF_FIELDS: Final[Mapping[str, str]] = {
    "bool_value": "bool",
    "int32_value": "int32",
    "int64_value": "int64",
    "float_value": "float",
    "double_value": "double",
    "string_value": "string",
    "timestamp_value": "timestamp",
}
# Name of a data type in the Galaxy, in lower case and with letters only -> type on the command line.
_TYPES_IN_GALAXY: Final[Mapping[str, str]] = {
    "boolean": "bool",
    "integer": "int",
    "float": "float",
    "double": "double",
    "string": "string",
    "bigstring": "string",
    "internationalizedstring": "string",
    "time": "timestamp",
}
_ARRAY_NAMED_WITHOUT_SUFFIX: Final = 1003


async def read_present(tags: TagClient, names: Sequence[str]) -> dict[str, TagReading]:
    """Return the present readings of tags by name. The name of an array may lack its `[]`.

    Raises:
        MxGatewayError: The tags cannot be read. A single tag that cannot be read has a reading with an error.
    """
    readings = {reading.tag: reading for reading in await tags.read(*names)} if names else {}
    bare = [
        name
        for name, reading in readings.items()
        if any(status.detail == _ARRAY_NAMED_WITHOUT_SUFFIX for status in reading.statuses)
    ]
    if bare:
        arrays = await tags.read(*(f"{name}{ARRAY_SUFFIX}" for name in bare))
        readings |= dict(zip(bare, arrays, strict=True))
    return readings


def type_of_value(message: MxValue) -> str | None:
    """Return the type of a value on the command line, or None if it is null, raw or sparse."""
    field = None if message.is_null else message.WhichOneof("kind")
    if field == "array_value":
        plural = message.array_value.WhichOneof("values")
        element = None if plural is None else _TYPES_OF_FIELDS.get(plural.removesuffix("s"))
        return None if element is None else f"{element}{ARRAY_SUFFIX}"
    return None if field is None else _TYPES_OF_FIELDS.get(field)


async def type_from_galaxy(galaxy: Galaxy, tag: str, reading: TagReading) -> str:
    """Return the type of a tag whose present value does not show it.

    Args:
        galaxy: The Galaxy of the gateway.
        tag: The name of the tag.
        reading: Its present reading, for the error.

    Raises:
        CommandFailure: The Galaxy cannot be read, or has no such attribute, or one of a type that cannot be written.
    """
    try:
        attribute = await _find_attribute(galaxy, tag)
    except MxGatewayError as error:
        failure = describe_gateway_error(error)
        problem = f"give --type, because the Galaxy cannot be read: {failure.message if failure else error}"
        raise _unknown_type(tag, problem, failure.status if failure else ExitStatus.FAILED) from error
    if attribute is None:
        present = reading.result.error_message or "it has no value"
        problem = f"check its name: {present}, and the Galaxy has no such attribute"
        raise _unknown_type(tag, problem, ExitStatus.MXACCESS)
    name = "".join(filter(str.isalpha, attribute.data_type_name)).lower()
    if name not in _TYPES_IN_GALAXY:
        problem = f"give --type, because the Galaxy gives it the data type {attribute.data_type_name!r}"
        raise _unknown_type(tag, problem, ExitStatus.FAILED)
    return f"{_TYPES_IN_GALAXY[name]}{ARRAY_SUFFIX if attribute.is_array else ''}"


async def _find_attribute(galaxy: Galaxy, tag: str) -> GalaxyAttribute | None:
    name = tag.removesuffix(ARRAY_SUFFIX).casefold()
    async for each in galaxy.discover(tag_name_glob=tag.partition(".")[0], include_attributes=True):
        for attribute in each.attributes:
            if attribute.full_tag_reference.removesuffix(ARRAY_SUFFIX).casefold() == name:
                return attribute
    return None


def _unknown_type(tag: str, problem: str, status: ExitStatus) -> CommandFailure:
    return CommandFailure(f"the type of {tag} is unknown; {problem}. Nothing was written", status)
