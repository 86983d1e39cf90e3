"""Run pytest with uvloop as the event loop of every test. Arguments and exit status are pytest's."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Mapping

import pytest
import uvloop


def pytest_asyncio_loop_factories() -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Return the factory of the only event loop."""
    return {"uvloop": uvloop.new_event_loop}


if __name__ == "__main__":
    # Named as a module, the plugin is loaded by every process of pytest-xdist.
    sys.exit(pytest.main(["-p", "uvloop_tests", *sys.argv[1:]]))
