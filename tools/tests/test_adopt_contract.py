"""adopt_contract writes our .proto files from the descriptors of a gateway, and keeps our comments."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import adopt_contract
import pytest
from google.protobuf.descriptor_pb2 import DescriptorProto, FieldDescriptorProto, FileDescriptorProto, FileDescriptorSet

from mxgateway.contract import our_descriptors
from support.reflecting_server import reflecting, reflecting_server

GATEWAY = "mxaccess_gateway/v1/mxaccess_gateway.proto"
GALAXY = "mxaccess_gateway/v1/galaxy_repository.proto"
Files = Mapping[str, FileDescriptorProto]
Adopt = Callable[[Callable[[Files], None]], int]


@pytest.fixture
def protos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of our .proto files, which is adopted into."""
    folder = tmp_path / "protos"
    shutil.copytree(adopt_contract.PROTOS, folder)
    monkeypatch.setattr(adopt_contract, "PROTOS", folder)
    return folder


@pytest.fixture
def regenerated(monkeypatch: pytest.MonkeyPatch) -> list[Sequence[Sequence[str]]]:
    """The tasks that the command runs after writing; none of them runs here."""
    tasks: list[Sequence[Sequence[str]]] = []

    def regenerate(given: Sequence[Sequence[str]]) -> bool:
        tasks.append(given)
        return True

    monkeypatch.setattr(adopt_contract, "regenerate", regenerate)
    return tasks


@pytest.fixture
def adopt(protos: Path, regenerated: object, tmp_path: Path) -> Adopt:  # noqa: ARG001 - both must be in place
    """A function that adopts our contract after a change, and returns the exit status."""

    def run(change: Callable[[Files], None]) -> int:
        files = {file.name: file for file in our_descriptors().file}
        change(files)
        path = tmp_path / "gateway.binpb"
        path.write_bytes(FileDescriptorSet(file=files.values()).SerializeToString())
        return adopt_contract.main([str(path)])

    return run


def nothing(_files: Files) -> None:
    """Change nothing."""


def other_numbers_and_additions(files: Files) -> None:
    """Do what a newer gateway could do."""
    gateway = files[GATEWAY]
    quality = next(field for field in message(gateway, "MxEvent").field if field.name == "quality")
    quality.number = 60
    reply = message(gateway, "AcknowledgeAlarmReply")
    reply.field.add(
        name="plants",
        number=9,
        type=FieldDescriptorProto.TYPE_MESSAGE,
        type_name=".mxaccess_gateway.v1.Plant.Site",
        label=FieldDescriptorProto.LABEL_REPEATED,
    )
    reply.reserved_name.append("session_id")
    plant = gateway.message_type.add(name="Plant")
    site = plant.nested_type.add(name="Site")
    site.field.add(
        name="kind",
        number=1,
        type=FieldDescriptorProto.TYPE_ENUM,
        type_name=".mxaccess_gateway.v1.Plant.Kind",
        label=FieldDescriptorProto.LABEL_OPTIONAL,
    )
    kinds = plant.enum_type.add(name="Kind")
    kinds.value.add(name="KIND_UNSPECIFIED", number=0)
    kinds.value.add(name="KIND_LINE", number=1)


def message(file: FileDescriptorProto, name: str) -> DescriptorProto:
    return next(each for each in file.message_type if each.name == name)


def without_timeout_of_reads(files: Files) -> None:
    """Remove a field that the client sets."""
    command = message(files[GATEWAY], "ReadBulkCommand")
    command.field.remove(next(field for field in command.field if field.name == "timeout_ms"))


