"""Which files gen_proto writes, removes and reports. The generators themselves run in `hatch run gen-check`."""

from collections.abc import Mapping
from importlib import metadata
from pathlib import Path

import gen_proto
import pytest

FRESH = {"plant/v1/pump_pb2.py": "new = 1\n", "plant/v1/pump_pb2_grpc.py": "stub = 1\n"}


@pytest.fixture
def sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A source folder, and a generator that writes FRESH."""

    def generate(_generator: gen_proto.Generator, _protos: Path, target: Path) -> None:
        fill(target, FRESH)

    folder = tmp_path / "src"
    folder.mkdir()
    monkeypatch.setattr(gen_proto, "generate", generate)
    monkeypatch.setattr(gen_proto, "SOURCES", folder)
    return folder


def fill(folder: Path, files: Mapping[str, str]) -> None:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8", newline="\n")


def content(folder: Path) -> Mapping[str, str]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_text(encoding="utf-8") for path in files}


def test_generating_writes_new_files_and_removes_obsolete_ones(sources: Path) -> None:
    by_hand = {"plant/v1/__init__.py": "", "plant/v1/pump_pb2.pyi": "new: int\n"}
    fill(sources, {"plant/v1/pump_pb2.py": "old = 1\n", "plant/v1/gone_pb2.py": "gone = 1\n", **by_hand})

    assert gen_proto.main(["code"]) == 0

    assert content(sources) == FRESH | by_hand


def test_check_passes_after_generating(sources: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert gen_proto.main(["code"]) == 0
    assert gen_proto.main(["code", "--check"]) == 0

    assert content(sources) == FRESH
    assert capsys.readouterr() == ("", "")


def test_check_reports_each_outdated_file_and_changes_none(sources: Path, capsys: pytest.CaptureFixture[str]) -> None:
    committed = {"plant/v1/pump_pb2.py": "old = 1\n", "plant/v1/gone_pb2.py": "gone = 1\n"}
    fill(sources, committed)

    assert gen_proto.main(["code", "--check"]) == 1

    assert content(sources) == committed
    assert capsys.readouterr().err.splitlines() == [
        "plant/v1/gone_pb2.py: not generated from any .proto file; run `hatch run gen`",
        "plant/v1/pump_pb2.py: out of date; run `hatch run gen`",
        "plant/v1/pump_pb2_grpc.py: missing; run `hatch run gen`",
    ]


def test_line_ends_of_a_windows_checkout_are_accepted(sources: Path) -> None:
    for name, text in FRESH.items():
        (sources / name).parent.mkdir(parents=True, exist_ok=True)
        (sources / name).write_text(text, encoding="utf-8", newline="\r\n")

    assert gen_proto.main(["code", "--check"]) == 0


@pytest.mark.parametrize(
    ("installed", "complaint"),
    [
        ({}, "grpcio-tools 1.63.2 is not installed"),
        ({"grpcio-tools": "1.85.1"}, "grpcio-tools 1.85.1 is installed, but 1.63.2 is pinned"),
    ],
)
def test_only_the_pinned_generator_is_accepted(
    installed: Mapping[str, str],
    complaint: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def version(name: str) -> str:
        if name not in installed:
            raise metadata.PackageNotFoundError(name)
        return installed[name]

    monkeypatch.setattr(metadata, "version", version)

    assert gen_proto.main(["code"]) == 2

    assert capsys.readouterr().err == f"gen_proto: {complaint}: use `hatch run gen`\n"


def test_unknown_generator_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        gen_proto.main(["everything"])

    assert ended.value.code == 2
    assert "invalid choice: 'everything'" in capsys.readouterr().err
