"""The pages of the documentation site are complete, and site_links finds what is wrong with a site."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path, PurePosixPath

import build_docs
import pytest
from site_links import findings

ROOT = Path(__file__).resolve().parents[2]
CONFIGURATION = (ROOT / "tools" / "zensical.toml").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def pages() -> dict[str, str]:
    """The pages as they are built, without a repository."""
    return dict(build_docs.written(ROOT, None))


def test_navigation_has_every_page(pages: dict[str, str]) -> None:
    tomllib.loads(CONFIGURATION)
    listed = re.findall(r'"([\w/-]+\.md)"', CONFIGURATION)

    assert sorted(listed) == sorted(pages)


def test_every_list_begins_after_an_empty_line(pages: dict[str, str]) -> None:
    """Otherwise the site shows its items as one paragraph, although GitHub shows a list."""
    text = {name: re.sub(r"^ *```.*?^ *```", "", page, flags=re.MULTILINE | re.DOTALL) for name, page in pages.items()}

    assert [name for name, page in text.items() if re.search(r"^(?![-*\d ]).+\n(?:- |1\. )", page, re.MULTILINE)] == []


def test_every_public_name_has_an_entry(pages: dict[str, str]) -> None:
    assert "::: mxgateway.client.GatewayClient\n" in pages["reference/api/client.md"]
    assert "::: mxgateway.recording.Recorder\n" in pages["reference/api/recording.md"]
    assert "::: mxgateway.testing.SimulatedGateway\n" in pages["reference/api/testing.md"]


def test_links_to_files_lead_to_their_pages(pages: dict[str, str]) -> None:
    assert "[tags by name](api/tags.md)" in pages["reference/index.md"]
    assert "(json-schemas.md#reading)" in pages["reference/command-line.md"]
    assert "](changelog-client.md)" in pages["reference/index.md"]


def test_links_to_other_files_lead_to_the_repository() -> None:
    name = "reference/contract.md"
    source = build_docs.DOCS / name
    text = "[session_rpcs](../../src/mxgateway/testing/server/session_rpcs.py)\n```text\n[a](b)\n```\n"

    assert build_docs.linked(text, name, source, ROOT, None) == "session_rpcs\n```text\n[a](b)\n```\n"
    shown = build_docs.linked(text, name, source, ROOT, "https://host/owner/name")
    assert "(https://host/owner/name/blob/main/packages/mxaccess-gateway-client/src/mxgateway/testing/" in shown
    with pytest.raises(LookupError, match=r"the link nothing/here\.py leads to no file"):
        build_docs.linked("[a](nothing/here.py)", name, PurePosixPath("tools/page.md"), ROOT, None)


def test_broken_links_and_outside_requests_are_found(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "index.html").write_text(
        '<p id="here"><a href="a/">a</a><a href="a/#there">a</a><a href="#here">h</a><a href="b/">b</a>'
        '<a href="a/#gone">g</a><a href="https://host/">out</a><img src="https://host/picture.png">',
        encoding="utf-8",
    )
    (tmp_path / "a" / "index.html").write_text(
        '<h1 id="there"><a href="..">up</a><link rel="stylesheet" href="//host/x.css">', encoding="utf-8"
    )
    (tmp_path / "site.css").write_text("@font-face { src: url(https://host/font.woff2) }", encoding="utf-8")

    assert sorted(findings(tmp_path)) == [
        "a/index.html loads //host/x.css",
        "index.html loads https://host/picture.png",
        "index.html: the link a/#gone leads to no place on the page",
        "index.html: the link b/ leads to no page",
        "site.css loads from another server",
    ]
