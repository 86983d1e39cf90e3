"""Run pytest with uvloop as the event loop of every test. Arguments and exit status are pytest's."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Mapping

import pytest
import uvloop


class Uvloop:
    """A plugin that provides the event loop of the tests."""

    @pytest.hookimpl
    def pytest_asyncio_loop_factories(self) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
        """Return the factory of the only event loop."""
        return {"uvloop": uvloop.new_event_loop}


if __name__ == "__main__":
    sys.exit(pytest.main(sys.argv[1:], plugins=[Uvloop()]))
