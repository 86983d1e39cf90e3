"""A newcomer who has only Python can go through the tutorial by copying: its commands run with the built wheels."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

pytestmark = pytest.mark.timeout(300)  # the first time, it downloads

ROOT = Path(__file__).resolve().parents[2]
TUTORIAL = ROOT / "packages" / "mxaccess-gateway-client" / "docs" / "tutorial.md"
PORT = "5050"
SYSTEM = "Windows" if os.name == "nt" else "Linux"
PROMPT = "simulate> "


@dataclass(frozen=True, slots=True)
class Block:
    """A block of the tutorial: its title, which names the terminal or file, and its lines."""

    title: str
    language: str
    text: str

    @property
    def commands(self) -> list[str]:
        """What is typed, without the prompts of the shells."""
        return re.findall(r"^[$>] (.+)$", self.text, re.MULTILINE)

    @property
    def gateway_lines(self) -> list[str]:
        """What is typed at the prompt of the simulated gateway."""
        return re.findall(rf"^{PROMPT}(.+)$", self.text, re.MULTILINE)

    @property
    def status(self) -> int:
        """The exit status that the last command must have."""
        return int(self.title.rpartition("fails with status ")[2]) if "fails" in self.title else 0


def blocks(page: str) -> Iterator[Block]:
    """Yield the blocks that a user of this system copies."""
    fence = re.compile(
        r'^(?P<indent> *)```(?P<language>\w+)(?: title="(?P<title>[^"]+)")?\n(?P<text>.*?)^ *```',
        re.MULTILINE | re.DOTALL,
    )
    for match in fence.finditer(page):
        tab = re.findall(r'^=== "(\w+)', page[: match.start()], re.MULTILINE)
        if not match["indent"] or tab[-1] == SYSTEM:
            text = re.sub(rf"^{match['indent']}", "", match["text"], flags=re.MULTILINE)
            yield Block(match["title"] or "", match["language"], text)


def masked(text: str) -> list[list[str]]:
    """Return the words of each line, without those that differ from run to run."""
    return [["#" if re.search(r"\d", word) else word for word in line.split()] for line in text.splitlines()]


class Walk:
    """One way through the tutorial, in an empty folder."""

    def __init__(self, folder: Path, constraint: Path) -> None:
        self.folder = folder
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = str(probe.getsockname()[1])
        hidden = ("HATCH", "MXGATEWAY", "PIP", "PYTHON", "VIRTUAL_ENV")
        self.environment = {name: value for name, value in os.environ.items() if not name.startswith(hidden)}
        self.environment |= {"PIP_CONSTRAINT": str(constraint), "PYTHONUNBUFFERED": "1", "PYTHONIOENCODING": "utf-8"}
        self.environment |= {"MXGATEWAY_CONFIG_DIR": str(folder / "config"), "XDG_CACHE_HOME": str(folder / "cache")}
        self.gateway: subprocess.Popen[str] | None = None
        self.running: subprocess.Popen[str] | None = None
        self.output = ""
        self.status = 0

    def follow(self, page: str) -> None:
        """Do what each block says."""
        for block in blocks(page):
            if block.language == "text":
                assert masked(self.finish()) == masked(block.text)
            elif block.title.endswith(".py"):
                (self.folder / block.title).write_text(block.text, encoding="utf-8")
            elif block.gateway_lines:
                self.tell_gateway(block.gateway_lines)
            else:
                for command in block.commands:
                    self.type(command)
                    self.status = block.status
        self.finish()

    def type(self, command: str) -> None:
        """Type a command: in the second terminal after the end of the one before."""
        self.finish()
        if "activate" in command.lower():
            scripts = self.folder / "plant" / ("Scripts" if os.name == "nt" else "bin")
            self.environment["PATH"] = f"{scripts}{os.pathsep}{os.environ['PATH']}"
            return
        echo = re.fullmatch(r"echo (\S+) > (\S+)", command)
        if echo:
            (self.folder / echo[2]).write_text(f"{echo[1]}\n", encoding="utf-8")
            return
        words = shlex.split(command.replace(PORT, self.port))
        program = sys.executable if "venv" in words else shutil.which(words[0], path=self.environment["PATH"])
        assert program, command
        process = subprocess.Popen(
            [program, *words[1:]],
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
        )
        if "simulate" in words:
            self.gateway = process
            assert process.stdout is not None
            assert any("MXGATEWAY_PLAINTEXT" in line for line in process.stdout)
        else:
            self.running = process

    def tell_gateway(self, lines: list[str]) -> None:
        """Type lines at the prompt of the gateway, once the command in the other terminal has printed something."""
        first = ""
        if self.running is not None:
            assert self.running.stdout is not None
            first = self.running.stdout.readline()
        assert self.gateway is not None
        assert self.gateway.stdin is not None
        self.gateway.stdin.write("".join(f"{line}\n" for line in lines))
        self.gateway.stdin.flush()
        if first:
            shown = self.finish()
            assert " 7\n" in shown
            assert "lost" in shown
            assert "restored" in shown

    def finish(self) -> str:
        """Wait for the end of the last command, and return its output."""
        if self.running is not None:
            self.output, _ = self.running.communicate(timeout=120)
            assert self.running.returncode == self.status, self.output
            self.running = None
        return self.output

    def close(self) -> None:
        """End the processes that are left."""
        for process in (self.running, self.gateway):
            if process is not None:
                process.kill()
                process.communicate()


def test_tutorial_can_be_copied(these_wheels: Path, tmp_path: Path) -> None:
    walk = Walk(tmp_path, these_wheels)
    try:
        walk.follow(TUTORIAL.read_text(encoding="utf-8"))
        assert walk.gateway is not None
        assert walk.gateway.wait(timeout=30) == 0
        assert (tmp_path / "values.csv").read_text(encoding="utf-8").startswith("kind,tag,value,")
        assert (tmp_path / "counter.csv").read_text(encoding="utf-8").count("\nchange,") == 3
    finally:
        walk.close()
