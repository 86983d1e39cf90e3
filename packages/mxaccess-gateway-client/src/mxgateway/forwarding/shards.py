"""Shard: the part of the tags that one of several processes takes."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import Final

from mxgateway.errors import MxGatewayConfigurationError

__all__ = ["Shard"]

_TEXT: Final = re.compile(r"([0-9]{1,6})/([0-9]{1,6})")


@dataclass(frozen=True, slots=True, kw_only=True)
class Shard:
    """One of several parts of the tags. Each tag is in exactly one part, the same in every process and version.

    Attributes:
        index: The number of the part, from 1 to `count`.
        count: The number of parts.

    Raises:
        MxGatewayConfigurationError: `index` is not between 1 and `count`.
    """

    index: int
    count: int

    def __post_init__(self) -> None:
        if not 1 <= self.index <= self.count:
            raise MxGatewayConfigurationError(f"shard {self.index}/{self.count}: the first number is 1 to the second")

    @classmethod
    def parse(cls, text: str) -> Shard:
        """Return the shard of a text such as `2/4`, the second of four.

        Raises:
            MxGatewayConfigurationError: The text is not of this form.
        """
        match = _TEXT.fullmatch(text)
        if match is None:
            raise MxGatewayConfigurationError(f"{text!r} is not a shard: write 2/4 for the second of four")
        return cls(index=int(match[1]), count=int(match[2]))

    @property
    def label(self) -> str:
        """The part as text for names of streams, subjects and files: `2-of-4`."""
        return f"{self.index}-of-{self.count}"

    def takes(self, tag: str) -> bool:
        """Whether a tag is in this part. Upper and lower case make no difference."""
        digest = hashlib.blake2b(tag.casefold().encode(), digest_size=8).digest()
        return int.from_bytes(digest, "big") % self.count == self.index - 1
