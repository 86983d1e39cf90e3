"""Check the .proto files with buf: lint rules, format, and breaking changes.

Breaking changes are searched against the main branch, if this clone has it: origin/main, otherwise main.
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
    """Run the three checks and return the exit status."""
    npx = shutil.which("npx")
    if npx is None:
        print("check_contract: npx is missing: use `hatch run proto-lint`", file=sys.stderr)
        return 2
    buf = [npx, "--yes", BUF]
    checks = [
        buf_passes("lint", [*buf, "lint", PROTOS, "--config", CONFIGURATION]),
        buf_passes("format", [*buf, "format", PROTOS, "--config", CONFIGURATION, "--diff", "--exit-code"]),
        nothing_breaks(buf),
    ]
    return 0 if all(checks) else 1


def buf_passes(name: str, command: Sequence[str]) -> bool:
    """Run one of buf's checks, which prints its findings. Return True if there are none."""
    passed = subprocess.run(command, cwd=ROOT, check=False).returncode == 0
    print(f"buf {name}: {'passed' if passed else 'failed'}", flush=True)
    return passed


def nothing_breaks(buf: Sequence[str]) -> bool:
    """Compare with the main branch. Return True if nothing breaks, or if there is no contract to compare with.

    A shallow clone of another branch has no main branch, and the first commit has no contract.
    """
    for baseline in BASELINES:
        # An archive, because buf's git input needs history, which a shallow clone lacks.
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
