"""Write the pictures of `mxgw-py explore` and `mxgw-py plot` that the documentation shows."""

from __future__ import annotations

import asyncio
import sys
import tempfile
from pathlib import Path

PACKAGES = Path(__file__).resolve().parents[1] / "packages"
IMAGES = PACKAGES / "mxaccess-gateway-client" / "docs" / "images"


def main() -> None:
    """Take the pictures and write them."""
    sys.path.insert(0, str(PACKAGES / "mxaccess-gateway-cli" / "tests"))
    from cli_support.recordings import take_trends  # noqa: PLC0415 - found in the folder of the tests
    from cli_support.screenshots import take_screenshots  # noqa: PLC0415

    IMAGES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        pictures = {"plot.svg": asyncio.run(take_trends(Path(folder)))}
    pictures |= asyncio.run(take_screenshots())
    for name, picture in pictures.items():
        (IMAGES / name).write_text(picture, encoding="utf-8")
        print(IMAGES / name)


if __name__ == "__main__":
    main()
