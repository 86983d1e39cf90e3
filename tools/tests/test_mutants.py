"""The mutation tester picks a fair sample, leaves out what no test can notice, and fails below its minimum."""

from __future__ import annotations

import ast
from pathlib import Path

import mutants
import pytest
from mutant_tests import TESTS_OF
from mutants import Code, Mutant

ROOT = Path(__file__).resolve().parents[2]
MODULE = """
from typing import TYPE_CHECKING, Final, overload

if TYPE_CHECKING:
    from x import y

LIMIT: Final = 5 * 1024


@dataclass(frozen=True)
class Options: ...


@overload
def double(value: int | None, *, times: int = 2) -> int | str: ...


def double(value, *, times=2):
    _logger.debug("%d", value + 1)
    return value * times
"""


def at(code: str, part: str, operator: str = "core/NumberReplacer") -> Mutant:
    """Return a mutant of the first place where a part of the code occurs."""
    line, text = next((number, text) for number, text in enumerate(code.splitlines(), 1) if part in text)
    column = text.index(part)
    return Mutant(module="a.py", start=(line, column), end=(line, column + len(part)), operator=operator, occurrence=0)


def test_every_listed_test_exists() -> None:
    for tests in TESTS_OF.values():
        assert [test for test in tests if not (ROOT / mutants.TESTS / test).exists()] == []


def test_every_module_of_the_listed_parts_has_tests() -> None:
    source = ROOT / mutants.SOURCE
    for part in TESTS_OF:
        assert (source / part).exists()
        assert mutants.tests_of(f"{part}/module.py")
    assert mutants.tests_of("tags/options.py") == TESTS_OF["tags"]
    assert mutants.tests_of("_transport/tls/trust.py") == TESTS_OF["_transport/tls"]


@pytest.mark.parametrize(
    ("part", "operator", "worth"),
    [
        ("*", "core/ReplaceBinaryOperator_Mul_Add", False),  # in the constant
        ("1024", "core/NumberReplacer", False),
        ("TYPE_CHECKING:", "core/AddNot", False),
        ("@overload", "core/RemoveDecorator", False),
        ("True", "core/ReplaceTrueWithFalse", False),  # tested for all public dataclasses together
        ("|", "core/ReplaceBinaryOperator_BitOr_Add", False),
        ("+", "core/ReplaceBinaryOperator_Add_Sub", False),  # in the log call
        ("value * times", "core/ReplaceComparisonOperator_Is_Eq", False),
        ("value * times", "core/ReplaceComparisonOperator_Lt_LtE", True),
        ("=2", "core/NumberReplacer", True),
    ],
)
def test_only_code_that_a_test_can_notice_is_changed(part: str, operator: str, worth: bool) -> None:
    assert mutants.is_worth_trying(at(MODULE, part, operator), Code.of(MODULE)) is worth


def test_a_binary_operator_is_changed_and_the_star_of_a_signature_is_not() -> None:
    code = "def double(value, *, times=2):\n    return value * times\n"
    ast.parse(code)
    star, times = at(code, "*"), at(code.replace("*,", "  "), "*")

    for mutant, worth in ((star, False), (times, True)):
        changed = Mutant(
            module="a.py",
            start=mutant.start,
            end=mutant.end,
            operator="core/ReplaceBinaryOperator_Mul_Add",
            occurrence=0,
        )
        assert mutants.is_worth_trying(changed, Code.of(code)) is worth


def test_a_sample_has_one_mutant_per_place_and_repeats_with_its_seed() -> None:
    many = [
        Mutant(module="a.py", start=(line, 0), end=(line, 5), operator=f"core/{name}", occurrence=line)
        for line in range(20)
        for name in "ABC"
    ]

    first = mutants.sample(many, 7, 10)

    assert first == mutants.sample(list(reversed(many)), 7, 10)
    assert len({mutant.start for mutant in first}) == 10
    assert len(mutants.sample(many, 7, 100)) == 20


@pytest.mark.parametrize(("killed", "survivors", "status"), [(9, 1, 0), (8, 2, 1), (0, 0, 1)])
def test_the_share_of_killed_mutants_decides_the_status(
    capsys: pytest.CaptureFixture[str], killed: int, survivors: int, status: int
) -> None:
    texts = [f"tags/reads.py:{line}" for line in range(survivors)]

    assert mutants.report(killed, texts, 90) == status

    printed = capsys.readouterr().out
    assert all(text in printed for text in texts)
    assert f"{killed} of {killed + survivors} mutants killed" in printed


def test_the_copy_holds_the_repository(tmp_path: Path) -> None:
    if not (ROOT / ".git").exists():
        pytest.skip("needs a clone")
    mutants.copy_repository(tmp_path / "clone")

    for name in ("hatch.toml", "packages/pytest.ini", f"{mutants.SOURCE}/session.py"):
        assert (tmp_path / "clone" / name).read_bytes() == (ROOT / name).read_bytes()
    assert not (tmp_path / "clone" / ".hatch").exists()
