"""The generated modules import only protobuf and grpcio, and every message survives serialization."""

import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import mxaccess_gateway.v1
import pytest
from google.protobuf import json_format, message_factory
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message
from mxaccess_gateway.v1 import galaxy_repository_pb2 as galaxy
from mxaccess_gateway.v1 import mxaccess_gateway_pb2 as pb

PACKAGE = Path(mxaccess_gateway.v1.__file__ or "").parent
MODULES = ("mxaccess_gateway_pb2", "mxaccess_gateway_pb2_grpc", "galaxy_repository_pb2", "galaxy_repository_pb2_grpc")

# Deep enough for an event with buffered samples of sparse arrays.
DEPTH = 6


def run(program: str) -> list[str]:
    """Run a program in a fresh interpreter and return the words it prints."""
    finished = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert finished.stderr == ""
    assert finished.returncode == 0
    return finished.stdout.split()


def test_importing_the_package_imports_no_module() -> None:
    loaded = run("import sys\nbefore = set(sys.modules)\nimport mxaccess_gateway.v1\nprint(*set(sys.modules) - before)")

    assert sorted(loaded) == ["mxaccess_gateway", "mxaccess_gateway.v1"]


@pytest.mark.parametrize("module", MODULES)
def test_module_needs_only_protobuf_and_grpcio_and_does_not_warn(module: str) -> None:
    loaded = run(
        # First the two themselves, with their own warnings and optional imports.
        "import sys, warnings, grpc, google.protobuf.descriptor_pool\n"
        "before = set(sys.modules)\n"
        "warnings.simplefilter('error')\n"
        f"import mxaccess_gateway.v1.{module}\n"
        "names = {name.partition('.')[0] for name in set(sys.modules) - before}\n"
        "print(*names - sys.stdlib_module_names)"
    )

    assert set(loaded) <= {"google", "grpc", "mxaccess_gateway"}
    assert "mxaccess_gateway" in loaded


@pytest.mark.parametrize("module", MODULES)
def test_module_accepts_every_version_of_protobuf_and_grpcio(module: str) -> None:
    text = (PACKAGE / f"{module}.py").read_text(encoding="utf-8")

    assert "runtime_version" not in text
    assert "raise RuntimeError" not in text


def test_generators_have_the_oldest_supported_versions() -> None:
    project = tomllib.loads((Path(__file__).resolve().parents[1] / "pyproject.toml").read_text(encoding="utf-8"))
    requirements = project["project"]["dependencies"]

    for module in ("mxaccess_gateway", "galaxy_repository"):
        messages = (PACKAGE / f"{module}_pb2.py").read_text(encoding="utf-8")
        stubs = (PACKAGE / f"{module}_pb2_grpc.py").read_text(encoding="utf-8")
        assert "# Protobuf Python Version: 5.26.1\n" in messages
        assert "GRPC_GENERATED_VERSION = '1.63.2'\n" in stubs
    assert "protobuf>=5.26.1,<8; python_version<'3.14'" in requirements
    assert "grpcio>=1.63.2,<2; python_version<'3.13'" in requirements


@pytest.mark.parametrize("module", MODULES)
def test_every_module_has_type_stubs(module: str) -> None:
    assert (PACKAGE / f"{module}.pyi").is_file()
    assert (PACKAGE.parent / "py.typed").is_file()


def messages() -> Iterator[Descriptor]:
    for file in (pb.DESCRIPTOR, galaxy.DESCRIPTOR):
        yield from file.message_types_by_name.values()


def filled(descriptor: Descriptor, depth: int = DEPTH, arm: int = 0) -> Message:
    """Return a message with a value in every field and, of each oneof, in the arm with this index."""
    message = message_factory.GetMessageClass(descriptor)()
    for field in descriptor.fields:
        oneof = field.containing_oneof
        if oneof is None or oneof.fields[arm % len(oneof.fields)] is field:
            fill(message, field, depth)
    return message


def fill(message: Message, field: FieldDescriptor, depth: int) -> None:
    target: Any = getattr(message, field.name)
    repeated = hasattr(target, "extend")
    if field.message_type is None:
        value = scalar(field)
        if repeated:
            target.extend([value, value])
        else:
            setattr(message, field.name, value)
    elif depth > 0:
        child = filled(field.message_type, depth - 1, arm=depth)
        if repeated:
            target.extend([child, child])
        else:
            target.CopyFrom(child)


def scalar(field: FieldDescriptor) -> bool | int | float | str | bytes:
    # Timestamp and Duration have limited ranges, which JSON checks.
    well_known = field.full_name.startswith("google.protobuf.")
    values: dict[int, bool | float | str | bytes] = {
        FieldDescriptor.CPPTYPE_BOOL: True,
        FieldDescriptor.CPPTYPE_INT32: 12 if well_known else -(2**31),
        FieldDescriptor.CPPTYPE_INT64: 12 if well_known else -(2**63),
        FieldDescriptor.CPPTYPE_UINT32: 2**32 - 1,
        FieldDescriptor.CPPTYPE_UINT64: 2**64 - 1,
        FieldDescriptor.CPPTYPE_FLOAT: 0.5,
        FieldDescriptor.CPPTYPE_DOUBLE: 1 / 3,
        FieldDescriptor.CPPTYPE_ENUM: 1,
    }
    text = b"\x00\xff" if field.type == FieldDescriptor.TYPE_BYTES else "Pumpe Süd"
    return values.get(field.cpp_type, text)


def samples() -> Iterator[tuple[str, Message]]:
    for descriptor in messages():
        widest = max((len(oneof.fields) for oneof in descriptor.oneofs), default=1)
        for arm in range(widest):
            yield f"{descriptor.name}-{arm}", filled(descriptor, arm=arm)


SAMPLES = dict(samples())


@pytest.mark.parametrize("name", SAMPLES)
def test_every_message_survives_the_wire_and_json(name: str) -> None:
    message = SAMPLES[name]

    assert type(message).FromString(message.SerializeToString()) == message
    assert json_format.Parse(json_format.MessageToJson(message), type(message)()) == message


def test_every_arm_of_every_oneof_is_serialized() -> None:
    serialized = {
        (message.DESCRIPTOR.name, oneof.name, message.WhichOneof(oneof.name))
        for message in SAMPLES.values()
        for oneof in message.DESCRIPTOR.oneofs
    }

    assert serialized == {
        (descriptor.name, oneof.name, field.name)
        for descriptor in messages()
        for oneof in descriptor.oneofs
        for field in oneof.fields
    }