def test_our_own_descriptors_change_no_byte(adopt: Adopt, protos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = {path: path.read_bytes() for path in protos.rglob("*.proto")}

    assert adopt(nothing) == 0

    assert {path: path.read_bytes() for path in protos.rglob("*.proto")} == before
    assert capsys.readouterr() == ("", "adopt_contract: no differences, no needed names missing\n")


def test_numbers_and_additions_are_adopted_below_our_comments(
    adopt: Adopt, protos: Path, regenerated: list[Sequence[Sequence[str]]], capsys: pytest.CaptureFixture[str]
) -> None:
    before = (protos / GATEWAY).read_text(encoding="utf-8")

    assert adopt(other_numbers_and_additions) == 0

    text = (protos / GATEWAY).read_text(encoding="utf-8")
    assert "  // The value's quality: an OPC DA byte, 192 is good.\n  int32 quality = 60; // likely\n" in text
    assert '  reserved 1;\n  reserved "session_id";\n' in text
    assert "  string diagnostic_message = 6;\n\n  repeated Plant.Site plants = 9;\n}\n" in text
    assert "message Plant {\n  message Site {\n    Plant.Kind kind = 1;\n  }\n\n  enum Kind {\n" in text
    assert set(before.splitlines()) - set(text.splitlines()) == {"  int32 quality = 6; // likely"}
    assert capsys.readouterr().out.splitlines() == [
        "message mxaccess_gateway.v1.AcknowledgeAlarmReply: reserved names none here, session_id there",
        "field mxaccess_gateway.v1.AcknowledgeAlarmReply.plants = 9: missing here",
        "field mxaccess_gateway.v1.MxEvent.quality: number 6 here, 60 there",
        "message mxaccess_gateway.v1.Plant: missing here",
        "enum mxaccess_gateway.v1.Plant.Kind: missing here",
        "message mxaccess_gateway.v1.Plant.Site: missing here",
        "written: mxaccess_gateway.proto",
    ]
    assert regenerated == [adopt_contract.REGENERATE]


def test_names_that_the_client_needs_are_reported(
    adopt: Adopt, regenerated: list[Sequence[Sequence[str]]], capsys: pytest.CaptureFixture[str]
) -> None:
    assert adopt(without_timeout_of_reads) == 1

    printed = capsys.readouterr()
    (line,) = (line for line in printed.out.splitlines() if line.startswith("missing, but needed: "))
    assert line.startswith("missing, but needed: field mxaccess_gateway.v1.ReadBulkCommand.timeout_ms: used in ")
    assert "mxgateway/_commands/bulk.py" in line
    assert regenerated == [adopt_contract.REGENERATE[:1]]


async def test_contract_of_running_gateway_is_adopted(protos: Path, regenerated: list[Sequence[Sequence[str]]]) -> None:
    async with reflecting_server(reflecting(other_numbers_and_additions)) as endpoint:
        status = await asyncio.to_thread(adopt_contract.main, ["--live", endpoint, "--plaintext"])

    assert status == 0
    assert "  int32 quality = 60; // likely\n" in (protos / GATEWAY).read_text(encoding="utf-8")
    assert regenerated == [adopt_contract.REGENERATE]


def test_gateway_without_the_galaxy_leaves_its_file_alone(adopt: Adopt, protos: Path) -> None:
    before = (protos / GALAXY).read_bytes()

    def without_galaxy(files: Files) -> None:
        files[GALAXY].package = "other.v1"
        for each in files[GALAXY].message_type:
            for field in each.field:
                field.type_name = field.type_name.replace(".galaxy_repository.", ".other.")
        for method in files[GALAXY].service[0].method:
            method.input_type = method.input_type.replace(".galaxy_repository.", ".other.")
            method.output_type = method.output_type.replace(".galaxy_repository.", ".other.")

    adopt(without_galaxy)

    assert (protos / GALAXY).read_bytes() == before


def test_descriptors_that_cannot_be_written_change_nothing(
    adopt: Adopt, protos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = {path: path.read_bytes() for path in protos.rglob("*.proto")}

    def as_proto2(files: Files) -> None:
        other_numbers_and_additions(files)
        files[GALAXY].syntax = "proto2"

    assert adopt(as_proto2) == 2

    assert {path: path.read_bytes() for path in protos.rglob("*.proto")} == before
    assert capsys.readouterr().err == f"adopt_contract: {GALAXY} has the syntax proto2: only proto3 can be written\n"


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["nowhere.binpb"], "cannot read nowhere.binpb"),
        (["--live", "localhost:1", "--plaintext", "--ca-file", "ca.crt"], "plaintext=True cannot be combined"),
        (["--live", "localhost:1", "--plaintext", "--api-key-env", "PLANT_KEY"], "--api-key-env is not set"),
        (["--live", "localhost:1", "--plaintext"], "the connection to the gateway failed"),
    ],
)
def test_unusable_source_is_one_line_and_status_2(
    arguments: Sequence[str], problem: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PLANT_KEY", raising=False)
    monkeypatch.delenv("MXGATEWAY_API_KEY", raising=False)

    assert adopt_contract.main(arguments) == 2

    (line,) = capsys.readouterr().err.splitlines()
    assert problem in line
