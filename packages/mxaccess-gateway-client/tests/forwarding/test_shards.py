"""Shards: each tag is in exactly one part, the same in every process."""

from __future__ import annotations

import pytest

from mxgateway import MxGatewayConfigurationError
from mxgateway.forwarding import Shard

TAGS = [f"Machine_{number:04}.Speed" for number in range(10_000)]


def test_each_tag_is_in_one_part_and_the_parts_are_about_equal() -> None:
    parts = [[tag for tag in TAGS if Shard(index=index, count=4).takes(tag)] for index in range(1, 5)]
    assert sorted(tag for part in parts for tag in part) == TAGS
    assert all(2_300 < len(part) < 2_700 for part in parts)


def test_a_tag_never_changes_its_part() -> None:
    # As every version before has it: a tag that changes its part would be forwarded twice during an update.
    parts = [next(index for index in range(1, 5) if Shard(index=index, count=4).takes(tag)) for tag in TAGS[:6]]
    assert parts == [3, 3, 4, 1, 1, 4]
    assert Shard(index=parts[0], count=4).takes(TAGS[0].upper())


@pytest.mark.parametrize("text", ["", "2", "0/4", "5/4", "a/b", "1/0", "2/4/6", "-1/4"])
def test_what_is_no_shard_is_refused(text: str) -> None:
    with pytest.raises(MxGatewayConfigurationError):
        Shard.parse(text)


def test_a_text_is_a_shard() -> None:
    shard = Shard.parse("2/4")
    assert shard == Shard(index=2, count=4)
    assert shard.label == "2-of-4"
