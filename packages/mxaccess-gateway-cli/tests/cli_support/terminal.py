"""Terminals for tests: a stand-in, and a pseudo-terminal of a given size with a keyboard."""

from __future__ import annotations

import asyncio
import contextlib
import io
import os
import re
import struct
import sys
import threading
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import IO, Self

from mxgateway_cli.app import run

ESCAPE_SEQUENCE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
HOME = "\x1b[H"
LEAVE_SCREEN = "\x1b[?1049l"
TIMEOUT_SECONDS = 15.0


class Terminal(io.StringIO):
    """A text stream that claims to be a terminal."""

    def isatty(self) -> bool:
        """Return True."""
        return True


def without_escape_sequences(terminal: Terminal) -> str:
    """Return the text that was written to a terminal, without colours and cursor movements."""
    return ESCAPE_SEQUENCE.sub("", terminal.getvalue())


class PseudoTerminal:
    """A pseudo-terminal of the operating system. What is written to it is collected."""

    def __init__(self, columns: int, lines: int) -> None:
        # Windows has none of them.
        import fcntl  # noqa: PLC0415
        import termios  # noqa: PLC0415

        self.columns, self.lines = columns, lines
        self._master, slave = os.openpty()
        attributes = termios.tcgetattr(slave)
        attributes[1] &= ~termios.OPOST
        attributes[3] &= ~termios.ECHO
        termios.tcsetattr(slave, termios.TCSANOW, attributes)
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
        self.stream: IO[str] = os.fdopen(slave, "w", encoding="utf-8", buffering=1, newline="\n")
        self.keyboard: IO[str] = os.fdopen(os.dup(slave), encoding="utf-8")
        self._received = bytearray()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *failure: object) -> None:
        self.stream.close()
        self.keyboard.close()
        self._reader.join()
        os.close(self._master)

    def press(self, keys: str) -> None:
        """Type keys."""
        os.write(self._master, keys.encode())

    def turn_on_echo(self) -> None:
        """Show what is typed, as a terminal does for a person."""
        import termios  # noqa: PLC0415

        attributes = termios.tcgetattr(self._master)
        attributes[3] |= termios.ECHO
        termios.tcsetattr(self._master, termios.TCSANOW, attributes)

    @property
    def written(self) -> str:
        """All that was written, with escape sequences."""
        return self._received.decode("utf-8", errors="ignore")

    @property
    def text(self) -> str:
        """All that was written, without escape sequences."""
        return ESCAPE_SEQUENCE.sub("", self.written)

    @property
    def frames(self) -> list[list[str]]:
        """The lines of each complete frame of the live display, without the spaces at their ends."""
        parts = self.written.partition(LEAVE_SCREEN)[0].split(HOME)[1:-1]
        texts = [ESCAPE_SEQUENCE.sub("", part) for part in parts]
        # The first part is empty: the cursor goes home when the display is entered, too.
        return [[line.rstrip() for line in text.split("\n")] for text in texts if text]

    @property
    def remaining(self) -> str:
        """What was written after the live display had left the screen."""
        return ESCAPE_SEQUENCE.sub("", self.written.partition(LEAVE_SCREEN)[2])

    @property
    def waits_for_lines(self) -> bool:
        """Whether keys reach the program only at the end of a line, as they do outside a live display."""
        import termios  # noqa: PLC0415

        return bool(termios.tcgetattr(self._master)[3] & termios.ICANON)

    async def wait_for_frame(self, condition: Callable[[list[str]], object]) -> list[str]:
        """Wait until the last frame fulfils a condition, and return it."""
        found: list[list[str]] = []

        def is_found(_: str) -> bool:
            found.extend(frame for frame in self.frames[-1:] if condition(frame))
            return bool(found)

        await self.wait_for_text(is_found)
        return found[0]

    async def wait_for_text(self, condition: Callable[[str], object]) -> None:
        """Wait until what was written fulfils a condition."""
        end = time.monotonic() + TIMEOUT_SECONDS
        while not condition(self.written):
            if time.monotonic() > end:
                raise TimeoutError(self.text[-4000:])
            await asyncio.sleep(0.02)

    def _read(self) -> None:
        with contextlib.suppress(OSError):
            while chunk := os.read(self._master, 65536):
                self._received += chunk


@dataclass(frozen=True, slots=True, kw_only=True)
class Streams:
    """The standard streams of a command that runs in this process."""

    stdout: IO[str]
    stderr: IO[str]
    stdin: IO[str] | None = None


def run_with_streams(arguments: tuple[str, ...], streams: Streams) -> int:
    """Run a command line with these standard streams and return its status."""
    with contextlib.redirect_stdout(streams.stdout), contextlib.redirect_stderr(streams.stderr), _stdin(streams.stdin):
        status = run(arguments)
        sys.stdout.flush()
        sys.stderr.flush()
    return int(status)


@contextlib.contextmanager
def _stdin(stream: IO[str] | None) -> Generator[None]:
    before, sys.stdin = sys.stdin, stream or io.StringIO()
    try:
        yield
    finally:
        sys.stdin = before
