"""Descriptors of a contract: ours, those in a file, and what they describe."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from google.protobuf import descriptor_pb2, descriptor_pool
from google.protobuf.message import DecodeError
from mxaccess_gateway.v1 import galaxy_repository_pb2, mxaccess_gateway_pb2

from mxgateway.contract.elements import groups_of
from mxgateway.errors import MxGatewayConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from google.protobuf.descriptor import FileDescriptor

    from mxgateway.contract.elements import Contract, Group
    from mxgateway.options import FilePath

__all__ = [
    "OUR_FILES",
    "SERVICES",
    "contract_of",
    "linked_files",
    "our_contract",
    "our_descriptors",
    "read_descriptors",
]

OUR_FILES: Final = (mxaccess_gateway_pb2.DESCRIPTOR, galaxy_repository_pb2.DESCRIPTOR)
"""The files of our contract."""

SERVICES: Final = tuple(service.full_name for file in OUR_FILES for service in file.services_by_name.values())
"""The full names of the services in our contract."""

_PACKAGES: Final = tuple(file.package for file in OUR_FILES)
_GOOGLE: Final = "google/protobuf/"


def our_contract() -> Contract:
    """Return the contract of this client."""
    return {file.package: dict(groups_of(file)) for file in OUR_FILES}


def our_descriptors() -> descriptor_pb2.FileDescriptorSet:
    """Return the descriptors of this client's contract and of all files that it imports, each after its imports."""
    files: dict[str, descriptor_pb2.FileDescriptorProto] = {}

    def add(file: FileDescriptor) -> None:
        for dependency in file.dependencies:
            add(dependency)
        if file.name not in files:
            files[file.name] = _proto_of(file)

    for file in OUR_FILES:
        add(file)
    return descriptor_pb2.FileDescriptorSet(file=files.values())


def read_descriptors(path: FilePath) -> descriptor_pb2.FileDescriptorSet:
    """Return the `FileDescriptorSet` in a file, as `protoc --descriptor_set_out` and `buf build -o` write it.

    Raises:
        MxGatewayConfigurationError: the file cannot be read, or has other contents.
    """
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise MxGatewayConfigurationError(f"cannot read {path}: {error.strerror or type(error).__name__}") from error
    try:
        return descriptor_pb2.FileDescriptorSet.FromString(content)
    except DecodeError as error:
        raise MxGatewayConfigurationError(
            f"{path} is not a FileDescriptorSet: make one with protoc --descriptor_set_out --include_imports"
        ) from error


def contract_of(descriptors: descriptor_pb2.FileDescriptorSet, source: str) -> Contract:
    """Return the contract that descriptors describe. Packages other than those of a gateway are ignored.

    Args:
        descriptors: the descriptors of a gateway, and of the files that they import. Files of protobuf may be missing.
        source: where they come from, for the errors.

    Raises:
        MxGatewayConfigurationError: an imported file is missing, the descriptors contradict themselves, or they are not
            those of a gateway.
    """
    contract: dict[str, dict[str, Group]] = {}
    for file in linked_files(descriptors, source):
        contract.setdefault(file.package, {}).update(groups_of(file))
    return contract


def linked_files(descriptors: descriptor_pb2.FileDescriptorSet, source: str) -> list[FileDescriptor]:
    """Return the files with the packages of a gateway, linked with each other and with those of protobuf.

    Raises:
        MxGatewayConfigurationError: as `contract_of`.
    """
    try:
        files = [file for file in _linked(descriptors) if file.package in _PACKAGES]
    except (TypeError, KeyError) as error:
        raise MxGatewayConfigurationError(f"the descriptors in {source} contradict themselves: {error}") from error
    if not files:
        raise MxGatewayConfigurationError(
            f"{source} contains neither {' nor '.join(_PACKAGES)}: is it the contract of a gateway?"
        )
    return files


def _linked(descriptors: descriptor_pb2.FileDescriptorSet) -> Iterator[FileDescriptor]:
    waiting = {file.name: file for file in descriptors.file}
    pool = descriptor_pool.DescriptorPool()
    done: set[str] = set()

    def add(name: str, importer: str) -> None:
        if name in done:
            return
        done.add(name)
        file = waiting.get(name) or _file_of_protobuf(name)
        if file is None:
            raise MxGatewayConfigurationError(
                f"{importer} imports {name}, which is missing: run protoc with --include_imports"
            )
        for dependency in file.dependency:
            add(dependency, name)
        pool.Add(file)

    for name in waiting:
        add(name, name)
        yield pool.FindFileByName(name)


def _file_of_protobuf(name: str) -> descriptor_pb2.FileDescriptorProto | None:
    if not name.startswith(_GOOGLE):
        return None
    try:
        return _proto_of(descriptor_pool.Default().FindFileByName(name))
    except KeyError:
        return None


def _proto_of(file: FileDescriptor) -> descriptor_pb2.FileDescriptorProto:
    proto = descriptor_pb2.FileDescriptorProto()
    file.CopyToProto(proto)
    return proto
