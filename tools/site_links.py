"""Find broken links in a built site, and requests of its pages to other servers."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

__all__ = ["findings"]

# Attributes whose content a browser loads by itself.
_LOADED = {("img", "src"), ("script", "src"), ("iframe", "src"), ("source", "src"), ("object", "data")}
_LOADED_LINKS = {"stylesheet", "icon", "preload", "preconnect", "manifest", "modulepreload", "dns-prefetch"}
_STYLE_URL = re.compile(r"url\(['\"]?(https?:)?//|@import ['\"](https?:)?//")


class _Page(HTMLParser):
    """The links, the places that can be linked to, and what the browser loads, of one page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.places: set[str] = {""}
        self.loaded: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        of = {name: value or "" for name, value in attrs}
        self.places |= {of[name] for name in ("id", "name") if name in of}
        if tag == "a" and "href" in of:
            self.links.append(of["href"])
        if tag == "link" and _LOADED_LINKS & set(of.get("rel", "").split()):
            self.loaded.append(of.get("href", ""))
        self.loaded += [of[name] for of_tag, name in _LOADED if tag == of_tag and name in of]


def findings(site: Path) -> Iterator[str]:
    """Yield one line per finding."""
    files = sorted(site.rglob("*.html"))
    pages = {path.relative_to(site).as_posix(): _Page(path.read_text(encoding="utf-8")) for path in files}
    for name, page in pages.items():
        for link in dict.fromkeys(page.links):
            yield from _broken(site, pages, name, link)
        for loaded in page.loaded:
            if urlsplit(loaded).netloc:
                yield f"{name} loads {loaded}"
    for path in sorted([*site.rglob("*.css"), *site.rglob("*.svg")]):
        if _STYLE_URL.search(path.read_text(encoding="utf-8")):
            yield f"{path.relative_to(site).as_posix()} loads from another server"


def _broken(site: Path, pages: dict[str, _Page], name: str, link: str) -> Iterator[str]:
    parts = urlsplit(link)
    if parts.scheme or parts.netloc or name == "404.html":
        return
    path = unquote(parts.path)
    target = name if not path else posixpath.normpath(posixpath.join(posixpath.dirname(name), path))
    if path and (path.endswith("/") or (site / target).is_dir()):
        target = posixpath.normpath(posixpath.join(target, "index.html"))
    if target not in pages:
        if not (site / target).is_file():
            yield f"{name}: the link {link} leads to no page"
    elif unquote(parts.fragment) not in pages[target].places:
        yield f"{name}: the link {link} leads to no place on the page"
