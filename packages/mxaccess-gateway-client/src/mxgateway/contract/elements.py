"""The parts of a contract: messages, enums and services, with everything that affects a client or the wire."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

from google.protobuf import descriptor_pb2

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from google.protobuf.descriptor import (
        Descriptor,
        FieldDescriptor,
        FileDescriptor,
    )

__all__ = ["Contract", "Element", "Group", "groups_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Element:
    """A field, an enum value or an rpc.

    Attributes:
        number: its number; None for an rpc.
        facts: its other facts as text, such as `type` or `reply`.
    """

    number: int | None = None
    facts: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """A message, an enum or a service.

    Attributes:
        kind: `message`, `enum` or `service`.
        element_kind: `field`, `value` or `rpc`.
        elements: its elements by name.
        facts: its other facts as text, such as its reserved numbers.
    """

    kind: str
    element_kind: str
    elements: Mapping[str, Element]
    facts: Mapping[str, str] = field(default_factory=dict[str, str])


Contract: TypeAlias = Mapping[str, Mapping[str, Group]]
"""Package name to full name to group. A package that is not published at all is missing."""


def groups_of(file: FileDescriptor) -> Iterator[tuple[str, Group]]:
    """Yield every message, enum and service of a file with its full name."""
    # Of a file only: protobuf's pure-Python backend cannot return the declaration of a message that was linked later.
    proto = descriptor_pb2.FileDescriptorProto()
    file.CopyToProto(proto)
    for message in proto.message_type:
        yield from _message_groups(file.message_types_by_name[message.name], message)
    for enum in proto.enum_type:
        yield f"{file.package}.{enum.name}", _enum_group(enum)
    for service in proto.service:
        yield f"{file.package}.{service.name}", _service_group(service)


def _message_groups(descriptor: Descriptor, proto: descriptor_pb2.DescriptorProto) -> Iterator[tuple[str, Group]]:
    """Yield a message and everything that is declared in it."""
    elements = {
        declared.name: _field_element(descriptor.fields_by_name[declared.name], declared, proto)
        for declared in proto.field
    }
    ranges = ((reserved.start, reserved.end - 1) for reserved in proto.reserved_range)
    facts = _reserved_facts(ranges, proto.reserved_name)
    yield descriptor.full_name, Group(kind="message", element_kind="field", elements=elements, facts=facts)
    for nested in proto.nested_type:
        yield from _message_groups(descriptor.nested_types_by_name[nested.name], nested)
    for enum in proto.enum_type:
        yield f"{descriptor.full_name}.{enum.name}", _enum_group(enum)


def _field_element(
    descriptor: FieldDescriptor, declared: descriptor_pb2.FieldDescriptorProto, parent: descriptor_pb2.DescriptorProto
) -> Element:
    scalar = descriptor_pb2.FieldDescriptorProto.Type.Name(declared.type).removeprefix("TYPE_").lower()
    # proto3 declares a oneof for each `optional` field, which is not a real one.
    oneof = declared.HasField("oneof_index") and not declared.proto3_optional
    facts = {
        "type": f"{scalar} {declared.type_name.removeprefix('.')}".rstrip(),
        "label": "repeated" if declared.label == declared.LABEL_REPEATED else "singular",
        "oneof": parent.oneof_decl[declared.oneof_index].name if oneof else "none",
        "JSON name": descriptor.json_name,
    }
    # For all other fields it follows from the type, the label or the oneof, which are compared already.
    if facts["label"] == "singular" and not oneof and descriptor.message_type is None:
        facts["presence"] = "tracked" if descriptor.has_presence else "not tracked"
    return Element(number=declared.number, facts=facts)


def _enum_group(proto: descriptor_pb2.EnumDescriptorProto) -> Group:
    elements = {value.name: Element(number=value.number) for value in proto.value}
    ranges = ((reserved.start, reserved.end) for reserved in proto.reserved_range)
    facts = _reserved_facts(ranges, proto.reserved_name)
    return Group(kind="enum", element_kind="value", elements=elements, facts=facts)


def _service_group(proto: descriptor_pb2.ServiceDescriptorProto) -> Group:
    elements = {
        method.name: Element(
            facts={
                "request": method.input_type.removeprefix("."),
                "reply": method.output_type.removeprefix("."),
                "request stream": "yes" if method.client_streaming else "no",
                "reply stream": "yes" if method.server_streaming else "no",
            }
        )
        for method in proto.method
    }
    return Group(kind="service", element_kind="rpc", elements=elements)


def _reserved_facts(ranges: Iterable[tuple[int, int]], names: Iterable[str]) -> Mapping[str, str]:
    """Return the reserved numbers and names. `ranges` include their last number."""
    numbers = (str(first) if first == last else f"{first} to {last}" for first, last in sorted(ranges))
    return {"reserved numbers": ", ".join(numbers) or "none", "reserved names": ", ".join(sorted(names)) or "none"}
