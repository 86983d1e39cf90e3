"""Check that a release tag such as client-v1.2.0 matches the version and the changelog in the tree.

    python tools/check_release.py client-v1.2.0

It needs only the standard library. Exit status: 0 if the release is possible, otherwise 1 with one line that says why.
"""

from __future__ import annotations

import re
import sys
import tomllib
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TAG = re.compile(r"(?P<package>proto|client|cli)-v(?P<version>\d+\.\d+\.\d+)")


class ReleaseError(Exception):
    """The release is not possible; the message says what to change."""


def check(tag: str, root: Path) -> str:
    """Compare the tag with the package that it names, and return the name and version of the package."""
    named = TAG.fullmatch(tag)
    if named is None:
        raise ReleaseError(f"invalid release tag {tag!r}: use for example proto-v1.2.0, client-v1.2.0 or cli-v1.2.0")
    name, version = f"mxaccess-gateway-{named['package']}", named["version"]
    package = root / "packages" / name
    present = tomllib.loads((package / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    if present != version:
        raise ReleaseError(f"{tag} names {version}, but {name} is {present}: run `hatch version {version}` there")
    changelog = (package / "CHANGELOG.md").read_text(encoding="utf-8")
    if not re.search(rf"^## \[{re.escape(version)}\] - \d{{4}}-\d{{2}}-\d{{2}}$", changelog, re.MULTILINE):
        raise ReleaseError(f"the changelog of {name} has no heading '## [{version}] - YYYY-MM-DD'")
    return f"{name} {version}"


def main(arguments: Sequence[str]) -> int:
    """Check the tag in the arguments and return the exit status."""
    try:
        release = check(arguments[0] if len(arguments) == 1 else "", ROOT)
    except ReleaseError as error:
        print(f"check_release: {error}", file=sys.stderr)
        return 1
    print(f"check_release: {release} can be released")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
