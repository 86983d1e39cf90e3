"""Looks for known vulnerabilities in what the published packages require, and in what our own chores run on.

    python tools/audit.py   asks PyPI's advisory database, by pip-audit; fails for whatever can't be looked up

Audited are the newest releases that the packages' ranges allow, which is what a fresh installation gets, and those of
the environments in hatch.toml. The floors of the ranges are not: they are there for whoever can't move yet.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parent.parent
OUR_OWN = "mxaccess-gateway-"


def main() -> int:
    """Audit; gives the exit status."""
    requirements = sorted(published(ROOT) | of_environments(ROOT))
    with tempfile.TemporaryDirectory(prefix="audit-") as directory:
        wanted, resolved = Path(directory, "requirements.in"), Path(directory, "requirements.txt")
        wanted.write_text("\n".join(requirements), encoding="utf-8")
        command = ["uv", "pip", "compile", "--quiet", "--no-header", "--no-annotate", "--python-version", "3.13"]
        if subprocess.run([*command, str(wanted), "--output-file", str(resolved)], check=False).returncode != 0:
            return 1
        print(resolved.read_text(encoding="utf-8"))
        # Strict: a package that can't be looked up would otherwise count as safe.
        audit = [sys.executable, "-m", "pip_audit", "--strict", "--disable-pip", "--no-deps"]
        return subprocess.run([*audit, "--requirement", str(resolved)], check=False).returncode


def published(root: Path) -> set[str]:
    """Give what the packages require of others, extras included."""
    found: set[str] = set()
    for path in sorted(root.glob("packages/*/pyproject.toml")):
        project = tomllib.loads(path.read_text(encoding="utf-8"))["project"]
        for requirements in (project.get("dependencies", []), *project.get("optional-dependencies", {}).values()):
            found |= {each for each in requirements if not Requirement(each).name.startswith(OUR_OWN)}
    return found


def of_environments(root: Path) -> set[str]:
    """Give what the environments require that can be installed together; the generators are old on purpose."""
    environments: dict[str, Any] = tomllib.loads((root / "hatch.toml").read_text(encoding="utf-8"))["envs"]
    apart = {"gen-code", "gen-stubs"}
    return {
        each
        for name, environment in environments.items()
        if name not in apart
        for each in (*environment.get("dependencies", []), *environment.get("extra-dependencies", []))
    }


if __name__ == "__main__":
    sys.exit(main())
