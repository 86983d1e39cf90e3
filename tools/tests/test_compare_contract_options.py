"""The command line of compare_contract, and the command lines in the README."""

from collections.abc import Sequence
from pathlib import Path

import compare_contract
import pytest


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--descriptor-set", "a.binpb", "--endpoint", "localhost:5000"],
        ["--endpoint", "localhost:5000", "--plaintext", "--ca-file", "ca.crt"],
        ["--endpoint", "localhost:5000", "--plaintext", "--server-name-override", "gateway"],
    ],
    ids=" ".join,
)
def test_invalid_command_line_is_status_2(arguments: Sequence[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        compare_contract.main(arguments)

    assert ended.value.code == 2
    assert "error: " in capsys.readouterr().err


def test_command_lines_of_the_readme_are_valid() -> None:
    readme = Path(__file__).resolve().parents[2] / "packages" / "mxaccess-gateway-proto" / "README.md"
    lines = [line for line in readme.read_text(encoding="utf-8").splitlines() if "compare_contract.py --" in line]

    parsed = [compare_contract.parse(line.split()[2:]) for line in lines]

    assert [(options.endpoint, options.plaintext, options.descriptor_set) for options in parsed] == [
        ("gateway:5001", False, None),
        ("localhost:5000", True, None),
        (None, False, Path("gateway.binpb")),
    ]
