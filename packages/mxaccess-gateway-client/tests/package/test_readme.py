"""Every Python snippet of the READMEs runs unchanged against a simulated gateway, with warnings as errors."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from mxgateway.testing import SimulatedGateway
from support.programs import run_python

PACKAGE = Path(__file__).parents[2]
ROOT = PACKAGE.parents[1]

# The snippet that the README of every library for this gateway begins with.
FIRST_SNIPPET = """
import asyncio
import os

from mxgateway import GatewayClient


async def main():
    client = await GatewayClient.connect(
        endpoint=os.environ["MXGATEWAY_ENDPOINT"],
        api_key=os.environ["MXGATEWAY_API_KEY"],
        plaintext=True,
    )
    session = await client.open_session()
    server_handle = await session.register("python-client")
    item_handle = await session.add_item(server_handle, "TestChildObject.TestInt")
    await session.advise(server_handle, item_handle)

    async for event in session.stream_events():
        print(event)
        break

    await session.close()
    await client.close()


asyncio.run(main())
"""


def snippets(readme: Path) -> list[str]:
    """Return the Python snippets of a README."""
    return re.findall(r"^```python\n(.*?)^```$", readme.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


ALL_SNIPPETS = [
    pytest.param(snippet, id=f"{readme.parent.name}-{number}")
    for readme in (PACKAGE / "README.md", ROOT / "README.md")
    for number, snippet in enumerate(snippets(readme), start=1)
]


async def run(gateway: SimulatedGateway, snippet: str, folder: Path) -> str:
    """Run a snippet and return what it printed."""
    program = folder / "snippet.py"
    program.write_text(snippet, encoding="utf-8")
    output, errors = await run_python(gateway, folder, program)
    assert errors == ""
    return output


def test_both_readmes_begin_with_the_first_snippet() -> None:
    assert len(snippets(PACKAGE / "README.md")) == 3
    assert snippets(ROOT / "README.md")


@pytest.mark.parametrize("snippet", ALL_SNIPPETS)
async def test_snippet_of_a_readme_runs_unchanged(snippet: str, tmp_path: Path) -> None:
    async with SimulatedGateway() as gateway:
        output = await run(gateway, snippet, tmp_path)
        assert not gateway.sessions

    assert output


async def test_first_snippet_runs_unchanged(tmp_path: Path) -> None:
    async with SimulatedGateway() as gateway:
        output = await run(gateway, FIRST_SNIPPET, tmp_path)

        assert output.startswith("DataChange(sequence=1, item_handle=1, value=42, ")
        assert not gateway.sessions


def test_every_promise_names_existing_tests() -> None:
    page = (PACKAGE / "docs" / "reference" / "faults.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\|(.+)\|(.+)\|(.+)\|$", page, re.MULTILINE)[2:]
    assert rows
    for fault, _, shown_by in rows:
        tests = re.findall(r"`([\w/]+\.py)::(\w+)`", shown_by)
        assert tests, fault
        for path, name in tests:
            source = (PACKAGE / "tests" / path).read_text(encoding="utf-8")
            assert re.search(rf"^(async )?def {name}\(", source, re.MULTILINE), f"{path}::{name}"
