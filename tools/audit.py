"""Look up known vulnerabilities of the packages' requirements and of the environments in hatch.toml.

    python tools/audit.py   queries PyPI's advisory database with pip-audit; fails if a package cannot be looked up

Audited are the newest releases that the version ranges allow, as a fresh installation gets them. The lower ends of the
ranges are not audited: they exist for users that cannot upgrade yet.
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
    """Run the audit and return the exit status."""
    requirements = sorted(published(ROOT) | of_environments(ROOT))
    with tempfile.TemporaryDirectory(prefix="audit-") as directory:
        wanted, resolved = Path(directory, "requirements.in"), Path(directory, "requirements.txt")
        wanted.write_text("\n".join(requirements), encoding="utf-8")
        command = ["uv", "pip", "compile", "--quiet", "--no-header", "--no-annotate", "--python-version", "3.13"]
        if subprocess.run([*command, str(wanted), "--output-file", str(resolved)], check=False).returncode != 0:
            return 1
        print(resolved.read_text(encoding="utf-8"))
        # Strict, because a package that cannot be looked up would otherwise count as safe.
        audit = [sys.executable, "-m", "pip_audit", "--strict", "--disable-pip", "--no-deps"]
        return subprocess.run([*audit, "--requirement", str(resolved)], check=False).returncode


def published(root: Path) -> set[str]:
    """Return the requirements of the packages on other projects, including extras."""
    found: set[str] = set()
    for path in sorted(root.glob("packages/*/pyproject.toml")):
        project = tomllib.loads(path.read_text(encoding="utf-8"))["project"]
        for requirements in (project.get("dependencies", []), *project.get("optional-dependencies", {}).values()):
            found |= {each for each in requirements if not Requirement(each).name.startswith(OUR_OWN)}
    return found


def of_environments(root: Path) -> set[str]:
    """Return the requirements of all environments but the generators, which are old on purpose."""
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
