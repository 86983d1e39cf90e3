"""ARCHITECTURE.md names files that exist, and every room."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DOCUMENT = (ROOT / ".github" / "ARCHITECTURE.md").read_text(encoding="utf-8")
PACKAGES = ROOT / "packages"
CLIENT = PACKAGES / "mxaccess-gateway-client" / "src" / "mxgateway"
COMMAND_LINE = PACKAGES / "mxaccess-gateway-cli" / "src" / "mxgateway_cli"
# The document names files from here on.
STARTS = (ROOT, CLIENT, COMMAND_LINE, *PACKAGES.glob("mxaccess-gateway-*"))

FILES = sorted(set(re.findall(r"`([\w./-]+\.(?:py|toml|md))`", DOCUMENT)))
ROOMS = [
    (source, room.relative_to(source).as_posix())
    for source in (CLIENT, COMMAND_LINE)
    for room in sorted({path.parent for path in source.rglob("*.py")} - {source})
]


@pytest.mark.parametrize("file", FILES)
def test_every_named_file_exists(file: str) -> None:
    assert any((start / file).is_file() for start in STARTS)


@pytest.mark.parametrize(("source", "room"), ROOMS, ids=lambda part: getattr(part, "name", part))
def test_every_room_is_named(source: Path, room: str) -> None:
    chapter = DOCUMENT.partition(f"/src/{source.name}/`\n")[2].partition("\n`packages/")[0]

    assert f"| `{room}/` |" in chapter
