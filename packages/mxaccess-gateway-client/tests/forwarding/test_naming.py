"""Names of tags as subjects and topics: one level each, reversible, for every character there is."""

from __future__ import annotations

import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mxgateway.forwarding import decode_name, encode_name, mqtt_topic, nats_subject

FORBIDDEN = set(" .*>#+/$\t\r\n\0")


@pytest.mark.parametrize(
    ("tag", "subject", "topic"),
    [
        ("TestChildObject.TestInt", "p.TestChildObject.TestInt", "p/TestChildObject/TestInt"),
        ("Tank.Level.Hi", "p.Tank.Level%2EHi", "p/Tank/Level%2EHi"),
        ("Tank.Levels[]", "p.Tank.Levels[]", "p/Tank/Levels[]"),
        ("$Tank 1.50%", "p.%24Tank%201.50%25", "p/%24Tank%201/50%25"),
        ("Öl.Stand", "p.Öl.Stand", "p/Öl/Stand"),
        ("Alone", "p.Alone", "p/Alone"),
        (".x", "p.%.x", "p/%/x"),
    ],
)
def test_a_tag_is_an_object_and_an_attribute(tag: str, subject: str, topic: str) -> None:
    assert (nats_subject("p", tag), mqtt_topic("p", tag)) == (subject, topic)


def test_every_character_of_unicode_survives_and_stays_one_level() -> None:
    for begin in range(0, sys.maxunicode + 1, 4096):
        name = "".join(map(chr, range(begin, begin + 4096)))
        encoded = encode_name(name)
        assert decode_name(encoded) == name
        assert not FORBIDDEN & set(encoded)
        assert encoded.isprintable()


@given(st.text())
def test_every_name_is_reversible(name: str) -> None:
    assert decode_name(encode_name(name)) == name


@given(st.text(), st.text())
def test_different_names_stay_different(one: str, other: str) -> None:
    assert (encode_name(one) == encode_name(other)) == (one == other)
