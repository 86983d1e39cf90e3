"""Every snippet of the documentation works: a page's snippets run in order, in one folder, against one gateway."""

from __future__ import annotations

import ast
import asyncio
import configparser
import contextlib
import inspect
import io
import json
import re
import shutil
import sys
import tomllib
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from pathlib import Path
from types import FunctionType
from typing import Self
from xml.etree import ElementTree as ET

import click
import pytest

from cli_support.gateways import API_KEY
from cli_support.shell import run_shell
from cli_support.snippets import snippets
from mxgateway.testing import ServerTls, SimulatedGateway
from mxgateway_cli.app import app
from support.certificates import Certificates
from support.mosquitto import Mosquitto, running
from support.nats import NatsServer

ROOT = Path(__file__).resolve().parents[4]
DOCS = ROOT / "packages" / "mxaccess-gateway-client" / "docs"
README = Path(__file__).resolve().parents[2] / "README.md"


def parse_ini(text: str) -> None:
    """Parse an INI file, whose lines may be before its first section."""
    configparser.ConfigParser(interpolation=None, strict=False).read_string(f"[before]\n{text}")


PARSERS: dict[str, Callable[[str], object]] = {
    "ini": parse_ini,
    "json": json.loads,
    "toml": tomllib.loads,
    "xml": ET.fromstring,
}


PAGES = [
    path
    for path in (README, *sorted(DOCS.rglob("*.md")))
    if any(snippet.language in {"python", "sh", "py", *PARSERS} for snippet in snippets(path))
]
# What the pages show in place of what differs from test to test.
NATS = "nats://localhost:4222"
MQTT = "mqtt://localhost:1883"
MQTT_PORT = "port=1883"
TLS_GATEWAY = "plant7:5001"
EXAMPLE_CA = "plant-ca.pem"
EXAMPLE_KEY = "mxgw_0a1b2c3d_the-secret-part-of-the-key"
NEEDS_BASH = pytest.mark.skipif(
    shutil.which("bash") is None or sys.platform == "win32", reason="the snippets are for a Unix shell"
)


def run_page(page: Path, replaced: Mapping[str, str]) -> None:
    """Run the snippets of a page in order, in the current folder, and write the files that it shows."""
    with Notebook() as notebook:
        for snippet in snippets(page):
            text = snippet.text
            for shown, here in replaced.items():
                text = text.replace(shown, here)
            if snippet.language in PARSERS:
                PARSERS[snippet.language](text)
            if snippet.title:
                Path(snippet.title).write_text(text, encoding="utf-8")
            elif snippet.language == "python":
                assert notebook.run(text, snippet.place), f"{snippet.place} prints nothing"
            elif snippet.language == "sh":
                assert run_shell(text), f"{snippet.place} prints nothing"
            elif snippet.language == "py":
                compile(text, snippet.place, "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)


class Notebook:
    """Runs programs, and cells of a notebook: those that await outside of a function, in one event loop."""

    def __init__(self) -> None:
        self._runner = asyncio.Runner()
        self._names: dict[str, object] = {"__name__": "__main__"}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._runner.close()

    def run(self, text: str, place: str) -> bool:
        """Run a program in this thread; return False if it has printed nothing and is not a cell."""
        code = compile(text, place, "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        if code.co_flags & inspect.CO_COROUTINE:
            self._runner.run(FunctionType(code, self._names)())
            return True
        with contextlib.redirect_stdout(io.StringIO()) as printed:
            exec(code, {"__name__": "__main__"})  # noqa: S102 - the documentation of this repository
        return bool(printed.getvalue())


@pytest.fixture
async def gateway(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[SimulatedGateway]:
    """A simulated gateway whose tags change quickly; the environment points at it."""
    async with SimulatedGateway(ramp_interval=0.05, api_key=API_KEY) as gateway:
        monkeypatch.setenv("MXGATEWAY_ENDPOINT", gateway.endpoint)
        monkeypatch.setenv("MXGATEWAY_API_KEY", gateway.api_key)
        monkeypatch.setenv("MXGATEWAY_PLAINTEXT", "1")
        yield gateway
        # A forwarder with a lease leaves its session to a successor, for as long as the gateway keeps it.
        gateway.clock.advance(31)
        await gateway.wait_for(lambda: not gateway.sessions)


@contextlib.asynccontextmanager
async def servers_for(page: Path, folder: Path, certificates: Certificates) -> AsyncGenerator[dict[str, str]]:
    """Start the servers that the programs of a page need, and yield what they are called there and here.

    Args:
        page: The page.
        folder: Where a server keeps what it stores.
        certificates: The certificates of a gateway with TLS.
    """
    programs = "".join(snippet.text for snippet in snippets(page) if snippet.language == "python")
    async with contextlib.AsyncExitStack() as stack:
        here = {EXAMPLE_KEY: API_KEY, EXAMPLE_CA: str(certificates.ca)}
        if NATS in programs:
            server = NatsServer(folder)
            await server.start()
            stack.push_async_callback(server.kill)
            here[NATS] = server.url
        if MQTT in programs:
            broker = await stack.enter_async_context(running(Mosquitto(folder)))
            here |= {MQTT: broker.url, MQTT_PORT: f"port={broker.port}"}
        if TLS_GATEWAY in programs:
            shown = certificates.gateway
            tls = ServerTls(certificate_chain=shown.certificate, private_key=shown.key)
            gateway = await stack.enter_async_context(SimulatedGateway(tls=tls, api_key=API_KEY))
            here[TLS_GATEWAY] = gateway.endpoint
        yield here


@NEEDS_BASH
@pytest.mark.parametrize("page", PAGES, ids=lambda path: f"{path.parent.name}-{path.stem}")
@pytest.mark.usefixtures("gateway")
async def test_snippets_of_page_work(page: Path, tmp_path: Path, certificates: Certificates) -> None:
    folder = tmp_path / "snippets"
    folder.mkdir()
    (folder / "gateway.key").write_text(API_KEY, encoding="utf-8")
    async with servers_for(page, tmp_path / "servers", certificates) as here:
        with contextlib.chdir(folder):
            await asyncio.to_thread(run_page, page, here)


def test_every_command_shown_has_its_options() -> None:
    """Also in blocks that are not run, such as units of systemd."""
    wrong: list[str] = []
    for path in [*PAGES, *sorted(DOCS.rglob("*.md"))]:
        for snippet in snippets(path):
            # A command in several lines, and one as a list.
            text = re.sub(r'\\\n|"\]\nCMD \["|",[ \\\n]+"', " ", snippet.text)
            for line in re.findall(r"mxgw-py(?:\.exe)? ([a-z][a-z-]+ .*--.*)", text):
                wrong += [f"{snippet.place}: {option}" for option in unknown_options(line.split())]

    assert wrong == []


def unknown_options(words: list[str]) -> list[str]:
    """Return the options in a command line that its command does not have."""
    command = app.get_command(click.Context(app), words[0])
    if isinstance(command, click.Group) and len(words) > 1:
        command = command.get_command(click.Context(command), words[1])
    if command is None:
        return [words[0]]
    known = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
    return [word for word in words if re.fullmatch(r"--[a-z-]+", word) and word not in known]
