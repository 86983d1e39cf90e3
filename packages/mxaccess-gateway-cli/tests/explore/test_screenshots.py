"""The pictures of the explorer in the documentation show what it shows today."""

from __future__ import annotations

from pathlib import Path

from cli_support.screenshots import take_screenshots
from cli_support.svg import texts_of

IMAGES = Path(__file__).resolve().parents[3] / "mxaccess-gateway-client" / "docs" / "images"


async def test_screenshots_in_the_documentation_are_fresh() -> None:
    for name, picture in (await take_screenshots()).items():
        shown = (IMAGES / name).read_text(encoding="utf-8")
        assert texts_of(shown) == texts_of(picture), f"run 'hatch run screenshots' and look at {name}"
