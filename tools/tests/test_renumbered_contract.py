"""The contract with other numbers, on which the tests of the client and the command line run."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import renumbered_contract
from adopt_contract import PATHS
from google.protobuf import descriptor_pb2

from mxgateway.contract import compare, contract_of, our_contract, our_descriptors


def numbers(files: descriptor_pb2.FileDescriptorSet) -> Iterator[tuple[str, int]]:
    """Yield the name and the number of every field and enum value of our files."""
    for file in files.file:
        if file.package in PATHS:
            for message in file.message_type:
                yield from ((f"{message.name}.{field.name}", field.number) for field in message.field)
            for enum in file.enum_type:
                yield from ((value.name, value.number) for value in enum.value)


@pytest.mark.parametrize("seed", range(20))
def test_every_number_but_0_changes_and_nothing_else(seed: int) -> None:
    before = dict(numbers(our_descriptors()))
    renumbered = renumbered_contract.renumbered(seed)
    after = dict(numbers(renumbered))

    assert before.keys() == after.keys()
    assert {name for name, number in after.items() if number == before[name]} == {
        name for name, number in before.items() if number == 0
    }
    assert {difference.fact for difference in compare(our_contract(), contract_of(renumbered, "test"))} == {"number"}


def test_seed_repeats_the_numbers() -> None:
    assert renumbered_contract.renumbered(7) == renumbered_contract.renumbered(7)
    assert renumbered_contract.renumbered(7) != renumbered_contract.renumbered(8)


def test_selected_tests_exist() -> None:
    assert [path for path in (*renumbered_contract.SHORT, *renumbered_contract.ALL) if not path.exists()] == []


def test_options_of_pytest_are_handed_on() -> None:
    options, rest = renumbered_contract.parse(["--short", "--seed", "7", "--", "-k", "write"])

    assert (options.short, options.seed, rest) == (True, 7, ["-k", "write"])


def test_protos_have_the_numbers(tmp_path: Path) -> None:
    renumbered_contract.write_protos(7, tmp_path)

    number = dict(numbers(renumbered_contract.renumbered(7)))["MxEvent.quality"]
    assert f"int32 quality = {number};" in next(tmp_path.rglob("mxaccess_gateway.proto")).read_text(encoding="utf-8")
