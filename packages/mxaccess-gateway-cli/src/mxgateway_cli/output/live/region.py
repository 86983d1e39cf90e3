"""LiveRegion: the whole terminal, redrawn at regular intervals, with nothing else writing into it."""

from __future__ import annotations

import asyncio
import contextlib
import io
import signal
import sys
import threading
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol

from rich.console import Group
from rich.live import Live

from mxgateway_cli.output.live.keyboard import Keyboard

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Sequence
    from types import TracebackType
    from typing import Self

    from rich.text import Text

    from mxgateway_cli.output.console import Output

__all__ = ["Frame", "LiveRegion", "LiveView"]

_QUIT_KEY: Final = "q"
_TICK_SECONDS: Final = 0.1
_TICKS_PER_REDRAW: Final = 2
_MAX_MESSAGES: Final = 1000
_MAX_PRINTED_MESSAGES: Final = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """The terminal at the moment of drawing.

    Attributes:
        width: The width in cells.
        height: The height in lines.
        has_keyboard: Whether keys can be pressed.
        messages: The last warnings and log records, oldest first. The region prints them in full at the end.
    """

    width: int
    height: int
    has_keyboard: bool
    messages: Sequence[str]


class LiveView(Protocol):
    """The content of a live region."""

    @property
    def is_typing(self) -> bool:
        """Whether the user is typing a text, which may contain the key that ends the display."""
        ...

    def lines(self, frame: Frame) -> Sequence[Text]:
        """Return what the terminal shows now: at most `frame.height` lines of at most `frame.width` cells."""
        ...

    def final_lines(self, width: int) -> Sequence[Text]:
        """Return what remains on the terminal after the end, with any number of lines."""
        ...

    def press(self, key: str) -> None:
        """Handle a key: a character, or the name of a special key such as "up" and "page down"."""
        ...


class LiveRegion:
    """Shows a view on the whole terminal while its block runs.

    The view is drawn on the terminal's alternate screen, so that no copy of it remains and a resized terminal is drawn
    afresh. Messages for stderr, the log records of libraries included, are collected meanwhile if stderr is a terminal:
    the view shows them, and they are printed after the end. If stderr is a file or a pipe, they go there at once.
    """

    def __init__(self, output: Output, view: LiveView) -> None:
        self._output = output
        self._view = view
        self._messages: deque[str] = deque(maxlen=_MAX_MESSAGES)
        self._keyboard = Keyboard()
        self._live = Live(
            console=output.console,
            screen=True,
            auto_refresh=False,
            redirect_stdout=False,
            redirect_stderr=False,
            vertical_overflow="crop",
            get_renderable=self._render,
        )
        self._stack = contextlib.ExitStack()
        self._screen = contextlib.ExitStack()
        self._quit = asyncio.Event()
        self._drawing: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        try:
            if sys.stderr.isatty():
                self._stack.enter_context(self._output.diagnostics.shown_by(self._messages.append))
                collector = self._stack.enter_context(_LineCollector(self._output.diagnostics.detail))
                self._stack.enter_context(contextlib.redirect_stderr(collector))
            self._stack.callback(self._screen.close)
            self._enter_screen()
            self._handle_suspension()
        except BaseException:
            self._stack.close()
            raise
        self._drawing = asyncio.create_task(self._draw(), name="mxgw-py live region")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        drawing = self._drawing
        if drawing is not None:
            drawing.cancel()
            await asyncio.wait([drawing])
        self._stack.close()
        console = self._output.console
        for line in self._view.final_lines(console.width):
            console.print(line, soft_wrap=True)
        self._print_messages()
        if drawing is not None and not drawing.cancelled():
            drawing.result()

    async def run(self, work: Coroutine[Any, Any, None]) -> None:
        """Run a coroutine until it ends or the user presses q, which cancels it."""
        working = asyncio.create_task(work, name="mxgw-py live work")
        leaving = asyncio.create_task(self._quit.wait(), name="mxgw-py live quit")
        try:
            await asyncio.wait([working, leaving], return_when=asyncio.FIRST_COMPLETED)
            ended = working.done()
        finally:
            leaving.cancel()
            working.cancel()
            await asyncio.wait([working, leaving])
        if ended:
            working.result()

    def _print_messages(self) -> None:
        """Print the collected messages; without `--debug` only the last ones, because a long outage has thousands."""
        diagnostics = self._output.diagnostics
        messages = list(self._messages)
        if not diagnostics.debug and len(messages) > _MAX_PRINTED_MESSAGES:
            left_out = len(messages) - _MAX_PRINTED_MESSAGES
            diagnostics.note(f"{left_out} earlier messages are left out; with --debug or 2>FILE they are kept")
            del messages[:left_out]
        for message in messages:
            diagnostics.detail(message)

    def _enter_screen(self) -> None:
        self._screen.enter_context(self._keyboard)
        self._screen.enter_context(self._live)
        self._live.refresh()

    def _handle_suspension(self) -> None:
        """Leave the screen while Ctrl-Z stops the process. Windows has no Ctrl-Z, and only the main thread signals."""
        if sys.platform == "win32" or threading.current_thread() is not threading.main_thread():
            return
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTSTP, self._suspend)
        self._stack.callback(loop.remove_signal_handler, signal.SIGTSTP)

    def _suspend(self) -> None:
        self._screen.close()
        if sys.platform != "win32":
            # The process stops here, until the shell continues it.
            signal.raise_signal(signal.SIGSTOP)
        self._enter_screen()

    async def _draw(self) -> None:
        ticks = 0
        while True:
            await asyncio.sleep(_TICK_SECONDS)
            ticks += 1
            keys = self._keyboard.read()
            for key in keys:
                if key == _QUIT_KEY and not self._view.is_typing:
                    self._quit.set()
                else:
                    self._view.press(key)
            if keys or ticks % _TICKS_PER_REDRAW == 0:
                self._live.refresh()

    def _render(self) -> Group:
        width, height = self._output.console.size
        frame = Frame(
            width=width,
            height=height,
            has_keyboard=self._keyboard.is_available,
            messages=tuple(self._messages),
        )
        lines = self._view.lines(frame)
        for line in lines:
            line.truncate(width, overflow="ellipsis")
        return Group(*lines[:height])


class _LineCollector(io.TextIOBase):
    """A text stream that hands each complete line to a function."""

    def __init__(self, show: Callable[[str], None]) -> None:
        super().__init__()
        self._show = show
        self._rest = ""

    def writable(self) -> bool:
        """Return True."""
        return True

    def isatty(self) -> bool:
        """Return True: the lines end up on a terminal."""
        return True

    def write(self, text: str) -> int:
        """Hand on the lines that this text completes."""
        *lines, self._rest = (self._rest + text).split("\n")
        for line in lines:
            self._show(line)
        return len(text)

    def close(self) -> None:
        """Hand on the last line if it is incomplete."""
        rest, self._rest = self._rest, ""
        if rest:
            self._show(rest)
        super().close()
