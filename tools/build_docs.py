"""Build the documentation site in .hatch/docs/site, or serve it while it is written.

    python tools/build_docs.py            builds the site; a broken link or a request to another server is an error
    python tools/build_docs.py --serve    builds it, serves it on localhost:8000, and rebuilds it after changes

The pages are packages/mxaccess-gateway-client/docs, and files of the repository that are pages as well, such as the
changelogs. Links to other files of the repository lead to REPOSITORY_URL; without that variable they are plain text.
Exit status: 0 done, 1 the site has findings, 2 invalid usage.
"""

from __future__ import annotations

import argparse
import ast
import json
import os
import posixpath
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path, PurePosixPath
from typing import Final

from site_links import findings

ROOT: Final = Path(__file__).resolve().parent.parent
DOCS: Final = PurePosixPath("packages/mxaccess-gateway-client/docs")
CLI: Final = PurePosixPath("packages/mxaccess-gateway-cli")
SCHEMAS: Final = CLI / "src/mxgateway_cli/schemas"
MESSAGE_SCHEMAS: Final = PurePosixPath("packages/mxaccess-gateway-client/src/mxgateway/forwarding/schemas")
SCHEMA_PAGE: Final = "reference/json-schemas.md"
EXAMPLES: Final = PurePosixPath("packages/mxaccess-gateway-client/examples")
EXAMPLE_PAGE: Final = "how-to/examples.md"
LIBRARY: Final = PurePosixPath("packages/mxaccess-gateway-client/src/mxgateway")
# Files of the repository that are pages of the site as well.
PAGES: Final[Mapping[str, PurePosixPath]] = {
    "explanation/security-policy.md": PurePosixPath(".github/SECURITY.md"),
    "reference/command-line.md": CLI / "REFERENCE.md",
    "reference/simulated-gateway.md": PurePosixPath("packages/mxaccess-gateway-client/src/mxgateway/testing/README.md"),
    "reference/changelog-client.md": PurePosixPath("packages/mxaccess-gateway-client/CHANGELOG.md"),
    "reference/changelog-cli.md": CLI / "CHANGELOG.md",
    "reference/changelog-proto.md": PurePosixPath("packages/mxaccess-gateway-proto/CHANGELOG.md"),
}
# Titles that would be the same on several pages.
TITLES: Final = {
    "explanation/security-policy.md": "Security policy",
    "reference/command-line.md": "Options of every command",
    "reference/changelog-client.md": "Changes of mxaccess-gateway-client",
    "reference/changelog-cli.md": "Changes of mxaccess-gateway-cli",
    "reference/changelog-proto.md": "Changes of mxaccess-gateway-proto",
}
_SCHEMAS_INTRODUCTION: Final = """# JSON Schemas

Each object that `mxgw-py --json` prints follows one of these schemas, which are also in the installed package, in
`mxgateway_cli/schemas`. [Options of every command](command-line.md) names the schema of each command. [record](#record)
and [vtq](#vtq) are the messages that `forward` sends to a broker.
"""
_FENCE: Final = re.compile(r"^(```.*?^```$)", re.MULTILINE | re.DOTALL)
_LINK: Final = re.compile(r"(!?)\[((?:[^\[\]]|\[[^\]]*\])*)\]\((?!https?:|mailto:|#)([^)\s#]+)(#[^)\s]*)?\)")


def stage(root: Path, folder: Path, repository: str | None) -> None:
    """Put the pages and the configuration of the site into a folder.

    Raises:
        LookupError: a page links to a file that does not exist.
    """
    pages = folder / "pages"
    shutil.rmtree(pages, ignore_errors=True)
    shutil.copytree(root / DOCS, pages)
    for name, text in written(root, repository):
        (pages / name).parent.mkdir(parents=True, exist_ok=True)
        (pages / name).write_text(text, encoding="utf-8", newline="\n")
    shutil.copyfile(root / "tools" / "zensical.toml", folder / "zensical.toml")


def written(root: Path, repository: str | None) -> Iterator[tuple[str, str]]:
    """Yield the name and text of each page, with links that work in the site."""
    for path in sorted((root / DOCS).rglob("*.md")):
        name = path.relative_to(root / DOCS).as_posix()
        text = linked(path.read_text(encoding="utf-8"), name, DOCS / name, root, repository)
        yield name, f"{text}\n{examples(root)}" if name == EXAMPLE_PAGE else text
    for name, source in PAGES.items():
        text = (root / source).read_text(encoding="utf-8")
        if name in TITLES:
            text = re.sub(r"\A# .*", f"# {TITLES[name]}", text)
        yield name, linked(text, name, source, root, repository)
    yield SCHEMA_PAGE, schemas(root)
    for module in public_modules(root):
        yield f"reference/api/{module}.md", api(root, module)


def examples(root: Path) -> str:
    """Return the code of each example."""
    paths = sorted((root / EXAMPLES).glob("*.py"))
    return "\n".join(f"## {path.name}\n\n```python\n{path.read_text(encoding='utf-8')}```\n" for path in paths)


@cache
def public_modules(root: Path) -> list[str]:
    """Return the names of the public modules of the library."""
    stub = (root / LIBRARY / "__init__.pyi").read_text(encoding="utf-8")
    return [*re.findall(r"^from \. import (\w+) as \1$", stub, re.MULTILINE), "testing"]


