"""Log records of the client, asyncio and gRPC, printed as messages on stderr."""

from __future__ import annotations

import logging
import traceback
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Generator

    from mxgateway_cli.output.console import Diagnostics

__all__ = ["show_log_records"]


@contextmanager
def show_log_records(diagnostics: Diagnostics) -> Generator[None]:
    """Print log records while the block runs, one line each: warnings, and with `--debug` all records of the client.

    The records of asyncio and of other libraries are included, an exception that was never retrieved for example;
    without a handler Python would print them in its own format. Records of gRPC are printed only with `--debug`.
    """
    handler = _DiagnosticsHandler(diagnostics)
    root, client = logging.getLogger(), logging.getLogger("mxgateway")
    level = client.level
    root.addHandler(handler)
    client.setLevel(logging.DEBUG if diagnostics.debug else logging.WARNING)
    try:
        yield
    finally:
        root.removeHandler(handler)
        client.setLevel(level)


class _DiagnosticsHandler(logging.Handler):
    def __init__(self, diagnostics: Diagnostics) -> None:
        super().__init__()
        self._diagnostics = diagnostics

    def emit(self, record: logging.LogRecord) -> None:
        message = " ".join(record.getMessage().split())
        # The error line already says what failed in gRPC; gRPC's own records only help with debugging.
        is_from_grpc = record.name.partition(".")[0] == "grpc"
        if is_from_grpc and not self._diagnostics.debug:
            return
        if record.levelno >= logging.WARNING and not is_from_grpc:
            self._diagnostics.warning(message)
        else:
            self._diagnostics.detail(f"{record.levelname.lower()}: {record.name}: {message}")
        if record.exc_info and self._diagnostics.debug:
            self._diagnostics.detail("".join(traceback.format_exception(*record.exc_info)))
