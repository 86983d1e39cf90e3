"""check_english reports words that make English hard to read."""

from __future__ import annotations

from pathlib import Path

import check_english
import pytest


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A tree with a package, a generated file and a README, without findings."""
    source = tmp_path / "packages" / "mxaccess-gateway-client" / "src" / "mxgateway"
    source.mkdir(parents=True)
    (source / "client.py").write_text('"""Connect to a gateway."""\n\nnobody_else = None\n', encoding="utf-8")
    (source / "gateway_pb2.py").write_text("# Whoever\n", encoding="utf-8")
    (tmp_path / "README.md").write_text("# A README\n\nThe client never waits forever.\n", encoding="utf-8")
    return tmp_path


def test_plain_english_and_generated_code_pass(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert check_english.main(root) == 0
    assert capsys.readouterr().err == ""


def test_each_word_is_reported_with_file_and_line(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = root / "packages" / "mxaccess-gateway-client" / "src" / "mxgateway" / "session.py"
    source.write_text('"""A session.\n\nWhoever has it, nobody closes it.\n"""\n', encoding="utf-8")
    (root / "README.md").write_text("It waits for ever.\n", encoding="utf-8")

    assert check_english.main(root) == 1

    assert capsys.readouterr().err.splitlines()[:-1] == [
        "README.md:1: for ever",
        "packages/mxaccess-gateway-client/src/mxgateway/session.py:3: Whoever",
        "packages/mxaccess-gateway-client/src/mxgateway/session.py:3: nobody",
    ]
