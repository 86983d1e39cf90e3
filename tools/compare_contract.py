"""Compare our contract with the one that a gateway publishes, and print every difference.

    python tools/compare_contract.py --descriptor-set gateway.binpb
    python tools/compare_contract.py --endpoint gateway:5001 --ca-file gateway-ca.crt
    python tools/compare_contract.py --endpoint localhost:5000 --plaintext

Our contract is the one of the installed mxaccess-gateway-proto. The gateway's is read from a file with a
`FileDescriptorSet` (`protoc --include_imports --descriptor_set_out`, `buf build -o`), or from a running server over
gRPC server reflection, v1 or v1alpha. If the server requires a key, it is read from the environment.

Compared is everything that affects a client or the wire: names, numbers, types, labels, presence, oneofs, JSON names,
enum values, reserved numbers and names, rpcs and their streaming. Comments, options and file names are ignored.

Each difference is one line on standard output: its subject, the state here (ours), and the state there (theirs).
Exit status: 0 no differences, 1 differences, 2 the comparison failed.
"""

import argparse
import os
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from google.protobuf import descriptor_pb2, descriptor_pool, message
from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor, FileDescriptor, ServiceDescriptor
from mxaccess_gateway.v1 import galaxy_repository_pb2, mxaccess_gateway_pb2
from server_reflection import ReflectionError, Server, files_of_server

OUR_FILES = (mxaccess_gateway_pb2.DESCRIPTOR, galaxy_repository_pb2.DESCRIPTOR)
PACKAGES = tuple(file.package for file in OUR_FILES)
SERVICES = tuple(service.full_name for file in OUR_FILES for service in file.services_by_name.values())

DEFAULT_KEY_VARIABLE = "MXGATEWAY_API_KEY"


class CompareError(Exception):
    """The two contracts could not be compared; the message is one line that says what to change."""


# --- What is compared -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Element:
    """A field, an enum value or an rpc: its number, if it has one, and its other facts as text."""

    number: int | None = None
    facts: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """A message, an enum or a service: its elements by name, and its other facts as text."""

    kind: str
    element_kind: str
    elements: Mapping[str, Element]
    facts: Mapping[str, str] = field(default_factory=dict[str, str])


Contract = Mapping[str, Mapping[str, Group]]
"""Package name to full name to group. A package that is not published at all is not in it."""


def contract_of(files: Iterable[FileDescriptor]) -> Contract:
    """Return the contract in the files. Packages other than ours are ignored."""
    contract: dict[str, dict[str, Group]] = {}
    for file in files:
        if file.package in PACKAGES:
            contract.setdefault(file.package, {}).update(groups_of(file))
    return contract


def groups_of(file: FileDescriptor) -> Iterator[tuple[str, Group]]:
    """Yield every message, enum and service of a file with its full name."""
    for top in file.message_types_by_name.values():
        yield from message_groups(top)
    for enum in file.enum_types_by_name.values():
        yield enum.full_name, enum_group(enum)
    for service in file.services_by_name.values():
        yield service.full_name, service_group(service)


def message_groups(descriptor: Descriptor) -> Iterator[tuple[str, Group]]:
    """Yield a message and everything declared in it."""
    proto = descriptor_pb2.DescriptorProto()
    descriptor.CopyToProto(proto)
    elements = {
        declared.name: field_element(descriptor.fields_by_name[declared.name], declared, proto)
        for declared in proto.field
    }
    ranges = ((reserved.start, reserved.end - 1) for reserved in proto.reserved_range)
    facts = reserved_facts(ranges, proto.reserved_name)
    yield descriptor.full_name, Group(kind="message", element_kind="field", elements=elements, facts=facts)
    for nested in descriptor.nested_types:
        yield from message_groups(nested)
    for enum in descriptor.enum_types:
        yield enum.full_name, enum_group(enum)


def field_element(
    descriptor: FieldDescriptor, declared: descriptor_pb2.FieldDescriptorProto, parent: descriptor_pb2.DescriptorProto
) -> Element:
    """Return a field, from its declaration and its descriptor."""
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


def enum_group(descriptor: EnumDescriptor) -> Group:
    """Return an enum with its values."""
    proto = descriptor_pb2.EnumDescriptorProto()
    descriptor.CopyToProto(proto)
    elements = {value.name: Element(number=value.number) for value in proto.value}
    ranges = ((reserved.start, reserved.end) for reserved in proto.reserved_range)
    facts = reserved_facts(ranges, proto.reserved_name)
    return Group(kind="enum", element_kind="value", elements=elements, facts=facts)


