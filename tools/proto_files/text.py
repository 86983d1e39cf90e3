"""Write the text of a .proto file from descriptors, in buf's format."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from google.protobuf import descriptor_pb2
from google.protobuf.descriptor import FileDescriptor

from proto_files.comments import RESERVED, ProtoComments

_FIELD = descriptor_pb2.FieldDescriptorProto
_INDENT = "  "


class UnwritableError(Exception):
    """The descriptors cannot be written as one of our .proto files; the message says why."""


def proto_text(files: Sequence[FileDescriptor], comments: ProtoComments, paths: Mapping[str, str]) -> str:
    """Return the text of one .proto file with everything that the files of one package declare.

    Args:
        files: The files of the package.
        comments: The comments for the declarations whose names they have.
        paths: The path of the .proto file of each package of ours, for imports.

    Raises:
        UnwritableError: A file is not proto3, or uses a type of an unknown package.
    """
    return _Writer(files, comments, paths).text()


class _Writer:
    def __init__(self, files: Sequence[FileDescriptor], comments: ProtoComments, paths: Mapping[str, str]) -> None:
        self._package = files[0].package
        self._comments = comments
        self._paths = paths
        self._files = _files_of_types(files)
        self._protos = [_checked(file) for file in files]
        self._imports: set[str] = set()

    def text(self) -> str:
        body = list(self._body())
        lines = [f'{self._comments.head}syntax = "proto3";', "", f"package {self._package};", ""]
        lines += [f'import "{path}";' for path in sorted(self._imports)]
        return "\n".join([*lines, *([""] if self._imports else []), *body, ""])

    def _body(self) -> Iterator[str]:
        declared: dict[str, list[str]] = {}
        for proto in self._protos:
            for service in proto.service:
                declared[service.name] = list(self._service(service))
            for message in proto.message_type:
                declared[message.name] = list(self._message(message, message.name))
            for enum in proto.enum_type:
                declared[enum.name] = list(self._enum(enum, enum.name))
        yield from self._spaced("", declared)

    def _spaced(self, parent: str, declared: Mapping[str, Sequence[str]], *, apart: bool = True) -> Iterator[str]:
        """Yield declarations in our order, with an empty line between them if they stand apart."""
        for index, name in enumerate(self._comments.sorted(parent, list(declared))):
            if index and apart:
                yield ""
            yield from declared[name]

    def _commented(self, name: str, lines: Iterable[str]) -> Iterator[str]:
        """Yield a declaration after its comments, and behind its first line its mark."""
        comment = self._comments.of(name)
        for block in comment.heading:
            yield from map(_comment_line, block)
            yield ""
        yield from map(_comment_line, comment.text)
        first, *rest = lines
        yield f"{first} // {comment.mark}" if comment.mark else first
        yield from rest

    def _service(self, service: descriptor_pb2.ServiceDescriptorProto) -> Iterator[str]:
        rpcs = {
            method.name: list(self._commented(f"{service.name}.{method.name}", [self._rpc(method)]))
            for method in service.method
        }
        yield from self._commented(service.name, _block("service", service.name, self._spaced(service.name, rpcs)))

    def _rpc(self, method: descriptor_pb2.MethodDescriptorProto) -> str:
        request = f"{'stream ' * method.client_streaming}{self._type_name(method.input_type)}"
        reply = f"{'stream ' * method.server_streaming}{self._type_name(method.output_type)}"
        return f"rpc {method.name}({request}) returns ({reply});"

    def _enum(self, enum: descriptor_pb2.EnumDescriptorProto, path: str) -> Iterator[str]:
        ranges = [(each.start, each.end) for each in enum.reserved_range]
        members = self._reserved(path, ranges, enum.reserved_name)
        if enum.options.allow_alias:
            members["option"] = ["option allow_alias = true;"]
        for value in enum.value:
            line = f"{value.name} = {value.number}{_options(deprecated=value.options.deprecated)};"
            members[value.name] = list(self._commented(f"{path}.{value.name}", [line]))
        yield from self._commented(path, _block("enum", enum.name, self._spaced(path, members, apart=False)))

    def _message(self, message: descriptor_pb2.DescriptorProto, path: str) -> Iterator[str]:
        ranges = [(each.start, each.end - 1) for each in message.reserved_range]
        members = self._reserved(path, ranges, message.reserved_name)
        maps = {each.name: each for each in message.nested_type if each.options.map_entry}
        for nested in message.nested_type:
            if nested.name not in maps:
                members[nested.name] = list(self._message(nested, f"{path}.{nested.name}"))
        for enum in message.enum_type:
            members[enum.name] = list(self._enum(enum, f"{path}.{enum.name}"))
        oneofs: dict[str, dict[str, list[str]]] = {}
        for field in message.field:
            line = f"{self._field_type(field, maps)} {field.name} = {field.number}{_field_options(field)};"
            lines = list(self._commented(f"{path}.{field.name}", [line]))
            if field.HasField("oneof_index") and not field.proto3_optional:
                # The first field of a oneof reserves the place of the oneof.
                oneof = message.oneof_decl[field.oneof_index].name
                members.setdefault(oneof, [])
                oneofs.setdefault(oneof, {})[field.name] = lines
            else:
                members[field.name] = lines
        for oneof, fields in oneofs.items():
            block = _block("oneof", oneof, self._spaced(path, fields, apart=False))
            members[oneof] = list(self._commented(f"{path}.{oneof}", block))
        yield from self._commented(path, _block("message", message.name, self._spaced(path, members)))

    def _reserved(self, path: str, ranges: Iterable[tuple[int, int]], names: Iterable[str]) -> dict[str, list[str]]:
        numbers = [str(first) if first == last else f"{first} to {last}" for first, last in sorted(ranges)]
        quoted = [f'"{name}"' for name in sorted(names)]
        lines = [f"{RESERVED} {', '.join(each)};" for each in (numbers, quoted) if each]
        return {RESERVED: list(self._commented(f"{path}.{RESERVED}", lines))} if lines else {}

    def _field_type(
        self, field: descriptor_pb2.FieldDescriptorProto, maps: Mapping[str, descriptor_pb2.DescriptorProto]
    ) -> str:
        entry = maps.get(field.type_name.rpartition(".")[2])
        if entry is not None:
            key, value = (self._scalar_or_type(each) for each in entry.field)
            return f"map<{key}, {value}>"
        label = "repeated " if field.label == _FIELD.LABEL_REPEATED else "optional " if field.proto3_optional else ""
        return f"{label}{self._scalar_or_type(field)}"

    def _scalar_or_type(self, field: descriptor_pb2.FieldDescriptorProto) -> str:
        return self._type_name(field.type_name) if field.type_name else _FIELD.Type.Name(field.type)[5:].lower()

    def _type_name(self, full_name: str) -> str:
        """Return a type as it is written in this file, and import the file that declares it."""
        name = full_name.removeprefix(".")
        package, file = self._files[name]
        if package == self._package:
            return name.removeprefix(f"{package}.")
        if package not in self._paths and not file.startswith("google/protobuf/"):
            raise UnwritableError(f"{self._package} uses {name} of the package {package}, which is not in our contract")
        self._imports.add(self._paths.get(package, file))
        return name


def _checked(file: FileDescriptor) -> descriptor_pb2.FileDescriptorProto:
    proto = descriptor_pb2.FileDescriptorProto()
    file.CopyToProto(proto)
    if proto.syntax != "proto3":
        raise UnwritableError(f"{file.name} has the syntax {proto.syntax or 'proto2'}: only proto3 can be written")
    return proto


def _files_of_types(files: Iterable[FileDescriptor]) -> dict[str, tuple[str, str]]:
    """Return package and file of every message and enum in the files and in those that they import, by full name."""
    found: dict[str, tuple[str, str]] = {}
    waiting = list(files)
    seen: set[str] = set()
    while waiting:
        file = waiting.pop()
        if file.name in seen:
            continue
        seen.add(file.name)
        waiting += file.dependencies
        messages = list(file.message_types_by_name.values())
        enums = list(file.enum_types_by_name.values())
        while messages:
            message = messages.pop()
            found[message.full_name] = (file.package, file.name)
            messages += message.nested_types
            enums += message.enum_types
        found |= {enum.full_name: (file.package, file.name) for enum in enums}
    return found


def _block(kind: str, name: str, members: Iterable[str]) -> Iterator[str]:
    lines = list(members)
    if not lines:
        yield f"{kind} {name} {{}}"
        return
    yield f"{kind} {name} {{"
    yield from (f"{_INDENT}{line}" if line else "" for line in lines)
    yield "}"


def _comment_line(text: str) -> str:
    return f"// {text}".rstrip()


def _field_options(field: descriptor_pb2.FieldDescriptorProto) -> str:
    first, *rest = field.name.split("_")
    by_default = "".join([first, *(word[:1].upper() + word[1:] for word in rest)])
    json_name = field.json_name if field.json_name not in {"", by_default} else ""
    return _options(deprecated=field.options.deprecated, json_name=json_name)


def _options(*, deprecated: bool, json_name: str = "") -> str:
    options = ["deprecated = true"] * deprecated + [f'json_name = "{json_name}"'] * bool(json_name)
    return f" [{', '.join(options)}]" if options else ""
