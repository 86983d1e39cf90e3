"""What a message of a gateway shows of the gateway's contract: unknown fields, and missing ones."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final, cast

from google.protobuf.message import Message
from google.protobuf.unknown_fields import UnknownFieldSet

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

__all__ = ["missing_fields", "unknown_fields"]

# The fields that every gateway sets in a reply. A gateway that has other numbers for them appears not to set them.
_REQUIRED: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "OpenSessionReply": ("session_id", "gateway_protocol_version", "protocol_status.code"),
        "CloseSessionReply": ("protocol_status.code",),
        "MxCommandReply": ("kind", "protocol_status.code"),
        "AcknowledgeAlarmReply": ("protocol_status.code",),
    }
)


def unknown_fields(message: Message) -> tuple[str, ...]:
    """Return the fields of a message and of the messages in it that our contract does not have.

    Each is returned once, as `MxCommandReply = 47`: the message that has the field, and the number of the field.
    """
    return tuple(dict.fromkeys(_unknown(message)))


def missing_fields(message: Message) -> tuple[str, ...]:
    """Return the fields that every gateway sets in such a reply and that are not set in this one.

    Each is returned as `OpenSessionReply.session_id`.
    """
    name = message.DESCRIPTOR.name
    return tuple(f"{name}.{path}" for path in _REQUIRED.get(name, ()) if not _value_at(message, path))


def _unknown(message: Message) -> Iterator[str]:
    fields = UnknownFieldSet(message)
    for index in range(len(fields)):
        yield f"{message.DESCRIPTOR.name} = {fields[index].field_number}"
    for field, value in message.ListFields():
        if field.message_type is not None:
            for each in (value,) if isinstance(value, Message) else cast("Iterable[Message]", value):
                yield from _unknown(each)


def _value_at(message: Message, path: str) -> object:
    value: object = message
    for name in path.split("."):
        value = getattr(value, name)
    return value
