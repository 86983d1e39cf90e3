"""Report words that make English hard to read, in the packages' source and in the Markdown files.

    python tools/check_english.py

Each finding is one line: file, line number and word. Exit status: 0 no findings, 1 findings.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PATTERNS = (
    "packages/*/src/**/*.py",
    "packages/*/*.md",
    "packages/*/src/**/*.md",
    "packages/*/docs/**/*.md",
    "*.md",
    ".github/*.md",
)
GENERATED = re.compile(r"_pb2(_grpc)?\.py$")
# A sentence with one of these words has no named subject, or uses an idiom that non-native readers stumble over.
WORDS = re.compile(r"\b(whoever|nobody|somebody|everybody|anew|hear of|for ever)\b", re.IGNORECASE)


def findings(root: Path) -> Iterator[str]:
    """Yield one line per finding, sorted by file."""
    for path in sorted({path for pattern in PATTERNS for path in root.glob(pattern)}):
        if GENERATED.search(path.name):
            continue
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            for word in WORDS.findall(line):
                yield f"{path.relative_to(root).as_posix()}:{number}: {word}"


def main(root: Path = ROOT) -> int:
    """Print the findings and return the exit status."""
    found = list(findings(root))
    for line in found:
        print(line, file=sys.stderr)
    if found:
        print("check_english: name the subject, or use a common word; see CONTRIBUTING.md, Style", file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
