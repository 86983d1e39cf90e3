"""check_dist reports everything that must not be published."""

from __future__ import annotations

import io
import tarfile
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import check_dist
import pytest

GRPC = "grpcio<2,>=1.63.2"
REQUIREMENTS = {
    "mxaccess-gateway-proto": [GRPC],
    "mxaccess-gateway-client": [GRPC, "mxaccess-gateway-proto<0.2,>=0.1"],
    "mxaccess-gateway-cli": ["mxaccess-gateway-client<0.2,>=0.1"],
}


@dataclass(kw_only=True)
class Distribution:
    """The files and metadata of one package's wheel and sdist; a test changes them before they are written."""

    package: check_dist.Package
    metadata: dict[str, list[str]]
    wheel: dict[str, str] = field(default_factory=dict[str, str])
    sdist: dict[str, str] = field(default_factory=dict[str, str])

    def write(self, dist: Path) -> None:
        """Write both files."""
        stem = f"{self.package.file_stem}-0.1.0"
        metadata = "".join(f"{name}: {value}\n" for name, values in self.metadata.items() for value in values)
        write_wheel(dist / f"{stem}-py3-none-any.whl", {**self.wheel, f"{stem}.dist-info/METADATA": metadata})
        write_sdist(dist / f"{stem}.tar.gz", {"PKG-INFO": metadata, **self.sdist}, folder=stem)


def write_wheel(path: Path, files: Mapping[str, str]) -> None:
    """Write files into a zip archive."""
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)


def write_sdist(path: Path, files: Mapping[str, str], folder: str) -> None:
    """Write files below a folder into a tar archive."""
    with tarfile.open(path, "w:gz") as archive:
        for name, text in files.items():
            member = tarfile.TarInfo(f"{folder}/{name}")
            member.size = len(text.encode())
            archive.addfile(member, io.BytesIO(text.encode()))