def service_group(descriptor: ServiceDescriptor) -> Group:
    """Return a service with its rpcs."""
    proto = descriptor_pb2.ServiceDescriptorProto()
    descriptor.CopyToProto(proto)
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


def reserved_facts(ranges: Iterable[tuple[int, int]], names: Iterable[str]) -> Mapping[str, str]:
    """Return the reserved numbers and names. `ranges` include their last number."""
    numbers = (str(first) if first == last else f"{first} to {last}" for first, last in sorted(ranges))
    return {"reserved numbers": ", ".join(numbers) or "none", "reserved names": ", ".join(sorted(names)) or "none"}


# --- The differences ------------------------------------------------------------------------------------------------


def differences(ours: Contract, theirs: Contract) -> Iterator[str]:
    """Yield one line per difference, sorted by name."""
    for package in sorted(ours.keys() | theirs.keys()):
        if package not in ours or package not in theirs:
            yield missing(f"package {package}", here=package in ours)
            continue
        for name in sorted(ours[package].keys() | theirs[package].keys()):
            our_group, their_group = ours[package].get(name), theirs[package].get(name)
            if our_group is not None and their_group is not None:
                yield from group_differences(name, our_group, their_group)
            elif (only := our_group or their_group) is not None:
                yield missing(f"{only.kind} {name}", here=our_group is not None)


def group_differences(name: str, ours: Group, theirs: Group) -> Iterator[str]:
    """Yield the differences between two groups with the same full name."""
    if ours.kind != theirs.kind:
        yield f"{name}: {ours.kind} here, {theirs.kind} there"
        return
    yield from fact_differences(f"{ours.kind} {name}", ours.facts, theirs.facts)
    counterparts = counterparts_of(ours.elements, theirs.elements)
    for element_name, element in ours.elements.items():
        subject = f"{ours.element_kind} {name}.{element_name}"
        if element_name not in counterparts:
            yield missing(with_number(subject, element), here=True)
        elif (counterpart := counterparts[element_name]) == element_name:
            yield from element_differences(subject, element, theirs.elements[counterpart])
        else:
            yield f"{subject}: name {element_name} here, {counterpart} there"
            yield from element_differences(subject, nameless(element), nameless(theirs.elements[counterpart]))
    for element_name in sorted(theirs.elements.keys() - counterparts.values()):
        subject = f"{theirs.element_kind} {name}.{element_name}"
        yield missing(with_number(subject, theirs.elements[element_name]), here=False)


def counterparts_of(ours: Mapping[str, Element], theirs: Mapping[str, Element]) -> Mapping[str, str]:
    """Map our names to theirs: to the same name, or to the name that has the same number."""
    counterparts = {name: name for name in ours if name in theirs}
    left_over = {theirs[name].number: name for name in theirs if name not in ours and theirs[name].number is not None}
    for name, element in ours.items():
        if name not in theirs and element.number in left_over:
            counterparts[name] = left_over.pop(element.number)
    return counterparts


def nameless(element: Element) -> Element:
    """Return the element without the fact that follows from its name."""
    return replace(element, facts={fact: value for fact, value in element.facts.items() if fact != "JSON name"})


def with_number(subject: str, element: Element) -> str:
    """Return the subject, with the number of the element if it has one."""
    return subject if element.number is None else f"{subject} = {element.number}"


def element_differences(subject: str, ours: Element, theirs: Element) -> Iterator[str]:
    """Yield the differences between two corresponding elements."""
    if ours.number != theirs.number:
        yield f"{subject}: number {ours.number} here, {theirs.number} there"
    yield from fact_differences(subject, ours.facts, theirs.facts)


def fact_differences(subject: str, ours: Mapping[str, str], theirs: Mapping[str, str]) -> Iterator[str]:
    """Yield the facts that differ. A fact of one side only follows from another fact that differs."""
    for fact, value in ours.items():
        if fact in theirs and theirs[fact] != value:
            yield f"{subject}: {fact} {value} here, {theirs[fact]} there"


def missing(subject: str, *, here: bool) -> str:
    """Return the line for something that only one side has."""
    return f"{subject}: missing {'there' if here else 'here'}"


# --- Theirs ---------------------------------------------------------------------------------------------------------


