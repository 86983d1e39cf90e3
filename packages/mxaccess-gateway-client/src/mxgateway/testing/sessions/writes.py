"""The outcome of an accepted write: checks of the user and of the value."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from mxgateway.testing.plant.statuses import not_writable, operational_error, security_error
from mxgateway.testing.plant.tags import GOOD, Written
from mxgateway.testing.plant.users import SecurityClassification
from mxgateway.testing.plant.values import WrongType, count_elements, decode_array, decode_scalar, decode_timestamp

if TYPE_CHECKING:
    from collections.abc import Callable

    from mxaccess_gateway.v1 import mxaccess_gateway_pb2 as pb

    from mxgateway.testing.plant.plant import Target
    from mxgateway.testing.plant.tags import Tag
    from mxgateway.testing.plant.users import Identities, User
    from mxgateway.testing.plant.values import Value

__all__ = ["Signature", "Write", "WriteDenied"]


class WriteDenied(Exception):
    """The plant refuses a write. ON_WRITE_COMPLETE reports the statuses in `reasons`."""

    def __init__(self, *reasons: pb.MxStatusProxy) -> None:
        super().__init__(reasons[0].diagnostic_text)
        self.reasons = reasons


class Signature(NamedTuple):
    """The users of a write.

    Attributes:
        user_id: the user who writes; 0 for none.
        verifier_id: the user who verifies; 0 for none.
        secured: whether the command is WriteSecured or WriteSecured2.
        supervisory: whether the item has a supervisory advise. Without one the user of a plain write is ignored.
    """

    user_id: int = 0
    verifier_id: int = 0
    secured: bool = False
    supervisory: bool = False


class Write(NamedTuple):
    """One write by Write, Write2, WriteSecured or WriteSecured2."""

    target: Target
    value: pb.MxValue
    timestamp: pb.MxValue | None
    signature: Signature

    @property
    def blocks(self) -> bool:
        """Whether MXAccess never returns from the call: the value has fewer elements than a fixed-size array."""
        tag = self.target.tag
        if tag is None or not tag.is_array or tag.resizable or self.target.bare or self.target.index is not None:
            return False
        count = count_elements(self.value)
        return count is not None and count < math.prod(tag.dimensions)

    def prepare(self, identities: Identities) -> Callable[[], None]:
        """Check the write and return a function that executes it, which does nothing for an array named without `[]`.

        Raises:
            WriteDenied: the target cannot take the value, or the user is not allowed to write it.
        """
        tag = self.target.tag
        if tag is None:
            raise WriteDenied(self.target.problem)
        if tag.write_refusal:
            raise WriteDenied(*tag.write_refusal)
        user, verifier = _check_users(tag, self.signature, identities)
        try:
            value = self._decode(tag, self.target.index)
            moment = None if self.timestamp is None else decode_timestamp(self.timestamp)
        except WrongType as error:
            raise WriteDenied(operational_error(f"{tag.name}: {error}")) from error

        def execute() -> None:
            if self.target.bare:
                return
            tag.last_write = Written(value=value, user=user, verifier=verifier)
            tag.store(value, GOOD, moment)

        return execute

    def _decode(self, tag: Tag, index: int | None) -> Value:
        if not tag.is_array:
            return decode_scalar(self.value, tag.type)
        if index is None:
            any_length = tag.resizable or self.target.bare
            return decode_array(self.value, tag.type, None if any_length else tag.dimensions)
        values = list(tag.value) if isinstance(tag.value, tuple) else []
        if not 1 <= index <= len(values):
            raise WrongType(f"the array no longer has an element {index}")
        values[index - 1] = decode_scalar(self.value, tag.type)
        return tuple(values)


def _check_users(tag: Tag, signature: Signature, identities: Identities) -> tuple[User | None, User | None]:
    """Return the user and the verifier of a write, each None if the plant does not check it."""
    if tag.security is SecurityClassification.VIEW_ONLY:
        raise WriteDenied(not_writable(tag.name))
    if signature.secured:
        user = identities.authenticated(signature.user_id)
        if user is None:
            raise _denied(f"user {signature.user_id} is not authenticated in this session")
        _check_allowed(user, tag)
        if tag.security is not SecurityClassification.VERIFIED_WRITE:
            return user, identities.authenticated(signature.verifier_id)
        return user, _check_verifier(user, signature, identities)
    if tag.security in {SecurityClassification.SECURED_WRITE, SecurityClassification.VERIFIED_WRITE}:
        raise _denied(f"{tag.name} accepts only secured writes")
    if tag.supervisory and not signature.supervisory:
        raise _denied(f"{tag.name} accepts writes only under a supervisory advise")
    if not (signature.supervisory and signature.user_id):
        return None, None
    user = identities.known(signature.user_id)
    if user is None:
        raise _denied(f"user {signature.user_id} is unknown in this session")
    _check_allowed(user, tag)
    return user, None


def _check_verifier(user: User, signature: Signature, identities: Identities) -> User:
    verifier = identities.authenticated(signature.verifier_id)
    if verifier is None:
        raise _denied(f"verifier {signature.verifier_id} is not authenticated in this session")
    if verifier is user or not verifier.may_verify:
        raise _denied(f"{verifier.name} is not allowed to verify this write by {user.name}")
    return verifier


def _check_allowed(user: User, tag: Tag) -> None:
    if tag.security is not SecurityClassification.FREE_ACCESS and tag.security not in user.may:
        raise _denied(f"{user.name} is not allowed to write {tag.name}, which requires {tag.security.name.lower()}")


def _denied(text: str) -> WriteDenied:
    return WriteDenied(security_error(text))
