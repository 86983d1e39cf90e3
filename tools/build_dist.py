"""Build the wheels and sdists of the packages into dist/, twice, and fail if the two builds differ.

The second build is made from a copy of the files that git knows, in another folder. So neither untracked files nor
paths of this machine get into a distribution.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DIST = ROOT / "dist"


class BuildError(Exception):
    """A build failed or two builds differ; the message names the package or the file."""


def main() -> int:
    """Empty dist/, build into it, and return the exit status."""
    packages = [project.parent for project in sorted((ROOT / "packages").glob("*/pyproject.toml"))]
    shutil.rmtree(DIST, ignore_errors=True)
    try:
        with tempfile.TemporaryDirectory(prefix="build-dist-") as directory:
            build(packages, DIST)
            # hatchling searches for this file above the package and includes it in the sdist.
            shutil.copy(ROOT / ".gitignore", directory)
            build([copy_tracked(package, Path(directory)) for package in packages], Path(directory, "dist"))
            refuse_difference(DIST, Path(directory, "dist"))
    except BuildError as error:
        print(f"build_dist: {error}", file=sys.stderr)
        return 1
    for path in sorted(DIST.iterdir()):
        print(f"{path.name}: {path.stat().st_size} bytes, identical when built in another folder")
    return 0


def build(packages: Sequence[Path], target: Path) -> None:
    """Build wheel and sdist of each package into `target`."""
    for package in packages:
        command = [sys.executable, "-m", "hatchling", "build", "--directory", str(target)]
        finished = subprocess.run(command, cwd=package, capture_output=True, text=True, check=False)
        if finished.returncode != 0:
            raise BuildError(f"building {package.name} failed:\n{finished.stderr.strip()}")


def copy_tracked(package: Path, target: Path) -> Path:
    """Copy the files of the package that git tracks or does not ignore to `target`, and return the copy."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--deduplicate", "."]
    listed = subprocess.run(command, cwd=package, capture_output=True, text=True, check=True).stdout
    for name in filter(None, listed.split("\0")):
        if (package / name).is_file():
            copy = target / package.name / name
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(package / name, copy)
    return target / package.name


def refuse_difference(first: Path, second: Path) -> None:
    """Compare two folders of distributions byte by byte."""
    names = {path.name for path in first.iterdir()} | {path.name for path in second.iterdir()}
    for name in sorted(names):
        if not ((first / name).is_file() and (second / name).is_file()):
            raise BuildError(f"only one of the two builds made {name}")
        if (first / name).read_bytes() != (second / name).read_bytes():
            raise BuildError(f"{name} differs between two builds: it contains an untracked file or a path")


if __name__ == "__main__":
    sys.exit(main())
