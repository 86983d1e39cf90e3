"""What `mxgateway.redaction.redact` removes from a text, and what it leaves unchanged."""

from __future__ import annotations

import gc
import json
import pickle
import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mxaccess_gateway.v1 import mxaccess_gateway_pb2 as pb

from mxgateway import ApiKey
from mxgateway.redaction import Secret, hide, redact, redact_message
from support.secret_search import SecretSearch
from support.secret_spellings import WRITTEN

SECRETS = st.text(string.ascii_letters + string.digits + "_-", min_size=16, max_size=48)
WORDS = st.text("éß xyz.,:%&\\\"'{}[]/\n", max_size=40)


@settings(max_examples=300, deadline=None)
@given(secret=SECRETS, written=st.sampled_from(sorted(WRITTEN)), before=WORDS, behind=WORDS)
def test_no_part_of_a_key_is_left_in_any_encoding(secret: str, written: str, before: str, behind: str) -> None:
    key = ApiKey(f"mxgw_0a1b2c3d_{secret}")

    redacted = redact(f"{before} {WRITTEN[written](key.reveal())} {behind}")

    assert not SecretSearch(secret).find([redacted])
    assert redact(redacted) == redacted


@settings(max_examples=200, deadline=None)
@given(text=st.text(st.characters(exclude_characters="_"), max_size=200))
def test_text_without_a_key_is_unchanged(text: str) -> None:
    key = ApiKey("mxgw_0a1b2c3d_________________")

    if "bearer" not in text.lower():
        assert redact(text) == text
    assert key.reveal()


def test_redacted_json_is_valid_json() -> None:
    key = ApiKey("mxgw_0a1b2c3d_Zq7-vX9_kW4")
    record = {"error": f'there is no "{key.reveal()}"', "key": key.reveal(), "count": 1}

    assert json.loads(redact(json.dumps(record))) == {"error": 'there is no "***"', "key": "***", "count": 1}


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("no key mxgw_99_somebody-elses!", "no key ***"),
        ("authorization: Bearer abc.def", "authorization: ***"),
        ("pin 12345 and 123456, '12345'", "pin *** and 123456, '***'"),
        ("the user or the password is wrong", "the user or the password is wrong"),
        ("not with wrong-password", "not with ***"),
        ("a correct horse battery staple", "a ***"),
        ("a correct horse", "a correct horse"),
    ],
)
def test_passwords_and_other_keys_are_redacted(text: str, left: str) -> None:
    held = [hide(Secret.password(each)) for each in ("12345", "wrong-password", "correct horse battery staple")]

    assert redact(text) == left
    assert held


def test_secret_is_forgotten_with_its_owner() -> None:
    key = ApiKey("mxgw_0a1b2c3d_Zq7-vX9_kW4")
    twin = ApiKey("mxgw_0a1b2c3d_Zq7-vX9_kW4")
    assert redact("Zq7-vX9_kW4") == "***"

    del key
    gc.collect()
    assert redact("Zq7-vX9_kW4") == "***"

    del twin
    gc.collect()
    assert redact("Zq7-vX9_kW4") == "Zq7-vX9_kW4"


def test_all_fields_of_a_message_are_redacted() -> None:
    key = ApiKey("mxgw_0a1b2c3d_Zq7-vX9_kW4-hJ2_")
    echo = key.reveal()
    message = pb.MxCommandReply(session_id=echo, hresult=-5, diagnostic_message="fine")
    message.statuses.add(diagnostic_text=echo)
    message.return_value.array_value.string_values.values.extend(["fine", echo])
    message.read_bulk.results.add(tag_address=echo).value.raw_value = echo.encode()

    redact_message(message)

    assert not SecretSearch("Zq7-vX9_kW4-hJ2_").find([str(message), repr(message.SerializeToString())])
    assert (message.hresult, message.diagnostic_message) == (-5, "fine")
    assert list(message.return_value.array_value.string_values.values) == ["fine", "***"]


def test_redacting_many_texts_takes_bounded_time() -> None:
    key = ApiKey("mxgw_0a1b2c3d_Zq7-vX9_kW4-hJ2_")
    message = pb.MxCommandReply()
    values = message.return_value.array_value.string_values.values
    values.extend(f"{number:06} is fine" * 10 for number in range(20_000))
    values.append(key.reveal())

    redact_message(message)

    assert values[0] == "000000 is fine" * 10
    assert values[-2:] == ["***", "***"]


def test_secret_does_not_show_itself() -> None:
    secret = Secret("Zq7-vX9_kW4")

    assert not SecretSearch("Zq7-vX9_kW4").find(
        [repr(secret), str(secret), f"{secret}", f"{secret:>30}", "%s %r" % (secret, secret), repr({"key": [secret]})]  # noqa: UP031
    )
    assert Secret(secret).reveal() == "Zq7-vX9_kW4"
    with pytest.raises(TypeError, match="cannot be pickled"):
        pickle.dumps(secret)
