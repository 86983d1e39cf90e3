"""Runs pytest with uvloop as the event loop of every test: the arguments are pytest's, and so is the exit status."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Mapping

import pytest
import uvloop


class Uvloop:
    """The plugin that says which event loops there are."""

    @pytest.hookimpl
    def pytest_asyncio_loop_factories(self) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
        """Give the only one."""
        return {"uvloop": uvloop.new_event_loop}


if __name__ == "__main__":
    sys.exit(pytest.main(sys.argv[1:], plugins=[Uvloop()]))
