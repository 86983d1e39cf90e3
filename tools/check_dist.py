"""Check built distributions: their files, their metadata, and that the three packages fit together.

    python tools/check_dist.py dist

Each package in the folder needs one wheel and one sdist of the version in its pyproject.toml. Each finding is one line.
Exit status: 0 no findings, 1 findings, 2 nothing to check.
"""

from __future__ import annotations

import sys
import tarfile
import tomllib
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from packaging.metadata import Metadata
from packaging.requirements import Requirement
from packaging.version import Version

ROOT = Path(__file__).resolve().parent.parent
NOT_FOR_WHEELS = {"tests", "benchmarks", "examples", "conftest.py"}
WITH_EVERY_SDIST = ("CHANGELOG.md", "LICENSE", "README.md", "pyproject.toml")


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """One of the three packages and its particular properties."""

    name: str
    import_name: str
    stands_on: frozenset[str]
    command: str | None = None
    only_generated: bool = False

    @property
    def file_stem(self) -> str:
        """The name of the package in file names."""
        return self.name.replace("-", "_")

    def version(self, root: Path) -> Version:
        """Return the version in pyproject.toml."""
        project = tomllib.loads((root / "packages" / self.name / "pyproject.toml").read_text(encoding="utf-8"))
        return Version(project["project"]["version"])


PROTO = Package(
    name="mxaccess-gateway-proto", import_name="mxaccess_gateway", stands_on=frozenset(), only_generated=True
)
CLIENT = Package(name="mxaccess-gateway-client", import_name="mxgateway", stands_on=frozenset({PROTO.name}))
CLI = Package(
    name="mxaccess-gateway-cli",
    import_name="mxgateway_cli",
    stands_on=frozenset({CLIENT.name}),
    command="mxgw-py",
)
PACKAGES = (PROTO, CLIENT, CLI)


class Archive(NamedTuple):
    """The contents of a wheel or an sdist: its paths and its metadata."""

    paths: frozenset[PurePosixPath]
    metadata: bytes
    entry_points: str = ""


def read_wheel(path: Path) -> Archive:
    """Return the contents of a wheel."""
    with zipfile.ZipFile(path) as wheel:
        names = [name for name in wheel.namelist() if not name.endswith("/")]
        (metadata,) = (name for name in names if name.endswith(".dist-info/METADATA"))
        entry_points = "".join(
            wheel.read(name).decode() for name in names if name.endswith(".dist-info/entry_points.txt")
        )
        return Archive(frozenset(map(PurePosixPath, names)), wheel.read(metadata), entry_points)


def read_sdist(path: Path) -> Archive:
    """Return the contents of an sdist. Its paths lack the folder that they all share."""
    with tarfile.open(path) as sdist:
        members = {PurePosixPath(*PurePosixPath(member.name).parts[1:]): member for member in sdist if member.isfile()}
        metadata = sdist.extractfile(members[PurePosixPath("PKG-INFO")])
        return Archive(frozenset(members), metadata.read() if metadata else b"")


def check(dist: Path, root: Path) -> Iterator[str]:
    """Check all files in `dist` against the packages below `root`, and yield one line per finding."""
    requirements: dict[str, list[Requirement]] = {}
    expected: set[str] = set()
    for package in PACKAGES:
        version = package.version(root)
        wheel_name = f"{package.file_stem}-{version}-py3-none-any.whl"
        sdist_name = f"{package.file_stem}-{version}.tar.gz"
        present = [name for name in (wheel_name, sdist_name) if (dist / name).is_file()]
        expected.update(present)
        if len(present) == 1:
            yield f"{package.name}: only {present[0]} exists; a wheel and an sdist are required"
        if len(present) == 2:
            wheel, sdist = read_wheel(dist / wheel_name), read_sdist(dist / sdist_name)
            metadata = Metadata.from_email(wheel.metadata)
            requirements[package.name] = metadata.requires_dist or []
            findings = [
                *check_wheel(package, wheel),
                *check_metadata(package, metadata, wheel),
                *check_sdist(package, sdist, wheel),
                *check_siblings(package, requirements[package.name], root),
            ]
            yield from (f"{package.name}: {finding}" for finding in findings)
    yield from (f"{path.name}: not one of the present versions" for path in dist.iterdir() if path.name not in expected)
    yield from check_shared_ranges(requirements)