def api(root: Path, module: str) -> str:
    """Return the page of a public module, with each of its public names."""
    path = root / LIBRARY / f"{module}.py"
    path = path if path.is_file() else root / LIBRARY / module / "__init__.py"
    described = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    parts = [f"# mxgateway.{module}\n\n{described.partition(chr(10))[0]}\n"]
    parts += [
        f"::: mxgateway.{module}.{name}\n    options:\n      heading: {name}\n      toc_label: {name}\n"
        for name in public_names(path)
    ]
    return "\n".join(parts)


def public_names(path: Path) -> list[str]:
    """Return the public names of a module: those of its `__all__`, or of its stub if it has one."""
    stub = path.with_suffix(".pyi")
    if stub.is_file():
        return re.findall(r"^from \S+ import (\w+) as \1$", stub.read_text(encoding="utf-8"), re.MULTILINE)
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            names: list[str] = ast.literal_eval(node.value)
            return names
    raise LookupError(f"{path.name} has no __all__")


def schemas(root: Path) -> str:
    """Return the page of all JSON Schemas."""
    parts = [_SCHEMAS_INTRODUCTION]
    for path in sorted(path for folder in (SCHEMAS, MESSAGE_SCHEMAS) for path in (root / folder).glob("*.schema.json")):
        schema = json.loads(path.read_text(encoding="utf-8"))
        title = schema.get("title") or schema.get("description") or ""
        name = path.name.removesuffix(".schema.json")
        parts.append(f"## {name}\n\n{title}\n\n```json\n{json.dumps(schema, indent=2)}\n```\n")
    return "\n".join(parts)


def linked(text: str, name: str, source: PurePosixPath, root: Path, repository: str | None) -> str:
    """Return the text of a page whose links to files of the repository lead to pages, to the repository, or nowhere."""

    def replace(match: re.Match[str]) -> str:
        image, label, target, anchor = match.groups()
        path = PurePosixPath(posixpath.normpath(source.parent / target))
        page = page_of(path)
        if page is not None:
            shown = posixpath.relpath(page[0], posixpath.dirname(name) or ".")
            return f"{image}[{label}]({shown}{anchor or page[1]})"
        if not (root / path).exists():
            raise LookupError(f"{source}: the link {target} leads to no file")
        return f"[{label}]({repository}/blob/main/{path})" if repository else label

    parts = _FENCE.split(text)
    return "".join(part if part.startswith("```") else _LINK.sub(replace, part) for part in parts)


def page_of(path: PurePosixPath) -> tuple[str, str] | None:
    """Return the page, and the place on it, that shows a file of the repository; None if none does."""
    if path.is_relative_to(DOCS):
        return path.relative_to(DOCS).as_posix(), ""
    if path == SCHEMAS:
        return SCHEMA_PAGE, ""
    if path.parent in {SCHEMAS, MESSAGE_SCHEMAS}:
        return SCHEMA_PAGE, f"#{path.name.removesuffix('.schema.json')}"
    if path.parent == EXAMPLES:
        return EXAMPLE_PAGE, f"#{path.name.replace('.', '')}"
    if path.parent == LIBRARY and path.stem in public_modules(ROOT):
        return f"reference/api/{path.stem}.md", ""
    return next(((page, "") for page, source in PAGES.items() if source == path), None)


def build(folder: Path) -> int:
    """Build the site in a folder, check it, and return the exit status."""
    shutil.rmtree(folder / "site", ignore_errors=True)
    zensical = [sys.executable, "-m", "zensical", "build", "--clean", "--strict", "-f", str(folder / "zensical.toml")]
    built = subprocess.run(zensical, check=False, env=os.environ | {"NO_COLOR": "1"})
    if built.returncode != 0:
        return 1
    found = list(findings(folder / "site"))
    for finding in found:
        print(f"build_docs: {finding}", file=sys.stderr)
    if not found:
        print(f"build_docs: {len(list((folder / 'site').rglob('*.html')))} pages in {folder / 'site'}")
    return 1 if found else 0


def serve(folder: Path) -> int:
    """Serve the site until Ctrl-C, and put changed pages into its folder."""
    server = subprocess.Popen([sys.executable, "-m", "zensical", "serve", "-f", str(folder / "zensical.toml")])
    staged = dict(written(ROOT, None))
    try:
        while server.poll() is None:
            time.sleep(0.5)
            now = dict(written(ROOT, None))
            for name in [name for name, text in now.items() if staged.get(name) != text]:
                (folder / "pages" / name).write_text(now[name], encoding="utf-8", newline="\n")
            staged = now
    except KeyboardInterrupt:
        server.wait()
    return 0


def main(arguments: Sequence[str]) -> int:
    """Build or serve the site and return the exit status."""
    parser = argparse.ArgumentParser(prog="build_docs.py", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--serve", action="store_true", help="serve the site, and rebuild it after each change")
    wanted = parser.parse_args(arguments)
    folder = ROOT / ".hatch" / "docs"
    try:
        stage(ROOT, folder, os.environ.get("REPOSITORY_URL"))
    except LookupError as broken:
        print(f"build_docs: {broken.args[0]}", file=sys.stderr)
        return 1
    return serve(folder) if wanted.serve else build(folder)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
