"""Every snippet of the documentation works: a page's snippets run in order, in one folder, against one gateway."""

from __future__ import annotations

import asyncio
import contextlib
import io
import shutil
import sys
from pathlib import Path

import pytest

from cli_support.shell import run_shell
from cli_support.snippets import Snippet, snippets

ROOT = Path(__file__).resolve().parents[4]
DOCS = ROOT / "packages" / "mxaccess-gateway-client" / "docs"
README = Path(__file__).resolve().parents[2] / "README.md"
PAGES = [
    path
    for path in (README, *sorted(DOCS.rglob("*.md")))
    if any(snippet.language in {"python", "sh"} for snippet in snippets(path))
]
NEEDS_BASH = pytest.mark.skipif(
    shutil.which("bash") is None or sys.platform == "win32", reason="the snippets are for a Unix shell"
)


def run_python(snippet: Snippet) -> str:
    """Run a program in this thread and return what it prints."""
    printed = io.StringIO()
    code = compile(snippet.text, snippet.place, "exec")
    with contextlib.redirect_stdout(printed):
        exec(code, {"__name__": "__main__"})  # noqa: S102 - the documentation of this repository
    return printed.getvalue()


def run_page(page: Path) -> None:
    """Run the snippets of a page in order, in the current folder, and write the files that it shows."""
    for snippet in snippets(page):
        if snippet.title:
            Path(snippet.title).write_text(snippet.text, encoding="utf-8")
        elif snippet.language == "python":
            assert run_python(snippet), f"{snippet.place} prints nothing"
        elif snippet.language == "sh":
            assert run_shell(snippet.text), f"{snippet.place} prints nothing"


@NEEDS_BASH
@pytest.mark.parametrize("page", PAGES, ids=lambda path: f"{path.parent.name}-{path.stem}")
@pytest.mark.usefixtures("gateway")
async def test_snippets_of_page_work(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "snippets"
    folder.mkdir()
    monkeypatch.chdir(folder)

    await asyncio.to_thread(run_page, page)