def files_of_descriptor_set(path: Path) -> Sequence[descriptor_pb2.FileDescriptorProto]:
    """Return the files of a FileDescriptorSet."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise CompareError(f"cannot read {path}: {error.strerror}") from error
    try:
        return descriptor_pb2.FileDescriptorSet.FromString(content).file
    except message.DecodeError as error:
        raise CompareError(f"{path} is not a FileDescriptorSet: make one with protoc --descriptor_set_out") from error


def linked(files: Iterable[descriptor_pb2.FileDescriptorProto]) -> Iterator[FileDescriptor]:
    """Link the files with each other and with the installed files of protobuf, and yield their descriptors."""
    waiting = {file.name: file for file in files}
    pool = descriptor_pool.DescriptorPool()
    done: set[str] = set()

    def add(name: str, importer: str) -> None:
        if name in done:
            return
        done.add(name)
        file = waiting.get(name) or installed_file(name)
        if file is None:
            raise CompareError(f"{importer} imports {name}, which is missing: run protoc with --include_imports")
        for dependency in file.dependency:
            add(dependency, name)
        pool.Add(file)

    try:
        for name in waiting:
            add(name, name)
            yield pool.FindFileByName(name)
    except (TypeError, KeyError) as error:
        raise CompareError(f"the gateway's descriptors contradict themselves: {error}") from error


def installed_file(name: str) -> descriptor_pb2.FileDescriptorProto | None:
    """Return a file that is part of protobuf, or None."""
    if not name.startswith("google/protobuf/"):
        return None
    try:
        found = descriptor_pool.Default().FindFileByName(name)
    except KeyError:
        return None
    proto = descriptor_pb2.FileDescriptorProto()
    found.CopyToProto(proto)
    return proto


# --- The command line -----------------------------------------------------------------------------------------------


def read_api_key(variable: str | None) -> str | None:
    """Return the key in the named variable, which must be set, or in the default one, which may be missing."""
    key = os.environ.get(variable or DEFAULT_KEY_VARIABLE, "").strip()
    if not key and variable is not None:
        raise CompareError(f"the environment variable {variable} of --api-key-env is not set")
    if not (key.isascii() and (key or "-").isprintable()):
        raise CompareError(f"the key in {variable or DEFAULT_KEY_VARIABLE} contains invalid characters")
    return key or None


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Parse the command line. If it is invalid, argparse ends the program with status 2."""
    description, _, usage = (__doc__ or "").partition("\n\n")
    parser = argparse.ArgumentParser(
        description=description, epilog=usage, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    theirs = parser.add_mutually_exclusive_group(required=True)
    theirs.add_argument("--descriptor-set", type=Path, metavar="FILE", help="a file with a FileDescriptorSet")
    theirs.add_argument("--endpoint", metavar="HOST:PORT", help="a running server with gRPC server reflection")
    parser.add_argument("--plaintext", action="store_true", help="connect without TLS")
    parser.add_argument("--ca-file", type=Path, metavar="FILE", help="trust only these PEM certificates")
    parser.add_argument("--server-name-override", metavar="NAME", help="the name that the certificate must have")
    parser.add_argument(
        "--api-key-env", metavar="NAME", help=f"the environment variable with the key ({DEFAULT_KEY_VARIABLE})"
    )
    parser.add_argument("--timeout", type=float, default=10.0, metavar="SECONDS", help="timeout of each request (10)")
    options = parser.parse_args(arguments)
    if options.plaintext and (options.ca_file is not None or options.server_name_override is not None):
        parser.error("--plaintext cannot be combined with --ca-file or --server-name-override")
    return options


def their_contract(options: argparse.Namespace) -> Contract:
    """Return the gateway's contract, from the source that the options name."""
    if options.descriptor_set is not None:
        files = files_of_descriptor_set(options.descriptor_set)
    else:
        files = files_of_server(
            Server(
                endpoint=options.endpoint,
                plaintext=options.plaintext,
                ca_file=options.ca_file,
                server_name_override=options.server_name_override,
                api_key=read_api_key(options.api_key_env),
                timeout=options.timeout,
            ),
            SERVICES,
        )
    contract = contract_of(linked(files))
    if not contract:
        source = options.descriptor_set or options.endpoint
        raise CompareError(f"{source} contains neither {' nor '.join(PACKAGES)}: is it a gateway?")
    return contract


def main(arguments: Sequence[str] | None = None) -> int:
    """Compare, print the differences, and return the exit status."""
    options = parse(arguments)
    try:
        lines = list(differences(contract_of(OUR_FILES), their_contract(options)))
    except (CompareError, ReflectionError) as error:
        print(f"compare_contract: {error}", file=sys.stderr)
        return 2
    for line in lines:
        print(line)
    print(f"compare_contract: {len(lines) or 'no'} difference{'' if len(lines) == 1 else 's'}", file=sys.stderr)
    return 1 if lines else 0


if __name__ == "__main__":
    sys.exit(main())
