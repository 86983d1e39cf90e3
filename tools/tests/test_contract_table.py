"""Every part of the contract has a public method, a simulated behaviour, a command and a test."""

from __future__ import annotations

from pathlib import Path
from unittest.mock import Mock

import contract_table
import pytest
from mxaccess_gateway.v1 import mxaccess_gateway_pb2 as pb


@pytest.fixture
def page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A page with a place for the table."""
    path = tmp_path / "contract.md"
    path.write_text(f"before\n{contract_table.BEGIN}old\n{contract_table.END}\nafter\n", encoding="utf-8")
    monkeypatch.setattr(contract_table, "PAGE", path)
    monkeypatch.setattr(contract_table, "ROOT", tmp_path)
    return path


def test_table_is_complete_and_up_to_date(capsys: pytest.CaptureFixture[str]) -> None:
    assert (contract_table.main(["--check"]), capsys.readouterr().err) == (0, "")


def test_every_rpc_command_and_event_has_a_row() -> None:
    found = {row.contract for _, rows in contract_table.rows() for row in rows}

    assert found >= {"OpenSession", "BrowseChildren", "ON_WRITE_COMPLETE", "WRITE_SECURED2_BULK", "SHUTDOWN_WORKER"}
    assert len(found) == 12 + (len(pb.MxCommandKind.keys()) - 1) + (len(pb.MxEventFamily.keys()) - 1)


def test_table_is_written_between_its_marks(page: Path) -> None:
    assert contract_table.main([]) == 0

    text = page.read_text(encoding="utf-8")
    assert text.startswith(f"before\n{contract_table.BEGIN}")
    assert text.endswith(f"{contract_table.END}\nafter\n")
    assert "| `ADD_ITEM_BULK` | `Session.add_item_bulk` |" in text
    assert "old" not in text.partition(contract_table.BEGIN)[2].splitlines()
    assert contract_table.main(["--check"]) == 0


def test_outdated_table_is_reported_and_not_changed(page: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = page.read_text(encoding="utf-8")

    assert contract_table.main(["--check"]) == 1
    assert "contract.md is out of date: run hatch run contract-table" in capsys.readouterr().err
    assert page.read_text(encoding="utf-8") == before


def test_page_without_marks_is_an_error(page: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page.write_text("nothing", encoding="utf-8")

    assert contract_table.main([]) == 1
    assert "has no place for the table" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("finder", "missing"),
    [
        ("public_methods", "commands, REGISTER: column in Python is missing"),
        ("rpc_handlers", "rpcs of GalaxyRepository, BrowseChildren: column simulated by is missing"),
        ("families_raised", "events, ON_DATA_CHANGE: column simulated by is missing"),
        ("command_line", "commands, WRITE2: column `mxgw-py` is missing"),
        ("tests_of", "rpcs of MxAccessGateway, StreamAlarms: column tested in is missing"),
    ],
)
def test_missing_cell_is_reported(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], finder: str, missing: str
) -> None:
    monkeypatch.setattr(contract_table, finder, Mock(return_value={}))

    assert contract_table.main(["--check"]) == 1
    assert missing in capsys.readouterr().err.splitlines()