def faultless(package: check_dist.Package) -> Distribution:
    """Return a correct wheel and sdist of a package."""
    stem = f"{package.file_stem}-0.1.0"
    module = "thing_pb2.py" if package.only_generated else "thing.py"
    distribution = Distribution(
        package=package,
        metadata={
            "Metadata-Version": ["2.4"],
            "Name": [package.name],
            "Version": ["0.1.0"],
            "License-Expression": ["MIT"],
            "License-File": ["LICENSE"],
            "Requires-Python": [">=3.11"],
            "Requires-Dist": list(REQUIREMENTS[package.name]),
            "Description-Content-Type": ["text/markdown"],
        },
    )
    for name in ("__init__.py", "py.typed", module):
        distribution.wheel[f"{package.import_name}/{name}"] = ""
    distribution.wheel[f"{stem}.dist-info/licenses/LICENSE"] = "MIT"
    if package.command:
        distribution.wheel[f"{stem}.dist-info/entry_points.txt"] = f"[console_scripts]\n{package.command} = it:main\n"
    for name in ("CHANGELOG.md", "LICENSE", "README.md", "pyproject.toml", "tests/test_it.py", "protos/it.proto"):
        distribution.sdist[name] = ""
    return distribution


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A tree in which every package is 0.1.0."""
    for name in REQUIREMENTS:
        (tmp_path / "packages" / name).mkdir(parents=True)
        (tmp_path / "packages" / name / "pyproject.toml").write_text('[project]\nversion = "0.1.0"\n', encoding="utf-8")
    (tmp_path / "dist").mkdir()
    return tmp_path


def findings(root: Path, *distributions: Distribution) -> list[str]:
    """Write the distributions and return the findings."""
    for distribution in distributions:
        distribution.write(root / "dist")
    return list(check_dist.check(root / "dist", root))


def test_three_correct_packages_have_no_findings(root: Path) -> None:
    assert findings(root, *map(faultless, check_dist.PACKAGES)) == []


@pytest.mark.parametrize(
    ("path", "finding"),
    [
        ("mxaccess_gateway/helpers.py", "is not generated code"),
        ("mxaccess_gateway/tests/test_pb2.py", "does not belong in a wheel"),
        ("protos/it.proto", "is outside of mxaccess_gateway/"),
    ],
)
def test_generated_package_contains_only_generated_code(root: Path, path: str, finding: str) -> None:
    proto = faultless(check_dist.PROTO)
    proto.wheel[path] = ""

    assert any(finding in line for line in findings(root, proto))


@pytest.mark.parametrize("folder", ["tests", "benchmarks", "examples"])
def test_wheel_contains_only_its_package(root: Path, folder: str) -> None:
    client = faultless(check_dist.CLIENT)
    client.wheel[f"mxgateway/{folder}/thing.py"] = ""

    assert findings(root, client) == [
        f"mxaccess-gateway-client: mxgateway/{folder}/thing.py does not belong in a wheel"
    ]


@pytest.mark.parametrize(
    ("name", "value", "finding"),
    [
        ("Metadata-Version", "2.3", "metadata version 2.3 instead of 2.4"),
        ("License-Expression", "Apache-2.0", "licence expression Apache-2.0 instead of MIT"),
        ("License-File", "COPYING", "licence files ['COPYING'] instead of LICENSE"),
        ("Requires-Python", ">=3.9", "requires Python >=3.9 instead of >=3.11"),
    ],
)
def test_wrong_metadata_is_reported(root: Path, name: str, value: str, finding: str) -> None:
    cli = faultless(check_dist.CLI)
    cli.metadata[name] = [value]
    if name == "Metadata-Version":  # before 2.4 there were no licence fields
        del cli.metadata["License-Expression"], cli.metadata["License-File"]

    assert f"mxaccess-gateway-cli: {finding}" in findings(root, cli)


@pytest.mark.parametrize(
    ("requirement", "finding"),
    [
        ("mxaccess-gateway-client<0.3,>=0.2", "but mxaccess-gateway-client is 0.1.0 here"),
        ("mxaccess-gateway-client>=0.1", "the range needs a lower and an upper end"),
        ("mxaccess-gateway-client==0.1.0", "the range needs a lower and an upper end"),
        ("mxaccess-gateway-proto<0.2,>=0.1", "instead of ['mxaccess-gateway-client']"),
    ],
)
def test_package_requires_the_one_below_in_a_range(root: Path, requirement: str, finding: str) -> None:
    cli = faultless(check_dist.CLI)
    cli.metadata["Requires-Dist"] = [requirement]

    assert any(finding in line for line in findings(root, cli))


def test_different_ranges_of_a_shared_requirement_are_reported(root: Path) -> None:
    client = faultless(check_dist.CLIENT)
    client.metadata["Requires-Dist"] = ["grpcio<2,>=1.80", "mxaccess-gateway-proto<0.2,>=0.1"]

    assert findings(root, faultless(check_dist.PROTO), client) == [
        "mxaccess-gateway-client, mxaccess-gateway-proto: require grpcio in different ranges"
    ]


@pytest.mark.parametrize("missing", ["README.md", "CHANGELOG.md", "LICENSE", "protos/it.proto", "tests/test_it.py"])
def test_missing_file_in_sdist_is_reported(root: Path, missing: str) -> None:
    proto = faultless(check_dist.PROTO)
    del proto.sdist[missing]

    assert len(findings(root, proto)) == 1


def test_missing_sdist_and_unknown_file_are_reported(root: Path) -> None:
    faultless(check_dist.PROTO).write(root / "dist")
    (root / "dist" / "mxaccess_gateway_proto-0.1.0.tar.gz").rename(
        root / "dist" / "mxaccess_gateway_proto-0.0.9.tar.gz"
    )

    assert list(check_dist.check(root / "dist", root)) == [
        (
            "mxaccess-gateway-proto: only mxaccess_gateway_proto-0.1.0-py3-none-any.whl exists; "
            "a wheel and an sdist are required"
        ),
        "mxaccess_gateway_proto-0.0.9.tar.gz: not one of the present versions",
    ]
