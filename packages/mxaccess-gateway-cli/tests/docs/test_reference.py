"""The reference pages of the command line are complete."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from mxgateway_cli.app import COMMANDS
from mxgateway_cli.exit_status import ExitStatus
from mxgateway_cli.jobs.metrics.forwarding import ForwardMetrics
from mxgateway_cli.jobs.metrics.recording import RecordMetrics
from mxgateway_cli.reference import reference

PACKAGE = Path(__file__).resolve().parents[2]
DOCS = PACKAGE.parent / "mxaccess-gateway-client" / "docs"
METRICS = [*ForwardMetrics.descriptions, *RecordMetrics.descriptions]
NAMES = [name for names in COMMANDS.values() for name in names]


def test_reference_is_up_to_date() -> None:
    """Update it with `python -m mxgateway_cli.reference > REFERENCE.md`."""
    assert (PACKAGE / "REFERENCE.md").read_text(encoding="utf-8") == reference()


@pytest.mark.parametrize("name", NAMES)
def test_every_command_is_in_table(name: str) -> None:
    page = (DOCS / "reference" / "commands.md").read_text(encoding="utf-8")

    assert re.search(rf"^\|.*`{re.escape(name)}`.*\|", page, re.MULTILINE)


def test_every_exit_status_is_in_table() -> None:
    page = (DOCS / "reference" / "output.md").read_text(encoding="utf-8")

    assert [status for status in ExitStatus if f"\n| {int(status)} |" not in page] == []


def test_every_metric_is_in_table() -> None:
    page = (DOCS / "how-to" / "run-as-service.md").read_text(encoding="utf-8")

    assert [name for name in METRICS if f"`{name}`" not in page] == []
