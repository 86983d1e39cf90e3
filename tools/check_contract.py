"""Checks the .proto files with buf: its lint rules, its format, and that nothing that users rely on went away.

Breaking changes are looked for against the main branch, where this clone has it: origin/main, else main.
"""

from __future__ import annotations

import io
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PROTOS = "packages/mxaccess-gateway-proto/protos"
CONFIGURATION = "tools/buf.yaml"
BUF = "@bufbuild/buf@1.75.0"
BASELINES = ("origin/main", "main")


def main() -> int:
    """Run all three checks; gives the exit status."""
    npx = shutil.which("npx")
    if npx is None:
        print("check_contract: there is no npx here; use `hatch run proto-lint`", file=sys.stderr)
        return 2
    buf = [npx, "--yes", BUF]
    checks = [
        buf_passes("lint", [*buf, "lint", PROTOS, "--config", CONFIGURATION]),
        buf_passes("format", [*buf, "format", PROTOS, "--config", CONFIGURATION, "--diff", "--exit-code"]),
        nothing_breaks(buf),
    ]
    return 0 if all(checks) else 1


def buf_passes(name: str, command: Sequence[str]) -> bool:
    """Run one of buf's checks; it prints what it finds."""
    passed = subprocess.run(command, cwd=ROOT, check=False).returncode == 0
    print(f"buf {name}: {'nothing to say' if passed else 'failed'}", flush=True)
    return passed


def nothing_breaks(buf: Sequence[str]) -> bool:
    """Compare with the main branch. A shallow clone of another branch has none, and a first commit has no contract."""
    for baseline in BASELINES:
        # An archive, because buf's own git input needs the history that a shallow clone lacks.
        archive = subprocess.run(["git", "archive", baseline, PROTOS], cwd=ROOT, capture_output=True, check=False)
        if archive.returncode == 0:
            with tempfile.TemporaryDirectory(prefix="contract-") as directory:
                with tarfile.open(fileobj=io.BytesIO(archive.stdout)) as files:
                    files.extractall(directory, filter="data")
                against = ["--against", str(Path(directory, PROTOS))]
                command = [*buf, "breaking", PROTOS, "--config", CONFIGURATION, *against]
                return buf_passes(f"breaking, against {baseline}", command)
    print(f"buf breaking: nothing to compare with ({' or '.join(BASELINES)} has no contract here)", flush=True)
    return True


if __name__ == "__main__":
    sys.exit(main())
