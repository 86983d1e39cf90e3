"""On a machine without nginx, skip all tests in this folder for one reason, which pytest then reports in one line."""

from __future__ import annotations

from support.nginx import find_nginx


def pytest_runtest_setup() -> None:
    """Look for nginx before each test."""
    find_nginx()
