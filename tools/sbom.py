"""Write a bill of materials for each wheel in dist/.

    python tools/sbom.py [FOLDER]   writes NAME-VERSION.cdx.json per wheel, CycloneDX 1.6, by default into .hatch/sbom

Each wheel is installed into a fresh environment with the newest releases that its ranges allow. The bill lists all
packages of that environment with version, licence and package URL. The three packages find each other in dist/.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import venv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
DIST = ROOT / "dist"


class SbomError(Exception):
    """A bill of materials cannot be written or is wrong; the message names the wheel."""


def main(arguments: Sequence[str]) -> int:
    """Write one bill per wheel and return the exit status."""
    target = Path(arguments[0]) if arguments else ROOT / ".hatch" / "sbom"
    try:
        write_all(DIST, target)
    except SbomError as error:
        print(f"sbom: {error}", file=sys.stderr)
        return 1
    return 0


def write_all(dist: Path, target: Path) -> None:
    """Write the bill of materials of every wheel in `dist` to `target`."""
    wheels = sorted(dist.glob("*.whl"))
    if not wheels:
        raise SbomError(f"{dist} has no wheels: build them first with hatch run dist:build")
    target.mkdir(parents=True, exist_ok=True)
    for wheel in wheels:
        name, version, *_ = wheel.name.split("-")
        bill = target / f"{name}-{version}.cdx.json"
        with tempfile.TemporaryDirectory(prefix="sbom-") as directory:
            python = install(wheel, dist, Path(directory))
            write(python, project_of(name), bill)
        parts = components(json.loads(bill.read_text(encoding="utf-8")))
        if parts.get(name.replace("_", "-")) != version:
            raise SbomError(f"{bill.name} does not list {wheel.name}")
        print(f"{bill.name}: {', '.join(f'{part} {parts[part]}' for part in sorted(parts))}")


def install(wheel: Path, dist: Path, home: Path) -> Path:
    """Install a wheel into a fresh environment without pip, and return the environment's Python."""
    venv.create(home, with_pip=False)
    python = home / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    pip = [sys.executable, "-m", "pip", "--python", str(python), "--disable-pip-version-check", "--quiet"]
    run([*pip, "install", "--find-links", str(dist), str(wheel)], wheel.name)
    return python


def write(python: Path, project: Path, bill: Path) -> None:
    """Write the bill of an environment. The same contents result in the same file."""
    options = ["--pyproject", str(project), "--mc-type", "library", "--spec-version", "1.6", "--output-reproducible"]
    command = [sys.executable, "-m", "cyclonedx_py", "environment", *options, "--output-file", str(bill), str(python)]
    run(command, bill.name)


def project_of(name: str) -> Path:
    """Return the pyproject.toml of the package of a wheel."""
    return ROOT / "packages" / name.replace("_", "-") / "pyproject.toml"


def components(bill: dict[str, Any]) -> dict[str, str]:
    """Return name and version of all components in a bill, including the package itself."""
    listed = [bill["metadata"]["component"], *bill.get("components", [])]
    return {part["name"]: part["version"] for part in listed}


def run(command: Sequence[str], what: str) -> None:
    """Run a program, and raise SbomError if it fails."""
    finished = subprocess.run(command, capture_output=True, text=True, check=False)
    if finished.returncode != 0:
        raise SbomError(f"{what}: {Path(command[2]).name} failed:\n{(finished.stderr or finished.stdout).strip()}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
