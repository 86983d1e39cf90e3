"""Which parts of the contract an rpc or a command needs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from mxaccess_gateway.v1 import mxaccess_gateway_pb2 as pb

from mxgateway.contract.descriptors import OUR_FILES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor

__all__ = ["elements_used"]

_KIND_PREFIX: Final = "MX_COMMAND_KIND_"
_PAYLOAD: Final = "payload"


def elements_used(rpcs: Iterable[str], commands: Iterable[str] = ()) -> frozenset[str]:
    """Return the full names of the messages, fields, enums, values, services and rpcs that some calls need.

    Args:
        rpcs: the names of the rpcs, such as `OpenSession`.
        commands: the command kinds that rpc `Invoke` carries, such as `ADD_ITEM`. Only their payloads count.
    """
    return frozenset(_Uses(frozenset(commands)).of_rpcs(frozenset(rpcs)))


class _Uses:
    def __init__(self, commands: frozenset[str]) -> None:
        self._kinds = {f"{_KIND_PREFIX}{name}" for name in commands}
        self._arguments = {f"{name.replace('_', '')}COMMAND" for name in commands}
        self._results = {arm for name in commands for arm in _result_arms(name)}
        self._seen: set[str] = set()

    def of_rpcs(self, rpcs: frozenset[str]) -> Iterator[str]:
        for file in OUR_FILES:
            for service in file.services_by_name.values():
                for method in service.methods:
                    if method.name in rpcs:
                        yield service.full_name
                        yield method.full_name
                        yield from self._of_message(method.input_type)
                        yield from self._of_message(method.output_type)

    def _of_message(self, message: Descriptor) -> Iterator[str]:
        if message.full_name in self._seen:
            return
        self._seen.add(message.full_name)
        yield message.full_name
        for field in message.fields:
            if self._is_used(message, field):
                yield field.full_name
                if field.message_type is not None:
                    yield from self._of_message(field.message_type)
                if field.enum_type is not None:
                    yield from self._of_enum(field.enum_type)

    def _is_used(self, message: Descriptor, field: FieldDescriptor) -> bool:
        if field.containing_oneof is None or field.containing_oneof.name != _PAYLOAD:
            return True
        if message is pb.MxCommand.DESCRIPTOR:
            return field.message_type is not None and field.message_type.name.upper() in self._arguments
        return message is not pb.MxCommandReply.DESCRIPTOR or field.name in self._results

    def _of_enum(self, enum: EnumDescriptor) -> Iterator[str]:
        yield enum.full_name
        for value in enum.values:
            if enum is not pb.MxCommandKind.DESCRIPTOR or not value.number or value.name in self._kinds:
                yield f"{enum.full_name}.{value.name}"


def _result_arms(command: str) -> tuple[str, ...]:
    """Return the names that the arm with the result of a command may have."""
    name = command.lower()
    return name, name.removeprefix("get_"), name.removesuffix("_by_name")
