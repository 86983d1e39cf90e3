"""Give every field and every enum value of a contract another number, at random."""

from __future__ import annotations

from collections.abc import Iterable
from random import Random

from google.protobuf import descriptor_pb2

# One or two bytes on the wire, as now: sizes of messages hardly change.
_HIGHEST = 250


def renumber(files: Iterable[descriptor_pb2.FileDescriptorProto], random: Random) -> None:
    """Renumber the fields and the enum values of files in place. 0 stays 0, and reserved numbers stay unused."""
    for file in files:
        for message in file.message_type:
            _renumber_message(message, random)
        for enum in file.enum_type:
            _renumber_enum(enum, random)


def _renumber_message(message: descriptor_pb2.DescriptorProto, random: Random) -> None:
    reserved = {number for each in message.reserved_range for number in range(each.start, each.end)}
    numbers = _numbers([field.number for field in message.field], reserved, random)
    for field, number in zip(message.field, numbers, strict=True):
        field.number = number
    for nested in message.nested_type:
        _renumber_message(nested, random)
    for enum in message.enum_type:
        _renumber_enum(enum, random)


def _renumber_enum(enum: descriptor_pb2.EnumDescriptorProto, random: Random) -> None:
    reserved = {number for each in enum.reserved_range for number in range(each.start, each.end + 1)}
    values = [value for value in enum.value if value.number]
    numbers = _numbers([value.number for value in values], reserved, random)
    for value, number in zip(values, numbers, strict=True):
        value.number = number


def _numbers(old: list[int], reserved: set[int], random: Random) -> list[int]:
    """Return as many new numbers, each different from the old one in its place."""
    free = [number for number in range(1, _HIGHEST + 1) if number not in reserved]
    while True:
        new = random.sample(free, len(old))
        if all(first != second for first, second in zip(old, new, strict=True)):
            return new