def check_wheel(package: Package, wheel: Archive) -> Iterator[str]:
    """Check that a wheel contains its import package and its metadata only, and that of proto only generated code."""
    for path in sorted(wheel.paths):
        if path.parts[0].endswith(".dist-info"):
            continue
        if path.parts[0] != package.import_name:
            yield f"{path} in the wheel is outside of {package.import_name}/"
        if NOT_FOR_WHEELS.intersection(path.parts):
            yield f"{path} does not belong in a wheel"
        if package.only_generated and not is_generated(path):
            yield f"{path} in the wheel is not generated code"
    if PurePosixPath(package.import_name, "py.typed") not in wheel.paths:
        yield "the wheel has no py.typed: type checkers ignore its types"
    if package.command and f"{package.command} =" not in wheel.entry_points:
        yield f"the wheel does not install the command {package.command}"


def is_generated(path: PurePosixPath) -> bool:
    """Return True if protoc wrote the file, or if Python needs it to import what protoc wrote."""
    return path.name in {"__init__.py", "py.typed"} or path.name.endswith(
        ("_pb2.py", "_pb2.pyi", "_pb2_grpc.py", "_pb2_grpc.pyi")
    )


def check_metadata(package: Package, metadata: Metadata, wheel: Archive) -> Iterator[str]:
    """Check that the metadata follow PEP 639 and name the licence, and that the wheel contains its text."""
    if metadata.metadata_version != "2.4":
        yield f"metadata version {metadata.metadata_version} instead of 2.4"
    if metadata.license_expression != "MIT":
        yield f"licence expression {metadata.license_expression} instead of MIT"
    licences = metadata.license_files or []
    if licences != ["LICENSE"]:
        yield f"licence files {licences} instead of LICENSE"
    folder = f"{package.file_stem}-{metadata.version}.dist-info"
    if any(PurePosixPath(folder, "licenses", name) not in wheel.paths for name in licences):
        yield "the wheel lacks the licence text"
    if str(metadata.requires_python) != ">=3.11":
        yield f"requires Python {metadata.requires_python} instead of >=3.11"
    if metadata.description_content_type != "text/markdown":
        yield "the description is not the README"


def check_sdist(package: Package, sdist: Archive, wheel: Archive) -> Iterator[str]:
    """Check that an sdist contains what is needed to build, test and read it, and has the metadata of the wheel."""
    for name in WITH_EVERY_SDIST:
        if PurePosixPath(name) not in sdist.paths:
            yield f"the sdist has no {name}"
    if not any(path.parts[0] == "tests" for path in sdist.paths):
        yield "the sdist has no tests"
    if package.only_generated and not any(path.suffix == ".proto" for path in sdist.paths):
        yield "the sdist has no .proto files"
    if sdist.metadata != wheel.metadata:
        yield "wheel and sdist have different metadata"


def check_siblings(package: Package, requirements: Sequence[Requirement], root: Path) -> Iterator[str]:
    """Check that a package requires the one below it, in a range that has an upper end and allows its version."""
    siblings = {sibling.name: sibling.version(root) for sibling in PACKAGES}
    required = frozenset(requirement.name for requirement in requirements) & siblings.keys()
    if required != package.stands_on:
        yield f"requires {sorted(required)} of its siblings instead of {sorted(package.stands_on)}"
    for requirement in requirements:
        version = siblings.get(requirement.name)
        if version is None:
            continue
        if not requirement.specifier.contains(version, prereleases=True):
            yield f"requires {requirement}, but {requirement.name} is {version} here"
        operators = {specifier.operator for specifier in requirement.specifier}
        if operators != {">=", "<"}:
            yield f"requires {requirement}: the range needs a lower and an upper end"


def check_shared_ranges(requirements: dict[str, list[Requirement]]) -> Iterator[str]:
    """Check that requirements shared by several packages have the same ranges."""
    ranges: dict[str, dict[str, frozenset[str]]] = {}
    for package, required in requirements.items():
        for name in {requirement.name for requirement in required}:
            texts = frozenset(str(requirement) for requirement in required if requirement.name == name)
            ranges.setdefault(name, {})[package] = texts
    for name, users in sorted(ranges.items()):
        if len(set(users.values())) > 1:
            yield f"{', '.join(sorted(users))}: require {name} in different ranges"


def main(arguments: Sequence[str]) -> int:
    """Check the folder named in the arguments and return the exit status."""
    dist = Path(arguments[0]) if len(arguments) == 1 else ROOT / "dist"
    if not dist.is_dir() or not any(dist.iterdir()):
        print(f"check_dist: {dist} is empty: build first with hatch run dist:build", file=sys.stderr)
        return 2
    findings = list(check(dist, ROOT))
    for finding in findings:
        print(f"check_dist: {finding}", file=sys.stderr)
    if not findings:
        print(f"check_dist: {len(list(dist.iterdir()))} files are correct")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
